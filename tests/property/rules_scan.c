/*
 * rules_scan.c - a scan misses no match: whatever PCRE2 finds with a pattern, the database of the
 * same patterns reports, for any text; and where it is said to be exact it reports nothing else.
 *
 * Random patterns from a grammar that loves anchors, classes, alternatives, repeats and letters
 * whose case is strange, each with texts that were written along with the pattern (so that many
 * match) and then damaged: in case, by bytes of no character, by line ends.
 *
 *   rules_scan [COUNT [SEED]]   or PENSTOCK_FULL and PENSTOCK_SEED; COUNT in sets of patterns
 */
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/build.h"
#include "base/prng.h"
#include "rules/parts.h"
#include "rules/regex.h"
#include "rules/scanned.h"

enum {
	SMOKE = 1000,
	FULL = 200000,
	PATTERNS = 8, /* of a set */
	TEXTS = 24,   /* of a set */
	TEXT_MAX = 400,
	PATTERN_MAX = 400,
	MATCH_LIMIT = 20000, /* past it nothing is known of the pair */
};

static struct prng prng;

static uint32_t
below(uint32_t n)
{
	return prng_below(&prng, n);
}

/* ---- writing a pattern and a text that it may match ---- */

struct writer {
	char pattern[PATTERN_MAX + 64];
	size_t pattern_n;
	char text[TEXT_MAX + 64];
	size_t text_n;
	uint32_t group_n;
	bool is_silent; /* nothing more for the text */
};

static void
to_pattern(struct writer *w, const char *s)
{
	size_t n = strlen(s);

	if (w->pattern_n + n < PATTERN_MAX) {
		memcpy(w->pattern + w->pattern_n, s, n + 1);
		w->pattern_n += n;
	}
}

static void
to_text(struct writer *w, const char *s)
{
	size_t n = strlen(s);

	if (!w->is_silent && w->text_n + n < TEXT_MAX) {
		memcpy(w->text + w->text_n, s, n + 1);
		w->text_n += n;
	}
}

static const char *const letters[] = {
	"a", "b",      "k", "s", "K",	   "S",	     "i",	   "I",		 "1", "/", "-",
	"_", " ",      "é", "É", "ß",	   "\u1e9e", "\u017f",	   "\u212a",	 "ω", "Ω", "\u2126",
	"å", "\u212b", "ж", "Ж", "\u01c5", "\u0345", "\U00010400", "\U00010428", "x", "e",
};

static const char *
letter(void)
{
	return letters[below(below(3) == 0 ? sizeof(letters) / sizeof(letters[0]) : 14)];
}

static void
write_class(struct writer *w)
{
	static const char *const item[] = { "a-f", "\\d", "\\w", "\\s",	  "\\S",  "\\D",
					    "k",   "s",	  "A-Z", "é",	  "ж-я",  "\\u00c0-\\u00ff",
					    "\\-", "]",	  "0-9", "\\x41", "\\W",  "[:alpha:]",
					    "\\h", "\\b", "\\n", ".",	  "\\cA", "[:^digit:]" };
	static const char *const text[] = { "b", "7", "w", "\t", "k", "/", "K", "\u017f",
					    "Q", "É", "Ж", "Ü",	 "-", "]", "5", "A" };
	uint32_t n = 1 + below(3);
	bool is_negative = below(3) == 0;

	to_pattern(w, is_negative ? "[^" : "[");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = below(sizeof(item) / sizeof(item[0]));

		to_pattern(w, strcmp(item[k], "]") == 0 ? "\\]" : item[k]);
		if (i == 0)
			to_text(w, is_negative || k >= 16 ? letter() : text[k]);
	}
	to_pattern(w, "]");
}

static void write_alternatives(struct writer *w, int depth);

static void
write_group(struct writer *w, int depth)
{
	static const char *const open[] = {
		"(", "(", "(", "(?:", "(?:", "(?=", "(?!", "(?<!", "(?>"
	};
	uint32_t kind = below(sizeof(open) / sizeof(open[0]));
	bool was_silent = w->is_silent;
	size_t text_n = w->text_n;

	to_pattern(w, open[kind]);
	w->group_n += kind < 3;
	w->is_silent = was_silent || (kind >= 6 && kind <= 7);
	write_alternatives(w, depth - 1);
	w->is_silent = was_silent;
	if (kind == 5)
		w->text_n = text_n; /* what follows writes it, or not */
	to_pattern(w, ")");
}

