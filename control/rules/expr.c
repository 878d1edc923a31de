/*
 * expr.c - the text of an expression to ops of the image (8): literals, variables,
 * back-references, functions and maps.
 *
 *   expression = *( literal / "{" name "}" / "{" name ":" expression "}" )
 *
 * Knows names, not values. A '}' outside braces is literal; what an expansion gives is not looked
 * at again. Whether an index has a group behind it is refs.c's.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "rules/parts.h"
#include "rules/rules.h"

struct parser {
	struct making *m;
	const struct whose *w;
	const char *what;
	struct expr *expr;
	const char *at; /* what comes next */
	uint32_t room;	/* of ops */
	uint32_t depth;
};

static bool parse_parts(struct parser *p);

/* ---- names ---- */

char *
name_of_variable(struct arena *arena, const char *name, size_t n)
{
	char *text = arena_text(arena, name, n);

	for (size_t i = 0; i < n; i++)
		text[i] = text[i] == '-' ? '_' : (char)toupper((unsigned char)text[i]);
	return text;
}

char *
name_of_header(struct arena *arena, const char *name, size_t n)
{
	char *text = arena_text(arena, name, n);

	for (size_t i = 0; i < n; i++)
		text[i] = text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
	return text;
}

char *
name_of_line(struct arena *arena, const char *name, size_t n)
{
	char *text = arena_text(arena, name, n);
	bool has_small = false, is_first = true;

	for (size_t i = 0; i < n; i++)
		has_small |= islower((unsigned char)text[i]) != 0;
	for (size_t i = 0; i < n; i++) {
		text[i] = text[i] == '_' ? '-' : text[i];
		if (!has_small && !is_first)
			text[i] = (char)tolower((unsigned char)text[i]);
		is_first = text[i] == '-';
	}
	return text;
}

static bool
is_word(const char *name, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(name, word, n) == 0;
}

static bool
begins(const char *name, size_t n, const char *prefix)
{
	size_t prefix_n = strlen(prefix);

	for (size_t i = 0; i < prefix_n; i++) {
		char c = i < n ? name[i] : '\0';

		if (toupper((unsigned char)(c == '-' ? '_' : c)) != prefix[i])
			return false;
	}
	return n > prefix_n;
}

/* ---- ops ---- */

static void
op_add(struct parser *p, struct expr_op op)
{
	struct expr *expr = p->expr;

	if (expr->op_n == p->room) {
		struct expr_op *more;

		p->room = p->room == 0 ? 8 : p->room * 2;
		more = arena_take(&p->m->arena, p->room * sizeof(*more));
		if (expr->op_n > 0)
			memcpy(more, expr->op, expr->op_n * sizeof(*more));
		expr->op = more;
	}
	expr->op[expr->op_n++] = op;
}

static bool
wrong(struct parser *p, const char *at, const char *text)
{
	say_error(p->m, p->w, p->expr->at, "%s '%s', character %zu: %s", p->what, p->expr->text,
		  (size_t)(at - p->expr->text) + 1, text);
	return false;
}

/* ---- variables ---- */

/* What of a variable's value changes while rules run. */
static uint32_t
variable_flags(enum rules_variable v)
{
	switch (v) {
	case RULES_VARIABLE_QUERY_STRING:
	case RULES_VARIABLE_URL:
	case RULES_VARIABLE_PATH_INFO:
	case RULES_VARIABLE_SCRIPT_NAME:
	case RULES_VARIABLE_REQUEST_URI:
	case RULES_VARIABLE_REQUEST_FILENAME:
	case RULES_VARIABLE_SCRIPT_FILENAME:
	case RULES_VARIABLE_PATH_TRANSLATED:
		return IMG_INPUT_ON_URL;
	case RULES_VARIABLE_HTTP_HOST:
	case RULES_VARIABLE_SERVER_NAME:
	case RULES_VARIABLE_CACHE_URL:
	case RULES_VARIABLE_CONTENT_TYPE:
	case RULES_VARIABLE_CONTENT_LENGTH:
	case RULES_VARIABLE_ALL_HTTP:
	case RULES_VARIABLE_ALL_RAW:
		return IMG_INPUT_ON_VARS;
	case RULES_VARIABLE_NONE:
	case RULES_VARIABLE_ORIGINAL_URL:
	case RULES_VARIABLE_UNENCODED_URL:
	case RULES_VARIABLE_HTTP_URL:
	case RULES_VARIABLE_SERVER_PORT:
	case RULES_VARIABLE_SERVER_PORT_SECURE:
	case RULES_VARIABLE_HTTPS:
	case RULES_VARIABLE_REQUEST_METHOD:
	case RULES_VARIABLE_HTTP_METHOD:
	case RULES_VARIABLE_SERVER_PROTOCOL:
	case RULES_VARIABLE_HTTP_VERSION:
	case RULES_VARIABLE_REMOTE_ADDR:
	case RULES_VARIABLE_REMOTE_HOST:
	case RULES_VARIABLE_REMOTE_PORT:
	case RULES_VARIABLE_LOCAL_ADDR:
	case RULES_VARIABLE_SERVER_ADDR:
	case RULES_VARIABLE_RESPONSE_STATUS:
	case RULES_VARIABLE_SERVER_SOFTWARE:
	case RULES_VARIABLE_GATEWAY_INTERFACE:
	case RULES_VARIABLE_INSTANCE_ID:
	case RULES_VARIABLE_INSTANCE_NAME:
	case RULES_VARIABLE_INSTANCE_META_PATH:
	case RULES_VARIABLE_APPL_MD_PATH:
	case RULES_VARIABLE_APP_POOL_ID:
	case RULES_VARIABLES:
		break;
	}
	return 0;
}

