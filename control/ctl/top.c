/*
 * top.c - looks at a run directory again and again, see top.h.
 *
 * Boards stay mapped from look to look; when another image runs, or another data plane, or after
 * some looks (overrides may have moved into a larger file), everything is opened anew. A data plane
 * that starts says who it is before its boards are there: whose counters they are, they say
 * themselves, and rates are between counters of one life.
 */
#include "ctl/top.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ensure.h"

enum {
	LOOKS_MAX = 10
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- what is there ---- */

static void
shut(struct top *top)
{
	if (!top->is_open)
		return;
	boards_close(&top->boards);
	state_close(&top->state);
	top->is_open = false;
}

static const char *
open_anew(struct top *top)
{
	const char *why = NULL;

	shut(top);
	if (!state_open(top->ctl->run, &top->state, &why))
		return why;
	if (!top->state.has_facts || state_tables(&top->state) == NULL) {
		state_close(&top->state);
		return "has no data plane that runs: there is nothing to see";
	}
	top->is_open = true;
	top->looks_n = 0;
	top->lane_n = top->state.facts.lane_n;
	boards_open(top->state.dataplane_fd, top->lane_n, &top->boards);
	return NULL;
}

/* The same data plane and the same image as before, or all of it is opened anew. */
static const char *
open_present(struct top *top)
{
	struct instance_facts facts;

	if (top->is_open && top->looks_n++ < LOOKS_MAX && state_facts(top->ctl->run, &facts) &&
	    facts.started_ns == top->state.facts.started_ns &&
	    facts.generation == top->state.facts.generation &&
	    !boards_are_stale(&top->boards, top->state.dataplane_fd)) {
		top->state.facts = facts;
		return NULL;
	}
	return open_anew(top);
}

/* ---- one look ---- */

static void
look_at_lane(const struct top *top, uint32_t i, struct top_lane *ret_lane)
{
	const struct boards *b = &top->boards;
	struct board_hist pause = { 0 };

	boards_lane_hist(b, i, "lane_move_pause", &pause);
	*ret_lane = (struct top_lane){
		.lane = i,
		.life = boards_life(b, i),
		.cpu = top->state.facts.lane[i].cpu,
		.load = (uint32_t)boards_lane(b, i, "load"),
		.requests = boards_lane(b, i, "proxy_exchanges"),
		.errors = boards_lane(b, i, "proxy_exchanges_failed"),
		.clients = boards_lane(b, i, "conns_client"),
		.upstreams = boards_lane(b, i, "conns_upstream"),
		.in_progress = boards_lane(b, i, "exchanges"),
		.moves = pause.n,
		.pause_ns = pause.max,
	};
}

static uint64_t
of_server(const struct top *top, const char *word, const struct img_server *server)
{
	return boards_server_sum(&top->boards, word, server->slot, server->incarnation);
}

/* Errors are dials and requests that failed, and answers from 500 on. */
static void
look_at_server(const struct top *top, const struct img_server *server,
	       struct top_server *ret_server)
{
	const struct img *img = &state_tables(&top->state)->img;
	struct runtime_server said;

	runtime_server(&top->state.runtime, server->slot, server->incarnation, &said);
	*ret_server = (struct top_server){
		.slot = server->slot,
		.incarnation = server->incarnation,
		.admin = (enum runtime_admin)said.admin,
		.resting_n = boards_server_count(&top->boards, "server_health", server->slot,
						 server->incarnation, BOARD_HEALTH_RESTING),
		.requests = of_server(top, "server_requests", server),
		.errors = of_server(top, "server_failures", server) +
			  of_server(top, "server_dial_failures", server) +
			  of_server(top, "server_status_5xx", server),
		.in_flight = of_server(top, "server_in_flight", server),
		.conns = of_server(top, "server_conns", server),
		.firsts = of_server(top, "server_firsts", server),
		.first_ns = of_server(top, "server_first_ns", server),
	};
	snprintf(ret_server->farm, sizeof(ret_server->farm), "%s",
		 img_text(img, img_farm(img, server->farm_i)->name));
	snprintf(ret_server->name, sizeof(ret_server->name), "%s", img_text(img, server->name));
}

static void
look(const struct top *top, struct top_look *ret_look)
{
	const struct img *img = &state_tables(&top->state)->img;

	*ret_look = (struct top_look){ .at_ns = now_ns(),
				       .lane_n = top->lane_n,
				       .server_n = img_n(img, IMG_SERVERS) };
	for (uint32_t i = 0; i < top->lane_n; i++)
		look_at_lane(top, i, &ret_look->lane[i]);
	ret_look->server = calloc(ret_look->server_n + 1, sizeof(*ret_look->server));
	ensure(ret_look->server != NULL);
	for (uint32_t i = 0; i < ret_look->server_n; i++)
		look_at_server(top, img_server(img, i), &ret_look->server[i]);
	boards_hist(&top->boards, "request_time", &ret_look->request_time);
	boards_hist(&top->boards, "turn_time", &ret_look->turn_time);
}

/* ---- between two looks ---- */

/* Each lane's counters have gone on from there; those of another data plane began at zero. */
static bool
is_same_life(const struct top_look *now, const struct top_look *before)
{
	if (before->at_ns == 0 || before->lane_n != now->lane_n)
		return false;
	for (uint32_t i = 0; i < now->lane_n; i++) {
		if (now->lane[i].life != before->lane[i].life)
			return false;
	}
	return true;
}

static double
rate(const struct top *top, uint64_t now, uint64_t before)
{
	return top->seconds > 0 && now > before ? (double)(now - before) / top->seconds : 0;
}

static void
compare_server(const struct top *top, struct top_server *now)
{
	const struct top_server *before = NULL;
	uint64_t firsts, first_ns;

	for (uint32_t i = 0; i < top->before.server_n && before == NULL; i++) {
		if (top->before.server[i].slot == now->slot &&
		    top->before.server[i].incarnation == now->incarnation)
			before = &top->before.server[i];
	}
	firsts = now->firsts - (before != NULL ? before->firsts : 0);
	first_ns = now->first_ns - (before != NULL ? before->first_ns : 0);
	now->first_ms = firsts > 0 ? (double)first_ns / (double)firsts / 1e6 : 0;
	if (before == NULL)
		return;
	now->requests_s = rate(top, now->requests, before->requests);
	now->errors_s = rate(top, now->errors, before->errors);
}

/* What was counted since; of the largest value only the bucket is known then. */
static void
subtract(const struct board_hist *now, const struct board_hist *before, struct board_hist *ret_hist)
{
	*ret_hist = *now;
	if (before->n == 0)
		return;
	ret_hist->n -= before->n;
	ret_hist->sum -= before->sum;
	ret_hist->max = 0;
	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i++) {
		ret_hist->bucket[i] -= before->bucket[i];
		if (ret_hist->bucket[i] > 0)
			ret_hist->max =
				i + 1 < BOARD_HIST_BUCKETS ? board_hist_floor(i + 1) - 1 : now->max;
	}
	if (ret_hist->max > now->max)
		ret_hist->max = now->max;
}

