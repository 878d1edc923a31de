/*
 * lane.c - a lane put together from its engines, and what a view changes in them.
 *
 * Memory: struct lane, then net, source ports, TCP, proxy and the run-time words' sequence
 * numbers, each aligned to 64 bytes.
 */
#include "lane/own.h"

#include <string.h>

enum {
	CONNS_USUAL = 131072, /* all lanes together */
	BACKLOG_USUAL = 8192,
	SLOTS_USUAL = 256,
	LISTENERS_USUAL = 1024,
	JOURNAL_USUAL = 8 << 20,
	SEND_USUAL = 8 << 20,
	RECV_USUAL = 8 << 20,
	REWRITE_BYTES = 64 << 20, /* of a lane; memory only once it is used */
	RESERVE_SHARE = 8,   /* an eighth of the pool is kept for headers and control packets; */
	FRAGMENTS_SHARE = 2, /* a half of that at most is lent to fragments */
};

#define S_NS		1000000000ull
#define TIME_WAIT_USUAL (60 * S_NS)
#define KEEPALIVE_USUAL (75 * S_NS)
#define USER_USUAL	(100 * S_NS) /* RFC 1122, 4.2.3.5: at least 100 s */
#define CONNECT_USUAL	(75 * S_NS)

static uint32_t
share(uint32_t want, uint32_t usual, uint16_t lane_n, uint32_t least, uint32_t most)
{
	uint32_t all = want != 0 ? want : usual;
	uint32_t each = (all + lane_n - 1) / lane_n;

	return each < least ? least : each > most ? most : each;
}

static uint64_t
or_usual(uint64_t want, uint64_t usual)
{
	return want != 0 ? want : usual;
}

/* At start there is always room for what the image holds, and as much again. */
static uint32_t
slots_of(const struct img *img)
{
	uint32_t n = img_machine(img)->server_slots;
	uint32_t most = img_n(img, IMG_SERVERS);

	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		if (img_server(img, i)->slot >= most)
			most = img_server(img, i)->slot + 1;
	}
	if (n != 0)
		return n > most ? n : most;
	return most * 2 > SLOTS_USUAL ? most * 2 : SLOTS_USUAL;
}

void
lane_plan(const struct img *img, uint16_t lane_n, uint32_t pool_bufs, uint32_t lent_bufs,
	  struct lane_plan *ret_plan)
{
	const struct img_machine *m = img_machine(img);
	uint32_t reserve = lent_bufs + pool_bufs / RESERVE_SHARE;
	uint32_t fragments = pool_bufs / RESERVE_SHARE / FRAGMENTS_SHARE / lane_n;
	uint32_t conns = share(m->conns_max, CONNS_USUAL, lane_n, 16, IMG_LANE_CONNS_MAX);

	*ret_plan = (struct lane_plan){
		.conns_max = conns,
		/* Usually one for each connection: they may all wait, and memory is taken by use. */
		.exchanges_max = m->exchanges_max == 0 ? conns
						       : share(m->exchanges_max, 0, lane_n, 16,
							       IMG_LANE_CONNS_MAX),
		.backlog_max = share(m->backlog_max, BACKLOG_USUAL, lane_n, 16, IMG_LANE_CONNS_MAX),
		.listeners_max = LISTENERS_USUAL + img_n(img, IMG_LISTENERS) * 2,
		.server_slots = slots_of(img),
		.servers_max = slots_of(img),
		.journal_bytes = (uint32_t)or_usual(m->journal_bytes, JOURNAL_USUAL),
		.bufs_max = pool_bufs > reserve ? (pool_bufs - reserve) / lane_n : 0,
		.fragment_bufs_max = fragments < 1 ? 1u
				     : fragments > REASSEMBLY_BUFS_MAX
					     ? (uint32_t)REASSEMBLY_BUFS_MAX
					     : fragments,
	};
}

/* ---- the engines' configurations ---- */

static struct net_conf
net_conf_of(const struct lane_conf *conf, const struct net_path *path)
{
	return (struct net_conf){
		.path_n = conf->port_n,
		.path = path,
		.fragment_bufs_max = conf->plan.fragment_bufs_max,
		.is_speaker = conf->is_speaker,
		.seed = conf->seed[0] ^ 0x6e6574,
		.pool = conf->reserve,
		.count = conf->board.counters,
	};
}

static void
net_paths(const struct lane_conf *conf, struct net_path *ret_path)
{
	for (uint16_t i = 0; i < conf->port_n; i++) {
		ret_path[i] = (struct net_path){ .vlan = img_port(conf->img, i)->vlan,
						 .mtu = conf->port[i].facts.mtu,
						 .hears_no_queries =
							 conf->port[i].facts.hears_no_queries };
		memcpy(ret_path[i].mac.b, conf->port[i].facts.mac, sizeof(ret_path[i].mac.b));
	}
}

