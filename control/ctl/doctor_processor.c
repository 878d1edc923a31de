/*
 * doctor_processor.c - the doctor looks at processors: what they can do, what clock they have, and
 * whether those that poll have peace there. See doctor.h.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor.h"

static void
flags_look(struct doctor *doctor)
{
	const char *info = doctor_file(doctor, "/proc/cpuinfo");

	if (!doctor_has_word(info, "flags", "fpu"))
		doctor_add(doctor, "cpu", DOCTOR_BAD, "/proc/cpuinfo tells no flags of an x86",
			   "run on x86-64: there is no other build");
	else if (!doctor_has_word(info, "flags", "sse4_2") ||
		 !doctor_has_word(info, "flags", "ssse3"))
		doctor_add(doctor, "cpu", DOCTOR_BAD,
			   "no SSE4.2, without which DPDK and Hyperscan do not start",
			   "a virtual machine: give it a newer processor model, best the host's");
	else if (!doctor_has_word(info, "flags", "avx2"))
		doctor_add(doctor, "cpu", DOCTOR_WARN, "SSE4.2, but no AVX2: rules scan slower",
			   "a virtual machine: give it the host's processor model");
	else
		doctor_add(doctor, "cpu", DOCTOR_OK,
			   doctor_has_word(info, "flags", "avx512bw") ? "SSE4.2, AVX2, AVX-512"
								      : "SSE4.2, AVX2",
			   NULL);
	if (!doctor_has_word(info, "flags", "constant_tsc") ||
	    !doctor_has_word(info, "flags", "nonstop_tsc"))
		doctor_add(doctor, "tsc", DOCTOR_WARN,
			   "the time stamp counter is not told to be invariant: times may drift",
			   "a virtual machine: pass the flag invtsc through");
	else
		doctor_add(doctor, "tsc", DOCTOR_OK, "the time stamp counter is invariant", NULL);
}

static void
clock_look(struct doctor *doctor)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	const char *name = doctor_line(doctor, path);

	if (name == NULL)
		doctor_add(doctor, "clock", DOCTOR_WARN, "the clock source is not known",
			   arena_format(&doctor->arena, "mount /sys here, and look at %s", path));
	else if (strcmp(name, "tsc") == 0 || strcmp(name, "kvm-clock") == 0 ||
		 strncmp(name, "hyperv_clocksource_tsc", 22) == 0)
		doctor_add(doctor, "clock", DOCTOR_OK,
			   arena_format(&doctor->arena, "%s, read without a system call", name),
			   NULL);
	else
		doctor_add(doctor, "clock", DOCTOR_WARN,
			   arena_format(&doctor->arena, "%s: each reading is a system call", name),
			   arena_format(&doctor->arena, "echo tsc > %s, if it is offered", path));
}

/* As the data plane chooses: those configured, or all but the first. */
static void
polling_find(const struct doctor *doctor, const struct doctor_cpus *online,
	     struct doctor_cpus *ret_cpus)
{
	struct doctor_cpus cpus = { { 0 } };
	bool is_first = true;

	if (doctor->conf != NULL)
		for (CONF_EACH(struct conf_num, core, &doctor->conf->machine.cores))
			doctor_cpus_add(&cpus, (uint32_t)core->v);
	if (doctor_cpus_n(&cpus) > 0) {
		*ret_cpus = cpus;
		return;
	}
	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX; i++) {
		if (!doctor_cpus_has(online, i))
			continue;
		if (!is_first || doctor_cpus_n(online) == 1)
			doctor_cpus_add(&cpus, i);
		is_first = false;
	}
	*ret_cpus = cpus;
}

/* Those of a that b lacks. */
static struct doctor_cpus
cpus_less(const struct doctor_cpus *a, const struct doctor_cpus *b)
{
	struct doctor_cpus cpus;

	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX / 64; i++)
		cpus.word[i] = a->word[i] & ~b->word[i];
	return cpus;
}

/* "core 1", "cores 1-3,5" */
static const char *
cores_text(struct doctor *doctor, const struct doctor_cpus *cpus)
{
	return arena_format(&doctor->arena, "core%s %s", doctor_cpus_n(cpus) == 1 ? "" : "s",
			    doctor_cpus_text(doctor, cpus));
}

static void
isolation_look(struct doctor *doctor, const struct doctor_cpus *polling, const char *what,
	       const char *path, const char *effect)
{
	struct doctor_cpus apart, rest;

	doctor_cpus_parse(doctor_line(doctor, path), &apart);
	rest = cpus_less(polling, &apart);
	if (doctor_cpus_n(&rest) == 0)
		doctor_add(doctor, what, DOCTOR_OK, "all cores that poll", NULL);
	else
		doctor_add(doctor, what, DOCTOR_WARN,
			   arena_format(&doctor->arena, "not for %s: %s", cores_text(doctor, &rest),
					effect),
			   arena_format(&doctor->arena, "boot the kernel with %s=%s", what,
					doctor_cpus_text(doctor, polling)));
}

