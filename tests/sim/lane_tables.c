/*
 * lane_tables.c - what control does to the lanes, and fate to the origins: tables that change and
 * retire as early as they may, run-time words, processes that die, links that are cut.
 *
 * Origin i belongs to farm i mod listeners. Each farm keeps two servers that are listed, up and
 * not drained, so that requests have somewhere to go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/build.h"
#include "sim/lane_inside.h"

/* ---- images ---- */

static struct img_str
name_of(struct img_build *b, const char *word, uint32_t i)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%u", word, i);
	return img_build_text(b, text);
}

static void
build_machine(struct lw *w, struct img_build *b)
{
	const struct lw_conf *conf = &w->conf;

	img_build_machine(b, &(struct img_machine){
				     .lanes = conf->lane_n,
				     .flags = conf->reassembles ? IMG_MACHINE_REASSEMBLES : 0,
				     .conns_max = conf->conns_max,
				     .exchanges_max = conf->exchanges_max,
				     .backlog_max = 4096,
				     .server_slots = LW_SLOTS,
				     .head_max_bytes = 16384,
				     .target_max_bytes = 8192,
				     .fields_max = 100,
				     .time_wait_ns = S,
				     .keepalive_idle_ns = 60 * S,
				     .user_timeout_ns = 200 * S,
				     .send_max_bytes = conf->send_max_bytes,
				     .recv_max_bytes = conf->recv_max_bytes,
				     .pseudonym = img_build_text(b, "sim"),
			     });
	img_build_core(b, &(struct img_core){ .cpu = 0 });
	for (uint32_t i = 0; i < conf->port_n; i++) {
		img_build_port(b, &(struct img_port){ .name = name_of(b, "port", i),
						      .device = name_of(b, "dev", i),
						      .kind = IMG_DEVICE_PACKET,
						      .vlan = conf->port[i].vlan });
		img_build_address(b, &(struct img_address){ .ip = ip_from_v4((const uint8_t[4]){
								    10, (uint8_t)i, 0, 1 }),
							    .port_i = i,
							    .prefix = 16 });
		img_build_address(b, &(struct img_address){
					     .ip = { .b = { 0x20, 1, 0xd,
							    0xb8, [5] = (uint8_t)i, [15] = 1 } },
					     .port_i = i,
					     .prefix = 64 });
	}
}

static uint32_t
build_expr(struct img_build *b, const char *text, bool has_capture)
{
	struct img_expr expr = { .first_op = b->part[IMG_OPS].n,
				 .op_n = 1 + has_capture,
				 .flags = IMG_EXPR_FLAGS };

	img_build_op(b, &(struct img_op){ .kind = IMG_OP_TEXT, .text = img_build_text(b, text) });
	if (has_capture)
		img_build_op(b, &(struct img_op){ .kind = IMG_OP_R, .arg = 1 });
	return img_build_expr(b, &expr);
}

/* "/r/1" goes on as "/1", with a field that its retries must have too. */
static void
build_rules(struct img_build *b)
{
	struct img_rule rule = { .incarnation = 1,
				 .flags = IMG_RULE_ALWAYS | IMG_RULE_USES_R | IMG_RULE_APPEND_QUERY,
				 .set_n = 1,
				 .action = IMG_ACTION_REWRITE,
				 .reason_expr_i = (uint32_t)IMG_NONE,
				 .body_expr_i = (uint32_t)IMG_NONE,
				 .farm_i = (uint32_t)IMG_NONE };
	struct img_set set = { .kind = IMG_SET_REQUEST_FIELD, .flags = IMG_SET_REPLACE };
	struct img_scope scope = { .kind = IMG_SCOPE_LOCAL, .input_n = 1, .rule_n = 1 };

	img_build_pattern(b, &(struct img_pattern){ .text = img_build_text(b, "^r/(.*)"),
						    .regex = img_build_text(b, "^r/(.*)"),
						    .group_n = 1,
						    .gate = (uint32_t)IMG_NONE });
	img_build_input(b, &(struct img_input){ .kind = IMG_INPUT_PATH,
						.expr_i = (uint32_t)IMG_NONE,
						.blob_i = (uint32_t)IMG_NONE,
						.pattern_n = 1,
						.flags = IMG_INPUT_ON_URL });
	rule.name = img_build_text(b, "r");
	rule.url_expr_i = build_expr(b, "/", true);
	set.name = img_build_text(b, "x-rule");
	set.expr_i = build_expr(b, "yes", false);
	img_build_set(b, &set);
	img_build_rule(b, &rule);
	scope.set = img_build_text(b, "sim");
	scope.folder = img_build_text(b, "/");
	img_build_scope(b, &scope);
}

