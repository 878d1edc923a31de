/*
 * image_rules.h - the sections of an image that hold rules: URL Rewrite's, and our own in the same
 * words. Part of image.h, which includes it.
 *
 * A listener binds scopes. A scope is a list of rules that run one after another; its inputs are
 * the strings that they look at. All patterns of an input lie together in the section of patterns:
 * pattern first_pattern + i is number i of the input's scan database, so that one scan of the
 * string tells which of them may match. What a pattern's number says is a "may": the regular
 * expression decides, but for IMG_PATTERN_EXACT. Numbers in comments are of the rules' reference.
 *
 * Rules, inputs, patterns, conditions, sets, preconditions and tags belong to one scope each: the
 * ranges follow each other without a gap in the order of the scopes, and within a scope conditions
 * are those of its preconditions, then of its rules; likewise expressions own their ops.
 */
#ifndef PENSTOCK_ABI_IMAGE_RULES_H
#define PENSTOCK_ABI_IMAGE_RULES_H

#include <stdint.h>

#include "abi/addr.h"
#include "abi/image_str.h"

enum {
	IMG_RULES_MAX = 16384, /* inbound and outbound, of all sets; also rule slots */
	IMG_SCOPES_MAX = 4096,
	IMG_BINDS_MAX = 65536,
	IMG_CONDS_MAX = 1 << 17,
	IMG_INPUTS_MAX = 1 << 15,
	IMG_PATTERNS_MAX = 1 << 17,
	IMG_PATTERN_BYTES = 64 << 10, /* of one regular expression */
	IMG_EXPRS_MAX = 1 << 18,
	IMG_OPS_MAX = 1 << 20,
	IMG_OPEN_MAX = 32, /* IMG_OP_OPENs that one expression nests */
	IMG_REFS_MAX = 10, /* {R:0} to {R:9}, {C:0} to {C:9} */
	IMG_SETS_MAX = 1 << 17,
	IMG_RULE_NAME_MAX = 255,
	IMG_FOLDER_MAX = 4095,
	IMG_COND_NETS_MAX = 4096,
	IMG_RULE_SETS_MAX = 64, /* variables that one rule sets */
	IMG_MAPS_MAX = 1024,
	IMG_PRES_MAX = 4096,
	IMG_TAGS_MAX = 4096,
	IMG_NETS_MAX = 1 << 16,
	IMG_EXCEPTS_MAX = 1 << 16,
	IMG_SCOPE_EXCEPTS_MAX = 4096,
};

/* ---- words ---- */

/* clang-format off */
#define IMG_SCOPE_LIST(x) x(GLOBAL, global) x(LOCAL, distributed) x(OUTBOUND, outbound)
#define IMG_SYNTAX_LIST(x) x(REGEX, ECMAScript) x(WILDCARD, Wildcard) x(EXACT, ExactMatch)
#define IMG_ACTION_LIST(x)                                                                         \
	x(NONE, None) x(REWRITE, Rewrite) x(REDIRECT, Redirect) x(RESPOND, CustomResponse)         \
	x(ABORT, AbortRequest) x(FARM, Farm)
#define IMG_COND_LIST(x)                                                                           \
	x(PATTERN, Pattern) x(FILE, IsFile) x(DIRECTORY, IsDirectory) x(NETWORK, Network)
#define IMG_INPUT_LIST(x) x(PATH, path) x(EXPR, expression) x(VALUE, value)
#define IMG_OP_LIST(x)                                                                             \
	x(TEXT, text) x(VARIABLE, variable) x(REQUEST_FIELD, request_field)                        \
	x(RESPONSE_FIELD, response_field) x(COOKIE, cookie) x(CUSTOM, custom) x(R, r) x(C, c)      \
	x(OPEN, open) x(TO_LOWER, ToLower) x(URL_ENCODE, UrlEncode) x(URL_DECODE, UrlDecode)       \
	x(HTML_ENCODE, HtmlEncode) x(MAP, map)
#define IMG_SET_LIST(x)                                                                            \
	x(REQUEST_FIELD, request_field) x(VARIABLE, variable) x(RESPONSE_FIELD, response_field)
