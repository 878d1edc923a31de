/*
 * lane_client.c - clients: they ask as their requests say, judge every answer, and go on over
 * another connection when one ends.
 */
#include <stdio.h>
#include <string.h>

#include "sim/lane_inside.h"

enum {
	CLIENT_PORT_FIRST = 2000,
	TRIES_MAX = 50,
};

static const struct ip_addr v4_of_port = { .b = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } };
static const struct ip_addr v6_of_port = { .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };

static struct lw_req *
req_of(struct lw *w, const struct lw_client *c, uint32_t k)
{
	LW_ENSURE(w, k < c->user->req_n);
	return lw_req_at(w, c->user->req_first + k);
}

static void
work_at(struct lw *w, const struct lw_client *c, uint64_t at_ns)
{
	wheel_set_earlier(w->wheel, c->i, at_ns);
}

void
lw_client_open(struct lw *w, uint32_t i)
{
	struct lw_client *c = &w->client[i];

	*c = (struct lw_client){ .user = &w->conf.user[i], .i = i };
	c->end.host = &w->host[w->conf.origin_n + c->user->host];
	c->end.habits = &c->user->habits;
	c->rest_until = w->now + c->user->start_ns;
	work_at(w, c, c->rest_until);
}

/* ---- dialling ---- */

static void
dial(struct lw *w, struct lw_client *c)
{
	struct lw_host *h = c->end.host;
	struct tcp_dial d = {
		.local = c->user->is_v6 ? h->v6 : h->v4,
		.remote = c->user->is_v6 ? v6_of_port : v4_of_port,
		.remote_port = (uint16_t)(80 + c->user->listener),
		.owner = c->i,
	};

	for (uint32_t i = 0; i < 100; i++) {
		d.local_port = (uint16_t)(CLIENT_PORT_FIRST +
					  prng_below(&w->prng, 65535 - CLIENT_PORT_FIRST));
		if (tcp_is_free(h->tcp, &d.local, d.local_port, &d.remote, d.remote_port))
			break;
	}
	c->end.id = tcp_connect(h->tcp, &d, w->now);
	if (c->end.id.v == 0) {
		work_at(w, c, w->now + 10 * MS);
		return;
	}
	tcp_set_room(h->tcp, c->end.id, c->user->habits.room_max);
	c->reader.has_no_body = false;
	lw_reader_begin(&c->reader, true);
	c->writing = c->answering;
	c->is_writing = c->is_closing = c->is_answered_head = c->awaits_continue = false;
}

/* ---- asking ---- */

static void
head_text(const struct lw *w, const struct lw_req *r, uint32_t id, char *to, size_t room)
{
	static const char *const word[] = {
#define X(name, text) text,
		LW_METHOD_LIST(X)
#undef X
	};
	char framing[64] = "", pad[900] = "";

	if (r->framing == LW_FRAMING_LENGTH)
		snprintf(framing, sizeof(framing), "Content-Length: %llu\r\n",
			 (unsigned long long)r->body_bytes);
	else if (r->framing == LW_FRAMING_CHUNKED)
		snprintf(framing, sizeof(framing), "transfer-encoding: chunked\r\n");
	if (r->pad != 0) {
		memcpy(pad, "X-Pad: ", 7);
		memset(pad + 7, 'p', r->pad);
		memcpy(pad + 7 + r->pad, "\r\n", 3);
	}
	snprintf(to, room, "%s /%s%u HTTP/1.%d\r\nHost: sim\r\n%s%s%s%s%s\r\n", word[r->method],
		 w->conf.has_rules ? "r/" : "", id, r->is_old ? 0 : 1,
		 r->closes ? "Connection: close\r\n" : "",
		 r->is_old && !r->closes ? "Connection: keep-alive\r\n" : "", framing,
		 r->expects ? "Expect: 100-continue\r\n" : "", pad);
}

static bool
may_ask(struct lw *w, struct lw_client *c)
{
	if (c->writing == c->user->req_n || c->is_closing || c->end.is_shut)
		return false;
	if (c->writing - c->answering >= c->user->depth)
		return false;
	if (c->writing > c->answering && req_of(w, c, c->writing - 1)->closes)
		return false;
	if (w->now < c->rest_until) {
		work_at(w, c, c->rest_until);
		return false;
	}
	return true;
}

static void
begin_request(struct lw *w, struct lw_client *c)
{
	struct lw_req *r = req_of(w, c, c->writing);
	uint32_t id = c->user->req_first + c->writing;

	lw_writer_begin(&c->writer, id, 0, r->body_bytes);
	c->writer.is_chunked = r->framing == LW_FRAMING_CHUNKED;
	c->writer.has_tail = !c->writer.is_chunked;
	c->writer.has_trailer = r->has_trailer;
	c->writer.chunk_max = r->chunk_max;
	head_text(w, r, id, c->writer.text, sizeof(c->writer.text));
	c->writer.text_n = (uint32_t)strlen(c->writer.text);
	if (r->expects) {
		c->awaits_continue = true;
		c->continue_by = w->now + S;
		c->writer.stop = 0;
	}
	r->is_sent = true;
	r->sent_at = w->now;
	r->tries++;
	LW_ENSURE(w, r->tries <= TRIES_MAX);
	if (w->cut_n > 0)
		r->is_excused = r->is_doubtful = true;
	c->is_writing = true;
	c->writing++;
}

