/*
 * model.h - sets of rules as their writer gave them, each part with its place in the file. What
 * the readers (IIS XML, YAML) fill, check.c compares and build.c turns into an image.
 *
 * Texts are NUL-terminated, decoded from XML or YAML, otherwise as written; s NULL: left out.
 * Lists are in the order of evaluation. Everything lives in the configuration's arena.
 * Expressions are the reference's (8), and {Cookie:name}: a request's cookie, where no map is
 * called so.
 */
#ifndef PENSTOCK_CONTROL_RULES_MODEL_H
#define PENSTOCK_CONTROL_RULES_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "conf/arena.h"
#include "conf/errs.h"

struct rule_text {
	const char *s;
	struct conf_pos at;
};

struct rule_net {
	struct ip_addr ip;
	uint8_t bits;
	struct rule_net *next;
};

/* A condition; of a rule, of a precondition, of an outbound rule. */
struct rule_cond {
	struct conf_pos at;
	enum img_cond_kind kind;
	struct rule_text
		input; /* an expression; NULL: the path, as the rule's own pattern sees it */
	struct rule_text pattern; /* PATTERN */
	bool is_regex;		  /* a regular expression, whatever the rule's syntax is */
	bool ignores_case, is_negated;
	bool or_next; /* one of this and the next is enough (and of that and its next, ...) */
	struct rule_net *net; /* NETWORK: the client's address is in one of them */
	struct rule_cond *next;
};

struct rule_conds {
	struct rule_cond *first;
	bool match_any, track_all;
};

/* <serverVariables><set>; native rules name headers by themselves. */
struct rule_set_var {
	struct conf_pos at;
	/* Of a variable: HTTP_X_Y is request header x-y; other names are variables. Native rules
	 * say which header they mean: is_header, is_response; then name is the header's. */
	struct rule_text name;
	bool is_header, is_response;
	struct rule_text value; /* an expression; empty: the header goes */
	bool replaces;
	struct rule_set_var *next;
};

struct rule {
	struct conf_pos at;
	struct rule_text name;
	enum img_syntax syntax;
	bool is_enabled, stops;
	struct rule_text match; /* the URL's pattern */
	bool match_is_regex;	/* whatever the syntax is */
	bool ignores_case, is_negated;
	struct rule_conds conds;
	struct rule_set_var *set;
	enum img_action action;
	struct conf_pos action_at;
	struct rule_text url; /* REWRITE, REDIRECT: an expression */
	bool appends_query, logs_rewritten;
	uint16_t status, substatus;
	struct rule_text reason, body; /* RESPOND: expressions */
	struct rule_text farm;	       /* FARM, by name; with NONE and REWRITE: native rules */
	uint64_t connect_ns, send_ns, receive_ns; /* native rules; 0: the farm's */
	struct rule *next;
};

struct rule_pre {
	struct conf_pos at;
	struct rule_text name;
	enum img_syntax syntax;
	struct rule_conds conds;
	struct rule_pre *next;
};

struct rule_tag {
	struct rule_text tag, attribute;
	struct rule_tag *next;
};

/* <customTags><tags name=""> */
struct rule_tags {
	struct rule_text name;
	struct rule_tag *first;
	struct rule_tags *next;
};

struct out_rule {
	struct conf_pos at;
	struct rule_text name;
	enum img_syntax syntax;
	bool is_enabled, stops;
	struct rule_text pre; /* by name; empty or NULL: none */
	enum img_out_kind kind;
	struct rule_text variable; /* VARIABLE: RESPONSE_X, HTTP_X, X */
	uint32_t tags;		   /* TAGS: bit i: standard tag i, as in img_out_rule */
	bool has_custom;	   /* TAGS: CustomTags is named */
	struct rule_text custom;   /* ... of this name; NULL: of all */
	struct rule_text match;
	bool ignores_case, is_negated;
	uint32_t occurrences;
	struct rule_conds conds;
	enum img_action action; /* NONE, REWRITE */
	struct rule_text value;
	bool replaces;
	struct out_rule *next;
};

struct rule_pair {
	struct rule_text key, value;
	struct rule_pair *next;
};

/* A rewrite map; also a provider that is as good as one (11.3). */
/* What a file was when it was read: another value is another content. */
struct rule_stamp {
	int64_t mtime_ns, bytes;
	uint64_t inode; /* 0: there is no such file */
};

struct rule_map {
	struct conf_pos at;
	struct rule_text name;
	struct rule_text absent; /* defaultValue */
	const char *file;	 /* where the keys were read from; NULL: they stand in the rules */
	struct rule_stamp stamp; /* ... just before it was read */
	bool ignores_case;
	enum img_map_kind kind;
	struct rule_pair *first;
	uint32_t pair_n;
	struct rule_map *next;
};

struct rule_folder {
	const char *folder; /* "/blog/old" */
	struct rule_folder *next;
};

/* Rules of one level: the global ones, those of a folder, or outbound ones of a folder. */
struct rule_scope {
	struct conf_pos at;
	enum img_scope_kind kind;
	const char *folder; /* "/", "/blog" */
	/* Folders below that clear or remove these rules: their requests pass this scope by. */
	struct rule_folder *excepts;
	bool keeps_escapes; /* useOriginalURLEncoding="false" */
	bool keeps_spelling;
	bool before_cache;
	bool sets_freely;	   /* LOCAL: the list of allowed variables does not concern it */
	struct rule *rules;	   /* GLOBAL, LOCAL */
	struct out_rule *outs;	   /* OUTBOUND */
	struct rule_pre *pres;	   /* OUTBOUND */
	struct rule_tags *customs; /* OUTBOUND */
	struct rule_scope *next;
};

/* Names that rules of folders may set (allowedServerVariables, 13). */
struct rule_allowed {
	struct rule_text name;
	struct rule_allowed *next;
};

struct rule_stamp rule_stamp_of(const char *path);
bool rule_stamp_is(struct rule_stamp a, struct rule_stamp b);

/* A named set, as a listener binds it. Maps are visible to all of its scopes. */
struct rule_sets {
	struct conf_pos at;
	struct rule_text name;
	struct rule_scope *scopes; /* in the order of work: GLOBAL, LOCAL parents first, OUTBOUND */
	struct rule_map *maps;
	bool is_strict; /* allowed is known, and what is not in it fails as in IIS */
	struct rule_allowed *allowed;
	struct rule_sets *next;
};

/* Calls for each key of a map that stands before it too: the first counts. */
void rule_map_twice(const struct rule_map *map,
		    void (*on_twice)(void *ctx, const struct rule_text *key,
				     const struct rule_text *before),
		    void *ctx);

#endif
