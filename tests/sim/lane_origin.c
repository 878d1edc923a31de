/*
 * lane_origin.c - origins: they check every request and its body, and act as the request says.
 */
#include <stdio.h>
#include <string.h>

#include "sim/lane_inside.h"

static void
work_at(struct lw *w, const struct lw_oconn *o, uint64_t at_ns)
{
	wheel_set_earlier(w->wheel, w->conf.user_n + o->i, at_ns);
}

void
lw_origin_open(struct lw *w, struct lw_host *h)
{
	static const struct ip_addr any;

	LW_ENSURE(w, tcp_listen(h->tcp, &any, LW_ORIGIN_PORT, 0));
}

static void
drop(struct lw *w, struct lw_oconn *o, bool aborts)
{
	lw_endpoint_let_go(&o->end, aborts);
	wheel_cancel(w->wheel, w->conf.user_n + o->i);
	o->is_taken = false;
}

void
lw_origin_die(struct lw *w, struct lw_host *h)
{
	static const struct ip_addr any;

	tcp_unlisten(h->tcp, &any, LW_ORIGIN_PORT);
	for (uint32_t i = 0; i < w->oconn_n; i++)
		if (w->oconn[i].is_taken && w->oconn[i].end.host == h)
			drop(w, &w->oconn[i], true);
}

void
lw_origin_forget(struct lw *w, struct lw_host *h)
{
	for (uint32_t i = 0; i < w->oconn_n; i++) {
		struct lw_oconn *o = &w->oconn[i];

		if (!o->is_taken || o->end.host != h)
			continue;
		o->end.id.v = 0;
		drop(w, o, false);
	}
}

static struct lw_oconn *
accept(struct lw *w, struct lw_host *h, const struct tcp_event *event)
{
	struct lw_oconn *o = NULL;

	for (uint32_t i = 0; i < w->oconn_n && o == NULL; i++) {
		struct lw_oconn *next = &w->oconn[w->oconn_next];

		w->oconn_next = (w->oconn_next + 1) % w->oconn_n;
		if (!next->is_taken)
			o = next;
	}
	LW_ENSURE(w, o != NULL);
	*o = (struct lw_oconn){ .i = (uint32_t)(o - w->oconn), .is_taken = true };
	o->end.host = h;
	o->end.habits = &w->conf.origin_habits[h->i];
	o->end.id = event->id;
	o->end.is_open = true;
	lw_reader_begin(&o->reader, false);
	tcp_adopt(h->tcp, event->id, o->i);
	tcp_set_room(h->tcp, event->id, o->end.habits->room_max);
	return o;
}

/* ---- answering ---- */

static void
send_text(struct lw *w, struct lw_oconn *o, const char *text)
{
	struct bufq q = { 0 };

	LW_ENSURE(w, bufq_append(w->host_pool, &q, text, (uint32_t)strlen(text)));
	tcp_send(o->end.host->tcp, o->end.id, &q, false);
}

static void
answer_text(const struct lw_oconn *o, const struct lw_req *r, char *to, size_t room)
{
	char framing[64] = "", pad[900] = "";

	if (r->answer_framing == LW_FRAMING_LENGTH)
		snprintf(framing, sizeof(framing), "Content-Length: %llu\r\n",
			 (unsigned long long)r->answer_bytes);
	else if (r->answer_framing == LW_FRAMING_CHUNKED)
		snprintf(framing, sizeof(framing), "Transfer-Encoding: chunked\r\n");
	if (r->pad != 0) {
		memcpy(pad, "X-Pad: ", 7);
		memset(pad + 7, 'q', r->pad);
		memcpy(pad + 7 + r->pad, "\r\n", 3);
	}
	snprintf(to, room, "%sHTTP/1.1 %u Sim\r\nX-Token: %u\r\nX-Origin: %u\r\n%s%s%s\r\n",
		 r->act == LW_ACT_INTERIM && !r->is_old
			 ? "HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n"
			 : "",
		 r->status, o->req, o->end.host->i, framing,
		 o->closes && r->act != LW_ACT_LEAVES ? "Connection: close\r\n" : "", pad);
}

