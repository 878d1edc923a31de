/*
 * step_head.c - a request's head: from the client's input to an exchange that holds it.
 *
 * A head that lies in one buffer is parsed where it lies; one that came in pieces is gathered in
 * the lane's scratch for the length of the call. The exchange keeps the head's buffers, because a
 * further try and the access record read it again. Slices of p->request are good until the next
 * head is parsed.
 */
#include "proxy/state.h"

struct slice
head_bytes(struct proxy *p, const struct bufq *q, uint32_t n)
{
	ensure(n <= SCRATCH_BYTES && n <= q->bytes);
	if (n == 0 || n <= q->head->n)
		return slice_of(n == 0 ? NULL : buf_stream(q->head), n);
	bufq_copy_out(q, 0, p->gather, n);
	return slice_of(p->gather, n);
}

static const struct http_limits *
limits_of(const struct proxy *p, uint32_t listener_i)
{
	return &p->listener[listener_i].limits;
}

/* First the first buffer alone, for a body may follow; all of it only when that does not do. */
static enum http_verdict
parse(struct proxy *p, struct conn *c, uint32_t listener_i, struct slice *ret_bytes)
{
	const struct http_limits *limits = limits_of(p, listener_i);
	const struct bufq *in = &c->leg.in;
	enum http_verdict v = HTTP_NEED_MORE;

	if (in->head->n > c->resume.searched || in->n == 1) {
		*ret_bytes = buf_stream_slice(in->head);
		v = http_parse_request(*ret_bytes, limits, &c->resume, &p->request);
	}
	if (v != HTTP_NEED_MORE || in->n == 1)
		return v;
	*ret_bytes = head_bytes(p, in, min_u32(in->bytes, HTTP_HEAD_BYTES_MAX + 1));
	return http_parse_request(*ret_bytes, limits, &c->resume, &p->request);
}

static enum journal_cause
cause_of(enum http_reason reason)
{
	switch (http_reason_status(reason)) {
	case 413:
		return JOURNAL_CAUSE_BODY_TOO_LARGE;
	case 414:
		return JOURNAL_CAUSE_TARGET_TOO_LONG;
	case 417:
		return JOURNAL_CAUSE_EXPECTATION;
	case 431:
		return JOURNAL_CAUSE_HEAD_TOO_LARGE;
	case 501:
		return JOURNAL_CAUSE_NOT_IMPLEMENTED;
	case 505:
		return JOURNAL_CAUSE_HTTP_VERSION;
	default:
		return JOURNAL_CAUSE_REFUSED_REQUEST;
	}
}

/* Where a slice of the head lies in it; strings beyond 64 KiB cannot be, a head is not longer. */
static struct place
place_of(struct slice head, struct slice s)
{
	if (s.n == 0 || s.p < head.p || s.p + s.n > head.p + head.n)
		return (struct place){ 0 };
	return (struct place){ .off = (uint16_t)(s.p - head.p), .n = (uint16_t)s.n };
}

static void
note_request(struct exch *e, struct slice bytes, const struct http_request *r)
{
	const struct http_field *agent = NULL, *referer = NULL;

	e->method_id = (uint8_t)r->method_id;
	e->minor = r->head.minor;
	e->method = place_of(bytes, r->method);
	e->target = place_of(bytes, r->target);
	e->host = place_of(bytes, r->host);
	if (r->reason == HTTP_REASON_NONE) {
		agent = http_find(&r->head, HTTP_FIELD_USER_AGENT, NULL);
		referer = http_find(&r->head, HTTP_FIELD_REFERER, NULL);
	}
	if (agent != NULL)
		e->agent = place_of(bytes, http_field_value(agent));
	if (referer != NULL)
		e->referer = place_of(bytes, http_field_value(referer));
}

/* Moves the head's buffers to the exchange; false when there is no buffer for the cut. */
static bool
keep_head(struct proxy *p, struct conn *c, struct exch *e, uint32_t n)
{
	struct bufq *in = &c->leg.in;
	bool is_whole = true;

	if (in->head->n == n)
		bufq_push(&e->head, bufq_pop(in));
	else
		is_whole = bufq_move(p->bufs, &e->head, in, n);
	p->bufs_held += e->head.n; /* whole buffers before the cut have moved in any case */
	leg_note(p, &c->leg);
	return is_whole;
}

static void
begin_body(struct proxy *p, struct exch *e)
{
	const struct http_head *h = &p->request.head;
	const struct stage *stage = p->stage[DIR_UP];
	enum http_framing out = h->framing;

	if (stage != NULL && stage->changes_length && out == HTTP_FRAMING_LENGTH)
		out = HTTP_FRAMING_CHUNKED;
	body_fini(p, &e->body[DIR_UP]);
	body_init(&e->body[DIR_UP], h->framing, out, h->length, stage);
}

