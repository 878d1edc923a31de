/*
 * decide.h - where a request goes and how its head is changed, from (tables, request, farm state).
 *
 * Pure: no buffer, connection or clock. The data plane and `penstockctl explain` run this same
 * code, so that what explain says is what happens. Framing and connection options belong to the
 * wire and are the proxy's. Results point into the image, the request and the caller's
 * struct decide_text, and live as long as these.
 */
#ifndef PENSTOCK_DECIDE_DECIDE_H
#define PENSTOCK_DECIDE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/image.h"
#include "farm/farm.h"
#include "http/http.h"

/* What is known of a request besides its head. */
struct decide_facts {
	const struct http_request *request;
	struct ip_addr client;
	uint16_t client_port;
	bool is_secure; /* the client came by TLS */
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
	x(SCHEME, 502, scheme_unsupported) /* TLS to servers */
/* clang-format on */

enum decide_cause {
#define X(part, status, word) DECIDE_CAUSE_##part,
	DECIDE_CAUSES(X)
#undef X
};

const char *decide_cause_name(enum decide_cause cause);
uint16_t decide_cause_status(enum decide_cause cause);

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

/* The farm a request would go to, IMG_NONE for none: the first half of decide_route. */
uint32_t decide_farm(const struct img *img, uint32_t listener_i, const struct decide_facts *facts);

/* Whether requests to this farm go by TLS: its scheme, or the client's. */
bool decide_is_secure(const struct img *img, uint32_t farm_i, const struct decide_facts *facts);

enum {
	DECIDE_ADDR_BYTES = 48,	 /* "[v6]:65535" */
	DECIDE_HOST_BYTES = 264, /* a name or "[v6]", ":65535" */
};

/* Where texts made for a decision are kept. */
struct decide_text {
	char client[DECIDE_ADDR_BYTES];
	char host[DECIDE_HOST_BYTES];
};

/*
 * The edits of a request head for this server: Host kept or replaced, Via, X-Forwarded-For,
 * -Proto, -Host. Sets every member of *ret_out but framing, length, keep_alive and upgrade, which
 * it leaves zero.
 */
void decide_request(const struct img *img, uint32_t listener_i, const struct decide_route *route,
		    const struct decide_facts *facts, struct decide_text *text,
		    struct http_request_out *ret_out);

/* The edits of a response head: Via. Leaves what is the wire's zero, and date to the caller. */
void decide_response(const struct img *img, uint32_t listener_i,
		     const struct http_response *response, struct http_response_out *ret_out);

#endif
