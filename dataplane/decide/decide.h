/*
 * decide.h - where a request goes and how its head is changed, from (tables, rules, request, farm
 * state).
 *
 * Pure: no buffer, connection or clock. The data plane and `penstockctl explain` run this same
 * code, so that what explain says is what happens. Framing and connection options belong to the
 * wire and are the proxy's. Results point into the image, the request, the rules' scratch and the
 * caller's struct decide_text, and live as long as these.
 *
 * A listener with rules asks decide_rules first; a verdict that lets the request pass becomes a
 * struct decide_way, which decide_route and decide_request go by. Further tries of a request keep
 * its way.
 */
#ifndef PENSTOCK_DECIDE_DECIDE_H
#define PENSTOCK_DECIDE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/image.h"
#include "codec/codec.h"
#include "farm/farm.h"
#include "http/http.h"
#include "rules/rules.h"

struct decide_way;

/* What is known of a request besides its head. */
struct decide_facts {
	const struct http_request *request;
	const struct http_response *response; /* NULL: none yet */
	const struct decide_way *way;	      /* as rules said; NULL: the listener's */
	struct ip_addr client, local;	      /* the ends of the client's connection */
	uint16_t client_port, local_port;
	bool is_secure;	 /* the client came by TLS */
	bool wants_body; /* the response may have to be rewritten: decide_wants_body */
};

/*
 * Why a request goes nowhere: x(enum part, status of the answer, word). NONE: it goes.
 */
/* clang-format off */
#define DECIDE_CAUSES(x)                                                                           \
	x(NONE, 0, none)                                                                           \
	x(NO_FARM, 404, no_farm)           /* the listener has none */                             \
	x(CONNECT, 405, connect_method)    /* CONNECT: this is no forward proxy */                 \
	x(NO_SERVER, 503, no_server)       /* the farm has none, or none of any weight */          \
	x(DRAINED, 503, servers_drained)   /* all are drained or disabled */                       \
	x(UNRESOLVED, 503, unresolved)     /* no server's name has an address yet */               \
	x(ALL_TRIED, 502, all_tried)       /* this request has been to every one that is fit */    \
	x(NO_PORT, 502, no_port)           /* the server has no port for the scheme */             \
	x(SCHEME, 502, scheme_unsupported) /* TLS to servers */                                    \
	x(HOST, 404, host_unknown)	   /* no farm, no host that is proxied to: 404.4 (15) */
/* clang-format on */

enum decide_cause {
#define X(part, status, word) DECIDE_CAUSE_##part,
	DECIDE_CAUSES(X)
#undef X
};

const char *decide_cause_name(enum decide_cause cause);
uint16_t decide_cause_status(enum decide_cause cause);
uint16_t decide_cause_substatus(enum decide_cause cause);
const char *decide_cause_text(enum decide_cause cause); /* what it is, and the cure */

/* Where rules send a request, and with which head. */
struct decide_way {
	uint32_t farm_i;	 /* IMG_NONE: see cause */
	enum decide_cause cause; /* NONE: it has a farm */
	bool is_proxied;	 /* by an absolute URL: its scheme counts, not the farm's */
	bool is_secure;		 /* ... https */
	struct slice target;	 /* n 0: the client's */
	const struct rules_change *change; /* in order; those of responses and variables too */
	uint32_t change_n;
};

/* The request as rules see it; facts must live as long as *ret_subject is used. */
void decide_subject(const struct decide_facts *facts, struct rules_subject *ret_subject);

/* Whether outbound rules may rewrite the response's body. An evaluation of the lane. */
bool decide_wants_body(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		       const struct http_request *request);

/*
 * Runs the listener's rules. True: the request passes (ROUTE, PROXY) on *ret_way. False: the
 * verdict is an answer of ours (decide_reply), or ABORT. Slices live until the lane's next
 * evaluation.
 *   trace  NULL: nobody wants to know
 */
bool decide_rules(const struct img *img, struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		  const struct decide_facts *facts, const struct rules_trace *trace,
		  struct rules_verdict *ret_verdict, struct decide_way *ret_way);

/*
 * The reply that REDIRECT, RESPOND and ERROR are; the caller adds what is the connection's, the
 * date and words for the page of an ERROR.
 */
