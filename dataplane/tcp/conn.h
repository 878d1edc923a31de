/*
 * conn.h - what the files of this folder share: the connection record, the engine's record, and
 * who does what. Private to tcp/.
 *
 * Records name each other by index (INDEX_NONE: nobody), so that they can be moved and saved.
 * The connection's fields lie in the order of their use: who, sequence space, sending, receiving,
 * estimates, rarely. An idle connection holds no buffer, span or island.
 */
#ifndef PENSTOCK_TCP_CONN_H
#define PENSTOCK_TCP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/counters.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "tcp/cc.h"
#include "tcp/flow.h"
#include "tcp/rtt.h"
#include "tcp/tcp.h"

#define INDEX_NONE UINT32_MAX

/* Apart from the way that every segment goes. */
#define RARE		   __attribute__((noinline, cold))

#define MS_NS		   ((uint64_t)1000000)
#define S_NS		   ((uint64_t)1000000000)

#define DELAYED_ACK_NS	   (40 * MS_NS)
#define CORK_NS		   (2 * MS_NS) /* how long a short last segment waits for more */
#define OVERRIDE_NS	   S_NS	       /* the longest wait for a window that is not silly */
#define STALLED_NS	   (S_NS / 2) /* nothing acknowledged for so long: the peer takes nothing */
#define RETRY_NS	   (MS_NS / 4)	       /* after the pool was dry */
#define KEEPALIVE_EVERY_NS (30 * S_NS)	       /* between probes that nobody answers */
#define PAWS_IDLE_NS	   (24 * 86400 * S_NS) /* RFC 7323, 5.5: ts_recent is too old to judge */

enum {
	KEEPALIVE_PROBES = 5,
	R1_TRIES = 3, /* RFC 9293, 3.8.3: timeouts in a row until the way there is doubted */
	SYN_ACK_TRIES = 5,
	ANSWER_TICKS = 100,   /* of 2^20 ns, between answers to what cannot be right */
	ORPHAN_PROBES = 8,    /* of a shut window, when the owner has let go */
	SEND_BURST_MAX = 32,  /* new segments of one connection before others have their turn */
	DUP_THRESH = 3,	      /* RFC 6675 */
	DUP_MAX = 15,	      /* counted no further */
	GOT_UNIT = 64,	      /* bytes, in which sizes of segments are kept, rounded down, */
	GOT_MAX = 255,	      /* up to here */
	MSS_DEFAULT_V4 = 536, /* RFC 9293, 3.7.1: no MSS option */
	MSS_DEFAULT_V6 = 1220,
	MSS_MIN = 88,	       /* a smaller one only makes us work */
	MERGE_MAX = 512,       /* payloads up to this are copied to a waiting buffer's end */
	ISLANDS_PER_CONN = 64, /* (island_n has seven bits) runs of out-of-order bytes */
	SPANS_PER_CONN = 512,  /* records of what was sent */
	REPAIRS_PART = 10,     /* one of so many connections may be in repair at once, */
	REPAIRS_LEAST = 256,   /* and so many anyway */
	LINK_HEADER_MAX = 18,  /* Ethernet and VLAN, left free in front of our packets */
	HEADER_MAX = 40 + 20 + 40,
	SUPER_MAX = 64000, /* payload that a port cuts; the rest of 64 KiB is for headers */
	LOST_MAX = 16,	   /* addresses lost at once; what belongs to more ends by its timers */
	DOUBTS_MAX = 8,	   /* that wait to be asked for; more come again with the next timeout */
	AUTO_LEAST =
		1 << 20, /* queues and windows of near peers; more only where the path needs it */
	AUTO_FAR_US = 1 << 13, /* far, as round trips go */
	GATHER_MAX = 64,       /* stream buffers in one segment; more are cut into more segments */
};

