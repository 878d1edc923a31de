/*
 * test_host.c - libpenstock_host.so as its users have it: loaded by name, host.h and nothing else.
 * Two hosts on a cable, and one against packets made by hand.
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

#define MS_NS 1000000ull

#define CALLS(x)                                                                                   \
	x(begin) x(end) x(add_address) x(now) x(deadline) x(advance) x(packet_in) x(drop_name)     \
		x(packet_out) x(socket) x(bind) x(listen) x(accept) x(connect) x(read) x(write)    \
			x(shutdown) x(close) x(abort) x(poll) x(setsockopt) x(getsockopt) x(info)

#define X(name) static __typeof__(&host_##name) name##_;
CALLS(X)
#undef X

static const char *library;

static int
load(void **state)
{
	void *so = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	(void)state;
	if (so == NULL)
		fprintf(stderr, "%s\n", dlerror());
	assert_non_null(so);
	/* POSIX: a function's address passes through a pointer to data. */
#define X(name) *(void **)&name##_ = dlsym(so, "host_" #name);
	CALLS(X)
#undef X
#define X(name) assert_true(name##_ != NULL);
	CALLS(X)
#undef X
	return 0;
}

/* ---- two hosts on a cable ---- */

enum {
	PORT = 80,
	UNDER_WAY_MAX = 4096,
	PACKET_MAX = 1500,
};

struct packet {
	uint64_t due_ns;
	int to; /* of the cable's ends; n 0: free */
	uint32_t n;
	uint8_t bytes[PACKET_MAX];
};

struct cable {
	struct host *end[2];
	uint64_t delay_ns;
	uint32_t lose_each;	 /* the n-th packet is lost; 0: none */
	uint32_t receive_buffer; /* of what the listener accepts; 0: the host's */
	uint32_t sent_n, under_way_n;
	bool is_cut;
	struct packet *packet; /* in order of sending: one delay, so in order of arrival too */
	uint32_t first;
};

static struct host_address
address(int family, uint8_t last, uint16_t port)
{
	struct host_address a = { .family = (uint8_t)family, .port = port };

	if (family == 4)
		memcpy(a.bytes, (uint8_t[]){ 192, 0, 2, last }, 4);
	else
		memcpy(a.bytes, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, [15] = last }, 16);
	return a;
}

static struct host *
begin(uint64_t seed, uint8_t last)
{
	struct host_conf conf = { .seed = seed };
	struct host *h = begin_(&conf);

	assert_non_null(h);
	for (int family = 4; family <= 6; family += 2) {
		struct host_address a = address(family, last, 0);

		assert_int_equal(add_address_(h, &a), 0);
	}
	return h;
}

static struct cable
lay(uint64_t delay_ns, uint32_t lose_each)
{
	struct cable c = { .delay_ns = delay_ns, .lose_each = lose_each };

	c.end[0] = begin(1, 1);
	c.end[1] = begin(2, 2);
	c.packet = calloc(UNDER_WAY_MAX, sizeof(*c.packet));
	assert_non_null(c.packet);
	return c;
}

static void
tear(struct cable *c)
{
	end_(c->end[0]);
	end_(c->end[1]);
	free(c->packet);
}

