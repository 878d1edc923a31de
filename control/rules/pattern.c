/*
 * pattern.c - patterns of the three syntaxes (5) to regular expressions for PCRE2.
 *
 * ECMAScript stands as it is. A wildcard covers the whole input: each '*' takes as little as
 * possible and captures, '?' is one character, the rest is literal. All but the last '*' with what
 * follows it are atomic, which changes no match (an earlier place of a literal leaves all the more
 * to the next '*') and keeps the time from growing with a power. ExactMatch is equality, in bodies
 * a literal.
 */
#include <hs/hs.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/parts.h"
#include "rules/regex.h"

enum {
	MESSAGE_BYTES = 256,
};

/* ---- making regular expressions ---- */

struct text {
	struct arena *arena;
	char *p;
	size_t n, room;
};

static void
text_add(struct text *t, const char *from, size_t n)
{
	if (t->n + n + 1 > t->room) {
		char *more;

		t->room = (t->n + n + 1) * 2 + 32;
		more = arena_take(t->arena, t->room);
		if (t->n > 0)
			memcpy(more, t->p, t->n);
		t->p = more;
	}
	memcpy(t->p + t->n, from, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static void
text_put(struct text *t, const char *from)
{
	text_add(t, from, strlen(from));
}

/* A character of a literal. */
static void
text_literal(struct text *t, char c)
{
	if (c != '\0' && strchr("\\^$.[]|()?*+{}-", c) != NULL)
		text_put(t, "\\");
	text_add(t, &c, 1);
}

static uint32_t
stars_n(const char *wildcard)
{
	uint32_t n = 0;

	for (; *wildcard != '\0'; wildcard++)
		n += *wildcard == '*';
	return n;
}

/* is_atomic: for PCRE2; else for trees, which do not know atoms. */
static char *
regex_of_wildcard(struct arena *arena, const char *wildcard, bool is_atomic)
{
	struct text t = { .arena = arena };
	uint32_t left = stars_n(wildcard);
	bool is_open = false;

	text_put(&t, "^(?s:");
	for (const char *at = wildcard; *at != '\0'; at++) {
		if (*at == '?') {
			text_put(&t, ".");
		} else if (*at == '*') {
			text_put(&t, is_open ? ")" : "");
			is_open = is_atomic && left > 1;
			text_put(&t, is_open ? "(?>(.*?)" : "(.*?)");
			left--;
		} else {
			text_literal(&t, *at);
		}
	}
	text_put(&t, ")$");
	return t.p;
}

static char *
regex_of_exact(struct arena *arena, const char *exact, enum pattern_where where)
{
	struct text t = { .arena = arena };

	text_put(&t, where == PATTERN_WHOLE ? "^" : "");
	for (const char *at = exact; *at != '\0'; at++)
		text_literal(&t, *at);
	text_put(&t, where == PATTERN_WHOLE ? "$" : "");
	return t.p;
}

/* ---- what matches everything ---- */

static uint32_t
any_of_regex(const char *regex)
{
	static const struct {
		const char *text;
		uint32_t flags;
	} any[] = {
		{ ".*", IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE },
		{ "(.*)", IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE },
		{ "[\\s\\S]*", IMG_PATTERN_ANY },
		{ "([\\s\\S]*)", IMG_PATTERN_ANY },
	};
	size_t n = strlen(regex), skip = regex[0] == '^';

	n -= skip;
	n -= n > 0 && regex[skip + n - 1] == '$';
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		if (strlen(any[i].text) == n && memcmp(any[i].text, regex + skip, n) == 0)
			return any[i].flags;
	return 0;
}

static uint32_t
any_of(const char *text, enum img_syntax syntax)
{
	switch (syntax) {
	case IMG_SYNTAX_REGEX:
		return any_of_regex(text);
	case IMG_SYNTAX_WILDCARD:
		return strcmp(text, "*") == 0 ? IMG_PATTERN_ANY : 0;
	case IMG_SYNTAX_EXACT:
	case IMG_SYNTAXES:
		break;
	}
	return 0;
}

/* ---- trying ---- */

static const char *
hint_of(const char *text)
{
	static const char *const expanded[] = { "{R:", "{C:", "{HTTP_", "{URL", "{REQUEST_" };

	for (size_t i = 0; i < sizeof(expanded) / sizeof(expanded[0]); i++)
		if (strstr(text, expanded[i]) != NULL)
			return "; nothing in braces is expanded in a pattern";
	return "";
}

/* Bytes of a class by a name, [:alpha:]; 0: none stands there. */
static size_t
posix_n(const char *at)
{
	size_t n = 2;

	if (at[0] != '[' || at[1] != ':')
		return 0;
	n += at[n] == '^';
	n += strspn(at + n, "abcdefghijklmnopqrstuvwxyz");
	return at[n] == ':' && at[n + 1] == ']' ? n + 2 : 0;
}

/* Those that the grammar of IIS has (5.1). */
static bool
is_posix_known(const char *at, size_t n)
{
	static const char *const known[] = {
		"alnum", "alpha", "blank", "cntrl", "digit", "graph",
		"lower", "print", "punct", "space", "upper", "xdigit"
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == n - 4 && memcmp(at + 2, known[i], n - 4) == 0)
			return true;
	return false;
}

/*
 * What stands at `at` if PCRE2 takes it and ECMAScript, which is all that IIS has, does not; bytes
 * of it. 0: nothing of that kind.
 */
static size_t
foreign_n(const char *at, bool is_class)
{
	if (at[0] == '\\' && at[1] != '\0')
		return strchr(is_class ? "aeopPhHQEVNR" : "aegkopPKAzZQEhHRGXVN", at[1]) != NULL
			       ? 2
			       : 0;
	if (is_class)
		return posix_n(at) > 0 && !is_posix_known(at, posix_n(at)) ? posix_n(at) : 0;
	if (at[0] == '(' && (at[1] == '*' || (at[1] == '?' && strchr(":=!", at[2]) == NULL)))
		return 3;
	return (at[0] == '+' || at[0] == '*' || at[0] == '?' || at[0] == '}') && at[1] == '+' ? 2
											      : 0;
}

/* Of what a search in parts would make something else: \G is the place where it begins. */
static bool
is_of_searches(const char *at)
{
	return (at[0] == '\\' && at[1] == 'G') || (at[0] == '(' && at[1] == '*');
}

/* Of a body as a whole, which is never there at once: PCRE2 would take each part's ends for its. */
static bool
is_of_ends(const char *at)
{
	return at[0] == '\\' && at[1] != '\0' && strchr("AzZ", at[1]) != NULL;
}

/*
 * Other such patterns work here; said, for they say something else in IIS, or nothing. False with an
 * error told.
 */
static bool
foreign_check(struct making *m, const struct whose *w, const struct rule_text *text,
	      enum pattern_where where)
{
	bool is_class = false, is_said = false;

	for (const char *at = text->s; *at != '\0'; at++) {
		size_t n = foreign_n(at, is_class);

		if (n > 0 && is_of_searches(at)) {
			say_error(m, w, text->at,
				  "pattern '%.80s': '%.*s' speaks of how a search goes, which here "
				  "goes its own way; write it without",
				  text->s, (int)n - (at[0] == '('), at);
			return false;
		}
		if (n > 0 && where == PATTERN_BODY && is_of_ends(at)) {
			say_error(m, w, text->at,
				  "pattern '%.80s': '%.2s' is no end that a body has while it "
				  "streams; "
				  "write '%s', which is the body's",
				  text->s, at, at[1] == 'A' ? "^" : "$");
			return false;
		}
		if (n > 0 && !is_said) {
			say_warning(m, w, text->at,
				    "pattern '%.80s': '%.*s' is no ECMAScript, which is what IIS "
				    "has; write it without if this file is IIS' as well",
				    text->s, (int)n, at);
			is_said = true;
		}
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (is_class && posix_n(at) > 0)
			at += posix_n(at) - 1;
		else if (*at == '[' && !is_class)
			is_class = true;
		else if (*at == ']')
			is_class = false;
	}
	return true;
}

/* False with an error told; else the number of groups. */
static bool
regex_try(struct making *m, const struct whose *w, const struct rule_text *text,
	  struct pattern *pattern)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	uint32_t options = REGEX_OPTIONS | (pattern->is_caseless ? PCRE2_CASELESS : 0);
	char message[MESSAGE_BYTES];
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	ensure(context != NULL);
	pcre2_set_newline(context, REGEX_NEWLINE);
	code = pcre2_compile((PCRE2_SPTR)pattern->regex, PCRE2_ZERO_TERMINATED, options, &error,
			     &offset, context);
	pcre2_compile_context_free(context);
	if (code == NULL) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message));
		say_error(m, w, text->at,
			  "pattern '%s', character %zu: %s%s; mend the regular expression", text->s,
			  (size_t)offset + 1, message, hint_of(text->s));
		return false;
	}
	ensure(pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &pattern->group_n) == 0);
	pcre2_code_free(code);
	return true;
}

