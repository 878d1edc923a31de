/*
 * fuzz_rules_path.c - any bytes as a request target and as a substitution: no crash; a canonical
 * path is what path.c says one is, and what section 3.1 comes to, step by step; sent and read
 * again it is the same; what leaves is visible ASCII.
 *
 * Input: a byte of flags, then the target up to the first LF, then the substitution. With flag 1
 * their bytes stand for pieces that URLs are made of.
 */
#include "stand.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "rules/fields.h"
#include "rules/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	TEXT_MAX = 8192,
};

static char target[TEXT_MAX + 8], text[TEXT_MAX + 8];

static const char *const piece[] = {
	"/",   "/",   ".",   "..",  "\\",  "%2F", "%5c", "%2e", "%2E",	"a",	"B",	"%41",
	"?",   "%3F", "#",   "%23", "%25", "%",	  "%C3", "%a4", "\xc3", "\xa4", "%FF",	"\xff",
	"%E2", "%82", "%AC", " ",   "%20", "+",	  "&",	 "=",	":",	"//",	"http", "%c0%af",
	"%F0", "%9F", "%98", "%80", "[",   "|",	  "\"",	 "%0d", "%0a",	"%00",	"@",	"\xc3\xa4",
};

static uint32_t
text_make(char *to, const uint8_t *data, size_t n, bool is_pieces)
{
	uint32_t at = 0;

	for (size_t i = 0; i < n && at < TEXT_MAX; i++) {
		const char *s = piece[data[i] % (sizeof(piece) / sizeof(piece[0]))];

		if (!is_pieces)
			to[at++] = (char)data[i];
		while (is_pieces && *s != 0)
			to[at++] = *s++;
	}
	to[at] = 0;
	return at;
}