static void
ask(struct lw *w, struct lw_client *c)
{
	uint64_t again_at = UINT64_MAX;

	for (;;) {
		if (!c->is_writing) {
			if (!may_ask(w, c))
				break;
			begin_request(w, c);
		}
		if (c->awaits_continue && w->now >= c->continue_by)
			c->awaits_continue = false;
		if (!c->awaits_continue)
			c->writer.stop = UINT64_MAX;
		lw_endpoint_write(w, &c->end, &c->writer, &again_at);
		if (!lw_writer_is_done(&c->writer))
			break;
		c->is_writing = c->awaits_continue = false;
	}
	if (again_at != UINT64_MAX)
		work_at(w, c, again_at);
	if (c->awaits_continue)
		work_at(w, c, c->continue_by);
	if (!c->is_writing && c->writing == c->user->req_n && c->user->half_closes &&
	    !c->end.is_shut) {
		c->end.is_shut = true;
		tcp_shutdown(c->end.host->tcp, c->end.id);
	}
}

/* ---- judging ---- */

static bool
may_error(const struct lw *w, const struct lw_req *r, uint16_t status)
{
	if (r->is_excused || w->conf.may_error)
		return status == 502 || status == 503 || status == 504 || status == 408;
	if (r->act == LW_ACT_SILENT)
		return status == 504;
	return status == 502 && (r->act == LW_ACT_RESET_HEAD || r->act == LW_ACT_FIN_HEAD ||
				 r->act == LW_ACT_RESET_BODY);
}

static bool
stops_within(const struct lw_req *r)
{
	return r->act == LW_ACT_RESET_BODY || r->act == LW_ACT_FIN_BODY;
}

/*
 * A reset that tells of a cut answer may take the one before it out of the client's hands, where
 * both were under way at once.
 */
static bool
any_may_cut(struct lw *w, const struct lw_client *c)
{
	/* Its server may have died when the answer was whole and the request was not. */
	if (c->answering > 0 && req_of(w, c, c->answering - 1)->is_excused)
		return true;
	for (uint32_t k = c->answering; k < c->writing; k++) {
		const struct lw_req *r = req_of(w, c, k);

		if (r->is_excused || w->conf.may_error || stops_within(r))
			return true;
	}
	return false;
}

static void
judge_head(struct lw *w, struct lw_client *c)
{
	struct lw_reader *in = &c->reader;
	struct lw_req *r;

	LW_ENSURE(w, c->answering < c->writing); /* an answer to nothing */
	r = req_of(w, c, c->answering);
	if (in->status < 200) {
		LW_ENSURE(w, in->status == 100 || in->status == 103);
		LW_ENSURE(w, !r->is_old);
		if (c->writing == c->answering + 1)
			c->awaits_continue = false;
		return;
	}
	c->is_answered_head = true;
	c->awaits_continue = false;
	c->is_own = !in->has_req;
	r->got_status = in->status;
	if (c->is_own) {
		LW_ENSURE(w, may_error(w, r, in->status));
		return;
	}
	LW_ENSURE(w, in->req == c->user->req_first + c->answering); /* somebody else's answer */
	LW_ENSURE(w, in->status == r->status);
}

static void
judge_body(struct lw *w, struct lw_client *c)
{
	struct lw_reader *in = &c->reader;
	const struct lw_req *r = req_of(w, c, c->answering);
	uint8_t want[BUF_ROOM + BUF_HEADROOM];

	w->result.bytes += in->body_n;
	if (c->is_own)
		return;
	LW_ENSURE(w, in->body_at <= r->answer_bytes && in->body_n <= sizeof(want));
	lw_pattern(in->req, 1, in->body_at - in->body_n, want, in->body_n);
	LW_ENSURE(w, memcmp(want, in->body, in->body_n) == 0);
}

static void
note_end(struct lw *w, struct lw_client *c, enum lw_end end)
{
	struct lw_req *r = req_of(w, c, c->answering);
	uint32_t words[3] = { c->user->req_first + c->answering, end, r->got_status };

	r->end = (uint8_t)end;
	r->done_at = w->now;
	lw_hash(w, words, sizeof(words));
	w->result.right += end == LW_END_RIGHT;
	w->result.errors += end == LW_END_ERROR;
	w->result.cut += end == LW_END_CUT;
	w->result.abandoned += end == LW_END_ABANDONED;
	if (!c->user->is_slow && end == LW_END_RIGHT) {
		uint64_t took = r->done_at - r->sent_at;

		if (took > w->result.slowest_fast_ns)
			w->result.slowest_fast_ns = took;
		LW_ENSURE(w, w->conf.fast_ns == 0 || took <= w->conf.fast_ns);
	}
	c->answering++;
	c->is_answered_head = false;
	if (c->answering < c->user->req_n)
		c->rest_until = w->now + req_of(w, c, c->answering)->rest_ns;
}