/* A rule that writes what was there, and one that looks for what no body has. */
static void
build_outbound(struct img_build *b)
{
	static const char *const regex[] = { "(.*)", "no body has this in it" };
	struct img_input input = { .kind = IMG_INPUT_VALUE,
				   .expr_i = (uint32_t)IMG_NONE,
				   .blob_i = (uint32_t)IMG_NONE,
				   .first_pattern = b->part[IMG_PATTERNS].n,
				   .pattern_n = 2 };
	struct img_scope scope = { .kind = IMG_SCOPE_OUTBOUND,
				   .first_input = b->part[IMG_INPUTS].n,
				   .input_n = 1,
				   .rule_n = 2 };

	for (uint32_t i = 0; i < 2; i++) {
		struct img_pattern pattern = { .group_n = i == 0, .gate = (uint32_t)IMG_NONE };
		struct img_out_rule rule = { .slot = 1 + i,
					     .incarnation = 1,
					     .flags = IMG_RULE_USES_R | IMG_RULE_REPLACE,
					     .kind = i == 0 ? IMG_OUT_VARIABLE : IMG_OUT_BODY,
					     .pre_i = (uint32_t)IMG_NONE,
					     .variable_kind = IMG_OP_RESPONSE_FIELD,
					     .action = IMG_ACTION_REWRITE };

		pattern.text = pattern.regex = img_build_text(b, regex[i]);
		rule.pattern_i = img_build_pattern(b, &pattern);
		rule.name = img_build_text(b, i == 0 ? "head" : "body");
		if (i == 0)
			rule.variable = img_build_text(b, "x-origin");
		rule.value_expr_i = build_expr(b, "", i == 0);
		img_build_out_rule(b, &rule);
	}
	img_build_input(b, &input);
	scope.set = img_build_text(b, "sim");
	scope.folder = img_build_text(b, "/");
	img_build_scope(b, &scope);
}

static uint32_t
build_binds(const struct lw_conf *conf, struct img_build *b)
{
	uint32_t first = img_build_bind(b, &(struct img_bind){ .scope_i = 0 });

	if (conf->has_outbound)
		img_build_bind(b, &(struct img_bind){ .scope_i = 1 });
	return first;
}

static void
build_listener(struct lw *w, struct img_build *b, uint32_t i)
{
	const struct lw_conf *conf = &w->conf;

	img_build_listener(b, &(struct img_listener){
				      .slot = i,
				      .incarnation = 1,
				      .name = name_of(b, "web", i),
				      .port_i = (uint32_t)IMG_NONE,
				      .tcp_port = (uint16_t)(80 + i),
				      .farm_i = i < conf->listener_n ? i : (uint32_t)IMG_NONE,
				      .xff = prng_below(&w->prng, IMG_XFFS),
				      .flags = prng_one_in(&w->prng, 2) ? IMG_LISTENER_VIA : 0,
				      .head_ns = 120 * S,
				      .body_ns = conf->body_ns,
				      .idle_ns = conf->idle_ns,
				      .send_ns = conf->client_send_ns,
				      .first_bind = conf->has_rules ? build_binds(conf, b) : 0,
				      .bind_n = conf->has_rules + conf->has_outbound,
			      });
}

static uint32_t
build_servers(struct lw *w, struct img_build *b, uint32_t farm)
{
	uint32_t n = 0;

	for (uint32_t i = farm; i < w->conf.origin_n; i += w->conf.listener_n) {
		const struct lw_host *h = &w->host[i];

		if (!w->is_listed[i])
			continue;
		img_build_server(b, &(struct img_server){
					    .slot = i,
					    .incarnation = w->incarnation[i],
					    .name = name_of(b, "s", i),
					    .host = name_of(b, "s", i),
					    .ip = prng_one_in(&w->prng, 2) ? h->v4 : h->v6,
					    .farm_i = farm,
					    .http_port = LW_ORIGIN_PORT,
					    .weight = 1 + prng_below(&w->prng, 5),
				    });
		n++;
	}
	return n;
}

static void
build_farms(struct lw *w, struct img_build *b)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < w->conf.listener_n; i++) {
		uint32_t n = build_servers(w, b, i);

		img_build_farm(b, &(struct img_farm){
					  .slot = i,
					  .incarnation = 1,
					  .name = name_of(b, "farm", i),
					  .port_i = (uint32_t)IMG_NONE,
					  .first_server = first,
					  .server_n = n,
					  .connect_ns = w->conf.connect_ns,
					  .send_ns = w->conf.send_ns,
					  .receive_ns = w->conf.receive_ns,
					  .idle_ns = w->conf.upstream_idle_ns,
					  .rest_ns = w->conf.rest_ns,
					  .idle_max = w->conf.idle_max,
					  .retries = w->conf.retries,
				  });
		first += n;
	}
}

