/*
 * record.c - an exchange's access record, written to the lane's journal when it ends.
 *
 * Strings are read from the head that the exchange kept. What did not happen is zero.
 */
#include "proxy/state.h"

static uint64_t
span(uint64_t from, uint64_t to)
{
	return from == 0 || to < from ? 0 : to - from;
}

static void
put_times(const struct proxy *p, const struct exch *e, struct journal_access *a)
{
	a->time_ns = e->first_at + p->wall_ns;
	a->wait_ns = e->wait_ns;
	a->head_ns = span(e->first_at, e->head_at);
	a->queue_ns = span(e->head_at, e->dial_at);
	a->connect_ns = e->is_reused ? 0 : span(e->dial_at, e->up_at != 0 ? e->up_at : p->now);
	a->send_ns = span(e->sent_at, e->sent_all_at);
	a->first_byte_ns = span(e->sent_all_at, e->reply_at);
	a->receive_ns = span(e->reply_at, e->reply_end_at);
	a->total_ns = span(e->first_at, e->reply_end_at);
	if (e->dial_at == 0)
		a->connect_ns = 0;
}

static void
put_leg(const struct proxy *p, const struct leg *leg, struct journal_leg *ret)
{
	struct tcp_info info;

	tcp_info(p->tcp, leg->id, &info); /* zeroes when it is not live */
	ret->zero_window_ns = info.zero_window_ns;
	ret->rtt_us = min_u32(info.srtt_ns / 1000, UINT32_MAX);
	ret->retransmits = min_u32(info.retransmits, UINT32_MAX);
}

static uint32_t
flags_of(const struct exch *e)
{
	uint32_t flags = 0;

	if (e->is_reused)
		flags |= JOURNAL_REUSED;
	if (e->client_keeps && e->body[DIR_UP].in_done)
		flags |= JOURNAL_KEPT;
	if (e->is_tunnel)
		flags |= JOURNAL_TUNNEL;
	if (e->body[DIR_UP].framing_in == HTTP_FRAMING_CHUNKED)
		flags |= JOURNAL_CHUNKED_REQUEST;
	if (e->body[DIR_DOWN].framing_out == HTTP_FRAMING_CHUNKED)
		flags |= JOURNAL_CHUNKED_RESPONSE;
	if (e->is_own)
		flags |= JOURNAL_OWN_RESPONSE;
	if (e->route.slot != (uint32_t)NONE && e->tries != 0)
		flags |= JOURNAL_HAS_UPSTREAM;
	return flags;
}

static void
put_server(const struct proxy *p, const struct exch *e, bool has_server, struct journal_access *a)
{
	const struct conn *up = has_server && e->up != (uint32_t)NONE ? conn_at(p, e->up) : NULL;
	static const struct ip_addr none;
	static const struct leg no_leg;

	a->source = up != NULL ? e->up_ends.local : none;
	a->upstream = has_server ? e->route.addr : none;
	a->source_port = up != NULL ? e->up_ends.local_port : 0;
	a->upstream_port = has_server ? e->route.port : 0;
	a->server_slot = has_server ? e->route.slot : (uint32_t)NONE;
	a->server_incarnation = has_server ? e->route.incarnation : (uint32_t)NONE;
	put_leg(p, up != NULL ? &up->leg : &no_leg, &a->upstream_leg);
}

/* Empty when that part of the head could not be kept. */
static struct slice
text_at(struct slice head, struct place s)
{
	return s.n != 0 && (uint32_t)s.off + s.n <= head.n ? slice_of(head.p + s.off, s.n)
							   : SLICE("");
}

/* Every field that is the caller's to set (abi/journal.h): the ring holds old bytes there. */
static void
fill(struct proxy *p, const struct exch *e, bool is_cut, struct journal_access *a)
{
	const struct conn *c = conn_at(p, e->client);
	uint32_t flags = flags_of(e);

	put_times(p, e, a);
	a->client = e->ends.remote;
	a->local = e->ends.local;
	put_server(p, e, (flags & JOURNAL_HAS_UPSTREAM) != 0, a);
	a->client_port = e->ends.remote_port;
	a->local_port = e->ends.local_port;
	a->request_head_bytes = e->head.bytes;
	a->request_body_bytes = e->body[DIR_UP].bytes_in;
	a->response_head_bytes = e->response_head_bytes;
	a->response_body_bytes = e->body[DIR_DOWN].bytes_out;
	a->generation = e->generation;
	a->listener_slot = e->listener_slot;
	a->listener_incarnation = e->listener_incarnation;
	a->farm_slot = e->farm_slot;
	a->farm_incarnation = e->farm_incarnation;
	a->conn_id = c->id;
	a->request_i = c->requests_n == 0 ? 0 : c->requests_n - 1;
	a->flags = flags | (is_cut ? JOURNAL_CUT : 0);
	a->status = e->status;
	a->upstream_status = e->upstream_status;
	a->cause = e->cause;
	a->detail = e->detail;
	a->limit_ns = e->limit_ns;
	a->tries = e->tries;
	a->version = (uint16_t)(10 + e->minor);
	put_leg(p, &c->leg, &a->client_leg);
	a->rule_slot = e->rule_slot;
	a->rule_incarnation = e->rule_incarnation;
	a->substatus = e->substatus;
	a->spare[0] = a->spare[1] = 0;
}

/* The target as it came, or as rules want it in the log (12.6). */
static struct slice
target_of(struct proxy *p, const struct exch *e, struct slice head)
{
	struct decide_way way;

	if (!e->way.logs_rewritten)
		return text_at(head, e->target);
	way_read(p, e, &way);
	return slice_of(way.target.p, min_u32(way.target.n, UINT16_MAX));
}

void
record_put(struct proxy *p, const struct exch *e)
{
	struct slice head = head_bytes(p, &e->head, min_u32(e->head.bytes, SCRATCH_BYTES));
	struct slice method = text_at(head, e->method), target = target_of(p, e, head);
	struct slice host = text_at(head, e->host), agent = text_at(head, e->agent);
	struct slice referer = text_at(head, e->referer);
	struct journal_sizes sizes = { .method_n = (uint16_t)method.n,
				       .target_n = (uint16_t)target.n,
				       .host_n = (uint16_t)host.n,
				       .agent_n = (uint16_t)agent.n,
				       .referer_n = (uint16_t)referer.n };
	struct journal_text text = { .method = method.p,
				     .target = target.p,
				     .host = host.p,
				     .agent = agent.p,
				     .referer = referer.p };
	struct journal_access *a = journal_begin_access(p->conf.journal, &sizes);

	if (a == NULL)
		return;
	fill(p, e, sizes.is_cut, a);
	journal_end_access(p->conf.journal, a, &sizes, &text);
}
