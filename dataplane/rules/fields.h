/*
 * fields.h - what expressions read and URLs are made of; private to expr.c, vars.c, fields.c,
 * path.c, map.c, sets.c and action.c.
 *
 * A *_view gives a value that lies in one piece somewhere and lasts for the evaluation; false: it
 * has to be put together by *_put.
 */
#ifndef PENSTOCK_RULES_FIELDS_H
#define PENSTOCK_RULES_FIELDS_H

#include "rules/put.h"

/* ---- vars.c ---- */

bool variable_view(const struct rules_lane *l, uint32_t v, struct slice *ret);
void variable_put(struct put *t, uint32_t v);

/* A byte of a name as variables have it: in upper case, '_' for '-'. */
uint8_t variable_byte(uint8_t c);

/* Host without its port, and the port's digits (n 0: none). */
struct slice host_name(struct slice host, struct slice *ret_port);

/* ---- fields.c ---- */

/* A header as rules have left it (13): its lines joined by ", ", Cookie's by "; ". */
bool field_view(const struct rules_lane *l, bool is_response, struct slice name, struct slice *ret);
void field_put(struct put *t, bool is_response, struct slice name);

/* The lines of one header as rules have left it, one after another. */
struct lines {
	const struct rules_lane *l;
	struct slice name;
	bool is_response, is_replaced;
	uint32_t line_i, change_i, given_n;
};

struct lines lines_of(const struct rules_lane *l, bool is_response, struct slice name);
bool lines_next(struct lines *at, struct slice *ret);

/*
 * The value of the first cookie of this name; a variable that rules set. Empty: there is none.
 *   work_left  reading cookies costs by their length
 */
struct slice cookie_view(const struct rules_lane *l, struct slice name, int64_t *work_left);
struct slice custom_view(const struct rules_lane *l, struct slice name);

/* Each line of the request's head as rules have left it, for ALL_RAW or ALL_HTTP. */
void fields_put(struct put *t, bool is_raw);

/* ---- sets.c ---- */

/*
 * Makes a value fit for this header, without blanks at its ends. READ_ONLY: of a header that says
 * where a message ends; BYTES: of no head.
 */
enum rules_fault field_fit(struct slice name, struct slice *value);

/* Whether a field's value or a phrase may have these bytes. */
bool field_is_value(struct slice s);

/* ---- path.c ---- */

bool path_is_unreserved(uint8_t c);

/* The byte that an escape at the start of s stands for; -1: there is none. */
int path_escape(struct slice s);

enum {
	PATH_ESCAPES = 1 << 0,	/* "%XX" in the text stays as it is */
	PATH_TARGET = 1 << 1,	/* what stood in the target unescaped does too */
	PATH_SPELLING = 1 << 2, /* what came from the target is spelled as there (choice 9) */
};

/*
 * Makes a path that a rule made canonical (3.1): slashes, "." and ".." segments, backslashes. With
 * PATH_ESCAPES "%2e" in a segment is a dot, since it is sent as that. path has a '/' in front.
 */
enum rules_fault path_settle(struct rules_lane *l, struct slice *path, uint32_t rule);

/* How a scope of these IMG_SCOPE_… flags encodes the URLs that it sends (3.4). */
uint32_t path_rule_of(uint32_t scope_flags);

/* Appends decoded text as it is sent (3.4): a path; a query or fragment. */
void path_put(struct put *t, struct slice path, uint32_t rule);
void path_put_query(struct put *t, struct slice query);

/* ---- map.c ---- */

/* Appends the value of a key (11.1). */
void map_put(struct put *t, uint32_t map_i, struct slice key);

#endif
