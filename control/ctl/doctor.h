/*
 * doctor.h - whether a machine is ready for the data plane: findings, each with its cure.
 *
 * Reads files of /proc, /sys and /etc below a root, so that tests show it machines that they made
 * up. Every reader is total: a file that is missing, empty or not as expected is a value ("not
 * known"), never a failure. Changes nothing.
 */
#ifndef PENSTOCK_CONTROL_CTL_DOCTOR_H
#define PENSTOCK_CONTROL_CTL_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/arena.h"
#include "conf/model.h"

/* bad: it will not run, or not with this configuration; warn: slower or less steady than it could
 * be, or not to be known. */
#define DOCTOR_SEVERITIES(x) x(DOCTOR_OK, "ok") x(DOCTOR_WARN, "warn") x(DOCTOR_BAD, "bad")

enum doctor_severity {
#define X(id, word) id,
	DOCTOR_SEVERITIES(X)
#undef X
};

enum {
	DOCTOR_FINDINGS_MAX = 256,
	DOCTOR_CPUS_MAX = 1024,
};

struct doctor_finding {
	const char *what; /* "cpu", "port outside" */
	enum doctor_severity severity;
	const char *text; /* what is so */
	const char *cure; /* NULL only where all is well */
};

/* What only the kernel itself tells of an interface. */
struct doctor_nic {
	char driver[32];
	uint32_t queues; /* of its receiving side */
	bool tx_checksum, tso, gso, gro, lro, rxvlan;
	uint32_t xdp_id; /* of the XDP program on it; 0: none */
	char xdp_name[16];
};

/* False: it cannot be asked. */
typedef bool doctor_nic_ask(const char *iface, struct doctor_nic *ret_nic);

struct doctor {
	const char *root;	 /* "" is this machine */
	doctor_nic_ask *ask_nic; /* NULL: nobody to ask, as below another root */
	const char *run;	 /* the run directory */
	const struct conf *conf; /* NULL: none to check against */
	struct arena arena;	 /* of the texts */
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
	uint32_t n;
};

const char *doctor_severity_name(enum doctor_severity severity);

/* Everything below, in this order. root, run and conf are set, the rest zero. */
void doctor_look(struct doctor *doctor);
void doctor_fini(struct doctor *doctor);

/* The worst of the findings. */
enum doctor_severity doctor_worst(const struct doctor *doctor);

/* ---- parts ---- */

void doctor_processor(struct doctor *doctor); /* flags, clock, cores, isolation, interrupts, NUMA */
void doctor_memory(struct doctor *doctor);    /* hugepages, their kin, run directory, limits */
void doctor_ports(struct doctor *doctor);     /* kernel, IOMMU, interfaces of the configuration */
void doctor_excepts(struct doctor *doctor);   /* what ports share with the kernel */

/* An interface of the kernel's that a packet or xdp port takes. */
void doctor_iface(struct doctor *doctor, const char *what, const struct conf_port *port);

/* The port's addresses that the kernel has on an interface of its own. */
void doctor_twins(struct doctor *doctor, const char *what, const struct conf_port *port);

/* Asks this machine's kernel; a doctor_nic_ask. */
bool doctor_nic(const char *iface, struct doctor_nic *ret_nic);

/* ---- what the parts share (doctor.c) ---- */

void doctor_add(struct doctor *doctor, const char *what, enum doctor_severity severity,
		const char *text, const char *cure);

/* The text of a file below the root, whole up to 1 MiB, NUL-terminated; NULL: cannot be read. */
char *doctor_file(struct doctor *doctor, const char *path);

/* The same without the white space at its end. */
char *doctor_line(struct doctor *doctor, const char *path);

/* Whether the words of a line "key<blanks>: words" have this one. */
bool doctor_has_word(const char *text, const char *key, const char *word);

/* The number behind `key` at the front of a line; false: no such line or no number. */
bool doctor_number(const char *text, const char *key, uint64_t *ret_v);

/* The last part of a link in a folder of /sys; NULL: no link. */
const char *doctor_link(struct doctor *doctor, const char *folder, const char *link);

/* A number that an interface has in a file of /sys/class/net; false: it does not. */
bool doctor_iface_number(struct doctor *doctor, const char *iface, const char *file, int base,
			 unsigned long *ret_v);

/* The processors that lanes poll on. */
struct doctor_cpus;
void doctor_polling(struct doctor *doctor, struct doctor_cpus *ret_cpus);

/* "0-3,8" into one bit a processor; what is no such list has none. */
struct doctor_cpus {
	uint64_t word[DOCTOR_CPUS_MAX / 64];
};

void doctor_cpus_parse(const char *list, struct doctor_cpus *ret_cpus);
void doctor_cpus_add(struct doctor_cpus *cpus, uint32_t cpu);
bool doctor_cpus_has(const struct doctor_cpus *cpus, uint32_t cpu);
uint32_t doctor_cpus_n(const struct doctor_cpus *cpus);

/* "2-3" or "2, 3" again, for people. */
const char *doctor_cpus_text(struct doctor *doctor, const struct doctor_cpus *cpus);

#endif
