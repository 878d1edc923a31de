/*
 * world.h - a run directory of the test's own with penstock-control's parts in it, and the data
 * plane, the DNS server and the client around them, played by the test in one thread.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_WORLD_H
#define PENSTOCK_TESTS_UNIT_CONTROL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "daemon/daemon.h"

struct world {
	char dir[64], run[80], config[80], log[80];
	struct daemon daemon;
	bool is_open;

	/* The data plane we play. */
	int dataplane_fd, dataplane_lock;
	struct rundir_map instance_map, journal_map;
	struct instance_facts facts;
	struct journal_writer writer;
	enum instance_verdict verdict; /* on whatever is newest */
	uint32_t failing_cpu;	       /* no thread can be started there; 0: none */

	/* The DNS server we play. */
	int dns_fd;
	uint8_t dns_last; /* 10.0.0.x is the answer */
};

/* cmocka's setup and teardown: *state is the world. Its configuration logs and has one farm. */
int world_make(void **state);
int world_end(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

void config_write(const struct world *w, const char *text);

/* penstock-control from its start until its first file is applied, and its orderly end. */
void control_start(struct world *w);
/* ... or until that file begins to be read. */
void control_begin(struct world *w);
void control_stop(struct world *w);

/* A data plane with one lane, which accepts what is published (w->verdict). */
void dataplane_start(struct world *w);

/*
 * It began with four lanes on processors 2 and 3, may use 0 to 7, and obeys what control has said of
 * cores, lanes and keys; nothing happens while it does not run.
 */
void dataplane_obey(struct world *w);

/* A fresh journal of lane 0, and n records into it. */
void journal_make(struct world *w, uint64_t id);
void journal_write(struct world *w, uint32_t n);

/* Answers every name with 10.0.0.last for a second. Returns its port on loopback. */
uint16_t dns_start(struct world *w, uint8_t last);

/* Everybody has turns for so long. */
void turns(struct world *w, uint64_t ms);

/* Looks at the run directory now instead of after its usual pause. */
void notice(struct world *w);

/* What is said on standard error between these two; of a static buffer. */
struct said {
	int before, fd;
};
struct said said_begin(const struct world *w);
const char *said_end(struct said said);

/* Until what was written to the journals is in the log, without waiting for its second to pass. */
void settle(struct world *w);

/* A request (which is taken) to the control socket and its answer. */
json_t *ask(struct world *w, json_t *request);
json_t *ask_apply(struct world *w, bool at_restart);

bool is_ok(const json_t *answer);
const char *text_of(const json_t *answer, const char *key); /* "(none)": not there */
bool has_file(const struct world *w, const char *name);	    /* below the run directory */

#endif
