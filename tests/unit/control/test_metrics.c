/*
 * test_metrics.c - boards in the text form of Prometheus: names, units, labels, buckets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/metrics.h"

static char *page;
static size_t page_n;

static void
name_becomes(const char *name, const char *unit, enum board_kind kind, const char *want)
{
	struct board_entry entry = { .kind = kind };
	char got[METRICS_NAME];
	bool is_ns;

	strcpy(entry.name, name);
	strcpy(entry.unit, unit);
	metrics_name(&entry, got, &is_ns);
	assert_string_equal(got, want);
	assert_int_equal(is_ns, strcmp(unit, "ns") == 0);
}

static void
names_have_base_units_and_counters_end_in_total(void **state)
{
	(void)state;
	name_becomes("tcp_dials", "connections", BOARD_KIND_COUNTER, "penstock_tcp_dials_total");
	name_becomes("lane_busy_ns", "ns", BOARD_KIND_COUNTER, "penstock_lane_busy_seconds_total");
	name_becomes("turn_time", "ns", BOARD_KIND_HISTOGRAM, "penstock_turn_time_seconds");
	name_becomes("tcp_copied_bytes", "bytes", BOARD_KIND_COUNTER,
		     "penstock_tcp_copied_bytes_total");
	name_becomes("journal_used", "bytes", BOARD_KIND_GAUGE, "penstock_journal_used_bytes");
}

static void
a_label_cannot_leave_its_quotes(void **state)
{
	FILE *out = open_memstream(&page, &page_n);

	(void)state;
	metrics_label(out, "a\"} 1\nb\\");
	fclose(out);
	assert_string_equal(page, "a\\\"} 1\\nb\\\\");
	free(page);
}

/* The number behind a line's beginning. */
static unsigned long long
at(const char *begin)
{
	const char *line = strstr(page, begin);

	if (line == NULL)
		fail_msg("no line begins with %s in\n%s", begin, page);
	return strtoull(line + strlen(begin), NULL, 10);
}

static void
buckets_are_cumulative_and_their_edges_inclusive(void **state)
{
	FILE *out = open_memstream(&page, &page_n);
	struct board_hist hist = { 0 };

	(void)state;
	board_hist_add(&hist, 7);
	board_hist_add(&hist, 8);
	board_hist_add(&hist, 15);
	board_hist_add(&hist, 16);
	board_hist_add(&hist, UINT64_MAX / 2); /* beyond every edge */
	metrics_hist(out, "h", &hist, true);
	fclose(out);
	assert_int_equal(at("h_bucket{le=\"0.000000007\"} "), 1);
	assert_int_equal(at("h_bucket{le=\"0.000000015\"} "), 3);
	assert_int_equal(at("h_bucket{le=\"0.000000031\"} "), 4);
	assert_int_equal(at("h_bucket{le=\"+Inf\"} "), 5);
	assert_int_equal(at("h_count "), 5);
	free(page);
}

/* Two lanes: counters are summed, gauges stand for each. */
static void
lanes_are_summed_but_for_gauges(void **state)
{
	struct boards *boards = calloc(1, sizeof(*boards));
	struct metrics_of of = { .version = "1", .boards = boards };
	void *bytes[2];
	struct abi_fault fault;
	FILE *out;

	(void)state;
	for (uint32_t lane = 0; lane < 2; lane++) {
		struct board board;

		bytes[lane] = calloc(1, board_bytes(4));
		board_init(bytes[lane], lane, 1, 4, &board);
		board.counters->tcp_dials = 10 + lane;
		board.counters->lane_busy_ns = 1500000000;
		board.gauges->conns = 3 + lane;
		assert_true(board_open(bytes[lane], board_bytes(4), &boards->view[lane], &fault));
		boards->n++;
	}
	out = open_memstream(&page, &page_n);
	metrics_write(out, &of);
	fclose(out);
	assert_int_equal(at("\npenstock_tcp_dials_total "), 21);
	assert_non_null(strstr(page, "\npenstock_lane_busy_seconds_total 3.000000000\n"));
	assert_int_equal(at("\npenstock_conns{lane=\"0\"} "), 3);
	assert_int_equal(at("\npenstock_conns{lane=\"1\"} "), 4);
	free(page);
	free(bytes[0]);
	free(bytes[1]);
	free(boards);
}

/* Before the data plane has counted for the first time, too. */
static void
ports_stand_for_themselves(void **state)
{
	struct instance_facts *facts = calloc(1, sizeof(*facts));
	struct boards *boards = calloc(1, sizeof(*boards));
	struct metrics_of of = { .version = "1", .boards = boards, .facts = facts };
	FILE *out = open_memstream(&page, &page_n);

	(void)state;
	facts->port_n = 2;
	strcpy(facts->port[0].name, "out");
	strcpy(facts->port[1].name, "in");
	facts->count[1] = (struct instance_count){ .received = 1,
						   .sent = 2,
						   .missed = 3,
						   .no_buffers = 4,
						   .send_errors = 5,
						   .linearised = 6,
						   .unsendable = 7 };
	metrics_write(out, &of);
	fclose(out);
	assert_int_equal(at("\npenstock_port_received_total{port=\"out\"} "), 0);
	assert_int_equal(at("\npenstock_port_received_total{port=\"in\"} "), 1);
	assert_int_equal(at("\npenstock_port_sent_total{port=\"in\"} "), 2);
	assert_int_equal(at("\npenstock_port_missed_total{port=\"in\"} "), 3);
	assert_int_equal(at("\npenstock_port_no_buffers_total{port=\"in\"} "), 4);
	assert_int_equal(at("\npenstock_port_send_errors_total{port=\"in\"} "), 5);
	assert_int_equal(at("\npenstock_port_linearised_total{port=\"in\"} "), 6);
	assert_int_equal(at("\npenstock_port_unsendable_total{port=\"in\"} "), 7);
	free(page);
	free(boards);
	free(facts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_base_units_and_counters_end_in_total),
		cmocka_unit_test(a_label_cannot_leave_its_quotes),
		cmocka_unit_test(buckets_are_cumulative_and_their_edges_inclusive),
		cmocka_unit_test(lanes_are_summed_but_for_gauges),
		cmocka_unit_test(ports_stand_for_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
