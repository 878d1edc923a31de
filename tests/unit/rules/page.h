/*
 * page.h - a response on its way through outbound rules of IIS's XML: for test_outbound.c and
 * test_body.c.
 */
#ifndef PENSTOCK_TESTS_RULES_PAGE_H
#define PENSTOCK_TESTS_RULES_PAGE_H

#include "programs.h"

enum {
	PAGE_LINES_MAX = 24,
	PAGE_ROOM = 1 << 21,
};

struct page {
	struct compiled *c;
	struct rules *rules;
	struct rules_subject subject;
	struct rules_line line[2][PAGE_LINES_MAX]; /* request's, response's */
	uint32_t line_n[2];
	struct rules_change var[8];
	uint32_t var_n;
	struct rules_reply reply;
};

static inline struct slice
page_text(const char *s)
{
	return slice_of(s, (uint32_t)strlen(s));
}

static inline bool
page_line_at(const void *ctx, bool is_response, struct slice name, uint32_t nth,
	     struct rules_line *ret_line)
{
	const struct page *p = ctx;

	for (uint32_t i = 0; i < p->line_n[is_response]; i++) {
		if (name.n > 0 && !slice_eq_nocase(name, p->line[is_response][i].name))
			continue;
		if (nth-- == 0) {
			*ret_line = p->line[is_response][i];
			return true;
		}
	}
	return false;
}

static inline void
page_line(struct page *p, bool is_response, const char *name, const char *value)
{
	assert_true(p->line_n[is_response] < PAGE_LINES_MAX);
	p->line[is_response][p->line_n[is_response]++] =
		(struct rules_line){ page_text(name), page_text(value) };
}

/* Rules of a whole web.config. The request is GET /dir/page?q=1 of www.x.com. */
static inline struct page *
page_open_web(const char *xml)
{
	static const uint8_t client[4] = { 192, 0, 2, 7 }, local[4] = { 10, 0, 0, 1 };
	struct page *p = calloc(1, sizeof(*p));
	struct abi_fault fault;

	p->c = programs_of_text(xml, NULL, NULL, false);
	if (!p->c->is_good)
		conf_errs_print(&p->c->errs, stderr);
	assert_true(p->c->is_good);
	p->rules = rules_open(&p->c->img, NULL, 1, programs_grow, &fault);
	assert_non_null(p->rules);
	p->subject = (struct rules_subject){
		.ctx = p,
		.line = page_line_at,
		.method = SLICE("GET"),
		.target = SLICE("/dir/page?q=1"),
		.host = SLICE("www.x.com"),
		.protocol = SLICE("HTTP/1.1"),
		.client = ip_from_v4(client),
		.local = ip_from_v4(local),
		.client_port = 40000,
		.local_port = 80,
		.status = 200,
		.phrase = SLICE("OK"),
	};
	return p;
}

/* outbound: what stands in <outboundRules>. */
static inline struct page *
page_open(const char *outbound)
{
	static char xml[1 << 20];

	snprintf(xml, sizeof(xml), "<rewrite><outboundRules>%s</outboundRules></rewrite>",
		 outbound);
	return page_open_web(xml);
}

static inline void
page_close(struct page *p)
{
	rules_close(p->rules);
	programs_close(p->c);
	free(p);
}

static inline void
page_head(struct page *p)
{
	rules_response(p->rules, 0, 0, &p->subject, p->var, p->var_n, NULL, &p->reply);
}

/* The lines of a response header behind the rules, joined by '|'. */
static inline const char *
page_header(const struct page *p, const char *name)
{
	static char text[4096];
	struct slice line[64], key = page_text(name);
	uint32_t n = 0, at = 0;

	for (uint32_t i = 0; i < p->line_n[1]; i++)
		if (slice_eq_nocase(p->line[1][i].name, key))
			line[n++] = p->line[1][i].value;
	for (uint32_t i = 0; i < p->reply.change_n; i++) {
		const struct rules_change *c = &p->reply.change[i];

		assert_true(c->is_response && !c->is_variable);
		if (!slice_eq_nocase(c->name, key))
			continue;
		if (c->op == RULES_CHANGE_SET || c->op == RULES_CHANGE_REMOVE)
			n = 0;
		if (c->op != RULES_CHANGE_REMOVE && !(c->op == RULES_CHANGE_ABSENT && n > 0))
			line[n++] = c->value;
	}
	for (uint32_t i = 0; i < n; i++)
		at += (uint32_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i > 0 ? "|" : "",
					 (int)line[i].n, (const char *)line[i].p);
	text[at] = 0;
	return text;
}

/* Its body in pieces that end at `cut` and then every `step` bytes, into rooms of `room`. */
static inline uint32_t
page_body(struct page *p, struct slice body, uint32_t cut, uint32_t step, uint32_t room,
	  uint8_t *out, enum rules_body_verdict *ret_v, struct rules_body **ret_body)
{
	uint32_t at = 0, made = 0;
	void *memory;
	size_t n;

	page_head(p);
	assert_int_equal(p->reply.fault, RULES_FAULT_NONE);
	assert_true(p->reply.body_rule_n > 0);
	n = rules_body_bytes(p->rules, 0, &p->reply);
	assert_true(n > 0);
	memory = aligned_alloc(16, n);
	memset(memory, 0xee, n);
	*ret_body = rules_body_init(memory, n, p->rules, 0, 0, &p->reply, NULL);
	for (;;) {
		uint32_t end = at < cut ? cut : at + step;
		struct rules_body_io io = { .out = out + made,
					    .out_n = room < PAGE_ROOM - made ? room
									     : PAGE_ROOM - made,
					    .work = RULES_TURN_WORK };
		uint32_t out_n = io.out_n;

		end = end > body.n ? body.n : end;
		io.in = body.p + at;
		io.in_n = end - at;
		io.is_last = end == body.n;
		*ret_v = rules_body_turn(*ret_body, &io);
		at = (uint32_t)(io.in - body.p);
		made += out_n - io.out_n;
		if (*ret_v == RULES_BODY_END || *ret_v == RULES_BODY_FAULT)
			return made;
		assert_true(*ret_v != RULES_BODY_MORE || (io.in_n == 0 && !io.is_last));
		assert_true(*ret_v != RULES_BODY_ROOM || io.out_n == 0 || io.in_n > 0);
		assert_true(made < PAGE_ROOM);
	}
}

#endif
