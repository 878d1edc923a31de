/*
 * trace.c - what each rule said, as JSON: matched or why not, captures, conditions.
 */
#include <stdio.h>

#include "base/text.h"
#include "ctl/explain_state.h"

enum {
	NETS_SHOWN = 16
};

/* ---- a condition ---- */

/* What the condition looks at, as the user wrote it. */
static json_t *
input_of(const struct img *img, const struct img_cond *cond)
{
	const struct img_input *input;

	if (cond->kind == IMG_COND_NETWORK)
		return json_string("{REMOTE_ADDR}");
	input = img_input(img, cond->input_i);
	if (input->kind == IMG_INPUT_EXPR)
		return told_str(img, img_expr(img, input->expr_i)->text);
	return json_string(img_input_kind_name(input->kind));
}

/* What it was found to be; of networks the engine says no text. */
static json_t *
value_of(const struct trace *trace, const struct img_cond *cond, struct slice value)
{
	char text[TEXT_ADDR_MAX];

	if (cond->kind != IMG_COND_NETWORK)
		return told_slice(value);
	return json_stringn(text, text_addr(trace->client, text));
}

/* "10.0.0.0/8, 2001:db8::/32" */
static json_t *
nets_of(const struct img *img, const struct img_cond *cond)
{
	char text[NETS_SHOWN * (TEXT_ADDR_MAX + 8)];
	uint32_t n = 0;

	for (uint32_t i = 0; i < cond->net_n; i++) {
		const struct img_net *net = img_net(img, cond->first_net + i);

		if (i == NETS_SHOWN - 1 && cond->net_n > NETS_SHOWN) {
			n += (uint32_t)snprintf(text + n, sizeof(text) - n, ", …");
			break;
		}
		if (i != 0)
			n += (uint32_t)snprintf(text + n, sizeof(text) - n, ", ");
		n += text_addr(&net->ip, text + n);
		n += (uint32_t)snprintf(text + n, sizeof(text) - n, "/%u", net->prefix);
	}
	return json_stringn(text, n);
}

static json_t *
pattern_of(const struct img *img, const struct img_cond *cond)
{
	switch ((enum img_cond_kind)cond->kind) {
	case IMG_COND_PATTERN:
		return told_str(img, img_pattern(img, cond->pattern_i)->text);
	case IMG_COND_NETWORK:
		return nets_of(img, cond);
	case IMG_COND_FILE:
	case IMG_COND_DIRECTORY:
	case IMG_CONDS_KINDS:
		break;
	}
	return json_string("");
}

/* The precondition that the condition is of; IMG_NONE: it is a rule's. */
static uint32_t
pre_of(const struct img *img, uint32_t cond_i)
{
	for (uint32_t i = 0; i < img_n(img, IMG_PRES); i++)
		if (cond_i - img_pre(img, i)->first_cond < img_pre(img, i)->cond_n)
			return i;
	return (uint32_t)IMG_NONE;
}

/* The list of conditions of precondition pre_i, which are told one after the other. */
static json_t *
pre_conds(struct trace *trace, uint32_t pre_i)
{
	if (trace->pres == NULL || trace->pre_i != pre_i) {
		if (trace->pres == NULL)
			trace->pres = json_array();
		trace->pre_i = pre_i;
		json_array_append_new(
			trace->pres,
			json_pack("{s:o, s:[]}", "name",
				  told_str(trace->img, img_pre(trace->img, pre_i)->name),
				  "conditions"));
	}
	return json_object_get(json_array_get(trace->pres, json_array_size(trace->pres) - 1),
			       "conditions");
}

static void
on_cond(void *ctx, uint32_t cond_i, struct slice value, bool holds)
{
	struct trace *trace = ctx;
	const struct img_cond *cond = img_cond(trace->img, cond_i);
	json_t *told = json_pack("{s:o, s:o, s:o, s:b}", "input", input_of(trace->img, cond),
				 "value", value_of(trace, cond, value), "pattern",
				 pattern_of(trace->img, cond), "matched", holds);

	if ((cond->flags & IMG_COND_NEGATE) != 0)
		json_object_set_new(told, "negate", json_true());
	if (cond->kind != IMG_COND_PATTERN)
		json_object_set_new(told, "type", json_string(img_cond_kind_name(cond->kind)));
	if (pre_of(trace->img, cond_i) != (uint32_t)IMG_NONE) {
		json_array_append_new(pre_conds(trace, pre_of(trace->img, cond_i)), told);
		return;
	}
	if (trace->conds == NULL)
		trace->conds = json_array();
	json_array_append_new(trace->conds, told);
}

/* ---- a rule ---- */

static void
captures_add(json_t *captures, char kind, const struct slice *s, uint32_t n)
{
	char key[] = { kind, ':', '0', 0 };

	for (uint32_t i = 0; i < n; i++, key[2]++)
		json_object_set_new(captures, key, told_slice(s[i]));
}

static json_t *
captures_of(const struct rules_seen *seen)
{
	json_t *captures = json_object();

	captures_add(captures, 'R', seen->r, seen->r_n);
	captures_add(captures, 'C', seen->c, seen->c_n);
	return captures;
}

/* Where the rule stands. */
static json_t *
rule_of(const struct img *img, const struct rules_seen *seen)
{
	const struct img_scope *scope = img_scope(img, seen->scope_i);
	struct img_str name, file;
	uint32_t line, pattern_i, action;

	if (seen->is_outbound) {
		const struct img_out_rule *rule = img_out_rule(img, seen->rule_i);

		name = rule->name;
		file = rule->file;
		line = rule->line;
		pattern_i = rule->pattern_i;
		action = rule->action;
	} else {
		const struct img_rule *rule = img_rule(img, seen->rule_i);

		name = rule->name;
		file = rule->file;
		line = rule->line;
		pattern_i = rule->pattern_i;
		action = rule->action;
	}
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:s, s:o}", "name", told_str(img, name),
			 "set", told_str(img, scope->set), "scope",
			 img_scope_kind_name(scope->kind), "folder", told_str(img, scope->folder),
			 "file", told_str(img, file), "line", (json_int_t)line, "action",
			 img_action_name(action), "pattern",
			 told_str(img, img_pattern(img, pattern_i)->text));
}

static void
on_rule(void *ctx, const struct rules_seen *seen)
{
	struct trace *trace = ctx;
	json_t *told = rule_of(trace->img, seen);
	bool is_matched = seen->why == RULES_WHY_MATCHED;

	json_object_set_new(told, "matched", json_boolean(is_matched));
	if (!is_matched)
		json_object_set_new(told, "why", json_string(rules_why_text(seen->why)));
	if (seen->why != RULES_WHY_FOLDER && seen->why != RULES_WHY_PRECONDITION)
		json_object_set_new(told, "input", told_slice(seen->input));
	json_object_set_new(told, "captures", captures_of(seen));
	json_object_set_new(told, "conditions", trace->conds != NULL ? trace->conds : json_array());
	if (is_matched && !seen->is_outbound)
		json_object_set_new(told, "url", told_slice(seen->url));
	trace->conds = NULL;
	json_array_append_new(trace->rules, told);
}

struct rules_trace
trace_of(struct trace *trace)
{
	return (struct rules_trace){ .ctx = trace, .on_cond = on_cond, .on_rule = on_rule };
}
