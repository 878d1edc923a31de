/*
 * cut.h - what a network card does with a packet that asks to be cut (RTE_MBUF_F_TX_TCP_SEG): full
 * segments with headers and checksums of their own; and what a router does with one too large for
 * the next link: fragments.
 */
#ifndef PENSTOCK_TESTS_SIM_CUT_H
#define PENSTOCK_TESTS_SIM_CUT_H

#include "base/buf.h"

/*
 * Calls piece for each segment of the packet, whose n bytes are at bytes. False when the packet is
 * not prepared as rte_mbuf_core.h says, or cutting it makes no sense.
 */
bool cut_packet(const struct buf *packet, const uint8_t *bytes, uint32_t n,
		void (*piece)(void *ctx, const uint8_t *bytes, uint32_t n), void *ctx);

/*
 * Calls piece for each fragment of a frame whose IP header, without options or extension headers,
 * is at ip_off, with at most part bytes of payload each, a multiple of 8. False, and nothing done,
 * when all of it fits into one or it is no IP packet.
 */
bool cut_fragments(const uint8_t *bytes, uint32_t n, uint32_t ip_off, uint32_t part, uint32_t id,
		   void (*piece)(void *ctx, const uint8_t *bytes, uint32_t n), void *ctx);

/* The packet in one piece with its checksums filled in, as a peer gets it that takes it whole. */
void cut_not(const struct buf *packet, uint8_t *bytes, uint32_t n);

#endif
