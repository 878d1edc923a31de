/*
 * recent.h - the requests that lanes' journals still hold, also those that control has long written
 * to the access log: a ring keeps a record until another one needs its place.
 *
 * Reads beside control and takes no part: no cursor moves, and a lane knows nothing of it. So what
 * is read may be overwritten at the same time; each record is believed only when its place was
 * safe after it was copied. Where the oldest whole record begins is found by trying: from it on,
 * records must follow one on another, with rising numbers, to the writer's position.
 */
#ifndef PENSTOCK_CONTROL_RUN_RECENT_H
#define PENSTOCK_CONTROL_RUN_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "abi/journal.h"
#include "abi/rundir.h"

struct recent_lane {
	struct rundir_map map; /* p NULL: not there */
	struct journal_reader reader;
};

/* Zeroed but for dataplane_fd is none yet. Large: of malloc's or static. */
struct recent {
	int dataplane_fd;
	struct recent_lane lane[IMG_LANES_MAX];
	uint64_t missed_n; /* records that came and went unseen, ever */
	_Alignas(8) uint8_t room[JOURNAL_RECORD_MAX];
};

/* The record and its strings live until it returns. */
typedef void recent_fn(void *ctx, const struct journal_access *access,
		       const struct journal_text *strings);

/*
 * Everything since the last call, the first time all that is there: a lane after the other, oldest
 * first. A data plane that was started again is followed.
 */
void recent_read(struct recent *recent, recent_fn *on, void *ctx);

void recent_close(struct recent *recent);

#endif
