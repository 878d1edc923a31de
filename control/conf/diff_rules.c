/*
 * diff_rules.c - the rules of one image against another's, see conf.h.
 *
 * Records of rules point into one another, so they are compared as people read them: each rule,
 * group and map is a name and a few texts. Things of one name (a rule of two files of a set) are
 * compared in their order.
 */
#include "conf/diff_parts.h"

#include <stdlib.h>
#include <string.h>

#include "conf/value.h"

enum {
	FIELDS_MAX = 6
};

/* Something with a name; fields that are NULL are not there. */
struct thing {
	const char *what; /* "rule publish/owa" */
	const char *name[FIELDS_MAX], *text[FIELDS_MAX];
	uint32_t place; /* in the image */
};

struct things {
	struct thing *thing;
	uint32_t n;
};

/* ---- texts ---- */

static const char *
flag_text(uint32_t flags, uint32_t bit)
{
	return (flags & bit) != 0 ? "true" : "false";
}

static const char *
joined(struct diff *diff, const char *list, const char *one)
{
	return list[0] == '\0' ? one : arena_format(diff->arena, "%s, %s", list, one);
}

static const char *
or_none(const char *text)
{
	return text[0] != '\0' ? text : "none";
}

static const char *
expr_text(const struct img *img, uint32_t expr_i)
{
	return expr_i == (uint32_t)IMG_NONE ? "" : img_text(img, img_expr(img, expr_i)->text);
}

static const char *
pattern_text(struct diff *diff, const struct img *img, uint32_t pattern_i, uint32_t syntax)
{
	const struct img_pattern *pattern = img_pattern(img, pattern_i);

	return arena_format(diff->arena, "%s%s%s", img_text(img, pattern->text),
			    (pattern->flags & IMG_PATTERN_CASELESS) != 0 ? "" : " (by case)",
			    syntax == IMG_SYNTAX_REGEX	    ? ""
			    : syntax == IMG_SYNTAX_WILDCARD ? " (wildcard)"
							    : " (exact)");
}

static const char *
nets_text(struct diff *diff, const struct img *img, const struct img_cond *cond)
{
	const char *list = "";
	char ip[VALUE_IP_TEXT];

	for (uint32_t i = 0; i < cond->net_n; i++) {
		const struct img_net *net = img_net(img, cond->first_net + i);

		list = joined(diff, list,
			      arena_format(diff->arena, "%s/%u", value_ip_text(&net->ip, ip),
					   net->prefix));
	}
	return list;
}

static const char *
input_text(const struct img *img, uint32_t input_i)
{
	const struct img_input *input = img_input(img, input_i);

	return input->kind == IMG_INPUT_EXPR ? expr_text(img, input->expr_i)
					     : img_input_kind_name(input->kind);
}

static const char *
cond_text(struct diff *diff, const struct img *img, const struct img_cond *cond)
{
	const char *sign = (cond->flags & IMG_COND_NEGATE) != 0 ? "not " : "";
	const char *next = (cond->flags & IMG_COND_OR) != 0 ? " or" : "";

	if (cond->kind == IMG_COND_NETWORK)
		return arena_format(diff->arena, "%sfrom %s%s", sign, nets_text(diff, img, cond),
				    next);
	if (cond->kind != IMG_COND_PATTERN)
		return arena_format(diff->arena, "%s%s %s%s", sign, input_text(img, cond->input_i),
				    img_cond_kind_name(cond->kind), next);
	return arena_format(diff->arena, "%s%s %s%s", sign, input_text(img, cond->input_i),
			    pattern_text(diff, img, cond->pattern_i, IMG_SYNTAX_REGEX), next);
}

static const char *
conds_text(struct diff *diff, const struct img *img, uint32_t first, uint32_t n, uint32_t flags)
{
	const char *list = (flags & IMG_RULE_MATCH_ANY) != 0 ? "any of" : "";

	for (uint32_t i = 0; i < n; i++)
		list = joined(diff, list, cond_text(diff, img, img_cond(img, first + i)));
	if ((flags & IMG_RULE_TRACK_ALL) != 0)
		list = joined(diff, list, "all captures");
	return or_none(list);
}

/* As the file says it. */
static const char *
set_kind_text(uint32_t kind)
{
	return kind == IMG_SET_VARIABLE	       ? "variable"
	       : kind == IMG_SET_REQUEST_FIELD ? "request"
					       : "response";
}

static const char *
sets_text(struct diff *diff, const struct img *img, const struct img_rule *rule)
{
	const char *list = "";

	for (uint32_t i = 0; i < rule->set_n; i++) {
		const struct img_set *set = img_set(img, rule->first_set + i);

		list = joined(
			diff, list,
			arena_format(diff->arena, "%s %s = %s%s", set_kind_text(set->kind),
				     img_text(img, set->name), or_none(expr_text(img, set->expr_i)),
				     (set->flags & IMG_SET_REPLACE) != 0 ? "" : " if absent"));
	}
	return or_none(list);
}

