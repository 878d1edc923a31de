/*
 * spreader.c - a network card in software: a memif server with several queues on one side, an
 * interface (AF_PACKET) on the other. What comes from the interface is spread over the queues by
 * the Toeplitz hash of addresses and ports under a key, as receive-side scaling does; what comes
 * from the queues goes out by the interface. With --wrong it spreads by queue + 1.
 *
 *   spreader --iface IFACE --memif SOCKET --queues N [--id ID] [--key HEX] [--wrong]
 *
 * Prints "ready" when both sides are open and runs until SIGTERM or SIGINT; then a line of counts.
 * The hash is DPDK's (rte_softrss), so that it judges Penstock's own.
 */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_thash.h>

enum {
	BURST = 32,
	QUEUES_MAX = 16,
	POOL_BUFS = 16384,
	RING = 2048,
	RETA = 128,
	KEY = 40,
	IDLE_ROUNDS = 200, /* without a packet, before it sleeps */
};

struct spreader {
	const char *iface, *memif;
	uint16_t queues, id;
	uint8_t key[KEY];
	bool is_wrong;
	uint16_t wire, cards; /* DPDK's ports: the interface and the memif */
	uint64_t to_queue[QUEUES_MAX], to_wire, dropped;
};

static volatile sig_atomic_t is_over;

static void
on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "spreader: %s\n", what);
	exit(1);
}

/* ---- the hash ---- */

static uint32_t
hash_ip4(const struct spreader *s, const struct rte_mbuf *m, uint32_t off)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const void *, off);
	const struct rte_tcp_hdr *tcp;
	struct rte_ipv4_tuple t;

	if (m->data_len < off + sizeof(*ip) + 4 || ip->next_proto_id != IPPROTO_TCP ||
	    (rte_be_to_cpu_16(ip->fragment_offset) & 0x3fff) != 0)
		return 0;
	tcp = (const void *)((const uint8_t *)ip + rte_ipv4_hdr_len(ip));
	t.src_addr = rte_be_to_cpu_32(ip->src_addr);
	t.dst_addr = rte_be_to_cpu_32(ip->dst_addr);
	t.sport = rte_be_to_cpu_16(tcp->src_port);
	t.dport = rte_be_to_cpu_16(tcp->dst_port);
	return rte_softrss((uint32_t *)&t, RTE_THASH_V4_L4_LEN, s->key);
}

static uint32_t
hash_ip6(const struct spreader *s, const struct rte_mbuf *m, uint32_t off)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const void *, off);
	const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);
	union rte_thash_tuple t;

	if (m->data_len < off + sizeof(*ip) + 4 || ip->proto != IPPROTO_TCP)
		return 0;
	rte_thash_load_v6_addrs(ip, &t);
	t.v6.sport = rte_be_to_cpu_16(tcp->src_port);
	t.v6.dport = rte_be_to_cpu_16(tcp->dst_port);
	return rte_softrss((uint32_t *)&t, RTE_THASH_V6_L4_LEN, s->key);
}

static uint16_t
queue_of(const struct spreader *s, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const void *);
	uint16_t type = rte_be_to_cpu_16(eth->ether_type);
	uint32_t off = sizeof(*eth), hash = 0;

	if (type == RTE_ETHER_TYPE_VLAN) {
		const struct rte_vlan_hdr *tag = (const void *)(eth + 1);

		type = rte_be_to_cpu_16(tag->eth_proto);
		off += (uint32_t)sizeof(*tag);
	}
	if (type == RTE_ETHER_TYPE_IPV4)
		hash = hash_ip4(s, m, off);
	else if (type == RTE_ETHER_TYPE_IPV6)
		hash = hash_ip6(s, m, off);
	return (uint16_t)((hash % RETA + (s->is_wrong && hash != 0)) % s->queues);
}

/* ---- carrying ---- */

/* A full ring is waited for a little, as a card's own memory would. */
static uint32_t
send_all(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint32_t n)
{
	uint32_t sent = 0;

	for (uint32_t i = 0; i < 20 && sent < n; i++)
		sent += rte_eth_tx_burst(port, queue, m + sent, (uint16_t)(n - sent));
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	return sent;
}

static bool
carry_in(struct spreader *s)
{
	struct rte_mbuf *m[BURST], *to[QUEUES_MAX][BURST];
	uint32_t to_n[QUEUES_MAX] = { 0 };
	uint32_t n = rte_eth_rx_burst(s->wire, 0, m, BURST);

	for (uint32_t i = 0; i < n; i++) {
		uint16_t q = queue_of(s, m[i]);

		to[q][to_n[q]++] = m[i];
	}
	for (uint16_t q = 0; q < s->queues; q++) {
		uint32_t sent = to_n[q] > 0 ? send_all(s->cards, q, to[q], to_n[q]) : 0;

		s->to_queue[q] += sent;
		s->dropped += to_n[q] - sent;
	}
	return n > 0;
}

