/*
 * tap.c - see tap.h. linux/if_tun.h, linux/virtio_net.h; VIRTIO 1.1, 5.1.6 (the header).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "base/hash.h"
#include "port/port.h"
#include "port/tap.h"

enum {
	LINK_HEADER = 18,   /* Ethernet with one VLAN tag */
	SEGMENTS_MAX = 128, /* of a frame that is sent: a header, TCP's 64 pieces, and more */
	TCP_SUM_AT = 16,    /* the checksum, from TCP's header on */
};

static bool
fail(const struct tap_conf *conf, const char *what, char *why)
{
	snprintf(why, PORT_WHY, "port %s (tap:%s): %s: %s", conf->port, conf->interface, what,
		 strerror(errno));
	return false;
}

/* ---- opening ---- */

/* One more queue of the interface, which the first one makes where it is not there. */
static int
attach(struct tap *tap, bool is_multi)
{
	struct ifreq ask = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
						  (is_multi ? IFF_MULTI_QUEUE : 0)) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -1;
	memcpy(ask.ifr_name, tap->interface, sizeof(tap->interface));
	if (ioctl(fd, TUNSETIFF, &ask) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static bool
refused(const struct tap_conf *conf, char *why)
{
	if (errno == EINVAL)
		snprintf(why, PORT_WHY,
			 "port %s: %s is there and is no tap that could be joined; make it with "
			 "'ip tuntap add %s mode tap multi_queue', or choose another name",
			 conf->port, conf->interface, conf->interface);
	else if (errno == EBUSY)
		snprintf(why, PORT_WHY, "port %s: another program has %s open; end that one",
			 conf->port, conf->interface);
	else if (errno == ENOENT || errno == ENODEV)
		snprintf(why, PORT_WHY, "port %s: no /dev/net/tun; modprobe tun", conf->port);
	else
		return fail(conf, "joining the interface", why);
	return false;
}

/* A tap that was made without multi_queue has one. */
static bool
open_queues(struct tap *tap, const struct tap_conf *conf, char *why)
{
	bool is_multi = true;

	for (uint16_t q = 0; q < conf->queue_n; q++) {
		int fd = attach(tap, is_multi);

		if (fd < 0 && errno == EINVAL && conf->queue_n == 1) {
			is_multi = false;
			fd = attach(tap, is_multi);
		}
		if (fd < 0)
			return refused(conf, why);
		tap->queue[q].fd = fd;
		tap->queue_n = (uint16_t)(q + 1);
	}
	return true;
}

/* What we take of the kernel. Congestion marks (TSO_ECN) it sees to itself. */
static bool
agree(struct tap *tap, const struct tap_conf *conf, char *why)
{
	unsigned long takes = (tap->leaves_sums ? TUN_F_CSUM : 0) |
			      (tap->leaves_cuts ? TUN_F_TSO4 | TUN_F_TSO6 : 0);
	int header_n = sizeof(struct virtio_net_hdr);

	for (uint16_t q = 0; q < tap->queue_n; q++) {
		if (ioctl(tap->queue[q].fd, TUNSETVNETHDRSZ, &header_n) != 0 ||
		    ioctl(tap->queue[q].fd, TUNSETOFFLOAD, takes) != 0)
			return fail(conf, "agreeing upon offloads", why);
	}
	return true;
}

/*
 * Ours is made of the name and the kernel's address, which is a random one or the user's own: two
 * machines of a network that both call a tap "out0" do not get the same.
 */
static void
make_mac(struct tap *tap, const uint8_t kernel[6])
{
	static const struct hash_key key = { { 0x70656e73746f636b, 2 } };
	uint8_t text[IF_NAMESIZE + 6] = { 0 };
	uint64_t hash;

	memcpy(text, tap->interface, IF_NAMESIZE);
	memcpy(text + IF_NAMESIZE, kernel, 6);
	hash = hash_sip13(&key, text, sizeof(text));
	memcpy(tap->mac, &hash, 6);
	tap->mac[0] = (uint8_t)((tap->mac[0] & 0xfc) | 0x02);
}

/*
 * The link-local address made of the MAC is the port's own: the kernel's end has a random one. A
 * kernel without IPv6 has no such file.
 */
static void
make_no_address(const struct tap *tap)
{
	char path[64 + IF_NAMESIZE];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", tap->interface);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "3", 1) != 1)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	close(fd);
}

/* Up, with an MTU that is enough, and its address. */
static bool
settle_interface(struct tap *tap, const struct tap_conf *conf, char *why)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ask = { 0 };
	bool is_done;

	memcpy(ask.ifr_name, tap->interface, sizeof(tap->interface));
	is_done = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &ask) == 0;
	if (is_done)
		make_mac(tap, (const uint8_t *)ask.ifr_hwaddr.sa_data);
	if (is_done && conf->kernel_mac != NULL) {
		memcpy(ask.ifr_hwaddr.sa_data, conf->kernel_mac, 6);
		is_done = ioctl(fd, SIOCSIFHWADDR, &ask) == 0;
		make_no_address(tap);
	}
	is_done = is_done && ioctl(fd, SIOCGIFMTU, &ask) == 0;
	if (is_done &&
	    (ask.ifr_mtu < conf->mtu || (conf->kernel_mac != NULL && ask.ifr_mtu != conf->mtu))) {
		ask.ifr_mtu = conf->mtu;
		is_done = ioctl(fd, SIOCSIFMTU, &ask) == 0;
	}
	tap->mtu = (uint16_t)(ask.ifr_mtu < UINT16_MAX ? ask.ifr_mtu : UINT16_MAX);
	is_done = is_done && ioctl(fd, SIOCGIFFLAGS, &ask) == 0;
	if (is_done && (ask.ifr_flags & IFF_UP) == 0) {
		ask.ifr_flags |= IFF_UP;
		is_done = ioctl(fd, SIOCSIFFLAGS, &ask) == 0;
	}
	if (fd >= 0)
		close(fd);
	return is_done || fail(conf, "setting the interface up", why);
}

