/*
 * peer.h - one end of a packet dialogue: the test plays the peer of a real engine, segment by
 * segment, and says what it expects to hear and when.
 *
 * Sequence numbers are the test's own: the engine's initial sequence number is mapped, so that
 * its first byte is conf.snd_nxt. Times are milliseconds since the connection was established (or
 * since the harness was made). A segment that was sent and not expected is an error at the end
 * (peer_done) and at every peer_expect_quiet.
 */
#ifndef PENSTOCK_TESTS_RFC_PEER_H
#define PENSTOCK_TESTS_RFC_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "tcp/tcp.h"
#include "wire/icmp.h"

enum {
	PEER_PORT = 40000,
	ENGINE_PORT = 80,
	PEER_QUEUE = 1024,
	MSS = 1460, /* a full segment, without timestamps */
};

struct peer_conf {
	uint32_t rcv_nxt; /* our next byte as the engine expects it; default 1000 */
	uint32_t snd_nxt; /* the engine's next byte; default 5000 */
	bool v6, ts, no_sack, no_multi_segs, csum_tx, tso;
	bool wscale; /* offer window scaling, shift scale */
	uint8_t scale;
	uint8_t hop_limit, dscp; /* of the path; what is heard must have them; default 64, 0 */
	uint16_t mss, mtu;	 /* ours, default 1460; the path's, default 1500 */
	uint16_t wnd;		 /* ours, as in the header; default 65535 */
	uint32_t recv_max, send_max, bufs_max, backlog_max, conns_max;
	uint32_t rtt_ms; /* of the handshake; default 0 */
	enum tcp_cc cc;
	bool asks_ecn;
	uint64_t user_timeout_ms; /* default 300000, PEER_NONE: the engine is told of none */
	uint64_t keepalive_ms, time_wait_ms, connect_ms;
};

/* A segment as the test writes it. What is not given is as usual. */
struct peer_seg {
	uint32_t at_ms; /* send: not before; expect: exactly then (0: now / any time) */
	const char *
		flags; /* of S A P F R E(CE) C(WR); send: default "A"; expect: NULL is "A" with payload */
	uint32_t seq;	  /* send: default our next */
	uint32_t ack;	  /* send: default all that was heard */
	uint32_t wnd;	  /* send: default conf.wnd, PEER_SHUT is 0; expect: 0 is any */
	const char *text; /* payload, or */
	uint32_t n;	  /* so many bytes of a pattern */
	uint16_t mss;
	uint8_t ecn; /* the IP header's; expect: 0 is any, PEER_NOT_ECT is 0 */
	uint8_t wscale;
	bool has_wscale, has_sack_ok, has_ts, no_ts;
	uint32_t ts_val, ts_ecr;
	struct {
		uint32_t left, right;
	} sack[4];	  /* ends at left == right */
	bool is_zero_wnd; /* expect: the window is 0 */
};

#define PEER_NONE    UINT64_MAX
#define PEER_SHUT    0x10000
#define PEER_ECT     2
#define PEER_CE	     3
#define PEER_NOT_ECT 0xff

struct heard {
	struct tcp_seg seg; /* numbers as on the wire */
	uint64_t at_ns;
	uint8_t text[2048];
};

struct peer {
	struct peer_conf conf;
	struct tcp *tcp;
	void *mem;
	struct buf_pool *pool;
	struct counters count;
	struct counters *counts; /* the engine's; count is their copy */
	struct tcp_path *paths;
	struct tcp_out out;
	uint64_t now, zero_ns;
	struct ip_addr engine, self;
	uint16_t port, engine_port;
	uint32_t bias;	   /* engine's number on the wire = the test's + bias */
	uint32_t seq, ack; /* our next byte; the engine's next byte that we have seen, both ours */
	struct heard *heard;
	uint32_t heard_n, heard_at;
	struct tcp_id id;
	uint32_t events; /* gathered */
	uint32_t text_off;
	uint32_t ts_engine; /* the engine's latest timestamp */
	uint32_t accepted_n;
};

/* A harness with a listener; nothing has been said yet. */
#define peer_new(...) peer_new_((struct peer_conf){ __VA_ARGS__ })
/* The same after a handshake that the peer began. */
#define peer_established(...) peer_established_((struct peer_conf){ __VA_ARGS__ })
#define peer_send(p, ...)     peer_send_((p), (struct peer_seg){ __VA_ARGS__ })
#define peer_expect(p, ...)   peer_expect_((p), (struct peer_seg){ __VA_ARGS__ }, __FILE__, __LINE__)
/* n full segments from seq on. */
#define peer_expect_run(p, seq, n) peer_expect_run_((p), (seq), (n), __FILE__, __LINE__)
#define peer_expect_quiet(p)	   peer_expect_quiet_((p), __FILE__, __LINE__)

struct peer peer_new_(struct peer_conf conf);
struct peer peer_established_(struct peer_conf conf);
/* The same over a path of 100 ms, where n segments have just been sent, as far as the window goes. */
struct peer peer_sent(uint32_t n, struct peer_conf conf);

/* The engine's number of segment i. */
static inline uint32_t
peer_at(uint32_t i)
{
	return 5000 + i * MSS;
}

void peer_send_(struct peer *p, struct peer_seg seg);
void peer_expect_(struct peer *p, struct peer_seg want, const char *file, int line);
void peer_expect_run_(struct peer *p, uint32_t seq, uint32_t n, const char *file, int line);
/* Nothing was sent that has not been expected. */
void peer_expect_quiet_(struct peer *p, const char *file, int line);
/* Lets time pass until at_ms. */
void peer_wait(struct peer *p, uint32_t at_ms);
/* Forgets what was heard so far. */
void peer_ignore(struct peer *p);

/* What the engine's owner does. */
void peer_write(struct peer *p, uint32_t n);
void peer_write_text(struct peer *p, const char *text);
void peer_write_pieces(struct peer *p, uint32_t n, uint32_t piece);
uint32_t peer_read(struct peer *p); /* all; gives the bytes back */
/* All that can be read, which is this text. */
void peer_read_text(struct peer *p, const char *text);
void peer_room(struct peer *p, uint32_t n);
void peer_shutdown(struct peer *p);
void peer_release(struct peer *p);
void peer_abort(struct peer *p);
void peer_dial(struct peer *p);	   /* the engine opens; expect a SYN */
void peer_advance(struct peer *p); /* after calling the engine directly */

/* A router or host tells of the engine's segment at seq. */
void peer_icmp(struct peer *p, enum icmp_error_kind kind, uint32_t seq, uint32_t mtu);

struct tcp_info peer_info(const struct peer *p);
enum tcp_state peer_state(const struct peer *p);
/* The bits gathered since the last call. */
uint32_t peer_events(struct peer *p);
/* One more connection, with SACK, from the next port. */
void peer_open_next(struct peer *p);

/* Ends the engine; every buffer must be back, nothing may be unheard. */
void peer_done(struct peer *p);
/* The same, whatever was heard. */
void peer_drop(struct peer *p);

#define MS_NS ((uint64_t)1000000) /* as tcp/conn.h has it */

#endif