static void
write_atom(struct writer *w, int depth)
{
	static const char *const escape[] = { "\\d",	 "\\w",	    "\\s", "\\S", "\\W",
					      "\\D",	 "\\n",	    "\\t", "\\.", "\\x4b",
					      "\\u0053", "\\u017F", "\\b", "\\B", "\\cI",
					      "\\x",	 "\\h",	    "\\v", "\\N" };
	static const char *const text[] = { "3", "s", " ", "k", "/",  "a", "\n", "\t", ".", "k",
					    "s", "S", "",  "",	"\t", "x", " ",	 "\n", "ж" };
	uint32_t k;

	switch (below(depth > 0 ? 11 : 9)) {
	case 0:
		to_pattern(w, ".");
		to_text(w, letter());
		return;
	case 1:
	case 2:
		write_class(w);
		return;
	case 3:
		k = below(sizeof(escape) / sizeof(escape[0]));
		to_pattern(w, escape[k]);
		to_text(w, text[k]);
		return;
	case 4:
		if (below(4) == 0) {
			to_pattern(w, below(2) == 0 ? "^" : "$");
			return;
		}
		if (w->group_n > 0 && below(4) == 0) {
			to_pattern(w, "\\1");
			return;
		}
		__attribute__((fallthrough));
	case 5:
	case 6:
	case 7:
	case 8: {
		const char *one = letter();

		to_pattern(w, one);
		to_text(w, one);
		return;
	}
	default:
		write_group(w, depth);
	}
}

static void
write_repeat(struct writer *w)
{
	static const char *const repeat[] = { "*",    "+",   "?",     "*?",   "+?",
					      "??",   "{2}", "{0,3}", "{1,}", "{2,70}",
					      "{90}", "*+",  "{0}",   "{,3}", "{" };

	to_pattern(w, repeat[below(sizeof(repeat) / sizeof(repeat[0]))]);
}

static void
write_sequence(struct writer *w, int depth)
{
	uint32_t n = below(5);

	for (uint32_t i = 0; i < n; i++) {
		size_t from = w->text_n, bytes;

		write_atom(w, depth);
		if (below(4) != 0)
			continue;
		write_repeat(w);
		bytes = w->text_n - from;
		for (uint32_t k = below(4); k > 0 && w->text_n + bytes < TEXT_MAX; k--) {
			memcpy(w->text + w->text_n, w->text + from, bytes);
			w->text_n += bytes;
		}
	}
}

static void
write_alternatives(struct writer *w, int depth)
{
	uint32_t n = below(3) == 0 ? 2 + below(2) : 1;
	bool was_silent = w->is_silent;

	for (uint32_t i = 0; i < n; i++) {
		if (i > 0) {
			to_pattern(w, "|");
			w->is_silent = was_silent || below(2) == 0;
		}
		write_sequence(w, depth);
	}
	w->is_silent = was_silent;
}

static enum img_syntax
write_pattern(struct writer *w)
{
	uint32_t kind = below(10);

	*w = (struct writer){ .pattern = "" };
	if (kind >= 2) {
		if (below(3) == 0)
			to_pattern(w, "^");
		write_alternatives(w, 3);
		if (below(4) == 0)
			to_pattern(w, "$");
		return IMG_SYNTAX_REGEX;
	}
	for (uint32_t n = 1 + below(6); n > 0; n--) {
		const char *one = below(2) == 0 ? letter() : below(2) == 0 ? "*" : "?";

		to_pattern(w, one);
		to_text(w, *one == '*' || *one == '?' ? letter() : one);
	}
	return kind == 0 ? IMG_SYNTAX_WILDCARD : IMG_SYNTAX_EXACT;
}

/* ---- texts ---- */

struct text {
	uint8_t p[TEXT_MAX * 2 + 64];
	uint32_t n;
};

static void
text_append(struct text *t, const void *p, size_t n)
{
	if (t->n + n > sizeof(t->p) - 8)
		return;
	memcpy(t->p + t->n, p, n);
	t->n += (uint32_t)n;
}

static void
text_damage(struct text *t)
{
	static const char strange[] = {
		'\xff', '\x80', '\xc5', '\xe2', '\xed', '\n', '\r', '\x01'
	};

	for (uint32_t n = below(4); n > 0 && t->n > 0; n--) {
		uint32_t at = below(t->n);
		uint8_t c = t->p[at];

		switch (below(5)) {
		case 0:
			t->p[at] = (uint8_t)strange[below(sizeof(strange))];
			break;
		case 1:
			memmove(t->p + at, t->p + at + 1, t->n - at - 1);
			t->n--;
			break;
		default: /* the other case */
			if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
				t->p[at] = c ^ 0x20;
		}
	}
}

