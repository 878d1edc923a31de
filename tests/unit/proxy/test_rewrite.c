/*
 * test_rewrite.c - responses whose bodies outbound rules rewrite (14.5, 14.6): framing, codings,
 * validators, failures, views; and a long page in pieces of any size.
 */
#include "iis_rules.h"
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "codec/codec.h"
#include "view/view.h"

#define RULES                                                                                      \
	"<rule name='t'><match filterByTags='A, Img' pattern='^http://in/(.*)'/>"                  \
	"<action type='Rewrite' value='/{R:1}'/></rule>"                                           \
	"<rule name='b' preCondition='html'><match pattern='Internal (\\w+)'/>"                    \
	"<action type='Rewrite' value='Public {R:1}'/></rule>"                                     \
	"<preConditions><preCondition name='html'><add input='{RESPONSE_CONTENT_TYPE}' "           \
	"pattern='^text/html'/></preCondition></preConditions>"

#define GET(more)   "GET /p HTTP/1.1\r\nHost: h\r\n" more "\r\n"
#define HTML	    "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Type: text/html\r\n"
#define PAGE	    "<a href=\"http://in/1\">Internal one</a><img src=http://in/2>"
#define PAGE_PUBLIC "<a href=\"/1\">Public one</a><img src=/2>"

static const char *xml = RULES;

/* The rules of `xml`, compiled into the stand's image. */
static void
rules_compile(struct img_build *b, struct img_listener *listener)
{
	char text[4096];

	snprintf(text, sizeof(text), "<outboundRules>%s</outboundRules>", xml);
	iis_rules(b, listener, text);
}

static struct stand *
stand_rewriting(size_t rewrite_bytes)
{
	struct setup u = setup_plain();

	u.rules = rules_compile;
	u.rewrite_bytes = rewrite_bytes;
	return stand_open(&u);
}

static struct stand *
stand_usual(void)
{
	return stand_rewriting(16 << 20);
}

/* All memory is back, no view is pinned. */
static void
close_whole(struct stand *s)
{
	assert_int_equal(s->proxy->rewrite_memory.taken_n, 0);
	assert_int_equal(s->proxy->gauge.rewrites, 0);
	assert_int_equal(s->view->pins, 0);
	stand_close(s);
}

/* ---- bytes ---- */

struct bytes {
	uint8_t *p;
	size_t n;
};

static struct bytes
coded(enum codec_kind kind, bool is_encoder, const void *in, size_t in_n)
{
	size_t room = in_n * 20 + 65536, need = codec_bytes(kind, is_encoder);
	struct bytes out = { malloc(room), 0 };
	void *memory = aligned_alloc(16, need);
	struct codec *c = codec_open(memory, need, kind, is_encoder);
	struct codec_io io = {
		.in = in, .in_n = in_n, .is_last = true, .out = out.p, .out_n = room
	};
	enum codec_verdict v;

	while ((v = codec_turn(c, &io)) == CODEC_VERDICT_MORE)
		assert_int_equal(io.in_n, 0);
	assert_int_equal(v, CODEC_VERDICT_END);
	out.n = room - io.out_n;
	free(memory);
	return out;
}

/* The content of the response that the peer has, without its chunks. */
static struct bytes
content(const struct peer *c)
{
	const char *at = strstr(c->got, "\r\n\r\n"), *end = c->got + c->got_n;
	struct bytes out = { malloc(c->got_n + 1), 0 };

	assert_non_null(at);
	at += 4;
	if (strstr(c->got, "Transfer-Encoding: chunked\r\n") == NULL) {
		out.n = (size_t)(end - at);
		memcpy(out.p, at, out.n);
		return out;
	}
	while (at < end) {
		char *data;
		size_t n = strtoul(at, &data, 16);

		if (n == 0)
			break;
		memcpy(out.p + out.n, data + 2, n);
		out.n += n;
		at = data + 2 + n + 2;
	}
	return out;
}

