/*
 * tcp.h - one lane's TCP: connections, listeners and their timers, without clock, lock, malloc or
 * I/O (RFC 9293). Three doors: tcp_input takes segments, tcp_advance does what is due and makes
 * the segments to send, tcp_deadline says when to come back. All randomness comes from the seed:
 * the same calls in the same order give the same bytes.
 *
 * Bytes pass through without copies: a received buffer's stream part goes from the wire to the
 * owner by tcp_recv, and what the owner gives to tcp_send is sent from where it lies.
 *
 * A connection belongs to the owner that accepted or opened it, who is told of it by events and
 * lets go of it with tcp_release; TCP then finishes alone (FIN, TIME-WAIT) and forgets it. An id
 * whose connection is gone is refused by every call (tcp_is_live), never mistaken for another.
 * Units: nanoseconds of the caller's monotonic clock, bytes.
 */
#ifndef PENSTOCK_TCP_TCP_H
#define PENSTOCK_TCP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "wire/seg.h"

struct tcp;
struct counters;

/* A connection's name: index and generation. v == 0 is no connection. */
struct tcp_id {
	uint32_t v;
};

/* What the ports of this machine can do for a segment; the lane numbers its paths. */
struct tcp_path {
	uint16_t mtu;	   /* of the IP packet */
	bool csum_tx;	   /* the port fills TCP checksums in */
	bool multi_segs;   /* the port takes packets of several segments */
	bool tso;	   /* the port cuts large segments; csum_tx and multi_segs, too */
	uint8_t hop_limit; /* of what is sent; 0: 64 */
	uint8_t dscp;	   /* the same's, 0 to 63 (RFC 2474) */
};

/* Congestion control: x(enum part, word). The first is a proxy's. */
#define TCP_CC_LIST(x) x(CUBIC, cubic) x(NEWRENO, newreno)

enum tcp_cc {
#define X(part, word) TCP_CC_##part,
	TCP_CC_LIST(X)
#undef X
	TCP_CCS
};

struct tcp_conf {
	uint32_t conns_max; /* connections of this lane, all states */
	uint32_t listeners_max;
	uint32_t backlog_max;	 /* half-open connections kept before SYN cookies, per lane */
	uint32_t bufs_max;	 /* stream buffers this TCP may hold: the lending budget */
	uint32_t send_max_bytes; /* a connection's send queue accepts no more than this */
	uint32_t recv_max_bytes; /* the largest window ever offered */
	uint64_t time_wait_ns;
	uint64_t connect_ns; /* SYN retransmission gives up after this, unless told otherwise */
	uint64_t keepalive_idle_ns; /* 0: no keep-alive */
	uint64_t user_timeout_ns;   /* unacknowledged data for this long ends the connection */
	enum tcp_cc cc;		    /* of new connections */
	bool asks_ecn;		    /* our SYNs offer ECN; peers' offers are always taken */
	bool has_nagle; /* a short last segment waits while anything is in flight (RFC 9293, 3.7.4) */
	uint64_t seed[2]; /* keyed hash (ISN, cookies, flows) and all randomness */
	const struct tcp_path *path;
	uint16_t path_n;
	struct buf_pool *pool;	/* headers and views come from here */
	struct counters *count; /* the lane's, abi/counters.h */
};

/* Bytes of memory that tcp_init needs for this configuration, 64-byte aligned. */
size_t tcp_size(const struct tcp_conf *conf);

/* Makes a TCP in mem (tcp_size bytes, zeroed); it keeps conf->path and conf->pool. */
struct tcp *tcp_init(void *mem, const struct tcp_conf *conf, uint64_t now);

/* Ends every connection without a word and gives all buffers back. */
void tcp_fini(struct tcp *tcp);

/* ---- out: what a door hands back; owned by the caller, who empties it after each call ---- */

enum {
	TCP_OUT_PACKETS = 256,
	TCP_OUT_EVENTS = 256
};

