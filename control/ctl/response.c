/*
 * response.c - a response as the client would get it: through the outbound rules, head and body.
 *
 * The body is shown without its framing and content coding; the head as it is sent, coding and
 * all. A chunked response that a tool has already joined is taken as it lies.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "codec/codec.h"
#include "ctl/explain_state.h"

enum {
	DECODED_BYTES_MAX = 1 << 30
};

/* Bytes of malloc's. */
struct body {
	uint8_t *p;
	size_t n, room;
};

static void
body_put(struct body *body, const void *bytes, size_t n)
{
	if (n > body->room - body->n) {
		body->room = 2 * (body->n + n) + 256;
		body->p = realloc(body->p, body->room);
		ensure(body->p != NULL);
	}
	if (n > 0)
		memcpy(body->p + body->n, bytes, n);
	body->n += n;
}

/* ---- as it came ---- */

static bool
head_parse(struct explain *x, json_t *answer)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	uint32_t n = x->ask->response_n < HTTP_HEAD_BYTES_MAX ? (uint32_t)x->ask->response_n
							      : HTTP_HEAD_BYTES_MAX;
	enum http_verdict verdict;

	limits.head_bytes = HTTP_HEAD_BYTES_MAX;
	limits.fields_n = HTTP_FIELDS_MAX;
	limits.lf_lines = true; /* written by hand */
	verdict = http_parse_response(slice_of(x->ask->response, n), &limits, &resume,
				      x->request.method_id, &x->response);
	if (verdict == HTTP_DONE)
		return true;
	answer_error(answer, 502, 0,
		     verdict == HTTP_REFUSED ? http_reason_name(x->response.reason)
					     : "the response has no end of its head",
		     NULL);
	return false;
}

/* False: it is not in chunks, whatever the head says. */
static bool
chunks_join(struct slice in, struct body *ret_body)
{
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_chunk chunk;

	http_chunk_init(&chunk);
	while (in.n > 0) {
		uint32_t used = 0;
		struct slice data;

		switch (http_deframe(&chunk, &limits, in, &used, &data)) {
		case HTTP_CHUNK_DATA:
			body_put(ret_body, data.p, data.n);
			break;
		case HTTP_CHUNK_MORE:
		case HTTP_CHUNK_TRAILER:
			break;
		case HTTP_CHUNK_DONE:
			return true;
		case HTTP_CHUNK_REFUSED:
			return false;
		}
		in = slice_of(in.p + used, in.n - used);
	}
	return ret_body->n > 0;
}

static void
body_take(const struct explain *x, struct body *ret_body)
{
	const struct http_head *head = &x->response.head;
	struct slice rest = slice_of((const uint8_t *)x->ask->response + head->head_n,
				     (uint32_t)(x->ask->response_n - head->head_n));

	if (head->framing == HTTP_FRAMING_NONE)
		return;
	if (head->framing == HTTP_FRAMING_CHUNKED && chunks_join(rest, ret_body))
		return;
	if (head->framing == HTTP_FRAMING_LENGTH && head->length < rest.n)
		rest.n = (uint32_t)head->length;
	ret_body->n = 0;
	body_put(ret_body, rest.p, rest.n);
}

/* ---- content codings ---- */

