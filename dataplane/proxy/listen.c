/*
 * listen.c - a new view: its listeners opened, others closed, its servers placed in the farms.
 *
 * Compares by address and port, so that a listener that stays is not touched: connections that are
 * being accepted come through. The old view is not read: it may be gone.
 */
#include "proxy/state.h"
#include "view/view.h"

void
listen_init(struct proxy *p)
{
	for (uint32_t i = 0; i < p->conf.listeners_max; i++)
		p->listen[i] = (struct listen){ 0 };
}

static struct listen *
listen_find(struct proxy *p, const struct ip_addr *ip, uint16_t port)
{
	for (uint32_t i = 0; i < p->listen_top; i++)
		if (p->listen[i].is_open && p->listen[i].port == port &&
		    ip_eq(&p->listen[i].ip, ip))
			return &p->listen[i];
	return NULL;
}

/* Marks the place as wanted, taking a free one when it is new; it is opened later. */
static void
listen_want(struct proxy *p, const struct ip_addr *ip, uint16_t port, uint32_t listener_i)
{
	struct listen *l = listen_find(p, ip, port);

	for (uint32_t i = 0; l == NULL && i < p->conf.listeners_max; i++) {
		if (p->listen[i].is_open || p->listen[i].is_wanted)
			continue;
		l = &p->listen[i];
		p->listen_top = i < p->listen_top ? p->listen_top : i + 1;
		l->ip = *ip;
		l->port = port;
		l->generation++;
	}
	if (l == NULL) {
		p->conf.count->proxy_listen_failed++;
		return;
	}
	l->is_wanted = true;
	l->listener_i = listener_i;
}

static void
listener_want(struct proxy *p, uint32_t listener_i)
{
	const struct img_listener *rec = p->listener[listener_i].rec;

	if (!ip_is_none(&rec->ip) || rec->port_i == (uint32_t)IMG_NONE) {
		listen_want(p, &rec->ip, rec->tcp_port, listener_i);
		return;
	}
	for (uint32_t i = 0; i < img_n(p->img, IMG_ADDRESSES); i++)
		if (img_address(p->img, i)->port_i == rec->port_i)
			listen_want(p, &img_address(p->img, i)->ip, rec->tcp_port, listener_i);
}

static uint32_t
or_else(uint32_t v, uint32_t otherwise, uint32_t most)
{
	v = v != 0 ? v : otherwise;
	return v < most ? v : most;
}

static void
limits_set(const struct img_machine *m, const struct img_listener *rec, struct http_limits *ret)
{
	*ret = (struct http_limits)HTTP_LIMITS_DEFAULT;
	ret->head_bytes = or_else(rec->head_max_bytes,
				  or_else(m->head_max_bytes, ret->head_bytes, HTTP_HEAD_BYTES_MAX),
				  HTTP_HEAD_BYTES_MAX);
	ret->target_bytes = or_else(m->target_max_bytes, ret->target_bytes, ret->head_bytes);
	ret->fields_n = or_else(m->fields_max, ret->fields_n, HTTP_FIELDS_MAX);
	ret->body_bytes = rec->body_max_bytes != 0 ? rec->body_max_bytes : m->body_max_bytes;
	ret->target_octets = true; /* old clients of Exchange and SharePoint send them */
}

static void
servers_place(struct proxy *p)
{
	farms_begin(p->farms);
	for (uint32_t i = 0; i < img_n(p->img, IMG_SERVERS); i++) {
		const struct img_server *s = img_server(p->img, i);
		struct farm_member m = { .slot = s->slot,
					 .incarnation = s->incarnation,
					 .weight = s->weight,
					 .rest_ns = img_farm(p->img, s->farm_i)->rest_ns,
					 .addr_n = !ip_is_none(&s->ip),
					 .addr = { s->ip } };

		if (!farm_place(p->farms, i, &m))
			p->conf.count->proxy_farm_overflow++;
	}
}

static void
listens_apply(struct proxy *p)
{
	/* Closing first: an address may go from "any" to a certain one on the same port. */
	for (uint32_t i = 0; i < p->listen_top; i++) {
		struct listen *l = &p->listen[i];

		if (l->is_open && !l->is_wanted) {
			tcp_unlisten(p->tcp, &l->ip, l->port);
			l->is_open = false;
		}
	}
	for (uint32_t i = 0; i < p->listen_top; i++) {
		struct listen *l = &p->listen[i];

		if (!l->is_wanted || l->is_open)
			continue;
		l->is_open = tcp_listen(p->tcp, &l->ip, l->port, (uint32_t)l->generation << 16 | i);
		if (!l->is_open)
			p->conf.count->proxy_listen_failed++;
	}
}

static void
rules_set(struct proxy *p, uint32_t i)
{
	const struct rules *rules = p->view->rules;

	p->listener[i].has_rules = rules != NULL && rules_any(rules, i, false);
	p->listener[i].has_outbound = rules != NULL && rules_any(rules, i, true);
}

void
listen_set_view(struct proxy *p)
{
	const struct img_machine *m = img_machine(p->img);

	if (p->view->rules != NULL)
		rules_count(p->view->rules, p->conf.lane_i, p->conf.rule_rows, p->conf.clock_ns);
	p->listener_n = min_u32(img_n(p->img, IMG_LISTENERS), p->conf.listeners_max);
	p->response_limits = (struct http_limits)HTTP_LIMITS_DEFAULT;
	p->response_limits.head_bytes =
		or_else(m->head_max_bytes, p->response_limits.head_bytes, HTTP_HEAD_BYTES_MAX);
	p->response_limits.fields_n = or_else(m->fields_max, 128, HTTP_FIELDS_MAX);
	p->listener_limits = p->response_limits;
	for (uint32_t i = 0; i < p->listen_top; i++)
		p->listen[i].is_wanted = false;
	for (uint32_t i = 0; i < p->listener_n; i++) {
		p->listener[i].rec = img_listener(p->img, i);
		limits_set(m, p->listener[i].rec, &p->listener[i].limits);
		rules_set(p, i);
		if (!p->is_draining)
			listener_want(p, i);
	}
	servers_place(p);
	listens_apply(p);
}

void
listen_close_all(struct proxy *p)
{
	for (uint32_t i = 0; i < p->listen_top; i++)
		p->listen[i].is_wanted = false;
	listens_apply(p);
}
