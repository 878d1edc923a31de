/*
 * bench_checksum.c - ticks of the Internet checksum: a bare ACK, a header, a full segment, the
 * same in three buffers, and the update of one field.
 */
#include "base/buf_heap.h"
#include "micro/bench.h"
#include "wire/checksum.h"

enum {
	TIMES = 1000,
	FULL = 1460,
	AT_MOST = 2048,
};

static uint8_t bytes[AT_MOST];
static struct buf *chain;

static void
add(uint32_t times, uint32_t n)
{
	for (uint32_t i = 0; i < times; i++)
		bench_keep(csum_add(bytes + i % 4 * 2, n));
}

static void
header(uint32_t n)
{
	add(n, 20);
}

static void
short_one(uint32_t n)
{
	add(n, 84);
}

static void
full(uint32_t n)
{
	add(n, FULL);
}

static void
parts(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bench_keep(csum_chain(chain, 0, FULL));
}

static void
pseudo(uint32_t n)
{
	struct ip_addr a = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 });
	struct ip_addr b = ip_from_v4((const uint8_t[]){ 10, 0, 0, 2 });

	for (uint32_t i = 0; i < n; i++)
		bench_keep(csum_pseudo(&a, &b, 6, i));
}

static void
update(uint32_t n)
{
	struct be16 sum = { 0 }, from = { 7 };

	for (uint32_t i = 0; i < n; i++) {
		sum = csum_update(sum, from, (struct be16){ (uint16_t)i });
		from.raw = (uint16_t)i;
	}
	bench_keep(sum.raw);
}

/* A header and two pieces, the second from an odd offset. */
static void
open_chain(struct buf_pool *pool)
{
	static const uint32_t piece[] = { 71, 700, FULL - 771 };
	struct buf *tail = NULL;

	for (uint32_t i = 0; i < 3; i++) {
		struct buf *b = buf_take(pool);

		for (uint32_t k = 0; k < piece[i]; k++)
			*buf_append(b, 1) = (uint8_t)k;
		if (tail == NULL)
			chain = b;
		else
			buf_chain(chain, tail, b);
		tail = b;
	}
}

int
main(int argc, char **argv)
{
	struct buf_pool *pool = buf_heap_open(8);

	bench_open("bench_checksum", argc, argv);
	for (uint32_t i = 0; i < AT_MOST; i++)
		bytes[i] = (uint8_t)(i * 7);
	open_chain(pool);
	bench_run("checksum/20", TIMES, NULL, header);
	bench_run("checksum/84", TIMES, NULL, short_one);
	bench_run("checksum/1460", TIMES, NULL, full);
	bench_run("checksum/1460-in-3", TIMES, NULL, parts);
	bench_run("checksum/pseudo", TIMES, NULL, pseudo);
	bench_run("checksum/update", TIMES, NULL, update);
	buf_give(chain);
	buf_heap_close(pool);
	return bench_close();
}