static void
collect(struct cable *c)
{
	for (int i = 0; i < 2; i++) {
		for (;;) {
			struct packet *p = &c->packet[(c->first + c->under_way_n) % UNDER_WAY_MAX];
			int n = packet_out_(c->end[i], p->bytes, sizeof(p->bytes), NULL);

			assert_true(n >= 0 && c->under_way_n < UNDER_WAY_MAX);
			if (n == 0)
				break;
			c->sent_n++;
			if (c->is_cut || (c->lose_each != 0 && c->sent_n % c->lose_each == 0))
				continue;
			p->n = (uint32_t)n;
			p->to = 1 - i;
			p->due_ns = now_(c->end[i]) + c->delay_ns;
			c->under_way_n++;
		}
	}
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Moves both ends to the next thing that happens, no further than until_ns. */
static void
step(struct cable *c, uint64_t until_ns)
{
	uint64_t at = least(until_ns, least(deadline_(c->end[0]), deadline_(c->end[1])));

	if (c->under_way_n > 0)
		at = least(at, c->packet[c->first].due_ns);
	for (int i = 0; i < 2; i++)
		assert_int_equal(advance_(c->end[i], at), 0);
	while (c->under_way_n > 0 && c->packet[c->first].due_ns <= at) {
		struct packet *p = &c->packet[c->first];

		assert_int_equal(packet_in_(c->end[p->to], p->bytes, p->n), 0);
		c->first = (c->first + 1) % UNDER_WAY_MAX;
		c->under_way_n--;
	}
	collect(c);
}

static void
run(struct cable *c, uint64_t for_ns)
{
	uint64_t until_ns = now_(c->end[0]) + for_ns;

	collect(c);
	while (now_(c->end[0]) < until_ns)
		step(c, until_ns);
}

static int
listener(struct host *h)
{
	int fd = socket_(h);
	struct host_address any = { .family = 0, .port = PORT };

	assert_int_equal(bind_(h, fd, &any), 0);
	assert_int_equal(listen_(h, fd, 8), 0);
	return fd;
}

/* fd[0] of end 0 speaks with fd[1] of end 1. */
static void
join(struct cable *c, int family, int fd[2])
{
	struct host_address to = address(family, 2, PORT), peer;
	int l = listener(c->end[1]);
	uint64_t error = 99;

	if (c->receive_buffer != 0)
		assert_int_equal(
			setsockopt_(c->end[1], l, HOST_OPT_RECEIVE_BUFFER, c->receive_buffer), 0);
	fd[0] = socket_(c->end[0]);
	assert_int_equal(connect_(c->end[0], fd[0], &to), -EINPROGRESS);
	assert_int_equal(connect_(c->end[0], fd[0], &to), -EALREADY);
	assert_int_equal(accept_(c->end[1], l, &peer), -EAGAIN);
	run(c, 10 * c->delay_ns);
	assert_true((poll_(c->end[0], fd[0]) & HOST_OUT) != 0);
	assert_int_equal(getsockopt_(c->end[0], fd[0], HOST_OPT_ERROR, &error), 0);
	assert_int_equal(error, 0);
	assert_int_equal(poll_(c->end[1], l), HOST_IN);
	fd[1] = accept_(c->end[1], l, &peer);
	assert_true(fd[1] >= 0 && peer.family == family);
	assert_memory_equal(peer.bytes, address(family, 1, 0).bytes, 16);
}

static uint8_t
byte_at(uint64_t off)
{
	return (uint8_t)(off * 167 + (off >> 8) * 13 + (off >> 16));
}

/* Total bytes from one end to the other, compared, FIN and all. */
static void
pass(struct cable *c, const int fd[2], int from, uint64_t total)
{
	static uint8_t bytes[65536];
	uint64_t given = 0, got = 0, limit_ns = now_(c->end[0]) + 600000 * MS_NS;
	struct host *a = c->end[from], *b = c->end[1 - from];
	int64_t n;

	for (;;) {
		while (given < total) {
			uint64_t want = least(sizeof(bytes), total - given);

			for (uint64_t i = 0; i < want; i++)
				bytes[i] = byte_at(given + i);
			n = write_(a, fd[from], bytes, want);
			if (n == -EAGAIN)
				break;
			assert_true(n > 0);
			given += (uint64_t)n;
			if (given == total)
				assert_int_equal(shutdown_(a, fd[from]), 0);
		}
		while ((n = read_(b, fd[1 - from], bytes, 50000)) > 0) {
			for (int64_t i = 0; i < n; i++)
				assert_int_equal(bytes[i], byte_at(got + (uint64_t)i));
			got += (uint64_t)n;
		}
		if (n == 0)
			break;
		assert_int_equal(n, -EAGAIN);
		collect(c);
		step(c, limit_ns);
		assert_true(now_(a) < limit_ns);
	}
	assert_int_equal(got, total);
	assert_true((poll_(b, fd[1 - from]) & HOST_FIN) != 0);
}

static void
bytes_arrive_both_ways_over_a_lossy_cable(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct cable c = lay(5 * MS_NS, 0);
		struct host_info info;
		int fd[2];

		join(&c, family, fd);
		c.lose_each = 41;
		pass(&c, fd, 0, 3000000);
		run(&c, 2000 * MS_NS);
		assert_int_equal(info_(c.end[0], fd[0], &info), 0);
		assert_true(info.retransmits > 0 && info.mss == (family == 4 ? 1460 : 1440) - 12);
		assert_true(info.rtt_least_ns > 9 * MS_NS && info.rtt_least_ns < 11 * MS_NS);
		assert_string_equal(info.state, "FIN_WAIT_2");
		pass(&c, fd, 1, 2000000);
		run(&c, 1000 * MS_NS);
		assert_int_equal(info_(c.end[0], fd[0], &info), 0);
		assert_string_equal(info.state, "TIME_WAIT");
		assert_string_equal(info.end, "closed");
		assert_int_equal(close_(c.end[0], fd[0]), 0);
		assert_int_equal(close_(c.end[0], fd[0]), -EBADF);
		tear(&c);
	}
}