enum tcp_event_bit {
	TCP_EV_ACCEPTED = 1 << 0,  /* a listener's new connection: adopt or release it */
	TCP_EV_CONNECTED = 1 << 1, /* tcp_connect succeeded */
	TCP_EV_READABLE = 1 << 2,  /* tcp_recv has bytes */
	TCP_EV_FIN = 1 << 3,	   /* the peer's FIN is reached once tcp_recv is empty */
	TCP_EV_ROOM = 1 << 4,	   /* tcp_send_room fell below half and is half again */
	TCP_EV_SENT = 1 << 5,	   /* everything given, FIN included, is acknowledged */
	TCP_EV_GONE = 1 << 6,	   /* over: tcp_end tells why; only tcp_release is left to do */
};

/* At most one event a connection a call; bits gather. */
struct tcp_event {
	struct tcp_id id;
	uint32_t owner; /* of the connection; for TCP_EV_ACCEPTED the listener's */
	uint32_t bits;	/* enum tcp_event_bit */
};

struct tcp_out {
	/*
	 * IP packets without link header, to be routed by their destination on port `path`
	 * (buf->path). Headroom for the link header is there. Ownership passes to the caller.
	 */
	struct buf *packet[TCP_OUT_PACKETS];
	uint32_t packet_n;
	struct tcp_event event[TCP_OUT_EVENTS];
	uint32_t event_n;
};

/* ---- the three doors ---- */

/*
 * Takes a burst of valid segments in arrival order, buf[i] being segment i's packet, whose path
 * says where it came by. Looks flows up in passes, so that their memory is on its way before it
 * is needed. Ownership of every buf passes in.
 *   n    at most 64
 *   out  appended to; never overflows: what does not fit stays marked and comes with tcp_advance
 * Cannot fail: what a peer got wrong is answered or dropped as the RFC says, and counted.
 */
void tcp_input(struct tcp *tcp, const struct tcp_seg *seg, struct buf **buf, uint32_t n,
	       uint64_t now, struct tcp_out *out);

/*
 * Does what is due, then sends for the connections that input, timers or their owner changed.
 * Leftover work stays marked and tcp_deadline then returns a time not after now.
 */
void tcp_advance(struct tcp *tcp, uint64_t now, struct tcp_out *out);

/* When tcp_advance next has something to do; UINT64_MAX: not before the next input. */
uint64_t tcp_deadline(const struct tcp *tcp);

/*
 * The owner holds this many buffers in queues of its own: they count against bufs_max too, in what
 * may arrive, in the windows offered and in the room to send.
 */
void tcp_set_owner_bufs(struct tcp *tcp, uint32_t bufs_n);

/* ---- listeners ---- */

/*
 * Accepts connections to addr:port (addr none: every address) in the owner's name. False when
 * the place is taken or listeners_max is reached. Connections outlive their listener.
 */
bool tcp_listen(struct tcp *tcp, const struct ip_addr *addr, uint16_t port, uint32_t owner);
void tcp_unlisten(struct tcp *tcp, const struct ip_addr *addr, uint16_t port);

/* ---- connections ---- */

struct tcp_dial {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	uint16_t path;
	uint32_t owner;
	uint64_t connect_ns; /* 0: the configuration's */
};

/* Sends a SYN at the next advance. id 0 when the tuple is in use or connections are used up. */
struct tcp_id tcp_connect(struct tcp *tcp, const struct tcp_dial *dial, uint64_t now);

/* Whether this four-tuple is free to dial from. */
bool tcp_is_free(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
		 const struct ip_addr *remote, uint16_t remote_port);

bool tcp_is_live(const struct tcp *tcp, struct tcp_id id);

/* Who speaks with whom; the id is live. */
struct tcp_ends {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
};

void tcp_ends(const struct tcp *tcp, struct tcp_id id, struct tcp_ends *ret_ends);

/* From now on events carry this owner. */
void tcp_adopt(struct tcp *tcp, struct tcp_id id, uint32_t owner);

/* In-order bytes waiting. */
uint32_t tcp_readable(const struct tcp *tcp, struct tcp_id id);

/*
 * Moves all in-order bytes behind q; ownership passes. Returns how many. The window is not
 * reopened by this but by tcp_set_room.
 */
uint32_t tcp_recv(struct tcp *tcp, struct tcp_id id, struct bufq *q);