void decide_reply(const struct rules_verdict *verdict, struct http_reply *ret_reply);

struct decide_route {
	uint32_t farm_i;
	uint32_t server_i;	    /* index in the image, and farm.h's member_i */
	uint32_t slot, incarnation; /* of the server */
	struct ip_addr addr;
	uint16_t port;
	bool is_secure; /* https to the server */
	bool is_probe;	/* see farm.h */
};

/*
 * Chooses the listener's farm and one of its servers; the choice counts in the farm's round robin.
 * farm_i is set as soon as it is known, also when the answer is a cause.
 *   tried  servers this request has failed on
 */
enum decide_cause decide_route(const struct img *img, uint32_t listener_i,
			       const struct decide_facts *facts, struct farms *farms,
			       const struct farm_tried *tried, uint64_t now,
			       struct decide_route *ret_route);

/* The farm a request goes to, IMG_NONE for none: the first half of decide_route. */
uint32_t decide_farm(const struct img *img, uint32_t listener_i, const struct decide_facts *facts);

/* Whether requests to this farm go by TLS: the way's scheme, the farm's, or the client's. */
bool decide_is_secure(const struct img *img, uint32_t farm_i, const struct decide_facts *facts);

enum {
	DECIDE_ADDR_BYTES = 48,	 /* "[v6]:65535" */
	DECIDE_HOST_BYTES = 264, /* a name or "[v6]", ":65535" */
	/* Of a response: inbound and outbound rules', and what a rewritten body means for it. */
	DECIDE_EDITS_MAX = 2 * RULES_CHANGES_MAX + 3,
	DECIDE_CODINGS_BYTES = 256,
};

/* Where texts made for a decision are kept. */
struct decide_text {
	char client[DECIDE_ADDR_BYTES];
	char host[DECIDE_HOST_BYTES];
	char codings[DECIDE_CODINGS_BYTES]; /* Accept-Encoding, when it is made anew */
	struct http_edits edits;
	struct http_edit edit[DECIDE_EDITS_MAX];
};

/*
 * The edits of a request head for this server: the target and the fields that rules changed, Host
 * kept or replaced, Via, X-Forwarded-For, -Proto, -Host. Where outbound rules want bodies Range
 * goes (14.5), and so do codings that we could not decode (14.6). A Host that a rule set counts as
 * the client's (13). Sets every member of *ret_out but framing, length, keep_alive and upgrade,
 * which it leaves zero.
 */
void decide_request(const struct img *img, uint32_t listener_i, const struct decide_route *route,
		    const struct decide_facts *facts, struct decide_text *text,
		    struct http_request_out *ret_out);

/* The edits of a response head: Via. Leaves what is the wire's zero, and date to the caller. */
void decide_response(const struct img *img, uint32_t listener_i,
		     const struct http_response *response, struct http_response_out *ret_out);

/* A body's content coding on its way through rules: decoded, and encoded again or not. */
struct decide_coding {
	enum codec_kind from, to;
};

/*
 * What becomes of the coding of a body that rules rewrite (14.6): it stays where the client takes
 * it by its Accept-Encoding, else the body leaves without one, which is added to text->edits. One
 * that is not known is RULES_FAULT_ENCODED: 500.52.
 */
enum rules_fault decide_coding(const struct decide_facts *facts, struct decide_text *text,
			       struct decide_coding *ret_coding);

/* Without room to encode again: the body leaves without a coding after all. */
enum rules_fault decide_uncoded(struct decide_text *text, struct decide_coding *coding);

/*
 * Accept-Encoding for a server whose responses may be rewritten: without the codings that are not
 * known, "*" among them, and without br, which costs most; as it is when there are none, or when
 * rules have set it.
 */
void decide_accept(const struct http_head *request, struct decide_text *text);

/*
 * Those of changes that are edits of a request's or a response's head, in order, behind those
 * that are in text->edits; what does not fit is left out (rules set no more than RULES_CHANGES_MAX
 * each way).
 */
void decide_edits(const struct rules_change *change, uint32_t change_n, bool is_response,
		  const struct http_head *head, struct decide_text *text);

#endif
