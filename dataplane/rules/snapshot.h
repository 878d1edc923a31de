/*
 * snapshot.h - see snapshot.c. Private to body.c.
 */
#ifndef PENSTOCK_RULES_SNAPSHOT_H
#define PENSTOCK_RULES_SNAPSHOT_H

#include "rules/state.h"

struct snapshot {
	struct rules_subject subject;
	struct rules_url url;
	struct rules_line *line; /* the request's, then the response's */
	uint32_t request_n, line_n;
	struct rules_change *before;
	uint32_t before_n;
};

/* Bytes beside the struct that a copy of the lane's present evaluation needs. */
size_t snapshot_bytes(const struct rules_lane *l);

/* Copies it into memory of so many bytes, aligned to 8; returns what is behind. */
uint8_t *snapshot_take(struct snapshot *s, const struct rules_lane *l, uint8_t *memory);

/* Begins an evaluation of it. */
void snapshot_begin(const struct snapshot *s, struct rules_lane *l,
		    const struct rules_trace *trace);

#endif
