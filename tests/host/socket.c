/*
 * socket.c - see host.h: sockets over the engine's connections.
 *
 * Unread bytes wait in the engine until somebody reads, so that it knows of them when a connection
 * is let go; what a read has left over waits in the socket. Their sum bounds the window.
 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "host/inside.h"
#include "wire/ip.h"

enum {
	PORT_FIRST = 49152,
	PORT_N = 16384, /* RFC 6335: the dynamic ones */
};

static int
errno_of(enum tcp_end end)
{
	switch (end) {
	case TCP_END_NONE:
	case TCP_END_CLOSED:
		return 0;
	case TCP_END_RESET:
		return ECONNRESET;
	case TCP_END_REFUSED:
		return ECONNREFUSED;
	case TCP_END_CONNECT_TIMEOUT:
	case TCP_END_USER_TIMEOUT:
	case TCP_END_KEEPALIVE:
		return ETIMEDOUT;
	case TCP_END_UNREACHABLE:
		return EHOSTUNREACH;
	case TCP_END_ADDRESS:
		return EADDRNOTAVAIL;
	case TCP_END_EVICTED:
		return ENOBUFS;
	case TCP_END_ABORTED:
		return ECONNABORTED;
	}
	return EIO;
}

/* NULL: no socket of the user's. */
static struct sock *
find(struct host *h, int fd)
{
	struct sock *s;

	if (fd < 0 || fd >= SOCKETS_MAX)
		return NULL;
	s = &h->sock[fd];
	return s->state == SOCK_FREE || s->listener >= 0 ? NULL : s;
}

int
host_socket(struct host *h)
{
	for (int fd = 0; fd < SOCKETS_MAX; fd++) {
		struct sock *s = &h->sock[fd];

		if (s->state != SOCK_FREE)
			continue;
		*s = (struct sock){ .state = SOCK_FRESH,
				    .receive_max = h->receive_max,
				    .next = -1,
				    .listener = -1,
				    .first = -1,
				    .last = -1 };
		return fd;
	}
	return -EMFILE;
}

static uint32_t
unread(const struct host *h, const struct sock *s)
{
	return s->in.bytes + (s->id.v != 0 ? tcp_readable(h->tcp, s->id) : 0);
}

static void
offer_room(struct host *h, const struct sock *s)
{
	uint32_t n = unread(h, s);

	tcp_set_room(h->tcp, s->id, n < s->receive_max ? s->receive_max - n : 0);
}

static void
count_bufs(struct host *h, const struct sock *s, uint32_t before_n)
{
	h->bufs_n = h->bufs_n - before_n + s->in.n;
	tcp_set_owner_bufs(h->tcp, h->bufs_n);
}

/* The socket is nobody's any more; its connection, if it has one, finishes alone or is reset. */
static void
let_go(struct host *h, struct sock *s, bool with_reset)
{
	uint32_t before_n = s->in.n;

	if (s->id.v != 0 && (with_reset || s->in.bytes > 0))
		tcp_abort(h->tcp, s->id);
	if (s->id.v != 0)
		tcp_release(h->tcp, s->id);
	bufq_give(&s->in);
	s->in = (struct bufq){ 0 };
	count_bufs(h, s, before_n);
	s->state = SOCK_FREE;
}

/* ---- events ---- */

/* A listener's new connection; NULL when it has been turned away. */
static struct sock *
take_accepted(struct host *h, const struct tcp_event *e)
{
	struct sock *l = &h->sock[e->owner], *s;
	struct tcp_ends ends;
	int fd = -1;

	/* Half-open connections outlive their listener, whose number may be another's by now. */
	tcp_ends(h->tcp, e->id, &ends);
	if (l->state == SOCK_LISTENING && l->local_port == ends.local_port &&
	    l->waiting_n < l->backlog)
		fd = host_socket(h);
	if (fd < 0) {
		tcp_abort(h->tcp, e->id);
		tcp_release(h->tcp, e->id);
		return NULL;
	}
	s = &h->sock[fd];
	s->state = SOCK_OPEN;
	s->id = e->id;
	s->listener = (int)e->owner;
	s->receive_max = l->receive_max;
	if (l->last >= 0)
		h->sock[l->last].next = fd;
	else
		l->first = fd;
	l->last = fd;
	l->waiting_n++;
	tcp_adopt(h->tcp, e->id, (uint32_t)fd);
	return s;
}

void
host_on_event(struct host *h, const struct tcp_event *e)
{
	struct sock *s = &h->sock[e->owner];

	if ((e->bits & TCP_EV_ACCEPTED) != 0)
		s = take_accepted(h, e);
	if (s == NULL || s->id.v != e->id.v)
		return;
	if (s->state == SOCK_DIALLING && (e->bits & TCP_EV_CONNECTED) != 0)
		s->state = SOCK_OPEN;
	if ((e->bits & TCP_EV_GONE) != 0) {
		s->end = tcp_end(h->tcp, s->id);
		s->error = errno_of(s->end);
		s->state = SOCK_OVER;
		return;
	}
	offer_room(h, s);
}