static void
compare(struct top *top)
{
	if (!is_same_life(&top->now, &top->before)) {
		free(top->before.server);
		top->before = (struct top_look){ 0 };
	}
	top->seconds =
		top->before.at_ns != 0 ? (double)(top->now.at_ns - top->before.at_ns) / 1e9 : 0;
	for (uint32_t i = 0; i < top->lane_n; i++) {
		struct top_lane *now = &top->now.lane[i];
		const struct top_lane *before = &top->before.lane[i];

		now->requests_s = rate(top, now->requests, before->requests);
		now->errors_s = rate(top, now->errors, before->errors);
	}
	for (uint32_t i = 0; i < top->now.server_n; i++)
		compare_server(top, &top->now.server[i]);
	subtract(&top->now.request_time, &top->before.request_time, &top->request_time);
	subtract(&top->now.turn_time, &top->before.turn_time, &top->turn_time);
}

const char *
top_look(struct top *top)
{
	const char *why = open_present(top);

	if (why != NULL)
		return why;
	free(top->before.server);
	top->before = top->now;
	look(top, &top->now);
	compare(top);
	return NULL;
}

void
top_close(struct top *top)
{
	shut(top);
	free(top->now.server);
	free(top->before.server);
}

/* ---- for programs ---- */

static json_t *
lane_json(const struct top_lane *lane)
{
	return json_pack("{s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "lane",
			 (json_int_t)lane->lane, "cpu", (json_int_t)lane->cpu, "load_percent",
			 (double)lane->load / 10, "requests_per_s", lane->requests_s,
			 "errors_per_s", lane->errors_s, "clients", (json_int_t)lane->clients,
			 "upstreams", (json_int_t)lane->upstreams, "in_progress",
			 (json_int_t)lane->in_progress, "moves", (json_int_t)lane->moves,
			 "longest_pause_ns", (json_int_t)lane->pause_ns);
}

static json_t *
server_json(const struct top_server *server)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:I, s:I, s:f}", "farm", server->farm,
			 "server", server->name, "state", runtime_admin_name(server->admin),
			 "resting_lanes", (json_int_t)server->resting_n, "requests_per_s",
			 server->requests_s, "errors_per_s", server->errors_s, "in_flight",
			 (json_int_t)server->in_flight, "conns", (json_int_t)server->conns,
			 "first_byte_ms", server->first_ms);
}

static json_t *
times_json(const struct board_hist *hist)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)hist->n, "p50",
			 (json_int_t)board_hist_quantile(hist, 0.5), "p99",
			 (json_int_t)board_hist_quantile(hist, 0.99), "p999",
			 (json_int_t)board_hist_quantile(hist, 0.999), "max",
			 (json_int_t)hist->max);
}

json_t *
top_json(const struct top *top)
{
	json_t *lanes = json_array(), *servers = json_array();

	for (uint32_t i = 0; i < top->lane_n; i++)
		json_array_append_new(lanes, lane_json(&top->now.lane[i]));
	for (uint32_t i = 0; i < top->now.server_n; i++)
		json_array_append_new(servers, server_json(&top->now.server[i]));
	return json_pack("{s:I, s:f, s:o, s:o, s:o, s:o}", "generation",
			 (json_int_t)top->state.facts.generation, "seconds", top->seconds,
			 "request_time_ns", times_json(&top->request_time), "turn_time_ns",
			 times_json(&top->turn_time), "lanes", lanes, "servers", servers);
}