static bool
is_visible(struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

/* ---- 3.1 as it is written, one step after another ---- */

static char naive[4 * TEXT_MAX + 8];

static uint32_t
hex_of(char c)
{
	const char *digit = "0123456789abcdef",
		   *at = strchr(digit, c >= 'A' && c <= 'F' ? c | 32 : c);

	return c == 0 || at == NULL ? 16 : (uint32_t)(at - digit);
}

/* Decodes into byte; from[i] and n[i]: what of the target it was. False: malformed. */
static bool
naive_decode(uint32_t path_n, uint8_t *byte, uint32_t *from, uint32_t *n, uint32_t *ret_n)
{
	uint32_t at = 0;

	*ret_n = 0;
	while (at < path_n) {
		uint32_t k = (*ret_n)++, high, low;

		from[k] = at;
		n[k] = target[at] == '%' ? 3 : 1;
		byte[k] = (uint8_t)target[at];
		if (n[k] == 3) {
			high = at + 1 < path_n ? hex_of(target[at + 1]) : 16;
			low = at + 2 < path_n ? hex_of(target[at + 2]) : 16;
			if (high > 15 || low > 15)
				return false;
			byte[k] = (uint8_t)(high * 16 + low);
		}
		if (byte[k] == 0)
			return false;
		at += n[k];
	}
	return true;
}

static uint32_t
naive_text(const uint8_t *byte, const uint32_t *from, const uint32_t *n, uint32_t all)
{
	uint32_t at = 0, c;

	for (uint32_t k = 0, len; k < all; k += len == 0 ? 1 : len) {
		len = utf8_parse(byte + k, all - k, &c);
		for (uint32_t i = 0; i < len; i++)
			naive[at++] = byte[k + i] == '\\' ? '/' : (char)byte[k + i];
		for (uint32_t i = 0; len == 0 && n[k] == 3 && i < 3; i++)
			naive[at++] = target[from[k] + i];
		if (len == 0 && n[k] == 1) {
			naive[at++] = '%';
			naive[at++] = "0123456789ABCDEF"[byte[k] >> 4];
			naive[at++] = "0123456789ABCDEF"[byte[k] & 15];
		}
	}
	return at;
}

/* Takes naive[at] to naive[at + n - 1] out. */
static uint32_t
naive_cut(uint32_t all, uint32_t at, uint32_t n)
{
	memmove(naive + at, naive + at + n, all - at - n);
	return all - n;
}

static bool
naive_is(uint32_t all, uint32_t at, const char *what)
{
	uint32_t n = (uint32_t)strlen(what);

	return all - at >= n && memcmp(naive + at, what, n) == 0 &&
	       (all - at == n || naive[at + n] == '/');
}

/* False: the target is malformed. */
static bool
naive_canonical(uint32_t path_n, uint32_t *ret_n)
{
	static uint8_t byte[TEXT_MAX + 8];
	static uint32_t from[TEXT_MAX + 8], n[TEXT_MAX + 8];
	uint32_t all;

	if (!naive_decode(path_n, byte, from, n, &all))
		return false;
	all = naive_text(byte, from, n, all);
	if (all == 0 || naive[0] != '/') {
		memmove(naive + 1, naive, all++);
		naive[0] = '/';
	}
	for (uint32_t i = 0; i + 1 < all;)
		if (naive[i] == '/' && naive[i + 1] == '/')
			all = naive_cut(all, i, 1);
		else
			i++;
	for (uint32_t i = 0; i < all;) {
		uint32_t up = i;

		if (naive_is(all, i, "/.")) {
			/* the last one leaves its slash */
			all = all - i == 2 ? all - 1 : naive_cut(all, i, 2);
			continue;
		}
		if (!naive_is(all, i, "/..")) {
			i++;
			continue;
		}
		while (up > 0 && naive[--up] != '/') {
		}
		all = all - i == 3 ? naive_cut(all, up, i - up + 2)
				   : naive_cut(all, up, i - up + 3);
		if (naive[all - 1] == '.' && all == up + 1)
			naive[up] = '/';
		i = up;
	}
	*ret_n = all;
	return true;
}

/* ---- 3.1 ---- */

static void
check_canonical(struct slice path)
{
	uint32_t c;

	ensure(path.n > 0 && path.p[0] == '/');
	for (uint32_t i = 0, n; i < path.n; i += n) {
		n = utf8_parse(path.p + i, path.n - i, &c);
		ensure(n > 0 && c != 0 && c != '\\');
	}
	for (uint32_t i = 0; i + 1 < path.n; i++) {
		uint32_t left = path.n - i - 1;
		const uint8_t *p = path.p + i + 1;

		if (path.p[i] != '/')
			continue;
		ensure(p[0] != '/');
		ensure(!(p[0] == '.' && (left == 1 || p[1] == '/')));
		ensure(!(left >= 2 && p[0] == '.' && p[1] == '.' && (left == 2 || p[2] == '/')));
	}
}

static struct slice
sent(struct stand *s, struct slice path, uint32_t rule)
{
	struct put t = put_begin(s->lane, &s->lane->keep);

	path_put(&t, path, rule);
	ensure(t.fault == RULES_FAULT_NONE);
	return put_text(&t);
}

/* A copy that the next target does not overwrite. */
static char *
kept(struct slice s)
{
	char *p = malloc(s.n + 1u);

	ensure(p != NULL);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return p;
}

/* What was sent is read again: the same path; sent again: the same bytes. */
static void
check_again(struct slice path, struct slice out, uint32_t rule)
{
	char *want = kept(path), *way = kept(out);
	struct stand *s = stand_raw(way, out.n);
	struct rules_url again;

	ensure(path_canonical(s->lane, s->subject.target, &again) == RULES_FAULT_NONE);
	ensure(!again.has_query);
	ensure(slice_eq(again.path, slice_of(want, path.n)));
	ensure(slice_eq(sent(s, again.path, rule), slice_of(way, out.n)));
	free(want);
	free(way);
}

/* As http/ lets targets pass. */
static bool
is_sendable(struct slice s)
{
	return is_visible(s) && (s.n == 0 || memchr(s.p, '#', s.n) == NULL);
}

static void
check_path(uint32_t n, uint32_t rule)
{
	struct stand *s = stand_raw(target, n);
	const char *mark = memchr(target, '?', n);
	uint32_t path_n = mark == NULL ? n : (uint32_t)(mark - target), naive_n;
	struct rules_url url;
	struct slice out;
	enum rules_fault fault = path_canonical(s->lane, s->subject.target, &url);

	ensure(fault == RULES_FAULT_NONE || fault == RULES_FAULT_TARGET);
	ensure(naive_canonical(path_n, &naive_n) == (fault == RULES_FAULT_NONE));
	if (fault != RULES_FAULT_NONE)
		return;
	ensure(slice_eq(url.path, slice_of(naive, naive_n)));
	ensure(url.has_query == (mark != NULL));
	if (mark != NULL)
		ensure(slice_eq(url.query, slice_of(mark + 1, n - path_n - 1)));
	check_canonical(url.path);
	out = sent(s, url.path, rule);
	ensure(rule != 0 || is_visible(out));
	/* Its own spelling, when nothing was collapsed or resolved. */
	if (rule == PATH_SPELLING && out.n == path_n && is_sendable(slice_of(target, n)) &&
	    target[0] == '/')
		ensure(slice_eq(out, slice_of(target, path_n)));
	check_again(url.path, out, rule);
}

/* ---- 12 ---- */

static bool
has_break(struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] == 0 || s.p[i] == '\r' || s.p[i] == '\n')
			return true;
	return false;
}

