/*
 * input.c - the strings that a scope's rules look at, each with all patterns that are matched
 * against it, so that one scan answers for all of them.
 *
 * Expressions that are written differently but always mean the same string are one input. A
 * pattern that several conditions have is kept once, unless it may become the gate of a rule:
 * a gate opens one rule. Invariant: patterns of an input are numbered in the order of its list.
 */
#include <string.h>

#include "rules/parts.h"

enum {
	/* Few patterns of a response are asked faster one by one. */
	OUTBOUND_SCAN_LEAST = 8,
};

static uint32_t
hash_of(const void *bytes, size_t n, uint32_t hash)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 16777619u; /* FNV-1a */
	return hash;
}

void
inputs_init(struct inputs *inputs)
{
	*inputs = (struct inputs){ 0 };
	inputs->end = &inputs->first;
}

struct input *
inputs_take(struct making *m, struct inputs *inputs, enum img_input_kind kind,
	    const struct expr *expr)
{
	uint32_t key_n = 0;
	const char *key = expr == NULL ? "" : expr_key(m, expr, &key_n);
	struct input **bucket =
		&inputs->bucket[hash_of(key, key_n, 2166136261u + (uint32_t)kind) % 256];
	struct input *input;

	for (input = *bucket; input != NULL; input = input->same_hash)
		if (input->kind == kind && input->key_n == key_n &&
		    memcmp(input->key, key, key_n) == 0)
			return input;
	input = arena_take(&m->arena, sizeof(*input));
	*input = (struct input){ .kind = kind,
				 .expr = expr,
				 .key = key,
				 .key_n = key_n,
				 .blob_i = IMG_NONE,
				 .same_hash = *bucket };
	input->flags = expr != NULL		? expr->flags
		       : kind == IMG_INPUT_PATH ? (uint32_t)IMG_INPUT_ON_URL
						: 0;
	input->end = &input->first;
	*bucket = input;
	*inputs->end = input;
	inputs->end = &input->next;
	inputs->n++;
	return input;
}

/* ---- patterns ---- */

static uint32_t
pattern_hash(const struct pattern *pattern)
{
	uint32_t hash = hash_of(pattern->text, strlen(pattern->text), 2166136261u);

	return hash_of(pattern->regex, strlen(pattern->regex), hash + pattern->is_caseless);
}

static void
buckets_grow(struct making *m, struct input *input)
{
	if (input->pattern_n < input->bucket_n)
		return;
	input->bucket_n = input->bucket_n == 0 ? 16 : input->bucket_n * 4;
	input->bucket = arena_take(&m->arena, input->bucket_n * sizeof(struct pattern *));
	for (struct pattern *pattern = input->first; pattern != NULL; pattern = pattern->next) {
		struct pattern **bucket = &input->bucket[pattern_hash(pattern) % input->bucket_n];

		pattern->same_hash = *bucket;
		*bucket = pattern;
	}
}

struct pattern *
input_add(struct making *m, struct input *input, struct pattern *pattern, bool is_own)
{
	struct pattern **bucket, *same;

	buckets_grow(m, input);
	bucket = &input->bucket[pattern_hash(pattern) % input->bucket_n];
	for (same = *bucket; same != NULL && !is_own; same = same->same_hash)
		if (same->is_caseless == pattern->is_caseless &&
		    strcmp(same->text, pattern->text) == 0 &&
		    strcmp(same->regex, pattern->regex) == 0)
			return same;
	pattern->number = input->pattern_n++;
	pattern->same_hash = *bucket;
	*bucket = pattern;
	*input->end = pattern;
	input->end = &pattern->next;
	m->pattern_n++;
	return pattern;
}

/* ---- building ---- */

void
inputs_scan(struct making *m, struct inputs *inputs, enum img_scope_kind kind)
{
	uint32_t least = kind == IMG_SCOPE_OUTBOUND ? OUTBOUND_SCAN_LEAST : 1;

	for (struct input *input = inputs->first; input != NULL; input = input->next) {
		if (m->env->on_progress != NULL)
			m->env->on_progress(m->env->ctx, m->pattern_done, m->pattern_n);
		if (input->kind != IMG_INPUT_VALUE && (input->flags & IMG_INPUT_ON_REFS) == 0 &&
		    input->pattern_n >= least)
			scan_make(m, input);
		m->pattern_done += input->pattern_n;
		if (m->env->on_progress != NULL)
			m->env->on_progress(m->env->ctx, m->pattern_done, m->pattern_n);
	}
}

static void
patterns_build(struct making *m, const struct input *input)
{
	for (struct pattern *pattern = input->first; pattern != NULL; pattern = pattern->next) {
		struct img_pattern record = { .text = img_build_text(m->img, pattern->text),
					      .flags = pattern->flags,
					      .group_n = pattern->group_n,
					      .gate = pattern->gate };

		record.regex = strcmp(pattern->regex, pattern->text) == 0
				       ? record.text
				       : img_build_text(m->img, pattern->regex);
		pattern->pattern_i = img_build_pattern(m->img, &record);
	}
}

static bool
has_gate(const struct input *input)
{
	for (const struct pattern *pattern = input->first; pattern != NULL; pattern = pattern->next)
		if (pattern->gate != IMG_NONE)
			return true;
	return false;
}

uint32_t
inputs_build(struct making *m, struct inputs *inputs)
{
	uint32_t first = m->img->part[IMG_INPUTS].n;

	for (struct input *input = inputs->first; input != NULL; input = input->next) {
		struct img_input record = { .kind = input->kind,
					    .expr_i = input->expr == NULL
							      ? (uint32_t)IMG_NONE
							      : expr_build(m, input->expr),
					    .first_pattern = m->img->part[IMG_PATTERNS].n,
					    .pattern_n = input->pattern_n,
					    .blob_i = input->blob_i,
					    .flags = input->flags };

		record.flags |= has_gate(input) ? IMG_INPUT_GATES : 0;
		memcpy(record.key, input->scan_key, sizeof(record.key));
		input->input_i = img_build_input(m->img, &record);
		patterns_build(m, input);
	}
	return first;
}
