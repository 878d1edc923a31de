/*
 * action.c - what a rule that matched does (12), and what is left to say after the last one.
 *
 * A substitution is text: "scheme://authority" in front makes it absolute, a '#' or '?' of its own
 * ends the path. Characters that were escapes in the target delimit nothing (choice 8).
 */
#include "rules/fields.h"

/* ---- parts of a substitution ---- */

struct parts {
	struct slice scheme, authority; /* scheme.n 0: relative */
	struct slice path;		/* may be empty, or not begin with '/' */
	struct slice query, fragment;
	bool has_query, has_fragment;
};

/* The first c of the text's own; s.n: there is none. */
static uint32_t
find_own(const struct rules_lane *l, struct slice s, uint8_t c)
{
	struct marks marks = marks_of(l, s);

	for (uint32_t at = 0; at < s.n; at++) {
		const uint8_t *p = memchr(s.p + at, c, s.n - at);

		if (p == NULL)
			break;
		at = (uint32_t)(p - s.p);
		if ((mark_at(&marks, at) & MARK_ESCAPED) == 0)
			return at;
	}
	return s.n;
}

static struct slice
cut(struct slice s, uint32_t from)
{
	return slice_of(s.p + from, s.n - from);
}

/* Bytes of "scheme://" at the start (RFC 3986, 3.1); 0: there is none. */
static uint32_t
scheme_n(struct slice s)
{
	uint32_t n = 0;

	while (n < s.n && ((uint8_t)((s.p[n] | 0x20) - 'a') <= 25 ||
			   (n > 0 && ((uint8_t)(s.p[n] - '0') <= 9 || s.p[n] == '+' ||
				      s.p[n] == '-' || s.p[n] == '.'))))
		n++;
	if (n == 0 || s.n - n < 3 || memcmp(s.p + n, "://", 3) != 0)
		return 0;
	return n + 3;
}

static struct parts
parts_of(const struct rules_lane *l, struct slice s)
{
	struct parts u = { 0 };
	uint32_t at = find_own(l, s, '#');

	u.has_fragment = at < s.n;
	if (u.has_fragment)
		u.fragment = cut(s, at + 1);
	s.n = at;
	at = find_own(l, s, '?');
	u.has_query = at < s.n;
	if (u.has_query)
		u.query = cut(s, at + 1);
	s.n = at;
	at = scheme_n(s);
	if (at > 0) {
		const uint8_t *end;

		u.scheme = slice_of(s.p, at - 3);
		s = cut(s, at);
		end = s.n == 0 ? NULL : memchr(s.p, '/', s.n);
		u.authority = slice_of(s.p, end == NULL ? s.n : (uint32_t)(end - s.p));
		s = cut(s, u.authority.n);
	}
	u.path = s;
	return u;
}

static bool
has_line_break(struct slice s)
{
	return s.n > 0 && (memchr(s.p, '\r', s.n) != NULL || memchr(s.p, '\n', s.n) != NULL ||
			   memchr(s.p, 0, s.n) != NULL);
}

/* Expands the rule's url and takes it apart. */
static enum rules_fault
substitution(struct rules_lane *l, const struct img_rule *rule, struct parts *ret)
{
	struct slice s = slice_of(NULL, 0);
	enum rules_fault fault = RULES_FAULT_NONE;

	if (rule->url_expr_i != IMG_NONE)
		fault = expr_expand(l, &l->keep, rule->url_expr_i, &s);
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (has_line_break(s))
		return RULES_FAULT_BYTES;
	*ret = parts_of(l, s.n > 0 ? s : SLICE("/"));
	return RULES_FAULT_NONE;
}

/* The path that a relative substitution means: from the site's root, or in the rule's folder. */
static void
put_path(struct put *t, const struct parts *u)
{
	const struct rules_lane *l = t->l;
	struct slice folder = slice_of(img_text(l->img, l->scope->folder), l->scope->folder.n);

	if (u->path.n > 0 && u->path.p[0] == '/') {
		put_slice(t, u->path);
		return;
	}
	if (folder.n > 1)
		put_slice(t, folder);
	put_slice(t, SLICE("/"));
	put_slice(t, u->path);
}

