/*
 * guest.c - the other end of a virtio or vhost port, in front of a kernel interface: a switch that
 * leaves large packets large and checksums undone, both ways, where both ends agree. With --backend
 * it is the vhost-user backend of a virtio port, with --driver the driver of a vhost port, whose
 * socket it waits for.
 *
 *   guest --iface IFACE --backend|--driver SOCKET [--queues N]
 *
 * Prints "ready" when both sides are open and runs until SIGTERM or SIGINT; then a line of counts
 * for each direction: packets, those that are to be cut, those without a checksum, bytes, dropped;
 * and how many packets each queue of the port has got.
 * What is to be cut is told to the kernel by its own virtio header (PACKET_VNET_HDR). A VLAN tag,
 * which the kernel tells beside the frame, is put back. Flows are spread over the queues.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

enum {
	BURST = 32,
	POOL_BUFS = 8192,
	RING = 1024,
	PACKET_MAX = 65535 + 64,
	SOCKET_ROOM = 16 << 20,
	IDLE_ROUNDS = 200, /* without a packet, before it sleeps */
	QUEUES_MOST = 16,
	WAIT_TENTHS = 300, /* for the backend's socket */
};

struct count {
	uint64_t packets, large, unsummed, bytes, dropped;
};

struct guest {
	const char *iface, *socket;
	bool is_driver;
	int fd;
	uint16_t port, queue_n;
	struct rte_mempool *pool;
	struct count to_kernel, to_port;
	uint64_t to_queue[QUEUES_MOST];
	uint8_t bytes[PACKET_MAX];
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
	fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Where the headers of a TCP packet lie; false: it is no such packet. */
struct place {
	uint16_t l3, l4, payload;
	bool is_v6;
};

static bool
place_of(const uint8_t *p, uint32_t n, struct place *ret_place)
{
	const struct rte_ether_hdr *eth = (const void *)p;
	struct place at = { .l3 = sizeof(*eth) };
	const struct rte_ipv4_hdr *ip4 = (const void *)(p + at.l3);
	const struct rte_ipv6_hdr *ip6 = (const void *)(p + at.l3);

	at.is_v6 = eth->ether_type == htons(RTE_ETHER_TYPE_IPV6);
	if (!at.is_v6 && eth->ether_type != htons(RTE_ETHER_TYPE_IPV4))
		return false;
	if (n < at.l3 + (at.is_v6 ? sizeof(*ip6) : sizeof(*ip4)) + sizeof(struct rte_tcp_hdr))
		return false;
	if ((at.is_v6 ? ip6->proto : ip4->next_proto_id) != IPPROTO_TCP)
		return false;
	at.l4 = (uint16_t)(at.l3 + (at.is_v6 ? sizeof(*ip6) : rte_ipv4_hdr_len(ip4)));
	at.payload = (uint16_t)(at.l4 + (p[at.l4 + 12] >> 4) * 4u);
	*ret_place = at;
	return true;
}

/* ---- from the kernel ---- */

static struct rte_mbuf *
chain_of(struct guest *g, uint32_t n)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t done = 0; done < n;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(g->pool);
		uint32_t room;

		if (m == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		room = rte_pktmbuf_tailroom(m);
		room = room < n - done ? room : n - done;
		memcpy(rte_pktmbuf_append(m, (uint16_t)room), g->bytes + done, room);
		if (head == NULL)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
		done += room;
	}
	return head;
}

/* What the kernel left undone, in DPDK's words. */
static void
ask(struct guest *g, const struct virtio_net_hdr *hdr, struct rte_mbuf *m)
{
	struct place at;

	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || !place_of(g->bytes, m->pkt_len, &at))
		return;
	m->l2_len = at.l3;
	m->l3_len = (uint64_t)(at.l4 - at.l3) & 0x1ff;
	m->l4_len = (uint64_t)(at.payload - at.l4) & 0xff;
	m->ol_flags |=
		RTE_MBUF_F_TX_TCP_CKSUM | (at.is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
	g->to_port.unsummed++;
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = hdr->gso_size;
	g->to_port.large++;
}

/* Where the kernel took a tag off, it says so in the message's ancillary part. */
static uint32_t
retag(struct guest *g, struct msghdr *message, uint32_t n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct tpacket_auxdata aux;
		uint16_t tag[2];

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0 || n + 4 > sizeof(g->bytes))
			continue;
		tag[0] = htons(aux.tp_vlan_tpid);
		tag[1] = htons(aux.tp_vlan_tci);
		memmove(g->bytes + 16, g->bytes + 12, n - 12);
		memcpy(g->bytes + 12, tag, sizeof(tag));
		return n + 4;
	}
	return n;
}