static bool
is_outbound(const struct parser *p)
{
	return p->w->scope != NULL && p->w->scope->kind == IMG_SCOPE_OUTBOUND;
}

static bool
variable_add(struct parser *p, const char *name, size_t n)
{
	enum rules_variable v = rules_variable_of(slice_of(name, (uint32_t)n));
	struct expr_op op = { .kind = IMG_OP_VARIABLE, .arg = v };
	size_t skip = 0;

	if (begins(name, n, "RESPONSE_") && !is_outbound(p))
		return wrong(p, name - 1,
			     "the response is not there yet; only outbound rules may look at "
			     "RESPONSE_ variables");
	if (v != RULES_VARIABLE_NONE) {
		p->expr->flags |= variable_flags(v);
		op_add(p, op);
		return true;
	}
	p->expr->flags |= IMG_INPUT_ON_VARS;
	if (begins(name, n, "HTTP_"))
		op.kind = IMG_OP_REQUEST_FIELD, skip = strlen("HTTP_");
	else if (begins(name, n, "RESPONSE_"))
		op.kind = IMG_OP_RESPONSE_FIELD, skip = strlen("RESPONSE_");
	else
		op.kind = IMG_OP_CUSTOM;
	op.arg = 0;
	op.n = (uint32_t)(n - skip);
	op.text = op.kind == IMG_OP_CUSTOM ? name_of_variable(&p->m->arena, name, n)
					   : name_of_header(&p->m->arena, name + skip, op.n);
	op_add(p, op);
	return true;
}

/* ---- what stands in braces ---- */

/* {R:1}: at is behind the colon. */
static bool
reference_add(struct parser *p, const char *name, bool is_r)
{
	size_t n = strspn(p->at, "0123456789");
	uint32_t index = 0;
	struct expr *expr = p->expr;

	if (n == 0 || p->at[n] != '}')
		return wrong(p, name - 1, "a back-reference is a digit, as in {R:1} or {C:1}");
	for (size_t i = 0; i < n && index < 100; i++)
		index = index * 10 + (uint32_t)(p->at[i] - '0');
	if (index >= IMG_REFS_MAX)
		return wrong(p, name - 1,
			     "back-references go from 0 to 9; make groups that need no number "
			     "non-capturing, (?:...)");
	if (is_r)
		expr->r_max = (int)index > expr->r_max ? (int)index : expr->r_max;
	else
		expr->c_max = (int)index > expr->c_max ? (int)index : expr->c_max;
	expr->flags |= IMG_INPUT_ON_REFS;
	op_add(p, (struct expr_op){ .kind = is_r ? IMG_OP_R : IMG_OP_C, .arg = index });
	p->at += n + 1;
	return true;
}

/* {Cookie:name}: at is behind the colon. */
static bool
cookie_add(struct parser *p, const char *name)
{
	size_t n = strcspn(p->at, "{}");

	if (p->at[n] != '}' || n == 0)
		return wrong(p, name - 1,
			     "{Cookie:name} takes the name of a cookie as it is, without braces");
	p->expr->flags |= IMG_INPUT_ON_VARS;
	op_add(p, (struct expr_op){ .kind = IMG_OP_COOKIE, .text = p->at, .n = (uint32_t)n });
	p->at += n + 1;
	return true;
}

static bool
function_of(struct parser *p, const char *name, size_t n, struct expr_op *ret_op)
{
	static const struct {
		const char *word;
		enum img_op_kind kind;
	} function[] = {
		{ "ToLower", IMG_OP_TO_LOWER },
		{ "UrlEncode", IMG_OP_URL_ENCODE },
		{ "UrlDecode", IMG_OP_URL_DECODE },
		{ "HtmlEncode", IMG_OP_HTML_ENCODE },
	};

	for (size_t i = 0; i < sizeof(function) / sizeof(function[0]); i++)
		if (is_word(name, n, function[i].word)) {
			*ret_op = (struct expr_op){ .kind = function[i].kind };
			return true;
		}
	*ret_op = (struct expr_op){ .kind = IMG_OP_MAP, .arg = map_named(p->m, name, n) };
	return ret_op->arg != IMG_NONE;
}