/* The substitution's own query first, then the current one (12.1); with its '?'. */
static void
put_query(struct put *t, const struct img_rule *rule, const struct parts *u)
{
	const struct rules_url *now = &t->l->url;
	bool appends = (rule->flags & IMG_RULE_APPEND_QUERY) != 0 && now->query.n > 0;

	if (u->has_query || appends)
		put_slice(t, SLICE("?"));
	put_slice(t, u->query);
	if (appends && u->query.n > 0)
		put_slice(t, SLICE("&"));
	if (appends)
		put_slice(t, now->query);
}

/* ---- rewrite ---- */

/* A host that a request can be sent to: a name or address, and a port that is one. */
static bool
is_host(struct slice authority)
{
	static const char mark[] = "-._~!$&'()*+,;=";
	struct slice port, name = host_name(authority, &port);
	uint32_t v = 0;

	for (uint32_t i = 0; i < port.n; i++) {
		v = v * 10 + (port.p[i] - '0');
		if (v > UINT16_MAX)
			return false;
	}
	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
		for (uint32_t i = 1; i < name.n - 1; i++)
			if (memchr("0123456789abcdefABCDEF:.", name.p[i], 24) == NULL)
				return false;
		return true;
	}
	for (uint32_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		bool is_word = (uint8_t)(c - '0') <= 9 || (uint8_t)((c | 0x20) - 'a') <= 25;

		if (!is_word && memchr(mark, c, sizeof(mark) - 1) == NULL)
			return false;
	}
	return name.n > 0;
}

/* http and https; ws and wss mean the same. */
static bool
scheme_of(struct slice scheme, bool *ret_is_secure)
{
	bool is_secure =
		slice_eq_nocase(scheme, SLICE("https")) || slice_eq_nocase(scheme, SLICE("wss"));

	if (!is_secure && !slice_eq_nocase(scheme, SLICE("http")) &&
	    !slice_eq_nocase(scheme, SLICE("ws")))
		return false;
	*ret_is_secure = is_secure;
	return true;
}

/*
 * The new path; what the substitution has ready stays where it is. The reference does not say what
 * "..", "//" and '\\' that a rule brings in mean. In a path of our own they mean what they do in a
 * target, so that a value of the client's cannot go around later rules about a folder; the path of
 * an absolute URL is another host's and goes as the rule has it.
 */
static enum rules_fault
path_make(struct rules_lane *l, const struct parts *u, struct rules_url *url)
{
	bool has_slash = u->path.n > 0 && u->path.p[0] == '/';

	url->path = has_slash ? u->path : SLICE("/");
	if (url->is_absolute)
		return RULES_FAULT_NONE;
	if (!has_slash) {
		struct put t = put_begin(l, &l->keep);

		put_path(&t, u);
		if (t.fault != RULES_FAULT_NONE)
			return t.fault;
		url->path = put_text(&t);
	}
	return path_settle(l, &url->path, path_rule_of(l->scope->flags));
}

static enum rules_fault
query_make(struct rules_lane *l, const struct img_rule *rule, const struct parts *u,
	   struct rules_url *url)
{
	bool appends = (rule->flags & IMG_RULE_APPEND_QUERY) != 0 && l->url.query.n > 0;
	struct put t;

	url->has_query = u->has_query || appends;
	url->query = appends ? l->url.query : u->query;
	if (!appends || u->query.n == 0)
		return RULES_FAULT_NONE;
	t = put_begin(l, &l->keep);
	put_query(&t, rule, u);
	url->query = put_text(&t);
	if (t.fault == RULES_FAULT_NONE)
		url->query = cut(url->query, 1); /* its '?' */
	return t.fault;
}