static void
text_make(struct text *t, const struct writer *writer)
{
	t->n = 0;
	if (below(3) == 0)
		text_append(t, letter(), 1);
	for (uint32_t n = below(8) == 0 ? 0 : 1 + below(2); n > 0; n--) {
		const struct writer *w = &writer[below(PATTERNS)];

		text_append(t, w->text, w->text_n);
		if (below(6) == 0)
			text_append(t, "\xe2\x84\xaa", 3);
	}
	if (below(3) == 0)
		text_append(t, "\n", 1);
	if (below(2) == 0)
		text_damage(t);
}

/* ---- the property ---- */

struct tally {
	uint64_t pairs, matches, hits, scanned, exact, patterns, plain;
};

struct set {
	struct writer writer[PATTERNS];
	struct pattern *pattern[PATTERNS];
	pcre2_code *code[PATTERNS], *raw[PATTERNS]; /* as the engine has them */
	hs_database_t *db;
	hs_scratch_t *scratch;
};

static int
on_hit(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
       void *ctx)
{
	(void)from, (void)to, (void)flags;
	*(uint32_t *)ctx |= 1u << id;
	return 0;
}

static void
shown(const char *what, const void *p, size_t n)
{
	fprintf(stderr, "%s: ", what);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = ((const uint8_t *)p)[i];

		fprintf(stderr, c >= ' ' && c < 0x7f && c != '\\' ? "%c" : "\\x%02x", c);
	}
	fprintf(stderr, "\n");
}

static void
set_make(struct making *m, struct set *set, struct tally *tally)
{
	struct whose w = { .what = "rule", .rule = "x" };
	const char *text[PATTERNS];
	unsigned flags[PATTERNS], id[PATTERNS], n = 0;
	hs_compile_error_t *error = NULL;
	int code;
	PCRE2_SIZE offset;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);

	pcre2_set_newline(context, REGEX_NEWLINE);
	for (uint32_t i = 0; i < PATTERNS; i++) {
		enum img_syntax syntax = write_pattern(&set->writer[i]);
		struct rule_text from = { .s = set->writer[i].pattern };
		struct pattern *p =
			pattern_make(m, &w, &from, syntax, below(4) != 0, PATTERN_WHOLE);

		if (p == NULL)
			continue;
		set->code[i] = pcre2_compile((PCRE2_SPTR)p->regex, PCRE2_ZERO_TERMINATED,
					     REGEX_OPTIONS | (p->is_caseless ? PCRE2_CASELESS : 0),
					     &code, &offset, context);
		set->raw[i] = pcre2_compile((PCRE2_SPTR)p->regex, PCRE2_ZERO_TERMINATED,
					    REGEX_OPTIONS | PCRE2_MATCH_INVALID_UTF |
						    (p->is_caseless ? PCRE2_CASELESS : 0),
					    &code, &offset, context);
		pcre2_jit_compile(set->code[i], PCRE2_JIT_COMPLETE);
		tally->patterns++;
		if (!scan_try(&m->arena, p))
			continue;
		set->pattern[i] = p;
		text[n] = p->form.text;
		flags[n] = p->form.flags;
		id[n++] = i;
		tally->scanned++;
		tally->exact += p->form.is_exact;
	}
	pcre2_compile_context_free(context);
	if (n > 0 && hs_compile_multi(text, flags, id, n, HS_MODE_BLOCK, NULL, &set->db, &error) !=
			     HS_SUCCESS) {
		hs_free_compile_error(error);
		return;
	}
	if (n > 0)
		hs_alloc_scratch(set->db, &set->scratch);
}

static void
set_free(struct set *set)
{
	for (uint32_t i = 0; i < PATTERNS; i++)
		pcre2_code_free(set->code[i]), pcre2_code_free(set->raw[i]);
	hs_free_scratch(set->scratch);
	hs_free_database(set->db);
}