static void
nobody_listening_refuses(void **state)
{
	struct cable c = lay(MS_NS, 0);
	struct host_address to = address(4, 2, PORT);
	int fd = socket_(c.end[0]);
	char byte;

	(void)state;
	assert_int_equal(connect_(c.end[0], fd, &to), -EINPROGRESS);
	run(&c, 10 * MS_NS);
	assert_true((poll_(c.end[0], fd) & HOST_ERROR) != 0);
	assert_int_equal(read_(c.end[0], fd, &byte, 1), -ECONNREFUSED);
	assert_int_equal(read_(c.end[0], fd, &byte, 1), 0);
	assert_int_equal(write_(c.end[0], fd, &byte, 1), -EPIPE);
	tear(&c);
}

static void
silence_ends_a_dial_at_its_time(void **state)
{
	struct cable c = lay(MS_NS, 0);
	struct host_address to = address(6, 2, PORT);
	uint64_t begun_ns = now_(c.end[0]), error = 0;
	int fd = socket_(c.end[0]);

	(void)state;
	c.is_cut = true;
	assert_int_equal(connect_(c.end[0], fd, &to), -EINPROGRESS);
	run(&c, 500 * MS_NS);
	assert_int_equal(c.sent_n, 1);
	run(&c, 600 * MS_NS); /* RFC 6298: the second SYN after a second */
	assert_int_equal(c.sent_n, 2);
	while (poll_(c.end[0], fd) == 0)
		step(&c, UINT64_MAX);
	assert_int_equal((now_(c.end[0]) - begun_ns) / MS_NS, 75000);
	assert_int_equal(getsockopt_(c.end[0], fd, HOST_OPT_ERROR, &error), 0);
	assert_int_equal(error, ETIMEDOUT);
	tear(&c);
}

static void
unread_bytes_make_a_close_a_reset(void **state)
{
	for (uint64_t read_n = 0; read_n < 2; read_n++) {
		struct cable c = lay(MS_NS, 0);
		char text[8] = "unread";
		int fd[2];

		join(&c, 4, fd);
		assert_int_equal(write_(c.end[0], fd[0], text, 6), 6);
		run(&c, 10 * MS_NS);
		assert_int_equal(read_(c.end[1], fd[1], text, read_n), read_n);
		assert_int_equal(close_(c.end[1], fd[1]), 0);
		run(&c, 10 * MS_NS);
		assert_int_equal(read_(c.end[0], fd[0], text, 8), -ECONNRESET);
		tear(&c);
	}
	(void)state;
}

static void
reader_that_stops_stops_the_writer(void **state)
{
	static uint8_t bytes[4 << 20];
	struct cable c = lay(MS_NS, 0);
	struct host_info info;
	uint64_t unread_n = 0;
	int fd[2];

	(void)state;
	c.receive_buffer = 100000;
	join(&c, 4, fd);
	for (int i = 0; i < 100; i++) {
		assert_true(write_(c.end[0], fd[0], bytes, sizeof(bytes)) != 0);
		run(&c, 20 * MS_NS);
	}
	assert_int_equal(getsockopt_(c.end[1], fd[1], HOST_OPT_UNREAD, &unread_n), 0);
	assert_true(unread_n > 90000 && unread_n < 110000);
	assert_int_equal(info_(c.end[0], fd[0], &info), 0);
	assert_true(info.send_window < info.mss);
	assert_int_equal(read_(c.end[1], fd[1], bytes, sizeof(bytes)), unread_n);
	run(&c, 100 * MS_NS);
	assert_int_equal(getsockopt_(c.end[1], fd[1], HOST_OPT_UNREAD, &unread_n), 0);
	assert_true(unread_n > 0);
	tear(&c);
}

