/*
 * stage.c - a body on its way: deframe, stages, frame.
 *
 * Payload moves by queueing its buffers. Around it, framing is cut off by narrowing the buffer and
 * put on by writing into the room before and behind the payload of a buffer that is ours alone (a
 * received one has the old headers' room in front); so a chunked body costs no buffer of ours
 * either. Only where a chunk begins in the middle of a buffer its bytes move up by the few bytes
 * of the chunk's head.
 *
 * Chunks keep no boundaries: what one turn moves is one chunk (RFC 9112, 7.1: a recipient may
 * re-chunk). When buffers run out nothing is lost: what was deframed waits in body.held.
 */
#include "proxy/state.h"

void
body_init(struct body *b, enum http_framing in, enum http_framing out, uint64_t length,
	  const struct stage *stage)
{
	b->left = in == HTTP_FRAMING_LENGTH ? length : 0;
	b->bytes_in = b->bytes_out = 0;
	b->held = b->made = (struct bufq){ 0 };
	b->counted_n = 0;
	b->stage = in == HTTP_FRAMING_NONE ? NULL : stage;
	b->state = (struct stage_state){ 0 };
	b->trailer = NULL;
	b->framing_in = (uint8_t)in;
	b->framing_out = (uint8_t)out;
	b->in_done = in == HTTP_FRAMING_NONE || (in == HTTP_FRAMING_LENGTH && length == 0);
	b->out_done = false;
	if (in == HTTP_FRAMING_CHUNKED)
		http_chunk_init(&b->chunk);
}

/* What waits here is the lane's budget's as well as what waits in a leg. */
static void
count_held(struct proxy *p, struct body *b)
{
	uint32_t n = b->held.n + b->made.n;

	p->bufs_held += n - b->counted_n;
	b->counted_n = n;
}

void
body_fini(struct proxy *p, struct body *b)
{
	bufq_give(&b->held);
	bufq_give(&b->made);
	count_held(p, b);
	if (b->stage != NULL && b->stage->fini != NULL)
		b->stage->fini(&b->state);
	b->stage = NULL;
	if (b->trailer != NULL)
		buf_give(b->trailer);
	b->trailer = NULL;
}

/* ---- deframe ---- */

static enum body_verdict
deframe_length(struct proxy *p, struct body *b, struct bufq *in, bool is_eof, uint64_t most)
{
	uint64_t n = b->left < in->bytes ? b->left : in->bytes;

	if (most != NEVER)
		n = min_u32(n, b->held.bytes < most ? most - b->held.bytes : 0);
	if (n == in->bytes) {
		bufq_splice(&b->held, in);
	} else {
		uint64_t before = in->bytes;
		bool is_moved = bufq_move(p->bufs, &b->held, in, n);

		n = before - in->bytes;
		if (!is_moved) {
			b->left -= n;
			b->bytes_in += n;
			return BODY_DRY;
		}
	}
	b->left -= n;
	b->bytes_in += n;
	if (b->left == 0) {
		b->in_done = true;
		return BODY_END;
	}
	if (in->bytes != 0)
		return BODY_AGAIN;
	return is_eof ? BODY_TRUNCATED : BODY_WAIT;
}

static enum body_verdict
deframe_close(struct body *b, struct bufq *in, bool is_eof)
{
	b->bytes_in += in->bytes;
	bufq_splice(&b->held, in);
	b->in_done = is_eof;
	return is_eof ? BODY_END : BODY_WAIT;
}

/* A buffer that others hold too may not be changed: its bytes go to one of our own. */
static struct buf *
own(struct proxy *p, struct buf *b)
{
	struct buf *copy;

	if (buf_is_sole(b))
		return b;
	copy = buf_take(p->bufs);
	if (copy == NULL)
		return NULL;
	ensure(b->n <= copy->m.buf_len);
	/* a driver that joins segments fills later buffers from nearer their begin */
	copy->at = (uint16_t)(b->n <= BUF_ROOM ? BUF_HEADROOM : copy->m.buf_len - b->n);
	copy->n = b->n;
	memcpy(buf_stream(copy), buf_stream(b), b->n);
	p->conf.count->proxy_copied_bytes += b->n;
	buf_give(b);
	return copy;
}

/*
 * The room in which the trailer section is kept; none when buffers are out: it is dropped. What it
 * says of a body (a digest, a signature) is not so of what a stage has made.
 */
static void
trailer_begin(struct proxy *p, struct body *b)
{
	if (b->framing_out != HTTP_FRAMING_CHUNKED ||
	    (b->stage != NULL && b->stage->changes_length))
		return;
	b->trailer = buf_take(p->bufs);
	if (b->trailer == NULL)
		return;
	b->trailer->at = BUF_HEADROOM;
	b->chunk.trailer = buf_stream(b->trailer);
	b->chunk.trailer_room = b->trailer->m.buf_len - BUF_HEADROOM;
}

