/*
 * recording.h - a capture that control has ordered (abi/capture.h): the lanes' rings read into a
 * file, until it is enough, the time is up, somebody ends it, or the data plane does.
 */
#ifndef PENSTOCK_CONTROL_CTL_RECORDING_H
#define PENSTOCK_CONTROL_CTL_RECORDING_H

#include "abi/capture.h"
#include "ctl/ctl.h"
#include "ctl/packet_file.h"
#include "run/state.h"

struct recording {
	/* Of whoever records. */
	const struct ctl *ctl;
	const struct state *state;	 /* of the data plane that was asked */
	struct packet_file *file;	 /* begun */
	uint64_t id;			 /* ask.capture_id */
	uint64_t seconds;		 /* at most; then lanes end by themselves */
	uint64_t packets_max, bytes_max; /* 0: any */
	uint32_t lane_n;		 /* that were asked */
	bool (*must_end)(void);		 /* somebody wants no more */

	/* What came of it. */
	uint64_t missed_n;  /* were there and not read in time */
	uint64_t skipped_n; /* of a port that nobody knows */
	uint64_t evicted_n; /* flows that lost their place */
	uint32_t late_n;    /* lanes that have not begun in all that time */
	bool is_short;	    /* it ended before it should, or lanes may go on: why */
	char why[200];

	/* Its own. */
	struct rundir_map map[IMG_LANES_MAX];
	struct capture_view view[IMG_LANES_MAX];
	bool is_open[IMG_LANES_MAX];
	uint8_t bytes[CAPTURE_SNAP_MAX];
};

/* Until it is over; the file has whole packets then. */
void recording_run(struct recording *r);

/* Why it did not go well, unless one is known already. */
void recording_fault(struct recording *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Tells the lanes that it is over. False: nobody could be told. */
bool recording_end(const struct recording *r);

#endif