static enum rules_fault
rewrite(struct rules_lane *l, const struct img_rule *rule)
{
	struct rules_url url = { 0 };
	struct parts u;
	enum rules_fault fault = substitution(l, rule, &u);

	if (fault != RULES_FAULT_NONE)
		return fault;
	url.is_absolute = u.scheme.n > 0;
	url.host = u.authority;
	if (url.is_absolute && (!scheme_of(u.scheme, &url.is_secure) || !is_host(u.authority)))
		return RULES_FAULT_URL;
	fault = path_make(l, &u, &url);
	if (fault == RULES_FAULT_NONE)
		fault = query_make(l, rule, &u, &url);
	if (fault != RULES_FAULT_NONE)
		return fault;
	l->url = url;
	l->url_flags = l->scope->flags;
	l->url_epoch++;
	l->verdict->is_changed = true;
	l->verdict->logs_rewritten |=
		(rule->flags & IMG_RULE_LOG_REWRITTEN) != 0 && l->scope->kind == IMG_SCOPE_LOCAL;
	if (url.is_absolute)
		l->verdict->farm_i = IMG_NONE;
	return RULES_FAULT_NONE;
}

/* ---- redirect ---- */

static void
put_host(struct put *t)
{
	const struct rules_subject *s = t->l->subject;
	bool has_brackets = !ip_is_v4(&s->local);

	put_slice(t, s->is_secure ? SLICE("https://") : SLICE("http://"));
	put_slice(t, s->host);
	if (s->host.n > 0)
		return;
	if (has_brackets)
		put_slice(t, SLICE("["));
	put_addr(t, &s->local);
	if (has_brackets)
		put_slice(t, SLICE("]"));
	if (s->local_port != 0 && s->local_port != (s->is_secure ? 443 : 80)) {
		put_slice(t, SLICE(":"));
		put_number(t, s->local_port);
	}
}

/* The path as text, then as it is sent: escapes stay (choice 7). */
static void
put_location_path(struct put *t, const struct parts *u)
{
	uint32_t first = put_n(t), mid;
	struct slice path;

	if (u->scheme.n > 0)
		put_slice(t, u->path);
	else
		put_path(t, u);
	mid = put_n(t);
	path = slice_of(t->to->p + t->from + first, mid - first);
	t->max += path.n;
	path_put(t, path,
		 PATH_ESCAPES | path_rule_of(t->l->scope->flags & IMG_SCOPE_KEEP_SPELLING));
	put_take_out(t, first, mid);
	t->max -= path.n;
}

static void
put_location_query(struct put *t, const struct img_rule *rule, const struct parts *u)
{
	uint32_t first = put_n(t), mid;
	struct slice query;

	put_query(t, rule, u);
	mid = put_n(t);
	query = slice_of(t->to->p + t->from + first, mid - first);
	t->max += query.n;
	path_put_query(t, query);
	put_take_out(t, first, mid);
	t->max -= query.n;
}

static enum rules_fault
redirect(struct rules_lane *l, const struct img_rule *rule)
{
	struct parts u;
	struct put t;
	enum rules_fault fault = substitution(l, rule, &u);

	if (fault != RULES_FAULT_NONE)
		return fault;
	if (u.scheme.n > 0 && u.authority.n == 0)
		return RULES_FAULT_URL;
	t = put_begin(l, &l->keep);
	if (u.scheme.n > 0) {
		put_slice(&t, u.scheme);
		put_slice(&t, SLICE("://"));
		path_put_query(&t, u.authority);
	} else {
		put_host(&t);
	}
	put_location_path(&t, &u);
	put_location_query(&t, rule, &u);
	if (u.has_fragment) {
		put_slice(&t, SLICE("#"));
		path_put_query(&t, u.fragment);
	}
	if (t.fault != RULES_FAULT_NONE)
		return t.fault;
	l->verdict->outcome = RULES_REDIRECT;
	l->verdict->location = put_text(&t);
	l->verdict->status = rule->status != 0 ? rule->status : 301;
	l->verdict->substatus = 0;
	return RULES_FAULT_NONE;
}

/* ---- the others ---- */

