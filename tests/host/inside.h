/*
 * inside.h - what a host is made of, for its two files: host.c has life, time and packets,
 * socket.c what sits on top.
 */
#ifndef PENSTOCK_TESTS_HOST_INSIDE_H
#define PENSTOCK_TESTS_HOST_INSIDE_H

#include <stdbool.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "host/host.h"
#include "tcp/conn.h"

enum {
	SOCKETS_MAX = 4096,
	ADDRESSES_MAX = 8,
	PATHS_MAX = 64,
};

enum sock_state {
	SOCK_FREE,
	SOCK_FRESH,
	SOCK_LISTENING,
	SOCK_DIALLING,
	SOCK_OPEN,
	SOCK_OVER, /* the engine has ended it; `in` may still hold bytes */
};

struct sock {
	enum sock_state state;
	struct tcp_id id; /* v 0: no connection */
	struct ip_addr local;
	uint16_t local_port;
	bool is_corked, is_shut;
	int error;	      /* errno, until asked for */
	enum tcp_end end;     /* of a connection that is over */
	struct bufq in;	      /* taken from the engine, unread */
	uint32_t receive_max; /* room for unread bytes */
	uint16_t mss;	      /* as set; 0: what the link carries */
	int next;	      /* in the listener's queue; -1: the last */
	int listener;	      /* whose queue it waits in; -1: its user has it */
	int first, last;      /* a listener's queue; -1: empty */
	uint32_t waiting_n, backlog;
};

/* A packet on its way out. */
struct parcel {
	struct parcel *next;
	uint64_t at_ns;
	uint32_t n;
	uint8_t bytes[];
};

struct host {
	struct tcp *tcp;
	struct buf_pool *pool;
	struct tcp_path path[PATHS_MAX]; /* the link; then the same for smaller segments, mss.c */
	uint32_t path_n;
	struct counters count;
	struct tcp_out out;
	uint64_t now;
	uint64_t dice;
	uint32_t bufs_n; /* in the sockets' `in` */
	uint32_t receive_max;
	struct ip_addr address[ADDRESSES_MAX];
	uint32_t address_n;
	struct parcel *oldest, **newest;
	struct sock sock[SOCKETS_MAX];
};

/* Does what is due, until nothing is left to do now. */
void host_settle(struct host *h);

/* mss.c: -EISCONN, -EINVAL. */
int mss_set(struct sock *s, uint64_t mss);
/* The path by which segments are no larger than the socket wants; -ENOSPC. */
int mss_path(struct host *h, const struct sock *s, bool is_v4);
/* The path by which an arrived segment has come: its listener may want smaller ones. */
uint16_t mss_path_in(struct host *h, const struct ip_addr *dst, uint16_t port);

/* One of the engine's events. */
void host_on_event(struct host *h, const struct tcp_event *e);

struct ip_addr host_to_ip(const struct host_address *a);
struct host_address host_from_ip(const struct ip_addr *a, uint16_t port);
bool host_is_ours(const struct host *h, const struct ip_addr *a);

#endif
