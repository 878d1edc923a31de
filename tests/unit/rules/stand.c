/*
 * stand.c - see stand.h.
 */
#include "stand.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/build.h"
#include "abi/map.h"
#include "base/hash.h"

enum {
	TEXT_MAX = 1 << 20,
	OPS_MAX = 4096,
	EXPRS_MAX = 1024,
	SETS_MAX = 128,
	MAPS = 4,
	FARMS = 2,
	SLOTS = 8,
	POISON = 16 << 10,
};

static struct stand stand;
static struct img img;
static struct rules rules;
static struct rules_lane lane;
static struct img_op op[OPS_MAX];
static struct img_expr expr[EXPRS_MAX];
static struct img_set set[SETS_MAX];
static struct img_map map[MAPS];
static struct img_farm farm[FARMS];
static struct img_scope scope;
static char text[TEXT_MAX];
static uint32_t text_n, op_n, expr_n, set_n;
static uint32_t farm_slot[SLOTS];
static struct rules_blob blob[MAPS];
static const char *const map_name[MAPS] = { "Map", "Case", "Parts", "Empty" };

static struct img_str
str(const char *s, size_t n)
{
	struct img_str r = { text_n, (uint32_t)n };

	assert_true(n < TEXT_MAX - text_n);
	if (n > 0)
		memcpy(text + text_n, s, n);
	text[text_n + n] = 0;
	text_n += (uint32_t)n + 1;
	return r;
}

static void
table(enum img_section_id id, const void *base, uint32_t n, uint32_t stride)
{
	img.table[id] = (struct img_table){ .base = base, .n = n, .stride = stride };
}

/* ---- maps ---- */

static void
map_make(uint32_t i, const struct map_pair *pair, uint32_t n)
{
	void *bytes;
	size_t bytes_n;

	assert_true(map_build(pair, n, realloc, &bytes, &bytes_n));
	blob[i] = (struct rules_blob){ .p = bytes, .n = bytes_n };
	map[i].blob_i = i;
}

static void
maps_make(void)
{
#define PAIR(k, v)                                                                                 \
	{                                                                                          \
		.key = k, .key_n = sizeof(k) - 1, .value = v, .value_n = sizeof(v) - 1             \
	}
	static const struct map_pair keys[] = { PAIR("old", "/new/1"), PAIR("\xc3\xa4", "umlaut"),
						PAIR("twice", "first"), PAIR("twice", "second") };
	static const struct map_pair with_case[] = { PAIR("Key", "value") };
	static const struct map_pair parts[] = { PAIR("admin", ""), PAIR("adm", ""), PAIR("x", ""),
						 PAIR("long-part", "") };
#undef PAIR
	struct abi_fault fault;

	map_make(0, keys, 4);
	map_make(1, with_case, 1);
	map_make(2, parts, 4);
	map[0].flags = map[2].flags = IMG_MAP_CASELESS;
	map[2].kind = IMG_MAP_CONTAINS;
	map[3].blob_i = IMG_NONE;
	rules.blob = blob;
	assert_true(maps_open(&rules, &fault));
}

/* ---- the stand ---- */

static bool
line_at(const void *ctx, bool is_response, struct slice name, uint32_t nth,
	struct rules_line *ret_line)
{
	const struct stand *s = ctx;
	const struct rules_line *line = is_response ? s->answer : s->line;
	uint32_t n = is_response ? s->answer_n : s->line_n;

	for (uint32_t i = 0; i < n; i++) {
		if (name.n > 0 && !slice_eq_nocase(name, line[i].name))
			continue;
		if (nth-- == 0) {
			*ret_line = line[i];
			return true;
		}
	}
	return false;
}

static void
farms_make(void)
{
	static const char *const name[FARMS] = { "app", "plain:8080" };
	static const struct hash_key key;

	memset(farm_slot, 0, sizeof(farm_slot));
	for (uint32_t i = 0; i < FARMS; i++) {
		uint32_t at = (uint32_t)hash_sip13(&key, name[i], strlen(name[i])) % SLOTS;

		while (farm_slot[at] != 0)
			at = (at + 1) % SLOTS;
		farm_slot[at] = i + 1;
		farm[i].name = str(name[i], strlen(name[i]));
	}
	rules.farm_slot = farm_slot;
	rules.farm_slot_n = SLOTS;
}

