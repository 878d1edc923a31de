/*
 * test_doctor.c - penstockctl doctor before machines that are made up: trees of files below a
 * folder of the test's own.
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

#include "abi/instance.h"
#include "abi/rundir.h"
#include "conf/conf.h"
#include "ctl/doctor.h"

static char root[64];
static struct doctor doctor;

/* A file of the machine, with its folders. */
static void
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

/* All is well on four processors. */
static int
machine_make(void **state)
{
	(void)state;
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

static int
machine_end(void **state)
{
	char command[128];

	(void)state;
	doctor_fini(&doctor);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void
look(const struct conf *conf)
{
	doctor_fini(&doctor);
	doctor = (struct doctor){ .root = root, .run = "/run/penstock", .conf = conf };
	doctor_look(&doctor);
}

/* The first finding about `what` is of this severity and has these words in text or cure. */
static void
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
		{ "/proc/sys/kernel/osrelease", "5.3.18\n", "kernel", DOCTOR_WARN, "too old" },
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
}

/* Checks a configuration with this machine section against the machine. */
static void
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

#define PORT(device) "ports: [{name: out, addresses: [10.0.0.5/24], device: " device "}]"
#define BIG_PORT     "ports: [{name: out, addresses: [10.0.0.5/24], mtu: 9000, device: xdp:eth1}]"

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
	assert_found("port out", DOCTOR_BAD, "ip link set eth1 mtu 9000");
	look_with(PORT("{virtio: /run/switch.sock}"));
	assert_found("port out", DOCTOR_BAD, "no backend");
	look_with(PORT("{memif: /run/memif.sock}"));
	assert_found("port out", DOCTOR_OK, "not there yet");
}

static void
a_tap_is_made_or_joined(void **state)
{
	(void)state;
	look_with(PORT("tap:t0"));
	assert_found("port out", DOCTOR_BAD, "no /dev/net/tun");
	put("/dev/net/tun", "");
	look_with(PORT("tap:t0"));
	assert_found("port out", DOCTOR_OK, "t0 is made when the data plane starts");
	put("/sys/class/net/t0/mtu", "1500\n");
	look_with(PORT("tap:t0"));
	assert_found("port out", DOCTOR_BAD, "is no tap");
	put("/sys/class/net/t0/tun_flags", "0x1\n");
	look_with(PORT("tap:t0"));
	assert_found("port out", DOCTOR_BAD, "is no tap");
	put("/sys/class/net/t0/tun_flags", "0x1002\n");
	look_with(PORT("tap:t0"));
	assert_found("port out", DOCTOR_OK, "t0 is a tap, MTU 1500");
	look_with(PORT("{tap: t0, queues: 2}"));
	assert_found("port out", DOCTOR_BAD, "t0 has one queue, the port wants 2");
	put("/sys/class/net/t0/tun_flags", "0x1102\n");
	look_with(PORT("{tap: t0, queues: 2}"));
	assert_found("port out", DOCTOR_OK, "t0 is a tap");
}

static void
bind_card(const char *driver)
{
	char to[256], name[512];

	put("/sys/bus/pci/devices/0000:3b:00.0/vendor", "0x8086\n");
	snprintf(to, sizeof(to), "../../drivers/%s", driver);
	snprintf(name, sizeof(name), "%s/sys/bus/pci/devices/0000:3b:00.0/driver", root);
	unlink(name);
	assert_int_equal(symlink(to, name), 0);
}

static void
a_card_is_there_and_bound(void **state)
{
	static const char port[] = PORT("\"pci:0000:3b:00.0\"");

	(void)state;
	look_with(port);
	assert_found("port out", DOCTOR_BAD, "there is no PCI device 0000:3b:00.0");
	put("/sys/bus/pci/devices/0000:3b:00.0/vendor", "0x8086\n");
	look_with(port);
	assert_found("port out", DOCTOR_BAD, "has no driver");
	bind_card("ice");
	look_with(port);
	assert_found("port out", DOCTOR_BAD, "the kernel's driver ice has 0000:3b:00.0");
	bind_card("vfio-pci");
	look_with(port);
	assert_found("port out", DOCTOR_OK, "is bound to vfio-pci");
	bind_card("mlx5_core");
	look_with(port);
	assert_found("port out", DOCTOR_OK, "is bound to mlx5_core");
}