bool
tap_open(struct tap *tap, const struct tap_conf *conf, char *why)
{
	uint32_t frame_n;

	memset(tap, 0, sizeof(*tap));
	snprintf(tap->interface, sizeof(tap->interface), "%s", conf->interface);
	tap->pool = conf->pool;
	tap->leaves_sums = conf->leaves_sums;
	tap->leaves_cuts = conf->leaves_sums && conf->leaves_cuts;
	if (!open_queues(tap, conf, why) || !agree(tap, conf, why) ||
	    !settle_interface(tap, conf, why)) {
		tap_close(tap);
		return false;
	}
	frame_n = tap->leaves_cuts ? (uint32_t)TAP_LARGE : (uint32_t)tap->mtu + LINK_HEADER;
	tap->piece_n = (uint16_t)((frame_n + BUF_ROOM - 1) / BUF_ROOM);
	ensure(tap->piece_n <= TAP_PIECES_MAX);
	return true;
}

void
tap_close(struct tap *tap)
{
	for (uint16_t q = 0; q < tap->queue_n; q++) {
		close(tap->queue[q].fd);
		for (uint16_t i = 0; i < TAP_PIECES_MAX; i++)
			if (tap->queue[q].spare[i] != NULL)
				buf_give(tap->queue[q].spare[i]);
	}
	tap->queue_n = 0;
}

