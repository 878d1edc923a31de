/*
 * code.c - an image's patterns compiled: machine code for strings that are UTF-8, interpreted code
 * for other bytes (regex.h says why), equal patterns once.
 */
#include "base/hash.h"
#include "rules/open.h"
#include "rules/regex.h"

static const struct hash_key fixed_key; /* of our own patterns */

static void *
pcre2_take(size_t n, void *ctx)
{
	return ((struct rules *)ctx)->grow(NULL, n);
}

static void
pcre2_give(void *p, void *ctx)
{
	give(((struct rules *)ctx)->grow, p);
}

static bool
pattern_eq(const struct img *img, const struct img_pattern *a, const struct img_pattern *b)
{
	return ((a->flags ^ b->flags) & IMG_PATTERN_CASELESS) == 0 && a->regex.n == b->regex.n &&
	       memcmp(img_text(img, a->regex), img_text(img, b->regex), a->regex.n) == 0;
}

/* Where its matches can begin: what bounds the work of a search goes by that. */
static void
code_starts(struct rules_code *code)
{
	uint32_t options = 0, type = 0, unit = 0;
	const uint8_t *map = NULL;

	pcre2_pattern_info(code->code, PCRE2_INFO_ALLOPTIONS, &options);
	pcre2_pattern_info(code->code, PCRE2_INFO_FIRSTCODETYPE, &type);
	pcre2_pattern_info(code->code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
	pcre2_pattern_info(code->code, PCRE2_INFO_FIRSTBITMAP, &map);
	code->starts = (options & PCRE2_ANCHORED) != 0 ? RULES_STARTS_ONE
		       : type == 2		       ? RULES_STARTS_LINE
						       : RULES_STARTS_SOME;
	for (uint32_t c = 0; c < 256; c++) {
		bool is_first = (c & 0xc0) != 0x80; /* no character begins like that */

		if (map != NULL)
			is_first &= (map[c / 8] >> c % 8 & 1) != 0;
		else if (type == 1 && unit < 0x80) /* in either case, the library does not say */
			is_first &= (c | 0x20) == (unit | 0x20) || c >= 0xc0;
		if (!is_first)
			code->lead[c] &= (uint8_t)~1;
	}
}

static pcre2_code *
regex_compile(const struct rules *rules, const struct img_pattern *p, uint32_t options, int *error)
{
	uint32_t caseless = (p->flags & IMG_PATTERN_CASELESS) != 0 ? PCRE2_CASELESS : 0;
	PCRE2_SIZE at;

	return pcre2_compile((PCRE2_SPTR)img_text(rules->img, p->regex), p->regex.n,
			     REGEX_OPTIONS | caseless | options, error, &at, rules->compile);
}

/*
 * Machine code (10.42) does not repeat a reference to a group that took no part, as in "\1+": the
 * interpreter takes it as empty each time (PCRE2_MATCH_UNSET_BACKREF).
 */
static bool
refers_back(const pcre2_code *code)
{
	uint32_t most = 0;

	pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &most);
	return most > 0;
}

/* How far an attempt to match runs, and how dear that is. */
static void
code_reach(struct rules_code *code, const struct img_pattern *p, struct slice regex)
{
	reach_read(regex, (p->flags & IMG_PATTERN_CASELESS) != 0, code);
	code->is_slow = refers_back(code->code);
	code->hops = code->sweeps && hop_reads(regex);
}

/* Of the letters k and s, beyond ASCII are others that are like them. */
static void
code_last(struct rules_code *code, bool is_caseless)
{
	uint32_t type = 0, unit = 0, letter;

	code->last = -1;
	pcre2_pattern_info(code->code, PCRE2_INFO_LASTCODETYPE, &type);
	pcre2_pattern_info(code->code, PCRE2_INFO_LASTCODEUNIT, &unit);
	letter = unit | 0x20;
	if (type != 1 || unit >= 0x80 || (is_caseless && (letter == 'k' || letter == 's')))
		return;
	code->last = (int16_t)(letter >= 'a' && letter <= 'z' ? letter : unit);
}

