/*
 * publish.c - what a lane takes from control at run time, and what it shows on its board.
 */
#include "lane/own.h"

_Static_assert(RUNTIME_BURST_MOST == BURST_MAX, "no burst that may be asked for is too large");

static void
set_server(struct lane *lane, const struct runtime *rt, const struct img_server *server)
{
	struct farm_runtime words = { .admin = FARM_ADMIN_UP };
	struct runtime_server said;

	/* Nothing said of this incarnation: as the tables say. */
	if (runtime_server(rt, server->slot, server->incarnation, &said)) {
		words.admin = said.admin == RUNTIME_ADMIN_DRAIN	     ? FARM_ADMIN_DRAIN
			      : said.admin == RUNTIME_ADMIN_DISABLED ? FARM_ADMIN_DISABLED
								     : FARM_ADMIN_UP;
		words.has_weight = (said.flags & RUNTIME_WEIGHT) != 0;
		words.weight = said.weight;
		if ((said.flags & RUNTIME_RESOLVED) != 0)
			words.addr_n = (uint8_t)said.address_n;
		for (uint32_t i = 0; i < words.addr_n; i++)
			words.addr[i] = said.address[i];
	}
	farm_set_runtime(proxy_farms(lane->proxy), server->slot, server->incarnation, &words);
}

/*
 * At most once a millisecond; a sequence word that has not changed means nothing to copy. A word
 * that is odd is being written: it is looked at again next time.
 */
void
lane_take_runtime(struct lane *lane, uint64_t now)
{
	const struct runtime *rt = lane->taken.runtime;
	const struct img *img;
	bool changed = false;
	uint64_t burst;

	lane->runtime_at = now + MS_NS;
	burst = runtime_tune(rt, RUNTIME_TUNE_BURST);
	lane->burst_n = burst != RUNTIME_TUNE_UNSAID ? (uint32_t)burst : BURST_MAX;
	if (rt == NULL || !lane->has_view)
		return;
	img = &lane->taken.view->img;
	for (uint32_t k = 0; k < RUNTIME_SCAN && k < lane->server_n; k++) {
		uint32_t i = lane->runtime_next;
		const struct img_server *server = img_server(img, i);
		uint32_t seq = runtime_server_seq(rt, server->slot);

		lane->runtime_next = i + 1 < lane->server_n ? i + 1 : 0;
		if (seq == lane->runtime_seq[i] || (seq & 1) != 0)
			continue;
		lane->runtime_seq[i] = seq;
		set_server(lane, rt, server);
		changed = true;
	}
	if (changed)
		proxy_prune_pool(lane->proxy, now);
}

static void
publish_server(const struct lane *lane, uint32_t slot, uint64_t now)
{
	const struct farms *farms = proxy_farms(lane->proxy);
	const struct farm_stats *stats = farm_stats(farms, slot);
	struct board_server *to = &lane->conf.board.server[slot];
	uint32_t conns_n, idle_n;
	struct farm_facts facts;

	farm_facts(farms, slot, &facts);
	to->incarnation = facts.incarnation;
	to->in_flight = facts.in_flight;
	to->rested_until = facts.rest_until_ns;
	to->health = facts.rest_until_ns > now ? BOARD_HEALTH_RESTING
		     : stats->responses > 0    ? BOARD_HEALTH_GOOD
					       : BOARD_HEALTH_UNKNOWN;
	to->requests = stats->requests;
	to->dials = stats->dials;
	to->dial_failures = stats->dials_refused + stats->dials_timeout;
	to->failures = stats->failures;
	to->status_2xx = stats->status_2xx;
	to->status_3xx = stats->status_3xx;
	to->status_4xx = stats->status_4xx;
	to->status_5xx = stats->status_5xx;
	proxy_server_conns(lane->proxy, slot, &conns_n, &idle_n);
	to->conns = conns_n;
	to->conns_idle = idle_n;
	to->bytes_out = stats->bytes_up;
	to->bytes_in = stats->bytes_down;
	to->failed_at = stats->failed_at;
	to->failed_cause = stats->failed_cause;
	to->firsts = stats->firsts;
	to->first_ns = stats->first_ns;
}

static void
publish_gauges(const struct lane *lane)
{
	struct board_gauges *g = lane->conf.board.gauges;
	struct proxy_gauges proxy;
	struct tcp_load tcp;

	proxy_gauges(lane->proxy, &proxy);
	tcp_load(lane->tcp, &tcp);
	g->conns = tcp.conns;
	g->conns_client = proxy.client_conns;
	g->conns_upstream = proxy.upstream_conns;
	g->conns_idle_upstream = proxy.upstream_idle;
	g->conns_half_open = tcp.half_open;
	g->conns_time_wait = tcp.time_wait;
	g->conns_max = lane->conf.plan.conns_max;
	g->exchanges = proxy.exchanges;
	g->exchanges_max = lane->conf.plan.exchanges_max;
	__atomic_store_n(&g->bufs_held, lane_bufs_held(lane), __ATOMIC_RELAXED);
	g->bufs_max = lane->conf.plan.bufs_max;
	if (lane->conf.journal != NULL)
		g->journal_used = journal_used(lane->conf.journal);
}

/* Each tenth of a second counts for a tenth of what is shown. */
static void
measure_load(struct lane *lane, uint64_t now)
{
	uint64_t busy_ns = lane->count->lane_busy_ns, ns = now - lane->load_at;
	uint64_t load;

	if (ns < LOAD_LEAST_NS)
		return;
	load = (busy_ns - lane->load_busy_ns) * 1000 * 256 / ns;
	lane->load_at = now;
	lane->load_busy_ns = busy_ns;
	lane->load = (lane->load * 9 + (uint32_t)(load < 256000 ? load : 256000)) / 10;
	lane->conf.board.gauges->load = (lane->load + 128) / 256;
}

void
lane_publish(struct lane *lane, uint64_t now)
{
	lane->publish_at = now + PUBLISH_NS;
	measure_load(lane, now);
	publish_gauges(lane);
	if (!lane->has_view)
		return;
	for (uint32_t i = 0; i < lane->server_n; i++) {
		uint32_t slot = img_server(&lane->taken.view->img, i)->slot;

		if (slot < lane->conf.board.server_n)
			publish_server(lane, slot, now);
	}
}
