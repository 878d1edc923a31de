/*
 * test_doctor_ports.c - penstockctl doctor before machines that are made up: what ports want of
 * them, and what ports share with the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/instance.h"
#include "abi/rundir.h"
#include "doctor_machine.h"

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

static void
assert_shared(enum doctor_severity severity, const char *words)
{
	assert_among("exception out", severity, words);
}

static uint32_t
shared_n(void)
{
	return found_n("exception out");
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
an_interface_that_is_down_is_told(void **state)
{
	(void)state;
	put("/sys/class/net/eth1/flags", "0x1002\n");
	look_with(PORT("xdp:eth1"));
	assert_found("port out", DOCTOR_WARN, "ip link set eth1 up");
}

static void
put_veth(const char *name, const char *index, const char *link)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", name);
	put(path, "1500\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	put(path, "0x1003\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", name);
	put(path, index);
	snprintf(path, sizeof(path), "/sys/class/net/%s/iflink", name);
	put(path, link);
}

static void
the_peer_of_a_veth_is_asked_where_it_can_be(void **state)
{
	(void)state;
	put_veth("veth0", "5\n", "6\n");
	told[0].name = "veth0";
	told[0].nic = (struct doctor_nic){ .driver = "vlan", .queues = 1 };
	look_with(PORT("xdp:veth0"));
	assert_int_equal(found_n("port out"), 1); /* a VLAN's other end is no peer */
	strcpy(told[0].nic.driver, "veth");
	look_with(PORT("xdp:veth0"));
	assert_among("port out", DOCTOR_WARN, "in another namespace");
	put_veth("veth1", "6\n", "5\n");
	told[1].name = "veth1";
	told[1].nic = (struct doctor_nic){ .driver = "veth", .tso = true };
	look_with(PORT("packet:veth0"));
	assert_among("port out", DOCTOR_BAD, "ethtool -K veth1 tx off");
	told[1].nic.tso = false;
	look_with(PORT("packet:veth0"));
	assert_int_equal(found_n("port out"), 1);
}

static void
what_the_kernel_does_to_an_interface_of_ours_is_told(void **state)
{
	(void)state;
	told[0].name = "eth1";
	told[0].nic = (struct doctor_nic){ .driver = "ice", .queues = 3, .gro = true };
	look_with(PORT("xdp:eth1")); /* three cores poll */
	assert_int_equal(found_n("port out"), 1);
	look_with(PORT("packet:eth1"));
	assert_among("port out", DOCTOR_BAD, "ethtool -K eth1 gro off");
	told[0].nic = (struct doctor_nic){ .queues = 3, .lro = true, .rxvlan = true };
	look_with(PORT("xdp:eth1"));
	assert_among("port out", DOCTOR_BAD, "ethtool -K eth1 lro off rxvlan off");
	told[0].nic = (struct doctor_nic){ .queues = 4 };
	look_with(PORT("xdp:eth1"));
	assert_among("port out", DOCTOR_BAD, "ethtool -L eth1 combined 3");
	look_with("lanes: 4, " PORT("xdp:eth1"));
	assert_int_equal(found_n("port out"), 1);
	told[0].nic = (struct doctor_nic){ .queues = 1, .xdp_id = 7, .xdp_name = "xdp_pass" };
	look_with(PORT("xdp:eth1"));
	assert_among("port out", DOCTOR_BAD, "xdp_pass (id 7)");
	strcpy(told[0].nic.xdp_name, "penstock_steer");
	look_with(PORT("xdp:eth1"));
	assert_int_equal(found_n("port out"), 1);
	put("/proc/net/fib_trie", "Local:\n     |-- 10.0.0.5\n        /32 host LOCAL\n");
	look_with(PORT("xdp:eth1"));
	assert_among("port out", DOCTOR_BAD, "ip address delete 10.0.0.5");
}

static void
what_a_port_wants_of_the_machine_is_bad_where_it_lacks(void **state)
{
	static const char card[] = PORT("\"pci:0000:3b:00.0\"");

	(void)state;
	put("/proc/sys/kernel/osrelease", "5.10.0\n");
	look_with(PORT("packet:eth1"));
	assert_found("kernel", DOCTOR_WARN, "5.11");
	look_with(PORT("xdp:eth1"));
	assert_found("kernel", DOCTOR_BAD, "5.11");
	bind_card("vfio-pci");
	look_with(card);
	assert_found("iommu", DOCTOR_BAD, "intel_iommu=on");
	bind_card("mlx5_core");
	look_with(card);
	assert_found("iommu", DOCTOR_OK, "none");
	put("/sys/kernel/iommu_groups/1/type", "DMA\n");
	bind_card("vfio-pci");
	look_with(card);
	assert_found("iommu", DOCTOR_OK, "1 groups");
}

static void
a_card_wants_its_driver_of_dpdk_and_cores_near_it(void **state)
{
	static const char card[] = "cores: [2, 3], " PORT("\"pci:0000:3b:00.0\"");

	(void)state;
	bind_card("vfio-pci");
	put("/usr/lib/x/dpdk/pmds-23.0/librte_net_ena.so.23", "");
	look_with(card);
	assert_among("port out", DOCTOR_BAD, "librte-net-ixgbe");
	put("/usr/lib/x/dpdk/pmds-23.0/librte_net_ice.so.23", "");
	look_with(card);
	assert_int_equal(found_n("port out"), 1);
	put("/sys/devices/system/node/node0/cpulist", "0-1\n");
	put("/sys/devices/system/node/node1/cpulist", "2-3\n");
	put("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "0\n");
	look_with(card);
	assert_among("port out", DOCTOR_WARN, "choose machine.cores from 0-1");
	put("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
	look_with(card);
	assert_int_equal(found_n("port out"), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_make, machine_end)
	const struct CMUnitTest tests[] = {
		TEST(a_tap_is_made_or_joined),
		TEST(a_port_that_shares_with_the_kernel_can),
		TEST(what_somebody_has_changed_at_a_shared_port_is_found),
		TEST(an_address_that_the_kernel_has_too_is_found),
		TEST(a_card_is_there_and_bound),
		TEST(an_interface_that_is_down_is_told),
		TEST(the_peer_of_a_veth_is_asked_where_it_can_be),
		TEST(what_the_kernel_does_to_an_interface_of_ours_is_told),
		TEST(what_a_port_wants_of_the_machine_is_bad_where_it_lacks),
		TEST(a_card_wants_its_driver_of_dpdk_and_cores_near_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
