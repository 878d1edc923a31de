/*
 * proxy.c - one lane's proxy: its memory, its doors, the budget of buffers.
 *
 * The doors only set the time and pass on: events to conns, timers to conns, the list of conns
 * with work left.
 */
#include "proxy/proxy.h"

#include "proxy/state.h"
#include "view/view.h"

enum {
	CUT_SCAN = 4096,	/* conns looked at for the longest stalled, in one turn */
	SHARE_SHIFT = 4,	/* a session may have a 16th of the free budget under way */
	BUF_BYTES_GUESS = 1024, /* a stream buffer holds about this much */
	RUN_WORK = 2000,	/* of a conn that has waited, beside what it asks of rules */
};

#define CUT_LOOK_NS 1000000ull	 /* while the budget is used up */
#define CUT_AGE_NS  200000000ull /* who moved since is not stalled */

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* The parts of a proxy's memory, in this order behind the struct. */
struct parts {
	size_t self, farms, conns, exchs, wheel, listener, listen, slots, rewrite;
};

static struct parts
parts_of(const struct proxy_conf *conf)
{
	return (struct parts){
		.self = align64(sizeof(struct proxy)),
		.farms = align64(farms_size(conf->server_slots_max, conf->servers_max)),
		.conns = align64(pool_size(conf->conns_max, sizeof(struct conn))),
		.exchs = align64(pool_size(conf->exchanges_max, sizeof(struct exch))),
		.wheel = align64(wheel_size(conf->conns_max)),
		.listener = align64(conf->listeners_max * sizeof(struct listener)),
		.listen = align64(conf->listeners_max * sizeof(struct listen)),
		.slots = align64(conf->server_slots_max * 3 * sizeof(uint32_t)),
		.rewrite = align64(conf->rewrite_bytes),
	};
}

size_t
proxy_size(const struct proxy_conf *conf)
{
	struct parts s = parts_of(conf);

	return s.self + s.farms + s.conns + s.exchs + s.wheel + s.listener + s.listen + s.slots +
	       s.rewrite;
}

struct proxy *
proxy_init(void *mem, const struct proxy_conf *conf, uint64_t wall_ns, uint64_t now)
{
	struct parts s = parts_of(conf);
	struct proxy *p = mem;
	uint8_t *at = (uint8_t *)mem + s.self;

	ensure(((uintptr_t)mem & 63) == 0);
	ensure(conf->listeners_max <= UINT16_MAX + 1u);
	p->conf = *conf;
	p->tcp = conf->tcp;
	p->bufs = conf->pool;
	p->farms = farms_init(at, conf->server_slots_max, conf->servers_max);
	at += s.farms;
	pool_init(&p->conns, at, conf->conns_max, sizeof(struct conn));
	at += s.conns;
	pool_init(&p->exchs, at, conf->exchanges_max, sizeof(struct exch));
	at += s.exchs;
	p->wheel = wheel_init(at, conf->conns_max, now);
	at += s.wheel;
	p->listener = (struct listener *)at;
	at += s.listener;
	p->listen = (struct listen *)at;
	at += s.listen;
	p->idle = (uint32_t *)at;
	p->idle_n = p->idle + conf->server_slots_max;
	p->conns_n = p->idle_n + conf->server_slots_max;
	memset(p->idle, 0xff, conf->server_slots_max * sizeof(uint32_t));
	heap_init(&p->rewrite_memory, at + s.slots, s.rewrite);
	p->wake = p->queue = (struct conn_list){ (uint32_t)NONE, (uint32_t)NONE };
	p->turn_work = RULES_TURN_WORK;
	p->wall_ns = wall_ns;
	p->now = now;
	p->room_cap = UINT32_MAX;
	p->sweep_at = NEVER;
	p->retry_budget = RETRIES_AT_ONCE * RETRY_COST;
	listen_init(p);
	return p;
}

void
proxy_fini(struct proxy *p)
{
	listen_close_all(p);
	p->conf.journal = NULL;
	p->is_draining = true;
	pool_up_prune(p);
	for (uint32_t i = 0; i < p->exchs.fresh; i++)
		if (pool_is_taken(&p->exchs, i))
			exch_client_lost(p, exch_at(p, i), JOURNAL_CAUSE_SHUTDOWN);
	for (uint32_t i = 0; i < p->conns.fresh; i++) {
		if (!pool_is_taken(&p->conns, i) || conn_at(p, i)->state == CONN_FREE)
			continue;
		leg_abort(p, &conn_at(p, i)->leg);
		conn_put(p, conn_at(p, i));
	}
}

/*
 * What a session may have under way follows the free budget: a share of it, never less than two
 * segments. Little is free only while many are slow; these hold what they have, and the fast ones
 * go on with small windows.
 */
