/*
 * flow.c - four-tuple to connection index.
 *
 * Invariant: a connection is in at most one slot or chain, that of its own hash. Connections are
 * entered before anything is sent for them and removed when their tuple may be used again.
 */
#include "tcp/flow.h"

#include "tcp/conn.h"

uint32_t
flow_bucket_n(uint32_t conns_max)
{
	uint32_t n = 1;

	while ((uint64_t)n * FLOW_SLOTS < (uint64_t)conns_max * 2)
		n *= 2;
	return n;
}

void
flow_init(struct flow *flow, void *mem, uint32_t bucket_n, const struct hash_key *key)
{
	ensure((bucket_n & (bucket_n - 1)) == 0);
	flow->bucket = mem;
	flow->mask = bucket_n - 1;
	flow->key = *key;
	for (uint32_t i = 0; i < bucket_n; i++)
		flow->bucket[i].more = INDEX_NONE;
}

static struct flow_place
place_of(const struct flow *flow, const struct ip_addr *local, uint16_t local_port,
	 const struct ip_addr *remote, uint16_t remote_port)
{
	uint64_t h = hash_flow(&flow->key, local, local_port, remote, remote_port);
	uint16_t tag = (uint16_t)(h >> 48);

	return (struct flow_place){
		.bucket = (uint32_t)h & flow->mask,
		.tag = tag != 0 ? tag : 1,
	};
}

static struct flow_place
place_of_conn(const struct tcp *tcp, const struct tcp_conn *conn)
{
	return place_of(&tcp->flow, &conn->local, conn->local_port, &conn->remote,
			conn->remote_port);
}

void
flow_insert(struct tcp *tcp, struct tcp_conn *conn)
{
	struct flow_place place = place_of_conn(tcp, conn);
	struct flow_bucket *b = &tcp->flow.bucket[place.bucket];

	ensure(!conn_has(conn, CONN_FLOW));
	conn->flags |= CONN_FLOW;
	conn->flow_next = INDEX_NONE;
	for (uint32_t i = 0; i < FLOW_SLOTS; i++) {
		if (b->tag[i] != 0)
			continue;
		b->tag[i] = place.tag;
		b->conn[i] = conn_index(tcp, conn);
		return;
	}
	conn->flow_next = b->more;
	b->more = conn_index(tcp, conn);
}

void
flow_remove(struct tcp *tcp, struct tcp_conn *conn)
{
	struct flow_bucket *b = &tcp->flow.bucket[place_of_conn(tcp, conn).bucket];
	uint32_t index = conn_index(tcp, conn);

	if (!conn_has(conn, CONN_FLOW))
		return;
	conn->flags &= ~(uint32_t)CONN_FLOW;
	for (uint32_t i = 0; i < FLOW_SLOTS; i++) {
		if (b->tag[i] == 0 || b->conn[i] != index)
			continue;
		b->tag[i] = 0;
		return;
	}
	for (uint32_t *at = &b->more; *at != INDEX_NONE; at = &conn_at(tcp, *at)->flow_next) {
		if (*at != index)
			continue;
		*at = conn->flow_next;
		return;
	}
	ensure(false); /* it said that it was here */
}

static bool
is_flow(const struct tcp_conn *conn, const struct ip_addr *local, uint16_t local_port,
	const struct ip_addr *remote, uint16_t remote_port)
{
	return conn->remote_port == remote_port && conn->local_port == local_port &&
	       ip_eq(&conn->remote, remote) && ip_eq(&conn->local, local);
}

static struct tcp_conn *
find_in(const struct tcp *tcp, struct flow_place place, const struct ip_addr *local,
	uint16_t local_port, const struct ip_addr *remote, uint16_t remote_port)
{
	const struct flow_bucket *b = &tcp->flow.bucket[place.bucket];

	for (uint32_t i = 0; i < FLOW_SLOTS; i++) {
		struct tcp_conn *conn;

		if (b->tag[i] != place.tag)
			continue;
		conn = conn_at(tcp, b->conn[i]);
		if (is_flow(conn, local, local_port, remote, remote_port))
			return conn;
	}
	for (uint32_t i = b->more; i != INDEX_NONE; i = conn_at(tcp, i)->flow_next)
		if (is_flow(conn_at(tcp, i), local, local_port, remote, remote_port))
			return conn_at(tcp, i);
	return NULL;
}

struct tcp_conn *
flow_find(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
	  const struct ip_addr *remote, uint16_t remote_port)
{
	return find_in(tcp, place_of(&tcp->flow, local, local_port, remote, remote_port), local,
		       local_port, remote, remote_port);
}

/*
 * Per burst, three passes: hashes and buckets, then the records that the tags point to, then the
 * look-ups themselves, one by one as the segments are processed.
 */
void
flow_prefetch(const struct tcp *tcp, const struct tcp_seg *seg, uint32_t n,
	      struct flow_place *ret_place)
{
	const struct flow *flow = &tcp->flow;

	ensure_hot(n <= FLOW_BURST_MAX);
	for (uint32_t i = 0; i < n; i++) {
		ret_place[i] =
			place_of(flow, &seg[i].dst, seg[i].dst_port, &seg[i].src, seg[i].src_port);
		__builtin_prefetch(&flow->bucket[ret_place[i].bucket]);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct flow_bucket *b = &flow->bucket[ret_place[i].bucket];

		for (uint32_t s = 0; s < FLOW_SLOTS; s++) {
			const char *conn;

			if (b->tag[s] != ret_place[i].tag)
				continue;
			conn = (const char *)conn_at(tcp, b->conn[s]);
			__builtin_prefetch(conn);
			__builtin_prefetch(conn + 64);
			__builtin_prefetch(conn + 128);
			__builtin_prefetch(conn + 192);
			__builtin_prefetch(conn + 256);
			break;
		}
	}
}

struct tcp_conn *
flow_find_at(const struct tcp *tcp, struct flow_place place, const struct tcp_seg *seg)
{
	return find_in(tcp, place, &seg->dst, seg->dst_port, &seg->src, seg->src_port);
}