/* One finding about what the port shares is of this severity and has these words. */
static void
assert_shared(enum doctor_severity severity, const char *words)
{
	for (uint32_t i = 0; i < doctor.n; i++) {
		const struct doctor_finding *finding = &doctor.finding[i];

		if (strcmp(finding->what, "exception out") == 0 && finding->severity == severity &&
		    (strstr(finding->text, words) != NULL ||
		     (finding->cure != NULL && strstr(finding->cure, words) != NULL)))
			return;
	}
	fail_msg("'%s' is not found", words);
}

static uint32_t
shared_n(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < doctor.n; i++)
		n += strcmp(doctor.finding[i].what, "exception out") == 0;
	return n;
}

static const char shared[] = PORT("\"pci:0000:3b:00.0\"");

static void
a_port_that_shares_with_the_kernel_can(void **state)
{
	(void)state;
	look_with(PORT("xdp:eth1"));
	assert_int_equal(shared_n(), 0);
	look_with("ports: [{name: out, addresses: [10.0.0.5/24], exception: off, "
		  "device: \"pci:0000:3b:00.0\"}]");
	assert_int_equal(shared_n(), 1);
	assert_shared(DOCTOR_OK, "is dropped, ssh too");
	look_with(shared);
	assert_shared(DOCTOR_BAD, "modprobe tun");
	put("/dev/net/tun", "");
	look_with(shared);
	assert_shared(DOCTOR_WARN, "tun is not loaded");
	put("/sys/class/misc/tun/dev", "10:200\n");
	look_with(shared);
	assert_int_equal(shared_n(), 2);
	assert_shared(DOCTOR_OK, "ps-out is made when the data plane starts");
	assert_shared(DOCTOR_WARN, "Name=ps-out");
	put("/etc/systemd/network/a.network", "[Match]\nName=ps-outer\n");
	look_with(shared);
	assert_shared(DOCTOR_WARN, "nobody reaches it by ssh");
	put("/etc/systemd/network/b.network", "[Match]\nName=ps-out\n[Network]\n");
	look_with(shared);
	assert_int_equal(shared_n(), 1);
	put("/sys/class/net/ps-out/mtu", "1500\n");
	look_with(shared);
	assert_shared(DOCTOR_BAD, "ps-out is there and is no tap");
	put("/sys/class/net/ps-out/tun_flags", "0x1002\n");
	look_with(shared);
	assert_shared(DOCTOR_BAD, "another program's tap");
	put("/sys/class/net/ps-out/tun_flags", "0x1802\n");
	look_with(shared);
	assert_shared(DOCTOR_OK, "a tap that stays");
	assert_shared(DOCTOR_WARN, "ps-out has no address");
}

/* A data plane that runs, below the root. */
static int
run_dataplane(const char *interface, struct rundir_map *ret_map)
{
	struct instance_facts facts = {
		.pid = (uint32_t)getpid(),
		.port_n = 1,
		.port = { { .name = "out", .mac = { 2, 0, 0, 0, 0, 0x1f }, .mtu = 9000 } }
	};
	char run[128];
	int dir, lock;

	snprintf(run, sizeof(run), "%s/run", root);
	mkdir(run, 0700);
	snprintf(run, sizeof(run), "%s/run/penstock", root);
	mkdir(run, 0700);
	snprintf(facts.except[0].interface, sizeof(facts.except[0].interface), "%s", interface);
	dir = rundir_make(run, RUNDIR_DATAPLANE, getuid(), getgid());
	assert_true(dir >= 0);
	lock = rundir_lock(dir);
	assert_true(lock >= 0);
	assert_int_equal(rundir_map_make(dir, RUNDIR_INSTANCE, sizeof(struct instance), ret_map),
			 0);
	instance_init(ret_map->p);
	instance_put(ret_map->p, &facts);
	assert_int_equal(rundir_map_publish(dir, RUNDIR_INSTANCE), 0);
	close(dir);
	return lock;
}

