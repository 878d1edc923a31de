/*
 * explain_state.h - what the files of explain share: one question on its way to its answer.
 *
 *   explain.c     the answer, from listener to upstream head
 *   question.c    URL, listener, request head          candidates.c  farms and their servers
 *   trace.c       what each rule said                  told.c        bytes as JSON
 *   response.c    a response through outbound rules
 */
#ifndef PENSTOCK_CONTROL_CTL_EXPLAIN_STATE_H
#define PENSTOCK_CONTROL_CTL_EXPLAIN_STATE_H

#include "ctl/explain.h"
#include "decide/decide.h"
#include "farm/farm.h"
#include "http/http.h"
#include "rules/rules.h"

enum {
	/* Lanes of the rules: what the request's verdict points to stays while its response's is
	 * made. */
	EXPLAIN_LANE_REQUEST,
	EXPLAIN_LANE_RESPONSE,
	EXPLAIN_LANES
};

struct url {
	struct slice host; /* "name", "name:port", "[v6]:port" */
	struct slice name;
	uint16_t port;
	const char *path; /* from the '/' or '?' on, or "" */
	bool is_secure;
};

/* Told by the rules step by step. */
struct trace {
	const struct img *img;
	const struct ip_addr *client;
	json_t *rules;
	json_t *conds;	/* of the rule being looked at; NULL: none so far */
	json_t *pres;	/* preconditions with their conditions; NULL: none so far */
	uint32_t pre_i; /* the last of them */
};

struct explain {
	const struct explain_ask *ask;
	const struct img *img;
	struct url url;
	uint32_t listener_i;
	char head[EXPLAIN_HEAD_BYTES];
	uint32_t head_n;
	struct http_request request;
	struct http_response response;
	struct decide_facts facts;
	struct decide_way way;
	struct decide_text text;
	struct rules *rules; /* NULL: there are none */
	struct rules_verdict verdict;
	struct rules_subject subject; /* of the response: its body's rules look at it again */
	struct trace trace;
	struct farms *farms;
	uint8_t out[4 * EXPLAIN_HEAD_BYTES];
};

/* question.c */

enum explain_verdict explain_unclear(json_t **ret_answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The URL, its listener and the head in x. */
enum explain_verdict question_read(struct explain *x, json_t **ret_answer);

/* Parses the head as the proxy does; the reason when it is refused. */
enum http_reason question_parse(struct explain *x);

/* explain.c */

/* The answer is an error of ours. text: what it is, and the cure; NULL: the cause says it all. */
void answer_error(json_t *answer, uint16_t status, uint16_t substatus, const char *cause,
		  const char *text);

/* candidates.c */

/* Farms with all that is known of their servers; to free. */
void candidates_open(struct explain *x);

/* Every server of the farm and whether it could take the request; the names of those that can. */
void candidates_add(const struct explain *x, uint32_t farm_i, json_t *answer);

/* trace.c */

/* What evaluation is given; each rule looked at is appended to trace->rules. */
struct rules_trace trace_of(struct trace *trace);

/* response.c */

/* "response": the response of the question after the outbound rules. */
void response_add(struct explain *x, json_t *answer);

/* told.c */

/* Bytes as a string; what is not UTF-8 in them as U+00XX, like the access log. */
json_t *told_bytes(const void *bytes, size_t n);
json_t *told_slice(struct slice s);
json_t *told_str(const struct img *img, struct img_str s);

/* Splits an emitted head into [name, value] pairs. */
json_t *told_fields(const uint8_t *head, uint32_t n);

/* {key: text} or, when it is not UTF-8, {key_base64: text}. */
void told_body(json_t *object, const char *key, const void *bytes, size_t n);

#endif