/* By the last bytes of the source, IPv4's or another's, and TCP's ports. */
static uint16_t
queue_of(const struct guest *g, uint32_t n)
{
	struct place at;
	uint32_t mix = g->bytes[29];

	if (place_of(g->bytes, n, &at))
		mix += g->bytes[at.l4 + 1] + 256u * g->bytes[at.l4 + 3];
	return (uint16_t)((mix * 0x9e3779b1u >> 16) % g->queue_n);
}

static bool
carry_in(struct guest *g)
{
	bool found = false;

	for (uint32_t i = 0; i < BURST; i++) {
		struct virtio_net_hdr hdr;
		struct iovec part[2] = { { &hdr, sizeof(hdr) }, { g->bytes, sizeof(g->bytes) } };
		char aside[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct msghdr message = { .msg_iov = part,
					  .msg_iovlen = 2,
					  .msg_control = aside,
					  .msg_controllen = sizeof(aside) };
		ssize_t got = recvmsg(g->fd, &message, MSG_DONTWAIT);
		struct rte_mbuf *m;
		uint16_t queue;
		uint32_t n;

		if (got < (ssize_t)sizeof(hdr) + RTE_ETHER_HDR_LEN)
			return found;
		found = true;
		n = retag(g, &message, (uint32_t)got - (uint32_t)sizeof(hdr));
		queue = queue_of(g, n);
		m = chain_of(g, n);
		if (m == NULL) {
			g->to_port.dropped++;
			continue;
		}
		ask(g, &hdr, m);
		g->to_queue[queue]++;
		g->to_port.packets++;
		g->to_port.bytes += m->pkt_len;
		for (uint32_t tries = 0; rte_eth_tx_burst(g->port, queue, &m, 1) == 0; tries++) {
			if (tries < 1000)
				continue;
			g->to_port.dropped += g->to_kernel.packets > 0; /* nobody is there yet */
			rte_pktmbuf_free(m);
			break;
		}
	}
	return found;
}

/* ---- to the kernel ---- */

static void
tell(struct guest *g, const struct rte_mbuf *m, struct virtio_net_hdr *hdr)
{
	struct place at;

	memset(hdr, 0, sizeof(*hdr));
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE ||
	    !place_of(g->bytes, m->pkt_len, &at))
		return;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = at.l4;
	hdr->csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	g->to_kernel.unsummed++;
	if ((m->ol_flags & RTE_MBUF_F_RX_LRO) == 0)
		return;
	hdr->gso_type = at.is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	hdr->gso_size = m->tso_segsz;
	hdr->hdr_len = at.payload;
	g->to_kernel.large++;
}

static void
give(struct guest *g, const struct rte_mbuf *m)
{
	struct virtio_net_hdr hdr;
	struct iovec part[2] = { { &hdr, sizeof(hdr) }, { g->bytes, m->pkt_len } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };
	uint32_t done = 0;

	if (m->pkt_len > sizeof(g->bytes)) {
		g->to_kernel.dropped++;
		return;
	}
	for (const struct rte_mbuf *seg = m; seg != NULL; seg = seg->next) {
		memcpy(g->bytes + done, rte_pktmbuf_mtod(seg, const void *), seg->data_len);
		done += seg->data_len;
	}
	tell(g, m, &hdr);
	g->to_kernel.packets++;
	g->to_kernel.bytes += m->pkt_len;
	if (sendmsg(g->fd, &message, 0) < 0)
		g->to_kernel.dropped++;
}

static bool
carry_out(struct guest *g, uint16_t queue)
{
	struct rte_mbuf *m[BURST];
	uint32_t n = rte_eth_rx_burst(g->port, queue, m, BURST);

	for (uint32_t i = 0; i < n; i++)
		give(g, m[i]);
	rte_pktmbuf_free_bulk(m, n);
	return n > 0;
}

/* ---- opening ---- */