/* The peer's FIN has been reached: no byte will follow those that tcp_recv gave. */
bool tcp_is_eof(const struct tcp *tcp, struct tcp_id id);

/*
 * The owner has room for this many bytes beyond those already received, whether tcp_recv has given
 * them or they still wait (0 stops the peer). The right edge offered never moves back; silly
 * windows are avoided (RFC 9293, 3.8.6.2.2): steps of less than a segment (or half of
 * recv_max_bytes) wait. An update is sent when it helps. Until first called a connection offers
 * its initial window.
 */
void tcp_set_room(struct tcp *tcp, struct tcp_id id, uint32_t room_bytes);

/*
 * How many more bytes tcp_send would take now: send_max_bytes less what waits; less near the
 * lending budget. When less than half was free at this call or at tcp_send, TCP_EV_ROOM comes
 * when half is free again.
 */
uint32_t tcp_send_room(const struct tcp *tcp, struct tcp_id id);

/*
 * Appends the whole queue (which may exceed tcp_send_room; that is a hint for flow control) to
 * the stream to send; ownership passes, q is left empty. more: the owner will add to it in this
 * turn or soon, a short last segment may wait for it (as cork).
 */
void tcp_send(struct tcp *tcp, struct tcp_id id, struct bufq *q, bool more);

/* Bytes given to tcp_send that the peer has not acknowledged, and the number that it has, ever. */
uint64_t tcp_unacked(const struct tcp *tcp, struct tcp_id id);
uint64_t tcp_acked(const struct tcp *tcp, struct tcp_id id);

/* Segments that were sent again, ever. */
uint32_t tcp_sent_again(const struct tcp *tcp, struct tcp_id id);

/* FIN after everything given so far. Receiving goes on. */
void tcp_shutdown(struct tcp *tcp, struct tcp_id id);

/* RST, now; TCP_EV_GONE does not follow. The id stays the owner's until tcp_release. */
void tcp_abort(struct tcp *tcp, struct tcp_id id);

/*
 * The owner lets go. Open connections are finished in the background: unsent data and FIN go
 * out, arriving data is answered by RST as RFC 9293 3.10.4 says for a closed user. When bytes were
 * left unread and none of ours are under way, RST goes out at once (RFC 1122, 4.2.2.13).
 */
void tcp_release(struct tcp *tcp, struct tcp_id id);

/* Why a connection is over. */
/* clang-format off */
#define TCP_END_LIST(x)                                                                            \
	x(NONE, none) /* it is not over */                                                         \
	x(CLOSED, closed) /* both FINs exchanged */                                                \
	x(RESET, reset) /* RST received */                                                         \
	x(REFUSED, refused) /* RST answered our SYN */                                             \
	x(CONNECT_TIMEOUT, connect_timeout)                                                        \
	x(USER_TIMEOUT, user_timeout) /* data unacknowledged for too long */                       \
	x(KEEPALIVE, keepalive_timeout) /* the peer answers no probe */                            \
	x(UNREACHABLE, unreachable) /* ICMP or no neighbour, while connecting */                   \
	x(EVICTED, evicted) /* memory: the oldest idle goes first */                               \
	x(ADDRESS, address_lost) /* our address is another station's */                            \
	x(ABORTED, aborted) /* by our owner */
/* clang-format on */

enum tcp_end {
#define X(name, word) TCP_END_##name,
	TCP_END_LIST(X)
#undef X
};

const char *tcp_end_name(enum tcp_end end);
enum tcp_end tcp_end(const struct tcp *tcp, struct tcp_id id);

/* A destination cannot be reached (no neighbour, ICMP): connecting ones to it end. */
void tcp_unreachable(struct tcp *tcp, const struct ip_addr *remote, uint64_t now);

/*
 * Bytes to this host have gone unacknowledged for three timeouts (RFC 9293, 3.8.3: R1): the next
 * hop by this path may be dead, and those below should ask. False: there is none to tell of.
 */
struct tcp_doubt {
	struct ip_addr remote;
	uint16_t path;
};

bool tcp_doubted(struct tcp *tcp, struct tcp_doubt *ret_doubt);