/* ---- how connections begin ---- */

static uint16_t
pick_port(struct host *h, const struct ip_addr *local, const struct ip_addr *to, uint16_t port)
{
	uint32_t at = (uint32_t)hash_mix(++h->dice);

	for (uint32_t i = 0; i < PORT_N; i++) {
		uint16_t mine = (uint16_t)(PORT_FIRST + (at + i) % PORT_N);

		if (tcp_is_free(h->tcp, local, mine, to, port))
			return mine;
	}
	return 0;
}

int
host_bind(struct host *h, int fd, const struct host_address *address)
{
	struct sock *s = find(h, fd);
	struct ip_addr ip = host_to_ip(address);

	if (s == NULL)
		return -EBADF;
	if (s->state != SOCK_FRESH)
		return -EINVAL;
	if (!ip_is_none(&ip) && !host_is_ours(h, &ip))
		return -EADDRNOTAVAIL;
	s->local = ip;
	s->local_port = address->port;
	return 0;
}

int
host_listen(struct host *h, int fd, uint32_t backlog)
{
	struct sock *s = find(h, fd);

	if (s == NULL)
		return -EBADF;
	if (s->state == SOCK_LISTENING) {
		s->backlog = backlog;
		return 0;
	}
	if (s->state != SOCK_FRESH)
		return -EINVAL;
	if (s->local_port == 0)
		s->local_port = (uint16_t)(PORT_FIRST + hash_mix(++h->dice) % PORT_N);
	if (!tcp_listen(h->tcp, &s->local, s->local_port, (uint32_t)fd))
		return -EADDRINUSE;
	s->backlog = backlog > 0 ? backlog : 1;
	s->state = SOCK_LISTENING;
	return 0;
}

int
host_accept(struct host *h, int fd, struct host_address *ret_peer)
{
	struct sock *l = find(h, fd), *s;
	struct tcp_ends ends;
	int got;

	if (l == NULL)
		return -EBADF;
	if (l->state != SOCK_LISTENING)
		return -EINVAL;
	if (l->first < 0)
		return -EAGAIN;
	got = l->first;
	s = &h->sock[got];
	l->first = s->next;
	if (l->first < 0)
		l->last = -1;
	l->waiting_n--;
	s->listener = s->next = -1;
	tcp_ends(h->tcp, s->id, &ends);
	if (ret_peer != NULL)
		*ret_peer = host_from_ip(&ends.remote, ends.remote_port);
	return got;
}

static int
why_no_connect(const struct sock *s)
{
	switch (s->state) {
	case SOCK_FRESH:
		return 0;
	case SOCK_DIALLING:
		return -EALREADY;
	case SOCK_OPEN:
		return -EISCONN;
	case SOCK_FREE:
	case SOCK_LISTENING:
	case SOCK_OVER:
		break;
	}
	return -EINVAL;
}

int
host_connect(struct host *h, int fd, const struct host_address *to)
{
	struct sock *s = find(h, fd);
	struct tcp_dial dial = { .remote = host_to_ip(to), .remote_port = to->port };
	int fault = s != NULL ? why_no_connect(s) : -EBADF, path;

	if (fault != 0)
		return fault;
	if (to->port == 0 || !ip_can_send(&dial.remote) || ip_is_multicast(&dial.remote))
		return -EADDRNOTAVAIL;
	dial.local = s->local;
	for (uint32_t i = 0; ip_is_none(&dial.local) && i < h->address_n; i++)
		if (ip_is_v4(&h->address[i]) == ip_is_v4(&dial.remote))
			dial.local = h->address[i];
	if (ip_is_none(&dial.local))
		return -ENETUNREACH;
	if (ip_is_v4(&dial.local) != ip_is_v4(&dial.remote))
		return -EAFNOSUPPORT;
	dial.local_port = s->local_port;
	if (dial.local_port == 0)
		dial.local_port = pick_port(h, &dial.local, &dial.remote, to->port);
	if (dial.local_port == 0)
		return -EADDRNOTAVAIL;
	path = mss_path(h, s, ip_is_v4(&dial.remote));
	if (path < 0)
		return path;
	dial.path = (uint16_t)path;
	dial.owner = (uint32_t)fd;
	s->id = tcp_connect(h->tcp, &dial, h->now);
	if (s->id.v == 0)
		return -EADDRINUSE;
	s->state = SOCK_DIALLING;
	host_settle(h);
	return -EINPROGRESS;
}

/* ---- bytes ---- */

/* What a call about bytes gets when there are none to move: an error is told once. */
static int
tell_error(struct sock *s, int otherwise)
{
	int error = s->error;

	s->error = 0;
	return error != 0 ? -error : otherwise;
}

