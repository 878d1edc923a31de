/*
 * app.c - what sits on top of the connections of the world: ends that write and read in random
 * sizes, stall, close half, abort, let go early; and that check every byte they get.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim/inside.h"

enum {
	SERVER_PORT = 80,
	OWNER_LISTENER = 7,
};

struct app *
app_of(struct world *w, uint32_t pair, uint32_t host)
{
	WORLD_ENSURE(w, pair < w->conf.pairs);
	return &w->app[pair * HOSTS + host];
}

void
pattern_fill(uint32_t pair, uint32_t host, uint64_t off, uint8_t *to, uint32_t n)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < n; i++, off++) {
		if (i == 0 || off % 8 == 0)
			word = hash_mix((uint64_t)(pair * HOSTS + host + 1) << 40 ^ off / 8);
		to[i] = (uint8_t)(word >> off % 8 * 8);
	}
}

void
app_start(struct world *w, uint32_t pair)
{
	struct app *app = app_of(w, pair, 0);
	struct tcp_dial dial = {
		.local = w->host[0].addr,
		.remote = w->host[1].addr,
		.local_port = pair_port(pair),
		.remote_port = SERVER_PORT,
		.owner = pair,
	};

	app->id = tcp_connect(w->host[0].tcp, &dial, w->now);
	if (app->id.v == 0) /* no record free: later */
		wheel_set(w->wheel, w->conf.pairs * HOSTS + pair, w->now + 10 * MS);
	else
		w->to_start_n--;
}

static void
work_at(struct world *w, const struct app *app, uint64_t at_ns)
{
	wheel_set(w->wheel, app->pair * HOSTS + app->host, at_ns);
}

/* ---- reading ---- */

static void
check_bytes(struct world *w, struct app *app, const struct buf *b)
{
	uint8_t want[BUF_ROOM + BUF_HEADROOM];

	pattern_fill(app->pair, 1 - app->host, app->received, want, b->n);
	WORLD_ENSURE(w, memcmp(want, buf_stream(b), b->n) == 0);
	app->received += b->n;
	w->result.bytes += b->n;
}

static void
offer_room(struct world *w, struct app *app)
{
	uint32_t room = app->conf.room_max;

	if (w->now < app->stalled_until)
		room = 0;
	tcp_set_room(w->host[app->host].tcp, app->id, room);
}

static void
read_some(struct world *w, struct app *app)
{
	struct tcp *tcp = w->host[app->host].tcp;
	struct bufq q = { 0 };
	struct buf *b;

	if (w->now < app->stalled_until)
		return;
	tcp_recv(tcp, app->id, &q);
	while ((b = bufq_pop(&q)) != NULL) {
		check_bytes(w, app, b);
		buf_give(b);
	}
	if (prng_below(&w->prng, 1000) < app->conf.stall) {
		app->stalled_until = w->now + prng_between(&w->prng, 1, app->conf.stall_ns);
		work_at(w, app, app->stalled_until);
	}
	offer_room(w, app);
	app->is_eof = tcp_is_eof(tcp, app->id);
	if (app->is_eof && !w->conf.has_aborts && !w->conf.may_fail)
		WORLD_ENSURE(w, app->received == app_of(w, app->pair, 1 - app->host)->given);
}

/* ---- writing ---- */

static struct buf *
make_piece(struct world *w, struct app *app, uint32_t n)
{
	struct buf *b = buf_take(w->host[app->host].pool);

	if (b == NULL)
		return NULL;
	b->at = prng_one_in(&w->prng, 4) ? (uint16_t)prng_below(&w->prng, 128) : BUF_HEADROOM;
	b->n = (uint16_t)n;
	pattern_fill(app->pair, app->host, app->given, buf_stream(b), n);
	return b;
}

static void
write_some(struct world *w, struct app *app)
{
	struct tcp *tcp = w->host[app->host].tcp;
	uint32_t room = tcp_send_room(tcp, app->id), want;
	uint64_t left = app->conf.send_bytes - app->given;
	struct bufq q = { 0 };
	struct tcp_load load;
	uint32_t sent_n;

	tcp_load(tcp, &load);
	want = 1 + prng_below(&w->prng, app->conf.write_max);
	if (want > room)
		want = room;
	if (want > left)
		want = (uint32_t)left;
	while (want > 0 && load.bufs_held + q.n < load.bufs_max / 2) {
		uint32_t n = 1 + prng_below(&w->prng, app->conf.piece_max);
		struct buf *b;

		if (n > want)
			n = want;
		b = make_piece(w, app, n);
		if (b == NULL)
			break;
		bufq_push(&q, b);
		app->given += n;
		want -= n;
	}
	sent_n = q.n;
	if (q.n > 0)
		tcp_send(tcp, app->id, &q, app->conf.corks && prng_one_in(&w->prng, 2));
	/* without room TCP_EV_ROOM has to wake us */
	if (app->given < app->conf.send_bytes && (room > 0 || tcp_send_room(tcp, app->id) > 0))
		work_at(w, app,
			w->now + (sent_n == 0 ? 50 * MS : 0) +
				prng_between(&w->prng, 1, app->conf.pause_ns + MS));
}