static void
expect_content(const struct peer *c, enum codec_kind kind, const char *text)
{
	struct bytes raw = content(c), plain = raw;

	if (kind != CODEC_NONE)
		plain = coded(kind, false, raw.p, raw.n);
	assert_int_equal(plain.n, strlen(text));
	assert_memory_equal(plain.p, text, plain.n);
	if (kind != CODEC_NONE)
		free(plain.p);
	free(raw.p);
}

/* A response of this head and content, with its length. */
static void
answer(struct stand *s, struct peer *o, const char *head, const void *bytes, size_t n)
{
	char text[1024];

	snprintf(text, sizeof(text), "%sContent-Length: %zu\r\n\r\n", head, n);
	say(s, o, text);
	say_bytes(s, o, bytes, n);
}

/* ---- dialogues ---- */

static void
a_page_is_rewritten_and_its_length_is_not_said(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, GET("Range: bytes=0-5\r\nIf-Range: \"1\"\r\n"), &c, &o);
	expect_none(s, o, "Range");
	answer(s, o, HTML "ETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-MD5: m\r\nDigest: d\r\n",
	       PAGE, strlen(PAGE));
	expect_has(s, c, "\r\nTransfer-Encoding: chunked\r\n");
	expect_has(s, c, "\r\netag: W/\"1\"\r\n");
	expect_none(s, c, "Content-Length");
	expect_none(s, c, "Accept-Ranges");
	expect_none(s, c, "MD5");
	expect_none(s, c, "Digest");
	expect_content(c, CODEC_NONE, PAGE_PUBLIC);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->proxy_side.count.proxy_rewrites, 1);
	forget(c);
	say(s, c, GET("")); /* the connections stay */
	settle(s);
	answer(s, o, HTML, PAGE, strlen(PAGE));
	settle(s);
	expect_content(c, CODEC_NONE, PAGE_PUBLIC);
	close_whole(s);
}

static void
preconditions_choose_the_rules_of_a_body(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, GET(""), &c, &o);
	answer(s, o, "HTTP/1.1 200 OK\r\nDate: x\r\n", PAGE, strlen(PAGE));
	settle(s);
	expect_content(c, CODEC_NONE, "<a href=\"/1\">Internal one</a><img src=/2>");
	close_whole(s);
}

static void
a_body_that_no_rule_wants_passes_as_it_is(void **state)
{
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	xml = "<rule name='b' preCondition='html'><match pattern='a'/><action type='Rewrite' "
	      "value='b'/></rule><preConditions><preCondition name='html'><add "
	      "input='{RESPONSE_CONTENT_TYPE}' pattern='^text/html'/></preCondition></"
	      "preConditions>";
	s = stand_usual();
	asked(s, GET(""), &c, &o);
	say(s, o,
	    "HTTP/1.1 200 OK\r\nDate: x\r\nETag: \"1\"\r\nContent-Encoding: what\r\n"
	    "Content-Length: 3\r\n\r\naaa");
	expect(s, c,
	       "HTTP/1.1 200 OK\r\nDate: x\r\nETag: \"1\"\r\nContent-Encoding: what\r\n"
	       "Content-Length: 3\r\n\r\naaa");
	close_whole(s);
	xml = RULES;
}

static void
http_1_0_gets_it_to_the_end_of_the_connection(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", &c, &o);
	answer(s, o, HTML, PAGE, strlen(PAGE));
	settle(s);
	expect_none(s, c, "Transfer-Encoding");
	expect_none(s, c, "Content-Length");
	expect_content(c, CODEC_NONE, PAGE_PUBLIC);
	assert_true(c->is_eof);
	close_whole(s);
}