#define IMG_MAP_LIST(x) x(KEYS, keys) x(CONTAINS, contains)
#define IMG_OUT_LIST(x) x(VARIABLE, variable) x(TAGS, tags) x(BODY, body)
/* clang-format on */

/* Which rules they are (url-rewrite.md, 1.1): global ones, those of a folder, outbound ones. */
enum img_scope_kind {
#define X(name, word) IMG_SCOPE_##name,
	IMG_SCOPE_LIST(X)
#undef X
	IMG_SCOPES_KINDS
};

enum img_syntax {
#define X(name, word) IMG_SYNTAX_##name,
	IMG_SYNTAX_LIST(X)
#undef X
	IMG_SYNTAXES
};

enum img_action {
#define X(name, word) IMG_ACTION_##name,
	IMG_ACTION_LIST(X)
#undef X
	IMG_ACTIONS
};

enum img_cond_kind {
#define X(name, word) IMG_COND_##name,
	IMG_COND_LIST(X)
#undef X
	IMG_CONDS_KINDS
};

/* The string that patterns are matched against: the path as its scope sees it (3.2), an expression,
 * or, outbound, the value or body that the rule is about. */
enum img_input_kind {
#define X(name, word) IMG_INPUT_##name,
	IMG_INPUT_LIST(X)
#undef X
	IMG_INPUTS_KINDS
};

/*
 * A step of an expression: appends a text, or (from TO_LOWER on) replaces what was appended since
 * the latest OPEN by the function of it.
 */
enum img_op_kind {
#define X(name, word) IMG_OP_##name,
	IMG_OP_LIST(X)
#undef X
	IMG_OPS_KINDS
};

/* A request header, a variable of the rules' own, a response header. */
enum img_set_kind {
#define X(name, word) IMG_SET_##name,
	IMG_SET_LIST(X)
#undef X
	IMG_SETS_KINDS
};

/* A map by key; or the first of its keys that the text contains (FileContainsProvider). */
enum img_map_kind {
#define X(name, word) IMG_MAP_##name,
	IMG_MAP_LIST(X)
#undef X
	IMG_MAPS_KINDS
};

/* What an outbound rule is about (14.1). */
enum img_out_kind {
#define X(name, word) IMG_OUT_##name,
	IMG_OUT_LIST(X)
#undef X
	IMG_OUTS_KINDS
};

/* The word of the list, "unknown" outside it. */
const char *img_scope_kind_name(uint32_t v);
const char *img_syntax_name(uint32_t v);
const char *img_action_name(uint32_t v);
const char *img_cond_kind_name(uint32_t v);
const char *img_input_kind_name(uint32_t v);
const char *img_op_kind_name(uint32_t v);
const char *img_set_kind_name(uint32_t v);
const char *img_map_kind_name(uint32_t v);
const char *img_out_kind_name(uint32_t v);

/* ---- records ---- */

/* A scope that a listener runs; in the order of work: global ones first, parents before children. */
struct img_bind {
	uint32_t scope_i;
	uint32_t spare;
};

enum {
	IMG_SCOPE_RAW_ENCODING = 1 << 0,  /* useOriginalURLEncoding="false" (3.4) */
	IMG_SCOPE_BEFORE_CACHE = 1 << 1,  /* rewriteBeforeCache (14.8) */
	IMG_SCOPE_KEEP_SPELLING = 1 << 2, /* back-references into the path keep its escapes (3.4) */
	IMG_SCOPE_FLAGS = IMG_SCOPE_RAW_ENCODING | IMG_SCOPE_BEFORE_CACHE | IMG_SCOPE_KEEP_SPELLING,
};

struct img_scope {
	struct img_str set;    /* the set's name in the configuration */
	struct img_str folder; /* "/", or "/blog" without a last slash; as canonical paths are */
	uint32_t kind;	       /* enum img_scope_kind */
	uint32_t flags;
	uint32_t first_rule, rule_n; /* of rules; OUTBOUND: of out_rules */
	uint32_t first_input, input_n;
	uint32_t first_pre, pre_n;	 /* OUTBOUND: preconditions */
	uint32_t first_except, except_n; /* of excepts: folders below this one, left out */
};

/* A folder whose requests a scope above it is not run for: <clear/>, <remove/> (1.3). */
struct img_except {
	struct img_str folder; /* as img_scope.folder */
};

