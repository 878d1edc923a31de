/*
 * test_doctor.c - penstockctl doctor before machines that are made up: processors, memory, users.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doctor_machine.h"

static void
a_good_machine_has_nothing_to_cure(void **state)
{
	(void)state;
	look(NULL);
	for (uint32_t i = 0; i < doctor.n; i++) {
		if (doctor.finding[i].severity != DOCTOR_OK)
			fail_msg("%s: %s", doctor.finding[i].what, doctor.finding[i].text);
		assert_null(doctor.finding[i].cure);
	}
	assert_true(doctor.n >= 15);
	assert_int_equal(doctor_worst(&doctor), DOCTOR_OK);
	assert_found("cores", DOCTOR_OK, "lanes poll on cores 1-3; the machine has 0-3");
}

/* One file other than on the good machine, and what it leads to. */
static void
each_fault_is_found_and_named(void **state)
{
	static const struct {
		const char *path, *text, *what;
		enum doctor_severity severity;
		const char *words;
	} fault[] = {
		{ "/proc/cpuinfo", "flags\t: fpu ssse3 sse4_1 avx2\n", "cpu", DOCTOR_BAD,
		  "SSE4.2" },
		{ "/proc/cpuinfo", "flags\t: fpu ssse3 sse4_2\n", "cpu", DOCTOR_WARN, "no AVX2" },
		{ "/proc/cpuinfo", "Features\t: fp asimd\n", "cpu", DOCTOR_BAD, "x86-64" },
		{ "/proc/cpuinfo", "flags\t: fpu ssse3 sse4_2 avx2 constant_tsc\n", "tsc",
		  DOCTOR_WARN, "invtsc" },
		{ "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n",
		  "clock", DOCTOR_WARN, "hpet" },
		{ "/sys/devices/system/cpu/isolated", "\n", "isolcpus", DOCTOR_WARN,
		  "isolcpus=1-3" },
		{ "/sys/devices/system/cpu/nohz_full", "1,2\n", "nohz_full", DOCTOR_WARN,
		  "not for core 3:" },
		{ "/sys/devices/system/cpu/online", "0\n", "cores", DOCTOR_WARN, "one processor" },
		{ "/sys/devices/system/cpu/online", "x\n", "cores", DOCTOR_WARN, "not known" },
		{ "/proc/irq/25/effective_affinity_list", "2\n", "interrupts", DOCTOR_WARN,
		  "1 of 2" },
		{ "/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n", "thp",
		  DOCTOR_WARN, "madvise" },
		{ "/proc/mounts", "/dev/vda / ext4 rw 0 0\ntmpfs /runner tmpfs rw 0 0\n", "run",
		  DOCTOR_WARN, "ext4" },
		{ "/proc/mounts", "", "run", DOCTOR_WARN, "not known" },
		{ "/proc/swaps", "Filename\n/dev/vdb partition 100\n", "swap", DOCTOR_WARN,
		  "swapoff" },
		{ "/proc/self/limits", "Max locked memory  65536  unlimited  bytes\n", "memlock",
		  DOCTOR_WARN, "ulimit -l" },
		{ "/proc/self/limits", "Max open files  256  4096  files\n", "nofile", DOCTOR_WARN,
		  "ulimit -n" },
		{ "/etc/passwd", "penstock-control:x:9:9::/:/bin/sh\n", "users", DOCTOR_WARN,
		  "penstock-dataplane" },
		{ "/proc/sys/kernel/osrelease", "5.10.0\n", "kernel", DOCTOR_WARN, "too old" },
		{ "/proc/sys/kernel/osrelease", "6\n", "kernel", DOCTOR_WARN, "not known" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fault) / sizeof(fault[0]); i++) {
		machine_end(state);
		machine_make(state);
		put(fault[i].path, fault[i].text);
		look(NULL);
		assert_found(fault[i].what, fault[i].severity, fault[i].words);
		assert_true(doctor_worst(&doctor) >= fault[i].severity);
	}
}