enum conn_flag {
	CONN_DIRTY = 1 << 0,	 /* in tcp->dirty: output has to look at it */
	CONN_TOLD = 1 << 1,	 /* in tcp->told: ev_bits wait for delivery */
	CONN_OWNED = 1 << 2,	 /* the owner has its id */
	CONN_PASSIVE = 1 << 3,	 /* made by a listener */
	CONN_TS = 1 << 4,	 /* timestamps agreed */
	CONN_SACK = 1 << 5,	 /* SACK agreed */
	CONN_ACK_NOW = 1 << 6,	 /* an ACK goes out at the next output, alone if need be */
	CONN_ACK_LATER = 1 << 7, /* the delayed-ACK time runs */
	CONN_FIN_ASKED = 1 << 8, /* FIN follows the send queue */
	CONN_FIN_SENT = 1 << 9,
	CONN_FIN_REACHED = 1 << 10, /* the peer's FIN is at rcv_nxt - 1 */
	CONN_FIN_AHEAD = 1 << 11,   /* the peer's FIN was seen beyond a gap, at fin_seq */
	CONN_RECOVERY = 1 << 12,    /* fast recovery until recover */
	CONN_LOSS = 1 << 13,	    /* repairing after a timeout until recover */
	CONN_CORK = 1 << 14,	    /* a short last segment may wait until ack_at */
	CONN_ROOM_SHORT = 1 << 15,  /* the owner waits for TCP_EV_ROOM */
	CONN_PROBE = 1 << 16,	    /* a probe of the window or of life goes out */
	CONN_RST = 1 << 17,	    /* an RST goes out, then nothing */
	CONN_SYN = 1 << 18,	    /* a SYN or SYN-ACK goes out */
	CONN_SYN_REPEATED = 1 << 19,
	CONN_FLOW = 1 << 20,	   /* in the flow table */
	CONN_FORCE = 1 << 21,	   /* send what the window allows, however little (3.8.6.2.1) */
	CONN_DSACK = 1 << 22,	   /* dsack is to be reported */
	CONN_SHUT = 1 << 23,	   /* the peer's window is shut since shut_tick */
	CONN_WSCALE = 1 << 25,	   /* window scaling agreed */
	CONN_AGAIN_NOW = 1 << 24,  /* the next retransmission does not ask the window */
	CONN_REORDERS = 1 << 26,   /* the path has delivered out of order (RFC 8985, 6.2 step 3) */
	CONN_RACK_TIMER = 1 << 27, /* rto_at is when segments may have become too late */
	CONN_ECN = 1 << 29,	   /* agreed; in SYN-SENT: asked for */
	CONN_ECE = 1 << 30,	   /* congestion was met: told until the peer's CWR */
	CONN_TLP_TIMER = 1 << 28,  /* rto_at is when the end of the flight is probed */
};

/* One flag more, beyond what an enum holds: nothing new until pace_ns; ack_at is not after it. */
#define CONN_HELD (1u << 31)

/* Bytes sent and not yet acknowledged, in order of sequence: [seq, seq + len), FIN included. */
enum span_flag {
	SPAN_SACKED = 1 << 0,
	SPAN_LOST = 1 << 1,  /* to be sent again */
	SPAN_AGAIN = 1 << 2, /* has been sent more than once: no RTT sample (Karn) */
	SPAN_PROBE = 1 << 3, /* larger than the path is known to carry */
	SPAN_BLUR = 1 << 4,  /* not all of it was sent at sent_ns, but some before: no RTT sample */
};

struct span {
	struct buf *buf; /* holds the first byte; NULL: only a FIN */
	uint64_t sent_ns;
	struct seq seq;
	uint32_t len;
	uint32_t next;
	uint16_t at; /* of the first byte, from buf->m.buf_addr */
	uint8_t flags;
	uint8_t most; /* payload of its largest segment, in GOT_UNITs */
};

enum frto {
	FRTO_OFF,
	FRTO_HEAD, /* awaited: the ACK of the head that went again */
	FRTO_NEW,  /* awaited: what the peer says to two new segments */
};

/*
 * What a connection remembers while something may be missing: taken when the first hole, probe or
 * duplicate shows, given back when nothing is in flight. When records run out a connection goes
 * on by the conservative rules of RFC 6675 and the timer alone.
 */
