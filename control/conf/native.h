/*
 * native.h - rules as penstock.yaml has them: what parse.c fills by the table of keys_rules.c, and
 * the way of that into sets of the model (rules/model.h), which IIS's XML goes too.
 *
 * A set is a list of entries, told apart by the key that names what they are. sets.c walks them,
 * native.c makes rules, native_match.c their conditions
 * with native_regex.c. Private to control/conf, but for native_is_framing.
 */
#ifndef PENSTOCK_CONTROL_CONF_NATIVE_H
#define PENSTOCK_CONTROL_CONF_NATIVE_H

#include "conf/errs.h"
#include "conf/model.h"
#include "rules/model.h"

enum conf_pattern_is {
	CONF_PATTERN_IS_PATTERN,
	CONF_PATTERN_IS_FILE,
	CONF_PATTERN_IS_DIRECTORY,
};

/* Where it stands in a mapping of names, at->key is the name. */
struct conf_pattern {
	const struct node *at;
	struct conf_str pattern;
	struct conf_num ignore_case, is_not; /* booleans */
	struct conf_num is;		     /* enum conf_pattern_is; of `where` */
};

struct conf_match {
	const struct node *at;
	struct conf_list methods, hosts, paths; /* struct conf_str */
	struct conf_pattern path_regex, query;
	struct conf_list headers, cookies, where; /* struct conf_pattern, named */
	struct conf_list from;			  /* struct conf_prefix */
	struct conf_list response;		  /* struct conf_pattern, named: `edit` only */
	struct conf_pattern status;		  /* `edit` only */
	struct conf_list is_not, any, all;	  /* struct conf_match */
};

/* at->key is the name of the header, variable or key. */
struct conf_value {
	const struct node *at;
	struct conf_str value;
	struct conf_num replace; /* boolean */
};

struct conf_set {
	const struct node *at;
	struct conf_list request, response, variable; /* struct conf_value, named */
};

struct conf_remove {
	const struct node *at;
	struct conf_list request, response; /* struct conf_str */
};

enum conf_query {
	CONF_QUERY_KEEP,
	CONF_QUERY_DROP,
};

struct conf_rewrite {
	const struct node *at;
	struct conf_str to;
	struct conf_num query; /* enum conf_query */
	struct conf_num log;   /* boolean */
};

struct conf_redirect {
	const struct node *at;
	struct conf_str to;
	struct conf_num status;
	struct conf_num query; /* enum conf_query */
};

struct conf_respond {
	const struct node *at;
	struct conf_num status, substatus;
	struct conf_str reason, body;
};

struct conf_rule_timeouts {
	const struct node *at;
	struct conf_num connect, send, receive; /* 0: the farm's */
};

struct conf_rule {
	const struct node *at;
	struct conf_str name;
	struct conf_num enabled; /* boolean */
	struct conf_num syntax;	 /* enum img_syntax */
	struct conf_match match;
	struct conf_num captures; /* 0: of the last condition, 1: of all */
	struct conf_set set;
	struct conf_remove remove;
	struct conf_str farm;
	struct conf_rewrite rewrite;
	struct conf_redirect redirect;
	struct conf_respond respond;
	struct conf_num deny;  /* a status; 0: no */
	struct conf_num abort; /* boolean */
	struct conf_rule_timeouts timeouts;
	struct conf_num stop; /* boolean; at NULL: when it names a farm */
};

struct conf_edit {
	const struct node *at;
	struct conf_str header, variable;
	struct conf_list tags; /* struct conf_str: a, img.srcset */
	struct conf_num body;  /* boolean */
	struct conf_pattern pattern;
	struct conf_str to;
	struct conf_num replace; /* boolean */
	struct conf_num times;	 /* 0: all */
};

struct conf_edit_rule {
	const struct node *at;
	struct conf_str name;
	struct conf_num enabled, syntax; /* as in conf_rule */
	struct conf_match when, match;
	struct conf_num captures;
	struct conf_edit edit;
	struct conf_num stop; /* boolean */
};

struct conf_rule_map {
	const struct node *at;
	struct conf_str name;
	struct conf_list keys; /* struct conf_value, named */
	struct conf_str file;
	struct conf_str absent;
	struct conf_num ignore_case, contains; /* booleans */
};

struct conf_iis {
	const struct node *at;
	struct conf_str file, app_host, site_path;
	struct conf_num strict; /* boolean */
};

struct conf_allow {
	const struct node *at;
	struct conf_list names; /* struct conf_str */
};

/* Rules of one folder, or global ones. */
struct conf_group {
	const struct node *at;
	struct conf_str folder;
	struct conf_list excepts;					   /* struct conf_str */
	struct conf_num global, keep_escapes, keep_spelling, before_cache; /* booleans */
	struct conf_list entries;					   /* struct conf_entry */
};

enum conf_entry_kind {
	CONF_ENTRY_NONE, /* it was wrong */
	CONF_ENTRY_RULE,
	CONF_ENTRY_EDIT,
	CONF_ENTRY_MAP,
	CONF_ENTRY_IIS,
	CONF_ENTRY_ALLOW,
	CONF_ENTRY_GROUP,
};

struct conf_entry {
	enum conf_entry_kind kind;
	const void *of; /* the struct of its kind */
};

struct conf_rule_set {
	struct conf_str name;	  /* at: the set, at->key its name */
	struct conf_list entries; /* struct conf_entry */
};

/* What the parts of the reader share. */
struct native {
	struct arena *arena;
	struct conf_errs *errs, *warns;
};

/* Fills conf->rule_sets from conf->rules. */
void sets_read(struct conf *conf, struct conf_errs *errs);

/* ---- native.c ---- */

/* Where a rule stands: its scope's kind and folder. */
struct rule *native_rule(struct native *native, const struct conf_rule *from,
			 const struct rule_scope *scope);

/* Appends what the rule needs beside it (preconditions, custom tags) to the scope. */
struct out_rule *native_edit(struct native *native, const struct conf_edit_rule *from,
			     struct rule_scope *scope);

/* ---- native_match.c ---- */

enum native_where {
	NATIVE_REQUEST,
	NATIVE_RESPONSE, /* of a response: its head may be asked as well */
};

/*
 * The conditions of a match. In a request's top mapping `path` or `path_regex` becomes the rule's
 * own pattern: ret_rule, NULL where there is none.
 *   folder  of the rule's scope
 */
void native_match(struct native *native, const struct conf_match *match, enum native_where where,
		  const char *folder, struct rule *ret_rule, struct rule_conds *ret_conds);

/* A header's name as rules speak of it: prefix HTTP_ or RESPONSE_, upper case, '_' for '-'. */
const char *native_header_variable(struct native *native, const char *prefix, const char *name);

/* ---- native_regex.c ---- */

bool native_is_token(const char *text);

const char *native_methods_regex(struct native *native, const struct conf_list *methods);
const char *native_hosts_regex(struct native *native, const struct conf_list *hosts);

/*
 * These paths and what lies under them; "" when that is any.
 *   folder    that the pattern's text is relative to, without its slash; NULL: the whole path
 *   has_rest  what follows the path is the first group
 */
const char *native_paths_regex(struct native *native, const struct conf_list *paths,
			       const char *folder, bool has_rest);

/* How the message ends and how the connection goes on is the proxy's own affair. */
bool native_is_framing(const char *header);

#endif