enum {
	IMG_RULE_NEGATE = 1 << 0,
	IMG_RULE_STOP = 1 << 1,		 /* stopProcessing */
	IMG_RULE_MATCH_ANY = 1 << 2,	 /* conditions: one is enough */
	IMG_RULE_TRACK_ALL = 1 << 3,	 /* trackAllCaptures */
	IMG_RULE_APPEND_QUERY = 1 << 4,	 /* appendQueryString */
	IMG_RULE_LOG_REWRITTEN = 1 << 5, /* logRewrittenUrl */
	IMG_RULE_ALWAYS = 1 << 6,  /* no scan can leave it out: no pattern has it as its gate */
	IMG_RULE_USES_R = 1 << 7,  /* something of the rule refers to {R:n} */
	IMG_RULE_USES_C = 1 << 8,  /* ... to {C:n} */
	IMG_RULE_REPLACE = 1 << 9, /* outbound: an existing value goes */
	IMG_RULE_TAGS_CUSTOM = 1 << 10, /* outbound, TAGS: the custom ones too */
	IMG_RULE_FLAGS = (1 << 11) - 1,
};

struct img_rule {
	uint32_t slot, incarnation;
	struct img_str name;
	struct img_str file; /* where it stands */
	uint32_t line;
	uint32_t flags;
	uint32_t syntax;    /* enum img_syntax */
	uint32_t pattern_i; /* of an input of the scope: the path */
	uint32_t first_cond, cond_n;
	uint32_t first_set, set_n;
	uint32_t action;	    /* enum img_action */
	uint32_t url_expr_i;	    /* REWRITE, REDIRECT; IMG_NONE: not there */
	uint16_t status, substatus; /* REDIRECT, RESPOND */
	uint32_t reason_expr_i;	    /* RESPOND; IMG_NONE: the standard phrase */
	uint32_t body_expr_i;	    /* RESPOND; IMG_NONE: a standard page */
	uint32_t farm_i;	    /* FARM; with NONE and REWRITE too when it is not IMG_NONE */
	uint32_t spare[2];
	uint64_t connect_ns, send_ns, receive_ns; /* instead of the farm's; 0: the farm's */
};

enum {
	IMG_COND_NEGATE = 1 << 0,
	/* One of this and the next of the rule is enough, and so on; no pattern of them is a gate. */
	IMG_COND_OR = 1 << 1,
	IMG_COND_FLAGS = IMG_COND_NEGATE | IMG_COND_OR,
};

struct img_cond {
	uint32_t kind; /* enum img_cond_kind */
	uint32_t flags;
	uint32_t input_i;	   /* PATTERN, FILE, DIRECTORY: an input of the scope */
	uint32_t pattern_i;	   /* PATTERN: one of that input's */
	uint32_t first_net, net_n; /* NETWORK: the client's address is in one of these */
};

enum {
	IMG_INPUT_ON_URL = 1 << 0,  /* its string follows the current URL */
	IMG_INPUT_ON_VARS = 1 << 1, /* ... what rules have set */
	IMG_INPUT_ON_REFS =
		1 << 2,		  /* ... back-references: differs by rule, so it has no database */
	IMG_INPUT_GATES = 1 << 3, /* some pattern is a gate: scan it before the walk */
	IMG_INPUT_FLAGS = (1 << 4) - 1,
};

struct img_input {
	uint32_t kind;	 /* enum img_input_kind */
	uint32_t expr_i; /* EXPR */
	uint32_t first_pattern, pattern_n;
	uint32_t blob_i; /* the scan database; IMG_NONE: each pattern is matched by itself */
	uint32_t flags;
	uint8_t key[32]; /* names what the database was made from, for its maker */
};

enum {
	IMG_PATTERN_CASELESS = 1 << 0,
	/* Matches every string of valid UTF-8, as a whole; group 1, if any, too. Of other strings the
	 * regular expression decides. */
	IMG_PATTERN_ANY = 1 << 1,
	IMG_PATTERN_EXACT = 1 << 2, /* a scan's hit is a match: no regular expression needed */
	/* Is in the database, which is made for the text of rules/scanned.h; one that is not may
	 * always match. */
	IMG_PATTERN_SCANNED = 1 << 3,
	IMG_PATTERN_ONE_LINE = 1 << 4, /* ANY is said of strings without LF only: "." is not one */
	IMG_PATTERN_FLAGS = (1 << 5) - 1,
};