static void
open_kernel(struct guest *g)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int one = 1, room = SOCKET_ROOM;

	g->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(g->iface);
	if (g->fd < 0 || at.sll_ifindex == 0 ||
	    setsockopt(g->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
	    setsockopt(g->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) != 0 ||
	    setsockopt(g->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(g->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0 ||
	    setsockopt(g->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
	    setsockopt(g->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0 ||
	    bind(g->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		die(g->iface);
}

static void
open_port(struct guest *g)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	char name[32], args[256];

	snprintf(name, sizeof(name), g->is_driver ? "virtio_user0" : "net_vhost0");
	if (g->is_driver) {
		for (uint32_t i = 0; i < WAIT_TENTHS && access(g->socket, F_OK) != 0; i++)
			usleep(100000);
		snprintf(args, sizeof(args), "path=%s,queues=%d,cq=%d,queue_size=%d", g->socket,
			 g->queue_n, g->queue_n > 1, RING);
	} else {
		unlink(g->socket);
		snprintf(args, sizeof(args), "iface=%s,queues=%d,tso=1", g->socket, g->queue_n);
	}
	if (rte_eal_hotplug_add("vdev", name, args) != 0 ||
	    rte_eth_dev_get_port_by_name(name, &g->port) != 0 ||
	    rte_eth_dev_info_get(g->port, &info) != 0)
		die(name);
	conf.rxmode.offloads =
		info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO |
					RTE_ETH_RX_OFFLOAD_SCATTER);
	conf.txmode.offloads =
		info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
					RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	if (rte_eth_dev_configure(g->port, g->queue_n, g->queue_n, &conf) != 0)
		die(name);
	for (uint16_t q = 0; q < g->queue_n; q++) {
		if (rte_eth_rx_queue_setup(g->port, q, RING, SOCKET_ID_ANY, NULL, g->pool) != 0 ||
		    rte_eth_tx_queue_setup(g->port, q, RING, SOCKET_ID_ANY, NULL) != 0)
			die(name);
	}
	if (rte_eth_dev_start(g->port) != 0)
		die(name);
}

static void
open_environment(struct guest *g)
{
	char prefix[64], dir[128];
	char fixed[7][24] = { "guest",		"--no-huge", "--no-shconf", "--no-pci",
			      "--no-telemetry", "-m",	     "96" };
	char quiet[] = "--log-level=*:error", iova[] = "--iova-mode=va";
	char *args[] = { fixed[0], fixed[1], fixed[2], fixed[3], fixed[4],
			 fixed[5], fixed[6], quiet,    iova,	 prefix };

	snprintf(prefix, sizeof(prefix), "--file-prefix=guest-%d", (int)getpid());
	if (rte_eal_init((int)RTE_DIM(args), args) < 0)
		die("DPDK does not start");
	snprintf(dir, sizeof(dir), "/var/run/dpdk/guest-%d", (int)getpid());
	rmdir(dir);
	rmdir("/var/run/dpdk");
	g->pool = rte_pktmbuf_pool_create("guest", POOL_BUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY);
	if (g->pool == NULL)
		die("no memory");
}

static void
parse(struct guest *g, int argc, char **argv)
{
	static const struct option options[] = {
		{ "iface", 1, NULL, 'i' },  { "backend", 1, NULL, 'b' }, { "driver", 1, NULL, 'd' },
		{ "queues", 1, NULL, 'q' }, { NULL, 0, NULL, 0 },
	};
	int c;

	g->queue_n = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i')
			g->iface = optarg;
		else if (c == 'b' || c == 'd')
			g->socket = optarg;
		else if (c == 'q')
			g->queue_n = (uint16_t)atoi(optarg);
		g->is_driver |= c == 'd';
	}
	if (g->iface == NULL || g->socket == NULL || g->queue_n == 0 || g->queue_n > QUEUES_MOST) {
		fprintf(stderr, "guest --iface IFACE --backend|--driver SOCKET [--queues N]\n");
		exit(2);
	}
}

static void
print(const char *way, const struct count *c)
{
	printf("%s: packets %llu large %llu unsummed %llu bytes %llu dropped %llu\n", way,
	       (unsigned long long)c->packets, (unsigned long long)c->large,
	       (unsigned long long)c->unsummed, (unsigned long long)c->bytes,
	       (unsigned long long)c->dropped);
}

int
main(int argc, char **argv)
{
	static struct guest g;
	const struct timespec nap = { .tv_nsec = 50000 };
	uint32_t idle = 0;

	parse(&g, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	open_environment(&g);
	open_kernel(&g);
	open_port(&g);
	puts("ready");
	fflush(stdout);
	while (!is_over) {
		bool found = carry_in(&g);

		for (uint16_t q = 0; q < g.queue_n; q++)
			found |= carry_out(&g, q);
		idle = found ? 0 : idle + 1;
		if (idle > IDLE_ROUNDS)
			nanosleep(&nap, NULL);
	}
	print("to the kernel", &g.to_kernel);
	print("to the port", &g.to_port);
	for (uint16_t q = 0; q < g.queue_n; q++)
		printf("to queue %u: packets %llu\n", q, (unsigned long long)g.to_queue[q]);
	fflush(stdout);
	if (!g.is_driver)
		unlink(g.socket);
	_exit(0); /* the driver's threads may hold what an orderly end would free */
}
