/*
 * rule_table.h - what each rule did, over all lanes: penstockctl stats rules.
 */
#ifndef PENSTOCK_CONTROL_CTL_RULE_TABLE_H
#define PENSTOCK_CONTROL_CTL_RULE_TABLE_H

#include "ctl/ctl.h"
#include "run/boards.h"

/*
 * Prints a line for each rule of the image, in the order of evaluation.
 *   glob  of rules' names; NULL: all
 * CTL_FAILED: it names none.
 */
int rule_table_show(const struct ctl *ctl, const struct boards *boards, const struct img *img,
		    const char *glob);

#endif
