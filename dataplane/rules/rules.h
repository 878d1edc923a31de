/*
 * rules.h - URL Rewrite's rules (and our own in the same words) over fields: what becomes of a
 * request, what of a response changes.
 *
 * Knows names and values, not HTTP: the caller answers for fields (struct rules_subject). Rules
 * are sections of the image (abi/image.h) and their scan databases its blobs. rules_open makes of
 * them what evaluation needs and is the only function that allocates; evaluation is pure, runs on
 * one lane's scratch and gives a verdict whose slices live in that scratch until the lane's next
 * evaluation. One scan of a string by Hyperscan tells which patterns may match; PCRE2 decides and
 * captures. Without databases every pattern is asked by itself and the verdict is the same, but
 * that a pattern which would take too long is given more time.
 *
 * A scan database is a program: Hyperscan runs what it deserializes, and checks version, platform
 * and a checksum of it alone. Blobs must come from control's folder of the run directory, under
 * the hash that the image names, and from nowhere else.
 *
 * Text is bytes, UTF-8 where it matters; paths are decoded, queries raw. Numbers in comments are
 * sections of the reference that the tests go by (url-rewrite).
 */
#ifndef PENSTOCK_RULES_RULES_H
#define PENSTOCK_RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/image.h"
#include "base/slice.h"

enum {
	RULES_TEXT_MAX = 64 << 10, /* of one expansion (16) */
	RULES_CHANGES_MAX = 64,	   /* headers that one evaluation sets or removes; variables too */
	RULES_REFS = IMG_REFS_MAX,
};

/* ---- what is asked of the caller ---- */

/*
 * Variables by name (9): x(enum part, name). HTTP_<name>, RESPONSE_<name> and names that rules set
 * are no variables of this list (img_op). New ones are appended: images hold the index.
 */
/* clang-format off */
#define RULES_VARIABLE_LIST(x)                                                                     \
	x(NONE, "")                                                                                \
	x(QUERY_STRING, "QUERY_STRING") x(URL, "URL") x(PATH_INFO, "PATH_INFO")                    \
	x(SCRIPT_NAME, "SCRIPT_NAME") x(REQUEST_URI, "REQUEST_URI")                                \
	x(ORIGINAL_URL, "HTTP_X_ORIGINAL_URL") x(UNENCODED_URL, "UNENCODED_URL")                   \
	x(HTTP_URL, "HTTP_URL") x(CACHE_URL, "CACHE_URL") x(HTTP_HOST, "HTTP_HOST")                \
	x(SERVER_NAME, "SERVER_NAME") x(SERVER_PORT, "SERVER_PORT")                                \
	x(SERVER_PORT_SECURE, "SERVER_PORT_SECURE") x(HTTPS, "HTTPS")                              \
	x(REQUEST_METHOD, "REQUEST_METHOD") x(HTTP_METHOD, "HTTP_METHOD")                          \
	x(SERVER_PROTOCOL, "SERVER_PROTOCOL") x(HTTP_VERSION, "HTTP_VERSION")                      \
	x(REMOTE_ADDR, "REMOTE_ADDR") x(REMOTE_HOST, "REMOTE_HOST")                                \
	x(REMOTE_PORT, "REMOTE_PORT") x(LOCAL_ADDR, "LOCAL_ADDR")                                  \
	x(SERVER_ADDR, "SERVER_ADDR") x(CONTENT_TYPE, "CONTENT_TYPE")                              \
	x(CONTENT_LENGTH, "CONTENT_LENGTH") x(ALL_HTTP, "ALL_HTTP") x(ALL_RAW, "ALL_RAW")          \
	x(RESPONSE_STATUS, "RESPONSE_STATUS") x(REQUEST_FILENAME, "REQUEST_FILENAME")              \
	x(SCRIPT_FILENAME, "SCRIPT_FILENAME") x(PATH_TRANSLATED, "PATH_TRANSLATED")                \
	x(SERVER_SOFTWARE, "SERVER_SOFTWARE") x(GATEWAY_INTERFACE, "GATEWAY_INTERFACE")            \
	x(INSTANCE_ID, "INSTANCE_ID") x(INSTANCE_NAME, "INSTANCE_NAME")                            \
	x(INSTANCE_META_PATH, "INSTANCE_META_PATH") x(APPL_MD_PATH, "APPL_MD_PATH")                \
	x(APP_POOL_ID, "APP_POOL_ID")
/* clang-format on */

enum rules_variable {
#define X(part, name) RULES_VARIABLE_##part,
	RULES_VARIABLE_LIST(X)
#undef X
	RULES_VARIABLES
};

