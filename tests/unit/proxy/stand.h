/*
 * stand.h - a test stand for the proxy: the real proxy on the real TCP engine, and a second TCP
 * engine that plays all clients and origins, back to back in virtual time.
 *
 * Packets cross as bytes after DELAY; nothing is lost. Tests speak for the peers: client() dials,
 * say() sends, run() lets time pass, origin() takes the next connection the proxy has made, and
 * what a peer received lies in got. Every buffer of both sides must be back at stand_close.
 */
#ifndef PENSTOCK_TESTS_UNIT_PROXY_STAND_H
#define PENSTOCK_TESTS_UNIT_PROXY_STAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/build.h"
#include "abi/journal.h"
#include "base/buf_heap.h"
#include "proxy/proxy.h"
#include "proxy/state.h"
#include "tcp/tcp.h"

#define MS 1000000ull
#define S  1000000000ull

enum {
	PEERS_MAX = 16384,
	SERVERS_MAX = 4,
	FLIGHT_DELAY = 50000, /* ns */
	PROXY_BUFS = 65536,
};

struct peer {
	struct tcp_id id;
	bool is_client, is_open, is_eof, is_gone, is_taken;
	bool is_stalled; /* does not read */
	enum tcp_end end;
	struct ip_addr local;
	uint16_t local_port;
	char *got; /* NUL-terminated */
	size_t got_n, got_room;
	uint64_t got_all; /* bytes ever, also those not stored */
	bool is_sink;	  /* counts, does not store */
};

/* What a test may change of the configuration before stand_open. */
struct setup {
	struct img_machine machine;
	struct img_listener listener;
	struct img_farm farm;
	uint32_t server_n;
	uint32_t weight[SERVERS_MAX];
	uint16_t server_port[SERVERS_MAX];
	uint32_t bufs_max, peer_bufs_max;
	uint32_t send_max;
	uint32_t exchanges_max, conns_max;
	size_t rewrite_bytes;
	bool is_without_listener;
	/* Appends rules to the image and binds the listener to them; NULL: there are none. */
	void (*rules)(struct img_build *b, struct img_listener *listener);
};

struct side {
	void *mem;
	struct tcp *tcp;
	struct buf_pool *pool;
	struct counters count;
	struct tcp_out out;
};

struct flight {
	struct flight *next;
	uint64_t at_ns;
	uint32_t n;
	uint8_t bytes[];
};

struct stand {
	uint64_t now;
	struct side proxy_side, peer_side;
	struct proxy *proxy;
	void *proxy_mem, *net_mem, *ports_mem, *journal_mem;
	size_t journal_n;
	struct journal_writer journal;
	struct journal_reader reader;
	struct board_rule *rule_rows; /* by slot */
	struct view *view;
	struct setup setup;
	uint64_t generation;
	struct peer peer[PEERS_MAX];
	uint32_t peer_n;
	uint16_t next_port;
	struct flight *first[2], **last[2]; /* 0: to the proxy; 1: to the peers */
	uint32_t client_room;	  /* offered by new clients; less than 1 MiB: they are stalled */
	bool is_cut[SERVERS_MAX]; /* packets to this origin are lost */
	uint32_t held_peak;
	uint64_t record_room[JOURNAL_RECORD_MAX / 8];
	struct journal_access record;
	struct journal_text text;
};

struct setup setup_plain(void);
struct stand *stand_open(const struct setup *setup);
void stand_close(struct stand *s);

/* Publishes another view. */
void stand_view(struct stand *s, const struct setup *setup);

/* One turn of both sides: what has come, what is due. */
void stand_turn(struct stand *s);
/* Lets time pass, doing what is due. */
void run(struct stand *s, uint64_t ns);
/* A little: long enough for packets to go to and fro, not for a time-out. */
void settle(struct stand *s);

/* A new client connection to the listener. */
struct peer *client(struct stand *s);
/* Origin i opens (or stops) listening: stopped, it refuses. */
void origin_listen(struct stand *s, uint32_t i, bool is_open);
/* The next connection to any origin that no one has taken; fails when there is none. */
struct peer *origin(struct stand *s);
bool origin_waits(const struct stand *s);
/* Which origin a taken connection belongs to. */
uint32_t origin_i(const struct peer *o);

/* A client whose request has reached an origin that is new. */
void asked(struct stand *s, const char *request, struct peer **ret_client,
	   struct peer **ret_origin);
/* n bytes that show where they stand, to free. */
char *pattern(size_t n);

void say(struct stand *s, struct peer *p, const char *text);
void say_bytes(struct stand *s, struct peer *p, const void *bytes, size_t n);
void hang_up(struct stand *s, struct peer *p); /* FIN */
void cut(struct stand *s, struct peer *p);     /* RST */
void read_on(struct stand *s, struct peer *p);

/* The peer's input is exactly this / has this in it; then it is forgotten. */
void expect(struct stand *s, struct peer *p, const char *text);
void expect_has(struct stand *s, struct peer *p, const char *text);
void expect_none(struct stand *s, struct peer *p, const char *text);
void forget(struct peer *p);

/* The next access record: status, cause. */
void expect_record(struct stand *s, uint16_t status, enum journal_cause cause);
void expect_no_record(struct stand *s);

#endif
