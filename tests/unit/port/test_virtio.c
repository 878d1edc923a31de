/*
 * test_virtio.c - a virtio port and a vhost port of one process, joined: checksums and large packets
 * that cross undone, and every offload turned off. Needs no rights.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stand.h"
#include "wire/wire.h"

/* An Ethernet frame with a TCP segment of n bytes of payload over a chain, as TCP would send it. */
static struct buf *
tcp_frame_of(uint32_t n, uint16_t tso_mss, bool csum_tx)
{
	static const uint8_t ether[14] = { [12] = 8 };
	struct tcp_seg seg = { .src = ip_from_v4((const uint8_t[]){ 10, 1, 2, 3 }),
			       .dst = ip_from_v4((const uint8_t[]){ 10, 1, 2, 4 }),
			       .src_port = 1000,
			       .dst_port = 80,
			       .seq = seq_of(77),
			       .flags = TCP_ACK };
	struct buf *head = buf_take(pool), *tail = head;

	for (uint32_t done = 0; done < n;) {
		uint32_t m = n - done < 1448 ? n - done : 1448;
		struct buf *b = buf_take(pool);
		uint8_t *at = buf_append(b, m);

		for (uint32_t i = 0; i < m; i++)
			at[i] = (uint8_t)((done + i) * 31 >> 3);
		buf_chain(head, tail, b);
		tail = b;
		done += m;
	}
	seg_emit_packet(&seg, &(struct seg_how){ .csum_tx = csum_tx, .tso_mss = tso_mss }, head);
	memcpy(buf_prepend(head, 14), ether, 14);
	head->m.l2_len = 14;
	return head;
}

static struct buf *
tcp_frame(uint32_t n, uint16_t tso_mss)
{
	return tcp_frame_of(n, tso_mss, true);
}