/* The kernel says that an interface that is up may be written to. */
bool
tap_is_up(const struct tap *tap)
{
	struct pollfd fd = { .fd = tap->queue[0].fd, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

/* ---- receiving ---- */

/*
 * Buffers in place of those that the last frame has taken: the first ones, from the last of these
 * on, so that what is missing when the pool is dry is the first ones again.
 */
static bool
refill(struct tap *tap, struct tap_queue *q)
{
	uint16_t missing = 0;

	while (missing < tap->piece_n && q->spare[missing] == NULL)
		missing++;
	for (; missing > 0; missing--) {
		struct buf *b = buf_take(tap->pool);

		if (b == NULL)
			return false;
		q->spare[missing - 1] = b;
		q->part[missing] = (struct iovec){ buf_data(b), BUF_ROOM };
	}
	return true;
}

/* The first buffers are a frame of n bytes. */
static struct buf *
frame_of(struct tap_queue *q, uint32_t n)
{
	struct buf *frame = q->spare[0], *tail = frame;
	uint16_t i = 0;

	for (uint32_t done = 0; done < n; i++) {
		uint32_t piece = n - done < BUF_ROOM ? n - done : BUF_ROOM;
		struct buf *b = q->spare[i];

		q->spare[i] = NULL;
		buf_append(b, piece);
		if (i > 0)
			buf_chain(frame, tail, b);
		tail = b;
		done += piece;
	}
	return frame;
}

static void
tell(const struct tap *tap, struct buf *frame, const struct virtio_net_hdr *header)
{
	if (!tap->leaves_sums)
		return;
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		frame->m.ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	else if ((header->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0)
		frame->m.ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return;
	frame->m.ol_flags |= RTE_MBUF_F_RX_LRO;
	frame->m.tso_segsz = header->gso_size;
}

uint32_t
tap_receive(struct tap *tap, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	struct tap_queue *q = &tap->queue[queue];
	uint32_t got = 0;

	while (got < n) {
		struct virtio_net_hdr header;
		ssize_t has;

		if (!refill(tap, q)) {
			q->count.rx_no_bufs++;
			break;
		}
		q->part[0] = (struct iovec){ &header, sizeof(header) };
		has = readv(q->fd, q->part, 1 + tap->piece_n);
		if (has <= (ssize_t)sizeof(header))
			break;
		q->count.rx_bytes += (uint64_t)has - sizeof(header);
		ret_frame[got] = frame_of(q, (uint32_t)has - (uint32_t)sizeof(header));
		tell(tap, ret_frame[got++], &header);
	}
	q->count.rx_packets += got;
	return got;
}

/* ---- sending ---- */

static void
ask(const struct buf *frame, struct virtio_net_hdr *ret_header)
{
	const struct rte_mbuf *m = &frame->m;
	uint16_t l4 = (uint16_t)(m->l2_len + m->l3_len);

	*ret_header = (struct virtio_net_hdr){ 0 };
	if ((m->ol_flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) == 0)
		return;
	ret_header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	ret_header->csum_start = l4;
	ret_header->csum_offset = TCP_SUM_AT;
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0)
		return;
	ret_header->gso_type = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? VIRTIO_NET_HDR_GSO_TCPV6
								       : VIRTIO_NET_HDR_GSO_TCPV4;
	ret_header->gso_size = m->tso_segsz;
	ret_header->hdr_len = (uint16_t)(l4 + m->l4_len);
}

/* 0, or the errno of why not; E2BIG: of too many pieces. */
static int
write_frame(const struct tap_queue *q, struct buf *frame)
{
	struct virtio_net_hdr header;
	struct iovec part[1 + SEGMENTS_MAX];
	int part_n = 1;

	if (frame->m.nb_segs > SEGMENTS_MAX)
		return E2BIG;
	ask(frame, &header);
	part[0] = (struct iovec){ &header, sizeof(header) };
	for (struct buf *b = frame; b != NULL; b = buf_next(b))
		part[part_n++] = (struct iovec){ buf_data(b), b->m.data_len };
	return writev(q->fd, part, part_n) >= 0 ? 0 : errno;
}

uint32_t
tap_send(struct tap *tap, uint16_t queue, struct buf **frame, uint32_t n)
{
	struct tap_queue *q = &tap->queue[queue];
	uint32_t sent = 0;

	for (; sent < n; sent++) {
		int err = write_frame(q, frame[sent]);

		if (err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == EINTR)
			break;
		q->count.tx_packets += err == 0;
		q->count.tx_bytes += err == 0 ? frame[sent]->m.pkt_len : 0;
		q->count.tx_errors += err != 0; /* the interface is down, or will never take it */
	}
	buf_give_burst(frame, sent);
	return sent;
}
