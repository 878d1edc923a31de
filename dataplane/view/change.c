/*
 * change.c - what of an image applies to a running data plane, and what waits for a restart.
 *
 * Ports are numbered by the image in force at start: an image with other ports cannot be run by
 * this process at all. Everything sized or timed once at start waits; the rest applies.
 */
#include "view/view.h"

#include <string.h>

const char *
view_change_name(enum view_change change)
{
	static const char *const at[] = {
#define X(name, word) #word,
		VIEW_CHANGE_LIST(X)
#undef X
	};

	return (uint32_t)change < sizeof(at) / sizeof(at[0]) ? at[change] : "unknown";
}

static bool
is_same_text(const struct img *a, struct img_str x, const struct img *b, struct img_str y)
{
	return x.n == y.n && memcmp(img_text(a, x), img_text(b, y), x.n) == 0;
}

/* The first thing that makes them other ports, NULL: the same ones. */
static const char *
other_port(const struct img *a, const struct img *b)
{
	if (img_n(a, IMG_PORTS) != img_n(b, IMG_PORTS))
		return "ports";
	for (uint32_t i = 0; i < img_n(a, IMG_PORTS); i++) {
		const struct img_port *p = img_port(a, i), *q = img_port(b, i);

		if (!is_same_text(a, p->name, b, q->name))
			return "ports.name";
		if (p->kind != q->kind || p->role != q->role || p->link_id != q->link_id ||
		    !is_same_text(a, p->device, b, q->device))
			return "ports.device";
	}
	return NULL;
}

/* The first setting of a port that only its start can take. */
static const char *
waiting_port(const struct img *a, const struct img *b)
{
	for (uint32_t i = 0; i < img_n(a, IMG_PORTS); i++) {
		const struct img_port *p = img_port(a, i), *q = img_port(b, i);

		if (p->queues != q->queues)
			return "ports.queues";
		if (p->mtu != q->mtu)
			return "ports.mtu";
		if (p->rx_ring_n != q->rx_ring_n || p->tx_ring_n != q->tx_ring_n)
			return "ports.rings";
		if (memcmp(p->mac, q->mac, sizeof(p->mac)) != 0)
			return "ports.mac";
		if (p->rss_key_n != q->rss_key_n ||
		    memcmp(p->rss_key, q->rss_key, sizeof(p->rss_key)) != 0)
			return "ports.rss_key";
		if (p->flags != q->flags)
			return "ports.flags";
		if (p->hop_limit != q->hop_limit || p->dscp != q->dscp)
			return "ports.ip_header";
	}
	return NULL;
}

static const char *
waiting_cores(const struct img *a, const struct img *b)
{
	if (img_n(a, IMG_CORES) != img_n(b, IMG_CORES))
		return "machine.cores";
	for (uint32_t i = 0; i < img_n(a, IMG_CORES); i++) {
		if (img_core(a, i)->cpu != img_core(b, i)->cpu)
			return "machine.cores";
	}
	return NULL;
}

/* Boards keep their size, so only a wish for more room waits. */
static const char *
waiting_machine(const struct img *start, const struct img *next)
{
	const struct img_machine *a = img_machine(start), *b = img_machine(next);
	uint32_t flags = IMG_MACHINE_HUGEPAGES;

	if (a->lanes != b->lanes)
		return "machine.lanes";
	if (a->poll != b->poll)
		return "machine.poll";
	if ((a->flags & flags) != (b->flags & flags))
		return "machine.hugepages";
	if (a->memory_mib != b->memory_mib)
		return "machine.memory";
	if (a->conns_max != b->conns_max)
		return "machine.conns_max";
	if (a->exchanges_max != b->exchanges_max)
		return "machine.exchanges_max";
	if (a->backlog_max != b->backlog_max)
		return "machine.backlog_max";
	if (a->server_slots < b->server_slots)
		return "machine.server_slots";
	if (a->journal_bytes != b->journal_bytes)
		return "machine.journal_bytes";
	if (a->send_max_bytes != b->send_max_bytes || a->recv_max_bytes != b->recv_max_bytes)
		return "machine.tcp_buffers";
	if (a->time_wait_ns != b->time_wait_ns || a->keepalive_idle_ns != b->keepalive_idle_ns ||
	    a->user_timeout_ns != b->user_timeout_ns)
		return "machine.tcp_timeouts";
	if (a->congestion != b->congestion || ((a->flags ^ b->flags) & IMG_MACHINE_OFFERS_ECN) != 0)
		return "machine.tcp_congestion";
	return NULL;
}

enum view_change
view_change(const struct img *start, const struct img *next, const char **ret_part)
{
	const char *part = other_port(start, next);

	if (part != NULL) {
		*ret_part = part;
		return VIEW_CHANGE_PORTS;
	}
	part = waiting_cores(start, next);
	if (part == NULL)
		part = waiting_machine(start, next);
	if (part == NULL)
		part = waiting_port(start, next);
	if (part == NULL)
		return VIEW_CHANGE_LIVE;
	*ret_part = part;
	return VIEW_CHANGE_AT_RESTART;
}