static void
image_make(void)
{
	text_n = op_n = expr_n = set_n = 0;
	table(IMG_STRINGS, text, TEXT_MAX, 1);
	table(IMG_OPS, op, OPS_MAX, sizeof(op[0]));
	table(IMG_EXPRS, expr, EXPRS_MAX, sizeof(expr[0]));
	table(IMG_SETS, set, SETS_MAX, sizeof(set[0]));
	table(IMG_MAPS, map, MAPS, sizeof(map[0]));
	table(IMG_FARMS, farm, FARMS, sizeof(farm[0]));
	table(IMG_SCOPES, &scope, 1, sizeof(scope));
	rules.img = &img;
	rules.grow = realloc;
	scope = (struct img_scope){ .kind = IMG_SCOPE_LOCAL, .folder = str("/", 1) };
	farms_make();
	if (rules.map == NULL)
		maps_make();
	map[0].absent = str("none", 4);
}

static struct arena
arena_make(struct arena a, uint32_t room)
{
	uint32_t spoilt = POISON;

	if (a.p == NULL) {
		a.p = malloc(room);
		a.mark = malloc(room);
		spoilt = room;
	}
	memset(a.p, 0xee, spoilt);
	memset(a.mark, 0xff, spoilt); /* nobody may trust what was there */
	return (struct arena){ .p = a.p, .mark = a.mark, .room = room };
}

struct stand *
stand_raw(const char *target, uint32_t n)
{
	static const uint8_t client[4] = { 192, 0, 2, 7 }, local[4] = { 10, 0, 0, 1 };

	image_make();
	lane = (struct rules_lane){
		.rules = &rules,
		.img = &img,
		.keep = arena_make(lane.keep, RULES_KEEP_BYTES),
		.brief = arena_make(lane.brief, RULES_BRIEF_BYTES),
		.scope = &scope,
		.work_left = 1 << 20,
	};
	stand = (struct stand){ .lane = &lane, .scope = &scope };
	stand.subject = (struct rules_subject){
		.ctx = &stand,
		.line = line_at,
		.method = SLICE("GET"),
		.target = slice_of(target, n),
		.host = SLICE("www.example.com"),
		.protocol = SLICE("HTTP/1.1"),
		.client = ip_from_v4(client),
		.local = ip_from_v4(local),
		.client_port = 40000,
		.local_port = 80,
	};
	stand.rule = (struct img_rule){ .flags = IMG_RULE_APPEND_QUERY,
					.url_expr_i = IMG_NONE,
					.reason_expr_i = IMG_NONE,
					.body_expr_i = IMG_NONE,
					.farm_i = IMG_NONE };
	stand.verdict = (struct rules_verdict){ .rule_i = IMG_NONE, .farm_i = IMG_NONE };
	lane.subject = &stand.subject;
	lane.verdict = &stand.verdict;
	return &stand;
}

struct stand *
stand_get(const char *target)
{
	struct stand *s = stand_raw(target, (uint32_t)strlen(target));

	assert_int_equal(path_canonical(&lane, s->subject.target, &lane.original),
			 RULES_FAULT_NONE);
	lane.url = lane.original;
	return s;
}

static struct slice
slice_str(const char *s)
{
	struct img_str at = str(s, strlen(s));

	return slice_of(text + at.offset, at.n);
}

void
stand_line(struct stand *s, const char *name, const char *value)
{
	assert_true(s->line_n < STAND_LINES_MAX);
	s->line[s->line_n++] = (struct rules_line){ slice_str(name), slice_str(value) };
}

void
stand_answer(struct stand *s, const char *name, const char *value)
{
	assert_true(s->answer_n < STAND_LINES_MAX);
	s->answer[s->answer_n++] = (struct rules_line){ slice_str(name), slice_str(value) };
}

/* ---- expressions ---- */

static void
op_add(enum img_op_kind kind, uint32_t arg, struct img_str s)
{
	assert_true(op_n < OPS_MAX);
	op[op_n++] = (struct img_op){ .kind = kind, .arg = arg, .text = s };
}

static struct img_str
header_str(const char *s, size_t n)
{
	char lower[256];

	assert_true(n < sizeof(lower));
	for (size_t i = 0; i < n; i++)
		lower[i] = s[i] == '_' ? '-' : (char)tolower((unsigned char)s[i]);
	return str(lower, n);
}

static void
name_add(const char *s, size_t n)
{
	enum rules_variable v = rules_variable_of(slice_of(s, (uint32_t)n));

	if (v != RULES_VARIABLE_NONE)
		op_add(IMG_OP_VARIABLE, v, str("", 0));
	else if (n > 5 && memcmp(s, "HTTP_", 5) == 0)
		op_add(IMG_OP_REQUEST_FIELD, 0, header_str(s + 5, n - 5));
	else if (n > 9 && memcmp(s, "RESPONSE_", 9) == 0)
		op_add(IMG_OP_RESPONSE_FIELD, 0, header_str(s + 9, n - 9));
	else if (n > 7 && memcmp(s, "COOKIE_", 7) == 0)
		op_add(IMG_OP_COOKIE, 0, str(s + 7, n - 7));
	else
		op_add(IMG_OP_CUSTOM, 0, str(s, n));
}

