/*
 * made.c - rules of tests (made.h).
 */
#include "made.h"

#include <ctype.h>
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/build.h"
#include "rules/regex.h"

#define SECONDS 1000000000ull

enum {
	LANES = 2,
	INPUTS_MAX = 64,
	OP_TEXT_MAX = 1024,
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "made: %s\n", what);
	abort();
}

/* ---- expressions ---- */

static void
op(struct img_build *b, struct img_expr *e, enum img_op_kind kind, uint32_t arg, const char *text,
   size_t n)
{
	struct img_op r = { .kind = kind, .arg = arg, .text = img_build_str(b, text, n) };

	img_build_op(b, &r);
	e->op_n++;
}

static uint32_t
variable_flags(enum rules_variable v)
{
	switch ((uint32_t)v) {
	case RULES_VARIABLE_QUERY_STRING:
	case RULES_VARIABLE_URL:
	case RULES_VARIABLE_PATH_INFO:
	case RULES_VARIABLE_SCRIPT_NAME:
	case RULES_VARIABLE_REQUEST_URI:
	case RULES_VARIABLE_REQUEST_FILENAME:
		return IMG_INPUT_ON_URL;
	default:
		return IMG_INPUT_ON_VARS;
	}
}

/* "{NAME}", "{R:1}": what stands between the braces; functions: "{ToLower:" and so on. */
static void
brace(struct img_build *b, struct img_expr *e, const char *s, size_t n)
{
	enum rules_variable v = rules_variable_of(slice_of(s, (uint32_t)n));
	char name[OP_TEXT_MAX];

	must(n < sizeof(name), "long name");
	if (n == 3 && s[1] == ':' && (s[0] == 'R' || s[0] == 'C')) {
		op(b, e, s[0] == 'R' ? IMG_OP_R : IMG_OP_C, (uint32_t)(s[2] - '0'), "", 0);
		e->flags |= IMG_INPUT_ON_REFS;
	} else if (v != RULES_VARIABLE_NONE) {
		op(b, e, IMG_OP_VARIABLE, v, "", 0);
		e->flags |= variable_flags(v);
	} else if (n > 5 && memcmp(s, "HTTP_", 5) == 0) {
		for (size_t i = 5; i < n; i++)
			name[i - 5] = s[i] == '_' ? '-' : (char)tolower((unsigned char)s[i]);
		op(b, e, IMG_OP_REQUEST_FIELD, 0, name, n - 5);
		e->flags |= IMG_INPUT_ON_VARS;
	} else {
		op(b, e, IMG_OP_CUSTOM, 0, s, n);
		e->flags |= IMG_INPUT_ON_VARS;
	}
}

static uint32_t
expression(struct img_build *b, const char *s)
{
	struct img_expr e = { .text = img_build_text(b, s), .first_op = b->part[IMG_OPS].n };

	while (*s != '\0') {
		size_t n = strcspn(s, "{}");

		if (n > 0)
			op(b, &e, IMG_OP_TEXT, 0, s, n);
		s += n;
		if (strncmp(s, "{ToLower:", 9) == 0) {
			op(b, &e, IMG_OP_OPEN, 0, "", 0);
			s += 9;
		} else if (*s == '{') {
			n = strcspn(s, "}");
			must(s[n] == '}', "{ without }");
			brace(b, &e, s + 1, n - 1);
			s += n + 1;
		} else if (*s == '}') { /* only {ToLower: is open here */
			op(b, &e, IMG_OP_TO_LOWER, 0, "", 0);
			s++;
		}
	}
	return img_build_expr(b, &e);
}

/* ---- patterns ---- */

struct pattern {
	const char *text;
	bool is_caseful;
	uint32_t flags, group_n, gate;
	unsigned hs_flags;
	bool is_exact;
};

struct input {
	const char *text; /* NULL: the path */
	uint32_t expr_i, flags;
	struct pattern *pattern;
	uint32_t n, room;
	uint32_t first_pattern;
};

struct scope {
	struct img_build *b;
	struct made *made;
	uint32_t how;
	struct input input[INPUTS_MAX];
	uint32_t input_n;
};

static bool
hs_takes(const struct pattern *p)
{
	hs_compile_error_t *error = NULL;
	hs_database_t *db = NULL;
	bool ok = hs_compile(p->text, p->hs_flags, HS_MODE_BLOCK, NULL, &db, &error) == HS_SUCCESS;

	hs_free_database(db);
	hs_free_compile_error(error);
	return ok;
}

