/*
 * bench.h - what the micro-benchmarks share: options, rounds, and what they print.
 *
 * An operation has a name, "part/what", by which bench/compare finds it again in another build. A
 * round is a number of operations timed as one; the first rounds warm caches and predictors up,
 * and of the others the median counts. A smoke run does little of everything: it shows that a
 * benchmark still works and says nothing of time.
 * Units: ticks of the time-stamp counter an operation.
 */
#ifndef PENSTOCK_BENCH_BENCH_H
#define PENSTOCK_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BENCH_ROUNDS_MAX = 1001,
};

/* Options of the program; ends it with 2 when they are wrong, 0 after --help. */
void bench_open(const char *name, int argc, char **argv);

/* What main returns: 1 when no operation fits --only. */
int bench_close(void);

/* Ends the program with 1: the code under measurement gave a wrong answer, or memory ended. */
_Noreturn void bench_die(const char *why);

/* How many of something (flows, timers, connections): a few in a smoke run. */
uint32_t bench_size(uint32_t usual);

/* Whether --only wants this operation; for those whose preparation takes long. */
bool bench_wants(const char *op);

/*
 * Measures many(n): n operations in a row, round after round. before, when not NULL, is called
 * with the same n ahead of each round and not timed.
 */
void bench_run(const char *op, uint32_t n, void (*before)(uint32_t n), void (*many)(uint32_t n));

/* For what only its own code can time: a sample a round, then the line. */
struct bench_op {
	const char *name;
	const char *note;		/* printed beside it; NULL: none */
	uint32_t n;			/* samples */
	uint64_t ops;			/* operations of the last sample */
	double ticks[BENCH_ROUNDS_MAX]; /* an operation */
};

/* Rounds to do, those that warm up included; bench_put throws the latter away. */
uint32_t bench_rounds(void);
bool bench_is_warm(uint32_t round);
void bench_put(struct bench_op *op, uint64_t ticks, uint64_t ops);
void bench_print(struct bench_op *op);

/* A line under the table; nothing where JSON alone is wanted. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed, aligned to 64 bytes, on large pages where the kernel has them: as a lane's memory. */
void *bench_memory(size_t n);

uint64_t bench_ticks(void);

/* The value is used as far as the compiler knows. */
static inline void
bench_keep(uint64_t value)
{
	__asm__ volatile("" : : "r"(value) : "memory");
}

#endif
