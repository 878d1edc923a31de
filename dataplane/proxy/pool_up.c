/*
 * pool_up.c - connections to servers kept for the next request.
 *
 * A list a server slot, the latest first: the latest is the likeliest to be alive and its memory
 * the warmest; the oldest ones run into their idle time-out. Whatever stirs here (bytes, FIN, RST)
 * ends the connection: nobody has asked it anything.
 *
 * NTLM and Negotiate authenticate the connection and not the request: whoever came next by it
 * would have another's rights. A connection on which one of them was seen is pinned: it never
 * comes into the list, only its own client asks by it again, and both end together.
 */
#include "proxy/state.h"

static void
unlink_idle(struct proxy *p, struct conn *up)
{
	if (up->next != (uint32_t)NONE)
		conn_at(p, up->next)->prev = up->prev;
	if (up->prev != (uint32_t)NONE)
		conn_at(p, up->prev)->next = up->next;
	else
		p->idle[up->slot] = up->next;
	p->idle_n[up->slot]--;
	p->gauge.upstream_idle--;
}

static void
unpin(struct proxy *p, struct conn *up)
{
	conn_at(p, up->pin)->pin = (uint32_t)NONE;
	up->pin = (uint32_t)NONE;
}

void
pool_up_drop(struct proxy *p, struct conn *up)
{
	ensure(up->state == CONN_EXPECT_USE);
	if (up->pin != (uint32_t)NONE)
		unpin(p, up);
	else
		unlink_idle(p, up);
	if (up->leg.in.bytes != 0)
		leg_abort(p, &up->leg);
	else
		leg_release(p, &up->leg);
	conn_put(p, up);
}

/* An event about it may wait behind the one that we are in: bytes that nobody asked for would be
 * taken for the response, and a FIN costs another try. */
static bool
has_stirred(const struct proxy *p, const struct conn *up)
{
	return tcp_readable(p->tcp, up->leg.id) != 0 || tcp_is_eof(p->tcp, up->leg.id) ||
	       tcp_end(p->tcp, up->leg.id) != TCP_END_NONE;
}

/* Whether it leads to one of the server's present addresses, at this port. */
static bool
is_address(const struct proxy *p, const struct conn *up, uint16_t port)
{
	struct tcp_ends ends;

	tcp_ends(p->tcp, up->leg.id, &ends);
	return ends.remote_port == port && farm_has_addr(p->farms, up->slot, &ends.remote);
}

struct conn *
pool_up_take(struct proxy *p, const struct decide_route *route)
{
	uint32_t i = p->idle[route->slot];

	while (i != (uint32_t)NONE) {
		struct conn *up = conn_at(p, i);

		i = up->next;
		if (up->incarnation != route->incarnation || up->is_secure != route->is_secure ||
		    !is_address(p, up, route->port) || has_stirred(p, up)) {
			pool_up_drop(p, up);
			continue;
		}
		unlink_idle(p, up);
		up->due_ns = NEVER;
		p->conf.count->proxy_reused++;
		return up;
	}
	return NULL;
}

void
pool_up_put(struct proxy *p, struct conn *up, uint32_t idle_max)
{
	uint32_t i = conn_index(p, up);

	if (p->is_draining || up->slot >= p->conf.server_slots_max ||
	    p->idle_n[up->slot] >= idle_max || !farm_is_kept(p->farms, up->slot, up->incarnation)) {
		leg_release(p, &up->leg);
		conn_put(p, up);
		return;
	}
	up->state = CONN_EXPECT_USE;
	up->since_ns = p->now;
	up->prev = (uint32_t)NONE;
	up->next = p->idle[up->slot];
	if (up->next != (uint32_t)NONE)
		conn_at(p, up->next)->prev = i;
	p->idle[up->slot] = i;
	p->idle_n[up->slot]++;
	p->gauge.upstream_idle++;
	timer_due(p, up, p->now + up->idle_ns);
}

void
pool_up_prune(struct proxy *p)
{
	for (uint32_t slot = 0; slot < p->conf.server_slots_max; slot++) {
		uint32_t i = p->idle[slot];

		if (farm_stays(p->farms, slot) && !p->is_draining)
			continue;
		while (i != (uint32_t)NONE) {
			struct conn *up = conn_at(p, i);
			struct tcp_ends ends;

			i = up->next;
			tcp_ends(p->tcp, up->leg.id, &ends);
			if (p->is_draining || !farm_is_kept(p->farms, slot, up->incarnation) ||
			    !farm_has_addr(p->farms, slot, &ends.remote))
				pool_up_drop(p, up);
		}
	}
}

/* ---- pinned ---- */

bool
pool_up_is_bound(const struct http_head *head, enum http_field_id id)
{
	const struct http_field *f = NULL;

	while ((f = http_find(head, id, f)) != NULL) {
		struct slice v = http_field_value(f);

		/* "Nego" is of Negotiate and of Nego2 */
		if (v.n >= 4 && (slice_eq_nocase(slice_of(v.p, 4), SLICE("NTLM")) ||
				 slice_eq_nocase(slice_of(v.p, 4), SLICE("Nego"))))
			return true;
	}
	return false;
}

void
pool_up_pin(struct proxy *p, struct conn *client, struct conn *up)
{
	ensure(client->pin == (uint32_t)NONE && up->pin == (uint32_t)NONE);
	up->state = CONN_EXPECT_USE;
	up->since_ns = p->now;
	up->pin = conn_index(p, client);
	client->pin = conn_index(p, up);
	timer_due(p, up, p->now + up->idle_ns);
}

void
pool_up_stirred(struct proxy *p, struct conn *up)
{
	struct conn *client = up->pin == (uint32_t)NONE ? NULL : conn_at(p, up->pin);

	pool_up_drop(p, up);
	/* Between requests the client learns at once that it must begin anew. */
	if (client != NULL && client->state == CONN_EXPECT_HEAD && client->leg.in.bytes == 0)
		conn_next(p, client, false);
}

void
pool_up_pin_route(struct proxy *p, struct conn *client, struct decide_route *route)
{
	const struct img_farm *farm = img_farm(p->img, route->farm_i);
	struct conn *up = conn_at(p, client->pin);
	struct tcp_ends ends;

	for (uint32_t i = farm->first_server; i < farm->first_server + farm->server_n; i++) {
		const struct img_server *s = img_server(p->img, i);

		if (s->slot != up->slot || s->incarnation != up->incarnation ||
		    up->is_secure != route->is_secure || !is_address(p, up, s->http_port) ||
		    !farm_is_kept(p->farms, up->slot, up->incarnation))
			continue;
		route->server_i = i;
		route->slot = up->slot;
		route->incarnation = up->incarnation;
		tcp_ends(p->tcp, up->leg.id, &ends);
		route->addr = ends.remote;
		route->port = ends.remote_port;
		route->is_probe = false;
		return;
	}
	pool_up_drop(p, up);
}

struct conn *
pool_up_pin_take(struct proxy *p, struct conn *client)
{
	struct conn *up;

	if (client->pin == (uint32_t)NONE)
		return NULL;
	up = conn_at(p, client->pin);
	if (has_stirred(p, up)) {
		pool_up_drop(p, up);
		return NULL;
	}
	unpin(p, up);
	up->due_ns = NEVER;
	p->conf.count->proxy_reused++;
	return up;
}