static void
options_are_what_was_set(void **state)
{
	static const struct {
		int option;
		uint64_t value;
		int result;
	} set[] = {
		{ HOST_OPT_NODELAY, 1, 0 },
		{ HOST_OPT_NODELAY, 0, 0 },
		{ HOST_OPT_CORK, 1, 0 },
		{ HOST_OPT_KEEPALIVE_NS, 1000 * MS_NS, 0 },
		{ HOST_OPT_USER_TIMEOUT_NS, 5000 * MS_NS, 0 },
		{ HOST_OPT_CONGESTION, HOST_NEWRENO, 0 },
		{ HOST_OPT_CONGESTION, 77, -EINVAL },
		{ HOST_OPT_RECEIVE_BUFFER, 5000, 0 },
		{ HOST_OPT_MSS, 1000, 0 },
		{ HOST_OPT_MSS, 87, -EINVAL },
		{ 1000, 1, -ENOPROTOOPT },
	};
	struct host *h = begin(1, 1);
	int fd = socket_(h);
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		assert_int_equal(setsockopt_(h, fd, set[i].option, set[i].value), set[i].result);
		if (set[i].result != 0)
			continue;
		assert_int_equal(getsockopt_(h, fd, set[i].option, &value), 0);
		assert_int_equal(value, set[i].value);
	}
	assert_int_equal(getsockopt_(h, socket_(h), HOST_OPT_MSS, &value), -ENOTCONN);
	assert_int_equal(getsockopt_(h, 7, HOST_OPT_MSS, &value), -EBADF);
	end_(h);
}

static void
dead_peer_is_found_by_keepalive(void **state)
{
	struct cable c = lay(MS_NS, 0);
	struct host_info info;
	uint64_t cut_ns;
	int fd[2];

	(void)state;
	join(&c, 4, fd);
	assert_int_equal(setsockopt_(c.end[0], fd[0], HOST_OPT_KEEPALIVE_NS, 2000 * MS_NS), 0);
	run(&c, 20000 * MS_NS);
	assert_int_equal(info_(c.end[0], fd[0], &info), 0);
	assert_string_equal(info.state, "ESTABLISHED");
	c.is_cut = true;
	cut_ns = now_(c.end[0]);
	while ((poll_(c.end[0], fd[0]) & HOST_OVER) == 0 &&
	       now_(c.end[0]) < cut_ns + 600000 * MS_NS)
		step(&c, UINT64_MAX);
	assert_int_equal(info_(c.end[0], fd[0], &info), 0);
	assert_string_equal(info.end, "keepalive_timeout");
	tear(&c);
}

static void
corked_tail_waits_for_the_cork(void **state)
{
	struct cable c = lay(MS_NS, 0);
	char text[] = "tail";
	int fd[2];

	(void)state;
	join(&c, 4, fd);
	assert_int_equal(setsockopt_(c.end[0], fd[0], HOST_OPT_CORK, 1), 0);
	assert_int_equal(write_(c.end[0], fd[0], text, 4), 4);
	run(&c, 3 * MS_NS);
	assert_int_equal(read_(c.end[1], fd[1], text, 4), -EAGAIN);
	assert_int_equal(setsockopt_(c.end[0], fd[0], HOST_OPT_CORK, 0), 0);
	run(&c, 3 * MS_NS);
	assert_int_equal(read_(c.end[1], fd[1], text, 4), 4);
	tear(&c);
}

/* ---- packets made by hand ---- */