/* By name, without case, '-' as '_'; RULES_VARIABLE_NONE when it is none of the list. */
enum rules_variable rules_variable_of(struct slice name);
const char *rules_variable_name(enum rules_variable v);

/*
 * Text in Unicode lower case (10), one character for one; what is no UTF-8 stays. So keys of maps
 * without case are stored (abi/map.h) and asked. Returns how many bytes it is: at most
 * RULES_LOWER_BYTES(s.n), which `to` must hold.
 */
#define RULES_LOWER_BYTES(n) ((n) + (n) / 2)
uint32_t rules_lower(struct slice s, uint8_t *to);

struct rules_line {
	struct slice name, value;
};

/* A request, and for outbound rules its response. */
struct rules_subject {
	const void *ctx;
	/*
	 * The nth line of the request's (or response's) header, from 0; false: there is none. An
	 * empty name: of all headers, in their order.
	 *   name  in any case, with '-'
	 */
	bool (*line)(const void *ctx, bool is_response, struct slice name, uint32_t nth,
		     struct rules_line *ret_line);
	struct slice method;
	struct slice target; /* as it came, in origin-form (an absolute target without its host) */
	struct slice host;   /* Host, with its port if it has one */
	struct slice protocol; /* "HTTP/1.1" */
	struct ip_addr client, local;
	uint16_t client_port, local_port;
	bool is_secure;
	uint16_t status; /* of the response; 0: none yet */
	struct slice phrase;
};

/* ---- verdicts ---- */

/* Why a rule could not be carried out: x(enum part, words). */
/* clang-format off */
#define RULES_FAULT_LIST(x)                                                                        \
	x(NONE, "nothing")                                                                         \
	x(TARGET, "the request target has a malformed escape or %00")                              \
	x(LONG, "an expansion is longer than 64 KiB")                                              \
	x(REFERENCE, "a back-reference to a group that no matched pattern has")                    \
	x(MATCH_LIMIT, "a pattern needed more steps than the match limit allows")                  \
	x(BYTES, "a control in a header or status line, or CR, LF or NUL in a URL")                \
	x(CHANGES, "more headers and variables set than an evaluation may")                        \
	x(READ_ONLY, "a variable that cannot be set")                                              \
	x(URL, "the rewritten URL is none")                                                        \
	x(ENCODED, "the body has a content coding that is not known")                              \
	x(ROOM, "scratch memory is used up")                                                       \
	x(NOT_ALLOWED, "a variable that allowedServerVariables does not name")                     \
	x(CODING, "the body is not what its content coding says, or too much of it")               \
	x(GONE, "the listener that has the rules has gone")
/* clang-format on */

enum rules_fault {
#define X(part, words) RULES_FAULT_##part,
	RULES_FAULT_LIST(X)
#undef X
	RULES_FAULTS
};

const char *rules_fault_text(enum rules_fault fault);

/* clang-format off */
#define RULES_OUTCOME_LIST(x)                                                                      \
	x(ROUTE, route)	      /* to the listener's farm, or farm_i */                              \
	x(PROXY, proxy)	      /* to the farm or host of an absolute URL */                         \
	x(REDIRECT, redirect) x(RESPOND, respond) x(ABORT, abort)                                  \
	x(ERROR, error)	      /* fault; status and substatus are set (15) */
/* clang-format on */

enum rules_outcome {
#define X(part, word) RULES_##part,
	RULES_OUTCOME_LIST(X)
#undef X
};

const char *rules_outcome_name(enum rules_outcome outcome);

enum rules_change_op {
	RULES_CHANGE_REMOVE, /* every line of this header goes */
	RULES_CHANGE_SET,    /* ... and one with this value comes */
	RULES_CHANGE_APPEND, /* one more line comes */
	RULES_CHANGE_ABSENT, /* one line comes if there is none (replace="false", 13) */
};

/* A header to change, in order; or a variable that rules set. */
struct rules_change {
	uint8_t op;	    /* enum rules_change_op */
	bool is_variable;   /* a variable: the name is as img_op's CUSTOM, nothing is sent */
	bool is_response;   /* a header of the response (native rules set them with the request) */
	struct slice name;  /* of a header: as it goes out */
	struct slice value; /* empty: none */
};

