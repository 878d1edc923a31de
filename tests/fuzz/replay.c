/*
 * replay.c - runs a fuzz target without libFuzzer: first the files named, then seeded inputs that
 * are random bytes or mutations of those files. The same seed gives the same inputs.
 *
 *   fuzz_X [--runs N] [--seed S] [--max BYTES] [FILE|DIRECTORY]...
 *
 * A target that finds a fault aborts; the input at hand is then written to fuzz-crash.<pid> in the
 * working directory, and `fuzz_X --runs 0 FILE` replays it.
 */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	SEEDS_MAX = 4096,
	INPUT_MAX = 1 << 20
};

struct input {
	uint8_t *data;
	size_t n;
};

static struct input seed_input[SEEDS_MAX];
static size_t seed_input_n;

static const uint8_t *at_hand;
static size_t at_hand_n;

static uint64_t
next(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t
below(uint64_t *s, uint64_t n)
{
	return n == 0 ? 0 : next(s) % n;
}

static void
on_crash(int sig)
{
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "fuzz-crash.%d", (int)getpid());
	f = fopen(name, "wb");
	if (f != NULL) {
		fwrite(at_hand, 1, at_hand_n, f);
		fclose(f);
		fprintf(stderr, "input of %zu bytes kept in %s\n", at_hand_n, name);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

/* From an allocation of exactly n bytes, so that the address sanitizer sees a read past it. */
static void
run(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, data, n);
	at_hand = copy;
	at_hand_n = n;
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void
load_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	struct input *in = &seed_input[seed_input_n];

	if (f == NULL || seed_input_n == SEEDS_MAX || size > INPUT_MAX) {
		fprintf(stderr, "cannot use %s\n", path);
		exit(2);
	}
	in->data = malloc(size > 0 ? size : 1);
	in->n = in->data == NULL ? 0 : fread(in->data, 1, size, f);
	fclose(f);
	seed_input_n++;
}

static void
load(const char *path)
{
	struct dirent **entry;
	struct stat st;
	int n;

	if (stat(path, &st) != 0) {
		perror(path);
		exit(2);
	}
	if (!S_ISDIR(st.st_mode)) {
		load_file(path, (size_t)st.st_size);
		return;
	}
	n = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
			load_file(name, (size_t)st.st_size);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

/* Bytes that parsers stumble over more often than chance would offer them. */
static uint8_t
odd_byte(uint64_t *s)
{
	static const char odd[] = "\0\xff\x7f\x80\r\n\t :;,\"\\/%{}[]&*#-0";

	return below(s, 2) ? (uint8_t)next(s) : (uint8_t)odd[below(s, sizeof(odd) - 1)];
}

/* Replaces `cut` bytes at `at` by `n` bytes of `by`, which may be NULL for odd bytes. */
static size_t
splice(uint64_t *s, uint8_t *data, size_t len, size_t at, size_t cut, const uint8_t *by, size_t n,
       size_t max)
{
	if (len - cut + n > max)
		return len;
	memmove(data + at + n, data + at + cut, len - at - cut);
	for (size_t i = 0; i < n; i++)
		data[at + i] = by != NULL ? by[i] : odd_byte(s);
	return len - cut + n;
}

static size_t
mutate(uint64_t *s, uint8_t *data, size_t len, size_t max)
{
	static const uint8_t edge[][4] = { { 0, 0, 0, 0 },	   { 255, 255, 255, 255 },
					   { 255, 255, 255, 127 }, { 0, 0, 0, 128 },
					   { 0, 1, 0, 0 },	   { 1, 0, 0, 0 } };
	size_t at = (size_t)below(s, len + 1), rest = len - at;
	const struct input *other;
	size_t from;

	switch (below(s, 7)) {
	case 0:
		if (rest > 0)
			data[at] ^= (uint8_t)(1 << below(s, 8));
		return len;
	case 1:
		if (rest > 0)
			data[at] = odd_byte(s);
		return len;
	case 2: /* cut out */
		return splice(s, data, len, at, (size_t)below(s, (rest < 64 ? rest : 64) + 1), NULL,
			      0, max);
	case 3: /* put in */
		return splice(s, data, len, at, 0, NULL, (size_t)below(s, 17), max);
	case 4: /* the end is missing */
		return below(s, 4) == 0 ? at : len;
	case 5: /* an edge value of 1, 2 or 4 bytes */
		from = (size_t)1 << below(s, 3);
		if (rest >= from)
			memcpy(data + at, edge[below(s, sizeof(edge) / sizeof(edge[0]))], from);
		return len;
	default: /* a piece of another input */
		if (seed_input_n == 0)
			return len;
		other = &seed_input[below(s, seed_input_n)];
		from = (size_t)below(s, other->n + 1);
		return splice(s, data, len, at, 0, other->data + from,
			      (size_t)below(s, other->n - from + 1), max);
	}
}

static void
run_seeded(uint64_t seed, uint64_t runs, size_t max)
{
	uint8_t *data = malloc(max + INPUT_MAX);
	uint64_t s = seed;

	if (data == NULL)
		abort();
	for (uint64_t i = 0; i < runs; i++) {
		const struct input *in =
			seed_input_n > 0 ? &seed_input[below(&s, seed_input_n)] : NULL;
		size_t len = 0;

		if (in != NULL && in->n <= max && below(&s, 16) != 0) {
			len = in->n;
			memcpy(data, in->data, len);
			for (uint64_t k = 1 + below(&s, 8); k > 0; k--)
				len = mutate(&s, data, len, max);
		} else {
			len = (size_t)below(&s, below(&s, 8) == 0 ? max + 1 : 128);
			for (size_t k = 0; k < len; k++)
				data[k] = odd_byte(&s);
		}
		run(data, len);
	}
	free(data);
}

int
main(int argc, char **argv)
{
	uint64_t runs = 20000, seed = 1;
	size_t max = 4096;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--max") == 0 && i + 1 < argc)
			max = (size_t)strtoull(argv[++i], NULL, 0);
		else
			load(argv[i]);
	}
	signal(SIGABRT, on_crash);
	signal(SIGSEGV, on_crash);
	signal(SIGBUS, on_crash);
	signal(SIGFPE, on_crash);
	signal(SIGILL, on_crash);
	for (size_t i = 0; i < seed_input_n; i++)
		run(seed_input[i].data, seed_input[i].n);
	run_seeded(seed, runs, max);
	printf("%llu inputs from seed %llu, %zu from files\n", (unsigned long long)runs,
	       (unsigned long long)seed, seed_input_n);
	for (size_t i = 0; i < seed_input_n; i++)
		free(seed_input[i].data);
	return 0;
}