static struct view *
build_view(struct lw *w)
{
	struct abi_fault fault;
	struct img_build b;
	struct view *view;
	void *bytes;
	size_t n;

	img_build_init(&b, realloc);
	build_machine(w, &b);
	if (w->conf.has_rules)
		build_rules(&b);
	if (w->conf.has_outbound)
		build_outbound(&b);
	for (uint32_t i = 0; i < w->conf.listener_n; i++)
		build_listener(w, &b, i);
	if (prng_one_in(&w->prng, 2)) /* comes and goes; nobody asks there */
		build_listener(w, &b, 7);
	build_farms(w, &b);
	LW_ENSURE(w, img_build_finish(&b, &bytes, &n));
	img_build_fini(&b);
	view = view_of(bytes, n, ++w->generation, w->conf.lane_n, &fault);
	if (view == NULL)
		fprintf(stderr, "image refused: %s %s %s\n", abi_fault_name(fault.kind), fault.part,
			fault.field);
	LW_ENSURE(w, view != NULL);
	free(bytes);
	return view;
}

/* ---- views ---- */

static void
put_view(struct lw *w)
{
	struct lw_view *v = lw_alloc(sizeof(*v));

	v->view = build_view(w);
	v->older = w->view;
	w->views.current = v->view;
	w->views.epoch++;
	if (w->view != NULL)
		w->view->replaced_at = w->views.epoch;
	w->view = v;
}

/* As the keeper does: as soon as every awake lane has passed it and nothing pins it. */
void
lw_retire_views(struct lw *w)
{
	uint64_t passed = w->views.epoch;
	uint32_t n = 1;

	for (uint32_t i = 0; i < w->views.lane_n; i++)
		if (w->views.lane[i].awake && w->views.lane[i].passed < passed)
			passed = w->views.lane[i].passed;
	for (struct lw_view **at = &w->view->older; *at != NULL;) {
		struct lw_view *v = *at;

		if (v->replaced_at > passed || v->view->pins != 0) {
			at = &v->older;
			n++;
			continue;
		}
		*at = v->older;
		view_close(v->view);
		free(v);
	}
	if (n > w->result.views_peak)
		w->result.views_peak = n;
}

/* ---- changes ---- */

/* Servers of the farm that may be asked. */
static uint32_t
listed_n(const struct lw *w, uint32_t farm)
{
	uint32_t n = 0;

	for (uint32_t i = farm; i < w->conf.origin_n; i += w->conf.listener_n)
		n += w->is_listed[i];
	return n;
}

static void
reload(struct lw *w)
{
	uint32_t i = prng_below(&w->prng, w->conf.origin_n);

	if (!w->is_listed[i]) {
		w->is_listed[i] = true;
		w->incarnation[i]++;
	} else if (listed_n(w, i % w->conf.listener_n) > 2) {
		w->is_listed[i] = false;
	}
	put_view(w);
	w->result.reloads++;
}

/* At most one server of a farm is drained. */
static void
change_runtime(struct lw *w)
{
	uint32_t i = prng_below(&w->prng, w->conf.origin_n);
	uint32_t farm = i % w->conf.listener_n;
	bool may_drain = w->conf.death_ns == 0 && w->conf.cut_ns == 0 && listed_n(w, farm) > 1 &&
			 w->is_listed[i];

	for (uint32_t k = farm; k < w->conf.origin_n; k += w->conf.listener_n) {
		struct runtime_server words = { .incarnation = w->incarnation[k],
						.admin = RUNTIME_ADMIN_UP,
						.flags = RUNTIME_WEIGHT,
						.weight = 1 + prng_below(&w->prng, 9) };

		if (k == i && may_drain && prng_one_in(&w->prng, 2))
			words.admin = RUNTIME_ADMIN_DRAIN;
		LW_ENSURE(w, runtime_put_server(&w->runtime, k, &words));
	}
}

static void
all_up(struct lw *w)
{
	for (uint32_t k = 0; k < w->conf.origin_n; k++) {
		struct runtime_server words = { .incarnation = w->incarnation[k],
						.admin = RUNTIME_ADMIN_UP };

		LW_ENSURE(w, runtime_put_server(&w->runtime, k, &words));
	}
}

/* ---- fate ---- */

static bool
is_calm(const struct lw *w)
{
	return w->now >= w->begin + w->conf.calm_at_ns;
}

