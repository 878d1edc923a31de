/*
 * diff_parts.h - what the two files of conf_diff share. Private to diff.c and diff_rules.c.
 */
#ifndef PENSTOCK_CONTROL_CONF_DIFF_PARTS_H
#define PENSTOCK_CONTROL_CONF_DIFF_PARTS_H

#include "conf/conf.h"

struct diff {
	const struct img *before, *after;
	struct arena *arena;
	struct conf_changes *changes;
	uint32_t room;
};

void diff_add(struct diff *diff, struct conf_change change);

/* Rules, their order, groups and maps. */
void diff_rules(struct diff *diff);

/* The sets that a listener binds, in their order: "publish, block"; "none". */
const char *diff_binds_text(struct diff *diff, const struct img *img,
			    const struct img_listener *listener);

#endif