/* Replaces the body by what it decodes to; the fault when it does not, and it stays. */
static enum codec_fault
body_decode(struct body *body, enum codec_kind kind)
{
	struct codec_io io = { .in = body->p, .in_n = body->n, .is_last = true };
	size_t n = body->n > 0 ? codec_bytes_of(kind, body->p[0]) : codec_bytes(kind, false);
	struct body decoded = { 0 };
	uint8_t piece[1 << 16];
	enum codec_verdict verdict;
	enum codec_fault fault;
	void *memory = aligned_alloc(16, (n + 15) / 16 * 16);
	struct codec *codec;

	ensure(memory != NULL);
	codec = codec_open(memory, n, kind, false);
	do {
		io.out = piece;
		io.out_n = sizeof(piece);
		verdict = codec_turn(codec, &io);
		body_put(&decoded, piece, sizeof(piece) - io.out_n);
	} while (verdict == CODEC_VERDICT_ROOM && decoded.n < DECODED_BYTES_MAX);
	fault = verdict == CODEC_VERDICT_END	? CODEC_FAULT_NONE
		: verdict == CODEC_VERDICT_ROOM ? CODEC_FAULT_LARGE
						: codec_fault_of(codec);
	free(memory);
	if (fault != CODEC_FAULT_NONE) {
		free(decoded.p);
		return fault;
	}
	free(body->p);
	*body = decoded;
	return CODEC_FAULT_NONE;
}

/* ---- rules ---- */

/* False: a rule could not be carried out, and the answer says so. */
static bool
rules_ask(struct explain *x, struct rules_reply *ret_reply, json_t *rules, json_t *answer)
{
	struct rules_trace trace = trace_of(&x->trace);

	*ret_reply = (struct rules_reply){ .change = x->way.change, .change_n = x->way.change_n };
	if (x->rules == NULL || !rules_any(x->rules, x->listener_i, true))
		return true;
	x->trace.rules = rules;
	x->facts.response = &x->response;
	decide_subject(&x->facts, &x->subject);
	rules_response(x->rules, EXPLAIN_LANE_RESPONSE, x->listener_i, &x->subject, x->way.change,
		       x->way.change_n, &trace, ret_reply);
	if (ret_reply->fault == RULES_FAULT_NONE)
		return true;
	answer_error(answer, ret_reply->status, ret_reply->substatus,
		     rules_fault_text(ret_reply->fault), NULL);
	return false;
}

static bool
is_rewritten(const struct rules_reply *reply)
{
	return reply->has_body && reply->body_rule_n > 0;
}

/* The edits of the head, in x->text, and what becomes of the body's coding. */
static enum rules_fault
edits_make(struct explain *x, const struct rules_reply *reply, struct decide_coding *ret_coding)
{
	enum rules_fault fault;

	x->text.edits = (struct http_edits){ .edit = x->text.edit };
	decide_edits(reply->change, reply->change_n, true, &x->response.head, &x->text);
	x->facts.response = &x->response;
	if (is_rewritten(reply))
		return decide_coding(&x->facts, &x->text, ret_coding);
	fault = decide_coding(&x->facts, &(struct decide_text){ 0 }, ret_coding);
	if (fault != RULES_FAULT_NONE)
		*ret_coding = (struct decide_coding){ 0 }; /* nobody asks for the text in it */
	return RULES_FAULT_NONE;
}

static json_t *
headers_of(struct explain *x, const struct rules_reply *reply)
{
	struct http_head *head = &x->response.head;
	struct http_response_out out;
	uint32_t n;

	/* Of a page that would be rewritten nobody knows the length: HEAD (step_reply.c). */
	if (reply->body_rule_n > 0 && !reply->has_body && x->response.status == 200)
		head->has_length = false;
	decide_response(x->img, x->listener_i, &x->response, &out);
	out.edits = &x->text.edits;
	out.framing = head->framing;
	if (is_rewritten(reply) && head->framing == HTTP_FRAMING_LENGTH)
		out.framing = HTTP_FRAMING_CHUNKED;
	out.length = head->length;
	out.keep_alive = true;
	out.client_minor = 1;
	n = http_emit_response(&out, x->out, sizeof(x->out));
	return n <= sizeof(x->out) ? told_fields(x->out, n) : json_array();
}

/* ---- the body's rules ---- */