static void
finish(struct world *w, struct app *app)
{
	struct tcp *tcp = w->host[app->host].tcp;

	if (!app->is_shut && app->given == app->conf.send_bytes &&
	    (!app->conf.waits_for_eof || app->is_eof)) {
		app->is_shut = true;
		tcp_shutdown(tcp, app->id);
	}
	if (app->is_shut && ((app->is_eof && tcp_unacked(tcp, app->id) == 0) || app->is_gone ||
			     app->conf.releases_early)) {
		app->is_done = true;
		app->done_ns = w->now;
		tcp_release(tcp, app->id);
	}
}

static void
give_up(struct world *w, struct app *app)
{
	struct tcp *tcp = w->host[app->host].tcp;

	app->has_aborted = true;
	app->is_done = true;
	app->done_ns = w->now;
	tcp_abort(tcp, app->id);
	tcp_release(tcp, app->id);
}

void
app_work(struct world *w, struct app *app)
{
	if (app->is_done || !app->is_open)
		return;
	work_at(w, app,
		w->now < app->stalled_until ? app->stalled_until
		: w->conf.patience_ns != 0  ? app->open_ns + w->conf.patience_ns
					    : UINT64_MAX);
	read_some(w, app);
	if (app->is_gone) {
		if (tcp_readable(w->host[app->host].tcp, app->id) > 0)
			return; /* stalled; reads the rest later */
		app->is_done = true;
		app->done_ns = w->now;
		tcp_release(w->host[app->host].tcp, app->id);
		return;
	}
	if (app->received >= app->conf.abort_at ||
	    (w->conf.patience_ns != 0 && w->now - app->open_ns >= w->conf.patience_ns)) {
		give_up(w, app);
		return;
	}
	if (app->given < app->conf.send_bytes)
		write_some(w, app);
	finish(w, app);
}

/* ---- events ---- */

static struct app *
accept(struct world *w, uint32_t host, const struct tcp_event *event)
{
	struct tcp_info info;
	struct app *app;

	tcp_info(w->host[host].tcp, event->id, &info);
	app = app_of(w, info.remote_port - 10000u, host);
	WORLD_ENSURE(w, event->owner == OWNER_LISTENER);
	if (app->is_open) { /* an old duplicate of a cookie's ACK makes a ghost */
		WORLD_ENSURE(w, w->conf.may_fail);
		tcp_abort(w->host[host].tcp, event->id);
		tcp_release(w->host[host].tcp, event->id);
		return NULL;
	}
	app->id = event->id;
	app->is_open = true;
	app->open_ns = w->now;
	tcp_adopt(w->host[host].tcp, event->id, info.remote_port - 10000u);
	offer_room(w, app);
	return app;
}

void
app_on_event(struct world *w, uint32_t host, const struct tcp_event *event)
{
	struct app *app;

	world_hash(w, event, sizeof(*event));
	if (!tcp_is_live(w->host[host].tcp, event->id))
		return; /* released by an earlier event of this batch */
	app = (event->bits & TCP_EV_ACCEPTED) != 0 ? accept(w, host, event)
						   : app_of(w, event->owner, host);
	if (app == NULL || app->id.v != event->id.v)
		return;
	if ((event->bits & TCP_EV_CONNECTED) != 0) {
		app->is_open = true;
		app->open_ns = w->now;
		offer_room(w, app);
	}
	if ((event->bits & TCP_EV_GONE) != 0) {
		app->is_gone = true;
		app->end = tcp_end(w->host[host].tcp, event->id);
		if (!app->is_open) {
			app->is_done = true;
			app->done_ns = w->now;
			tcp_release(w->host[host].tcp, event->id);
		}
		if (!w->conf.may_fail && !w->conf.has_aborts)
			WORLD_ENSURE(w, app->end == TCP_END_CLOSED);
	}
	app_work(w, app);
}

void
app_work_all(struct world *w)
{
	uint32_t i;

	while ((i = wheel_next(w->wheel, w->now)) != WHEEL_NONE) {
		if (i < w->conf.pairs * HOSTS)
			app_work(w, &w->app[i]);
		else
			app_start(w, i - w->conf.pairs * HOSTS);
	}
}
