/*
 * test_top.c - rates between two looks at a run directory, while the data plane that the test plays
 * ends and another one begins.
 */
#include "confs.h"
#include "world.h"

#include <stdlib.h>

#include "ctl/top.h"

struct seat {
	struct rundir_map map;
	struct board board;
	struct ctl ctl;
	struct top top;
};

/* The board of lane 0 in this life, which has served so many requests of a millisecond. */
static void
board_make(struct world *w, struct seat *seat, uint64_t life, uint64_t requests)
{
	char name[RUNDIR_NAME_MAX];

	rundir_board_name(name, 0);
	rundir_map_close(&seat->map);
	assert_int_equal(rundir_map_make(w->dataplane_fd, name, board_bytes(8), &seat->map), 0);
	board_init(seat->map.p, 0, life, 8, &seat->board);
	seat->board.server[0].incarnation = 1;
	seat->board.server[0].requests = requests;
	seat->board.server[0].firsts = requests;
	seat->board.server[0].first_ns = requests * 1000000;
	seat->board.counters->proxy_exchanges = requests;
	for (uint64_t i = 0; i < requests; i++)
		board_hist_add(&seat->board.hists->request_time, 1000000);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
}

static void
serve(struct seat *seat, uint64_t requests)
{
	seat->board.server[0].requests += requests;
	seat->board.server[0].firsts += requests;
	seat->board.server[0].first_ns += requests * 3000000;
	seat->board.counters->proxy_exchanges += requests;
	for (uint64_t i = 0; i < requests; i++)
		board_hist_add(&seat->board.hists->request_time, 3000000);
}

static struct seat *
sit_down_with(struct world *w, const char *conf)
{
	static struct seat seat;

	memset(&seat, 0, sizeof(seat));
	config_write(w, conf);
	control_start(w);
	dataplane_start(w);
	notice(w);
	w->facts.started_ns = 1;
	instance_put(w->instance_map.p, &w->facts);
	board_make(w, &seat, 1001, 1000);
	seat.ctl.run = w->run;
	seat.top.ctl = &seat.ctl;
	assert_null(top_look(&seat.top));
	return &seat;
}

static struct seat *
sit_down(struct world *w)
{
	return sit_down_with(w, CONF_GOOD);
}

static void
stand_up(struct seat *seat)
{
	top_close(&seat->top);
	rundir_map_close(&seat->map);
}

static void
rates_are_what_came_between_two_looks(void **state)
{
	struct seat *seat = sit_down(*state);
	const struct top *top = &seat->top;

	assert_true(top->seconds == 0 && top->now.lane[0].requests_s == 0);
	assert_int_equal(top->request_time.n, 1000); /* since its start */
	serve(seat, 50);
	assert_null(top_look(&seat->top));
	assert_true(top->seconds > 0 && top->now.lane[0].requests_s > 0);
	assert_true(top->now.server[0].requests_s == top->now.lane[0].requests_s);
	assert_true(top->now.server[0].first_ms > 2.9 && top->now.server[0].first_ms < 3.1);
	assert_int_equal(top->request_time.n, 50);
	stand_up(seat);
}

/* As a data plane starts: it says who it is, and lays out its boards a moment later. */
static void
another_data_plane_begins_anew(void **state)
{
	struct world *w = *state;
	struct seat *seat = sit_down(w);
	const struct top *top = &seat->top;

	serve(seat, 50);
	assert_null(top_look(&seat->top));
	w->facts.started_ns = 2;
	instance_put(w->instance_map.p, &w->facts);
	assert_null(top_look(&seat->top)); /* with the boards of the one before */
	assert_int_equal(top->request_time.n, 0);
	board_make(w, seat, 2002, 7);
	assert_null(top_look(&seat->top));
	assert_true(top->seconds == 0);
	assert_true(top->now.lane[0].requests == 7 && top->now.lane[0].requests_s == 0);
	assert_int_equal(top->request_time.n, 7);
	assert_int_equal(top->request_time.sum, 7 * 1000000);
	assert_true(top->now.server[0].first_ms > 0.9 && top->now.server[0].first_ms < 1.1);
	serve(seat, 3);
	assert_null(top_look(&seat->top));
	assert_true(top->seconds > 0 && top->now.lane[0].requests_s > 0);
	assert_int_equal(top->request_time.n, 3);
	stand_up(seat);
}

/* Nobody there at one look: what comes then has nothing to do with what was. */
static void
a_gap_between_two_data_planes_is_told_and_no_rate(void **state)
{
	struct world *w = *state;
	struct seat *seat = sit_down(w);

	close(w->dataplane_lock);
	assert_non_null(strstr(top_look(&seat->top), "no data plane"));
	w->dataplane_lock = rundir_lock(w->dataplane_fd);
	w->facts.started_ns = 2;
	instance_put(w->instance_map.p, &w->facts);
	board_make(w, seat, 2002, 2000);
	assert_null(top_look(&seat->top));
	assert_true(seat->top.seconds == 0 && seat->top.now.lane[0].requests_s == 0);
	assert_int_equal(seat->top.request_time.n, 2000);
	stand_up(seat);
}

/* A page of 24 rows, of the static buffer; it has as many lines. */
static char *
page_of(struct seat *seat, uint32_t columns, uint32_t scroll)
{
	static char page[8192];
	struct top_page asked = { .columns = columns, .rows = 24, .scroll = scroll, .every_s = 60 };
	char *text = top_page_text(&seat->top, &asked);
	uint32_t lines_n = 0;

	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines_n++;
	assert_int_equal(lines_n, 24);
	assert_true(strlen(text) < sizeof(page));
	strcpy(page, text);
	free(text);
	return page;
}

/* Nothing is cut off in 80 columns, the keys' line neither. */
static void
a_page_fits_a_terminal(void **state)
{
	struct seat *seat = sit_down(*state);
	char wide[8192];

	strcpy(wide, page_of(seat, 1000, 0));
	assert_string_equal(page_of(seat, 80, 0), wide);
	assert_non_null(strstr(wide, "1 lane on 0 cores"));
	assert_null(strstr(wide, "arrows"));
	stand_up(seat);
}

/* Thirty servers and their farm's line, of which so many rows are left. */
static void
who_is_not_on_the_page_is_told(void **state)
{
	struct world *w = *state;
	char conf[8192] = CONF_MACHINE CONF_LISTENERS "farms:\n  - name: app\n    servers:\n";
	struct seat *seat;

	for (int i = 0; i < 30; i++)
		sprintf(conf + strlen(conf), "      - {name: s%02d, address: 10.0.1.%d}\n", i,
			i + 1);
	seat = sit_down_with(w, conf);
	assert_non_null(strstr(page_of(seat, 80, 0), " s00 "));
	assert_non_null(strstr(page_of(seat, 80, 0), "1 to 15 of 31 lines; arrows"));
	assert_non_null(strstr(page_of(seat, 80, 99), "17 to 31 of 31 lines; arrows"));
	assert_non_null(strstr(page_of(seat, 80, 99), " s29 "));
	stand_up(seat);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rates_are_what_came_between_two_looks),
		TEST(another_data_plane_begins_anew),
		TEST(a_gap_between_two_data_planes_is_told_and_no_rate),
		TEST(a_page_fits_a_terminal),
		TEST(who_is_not_on_the_page_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