struct pattern *
pattern_make(struct making *m, const struct whose *w, const struct rule_text *text,
	     enum img_syntax syntax, bool is_caseless, enum pattern_where where)
{
	struct pattern *pattern = arena_take(&m->arena, sizeof(*pattern));
	const char *from = text->s == NULL ? "" : text->s, *plain, *why = NULL;

	*pattern = (struct pattern){ .text = from,
				     .regex = from,
				     .is_caseless = is_caseless,
				     .flags = is_caseless ? IMG_PATTERN_CASELESS : 0,
				     .gate = IMG_NONE,
				     .at = text->at };
	if (syntax == IMG_SYNTAX_WILDCARD)
		pattern->regex = regex_of_wildcard(&m->arena, from, true);
	else if (syntax == IMG_SYNTAX_EXACT)
		pattern->regex = regex_of_exact(&m->arena, from, where);
	if (strlen(pattern->regex) > IMG_PATTERN_BYTES) {
		say_error(m, w, text->at, "a pattern is longer than 64 KiB; take it apart");
		return NULL;
	}
	if (!regex_try(m, w, text, pattern))
		return NULL;
	if (where == PATTERN_WHOLE)
		pattern->flags |= any_of(from, syntax);
	if (syntax == IMG_SYNTAX_REGEX && *hint_of(from) != '\0')
		say_warning(m, w, text->at,
			    "nothing in braces is expanded in a pattern: '%s' is taken as it "
			    "stands; put what varies into the input of a condition",
			    from);
	if (syntax == IMG_SYNTAX_REGEX && !foreign_check(m, w, text, where))
		return NULL;
	plain = syntax == IMG_SYNTAX_WILDCARD ? regex_of_wildcard(&m->arena, from, false)
					      : pattern->regex;
	pattern->tree = syntax_parse(&m->arena, plain, is_caseless, &why);
	pattern->form = pattern->tree == NULL ? (struct scan_form){ .why = why }
					      : emit_form(&m->arena, pattern->tree, 0);
	if (!m->env->is_linted && pattern_is_catastrophic(pattern, &why))
		say_warning(m, w, text->at,
			    "pattern '%s' may take very long: %s; make each repeat end at what the "
			    "next one begins with",
			    from, why);
	return pattern;
}

