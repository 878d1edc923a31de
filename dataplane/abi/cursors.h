/*
 * cursors.h - control/cursors: how far control has read each lane's journal, which is what frees
 * room in it. One record a lane for the present journal and one for what a killed predecessor of
 * the data plane left unread (journal.<lane>.before). A record counts only for the journal whose
 * id it carries.
 *
 * Made once, then changed in place by control alone, a pair of words a record: the position is
 * written before the id when a journal is adopted, so a lane never takes another ring's position.
 */
#ifndef PENSTOCK_ABI_CURSORS_H
#define PENSTOCK_ABI_CURSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"
#include "abi/image.h"

#define CURSORS_MAGIC 0x3152554353504e45ull /* "ENPSCUR1" */

enum {
	CURSORS_VERSION = 1
};

struct cursor {
	uint64_t journal_id; /* 0: none */
	uint64_t position;   /* bytes read, ever */
};

struct cursors {
	uint64_t magic;
	uint16_t version;
	uint16_t spare;
	uint32_t cursor_n; /* of each array below */
	uint64_t spare2[6];
	struct cursor now[IMG_LANES_MAX];
	struct cursor before[IMG_LANES_MAX];
};

void cursors_init(struct cursors *c); /* zeroed memory of sizeof(struct cursors) */

/* Whether n mapped bytes can be used as cursors; only the header matters. */
bool cursors_check(const void *bytes, size_t n, struct abi_fault *ret_fault);

/* Control: adopts a journal at a position; then moves on. */
void cursor_adopt(struct cursor *c, uint64_t journal_id, uint64_t position);
void cursor_move(struct cursor *c, uint64_t position);

/* Position read of this journal; false when the record is about another one. */
bool cursor_get(const struct cursor *c, uint64_t journal_id, uint64_t *ret_position);

#endif
