/*
 * fuzz_wire.c - any bytes as a frame: never a crash, and what is accepted keeps its promises.
 *
 * The first byte says how the frame is cut into buffers and what the port says of checksums; with
 * checksums taken for good the fuzzer reaches what lies behind them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf_heap.h"
#include "base/ensure.h"
#include "wire/ip.h"
#include "wire/refusal.h"
#include "wire/wire.h"

static const struct wire_port port = { .mac = { { 2, 0, 0, 0, 0, 1 } } };

/* The bytes in buffers of at most part each. */
static struct buf *
frame_of(struct buf_pool *pool, const uint8_t *bytes, uint32_t n, uint32_t part)
{
	struct buf *head = buf_take(pool), *tail = head;

	for (uint32_t at = 0; at < n;) {
		uint32_t size = n - at < part ? n - at : part;
		struct buf *b = at == 0 ? head : buf_take(pool);

		memcpy(buf_append(b, size), bytes + at, size);
		if (b != head) {
			buf_chain(head, tail, b);
			tail = b;
		}
		at += size;
	}
	return head;
}

static void
check_segment(const struct buf *frame, const struct wire_packet *packet, const struct tcp_seg *seg)
{
	struct tcp_seg again = *seg;
	uint8_t bytes[SEG_HEADER_MAX + 8 * SEG_SACK_MAX];

	ensure(seg->payload_off + seg->payload_n == frame->m.pkt_len);
	ensure(packet->l4_off < frame->m.data_len && seg->payload_off <= frame->m.data_len);
	ensure(seg->sack_n <= SEG_SACK_MAX && seg->src_port != 0 && seg->dst_port != 0);
	ensure(ip_can_send(&seg->src) && ip_is_v4(&seg->src) == ip_is_v4(&seg->dst));
	if (seg_header_size(seg) > SEG_HEADER_MAX)
		return; /* options that fit only without our padding */
	seg_emit(seg, bytes);
	ensure(seg_parse(bytes, seg_header_size(seg), seg_header_size(seg) + seg->payload_n,
			 &again) == WIRE_OK);
	again.payload_off = seg->payload_off;
	ensure(memcmp(&again, seg, sizeof(again)) == 0);
}

/* An error about it is as long as it says and fits every link. */
static void
check_refusal(const struct buf *frame, enum wire_drop drop)
{
	struct refusal refusal;
	uint8_t *message;

	if (!refusal_of(frame, drop, &refusal))
		return;
	ensure(refusal_size(&refusal) <= REFUSAL_MAX_V6 - IP6_HEADER);
	message = malloc(refusal_size(&refusal));
	ensure(message != NULL);
	refusal_emit(&refusal, frame, message);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint64_t flags[] = { 0, RTE_MBUF_F_RX_IP_CKSUM_GOOD |
						     RTE_MBUF_F_RX_L4_CKSUM_GOOD };
	struct buf_pool *pool = buf_heap_open(64);
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *frame;
	enum wire_drop drop;

	if (n >= 1 && n < 2000) {
		frame = frame_of(pool, bytes + 1, (uint32_t)n - 1, 40u + (bytes[0] & 0x7eu) * 16u);
		frame->m.ol_flags = flags[bytes[0] & 1];
		memset(&seg, 0, sizeof(seg));
		drop = wire_decode(frame, &port, &packet, &seg);
		if (drop != WIRE_OK)
			check_refusal(frame, drop);
		else if (packet.kind == WIRE_TCP)
			check_segment(frame, &packet, &seg);
		buf_give(frame);
	}
	buf_heap_close(pool);
	return 0;
}
