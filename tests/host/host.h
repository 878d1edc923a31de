/*
 * host.h - Penstock's TCP as a host in virtual time, for tests and for outside referees of TCP
 * stacks: POSIX-like sockets above, raw IP packets below, and a clock that only the caller moves.
 * Needs nothing but this header and libpenstock_host.so (dlopen, ctypes, cffi will do).
 *
 * The engine is the proxy's own (dataplane/tcp, dataplane/wire). There is no link: packets begin
 * with their IPv4 or IPv6 header and carry right checksums; neighbours, echo and fragments, which
 * are the business of other parts, are not answered. Everything random comes from the seed: the
 * same calls give the same packets.
 *
 * Any number of hosts may live in one process; nothing is shared. One host is not to be used by
 * two threads at once. Nothing blocks: what would, returns -EAGAIN. Every call leaves the host
 * settled: what it makes the engine send waits in host_packet_out when it returns.
 *
 * Ownership: bytes are copied in and out; what a caller passes stays the caller's.
 * Units: nanoseconds, bytes; ports in host order, addresses in network order.
 * Errors: a negative errno of POSIX. A socket is a number from 0; one that is none is -EBADF.
 */
#ifndef PENSTOCK_TESTS_HOST_HOST_H
#define PENSTOCK_TESTS_HOST_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOST_API __attribute__((visibility("default")))

struct host;

/* Zero anywhere is the default named behind it. */
struct host_conf {
	uint64_t now_ns;	     /* the clock's beginning; 1 s */
	uint64_t seed;		     /* of all randomness */
	uint64_t time_wait_ns;	     /* 60 s */
	uint64_t connect_timeout_ns; /* 75 s */
	uint32_t mtu;		     /* of IP packets both ways; 1500, 576 to 65535 */
	uint32_t connections_max;    /* all states; 256 */
	uint32_t backlog_max;	     /* half-open ones before SYN cookies; 64 */
	uint32_t buffers_max;	     /* of 2 KiB, in all queues; 16384 */
	uint32_t send_max;	     /* bytes a send queue takes; 4 MiB */
	uint32_t receive_max;	     /* the largest window, and the room of a reader; 4 MiB */
	uint32_t asks_ecn;	     /* 1: our SYNs offer ECN */
	uint32_t hop_limit;	     /* 64 */
};

/* family 4: bytes[0..3]; family 6: all of bytes; 0: any address. */
struct host_address {
	uint8_t family;
	uint8_t spare;
	uint16_t port;
	uint8_t bytes[16];
};

/* NULL: no memory, or a configuration out of its bounds. */
HOST_API struct host *host_begin(const struct host_conf *conf);

/* Ends it with all its connections, without a word to their peers. */
HOST_API void host_end(struct host *host);

/* From now on this address is the host's (port not read). -ENOSPC beyond 8. */
HOST_API int host_add_address(struct host *host, const struct host_address *address);

/* ---- time ---- */

HOST_API uint64_t host_now(const struct host *host);

/* When host_advance next has something to do; UINT64_MAX: not before the next call. */
HOST_API uint64_t host_deadline(const struct host *host);

/* Moves the clock to to_ns, doing on the way what is due, each at its time. -EINVAL: backwards. */
HOST_API int host_advance(struct host *host, uint64_t to_ns);

/* ---- packets ---- */

/*
 * One IP packet arrives now. 0: taken; above 0: dropped, host_drop_name says why; -EMSGSIZE beyond
 * 65535 bytes or none, -ENOBUFS.
 */
HOST_API int host_packet_in(struct host *host, const void *packet, uint32_t n);
HOST_API const char *host_drop_name(int drop);

/*
 * The oldest packet that the host has sent: its length, and when it left. 0: there is none.
 * -EMSGSIZE: room is too small, it stays.
 */
HOST_API int host_packet_out(struct host *host, void *to, uint32_t room, uint64_t *ret_at_ns);

/* ---- sockets ---- */

/* A stream socket, for either family; -EMFILE. */
HOST_API int host_socket(struct host *host);

/* -EADDRNOTAVAIL: not ours; port 0: one is chosen when it is needed. */
HOST_API int host_bind(struct host *host, int fd, const struct host_address *address);

