/*
 * doctor_iface.c - the doctor looks at an interface of the kernel's that a port takes: that it is
 * there, up, carries what the port wants to send, and hands frames over as they came. See doctor.h.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/doctor.h"

enum {
	IS_UP = 1 /* IFF_UP */
};

const char *
doctor_link(struct doctor *doctor, const char *folder, const char *link)
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

bool
doctor_iface_number(struct doctor *doctor, const char *iface, const char *file, int base,
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

static const char *
name_of(const struct conf_port *port)
{
	return port->device.xdp.s != NULL ? port->device.xdp.s : port->device.packet.s;
}

/* A veth's other end when it is in this namespace: each is the other's iflink. NULL: it is not. */
static const char *
peer_find(struct doctor *doctor, unsigned long index, unsigned long peer)
{
	DIR *dir = opendir(arena_format(&doctor->arena, "%s/sys/class/net", doctor->root));
	const struct dirent *entry;
	const char *name = NULL;
	unsigned long own = 0, link = 0;

	while (dir != NULL && name == NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' &&
		    doctor_iface_number(doctor, entry->d_name, "ifindex", 10, &own) &&
		    doctor_iface_number(doctor, entry->d_name, "iflink", 10, &link) &&
		    own == peer && link == index)
			name = arena_format(&doctor->arena, "%s", entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	return name;
}

/* A veth hands frames over with checksums still to be made; only its peer can leave that off. */
static void
veth_look(struct doctor *doctor, const char *what, const char *iface)
{
	unsigned long index = 0, other = 0;
	struct doctor_nic peer = { 0 };
	const char *name;

	if (!doctor_iface_number(doctor, iface, "ifindex", 10, &index) ||
	    !doctor_iface_number(doctor, iface, "iflink", 10, &other))
		return;
	name = peer_find(doctor, index, other);
	if (name != NULL && doctor->ask_nic != NULL && doctor->ask_nic(name, &peer)) {
		if (peer.tx_checksum || peer.tso || peer.gso)
			doctor_add(doctor, what, DOCTOR_BAD,
				   arena_format(&doctor->arena,
						"%s's peer %s leaves checksums out or sends large "
						"packets: both are dropped",
						iface, name),
				   arena_format(&doctor->arena,
						"ethtool -K %s tx off tso off gso off", name));
		return;
	}
	doctor_add(doctor, what, DOCTOR_WARN,
		   arena_format(&doctor->arena,
				"%s has a peer in another namespace (interface %lu there), whose "
				"offloads cannot be seen from here",
				iface, other),
		   "there: ethtool -K PEER tx off tso off gso off, or its packets are dropped for "
		   "their checksums");
}

/* What the kernel puts together or takes off before the port sees it. */
static void
offloads_look(struct doctor *doctor, const char *what, const struct conf_port *port,
	      const struct doctor_nic *nic)
{
	bool is_packet = port->device.xdp.s == NULL;
	bool gro = is_packet && nic->gro; /* behind an xdp port's program, it does no harm */

	if (!gro && !nic->lro && !nic->rxvlan)
		return;
	doctor_add(doctor, what, nic->rxvlan && !gro && !nic->lro ? DOCTOR_WARN : DOCTOR_BAD,
		   arena_format(&doctor->arena, "%s has %s%s%son: frames do not come as sent",
				name_of(port), gro ? "gro " : "", nic->lro ? "lro " : "",
				nic->rxvlan ? "rxvlan " : ""),
		   arena_format(&doctor->arena, "ethtool -K %s%s%s%s", name_of(port),
				gro ? " gro off" : "", nic->lro ? " lro off" : "",
				nic->rxvlan ? " rxvlan off" : ""));
}

/* Each queue of the interface is used, and needs a lane. */
static void
queues_look(struct doctor *doctor, const char *what, const struct conf_port *port, uint32_t has)
{
	uint64_t lanes = doctor->conf->machine.lanes.v, wants = port->device.queues.v;
	struct doctor_cpus polling;

	doctor_polling(doctor, &polling);
	if (lanes == 0)
		lanes = doctor_cpus_n(&polling);
	if (has > lanes || (wants != 0 && wants != has))
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena,
					"%s has %u receive queues, the port wants %llu and there "
					"are %llu lanes: each queue needs one and is used",
					name_of(port), has,
					(unsigned long long)(wants != 0 ? wants : has),
					(unsigned long long)lanes),
			   arena_format(&doctor->arena,
					"ethtool -L %s combined %llu; or machine.lanes: %u or "
					"more",
					name_of(port),
					(unsigned long long)(wants != 0 && wants < lanes ? wants
											 : lanes),
					has));
}

static void
program_look(struct doctor *doctor, const char *what, const char *iface,
	     const struct doctor_nic *nic)
{
	if (nic->xdp_id == 0 || strcmp(nic->xdp_name, "penstock_steer") == 0)
		return;
	doctor_add(doctor, what, nic->xdp_name[0] != '\0' ? DOCTOR_BAD : DOCTOR_WARN,
		   arena_format(&doctor->arena, "%s has an XDP program%s%s (id %u)", iface,
				nic->xdp_name[0] != '\0' ? " of somebody else's, "
							 : " whose name only root can ask for",
				nic->xdp_name, nic->xdp_id),
		   arena_format(&doctor->arena,
				"unless it is penstock_steer: end who has it there, or ip link "
				"set dev %s xdp off",
				iface));
}

static void
nic_look(struct doctor *doctor, const char *what, const struct conf_port *port)
{
	struct doctor_nic nic = { 0 };

	if (doctor->ask_nic == NULL || !doctor->ask_nic(name_of(port), &nic))
		return;
	offloads_look(doctor, what, port, &nic);
	if (strcmp(nic.driver, "veth") == 0)
		veth_look(doctor, what, name_of(port));
	if (port->device.xdp.s == NULL)
		return;
	queues_look(doctor, what, port, nic.queues);
	program_look(doctor, what, name_of(port), &nic);
}

void
doctor_iface(struct doctor *doctor, const char *what, const struct conf_port *port)
{
	const char *iface = name_of(port);
	const char *driver = doctor_link(
		doctor, arena_format(&doctor->arena, "class/net/%s", iface), "device/driver");
	unsigned long mtu = 0, flags = 0;

	if (!doctor_iface_number(doctor, iface, "mtu", 10, &mtu)) {
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "there is no interface %s here", iface),
			   "ip link shows those that are; one bound to vfio-pci is not the "
			   "kernel's");
		return;
	}
	if (mtu < port->mtu.v)
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has MTU %lu, the port wants %llu",
					iface, mtu, (unsigned long long)port->mtu.v),
			   arena_format(&doctor->arena, "ip link set %s mtu %llu", iface,
					(unsigned long long)port->mtu.v));
	else if (!doctor_iface_number(doctor, iface, "flags", 16, &flags) || (flags & IS_UP) == 0)
		doctor_add(doctor, what, DOCTOR_WARN,
			   arena_format(&doctor->arena, "%s is down", iface),
			   arena_format(&doctor->arena, "ip link set %s up", iface));
	else
		doctor_add(doctor, what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s is up, MTU %lu, driver %s", iface, mtu,
					driver != NULL ? driver : "of the kernel alone"),
			   NULL);
	nic_look(doctor, what, port);
	doctor_twins(doctor, what, port);
}