static const char *
action_text(struct diff *diff, const struct img *img, const struct img_rule *rule)
{
	const char *text = img_action_name(rule->action);

	if (rule->url_expr_i != (uint32_t)IMG_NONE)
		text = arena_format(diff->arena, "%s %s%s", text, expr_text(img, rule->url_expr_i),
				    (rule->flags & IMG_RULE_APPEND_QUERY) != 0 ? " and the query"
									       : "");
	if (rule->status != 0)
		text = arena_format(diff->arena, "%s %u", text, rule->status);
	if (rule->substatus != 0)
		text = arena_format(diff->arena, "%s.%u", text, rule->substatus);
	if (rule->reason_expr_i != (uint32_t)IMG_NONE)
		text = arena_format(diff->arena, "%s \"%s\"", text,
				    expr_text(img, rule->reason_expr_i));
	if (rule->body_expr_i != (uint32_t)IMG_NONE)
		text = arena_format(diff->arena, "%s with body %s", text,
				    expr_text(img, rule->body_expr_i));
	if (rule->farm_i != (uint32_t)IMG_NONE)
		text = arena_format(diff->arena, "%s to %s", text,
				    img_text(img, img_farm(img, rule->farm_i)->name));
	if ((rule->flags & IMG_RULE_LOG_REWRITTEN) != 0)
		text = arena_format(diff->arena, "%s, logged", text);
	return text;
}

static const char *
timeouts_text(struct diff *diff, const struct img_rule *rule)
{
	const struct {
		const char *name;
		uint64_t ns;
	} timeout[] = { { "connect", rule->connect_ns },
			{ "send", rule->send_ns },
			{ "receive", rule->receive_ns } };
	const char *list = "";
	char text[VALUE_DURATION_TEXT];

	for (size_t i = 0; i < sizeof(timeout) / sizeof(timeout[0]); i++)
		if (timeout[i].ns != 0)
			list = joined(diff, list,
				      arena_format(diff->arena, "%s %s", timeout[i].name,
						   value_duration_text(timeout[i].ns, text)));
	return or_none(list);
}

/* What an outbound rule is about: "response header x", "tags 12 img.srcset", "body". */
static const char *
subject_text(struct diff *diff, const struct img *img, const struct img_out_rule *rule)
{
	const char *list;

	if (rule->kind == IMG_OUT_VARIABLE)
		return arena_format(diff->arena, "%s %s", img_op_kind_name(rule->variable_kind),
				    img_text(img, rule->variable));
	if (rule->kind == IMG_OUT_BODY)
		return arena_format(diff->arena, "body, times %u", rule->occurrences);
	list = arena_format(diff->arena, "tags %x", rule->tags);
	for (uint32_t i = 0; i < rule->tag_n; i++) {
		const struct img_tag *tag = img_tag(img, rule->first_tag + i);

		list = joined(diff, list,
			      arena_format(diff->arena, "%s.%s", img_text(img, tag->tag),
					   img_text(img, tag->attribute)));
	}
	return list;
}

/* ---- things ---- */

static void
field_add(struct thing *thing, const char *name, const char *text)
{
	uint32_t i = 0;

	while (thing->name[i] != NULL)
		i++;
	thing->name[i] = name;
	thing->text[i] = text;
}

/* "publish", "publish (global)", "publish (/blog)". */
static const char *
place_text(struct diff *diff, const struct img *img, const struct img_scope *scope)
{
	const char *set = img_text(img, scope->set), *folder = img_text(img, scope->folder);

	if (scope->kind == IMG_SCOPE_GLOBAL)
		return arena_format(diff->arena, "%s (global)", set);
	return strcmp(folder, "/") == 0 ? set : arena_format(diff->arena, "%s (%s)", set, folder);
}

static const char *
negated(struct diff *diff, uint32_t flags, const char *pattern)
{
	return (flags & IMG_RULE_NEGATE) != 0 ? arena_format(diff->arena, "not %s", pattern)
					      : pattern;
}

static struct thing
rule_thing(struct diff *diff, const struct img *img, const struct img_scope *scope, uint32_t i)
{
	const struct img_rule *rule = img_rule(img, i);
	struct thing thing = { .what = arena_format(diff->arena, "rule %s/%s",
						    place_text(diff, img, scope),
						    img_text(img, rule->name)),
			       .place = i };

	field_add(
		&thing, "pattern",
		negated(diff, rule->flags, pattern_text(diff, img, rule->pattern_i, rule->syntax)));
	field_add(&thing, "conditions",
		  conds_text(diff, img, rule->first_cond, rule->cond_n, rule->flags));
	field_add(&thing, "set", sets_text(diff, img, rule));
	field_add(&thing, "action", action_text(diff, img, rule));
	field_add(&thing, "timeouts", timeouts_text(diff, rule));
	field_add(&thing, "stop", flag_text(rule->flags, IMG_RULE_STOP));
	return thing;
}

