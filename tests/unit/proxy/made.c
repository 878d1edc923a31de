/*
 * made.c - see made.h.
 */
#include "made.h"

#include <string.h>

const struct made_rule *made;
const struct made_out *made_out;

static void
op_build(struct img_build *b, enum img_op_kind kind, uint32_t arg, const char *text, size_t n)
{
	struct img_op op = { .kind = kind, .arg = arg, .text = img_build_str(b, text, n) };

	img_build_op(b, &op);
}

/* An expression: text, {1}, {q}. */
static uint32_t
expr_build(struct img_build *b, const char *text)
{
	struct img_expr expr = { .text = img_build_text(b, text),
				 .first_op = b->part[IMG_OPS].n,
				 .flags = IMG_EXPR_FLAGS };

	while (*text != 0) {
		size_t n = strcspn(text, "{");

		if (n != 0)
			op_build(b, IMG_OP_TEXT, 0, text, n);
		text += n;
		if (*text == 0)
			break;
		if (text[1] == 'q') {
			op_build(b, IMG_OP_OPEN, 0, NULL, 0);
			op_build(b, IMG_OP_VARIABLE, RULES_VARIABLE_QUERY_STRING, NULL, 0);
			op_build(b, IMG_OP_URL_DECODE, 0, NULL, 0);
		} else {
			op_build(b, IMG_OP_R, (uint32_t)(text[1] - '0'), NULL, 0);
		}
		text += 3;
	}
	expr.op_n = b->part[IMG_OPS].n - expr.first_op;
	return img_build_expr(b, &expr);
}

static void
sets_build(struct img_build *b, const struct made_rule *m, struct img_rule *rule)
{
	rule->first_set = b->part[IMG_SETS].n;
	for (uint32_t i = 0; i < 2 && m->set[i].name != NULL; i++) {
		struct img_set set = { .kind = m->set[i].kind, .flags = IMG_SET_REPLACE };

		set.name = img_build_text(b, m->set[i].name);
		set.expr_i = expr_build(b, m->set[i].value);
		img_build_set(b, &set);
		rule->set_n++;
	}
}

static void
rule_build(struct img_build *b, uint32_t i)
{
	const struct made_rule *m = &made[i];
	struct img_rule rule = { .slot = i,
				 .incarnation = 1,
				 .flags = m->flags | IMG_RULE_ALWAYS | IMG_RULE_USES_R |
					  IMG_RULE_APPEND_QUERY,
				 .pattern_i = i,
				 .action = m->action,
				 .url_expr_i = (uint32_t)IMG_NONE,
				 .reason_expr_i = (uint32_t)IMG_NONE,
				 .body_expr_i = (uint32_t)IMG_NONE,
				 .farm_i = (uint32_t)IMG_NONE,
				 .status = m->status,
				 .substatus = m->substatus,
				 .receive_ns = m->receive_ns };

	rule.name = img_build_text(b, m->name);
	if (m->url != NULL)
		rule.url_expr_i = expr_build(b, m->url);
	if (m->reason != NULL)
		rule.reason_expr_i = expr_build(b, m->reason);
	if (m->body != NULL)
		rule.body_expr_i = expr_build(b, m->body);
	sets_build(b, m, &rule);
	img_build_rule(b, &rule);
}

static void
outs_build(struct img_build *b, struct img_listener *listener)
{
	struct img_scope scope = { .kind = IMG_SCOPE_OUTBOUND,
				   .first_input = b->part[IMG_INPUTS].n,
				   .input_n = 1 };
	struct img_input input = { .kind = IMG_INPUT_VALUE,
				   .expr_i = (uint32_t)IMG_NONE,
				   .blob_i = (uint32_t)IMG_NONE,
				   .first_pattern = b->part[IMG_PATTERNS].n };

	for (; made_out[scope.rule_n].name != NULL; scope.rule_n++) {
		const struct made_out *m = &made_out[scope.rule_n];
		struct img_pattern pattern = { .gate = (uint32_t)IMG_NONE };
		struct img_out_rule rule = { .slot = RULES_N + scope.rule_n,
					     .incarnation = 1,
					     .flags = IMG_RULE_USES_R | IMG_RULE_REPLACE,
					     .kind = IMG_OUT_VARIABLE,
					     .pre_i = (uint32_t)IMG_NONE,
					     .variable_kind = IMG_OP_RESPONSE_FIELD,
					     .action = IMG_ACTION_REWRITE };

		pattern.text = img_build_text(b, m->pattern);
		pattern.regex = pattern.text;
		pattern.group_n = strchr(m->pattern, '(') != NULL;
		rule.pattern_i = img_build_pattern(b, &pattern);
		rule.name = img_build_text(b, m->name);
		rule.variable = img_build_text(b, m->field);
		rule.value_expr_i = expr_build(b, m->value);
		img_build_out_rule(b, &rule);
		input.pattern_n++;
	}
	img_build_input(b, &input);
	scope.set = img_build_text(b, "publish");
	scope.folder = img_build_text(b, "/");
	img_build_bind(b, &(struct img_bind){ .scope_i = img_build_scope(b, &scope) });
	listener->bind_n++;
}

/* The rules of `made`, in one scope of the root folder. */
void
made_build(struct img_build *b, struct img_listener *listener)
{
	struct img_scope scope = { .kind = IMG_SCOPE_LOCAL, .input_n = 1 };
	struct img_input input = { .kind = IMG_INPUT_PATH,
				   .expr_i = (uint32_t)IMG_NONE,
				   .blob_i = (uint32_t)IMG_NONE,
				   .flags = IMG_INPUT_ON_URL };

	for (; made[scope.rule_n].name != NULL; scope.rule_n++) {
		struct img_pattern pattern = { .gate = (uint32_t)IMG_NONE };

		pattern.text = img_build_text(b, made[scope.rule_n].pattern);
		pattern.regex = pattern.text;
		pattern.group_n = strchr(made[scope.rule_n].pattern, '(') != NULL;
		img_build_pattern(b, &pattern);
		input.pattern_n++;
	}
	img_build_input(b, &input);
	scope.set = img_build_text(b, "publish");
	scope.folder = img_build_text(b, "/");
	img_build_scope(b, &scope);
	for (uint32_t i = 0; i < scope.rule_n; i++)
		rule_build(b, i);
	img_build_bind(b, &(struct img_bind){ .scope_i = 0 });
	listener->bind_n = 1;
	if (made_out != NULL)
		outs_build(b, listener);
}
