/*
 * top.h - what penstockctl top shows: two looks at a run directory, the rates between them, and a
 * page of it for a screen of so many columns and rows.
 */
#ifndef PENSTOCK_CONTROL_CTL_TOP_H
#define PENSTOCK_CONTROL_CTL_TOP_H

#include <jansson.h>

#include "ctl/ctl.h"
#include "run/boards.h"
#include "run/state.h"

/* Counts are since the start of the data plane, rates between the last two looks. */
struct top_lane {
	uint64_t life;		  /* of the data plane whose counters these are; 0: none yet */
	uint32_t lane, cpu, load; /* permille of a processor */
	uint64_t requests, errors, clients, upstreams, in_progress, moves, pause_ns;
	double requests_s, errors_s;
};

struct top_server {
	char farm[IMG_NAME_MAX + 1], name[IMG_NAME_MAX + 1];
	uint32_t slot, incarnation;
	bool is_farm; /* the sum of those that follow; up_n of server_n take requests */
	uint32_t server_n, up_n;
	enum runtime_admin admin;
	uint32_t resting_n; /* lanes that leave it alone */
	uint64_t requests, errors, in_flight, conns, firsts, first_ns;
	double requests_s, errors_s, first_ms; /* to the first byte of a response, on average */
};

struct top_look {
	uint64_t at_ns; /* monotonic; 0: none yet */
	uint32_t lane_n;
	struct top_lane lane[IMG_LANES_MAX];
	struct top_server *server; /* [server_n], malloc's, in the order of the tables */
	uint32_t server_n;
	struct board_hist request_time, turn_time;
};

struct top {
	const struct ctl *ctl;
	struct state state;
	struct boards boards;
	bool is_open;
	uint32_t looks_n; /* since it was opened */
	uint32_t lane_n;
	double seconds; /* between the looks; 0: there was only one of this data plane */
	struct top_look now, before;
	struct board_hist request_time, turn_time; /* what came between them */
};

/* ---- top.c ---- */

/* Looks again. NULL, or why there is nothing to see. */
const char *top_look(struct top *top);

/* All of it. */
json_t *top_json(const struct top *top);

void top_close(struct top *top);

/* ---- top_page.c ---- */

/* clang-format off */
#define TOP_SORT_LIST(x)                                                                           \
	x(NAME, n, name) x(REQUESTS, r, requests) x(ERRORS, e, errors) x(CONNS, c, connections)    \
	x(LOAD, l, load) x(FIRST, f, first_byte)
/* clang-format on */

enum top_sort {
#define X(name, key, word) TOP_SORT_##name,
	TOP_SORT_LIST(X)
#undef X
	TOP_SORTS
};

struct top_page {
	enum top_sort sort;
	uint32_t scroll;	/* servers above the first that is shown; cut to what there is */
	uint32_t columns, rows; /* rows 0: as many as it takes, and no line of keys */
	double every_s;
};

/* Lines of at most page->columns characters, of malloc's. */
char *top_page_text(struct top *top, struct top_page *page);

#endif