/* Whether a text has every run of characters that the pattern is said to need. */
static bool
has_runs(struct arena *arena, const struct pattern *p, const uint8_t *copy, uint32_t n)
{
	static const char end[] = { EMIT_RUN_END, '\0' };
	char *text = arena_text(arena, (const char *)copy, n);
	bool is_caseless;
	const char *runs = emit_runs(arena, p->tree, &is_caseless);

	for (char *at = text; at < text + n; at++)
		*at = *at == '\0' ? '\x01' : *at;
	while (*runs != '\0') {
		size_t run_n = strcspn(runs, end);
		const char *run = arena_text(arena, runs, run_n);

		if ((is_caseless ? strcasestr(text, run) : strstr(text, run)) == NULL)
			return false;
		runs += run_n + (runs[run_n] != '\0');
	}
	return true;
}

static bool
text_try(struct arena *arena, const struct set *set, const struct text *t, struct tally *tally)
{
	pcre2_match_data *data = pcre2_match_data_create(40, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	uint8_t copy[sizeof(t->p)];
	uint32_t hits = 0, n = scanned_copy(slice_of(t->p, t->n), copy);
	bool is_utf8, is_plain, is_good = true;

	pcre2_set_match_limit(context, MATCH_LIMIT);
	scanned_look(slice_of(t->p, t->n), &is_utf8, &is_plain);
	hs_scan(set->db, (const char *)copy, n, 0, set->scratch, on_hit, &hits);
	tally->plain += is_plain;
	for (uint32_t i = 0; i < PATTERNS; i++) {
		const struct pattern *p = set->pattern[i];
		bool is_hit = (hits >> i & 1) != 0;
		int rc;

		if (p == NULL)
			continue;
		rc = pcre2_match(is_utf8 ? set->code[i] : set->raw[i], t->p, t->n, 0, 0, data,
				 context);
		if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
			continue;
		tally->pairs++;
		tally->matches += rc >= 0;
		tally->hits += is_hit;
		if ((rc >= 0 && (!is_hit || !has_runs(arena, p, copy, n))) ||
		    (is_hit && rc < 0 && p->form.is_exact && is_plain)) {
			fprintf(stderr, "%s, %s\n", rc >= 0 ? "missed" : "exact, but no match",
				p->is_caseless ? "without case" : "with case");
			shown("pattern", p->text, strlen(p->text));
			shown("regex", p->regex, strlen(p->regex));
			shown("form", p->form.text, strlen(p->form.text));
			fprintf(stderr, "flags: %x\n", p->form.flags);
			shown("text", t->p, t->n);
			shown("scanned", copy, n);
			is_good = false;
		}
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return is_good;
}

static bool
round_run(struct tally *tally)
{
	struct conf_errs errs = { 0 };
	const struct program_env env = { .is_linted = true }; /* its warnings are nobody's here */
	struct making m = { .errs = &errs, .env = &env };
	struct set set = { .db = NULL };
	struct text text;
	bool is_good = true;

	set_make(&m, &set, tally);
	for (uint32_t i = 0; i < TEXTS && set.scratch != NULL && is_good; i++) {
		text_make(&text, set.writer);
		is_good = text_try(&m.arena, &set, &text, tally);
	}
	set_free(&set);
	conf_errs_fini(&errs);
	arena_fini(&m.arena);
	return is_good;
}

static uint64_t
number(const char *arg, const char *name, uint64_t otherwise)
{
	const char *text = arg != NULL ? arg : getenv(name);

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

int
main(int argc, char **argv)
{
	const char *full = getenv("PENSTOCK_FULL");
	uint64_t count = full != NULL && strtoul(full, NULL, 10) != 0 ? FULL : SMOKE;
	uint64_t seed = number(argc > 2 ? argv[2] : NULL, "PENSTOCK_SEED", 1);
	struct tally tally = { 0 };

	count = number(argc > 1 ? argv[1] : NULL, "PENSTOCK_SETS", count);
	for (uint64_t i = 0; i < count; i++) {
		prng_init(&prng, seed + i * 0x100000000ull);
		if (!round_run(&tally)) {
			fprintf(stderr, "rules_scan: set %llu of seed %llu\n",
				(unsigned long long)i, (unsigned long long)seed);
			return 1;
		}
	}
	printf("rules_scan: %llu patterns, %.1f %% scanned, %.1f %% exact; %llu pairs, %.1f %% "
	       "match, "
	       "%.1f %% hit\n",
	       (unsigned long long)tally.patterns,
	       100.0 * (double)tally.scanned / (double)tally.patterns,
	       100.0 * (double)tally.exact / (double)tally.patterns,
	       (unsigned long long)tally.pairs, 100.0 * (double)tally.matches / (double)tally.pairs,
	       100.0 * (double)tally.hits / (double)tally.pairs);
	return 0;
}
