/*
 * history.h - dataplane/history: what earlier lives of the data plane leave to later ones: when
 * each began and on which image, and which images were refused. Two rules are read from it: an
 * image that a predecessor of the same version refused is not taken, and one on which three lives
 * crashed within a minute is left for the one before.
 *
 * A few fixed bytes, replaced by rename by the data plane alone. An image is known by generation
 * and by the CRC-32C of all its bytes. Units: nanoseconds, realtime.
 */
#ifndef PENSTOCK_ABI_HISTORY_H
#define PENSTOCK_ABI_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"

#define HISTORY_MAGIC	 0x3154534948534e50ull /* "PNSHIST1" */
#define HISTORY_CRASH_NS (60 * 1000000000ull)

enum {
	HISTORY_VERSION = 1,
	HISTORY_STARTS = 16,   /* lives kept, oldest first */
	HISTORY_REFUSALS = 32, /* kept, oldest first */
	HISTORY_CRASHES = 3,   /* within HISTORY_CRASH_NS: too many */
};

struct history_start {
	uint64_t time_ns;    /* when the process began to serve */
	uint64_t generation; /* that it served last */
	uint32_t crc;	     /* of that image */
	uint32_t is_ended;   /* it ended in order; else, when another follows, it crashed */
};

struct history_refusal {
	uint64_t generation;
	uint32_t crc;
	uint32_t spare;
	char version[32]; /* of the program that refused: another version may judge anew */
	struct abi_fault fault;
};

struct history {
	uint64_t magic;
	uint16_t version;
	uint16_t spare;
	uint32_t crc; /* CRC-32C of this struct with this field zero */
	uint32_t start_n, refusal_n;
	struct history_start start[HISTORY_STARTS];
	struct history_refusal refusal[HISTORY_REFUSALS];
};

/* Any n bytes: true and *ret_history, or false and the fault. */
bool history_check(const void *bytes, size_t n, struct history *ret_history,
		   struct abi_fault *ret_fault);

/* Reads dataplane/history; one that is missing or bad counts as empty. */
void history_load(int dataplane_fd, struct history *ret_history);

/* Seals and replaces it. 0 or a negative errno. */
int history_save(int dataplane_fd, struct history *h);

/* Notes that this version refuses an image; once. */
void history_refuse(struct history *h, uint64_t generation, uint32_t crc, const char *version,
		    const struct abi_fault *fault);

/* The refusal of an image by this version, NULL: none. */
const struct history_refusal *history_refusal(const struct history *h, uint64_t generation,
					      uint32_t crc, const char *version);

/* This life begins on an image; later it moves to another; at last it ends in order. */
void history_start(struct history *h, uint64_t generation, uint32_t crc, uint64_t now_real);
void history_move(struct history *h, uint64_t generation, uint32_t crc);
void history_end(struct history *h);

/*
 * How many lives that served this image last crashed within the last minute. A crash is dated by
 * the start that followed it, the last one by now: call it before history_start.
 */
uint32_t history_crashes(const struct history *h, uint64_t generation, uint32_t crc,
			 uint64_t now_real);

#endif
