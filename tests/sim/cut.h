/*
 * cut.h - what a network card does with a packet that asks to be cut (RTE_MBUF_F_TX_TCP_SEG): full
 * segments with headers and checksums of their own.
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

/* The packet in one piece with its checksums filled in, as a peer gets it that takes it whole. */
void cut_not(const struct buf *packet, uint8_t *bytes, uint32_t n);

#endif
