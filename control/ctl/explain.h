/*
 * explain.h - what happens to one request, and why, by the same code that the data plane runs
 * (decide/, farm/, http/). Pure: asks no network and changes nothing.
 */
#ifndef PENSTOCK_CONTROL_CTL_EXPLAIN_H
#define PENSTOCK_CONTROL_CTL_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "abi/image.h"
#include "abi/runtime.h"
#include "rules/rules.h"

enum {
	EXPLAIN_FIELDS_MAX = 64,
	EXPLAIN_HEAD_BYTES = 64 * 1024
};

struct explain_ask {
	const struct img *img;
	const struct rules_blob *blob; /* of the image, by its index; NULL: none are there */
	const struct runtime *runtime; /* NULL: offline, as configured; names count as resolved */
	const char *listener;	       /* by name; NULL: the one that fits the URL */
	const char *method;
	const char *url;
	const char *target; /* raw; NULL: the URL's */
	const char *field[EXPLAIN_FIELDS_MAX];
	uint32_t field_n;
	struct ip_addr client;
	uint16_t client_port;
	/* Rules alone (a web.config): the first listener whatever the URL, absolute URLs need no
	 * farm, and servers do not matter; the first farm stands for all. */
	bool is_alone;
	const void *response; /* raw HTTP/1.1, for outbound rules; NULL: none */
	size_t response_n;
};

#define EXPLAIN_VERDICTS(x) x(EXPLAINED) x(EXPLAIN_USAGE) x(EXPLAIN_BROKEN)

enum explain_verdict {
#define X(id) id,
	EXPLAIN_VERDICTS(X)
#undef X
};

/*
 * EXPLAINED: *ret_answer is what happens (design: action, farm, server, status, …).
 * EXPLAIN_USAGE: the question is not clear; *ret_answer has "error" and, when listeners are in
 * question, "listeners" with their names.
 * EXPLAIN_BROKEN: "error" says what is wrong with the tables or the response.
 */
/* Whether it is one that explain understands. */
bool explain_is_url(const char *text);

enum explain_verdict explain(const struct explain_ask *ask, json_t **ret_answer);

#endif