/* Whether Hyperscan takes it, as it is or as a filter. */
static void
pattern_scanned(struct scope *s, struct pattern *p)
{
	p->hs_flags = HS_FLAG_UTF8 | HS_FLAG_ALLOWEMPTY | HS_FLAG_SINGLEMATCH |
		      (p->is_caseful ? 0 : HS_FLAG_CASELESS);
	if (hs_takes(p)) {
		/* "$" is also before a last LF for Hyperscan. */
		p->is_exact = strchr(p->text, '$') == NULL && (s->how & MADE_NEVER_EXACT) == 0;
		p->flags |= IMG_PATTERN_SCANNED | (p->is_exact ? IMG_PATTERN_EXACT : 0);
		return;
	}
	p->hs_flags |= HS_FLAG_PREFILTER;
	if (hs_takes(p))
		p->flags |= IMG_PATTERN_SCANNED;
}

static uint32_t
groups(const char *text)
{
	int error;
	PCRE2_SIZE at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, REGEX_OPTIONS,
					 &error, &at, NULL);
	uint32_t n = 0;

	if (code != NULL) /* else rules_open shall say so */
		pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
	pcre2_code_free(code);
	return n;
}

static struct input *
input_of(struct scope *s, const char *text)
{
	uint32_t i;

	for (i = 0; i < s->input_n; i++)
		if (text == s->input[i].text || (text != NULL && s->input[i].text != NULL &&
						 strcmp(text, s->input[i].text) == 0))
			return &s->input[i];
	must(i < INPUTS_MAX, "too many inputs");
	s->input[i] = (struct input){ .text = text, .flags = IMG_INPUT_ON_URL, .expr_i = IMG_NONE };
	if (text != NULL) {
		uint32_t ops = s->b->part[IMG_OPS].n;
		const struct img_expr *e;

		(void)ops;
		s->input[i].expr_i = expression(s->b, text);
		e = (const struct img_expr *)(const void *)s->b->part[IMG_EXPRS].p +
		    s->input[i].expr_i;
		s->input[i].flags = e->flags;
	}
	s->input_n++;
	return &s->input[i];
}

/* Its number within the input. */
static uint32_t
pattern_add(struct scope *s, struct input *in, const char *text, bool is_caseful)
{
	struct pattern p = {
		.text = text, .is_caseful = is_caseful, .gate = IMG_NONE, .group_n = groups(text)
	};

	if (in->n == in->room) {
		in->room = in->room == 0 ? 16 : in->room * 2;
		in->pattern = realloc(in->pattern, in->room * sizeof(p));
		must(in->pattern != NULL, "memory");
	}
	p.flags = is_caseful ? 0 : IMG_PATTERN_CASELESS;
	if (strcmp(text, ".*") == 0 || strcmp(text, "(.*)") == 0)
		p.flags |= IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE;
	if ((s->how & (MADE_NO_DATABASES | MADE_NO_SCAN)) == 0 &&
	    (in->flags & IMG_INPUT_ON_REFS) == 0)
		pattern_scanned(s, &p);
	s->made->scanned_n += (p.flags & IMG_PATTERN_SCANNED) != 0;
	s->made->exact_n += p.is_exact;
	in->pattern[in->n] = p;
	return in->n++;
}

static uint32_t
database(struct scope *s, struct input *in)
{
	const char **text = calloc(in->n, sizeof(text[0]));
	unsigned *flags = calloc(in->n, sizeof(flags[0])), *id = calloc(in->n, sizeof(id[0])),
		 n = 0;
	struct rules_blob *blob;
	hs_compile_error_t *error;
	hs_database_t *db = NULL;
	char *bytes;
	size_t bytes_n;

	for (unsigned i = 0; i < in->n; i++)
		if ((in->pattern[i].flags & IMG_PATTERN_SCANNED) != 0) {
			text[n] = in->pattern[i].text;
			flags[n] = in->pattern[i].hs_flags;
			id[n++] = i;
		}
	if (n > 0) {
		must(hs_compile_multi(text, flags, id, n, HS_MODE_BLOCK, NULL, &db, &error) ==
			     HS_SUCCESS,
		     "hs_compile_multi");
		must(hs_serialize_database(db, &bytes, &bytes_n) == HS_SUCCESS, "serialize");
		hs_free_database(db);
	}
	free(text);
	free(flags);
	free(id);
	if (n == 0)
		return IMG_NONE;
	s->made->blob = realloc(s->made->blob, (s->made->blob_n + 1) * sizeof(*blob));
	blob = &s->made->blob[s->made->blob_n++];
	*blob = (struct rules_blob){ (const uint8_t *)bytes, bytes_n };
	return img_build_blob(s->b, &(struct img_blob){ .hash = { (uint8_t)s->made->blob_n, 1 },
							.bytes = bytes_n,
							.kind = IMG_BLOB_SCAN });
}