static void
look_at_budget(struct proxy *p)
{
	struct tcp_load load;
	uint64_t held, free_n, cap;

	tcp_load(p->tcp, &load);
	tcp_set_owner_bufs(p->tcp, p->bufs_held);
	held = (uint64_t)load.bufs_held + p->bufs_held;
	p->gauge.bufs_held = p->bufs_held;
	free_n = held < p->conf.bufs_max ? p->conf.bufs_max - held : 0;
	p->is_cutting = free_n < p->conf.bufs_max / 16;
	if (free_n > p->conf.bufs_max / 2) {
		p->room_cap = UINT32_MAX;
		return;
	}
	cap = free_n * BUF_BYTES_GUESS >> SHARE_SHIFT;
	p->room_cap = cap > TWO_MSS ? min_u32(cap, UINT32_MAX - 1) : TWO_MSS;
}

void
proxy_on_event(struct proxy *p, const struct tcp_event *ev, uint64_t now)
{
	struct conn *c;

	p->now = now;
	if ((ev->bits & TCP_EV_ACCEPTED) != 0) {
		c = conn_accept(p, ev->id, ev->owner);
		if (c != NULL)
			conn_on_event(p, c, ev->bits | TCP_EV_READABLE);
		return;
	}
	if (!pool_is_taken(&p->conns, ev->owner))
		return;
	c = conn_at(p, ev->owner);
	if (c->leg.id.v == ev->id.v && ev->id.v != 0)
		conn_on_event(p, c, ev->bits);
	look_at_budget(p);
}

/* The first of a list; its index. */
static uint32_t
run_first(struct proxy *p, struct conn_list *list)
{
	uint32_t i = list->first;
	struct conn *c = conn_at(p, i);

	list->first = c->wake_next;
	if (list->first == (uint32_t)NONE)
		list->last = (uint32_t)NONE;
	c->is_awake = false;
	if (c->state == CONN_FREE) {
		pool_give(&p->conns, i);
		return i;
	}
	conn_run(p, c);
	return i;
}

/* Conns with work left, as many as were there when the turn began. */
static void
run_awake(struct proxy *p)
{
	uint32_t last = p->wake.last;

	if (last == (uint32_t)NONE)
		return;
	while (run_first(p, &p->wake) != last)
		;
}

/* Those who waited for work, as far as what the turn has left goes; then the next turn's. */
static void
run_queue(struct proxy *p)
{
	p->is_queue_run = true;
	while (p->queue.first != (uint32_t)NONE && p->turn_work >= TURN_WORK_LEAST) {
		run_first(p, &p->queue);
		p->turn_work -= RUN_WORK;
	}
	p->is_queue_run = false;
	p->turn_work = RULES_TURN_WORK;
}

/* What of the budget a client conn holds, and since when it has got nowhere. */
struct stall {
	struct conn *conn;
	uint64_t bytes, since_ns;
};

static struct stall
stall_of(const struct proxy *p, struct conn *c)
{
	uint64_t down = tcp_unacked(p->tcp, c->leg.id), up = 0, held = 0, since = c->since_ns;

	if (c->exch != (uint32_t)NONE) {
		const struct exch *e = exch_at(p, c->exch);

		if (e->up != (uint32_t)NONE && e->state != EXCH_EXPECT_UP)
			up = tcp_unacked(p->tcp, conn_at(p, e->up)->leg.id);
		for (uint32_t dir = 0; dir < DIRS; dir++)
			held += e->body[dir].held.bytes + e->body[dir].made.bytes;
		if (e->up != (uint32_t)NONE)
			held += conn_at(p, e->up)->leg.in.bytes;
		up += e->head.bytes + e->replay.bytes;
		since = up > down && e->up_ack_at < e->client_ack_at ? e->up_ack_at
								     : e->client_ack_at;
	}
	return (struct stall){ c, down + up + held + c->leg.in.bytes, since };
}

static void
cut(struct proxy *p, struct conn *c)
{
	p->conf.count->proxy_cut++;
	if (c->exch != (uint32_t)NONE) {
		struct exch *e = exch_at(p, c->exch);
		/* One that does not read responses before this one will not read ours either. */
		bool is_unread = tcp_unacked(p->tcp, c->leg.id) >= TWO_MSS;

		e->client_keeps = false;
		exch_fail(p, e, is_unread ? 0 : 503, JOURNAL_CAUSE_MEMORY, 0);
		return;
	}
	leg_abort(p, &c->leg);
	conn_put(p, c);
}

/*
 * The budget is used up: of the conns looked at, the one that has stalled longest goes. Those that
 * hold less than two segments (a request that waits for a late answer, say) only when none holds
 * more: then it is they who use the budget up.
 */
