/*
 * seg.h - one TCP segment, decoded and valid in itself (RFC 9293, 3.1; RFC 7323; RFC 2018).
 *
 * Host order, but for addresses, which keep the network's. Says nothing of any connection.
 */
#ifndef PENSTOCK_WIRE_SEG_H
#define PENSTOCK_WIRE_SEG_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "base/seq.h"
#include "wire/drop.h"

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

enum {
	SEG_SACK_MAX = 4,
	SEG_HEADER = 20, /* without options */
	SEG_HEADER_MAX = 60,
	SEG_PACKET_HEADERS = 40 + SEG_HEADER_MAX, /* the most that seg_emit_packet puts in front */
};

struct seg_sack {
	struct seq left, right; /* [left, right) */
};

struct tcp_seg {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
	struct seq seq, ack; /* ack is meaningful with TCP_ACK only */
	uint16_t wnd;	     /* as in the header, not scaled */
	uint8_t flags;	     /* enum tcp_flag */
	uint8_t ecn;	     /* the two ECN bits of the IP header */

	uint16_t payload_off; /* from the start of the packet (buf_data) */
	uint32_t payload_n;   /* bytes behind the header, over all segments of the packet */

	/* options; absent ones are zero; the first three are only looked for in a SYN */
	uint16_t mss;	/* 0: no MSS option */
	uint8_t wscale; /* shift count, as received */
	bool has_wscale;
	bool has_sack_ok;
	bool has_ts;
	uint8_t sack_n;
	uint32_t ts_val, ts_ecr;
	struct seg_sack sack[SEG_SACK_MAX];
};

/*
 * Parses the header and options at p, of which n bytes are at hand; the segment has segment_n.
 * Neither addresses, ecn, checksum nor offsets: ret_seg's payload_off counts from p. Leaves the
 * fields it does not know as they are; refused segments leave the others undefined.
 */
enum wire_drop seg_parse(const uint8_t *p, uint32_t n, uint32_t segment_n, struct tcp_seg *ret_seg);

/* Bytes of header with options that seg_emit writes: a multiple of 4, at most SEG_HEADER_MAX. */
uint32_t seg_header_size(const struct tcp_seg *seg);

/*
 * Writes header and options, with checksum 0. Options are laid out as most stacks do: MSS, SACK
 * permitted, timestamps, window scale; else timestamps, SACK. The caller sees to it that they fit
 * in 40 bytes (with timestamps at most three SACK blocks).
 */
void seg_emit(const struct tcp_seg *seg, uint8_t *to);

/* What the packet around a segment wants. */
struct seg_how {
	uint8_t hop_limit; /* 0: 64 */
	uint8_t dscp;	   /* 0 to 63 (RFC 2474); ECN's bits are the segment's */
	bool csum_tx;	   /* the port fills TCP's in: ol_flags say so, the field is prepared */
	uint16_t tso_mss;  /* not 0: the port cuts the payload into pieces of this many bytes */
};

/*
 * Makes a whole IP packet: puts the TCP and the IP header (by the family of seg->src) in front of
 * what the packet holds, which is the payload, all segments of it; checksums as `how` says.
 * payload_off and payload_n of seg are not read. The first buffer must be ours to write in and
 * have SEG_PACKET_HEADERS of headroom at most. Sets m.ol_flags, what they ask for, buf->l3_off = 0.
 */
void seg_emit_packet(const struct tcp_seg *seg, const struct seg_how *how, struct buf *packet);

#endif
