/*
 * test_port.c - the mempool backing of buffers, and ports: two memif ports of one process, joined.
 * Runs on ordinary pages and needs no rights.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/port.h"
#include "wire/wire.h"

enum {
	RESERVE = 100,
	BUFS = 8191,
};

static struct buf_pool *pool;
static char why[PORT_WHY];

static void
a_taken_buffer_is_empty_and_sole(void **state)
{
	struct buf *b = buf_take(pool);

	(void)state;
	assert_non_null(b);
	assert_int_equal(buf_headroom(b), BUF_HEADROOM);
	assert_int_equal(buf_tailroom(b), BUF_ROOM);
	assert_true(buf_is_sole(b));
	assert_null(b->link);
	b->tag = 7;
	b->path = 3;
	buf_give(b);
	b = buf_take(pool);
	assert_int_equal(b->tag, 0);
	assert_int_equal(b->path, 0);
	buf_give(b);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

static void
a_view_keeps_the_bytes_behind_it(void **state)
{
	struct buf *b = buf_take(pool), *view, *again;

	(void)state;
	memcpy(buf_append(b, 10), "0123456789", 10);
	view = buf_view(pool, b, b->m.data_off + 2u, 5);
	assert_true(buf_is_view(view));
	assert_false(buf_is_sole(b));
	assert_int_equal(view->m.data_len, 5);
	assert_memory_equal(buf_data(view), "23456", 5);
	again = buf_view(pool, view, view->m.data_off + 1u, 2);
	assert_memory_equal(buf_data(again), "34", 2);
	buf_give(b);
	buf_give(view);
	assert_int_equal(buf_pool_free_n(pool), BUFS - 2);
	assert_memory_equal(buf_data(again), "34", 2);
	buf_give(again);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

static void
a_count_more_is_a_give_more(void **state)
{
	struct buf *b = buf_take(pool);

	(void)state;
	buf_ref(b);
	buf_give(b);
	assert_int_equal(buf_pool_free_n(pool), BUFS - 1);
	buf_give(b);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

static void
a_burst_takes_all_or_none(void **state)
{
	static struct buf *b[BUFS + 1];

	(void)state;
	assert_false(buf_take_burst(pool, b, BUFS + 1));
	assert_true(buf_take_burst(pool, b, 512));
	assert_int_equal(buf_pool_free_n(pool), BUFS - 512);
	buf_give_burst(b, 512);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* The driver keeps one end for a path's spelling, so the client spells it in another way. */
static struct port_conf
memif_of(const char *socket, uint16_t path, enum img_role role, uint16_t queues)
{
	static char other[80];

	snprintf(other, sizeof(other), "/tmp/.%s", socket + strlen("/tmp"));
	if (role == IMG_ROLE_CLIENT)
		socket = other;
	return (struct port_conf){
		.name = role == IMG_ROLE_SERVER ? "server" : "client",
		.path = path,
		.device_kind = IMG_DEVICE_MEMIF,
		.device = socket,
		.role = role,
		.queues = queues,
		.queues_max = queues,
		.owner = getuid(),
		.owner_group = getgid(),
		.pool = pool,
	};
}

static void
what_cannot_be_a_port_is_refused_in_words(void **state)
{
	struct port_conf conf = memif_of("/tmp/a,b", 0, IMG_ROLE_SERVER, 1);
	struct portif port;

	(void)state;
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "cannot be a device name"));
	conf = memif_of("/tmp/x", 0, IMG_ROLE_SERVER, 1);
	conf.mtu = 9000;
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "MTU 9000"));
	conf = (struct port_conf){ .name = "p",
				   .device = "no-such-if",
				   .queues_max = 1,
				   .device_kind = IMG_DEVICE_PACKET };
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "no interface no-such-if"));
	conf.device_kind = IMG_DEVICE_PCI;
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "no pci ports"));
}

/* A path that a typing error points at something of somebody's. */
static void
a_server_removes_nothing_but_an_old_socket(void **state)
{
	char path[] = "/tmp/penstock-port-XXXXXX";
	struct port_conf conf = memif_of(path, 0, IMG_ROLE_SERVER, 1);
	int fd = mkstemp(path);
	struct portif port;
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "is in the way"));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(path);
}