struct repair {
	/* RACK (RFC 8985, 6.1): of what was delivered, the segment sent last */
	uint64_t xmit_ns; /* 0: none yet */
	uint64_t due_ns;  /* when segments may have become too late; 0: none is waited for */
	uint64_t pace_ns; /* nothing new before: of a paced flight, or CONN_HELD */
	struct seq end;
	struct seq fack;    /* the highest number delivered */
	uint32_t rtt_us;    /* of the segment sent last */
	struct seq round;   /* snd_nxt when the reordering window last grew */
	uint8_t wnd_mult;   /* of the reordering window, in quarters of the least RTT */
	uint8_t wnd_rounds; /* recoveries until it shrinks again */
	/* TLP (7.1) */
	bool has_probe : 1, is_probe_again : 1; /* ... of bytes that were sent before */
	/* ECN (RFC 3168, 6.1.2): the window comes down once until CWR is sent, and to cwr_end, heard */
	bool owes_cwr : 1, has_cwr_end : 1;
	bool can_undo : 1; /* by what stands below */
	uint8_t frto;	   /* enum frto */
	struct seq probe_end, cwr_end;
	struct seq frto_end; /* of what went again first */
	/* PRR (RFC 6937) */
	uint32_t delivered, sent, flight; /* prr_delivered, prr_out, RecoverFS */
	/* what congestion control was, if all this turns out to be a mistake (RFC 4015, RFC 3708) */
	struct cc_memory before;
	uint32_t stamp;		       /* our timestamp of the first retransmission */
	struct seq undo_from, undo_to; /* what was in flight then */
	uint16_t mss;		       /* 0, or before silence made it smaller */
	uint16_t claim_mtu; /* 0, or what a router says of bytes from `claim` on, unproven */
	struct seq claim;
	uint32_t again_n;      /* segments sent again that no D-SACK has called needless */
	struct seg_sack dsack; /* CONN_DSACK: what the next ACK reports */
	uint32_t conn;	       /* whose it is */
};

_Static_assert(sizeof(struct repair) <= 128, "two cache lines");

struct tcp_conn {
	/* who */
	struct ip_addr remote, local;
	uint16_t remote_port, local_port;
	uint16_t path;
	uint8_t state; /* enum tcp_state */
	uint8_t end;   /* enum tcp_end */
	uint32_t flags;
	uint32_t id; /* the owner's handle; 0 once released */
	uint32_t owner;
	uint32_t dirty_next, told_next;
	uint8_t told_bits; /* enum tcp_event_bit */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t tries; /* expiries of the retransmission or probe timer in a row */

	/* sequence space */
	struct seq rcv_nxt;
	struct seq rcv_adv;	     /* right edge promised, never moves back */
	struct seq rcv_shown;	     /* the same rounded up to the window scale: what is accepted */
	struct seq room_edge;	     /* right edge the owner has room for */
	struct seq rcv_acked;	     /* last ACK sent */
	struct seq snd_una;	     /* until the handshake is done: our SYN's number */
	struct seq snd_nxt, snd_wl1; /* SND.WL2 is snd_una: older ACKs bring no window */
	uint16_t mss_told;	     /* mss before the path became smaller; 0: it has not */
	uint8_t mss_tick;	     /* ... when, of 2^34 ns */
	uint8_t used_tick;	     /* when half of the window was last in flight, of 2^34 ns */
	uint32_t snd_wnd, snd_wnd_max;
	uint32_t ts_recent, ts_offset;
	uint32_t island; /* first of the list */
	uint32_t span, span_tail;

	/* sending */
	struct bufq sndq;  /* from snd_una on */
	struct buf *fresh; /* holds the byte at snd_nxt; NULL: all was sent */
	uint64_t rto_at;   /* retransmission, probe; UINT64_MAX: off */
	uint64_t ack_at;   /* delayed ACK, cork */
	uint16_t fresh_at;
	uint16_t mss;	  /* payload of a full segment to send, timestamps taken off */
	uint16_t rcv_mss; /* the largest payload received */
	uint16_t our_mss; /* what the path carries to us: the step of our window */

	/* receiving */
	struct bufq rcvq;
	uint64_t life_at; /* connect, keep-alive, TIME-WAIT, an orphan's FIN-WAIT-2 */
	uint64_t last_rx_ns;
	uint64_t una_ns; /* the oldest byte in flight waits since; for the user timeout */

	/* estimates */
	struct rtt rtt;
	struct cc cc;
	uint32_t sacked_bytes, lost_bytes;
	uint16_t span_n;
	uint8_t dup_n : 4;     /* duplicate ACKs in a row */
	uint8_t keep_n : 4;    /* keep-alive probes that nobody answered */
	uint8_t got;	       /* payload of the largest segment that got through, in GOT_UNITs */
	uint32_t last_tx_tick; /* when bytes of the stream were last sent */
	uint32_t repair;       /* of tcp->repairs; INDEX_NONE: nothing is amiss */

