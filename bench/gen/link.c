/*
 * link.c - a virtual network card: one memif (the server's end, so that the proxy may lend its
 * own buffers), its queues, bursts both ways, ARP.
 *
 * Nothing that the peer's ring has no room for is lost: it waits here, and while much waits
 * nothing more is received on the link. Memory is ordinary pages; the rings and buffers are the
 * peer's, which wants hugepages for them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "gen/gen.h"
#include "gen/packet.h"

enum {
	RING_LOG2 = 11,
	POOL_BUFS = 8191,
	POOL_CACHE = 256,
};

bool
link_environment(const struct gen_conf *conf)
{
	char text[11][48] = { "penstock-bench", "--no-huge", "--no-shconf", "--no-pci",
			      "--no-telemetry", "-m",	     "192",	    "--log-level=*:error",
			      "--iova-mode=va" };
	char *args[11], dir[64];
	int err;

	snprintf(text[9], sizeof(text[9]), "--file-prefix=penstock-bench-%d", (int)getpid());
	snprintf(text[10], sizeof(text[10]), "-l%u", conf->core);
	for (int i = 0; i < 11; i++)
		args[i] = text[i];
	err = rte_eal_init(11, args);
	snprintf(dir, sizeof(dir), "/var/run/dpdk/penstock-bench-%d", (int)getpid());
	rmdir(dir); /* empty with --no-shconf */
	rmdir("/var/run/dpdk");
	if (err < 0)
		fprintf(stderr, "penstock-bench: DPDK's environment: %s\n",
			rte_strerror(rte_errno));
	return err >= 0;
}

void
link_environment_close(void)
{
	rte_eal_cleanup();
}

bool
link_open(struct link *l, const char *name, const char *socket, const struct gen_conf *conf)
{
	struct rte_eth_conf eth = { 0 };
	char args[256], dev[32];
	int err;

	snprintf(dev, sizeof(dev), "net_memif_%s", name);
	snprintf(args, sizeof(args), "role=server,id=0,socket=%s,socket-abstract=no,rsize=%d",
		 socket, RING_LOG2);
	unlink(socket);
	l->pool = rte_pktmbuf_pool_create(name, POOL_BUFS, POOL_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  0);
	l->queues = (uint16_t)conf->queues;
	err = l->pool == NULL ? -ENOMEM : rte_eal_hotplug_add("vdev", dev, args);
	if (err == 0)
		err = rte_eth_dev_get_port_by_name(dev, &l->port);
	if (err == 0)
		err = rte_eth_dev_configure(l->port, l->queues, l->queues, &eth);
	for (uint16_t q = 0; err == 0 && q < l->queues; q++) {
		err = rte_eth_rx_queue_setup(l->port, q, 1 << RING_LOG2, 0, NULL, l->pool);
		if (err == 0)
			err = rte_eth_tx_queue_setup(l->port, q, 1 << RING_LOG2, 0, NULL);
	}
	if (err == 0)
		err = rte_eth_dev_start(l->port);
	if (err != 0)
		fprintf(stderr, "penstock-bench: the %s memif at %s: %s\n", name, socket,
			rte_strerror(-err));
	l->is_open = err == 0;
	return l->is_open;
}

void
link_close(struct link *l, const char *socket)
{
	if (!l->is_open)
		return;
	rte_eth_dev_stop(l->port);
	rte_eth_dev_close(l->port);
	unlink(socket);
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

static void
take_frame(struct gen *g, struct link *l, struct rte_mbuf *m,
	   void (*input)(struct gen *, const struct seg *))
{
	uint8_t line[2048];
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct seg s;

	l->rx_packets++;
	l->rx_bytes += m->pkt_len;
	if (m->nb_segs > 1)
		p = m->pkt_len <= sizeof(line) ? rte_pktmbuf_read(m, 0, m->pkt_len, line) : NULL;
	if (p == NULL)
		return;
	if (packet_read(l, p, m->pkt_len, &s))
		input(g, &s);
	else
		take_arp(l, p, m->pkt_len);
}

void
link_receive(struct gen *g, struct link *l, void (*input)(struct gen *, const struct seg *))
{
	struct rte_mbuf *in[BURST];

	for (uint16_t q = 0; q < l->queues && link_has_room(l); q++) {
		uint16_t n = rte_eth_rx_burst(l->port, q, in, BURST);

		for (uint16_t i = 0; i < n; i++) {
			if (i + 2 < n)
				__builtin_prefetch(rte_pktmbuf_mtod(in[i + 2], void *));
			take_frame(g, l, in[i], input);
		}
		if (n > 0)
			rte_pktmbuf_free_bulk(in, n);
		flow_pay_acks(l);
	}
}