static void
what_is_no_whole_page_is_left_alone(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", &c, &o);
	say(s, o, HTML "ETag: \"1\"\r\nContent-Length: 70\r\n\r\n");
	expect_has(s, c, "etag: W/\"1\"\r\n");
	expect_none(s, c, "Content-Length");
	forget(c);
	say(s, c, GET(""));
	settle(s);
	say(s, o,
	    "HTTP/1.1 206 Partial Content\r\nDate: x\r\nContent-Type: text/html\r\nETag: \"1\"\r\n"
	    "Content-Range: bytes 0-10/20\r\nContent-Length: 11\r\n\r\nInternal pa");
	expect_has(s, c, "ETag: \"1\"\r\n");
	expect_has(s, c, "Content-Length: 11\r\n\r\nInternal pa");
	forget(c);
	say(s, c, GET(""));
	settle(s);
	say(s, o, "HTTP/1.1 304 Not Modified\r\nDate: x\r\nContent-Type: text/html\r\n\r\n");
	expect_has(s, c, "304 Not Modified\r\n");
	expect_none(s, c, "chunked");
	close_whole(s);
}

static void
each_coding_is_taken_off_and_put_on_again(void **state)
{
	static const struct {
		enum codec_kind kind;
		const char *head;
	} row[] = {
		{ CODEC_GZIP, HTML "Content-Encoding: gzip\r\n" },
		{ CODEC_GZIP, HTML "Content-Encoding: X-GZIP\r\n" },
		{ CODEC_DEFLATE, HTML "Content-Encoding: deflate\r\n" },
		{ CODEC_BR, HTML "Content-Encoding: br\r\n" },
	};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct stand *s = stand_usual();
		struct bytes page = coded(row[i].kind, true, PAGE, strlen(PAGE));
		struct peer *c, *o;

		asked(s, GET("Accept-Encoding: gzip;q=0.9, deflate, br\r\n"), &c, &o);
		answer(s, o, row[i].head, page.p, page.n);
		settle(s);
		expect_has(s, c, "\r\nContent-Encoding: ");
		expect_content(c, row[i].kind, PAGE_PUBLIC);
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
		forget(c);
		say(s, c, GET("Accept-Encoding: zstd\r\n"));
		settle(s);
		answer(s, o, row[i].head, page.p, page.n);
		settle(s);
		expect_none(s, c, "Content-Encoding");
		expect_content(c, CODEC_NONE, PAGE_PUBLIC);
		free(page.p);
		close_whole(s);
	}
}

/* A browser takes more codings than we decode. */
static void
servers_are_asked_for_codings_that_are_known(void **state)
{
	static const struct {
		const char *sent, *got;
	} row[] = {
		{ "Accept-Encoding: zstd, gzip,deflate, zstd;q=1, br\r\n",
		  "ccept-encoding: gzip, deflate\r\n" },
		{ "Accept-Encoding: gzip, deflate;q=0.5\r\n",
		  "ccept-Encoding: gzip, deflate;q=0.5\r\n" },
		{ "Accept-Encoding: br\r\n", "ccept-encoding: identity\r\n" },
		{ "Accept-Encoding: zstd\r\n", "ccept-encoding: identity\r\n" },
		{ "Accept-Encoding: gzip\r\nAccept-Encoding: *\r\n", "ccept-encoding: gzip\r\n" },
	};

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		struct stand *s = stand_usual();
		struct peer *c, *o;
		char text[512];

		snprintf(text, sizeof(text), GET("%s"), row[i].sent);
		asked(s, text, &c, &o);
		expect_has(s, o, row[i].got);
		expect_none(s, o, "zstd");
		expect_none(s, o, "br");
		expect_none(s, o, "*");
		close_whole(s);
	}
}

static void
an_unknown_coding_is_answered_500_52(void **state)
{
	static const char *const coding[] = { "compress", "gzip, br",
					      "gzip\r\nContent-Encoding: br" };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct stand *s = stand_usual();
		struct peer *c, *o;
		char head[256];

		snprintf(head, sizeof(head), HTML "Content-Encoding: %s\r\n", coding[i]);
		asked(s, GET(""), &c, &o);
		answer(s, o, head, "xxxx", 4);
		expect_has(s, c, "HTTP/1.1 500 ");
		expect_none(s, c, "xxxx");
		expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
		assert_int_equal(s->record.substatus, 52);
		close_whole(s);
	}
}

