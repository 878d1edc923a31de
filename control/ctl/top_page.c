/*
 * top_page.c - the page of penstockctl top: sums, cores, lanes, farms with their servers. What a
 * screen has no rows for is counted in a line; servers scroll.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "ctl/top.h"

enum {
	LINE_MAX_BYTES = 512,
	SERVERS_LEAST = 4, /* rows that lanes leave to them, a header included */
};

struct out {
	FILE *file;
	uint32_t columns, left; /* rows */
};

/* A line, cut to the screen. Text here is ASCII. */
static __attribute__((format(printf, 2, 3))) void
line(struct out *out, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (out->left == 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(out->file, "%.*s\n", (int)out->columns, text);
	out->left--;
}

/* ---- sums ---- */

static void
head(struct out *out, const struct top *top, const struct top_page *page)
{
	const struct instance_facts *facts = &top->state.facts;
	double requests_s = 0, errors_s = 0;
	uint64_t clients = 0, upstreams = 0, in_progress = 0;
	char every[32] = "since its start";
	static const char *const word[] = {
#define X(id, key, name) #name,
		TOP_SORT_LIST(X)
#undef X
	};

	for (uint32_t i = 0; i < top->lane_n; i++) {
		const struct top_lane *lane = &top->now.lane[i];

		requests_s += lane->requests_s;
		errors_s += lane->errors_s;
		clients += lane->clients;
		upstreams += lane->upstreams;
		in_progress += lane->in_progress;
	}
	if (top->seconds > 0)
		snprintf(every, sizeof(every), "in %.1f s", top->seconds);
	line(out, "Penstock %s  generation %llu  %u lane%s on %u core%s  %s  by %s", facts->version,
	     (unsigned long long)facts->generation, top->lane_n, top->lane_n == 1 ? "" : "s",
	     facts->core_n, facts->core_n == 1 ? "" : "s", every, word[page->sort]);
	line(out, "requests %.0f/s  errors %.1f/s  in progress %llu  clients %llu  upstreams %llu",
	     requests_s, errors_s, (unsigned long long)in_progress, (unsigned long long)clients,
	     (unsigned long long)upstreams);
	line(out, "request p50 %.2f  p99 %.2f  p99.9 %.2f ms   turn p99 %.3f  longest %.3f ms",
	     (double)board_hist_quantile(&top->request_time, 0.5) / 1e6,
	     (double)board_hist_quantile(&top->request_time, 0.99) / 1e6,
	     (double)board_hist_quantile(&top->request_time, 0.999) / 1e6,
	     (double)board_hist_quantile(&top->turn_time, 0.99) / 1e6,
	     (double)top->turn_time.max / 1e6);
}

/* ---- cores ---- */

static void
core_line(struct out *out, const struct top *top, const struct instance_core *core)
{
	char lanes[128] = "", bar[21];
	uint32_t load = 0, at = 0, full;

	for (uint32_t i = 0; i < top->lane_n; i++) {
		const struct top_lane *lane = &top->now.lane[i];

		if (lane->cpu != core->cpu)
			continue;
		load += lane->load;
		if (at + 8 < sizeof(lanes))
			at += (uint32_t)snprintf(lanes + at, sizeof(lanes) - at, " %u", lane->lane);
	}
	full = load / 50 < 20 ? load / 50 : 20;
	for (uint32_t i = 0; i < 20; i++)
		bar[i] = i < full ? '#' : '.';
	bar[20] = '\0';
	line(out, "%4u  %-8s %5.1f%% %s %s", core->cpu, instance_core_state_name(core->state),
	     (double)load / 10, bar, lanes);
}

static void
cores(struct out *out, const struct top *top, uint32_t most)
{
	uint32_t n = 0, more = 0;

	line(out, "CORE  STATE      LOAD                       LANES");
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *core = &top->state.facts.core[i];

		if (core->state == INSTANCE_CORE_NONE)
			continue;
		if (++n <= most)
			core_line(out, top, core);
		else
			more++;
	}
	if (more > 0)
		line(out, "      and %u more", more);
}

