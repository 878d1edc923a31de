/*
 * test_port.c - the mempool backing of buffers, and ports: two memif ports of one process, joined.
 * Runs on ordinary pages and needs no rights.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port/own.h"
#include "stand.h"

enum {
	RESERVE = 100, /* of STAND_MORE */
};

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
	conf.device_kind = IMG_DEVICE_PCI; /* the environment was allowed no card */
	assert_false(port_open(&conf, &port, why));
	assert_non_null(strstr(why, "DPDK does not take no-such-if"));
}

/* Before DPDK hears of it, which would take some cards away from a driver that works with them. */
static void
a_card_that_the_kernel_has_is_left_to_it(void **state)
{
	char driver[300], address[sizeof("0000:00:00.0")] = "";
	DIR *dir = opendir("/sys/bus/pci/devices");
	const struct dirent *entry;

	(void)state;
	assert_false(port_card_check("out", "ffff:ff:1f.7", why));
	assert_non_null(strstr(why, "port out: there is no PCI device ffff:ff:1f.7"));
	while (dir != NULL && address[0] == '\0' && (entry = readdir(dir)) != NULL) {
		snprintf(driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver/module",
			 entry->d_name);
		if (access(driver, F_OK) == 0)
			snprintf(address, sizeof(address), "%.12s", entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (address[0] != '\0' && !port_card_check("out", address, why))
		assert_non_null(strstr(why, "vfio-pci"));
}

/* DPDK's null device in a card's place, whose key nobody knows: queues are as many as lanes. */
static void
a_card_that_tells_no_key_is_spread_in_software(void **state)
{
	struct port_conf conf = { .name = "out",
				  .device_kind = IMG_DEVICE_PCI,
				  .device = "net_null0",
				  .queues_max = 4,
				  .pool = pool };
	struct portif port;
	struct buf *frame;

	(void)state;
	for (uint16_t queues = 0; queues < 3; queues++) {
		conf.queues = queues;
		assert_int_equal(rte_eal_hotplug_add("vdev", "net_null0", "size=64"), 0);
		if (!port_open(&conf, &port, why))
			fail_msg("%s", why);
		assert_int_equal(port.facts.queue_n, queues != 0 ? queues : 4);
		assert_int_equal(port.facts.key_n, 0);
		assert_int_equal(port.facts.burst_least, 32);
		assert_false(port.facts.csum_tx || port.facts.csum_rx || port.facts.tso);
		assert_string_equal(port_driver(&port), "net_null");
		for (uint16_t q = 0; q < port.facts.queue_n; q++) {
			assert_int_equal(portif_rx_burst(&port, q, &frame, 1), 1);
			assert_int_equal(portif_tx_burst(&port, q, &frame, 1), 1);
		}
		port_close(&port);
		rte_eal_hotplug_remove("vdev", "net_null0");
		assert_int_equal(buf_pool_free_n(pool), BUFS);
	}
}

enum {
	PIECES_MOST = 2
};

/* As the drivers of cards do whose descriptors a packet may have so many of. */
static uint16_t
two_pieces_at_most(void *queue, struct rte_mbuf **packet, uint16_t n)
{
	(void)queue;
	for (uint16_t i = 0; i < n; i++) {
		if (packet[i]->nb_segs > PIECES_MOST) {
			rte_errno = EINVAL;
			return i;
		}
	}
	return n;
}

static struct buf *
frame_in_pieces(uint16_t pieces)
{
	struct buf *frame = buf_take(pool);

	memset(buf_append(frame, 64), 0x11, 64);
	for (uint16_t i = 1; i < pieces; i++) {
		struct buf *piece = buf_take(pool);

		memset(buf_append(piece, 64), 0x11, 64);
		assert_int_equal(rte_pktmbuf_chain(&frame->m, &piece->m), 0);
	}
	return frame;
}

/* The others of the burst leave, in front of it and behind. */
static void
a_frame_that_a_cards_driver_refuses_is_made_one_piece_or_dropped(void **state)
{
	struct port_conf conf = { .name = "out",
				  .device_kind = IMG_DEVICE_PCI,
				  .device = "net_null0",
				  .queues_max = 1,
				  .pool = pool };
	struct buf *frame[] = { frame_in_pieces(2), frame_in_pieces(3), frame_in_pieces(1),
				frame_in_pieces(3), frame_in_pieces(1) };
	struct port_stats stats;
	struct portif port;
	uint16_t id;

	(void)state;
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_null0", "size=64"), 0);
	if (!port_open(&conf, &port, why))
		fail_msg("%s", why);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
	rte_eth_fp_ops[id].tx_pkt_prepare = two_pieces_at_most;
	((struct port *)port.self)->must_linearise = false; /* it only does not say so */
	frame[3]->m.ol_flags |= RTE_MBUF_F_TX_TCP_SEG;	    /* too long for one piece, as a rule */
	assert_int_equal(portif_tx_burst(&port, 0, frame, 5), 5);
	port_stats(&port, &stats);
	assert_int_equal(stats.tx_packets, 4);
	assert_int_equal(stats.linearised, 1);
	assert_int_equal(stats.unsendable, 1);
	port_close(&port);
	rte_eal_hotplug_remove("vdev", "net_null0");
	assert_int_equal(buf_pool_free_n(pool), BUFS);
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
	assert_int_equal(port_thread_start("core-0", 0, take_and_give, &has_taken, &thread, why),
			 0);
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

/* What control writes into an image is not believed: no driver that runs commands is asked for. */
static void
device_whose_driver_runs_commands_is_refused(void **state)
{
	static const char *const device[] = { "net_failsafe0,exec(true)", "eth_failsafe1",
					      "net_vdev_netvsc0,iface=lo" };

	(void)state;
	for (uint32_t i = 0; i < sizeof(device) / sizeof(device[0]); i++) {
		struct port_conf conf = { .name = "p",
					  .device_kind = IMG_DEVICE_VDEV,
					  .device = device[i],
					  .queues = 1,
					  .pool = pool };
		struct portif port;

		assert_false(port_open(&conf, &port, why));
		assert_non_null(strstr(why, "is refused"));
	}
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
		cmocka_unit_test(a_card_that_the_kernel_has_is_left_to_it),
		cmocka_unit_test(a_card_that_tells_no_key_is_spread_in_software),
		cmocka_unit_test(a_frame_that_a_cards_driver_refuses_is_made_one_piece_or_dropped),
		cmocka_unit_test(a_server_removes_nothing_but_an_old_socket),
		cmocka_unit_test(memif_ports_carry_frames_both_ways),
		cmocka_unit_test(a_memif_client_connects_again),
		cmocka_unit_test(a_thread_of_ours_may_use_buffers),
		cmocka_unit_test(device_whose_driver_runs_commands_is_refused),
	};

	return cmocka_run_group_tests_name("port", tests, open_env, close_env);
}