static void
check_action(uint32_t target_n, uint32_t text_n, enum img_action action, const char *url,
	     uint32_t flags)
{
	struct stand *s = stand_raw(target, target_n);
	bool ends;

	if (path_canonical(s->lane, s->subject.target, &s->lane->original) != RULES_FAULT_NONE)
		return;
	s->lane->url = s->lane->original;
	s->scope->flags = flags;
	s->rule.action = action;
	s->rule.url_expr_i = stand_expr(s, url);
	s->line[s->line_n++] = (struct rules_line){ SLICE("x"), slice_of(text, text_n) };
	stand_r(s, 0, NULL);
	if (action_do(s->lane, &s->rule, &ends) != RULES_FAULT_NONE)
		return;
	if (action == IMG_ACTION_REDIRECT) {
		ensure(!has_break(s->verdict.location));
		ensure(flags != 0 || is_visible(s->verdict.location) ||
		       !is_sendable(slice_of(target, target_n)));
		return;
	}
	ensure(s->lane->url.path.n > 0 && s->lane->url.path.p[0] == '/');
	ensure(action_finish(s->lane) == RULES_FAULT_NONE);
	ensure(s->verdict.target.n > 0 && s->verdict.target.p[0] == '/');
	ensure(!has_break(s->verdict.target) && is_visible(s->verdict.host));
	ensure(memchr(s->verdict.target.p, ' ', s->verdict.target.n) == NULL);
	ensure(memchr(s->verdict.target.p, '#', s->verdict.target.n) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const url[] = { "{HTTP_X}", "http://app/{R:0}{HTTP_X}", "/{HTTP_X}{R:0}",
					   "http://app{UNENCODED_URL}", "{ToLower:{R:0}{HTTP_X}}" };
	static const uint32_t flags[] = { 0, IMG_SCOPE_RAW_ENCODING, IMG_SCOPE_KEEP_SPELLING };
	const uint8_t *end;
	uint32_t target_n, text_n = 0;
	uint8_t how = size > 0 ? data[0] : 0;

	if (size == 0)
		return 0;
	data++;
	size--;
	end = memchr(data, '\n', size);
	target_n = text_make(target, data, end == NULL ? size : (size_t)(end - data), how & 1);
	if (end != NULL)
		text_n = text_make(text, end + 1, size - (size_t)(end - data) - 1, how & 1);
	check_path(target_n, 0);
	check_path(target_n, PATH_SPELLING);
	check_action(target_n, text_n, how & 2 ? IMG_ACTION_REWRITE : IMG_ACTION_REDIRECT,
		     url[(how >> 2) % 5], flags[(how >> 5) % 3]);
	return 0;
}
