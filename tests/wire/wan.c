/*
 * wan.c - a long path between two TCPs, in real time: one end is the Linux kernel behind a tun
 * device, the other the kernel of another namespace or our engine (tests/host). One connection is
 * made, one end sends, the other compares every byte.
 *
 *   wan --a NS --b NS|engine [--option N]...
 *
 * A dials, B listens. Options, with the units in wan_option: what is sent by whom, and what the
 * path does to packets. The n-th packet of a direction has the same fate in every run of a seed.
 * Ends with a line of JSON; exit 0 when all bytes have come in time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"

enum {
	PORT = 5001,
	PACKET_MAX = 2048,
	PIECE = 65536,
	MILLION = 1000000,
};

#define OPTIONS(x)                                                                                 \
	x(family, 4)				    /* 4 or 6 */                                   \
		x(b_sends, 0)			    /* 1: B sends to A */                          \
		x(bytes, 1000000) x(delay_us, 1000) /* one way */                                  \
		x(rate_kbps, 0)			    /* 0: no limit */                              \
		x(queue_bytes, 200000)		    /* before the limit; beyond: lost */           \
		x(loss, 0)			    /* of a million packets */                     \
		x(late, 0) /* of a million: overtaken by those of the next half delay */           \
		x(dup, 0)  /* of a million */                                                      \
		x(mark, 0) /* of a million that can be: congestion experienced (RFC 3168) */       \
		x(seed, 1) x(newreno, 0) /* the sender's controller; 0: CUBIC */                   \
		x(seconds, 60)

static struct {
#define X(name, value) uint64_t name;
	OPTIONS(X)
#undef X
} conf = {
#define X(name, value) .name = value,
	OPTIONS(X)
#undef X
};

/* What the processes at the ends say; each word has one writer. */
struct said {
	volatile uint64_t begun_ns, done_ns, got, retransmits;
	volatile bool is_wrong;
};

static struct said *said;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static void
enter(const char *ns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die(ns);
	close(fd);
}

/* ---- bytes that tell their place ---- */

static uint8_t
byte_at(uint64_t off)
{
	return (uint8_t)(off * 167 + (off >> 8) * 13 + (off >> 16) * 7);
}

static uint64_t
fill(uint8_t *to, uint64_t off)
{
	uint64_t left = conf.bytes - off, n = left < PIECE ? left : PIECE;

	for (uint64_t i = 0; i < n; i++)
		to[i] = byte_at(off + i);
	return n;
}

static void
take(const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] != byte_at(said->got + i))
			said->is_wrong = true;
	said->got += n;
}

/* ---- an end that is the kernel's ---- */

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} at;

static socklen_t
address_of(bool is_b)
{
	if (conf.family == 4) {
		at.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT) };
		inet_pton(AF_INET, is_b ? "10.9.0.2" : "10.9.0.1", &at.v4.sin_addr);
		return sizeof(at.v4);
	}
	at.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	inet_pton(AF_INET6, is_b ? "fd09::2" : "fd09::1", &at.v6.sin6_addr);
	return sizeof(at.v6);
}