/* ---- lanes ---- */

static double
lane_key(const struct top_lane *lane, enum top_sort sort)
{
	switch (sort) {
	case TOP_SORT_REQUESTS:
		return lane->requests_s;
	case TOP_SORT_ERRORS:
		return lane->errors_s;
	case TOP_SORT_CONNS:
		return (double)(lane->clients + lane->upstreams);
	case TOP_SORT_LOAD:
	case TOP_SORT_FIRST:
		return lane->load;
	case TOP_SORT_NAME:
	case TOP_SORTS:
		break;
	}
	return -(double)lane->lane;
}

static enum top_sort sorted_by; /* qsort has no room for it */

static int
by_lane(const void *a, const void *b)
{
	double x = lane_key(a, sorted_by), y = lane_key(b, sorted_by);
	const struct top_lane *left = a, *right = b;

	if (x != y)
		return x < y ? 1 : -1;
	return left->lane < right->lane ? -1 : 1;
}

static void
lanes(struct out *out, const struct top *top, enum top_sort sort, uint32_t most)
{
	struct top_lane list[IMG_LANES_MAX];

	memcpy(list, top->now.lane, top->lane_n * sizeof(list[0]));
	sorted_by = sort;
	qsort(list, top->lane_n, sizeof(list[0]), by_lane);
	line(out,
	     "LANE  CORE   LOAD      REQ/S    ERR/S  CLIENTS UPSTREAM INFLIGHT MOVES PAUSE_MS");
	for (uint32_t i = 0; i < top->lane_n && i < most; i++)
		line(out, "%4u  %4u %5.1f%% %10.0f %8.1f %8llu %8llu %8llu %5llu %8.2f",
		     list[i].lane, list[i].cpu, (double)list[i].load / 10, list[i].requests_s,
		     list[i].errors_s, (unsigned long long)list[i].clients,
		     (unsigned long long)list[i].upstreams, (unsigned long long)list[i].in_progress,
		     (unsigned long long)list[i].moves, (double)list[i].pause_ns / 1e6);
	if (top->lane_n > most)
		line(out, "      and %u more", top->lane_n - most);
}

/* ---- farms and servers ---- */

static double
server_key(const struct top_server *server, enum top_sort sort)
{
	switch (sort) {
	case TOP_SORT_REQUESTS:
		return server->requests_s;
	case TOP_SORT_ERRORS:
		return server->errors_s;
	case TOP_SORT_CONNS:
		return (double)server->conns;
	case TOP_SORT_LOAD:
		return (double)server->in_flight;
	case TOP_SORT_FIRST:
		return server->first_ms;
	case TOP_SORT_NAME:
	case TOP_SORTS:
		break;
	}
	return 0;
}

static int
by_server(const void *a, const void *b)
{
	double x = server_key(a, sorted_by), y = server_key(b, sorted_by);
	const struct top_server *left = a, *right = b;

	return x != y ? (x < y ? 1 : -1) : strcmp(left->name, right->name);
}

static void
add_to_farm(struct top_server *farm, const struct top_server *server)
{
	farm->server_n++;
	farm->up_n += server->admin == RUNTIME_ADMIN_UP && server->resting_n == 0;
	farm->requests_s += server->requests_s;
	farm->errors_s += server->errors_s;
	farm->in_flight += server->in_flight;
	farm->conns += server->conns;
	if (server->first_ms > farm->first_ms)
		farm->first_ms = server->first_ms; /* the slowest is what one waits for */
}

/*
 * Farms in the order of the tables, each with its servers behind it in the order asked for. Servers
 * of a farm follow one another in the tables. Returns how many rows.
 */