/* All of the body through the stream; the fault that ended it. */
static enum rules_fault
body_run(struct rules_body *stream, const struct body *body, struct body *made,
	 uint32_t *ret_rule_i)
{
	struct rules_body_io io = { .in = body->p, .in_n = (uint32_t)body->n, .is_last = true };
	uint8_t piece[1 << 16];

	for (;;) {
		enum rules_body_verdict verdict;

		io.out = piece;
		io.out_n = sizeof(piece);
		io.work = RULES_TURN_WORK;
		verdict = rules_body_turn(stream, &io);
		body_put(made, piece, sizeof(piece) - io.out_n);
		switch (verdict) {
		case RULES_BODY_MORE:
		case RULES_BODY_ROOM:
		case RULES_BODY_AGAIN:
			break;
		case RULES_BODY_END:
			return RULES_FAULT_NONE;
		case RULES_BODY_FAULT:
			return rules_body_fault(stream, ret_rule_i);
		}
	}
}

/* While the reply is the lane's last evaluation. ret_rule_i: whose the fault is. */
static enum rules_fault
body_rewrite(struct explain *x, const struct rules_reply *reply, struct body *body,
	     uint32_t *ret_rule_i)
{
	size_t n = rules_body_bytes(x->rules, EXPLAIN_LANE_RESPONSE, reply);
	struct rules_trace trace = trace_of(&x->trace);
	struct body made = { 0 };
	enum rules_fault fault;
	void *memory;

	if (n == 0)
		return RULES_FAULT_ROOM;
	memory = aligned_alloc(16, (n + 15) / 16 * 16);
	ensure(memory != NULL);
	fault = body_run(rules_body_init(memory, n, x->rules, EXPLAIN_LANE_RESPONSE, x->listener_i,
					 reply, &trace),
			 body, &made, ret_rule_i);
	free(memory);
	free(body->p);
	*body = made;
	return fault;
}

/* ---- all of it ---- */

/* False: it does not go through, and the answer says why. */
static bool
body_make(struct explain *x, const struct rules_reply *reply, struct body *ret_body, json_t *answer)
{
	struct decide_coding coding;
	enum rules_fault fault = edits_make(x, reply, &coding);
	enum codec_fault decoded = CODEC_FAULT_NONE;
	uint32_t rule_i = is_rewritten(reply) ? reply->body_rule[0] : (uint32_t)IMG_NONE;

	body_take(x, ret_body);
	if (fault == RULES_FAULT_NONE && coding.from != CODEC_NONE)
		decoded = body_decode(ret_body, coding.from); /* a broken one is shown as it is */
	if (is_rewritten(reply) && decoded != CODEC_FAULT_NONE) {
		answer_error(answer, 502, 0, codec_fault_text(decoded), NULL);
		return false;
	}
	if (fault == RULES_FAULT_NONE && is_rewritten(reply))
		fault = body_rewrite(x, reply, ret_body, &rule_i);
	if (fault != RULES_FAULT_NONE)
		answer_error(answer, 500, rules_substatus(x->rules, rule_i),
			     rules_fault_text(fault), NULL);
	return fault == RULES_FAULT_NONE;
}

void
response_add(struct explain *x, json_t *answer)
{
	json_t *rules = json_array(), *told;
	struct rules_reply reply;
	struct body body = { 0 };

	if (!head_parse(x, answer) || !rules_ask(x, &reply, rules, answer) ||
	    !body_make(x, &reply, &body, answer)) {
		json_array_extend(json_object_get(answer, "rules"), rules);
		json_decref(rules);
		json_decref(x->trace.pres);
		free(body.p);
		return;
	}
	told = json_pack("{s:i, s:o, s:o}", "status", x->response.status, "reason",
			 told_slice(x->response.phrase), "headers", headers_of(x, &reply));
	told_body(told, "body", body.n > 0 ? (const char *)body.p : "", body.n);
	if (x->trace.pres != NULL)
		json_object_set_new(told, "preconditions", x->trace.pres);
	json_object_set_new(told, "rules", rules);
	json_object_set_new(answer, "response", told);
	free(body.p);
}