int64_t
host_read(struct host *h, int fd, void *to, uint64_t room)
{
	struct sock *s = find(h, fd);
	uint32_t before_n, n;

	if (s == NULL)
		return -EBADF;
	if (s->id.v == 0)
		return -ENOTCONN;
	before_n = s->in.n;
	if (s->in.bytes < room)
		tcp_recv(h->tcp, s->id, &s->in);
	n = s->in.bytes < room ? s->in.bytes : (uint32_t)room;
	bufq_copy_out(&s->in, 0, to, n);
	bufq_consume(&s->in, n);
	count_bufs(h, s, before_n);
	if (s->state == SOCK_OPEN)
		offer_room(h, s);
	host_settle(h);
	if (n > 0 || room == 0 || tcp_is_eof(h->tcp, s->id))
		return n;
	return s->state == SOCK_OVER ? tell_error(s, 0) : -EAGAIN;
}

int64_t
host_write(struct host *h, int fd, const void *bytes, uint64_t n)
{
	struct sock *s = find(h, fd);
	struct bufq q = { 0 };
	uint32_t room;

	if (s == NULL)
		return -EBADF;
	if (s->id.v == 0)
		return -ENOTCONN;
	if (s->is_shut)
		return -EPIPE;
	if (s->state == SOCK_OVER)
		return tell_error(s, -EPIPE);
	if (s->state != SOCK_OPEN)
		return -EAGAIN;
	room = tcp_send_room(h->tcp, s->id);
	if (n > room)
		n = room;
	if (n == 0)
		return -EAGAIN;
	if (!bufq_append(h->pool, &q, bytes, (uint32_t)n))
		return -ENOBUFS;
	tcp_send(h->tcp, s->id, &q, s->is_corked);
	host_settle(h);
	return (int64_t)n;
}

int
host_shutdown(struct host *h, int fd)
{
	struct sock *s = find(h, fd);

	if (s == NULL)
		return -EBADF;
	if (s->state != SOCK_OPEN)
		return -ENOTCONN;
	s->is_shut = true;
	tcp_shutdown(h->tcp, s->id);
	host_settle(h);
	return 0;
}

static int
end_socket(struct host *h, int fd, bool with_reset)
{
	struct sock *s = find(h, fd);

	if (s == NULL)
		return -EBADF;
	if (s->state == SOCK_LISTENING) {
		tcp_unlisten(h->tcp, &s->local, s->local_port);
		for (int i = s->first; i >= 0; i = h->sock[i].next)
			let_go(h, &h->sock[i], true);
	}
	let_go(h, s, with_reset);
	host_settle(h);
	return 0;
}

int
host_close(struct host *h, int fd)
{
	return end_socket(h, fd, false);
}

int
host_abort(struct host *h, int fd)
{
	return end_socket(h, fd, true);
}

int
host_poll(struct host *h, int fd)
{
	struct sock *s = find(h, fd);
	int bits = 0;

	if (s == NULL)
		return -EBADF;
	if (s->state == SOCK_LISTENING)
		return s->first >= 0 ? HOST_IN : 0;
	if (s->state == SOCK_DIALLING)
		return 0;
	if (s->id.v == 0)
		return HOST_OUT | HOST_OVER;
	if (tcp_is_eof(h->tcp, s->id))
		bits |= HOST_IN | HOST_FIN;
	if (unread(h, s) > 0)
		bits |= HOST_IN;
	if (s->state == SOCK_OVER)
		return bits | HOST_IN | HOST_OUT | HOST_OVER | (s->error != 0 ? HOST_ERROR : 0);
	if (s->is_shut || tcp_send_room(h->tcp, s->id) > 0)
		bits |= HOST_OUT;
	return bits;
}

/* ---- options ---- */

static void
cork(struct host *h, struct sock *s, bool is_corked)
{
	struct bufq none = { 0 };

	s->is_corked = is_corked;
	if (!is_corked && s->state == SOCK_OPEN)
		tcp_send(h->tcp, s->id, &none, false);
}

static void
set_keepalive(struct host *h, const struct sock *s, uint64_t idle_ns)
{
	struct tcp_conn *conn = conn_find(h->tcp, s->id);

	h->tcp->conf.keepalive_idle_ns = idle_ns;
	if (conn != NULL && s->state == SOCK_OPEN && conn->state == TCP_STATE_ESTABLISHED)
		time_keepalive(h->tcp, conn, h->now);
}