static void
begin_answer(struct lw *w, struct lw_oconn *o)
{
	const struct lw_req *r = lw_req_at(w, o->req);
	bool has_body = r->answer_framing != LW_FRAMING_NONE && r->method != LW_METHOD_HEAD;

	o->closes = r->act == LW_ACT_CLOSES || r->act == LW_ACT_EARLY_CLOSE ||
		    r->act == LW_ACT_LEAVES || r->answer_framing == LW_FRAMING_CLOSE;
	lw_writer_begin(&o->writer, o->req, 1, has_body ? r->answer_bytes : 0);
	o->writer.is_chunked = has_body && r->answer_framing == LW_FRAMING_CHUNKED;
	o->writer.has_tail = !o->writer.is_chunked;
	o->writer.has_trailer = r->has_trailer;
	o->writer.chunk_max = r->answer_chunk_max;
	if (r->act == LW_ACT_RESET_BODY || r->act == LW_ACT_FIN_BODY)
		o->writer.stop = r->cut_at;
	answer_text(o, r, o->writer.text, sizeof(o->writer.text));
	o->writer.text_n = (uint32_t)strlen(o->writer.text);
	o->is_answering = true;
}

/* The answer is with TCP, as far as it goes. */
static void
end_answer(struct lw *w, struct lw_oconn *o)
{
	const struct lw_req *r = lw_req_at(w, o->req);

	o->is_answering = false;
	o->has_answered = true;
	if (r->act == LW_ACT_RESET_BODY) {
		drop(w, o, true);
		return;
	}
	if (r->act == LW_ACT_LEAVES) {
		drop(w, o, false);
		return;
	}
	if (o->closes || r->act == LW_ACT_FIN_BODY) {
		o->end.is_shut = true;
		tcp_shutdown(o->end.host->tcp, o->end.id);
	}
	if (o->is_request_whole)
		o->has_req = false;
}

static void
act(struct lw *w, struct lw_oconn *o)
{
	const struct lw_req *r = lw_req_at(w, o->req);

	if (!o->has_req || o->is_answering || o->has_answered)
		return;
	if (w->now < o->answer_at) {
		work_at(w, o, o->answer_at);
		return;
	}
	switch ((enum lw_act)r->act) {
	case LW_ACT_RESET_HEAD:
		drop(w, o, true);
		return;
	case LW_ACT_FIN_HEAD:
		o->has_answered = true;
		o->end.is_shut = true;
		tcp_shutdown(o->end.host->tcp, o->end.id);
		return;
	case LW_ACT_SILENT:
		return;
	case LW_ACT_GOOD:
	case LW_ACT_EARLY:
	case LW_ACT_EARLY_CLOSE:
	case LW_ACT_CLOSES:
	case LW_ACT_LEAVES:
	case LW_ACT_INTERIM:
	case LW_ACT_RESET_BODY:
	case LW_ACT_FIN_BODY:
		begin_answer(w, o);
	}
}

static void
answer_later(struct lw *w, struct lw_oconn *o, const struct lw_req *r)
{
	o->answer_at = w->now + r->think_ns;
	work_at(w, o, o->answer_at);
}

/* ---- reading ---- */

static const char *const method_word[] = {
#define X(name, text) text,
	LW_METHOD_LIST(X)
#undef X
};

/* These may be tried again though a server may have seen them. */
static bool
is_safe(const struct lw_req *r)
{
	return r->method == LW_METHOD_GET || r->method == LW_METHOD_HEAD;
}

static void
take_head(struct lw *w, struct lw_oconn *o)
{
	const struct lw_reader *in = &o->reader;
	struct lw_req *r = lw_req_at(w, in->req);

	LW_ENSURE(w, !o->has_req && !o->end.is_shut); /* out of turn */
	LW_ENSURE(w, r->tries > 0 && strcmp(in->method, method_word[r->method]) == 0);
	o->req = in->req;
	o->has_req = true;
	o->has_answered = o->is_request_whole = false;
	o->answer_at = UINT64_MAX;
	r->heads_n++;
	LW_ENSURE(w, r->heads_n == 1 || is_safe(r) || r->is_doubtful || w->conf.may_be_double);
	lw_hash(w, &o->req, sizeof(o->req));
	if (in->expects)
		send_text(w, o, "HTTP/1.1 100 Continue\r\n\r\n");
	if (r->act == LW_ACT_EARLY || r->act == LW_ACT_EARLY_CLOSE)
		answer_later(w, o, r);
}