static bool
code_compile(struct rules *rules, uint32_t i, struct abi_fault *ret_fault)
{
	const struct img_pattern *p = img_pattern(rules->img, i);
	struct rules_code *code = &rules->code[i];
	int error;

	code->is_owner = true;
	code->code = regex_compile(rules, p, 0, &error);
	if (code->code != NULL)
		code->raw = regex_compile(rules, p, PCRE2_MATCH_INVALID_UTF, &error);
	if (code->raw == NULL)
		return fault_at(ret_fault,
				error == PCRE2_ERROR_HEAP_FAILED ? ABI_FAULT_MEMORY
								 : ABI_FAULT_STRING,
				"patterns", i, "regex");
	code_reach(code, p, slice_of(img_text(rules->img, p->regex), p->regex.n));
	code_starts(code);
	code_last(code, (p->flags & IMG_PATTERN_CASELESS) != 0);
	/* Failure means that it is interpreted: slower, not different. */
	code->is_slow |= !code->is_slow && pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE) != 0;
	return true;
}

static void
code_share(struct rules_code *to, const struct rules_code *from)
{
	*to = *from;
	to->is_owner = false;
}

/* Names itself for a person who reads a fault: the groups that the image counts are all there. */
static bool
code_check(const struct rules *rules, uint32_t i, struct abi_fault *ret_fault)
{
	uint32_t group_n;

	pcre2_pattern_info(rules->code[i].code, PCRE2_INFO_CAPTURECOUNT, &group_n);
	if (group_n != img_pattern(rules->img, i)->group_n)
		return fault_at(ret_fault, ABI_FAULT_COUNT, "patterns", i, "group_n");
	return true;
}

/* Compiles every pattern, equal ones once: large sets repeat conditions by the thousand. */
static bool
codes_compile(struct rules *rules, struct abi_fault *ret_fault)
{
	const struct img *img = rules->img;
	uint32_t n = img_n(img, IMG_PATTERNS), mask = 1;
	uint32_t *slot;
	bool ok = true;

	while (mask < n * 2)
		mask *= 2;
	slot = take(rules->grow, mask, sizeof(slot[0]));
	rules->code = take(rules->grow, n, sizeof(rules->code[0]));
	if (slot == NULL || rules->code == NULL) {
		give(rules->grow, slot);
		return no_memory(ret_fault);
	}
	mask--;
	for (uint32_t i = 0; i < n && ok; i++) {
		const struct img_pattern *p = img_pattern(img, i);
		uint32_t at = (uint32_t)hash_sip13(&fixed_key, img_text(img, p->regex), p->regex.n);

		for (at &= mask; slot[at] != 0; at = (at + 1) & mask)
			if (pattern_eq(img, p, img_pattern(img, slot[at] - 1)))
				break;
		if (slot[at] != 0)
			code_share(&rules->code[i], &rules->code[slot[at] - 1]);
		else
			ok = code_compile(rules, i, ret_fault);
		slot[at] = slot[at] != 0 ? slot[at] : i + 1;
		ok = ok && code_check(rules, i, ret_fault);
	}
	give(rules->grow, slot);
	return ok;
}

/* Patterns that a body's stream asks (14.5) want partial matches too. */
static void
codes_for_bodies(struct rules *rules)
{
	for (uint32_t i = 0; i < img_n(rules->img, IMG_OUT_RULES); i++) {
		const struct img_out_rule *rule = img_out_rule(rules->img, i);

		if (rule->kind == IMG_OUT_BODY && !refers_back(rules->code[rule->pattern_i].code))
			pcre2_jit_compile(rules->code[rule->pattern_i].code,
					  PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
	}
}

bool
codes_open(struct rules *rules, struct abi_fault *ret_fault)
{
	rules->memory = pcre2_general_context_create(pcre2_take, pcre2_give, rules);
	if (rules->memory == NULL)
		return no_memory(ret_fault);
	rules->compile = pcre2_compile_context_create(rules->memory);
	if (rules->compile == NULL)
		return no_memory(ret_fault);
	pcre2_set_newline(rules->compile, REGEX_NEWLINE);
	if (!codes_compile(rules, ret_fault))
		return false;
	codes_for_bodies(rules);
	return true;
}

void
codes_close(struct rules *rules)
{
	for (uint32_t i = 0; rules->code != NULL && i < img_n(rules->img, IMG_PATTERNS); i++) {
		if (!rules->code[i].is_owner)
			continue;
		pcre2_code_free(rules->code[i].code);
		pcre2_code_free(rules->code[i].raw);
	}
	give(rules->grow, rules->code);
	pcre2_compile_context_free(rules->compile);
	pcre2_general_context_free(rules->memory);
}
