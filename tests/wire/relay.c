/*
 * relay.c - a bad cable: passes frames between two interfaces and loses, doubles and reorders
 * some of them on the way. The same seed and the same frames give the same fate.
 *
 *   relay IF_A IF_B [--loss PPM] [--dup PPM] [--late PPM] [--seed S] [--tag VID]
 *
 * PPM: frames in a million. A late frame waits until LATE_FRAMES others of its direction have
 * passed, at most LATE_MS. With --tag it is the access port of a switch too: frames towards B get
 * that 802.1Q tag, frames from B must have it and lose it. Ends on SIGTERM or SIGINT with the
 * counts on a line for each direction.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>
#include <unistd.h>

enum {
	FRAME_MAX = 65536,
	HELD_MAX = 64,
	LATE_FRAMES = 3,
	LATE_MS = 2,
	MILLION = 1000000,
};

struct held {
	size_t n; /* 0: free */
	uint32_t frames_left;
	int64_t due_ms;
	uint8_t frame[2048];
};

struct way {
	int from, to;
	bool is_tagging, is_stripping;
	uint64_t passed, lost, doubled, late, refused, untagged;
	struct held held[HELD_MAX];
};

static struct {
	uint32_t loss, dup, late;
	uint64_t seed;
	uint16_t tag; /* 0: none */
} conf;

static volatile sig_atomic_t over;

static void
on_signal(int sig)
{
	(void)sig;
	over = 1;
}

static uint32_t
dice(void)
{
	uint64_t z = conf.seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ z >> 31) % MILLION);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
open_interface(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, room = 16 << 20;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || at.sll_ifindex == 0) {
		perror(name);
		exit(1);
	}
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void
pass(struct way *w, const uint8_t *frame, size_t n)
{
	if (send(w->to, frame, n, 0) == (ssize_t)n)
		w->passed++;
	else
		w->refused++;
}

/* Keeps a copy for later; false when there is no room or the frame is too large. */
static bool
hold(struct way *w, const uint8_t *frame, size_t n)
{
	for (int i = 0; i < HELD_MAX; i++) {
		struct held *h = &w->held[i];

		if (h->n != 0 || n > sizeof(h->frame))
			continue;
		memcpy(h->frame, frame, n);
		h->n = n;
		h->frames_left = LATE_FRAMES;
		h->due_ms = now_ms() + LATE_MS;
		return true;
	}
	return false;
}

/* Lets those go that waited long enough; passing says that another frame has just gone by. */
static void
let_go(struct way *w, bool passing)
{
	for (int i = 0; i < HELD_MAX; i++) {
		struct held *h = &w->held[i];

		if (h->n == 0)
			continue;
		if (passing && h->frames_left > 0)
			h->frames_left--;
		if (h->frames_left > 0 && now_ms() < h->due_ms)
			continue;
		pass(w, h->frame, h->n);
		h->n = 0;
	}
}

/* The kernel has taken a received frame's tag off and tells it apart. 0: there was none. */
static uint16_t
tag_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci & 0xfff : 0;
	}
	return 0;
}

/* One frame, tagged as this way wants it; 0 when none waits. */
static size_t
receive(struct way *w, uint8_t *frame)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec at = { frame, FRAME_MAX - 4 };

	for (;;) {
		struct msghdr msg = { .msg_iov = &at,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(w->from, &msg, MSG_DONTWAIT);

		if (n <= 0)
			return 0;
		if (w->is_stripping && tag_of(&msg) != conf.tag) {
			w->untagged++;
			continue;
		}
		if (!w->is_tagging || n < 12)
			return (size_t)n;
		memmove(frame + 16, frame + 12, (size_t)n - 12);
		frame[12] = 0x81;
		frame[13] = 0;
		frame[14] = (uint8_t)(conf.tag >> 8);
		frame[15] = (uint8_t)conf.tag;
		return (size_t)n + 4;
	}
}

static void
carry(struct way *w)
{
	static uint8_t frame[FRAME_MAX];

	for (int i = 0; i < 64; i++) {
		size_t n = receive(w, frame);

		if (n == 0)
			return;
		if (dice() < conf.loss) {
			w->lost++;
			continue;
		}
		if (dice() < conf.late && hold(w, frame, n)) {
			w->late++;
			continue;
		}
		pass(w, frame, n);
		if (dice() < conf.dup) {
			w->doubled++;
			pass(w, frame, n);
		}
		let_go(w, true);
	}
}

static void
report(const char *name, const struct way *w)
{
	printf("%s passed %llu lost %llu doubled %llu late %llu refused %llu untagged %llu\n", name,
	       (unsigned long long)w->passed, (unsigned long long)w->lost,
	       (unsigned long long)w->doubled, (unsigned long long)w->late,
	       (unsigned long long)w->refused, (unsigned long long)w->untagged);
}

int
main(int argc, char **argv)
{
	static struct way ab, ba;
	struct pollfd fds[2];

	if (argc < 3) {
		fprintf(stderr, "usage: relay IF_A IF_B [--loss PPM] [--dup PPM] [--late PPM] "
				"[--seed S] [--tag VID]\n");
		return 2;
	}
	for (int i = 3; i + 1 < argc; i += 2) {
		uint64_t v = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--loss") == 0)
			conf.loss = (uint32_t)v;
		else if (strcmp(argv[i], "--dup") == 0)
			conf.dup = (uint32_t)v;
		else if (strcmp(argv[i], "--late") == 0)
			conf.late = (uint32_t)v;
		else if (strcmp(argv[i], "--seed") == 0)
			conf.seed = v;
		else if (strcmp(argv[i], "--tag") == 0)
			conf.tag = (uint16_t)(v & 0xfff);
		else
			return 2;
	}
	ab.from = ba.to = open_interface(argv[1]);
	ba.from = ab.to = open_interface(argv[2]);
	ab.is_tagging = ba.is_stripping = conf.tag != 0;
	fds[0] = (struct pollfd){ .fd = ab.from, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = ba.from, .events = POLLIN };
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	while (!over) {
		poll(fds, 2, LATE_MS);
		carry(&ab);
		carry(&ba);
		let_go(&ab, false);
		let_go(&ba, false);
	}
	report("a to b:", &ab);
	report("b to a:", &ba);
	return 0;
}