static void
take_body(struct lw *w, struct lw_oconn *o)
{
	const struct lw_reader *in = &o->reader;
	uint8_t want[BUF_ROOM + BUF_HEADROOM];

	w->result.bytes += in->body_n;
	LW_ENSURE(w, in->body_at <= lw_req_at(w, o->req)->body_bytes);
	LW_ENSURE(w, in->body_n <= sizeof(want));
	lw_pattern(o->req, 0, in->body_at - in->body_n, want, in->body_n);
	LW_ENSURE(w, memcmp(want, in->body, in->body_n) == 0);
}

static void
take_end(struct lw *w, struct lw_oconn *o)
{
	struct lw_req *r = lw_req_at(w, o->req);

	LW_ENSURE(w, o->reader.body_at == r->body_bytes);
	r->wholes_n++;
	o->is_request_whole = true;
	if (o->has_answered)
		o->has_req = false;
	else if (o->answer_at == UINT64_MAX)
		answer_later(w, o, r);
	lw_reader_begin(&o->reader, false);
}

static void
take(struct lw *w, struct lw_oconn *o, const struct buf *b)
{
	const uint8_t *p = buf_stream(b);
	uint32_t n = b->n;

	for (;;) {
		switch (lw_reader_take(&o->reader, &p, &n)) {
		case LW_GOT_MORE:
			return;
		case LW_GOT_HEAD:
			take_head(w, o);
			break;
		case LW_GOT_BODY:
			take_body(w, o);
			break;
		case LW_GOT_END:
			take_end(w, o);
			break;
		case LW_GOT_BAD:
			LW_ENSURE(w, !"a request that is none");
		}
	}
}

static void
answer_more(struct lw *w, struct lw_oconn *o)
{
	uint64_t again_at = UINT64_MAX;

	if (!o->is_answering)
		return;
	if (lw_endpoint_write(w, &o->end, &o->writer, &again_at))
		work_at(w, o, again_at);
	else if (lw_writer_is_done(&o->writer) || lw_writer_is_stopped(&o->writer))
		end_answer(w, o);
}

void
lw_origin_work(struct lw *w, struct lw_oconn *o)
{
	uint64_t again_at = UINT64_MAX;
	struct bufq q = { 0 };
	struct buf *b;

	if (!o->is_taken)
		return;
	if (lw_endpoint_read(w, &o->end, &q, &again_at)) {
		while ((b = bufq_pop(&q)) != NULL) {
			take(w, o, b);
			buf_give(b);
		}
	}
	if (again_at != UINT64_MAX)
		work_at(w, o, again_at);
	if (o->end.is_gone) {
		drop(w, o, false);
		return;
	}
	act(w, o);
	if (!o->is_taken)
		return;
	answer_more(w, o);
	/* Who has ended its stream wants no more, but for one that half-closed behind a request. */
	if (o->is_taken && o->end.is_eof && !o->is_answering &&
	    (!o->has_req || o->has_answered || !o->is_request_whole ||
	     lw_req_at(w, o->req)->act == LW_ACT_SILENT))
		drop(w, o, false);
}

void
lw_origin_on_event(struct lw *w, struct lw_host *h, const struct tcp_event *event)
{
	struct lw_oconn *o;

	if ((event->bits & TCP_EV_ACCEPTED) != 0) {
		o = accept(w, h, event);
	} else {
		LW_ENSURE(w, event->owner < w->oconn_n);
		o = &w->oconn[event->owner];
		if (!o->is_taken || o->end.host != h || o->end.id.v != event->id.v)
			return;
	}
	if ((event->bits & TCP_EV_GONE) != 0)
		o->end.is_gone = true;
	lw_origin_work(w, o);
}