/*
 * The next hop to this host by this path, or with NULL to any host, is another station from now on:
 * what was sent there lately is lost. Who has waited for a timeout in vain sends again at once, and
 * does not wait as long for the next one. Connections are looked at by tcp_advance, some at a time.
 */
void tcp_moved(struct tcp *tcp, uint16_t path, const struct ip_addr *remote, uint64_t now);

/*
 * Our address on this path is another station's (RFC 5227, 2.4): its connections end, without a
 * word to their peers, for it must not be sent from. Looked at by tcp_advance, some at a time.
 */
void tcp_address_lost(struct tcp *tcp, uint16_t path, const struct ip_addr *local, uint64_t now);

struct icmp_error;

/*
 * An ICMP error about a segment of ours (wire/icmp.h). It is believed only when its sequence
 * number is in flight (RFC 5927): then it ends a connecting connection, or lowers the MSS.
 */
void tcp_icmp(struct tcp *tcp, const struct icmp_error *error, uint64_t now);

/* ---- taken over by another engine ---- */

/*
 * Bytes that tcp_save needs; 0: the connection is in no state to be saved (SYN-SENT, SYN-RECEIVED,
 * TIME-WAIT, over).
 */
size_t tcp_save_size(const struct tcp *tcp, struct tcp_id id);

/* Writes the connection with its queues and timers to memory of tcp_save_size. It goes on. */
void tcp_save(const struct tcp *tcp, struct tcp_id id, void *to);

/* Ends the connection without a word to anybody: it lives elsewhere now. */
void tcp_forget(struct tcp *tcp, struct tcp_id id);

/*
 * The saved connection goes on here, in the owner's name; events that were not delivered come
 * again. Same build, same clock, same paths. id 0: the bytes are bad, its tuple is in use, or
 * connections or buffers are used up; then nothing has changed. What lies beyond gaps is left out where
 * there is no room for it: the peer sends it again.
 */
struct tcp_id tcp_restore(struct tcp *tcp, const void *bytes, size_t n, uint32_t owner,
			  uint64_t now);

/* ---- facts ---- */

/* What a person or a test wants to see of one connection. */
struct tcp_info {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	uint8_t state; /* enum tcp_state */
	uint16_t mss;  /* to send */
	uint32_t cwnd_bytes, ssthresh_bytes, snd_wnd, rcv_wnd;
	uint64_t srtt_ns, rttvar_ns, rto_ns;
	uint64_t bytes_in, bytes_out; /* in order and acknowledged */
	uint64_t retransmits;	      /* segments */
	uint64_t rtt_least_ns;	      /* the path's own delay; 0: none measured yet */
	uint32_t flight_bytes;	      /* sent and not acknowledged; of these */
	uint32_t sacked_bytes, lost_bytes;
	bool is_recovering;	 /* fast recovery, or repair after a timeout */
	bool has_timed_out;	 /* the timer was it */
	bool has_reordered;	 /* the path has delivered out of order, ever */
	uint8_t cc;		 /* enum tcp_cc */
	uint64_t zero_window_ns; /* time for which the peer's window was shut */
};

/* clang-format off */
#define TCP_STATE_LIST(x)                                                                          \
	x(CLOSED) x(SYN_SENT) x(SYN_RECEIVED) x(ESTABLISHED) x(FIN_WAIT_1) x(FIN_WAIT_2)           \
	x(CLOSE_WAIT) x(CLOSING) x(LAST_ACK) x(TIME_WAIT)
/* clang-format on */

enum tcp_state {
#define X(name) TCP_STATE_##name,
	TCP_STATE_LIST(X)
#undef X
};

const char *tcp_state_name(enum tcp_state state);
void tcp_info(const struct tcp *tcp, struct tcp_id id, struct tcp_info *ret_info);

/* Stream buffers held in all queues, and connections by kind: gauges for the board. */
struct tcp_load {
	uint32_t bufs_held, bufs_max;
	uint32_t conns, half_open, time_wait;
};

void tcp_load(const struct tcp *tcp, struct tcp_load *ret_load);

#endif