/* One at a time, and the one before has rested. */
static void
kill_one(struct lw *w)
{
	struct lw_host *h = &w->host[prng_below(&w->prng, w->conf.origin_n)];

	if (w->down_n > 0 || w->cut_n > 0)
		return;
	h->is_down = true;
	h->back_at = w->now + prng_between(&w->prng, 10 * MS, 3 * S);
	w->down_n++;
	lw_excuse_all(w);
	lw_origin_die(w, h);
	w->result.deaths++;
}

static void
cut_one(struct lw *w)
{
	struct lw_host *h = &w->host[prng_below(&w->prng, w->conf.origin_n)];

	if (w->down_n > 0 || w->cut_n > 0)
		return;
	h->is_cut = true;
	h->starts_anew = prng_one_in(&w->prng, 2);
	h->back_at = w->now + prng_between(&w->prng, 10 * MS, 20 * S);
	w->cut_n++;
	lw_excuse_all(w);
	w->result.cuts++;
}

static void
bring_back(struct lw *w, struct lw_host *h)
{
	if (h->is_cut) {
		h->is_cut = false;
		w->cut_n--;
		if (h->starts_anew)
			lw_host_start_anew(w, h);
	} else {
		h->is_down = false;
		w->down_n--;
		lw_origin_open(w, h);
	}
	/* The next trouble comes when this one's rest is over. */
	if (w->death_at < w->now + w->conf.rest_ns * 2)
		w->death_at = w->now + w->conf.rest_ns * 2;
	if (w->cut_at < w->now + w->conf.rest_ns * 2)
		w->cut_at = w->now + w->conf.rest_ns * 2;
}

static void
step_hosts(struct lw *w)
{
	for (uint32_t i = 0; i < w->conf.origin_n; i++) {
		struct lw_host *h = &w->host[i];

		if ((h->is_cut || h->is_down) && h->back_at <= w->now)
			bring_back(w, h);
	}
}

uint64_t
lw_tables_next(const struct lw *w)
{
	uint64_t at = w->reload_at < w->runtime_at ? w->reload_at : w->runtime_at;

	at = at < w->death_at ? at : w->death_at;
	at = at < w->cut_at ? at : w->cut_at;
	for (uint32_t i = 0; i < w->conf.origin_n; i++) {
		const struct lw_host *h = &w->host[i];

		if ((h->is_cut || h->is_down) && h->back_at < at)
			at = h->back_at;
	}
	return at;
}

static void
settle_down(struct lw *w)
{
	if (w->runtime_at != UINT64_MAX)
		all_up(w);
	w->reload_at = w->runtime_at = w->death_at = w->cut_at = UINT64_MAX;
}

void
lw_tables_step(struct lw *w)
{
	step_hosts(w);
	if (is_calm(w) || w->is_ending) {
		settle_down(w);
		return;
	}
	if (w->reload_at <= w->now) {
		reload(w);
		w->reload_at = lw_soon(w, w->conf.reload_ns);
	}
	if (w->runtime_at <= w->now) {
		change_runtime(w);
		w->runtime_at = lw_soon(w, w->conf.runtime_ns);
	}
	if (w->death_at <= w->now) {
		kill_one(w);
		w->death_at = lw_soon(w, w->conf.death_ns);
	}
	if (w->cut_at <= w->now) {
		cut_one(w);
		w->cut_at = lw_soon(w, w->conf.cut_ns);
	}
}

void
lw_tables_open(struct lw *w)
{
	size_t n = runtime_bytes(LW_SLOTS, w->conf.lane_n);
	struct abi_fault fault;

	for (uint32_t i = 0; i < w->conf.origin_n; i++) {
		w->is_listed[i] = true;
		w->incarnation[i] = 1;
	}
	w->runtime_mem = lw_alloc(n);
	runtime_init(w->runtime_mem, LW_SLOTS, w->conf.lane_n);
	LW_ENSURE(w, runtime_open(w->runtime_mem, n, &w->runtime, &fault));
	view_set_init(&w->views, w->conf.lane_n);
	put_view(w);
	w->views.runtime = &w->runtime;
	w->reload_at = lw_soon(w, w->conf.reload_ns);
	w->runtime_at = lw_soon(w, w->conf.runtime_ns);
	w->death_at = lw_soon(w, w->conf.death_ns);
	w->cut_at = lw_soon(w, w->conf.cut_ns);
}

void
lw_tables_close(struct lw *w)
{
	while (w->view != NULL) {
		struct lw_view *v = w->view;

		w->view = v->older;
		view_close(v->view);
		free(v);
	}
	free(w->runtime_mem);
}