static void
judge_end(struct lw *w, struct lw_client *c)
{
	struct lw_reader *in = &c->reader;
	const struct lw_req *r = req_of(w, c, c->answering);

	if (in->status >= 200) {
		if (!c->is_own && r->method != LW_METHOD_HEAD)
			LW_ENSURE(w, in->body_at == r->answer_bytes);
		c->is_closing = !in->keeps || lw_reader_ends_at_close(in);
		note_end(w, c, c->is_own ? LW_END_ERROR : LW_END_RIGHT);
	}
	lw_reader_begin(in, true);
}

/* ---- ends of connections ---- */

static void
finish(struct lw *w, struct lw_client *c)
{
	c->is_done = true;
	w->done_n++;
}

/* The rest is asked again over another connection. */
static void
move_on(struct lw *w, struct lw_client *c, bool aborts)
{
	for (uint32_t k = c->answering; k < c->writing; k++)
		req_of(w, c, k)->is_sent = false;
	c->writing = c->answering;
	lw_endpoint_let_go(&c->end, aborts);
	wheel_cancel(w->wheel, c->i);
	if (c->answering == c->user->req_n) {
		finish(w, c);
		return;
	}
	if (c->rest_until < w->now + MS)
		c->rest_until = w->now + MS;
	work_at(w, c, c->rest_until);
}

static void
on_end(struct lw *w, struct lw_client *c)
{
	if (c->is_answered_head && lw_reader_ends_at_close(&c->reader) && c->end.is_eof)
		judge_end(w, c);
	if (c->answering < c->writing && !c->is_closing) {
		const struct lw_req *r = req_of(w, c, c->answering);

		LW_ENSURE(w, w->conf.may_drop || any_may_cut(w, c));
		if (c->is_answered_head || c->reader.head_n > 0 || stops_within(r))
			note_end(w, c, LW_END_CUT);
		for (uint32_t k = c->answering; k < c->writing; k++)
			req_of(w, c, k)->is_doubtful = true;
	}
	move_on(w, c, prng_one_in(&w->prng, 3));
}

static void
judge(struct lw *w, struct lw_client *c, const struct buf *b)
{
	const uint8_t *p = buf_stream(b);
	uint32_t n = b->n;

	for (;;) {
		c->reader.has_no_body = c->answering < c->writing &&
					req_of(w, c, c->answering)->method == LW_METHOD_HEAD;
		switch (lw_reader_take(&c->reader, &p, &n)) {
		case LW_GOT_MORE:
			return;
		case LW_GOT_HEAD:
			judge_head(w, c);
			break;
		case LW_GOT_BODY:
			judge_body(w, c);
			break;
		case LW_GOT_END:
			judge_end(w, c);
			break;
		case LW_GOT_BAD:
			LW_ENSURE(w, !"a response that is none");
		}
	}
}

static bool
leaves_now(struct lw *w, const struct lw_client *c)
{
	return c->is_answered_head && !c->is_own && req_of(w, c, c->answering)->leaves;
}

static void
work(struct lw *w, struct lw_client *c)
{
	uint64_t again_at = UINT64_MAX;
	struct bufq q = { 0 };
	struct buf *b;

	if (c->is_done)
		return;
	if (c->end.id.v == 0) {
		if (w->now >= c->rest_until)
			dial(w, c);
		else
			work_at(w, c, c->rest_until);
		return;
	}
	if (c->end.is_gone && !c->end.is_open) { /* the dial failed */
		LW_ENSURE(w, w->conf.may_drop || w->conf.may_error);
		move_on(w, c, false);
		return;
	}
	if (!c->end.is_open)
		return;
	if (lw_endpoint_read(w, &c->end, &q, &again_at)) {
		while ((b = bufq_pop(&q)) != NULL) {
			judge(w, c, b);
			buf_give(b);
		}
	}
	if (again_at != UINT64_MAX)
		work_at(w, c, again_at);
	if (leaves_now(w, c)) {
		note_end(w, c, LW_END_ABANDONED);
		for (uint32_t k = c->answering; k < c->writing; k++)
			req_of(w, c, k)->is_doubtful = true;
		move_on(w, c, true);
		return;
	}
	if (c->end.is_eof || c->end.is_gone) {
		on_end(w, c);
		return;
	}
	if (c->is_closing || (c->answering == c->user->req_n && c->i % 4 != 0)) {
		move_on(w, c, false);
		return;
	}
	ask(w, c);
}

void
lw_client_work(struct lw *w, struct lw_client *c)
{
	w->at_client = c;
	work(w, c);
	w->at_client = NULL;
}

void
lw_client_on_event(struct lw *w, struct lw_host *h, const struct tcp_event *event)
{
	struct lw_client *c = &w->client[event->owner];

	LW_ENSURE(w, event->owner < w->conf.user_n);
	if (c->end.id.v != event->id.v)
		return;
	if ((event->bits & TCP_EV_CONNECTED) != 0)
		c->end.is_open = true;
	if ((event->bits & TCP_EV_GONE) != 0) {
		c->end.is_gone = true;
		c->end.end = tcp_end(h->tcp, event->id);
	}
	lw_client_work(w, c);
}