static void
what_somebody_has_changed_at_a_shared_port_is_found(void **state)
{
	struct rundir_map map;
	int lock = run_dataplane("ps-out", &map);

	(void)state;
	put("/dev/net/tun", "");
	put("/sys/class/misc/tun/dev", "10:200\n");
	look_with(shared);
	assert_shared(DOCTOR_BAD, "another network namespace");
	put("/sys/class/net/ps-out/tun_flags", "0x1002\n");
	put("/sys/class/net/ps-out/mtu", "1500\n");
	put("/sys/class/net/ps-out/flags", "0x1002\n");
	put("/sys/class/net/ps-out/address", "02:00:00:00:00:1e\n");
	look_with(shared);
	assert_shared(DOCTOR_BAD, "ip link set ps-out address 02:00:00:00:00:1f");
	assert_shared(DOCTOR_BAD, "ip link set ps-out mtu 9000");
	assert_shared(DOCTOR_BAD, "ip link set ps-out up");
	assert_shared(DOCTOR_WARN, "ps-out has no address");
	put("/sys/class/net/ps-out/mtu", "9000\n");
	put("/sys/class/net/ps-out/flags", "0x1003\n");
	put("/sys/class/net/ps-out/address", "02:00:00:00:00:1f\n");
	put("/proc/net/if_inet6", "fe800000000000000123456789abcdef 05 40 20 80   ps-out\n"
				  "fd010000000000000000000000000077 06 40 00 80  ps-outer\n");
	look_with(shared);
	assert_shared(DOCTOR_OK, "with the port's MAC and MTU");
	assert_shared(DOCTOR_WARN, "ps-out has no address");
	put("/proc/net/route", "Iface\tDestination\tGateway\nps-out\t0000000A\t00000000\n");
	look_with(shared);
	assert_int_equal(shared_n(), 1);
	put("/proc/net/route", "");
	put("/proc/net/if_inet6", "fd010000000000000000000000000077 05 40 00 80   ps-out\n");
	look_with(shared);
	assert_int_equal(shared_n(), 1);
	rundir_map_close(&map);
	close(lock);
}

static void
an_address_that_the_kernel_has_too_is_found(void **state)
{
	static const char both[] = "ports: [{name: out, addresses: [10.0.0.5/24, \"fd01::5/64\"], "
				   "exception: ps-out, device: {vhost: /run/a.sock}}]";

	(void)state;
	put("/dev/net/tun", "");
	put("/sys/class/misc/tun/dev", "10:200\n");
	put("/etc/network/interfaces", "iface ps-out inet static\n");
	put("/proc/net/fib_trie", "Main:\n  +-- 10.0.0.0/24 2 0 2\n     |-- 10.0.0.5\n"
				  "        /24 link UNICAST\n     |-- 10.0.0.50\n"
				  "        /32 host LOCAL\n");
	put("/proc/net/if_inet6", "fd010000000000000000000000000050 05 40 00 80   eth0\n");
	look_with(both);
	assert_int_equal(shared_n(), 1);
	put("/proc/net/fib_trie", "Local:\n     |-- 10.0.0.5\n        /32 host LOCAL\n");
	look_with(both);
	assert_shared(DOCTOR_BAD, "ip -o address show to 10.0.0.5 tells");
	put("/proc/net/if_inet6", "fd010000000000000000000000000050 05 40 00 80   eth0\n"
				  "fd010000000000000000000000000005 05 40 00 80   eth0\n");
	look_with(both);
	assert_shared(DOCTOR_BAD, "fd01::5 is the port's, and the kernel has it too");
	assert_int_equal(shared_n(), 3);
}

static void
an_interface_that_is_down_or_has_a_peer_is_told(void **state)
{
	(void)state;
	put("/sys/class/net/eth1/flags", "0x1002\n");
	look_with(PORT("xdp:eth1"));
	assert_found("port out", DOCTOR_WARN, "ip link set eth1 up");
	put("/sys/class/net/veth0/mtu", "1500\n");
	put("/sys/class/net/veth0/flags", "0x1003\n");
	put("/sys/class/net/veth0/ifindex", "5\n");
	put("/sys/class/net/veth0/iflink", "6\n");
	look_with(PORT("xdp:veth0"));
	assert_found("port out", DOCTOR_OK, "veth0 is up");
	assert_int_equal(doctor.finding[doctor.n - 1].severity, DOCTOR_WARN);
	assert_non_null(strstr(doctor.finding[doctor.n - 1].cure, "tx off"));
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
		TEST(a_tap_is_made_or_joined),
		TEST(a_port_that_shares_with_the_kernel_can),
		TEST(what_somebody_has_changed_at_a_shared_port_is_found),
		TEST(an_address_that_the_kernel_has_too_is_found),
		TEST(a_card_is_there_and_bound),
		TEST(an_interface_that_is_down_or_has_a_peer_is_told),
		TEST(hugepages_are_missed_only_when_wanted),
		TEST(lists_of_processors_are_read_whatever_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
