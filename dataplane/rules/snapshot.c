/*
 * snapshot.c - what rules may ask of a request and its response, kept while the body streams: the
 * heads themselves are gone by then, and so is the lane's evaluation of them.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/snapshot.h"

/* ---- how much ---- */

static bool
line_at(const struct rules_lane *l, bool is_response, uint32_t i, struct rules_line *ret)
{
	const struct rules_subject *s = l->subject;

	return s->line != NULL && s->line(s->ctx, is_response, slice_of(NULL, 0), i, ret);
}

static const struct rules_change *
change_at(const struct rules_lane *l, uint32_t i)
{
	return i < l->before_n ? &l->before[i] : &l->change[i - l->before_n];
}

size_t
snapshot_bytes(const struct rules_lane *l)
{
	const struct rules_subject *s = l->subject;
	uint32_t change_n = l->before_n + l->change_n;
	size_t n = change_n * sizeof(struct rules_change);
	struct rules_line line;

	for (int is_response = 0; is_response < 2; is_response++)
		for (uint32_t i = 0; line_at(l, is_response, i, &line); i++)
			n += sizeof(line) + line.name.n + line.value.n;
	for (uint32_t i = 0; i < change_n; i++)
		n += change_at(l, i)->name.n + change_at(l, i)->value.n;
	n += (size_t)s->method.n + s->target.n + s->host.n + s->protocol.n + s->phrase.n;
	n += (size_t)l->original.path.n + l->original.query.n;
	return (n + 7) & ~(size_t)7;
}

/* ---- copying ---- */

static struct slice
keep(uint8_t **at, struct slice s)
{
	uint8_t *p = *at;

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*at += s.n;
	return slice_of(p, s.n);
}

static bool
snapshot_line(const void *ctx, bool is_response, struct slice name, uint32_t nth,
	      struct rules_line *ret_line)
{
	const struct snapshot *s = ctx;
	uint32_t i = is_response ? s->request_n : 0, end = is_response ? s->line_n : s->request_n;

	for (; i < end; i++) {
		if (name.n > 0 && !slice_eq_nocase(name, s->line[i].name))
			continue;
		if (nth-- == 0) {
			*ret_line = s->line[i];
			return true;
		}
	}
	return false;
}

/* The records first, for they are aligned; texts behind them. */
static uint8_t *
lines_count(struct snapshot *s, const struct rules_lane *l, uint8_t *memory)
{
	struct rules_line line;

	s->request_n = 0;
	while (line_at(l, false, s->request_n, &line))
		s->request_n++;
	s->line_n = s->request_n;
	while (line_at(l, true, s->line_n - s->request_n, &line))
		s->line_n++;
	s->before_n = l->before_n + l->change_n;
	s->line = (struct rules_line *)(void *)memory;
	s->before = (struct rules_change *)(void *)(s->line + s->line_n);
	return (uint8_t *)(s->before + s->before_n);
}

uint8_t *
snapshot_take(struct snapshot *s, const struct rules_lane *l, uint8_t *memory)
{
	uint8_t *at = lines_count(s, l, memory);

	for (uint32_t i = 0; i < s->line_n; i++) {
		bool is_response = i >= s->request_n;
		struct rules_line line = { 0 };

		line_at(l, is_response, is_response ? i - s->request_n : i, &line);
		s->line[i].name = keep(&at, line.name);
		s->line[i].value = keep(&at, line.value);
	}
	for (uint32_t i = 0; i < s->before_n; i++) {
		s->before[i] = *change_at(l, i);
		s->before[i].name = keep(&at, s->before[i].name);
		s->before[i].value = keep(&at, s->before[i].value);
	}
	s->subject = *l->subject;
	s->subject.ctx = s;
	s->subject.line = snapshot_line;
	s->subject.method = keep(&at, l->subject->method);
	s->subject.target = keep(&at, l->subject->target);
	s->subject.host = keep(&at, l->subject->host);
	s->subject.protocol = keep(&at, l->subject->protocol);
	s->subject.phrase = keep(&at, l->subject->phrase);
	s->url = l->original;
	s->url.path = keep(&at, l->original.path);
	s->url.query = keep(&at, l->original.query);
	ensure((size_t)(at - memory) <= snapshot_bytes(l));
	return memory + snapshot_bytes(l);
}

void
snapshot_begin(const struct snapshot *s, struct rules_lane *l, const struct rules_trace *trace)
{
	lane_begin(l, &s->subject, trace);
	l->before = s->before;
	l->before_n = s->before_n;
	l->original = l->url = s->url;
}