static void
without_room_it_is_answered_500_52(void **state)
{
	static const size_t room[] = { 0, 1 << 10, 100 << 10, 400 << 10 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct stand *s = stand_rewriting(room[i]);
		struct bytes page = coded(CODEC_GZIP, true, PAGE, strlen(PAGE));
		struct peer *c, *o;

		asked(s, GET("Accept-Encoding: gzip\r\n"), &c, &o);
		answer(s, o, HTML "Content-Encoding: gzip\r\n", page.p, page.n);
		expect_has(s, c, "HTTP/1.1 500 ");
		expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
		assert_int_equal(s->record.substatus, 52);
		assert_int_equal(s->proxy_side.count.proxy_rewrites_none, 1);
		free(page.p);
		close_whole(s);
	}
}

/* An encoder is most of what a gzip body takes: where there is no room for it the page goes plain. */
static void
without_room_for_an_encoder_it_goes_plain(void **state)
{
	struct stand *s = stand_rewriting(600 << 10);
	struct bytes page = coded(CODEC_GZIP, true, PAGE, strlen(PAGE));
	struct peer *c, *o;

	(void)state;
	asked(s, GET("Accept-Encoding: gzip\r\n"), &c, &o);
	answer(s, o, HTML "Content-Encoding: gzip\r\n", page.p, page.n);
	expect_has(s, c, "HTTP/1.1 200 OK\r\n");
	expect_none(s, c, "Content-Encoding");
	expect_content(c, CODEC_NONE, PAGE_PUBLIC);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	free(page.p);
	close_whole(s);
}

/* Slow clients of one address, of servers that send br whatever they are asked for. */
static void
one_address_leaves_room_for_others(void **state)
{
	struct stand *s = stand_usual();
	struct bytes page = coded(CODEC_BR, true, PAGE, strlen(PAGE));
	struct peer *c, *o;
	uint32_t begun = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		asked(s, GET("Accept-Encoding: br\r\n"), &c, &o);
		say(s, o, HTML "Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n");
		settle(s);
		begun += strstr(c->got, "HTTP/1.1 200") != NULL;
	}
	assert_true(begun >= 1 && begun < 40);
	assert_true(s->proxy->rewrite_memory.free_bytes >= 4 << 20);
	free(page.p);
	for (uint32_t i = 0; i < s->peer_n; i++)
		if (s->peer[i].is_client)
			cut(s, &s->peer[i]);
	settle(s);
	close_whole(s);
}

/* Whatever waits for a client that does not read is the lane's budget's. */
static void
what_waits_in_a_body_is_counted(void **state)
{
	struct stand *s = stand_usual();
	const struct exch *e = NULL;
	struct peer *c, *o;
	char *text = pattern(4000000);
	struct bytes page = coded(CODEC_GZIP, true, text, 4000000);
	uint32_t held_most = 0;

	(void)state;
	s->client_room = 4096;
	asked(s, GET(""), &c, &o);
	answer(s, o, HTML "Content-Encoding: gzip\r\n", page.p, page.n);
	for (uint32_t k = 0; k < 20; k++) {
		const struct conn *conn, *up;

		run(s, 5 * MS);
		for (uint32_t i = 0; i < s->proxy->conf.exchanges_max && e == NULL; i++)
			if (pool_is_taken(&s->proxy->exchs, i))
				e = exch_at(s->proxy, i);
		assert_non_null(e);
		conn = conn_at(s->proxy, e->client);
		up = conn_at(s->proxy, e->up);
		assert_int_equal(s->proxy->bufs_held, e->head.n + conn->leg.in.n + up->leg.in.n +
							      e->body[DIR_DOWN].held.n +
							      e->body[DIR_DOWN].made.n);
		if (e->body[DIR_DOWN].held.n > held_most)
			held_most = e->body[DIR_DOWN].held.n;
	}
	assert_true(held_most > 0);
	cut(s, c);
	settle(s);
	assert_int_equal(s->proxy->bufs_held, 0);
	free(text);
	free(page.p);
	close_whole(s);
}

