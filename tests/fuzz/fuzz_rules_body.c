/*
 * fuzz_rules_body.c - any bytes as a page: the scanner of tags and the search of a pattern give the
 * same output wherever the page is cut and however little room there is; where nothing is wanted
 * every byte comes out as it went in.
 *
 * Input: a byte that chooses the pattern, one for the cuts, one for the room, then the page. With
 * the lowest bit of the second its bytes stand for pieces that pages are made of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/body.h"
#include "rules/open.h"
#include "rules/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	PATTERNS = 20,
	PAGE_MAX = 1 << 15,
	ROOM = 1 << 20,
};

static const char *const patterns[PATTERNS] = {
	"a",	     "a+b",  "http://in/", "(a|b)*?c",	 "^<",
	"x$",	     "\\ba", "[^ ]+",	   "<a.*?>",	 "\\w+(?=b)",
	"\xc3\xa4+", ".",    "[^\"]*c",	   "(.*)/",	 "\\w+=",
	"[^ ]+?in/", "$",    "(?<=b)a",	   "(a)(b)?\\1", "<!--[\\s\\S]*-->",
};

static const char *const piece[] = {
	"<a href=", "<img src=\"", "\"",    "'",	  ">",	    "/",	" ",	    "=",
	"<script>", "</script>",   "<!--",  "-->",	  "--",	    "<",	"!",	    "a",
	"b",	    "c",	   "x",	    "http://in/", "<style", "</style ", "\xc3\xa4", "\xc3",
	"\xff",	    "\n",	   "&amp;", "<?",	  "</a",    "A",	"HREF",	    "?",
};

static struct rules_code code[sizeof(patterns) / sizeof(*patterns)];
static pcre2_match_context *context;
static pcre2_match_data *captures;
static uint8_t page[PAGE_MAX + 16];

/* Every second value or match becomes longer, others shorter; some stay. */
static struct slice
change(struct slice s, bool *ret_goes)
{
	static uint8_t text[BODY_TEXT_MAX];
	uint32_t n = s.n < 100 ? s.n : 100;

	*ret_goes = s.n % 3 != 0;
	if (s.n % 2 == 0)
		return slice_of(s.p, s.n / 2);
	memcpy(text, s.p, n);
	memcpy(text + n, "\"' >", 4);
	return slice_of(text, n + 4);
}

static enum rules_fault
on_value(void *ctx, uint64_t *rules, struct slice value, struct slice *ret)
{
	struct slice text;
	bool goes;

	(void)ctx;
	ensure(*rules != 0 && value.n <= BODY_TEXT_MAX);
	*rules &= *rules - 1; /* one by one, as when work is spent */
	text = change(value, &goes);
	if (goes)
		*ret = text;
	return RULES_FAULT_NONE;
}

static enum rules_fault
on_match(void *ctx, const struct rules_refs *groups, bool *ret_goes, struct slice *ret)
{
	(void)ctx;
	ensure(groups->s[0].n <= BODY_TEXT_MAX);
	*ret = change(groups->s[0], ret_goes);
	return RULES_FAULT_NONE;
}

struct cuts {
	uint32_t step, room;
};

static uint32_t
scan(uint32_t n, const struct tags_want *want, uint32_t want_n, struct cuts cuts, uint8_t *out)
{
	static struct tags t;
	uint32_t at = 0, made = 0;
	bool is_done = false;

	tags_init(&t, want, want_n, false, on_value, NULL);
	while (!is_done) {
		uint32_t end = n - at < cuts.step ? n : at + cuts.step;
		struct slice in = slice_of(page + at, end - at);
		struct sink to = { out + made, cuts.room };
		int64_t work = 1 + cuts.step % 512; /* may end anywhere */

		ensure(made + cuts.room <= ROOM);
		ensure(tags_turn(&t, &in, end == n, &to, &work, &is_done) == RULES_FAULT_NONE);
		made = (uint32_t)(to.p - out);
		at = (uint32_t)(in.p - page);
	}
	return made;
}