static void
cores_on_two_nodes_are_found(void **state)
{
	(void)state;
	put("/sys/devices/system/node/online", "0-1\n");
	put("/sys/devices/system/node/node0/cpulist", "0-1\n");
	put("/sys/devices/system/node/node1/cpulist", "2-3\n");
	look(NULL);
	assert_found("numa", DOCTOR_WARN, "2 nodes");
}

static void
a_machine_without_files_is_told_to_be_unknown(void **state)
{
	(void)state;
	doctor_fini(&doctor);
	doctor = (struct doctor){ .root = "/nowhere", .run = "/run/penstock" };
	doctor_look(&doctor);
	assert_found("cpu", DOCTOR_BAD, "no flags");
	assert_found("clock", DOCTOR_WARN, "not known");
	assert_found("interrupts", DOCTOR_WARN, "cannot be read");
	assert_found("users", DOCTOR_WARN, "penstock-control and penstock-dataplane");
	assert_each_has_a_cure();
}

#define BIG_PORT "ports: [{name: out, addresses: [10.0.0.5/24], mtu: 1700, device: xdp:eth1}]"

static void
a_configuration_is_held_against_the_machine(void **state)
{
	(void)state;
	look_with("cores: [1, 2], " PORT("xdp:eth1"));
	assert_found("cores", DOCTOR_OK, "lanes poll on cores 1-2");
	assert_found("port out", DOCTOR_OK, "MTU 1500");
	assert_int_equal(doctor_worst(&doctor), DOCTOR_OK);
	look_with("cores: [1, 9], " PORT("xdp:eth1"));
	assert_found("cores", DOCTOR_BAD, "not here: core 9 of machine.cores");
	look_with(PORT("packet:eth7"));
	assert_found("port out", DOCTOR_BAD, "no interface eth7");
	look_with(BIG_PORT);
	assert_found("port out", DOCTOR_BAD, "ip link set eth1 mtu 1700");
	look_with(PORT("{virtio: /run/switch.sock}"));
	assert_found("port out", DOCTOR_BAD, "no backend");
	look_with(PORT("{memif: /run/memif.sock}"));
	assert_found("port out", DOCTOR_OK, "not there yet");
}

static void
hugepages_are_missed_only_when_wanted(void **state)
{
	(void)state;
	look_with("hugepages: true, memory: 16MiB, " PORT("xdp:eth1"));
	assert_found("hugepages", DOCTOR_BAD, "less than machine.memory");
	put("/proc/meminfo", "HugePages_Free: 9\nHugepagesize: 2048 kB\n");
	look_with("hugepages: true, memory: 16MiB, " PORT("xdp:eth1"));
	assert_found("hugepages", DOCTOR_OK, "9 of 2048 KiB");
	put("/proc/meminfo", "HugePages_Free: 9\nHugepagesize: 0 kB\n");
	look_with("hugepages: true, memory: 16MiB, " PORT("xdp:eth1"));
	assert_found("hugepages", DOCTOR_BAD, "none is free");
	look_with(PORT("xdp:eth1"));
	assert_found("hugepages", DOCTOR_OK, "none is asked for");
}

static void
lists_of_processors_are_read_whatever_they_are(void **state)
{
	static const struct {
		const char *list, *text;
	} lists[] = {
		{ "", "" },
		{ "0", "0" },
		{ "0-3,8", "0-3,8" },
		{ "3-1", "" },
		{ "1,,2", "1" },
		{ "-1", "" },
		{ "1020-9999999", "1020-1023" },
		{ "99999999999999999999", "" },
		{ "2-", "2" },
	};

	(void)state;
	look(NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct doctor_cpus cpus;

		doctor_cpus_parse(lists[i].list, &cpus);
		assert_string_equal(doctor_cpus_text(&doctor, &cpus), lists[i].text);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_make, machine_end)
	const struct CMUnitTest tests[] = {
		TEST(a_good_machine_has_nothing_to_cure),
		TEST(each_fault_is_found_and_named),
		TEST(cores_on_two_nodes_are_found),
		TEST(a_machine_without_files_is_told_to_be_unknown),
		TEST(a_configuration_is_held_against_the_machine),
		TEST(hugepages_are_missed_only_when_wanted),
		TEST(lists_of_processors_are_read_whatever_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
