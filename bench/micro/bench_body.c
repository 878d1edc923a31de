/*
 * bench_body.c - ticks a byte of a response's body through its rules, and the longest turn: of
 * pages as they are, and of rules and bodies that were made for each other to cost the most.
 *
 * The longest turn counts: less than a millisecond (beside each line, the least of all rounds, in
 * time of the thread). A turn is rules_body_turn with RULES_TURN_WORK. "work" is what a byte costs as
 * it is counted: RULES_BODY_BYTE for each rule is what a body may take for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "micro/bench.h"
#include "page.h"

enum {
	PIECE = 16 << 10,
	BODY_MAX = 256 << 10,
	RULES_TEXT = 64 << 10,
	TURNS_MOST = 1000, /* of a body: it need not come to its end */
	TAG_RULES = 60,
	VALUE_BYTES = 64 << 10,
};

struct pair {
	const char *name, *pattern;
	const char *piece; /* of which the body is made, again and again; NULL: a page */
	uint32_t body_n;
	const char *tags; /* NULL: a rule about the body */
	uint32_t rule_n;
};

static const struct pair pairs[] = {
	{ "page-literal", "http://internal", NULL, BODY_MAX, NULL, 1 },
	{ "page-links", "href=&quot;http://internal([^&quot;]*)&quot;", NULL, BODY_MAX, NULL, 1 },
	{ "page-lazy", "href=&quot;(.*?)internal(.*?)&quot;", NULL, BODY_MAX, NULL, 1 },
	{ "page-begins", "&lt;a\\s+[^&gt;]*href=&quot;([^&quot;]*)&quot;", NULL, BODY_MAX, NULL,
	  1 },
	{ "page-blanks", "\\s+", NULL, BODY_MAX, NULL, 1 },
	{ "page-groups", "(\\w+)=([&quot;&apos;])(.*?)\\2", NULL, BODY_MAX, NULL, 1 },
	{ "line-lazy", "href=&quot;(.*?)internal(.*?)&quot;",
	  "<p class=a>text</p><a href=\"/a/link\">a link</a>", BODY_MAX, NULL, 1 },
	{ "page-words", "\\w+\\.internal\\b", NULL, BODY_MAX, NULL, 1 },
	{ "page-tags", "^http://internal/(.*)", NULL, BODY_MAX, "A, Img, Form", 3 },
	{ "run-of-base64", "[^&quot;]*internal", "iVBORw0KGgoAAAANSUhEUgAA", BODY_MAX, NULL, 1 },
	{ "run-of-i", "[^&quot;]*internal", "i", BODY_MAX, NULL, 1 },
	{ "run-nearly", "[^&quot;]*internal", "interna ", BODY_MAX, NULL, 1 },
	{ "any-run", "[\\s\\S]*zzz", "abc ", BODY_MAX, NULL, 1 },
	{ "line", ".*internal", "abc ", BODY_MAX, NULL, 1 },
	{ "lines", ".*internal", "a line of some text without it\n", BODY_MAX, NULL, 1 },
	{ "words", "\\w+@", "a", BODY_MAX, NULL, 1 },
	{ "lazy", "a.*?z", "a", BODY_MAX, NULL, 1 },
	{ "prefix", "a[^&quot;]*internal", "a", BODY_MAX, NULL, 1 },
	{ "begins", "&lt;a[^&gt;]*&gt;", "<a ", BODY_MAX, NULL, 1 },
	{ "two-runs", "\\w+\\s*\\w+x", "ab ", BODY_MAX, NULL, 1 },
	{ "two-any", "a.*b.*c", "ab ", BODY_MAX, NULL, 1 },
	{ "nested", "(\\w+\\s?)+x;", "aaaa ", BODY_MAX, NULL, 1 },
	{ "refers", "(\\w)\\1*z", "a", BODY_MAX, NULL, 1 },
	{ "empty", "x*", "a", BODY_MAX, NULL, 1 },
	{ "short-runs", "[^&quot;]*internal", "abcdefghijklmnopqrstuvwxyz\"", BODY_MAX, NULL, 1 },
	{ "tags-60", "^x", "<a href=y>", BODY_MAX / 4, "A", TAG_RULES },
	{ "tags-60-wants", "^x", "<q a=b c=d e=f>", BODY_MAX / 4, "A", TAG_RULES },
	{ "tags-60-match", "y", "<a href=y>", BODY_MAX / 4, "A", TAG_RULES },
	{ "value-nested", "(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-y", BODY_MAX, "A",
	  1 },
	{ "value-two-runs", "\\w+\\s*\\w+y", "ab -y", BODY_MAX, "A", 1 },
	{ "value-60-runs", "[^y]*y", "ab ", BODY_MAX, "A", TAG_RULES },
	{ "value-60-words", "\\w+@", "ab ", BODY_MAX, "A", TAG_RULES },
	{ "tags-60-run", "(.*)x", "<a href='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'>",
	  BODY_MAX / 4, "A", TAG_RULES },
};

static uint8_t body[BODY_MAX];
static uint8_t out[PIECE];

/* ---- what goes through ---- */