/* What rules hide stays hidden when their listener goes before the response comes. */
static void
a_listener_that_goes_takes_its_pages_along(void **state)
{
	struct stand *s = stand_usual();
	struct setup u = s->setup;
	struct peer *c, *o;

	(void)state;
	asked(s, GET(""), &c, &o);
	u.is_without_listener = true;
	stand_view(s, &u);
	settle(s);
	answer(s, o, HTML, PAGE, strlen(PAGE));
	expect_has(s, c, "HTTP/1.1 500 ");
	expect_none(s, c, "Internal one");
	expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
	assert_int_equal(s->record.substatus, 52);
	assert_int_equal(s->record.detail, RULES_FAULT_GONE);
	close_whole(s);
}

/* A digest behind a body is of the body that was. */
static void
trailers_of_a_rewritten_page_stay_behind(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, GET("TE: trailers\r\n"), &c, &o);
	say(s, o,
	    HTML "Trailer: Content-Digest\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "c\r\nInternal one\r\n0\r\nContent-Digest: old\r\n\r\n");
	expect_has(s, c, "\r\n0\r\n\r\n");
	expect_none(s, c, "Trailer");
	expect_none(s, c, "Digest");
	expect_content(c, CODEC_NONE, "Public one");
	close_whole(s);
}

/* As long as no byte of a response has left it is answered, not cut. */
static void
a_coding_that_is_broken_at_once_is_answered_500_52(void **state)
{
	struct stand *s = stand_usual();
	struct bytes page = coded(CODEC_GZIP, true, PAGE, strlen(PAGE));
	struct peer *c, *o;
	char text[1024];
	int n;

	(void)state;
	page.p[page.n - 6] ^= 1; /* of its check sum */
	asked(s, GET(""), &c, &o);
	n = snprintf(text, 512, HTML "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
		     page.n);
	memcpy(text + n, page.p, page.n);
	say_bytes(s, o, text, (size_t)n + page.n);
	expect_has(s, c, "HTTP/1.1 500 ");
	expect_none(s, c, "HTTP/1.1 200");
	expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
	assert_int_equal(s->record.substatus, 52);
	assert_int_equal(s->record.detail, RULES_FAULT_CODING);
	assert_int_equal(s->record.upstream_status, 200);
	assert_int_equal(s->record.response_body_bytes, 0);
	assert_true((s->record.flags & JOURNAL_OWN_RESPONSE) != 0);
	assert_int_equal(s->proxy_side.count.proxy_rewrites_failed, 1);
	forget(c);
	say(s, c, GET("")); /* the client's connection stays */
	o = origin(s);
	answer(s, o, HTML, PAGE, strlen(PAGE));
	settle(s);
	expect_content(c, CODEC_NONE, PAGE_PUBLIC);
	free(page.p);
	close_whole(s);
}

static void
a_coding_that_breaks_later_cuts_the_client(void **state)
{
	struct stand *s = stand_usual();
	struct bytes page = coded(CODEC_GZIP, true, PAGE, strlen(PAGE));
	struct peer *c, *o;
	char head[256];

	(void)state;
	page.p[page.n - 6] ^= 1;
	asked(s, GET(""), &c, &o);
	snprintf(head, sizeof(head), HTML "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
		 page.n);
	say(s, o, head);
	expect_has(s, c, "HTTP/1.1 200 OK\r\n");
	say_bytes(s, o, page.p, page.n);
	settle(s);
	expect_none(s, c, "\r\n0\r\n\r\n");
	assert_true(c->is_eof || c->is_gone);
	expect_record(s, 200, JOURNAL_CAUSE_RULE_ERROR);
	assert_int_equal(s->record.substatus, 52);
	assert_int_equal(s->record.detail, RULES_FAULT_CODING);
	assert_int_equal(s->proxy_side.count.proxy_rewrites_failed, 1);
	free(page.p);
	close_whole(s);
}

