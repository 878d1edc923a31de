/*
 * made.h - rules by hand for tests of the proxy, straight into an image: patterns on the path, at
 * most two sets, an action; outbound rules on one header. The compiler is not asked.
 */
#ifndef PENSTOCK_TESTS_UNIT_PROXY_MADE_H
#define PENSTOCK_TESTS_UNIT_PROXY_MADE_H

#include "abi/build.h"
#include "rules/rules.h"

enum {
	RULES_N = 8 /* slots of outbound rules begin here */
};

struct made_set {
	enum img_set_kind kind;
	const char *name, *value; /* "{q}" is UrlDecode of the query */
};

struct made_rule {
	const char *name, *pattern;
	enum img_action action;
	const char *url; /* "{1}" is {R:1} */
	struct made_set set[2];
	uint32_t flags;
	uint16_t status, substatus;
	const char *reason, *body;
	uint64_t receive_ns;
};

/* An outbound rule on one header of the response. */
struct made_out {
	const char *name, *field, *pattern, *value;
};

extern const struct made_rule *made;	/* the last one without a name */
extern const struct made_out *made_out; /* the last one without a name; NULL: none */

/* For setup.rules: `made` in one scope of the root folder, `made_out` in another. */
void made_build(struct img_build *b, struct img_listener *listener);

#endif