static void
refuse(struct proxy *p, struct conn *c, struct slice bytes)
{
	struct exch *e = exch_begin(p, c);
	enum http_reason reason = p->request.reason;

	p->conf.count->proxy_requests_refused++;
	if (e == NULL) {
		step_reply_busy(p, c);
		return;
	}
	note_request(e, bytes, &p->request);
	/* What came of it is kept for the record; the rest is thrown away while lingering. */
	bufq_splice(&e->head, &c->leg.in);
	p->bufs_held += e->head.n;
	leg_note(p, &c->leg);
	exch_fail(p, e, http_reason_status(reason), cause_of(reason), (uint16_t)reason);
}

/* Max-Forwards: 0 (RFC 9110, 7.6.2): we are the last to see it. Of TRACE nothing is told back: the
 * head may hold what others must not read. */
static void
answer_last(struct proxy *p, struct exch *e)
{
	if (e->method_id == HTTP_METHOD_OPTIONS)
		exch_fail(p, e, 200, JOURNAL_CAUSE_NONE, 0);
	else
		exch_fail(p, e, 501, JOURNAL_CAUSE_NOT_IMPLEMENTED, 0);
}

static void
await_more(struct proxy *p, struct conn *c, const struct img_listener *rec)
{
	struct exch *e;

	if (!leg_is_ended(&c->leg)) {
		if (c->head_at == 0) {
			c->head_at = p->now;
			timer_due(p, c, p->now + rec->head_ns);
		}
		leg_offer(p, &c->leg,
			  HTTP_HEAD_BYTES_MAX > c->leg.in.bytes
				  ? HTTP_HEAD_BYTES_MAX + 1 - c->leg.in.bytes
				  : 0);
		return;
	}
	/* It ended within its head: nothing to answer, but something to tell. */
	e = exch_begin(p, c);
	if (e != NULL)
		exch_client_lost(p, e, JOURNAL_CAUSE_CLIENT_TRUNCATED);
	else
		conn_next(p, c, false);
}

void
step_head(struct proxy *p, struct conn *c)
{
	uint32_t listener_i = conn_listener(p, c);
	struct slice bytes = { 0 };
	struct exch *e;

	if (listener_i == (uint32_t)NONE) {
		conn_next(p, c, false);
		return;
	}

	const struct img_listener *rec = p->listener[listener_i].rec;

	if (p->listener[listener_i].has_rules && !conn_may_work(p, c))
		return;
	switch (parse(p, c, listener_i, &bytes)) {
	case HTTP_NEED_MORE:
		await_more(p, c, rec);
		return;
	case HTTP_REFUSED:
		refuse(p, c, bytes);
		return;
	case HTTP_DONE:
		break;
	}
	p->conf.count->http_requests++;
	c->requests_n++;
	e = exch_begin(p, c);
	if (e == NULL) {
		step_reply_busy(p, c);
		return;
	}
	bytes.n = p->request.head.head_n;
	note_request(e, bytes, &p->request);
	e->client_keeps = p->request.head.keep_alive && !p->is_draining &&
			  (rec->requests_max == 0 || c->requests_n < rec->requests_max);
	e->wants_upgrade = p->request.head.upgrade.n != 0;
	if (!keep_head(p, c, e, p->request.head.head_n)) {
		exch_fail(p, e, 503, JOURNAL_CAUSE_MEMORY, 0);
		return;
	}
	begin_body(p, e);
	if (p->request.max_forwards == 0)
		answer_last(p, e);
	else
		step_route(p, e);
}

static void
parse_again(struct proxy *p, struct slice bytes)
{
	struct http_resume resume = { 0 };
	/* The limits were met once; a new view's tighter ones do not count for this request. */
	struct http_limits limits = p->response_limits;

	limits.method_bytes = limits.target_bytes = HTTP_HEAD_BYTES_MAX;
	limits.head_bytes = HTTP_HEAD_BYTES_MAX;
	limits.fields_n = HTTP_FIELDS_MAX;
	limits.body_bytes = 0;
	limits.target_octets = limits.lf_lines = true;
	ensure(http_parse_request(bytes, &limits, &resume, &p->request) == HTTP_DONE);
}

void
step_head_again(struct proxy *p, struct exch *e)
{
	parse_again(p, head_bytes(p, &e->head, (uint32_t)e->head.bytes));
	begin_body(p, e);
}

void
step_head_look(struct proxy *p, const struct exch *e)
{
	const struct bufq *q = &e->head;
	uint32_t n = (uint32_t)q->bytes;

	ensure(n <= SCRATCH_BYTES);
	if (n > q->head->n)
		bufq_copy_out(q, 0, p->again, n);
	parse_again(p, slice_of(n > q->head->n ? p->again : buf_stream(q->head), n));
}