/* {name:...}: at is behind the colon. */
static bool
call_add(struct parser *p, const char *name, size_t n)
{
	struct expr_op op;

	if (is_word(name, n, "R") || is_word(name, n, "C"))
		return reference_add(p, name, (name[0] | 0x20) == 'r');
	if (!function_of(p, name, n, &op)) {
		if (is_word(name, n, "Cookie"))
			return cookie_add(p, name);
		return wrong(
			p, name,
			arena_format(&p->m->arena,
				     "'%.*s' is no function, rewrite map or provider; functions "
				     "are ToLower, UrlEncode, UrlDecode and HtmlEncode, maps "
				     "stand in rewriteMaps",
				     (int)n, name));
	}
	if (p->depth == IMG_OPEN_MAX)
		return wrong(p, name - 1, "braces nest deeper than 32; take some of them apart");
	p->depth++;
	op_add(p, (struct expr_op){ .kind = IMG_OP_OPEN });
	if (!parse_parts(p))
		return false;
	if (*p->at != '}')
		return wrong(
			p, name - 1,
			"'{' without its '}'; close it, or write %7B for the character itself");
	p->at++;
	p->depth--;
	op_add(p, op);
	return true;
}

static bool
brace_add(struct parser *p)
{
	const char *open = p->at++, *name = p->at;
	size_t n = strcspn(name, ":{}");

	switch (name[n]) {
	case '\0':
	case '{':
		return wrong(
			p, open,
			"'{' without its '}'; close it, or write %7B for the character itself");
	default:
		break;
	}
	if (n == 0)
		return wrong(p, open, "a name is missing between the braces");
	p->at = name + n + 1;
	return name[n] == ':' ? call_add(p, name, n) : variable_add(p, name, n);
}

/* Up to the end, or inside braces to the brace that closes. */
static bool
parse_parts(struct parser *p)
{
	while (*p->at != '\0' && (p->depth == 0 || *p->at != '}')) {
		size_t n = strcspn(p->at, p->depth == 0 ? "{" : "{}");

		if (n > 0) {
			op_add(p, (struct expr_op){
					  .kind = IMG_OP_TEXT, .text = p->at, .n = (uint32_t)n });
			p->at += n;
		} else if (!brace_add(p)) {
			return false;
		}
	}
	return true;
}

struct expr *
expr_parse(struct making *m, const struct whose *w, const char *what, const struct rule_text *text)
{
	struct expr *expr = arena_take(&m->arena, sizeof(*expr));
	struct parser p = { .m = m, .w = w, .what = what, .expr = expr };

	*expr = (struct expr){
		.text = text->s == NULL ? "" : text->s, .at = text->at, .r_max = -1, .c_max = -1
	};
	p.at = expr->text;
	if (strlen(expr->text) > IMG_PATTERN_BYTES) {
		say_error(m, w, text->at, "%s is longer than 64 KiB; make it shorter", what);
		return NULL;
	}
	return parse_parts(&p) ? expr : NULL;
}

/* ---- building ---- */

uint32_t
expr_build(struct making *m, const struct expr *expr)
{
	struct img_expr record = { .text = img_build_text(m->img, expr->text),
				   .first_op = m->img->part[IMG_OPS].n,
				   .op_n = expr->op_n,
				   .flags = expr->flags };

	for (uint32_t i = 0; i < expr->op_n; i++) {
		const struct expr_op *op = &expr->op[i];

		img_build_op(m->img,
			     &(struct img_op){ .kind = op->kind,
					       .arg = op->arg,
					       .text = img_build_str(m->img, op->text, op->n) });
	}
	return img_build_expr(m->img, &record);
}

/* Variables that are always equal. */
static uint32_t
alias_of(uint32_t variable)
{
	switch (variable) {
	case RULES_VARIABLE_PATH_INFO:
	case RULES_VARIABLE_SCRIPT_NAME:
		return RULES_VARIABLE_URL;
	case RULES_VARIABLE_HTTP_METHOD:
		return RULES_VARIABLE_REQUEST_METHOD;
	case RULES_VARIABLE_REMOTE_HOST:
		return RULES_VARIABLE_REMOTE_ADDR;
	default:
		return variable;
	}
}

const char *
expr_key(struct making *m, const struct expr *expr, uint32_t *ret_n)
{
	size_t n = 0;
	char *key, *at;

	for (uint32_t i = 0; i < expr->op_n; i++)
		n += 3 * sizeof(uint32_t) + expr->op[i].n;
	key = at = arena_take(&m->arena, n + 1);
	for (uint32_t i = 0; i < expr->op_n; i++) {
		const struct expr_op *op = &expr->op[i];
		uint32_t head[3] = { op->kind, op->arg, op->n };

		if (op->kind == IMG_OP_VARIABLE)
			head[1] = alias_of(op->arg);
		memcpy(at, head, sizeof(head));
		at += sizeof(head);
		if (op->n > 0)
			memcpy(at, op->text, op->n);
		at += op->n;
	}
	*ret_n = (uint32_t)n;
	return key;
}
