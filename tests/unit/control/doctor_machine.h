/*
 * doctor_machine.h - a machine that is made up, as a tree of files below a folder of the test's
 * own, and the doctor before it.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_DOCTOR_MACHINE_H
#define PENSTOCK_TESTS_UNIT_CONTROL_DOCTOR_MACHINE_H

#include "ctl/doctor.h"

#define PORT(device) "ports: [{name: out, addresses: [10.0.0.5/24], device: " device "}]"

/* What the kernel tells of an interface; none of that name: it tells nothing. */
struct told {
	const char *name;
	struct doctor_nic nic;
};

extern char root[64];
extern struct doctor doctor;
extern struct told told[2];

/* A test's beginning, all is well on four processors; and its end. */
int machine_make(void **state);
int machine_end(void **state);

/* A file of the machine, with its folders. */
void put(const char *path, const char *text);

/* The doctor looks, at a configuration with this machine section; each fault must have a cure. */
void look(const struct conf *conf);
void look_with(const char *machine);

void assert_each_has_a_cure(void);

/* The first finding, or one of those, about `what` has this severity, and words in text or cure. */
void assert_found(const char *what, enum doctor_severity severity, const char *words);
void assert_among(const char *what, enum doctor_severity severity, const char *words);

uint32_t found_n(const char *what);

#endif
