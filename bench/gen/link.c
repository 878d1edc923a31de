/*
 * link.c - a virtual network card: one device (device.c; a memif's server end, so that the proxy
 * may lend its own buffers), its queues, bursts both ways, ARP.
 *
 * Nothing that the peer's ring has no room for is lost: it waits here, and while much waits
 * nothing more is received on the link. Memory is ordinary pages; the rings and buffers are the
 * peer's, which wants hugepages for them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "gen/device.h"
#include "gen/gen.h"
#include "gen/packet.h"

enum {
	POOL_BUFS = 8191,
	POOL_CACHE = 256,
};

struct args {
	char text[16][64];
	char *v[16];
	int n;
};

static __attribute__((format(printf, 2, 3))) void
add(struct args *args, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(args->text[args->n], sizeof(args->text[0]), format, ap);
	va_end(ap);
	args->v[args->n] = args->text[args->n];
	args->n++;
}

/* Ordinary pages do, but for a card, which is also the only thing on PCI that we touch. */
static bool
add_cards(struct args *args, const struct gen_conf *conf)
{
	const char *spec[2] = { conf->is_client ? conf->outside : NULL,
				conf->is_origin ? conf->inside : NULL };
	bool has_card = false;

	for (int i = 0; i < 2; i++) {
		if (spec[i] == NULL || device_kind(spec[i]) != DEVICE_PCI)
			continue;
		add(args, "--allow=%s", device_place(spec[i]));
		has_card = true;
	}
	return has_card;
}

bool
link_environment(const struct gen_conf *conf)
{
	struct args args = { 0 };
	char prefix[32], dir[64];
	int err;

	snprintf(prefix, sizeof(prefix), "penstock-bench-%d", (int)getpid());
	add(&args, "penstock-bench");
	add(&args, "--no-shconf");
	add(&args, "--no-telemetry");
	add(&args, "--iova-mode=va");
	add(&args, "--log-level=*:error");
	add(&args, "--file-prefix=%s", prefix);
	add(&args, "-l%u", conf->core);
	if (!add_cards(&args, conf)) {
		add(&args, "--no-pci");
		add(&args, "--no-huge");
		add(&args, "-m");
		add(&args, "192");
	}
	err = rte_eal_init(args.n, args.v);
	snprintf(dir, sizeof(dir), "/var/run/dpdk/%s", prefix);
	rmdir(dir); /* empty with --no-shconf */
	rmdir("/var/run/dpdk");
	if (err < 0)
		fprintf(stderr, "penstock-bench: DPDK's environment: %s\n",
			rte_strerror(rte_errno));
	return err >= 0;
}

bool
link_open(struct link *l, const char *name, const char *spec, const char *role,
	  const struct gen_conf *conf)
{
	int err;

	l->pool = rte_pktmbuf_pool_create(name, POOL_BUFS, POOL_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  0);
	l->queues = (uint16_t)conf->queues;
	err = l->pool == NULL ? -ENOMEM : device_open(l, name, spec, role);
	if (err != 0)
		fprintf(stderr, "penstock-bench: the %s link %s: %s\n", name, spec,
			rte_strerror(-err));
	l->is_open = err == 0;
	return l->is_open;
}

void
link_close(struct link *l, const char *spec)
{
	if (l->is_open)
		device_close(l, spec);
}

bool
link_is_up(const struct link *l)
{
	struct rte_eth_link state = { 0 };

	return rte_eth_link_get_nowait(l->port, &state) == 0 &&
	       state.link_status == RTE_ETH_LINK_UP;
}

void
link_arp(struct link *l)
{
	l->large = device_large(l);
	packet_arp(l, NULL);
}

void
link_flush(struct link *l)
{
	l->fullest = 0;
	for (uint16_t i = 0; i < l->queues; i++) {
		struct link_queue *q = &l->queue[i];
		uint64_t bytes = 0;
		uint32_t sent;

		if (q->n == 0)
			continue;
		for (uint32_t k = 0; k < q->n; k++)
			bytes += q->out[k]->pkt_len;
		sent = rte_eth_tx_burst(l->port, i, q->out, (uint16_t)q->n);
		if (sent > q->n) /* the driver's -1 */
			sent = 0;
		for (uint32_t k = sent; k < q->n; k++)
			bytes -= q->out[k]->pkt_len;
		l->tx_packets += sent;
		l->tx_bytes += bytes;
		q->n -= sent;
		memmove(q->out, q->out + sent, q->n * sizeof(*q->out));
		if (q->n > l->fullest)
			l->fullest = q->n;
	}
}

/* Requests for an address of ours are answered, the proxy's own address is learnt from any. */
static void
take_arp(struct link *l, const uint8_t *p, uint32_t n)
{
	uint32_t sender, target;

	if (n < 42 || p[12] != 8 || p[13] != 6)
		return;
	memcpy(&sender, p + 28, 4);
	memcpy(&target, p + 38, 4);
	if (sender == l->proxy) {
		memcpy(l->peer, p + 22, 6);
		l->knows_peer = true;
	}
	if (p[21] == 1 && target != l->proxy && ((target ^ l->net) & rte_cpu_to_be_32(~0xffu)) == 0)
		packet_arp(l, p);
}

/* The frame's bytes in one piece, in `line` when they were not; NULL: too many. */
static const uint8_t *
bytes_of(struct rte_mbuf *m, uint8_t *line, uint32_t line_n)
{
	if (m->nb_segs == 1)
		return rte_pktmbuf_mtod(m, const uint8_t *);
	return m->pkt_len <= line_n ? rte_pktmbuf_read(m, 0, m->pkt_len, line) : NULL;
}

/*
 * Two passes over a burst: by the time a segment is looked at, its flow is in the cache. Between
 * them a flow may end, which its role tells by the addresses.
 */
static void
take_burst(struct gen *g, struct link *l, struct rte_mbuf **in, uint16_t n, const struct role *role)
{
	static uint8_t line[BURST][2048];
	struct flow *flow[BURST];
	struct seg seg[BURST];

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *p = bytes_of(in[i], line[i], sizeof(line[i]));

		if (i + 4 < n)
			__builtin_prefetch(rte_pktmbuf_mtod(in[i + 4], void *));
		flow[i] = NULL;
		l->rx_packets++;
		l->rx_bytes += in[i]->pkt_len;
		if (p == NULL)
			continue;
		l->is_summed = (in[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) !=
			       RTE_MBUF_F_RX_L4_CKSUM_NONE;
		if (!packet_read(l, p, in[i]->pkt_len, &seg[i])) {
			take_arp(l, p, in[i]->pkt_len);
			continue;
		}
		if (role == NULL)
			continue;
		flow[i] = role->find(g, &seg[i]);
		__builtin_prefetch(flow[i]);
		__builtin_prefetch((const char *)flow[i] + 64);
	}
	for (uint16_t i = 0; i < n; i++)
		if (flow[i] != NULL)
			role->input(g, flow[i], &seg[i]);
}

void
link_receive(struct gen *g, struct link *l, const struct role *role)
{
	struct rte_mbuf *in[BURST];

	for (uint16_t q = 0; q < l->queues && link_has_room(l); q++) {
		uint16_t n = rte_eth_rx_burst(l->port, q, in, BURST);

		if (n == 0)
			continue;
		take_burst(g, l, in, n, role);
		rte_pktmbuf_free_bulk(in, n);
		flow_pay_acks(l);
	}
}