static void
sleep_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* A client offers buffers to its server when it polls. */
static void
wait_for_link(struct portif *a, struct portif *b)
{
	struct buf *frame;

	for (uint32_t i = 0; i < 200 && !(a->ops->is_up(a) && b->ops->is_up(b)); i++) {
		sleep_ms(10);
		port_look(a);
		port_look(b);
	}
	assert_true(a->ops->is_up(a) && b->ops->is_up(b));
	for (uint16_t q = 0; q < a->facts.queue_n; q++) {
		assert_int_equal(portif_rx_burst(a, q, &frame, 1), 0);
		assert_int_equal(portif_rx_burst(b, q, &frame, 1), 0);
	}
}

static struct buf *
frame_of(const char *head, const char *tail)
{
	struct buf *b = buf_take(pool), *more;

	memcpy(buf_append(b, (uint32_t)strlen(head)), head, strlen(head));
	if (tail == NULL)
		return b;
	more = buf_take(pool);
	memcpy(buf_append(more, (uint32_t)strlen(tail)), tail, strlen(tail));
	buf_chain(b, b, more);
	return b;
}

static void
expect_frame(struct portif *port, uint16_t queue, const char *text)
{
	struct buf *b;

	for (uint32_t i = 0; i < 100; i++) {
		if (portif_rx_burst(port, queue, &b, 1) == 1) {
			assert_int_equal(b->m.pkt_len, strlen(text));
			assert_int_equal(b->m.nb_segs, 1);
			assert_memory_equal(buf_data(b), text, strlen(text));
			buf_give(b);
			return;
		}
		sleep_ms(1);
	}
	fail_msg("no frame came");
}

/* As two processes would: the other end's hang-up is dealt with, by DPDK's interrupt thread, before
 * it is closed itself; both at once is more than the driver can take (22.11). */
static void
close_both(struct portif *first, struct portif *then)
{
	port_close(first);
	for (uint32_t i = 0; i < 100 && then->ops->is_up(then); i++) {
		sleep_ms(10);
		port_look(then);
	}
	sleep_ms(20);
	port_close(then);
}

