/*
 * bench.c - see bench.h.
 */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/rundir.h"

int
bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	strcpy(b->path, "/tmp/penstock-view-XXXXXX");
	if (mkdtemp(b->path) == NULL)
		return -1;
	b->control = rundir_make(b->path, RUNDIR_CONTROL, geteuid(), getegid());
	b->dataplane = rundir_make(b->path, RUNDIR_DATAPLANE, geteuid(), getegid());
	b->now = SECOND;
	b->now_real = 1000000 * SECOND;
	*state = b;
	return b->control >= 0 && b->dataplane >= 0 ? 0 : -1;
}

int
bench_teardown(void **state)
{
	struct bench *b = *state;
	char command[128];

	if (b->keeper != NULL)
		bench_end(b);
	close(b->control);
	close(b->dataplane);
	snprintf(command, sizeof(command), "rm -rf %s", b->path);
	if (system(command) != 0)
		return -1;
	free(b);
	return 0;
}

static void
write_image(struct bench *b, uint64_t generation, const void *bytes, size_t n)
{
	char name[RUNDIR_NAME_MAX];

	assert_int_equal(rundir_write(b->control, rundir_tables_name(name, generation), bytes, n,
				      RUNDIR_MODE_FIXED),
			 0);
}

static void
publish(struct bench *b, uint64_t generation, const void *bytes, size_t n)
{
	struct img_head head;

	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(publish_write(b->control, generation, n, head.crc, b->now_real), 0);
}

void
bench_write(struct bench *b, uint64_t generation, const struct sample *how)
{
	size_t n;
	void *bytes = sample_image(how, &n);

	write_image(b, generation, bytes, n);
	free(bytes);
}

void
bench_publish(struct bench *b, uint64_t generation, const struct sample *how)
{
	size_t n;
	void *bytes = sample_image(how, &n);

	write_image(b, generation, bytes, n);
	publish(b, generation, bytes, n);
	free(bytes);
}

void
bench_publish_bad(struct bench *b, uint64_t generation)
{
	uint32_t poll = 99;
	size_t n;
	void *bytes = sample_image(NULL, &n);

	sample_poke(bytes, n, IMG_MACHINE, 0, offsetof(struct img_machine, poll), &poll,
		    sizeof(poll));
	write_image(b, generation, bytes, n);
	publish(b, generation, bytes, n);
	free(bytes);
}

void
bench_start(struct bench *b, uint32_t lane_n)
{
	struct keeper_conf conf = {
		.control_fd = b->control,
		.dataplane_fd = b->dataplane,
		.version = "0.1.0",
		.accept = b->accept,
		.accept_ctx = b->accept_ctx,
	};

	b->keeper = keeper_open(&conf, b->now_real);
	assert_non_null(b->keeper);
	b->set = aligned_alloc(64, (sizeof(*b->set) + 63) / 64 * 64);
	memset(b->set, 0, sizeof(*b->set));
	b->instance = calloc(1, sizeof(*b->instance));
	b->facts = calloc(1, sizeof(*b->facts));
	instance_init(b->instance);
	view_set_init(b->set, lane_n);
	if (keeper_view(b->keeper) != NULL)
		keeper_bind(b->keeper, b->set, b->instance, b->facts);
}

static void
free_life(struct bench *b)
{
	free(b->set);
	free(b->instance);
	free(b->facts);
	b->keeper = NULL;
}

void
bench_end(struct bench *b)
{
	keeper_close(b->keeper, true);
	free_life(b);
}

void
bench_crash(struct bench *b)
{
	char bytes[8192];
	size_t n = 0;

	/* Its memory must not leak in a test: it ends, and what it wrote at its end is undone. */
	assert_int_equal(rundir_read(b->dataplane, RUNDIR_HISTORY, bytes, sizeof(bytes), &n), 0);
	bench_end(b);
	assert_int_equal(rundir_write(b->dataplane, RUNDIR_HISTORY, bytes, n, RUNDIR_MODE_SHARED),
			 0);
}

bool
bench_step(struct bench *b)
{
	b->now += SECOND / 100;
	b->now_real += SECOND / 100;
	return keeper_step(b->keeper, b->now, b->now_real);
}

uint64_t
bench_generation(const struct bench *b)
{
	const struct view *v = keeper_view(b->keeper);

	return v != NULL ? v->generation : 0;
}

const struct instance_facts *
bench_facts(struct bench *b)
{
	static struct instance_facts facts;
	struct abi_fault fault;

	assert_true(instance_read(b->instance, sizeof(*b->instance), &facts, &fault));
	return &facts;
}
