/*
 * doctor_ports.c - the doctor looks at the kernel and at the ports of the configuration: that
 * cards, taps and sockets are there and as DPDK wants them. See doctor.h; doctor_iface.c looks at
 * interfaces of the kernel's.
 */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/doctor.h"

enum {
	IS_TAP = 2,		 /* IFF_TAP */
	IS_MULTI_QUEUE = 0x0100, /* IFF_MULTI_QUEUE */
};

static bool
is_xdp(struct doctor *doctor, const struct conf_device *device)
{
	(void)doctor;
	return device->xdp.s != NULL;
}

static const char *
card_folder(struct doctor *doctor, const char *address)
{
	return arena_format(&doctor->arena, "bus/pci/devices/%s", address);
}

/* Whether DPDK uses a card beside this driver of the kernel's. */
static bool
is_shared(const char *driver)
{
	return driver != NULL &&
	       (strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0);
}

/* A card that is DPDK's alone, through vfio. */
static bool
is_vfio(struct doctor *doctor, const struct conf_device *device)
{
	return device->pci.s != NULL &&
	       !is_shared(doctor_link(doctor, card_folder(doctor, device->pci.s), "driver"));
}

static bool
has_kind(struct doctor *doctor,
	 bool (*is_kind)(struct doctor *doctor, const struct conf_device *device))
{
	if (doctor->conf == NULL)
		return false;
	for (CONF_EACH(struct conf_port, port, &doctor->conf->machine.ports))
		if (is_kind(doctor, &port->device))
			return true;
	return false;
}

/* What the data plane holds its steering program by came to AF_XDP's drivers with 5.11. */
static void
kernel_look(struct doctor *doctor)
{
	const char *text = doctor_line(doctor, "/proc/sys/kernel/osrelease");
	unsigned major = 0, minor = 0;

	if (text == NULL || sscanf(text, "%u.%u", &major, &minor) != 2)
		doctor_add(doctor, "kernel", DOCTOR_WARN, "its version is not known",
			   "mount /proc here; xdp ports want Linux 5.11 or newer");
	else if (major < 5 || (major == 5 && minor < 11))
		doctor_add(doctor, "kernel", has_kind(doctor, is_xdp) ? DOCTOR_BAD : DOCTOR_WARN,
			   arena_format(&doctor->arena, "Linux %s: too old for xdp ports", text),
			   "Linux 5.11 or newer, or packet ports");
	else
		doctor_add(doctor, "kernel", DOCTOR_OK,
			   arena_format(&doctor->arena, "Linux %s, has AF_XDP", text), NULL);
}

static void
iommu_look(struct doctor *doctor)
{
	DIR *dir =
		opendir(arena_format(&doctor->arena, "%s/sys/kernel/iommu_groups", doctor->root));
	const struct dirent *entry;
	uint32_t n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	if (n == 0 && has_kind(doctor, is_vfio))
		doctor_add(doctor, "iommu", DOCTOR_BAD,
			   "none: a card bound to vfio-pci cannot reach the packet buffers",
			   "turn it on in the firmware, and boot the kernel with intel_iommu=on "
			   "(AMD: it is on by itself); a virtual machine: give it a vIOMMU");
	else
		doctor_add(doctor, "iommu", DOCTOR_OK,
			   n > 0 ? arena_format(&doctor->arena, "%u groups", n)
				 : "none; only pci ports want one",
			   NULL);
}

/* Whether a file is there of whose name parts may be left open. */
static bool
is_there(struct doctor *doctor, const char *pattern)
{
	glob_t found = { 0 };
	bool is = glob(arena_format(&doctor->arena, "%s%s", doctor->root, pattern), GLOB_NOSORT,
		       NULL, &found) == 0;

	globfree(&found);
	return is;
}

/*
 * Whether DPDK's driver for the card is installed, as far as its vendor tells which one that is;
 * where no folder of drivers is, DPDK has them inside.
 */
static void
pmd_look(struct doctor *doctor, const char *what, const char *folder)
{
	static const struct {
		const char *vendor, *name, *package;
	} pmd[] = {
		{ "0x15b3", "mlx[45]", "librte-net-mlx5" },
		{ "0x1af4", "virtio", "librte-net-virtio" },
		{ "0x1d0f", "ena", "librte-net-ena" },
		{ "0x1ae0", "gve", "librte-net-gve" },
		{ "0x15ad", "vmxnet3", "librte-net-vmxnet3" },
		{ "0x8086", "i[4xac]*", "librte-net-ixgbe, -i40e, -ice or -iavf" },
	};
	static const char pmds[] = "/usr/lib/*/dpdk/pmds-*";
	const char *vendor =
		doctor_line(doctor, arena_format(&doctor->arena, "/sys/%s/vendor", folder));

	for (size_t i = 0; vendor != NULL && i < sizeof(pmd) / sizeof(pmd[0]); i++) {
		if (strcmp(vendor, pmd[i].vendor) != 0 || !is_there(doctor, pmds) ||
		    is_there(doctor, arena_format(&doctor->arena, "%s/librte_net_%s.so*", pmds,
						  pmd[i].name)))
			continue;
		doctor_add(doctor, what, DOCTOR_BAD, "DPDK's driver for the card is not installed",
			   arena_format(&doctor->arena,
					"apt-get install the newest %s, or libdpdk-dev, which "
					"brings all",
					pmd[i].package));
	}
}