struct rules_verdict {
	enum rules_outcome outcome;
	enum rules_fault fault;
	uint32_t rule_i;  /* the last that matched, or the one that failed; IMG_NONE: none */
	uint32_t scope_i; /* its scope */
	bool is_changed;  /* some rule rewrote the URL */
	bool logs_rewritten;
	/*
	 * ROUTE, PROXY: the request target to send; n 0: as it came. Encoded (3.4).
	 * PROXY: host with its port, if the URL has one; is_secure: its scheme.
	 */
	struct slice target, host;
	bool is_secure;
	uint32_t farm_i; /* ROUTE: chosen by a rule; IMG_NONE: the listener's */
	uint16_t status, substatus;
	struct slice reason; /* RESPOND; n 0: the standard phrase */
	struct slice body;   /* RESPOND; has_body false: a standard page */
	bool has_body;
	struct slice location;			  /* REDIRECT */
	uint64_t connect_ns, send_ns, receive_ns; /* 0: the farm's */
	const struct rules_change *change;
	uint32_t change_n;
	uint32_t tried_n; /* rules looked at one by one */
	uint32_t regex_n; /* times that PCRE2 was asked */
	int64_t work;	  /* what it cost, counted: about nanoseconds, RULES_WORK at most */
};

/*
 * What outbound rules say of a response's head, and which of them its body needs (14). change is
 * of response headers only, those that inbound rules set first; with body rules the validators
 * that a changed body has no more are among it (choice 26).
 */
struct rules_reply {
	enum rules_fault fault;
	uint32_t rule_i; /* of out_rules: the failed one; IMG_NONE: none by itself */
	uint16_t status, substatus;
	const struct rules_change *change;
	uint32_t change_n;
	const uint32_t *body_rule; /* of out_rules: TAGS and BODY rules whose precondition holds */
	uint32_t body_rule_n;
	bool has_body; /* to be rewritten: not of HEAD, nor with 204, 206, 304 */
	uint32_t regex_n;
	int64_t work;
};

/* ---- being told of each step (18) ---- */

/* clang-format off */
#define RULES_WHY_LIST(x)                                                                          \
	x(MATCHED, "matched")                                                                      \
	x(PATTERN, "the pattern does not match")                                                   \
	x(NEGATED, "the pattern matches, and the rule is negated")                                 \
	x(CONDITION, "a condition does not hold")                                                  \
	x(CONDITIONS, "none of the conditions holds")                                              \
	x(FOLDER, "the URL is outside the folder of the rule")                                     \
	x(PRECONDITION, "the precondition does not hold")                                          \
	x(FAULT, "it could not be carried out")
/* clang-format on */

enum rules_why {
#define X(part, words) RULES_WHY_##part,
	RULES_WHY_LIST(X)
#undef X
};

const char *rules_why_text(enum rules_why why);

struct rules_seen {
	uint32_t scope_i, rule_i;
	bool is_outbound; /* rule_i is of out_rules */
	enum rules_why why;
	struct slice input; /* what the rule's pattern was matched against */
	/* Captures: r[0] the whole match. n 0: there are none. */
	struct slice r[RULES_REFS], c[RULES_REFS];
	uint32_t r_n, c_n;
	struct slice url; /* current path and query, or absolute URL, after the rule */
};

/*
 * Given to an evaluation, it visits every rule in order without leaving out those that no scan
 * found, and tells; slices are valid during the call. Members may be NULL. on_cond comes for each
 * condition looked at, before its rule's on_rule.
 */
struct rules_trace {
	void *ctx;
	void (*on_cond)(void *ctx, uint32_t cond_i, struct slice value, bool holds);
	void (*on_rule)(void *ctx, const struct rules_seen *seen);
};

/* ---- opening ---- */

struct rules;

typedef void *rules_grow_fn(void *p, size_t n); /* shaped as realloc; with n 0 it frees */

struct rules_blob {
	const uint8_t *p;
	uint64_t n;
};

/*
 * Compiles patterns, opens databases and maps, makes lane_n scratches. The image and the blobs (by
 * the image's index; NULL: none are there, then maps whose blob is missing are empty) must outlive
 * it. NULL and the fault when a pattern, database or map is bad. Takes long for many patterns.
 */
struct rules *rules_open(const struct img *img, const struct rules_blob *blob, uint32_t lane_n,
			 rules_grow_fn *grow, struct abi_fault *ret_fault);

void rules_close(struct rules *rules);

/* Whether the listener binds any rule (of a request; of a response). */
bool rules_any(const struct rules *rules, uint32_t listener_i, bool is_outbound);

/* The farm of this name, without case, IMG_NONE: none. For the host of an absolute URL. */
uint32_t rules_farm(const struct rules *rules, struct slice name);

/* ---- counting ---- */