static void
interrupts_look(struct doctor *doctor, const struct doctor_cpus *polling)
{
	DIR *dir = opendir(arena_format(&doctor->arena, "%s/proc/irq", doctor->root));
	const struct dirent *entry;
	uint32_t n = 0, here = 0;

	if (dir == NULL) {
		doctor_add(doctor, "interrupts", DOCTOR_WARN, "/proc/irq cannot be read",
			   "mount /proc here, or look where the kernel shows it");
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct doctor_cpus cpus, rest;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		doctor_cpus_parse(doctor_line(doctor, arena_format(&doctor->arena,
								   "/proc/irq/%s/effective_"
								   "affinity_list",
								   entry->d_name)),
				  &cpus);
		rest = cpus_less(&cpus, polling);
		n++;
		here += doctor_cpus_n(&rest) < doctor_cpus_n(&cpus);
	}
	closedir(dir);
	if (here == 0)
		doctor_add(doctor, "interrupts", DOCTOR_OK, "none on cores that poll", NULL);
	else
		doctor_add(
			doctor, "interrupts", DOCTOR_WARN,
			arena_format(&doctor->arena, "%u of %u come to cores that poll", here, n),
			"write other cores to /proc/irq/N/smp_affinity_list, and stop "
			"irqbalance or ban these cores there");
}

static void
cores_look(struct doctor *doctor, const struct doctor_cpus *online,
	   const struct doctor_cpus *polling)
{
	struct doctor_cpus gone = cpus_less(polling, online);

	if (doctor_cpus_n(online) == 0)
		doctor_add(doctor, "cores", DOCTOR_WARN, "the processors online are not known",
			   "mount /sys here, and name machine.cores");
	else if (doctor_cpus_n(&gone) > 0)
		doctor_add(doctor, "cores", DOCTOR_BAD,
			   arena_format(&doctor->arena, "not here: %s of machine.cores",
					cores_text(doctor, &gone)),
			   arena_format(&doctor->arena, "choose from %s",
					doctor_cpus_text(doctor, online)));
	else if (doctor_cpus_n(online) < 2)
		doctor_add(doctor, "cores", DOCTOR_WARN,
			   "one processor, which the data plane shares with all else",
			   "have two or more");
	else
		doctor_add(doctor, "cores", DOCTOR_OK,
			   arena_format(&doctor->arena, "lanes poll on %s; the machine has %s",
					cores_text(doctor, polling),
					doctor_cpus_text(doctor, online)),
			   NULL);
}

static void
numa_look(struct doctor *doctor, const struct doctor_cpus *polling)
{
	struct doctor_cpus nodes;
	uint32_t used = 0;

	doctor_cpus_parse(doctor_line(doctor, "/sys/devices/system/node/online"), &nodes);
	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX; i++) {
		struct doctor_cpus cpus, rest;

		if (!doctor_cpus_has(&nodes, i))
			continue;
		doctor_cpus_parse(
			doctor_line(doctor,
				    arena_format(&doctor->arena,
						 "/sys/devices/system/node/node%u/cpulist", i)),
			&cpus);
		rest = cpus_less(polling, &cpus);
		used += doctor_cpus_n(&rest) < doctor_cpus_n(polling);
	}
	if (used > 1)
		doctor_add(doctor, "numa", DOCTOR_WARN,
			   arena_format(&doctor->arena, "cores that poll lie on %u nodes", used),
			   "give machine.cores the cores of the node that the ports are on");
	else
		doctor_add(doctor, "numa", DOCTOR_OK, "cores that poll lie on one node", NULL);
}

static void
online_find(struct doctor *doctor, struct doctor_cpus *ret_cpus)
{
	doctor_cpus_parse(doctor_line(doctor, "/sys/devices/system/cpu/online"), ret_cpus);
}

void
doctor_polling(struct doctor *doctor, struct doctor_cpus *ret_cpus)
{
	struct doctor_cpus online;

	online_find(doctor, &online);
	polling_find(doctor, &online, ret_cpus);
}

void
doctor_processor(struct doctor *doctor)
{
	struct doctor_cpus online, polling;

	online_find(doctor, &online);
	doctor_polling(doctor, &polling);
	flags_look(doctor);
	clock_look(doctor);
	cores_look(doctor, &online, &polling);
	isolation_look(doctor, &polling, "isolcpus", "/sys/devices/system/cpu/isolated",
		       "the scheduler puts other work there");
	isolation_look(doctor, &polling, "nohz_full", "/sys/devices/system/cpu/nohz_full",
		       "the scheduler's tick interrupts them");
	interrupts_look(doctor, &polling);
	numa_look(doctor, &polling);
}