static int
set_option(struct host *h, struct sock *s, int option, uint64_t value)
{
	switch ((enum host_option)option) {
	case HOST_OPT_NODELAY:
		h->tcp->conf.has_nagle = value == 0;
		cork(h, s, s->is_corked); /* what has waited for an ACK need not */
		return 0;
	case HOST_OPT_MSS:
		return mss_set(s, value);
	case HOST_OPT_CORK:
		cork(h, s, value != 0);
		return 0;
	case HOST_OPT_KEEPALIVE_NS:
		set_keepalive(h, s, value);
		return 0;
	case HOST_OPT_USER_TIMEOUT_NS:
		h->tcp->conf.user_timeout_ns = value;
		return 0;
	case HOST_OPT_CONGESTION:
		if (value >= TCP_CCS)
			return -EINVAL;
		if (s->id.v != 0)
			return -EISCONN;
		h->tcp->conf.cc = (enum tcp_cc)value;
		return 0;
	case HOST_OPT_RECEIVE_BUFFER:
		s->receive_max = value < h->receive_max ? (uint32_t)value : h->receive_max;
		if (s->state == SOCK_OPEN)
			offer_room(h, s);
		return 0;
	case HOST_OPT_ERROR:
	case HOST_OPT_UNSENT:
	case HOST_OPT_UNREAD:
		return -EOPNOTSUPP;
	}
	return -ENOPROTOOPT;
}

int
host_setsockopt(struct host *h, int fd, int option, uint64_t value)
{
	struct sock *s = find(h, fd);
	int r = s != NULL ? set_option(h, s, option, value) : -EBADF;

	host_settle(h);
	return r;
}

int
host_getsockopt(struct host *h, int fd, int option, uint64_t *ret_value)
{
	struct sock *s = find(h, fd);
	struct tcp_info info = { .mss = 0 };

	if (s == NULL)
		return -EBADF;
	if (s->id.v != 0)
		tcp_info(h->tcp, s->id, &info);
	switch ((enum host_option)option) {
	case HOST_OPT_ERROR:
		*ret_value = (uint64_t)s->error;
		s->error = 0;
		return 0;
	case HOST_OPT_MSS:
		*ret_value = s->id.v != 0 ? info.mss : s->mss;
		return *ret_value != 0 ? 0 : -ENOTCONN;
	case HOST_OPT_NODELAY:
		*ret_value = !h->tcp->conf.has_nagle;
		return 0;
	case HOST_OPT_CORK:
		*ret_value = s->is_corked;
		return 0;
	case HOST_OPT_KEEPALIVE_NS:
		*ret_value = h->tcp->conf.keepalive_idle_ns;
		return 0;
	case HOST_OPT_USER_TIMEOUT_NS:
		*ret_value = h->tcp->conf.user_timeout_ns;
		return 0;
	case HOST_OPT_CONGESTION:
		*ret_value = s->id.v != 0 ? info.cc : h->tcp->conf.cc;
		return 0;
	case HOST_OPT_RECEIVE_BUFFER:
		*ret_value = s->receive_max;
		return 0;
	case HOST_OPT_UNSENT:
		*ret_value = s->id.v != 0 ? tcp_unacked(h->tcp, s->id) : 0;
		return 0;
	case HOST_OPT_UNREAD:
		*ret_value = unread(h, s);
		return 0;
	}
	return -ENOPROTOOPT;
}

static void
put_name(char *to, size_t room, const char *name)
{
	size_t n = strlen(name);

	n = n < room ? n : room - 1;
	memcpy(to, name, n);
	to[n] = '\0';
}

int
host_info(struct host *h, int fd, struct host_info *ret_info)
{
	struct sock *s = find(h, fd);
	struct tcp_info t;

	if (s == NULL)
		return -EBADF;
	if (s->id.v == 0)
		return -ENOTCONN;
	tcp_info(h->tcp, s->id, &t);
	*ret_info = (struct host_info){
		.local = host_from_ip(&t.local, t.local_port),
		.peer = host_from_ip(&t.remote, t.remote_port),
		.srtt_ns = t.srtt_ns,
		.rttvar_ns = t.rttvar_ns,
		.rto_ns = t.rto_ns,
		.rtt_least_ns = t.rtt_least_ns,
		.zero_window_ns = t.zero_window_ns,
		.bytes_in = t.bytes_in,
		.bytes_out = t.bytes_out,
		.retransmits = t.retransmits,
		.cwnd = t.cwnd_bytes,
		.ssthresh = t.ssthresh_bytes,
		.send_window = t.snd_wnd,
		.receive_window = t.rcv_wnd,
		.flight = t.flight_bytes,
		.sacked = t.sacked_bytes,
		.lost = t.lost_bytes,
		.mss = t.mss,
		.is_recovering = t.is_recovering,
		.has_timed_out = t.has_timed_out,
		.has_reordered = t.has_reordered,
		.congestion = t.cc,
	};
	put_name(ret_info->state, sizeof(ret_info->state), tcp_state_name((enum tcp_state)t.state));
	put_name(ret_info->end, sizeof(ret_info->end), tcp_end_name(s->end));
	return 0;
}
