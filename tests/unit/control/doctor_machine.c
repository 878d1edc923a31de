/*
 * doctor_machine.c - see doctor_machine.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "doctor_machine.h"

char root[64];
struct doctor doctor;
void
put(const char *path, const char *text)
{
	char name[512];
	FILE *file;

	snprintf(name, sizeof(name), "%s%s", root, path);
	for (char *at = name + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		assert_true(mkdir(name, 0700) == 0 || errno == EEXIST);
		*at = '/';
	}
	file = fopen(name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

int
machine_make(void **state)
{
	(void)state;
	memset(told, 0, sizeof(told));
	strcpy(root, "/tmp/penstock-doctor-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu ssse3 sse4_2 avx2 avx512bw "
			     "constant_tsc nonstop_tsc\n");
	put("/proc/meminfo", "MemTotal:  100 kB\nHugePages_Total:  8\nHugePages_Free:     8\n"
			     "Hugepagesize:       2048 kB\n");
	put("/proc/mounts", "/dev/vda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n");
	put("/proc/swaps", "Filename\t\t\tType\t\tSize\n");
	put("/proc/self/limits", "Limit  Soft  Hard  Units\n"
				 "Max locked memory         unlimited   unlimited   bytes\n"
				 "Max open files            1024        4096        files\n");
	put("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
	put("/proc/irq/24/effective_affinity_list", "0\n");
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put("/sys/devices/system/cpu/online", "0-3\n");
	put("/sys/devices/system/cpu/isolated", "1-3\n");
	put("/sys/devices/system/cpu/nohz_full", "1-3\n");
	put("/sys/devices/system/node/online", "0\n");
	put("/sys/devices/system/node/node0/cpulist", "0-3\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put("/sys/class/net/eth1/mtu", "1500\n");
	put("/sys/class/net/eth1/flags", "0x1003\n");
	put("/sys/class/net/eth1/ifindex", "3\n");
	put("/sys/class/net/eth1/iflink", "3\n");
	put("/etc/passwd", "root:x:0:0::/root:/bin/sh\npenstock-control:x:9:9::/:/bin/sh\n"
			   "penstock-dataplane:x:8:9::/:/bin/sh\n");
	return 0;
}

int
machine_end(void **state)
{
	char command[128];

	(void)state;
	doctor_fini(&doctor);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

struct told told[2];

static bool
tell_nic(const char *iface, struct doctor_nic *ret_nic)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (told[i].name == NULL || strcmp(told[i].name, iface) != 0)
			continue;
		*ret_nic = told[i].nic;
		return true;
	}
	return false;
}

void
assert_each_has_a_cure(void)
{
	for (uint32_t i = 0; i < doctor.n; i++)
		if ((doctor.finding[i].severity == DOCTOR_OK) != (doctor.finding[i].cure == NULL))
			fail_msg("%s: %s: cure %s", doctor.finding[i].what, doctor.finding[i].text,
				 doctor.finding[i].cure);
}

void
look(const struct conf *conf)
{
	doctor_fini(&doctor);
	doctor = (struct doctor){
		.root = root, .ask_nic = tell_nic, .run = "/run/penstock", .conf = conf
	};
	doctor_look(&doctor);
	assert_each_has_a_cure();
}

void
assert_found(const char *what, enum doctor_severity severity, const char *words)
{
	for (uint32_t i = 0; i < doctor.n; i++) {
		const struct doctor_finding *finding = &doctor.finding[i];

		if (strcmp(finding->what, what) != 0)
			continue;
		if (finding->severity == severity &&
		    (strstr(finding->text, words) != NULL ||
		     (finding->cure != NULL && strstr(finding->cure, words) != NULL)))
			return;
		fail_msg("%s: %s: %s", what, doctor_severity_name(finding->severity),
			 finding->text);
	}
	fail_msg("nothing is said of %s", what);
}

void
look_with(const char *machine)
{
	struct conf_errs errs = { 0 };
	char text[1024];
	struct conf *conf;

	snprintf(text, sizeof(text),
		 "machine: {%s}\n"
		 "farms: [{name: app, servers: [{name: a, address: 10.0.0.11}]}]\n"
		 "listeners: [{name: web, address: \"10.0.0.5:80\", farm: app}]\n",
		 machine);
	conf = conf_open_text("test.yaml", text, strlen(text), &errs);
	if (conf == NULL)
		fail_msg("%s", errs.err[0].text);
	look(conf);
	doctor.conf = NULL;
	conf_close(conf);
	conf_errs_fini(&errs);
}

void
assert_among(const char *what, enum doctor_severity severity, const char *words)
{
	for (uint32_t i = 0; i < doctor.n; i++) {
		const struct doctor_finding *finding = &doctor.finding[i];

		if (strcmp(finding->what, what) == 0 && finding->severity == severity &&
		    (strstr(finding->text, words) != NULL ||
		     (finding->cure != NULL && strstr(finding->cure, words) != NULL)))
			return;
	}
	fail_msg("'%s' is not found", words);
}

uint32_t
found_n(const char *what)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < doctor.n; i++)
		n += strcmp(doctor.finding[i].what, what) == 0;
	return n;
}