	/* rarely */
	uint64_t bytes_in, bytes_out;
	uint32_t shut_ticks, shut_tick; /* the peer's window was shut, in all; and is since */
	struct seq recover, fin_seq;
	uint32_t again_n; /* segments sent again */
	uint32_t flow_next;
	uint32_t wait_prev, wait_next; /* in tcp->waiting or tcp->dialing */
	uint16_t answer_tick;	       /* when what cannot be right was last answered */
	uint8_t island_n : 7;
	bool no_ect : 1; /* ECN is agreed, but we mark nothing as capable */
	uint8_t reo; /* wnd_mult and wnd_rounds of the last repair, four bits each; 0: as at first */
	uint16_t unread_burst; /* of tcp_input, its last bits, in which rcvq ceased to be empty */
	uint16_t gap_bufs;     /* in all of its islands */
} __attribute__((aligned(32)));

_Static_assert(sizeof(struct tcp_conn) <= 352, "a record is five and a half cache lines");

struct listener {
	struct ip_addr addr;
	uint32_t owner;
	uint16_t port;
	bool is_used;
};

/* A first-in first-out list of connections, linked by a field of theirs. */
struct fifo {
	uint32_t head, tail;
};

/* Connections behind a next hop that is another station now, as far as they were looked at. */
struct moved {
	struct ip_addr remote;
	bool is_any_remote, is_any_path;
	uint16_t path;
	uint32_t next; /* INDEX_NONE: nothing has moved lately */
};

/* Addresses of ours that are another station's, as far as connections were looked at. */
struct lost {
	struct tcp_lost {
		struct ip_addr local;
		uint16_t path;
	} at[LOST_MAX];
	uint32_t n;    /* 0: none lately */
	uint32_t next; /* connection */
};

struct tcp {
	struct tcp_conf conf;
	struct pool conns, spans, islands, repairs;
	struct wheel *wheel; /* one timer a connection, at the earliest of its times */
	struct flow flow;
	struct fifo dirty, told;
	struct fifo waiting, dialing; /* TIME-WAIT, SYN-SENT: doubly linked, oldest first */
	struct listener *listener;
	uint32_t listener_n;
	uint32_t bufs_held;
	uint32_t burst;	     /* of tcp_input, counted */
	uint32_t gap_bufs;   /* of bufs_held, in islands */
	uint32_t owner_bufs; /* held by the owner, of the same budget */
	uint32_t half_open, time_wait;
	uint32_t stamp;	     /* of islands */
	uint32_t clock_hand; /* of eviction, */
	uint32_t evicted_n;  /* whose records are not free yet: no more than one */
	uint32_t gap_hand;   /* the same, of islands */
	uint32_t repair_hand;
	uint64_t now;	   /* of the latest door */
	uint64_t retry_at; /* output waits for buffers until then; 0: it does not */
	uint64_t cookies_until;
	struct tcp_doubt doubt[DOUBTS_MAX];
	uint32_t doubt_n;
	struct moved moved;
	struct lost lost;
	struct hash_key key_isn, key_cookie;
};

#define COUNT(tcp, name) ((tcp)->conf.count->name++)

/* Of the lending budget. */
static inline uint32_t
tcp_bufs_used(const struct tcp *tcp)
{
	return tcp->bufs_held + tcp->owner_bufs;
}

static inline struct tcp_conn *
conn_at(const struct tcp *tcp, uint32_t i)
{
	return pool_at(&tcp->conns, i);
}

static inline uint32_t
conn_index(const struct tcp *tcp, const struct tcp_conn *conn)
{
	return (uint32_t)(conn - (const struct tcp_conn *)(const void *)tcp->conns.object);
}

static inline bool
conn_has(const struct tcp_conn *conn, uint32_t flags)
{
	return (conn->flags & flags) != 0;
}

/* A tick is 2^20 ns: near a millisecond, without a division. */
static inline uint32_t
tick_of(uint64_t now)
{
	return (uint32_t)(now >> 20);
}

/* The timestamp clock (RFC 7323, 5.4: 1 ms to 1 s a tick). */
static inline uint32_t
conn_ts(const struct tcp_conn *conn, uint64_t now)
{
	return tick_of(now) + conn->ts_offset;
}

static inline bool
conn_is_v4(const struct tcp_conn *conn)
{
	return ip_is_v4(&conn->remote);
}

