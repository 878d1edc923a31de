/*
 * count.c - what each rule did, in the lane's board: one writer, plain stores.
 *
 * Time is kept of one evaluation in BOARD_RULE_TIMED_ONE_IN, and stands for all of them: two
 * readings of a clock cost as much as a rule.
 */
#include "abi/board.h"
#include "base/ensure.h"
#include "rules/state.h"

void
rules_count(struct rules *rules, uint32_t lane_i, struct board_rule *row,
	    uint64_t (*clock_ns)(void))
{
	ensure(lane_i < rules->lane_n);
	rules->lane[lane_i].row = row;
	rules->lane[lane_i].clock_ns = clock_ns;
}

uint64_t
count_start(const struct rules_lane *l)
{
	if (l->row == NULL || l->clock_ns == NULL || l->run % BOARD_RULE_TIMED_ONE_IN != 0)
		return 0;
	return l->clock_ns();
}

void
count_rule(const struct rules_lane *l, uint32_t slot, uint32_t incarnation, enum rules_why why,
	   uint64_t start_ns)
{
	struct board_rule *row;

	if (l->row == NULL)
		return;
	row = &l->row[slot];
	if (row->incarnation != incarnation)
		return; /* of a rule that a body still has: the row is its successor's */
	row->tried++;
	row->matched += why == RULES_WHY_MATCHED;
	row->faults += why == RULES_WHY_FAULT;
	if (start_ns != 0)
		row->time += l->clock_ns() - start_ns;
}