static uint16_t
sum16(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The checksum of n bytes of TCP between two IPv4 addresses, given as eight bytes. */
static uint16_t
tcp_sum(const uint8_t addresses[8], const uint8_t *tcp, uint32_t n)
{
	uint8_t bytes[12 + 60] = { [9] = 6, [11] = (uint8_t)n };

	assert_true(n <= 60);
	memcpy(bytes, addresses, 8);
	memcpy(bytes + 12, tcp, n);
	return sum16(bytes, 12 + n);
}

/* An IPv4 SYN without options from 192.0.2.9:4000 to 192.0.2.LAST:80, number 0x1000. */
static void
make_syn(uint8_t p[40], uint8_t last)
{
	static const uint8_t ip[20] = { 0x45, [3] = 40, [6] = 0x40, [8] = 64, 6, [12] = 192,
					0,    2,	9,	    192,      0, 2 };
	static const uint8_t tcp[20] = { 0x0f, 0xa0, 0,		  80, 0,    0,
					 0x10, 0,    [12] = 0x50, 2,  0xff, 0xff };

	memcpy(p, ip, sizeof(ip));
	memcpy(p + 20, tcp, sizeof(tcp));
	p[19] = last;
	put16(p + 10, sum16(p, 20));
	put16(p + 36, tcp_sum(p + 12, p + 20, 20));
}

static void
syn_made_by_hand_gets_its_answer(void **state)
{
	struct host *h = begin(1, 1);
	uint8_t syn[40], answer[1500];
	uint64_t at_ns = 0;
	int n;

	(void)state;
	listener(h);
	make_syn(syn, 1);
	assert_int_equal(advance_(h, now_(h) + 5 * MS_NS), 0);
	assert_int_equal(packet_in_(h, syn, sizeof(syn)), 0);
	assert_int_equal(packet_out_(h, answer, 20, &at_ns), -EMSGSIZE);
	n = packet_out_(h, answer, sizeof(answer), &at_ns);
	assert_true(n >= 44 && n <= 80);
	assert_int_equal(at_ns, 1005 * MS_NS);
	assert_int_equal(answer[33] & 0x3f, 0x12);
	assert_memory_equal(answer + 28, ((uint8_t[]){ 0, 0, 0x10, 1 }), 4);
	assert_int_equal(sum16(answer, 20), 0);
	assert_int_equal(tcp_sum(answer + 12, answer + 20, (uint32_t)n - 20), 0);
	assert_int_equal(packet_out_(h, answer, sizeof(answer), &at_ns), 0);
	end_(h);
}

static void
bad_packets_are_dropped_by_name(void **state)
{
	struct host *h = begin(1, 1);
	uint8_t p[40], out[1500];
	int drop;

	(void)state;
	listener(h);
	make_syn(p, 1);
	p[24] ^= 1;
	drop = packet_in_(h, p, sizeof(p));
	assert_string_equal(drop_name_(drop), "tcp_checksum");
	make_syn(p, 77);
	drop = packet_in_(h, p, sizeof(p));
	assert_string_equal(drop_name_(drop), "not_ours");
	drop = packet_in_(h, p, 19);
	assert_string_equal(drop_name_(drop), "ip4_truncated");
	assert_int_equal(packet_in_(h, p, 0), -EMSGSIZE);
	assert_int_equal(packet_out_(h, out, sizeof(out), NULL), 0);
	end_(h);
}

static void
hosts_of_one_seed_say_the_same(void **state)
{
	uint8_t a[1500], b[1500];
	struct host *h[2] = { begin(5, 1), begin(5, 1) }, *other = begin(6, 1);
	struct host_address to = address(4, 2, PORT);
	int n;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(connect_(h[i], socket_(h[i]), &to), -EINPROGRESS);
	assert_int_equal(connect_(other, socket_(other), &to), -EINPROGRESS);
	n = packet_out_(h[0], a, sizeof(a), NULL);
	assert_int_equal(packet_out_(h[1], b, sizeof(b), NULL), n);
	assert_memory_equal(a, b, (size_t)n);
	assert_int_equal(packet_out_(other, b, sizeof(b), NULL), n);
	assert_memory_not_equal(a + 24, b + 24, 4);
	assert_int_equal(advance_(h[0], 0), -EINVAL);
	for (int i = 0; i < 2; i++)
		end_(h[i]);
	end_(other);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_both_ways_over_a_lossy_cable),
		cmocka_unit_test(nobody_listening_refuses),
		cmocka_unit_test(silence_ends_a_dial_at_its_time),
		cmocka_unit_test(unread_bytes_make_a_close_a_reset),
		cmocka_unit_test(reader_that_stops_stops_the_writer),
		cmocka_unit_test(options_are_what_was_set),
		cmocka_unit_test(dead_peer_is_found_by_keepalive),
		cmocka_unit_test(corked_tail_waits_for_the_cork),
		cmocka_unit_test(syn_made_by_hand_gets_its_answer),
		cmocka_unit_test(bad_packets_are_dropped_by_name),
		cmocka_unit_test(hosts_of_one_seed_say_the_same),
	};

	if (argc < 2)
		return 2;
	library = argv[1];
	return cmocka_run_group_tests_name("host", tests, load, NULL);
}