/* -EADDRINUSE. Accepted but not taken connections beyond the backlog are reset. */
HOST_API int host_listen(struct host *host, int fd, uint32_t backlog);

/* The oldest connection: its socket. -EAGAIN. ret_peer may be NULL. */
HOST_API int host_accept(struct host *host, int fd, struct host_address *ret_peer);

/* -EINPROGRESS: the SYN is out. HOST_OUT tells of the end, HOST_OPT_ERROR of which. */
HOST_API int host_connect(struct host *host, int fd, const struct host_address *to);

/* Bytes moved; 0: the peer's FIN. */
HOST_API int64_t host_read(struct host *host, int fd, void *to, uint64_t room);

/* Bytes taken, perhaps fewer than n. -EPIPE after host_shutdown. */
HOST_API int64_t host_write(struct host *host, int fd, const void *bytes, uint64_t n);

/* FIN behind what was written; reading goes on. */
HOST_API int host_shutdown(struct host *host, int fd);

/* The socket is gone at once, its connection when it has ended well; unread bytes reset it. */
HOST_API int host_close(struct host *host, int fd);

/* RST, and the socket is gone. */
HOST_API int host_abort(struct host *host, int fd);

enum host_ready {
	HOST_IN = 1,	/* read or accept has something, be it the end */
	HOST_OUT = 2,	/* write takes something, or says why not */
	HOST_ERROR = 4, /* the connection broke */
	HOST_FIN = 8,	/* the peer writes no more */
	HOST_OVER = 16, /* nothing will move in either direction */
};

/* What of enum host_ready is so. */
HOST_API int host_poll(struct host *host, int fd);

/*
 * "all" ones are settings of the engine, which has one for all of its connections: setting them on
 * any socket sets them for the host, timers that run keep their time. The rest answer for one.
 */
enum host_option {
	HOST_OPT_ERROR = 1, /* get: errno of what broke it, 0; the first get clears it */
	/*
	 * get: of segments that we send. set, before connect or listen: neither send nor take larger
	 * ones (as TCP_MAXSEG, timestamps come off); 88 to 65495. connect: -ENOSPC beyond 63 sizes.
	 */
	HOST_OPT_MSS = 2,
	HOST_OPT_NODELAY = 3, /* all: 0 is Nagle's algorithm (RFC 9293, 3.7.4); a proxy has 1 */
	HOST_OPT_CORK = 4, /* 1: a short last segment waits until 0, at most as the engine says */
	HOST_OPT_KEEPALIVE_NS = 5,    /* all: silence before the first probe; 0: none */
	HOST_OPT_USER_TIMEOUT_NS = 6, /* all: unacknowledged for so long ends it; 0: 100 s */
	HOST_OPT_CONGESTION = 7,      /* all later ones: enum host_congestion; -EISCONN */
	HOST_OPT_RECEIVE_BUFFER = 8,  /* room for unread bytes; conf.receive_max at most */
	HOST_OPT_UNSENT = 9,	      /* get: bytes written that the peer has not acknowledged */
	HOST_OPT_UNREAD = 10,	      /* get: bytes that read would give */
};

enum host_congestion {
	HOST_CUBIC = 0,
	HOST_NEWRENO = 1,
};

HOST_API int host_setsockopt(struct host *host, int fd, int option, uint64_t value);
HOST_API int host_getsockopt(struct host *host, int fd, int option, uint64_t *ret_value);

/* The connection as the engine sees it; as tcp_info of dataplane/tcp/tcp.h. */
struct host_info {
	struct host_address local, peer;
	char state[16]; /* RFC 9293's name, '_' for '-': "ESTABLISHED", "SYN_SENT" */
	char end[24];	/* "none", or why it is over: "reset", "refused", ... */
	uint64_t srtt_ns, rttvar_ns, rto_ns, rtt_least_ns, zero_window_ns;
	uint64_t bytes_in, bytes_out; /* in order, acknowledged */
	uint64_t retransmits;	      /* segments */
	uint32_t cwnd, ssthresh, send_window, receive_window, flight, sacked, lost;
	uint32_t mss;
	uint8_t is_recovering, has_timed_out, has_reordered, congestion;
};

/* -ENOTCONN: the socket has no connection, or no longer. */
HOST_API int host_info(struct host *host, int fd, struct host_info *ret_info);

#ifdef __cplusplus
}
#endif

#endif