/* ---- rules ---- */

struct placed {
	struct input *in;
	uint32_t i;
};

static bool
is_gate(const struct scope *s, const struct placed *at)
{
	const struct pattern *p = &at->in->pattern[at->i];

	return (s->how & MADE_NO_GATES) == 0 && (p->flags & IMG_PATTERN_SCANNED) != 0 &&
	       (p->flags & IMG_PATTERN_ANY) == 0;
}

/* The pattern without which the rule cannot fire; false: none is in a database. */
static bool
gate_set(const struct scope *s, const struct made_rule *rule, const struct placed *at,
	 const struct placed *cond_at, uint32_t rule_i)
{
	if ((rule->flags & IMG_RULE_NEGATE) == 0 && is_gate(s, at)) {
		at->in->pattern[at->i].gate = rule_i;
		at->in->flags |= IMG_INPUT_GATES;
		return true;
	}
	for (uint32_t i = 0; i < rule->cond_n && (rule->flags & IMG_RULE_MATCH_ANY) == 0; i++) {
		const struct made_cond *cond = &rule->cond[i];
		bool is_free =
			cond->flags != 0 || (i > 0 && (rule->cond[i - 1].flags & IMG_COND_OR) != 0);

		if (cond->kind != IMG_COND_PATTERN || is_free || !is_gate(s, &cond_at[i]))
			continue;
		cond_at[i].in->pattern[cond_at[i].i].gate = rule_i;
		cond_at[i].in->flags |= IMG_INPUT_GATES;
		return true;
	}
	return false;
}

static bool
mentions(const struct made_rule *rule, const char *what)
{
	bool does = rule->url != NULL && strstr(rule->url, what) != NULL;

	for (uint32_t i = 0; i < rule->cond_n; i++)
		does |= rule->cond[i].input != NULL && strstr(rule->cond[i].input, what) != NULL;
	for (uint32_t i = 0; i < MADE_SETS_MAX && rule->set[i].header != NULL; i++)
		does |= strstr(rule->set[i].value, what) != NULL;
	return does;
}

static void
sets_build(struct img_build *b, const struct made_rule *rule, struct img_rule *r)
{
	r->first_set = b->part[IMG_SETS].n;
	for (uint32_t i = 0; i < MADE_SETS_MAX && rule->set[i].header != NULL; i++, r->set_n++) {
		bool is_variable = isupper((unsigned char)rule->set[i].header[0]) != 0;

		img_build_set(b, &(struct img_set){ .kind = is_variable ? IMG_SET_VARIABLE
									: IMG_SET_REQUEST_FIELD,
						    .flags = IMG_SET_REPLACE,
						    .name = img_build_text(b, rule->set[i].header),
						    .expr_i = expression(b, rule->set[i].value) });
	}
}

static void
conds_build(struct img_build *b, const struct scope *s, uint32_t first_input,
	    const struct made_rule *rule, const struct placed *at, struct img_rule *r)
{
	r->first_cond = b->part[IMG_CONDS].n;
	r->cond_n = rule->cond_n;
	for (uint32_t i = 0; i < rule->cond_n; i++) {
		const struct made_cond *cond = &rule->cond[i];
		struct img_cond c = { .kind = cond->kind, .flags = cond->flags };

		if (cond->kind == IMG_COND_NETWORK) {
			struct img_net net = { .ip = cond->ip, .prefix = cond->prefix };

			c.first_net = img_build_net(b, &net);
			c.net_n = 1;
		} else {
			c.input_i = first_input + (uint32_t)(at[i].in - s->input);
			c.pattern_i = at[i].in->first_pattern + at[i].i;
		}
		img_build_cond(b, &c);
	}
}