static const char *
nodes_of(struct doctor *doctor, const struct doctor_cpus *polling, long node)
{
	const char *list =
		doctor_line(doctor, arena_format(&doctor->arena,
						 "/sys/devices/system/node/node%ld/cpulist", node));
	struct doctor_cpus near;

	doctor_cpus_parse(list, &near);
	if (list == NULL || doctor_cpus_n(&near) == 0)
		return NULL;
	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX; i++)
		if (doctor_cpus_has(polling, i) && !doctor_cpus_has(&near, i))
			return list;
	return NULL;
}

/* Cores of another node reach the card's memory by the link between the nodes. */
static void
node_look(struct doctor *doctor, const char *what, const char *folder)
{
	const char *text =
		doctor_line(doctor, arena_format(&doctor->arena, "/sys/%s/numa_node", folder));
	long node = text != NULL ? strtol(text, NULL, 10) : -1;
	struct doctor_cpus polling;
	const char *near;

	doctor_polling(doctor, &polling);
	near = node >= 0 ? nodes_of(doctor, &polling, node) : NULL;
	if (near != NULL)
		doctor_add(doctor, what, DOCTOR_WARN,
			   arena_format(&doctor->arena,
					"the card is on node %ld, not all cores that poll are",
					node),
			   arena_format(&doctor->arena, "choose machine.cores from %s", near));
}

/* DPDK reaches a card by vfio-pci, or beside a driver of the kernel's that shares it. */
static void
card_look(struct doctor *doctor, const char *what, const char *address)
{
	const char *folder = card_folder(doctor, address);
	const char *driver = doctor_link(doctor, folder, "driver");
	const char *cure =
		arena_format(&doctor->arena, "driverctl set-override %s vfio-pci", address);

	if (!is_there(doctor, arena_format(&doctor->arena, "/sys/%s", folder))) {
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "there is no PCI device %s", address),
			   "lspci -D lists those that are");
		return;
	}
	if (driver == NULL)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has no driver", address), cure);
	else if (strcmp(driver, "vfio-pci") == 0 || is_shared(driver))
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s is bound to %s", address, driver),
			   NULL);
	else
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "the kernel's driver %s has %s", driver,
					address),
			   cure);
	pmd_look(doctor, what, folder);
	node_look(doctor, what, folder);
}

/* A tap that is not there is made by the data plane; another's interface cannot be joined. */
static void
tap_look(struct doctor *doctor, const char *what, const struct conf_device *device)
{
	const char *name = device->tap.s, *path;
	unsigned long mtu = 0, flags = 0;

	path = arena_format(&doctor->arena, "%s/dev/net/tun", doctor->root);
	if (access(path, F_OK) != 0)
		doctor_add(doctor, what, DOCTOR_BAD, "no /dev/net/tun: the kernel makes no taps",
			   "modprobe tun");
	else if (!doctor_iface_number(doctor, name, "mtu", 10, &mtu))
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena,
					"%s is made when the data plane starts, and goes with it",
					name),
			   NULL);
	else if (!doctor_iface_number(doctor, name, "tun_flags", 16, &flags) ||
		 (flags & IS_TAP) == 0)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s is there and is no tap", name),
			   "another name in device: tap:NAME");
	else if (device->queues.v > 1 && (flags & IS_MULTI_QUEUE) == 0)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has one queue, the port wants %llu",
					name, (unsigned long long)device->queues.v),
			   arena_format(&doctor->arena,
					"ip tuntap delete %s mode tap, then ip tuntap add %s mode "
					"tap multi_queue",
					name, name));
	else
		doctor_add(
			doctor, what, DOCTOR_OK,
			arena_format(&doctor->arena, "%s is a tap, MTU %lu, and stays", name, mtu),
			NULL);
}

/* The backend of a virtio port must be there first; memif and vhost wait for their peers. */
static void
socket_look(struct doctor *doctor, const char *what, const char *path, bool must_be)
{
	bool is_there = access(arena_format(&doctor->arena, "%s%s", doctor->root, path), F_OK) == 0;

	if (must_be && !is_there)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "no backend listens at %s", path),
			   "start the switch or the machine that makes it first");
	else
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s%s", path,
					is_there ? "" : ", not there yet"),
			   NULL);
}

static void
port_look(struct doctor *doctor, const struct conf_port *port)
{
	const char *what = arena_format(&doctor->arena, "port %s", port->name.s);
	const struct conf_device *device = &port->device;

	if (device->xdp.s != NULL || device->packet.s != NULL)
		doctor_iface(doctor, what, port);
	else if (device->pci.s != NULL)
		card_look(doctor, what, device->pci.s);
	else if (device->tap.s != NULL)
		tap_look(doctor, what, device);
	else if (device->virtio.s != NULL)
		socket_look(doctor, what, device->virtio.s, true);
	else if (device->vhost.s != NULL)
		socket_look(doctor, what, device->vhost.s, false);
	else if (device->memif.s != NULL)
		socket_look(doctor, what, device->memif.s, false);
}

void
doctor_ports(struct doctor *doctor)
{
	kernel_look(doctor);
	iommu_look(doctor);
	if (doctor->conf == NULL)
		return;
	for (CONF_EACH(struct conf_port, port, &doctor->conf->machine.ports))
		port_look(doctor, port);
}