/*
 * One buffer's chunks: *ret_used of its bytes are done with, and the payload among these has been
 * moved together at *ret_at.
 */
static enum http_chunk_verdict
deframe_buf(struct proxy *p, struct body *b, const struct http_limits *limits, struct buf *buf,
	    uint32_t *ret_used, uint32_t *ret_at, uint32_t *ret_n)
{
	uint8_t *bytes = buf_stream(buf);
	enum http_chunk_verdict v = HTTP_CHUNK_MORE;
	uint32_t pos = 0, at = 0, n = 0;

	while (pos < buf->n && v != HTTP_CHUNK_DONE && v != HTTP_CHUNK_REFUSED) {
		uint32_t used = 0;
		struct slice data;

		v = http_deframe(&b->chunk, limits, slice_of(bytes + pos, buf->n - pos), &used,
				 &data);
		pos += used;
		if (v == HTTP_CHUNK_TRAILER)
			trailer_begin(p, b);
		if (v != HTTP_CHUNK_DATA)
			continue;
		if (n == 0) {
			at = (uint32_t)(data.p - bytes);
		} else {
			memmove(bytes + at + n, data.p, data.n);
			buf_written(buf);
		}
		p->conf.count->proxy_copied_bytes += n == 0 ? 0 : data.n;
		n += data.n;
	}
	*ret_used = pos;
	*ret_at = at;
	*ret_n = n;
	return v;
}

/* The payload [at, at + n) of buf goes to held; bytes behind `used` stay in the input. */
static bool
deframe_put(struct proxy *p, struct body *b, struct bufq *in, struct buf *buf, uint32_t used,
	    uint32_t at, uint32_t n)
{
	bool is_put = true;

	b->bytes_in += n;
	if (used < buf->n) {
		/* The content ended in this buffer and another message follows: rare, so copy. */
		is_put = n == 0 || bufq_append(p->bufs, &b->held, buf_stream(buf) + at, n);
		p->conf.count->proxy_copied_bytes += n;
		buf->at = (uint16_t)(buf->at + used);
		buf->n = (uint16_t)(buf->n - used);
		bufq_unpop(in, buf);
		return is_put;
	}
	if (n == 0) {
		buf_give(buf);
		return true;
	}
	buf->at = (uint16_t)(buf->at + at);
	buf->n = (uint16_t)n;
	bufq_push(&b->held, buf);
	return true;
}

static enum body_verdict
deframe_chunked(struct proxy *p, struct body *b, const struct http_limits *limits, struct bufq *in,
		bool is_eof, uint64_t most)
{
	struct buf *buf;

	while (b->held.bytes < most && (buf = bufq_pop(in)) != NULL) {
		uint32_t used, at, n;
		enum http_chunk_verdict v;
		struct buf *mine;

		/* Nothing but payload, and not the chunk's last: the common case of bulk. */
		if (http_chunk_payload(&b->chunk) > buf->n) {
			http_chunk_skip(&b->chunk, buf->n);
			b->bytes_in += buf->n;
			bufq_push(&b->held, buf);
			continue;
		}
		mine = own(p, buf);
		if (mine == NULL) {
			bufq_unpop(in, buf);
			return BODY_DRY;
		}
		v = deframe_buf(p, b, limits, mine, &used, &at, &n);
		if (!deframe_put(p, b, in, mine, used, at, n) || v == HTTP_CHUNK_REFUSED)
			return BODY_REFUSED;
		if (v == HTTP_CHUNK_DONE) {
			b->in_done = true;
			return BODY_END;
		}
	}
	if (in->bytes != 0)
		return BODY_AGAIN;
	return is_eof ? BODY_TRUNCATED : BODY_WAIT;
}

static enum body_verdict
deframe(struct proxy *p, struct body *b, struct bufq *in, bool is_eof,
	const struct http_limits *limits, uint64_t most)
{
	if (b->in_done)
		return BODY_END;
	switch ((enum http_framing)b->framing_in) {
	case HTTP_FRAMING_NONE:
		return BODY_END;
	case HTTP_FRAMING_LENGTH:
		return deframe_length(p, b, in, is_eof, most);
	case HTTP_FRAMING_CHUNKED:
		return deframe_chunked(p, b, limits, in, is_eof, most);
	case HTTP_FRAMING_CLOSE:
		return deframe_close(b, in, is_eof);
	}
	return BODY_REFUSED;
}

/* ---- frame ---- */

/* Writes n bytes in front of the queue: into the first buffer's room where there is enough left
 * for the headers of TCP and IP, else into a buffer of their own. */