struct board_rule; /* abi/board.h */

/*
 * From now on the lane's evaluations count what each rule did in row[its slot], as the only writer;
 * NULL: nobody counts, as at the start.
 *   clock_ns  read around the rules of one evaluation in 64; NULL: no time is kept
 */
void rules_count(struct rules *rules, uint32_t lane_i, struct board_rule *row,
		 uint64_t (*clock_ns)(void));

/* ---- evaluating ---- */

/*
 * Runs the listener's global and distributed rules on a request.
 *   lane_i  whose scratch; one thread at a time
 *   trace   NULL: nobody wants to know
 */
void rules_request(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		   const struct rules_subject *subject, const struct rules_trace *trace,
		   struct rules_verdict *ret_verdict);

/*
 * Whether outbound rules may rewrite the body of what is answered to this target, as it came: the
 * request then goes to its server without Range (14.5). An evaluation of the lane.
 */
bool rules_wants_body(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		      struct slice target);

/*
 * Runs the listener's outbound rules on a response head.
 *   subject  the request as the client sent it, and the response's status, phrase and lines; it
 *	      and what it asks must stay until rules_body_init, if that follows
 *   vars     variables and request headers that inbound rules set (struct rules_verdict's change)
 */
void rules_response(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		    const struct rules_subject *subject, const struct rules_change *vars,
		    uint32_t vars_n, const struct rules_trace *trace,
		    struct rules_reply *ret_reply);

/* Of 500, when this outbound rule (IMG_NONE: none by itself) could not be carried out (15). */
uint16_t rules_substatus(const struct rules *rules, uint32_t out_rule_i);

/* ---- bodies (14.3, 14.5) ---- */

/* clang-format off */
#define RULES_BODY_VERDICT_LIST(x)                                                                 \
	x(MORE, more)	/* all input is used */                                                    \
	x(ROOM, room)	/* the output is full */                                                   \
	x(AGAIN, again) /* a turn's time is used up; the same call goes on */                      \
	x(END, end)	/* after is_last: all is in the output */                                  \
	x(FAULT, fault)
/* clang-format on */

enum rules_body_verdict {
#define X(part, word) RULES_BODY_##part,
	RULES_BODY_VERDICT_LIST(X)
#undef X
};

/*
 * A body on its way through the rules of a reply, in memory of the caller's. Takes the body in
 * pieces that are cut anywhere; what comes out does not depend on the cuts. Text is compared in
 * the charset of Content-Type where that is a single-byte one, else as UTF-8. A match and a value
 * are at most RULES_TEXT_MAX bytes long: longer ones pass as they are.
 */
struct rules_body;

/*
 * Bytes that a body needs; 0: more rules than a body may have, which is RULES_FAULT_ROOM. To be
 * asked while the lane's last evaluation is the rules_response that filled the reply.
 */
size_t rules_body_bytes(const struct rules *rules, uint32_t lane_i,
			const struct rules_reply *reply);

/*
 * In n >= rules_body_bytes(…) bytes of memory, aligned to 16; at the same time as that. Copies
 * what it needs of request and response. The rules must outlive it; nothing is to be given back.
 *   reply  with body_rule_n > 0
 *   trace  told of each value and match; must outlive it; NULL: nobody wants to know
 */
struct rules_body *rules_body_init(void *memory, size_t n, struct rules *rules, uint32_t lane_i,
				   uint32_t listener_i, const struct rules_reply *reply,
				   const struct rules_trace *trace);

enum {
	/* About nanoseconds: a turn of the caller's, of all that it asks, and */
	RULES_TURN_WORK = 1 << 18,
	/* one rule that is asked about one value or match, which may be more than a turn has left. */
	RULES_BODY_PART = 1 << 19,
};

/* What a turn takes and gives; both ends move on by what was used and made. */
struct rules_body_io {
	const uint8_t *in;
	uint32_t in_n;
	bool is_last; /* nothing follows the input */
	uint8_t *out;
	uint32_t out_n;
	/* What it may cost, of RULES_TURN_WORK; less on return, by RULES_BODY_PART below 0 at most. */
	int64_t work;
};

/*
 * On the lane of its begin; is an evaluation of that lane. Ends soon after its work is spent: with
 * AGAIN, or what else is to be told.
 */
enum rules_body_verdict rules_body_turn(struct rules_body *body, struct rules_body_io *io);

/* After FAULT: which, and of out_rules the rule that had it (IMG_NONE: none by itself). */
enum rules_fault rules_body_fault(const struct rules_body *body, uint32_t *ret_rule_i);

#endif