/* ---- patterns whose time explodes ---- */

bool
pattern_is_catastrophic(const struct pattern *pattern, const char **ret_why)
{
	if (pattern->tree == NULL || (pattern->flags & IMG_PATTERN_ANY) != 0)
		return false;
	if (strncmp(pattern->regex, "^(?s:", 5) == 0)
		return false; /* a wildcard: its stars are atomic */
	switch (ambiguity_of(pattern->tree)) {
	case AMBIGUITY_NONE:
		return false;
	case AMBIGUITY_EXPONENTIAL:
		*ret_why = "a repeat within a repeat can divide the same text in many ways, and "
			   "all of them are tried when there is no match";
		break;
	case AMBIGUITY_POWER:
		*ret_why = "repeats that can take the same characters follow one another, and all "
			   "ways to share these out are tried when there is no match";
		break;
	case AMBIGUITY_AHEAD:
		*ret_why = "it looks ahead without end from each place that it comes to";
		break;
	}
	return true;
}

/* ---- patterns that are dear in bodies ---- */

static bool
has_common(const struct chars *a, const struct chars *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < b->n; k++)
			if (a->range[i].first <= b->range[k].last &&
			    b->range[k].first <= a->range[i].last)
				return true;
	return false;
}

/* Through groups and sequences of one. */
static const struct tree *
core_of(const struct tree *tree)
{
	while (tree->kind == TREE_GROUP || (tree->kind == TREE_CAT && tree->child->next == NULL))
		tree = tree->child;
	return tree;
}

static bool
is_endless(const struct tree *tree)
{
	return tree->kind == TREE_REPEAT && tree->most == UINT32_MAX && !tree->is_possessive;
}

/* Of one character, or a repeat of one: its characters. NULL: something else. */
static const struct chars *
chars_of(const struct tree *tree)
{
	const struct tree *core = core_of(tree);

	if (core->kind == TREE_REPEAT)
		core = core_of(core->child);
	return core->kind == TREE_CHARS ? &core->chars : NULL;
}

/* What must stand before a part may be what that repeats. */
static bool
is_repeated(const struct tree *first, const struct tree *part)
{
	for (const struct tree *tree = first; tree != part; tree = tree->next) {
		const struct tree *core = core_of(tree);

		if (core->kind == TREE_REPEAT && core->least == 0)
			continue;
		if (!has_common(chars_of(tree), chars_of(part)))
			return false;
	}
	return true;
}

bool
pattern_is_quadratic(const struct pattern *pattern)
{
	const struct tree *first;

	if (pattern->tree == NULL || pattern->tree->kind != TREE_CAT)
		return false;
	first = pattern->tree->child;
	for (const struct tree *part = first; part->next != NULL && chars_of(part) != NULL;
	     part = part->next)
		if (part != first && is_endless(core_of(part)) && is_repeated(first, part))
			return true;
	return false;
}
