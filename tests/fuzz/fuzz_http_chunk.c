/*
 * fuzz_http_chunk.c - any bytes as a chunked body: no crash, ranges stay inside the bytes, the
 * outcome does not depend on the cut, and what came out can be framed again and read as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	INPUT_MAX = 16384,
};

/* What came of one body, over as many calls as it took. */
struct run {
	struct http_chunk chunk;
	enum http_chunk_verdict verdict;
	uint32_t used, payload_n;
	uint8_t payload[INPUT_MAX];
	uint8_t trailer[INPUT_MAX];
	uint8_t framed[8 * INPUT_MAX]; /* the same, framed by us */
	uint32_t framed_n;
};

static struct run whole, cut, again;

static void
frame(struct run *run, struct slice data)
{
	run->framed_n += http_chunk_head(data.n, run->framed + run->framed_n);
	memcpy(run->framed + run->framed_n, data.p, data.n);
	run->framed_n += data.n;
	memcpy(run->framed + run->framed_n, "\r\n", 2);
	run->framed_n += 2;
}

static void
start(struct run *run)
{
	http_chunk_init(&run->chunk);
	run->verdict = HTTP_CHUNK_MORE;
	run->used = run->payload_n = run->framed_n = 0;
}

static void
feed(struct run *run, struct slice in)
{
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;

	while (in.n > 0 && run->verdict != HTTP_CHUNK_DONE && run->verdict != HTTP_CHUNK_REFUSED) {
		struct slice data;
		uint32_t used;

		run->verdict = http_deframe(&run->chunk, &limits, in, &used, &data);
		ensure(used <= in.n);
		if (run->verdict == HTTP_CHUNK_DATA) {
			ensure(data.n > 0 && data.n <= used && data.p + data.n == in.p + used);
			memcpy(run->payload + run->payload_n, data.p, data.n);
			run->payload_n += data.n;
			frame(run, data);
		}
		if (run->verdict == HTTP_CHUNK_TRAILER) {
			run->chunk.trailer = run->trailer;
			run->chunk.trailer_room = sizeof(run->trailer);
		}
		ensure(run->verdict != HTTP_CHUNK_MORE || used == in.n);
		in = slice_of(in.p + used, in.n - used);
		run->used += used;
	}
}

static void
same_outcome(const struct run *a, const struct run *b)
{
	ensure(a->payload_n == b->payload_n);
	ensure(memcmp(a->payload, b->payload, a->payload_n) == 0);
	ensure(a->chunk.total == a->payload_n && b->chunk.total == b->payload_n);
	ensure(a->chunk.trailer_n == b->chunk.trailer_n);
	ensure(memcmp(a->trailer, b->trailer, a->chunk.trailer_n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n = size < INPUT_MAX ? (uint32_t)size : INPUT_MAX;
	uint32_t step = n > 0 ? 1 + data[n - 1] % 7u : 1;

	start(&whole);
	feed(&whole, slice_of(data, n));
	start(&cut);
	for (uint32_t at = 0; at < n; at += step)
		feed(&cut, slice_of(data + at, n - at < step ? n - at : step));
	ensure((whole.verdict == HTTP_CHUNK_DONE) == (cut.verdict == HTTP_CHUNK_DONE));
	ensure((whole.verdict == HTTP_CHUNK_REFUSED) == (cut.verdict == HTTP_CHUNK_REFUSED));
	ensure(whole.chunk.reason == cut.chunk.reason);
	ensure(whole.used == cut.used);
	same_outcome(&whole, &cut);
	if (whole.verdict != HTTP_CHUNK_DONE)
		return 0;
	whole.framed_n += http_last_chunk(slice_of(whole.trailer, whole.chunk.trailer_n),
					  whole.framed + whole.framed_n,
					  (uint32_t)sizeof(whole.framed) - whole.framed_n);
	start(&again);
	feed(&again, slice_of(whole.framed, whole.framed_n));
	ensure(again.verdict == HTTP_CHUNK_DONE && again.used == whole.framed_n);
	same_outcome(&whole, &again);
	return 0;
}
