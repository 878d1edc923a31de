/*
 * route.c - listener, farm, server, address and port of one request; or the reason why not.
 */
#include "base/ensure.h"
#include "decide/decide.h"

const char *
decide_cause_name(enum decide_cause cause)
{
	static const char *const name[] = {
#define X(part, status, word) [DECIDE_CAUSE_##part] = #word,
		DECIDE_CAUSES(X)
#undef X
	};

	return name[cause];
}

uint16_t
decide_cause_status(enum decide_cause cause)
{
	static const uint16_t status_of[] = {
#define X(part, status, word) [DECIDE_CAUSE_##part] = status,
		DECIDE_CAUSES(X)
#undef X
	};

	return status_of[cause];
}

uint16_t
decide_cause_substatus(enum decide_cause cause)
{
	return cause == DECIDE_CAUSE_HOST ? 4 : 0;
}

const char *
decide_cause_text(enum decide_cause cause)
{
	switch (cause) {
	case DECIDE_CAUSE_NONE:
		return "";
	case DECIDE_CAUSE_NO_FARM:
		return "neither a rule nor the listener names a farm; give the listener a farm";
	case DECIDE_CAUSE_CONNECT:
		return "CONNECT is for forward proxies, and this is none";
	case DECIDE_CAUSE_NO_SERVER:
		return "the farm has no server of any weight; add one, or raise a weight";
	case DECIDE_CAUSE_DRAINED:
		return "every server of the farm is drained or disabled; enable one";
	case DECIDE_CAUSE_UNRESOLVED:
		return "no name of the farm's servers has an address; see the resolver";
	case DECIDE_CAUSE_ALL_TRIED:
		return "the request has been to every server that is fit";
	case DECIDE_CAUSE_NO_PORT:
		return "the server has no port for this scheme; give it http_port or https_port";
	case DECIDE_CAUSE_SCHEME:
		return "TLS towards servers is not there yet; let the URL or the farm say http";
	case DECIDE_CAUSE_HOST:
		return "the URL's host is neither a farm nor a host that is proxied to; add a farm "
		       "of that name, or say plain_hosts: true (dynamic_hosts, where the host "
		       "comes out of an expression)";
	}
	return "";
}

static enum decide_cause
cause_of_fit(enum farm_fit fit)
{
	switch (fit) {
	case FARM_FIT_READY:
	case FARM_FIT_PROBE:
		return DECIDE_CAUSE_NONE;
	case FARM_FIT_RESTING:
	case FARM_FIT_TRIED:
		return DECIDE_CAUSE_ALL_TRIED;
	case FARM_FIT_DRAINED:
	case FARM_FIT_OFF:
		return DECIDE_CAUSE_DRAINED;
	case FARM_FIT_WEIGHTLESS:
		return DECIDE_CAUSE_NO_SERVER;
	case FARM_FIT_UNRESOLVED:
		return DECIDE_CAUSE_UNRESOLVED;
	}
	return DECIDE_CAUSE_NO_SERVER;
}

uint32_t
decide_farm(const struct img *img, uint32_t listener_i, const struct decide_facts *facts)
{
	return facts->way != NULL ? facts->way->farm_i : img_listener(img, listener_i)->farm_i;
}

bool
decide_is_secure(const struct img *img, uint32_t farm_i, const struct decide_facts *facts)
{
	uint32_t scheme = img_farm(img, farm_i)->scheme;

	if (facts->way != NULL && facts->way->is_proxied)
		return facts->way->is_secure;
	return scheme == IMG_SCHEME_HTTPS || (scheme == IMG_SCHEME_SAME && facts->is_secure);
}

enum decide_cause
decide_route(const struct img *img, uint32_t listener_i, const struct decide_facts *facts,
	     struct farms *farms, const struct farm_tried *tried, uint64_t now,
	     struct decide_route *ret_route)
{
	struct farm_pick pick;

	ensure(listener_i < img_n(img, IMG_LISTENERS));
	*ret_route = (struct decide_route){ .farm_i = decide_farm(img, listener_i, facts) };
	if (facts->way != NULL && facts->way->cause != DECIDE_CAUSE_NONE)
		return facts->way->cause;
	if (ret_route->farm_i == (uint32_t)IMG_NONE)
		return DECIDE_CAUSE_NO_FARM;
	if (facts->request->method_id == HTTP_METHOD_CONNECT)
		return DECIDE_CAUSE_CONNECT;

	const struct img_farm *farm = img_farm(img, ret_route->farm_i);

	if (farm->server_n == 0)
		return DECIDE_CAUSE_NO_SERVER;
	ret_route->is_secure = decide_is_secure(img, ret_route->farm_i, facts);
	if (ret_route->is_secure)
		return DECIDE_CAUSE_SCHEME;

	enum decide_cause cause = cause_of_fit(
		farm_pick(farms, farm->first_server, farm->server_n, tried, now, &pick));

	if (cause != DECIDE_CAUSE_NONE)
		return cause;

	const struct img_server *server = img_server(img, pick.member_i);

	ret_route->server_i = pick.member_i;
	ret_route->slot = pick.slot;
	ret_route->incarnation = pick.incarnation;
	ret_route->addr = pick.addr;
	ret_route->is_probe = pick.is_probe;
	ret_route->port = ret_route->is_secure ? server->https_port : server->http_port;
	return ret_route->port == 0 ? DECIDE_CAUSE_NO_PORT : DECIDE_CAUSE_NONE;
}