static void
call_add(const char *s, size_t n)
{
	static const struct {
		const char *name;
		enum img_op_kind kind;
	} function[] = {
		{ "ToLower", IMG_OP_TO_LOWER },
		{ "UrlEncode", IMG_OP_URL_ENCODE },
		{ "UrlDecode", IMG_OP_URL_DECODE },
		{ "HtmlEncode", IMG_OP_HTML_ENCODE },
	};

	for (uint32_t i = 0; i < 4; i++) {
		if (strlen(function[i].name) == n && memcmp(function[i].name, s, n) == 0)
			op_add(function[i].kind, 0, str("", 0));
		if (strlen(map_name[i]) == n && memcmp(map_name[i], s, n) == 0)
			op_add(IMG_OP_MAP, i, str("", 0));
	}
}

/* Up to a '}' when it is inside braces; returns what follows. */
static const char *
parse(const char *s, bool is_inside)
{
	while (*s != 0 && !(is_inside && *s == '}')) {
		size_t n = strcspn(s, is_inside ? "{}" : "{");

		if (n > 0) {
			op_add(IMG_OP_TEXT, 0, str(s, n));
			s += n;
			continue;
		}
		s++;
		n = strcspn(s, ":}");
		if (s[n] == '}') {
			name_add(s, n);
			s += n + 1;
		} else if (n == 1 && (s[0] == 'R' || s[0] == 'C')) {
			op_add(s[0] == 'R' ? IMG_OP_R : IMG_OP_C, (uint32_t)(s[2] - '0'),
			       str("", 0));
			s += 4;
		} else {
			const char *name = s;

			op_add(IMG_OP_OPEN, 0, str("", 0));
			s = parse(s + n + 1, true) + 1;
			call_add(name, n);
		}
	}
	return s;
}

uint32_t
stand_expr(struct stand *s, const char *e)
{
	(void)s;
	assert_true(expr_n < EXPRS_MAX);
	expr[expr_n] = (struct img_expr){ .first_op = op_n };
	parse(e, false);
	expr[expr_n].op_n = op_n - expr[expr_n].first_op;
	return expr_n++;
}

void
stand_set(struct stand *s, enum img_set_kind kind, const char *name, const char *value,
	  bool replaces)
{
	assert_true(set_n < SETS_MAX);
	if (s->rule.set_n++ == 0)
		s->rule.first_set = set_n;
	set[set_n] = (struct img_set){ .kind = kind,
				       .flags = replaces ? IMG_SET_REPLACE : 0,
				       .name = str(name, strlen(name)) };
	set[set_n++].expr_i = stand_expr(s, value);
}

void
stand_r(struct stand *s, uint32_t i, const char *part)
{
	struct slice folder = slice_of(text + s->scope->folder.offset, s->scope->folder.n);
	struct rules_refs *r = &s->lane->r;
	struct slice input;
	const uint8_t *at;

	assert_true(path_input(s->lane->url.path, folder, &input));
	r->s[0] = input;
	r->n = r->n > i ? r->n : i + 1;
	if (i == 0)
		return;
	at = part[0] == 0 ? input.p : memmem(input.p, input.n, part, strlen(part));
	assert_non_null(at);
	r->s[i] = slice_of(at, (uint32_t)strlen(part));
}

void
stand_c(struct stand *s, uint32_t i, const char *t)
{
	struct rules_refs *c = &s->lane->c;

	c->n = c->n > i ? c->n : i + 1;
	c->s[i] = slice_str(t);
}

void
assert_slice(struct slice s, const char *want)
{
	char got[4096];

	assert_true(s.n < sizeof(got));
	memcpy(got, s.p == NULL ? (const uint8_t *)"" : s.p, s.n);
	got[s.n] = 0;
	assert_string_equal(got, want);
	assert_int_equal(s.n, strlen(want));
}

struct slice
stand_value(struct stand *s, const char *e)
{
	struct slice value;

	assert_int_equal(expr_expand(s->lane, &s->lane->brief, stand_expr(s, e), &value),
			 RULES_FAULT_NONE);
	return value;
}

enum rules_fault
stand_fault(struct stand *s, const char *e)
{
	struct slice value;

	return expr_expand(s->lane, &s->lane->brief, stand_expr(s, e), &value);
}

void
stand_check(struct stand *s, const struct value_row *row, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		char joined[64] = "<";
		struct slice v;

		assert_value(s, row[i].expr, row[i].value);
		strcat(strcat(joined, row[i].expr), ">");
		v = stand_value(s, joined);
		assert_slice(slice_of(v.p + 1, v.n - 2), row[i].value);
	}
}
