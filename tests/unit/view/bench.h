/*
 * bench.h - a run directory and the control plane's part in it, for the tests of view/.
 */
#ifndef PENSTOCK_TESTS_UNIT_VIEW_BENCH_H
#define PENSTOCK_TESTS_UNIT_VIEW_BENCH_H

#include "sample.h"
#include "view/view.h"

#define SECOND 1000000000ull

struct bench {
	char path[64];
	int control, dataplane;
	uint64_t now, now_real; /* pass with bench_step */
	bool (*accept)(void *ctx, const struct view *v, struct abi_fault *ret_fault);
	void *accept_ctx;
	struct keeper *keeper;
	struct view_set *set;
	struct instance *instance;
	struct instance_facts *facts;
};

int bench_setup(void **state);
int bench_teardown(void **state); /* closes the keeper if there is one */

/* Writes tables.<generation>; then, apart, publishes it. */
void bench_write(struct bench *b, uint64_t generation, const struct sample *how);
void bench_publish(struct bench *b, uint64_t generation, const struct sample *how);

/* Both, of an image whose checksum is right and whose machine section is not. */
void bench_publish_bad(struct bench *b, uint64_t generation);

/* Begins a life of the data plane; bound to a set of lane_n lanes when something can be served. */
void bench_start(struct bench *b, uint32_t lane_n);
/* The life ends without a word, or in order. */
void bench_crash(struct bench *b);
void bench_end(struct bench *b);

/* The clock goes on by 10 ms and the keeper looks. */
bool bench_step(struct bench *b);

uint64_t bench_generation(const struct bench *b);	   /* current, 0: none */
const struct instance_facts *bench_facts(struct bench *b); /* as another process reads them */

#endif