static void
page_fill(void)
{
	char line[512];
	uint32_t at = 0;

	for (uint32_t i = 0; at < BODY_MAX; i++) {
		uint32_t n = (uint32_t)snprintf(
			line, sizeof(line),
			"<div class=\"row\"><a href=\"/section/page%u.html\">A title of item</a>\n"
			"<p>Some words of text that nobody rewrites, as pages mostly have.</p>\n"
			"<img src=\"/images/%u.png\" alt=\"picture\"></div>\n"
			"<a href=\"http://internal/docs/%u\">document</a>\n",
			i, i, i);

		n = n < BODY_MAX - at ? n : BODY_MAX - at;
		memcpy(body + at, line, n);
		at += n;
	}
}

/* Values as long as rules look at them. */
static void
values_fill(const char *piece)
{
	static const char head[] = "<a href='";
	size_t n = strlen(piece);

	for (uint32_t i = 0; i < BODY_MAX; i++) {
		uint32_t at = i % VALUE_BYTES;

		body[i] = (uint8_t)(at < 9		   ? head[at]
				    : at < VALUE_BYTES - 2 ? piece[at % n]
				    : at < VALUE_BYTES - 1 ? '\''
							   : '>');
	}
}

static void
body_fill(const struct pair *p)
{
	size_t n = p->piece != NULL ? strlen(p->piece) : 1;

	if (strncmp(p->name, "value", 5) == 0) {
		values_fill(p->piece);
		return;
	}

	if (p->piece == NULL)
		page_fill();
	else
		for (uint32_t i = 0; i < BODY_MAX; i++)
			body[i] = (uint8_t)p->piece[i % n];
}

static const char *
rules_text(const struct pair *p)
{
	static char text[RULES_TEXT];
	int n = 0;

	for (uint32_t i = 0; i < p->rule_n; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "<rule name='%u'><match %s%s%s pattern='%s'/>"
			      "<action type='Rewrite' value='z'/></rule>",
			      i, p->tags != NULL ? "filterByTags='" : "",
			      p->tags != NULL ? p->tags : "", p->tags != NULL ? "'" : "",
			      p->pattern);
	return text;
}

/* ---- one body ---- */

/* Of this thread: others on the machine do not count. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct told {
	uint64_t most_ns; /* the longest turn */
	uint32_t n;	  /* bytes */
	int64_t work;
};

/* In pieces as a decoder gives them; ticks. */
static uint64_t
body_through(struct page *page, void *memory, size_t memory_n, uint32_t n, struct told *ret,
	     enum rules_body_verdict *ret_v)
{
	struct rules_body *b;
	uint64_t begin = bench_ticks(), at = cpu_ns(), now;
	uint32_t done = 0, turn_n = 0;

	*ret = (struct told){ 0 };
	b = rules_body_init(memory, memory_n, page->rules, 0, 0, &page->reply, NULL);
	do {
		uint32_t in_n = n - done < PIECE ? n - done : PIECE;
		struct rules_body_io io = { .in = body + done,
					    .in_n = in_n,
					    .is_last = done + in_n == n,
					    .out = out,
					    .out_n = sizeof(out),
					    .work = RULES_TURN_WORK };

		*ret_v = rules_body_turn(b, &io);
		done = (uint32_t)(io.in - body);
		now = cpu_ns();
		ret->most_ns = now - at > ret->most_ns ? now - at : ret->most_ns;
		ret->work += RULES_TURN_WORK - io.work;
		at = now;
	} while (*ret_v != RULES_BODY_END && *ret_v != RULES_BODY_FAULT && ++turn_n < TURNS_MOST);
	ret->n = done > 0 ? done : 1;
	return bench_ticks() - begin;
}

static void
measure(const struct pair *p)
{
	char name[64], note[64];
	struct bench_op op = { .name = name, .note = note };
	uint32_t n = (uint32_t)bench_size(p->body_n);
	uint64_t least = UINT64_MAX;
	struct told told = { 0 };
	enum rules_body_verdict v = RULES_BODY_MORE;
	struct page *page;
	void *memory;
	size_t memory_n;

	snprintf(name, sizeof(name), "body/%s", p->name);
	if (!bench_wants(name))
		return;
	body_fill(p);
	page = page_open(rules_text(p));
	page_line(page, true, "Content-Type", "text/html; charset=utf-8");
	page_head(page);
	memory_n = rules_body_bytes(page->rules, 0, &page->reply);
	memory = bench_memory(memory_n);
	for (uint32_t i = 0; i < bench_rounds(); i++) {
		uint64_t ticks = body_through(page, memory, memory_n, n, &told, &v);

		least = told.most_ns < least ? told.most_ns : least;
		bench_put(&op, ticks, told.n);
	}
	snprintf(note, sizeof(note), "work %lld, longest turn %.0f us%s",
		 (long long)(told.work / told.n), (double)least / 1e3,
		 v == RULES_BODY_FAULT ? ", a fault"
		 : v == RULES_BODY_END ? ""
				       : ", not to its end");
	bench_print(&op);
	page_close(page);
}

int
main(int argc, char **argv)
{
	bench_open("bench_body", argc, argv);
	for (uint32_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		measure(&pairs[i]);
	return bench_close();
}