static struct net_ports_conf
ports_conf_of(const struct lane_conf *conf)
{
	return (struct net_ports_conf){
		.path_n = conf->port_n,
		.first = NET_PORT_FIRST,
		.last = NET_PORT_LAST,
		.seed = conf->seed[0] ^ 0x706f727473,
	};
}

static struct tcp_conf
tcp_conf_of(const struct lane_conf *conf, const struct tcp_path *path)
{
	const struct img_machine *m = img_machine(conf->img);

	return (struct tcp_conf){
		.conns_max = conf->plan.conns_max,
		.listeners_max = conf->plan.listeners_max,
		.backlog_max = conf->plan.backlog_max,
		.bufs_max = conf->plan.bufs_max,
		.send_max_bytes = (uint32_t)or_usual(m->send_max_bytes, SEND_USUAL),
		.recv_max_bytes = (uint32_t)or_usual(m->recv_max_bytes, RECV_USUAL),
		.time_wait_ns = or_usual(m->time_wait_ns, TIME_WAIT_USUAL),
		.connect_ns = CONNECT_USUAL,
		.keepalive_idle_ns = or_usual(m->keepalive_idle_ns, KEEPALIVE_USUAL),
		.user_timeout_ns = or_usual(m->user_timeout_ns, USER_USUAL),
		.cc = m->congestion == IMG_CONGESTION_NEWRENO ? TCP_CC_NEWRENO : TCP_CC_CUBIC,
		.asks_ecn = (m->flags & IMG_MACHINE_OFFERS_ECN) != 0,
		.seed = { conf->seed[0], conf->seed[1] },
		.path = path,
		.path_n = conf->port_n,
		.pool = conf->pool,
		.count = conf->board.counters,
	};
}

static struct proxy_conf
proxy_conf_of(const struct lane_conf *conf)
{
	return (struct proxy_conf){
		.lane_i = conf->lane_i,
		.conns_max = conf->plan.conns_max,
		.exchanges_max = conf->plan.exchanges_max,
		.server_slots_max = conf->plan.server_slots,
		.servers_max = conf->plan.servers_max,
		.listeners_max = conf->plan.listeners_max,
		.rewrite_bytes = REWRITE_BYTES,
		.bufs_max = conf->plan.bufs_max,
		.seed = { conf->seed[1], conf->seed[0] },
		.pool = conf->pool,
		.count = conf->board.counters,
		.hists = conf->board.hists,
		.rule_rows = conf->board.rule,
		.clock_ns = conf->clock_ns,
		.journal = conf->journal,
	};
}

/* ---- memory ---- */

static size_t
round_up(size_t n)
{
	return (n + 63) / 64 * 64;
}

struct layout {
	size_t net, ports, tcp, proxy, seqs, all;
};

static struct layout
layout_of(const struct lane_conf *conf)
{
	struct net_path net_path[PORTS_MAX];
	struct tcp_path tcp_path[PORTS_MAX] = { { 0 } };
	struct net_conf net;
	struct net_ports_conf ports = ports_conf_of(conf);
	struct tcp_conf tcp = tcp_conf_of(conf, tcp_path);
	struct proxy_conf proxy = proxy_conf_of(conf);
	struct layout at;

	ensure(conf->port_n <= PORTS_MAX);
	net_paths(conf, net_path);
	net = net_conf_of(conf, net_path);
	at.net = round_up(sizeof(struct lane));
	at.ports = at.net + round_up(net_size(&net));
	at.tcp = at.ports + round_up(net_ports_size(&ports));
	at.proxy = at.tcp + round_up(tcp_size(&tcp));
	at.seqs = at.proxy + round_up(proxy_size(&proxy));
	at.all = at.seqs + round_up(conf->plan.servers_max * sizeof(uint32_t));
	return at;
}

size_t
lane_size(const struct lane_conf *conf)
{
	return layout_of(conf).all;
}

/* What the lane would be smaller by, had it room for next to no connection. */
static size_t
conns_memory(const struct lane_conf *conf)
{
	struct lane_conf bare = *conf;

	bare.plan.conns_max = 1;
	return lane_size(conf) - lane_size(&bare);
}