static inline uint32_t
conn_flight(const struct tcp_conn *conn)
{
	return conn->snd_nxt.v - conn->snd_una.v;
}

/* What a segment says of the peer's window; a SYN's is never scaled (RFC 7323, 2.2). */
static inline uint32_t
conn_window_of(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	return (uint32_t)seg->wnd << ((seg->flags & TCP_SYN) != 0 ? 0 : conn->snd_wscale);
}

/* Bytes given and never sent; FIN not counted. */
static inline uint32_t
conn_unsent(const struct tcp_conn *conn)
{
	uint32_t sent = conn_flight(conn) - (conn_has(conn, CONN_FIN_SENT) ? 1 : 0);

	return (uint32_t)conn->sndq.bytes - sent;
}

/* ---- tcp.c: records, lists, events ---- */

struct tcp_conn *conn_take(struct tcp *tcp, uint64_t now);
void conn_free(struct tcp *tcp, struct tcp_conn *conn);
void conn_dirty(struct tcp *tcp, struct tcp_conn *conn);
void conn_tell(struct tcp *tcp, struct tcp_conn *conn, uint32_t bits);
void conn_give_id(struct tcp *tcp, struct tcp_conn *conn);
struct tcp_conn *conn_find(const struct tcp *tcp, struct tcp_id id);
/* In tcp->waiting (TIME-WAIT) or tcp->dialing (SYN-SENT). */
void wait_push(struct tcp *tcp, struct fifo *list, struct tcp_conn *conn);
void wait_drop(struct tcp *tcp, struct fifo *list, struct tcp_conn *conn);

/* ---- close.c: ends ---- */

/* Over, for this reason: nothing more is sent or taken; the owner is told, an orphan is freed. */
void conn_end(struct tcp *tcp, struct tcp_conn *conn, enum tcp_end end);
void conn_end_with_rst(struct tcp *tcp, struct tcp_conn *conn, enum tcp_end end);
void conn_enter_time_wait(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);

/* ---- time.c ---- */