static void
rule_build(struct img_build *b, struct scope *s, uint32_t first_input, const struct made_rule *rule,
	   const struct placed *at, bool is_gated)
{
	struct img_rule r = { .slot = b->part[IMG_RULES].n,
			      .incarnation = 1,
			      .name = img_build_text(b, "rule"),
			      .flags = rule->flags | (is_gated ? 0 : IMG_RULE_ALWAYS) |
				       (mentions(rule, "{R:") ? IMG_RULE_USES_R : 0) |
				       (mentions(rule, "{C:") ? IMG_RULE_USES_C : 0),
			      .pattern_i = at[0].in->first_pattern + at[0].i,
			      .action = rule->action,
			      .url_expr_i = IMG_NONE,
			      .reason_expr_i = IMG_NONE,
			      .body_expr_i = IMG_NONE,
			      .farm_i = rule->action == IMG_ACTION_FARM ? rule->farm_i : IMG_NONE };

	r.status = (uint16_t)(rule->status != 0			    ? rule->status
			      : rule->action == IMG_ACTION_REDIRECT ? 301
								    : 403);
	if (rule->url != NULL)
		r.url_expr_i = expression(b, rule->url);
	sets_build(b, rule, &r);
	conds_build(b, s, first_input, rule, at + 1, &r);
	img_build_rule(b, &r);
}

static void
inputs_build(struct img_build *b, struct scope *s)
{
	uint32_t first_pattern = b->part[IMG_PATTERNS].n;

	for (uint32_t i = 0; i < s->input_n; i++) {
		struct input *in = &s->input[i];

		in->first_pattern = first_pattern;
		first_pattern += in->n;
		img_build_input(b, &(struct img_input){ .kind = in->text == NULL ? IMG_INPUT_PATH
										 : IMG_INPUT_EXPR,
							.expr_i = in->expr_i,
							.first_pattern = in->first_pattern,
							.pattern_n = in->n,
							.blob_i = database(s, in),
							.flags = in->flags });
		for (uint32_t k = 0; k < in->n; k++) {
			const struct pattern *p = &in->pattern[k];
			struct img_str text = img_build_text(b, p->text);

			img_build_pattern(b, &(struct img_pattern){ .text = text,
								    .regex = text,
								    .flags = p->flags,
								    .group_n = p->group_n,
								    .gate = p->gate });
		}
	}
}

static void
scope_build(struct img_build *b, struct made *made, const struct made_scope *from, uint32_t how)
{
	struct scope s = { .b = b, .made = made, .how = how };
	struct placed(*at)[1 + MADE_CONDS_MAX] = calloc(from->rule_n + 1, sizeof(at[0]));
	bool *is_gated = calloc(from->rule_n + 1, sizeof(is_gated[0]));
	uint32_t first_input = b->part[IMG_INPUTS].n;

	must(at != NULL && is_gated != NULL, "memory");
	input_of(&s, NULL);
	for (uint32_t i = 0; i < from->rule_n; i++) {
		const struct made_rule *rule = &from->rule[i];

		at[i][0].in = input_of(&s, NULL);
		at[i][0].i = pattern_add(&s, at[i][0].in, rule->pattern, rule->is_caseful);
		for (uint32_t c = 0; c < rule->cond_n; c++) {
			const struct made_cond *cond = &rule->cond[c];

			if (cond->kind == IMG_COND_NETWORK)
				continue;
			at[i][1 + c].in = input_of(&s, cond->input);
			at[i][1 + c].i = pattern_add(&s, at[i][1 + c].in,
						     cond->pattern == NULL ? "" : cond->pattern,
						     cond->is_caseful);
		}
		is_gated[i] = gate_set(&s, rule, &at[i][0], &at[i][1], i);
	}
	img_build_scope(
		b, &(struct img_scope){
			   .set = img_build_text(b, from->set == NULL ? "set" : from->set),
			   .folder = img_build_text(b, from->folder == NULL ? "/" : from->folder),
			   .kind = from->kind,
			   .first_rule = b->part[IMG_RULES].n,
			   .rule_n = from->rule_n,
			   .first_input = first_input,
			   .input_n = s.input_n });
	inputs_build(b, &s);
	for (uint32_t i = 0; i < from->rule_n; i++)
		rule_build(b, &s, first_input, &from->rule[i], at[i], is_gated[i]);
	for (uint32_t i = 0; i < s.input_n; i++)
		free(s.input[i].pattern);
	free(at);
	free(is_gated);
}

/* ---- the world around them ---- */

