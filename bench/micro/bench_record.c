/*
 * bench_record.c - ticks of a line of the access log: of a request as the profile keep-alive makes
 * them, with a target and an agent as browsers send them, of one whose target wants escapes, and of
 * a record read out of a ring that is in this core's cache (in a run it is in another's).
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "run/record.h"
#include "micro/bench.h"
#include "run/tables.h"

enum {
	TIMES = 500,
	RING = 1 << 20,
	ID = 7,
};

static char line[RECORD_LINE_MAX];
static struct names names;
static struct journal_access record = {
	.time_ns = 1795249417123456789,
	.wait_ns = 100000,
	.head_ns = 100,
	.queue_ns = 2100,
	.send_ns = 1300,
	.first_byte_ns = 50000,
	.receive_ns = 400,
	.total_ns = 60000,
	.client = { { [10] = 0xff, [11] = 0xff, 10, 64, 0, 123 } },
	.local = { { [10] = 0xff, [11] = 0xff, 10, 1, 0, 10 } },
	.source = { { [10] = 0xff, [11] = 0xff, 10, 2, 0, 5 } },
	.upstream = { { [10] = 0xff, [11] = 0xff, 10, 2, 0, 11 } },
	.client_port = 50123,
	.local_port = 80,
	.source_port = 40123,
	.upstream_port = 8080,
	.request_head_bytes = 75,
	.response_head_bytes = 160,
	.response_body_bytes = 64,
	.generation = 1,
	.listener_incarnation = 1,
	.farm_incarnation = 1,
	.server_incarnation = 1,
	.conn_id = 12345,
	.request_i = 4711,
	.flags = JOURNAL_REUSED | JOURNAL_KEPT | JOURNAL_HAS_UPSTREAM,
	.status = 200,
	.upstream_status = 200,
	.tries = 1,
	.version = 11,
	.method_n = 3,
	.target_n = 32,
	.host_n = 15,
	.agent_n = 38,
	.client_leg = { .rtt_us = 85 },
	.upstream_leg = { .rtt_us = 42 },
};
static struct journal_text text = {
	.method = (const uint8_t *)"GET",
	.target = (const uint8_t *)"/api/v2/items/4711?expand=owner1",
	.host = (const uint8_t *)"www.example.com",
	.agent = (const uint8_t *)"Mozilla/5.0 (X11; Linux x86_64) bench/",
};

static const char config[] =
	"machine:\n"
	"  cores: [1]\n"
	"  ports: [{name: outside, device: packet:out0, addresses: [10.1.0.10/24]}]\n"
	"listeners: [{name: web, address: \"10.1.0.10:80\", farm: app}]\n"
	"farms: [{name: app, servers: [{name: o0, address: 10.1.0.11, http_port: 8080}]}]\n";

static struct journal_writer writer;
static struct journal_reader reader;
static struct cursor cursor;

static void
names_fill(void)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("bench.yaml", config, strlen(config), &errs);
	struct tables tables = { 0 };
	struct abi_fault fault;
	void *bytes = NULL;
	size_t n = 0;

	if (conf == NULL || !conf_build(conf, NULL, &bytes, &n, &errs) ||
	    !tables_open_bytes(bytes, n, 1, &tables, &fault))
		bench_die("the names' configuration is not good");
	names_add(&names, &tables.img);
	tables_close(&tables);
	conf_close(conf);
	conf_errs_fini(&errs);
}

static void
lines(const struct log_style *style, uint32_t n)
{
	static struct record_second second;

	for (uint32_t i = 0; i < n; i++) {
		record.time_ns += 3400;
		bench_keep(record_line(style, &record, &text, &names, &second, line));
	}
}

static void
json(uint32_t n)
{
	static const struct log_style style = { .format = CONF_LOG_JSON };

	lines(&style, n);
}

static void
combined(uint32_t n)
{
	static const struct log_style style = { .format = CONF_LOG_COMBINED };

	lines(&style, n);
}

static void
w3c(uint32_t n)
{
	struct log_style style = { .format = CONF_LOG_W3C };

	log_style_default_fields(&style);
	lines(&style, n);
}

static void
plain(uint32_t n)
{
	(void)n;
	text.target = (const uint8_t *)"/api/v2/items/4711?expand=owner1";
}

static void
escaped(uint32_t n)
{
	(void)n;
	text.target = (const uint8_t *)"/api/v2/\"tems\"/4\\11?exp\x01nd=own\xe9r";
}

static void
write_many(uint32_t n)
{
	cursor_move(&cursor, writer.written);
	for (uint32_t i = 0; i < n; i++)
		if (!journal_put_access(&writer, &record, &text))
			bench_die("no room in the journal");
}

static void
read_many(uint32_t n)
{
	static uint64_t room[JOURNAL_RECORD_MAX / 8];
	struct journal_access got;
	struct journal_text got_text;

	for (uint32_t i = 0; i < n; i++)
		if (journal_next(&reader, room, &got, &got_text) != JOURNAL_GOT_RECORD)
			bench_die("the journal cannot be read");
	bench_keep(got.time_ns);
}

int
main(int argc, char **argv)
{
	void *bytes = bench_memory(journal_bytes(RING));
	struct abi_fault fault;

	bench_open("bench_record", argc, argv);
	names_fill();
	journal_init(bytes, RING, 0, ID, &writer);
	cursor_adopt(&cursor, ID, 0);
	journal_set_cursor(&writer, &cursor);
	if (!journal_open(bytes, journal_bytes(RING), &reader, &fault))
		bench_die("the journal cannot be opened");
	bench_run("record/json", TIMES, plain, json);
	bench_run("record/json-escaped", TIMES, escaped, json);
	bench_run("record/combined", TIMES, plain, combined);
	bench_run("record/combined-escaped", TIMES, escaped, combined);
	bench_run("record/w3c", TIMES, plain, w3c);
	bench_run("record/w3c-escaped", TIMES, escaped, w3c);
	plain(0);
	bench_run("record/read", TIMES, write_many, read_many);
	names_fini(&names);
	return bench_close();
}