void time_arm(struct tcp *tcp, struct tcp_conn *conn, uint64_t at_ns);
void time_expire(struct tcp *tcp, uint64_t now);
/* Restarts the retransmission timer for what is in flight, or stops it. */
void time_restart_rto(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* The timeout alone, of what was sent at since_ns: no probe before it. */
void time_rto_since(struct tcp *tcp, struct tcp_conn *conn, uint64_t since_ns, uint64_t now);
/* More has gone: the tail probe comes earlier, if that is earlier (RFC 8985, 7.2); never later. */
void time_probe_sooner(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
void time_ack_later(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
void time_life(struct tcp *tcp, struct tcp_conn *conn, uint64_t at_ns);
void time_keepalive(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);

/* ---- moved.c ---- */

/* Some more connections are told that their next hop has moved, if any has. */
void moved_advance(struct tcp *tcp, uint64_t now);

/* ---- lost.c ---- */

/* Some more connections are ended if their address was lost. */
void lost_advance(struct tcp *tcp);

/* ---- listen.c, cookie.c, connect.c ---- */

/*
 * A record for a connection that is proven or our own. NULL: there is none; one that has been idle
 * for a while was cut then, if there is such, whose record comes free when its owner lets go of it.
 */
struct tcp_conn *conn_take_or_evict(struct tcp *tcp, uint64_t now);

struct listener *listener_find(struct tcp *tcp, const struct ip_addr *addr, uint16_t port);
void listen_on_syn(struct tcp *tcp, struct listener *at, const struct tcp_seg *seg, uint16_t path,
		   uint64_t now, struct tcp_out *out);
void conn_agree(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_seg *syn);
void conn_establish(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
uint16_t tcp_path_mss(const struct tcp *tcp, uint16_t path, bool is_v4);
uint8_t tcp_our_wscale(const struct tcp *tcp);
uint32_t tcp_initial_window(const struct tcp *tcp, uint16_t path, bool is_v4);
struct seq tcp_isn(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
		   const struct ip_addr *remote, uint16_t remote_port, uint64_t now);
uint32_t tcp_ts_offset(const struct tcp *tcp, const struct ip_addr *local,
		       const struct ip_addr *remote);
void cookie_answer(struct tcp *tcp, const struct tcp_seg *syn, uint16_t path, uint64_t now,
		   struct tcp_out *out);
/*
 * True: this ACK is of a cookie of ours. Then *ret_conn is the connection that it makes, or NULL: no
 * record is free yet, and the peer, who will come again, is to hear nothing.
 */
bool cookie_redeem(struct tcp *tcp, const struct tcp_seg *ack, uint16_t path, uint64_t now,
		   struct tcp_conn **ret_conn);

/* ---- input.c, ack.c ---- */

/* What is left of a segment while the checks go over it. */
struct arrival {
	const struct tcp_seg *seg;
	struct buf *buf; /* NULL once taken or given back */
	struct seq seq;	 /* of the first byte that still counts */
	uint32_t off;	 /* of that byte's payload, from the packet start */
	uint32_t n;	 /* payload that still counts */
	uint8_t flags;
	uint64_t now;
};

void input_segment(struct tcp *tcp, struct flow_place place, const struct tcp_seg *seg,
		   struct buf *buf, uint64_t now, struct tcp_out *out);
void challenge_ack(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* True when the segment's text may be looked at. */
bool ack_input(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a);
/* A segment wholly left of the window. */
void ack_note_repeat(struct tcp_conn *conn, const struct arrival *a);

/* ---- ecn.c ---- */

struct emit;

/* By the flags of a SYN, and of a SYN-ACK. */
bool ecn_is_offered(uint8_t flags);
bool ecn_is_accepted(uint8_t flags);
/* The bits of a segment that goes out; conn has CONN_ECN. */
void ecn_mark(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, struct tcp_seg *seg);
/* The next new bytes carry CWR; conn has CONN_ECN. */
bool ecn_owes_cwr(const struct tcp *tcp, const struct tcp_conn *conn);
/* The window has come down, for whatever reason; conn has CONN_ECN. */
void ecn_owe_cwr(struct repair *r);
/* It has come down already for what the routers or the path did to this window of data; r may be NULL. */
bool ecn_is_heeded(const struct tcp_conn *conn, const struct repair *r);
/* An acceptable ACK with ECE, before it moves anything. */
void ecn_on_echo(struct tcp *tcp, struct tcp_conn *conn);
/* An acceptable segment, whose ACK was taken. */
void ecn_input(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a);

/* ---- recv.c ---- */

void recv_text(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a);
/* Bytes came that were here before: the next ACK says so (RFC 2883, 4.1), where SACK is agreed. */
void recv_note_dup(struct tcp *tcp, struct tcp_conn *conn, struct seq left, struct seq right);
/* Copies a small payload behind `tail`; true when the payload's buffer is not needed. */
bool recv_merge(struct tcp *tcp, struct buf *tail, const struct arrival *a);
/*
 * Takes the packet apart into stream buffers that hold exactly the payload that counts, in q; others
 * are given back. The arrival's buffer is gone then.
 */
void recv_take_payload(struct arrival *a, struct bufq *q);
void recv_give_queue(struct tcp *tcp, struct tcp_conn *conn);
/* The window field of a segment that goes out now (not SYN's); moves the promise. */
uint16_t recv_offer(struct tcp *tcp, struct tcp_conn *conn);
uint32_t recv_window(const struct tcp_conn *conn);
/* Whether telling the peer of the present room is worth an ACK. */
bool recv_has_news(const struct tcp *tcp, const struct tcp_conn *conn);

/* ---- gap.c ---- */

/*
 * An arrival of so many bytes in so many buffers finds the share for what lies beyond gaps used up:
 * drops something of another connection for it, if there is what has less claim.
 */
void gap_make_room(struct tcp *tcp, const struct tcp_conn *conn, uint32_t bytes, uint32_t bufs_n);

/* ---- repair.c, rack.c, tlp.c, prr.c, undo.c ---- */

static inline struct repair *
repair_of(const struct tcp *tcp, const struct tcp_conn *conn)
{
	return conn->repair != INDEX_NONE ? pool_at(&tcp->repairs, conn->repair) : NULL;
}

/* The connection's record, taken if need be; NULL: there is none left. */
struct repair *repair_need(struct tcp *tcp, struct tcp_conn *conn);
void repair_give(struct tcp *tcp, struct tcp_conn *conn);
/* Nothing is in flight, and nothing is left to be told or heard. */
void repair_give_if_done(struct tcp *tcp, struct tcp_conn *conn);
/* At every ACK: marks that snd_una has passed do not stay until they seem to lie ahead again. */
void repair_age(const struct tcp_conn *conn, struct repair *r);

struct span;

/* The peer has this span, which was not SACKed before; echo: the segment's timestamp, 0: none. */
void rack_delivered(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, const struct span *s,
		    uint32_t echo, uint64_t now);
/* Marks what is too late by now, and sets the timer for what may become so. True: something is. */
bool rack_mark_lost(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* Lets the timer fire by then, if it is not due before. */
void rack_arm(struct tcp *tcp, struct tcp_conn *conn, const struct repair *r);
/* A D-SACK came: the reordering window was too small. */
void rack_on_dsack(struct tcp_conn *conn, struct repair *r);
/* A recovery has ended without one. */
void rack_calm(struct repair *r);

/* When the end of the flight is to be probed, from now; 0: not at all. */
uint64_t tlp_wait(const struct tcp *tcp, const struct tcp_conn *conn);
void tlp_on_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
void tlp_on_ack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, struct seq ack,
		bool has_both);
/* Nothing more will be heard of a probe that was answered. */
void tlp_settle(struct tcp *tcp, struct tcp_conn *conn, struct repair *r);

void prr_begin(struct repair *r, uint32_t flight);
/*
 * So many bytes were delivered by this ACK: sets the window (RFC 6937, 3). is_safe: it has moved on
 * and tells of no further loss (RFC 9937).
 */
void prr_on_ack(struct tcp_conn *conn, struct repair *r, uint32_t delivered, bool is_safe);

void undo_begin(const struct tcp_conn *conn, struct repair *r, uint64_t now);
/* An ACK of new bytes with this echoed timestamp, 0: none. */
bool undo_by_echo(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, uint32_t echo);
/* Whoever has found it out. */
void undo(struct tcp *tcp, struct tcp_conn *conn, struct repair *r);
/* The peer has had these bytes twice. */
bool undo_by_dsack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r,
		   const struct seg_sack *twice);

/* ---- frto.c ---- */

/* The timer has fired; was_open: in no recovery. */
void frto_begin(const struct tcp_conn *conn, struct repair *r, bool was_open);
/* An ACK moves on. True: the timeout was a mistake. */
bool frto_on_ack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r);
void frto_on_dup_ack(struct tcp_conn *conn, struct repair *r);
/* Nothing goes again now, but new bytes, after which frto_on_sent is called. */
bool frto_holds_again(const struct tcp *tcp, const struct tcp_conn *conn);
void frto_on_sent(struct tcp *tcp, struct tcp_conn *conn);

/* ---- mtu.c ---- */

/* A router says that the path carries packets of this size only; 0: it does not say. */
void mtu_on_too_big(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint32_t mtu);
/* The retransmission timer has fired, tries times before: full segments may be lost on the way. */
void mtu_on_timeout(struct tcp *tcp, struct tcp_conn *conn);
/* They were not: it was the peer or the path that was slow. */
void mtu_undo(struct tcp_conn *conn, struct repair *r);
/*
 * Where mss_told is not 0: the bytes of a segment to try whether the path carries more by now; 0:
 * none. One that was sent, one that arrived, and whether it is all that is lost.
 */
uint32_t mtu_probe(const struct tcp *tcp, const struct tcp_conn *conn, uint64_t now);
void mtu_probe_sent(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint64_t now);
void mtu_probe_arrived(struct tcp *tcp, struct tcp_conn *conn, uint32_t n);
bool mtu_is_probe_lost(const struct tcp *tcp, const struct tcp_conn *conn);

/* ---- span.c, sack.c, loss.c, send.c ---- */

void span_sent(struct tcp *tcp, struct tcp_conn *conn, struct buf *buf, uint16_t at, struct seq seq,
	       uint32_t len, uint64_t now);
/*
 * The next span of a connection that comes from elsewhere, SACKed or lost or neither; it becomes part of
 * the one before when no more are to be had. False: it is the first and there is none at all.
 */
bool span_restore(struct tcp *tcp, struct tcp_conn *conn, const struct span *saved);
bool span_split(struct tcp *tcp, struct tcp_conn *conn, uint32_t i, uint32_t keep);
void span_join(struct tcp *tcp, struct tcp_conn *conn);

/* When what an ACK covers was sent, 0: nothing of it was. */
struct span_times {
	uint64_t once_ns;  /* the last segment, if all were sent once: an RTT sample */
	uint64_t again_ns; /* the latest that was sent again */
};

/* Everything before ack is acknowledged. */
struct span_times span_ack(struct tcp *tcp, struct tcp_conn *conn, struct seq ack, uint32_t echo);
void span_give_all(struct tcp *tcp, struct tcp_conn *conn);

/* Moves a place in the send queue n bytes on; NULL: behind the last byte. */
static inline void
place_walk(struct buf **buf, uint16_t *at, uint32_t n)
{
	struct buf *b = *buf;
	uint32_t i = *at;

	while (b != NULL) {
		uint32_t left = (uint32_t)b->at + b->n - i;

		if (n < left) {
			i += n;
			break;
		}
		n -= left;
		b = b->link;
		i = b != NULL ? b->at : 0;
	}
	*buf = b;
	*at = (uint16_t)i;
}

static inline struct span *
span_at(const struct tcp *tcp, uint32_t i)
{
	return pool_at(&tcp->spans, i);
}

/* What a segment's blocks told. */
struct sack_news {
	bool is_new;	/* something above snd_una was delivered */
	bool has_dsack; /* something was delivered twice (RFC 2883) */
};

struct sack_news sack_input(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_seg *seg,
			    uint64_t now);
/* The echoed timestamp of a segment, 0: none. */
static inline uint32_t
conn_echo(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	return conn_has(conn, CONN_TS) && seg->has_ts ? seg->ts_ecr : 0;
}

uint32_t sack_blocks(struct tcp *tcp, struct tcp_conn *conn, struct seg_sack *ret_block);
void sack_mark_lost(struct tcp *tcp, struct tcp_conn *conn);
uint32_t loss_pipe(const struct tcp_conn *conn);
void loss_on_dup_ack(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* sent_ns: of what was acknowledged and sent once; 0: there is none. */
void loss_on_ack(struct tcp *tcp, struct tcp_conn *conn, uint32_t acked, uint64_t sent_ns,
		 uint64_t now);
/* A recovery begins when something is marked and none goes on. */
void loss_begin(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* All that is not SACKed is to be sent again. */
void loss_mark_all(struct tcp *tcp, struct tcp_conn *conn);
void loss_on_timeout(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);

/* ---- pace.c ---- */

#define PACE_AFTER_RTO UINT64_MAX /* a timeout after the next output, as it is known by then */

struct pace {
	uint32_t a_ms; /* bytes a millisecond, as the controller asks; 0: it does not */
	uint32_t left; /* bytes that may go now */
};

/* Whether pace_begin need be asked: large windows of far peers, and marks at the least window. */
static inline bool
pace_is_asked(const struct tcp_conn *conn)
{
	return (conn->cc.cwnd_bytes >= CC_PACED_LEAST && conn->rtt.srtt_us >= CC_PACED_LEAST_US) ||
	       conn_has(conn, CONN_HELD);
}

struct pace pace_begin(struct tcp *tcp, struct tcp_conn *conn, uint64_t now);
/* n bytes went; only where a controller asks. Returns what is left. */
struct pace pace_sent(struct tcp *tcp, struct tcp_conn *conn, struct pace pace, uint32_t n,
		      uint64_t now);
/* Output comes again when more may go. */
void pace_wait(struct tcp *tcp, struct tcp_conn *conn);

uint32_t send_limit(const struct tcp *tcp, const struct tcp_conn *conn);
/* Sends what the connection may send now; false when out is full or the pool dry. */
bool send_output(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out);

/* ---- emit.c ---- */

/* A segment's place in the stream, and what goes with it. */
struct emit {
	struct seq seq;
	uint8_t flags;
	bool is_whole;	 /* more than the path is known to carry, and not to be cut */
	uint16_t at;	 /* of the first payload byte in buf */
	uint32_t n;	 /* payload */
	struct buf *buf; /* holds the first payload byte */
};

bool emit_segment(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, uint64_t now,
		  struct tcp_out *out);

/* A segment for nobody: an RST (RFC 9293, 3.10.7.1) or a cookie's SYN-ACK. */
bool emit_bare(struct tcp *tcp, const struct tcp_seg *seg, uint16_t path, struct tcp_out *out);

#endif