static void
world_build(struct img_build *b, const uint32_t *scope_i, uint32_t scope_n)
{
	static const char *const farm[MADE_FARMS] = { "one", "two" };
	struct img_listener l = { .incarnation = 1,
				  .name = img_build_text(b, "web"),
				  .port_i = IMG_NONE,
				  .tcp_port = 80,
				  .farm_i = 0,
				  .head_ns = SECONDS,
				  .body_ns = SECONDS,
				  .idle_ns = SECONDS,
				  .send_ns = SECONDS,
				  .bind_n = scope_n };

	img_build_machine(b, &(struct img_machine){ .lanes = 1 });
	img_build_core(b, &(struct img_core){ .cpu = 0 });
	img_build_port(b, &(struct img_port){ .name = img_build_text(b, "outside"),
					      .device = img_build_text(b, "veth0"),
					      .queues = 1 });
	img_build_listener(b, &l);
	for (uint32_t i = 0; i < MADE_FARMS; i++) {
		struct img_farm f = { .slot = i,
				      .incarnation = 1,
				      .name = img_build_text(b, farm[i]),
				      .port_i = IMG_NONE,
				      .first_server = 0,
				      .connect_ns = SECONDS,
				      .send_ns = SECONDS,
				      .receive_ns = SECONDS };

		img_build_farm(b, &f);
	}
	for (uint32_t i = 0; i < scope_n; i++)
		img_build_bind(b, &(struct img_bind){ .scope_i = scope_i[i] });
}

void
made_finish(struct made *made, struct img_build *b, const uint32_t *scope_i, uint32_t scope_n,
	    struct rules_blob *blob, uint32_t blob_n)
{
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];
	size_t n;

	world_build(b, scope_i, scope_n);
	must(img_build_finish(b, &made->bytes, &n), "img_build_finish");
	made->blob = blob;
	made->blob_n = blob_n;
	if (!img_open(made->bytes, n, &made->img, &fault))
		must(false, abi_fault_print(&fault, text, sizeof(text)));
	made->rules = rules_open(&made->img, made->blob, LANES, realloc, &made->fault);
}

void
made_open(struct made *made, const struct made_scope *scope, uint32_t scope_n, uint32_t flags)
{
	uint32_t *scope_i = calloc(scope_n + 1, sizeof(scope_i[0]));
	struct img_build b;

	must(scope_i != NULL, "memory");
	*made = (struct made){ 0 };
	img_build_init(&b, realloc);
	for (uint32_t i = 0; i < scope_n; i++) {
		scope_i[i] = i;
		scope_build(&b, made, &scope[i], flags);
	}
	if (made->blob == NULL && (flags & MADE_NO_DATABASES) == 0)
		made->blob = calloc(1, sizeof(made->blob[0]));
	made_finish(made, &b, scope_i, scope_n, made->blob, made->blob_n);
	img_build_fini(&b);
	free(scope_i);
}

void
made_close(struct made *made)
{
	rules_close(made->rules);
	for (uint32_t i = 0; i < made->blob_n; i++)
		free((void *)(uintptr_t)made->blob[i].p);
	free(made->blob);
	free(made->bytes);
}

/* ---- a request ---- */

static bool
line_of(const void *ctx, bool is_response, struct slice name, uint32_t nth,
	struct rules_line *ret_line)
{
	const struct made_request *request = ctx;

	for (uint32_t i = 0; i < request->line_n && !is_response; i++) {
		if (name.n > 0 && !slice_eq(name, request->line[i].name))
			continue;
		if (nth-- == 0) {
			*ret_line = request->line[i];
			return true;
		}
	}
	return false;
}

struct rules_subject
made_subject(const struct made_request *request)
{
	const char *host = request->host == NULL ? "www.example.com" : request->host;

	return (struct rules_subject){
		.ctx = request,
		.line = line_of,
		.method = SLICE("GET"),
		.target = slice_of(request->target, (uint32_t)strlen(request->target)),
		.host = slice_of(host, (uint32_t)strlen(host)),
		.protocol = SLICE("HTTP/1.1"),
		.client = request->client,
		.client_port = 40000,
		.local_port = 80,
	};
}

struct rules_verdict
made_run(const struct made *made, const struct made_request *request,
	 const struct rules_trace *trace)
{
	struct rules_subject subject = made_subject(request);
	struct rules_verdict verdict;

	rules_request(made->rules, 0, 0, &subject, trace, &verdict);
	return verdict;
}
