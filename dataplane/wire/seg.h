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
#include "base/seq.h"

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
	SEG_SACK_MAX = 4
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

	/* options; absent ones are zero */
	uint16_t mss;	/* 0: no MSS option */
	uint8_t wscale; /* shift count, as received */
	bool has_wscale;
	bool has_sack_ok;
	bool has_ts;
	uint8_t sack_n;
	uint32_t ts_val, ts_ecr;
	struct seg_sack sack[SEG_SACK_MAX];
};

#endif