/* A client that is first waits for its server; a chain arrives whole; queues are apart. */
static void
memif_ports_carry_frames_both_ways(void **state)
{
	struct port_conf conf[2];
	struct portif server, client;
	char socket[64];
	struct buf *b;

	(void)state;
	snprintf(socket, sizeof(socket), "/tmp/test-port-%d.sock", (int)getpid());
	conf[0] = memif_of(socket, 0, IMG_ROLE_SERVER, 2);
	conf[1] = memif_of(socket, 1, IMG_ROLE_CLIENT, 2);
	assert_true(port_open(&conf[1], &client, why));
	assert_false(client.ops->is_up(&client));
	assert_int_equal(portif_rx_burst(&client, 0, &b, 1), 0);
	if (!port_open(&conf[0], &server, why))
		fail_msg("%s", why);
	wait_for_link(&server, &client);
	assert_int_equal(client.facts.queue_n, 2);
	assert_int_equal(client.facts.key_n, 40);
	assert_int_equal(client.facts.reta[3], 1);
	assert_memory_not_equal(client.facts.mac, server.facts.mac, 6);

	b = frame_of("a frame of some bytes", NULL);
	assert_int_equal(portif_tx_burst(&client, 1, &b, 1), 1);
	expect_frame(&server, 1, "a frame of some bytes");
	for (uint32_t i = 0; i < 3; i++) {
		b = frame_of("head and ", "tail in two pieces");
		assert_int_equal(portif_tx_burst(&server, 0, &b, 1), 1);
		expect_frame(&client, 0, "head and tail in two pieces");
		b = frame_of("then one piece", NULL);
		assert_int_equal(portif_tx_burst(&server, 0, &b, 1), 1);
		expect_frame(&client, 0, "then one piece");
	}
	close_both(&client, &server);
	unlink(socket);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* The server goes and comes again: the client finds it. */
static void
a_memif_client_connects_again(void **state)
{
	struct port_conf conf[2];
	struct portif server, client;
	char socket[64];
	struct buf *b;

	(void)state;
	snprintf(socket, sizeof(socket), "/tmp/test-port-%d.sock", (int)getpid());
	conf[0] = memif_of(socket, 0, IMG_ROLE_SERVER, 1);
	conf[1] = memif_of(socket, 1, IMG_ROLE_CLIENT, 1);
	if (!port_open(&conf[0], &server, why))
		fail_msg("%s", why);
	assert_true(port_open(&conf[1], &client, why));
	wait_for_link(&server, &client);
	port_close(&server);
	for (uint32_t i = 0; i < 100 && client.ops->is_up(&client); i++) {
		sleep_ms(10);
		port_look(&client);
	}
	assert_false(client.ops->is_up(&client));
	if (!port_open(&conf[0], &server, why))
		fail_msg("%s", why);
	wait_for_link(&server, &client);
	b = frame_of("once more", NULL);
	assert_int_equal(portif_tx_burst(&client, 0, &b, 1), 1);
	expect_frame(&server, 0, "once more");
	close_both(&client, &server);
	unlink(socket);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* ---- virtio and vhost ---- */

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

static void *
take_and_give(void *arg)
{
	struct buf *b = buf_take(pool);

	*(bool *)arg = b != NULL;
	if (b != NULL)
		buf_give(b);
	return NULL;
}

static void
a_thread_of_ours_may_use_buffers(void **state)
{
	bool has_taken = false;
	pthread_t thread;

	(void)state;
	assert_true(port_thread_start("core-0", 0, take_and_give, &has_taken, &thread, why));
	pthread_join(thread, NULL);
	assert_true(has_taken);
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* All of it, in one thread, and nothing of the pool's. */
static void
a_reserve_gives_all_that_it_has(void **state)
{
	struct buf_pool *reserve = port_reserve_open(RESERVE, why);
	struct buf *b[RESERVE];

	(void)state;
	assert_non_null(reserve);
	assert_int_equal(buf_pool_size(reserve), RESERVE);
	for (uint32_t i = 0; i < RESERVE; i++) {
		b[i] = buf_take(reserve);
		assert_non_null(b[i]);
	}
	assert_null(buf_take(reserve));
	assert_int_equal(buf_pool_free_n(pool), BUFS);
	buf_give_burst(b, RESERVE);
	assert_int_equal(buf_pool_free_n(reserve), RESERVE);
	port_pool_close(reserve);
}

static int
open_env(void **state)
{
	struct port_env_conf conf = { .pool_bufs = BUFS + RESERVE, .extra_mib = 32 };
	struct port_env env;

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the data plane does: a peer may go while it is written to */
	if (!port_env_open(&conf, &env, why)) {
		fprintf(stderr, "%s\n", why);
		return -1;
	}
	pool = port_pool_open(BUFS, why);
	return pool != NULL ? 0 : -1;
}

static int
close_env(void **state)
{
	(void)state;
	port_pool_close(pool);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_taken_buffer_is_empty_and_sole),
		cmocka_unit_test(a_view_keeps_the_bytes_behind_it),
		cmocka_unit_test(a_count_more_is_a_give_more),
		cmocka_unit_test(a_burst_takes_all_or_none),
		cmocka_unit_test(a_reserve_gives_all_that_it_has),
		cmocka_unit_test(what_cannot_be_a_port_is_refused_in_words),
		cmocka_unit_test(a_server_removes_nothing_but_an_old_socket),
		cmocka_unit_test(memif_ports_carry_frames_both_ways),
		cmocka_unit_test(a_memif_client_connects_again),
		cmocka_unit_test(virtio_and_vhost_carry_large_packets_both_ways),
		cmocka_unit_test(offloads_that_may_not_be_used_are_done_without),
		cmocka_unit_test(a_full_virtio_ring_loses_nothing),
		cmocka_unit_test(a_driver_whose_backend_goes_is_down),
		cmocka_unit_test(a_driver_wants_its_backend_to_be_there),
		cmocka_unit_test(a_thread_of_ours_may_use_buffers),
	};

	return cmocka_run_group_tests_name("port", tests, open_env, close_env);
}