static int
meet(bool is_b)
{
	socklen_t n = address_of(true);
	const char *controller = conf.newreno != 0 ? "reno" : "cubic";
	int one = 1, fd = socket(at.any.sa_family, SOCK_STREAM, 0), got;

	/* Not by sysctl: a namespace may not choose each of them. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, controller,
		       (socklen_t)strlen(controller)) != 0)
		die(controller);
	if (!is_b) {
		if (connect(fd, &at.any, n) != 0)
			die("connect");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &at.any, n) != 0 || listen(fd, 1) != 0)
		die("listen");
	got = accept(fd, NULL, NULL);
	if (got < 0)
		die("accept");
	return got;
}

static void
send_all(int fd)
{
	static uint8_t bytes[PIECE];
	struct tcp_info info;
	socklen_t info_n = sizeof(info);

	for (uint64_t off = 0; off < conf.bytes;) {
		uint64_t n = fill(bytes, off);

		for (uint64_t done = 0; done < n;) {
			ssize_t sent = send(fd, bytes + done, n - done, MSG_NOSIGNAL);

			if (sent <= 0)
				die("send");
			done += (uint64_t)sent;
		}
		off += n;
	}
	shutdown(fd, SHUT_WR);
	while (said->done_ns == 0)
		usleep(1000);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_n) == 0)
		said->retransmits = info.tcpi_total_retrans;
}

static void
receive_all(int fd)
{
	static uint8_t bytes[PIECE];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		take(bytes, (uint64_t)n);
	if (n < 0)
		die("recv");
	said->done_ns = now_ns();
}

static pid_t
start_kernel(const char *ns, bool is_b)
{
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	enter(ns);
	if (!is_b) {
		usleep(50000); /* the listener is there by then */
		said->begun_ns = now_ns();
	}
	fd = meet(is_b);
	if (is_b == (conf.b_sends != 0))
		send_all(fd);
	else
		receive_all(fd);
	_exit(0);
}

/* ---- an end that is the engine ---- */

static struct {
	struct host *host;
	int listener, fd;
	uint64_t given;
} engine = { .fd = -1 };

static void
start_engine(void)
{
	struct host_conf c = { .now_ns = now_ns(), .seed = conf.seed };
	struct host_address a = { .family = (uint8_t)conf.family, .port = PORT };

	address_of(true);
	if (conf.family == 4)
		memcpy(a.bytes, &at.v4.sin_addr, 4);
	else
		memcpy(a.bytes, &at.v6.sin6_addr, 16);
	engine.host = host_begin(&c);
	if (engine.host == NULL || host_add_address(engine.host, &a) != 0)
		die("engine");
	engine.listener = host_socket(engine.host);
	host_setsockopt(engine.host, engine.listener, HOST_OPT_CONGESTION, conf.newreno);
	if (host_bind(engine.host, engine.listener, &a) != 0 ||
	    host_listen(engine.host, engine.listener, 1) != 0)
		die("engine");
}

static void
serve_engine(void)
{
	static uint8_t bytes[PIECE];
	struct host *h = engine.host;
	int64_t n;

	if (engine.fd < 0)
		engine.fd = host_accept(h, engine.listener, NULL);
	if (engine.fd < 0)
		return;
	while (conf.b_sends != 0 && engine.given < conf.bytes) {
		n = host_write(h, engine.fd, bytes, fill(bytes, engine.given));
		if (n == -EAGAIN)
			return;
		if (n < 0)
			exit(2);
		engine.given += (uint64_t)n;
		if (engine.given == conf.bytes)
			host_shutdown(h, engine.fd);
	}
	while (conf.b_sends == 0 && (n = host_read(h, engine.fd, bytes, sizeof(bytes))) >= 0) {
		take(bytes, (uint64_t)n);
		if (n == 0) {
			said->done_ns = said->done_ns == 0 ? now_ns() : said->done_ns;
			return;
		}
	}
}

/* ---- the path ---- */

struct packet {
	struct packet *before, *next;
	uint64_t due_ns;
	uint32_t n;
	uint8_t bytes[PACKET_MAX];
};

/* echoed and reduced: segments with ECE and with CWR, of connections that are open (RFC 3168, 6.1). */
#define COUNTS(x) x(seen) x(lost) x(overflown) x(late) x(doubled) x(marked) x(echoed) x(reduced)

struct way {
	struct packet *first, *last; /* by due_ns */
	uint64_t free_ns;	     /* when the limit lets the next one begin */
#define X(name) uint64_t name;
	COUNTS(X)
#undef X
};

static struct way way[2]; /* 0: from A to B */
static int tun[2] = { -1, -1 };

