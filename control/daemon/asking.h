/*
 * asking.h - control's questions to the lanes (abi/asks.h): one at a time, put to every lane, the
 * answers of all made one.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_ASKING_H
#define PENSTOCK_CONTROL_DAEMON_ASKING_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/rundir.h"
#include "run/names.h"

enum {
	ASKING_LIMIT_USUAL = 100,
	ASKING_LIMIT_MAX = 10000,
};

/* What is asked. */
struct asking_question {
	enum ask_kind kind;
	uint32_t only_lane;  /* ABI_NONE: all */
	uint32_t limit;	     /* of sessions told of; all that fit are killed, or captured */
	uint64_t capture_id; /* CAPTURE_END: which; CAPTURE: asking_begin sets it */
	uint64_t for_ns;     /* CAPTURE: so long at most */
	uint32_t snap;	     /* CAPTURE: bytes of a packet */
	struct ask_filter filter;
};

struct asking_lane {
	struct rundir_map map;
	struct answers_view view;
	uint64_t ask_id;
	bool is_asked, is_done;
};

struct asking {
	struct rundir_map map; /* control/asks */
	uint64_t last_id;
	const struct names *names;
	uint64_t client_id; /* 0: nothing is asked */
	uint64_t next_at, deadline;
	struct asking_question question;
	uint32_t lane_n;
	uint64_t found_n; /* as far as was read */
	bool has_more;
	json_t *list;
	struct asking_lane lane[IMG_LANES_MAX];
};

/* Adopts the file that is there, or makes one. False: cannot be made. */
bool asking_open(struct asking *asking, int control_fd, const struct names *names);

/*
 * Puts a question to lanes 0 to lane_n - 1, or to one of them. asking->client_id must be 0.
 * asking_advance has the answer later.
 */
void asking_begin(struct asking *asking, int dataplane_fd, uint32_t lane_n,
		  const struct asking_question *question, uint64_t client_id, uint64_t now);

/* The answer for *ret_client_id once it is whole, or time is up; NULL: not yet. */
json_t *asking_advance(struct asking *asking, uint64_t now, uint64_t *ret_client_id);

/* When to look again; UINT64_MAX: nothing is asked. */
uint64_t asking_deadline(const struct asking *asking);

void asking_close(struct asking *asking);

/* ---- session.c ---- */

/* One session as JSON; README.md describes it. */
json_t *session_json(const struct session *session, uint32_t lane_i, const struct names *names);

#endif