static const char *
edit_text(struct diff *diff, const struct img *img, const struct img_out_rule *rule)
{
	if (rule->action == IMG_ACTION_NONE)
		return "nothing";
	return arena_format(diff->arena, "%s%s", or_none(expr_text(img, rule->value_expr_i)),
			    (rule->flags & IMG_RULE_REPLACE) != 0 ? "" : " if absent");
}

static struct thing
out_thing(struct diff *diff, const struct img *img, const struct img_scope *scope, uint32_t i)
{
	const struct img_out_rule *rule = img_out_rule(img, i);
	const struct img_pre *pre =
		rule->pre_i == (uint32_t)IMG_NONE ? NULL : img_pre(img, rule->pre_i);
	struct thing thing = { .what = arena_format(diff->arena, "rule %s/%s",
						    place_text(diff, img, scope),
						    img_text(img, rule->name)),
			       .place = img_n(img, IMG_RULES) + i };

	field_add(&thing, "when",
		  pre == NULL
			  ? "none"
			  : conds_text(diff, img, pre->first_cond, pre->cond_n,
				       (pre->flags & IMG_PRE_MATCH_ANY) != 0 ? IMG_RULE_MATCH_ANY
									     : 0));
	field_add(&thing, "conditions",
		  conds_text(diff, img, rule->first_cond, rule->cond_n, rule->flags));
	field_add(&thing, "edit", subject_text(diff, img, rule));
	field_add(
		&thing, "pattern",
		negated(diff, rule->flags, pattern_text(diff, img, rule->pattern_i, rule->syntax)));
	field_add(&thing, "to", edit_text(diff, img, rule));
	field_add(&thing, "stop", flag_text(rule->flags, IMG_RULE_STOP));
	return thing;
}

static struct things
rules_of(struct diff *diff, const struct img *img)
{
	uint32_t n = img_n(img, IMG_RULES) + img_n(img, IMG_OUT_RULES);
	struct things rules = { .thing = arena_take(diff->arena,
						    ((size_t)n + 1) * sizeof(struct thing)) };

	for (uint32_t s = 0; s < img_n(img, IMG_SCOPES); s++) {
		const struct img_scope *scope = img_scope(img, s);

		for (uint32_t i = 0; i < scope->rule_n; i++)
			rules.thing[rules.n++] =
				scope->kind == IMG_SCOPE_OUTBOUND
					? out_thing(diff, img, scope, scope->first_rule + i)
					: rule_thing(diff, img, scope, scope->first_rule + i);
	}
	return rules;
}

static struct things
groups_of(struct diff *diff, const struct img *img)
{
	struct things groups = { .n = img_n(img, IMG_SCOPES) };

	groups.thing = arena_take(diff->arena, ((size_t)groups.n + 1) * sizeof(struct thing));
	for (uint32_t i = 0; i < groups.n; i++) {
		const struct img_scope *scope = img_scope(img, i);
		struct thing *thing = &groups.thing[i];
		const char *excepts = "";

		thing->what =
			arena_format(diff->arena, "%s rules of %s",
				     scope->kind == IMG_SCOPE_OUTBOUND ? "outbound" : "inbound",
				     place_text(diff, img, scope));
		thing->place = i;
		for (uint32_t e = 0; e < scope->except_n; e++)
			excepts = joined(
				diff, excepts,
				img_text(img, img_except(img, scope->first_except + e)->folder));
		field_add(thing, "except", or_none(excepts));
		field_add(thing, "keep_escapes", flag_text(scope->flags, IMG_SCOPE_RAW_ENCODING));
		field_add(thing, "keep_spelling", flag_text(scope->flags, IMG_SCOPE_KEEP_SPELLING));
		field_add(thing, "before_cache", flag_text(scope->flags, IMG_SCOPE_BEFORE_CACHE));
	}
	return groups;
}

