/*
 * image_check_rules.c - the rules' sections of an image: scopes with all that belongs to them.
 *
 * Each record of rules, inputs, patterns, conditions, sets, preconditions and tags belongs to one
 * scope: their ranges follow each other in the order of who names them. So the work is linear, and
 * a rule can reach nothing of another scope. Expressions, maps, networks and excepts may be
 * shared.
 */
#include "abi/check.h"

enum {
	STATUS_LEAST = 200,
	STATUS_MOST = 999,
	SUBSTATUS_MOST = 999,
	VARIABLES_MOST = 256, /* rules/rules.h knows fewer: what it does not know is empty */
	GROUPS_MOST = 65535,  /* PCRE2's own limit */
	FILE_MAX = 4095,
};

/* From here on faults are at record i of this section. True. */
static bool
at(struct check *c, enum img_section_id id, uint32_t i)
{
	c->part = img_section_name(id);
	c->i = i;
	return true;
}

/* A range that begins where the one before has ended; *next moves behind it. */
static bool
take_range(struct check *c, enum img_section_id id, uint32_t first, uint32_t n, uint32_t *next,
	   const char *field)
{
	if (!ok(c, n == 0 || first == *next, ABI_FAULT_ORDER, field) ||
	    !ok(c, n <= c->img->table[id].n - *next, ABI_FAULT_REFERENCE, field))
		return false;
	*next += n;
	return true;
}

static bool
check_optional_expr(struct check *c, uint32_t expr_i, const char *field)
{
	return check_ref(c, IMG_EXPRS, expr_i, true, field);
}

static bool
check_blob_ref(struct check *c, uint32_t blob_i, enum img_blob_kind kind)
{
	struct img_blob b;

	if (!check_ref(c, IMG_BLOBS, blob_i, true, "blob_i"))
		return false;
	if (blob_i == ABI_NONE)
		return true;
	img_get(c->img, IMG_BLOBS, blob_i, &b);
	return ok(c, b.kind == (uint32_t)kind, ABI_FAULT_REFERENCE, "blob_i");
}

/* ---- shared by scopes ---- */

/* OPENs and the functions that close them are pairs. */
static bool
check_nesting(struct check *c, const struct img_expr *e)
{
	uint32_t depth = 0;

	for (uint32_t i = e->first_op; i < e->first_op + e->op_n; i++) {
		struct img_op op;

		img_get(c->img, IMG_OPS, i, &op);
		if (op.kind == IMG_OP_OPEN)
			depth++;
		else if (op.kind > IMG_OP_OPEN && !ok(c, depth-- > 0, ABI_FAULT_ORDER, "op_n"))
			return false;
		if (!ok(c, depth <= IMG_OPEN_MAX, ABI_FAULT_RANGE, "op_n"))
			return false;
	}
	return ok(c, depth == 0, ABI_FAULT_ORDER, "op_n");
}