static void
init_paths(struct lane *lane)
{
	const struct lane_conf *conf = &lane->conf;

	for (uint16_t i = 0; i < conf->port_n; i++) {
		const struct portif_facts *facts = &conf->port[i].facts;

		lane->path[i] =
			(struct tcp_path){ .mtu = facts->mtu,
					   .csum_tx = facts->csum_tx,
					   .multi_segs = facts->multi_segs,
					   .tso = facts->tso && facts->csum_tx && facts->multi_segs,
					   .hop_limit = (uint8_t)img_port(conf->img, i)->hop_limit,
					   .dscp = (uint8_t)img_port(conf->img, i)->dscp };
		lane->wire[i].vlan = img_port(conf->img, i)->vlan;
		lane->wire[i].trusts_sums = facts->trusts_sums;
		memcpy(lane->wire[i].mac.b, facts->mac, sizeof(facts->mac));
	}
}

/* With one lane every port comes back to it; else only those of its buckets. */
static void
init_source_ports(struct lane *lane)
{
	struct mesh *mesh = lane->conf.mesh;

	for (uint16_t i = 0; i < lane->conf.port_n; i++) {
		const struct steer *steer = mesh_steer(mesh, i);

		if (mesh_lane_n(mesh) > 1)
			net_ports_steer(lane->ports, i, steer->groups, steer->lane_of_bucket,
					lane->conf.lane_i);
	}
}

struct lane *
lane_init(void *mem, const struct lane_conf *conf, uint64_t now)
{
	struct layout at = layout_of(conf);
	struct net_path net_path[PORTS_MAX];
	struct lane *lane = mem;
	struct net_conf net;
	struct net_ports_conf ports = ports_conf_of(conf);
	struct tcp_conf tcp;
	struct proxy_conf proxy = proxy_conf_of(conf);
	uint8_t *base = mem;

	ensure((uintptr_t)mem % 64 == 0);
	lane->conf = *conf;
	lane->count = conf->board.counters;
	conf->board.gauges->conns_memory = conns_memory(conf);
	init_paths(lane);
	net_paths(conf, net_path);
	net = net_conf_of(conf, net_path);
	lane->net = net_init(base + at.net, &net, now);
	lane->ports = net_ports_init(base + at.ports, &ports);
	init_source_ports(lane);
	tcp = tcp_conf_of(conf, lane->path);
	lane->tcp = tcp_init(base + at.tcp, &tcp, now);
	proxy.tcp = lane->tcp;
	proxy.net = lane->net;
	proxy.ports = lane->ports;
	lane->proxy = proxy_init(base + at.proxy, &proxy, conf->wall_ns, now);
	lane->runtime_seq = (uint32_t *)(void *)(base + at.seqs);
	lane->runtime_at = lane->publish_at = now;
	lane->desk.answers = conf->answers;
	lane->wall_ns = conf->wall_ns;
	lane->turned_at = lane->load_at = now;
	lane->burst_n = BURST_MAX;
	for (uint16_t i = 0; i < conf->port_n; i++)
		lane->links_up |= (uint64_t)conf->port[i].ops->is_up(&conf->port[i]) << i;
	lane->conf.img = NULL;
	view_wake(conf->views, conf->lane_i);
	return lane;
}

void
lane_fini(struct lane *lane)
{
	view_sleep(lane->conf.views, lane->conf.lane_i);
	proxy_fini(lane->proxy);
	tcp_fini(lane->tcp);
	net_fini(lane->net);
	for (uint16_t i = 0; i < lane->conf.port_n; i++) {
		buf_give_burst(lane->tx[i].frame, lane->tx[i].n);
		lane->tx[i].n = 0;
	}
}

/* ---- views ---- */

static void
configure_net(struct lane *lane, const struct img *img, uint64_t now)
{
	struct net_address address[NET_ADDRESSES_MAX];
	struct net_route route[NET_ROUTES_MAX];
	uint32_t address_n = 0, route_n = 0;

	for (uint32_t i = 0; i < img_n(img, IMG_ADDRESSES) && address_n < NET_ADDRESSES_MAX; i++) {
		const struct img_address *a = img_address(img, i);

		if (a->port_i < lane->conf.port_n)
			address[address_n++] = (struct net_address){ .ip = a->ip,
								     .prefix_n = (uint8_t)a->prefix,
								     .path = (uint16_t)a->port_i };
	}
	for (uint32_t i = 0; i < img_n(img, IMG_ROUTES) && route_n < NET_ROUTES_MAX; i++) {
		const struct img_route *r = img_route(img, i);

		if (r->port_i < lane->conf.port_n)
			route[route_n++] = (struct net_route){ .to = r->to,
							       .prefix_n = (uint8_t)r->prefix,
							       .path = (uint16_t)r->port_i,
							       .via = r->via };
	}
	net_configure(lane->net, address, address_n, route, route_n, now);
}

static void
own_rule_row(struct lane *lane, uint32_t slot, uint32_t incarnation)
{
	struct board_rule *row = &lane->conf.board.rule[slot];

	if (row->incarnation == incarnation)
		return;
	*row = (struct board_rule){ 0 };
	__atomic_store_n(&row->incarnation, incarnation, __ATOMIC_RELEASE);
}