/* The frame as a lane would take it: what says that its checksum needs no look, and every byte. */
static void
expect_tcp(struct portif *port, uint32_t n, bool is_chain)
{
	struct wire_port at = { 0 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *b = NULL;
	uint8_t *bytes = malloc(n + 100), *to = bytes;

	for (uint32_t i = 0; i < 200 && portif_rx_burst(port, 0, &b, 1) == 0; i++)
		sleep_ms(1);
	assert_non_null(b);
	assert_int_equal(b->m.pkt_len, 14 + 40 + n);
	assert_int_equal(b->m.nb_segs > 1, is_chain);
	assert_true((b->m.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE);
	assert_int_equal(wire_decode(b, &at, &packet, &seg), WIRE_OK);
	assert_int_equal(seg.payload_n, n);
	for (const struct buf *piece = b; piece != NULL; piece = buf_next(piece)) {
		memcpy(to, buf_data(piece), piece->m.data_len);
		to += piece->m.data_len;
	}
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(bytes[54 + i], (uint8_t)(i * 31 >> 3));
	buf_give(b);
	free(bytes);
}

/* off: of both, IMG_PORT_NO_. */
static void
open_pair(struct portif *backend, struct portif *driver, uint32_t off)
{
	static char socket[64];
	struct port_conf conf;

	snprintf(socket, sizeof(socket), "/tmp/test-port-%d.vhost", (int)getpid());
	conf = memif_of(socket, 0, IMG_ROLE_SERVER, 1);
	conf.off = off;
	conf.device_kind = IMG_DEVICE_VHOST;
	if (!port_open(&conf, backend, why))
		fail_msg("%s", why);
	conf.device_kind = IMG_DEVICE_VIRTIO;
	conf.path = 1;
	if (!port_open(&conf, driver, why))
		fail_msg("%s", why);
	wait_for_link(backend, driver);
}

/* Packets that are to be cut cross as they are, both checksums left to whoever needs them. */
static void
virtio_and_vhost_carry_large_packets_both_ways(void **state)
{
	struct portif backend, driver;
	struct buf *b;

	(void)state;
	open_pair(&backend, &driver, 0);
	assert_true(driver.facts.csum_tx && driver.facts.csum_rx && driver.facts.tso);
	assert_true(driver.facts.multi_segs);
	assert_true(backend.facts.csum_tx && backend.facts.csum_rx && !backend.facts.tso);
	for (uint32_t n = 1; n < 65000; n = n * 3 + 7) {
		b = tcp_frame(n, n > 1448 ? 1448 : 0);
		assert_int_equal(portif_tx_burst(&driver, 0, &b, 1), 1);
		expect_tcp(&backend, n, n > 1900);
		b = tcp_frame(n, n > 1448 ? 1448 : 0);
		assert_int_equal(portif_tx_burst(&backend, 0, &b, 1), 1);
		expect_tcp(&driver, n, n > 1900);
	}
	port_close(&driver);
	port_close(&backend);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* As TCP would make it for this port. */
static void
expect_small_frames(struct portif *from, struct portif *to, uint32_t n)
{
	struct wire_port at = { 0 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *b = tcp_frame_of(n, 0, from->facts.csum_tx);

	assert_int_equal(portif_tx_burst(from, 0, &b, 1), 1);
	b = NULL;
	for (uint32_t i = 0; i < 200 && portif_rx_burst(to, 0, &b, 1) == 0; i++)
		sleep_ms(1);
	assert_non_null(b);
	assert_int_equal(b->m.nb_segs, 1);
	assert_int_equal(wire_decode(b, &at, &packet, &seg), WIRE_OK);
	assert_int_equal(seg.payload_n, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(buf_data(b)[54 + i], (uint8_t)(i * 31 >> 3));
	buf_give(b);
}

/* What is off is not there, the rest is, and every frame arrives with a checksum that is right. */
static void
offloads_that_may_not_be_used_are_done_without(void **state)
{
	static const uint32_t off[] = { 0,
					IMG_PORT_NO_RX_CHECKSUM | IMG_PORT_NO_LRO,
					IMG_PORT_NO_TX_CHECKSUM | IMG_PORT_NO_TSO,
					IMG_PORT_NO_TSO,
					IMG_PORT_NO_LRO,
					IMG_PORT_NO_MULTI_SEGS | IMG_PORT_NO_TSO,
					IMG_PORT_FLAGS & ~(uint32_t)IMG_PORT_TRUSTS_SUMS };

	(void)state;
	for (uint32_t k = 0; k < sizeof(off) / sizeof(off[0]); k++) {
		bool is_linear = (off[k] & IMG_PORT_NO_MULTI_SEGS) != 0;
		struct portif backend, driver;
		struct port_stats stats;

		open_pair(&backend, &driver, off[k]);
		for (uint32_t i = 0; i < 2; i++) {
			const struct portif_facts *f = i == 0 ? &driver.facts : &backend.facts;

			assert_int_equal(f->csum_rx, (off[k] & IMG_PORT_NO_RX_CHECKSUM) == 0);
			assert_int_equal(f->csum_tx, (off[k] & IMG_PORT_NO_TX_CHECKSUM) == 0);
			assert_int_equal(f->lro, (off[k] & IMG_PORT_NO_LRO) == 0);
			/* a backend that takes no large packets is sent none */
			assert_int_equal(f->tso, i == 0 && (off[k] & (IMG_PORT_NO_TSO |
								      IMG_PORT_NO_LRO)) == 0);
			assert_int_equal(f->multi_segs, !is_linear);
		}
		for (uint32_t n = 1; n < 1460; n = n * 3 + 7) {
			expect_small_frames(&driver, &backend, n);
			expect_small_frames(&backend, &driver, n);
		}
		port_stats(&driver, &stats);
		assert_int_equal(stats.linearised > 0, is_linear);
		assert_int_equal(stats.unsendable, 0);
		port_close(&driver);
		port_close(&backend);
		assert_int_equal(buf_pool_free_n(pool), BUFS);
	}
}

/* What the ring has no room for stays the caller's, and is right when it is sent later. */
static void
a_full_virtio_ring_loses_nothing(void **state)
{
	struct portif backend, driver;
	struct buf *frame[64];
	uint32_t sent = 0, got = 0;

	(void)state;
	open_pair(&backend, &driver, 0);
	for (uint32_t i = 0; i < 64; i++)
		frame[i] = tcp_frame(60000, 1448);
	sent = portif_tx_burst(&driver, 0, frame, 64);
	assert_in_range(sent, 1, 63);
	while (got < 64) {
		expect_tcp(&backend, 60000, true);
		got++;
		sent += portif_tx_burst(&driver, 0, &frame[sent], 64 - sent);
	}
	port_close(&driver);
	port_close(&backend);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* What is under way then comes back with the port at the latest. */
static void
a_driver_whose_backend_goes_is_down(void **state)
{
	struct portif backend, driver;
	struct buf *b;

	(void)state;
	open_pair(&backend, &driver, 0);
	b = tcp_frame(60000, 1448);
	assert_int_equal(portif_tx_burst(&driver, 0, &b, 1), 1);
	port_close(&backend);
	for (uint32_t i = 0; i < 100 && driver.ops->is_up(&driver); i++) {
		sleep_ms(10);
		port_look(&driver);
	}
	assert_false(driver.ops->is_up(&driver));
	port_look(&driver);
	assert_false(driver.ops->is_up(&driver));
	assert_int_equal(portif_rx_burst(&driver, 0, &b, 1), 0);
	port_close(&driver);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

static void
a_driver_wants_its_backend_to_be_there(void **state)
{
	struct port_conf conf = memif_of("/tmp/no-such-backend", 0, IMG_ROLE_SERVER, 1);
	struct portif port;

	(void)state;
	conf.device_kind = IMG_DEVICE_VIRTIO;
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "no vhost-user backend at /tmp/no-such-backend"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtio_and_vhost_carry_large_packets_both_ways),
		cmocka_unit_test(offloads_that_may_not_be_used_are_done_without),
		cmocka_unit_test(a_full_virtio_ring_loses_nothing),
		cmocka_unit_test(a_driver_whose_backend_goes_is_down),
		cmocka_unit_test(a_driver_wants_its_backend_to_be_there),
	};

	return cmocka_run_group_tests_name("port virtio", tests, open_env, close_env);
}
