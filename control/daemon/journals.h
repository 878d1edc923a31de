/*
 * journals.h - drains the lanes' journals into the access log.
 *
 * A lane's journal and the one that a killed predecessor left behind are read in turns. The
 * cursor, which gives a lane its room back, moves only when the lines were written, so that what
 * a killed control had read but not written is read again by the next one (at most 64 KiB of
 * lines twice, none lost).
 */
#ifndef PENSTOCK_CONTROL_DAEMON_JOURNALS_H
#define PENSTOCK_CONTROL_DAEMON_JOURNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/cursors.h"
#include "abi/journal.h"
#include "abi/rundir.h"
#include "daemon/access_log.h"
#include "run/names.h"
#include "run/record.h"

struct journals_one {
	struct rundir_map map; /* p NULL: not there */
	struct journal_reader reader;
	uint64_t released; /* position that the cursor says */
	uint64_t dropped;  /* last seen */
};

struct journals {
	int control_fd, dataplane_fd; /* dataplane_fd -1: not there yet */
	struct rundir_map cursors_map;
	struct cursors *cursors;
	struct access_log *log;
	const struct names *names;
	struct journals_one now[IMG_LANES_MAX], before[IMG_LANES_MAX];
	uint32_t lanes_known; /* lanes that ever had a journal */
	uint64_t look_at;     /* monotonic: next look for new files, at the latest */
	uint64_t folder_at;   /* when files last came or went, real time, ns */
	uint64_t drain_at;    /* next drain */
	uint64_t pause;	      /* between drains; short under load */
	uint64_t read_n;      /* records, ever */
	uint64_t dropped_n;   /* by lanes whose ring was full, ever seen */
	uint64_t complained;  /* dropped_n when it was last told */
	uint64_t complain_at;
	struct record_second second;
	uint64_t broken_at; /* from when on a broken journal may be told again */
	_Alignas(8) uint8_t room[JOURNAL_RECORD_MAX];
};

/* Adopts control/cursors or makes it. False: neither can be done (told). */
bool journals_open(struct journals *journals, int control_fd, struct access_log *log,
		   const struct names *names);

/* The data plane's folder has appeared. */
void journals_set_dataplane(struct journals *journals, int dataplane_fd);

/* Drains what is due. */
void journals_advance(struct journals *journals, uint64_t now);

uint64_t journals_deadline(const struct journals *journals);

/* Drains and flushes all there is now. */
void journals_close(struct journals *journals, uint64_t now);

#endif
