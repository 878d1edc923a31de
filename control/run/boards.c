/*
 * boards.c - sums over the lanes' boards, see boards.h.
 */
#include "run/boards.h"

#include <string.h>

void
boards_open(int dataplane_fd, uint32_t lane_n, struct boards *ret_boards)
{
	struct boards *boards = ret_boards;
	char name[RUNDIR_NAME_MAX];
	struct abi_fault fault;

	memset(boards, 0, sizeof(*boards));
	for (uint32_t lane = 0; lane < lane_n && lane < IMG_LANES_MAX; lane++) {
		struct rundir_map *map = &boards->map[boards->n];

		if (rundir_map_open(dataplane_fd, rundir_board_name(name, lane), false, map) != 0)
			continue;
		if (board_open(map->p, map->n, &boards->view[boards->n], &fault))
			boards->n++;
		else
			rundir_map_close(map);
	}
}

bool
boards_are_stale(const struct boards *boards, int dataplane_fd)
{
	char name[RUNDIR_NAME_MAX];

	for (uint32_t i = 0; i < boards->n; i++) {
		rundir_board_name(name, boards->view[i].head.lane);
		if (rundir_map_is_stale(dataplane_fd, name, &boards->map[i]))
			return true;
	}
	return false;
}

static uint64_t
word(const struct board_view *view, const char *name, uint32_t element)
{
	uint32_t i = board_find(view, name);
	struct board_entry entry;

	if (i == ABI_NONE || !board_entry(view, i, &entry))
		return 0;
	return board_word(view, &entry, element);
}

uint64_t
boards_sum(const struct boards *boards, const char *name, uint32_t element)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < boards->n; i++)
		sum += word(&boards->view[i], name, element);
	return sum;
}

static const struct board_view *
view_of(const struct boards *boards, uint32_t lane)
{
	for (uint32_t i = 0; i < boards->n; i++) {
		if (boards->view[i].head.lane == lane)
			return &boards->view[i];
	}
	return NULL;
}

uint64_t
boards_life(const struct boards *boards, uint32_t lane)
{
	const struct board_view *view = view_of(boards, lane);

	return view != NULL ? view->head.id : 0;
}

uint64_t
boards_lane(const struct boards *boards, uint32_t lane, const char *name)
{
	const struct board_view *view = view_of(boards, lane);

	return view != NULL ? word(view, name, 0) : 0;
}

bool
boards_lane_hist(const struct boards *boards, uint32_t lane, const char *name,
		 struct board_hist *ret_hist)
{
	const struct board_view *view = view_of(boards, lane);
	struct board_entry entry;
	uint32_t at = view != NULL ? board_find(view, name) : ABI_NONE;

	return at != ABI_NONE && board_entry(view, at, &entry) &&
	       board_hist(view, &entry, ret_hist);
}

static bool
knows_server(const struct board_view *view, uint32_t slot, uint32_t incarnation)
{
	return word(view, "server_incarnation", slot) == incarnation;
}

uint64_t
boards_server_sum(const struct boards *boards, const char *name, uint32_t slot,
		  uint32_t incarnation)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < boards->n; i++)
		if (knows_server(&boards->view[i], slot, incarnation))
			sum += word(&boards->view[i], name, slot);
	return sum;
}

bool
boards_server_newest(const struct boards *boards, const char *at, const char *what, uint32_t slot,
		     uint32_t incarnation, uint64_t *ret_at, uint64_t *ret_what)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < boards->n; i++) {
		const struct board_view *view = &boards->view[i];
		uint64_t this = knows_server(view, slot, incarnation) ? word(view, at, slot) : 0;

		if (this <= newest)
			continue;
		newest = this;
		*ret_what = word(view, what, slot);
	}
	if (newest > 0)
		*ret_at = newest;
	return newest > 0;
}

uint32_t
boards_server_count(const struct boards *boards, const char *name, uint32_t slot,
		    uint32_t incarnation, uint64_t value)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < boards->n; i++)
		n += knows_server(&boards->view[i], slot, incarnation) &&
		     word(&boards->view[i], name, slot) == value;
	return n;
}

void
boards_word_find(const struct boards *boards, const char *name, struct boards_word *ret_word)
{
	for (uint32_t i = 0; i < boards->n; i++) {
		const struct board_view *view = &boards->view[i];
		uint32_t at = board_find(view, name);

		ret_word->lane[i].is_there =
			at != ABI_NONE && board_entry(view, at, &ret_word->lane[i].entry);
	}
}

uint64_t
boards_word_sum(const struct boards *boards, const struct boards_word *word, uint32_t element,
		const struct boards_word *other, uint64_t value)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < boards->n; i++) {
		const struct board_view *view = &boards->view[i];

		if (word->lane[i].is_there && other->lane[i].is_there &&
		    board_word(view, &other->lane[i].entry, element) == value)
			sum += board_word(view, &word->lane[i].entry, element);
	}
	return sum;
}

bool
boards_hist(const struct boards *boards, const char *name, struct board_hist *ret_hist)
{
	bool is_found = false;

	memset(ret_hist, 0, sizeof(*ret_hist));
	for (uint32_t i = 0; i < boards->n; i++) {
		uint32_t at = board_find(&boards->view[i], name);
		struct board_hist one;
		struct board_entry entry;

		if (at == ABI_NONE || !board_entry(&boards->view[i], at, &entry) ||
		    !board_hist(&boards->view[i], &entry, &one))
			continue;
		board_hist_merge(ret_hist, &one);
		is_found = true;
	}
	return is_found;
}

void
boards_close(struct boards *boards)
{
	for (uint32_t i = 0; i < boards->n; i++)
		rundir_map_close(&boards->map[i]);
	boards->n = 0;
}
