/*
 * boards.h - the boards of all lanes, mapped, and sums over them by name.
 */
#ifndef PENSTOCK_CONTROL_RUN_BOARDS_H
#define PENSTOCK_CONTROL_RUN_BOARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/board.h"
#include "abi/image.h"
#include "abi/rundir.h"

/* Zeroed is none. */
struct boards {
	uint32_t n; /* lanes whose board is sound */
	struct rundir_map map[IMG_LANES_MAX];
	struct board_view view[IMG_LANES_MAX];
};

/* Maps the boards of lanes 0 to lane_n - 1. */
void boards_open(int dataplane_fd, uint32_t lane_n, struct boards *ret_boards);

/* Another data plane has replaced one of them since. */
bool boards_are_stale(const struct boards *boards, int dataplane_fd);

/* board_head.id of a lane's board; 0: it is not there. */
uint64_t boards_life(const struct boards *boards, uint32_t lane);

/* Sum over the lanes of one element; lanes that do not have the name add nothing. */
uint64_t boards_sum(const struct boards *boards, const char *name, uint32_t element);

/* A gauge, counter or element of one lane; 0 when its board or the name is not there. */
uint64_t boards_lane(const struct boards *boards, uint32_t lane, const char *name);

/* One lane's histogram. False: it has none of that name. */
bool boards_lane_hist(const struct boards *boards, uint32_t lane, const char *name,
		      struct board_hist *ret_hist);

/* The same of a server's word, on lanes that know this incarnation of the slot. */
uint64_t boards_server_sum(const struct boards *boards, const char *name, uint32_t slot,
			   uint32_t incarnation);

/*
 * Of the lanes that know it, the one whose word `at` is the largest: that one's `at` and `what`.
 * False: it is 0 on all.
 */
bool boards_server_newest(const struct boards *boards, const char *at, const char *what,
			  uint32_t slot, uint32_t incarnation, uint64_t *ret_at,
			  uint64_t *ret_what);

/* On how many lanes that word has this value. */
uint32_t boards_server_count(const struct boards *boards, const char *name, uint32_t slot,
			     uint32_t incarnation, uint64_t value);

/* A name's place on every board, found once for many elements. */
struct boards_word {
	struct {
		struct board_entry entry;
		bool is_there;
	} lane[IMG_LANES_MAX];
};

void boards_word_find(const struct boards *boards, const char *name, struct boards_word *ret_word);

/* Sum of an element over the lanes on which another word of it is `value`. */
uint64_t boards_word_sum(const struct boards *boards, const struct boards_word *word,
			 uint32_t element, const struct boards_word *other, uint64_t value);

/* All lanes' histogram. False: nobody has it. */
bool boards_hist(const struct boards *boards, const char *name, struct board_hist *ret_hist);

void boards_close(struct boards *boards);

#endif
