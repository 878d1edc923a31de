/*
 * bench_patterns.c - how long a request with a hard pattern and a long header holds its lane
 * (tests/unit/rules/hard.h): honest ones, which must have an answer, and hostile ones, which must
 * end. "alone" is PCRE2 without a scan before it, "scanned" as rules are in the data plane.
 *
 * What counts is the least of all rounds: no evaluation holds a turn for more than a millisecond.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hard.h"
#include "micro/bench.h"

enum {
	LIMIT_US = 1000,
	CALIBRATE_NS = 20000000,
};

static double ticks_us;
static uint32_t row_n, long_n;
static double longest_us;
static char longest[64];

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Ticks of a microsecond. */
static double
calibrate(void)
{
	uint64_t from = clock_ns(), ticks = bench_ticks(), to;

	do
		to = clock_ns();
	while (to - from < CALIBRATE_NS);
	return (double)(bench_ticks() - ticks) * 1000 / (double)(to - from);
}

static void
count(const char *op, double least_us)
{
	row_n++;
	long_n += least_us > LIMIT_US;
	if (least_us <= longest_us)
		return;
	longest_us = least_us;
	snprintf(longest, sizeof(longest), "%s", op);
}

static void
measure(const char *kind, const struct hard *hard, bool is_scanned)
{
	static char text[HARD_BYTES_MAX];
	static struct bench_op it;
	struct made_request request;
	struct rules_subject subject;
	struct rules_verdict v;
	uint64_t least = UINT64_MAX;
	struct made made;
	char op[64], note[64];

	snprintf(op, sizeof(op), "%s/%s-%s", kind, hard->name, is_scanned ? "scanned" : "alone");
	if (!bench_wants(op))
		return;
	hard_open(&made, hard, is_scanned);
	if (made.rules == NULL)
		bench_die("rules_open refuses the rules");
	hard_request(hard_text(hard, text), &request, &subject);
	it.name = op;
	it.note = note;
	it.n = 0;
	for (uint32_t round = 0; round < bench_rounds(); round++) {
		uint64_t from = bench_ticks(), ticks;

		rules_request(made.rules, 0, 0, &subject, NULL, &v);
		ticks = bench_ticks() - from;
		least = ticks < least ? ticks : least;
		if (bench_is_warm(round))
			bench_put(&it, ticks, 1);
	}
	if (hard_answer_of(&v) != (is_scanned ? hard->scanned : hard->answer))
		fprintf(stderr, "%s: another answer than it should have\n", op);
	snprintf(note, sizeof(note), "%-8s least %7.1f us", hard_answer_name(hard_answer_of(&v)),
		 (double)least / ticks_us);
	count(op, (double)least / ticks_us);
	bench_print(&it);
	made_close(&made);
}

int
main(int argc, char **argv)
{
	int status;

	bench_open("bench_patterns", argc, argv);
	ticks_us = calibrate();
	for (uint32_t is_scanned = 0; is_scanned < 2; is_scanned++) {
		for (uint32_t i = 0; i < hard_honest_n; i++)
			measure("honest", &hard_honest[i], is_scanned != 0);
		for (uint32_t i = 0; i < hard_hostile_n; i++)
			measure("hostile", &hard_hostile[i], is_scanned != 0);
	}
	status = bench_close();
	bench_say("%u of %u held the lane for more than a millisecond; longest %s, %.1f us\n",
		  long_n, row_n, longest, longest_us);
	return status;
}
