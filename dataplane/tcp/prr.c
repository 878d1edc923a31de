/*
 * prr.c - how much is sent within a recovery: proportional rate reduction (RFC 6937, 9937). The window
 * comes down to ssthresh over one round trip instead of at once, and never stays shut.
 *
 * A division an ACK, within recoveries only.  Units: bytes.
 */
#include "tcp/conn.h"

void
prr_begin(struct repair *r, uint32_t flight)
{
	r->delivered = 0;
	r->sent = 0;
	r->flight = flight > 0 ? flight : 1;
}

void
prr_on_ack(struct tcp_conn *conn, struct repair *r, uint32_t delivered, bool is_safe)
{
	uint32_t pipe = loss_pipe(conn), ssthresh = conn->cc.ssthresh_bytes, may;

	r->delivered += delivered;
	if (pipe > ssthresh) {
		uint64_t all = ((uint64_t)r->delivered * ssthresh + r->flight - 1) / r->flight;

		may = all > r->sent ? (uint32_t)(all - r->sent) : 0;
	} else { /* slow start reduction bound; conservative while nothing new is acknowledged or more is lost */
		uint32_t limit = r->delivered > r->sent ? r->delivered - r->sent : 0;

		if (limit < delivered)
			limit = delivered;
		if (is_safe)
			limit += conn->mss;
		may = ssthresh - pipe < limit ? ssthresh - pipe : limit;
	}
	conn->cc.cwnd_bytes = pipe + may > conn->mss ? pipe + may : conn->mss;
}
