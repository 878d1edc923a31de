/*
 * test_storm.c - many clients and origins at once, all at random from a seed: methods, framings,
 * sizes, pieces, pauses, pipelining, kept and closed connections, early responses. Every response
 * must be the one to its request, byte for byte.
 *
 * In clean storms nobody breaks a rule, so nothing may fail: an origin that closes a kept
 * connection under a request is made good by another try. In foul ones origins and clients also
 * reset, truncate and refuse: then a response is whole and right, or visibly not whole, or one of
 * ours. Each seed runs twice with the same trace. PENSTOCK_SEEDS: how many; PENSTOCK_SEED: first.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/prng.h"

enum {
	CLIENTS = 6,
	REQUESTS = 24, /* of a client */
	ORIGINS_MAX = 2048,
	BODY_MAX = 120000,
	OUT_MAX = 3 * BODY_MAX,
	TOKENS = CLIENTS * REQUESTS * 4,
};

/* Bytes to send, in pieces. */
struct out {
	char *p;
	size_t n, at;
};

struct origin_actor {
	struct peer *peer;
	size_t used; /* of peer->got */
	bool is_in_body, is_answering, closes, is_done, was_early, ends_by_close;
	enum http_framing framing;
	struct http_chunk chunk;
	uint64_t left, seen;
	uint32_t token;
	bool is_head, is_old;
	struct out out;
};

struct client_actor {
	struct peer *peer;
	size_t used;
	uint32_t sent_n;   /* requests begun, over all connections */
	uint32_t queue[4]; /* tokens asked for and not answered, of this connection */
	uint32_t queue_n;
	bool is_in_body, is_last; /* no further request on this connection */
	uint32_t status;
	enum http_framing framing;
	struct http_chunk chunk;
	uint64_t left, seen;
	struct out out;
};

struct asked {
	bool is_head, is_old, is_cut; /* cut: ended early by a FIN that looks like its end */
	uint32_t body_n, answer_n;    /* bytes */
	uint8_t answers;	      /* times it reached an origin whole */
};

struct storm {
	struct stand *s;
	struct prng prng;
	bool is_foul;
	struct origin_actor origin[ORIGINS_MAX];
	uint32_t origin_n;
	struct client_actor client[CLIENTS];
	struct asked asked[TOKENS];
	uint32_t token_n, right_n, broken_n, own_n;
	uint64_t hash;
};

static struct http_request request;
static struct http_response response;
static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

static char
body_byte(uint32_t token, uint64_t i, uint32_t salt)
{
	return (char)('a' + (token * 31 + i * 7 + i / 251 + salt) % 26);
}

