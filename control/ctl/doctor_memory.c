/*
 * doctor_memory.c - the doctor looks at memory: hugepages, swap, the run directory, limits, and
 * the users that own it. See doctor.h.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/doctor.h"

static void
hugepages_look(struct doctor *doctor)
{
	const char *info = doctor_file(doctor, "/proc/meminfo");
	bool is_wanted = doctor->conf != NULL && doctor->conf->machine.hugepages.v != 0;
	uint64_t free_n = 0, kib = 0, memory;

	if (!doctor_number(info, "HugePages_Free", &free_n) ||
	    !doctor_number(info, "Hugepagesize", &kib) || kib == 0)
		free_n = 0;
	memory = doctor->conf != NULL ? doctor->conf->machine.memory.v : 0;
	if (free_n == 0 && is_wanted)
		doctor_add(doctor, "hugepages", DOCTOR_BAD,
			   "none is free, and machine.hugepages wants them",
			   "sysctl vm.nr_hugepages=512, see drivers-conf/hugepages.md");
	else if (is_wanted && free_n < memory / 1024 / kib + (memory > 0))
		doctor_add(doctor, "hugepages", DOCTOR_BAD,
			   arena_format(&doctor->arena,
					"%llu of %llu KiB are free, less than machine.memory",
					(unsigned long long)free_n, (unsigned long long)kib),
			   "raise vm.nr_hugepages, see drivers-conf/hugepages.md");
	else if (free_n == 0)
		doctor_add(doctor, "hugepages", DOCTOR_OK, "none, and none is asked for", NULL);
	else
		doctor_add(doctor, "hugepages", DOCTOR_OK,
			   arena_format(&doctor->arena, "%llu of %llu KiB are free",
					(unsigned long long)free_n, (unsigned long long)kib),
			   NULL);
}

static void
transparent_look(struct doctor *doctor)
{
	const char *text = doctor_line(doctor, "/sys/kernel/mm/transparent_hugepage/enabled");

	if (text != NULL && strstr(text, "[always]") != NULL)
		doctor_add(doctor, "thp", DOCTOR_WARN,
			   "transparent hugepages are always made: compaction stalls who polls",
			   "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	else
		doctor_add(doctor, "thp", DOCTOR_OK, "transparent hugepages are not forced", NULL);
}

/* Whether `path` lies in or under `mount`. */
static bool
is_under(const char *path, const char *mount)
{
	size_t n = strlen(mount);

	if (strcmp(mount, "/") == 0)
		return true;
	return strncmp(path, mount, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The type of the file system that holds the run directory; the last of the longest mounts. */
static bool
mount_find(const char *mounts, const char *run, char ret_type[32])
{
	char mount[256], type[32];
	size_t longest = 0;

	while (mounts != NULL && *mounts != '\0') {
		if (sscanf(mounts, "%*s %255s %31s", mount, type) == 2 && is_under(run, mount) &&
		    strlen(mount) >= longest) {
			longest = strlen(mount);
			memcpy(ret_type, type, sizeof(type));
		}
		mounts = strchr(mounts, '\n');
		mounts = mounts != NULL ? mounts + 1 : NULL;
	}
	return longest > 0;
}

static void
run_look(struct doctor *doctor)
{
	const char *swaps = doctor_file(doctor, "/proc/swaps");
	const char *first = swaps != NULL ? strchr(swaps, '\n') : NULL;
	bool has_swap = first != NULL && first[1] != '\0';
	char type[32] = "";

	if (!mount_find(doctor_file(doctor, "/proc/mounts"), doctor->run, type))
		doctor_add(
			doctor, "run", DOCTOR_WARN,
			arena_format(&doctor->arena, "what %s lies on is not known", doctor->run),
			"mount /proc here; the run directory wants a tmpfs");
	else if (strcmp(type, "tmpfs") != 0 && strcmp(type, "ramfs") != 0)
		doctor_add(doctor, "run", DOCTOR_WARN,
			   arena_format(&doctor->arena, "%s lies on %s: writing back stalls lanes",
					doctor->run, type),
			   "put it on a tmpfs, where /run is one, or: mount -t tmpfs tmpfs DIR");
	else
		doctor_add(doctor, "run", DOCTOR_OK,
			   arena_format(&doctor->arena, "%s lies on %s", doctor->run, type), NULL);
	if (has_swap)
		doctor_add(doctor, "swap", DOCTOR_WARN,
			   "there is swap, to which a tmpfs may go: reading it back stalls lanes",
			   "swapoff -a, or have much more memory than is used");
	else
		doctor_add(doctor, "swap", DOCTOR_OK, "none", NULL);
}

static void
limits_look(struct doctor *doctor)
{
	const char *limits = doctor_file(doctor, "/proc/self/limits");
	uint64_t soft = 0, files = 0;

	if (!doctor_number(limits, "Max locked memory", &soft) &&
	    doctor_has_word(limits, "Max locked memory", "unlimited"))
		doctor_add(doctor, "memlock", DOCTOR_OK, "unlimited", NULL);
	else
		doctor_add(doctor, "memlock", DOCTOR_WARN,
			   "this shell may not lock as much memory as it likes; the units may",
			   "ulimit -l unlimited, or start penstock-dataplane by its unit");
	if (doctor_has_word(limits, "Max open files", "unlimited") ||
	    (doctor_number(limits, "Max open files", &files) && files >= 1024))
		doctor_add(doctor, "nofile", DOCTOR_OK, "1024 or more", NULL);
	else
		doctor_add(doctor, "nofile", DOCTOR_WARN,
			   "fewer than 1024 open files, or not known", "ulimit -n 1024");
}

static void
users_look(struct doctor *doctor)
{
	static const char *const name[] = { "penstock-control", "penstock-dataplane" };
	const char *users = doctor_file(doctor, "/etc/passwd");
	const char *missing = "";

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		const char *line = arena_format(&doctor->arena, "\n%s:", name[i]);

		if (users == NULL || (strncmp(users, line + 1, strlen(line + 1)) != 0 &&
				      strstr(users, line) == NULL))
			missing = arena_format(&doctor->arena, "%s%s%s", missing,
					       missing[0] != '\0' ? " and " : "", name[i]);
	}
	if (missing[0] == '\0')
		doctor_add(doctor, "users", DOCTOR_OK, "those of both units exist", NULL);
	else
		doctor_add(doctor, "users", DOCTOR_WARN,
			   arena_format(&doctor->arena, "no user %s, whom the units want", missing),
			   "install drivers-conf/penstock.sysusers, then systemd-sysusers");
}

void
doctor_memory(struct doctor *doctor)
{
	hugepages_look(doctor);
	transparent_look(doctor);
	run_look(doctor);
	limits_look(doctor);
	users_look(doctor);
}