static uint64_t
mixed(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Whether this packet, the n-th of its direction, meets that fate. */
static bool
meets(int d, int fate, uint64_t ppm)
{
	uint64_t z = mixed(conf.seed * 0x9e3779b97f4a7c15 + (uint64_t)(d * 8 + fate));

	return mixed(z + way[d].seen * 0x9e3779b97f4a7c15) % MILLION < ppm;
}

static void
put(int d, const uint8_t *bytes, uint32_t n, uint64_t due_ns)
{
	struct packet *p = malloc(sizeof(*p)), *behind = way[d].last;

	if (p == NULL)
		die("malloc");
	p->due_ns = due_ns;
	p->n = n;
	memcpy(p->bytes, bytes, n);
	while (behind != NULL && behind->due_ns > due_ns)
		behind = behind->before;
	p->before = behind;
	p->next = behind != NULL ? behind->next : way[d].first;
	*(p->next != NULL ? &p->next->before : &way[d].last) = p;
	*(behind != NULL ? &behind->next : &way[d].first) = p;
}

/* Congestion experienced, where the sender allows it. */
static bool
mark(uint8_t *p)
{
	uint32_t sum = 0;

	if (p[0] >> 4 == 6) {
		if ((p[1] & 0x30) == 0)
			return false;
		p[1] |= 0x30;
		return true;
	}
	if ((p[1] & 3) == 0)
		return false;
	p[1] |= 3;
	p[10] = p[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
	return true;
}

/* What a segment says of congestion: a SYN's flags only ask for ECN. */
static void
count_congestion(struct way *w, const uint8_t *p, uint32_t n)
{
	uint32_t head = p[0] >> 4 == 6 ? 40 : (uint32_t)(p[0] & 15) * 4;
	uint8_t protocol = p[0] >> 4 == 6 ? p[6] : p[9];

	if (protocol != IPPROTO_TCP || n < head + 20 || (p[head + 13] & 0x02) != 0)
		return;
	w->echoed += (p[head + 13] & 0x40) != 0;
	w->reduced += (p[head + 13] & 0x80) != 0;
}

static void
enter_path(int d, uint8_t *bytes, uint32_t n, uint64_t now)
{
	struct way *w = &way[d];
	uint64_t due = now + conf.delay_us * 1000;

	w->seen++;
	count_congestion(w, bytes, n);
	if (meets(d, 0, conf.loss)) {
		w->lost++;
		return;
	}
	if (conf.rate_kbps != 0) {
		uint64_t free = w->free_ns > now ? w->free_ns : now;

		if ((free - now) / 8 * conf.rate_kbps / MILLION > conf.queue_bytes) {
			w->overflown++;
			return;
		}
		w->free_ns = free + (uint64_t)n * 8 * MILLION / conf.rate_kbps;
		due += w->free_ns - now;
	}
	if (meets(d, 1, conf.mark) && mark(bytes))
		w->marked++;
	if (meets(d, 2, conf.late)) {
		due += conf.delay_us * 500;
		w->late++;
	}
	put(d, bytes, n, due);
	if (meets(d, 3, conf.dup)) {
		put(d, bytes, n, due);
		w->doubled++;
	}
}

static void
leave_path(int d, uint64_t now)
{
	struct packet *p;

	while ((p = way[d].first) != NULL && p->due_ns <= now) {
		way[d].first = p->next;
		*(p->next != NULL ? &p->next->before : &way[d].last) = NULL;
		if (d == 0 && engine.host != NULL) {
			if (host_packet_in(engine.host, p->bytes, p->n) < 0)
				die("packet");
		} else if (write(tun[1 - d], p->bytes, p->n) < 0 && errno != EIO) {
			die("tun");
		}
		free(p);
	}
}

static int
open_tun(const char *ns)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	strcpy(r.ifr_name, "wan0");
	enter(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0 || setns(home, CLONE_NEWNET) != 0)
		die("wan0");
	close(home);
	return fd;
}

/* Takes what waits at an end into the path. */
static void
collect(int d, uint64_t now)
{
	uint8_t bytes[PACKET_MAX];

	for (int i = 0; i < 256; i++) {
		ssize_t n = d == 1 && engine.host != NULL
				    ? host_packet_out(engine.host, bytes, sizeof(bytes), NULL)
				    : read(tun[d], bytes, sizeof(bytes));

		if (n <= 0)
			return;
		/* The kernel also speaks of itself: IPv6 multicast is not part of the dialogue. */
		if (bytes[0] >> 4 == 6 && n >= 40 && bytes[24] == 0xff)
			continue;
		enter_path(d, bytes, (uint32_t)n, now);
	}
}

static void
wait_for_more(uint64_t until_ns)
{
	struct pollfd fds[2] = { { .fd = tun[0], .events = POLLIN },
				 { .fd = tun[1], .events = POLLIN } };
	uint64_t now = now_ns(), wait, most = 10 * (uint64_t)MILLION;
	struct timespec t = { 0 };

	for (int d = 0; d < 2; d++)
		if (way[d].first != NULL && way[d].first->due_ns < until_ns)
			until_ns = way[d].first->due_ns;
	if (engine.host != NULL && host_deadline(engine.host) < until_ns)
		until_ns = host_deadline(engine.host);
	wait = until_ns > now ? until_ns - now : 0;
	t.tv_nsec = (long)(wait < most ? wait : most);
	ppoll(fds, engine.host != NULL ? 1 : 2, &t, NULL);
}

static void
carry(uint64_t end_ns)
{
	while (said->done_ns == 0 && now_ns() < end_ns) {
		uint64_t now = now_ns();

		collect(0, now);
		if (engine.host != NULL) {
			host_advance(engine.host, now);
			leave_path(0, now);
			serve_engine();
		} else {
			leave_path(0, now);
		}
		collect(1, now);
		leave_path(1, now);
		wait_for_more(end_ns);
	}
}

static void
report(bool is_good)
{
	printf("{\"ok\": %s, \"bytes\": %llu, \"seconds\": %.4f, \"retransmits\": %llu",
	       is_good ? "true" : "false", (unsigned long long)said->got,
	       is_good ? (double)(said->done_ns - said->begun_ns) / 1e9 : 0.0,
	       (unsigned long long)said->retransmits);
#define X(name)                                                                                    \
	printf(", \"" #name "\": [%llu, %llu]", (unsigned long long)way[0].name,                   \
	       (unsigned long long)way[1].name);
	COUNTS(X)
#undef X
	printf("}\n");
}

static void
set_option(const char *name, const char *value)
{
#define X(option, otherwise)                                                                       \
	if (strcmp(name + 2, #option) == 0) {                                                      \
		conf.option = strtoull(value, NULL, 0);                                            \
		return;                                                                            \
	}
	OPTIONS(X)
#undef X
	fprintf(stderr, "wan: no option %s\n", name);
	exit(2);
}

int
main(int argc, char **argv)
{
	const char *ns[2] = { NULL, NULL };
	struct host_info info;
	pid_t pid[2] = { 0, 0 };
	bool is_good;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--a") == 0)
			ns[0] = argv[i + 1];
		else if (strcmp(argv[i], "--b") == 0)
			ns[1] = argv[i + 1];
		else
			set_option(argv[i], argv[i + 1]);
	}
	if (ns[0] == NULL || ns[1] == NULL || (conf.family != 4 && conf.family != 6))
		return 2;
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		die("mmap");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	tun[0] = open_tun(ns[0]);
	if (strcmp(ns[1], "engine") == 0)
		start_engine();
	else
		tun[1] = open_tun(ns[1]);
	for (int i = 0; i < 2; i++)
		if (tun[i] >= 0)
			pid[i] = start_kernel(ns[i], i == 1);
	carry(now_ns() + conf.seconds * 1000000000);
	is_good = said->done_ns != 0 && said->got == conf.bytes && !said->is_wrong;
	if (engine.fd >= 0 && conf.b_sends != 0 && host_info(engine.host, engine.fd, &info) == 0)
		said->retransmits = info.retransmits;
	if (tun[conf.b_sends] >= 0 && is_good)
		usleep(20000); /* the sender says what it has repeated */
	for (int i = 0; i < 2; i++) {
		if (pid[i] > 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
	}
	report(is_good);
	if (engine.host != NULL)
		host_end(engine.host);
	return is_good ? 0 : 1;
}
