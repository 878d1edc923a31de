/*
 * bench_journal.c - ticks of an access record: written to a ring that is read all the time, so that
 * its memory goes round, and dropped because the ring is full.
 */
#include "abi/journal.h"
#include "micro/bench.h"

enum {
	TIMES = 1000,
	RING = 4 << 20, /* as a lane's by default */
	ID = 7,
};

static struct journal_writer writer;
static struct cursor cursor;
static const struct journal_access record = {
	.time_ns = 1700000000000000000,
	.wait_ns = 100000,
	.head_ns = 100,
	.queue_ns = 200,
	.send_ns = 300,
	.first_byte_ns = 50000,
	.receive_ns = 400,
	.total_ns = 60000,
	.status = 200,
	.upstream_status = 200,
	.flags = JOURNAL_REUSED | JOURNAL_KEPT | JOURNAL_HAS_UPSTREAM,
	.method_n = 3,
	.target_n = 32,
	.host_n = 15,
	.agent_n = 38,
};
static const struct journal_text text = {
	.method = (const uint8_t *)"GET",
	.target = (const uint8_t *)"/api/v2/items/4711?expand=owner1",
	.host = (const uint8_t *)"www.example.com",
	.agent = (const uint8_t *)"Mozilla/5.0 (X11; Linux x86_64) bench/",
};

static void
read_all(uint32_t n)
{
	(void)n;
	cursor_move(&cursor, writer.written);
}

static void
put(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!journal_put_access(&writer, &record, &text))
			bench_die("no room in the journal");
}

static void
fill(uint32_t n)
{
	(void)n;
	while (journal_put_access(&writer, &record, &text))
		;
}

static void
drop(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (journal_put_access(&writer, &record, &text))
			bench_die("room in a full journal");
}

/* What was measured is what control would read. */
static void
check(const void *bytes)
{
	static uint64_t room[JOURNAL_RECORD_MAX / 8];
	struct journal_reader reader;
	struct journal_access got;
	struct journal_text got_text;
	struct abi_fault fault;

	if (!journal_open(bytes, journal_bytes(RING), &reader, &fault) ||
	    !journal_seek(&reader, cursor.position) ||
	    journal_next(&reader, room, &got, &got_text) != JOURNAL_GOT_RECORD ||
	    got.total_ns != record.total_ns || got.target_n != record.target_n ||
	    journal_dropped(&reader) != writer.dropped)
		bench_die("the journal cannot be read");
}

int
main(int argc, char **argv)
{
	void *bytes = bench_memory(journal_bytes(RING));

	bench_open("bench_journal", argc, argv);
	journal_init(bytes, RING, 0, ID, &writer);
	cursor_adopt(&cursor, ID, 0);
	journal_set_cursor(&writer, &cursor);
	bench_run("journal/put", TIMES, read_all, put);
	bench_run("journal/drop", TIMES, fill, drop);
	if (writer.written != 0)
		check(bytes);
	return bench_close();
}