bool
check_expr(struct check *c)
{
	struct img_expr e;

	img_get(c->img, IMG_EXPRS, c->i, &e);
	return check_bytes(c, e.text, IMG_PATTERN_BYTES, "text") &&
	       take_range(c, IMG_OPS, e.first_op, e.op_n, &c->next_op, "first_op") &&
	       ok(c, (e.flags & ~(uint32_t)IMG_EXPR_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       check_nesting(c, &e);
}

bool
check_op(struct check *c)
{
	struct img_op op;

	img_get(c->img, IMG_OPS, c->i, &op);
	if (!check_bytes(c, op.text, IMG_PATTERN_BYTES, "text") ||
	    !ok(c, op.kind < IMG_OPS_KINDS, ABI_FAULT_ENUM, "kind"))
		return false;
	switch ((enum img_op_kind)op.kind) {
	case IMG_OP_VARIABLE:
		return ok(c, op.arg < VARIABLES_MOST, ABI_FAULT_RANGE, "arg");
	case IMG_OP_R:
	case IMG_OP_C:
		return ok(c, op.arg < IMG_REFS_MAX, ABI_FAULT_RANGE, "arg");
	case IMG_OP_MAP:
		return check_ref(c, IMG_MAPS, op.arg, false, "arg");
	case IMG_OP_REQUEST_FIELD:
	case IMG_OP_RESPONSE_FIELD:
	case IMG_OP_COOKIE:
	case IMG_OP_CUSTOM:
		return ok(c, op.text.n > 0, ABI_FAULT_EMPTY, "text");
	case IMG_OP_TEXT:
	case IMG_OP_OPEN:
	case IMG_OP_TO_LOWER:
	case IMG_OP_URL_ENCODE:
	case IMG_OP_URL_DECODE:
	case IMG_OP_HTML_ENCODE:
	case IMG_OPS_KINDS:
		break;
	}
	return true;
}

bool
check_map(struct check *c)
{
	struct img_map m;

	img_get(c->img, IMG_MAPS, c->i, &m);
	return check_text(c, m.name, IMG_RULE_NAME_MAX, "name") &&
	       check_bytes(c, m.absent, IMG_PATTERN_BYTES, "absent") &&
	       ok(c, m.kind < IMG_MAPS_KINDS, ABI_FAULT_ENUM, "kind") &&
	       ok(c, (m.flags & ~(uint32_t)IMG_MAP_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       check_blob_ref(c, m.blob_i, IMG_BLOB_MAP);
}

bool
check_net(struct check *c)
{
	struct img_net n;

	img_get(c->img, IMG_NETS, c->i, &n);
	return check_prefix(c, &n.ip, n.prefix);
}

static bool
check_folder(struct check *c, struct img_str folder)
{
	return check_text(c, folder, IMG_FOLDER_MAX, "folder") &&
	       ok(c, img_text(c->img, folder)[0] == '/', ABI_FAULT_STRING, "folder");
}

bool
check_except(struct check *c)
{
	struct img_except e;

	img_get(c->img, IMG_EXCEPTS, c->i, &e);
	return check_folder(c, e.folder);
}

bool
check_bind(struct check *c)
{
	struct img_bind b;

	img_get(c->img, IMG_BINDS, c->i, &b);
	return check_ref(c, IMG_SCOPES, b.scope_i, false, "scope_i");
}

/* ---- a scope ---- */

static bool
check_pattern(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_pattern p;

	at(c, IMG_PATTERNS, i);
	img_get(c->img, IMG_PATTERNS, i, &p);
	return check_bytes(c, p.text, IMG_PATTERN_BYTES, "text") &&
	       check_bytes(c, p.regex, IMG_PATTERN_BYTES, "regex") &&
	       ok(c, (p.flags & ~(uint32_t)IMG_PATTERN_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       ok(c, p.group_n <= GROUPS_MOST, ABI_FAULT_RANGE, "group_n") &&
	       ok(c,
		  p.gate == ABI_NONE ||
			  (scope->kind != IMG_SCOPE_OUTBOUND && p.gate < scope->rule_n),
		  ABI_FAULT_REFERENCE, "gate");
}

static bool
check_input(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_input input;

	at(c, IMG_INPUTS, i);
	img_get(c->img, IMG_INPUTS, i, &input);
	if (!ok(c, input.kind < IMG_INPUTS_KINDS, ABI_FAULT_ENUM, "kind") ||
	    !check_ref(c, IMG_EXPRS, input.expr_i, input.kind != IMG_INPUT_EXPR, "expr_i") ||
	    !ok(c, (input.flags & ~(uint32_t)IMG_INPUT_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") ||
	    !check_blob_ref(c, input.blob_i, IMG_BLOB_SCAN) ||
	    !take_range(c, IMG_PATTERNS, input.first_pattern, input.pattern_n, &c->next.pattern,
			"first_pattern"))
		return false;
	for (uint32_t p = 0; p < input.pattern_n; p++)
		if (!check_pattern(c, scope, input.first_pattern + p))
			return false;
	return true;
}

static bool
is_pattern_of(const struct img_input *input, uint32_t pattern_i)
{
	return pattern_i >= input->first_pattern &&
	       pattern_i - input->first_pattern < input->pattern_n;
}

/* An input of the scope, read into *ret_input. */
static bool
check_input_of(struct check *c, const struct img_scope *scope, uint32_t input_i,
	       struct img_input *ret_input)
{
	if (!ok(c, input_i >= scope->first_input && input_i - scope->first_input < scope->input_n,
		ABI_FAULT_REFERENCE, "input_i"))
		return false;
	img_get(c->img, IMG_INPUTS, input_i, ret_input);
	return true;
}

static bool
check_cond(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_cond cond;
	struct img_input input;

	at(c, IMG_CONDS, i);
	img_get(c->img, IMG_CONDS, i, &cond);
	if (!ok(c, cond.kind < IMG_CONDS_KINDS, ABI_FAULT_ENUM, "kind") ||
	    !ok(c, (cond.flags & ~(uint32_t)IMG_COND_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") ||
	    !ok(c, (uint64_t)cond.first_net + cond.net_n <= c->img->table[IMG_NETS].n,
		ABI_FAULT_REFERENCE, "first_net"))
		return false;
	if (cond.kind == IMG_COND_NETWORK)
		return ok(c, cond.net_n <= IMG_COND_NETS_MAX, ABI_FAULT_COUNT, "net_n");
	return check_input_of(c, scope, cond.input_i, &input) &&
	       ok(c, input.kind != IMG_INPUT_VALUE, ABI_FAULT_REFERENCE, "input_i") &&
	       ok(c, cond.kind != IMG_COND_PATTERN || is_pattern_of(&input, cond.pattern_i),
		  ABI_FAULT_REFERENCE, "pattern_i");
}

static bool
check_conds(struct check *c, const struct img_scope *scope, uint32_t first, uint32_t n)
{
	if (!take_range(c, IMG_CONDS, first, n, &c->next.cond, "first_cond"))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!check_cond(c, scope, first + i))
			return false;
	return true;
}

static bool
check_sets(struct check *c, uint32_t first, uint32_t n)
{
	struct img_set s;

	if (!ok(c, n <= IMG_RULE_SETS_MAX, ABI_FAULT_COUNT, "set_n") ||
	    !take_range(c, IMG_SETS, first, n, &c->next.set, "first_set"))
		return false;
	for (uint32_t i = first; i < first + n; i++) {
		at(c, IMG_SETS, i);
		img_get(c->img, IMG_SETS, i, &s);
		if (!ok(c, s.kind < IMG_SETS_KINDS, ABI_FAULT_ENUM, "kind") ||
		    !ok(c, (s.flags & ~(uint32_t)IMG_SET_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") ||
		    !check_text(c, s.name, IMG_RULE_NAME_MAX, "name") ||
		    !check_ref(c, IMG_EXPRS, s.expr_i, false, "expr_i"))
			return false;
	}
	return true;
}

/* Those with a Location (12.2): 304 is none, and has no content. */
static bool
is_redirect(uint16_t status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static bool
check_action(struct check *c, const struct img_rule *r)
{
	bool has_url = r->action == IMG_ACTION_REWRITE || r->action == IMG_ACTION_REDIRECT;

	if (!ok(c, r->action < IMG_ACTIONS, ABI_FAULT_ENUM, "action") ||
	    !check_ref(c, IMG_EXPRS, r->url_expr_i, !has_url, "url_expr_i") ||
	    !check_optional_expr(c, r->reason_expr_i, "reason_expr_i") ||
	    !check_optional_expr(c, r->body_expr_i, "body_expr_i") ||
	    !check_ref(c, IMG_FARMS, r->farm_i, r->action != IMG_ACTION_FARM, "farm_i") ||
	    !ok(c, r->substatus <= SUBSTATUS_MOST, ABI_FAULT_RANGE, "substatus"))
		return false;
	if (r->action == IMG_ACTION_REDIRECT)
		return ok(c, is_redirect(r->status), ABI_FAULT_RANGE, "status");
	if (r->action == IMG_ACTION_RESPOND)
		return ok(c,
			  r->status >= STATUS_LEAST && r->status <= STATUS_MOST &&
				  (r->status < 300 || r->status > 307),
			  ABI_FAULT_RANGE, "status");
	return true;
}

/* The pattern of a rule, in an input of this kind. */
static bool
check_match(struct check *c, const struct img_scope *scope, uint32_t pattern_i,
	    enum img_input_kind kind)
{
	const struct img_table *t = &c->img->table[IMG_INPUTS];
	struct img_input input;
	uint32_t low = scope->first_input, high = scope->first_input + scope->input_n;

	/* Inputs have their patterns in order: the last that begins at pattern_i or before. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		img_get(c->img, IMG_INPUTS, middle, &input);
		if (input.first_pattern <= pattern_i)
			low = middle;
		else
			high = middle;
	}
	if (!ok(c, low < high && low < t->n, ABI_FAULT_REFERENCE, "pattern_i"))
		return false;
	img_get(c->img, IMG_INPUTS, low, &input);
	return ok(c, is_pattern_of(&input, pattern_i) && input.kind == (uint32_t)kind,
		  ABI_FAULT_REFERENCE, "pattern_i");
}

/* What rules of requests and of responses begin with. */
struct head {
	uint32_t slot, incarnation;
	struct img_str name, file;
	uint32_t flags, syntax;
};

static bool
check_head(struct check *c, const struct head *h)
{
	return check_slot(c, IMG_KIND_RULE, h->slot, h->incarnation) &&
	       ok(c, h->slot < IMG_RULES_MAX, ABI_FAULT_RANGE, "slot") &&
	       check_text(c, h->name, IMG_RULE_NAME_MAX, "name") &&
	       check_str(c, h->file, FILE_MAX, "file") &&
	       ok(c, (h->flags & ~(uint32_t)IMG_RULE_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       ok(c, h->syntax < IMG_SYNTAXES, ABI_FAULT_ENUM, "syntax");
}

static bool
check_rule(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_rule r;

	at(c, IMG_RULES, i);
	img_get(c->img, IMG_RULES, i, &r);
	return check_head(c, &(struct head){ r.slot, r.incarnation, r.name, r.file, r.flags,
					     r.syntax }) &&
	       check_match(c, scope, r.pattern_i, IMG_INPUT_PATH) && check_action(c, &r) &&
	       check_time(c, r.connect_ns, "connect_ns") && check_time(c, r.send_ns, "send_ns") &&
	       check_time(c, r.receive_ns, "receive_ns") &&
	       check_conds(c, scope, r.first_cond, r.cond_n) && at(c, IMG_RULES, i) &&
	       check_sets(c, r.first_set, r.set_n);
}

static bool
check_pre(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_pre p;

	at(c, IMG_PRES, i);
	img_get(c->img, IMG_PRES, i, &p);
	return check_text(c, p.name, IMG_RULE_NAME_MAX, "name") &&
	       ok(c, (p.flags & ~(uint32_t)IMG_PRE_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       check_conds(c, scope, p.first_cond, p.cond_n);
}

static bool
check_tags(struct check *c, uint32_t first, uint32_t n)
{
	struct img_tag t;

	if (!take_range(c, IMG_TAGS, first, n, &c->next.tag, "first_tag"))
		return false;
	for (uint32_t i = first; i < first + n; i++) {
		at(c, IMG_TAGS, i);
		img_get(c->img, IMG_TAGS, i, &t);
		if (!check_text(c, t.tag, IMG_NAME_MAX, "tag") ||
		    !check_text(c, t.attribute, IMG_NAME_MAX, "attribute"))
			return false;
	}
	return true;
}

static bool
check_variable(struct check *c, const struct img_out_rule *r)
{
	if (r->kind != IMG_OUT_VARIABLE)
		return true;
	return ok(c,
		  r->variable_kind == IMG_OP_RESPONSE_FIELD ||
			  r->variable_kind == IMG_OP_REQUEST_FIELD ||
			  r->variable_kind == IMG_OP_CUSTOM,
		  ABI_FAULT_ENUM, "variable_kind") &&
	       check_text(c, r->variable, IMG_RULE_NAME_MAX, "variable");
}

static bool
check_out_rule(struct check *c, const struct img_scope *scope, uint32_t i)
{
	struct img_out_rule r;

	at(c, IMG_OUT_RULES, i);
	img_get(c->img, IMG_OUT_RULES, i, &r);
	return check_head(c, &(struct head){ r.slot, r.incarnation, r.name, r.file, r.flags,
					     r.syntax }) &&
	       ok(c, r.kind < IMG_OUTS_KINDS, ABI_FAULT_ENUM, "kind") &&
	       ok(c,
		  r.pre_i == ABI_NONE || (r.pre_i >= scope->first_pre &&
					  r.pre_i - scope->first_pre < scope->pre_n),
		  ABI_FAULT_REFERENCE, "pre_i") &&
	       check_variable(c, &r) &&
	       ok(c, r.tags < 1u << IMG_TAGS_STANDARD, ABI_FAULT_FLAGS, "tags") &&
	       check_match(c, scope, r.pattern_i, IMG_INPUT_VALUE) &&
	       ok(c, r.action == IMG_ACTION_NONE || r.action == IMG_ACTION_REWRITE, ABI_FAULT_ENUM,
		  "action") &&
	       check_ref(c, IMG_EXPRS, r.value_expr_i, r.action == IMG_ACTION_NONE,
			 "value_expr_i") &&
	       check_tags(c, r.first_tag, r.tag_n) && at(c, IMG_OUT_RULES, i) &&
	       check_conds(c, scope, r.first_cond, r.cond_n);
}

static bool
check_parts(struct check *c, const struct img_scope *s)
{
	bool is_outbound = s->kind == IMG_SCOPE_OUTBOUND;

	for (uint32_t i = 0; i < s->input_n; i++)
		if (!check_input(c, s, s->first_input + i))
			return false;
	for (uint32_t i = 0; i < s->pre_n; i++)
		if (!check_pre(c, s, s->first_pre + i))
			return false;
	for (uint32_t i = 0; i < s->rule_n; i++) {
		uint32_t rule_i = s->first_rule + i;

		if (!(is_outbound ? check_out_rule(c, s, rule_i) : check_rule(c, s, rule_i)))
			return false;
	}
	return true;
}

bool
check_scope(struct check *c)
{
	struct img_scope s;
	uint32_t i = c->i;
	bool is_outbound, holds;

	img_get(c->img, IMG_SCOPES, i, &s);
	is_outbound = s.kind == IMG_SCOPE_OUTBOUND;
	holds = check_text(c, s.set, IMG_NAME_MAX, "set") && check_folder(c, s.folder) &&
		ok(c, s.kind < IMG_SCOPES_KINDS, ABI_FAULT_ENUM, "kind") &&
		ok(c, (s.flags & ~(uint32_t)IMG_SCOPE_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
		ok(c, (uint64_t)s.first_except + s.except_n <= c->img->table[IMG_EXCEPTS].n,
		   ABI_FAULT_REFERENCE, "first_except") &&
		ok(c, s.except_n <= IMG_SCOPE_EXCEPTS_MAX, ABI_FAULT_COUNT, "except_n") &&
		take_range(c, is_outbound ? IMG_OUT_RULES : IMG_RULES, s.first_rule, s.rule_n,
			   is_outbound ? &c->next.out_rule : &c->next.rule, "first_rule") &&
		take_range(c, IMG_INPUTS, s.first_input, s.input_n, &c->next.input,
			   "first_input") &&
		ok(c, is_outbound || s.pre_n == 0, ABI_FAULT_COUNT, "pre_n") &&
		take_range(c, IMG_PRES, s.first_pre, s.pre_n, &c->next.pre, "first_pre") &&
		check_parts(c, &s);
	if (holds)
		at(c, IMG_SCOPES, i); /* the loop over scopes goes on */
	return holds;
}

bool
check_rules_end(struct check *c)
{
	const struct {
		enum img_section_id id;
		uint32_t next;
	} part[] = {
		{ IMG_OPS, c->next_op },
		{ IMG_RULES, c->next.rule },
		{ IMG_OUT_RULES, c->next.out_rule },
		{ IMG_INPUTS, c->next.input },
		{ IMG_PATTERNS, c->next.pattern },
		{ IMG_CONDS, c->next.cond },
		{ IMG_SETS, c->next.set },
		{ IMG_PRES, c->next.pre },
		{ IMG_TAGS, c->next.tag },
	};

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		at(c, part[i].id, part[i].next);
		if (!ok(c, part[i].next == c->img->table[part[i].id].n, ABI_FAULT_REFERENCE, ""))
			return false;
	}
	return true;
}