static uint32_t
search(uint32_t n, const struct rules_code *with, struct cuts cuts, uint8_t *out,
       enum rules_fault *ret_fault)
{
	static struct stream s;
	uint32_t at = 0, made = 0, group_n;
	bool is_done = false;

	pcre2_pattern_info(with->code, PCRE2_INFO_CAPTURECOUNT, &group_n);
	stream_init(&s, with, group_n, 0, on_match, NULL);
	s.context = context;
	s.captures = captures;
	*ret_fault = RULES_FAULT_NONE;
	while (!is_done && *ret_fault == RULES_FAULT_NONE) {
		uint32_t take;
		uint8_t *to = stream_room(&s, &take);
		struct sink sink = { out + made, cuts.room };
		int64_t work = 1 << 16;

		take = take < cuts.step ? take : cuts.step;
		take = take < n - at ? take : n - at;
		memcpy(to, page + at, take);
		stream_added(&s, take);
		at += take;
		ensure(made + cuts.room <= ROOM);
		*ret_fault = stream_turn(&s, at == n, &sink, &work, &is_done);
		made = (uint32_t)(sink.p - out);
	}
	return made;
}

static void
open_all(void)
{
	context = pcre2_match_context_create(NULL);
	captures = pcre2_match_data_create(RULES_REFS, NULL);
	for (uint32_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		struct slice regex = slice_of(patterns[i], (uint32_t)strlen(patterns[i]));
		PCRE2_SIZE at;
		int error;

		reach_read(regex, true, &code[i]);
		code[i].hops = code[i].sweeps && hop_reads(regex);
		code[i].code = pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED,
					     REGEX_OPTIONS | PCRE2_CASELESS, &error, &at, NULL);
		ensure(code[i].code != NULL);
		if (strstr(patterns[i], "\\1") == NULL)
			pcre2_jit_compile(code[i].code,
					  PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
	}
}

static uint32_t
page_make(const uint8_t *data, size_t n, bool is_pieces)
{
	uint32_t at = 0;

	for (size_t i = 0; i < n && at < PAGE_MAX; i++) {
		const char *s = piece[data[i] % (sizeof(piece) / sizeof(*piece))];

		if (!is_pieces)
			page[at++] = data[i];
		while (is_pieces && *s != 0)
			page[at++] = (uint8_t)*s++;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct tags_want want[] = {
		{ { (const uint8_t *)"a", 1 }, { (const uint8_t *)"href", 4 }, 1 },
		{ { (const uint8_t *)"img", 3 }, { (const uint8_t *)"src", 3 }, 2 },
	};
	static uint8_t whole[ROOM], parts[ROOM];
	const struct cuts all = { UINT32_MAX, ROOM / 2 };
	struct cuts cuts;
	enum rules_fault a, b;
	uint32_t page_n, whole_n;

	if (n < 3 || n > 1 << 12)
		return 0;
	if (captures == NULL)
		open_all();
	page_n = page_make(data + 3, n - 3, (data[1] & 1) != 0);
	cuts = (struct cuts){ 1 + (data[1] >> 1), 1 + data[2] % 64 };

	ensure(scan(page_n, NULL, 0, cuts, parts) == page_n);
	ensure(memcmp(parts, page, page_n) == 0);
	whole_n = scan(page_n, want, 2, all, whole);
	ensure(scan(page_n, want, 2, cuts, parts) == whole_n);
	ensure(memcmp(whole, parts, whole_n) == 0);

	whole_n = search(page_n, &code[data[0] % PATTERNS], all, whole, &a);
	if (search(page_n, &code[data[0] % PATTERNS], cuts, parts, &b) == whole_n)
		ensure(memcmp(whole, parts, whole_n) == 0);
	else
		ensure(a !=
		       RULES_FAULT_NONE); /* where a fault stops the output depends on the cut */
	ensure(a == b);
	return 0;
}
