/*
 * doctor_ports.c - the doctor looks at the kernel and at the ports of the configuration: that
 * their interfaces exist, are up, and carry what the port wants to send. See doctor.h.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/doctor.h"

enum {
	IS_UP = 1,		 /* IFF_UP */
	IS_TAP = 2,		 /* IFF_TAP */
	IS_MULTI_QUEUE = 0x0100, /* IFF_MULTI_QUEUE */
};

/* need_wakeup, without which an AF_XDP queue costs a processor of its own, came with 5.4. */
static void
kernel_look(struct doctor *doctor)
{
	const char *text = doctor_line(doctor, "/proc/sys/kernel/osrelease");
	unsigned major = 0, minor = 0;

	if (text == NULL || sscanf(text, "%u.%u", &major, &minor) != 2)
		doctor_add(doctor, "kernel", DOCTOR_WARN, "its version is not known", NULL);
	else if (major < 5 || (major == 5 && minor < 4))
		doctor_add(doctor, "kernel", DOCTOR_WARN,
			   arena_format(&doctor->arena, "Linux %s: too old for xdp ports", text),
			   "Linux 5.4 or newer, or packet ports");
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
	doctor_add(doctor, "iommu", DOCTOR_OK,
		   n > 0 ? arena_format(&doctor->arena, "%u groups", n)
			 : "none; only pci ports want one",
		   NULL);
}

/* The last part of a link in a folder of /sys; NULL: no link. */
static const char *
link_find(struct doctor *doctor, const char *folder, const char *link)
{
	char to[PATH_MAX];
	ssize_t n =
		readlink(arena_format(&doctor->arena, "%s/sys/%s/%s", doctor->root, folder, link),
			 to, sizeof(to));
	const char *text, *slash;

	if (n < 0)
		return NULL;
	text = arena_text(&doctor->arena, to, (size_t)n);
	slash = strrchr(text, '/');
	return slash != NULL ? slash + 1 : text;
}

static bool
iface_number(struct doctor *doctor, const char *iface, const char *file, int base,
	     unsigned long *ret_v)
{
	const char *text = doctor_line(
		doctor, arena_format(&doctor->arena, "/sys/class/net/%s/%s", iface, file));
	char *end = NULL;
	unsigned long v = text != NULL ? strtoul(text, &end, base) : 0;

	if (text == NULL || end == text || *end != '\0')
		return false;
	*ret_v = v;
	return true;
}

/* A veth hands frames over with checksums still to be made; only its peer can leave that off. */
static void
veth_look(struct doctor *doctor, const char *what, const char *iface)
{
	unsigned long index = 0, peer = 0;

	if (link_find(doctor, arena_format(&doctor->arena, "class/net/%s", iface), "device") ==
		    NULL &&
	    iface_number(doctor, iface, "ifindex", 10, &index) &&
	    iface_number(doctor, iface, "iflink", 10, &peer) && index != peer)
		doctor_add(doctor, what, DOCTOR_WARN,
			   arena_format(&doctor->arena,
					"%s has a peer (interface %lu there), whose offloads "
					"cannot be seen from here",
					iface, peer),
			   "there: ethtool -K PEER tx off tso off gso off, or its packets are "
			   "dropped for their checksums");
}

static void
iface_look(struct doctor *doctor, const char *what, const char *iface, uint64_t wants_mtu)
{
	const char *driver = link_find(doctor, arena_format(&doctor->arena, "class/net/%s", iface),
				       "device/driver");
	unsigned long mtu = 0, flags = 0;

	if (!iface_number(doctor, iface, "mtu", 10, &mtu)) {
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "there is no interface %s here", iface),
			   "ip link shows those that are; one bound to vfio-pci is not the "
			   "kernel's");
		return;
	}
	if (mtu < wants_mtu)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has MTU %lu, the port wants %llu",
					iface, mtu, (unsigned long long)wants_mtu),
			   arena_format(&doctor->arena, "ip link set %s mtu %llu", iface,
					(unsigned long long)wants_mtu));
	else if (!iface_number(doctor, iface, "flags", 16, &flags) || (flags & IS_UP) == 0)
		doctor_add(doctor, what, DOCTOR_WARN,
			   arena_format(&doctor->arena, "%s is down", iface),
			   arena_format(&doctor->arena, "ip link set %s up", iface));
	else
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s is up, MTU %lu, driver %s", iface, mtu,
					driver != NULL ? driver : "of the kernel alone"),
			   NULL);
	veth_look(doctor, what, iface);
}

/* DPDK reaches a card by vfio-pci, or beside a driver of the kernel's that shares it. */
static void
card_look(struct doctor *doctor, const char *what, const char *address)
{
	const char *folder = arena_format(&doctor->arena, "bus/pci/devices/%s", address);
	const char *path = arena_format(&doctor->arena, "%s/sys/%s", doctor->root, folder);
	const char *driver = link_find(doctor, folder, "driver");
	const char *cure =
		arena_format(&doctor->arena, "driverctl set-override %s vfio-pci", address);

	if (access(path, F_OK) != 0)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "there is no PCI device %s", address),
			   "lspci -D lists those that are");
	else if (driver == NULL)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has no driver", address), cure);
	else if (strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "mlx5_core") == 0 ||
		 strcmp(driver, "mlx4_core") == 0)
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s is bound to %s", address, driver),
			   NULL);
	else
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "the kernel's driver %s has %s", driver,
					address),
			   cure);
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
	else if (!iface_number(doctor, name, "mtu", 10, &mtu))
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena,
					"%s is made when the data plane starts, and goes with it",
					name),
			   NULL);
	else if (!iface_number(doctor, name, "tun_flags", 16, &flags) || (flags & IS_TAP) == 0)
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
		iface_look(doctor, what, device->xdp.s != NULL ? device->xdp.s : device->packet.s,
			   port->mtu.v);
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