static uint32_t
server_rows(const struct top *top, enum top_sort sort, struct top_server *row)
{
	uint32_t n = 0;

	sorted_by = sort;
	for (uint32_t i = 0; i < top->now.server_n;) {
		struct top_server *farm = &row[n++];
		const char *name = top->now.server[i].farm;
		uint32_t first = n;

		*farm = (struct top_server){ .is_farm = true };
		snprintf(farm->farm, sizeof(farm->farm), "%s", name);
		for (; i < top->now.server_n && strcmp(top->now.server[i].farm, name) == 0; i++) {
			row[n++] = top->now.server[i];
			add_to_farm(farm, &top->now.server[i]);
		}
		qsort(&row[first], n - first, sizeof(*row), by_server);
	}
	return n;
}

static void
server_line(struct out *out, const struct top *top, const struct top_server *s)
{
	char health[32] = "good", name[72];

	if (s->is_farm)
		snprintf(health, sizeof(health), "%u/%u up", s->up_n, s->server_n);
	else if (s->admin != RUNTIME_ADMIN_UP)
		snprintf(health, sizeof(health), "%s", runtime_admin_name(s->admin));
	else if (s->resting_n > 0)
		snprintf(health, sizeof(health), "resting %u/%u", s->resting_n, top->lane_n);
	snprintf(name, sizeof(name), "%s%s", s->is_farm ? "" : "  ",
		 s->is_farm ? s->farm : s->name);
	line(out, "%-21.21s %-13s %9.0f %8.1f %8llu %7llu %8.2f", name, health, s->requests_s,
	     s->errors_s, (unsigned long long)s->in_flight, (unsigned long long)s->conns,
	     s->first_ms);
}

static void
servers(struct out *out, const struct top *top, struct top_page *page)
{
	struct top_server *row = calloc(2 * top->now.server_n + 1, sizeof(*row));
	uint32_t n, shown;

	ensure(row != NULL);
	n = server_rows(top, page->sort, row);
	line(out,
	     "FARM/SERVER           HEALTH            REQ/S    ERR/S INFLIGHT   CONNS  WAIT_MS");
	shown = out->left < n ? out->left : n;
	if (shown < n && shown > 1)
		shown--; /* for the line below */
	if (page->scroll > n - shown)
		page->scroll = n - shown;
	for (uint32_t i = 0; i < shown; i++)
		server_line(out, top, &row[page->scroll + i]);
	if (shown < n)
		line(out, "      %u to %u of %u lines; arrows and page keys scroll",
		     page->scroll + 1, page->scroll + shown, n);
	free(row);
}

/* ---- the page ---- */

static uint32_t
running_cores(const struct top *top)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < IMG_CORES_MAX; i++)
		n += top->state.facts.core[i].state != INSTANCE_CORE_NONE;
	return n;
}

/* Of what is left, keeping `others` for what comes behind: at least one, and all if there is room. */
static uint32_t
share(uint32_t left, uint32_t n, uint32_t others)
{
	uint32_t room = left > others + 3 ? left - others - 3 : 1;

	return n <= room ? n : room;
}

static void
keys(struct out *out, const struct top_page *page)
{
#define X(id, key, word) #key " " #word " "
	line(out, "q quit  " TOP_SORT_LIST(X) " +/- %.1f s", page->every_s);
#undef X
}

char *
top_page_text(struct top *top, struct top_page *page)
{
	char *text = NULL;
	size_t n = 0;
	bool has_keys = page->rows > 2; /* the last row is theirs */
	struct out out = { .columns = page->columns,
			   .left = page->rows != 0 ? page->rows - has_keys : UINT32_MAX };

	out.file = open_memstream(&text, &n);
	ensure(out.file != NULL);
	head(&out, top, page);
	cores(&out, top, share(out.left / 3, running_cores(top), 0));
	lanes(&out, top, page->sort, share(out.left, top->lane_n, SERVERS_LEAST));
	servers(&out, top, page);
	while (has_keys && out.left > 0)
		line(&out, "%s", "");
	out.left = has_keys;
	keys(&out, page);
	fclose(out.file);
	return text;
}
