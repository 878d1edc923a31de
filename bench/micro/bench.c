/*
 * bench.c - see bench.h.
 */
#include "micro/bench.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <x86intrin.h>

enum {
	WARM = 10,
	ROUNDS_USUAL = 101,
	SMOKE_SIZE = 64,
};

static struct {
	const char *name, *only;
	FILE *json;
	uint32_t rounds, ops_n;
	bool is_smoke, is_quiet;
} the = { .rounds = ROUNDS_USUAL };

static const char usage[] =
	"usage: %s [--only OP] [--rounds N] [--json FILE] [--smoke]\n"
	"  --only    operations whose name begins so\n"
	"  --rounds  how many are measured (101; at most 1001)\n"
	"  --json    appends a line for each operation; - is the output, without the table\n"
	"  --smoke   little of everything: whether it works, not how fast\n"
	"  Example: %s --rounds 301 --json before.json\n";

void
bench_die(const char *why)
{
	fprintf(stderr, "%s: %s\n", the.name, why);
	exit(1);
}

static void
wrong_usage(void)
{
	fprintf(stderr, usage, the.name, the.name);
	exit(2);
}

static void
open_json(const char *path)
{
	the.is_quiet = strcmp(path, "-") == 0;
	the.json = the.is_quiet ? stdout : fopen(path, "a");
	if (the.json == NULL)
		bench_die("cannot write the file of --json: does its folder exist?");
}

void
bench_open(const char *name, int argc, char **argv)
{
	static const struct option options[] = { { "only", required_argument, NULL, 'o' },
						 { "rounds", required_argument, NULL, 'r' },
						 { "json", required_argument, NULL, 'j' },
						 { "smoke", no_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	char *end = NULL;
	int got;

	the.name = name;
	while ((got = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (got) {
		case 'o':
			the.only = optarg;
			break;
		case 'r':
			the.rounds = (uint32_t)strtoul(optarg, &end, 10);
			if (*end != '\0' || the.rounds == 0 || the.rounds > BENCH_ROUNDS_MAX)
				wrong_usage();
			break;
		case 'j':
			open_json(optarg);
			break;
		case 's':
			the.is_smoke = true;
			break;
		case 'h':
			printf(usage, name, name);
			exit(0);
		default:
			wrong_usage();
		}
	}
	if (optind != argc)
		wrong_usage();
}

int
bench_close(void)
{
	if (the.ops_n == 0)
		bench_die("no operation has such a name");
	if (the.json != NULL && fflush(the.json) != 0)
		bench_die("cannot write the file of --json");
	return 0;
}

uint32_t
bench_size(uint32_t usual)
{
	return the.is_smoke && usual > SMOKE_SIZE ? SMOKE_SIZE : usual;
}

bool
bench_wants(const char *op)
{
	return the.only == NULL || strncmp(op, the.only, strlen(the.only)) == 0;
}

uint32_t
bench_rounds(void)
{
	return the.is_smoke ? WARM + 1 : WARM + the.rounds;
}

bool
bench_is_warm(uint32_t round)
{
	return round >= WARM;
}

void
bench_put(struct bench_op *op, uint64_t ticks, uint64_t ops)
{
	if (op->n == BENCH_ROUNDS_MAX || ops == 0)
		bench_die("more rounds than bench_rounds said, or an empty one");
	op->ticks[op->n++] = (double)ticks / (double)ops;
	op->ops = ops;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void
bench_print(struct bench_op *op)
{
	double median, low, high;

	if (op->n == 0 || !bench_wants(op->name))
		return;
	the.ops_n++;
	qsort(op->ticks, op->n, sizeof(op->ticks[0]), by_value);
	median = op->ticks[op->n / 2];
	low = op->ticks[op->n / 10];
	high = op->ticks[op->n - 1 - op->n / 10];
	if (!the.is_quiet)
		printf("%-36s %9.1f ticks, 80 %% of rounds within %.1f to %.1f%s%s\n", op->name,
		       median, low, high, op->note == NULL ? "" : "  ",
		       op->note == NULL ? "" : op->note);
	if (the.json != NULL)
		fprintf(the.json,
			"{\"op\": \"%s\", \"ticks\": %.3f, \"p10\": %.3f, \"p90\": %.3f, "
			"\"rounds\": %" PRIu32 ", \"ops\": %" PRIu64 "%s%s%s}\n",
			op->name, median, low, high, op->n, op->ops,
			op->note == NULL ? "" : ", \"note\": \"", op->note == NULL ? "" : op->note,
			op->note == NULL ? "" : "\"");
}

void
bench_say(const char *format, ...)
{
	va_list args;

	if (the.is_quiet)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

void
bench_run(const char *op, uint32_t n, void (*before)(uint32_t n), void (*many)(uint32_t n))
{
	static struct bench_op it;

	if (!bench_wants(op))
		return;
	it.name = op;
	it.n = 0;
	n = bench_size(n);
	for (uint32_t round = 0; round < bench_rounds(); round++) {
		uint64_t from;

		if (before != NULL)
			before(n);
		from = bench_ticks();
		many(n);
		if (bench_is_warm(round))
			bench_put(&it, bench_ticks() - from, n);
	}
	bench_print(&it);
}

void *
bench_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		bench_die("no memory");
	madvise(p, n, MADV_HUGEPAGE);
	return p;
}

uint64_t
bench_ticks(void)
{
	return __rdtsc();
}