static void
out_add(struct out *o, const void *p, size_t n)
{
	assert_true(o->n + n <= OUT_MAX);
	if (o->p == NULL)
		o->p = malloc(OUT_MAX);
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void
out_text(struct out *o, const char *text)
{
	out_add(o, text, strlen(text));
}

/* A body of n bytes, chunked or plain. */
static void
out_body(struct storm *w, struct out *o, uint32_t token, uint32_t n, uint32_t salt, bool is_chunked)
{
	char piece[5000], head[32];

	for (uint32_t at = 0; at < n;) {
		uint32_t k = 1 + prng_below(&w->prng, prng_one_in(&w->prng, 3) ? 10 : 4999);

		k = k < n - at ? k : n - at;
		for (uint32_t i = 0; i < k; i++)
			piece[i] = body_byte(token, at + i, salt);
		if (is_chunked)
			out_add(o, head, (size_t)snprintf(head, sizeof(head), "%x\r\n", k));
		out_add(o, piece, k);
		if (is_chunked)
			out_text(o, "\r\n");
		at += k;
	}
	if (is_chunked)
		out_text(o, prng_one_in(&w->prng, 4) ? "0\r\nX-Sum: 1\r\n\r\n" : "0\r\n\r\n");
}

/* Gives some of what there is to TCP. */
static void
out_send(struct storm *w, struct out *o, struct peer *p)
{
	size_t n = o->n - o->at, most;

	if (n == 0 || p->is_gone || !prng_one_in(&w->prng, 3))
		return;
	most = prng_one_in(&w->prng, 4) ? 1 + prng_below(&w->prng, 50) : 40000;
	n = n < most ? n : most;
	say_bytes(w->s, p, o->p + o->at, n);
	o->at += n;
	if (o->at == o->n)
		o->at = o->n = 0;
}

static uint32_t
size_drawn(struct storm *w)
{
	switch (prng_below(&w->prng, 4)) {
	case 0:
		return prng_below(&w->prng, 3);
	case 1:
		return prng_below(&w->prng, 600);
	case 2:
		return prng_below(&w->prng, 8000);
	default:
		return prng_below(&w->prng, BODY_MAX);
	}
}

/* ---- origins ---- */

static void
origin_answer(struct storm *w, struct origin_actor *a)
{
	static const uint32_t statuses[] = { 200, 200, 200, 404, 204, 304, 500 };
	struct asked *asked = &w->asked[a->token];
	uint32_t status = statuses[prng_below(&w->prng, 7)], n = size_drawn(w);
	uint32_t how = prng_below(&w->prng, 5);
	bool has_content = status != 204 && status != 304;
	char head[300];

	/* A further try of a request gets the same answer's size, wherever it comes to. */
	asked->answer_n = n;
	a->is_answering = true;
	a->closes = prng_one_in(&w->prng, 8);
	asked->is_cut = false;
	if (prng_one_in(&w->prng, 6) && !a->is_old)
		out_text(&a->out, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
	snprintf(head, sizeof(head), "HTTP/1.1 %u Some Words\r\nX-Token: %u\r\nX-Size: %u\r\n%s",
		 status, a->token, n, a->closes ? "Connection: close\r\n" : "");
	out_text(&a->out, head);
	if (!has_content) {
		out_text(&a->out, "\r\n");
	} else if (how < 3) {
		snprintf(head, sizeof(head), "Content-Length: %u\r\n\r\n", n);
		out_text(&a->out, head);
		if (!a->is_head)
			out_body(w, &a->out, a->token, n, 5, false);
	} else if (how == 3 || a->is_head) {
		out_text(&a->out, "Transfer-Encoding: chunked\r\n\r\n");
		if (!a->is_head)
			out_body(w, &a->out, a->token, n, 5, true);
	} else {
		out_text(&a->out, "\r\n");
		out_body(w, &a->out, a->token, n, 5, false);
		a->closes = a->ends_by_close = true;
	}
}

static bool
origin_head(struct storm *w, struct origin_actor *a, struct slice in)
{
	struct http_resume resume = { 0 };

	if (http_parse_request(in, &limits, &resume, &request) != HTTP_DONE) {
		assert_int_equal(request.reason, HTTP_REASON_NONE);
		return false;
	}
	a->used += request.head.head_n;
	a->token = (uint32_t)atoi((const char *)request.target.p + 1);
	assert_true(a->token < w->token_n);
	a->is_head = w->asked[a->token].is_head;
	a->is_old = w->asked[a->token].is_old;
	a->framing = request.head.framing;
	a->left = a->framing == HTTP_FRAMING_LENGTH ? request.head.length : 0;
	a->seen = 0;
	a->is_in_body = true;
	a->was_early = false;
	http_chunk_init(&a->chunk);
	if (request.expect_continue && !prng_one_in(&w->prng, 3))
		out_text(&a->out, "HTTP/1.1 100 Continue\r\n\r\n");
	if (a->framing != HTTP_FRAMING_NONE && prng_one_in(&w->prng, 8)) {
		origin_answer(w, a);
		a->was_early = true;
	}
	return true;
}

static void
check_bytes(const uint8_t *p, uint32_t n, uint32_t token, uint64_t *seen, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(p[i], (uint8_t)body_byte(token, *seen + i, salt));
	*seen += n;
}

/* One step through a body; true: its end. */
static bool
body_step(struct slice in, enum http_framing framing, struct http_chunk *chunk, uint64_t *left,
	  uint32_t token, uint64_t *seen, uint32_t salt, size_t *ret_used)
{
	uint32_t used = 0;
	struct slice data;

	switch (framing) {
	case HTTP_FRAMING_NONE:
		return true;
	case HTTP_FRAMING_LENGTH:
		used = (uint32_t)(*left < in.n ? *left : in.n);
		check_bytes(in.p, used, token, seen, salt);
		*left -= used;
		*ret_used += used;
		return *left == 0;
	case HTTP_FRAMING_CLOSE:
		check_bytes(in.p, in.n, token, seen, salt);
		*ret_used += in.n;
		return false;
	case HTTP_FRAMING_CHUNKED:
		break;
	}
	while (in.n > 0) {
		enum http_chunk_verdict v = http_deframe(chunk, &limits, in, &used, &data);

		assert_int_not_equal(v, HTTP_CHUNK_REFUSED);
		if (v == HTTP_CHUNK_DATA)
			check_bytes(data.p, data.n, token, seen, salt);
		*ret_used += used;
		in.p += used;
		in.n -= used;
		if (v == HTTP_CHUNK_DONE)
			return true;
	}
	return false;
}

static struct slice
unread(const struct peer *p, size_t used)
{
	return slice_of(p->got + used, (uint32_t)(p->got_n - used));
}

static void
origin_misbehave(struct storm *w, struct origin_actor *a)
{
	if (!w->is_foul || !prng_one_in(&w->prng, 400))
		return;
	if (prng_one_in(&w->prng, 2))
		tcp_abort(w->s->peer_side.tcp, a->peer->id);
	else if (a->is_answering && a->ends_by_close)
		w->asked[a->token].is_cut = true;
	tcp_release(w->s->peer_side.tcp, a->peer->id);
	a->is_done = true;
}

static void
origin_close(struct storm *w, struct origin_actor *a)
{
	tcp_shutdown(w->s->peer_side.tcp, a->peer->id);
	if (!a->is_in_body)
		tcp_release(w->s->peer_side.tcp, a->peer->id);
	a->is_done = true;
}

static void
origin_step(struct storm *w, struct origin_actor *a)
{
	struct peer *p = a->peer;

	if (a->is_done)
		return;
	if (p->is_gone || (p->is_eof && p->got_n == a->used && a->out.n == 0)) {
		tcp_release(w->s->peer_side.tcp, p->id);
		a->is_done = true;
		return;
	}
	origin_misbehave(w, a);
	if (a->is_done)
		return;
	out_send(w, &a->out, p);
	if (a->is_answering && a->out.n == 0 && !p->is_gone) {
		if (a->closes) {
			origin_close(w, a);
			return;
		}
		if (!a->is_in_body)
			a->is_answering = false;
	}
	if (p->got_n > a->used && !a->is_in_body && !a->is_answering) {
		if (!origin_head(w, a, unread(p, a->used)))
			return;
	} else if (!a->is_in_body && !a->is_answering && p->got_n == a->used &&
		   prng_one_in(&w->prng, 300)) {
		origin_close(w, a); /* tired of waiting: perhaps the next request is on its way */
		return;
	}
	if (a->is_in_body && (p->got_n > a->used || a->framing != HTTP_FRAMING_CHUNKED) &&
	    body_step(unread(p, a->used), a->framing, &a->chunk, &a->left, a->token, &a->seen, 9,
		      &a->used)) {
		a->is_in_body = false;
		assert_int_equal(a->seen, w->asked[a->token].body_n);
		w->asked[a->token].answers++;
		if (!a->was_early)
			origin_answer(w, a);
		else if (a->out.n == 0)
			a->is_answering = false;
	}
}

/* ---- clients ---- */

static void
client_ask(struct storm *w, struct client_actor *a)
{
	static const char *const methods[] = { "GET", "POST", "HEAD", "PUT", "RPC_IN_DATA" };
	uint32_t token = w->token_n++, method = prng_below(&w->prng, 5);
	struct asked *asked = &w->asked[token];
	bool has_body = method != 0 && method != 2, is_chunked;
	char head[300];

	assert_true(token < TOKENS);
	asked->is_head = method == 2;
	asked->is_old = prng_one_in(&w->prng, 6);
	asked->body_n = has_body ? size_drawn(w) : 0;
	is_chunked = has_body && !asked->is_old && prng_one_in(&w->prng, 2);
	a->is_last = prng_one_in(&w->prng, 10) || (asked->is_old && prng_one_in(&w->prng, 2));
	a->sent_n++;
	a->queue[a->queue_n++] = token;
	snprintf(head, sizeof(head), "%s /%u HTTP/1.%u\r\nHost: h\r\n%s", methods[method], token,
		 asked->is_old ? 0 : 1,
		 asked->is_old && !a->is_last ? "Connection: keep-alive\r\n"
		 : a->is_last		      ? "Connection: close\r\n"
					      : "");
	out_text(&a->out, head);
	if (has_body && !asked->is_old && prng_one_in(&w->prng, 5))
		out_text(&a->out, "Expect: 100-continue\r\n");
	if (is_chunked)
		out_text(&a->out, "Transfer-Encoding: chunked\r\n");
	else if (has_body)
		out_add(&a->out, head,
			(size_t)snprintf(head, sizeof(head), "Content-Length: %u\r\n",
					 asked->body_n));
	out_text(&a->out, "\r\n");
	if (has_body)
		out_body(w, &a->out, token, asked->body_n, 9, is_chunked);
}

/* The connection is over: what was not answered is asked no more. */
static void
client_over(struct storm *w, struct client_actor *a)
{
	w->broken_n += a->queue_n;
	tcp_release(w->s->peer_side.tcp, a->peer->id);
	a->peer = NULL;
	a->queue_n = 0;
	a->used = 0;
	a->is_in_body = a->is_last = false;
	a->out.n = a->out.at = 0;
}

static void
client_answered(struct storm *w, struct client_actor *a)
{
	w->right_n++;
	a->queue_n--;
	memmove(&a->queue[0], &a->queue[1], a->queue_n * sizeof(a->queue[0]));
	a->is_in_body = false;
}

static uint32_t
field_number(const char *name)
{
	const struct http_field *f =
		http_find_name(&response.head, slice_of(name, (uint32_t)strlen(name)), NULL);

	return f == NULL ? UINT32_MAX : (uint32_t)atoi((const char *)f->value);
}

/* What the access records say went wrong. */
static void
tell_causes(struct storm *w)
{
	struct stand *s = w->s;

	while (journal_next(&s->reader, s->record_room, &s->record, &s->text) == JOURNAL_GOT_RECORD)
		if (s->record.cause != JOURNAL_CAUSE_NONE)
			print_message("%.*s: %u, %s, tries %u, reused %u\n", s->record.target_n,
				      (const char *)s->text.target, s->record.status,
				      journal_cause_name(s->record.cause), s->record.tries,
				      s->record.flags & JOURNAL_REUSED);
}

static bool
client_head(struct storm *w, struct client_actor *a, struct slice in)
{
	struct http_resume resume = { 0 };
	uint32_t token = a->queue[0];
	enum http_method asked = w->asked[token].is_head ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;

	if (http_parse_response(in, &limits, &resume, asked, &response) != HTTP_DONE) {
		assert_int_equal(response.reason, HTTP_REASON_NONE);
		return false;
	}
	a->used += response.head.head_n;
	if (response.status < 200) {
		assert_false(w->asked[token].is_old);
		return true;
	}
	a->is_in_body = true;
	a->status = response.status;
	a->framing = response.head.framing;
	a->left = a->framing == HTTP_FRAMING_LENGTH ? response.head.length : 0;
	a->seen = 0;
	http_chunk_init(&a->chunk);
	if (field_number("X-Token") == UINT32_MAX) { /* one of the proxy's own */
		if (!w->is_foul)
			tell_causes(w);
		assert_true(w->is_foul);
		assert_in_range(response.status, 500, 504);
		w->own_n++;
		a->seen = UINT64_MAX;
		return true;
	}
	assert_int_equal(field_number("X-Token"), token);
	assert_int_equal(field_number("X-Size"), w->asked[token].answer_n);
	assert_true(!w->asked[token].is_old || a->framing != HTTP_FRAMING_CHUNKED);
	return true;
}

static void
client_body(struct storm *w, struct client_actor *a)
{
	struct slice in = unread(a->peer, a->used);
	uint32_t token = a->queue[0];

	if (a->seen == UINT64_MAX) { /* our own page: its words do not matter here */
		uint64_t n = a->framing == HTTP_FRAMING_NONE ? 0 : a->left;

		if (in.n < n)
			return;
		a->used += n;
		client_answered(w, a);
		return;
	}
	if (in.n == 0 && a->framing != HTTP_FRAMING_NONE && a->left == 0 &&
	    a->framing == HTTP_FRAMING_LENGTH) {
		client_answered(w, a);
		return;
	}
	if ((in.n != 0 || a->framing == HTTP_FRAMING_NONE) &&
	    body_step(in, a->framing, &a->chunk, &a->left, token, &a->seen, 5, &a->used)) {
		if (a->framing != HTTP_FRAMING_NONE)
			assert_int_equal(a->seen, w->asked[token].answer_n);
		client_answered(w, a);
		return;
	}
	if (a->framing == HTTP_FRAMING_CLOSE && a->peer->is_eof && a->used == a->peer->got_n) {
		/* an end without reset is a whole response */
		if (!w->asked[token].is_cut)
			assert_int_equal(a->seen, w->asked[token].answer_n);
		client_answered(w, a);
	}
}

static void
client_step(struct storm *w, struct client_actor *a)
{
	struct peer *p = a->peer;
	size_t before;

	if (p == NULL) {
		if (a->sent_n >= REQUESTS)
			return;
		p = a->peer = client(w->s);
	}
	if (w->is_foul && p->is_open && prng_one_in(&w->prng, 2000)) {
		tcp_abort(w->s->peer_side.tcp, p->id);
		client_over(w, a);
		return;
	}
	if (p->is_open && !a->is_last && a->queue_n < 3 && a->sent_n < REQUESTS &&
	    a->out.n < OUT_MAX / 2 && prng_one_in(&w->prng, a->queue_n == 0 ? 5 : 40))
		client_ask(w, a);
	out_send(w, &a->out, p);
	do {
		before = a->used;
		if (a->queue_n == 0)
			assert_int_equal(p->got_n, a->used); /* nothing nobody asked for */
		else if (!a->is_in_body && p->got_n > a->used)
			client_head(w, a, unread(p, a->used));
		if (a->is_in_body)
			client_body(w, a);
	} while (a->used != before);
	if (p->is_gone || (p->is_eof && a->used == p->got_n)) {
		/* clean: only what was pipelined behind a last response may be unanswered */
		assert_true(w->is_foul || !a->is_in_body);
		client_over(w, a);
	}
}

/* ---- the storm ---- */

static bool
is_over(const struct storm *w)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (w->client[i].sent_n < REQUESTS || w->client[i].queue_n != 0)
			return false;
	return true;
}

static void
tick(struct storm *w)
{
	uint64_t word[3];

	while (origin_waits(w->s)) {
		assert_true(w->origin_n < ORIGINS_MAX);
		w->origin[w->origin_n++].peer = origin(w->s);
	}
	for (uint32_t i = 0; i < w->origin_n; i++)
		origin_step(w, &w->origin[i]);
	for (uint32_t i = 0; i < CLIENTS; i++)
		client_step(w, &w->client[i]);
	run(w->s, 100000 + prng_below(&w->prng, 900000));
	word[0] = w->s->now;
	word[1] = w->s->proxy_side.count.tcp_tx_segments;
	word[2] = w->s->peer_side.count.tcp_tx_segments;
	w->hash = hash_mix(w->hash ^ hash_mix(word[0] ^ word[1] << 20 ^ word[2] << 42));
}

static uint64_t
storm_run(uint64_t seed, bool is_foul)
{
	struct setup u = setup_plain();
	struct storm *w = calloc(1, sizeof(*w));
	uint32_t ticks = 0;
	uint64_t hash;

	assert_non_null(w);
	prng_init(&w->prng, seed);
	w->is_foul = is_foul;
	u.server_n = 1 + prng_below(&w->prng, 3);
	u.farm.retries = 2;
	u.farm.idle_max = prng_below(&w->prng, 5);
	u.send_max = prng_one_in(&w->prng, 2) ? 16 << 10 : 256 << 10;
	w->s = stand_open(&u);
	while (!is_over(w)) {
		tick(w);
		if (++ticks > 200000)
			fail_msg("seed %llu is stuck", (unsigned long long)seed);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (w->client[i].peer != NULL)
			client_over(w, &w->client[i]);
	run(w->s, 120 * S);
	assert_true(w->right_n + w->broken_n == w->token_n);
	if (!is_foul)
		assert_int_equal(w->own_n, 0);
	hash = w->hash;
	for (uint32_t i = 0; i < w->origin_n; i++)
		free(w->origin[i].out.p);
	for (uint32_t i = 0; i < CLIENTS; i++)
		free(w->client[i].out.p);
	stand_close(w->s);
	free(w);
	return hash;
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != 0 ? strtoull(text, NULL, 10) : otherwise;
}

static void
storms(bool is_foul)
{
	uint64_t first = number_of("PENSTOCK_SEED", 1), n = number_of("PENSTOCK_SEEDS", 200) / 20;

	if (getenv("PENSTOCK_SEED") != NULL && getenv("PENSTOCK_SEEDS") == NULL)
		n = 1;
	for (uint64_t seed = first; seed < first + (n != 0 ? n : 1); seed++) {
		uint64_t once;

		print_message("seed %llu\n", (unsigned long long)seed);
		once = storm_run(seed, is_foul);
		assert_int_equal(storm_run(seed, is_foul), once);
	}
}

static void
clean_storms_lose_nothing(void **state)
{
	(void)state;
	storms(false);
}

static void
foul_storms_mix_nothing_up(void **state)
{
	(void)state;
	storms(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_storms_lose_nothing),
		cmocka_unit_test(foul_storms_mix_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