static void
a_server_that_goes_amid_a_page_is_not_taken_for_its_end(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, GET(""), &c, &o);
	say(s, o, HTML "Transfer-Encoding: chunked\r\n\r\n12\r\n<a href=http://in/");
	settle(s);
	hang_up(s, o);
	settle(s);
	expect_none(s, c, "\r\n0\r\n\r\n");
	assert_true(c->is_eof || c->is_gone);
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_TRUNCATED);
	close_whole(s);
}

/* Who waits for the first part of a page has it, coded or not, before the rest comes. */
static void
a_page_comes_as_far_as_it_is_there(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		static const enum codec_kind kind[] = { CODEC_NONE, CODEC_GZIP, CODEC_BR };
		static const char *const name[] = { "identity", "gzip", "br" };
		struct stand *s = stand_usual();
		struct peer *c, *o;
		struct bytes raw;
		char head[256];

		snprintf(head, sizeof(head), GET("Accept-Encoding: %s\r\n"), name[i]);
		asked(s, head, &c, &o);
		snprintf(head, sizeof(head),
			 HTML "Content-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
			 name[i]);
		say(s, o, head);
		if (kind[i] == CODEC_NONE) {
			say(s, o, "d\r\nInternal news\r\n");
		} else { /* one part of two, flushed */
			size_t need = codec_bytes(kind[i], true);
			void *memory = aligned_alloc(16, need);
			uint8_t bytes[256];
			struct codec_io io = { .in = (const uint8_t *)"Internal news ",
					       .in_n = 14,
					       .flushes = true,
					       .out = bytes,
					       .out_n = sizeof(bytes) };

			codec_turn(codec_open(memory, need, kind[i], true), &io);
			snprintf(head, sizeof(head), "%zx\r\n", sizeof(bytes) - io.out_n);
			say(s, o, head);
			say_bytes(s, o, bytes, sizeof(bytes) - io.out_n);
			say(s, o, "\r\n");
			free(memory);
		}
		settle(s);
		raw = content(c);
		if (kind[i] == CODEC_NONE) {
			/* "\w+" may go on: it waits, and no more than that */
			assert_int_equal(raw.n, 0);
			say(s, o, "1\r\n \r\n");
			settle(s);
			free(raw.p);
			raw = content(c);
			assert_int_equal(raw.n, 12);
		} else {
			size_t need = codec_bytes(kind[i], false);
			void *memory = aligned_alloc(16, need);
			uint8_t text[64];
			struct codec_io io = {
				.in = raw.p, .in_n = raw.n, .out = text, .out_n = sizeof(text)
			};

			codec_turn(codec_open(memory, need, kind[i], false), &io);
			assert_memory_equal(text, "Public news", 11);
			free(memory);
		}
		free(raw.p);
		hang_up(s, o);
		settle(s);
		close_whole(s);
	}
}

static void
a_view_is_pinned_for_as_long(void **state)
{
	struct stand *s = stand_usual();
	struct peer *c, *o;

	(void)state;
	asked(s, GET(""), &c, &o);
	say(s, o, HTML "Content-Length: 30\r\n\r\n<p>Internal ");
	settle(s);
	assert_int_equal(s->view->pins, 1);
	say(s, o, "page</p>          ");
	settle(s);
	expect_content(c, CODEC_NONE, "<p>Public page</p>          ");
	assert_int_equal(s->view->pins, 0);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	forget(c);
	say(s, c, GET(""));
	settle(s);
	say(s, o, HTML "Content-Length: 30\r\n\r\n<p>Internal ");
	settle(s);
	s->view->must_go = 1;
	say(s, o, "page</p>");
	settle(s);
	assert_true(c->is_eof || c->is_gone);
	expect_record(s, 200, JOURNAL_CAUSE_VIEW);
	close_whole(s);
}

