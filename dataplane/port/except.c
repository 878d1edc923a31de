/*
 * except.c - the kernel's side of a port's exception path: an interface of the kernel's with the
 * port's MAC and MTU, and the thread that carries frames between it and the lanes' rings
 * (lane/except.h). Frames pass as they are: neither side leaves checksums or cuts to the other.
 *
 * The thread takes TAKE frames of each ring, looks at the interface, and rests for a millisecond
 * unless the kernel sends: a flood costs it so much and no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lane/except.h"
#include "port/port.h"
#include "port/tap.h"

enum {
	TAKE = EXCEPT_RING, /* of a ring, a round */
	REST_MS = 1,
	REST_LONG_MS = 4, /* once nothing has come for IDLE_ROUNDS */
	IDLE_ROUNDS = 1000,
};

_Static_assert(sizeof(((struct except *)NULL)->interface) == IF_NAMESIZE, "every name fits");

struct port_except {
	struct except except; /* first: the lanes' part */
	struct tap tap;
	uint64_t unsent; /* the thread's: frames for which the interface had no room */
	uint16_t path, queue_n;
	pthread_t thread;
	_Atomic bool is_ending;
};

static struct port_except *
whole(struct except *except)
{
	return (struct port_except *)except;
}

/* ---- the thread ---- */

static uint32_t
to_kernel(struct port_except *e, uint16_t queue)
{
	struct buf *frame[BURST_MAX];
	uint32_t done = 0, n, sent;

	do {
		n = spsc_get(e->except.queue[queue].to_kernel, (void **)frame, BURST_MAX);
		sent = tap_send(&e->tap, 0, frame, n);
		buf_give_burst(&frame[sent], n - sent);
		e->unsent += n - sent;
		done += n;
	} while (n == BURST_MAX && done < TAKE);
	return done;
}

/* Frames as a port would have received them. A ring that is full leaves the rest to the kernel. */
static uint32_t
from_kernel(struct port_except *e)
{
	struct buf *frame[BURST_MAX];
	uint32_t n;

	if (spsc_n(e->except.from_kernel) > EXCEPT_RING - BURST_MAX)
		return 0;
	n = tap_receive(&e->tap, 0, frame, BURST_MAX);
	for (uint32_t i = 0; i < n; i++) {
		struct buf *b = frame[i];

		b->link = NULL;
		b->at = b->n = 0;
		b->path = e->path;
		b->l3_off = 0;
		b->hash = 0;
		b->tag = 0;
		b->sum_n = 0;
	}
	if (spsc_put(e->except.from_kernel, (void **)frame, n) < n)
		ensure(!"a ring with room");
	return n;
}

static void
tell(struct port_except *e)
{
	const struct tap_count *count = &e->tap.queue[0].count;
	struct except_count *to = &e->except.count;

	atomic_store_explicit(&to->to_kernel_packets, count->tx_packets, memory_order_relaxed);
	atomic_store_explicit(&to->to_kernel_bytes, count->tx_bytes, memory_order_relaxed);
	atomic_store_explicit(&to->from_kernel_packets, count->rx_packets, memory_order_relaxed);
	atomic_store_explicit(&to->from_kernel_bytes, count->rx_bytes, memory_order_relaxed);
	atomic_store_explicit(&to->refused, e->unsent + count->tx_errors, memory_order_relaxed);
}

static void *
carry(void *arg)
{
	struct port_except *e = arg;
	bool is_ready = false;
	uint32_t idle = 0;

	while (!atomic_load_explicit(&e->is_ending, memory_order_acquire)) {
		bool has_room = spsc_n(e->except.from_kernel) <= EXCEPT_RING - BURST_MAX;
		uint32_t moved = from_kernel(e);
		/* Said to be ready, and nothing came: no buffer, or the interface is gone. */
		bool is_heard = has_room && (moved > 0 || !is_ready);
		struct pollfd fd = { .fd = is_heard ? e->tap.queue[0].fd : -1, .events = POLLIN };

		for (uint16_t q = 0; q < e->queue_n; q++)
			moved += to_kernel(e, q);
		if (moved > 0)
			tell(e);
		idle = moved > 0 ? 0 : idle + (idle < IDLE_ROUNDS);
		is_ready = poll(&fd, 1, idle < IDLE_ROUNDS ? REST_MS : REST_LONG_MS) > 0;
	}
	return NULL;
}

/* ---- opening and closing ---- */

static struct spsc *
make_ring(void)
{
	void *mem = aligned_alloc(64, spsc_size(EXCEPT_RING));

	ensure(mem != NULL);
	return spsc_init(mem, EXCEPT_RING);
}

static void
drop_ring(struct spsc *ring)
{
	void *frame;

	while (spsc_get(ring, &frame, 1) == 1)
		buf_give(frame);
	free(ring);
}

void
port_except_serve(struct portif *port, const struct img *img, uint16_t path, struct view_set *views)
{
	struct except_table *table;
	struct mac mac;

	if (port->except == NULL)
		return;
	table = calloc(1, sizeof(*table));
	ensure(table != NULL);
	memcpy(mac.b, port->facts.mac, sizeof(mac.b));
	ours_take(&table->ours, img, path, &mac);
	if (!except_serve(port->except, table, views))
		free(table);
}

void
port_except_retire(struct portif *port, const struct view_set *views)
{
	struct except_table *table;

	while (port->except != NULL && (table = except_retire(port->except, views)) != NULL)
		free(table);
}

static void
free_tables(struct except_table *table)
{
	while (table != NULL) {
		struct except_table *older = table->older;

		free(table);
		table = older;
	}
}

static void
dispose(struct port_except *e)
{
	tap_close(&e->tap);
	for (uint16_t q = 0; q < e->queue_n; q++)
		drop_ring(e->except.queue[q].to_kernel);
	drop_ring(e->except.from_kernel);
	free_tables(e->except.replaced);
	free(e->except.table);
	free(e);
}

bool
port_except_open(struct portif *port, const struct port_except_conf *conf, char *why)
{
	struct port_except *e = aligned_alloc(64, (sizeof(*e) + 63) / 64 * 64);
	struct tap_conf tap = { .port = port->facts.name,
				.interface = conf->interface,
				.queue_n = 1,
				.mtu = port->facts.mtu,
				.kernel_mac = port->facts.mac,
				.pool = conf->pool };

	ensure(e != NULL);
	memset(e, 0, sizeof(*e));
	e->path = conf->path;
	snprintf(e->except.interface, sizeof(e->except.interface), "%s", conf->interface);
	if (!tap_open(&e->tap, &tap, why)) {
		free(e);
		return false;
	}
	e->queue_n = port->facts.queue_n;
	for (uint16_t q = 0; q < e->queue_n; q++)
		e->except.queue[q].to_kernel = make_ring();
	e->except.from_kernel = make_ring();
	port->except = &e->except;
	port_except_serve(port, conf->img, conf->path, conf->views);
	if (port_thread_start("except", -1, carry, e, &e->thread, why) != 0) {
		port->except = NULL;
		dispose(e);
		return false;
	}
	port->facts.ring_bufs += (uint32_t)EXCEPT_RING * (e->queue_n + 1u);
	return true;
}

void
port_except_close(struct portif *port)
{
	struct port_except *e;

	if (port->except == NULL)
		return;
	e = whole(port->except);
	atomic_store_explicit(&e->is_ending, true, memory_order_release);
	pthread_join(e->thread, NULL);
	port->except = NULL;
	dispose(e);
}