/*
 * A slot with another rule in it begins to count at zero. Of thousands of rules a turn takes some:
 * each is a line of the image and one of the board, and none is in this core's caches.
 */
void
lane_own_rules(struct lane *lane)
{
	const struct img *img = &lane->taken.view->img;
	uint32_t in_n = img_n(img, IMG_RULES);

	for (uint32_t k = 0; k < RULES_A_TURN && lane->rule_next < lane->rule_n; k++) {
		uint32_t i = lane->rule_next++;

		if (i < in_n)
			own_rule_row(lane, img_rule(img, i)->slot, img_rule(img, i)->incarnation);
		else
			own_rule_row(lane, img_out_rule(img, i - in_n)->slot,
				     img_out_rule(img, i - in_n)->incarnation);
	}
}

/* The run-time words count from here on as never seen: servers may have changed their places. */
void
lane_adopt_view(struct lane *lane, uint64_t now)
{
	const struct view *view = lane->taken.view;

	lane->has_view = view != NULL;
	lane->rule_n = 0;
	if (view == NULL)
		return;
	if (view->generation != lane->conf.board.gauges->generation) {
		configure_net(lane, &view->img, now);
		lane->reassembles = (img_machine(&view->img)->flags & IMG_MACHINE_REASSEMBLES) != 0;
		lane_look_at_fragments(lane);
		proxy_set_view(lane->proxy, view, now);
		if (lane->is_draining)
			proxy_drain(lane->proxy, now);
	}
	lane->server_n = img_n(&view->img, IMG_SERVERS);
	if (lane->server_n > lane->conf.plan.servers_max)
		lane->server_n = lane->conf.plan.servers_max;
	memset(lane->runtime_seq, 0xff, lane->server_n * sizeof(lane->runtime_seq[0]));
	lane->runtime_next = 0;
	lane->runtime_at = now;
	lane->publish_at = now;
	__atomic_store_n(&lane->conf.board.gauges->generation, view->generation, __ATOMIC_RELAXED);
	lane->rule_next = 0;
	lane->rule_n = img_n(&view->img, IMG_RULES) + img_n(&view->img, IMG_OUT_RULES);
	lane_take_net_out(lane, now);
}

/* ---- the rest ---- */

void
lane_account(struct lane *lane, bool found_work, uint64_t spent_ns)
{
	if (!found_work) {
		lane->count->lane_idle_ns += spent_ns;
		return;
	}
	lane->count->lane_busy_ns += spent_ns;
	board_hist_add(&lane->conf.board.hists->turn_time, spent_ns);
}

void
lane_arrive(struct lane *lane, uint16_t core_i, uint64_t pause_ns)
{
	__atomic_store_n(&lane->conf.board.gauges->core, core_i, __ATOMIC_RELAXED);
	board_hist_add(&lane->conf.board.hists->lane_move_pause, pause_ns);
}

void
lane_sleep(struct lane *lane)
{
	__atomic_store_n(&lane->conf.board.gauges->asleep, 1, __ATOMIC_RELAXED);
	view_sleep(lane->conf.views, lane->conf.lane_i);
}

void
lane_wake(struct lane *lane)
{
	__atomic_store_n(&lane->conf.board.gauges->asleep, 0, __ATOMIC_RELAXED);
	view_wake(lane->conf.views, lane->conf.lane_i);
}

void
lane_set_wall(struct lane *lane, uint64_t wall_ns)
{
	proxy_set_wall(lane->proxy, wall_ns);
	lane->wall_ns = wall_ns;
}

void
lane_drain(struct lane *lane)
{
	lane->is_draining = lane->must_drain = true;
}

bool
lane_is_idle(const struct lane *lane)
{
	struct proxy_gauges gauges;

	proxy_gauges(lane->proxy, &gauges);
	return gauges.exchanges == 0 && !lane->must_drain;
}

uint32_t
lane_bufs_held(const struct lane *lane)
{
	struct proxy_gauges gauges;
	struct tcp_load load;

	proxy_gauges(lane->proxy, &gauges);
	tcp_load(lane->tcp, &load);
	return load.bufs_held + gauges.bufs_held + net_waiting_n(lane->net) +
	       net_fragment_bufs(lane->net) + lane_tx_n(lane);
}

struct tcp *
lane_tcp(struct lane *lane)
{
	return lane->tcp;
}

struct proxy *
lane_proxy(struct lane *lane)
{
	return lane->proxy;
}

struct net *
lane_net(struct lane *lane)
{
	return lane->net;
}