/* A map's keys may be many: the name of its blob stands for them. */
static const char *
keys_text(struct diff *diff, const struct img *img, const struct img_map *map)
{
	const uint8_t *hash;

	if (map->blob_i == (uint32_t)IMG_NONE)
		return "none";
	hash = img_blob(img, map->blob_i)->hash;
	return arena_format(diff->arena, "#%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

static struct things
maps_of(struct diff *diff, const struct img *img)
{
	struct things maps = { .n = img_n(img, IMG_MAPS) };

	maps.thing = arena_take(diff->arena, ((size_t)maps.n + 1) * sizeof(struct thing));
	for (uint32_t i = 0; i < maps.n; i++) {
		const struct img_map *map = img_map(img, i);
		struct thing *thing = &maps.thing[i];

		thing->what = arena_format(diff->arena, "map %s", img_text(img, map->name));
		thing->place = i;
		field_add(thing, "keys", keys_text(diff, img, map));
		field_add(thing, "default", or_none(img_text(img, map->absent)));
		field_add(thing, "kind", img_map_kind_name(map->kind));
		field_add(thing, "ignore_case", flag_text(map->flags, IMG_MAP_CASELESS));
	}
	return maps;
}

/* ---- comparing ---- */

static int
thing_order(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;
	int order = strcmp(x->what, y->what);

	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static void
thing_diff(struct diff *diff, const struct thing *before, const struct thing *after)
{
	for (uint32_t i = 0; i < FIELDS_MAX && after->name[i] != NULL; i++) {
		bool is_there = before->name[i] != NULL;

		/* A rule for requests may have become one for responses. */
		if (is_there && strcmp(before->name[i], after->name[i]) == 0 &&
		    strcmp(before->text[i], after->text[i]) == 0)
			continue;
		diff_add(diff, (struct conf_change){ .sign = "~",
						     .what = after->what,
						     .field = after->name[i],
						     .from = is_there ? before->text[i] : "none",
						     .to = after->text[i] });
	}
}

/* Both sorted. What is in both is left in its order of places in common_…, as many as returned. */
static uint32_t
things_diff(struct diff *diff, struct things before, struct things after, uint32_t *common_before,
	    uint32_t *common_after)
{
	uint32_t b = 0, a = 0, n = 0;

	if (before.n > 1)
		qsort(before.thing, before.n, sizeof(struct thing), thing_order);
	if (after.n > 1)
		qsort(after.thing, after.n, sizeof(struct thing), thing_order);
	while (b < before.n || a < after.n) {
		int order = b == before.n  ? 1
			    : a == after.n ? -1
					   : strcmp(before.thing[b].what, after.thing[a].what);

		if (order == 0) {
			thing_diff(diff, &before.thing[b], &after.thing[a]);
			if (common_before != NULL) {
				common_before[n] = before.thing[b].place;
				common_after[n++] = after.thing[a].place;
			}
			a++;
			b++;
			continue;
		}
		diff_add(diff, (struct conf_change){ .sign = order < 0 ? "-" : "+",
						     .what = order < 0 ? before.thing[b++].what
								       : after.thing[a++].what });
	}
	return n;
}

/* ---- order ---- */

struct pair {
	uint32_t before, after;
};

static int
pair_order(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->before > y->before) - (x->before < y->before);
}

/* Whether what stayed stands in another order. Sets that changed places do so too. */
static bool
is_reordered(struct diff *diff, const uint32_t *before, const uint32_t *after, uint32_t n)
{
	struct pair *pair = arena_take(diff->arena, ((size_t)n + 1) * sizeof(*pair));

	for (uint32_t i = 0; i < n; i++)
		pair[i] = (struct pair){ before[i], after[i] };
	if (n > 1)
		qsort(pair, n, sizeof(*pair), pair_order);
	for (uint32_t i = 1; i < n; i++)
		if (pair[i].after < pair[i - 1].after)
			return true;
	return false;
}

const char *
diff_binds_text(struct diff *diff, const struct img *img, const struct img_listener *listener)
{
	const char *list = "";
	const char **seen = arena_take(diff->arena, ((size_t)listener->bind_n + 1) * sizeof(*seen));
	uint32_t seen_n = 0;

	for (uint32_t i = 0; i < listener->bind_n; i++) {
		const struct img_bind *bind = img_bind(img, listener->first_bind + i);
		const char *set = img_text(img, img_scope(img, bind->scope_i)->set);
		bool is_new = true;

		for (uint32_t s = 0; s < seen_n; s++)
			is_new &= strcmp(seen[s], set) != 0;
		if (!is_new)
			continue;
		seen[seen_n++] = set;
		list = joined(diff, list, set);
	}
	return or_none(list);
}

void
diff_rules(struct diff *diff)
{
	struct things before = rules_of(diff, diff->before), after = rules_of(diff, diff->after);
	uint32_t room = before.n < after.n ? before.n : after.n;
	uint32_t *common_before = arena_take(diff->arena, ((size_t)room + 1) * sizeof(uint32_t));
	uint32_t *common_after = arena_take(diff->arena, ((size_t)room + 1) * sizeof(uint32_t));
	uint32_t n = things_diff(diff, before, after, common_before, common_after);

	if (is_reordered(diff, common_before, common_after, n))
		diff_add(diff, (struct conf_change){ .sign = "~", .what = "order of the rules" });
	things_diff(diff, groups_of(diff, diff->before), groups_of(diff, diff->after), NULL, NULL);
	things_diff(diff, maps_of(diff, diff->before), maps_of(diff, diff->after), NULL, NULL);
}