static bool
carry_out(struct spreader *s)
{
	bool found = false;

	for (uint16_t q = 0; q < s->queues; q++) {
		struct rte_mbuf *m[BURST];
		uint32_t n = rte_eth_rx_burst(s->cards, q, m, BURST);
		uint32_t sent = n > 0 ? send_all(s->wire, 0, m, n) : 0;

		s->to_wire += sent;
		s->dropped += n - sent;
		found |= n > 0;
	}
	return found;
}

/* ---- opening ---- */

static uint16_t
open_port(const char *name, uint16_t queues, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { .txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS };
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(name, &port) != 0 ||
	    rte_eth_dev_configure(port, queues, queues, &conf) != 0)
		die(name);
	for (uint16_t q = 0; q < queues; q++) {
		if (rte_eth_rx_queue_setup(port, q, RING, SOCKET_ID_ANY, NULL, pool) != 0 ||
		    rte_eth_tx_queue_setup(port, q, RING, SOCKET_ID_ANY, NULL) != 0)
			die(name);
	}
	if (rte_eth_dev_start(port) != 0)
		die(name);
	rte_eth_promiscuous_enable(port);
	return port;
}

static void
open_all(struct spreader *s)
{
	char prefix[64], packet[256], memif[512], dir[128];
	char fixed[7][24] = { "spreader",	"--no-huge", "--no-shconf", "--no-pci",
			      "--no-telemetry", "-m",	     "128" };
	char quiet[] = "--log-level=*:error", iova[] = "--iova-mode=va";
	char *args[] = { fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], fixed[5],
			 fixed[6], quiet,    iova,     prefix,	 packet,   memif };
	struct rte_mempool *pool;

	snprintf(prefix, sizeof(prefix), "--file-prefix=spreader-%d", (int)getpid());
	snprintf(packet, sizeof(packet),
		 "--vdev=net_af_packet0,iface=%s,blocksz=65536,framesz=2048,framecnt=%d,"
		 "qdisc_bypass=1",
		 s->iface, RING);
	snprintf(memif, sizeof(memif),
		 "--vdev=net_memif0,role=server,id=%u,socket=%s,socket-abstract=no,rsize=11", s->id,
		 s->memif);
	unlink(s->memif);
	if (rte_eal_init((int)RTE_DIM(args), args) < 0)
		die("DPDK does not start");
	snprintf(dir, sizeof(dir), "/var/run/dpdk/spreader-%d", (int)getpid());
	rmdir(dir);
	rmdir("/var/run/dpdk");
	pool = rte_pktmbuf_pool_create("spreader", POOL_BUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		die("no memory");
	s->wire = open_port("net_af_packet0", 1, pool);
	s->cards = open_port("net_memif0", s->queues, pool);
}

static void
parse_key(struct spreader *s, const char *hex)
{
	memset(s->key, 0, sizeof(s->key));
	for (uint32_t i = 0; i < KEY && strlen(hex) >= 2; i++, hex += 2) {
		unsigned int v;

		if (sscanf(hex, "%2x", &v) != 1)
			die("--key is not hexadecimal");
		s->key[i] = (uint8_t)v;
	}
}

static void
parse(struct spreader *s, int argc, char **argv)
{
	static const struct option options[] = {
		{ "iface", 1, NULL, 'i' }, { "memif", 1, NULL, 'm' }, { "queues", 1, NULL, 'q' },
		{ "id", 1, NULL, 'd' },	   { "key", 1, NULL, 'k' },   { "wrong", 0, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			s->iface = optarg;
			break;
		case 'm':
			s->memif = optarg;
			break;
		case 'q':
			s->queues = (uint16_t)atoi(optarg);
			break;
		case 'd':
			s->id = (uint16_t)atoi(optarg);
			break;
		case 'k':
			parse_key(s, optarg);
			break;
		case 'w':
			s->is_wrong = true;
			break;
		default:
			die("unknown option");
		}
	}
	if (s->iface == NULL || s->memif == NULL || s->queues < 1 || s->queues > QUEUES_MAX)
		die("--iface IFACE --memif SOCKET --queues 1-16 [--id ID] [--key HEX] [--wrong]");
}

int
main(int argc, char **argv)
{
	/* Microsoft's key, which most cards have out of the box. */
	static struct spreader s = {
		.queues = 1,
		.key = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
			 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
			 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
			 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa },
	};
	const struct timespec nap = { .tv_nsec = 50000 };
	uint32_t idle = 0;

	parse(&s, argc, argv);
	open_all(&s);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	puts("ready");
	fflush(stdout);
	while (!is_over) {
		bool found = carry_in(&s);

		found |= carry_out(&s);
		idle = found ? 0 : idle + 1;
		if (idle > IDLE_ROUNDS)
			nanosleep(&nap, NULL);
	}
	for (uint16_t q = 0; q < s.queues; q++)
		printf("queue %u: %llu\n", q, (unsigned long long)s.to_queue[q]);
	printf("wire: %llu, dropped: %llu\n", (unsigned long long)s.to_wire,
	       (unsigned long long)s.dropped);
	rte_eth_dev_stop(s.cards);
	rte_eth_dev_close(s.cards);
	rte_eth_dev_stop(s.wire);
	rte_eth_dev_close(s.wire);
	unlink(s.memif);
	return 0;
}