static void
cut_longest_stalled(struct proxy *p)
{
	uint32_t n = p->conf.conns_max < CUT_SCAN ? p->conf.conns_max : CUT_SCAN;
	struct stall worst[2] = { { .since_ns = NEVER }, { .since_ns = NEVER } };

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = p->cut_next;
		struct conn *c = conn_at(p, i);
		struct stall s;
		bool is_small;

		p->cut_next = i + 1 < p->conf.conns_max ? i + 1 : 0;
		if (!pool_is_taken(&p->conns, i) || !c->is_client || c->leg.id.v == 0)
			continue;
		s = stall_of(p, c);
		is_small = s.bytes < TWO_MSS;
		if (s.bytes != 0 && s.since_ns + CUT_AGE_NS <= p->now &&
		    s.since_ns < worst[is_small].since_ns)
			worst[is_small] = s;
	}
	if (worst[0].conn != NULL)
		cut(p, worst[0].conn);
	else if (worst[1].conn != NULL)
		cut(p, worst[1].conn);
}

void
proxy_advance(struct proxy *p, uint64_t now)
{
	uint32_t i;

	p->now = now;
	look_at_budget(p);
	if (p->is_cutting)
		cut_longest_stalled(p);
	run_awake(p);
	run_queue(p);
	if (p->rewrites != NULL && p->sweep_at <= now)
		rewrite_sweep(p);
	while ((i = wheel_next(p->wheel, now)) != WHEEL_NONE)
		conn_on_timer(p, conn_at(p, i));
}

uint64_t
proxy_deadline(const struct proxy *p)
{
	uint64_t at = wheel_deadline(p->wheel);

	if (p->wake.first != (uint32_t)NONE || p->queue.first != (uint32_t)NONE)
		return 0;
	if (p->rewrites != NULL && p->sweep_at < at)
		at = p->sweep_at;
	/* Who is to be cut may have no timer of its own for long. */
	return p->is_cutting && at > p->now + CUT_LOOK_NS ? p->now + CUT_LOOK_NS : at;
}

void
proxy_set_view(struct proxy *p, const struct view *view, uint64_t now)
{
	p->now = now;
	p->view = view;
	p->img = &view->img;
	p->view_seq++;
	p->sweep_at = now;
	listen_set_view(p);
	pool_up_prune(p);
}

void
proxy_set_wall(struct proxy *p, uint64_t wall_ns)
{
	p->wall_ns = wall_ns;
	p->date_until_ns = 0;
}

void
proxy_set_watch(struct proxy *p, struct watch *watch)
{
	p->watch = watch;
}

struct farms *
proxy_farms(struct proxy *p)
{
	return p->farms;
}

/* A disabled server is cut off: what is under way there ends now. */
static void
cut_disabled(struct proxy *p)
{
	for (uint32_t i = 0; i < p->exchs.fresh; i++) {
		struct exch *e = exch_at(p, i);
		struct farm_facts facts;

		if (!pool_is_taken(&p->exchs, i) || e->up == (uint32_t)NONE)
			continue;
		farm_facts(p->farms, e->route.slot, &facts);
		if (facts.admin == FARM_ADMIN_DISABLED && facts.incarnation == e->route.incarnation)
			exch_fail(p, e, 503, JOURNAL_CAUSE_DRAINED, 0);
	}
}

void
proxy_prune_pool(struct proxy *p, uint64_t now)
{
	p->now = now;
	pool_up_prune(p);
	cut_disabled(p);
}

void
proxy_drain(struct proxy *p, uint64_t now)
{
	p->now = now;
	p->is_draining = true;
	listen_close_all(p);
	pool_up_prune(p);
	for (uint32_t i = 0; i < p->conns.fresh; i++) {
		struct conn *c = conn_at(p, i);

		if (pool_is_taken(&p->conns, i) && c->state == CONN_EXPECT_HEAD &&
		    c->leg.in.bytes == 0)
			conn_next(p, c, false);
	}
}

void
proxy_server_conns(const struct proxy *p, uint32_t slot, uint32_t *ret_conns_n,
		   uint32_t *ret_idle_n)
{
	ensure(slot < p->conf.server_slots_max);
	*ret_conns_n = p->conns_n[slot];
	*ret_idle_n = p->idle_n[slot];
}

void
proxy_gauges(const struct proxy *p, struct proxy_gauges *ret_gauges)
{
	*ret_gauges = p->gauge;
	ret_gauges->bufs_held = p->bufs_held;
	ret_gauges->client_idle = p->gauge.client_conns > p->gauge.exchanges
					  ? p->gauge.client_conns - p->gauge.exchanges
					  : 0;
}