static bool
put_before(struct proxy *p, struct bufq *q, const void *bytes, uint32_t n)
{
	struct buf *head = q->head;
	struct bufq own_q = { 0 };

	if (head != NULL && buf_is_sole(head) && head->at >= BUF_HEADROOM + n) {
		head->at = (uint16_t)(head->at - n);
		head->n = (uint16_t)(head->n + n);
		q->bytes += n;
		memcpy(buf_stream(head), bytes, n);
		buf_written(head);
		return true;
	}
	if (!bufq_append(p->bufs, &own_q, bytes, n))
		return false;
	bufq_splice(&own_q, q);
	*q = own_q;
	return true;
}

static bool
put_last_chunk(struct proxy *p, struct body *b, struct bufq *q)
{
	struct slice lines = { 0 };
	uint32_t n;

	if (b->trailer != NULL && !b->chunk.trailer_full)
		lines = slice_of(b->chunk.trailer, b->chunk.trailer_n);
	n = http_last_chunk(lines, p->emit, SCRATCH_BYTES);
	ensure(n <= SCRATCH_BYTES);
	return bufq_append(p->bufs, q, p->emit, n);
}

/*
 * Frames all of `payload` behind out. False: buffers are out; then *payload is as it was, but for
 * what has been written around it, and out too.
 */
static bool
frame(struct proxy *p, struct body *b, struct bufq *payload, bool is_end, struct bufq *out)
{
	uint8_t head[HTTP_CHUNK_HEAD_BYTES];
	uint64_t n = payload->bytes;
	struct bufq last = { 0 };

	if (b->framing_out != HTTP_FRAMING_CHUNKED) {
		bufq_splice(out, payload);
		b->bytes_out += n;
		return true;
	}
	if (n != 0) {
		/* What needs a buffer comes first: once that is had, the rest cannot fail. */
		if (is_end && !put_last_chunk(p, b, &last))
			return false;
		if (!put_before(p, payload, head, http_chunk_head(n, head))) {
			bufq_give(&last);
			return false;
		}
		if (!bufq_append(p->bufs, payload, "\r\n", 2)) {
			bufq_consume(payload, payload->bytes - n);
			bufq_give(&last);
			return false;
		}
		bufq_splice(out, payload);
		b->bytes_out += n;
		bufq_splice(out, &last);
		return true;
	}
	return !is_end || put_last_chunk(p, b, out);
}

/* ---- all of it ---- */

/* What it makes waits in b->made until it is framed, should buffers be out by then. */
static enum body_verdict
run_stage(struct proxy *p, struct body *b, enum body_verdict v, uint64_t room)
{
	struct stage_turn turn = { .pool = p->bufs,
				   .state = &b->state,
				   .in = &b->held,
				   .is_last = b->in_done,
				   .is_dry = v == BODY_WAIT,
				   .out = &b->made,
				   .budget_bytes = TURN_BYTES,
				   .room_bytes = room };

	switch (b->stage->turn(&turn)) {
	case STAGE_DRY:
		return BODY_DRY;
	case STAGE_FAULT:
		return BODY_FAULT;
	case STAGE_ON:
		if (b->held.bytes == 0)
			return v == BODY_AGAIN && room == 0 ? BODY_ROOM : v;
		break;
	case STAGE_MORE:
		break;
	}
	return b->made.bytes >= room ? BODY_ROOM : BODY_AGAIN;
}

static enum body_verdict
move(struct proxy *p, struct body *b, struct bufq *in, bool is_eof,
     const struct http_limits *limits, uint64_t body_max, uint64_t room, struct bufq *out)
{
	struct bufq *payload = b->stage != NULL ? &b->made : &b->held;
	uint64_t most = NEVER;
	enum body_verdict v;

	if (b->out_done)
		return BODY_END;
	/* What a stage will not take now stays in the leg, whose window it closes. */
	if (b->stage != NULL)
		most = room != 0 ? TURN_BYTES : 0;
	v = deframe(p, b, in, is_eof, limits, most);
	if (body_max != 0 && b->bytes_in > body_max)
		return BODY_LARGE;
	if (b->stage != NULL && v != BODY_REFUSED)
		v = run_stage(p, b, v, room);
	if (v == BODY_FAULT)
		return v;
	if (!frame(p, b, payload, v == BODY_END, out))
		return BODY_DRY;
	b->out_done = v == BODY_END;
	return v;
}

enum body_verdict
body_move(struct proxy *p, struct body *b, struct bufq *in, bool is_eof,
	  const struct http_limits *limits, uint64_t body_max, uint64_t room, struct bufq *out)
{
	enum body_verdict v = move(p, b, in, is_eof, limits, body_max, room, out);

	count_held(p, b);
	return v;
}
