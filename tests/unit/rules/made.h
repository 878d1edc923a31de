/*
 * made.h - rules of tests, straight into an image with its scan databases and opened: what the
 * compiler of rules does, in its plainest form. One listener binds all scopes, in their order;
 * farms are called "one" and "two".
 *
 * A pattern is in its input's database whenever Hyperscan takes it at all, so that tests see every
 * kind of hit that evaluation may get.
 */
#ifndef PENSTOCK_TESTS_RULES_MADE_H
#define PENSTOCK_TESTS_RULES_MADE_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/rules.h"

enum {
	MADE_CONDS_MAX = 4,
	MADE_SETS_MAX = 2,
	MADE_FARMS = 2,
};

struct made_cond {
	enum img_cond_kind kind;
	const char *input;   /* an expression; NULL: the path */
	const char *pattern; /* NULL: of a NETWORK */
	bool is_caseful;
	uint32_t flags; /* IMG_COND_… */
	struct ip_addr ip;
	uint32_t prefix;
};

struct made_set {
	const char *header; /* NULL: none; in upper case: a variable */
	const char *value;  /* an expression */
};

struct made_rule {
	const char *pattern;
	bool is_caseful;
	uint32_t flags; /* IMG_RULE_NEGATE, _STOP, _MATCH_ANY, _TRACK_ALL, _APPEND_QUERY */
	struct made_cond cond[MADE_CONDS_MAX];
	uint32_t cond_n;
	struct made_set set[MADE_SETS_MAX];
	enum img_action action;
	const char *url; /* an expression */
	uint32_t status; /* 0: 301 of a REDIRECT, 403 of a RESPOND */
	uint32_t farm_i; /* FARM */
};

struct made_scope {
	enum img_scope_kind kind;
	const char *set;    /* NULL: "set" */
	const char *folder; /* NULL: "/" */
	const struct made_rule *rule;
	uint32_t rule_n;
};

enum {
	MADE_NO_DATABASES = 1 << 0, /* as those who explain open rules */
	MADE_NO_SCAN = 1 << 3,	    /* no pattern is in a database */
	MADE_NO_GATES = 1 << 1,	    /* every rule is looked at */
	MADE_NEVER_EXACT = 1 << 2,  /* no hit is taken for a match */
};

struct made {
	struct img img;
	void *bytes;
	struct rules_blob *blob; /* by input */
	uint32_t blob_n;
	uint32_t scanned_n, exact_n; /* patterns in databases; of which a hit is a match */
	struct rules *rules;
	struct abi_fault fault; /* when rules is NULL */
};

/*
 * Aborts when a pattern or expression is none. rules NULL: rules_open refused, as fault says.
 */
void made_open(struct made *made, const struct made_scope *scope, uint32_t scope_n, uint32_t flags);

struct img_build;

/*
 * The same of rules that a compiler has built: adds the world around them, and binds these scopes
 * in this order. blob: of the image's blobs, NULL: none; they become made's, by free.
 */
void made_finish(struct made *made, struct img_build *b, const uint32_t *scope_i, uint32_t scope_n,
		 struct rules_blob *blob, uint32_t blob_n);

void made_close(struct made *made);

/* ---- a request ---- */

struct made_request {
	const char *target;
	const char *host; /* NULL: "www.example.com" */
	struct rules_line line[4];
	uint32_t line_n;
	struct ip_addr client;
};

struct rules_subject made_subject(const struct made_request *request);

/* Runs it on lane 0. */
struct rules_verdict made_run(const struct made *made, const struct made_request *request,
			      const struct rules_trace *trace);

#endif