struct img_pattern {
	struct img_str text;  /* as the user wrote it */
	struct img_str regex; /* the same for PCRE2 */
	uint32_t flags;
	uint32_t group_n; /* capture groups, without the whole match */
	uint32_t gate;	  /* rule, from the scope's first, that cannot fire without; or IMG_NONE */
	uint32_t spare;
};

enum {
	IMG_EXPR_FLAGS = IMG_INPUT_ON_URL | IMG_INPUT_ON_VARS | IMG_INPUT_ON_REFS,
};

struct img_expr {
	struct img_str text; /* as the user wrote it */
	uint32_t first_op, op_n;
	uint32_t flags; /* IMG_INPUT_ON_… */
	uint32_t spare;
};

/*
 * TEXT: text. VARIABLE: arg is a variable of rules/rules.h, unknown ones are empty. *_FIELD: text
 * is the header's name in lower case, with '-'. COOKIE, CUSTOM: text is the name; CUSTOM in upper
 * case, with '_'. R, C: arg is the index, below IMG_REFS_MAX. MAP: arg is the map.
 */
struct img_op {
	uint32_t kind; /* enum img_op_kind */
	uint32_t arg;
	struct img_str text;
};

enum {
	IMG_SET_REPLACE = 1 << 0, /* an existing value goes */
	IMG_SET_REFUSED = 1 << 1, /* not in allowedServerVariables: a fault when it comes to it */
	IMG_SET_FLAGS = IMG_SET_REPLACE | IMG_SET_REFUSED,
};

/* Sets a header or variable of the request (13); an empty value removes the header. */
struct img_set {
	uint32_t kind; /* enum img_set_kind */
	uint32_t flags;
	struct img_str name; /* of a header: as it goes out; else as in img_op */
	uint32_t expr_i;
	uint32_t spare;
};

enum {
	IMG_MAP_CASELESS = 1 << 0,
	IMG_MAP_FLAGS = IMG_MAP_CASELESS,
};

struct img_map {
	struct img_str name;
	struct img_str absent; /* the value of a key that is not there */
	uint32_t kind;	       /* enum img_map_kind */
	uint32_t flags;
	uint32_t blob_i; /* abi/map.h; IMG_NONE: no keys */
	uint32_t spare;
};

enum {
	IMG_PRE_MATCH_ANY = 1 << 0,
	IMG_PRE_FLAGS = IMG_PRE_MATCH_ANY,
};

/* A precondition (14.2). */
struct img_pre {
	struct img_str name;
	uint32_t flags;
	uint32_t first_cond, cond_n;
	uint32_t spare;
};

enum {
	IMG_TAGS_STANDARD =
		11, /* A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, Script */
};

/* An outbound rule (14); flags are IMG_RULE_…. */
struct img_out_rule {
	uint32_t slot, incarnation;
	struct img_str name;
	struct img_str file;
	uint32_t line;
	uint32_t flags;
	uint32_t syntax;
	uint32_t kind;	/* enum img_out_kind */
	uint32_t pre_i; /* of pres; IMG_NONE: none */
	uint32_t
		variable_kind; /* VARIABLE: enum img_op_kind: RESPONSE_FIELD, REQUEST_FIELD, CUSTOM */
	struct img_str variable;   /* VARIABLE: its name, as in img_op */
	uint32_t tags;		   /* TAGS: bit i: standard tag i, in the order above */
	uint32_t first_tag, tag_n; /* TAGS: custom ones */
	uint32_t pattern_i;
	uint32_t occurrences; /* BODY: so many at most; 0: all */
	uint32_t first_cond, cond_n;
	uint32_t action; /* enum img_action: NONE or REWRITE */
	uint32_t value_expr_i;
	uint32_t spare;
};

/* A custom tag and one attribute of it, in lower case. */
struct img_tag {
	struct img_str tag, attribute;
};

/* A network of client addresses. */
struct img_net {
	struct ip_addr ip; /* host bits zero */
	uint32_t prefix;   /* bits of the family */
	uint32_t spare;
};

#endif