static enum rules_fault
respond(struct rules_lane *l, const struct img_rule *rule)
{
	struct slice reason = slice_of(NULL, 0), body = slice_of(NULL, 0);
	enum rules_fault fault = RULES_FAULT_NONE;

	if (rule->reason_expr_i != IMG_NONE)
		fault = expr_expand(l, &l->keep, rule->reason_expr_i, &reason);
	if (fault == RULES_FAULT_NONE && !field_is_value(reason))
		fault = RULES_FAULT_BYTES;
	if (fault == RULES_FAULT_NONE && rule->body_expr_i != IMG_NONE)
		fault = expr_expand(l, &l->keep, rule->body_expr_i, &body);
	if (fault != RULES_FAULT_NONE)
		return fault;
	l->verdict->outcome = RULES_RESPOND;
	l->verdict->status = rule->status;
	l->verdict->substatus = rule->substatus;
	l->verdict->reason = reason;
	l->verdict->body = body;
	l->verdict->has_body = rule->body_expr_i != IMG_NONE;
	return RULES_FAULT_NONE;
}

/* A rule of our own words may choose a farm and times beside what else it does. */
static enum rules_fault
choose(struct rules_lane *l, const struct img_rule *rule)
{
	enum rules_fault fault = RULES_FAULT_NONE;
	struct rules_verdict *v = l->verdict;

	if (rule->farm_i != IMG_NONE) {
		v->farm_i = rule->farm_i;
		if (l->url.is_absolute) { /* its path is ours again */
			l->url_epoch++;
			l->url.is_absolute = false;
			fault = path_settle(l, &l->url.path, path_rule_of(l->url_flags));
		}
	}
	v->connect_ns = rule->connect_ns != 0 ? rule->connect_ns : v->connect_ns;
	v->send_ns = rule->send_ns != 0 ? rule->send_ns : v->send_ns;
	v->receive_ns = rule->receive_ns != 0 ? rule->receive_ns : v->receive_ns;
	return fault;
}

enum rules_fault
action_do(struct rules_lane *l, const struct img_rule *rule, bool *ret_ends)
{
	enum rules_fault fault = RULES_FAULT_NONE;
	bool ends = false;

	switch ((enum img_action)rule->action) {
	case IMG_ACTION_REWRITE:
		fault = rewrite(l, rule);
		break;
	case IMG_ACTION_REDIRECT:
		fault = redirect(l, rule);
		ends = true;
		break;
	case IMG_ACTION_RESPOND:
		fault = respond(l, rule);
		ends = true;
		break;
	case IMG_ACTION_ABORT:
		l->verdict->outcome = RULES_ABORT;
		ends = true;
		break;
	case IMG_ACTION_NONE:
	case IMG_ACTION_FARM:
	case IMG_ACTIONS:
		break;
	}
	if (fault == RULES_FAULT_NONE && !ends)
		fault = choose(l, rule);
	if (fault == RULES_FAULT_NONE)
		*ret_ends = ends;
	return fault;
}

/*
 * The farm of a URL's host: of that name as it stands, or without the port that the scheme has
 * anyway. Another port is another host.
 */
static uint32_t
farm_of(const struct rules_lane *l)
{
	struct slice port, name = host_name(l->url.host, &port);
	uint32_t farm_i = rules_farm(l->rules, l->url.host);

	if (farm_i == IMG_NONE && slice_eq(port, l->url.is_secure ? SLICE("443") : SLICE("80")))
		return rules_farm(l->rules, name);
	return farm_i;
}

enum rules_fault
action_finish(struct rules_lane *l)
{
	struct rules_verdict *v = l->verdict;
	struct put t;

	v->outcome = l->url.is_absolute ? RULES_PROXY : RULES_ROUTE;
	if (!v->is_changed)
		return RULES_FAULT_NONE;
	t = put_begin(l, &l->keep);
	path_put(&t, l->url.path, path_rule_of(l->url_flags));
	if (l->url.has_query)
		put_slice(&t, SLICE("?"));
	path_put_query(&t, l->url.query);
	if (t.fault != RULES_FAULT_NONE)
		return t.fault;
	v->target = put_text(&t);
	if (l->url.is_absolute) {
		v->host = l->url.host;
		v->is_secure = l->url.is_secure;
		v->farm_i = farm_of(l);
	}
	return RULES_FAULT_NONE;
}