/* A view that must go does not wait for a client that reads nothing. */
static void
a_client_that_does_not_read_keeps_no_view(void **state)
{
	struct stand *s = stand_usual();
	char *text = pattern(4000000);
	struct bytes page = coded(CODEC_GZIP, true, text, 4000000);
	struct peer *c, *o;

	(void)state;
	s->client_room = 4096;
	asked(s, GET(""), &c, &o);
	answer(s, o, HTML "Content-Encoding: gzip\r\n", page.p, page.n);
	run(s, 100 * MS);
	assert_int_equal(s->view->pins, 1);
	s->view->must_go = 1;
	proxy_set_view(s->proxy, s->view, s->now);
	run(s, 100 * MS);
	assert_int_equal(s->view->pins, 0);
	expect_record(s, 200, JOURNAL_CAUSE_VIEW);
	free(text);
	free(page.p);
	close_whole(s);
}

/* ---- a long page ---- */

/* A page of n bytes at least, of lines like those of PAGE; and what it becomes. */
static void
page_make(size_t n, struct bytes *ret_page, struct bytes *ret_public)
{
	struct bytes page = { malloc(n + 400), 0 }, made = { malloc(n + 400), 0 };
	struct prng prng;

	prng_init(&prng, 5);
	while (page.n < n) {
		uint32_t x = prng_u32(&prng);

		page.n += (size_t)sprintf((char *)page.p + page.n,
					  "<p class='c%u'>%x <a href=\"http://in/%u\">Internal "
					  "page%u</a> <!-- <a href='http://in/'> -->\n",
					  x % 7, x * 31, x % 1000, x % 99);
		made.n += (size_t)sprintf((char *)made.p + made.n,
					  "<p class='c%u'>%x <a href=\"/%u\">Public "
					  "page%u</a> <!-- <a href='http://in/'> -->\n",
					  x % 7, x * 31, x % 1000, x % 99);
	}
	*ret_page = page;
	*ret_public = made;
}

/* In chunks of any size; the client reads now and then. */
static void
say_in_chunks(struct stand *s, struct peer *o, struct bytes wire, size_t *ret_least)
{
	struct prng prng;
	size_t at = 0;

	prng_init(&prng, 9);
	while (at < wire.n) {
		size_t n = 1 + prng_below(&prng, prng_below(&prng, 8) == 0 ? 200000 : 3000);
		char head[32];

		n = n < wire.n - at ? n : wire.n - at;
		snprintf(head, sizeof(head), "%zx\r\n", n);
		say(s, o, head);
		say_bytes(s, o, wire.p + at, n);
		say(s, o, "\r\n");
		at += n;
		run(s, 2 * MS);
		if (s->proxy->rewrite_memory.free_bytes < *ret_least)
			*ret_least = s->proxy->rewrite_memory.free_bytes;
	}
	say(s, o, "0\r\n\r\n");
	run(s, 5 * S);
}

static void
a_long_page_streams_in_any_coding(void **state)
{
	static const enum codec_kind kind[] = { CODEC_NONE, CODEC_GZIP, CODEC_DEFLATE, CODEC_BR };
	const char *full = getenv("PENSTOCK_FULL");
	bool is_full = full != NULL && strtoul(full, NULL, 10) != 0;
	struct bytes page, public;

	(void)state;
	page_make(is_full ? 100 << 20 : 3 << 20, &page, &public);
	for (uint32_t i = is_full ? 1 : 0; i < (is_full ? 2 : 4); i++) {
		struct stand *s = stand_usual();
		struct bytes wire = page, raw, got;
		size_t least = SIZE_MAX, used;
		struct peer *c, *o;
		char text[512];

		if (kind[i] != CODEC_NONE)
			wire = coded(kind[i], true, page.p, page.n);
		snprintf(text, sizeof(text), GET("Accept-Encoding: %s\r\n"),
			 codec_kind_name(kind[i]));
		asked(s, text, &c, &o);
		snprintf(text, sizeof(text),
			 HTML "Content-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
			 codec_kind_name(kind[i]));
		say(s, o, text);
		say_in_chunks(s, o, wire, &least);
		raw = content(c);
		got = kind[i] == CODEC_NONE ? raw : coded(kind[i], false, raw.p, raw.n);
		assert_int_equal(got.n, public.n);
		assert_memory_equal(got.p, public.p, public.n);
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
		used = (16 << 20) - least;
		assert_true(used < (kind[i] == CODEC_BR ? 8 << 20 : 1 << 20));
		if (kind[i] != CODEC_NONE) {
			free(got.p);
			free(wire.p);
		}
		free(raw.p);
		close_whole(s);
	}
	free(page.p);
	free(public.p);
}

/*
 * Blocks of deflate that hold nothing cost a decoder its time and give no text: a turn takes no
 * more of them than it would of a page.
 */
static void
a_turn_ends_though_a_decoder_gives_nothing(void **state)
{
	static const uint8_t head[10] = { 0x1f, 0x8b, 8, [9] = 3 };
	static const uint8_t empty[5] = { 0, 0, 0, 0xff, 0xff };
	struct stand *s = stand_usual();
	struct stage_turn turn = { .room_bytes = 1 << 20 };
	struct bufq in = { 0 }, out = { 0 };
	struct exch *e = NULL;
	struct peer *c, *o;

	(void)state;
	asked(s, GET("Accept-Encoding: gzip\r\n"), &c, &o);
	say(s, o, HTML "Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n");
	settle(s);
	for (uint32_t i = 0; i < s->proxy->exchs.n && e == NULL; i++) {
		struct exch *at = pool_at(&s->proxy->exchs, i);

		if (pool_is_taken(&s->proxy->exchs, i) &&
		    at->body[DIR_DOWN].stage == &stage_rewrite)
			e = at;
	}
	assert_non_null(e);
	turn.pool = s->proxy->bufs;
	turn.state = &e->body[DIR_DOWN].state;
	turn.in = &in;
	turn.out = &out;
	assert_true(bufq_append(turn.pool, &in, head, sizeof(head)));
	for (uint32_t i = 0; i < 50000; i++)
		assert_true(bufq_append(turn.pool, &in, empty, sizeof(empty)));
	while (in.bytes > 0) {
		uint64_t before = in.bytes;

		s->proxy->turn_work = RULES_TURN_WORK;
		assert_true(stage_rewrite.turn(&turn) != STAGE_FAULT);
		assert_in_range(before - in.bytes, 1, 10 << 10);
	}
	bufq_give(&out);
	hang_up(s, o);
	run(s, 5 * S);
	close_whole(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_rewritten_and_its_length_is_not_said),
		cmocka_unit_test(preconditions_choose_the_rules_of_a_body),
		cmocka_unit_test(a_body_that_no_rule_wants_passes_as_it_is),
		cmocka_unit_test(http_1_0_gets_it_to_the_end_of_the_connection),
		cmocka_unit_test(what_is_no_whole_page_is_left_alone),
		cmocka_unit_test(each_coding_is_taken_off_and_put_on_again),
		cmocka_unit_test(servers_are_asked_for_codings_that_are_known),
		cmocka_unit_test(an_unknown_coding_is_answered_500_52),
		cmocka_unit_test(without_room_it_is_answered_500_52),
		cmocka_unit_test(without_room_for_an_encoder_it_goes_plain),
		cmocka_unit_test(a_client_that_does_not_read_keeps_no_view),
		cmocka_unit_test(trailers_of_a_rewritten_page_stay_behind),
		cmocka_unit_test(a_listener_that_goes_takes_its_pages_along),
		cmocka_unit_test(what_waits_in_a_body_is_counted),
		cmocka_unit_test(one_address_leaves_room_for_others),
		cmocka_unit_test(a_coding_that_is_broken_at_once_is_answered_500_52),
		cmocka_unit_test(a_coding_that_breaks_later_cuts_the_client),
		cmocka_unit_test(a_server_that_goes_amid_a_page_is_not_taken_for_its_end),
		cmocka_unit_test(a_page_comes_as_far_as_it_is_there),
		cmocka_unit_test(a_view_is_pinned_for_as_long),
		cmocka_unit_test(a_long_page_streams_in_any_coding),
		cmocka_unit_test(a_turn_ends_though_a_decoder_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
