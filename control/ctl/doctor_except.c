/*
 * doctor_except.c - the doctor looks at what ports share with the kernel: whether ssh and all else
 * that is not for a port's addresses has a way, and an address at its end. See doctor.h.
 *
 * The interface is there only while the data plane runs, unless somebody has made one to stay.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/instance.h"
#include "conf/check_port.h"
#include "conf/value.h"
#include "ctl/doctor.h"
#include "run/state.h"

enum {
	IS_UP = 1,	   /* IFF_UP */
	IS_TAP = 2,	   /* IFF_TAP */
	STAYS = 0x0800,	   /* IFF_PERSIST */
	LINK_SCOPE = 0x20, /* of IPv6 addresses in if_inet6 */
};

struct share {
	const char *what, *name; /* the finding's, the interface's */
	const struct conf_port *port;
	const struct instance_port *runs; /* NULL: no data plane has this path open */
};

static const char *
fact_of(struct doctor *doctor, const struct share *share, const char *file)
{
	return doctor_line(doctor,
			   arena_format(&doctor->arena, "/sys/class/net/%s/%s", share->name, file));
}

static unsigned long
number_of(struct doctor *doctor, const struct share *share, const char *file, int base)
{
	const char *text = fact_of(doctor, share, file);

	return text != NULL ? strtoul(text, NULL, base) : 0;
}

/* ---- addresses ---- */

/* Whether any file of a folder has the interface's name as a word. */
static bool
is_named_in(struct doctor *doctor, const char *folder, const char *name)
{
	DIR *dir = opendir(arena_format(&doctor->arena, "%s%s", doctor->root, folder));
	const struct dirent *entry;
	bool is_named = false;

	while (dir != NULL && !is_named && (entry = readdir(dir)) != NULL) {
		const char *text, *at;
		size_t n = strlen(name);

		if (entry->d_name[0] == '.')
			continue;
		text = doctor_file(doctor,
				   arena_format(&doctor->arena, "%s/%s", folder, entry->d_name));
		at = text;
		while (at != NULL && !is_named && (at = strstr(at, name)) != NULL) {
			is_named = (at == text || strchr(" \t\n=\"':,", at[-1]) != NULL) &&
				   strchr(" \t\n\"':,", at[n]) != NULL;
			at += n;
		}
	}
	if (dir != NULL)
		closedir(dir);
	return is_named;
}

static bool
will_have_address(struct doctor *doctor, const char *name)
{
	static const char *const folder[] = {
		"/etc/systemd/network",
		"/run/systemd/network",
		"/etc/network",
		"/etc/netplan",
		"/etc/network/interfaces.d",
		"/etc/NetworkManager/system-connections",
	};

	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]); i++) {
		if (is_named_in(doctor, folder[i], name))
			return true;
	}
	return false;
}

/* An IPv4 network by the routes it makes; IPv6 beyond the link. */
static bool
has_address(struct doctor *doctor, const char *name)
{
	const char *text = doctor_file(doctor, "/proc/net/route");
	char word[32];
	unsigned scope;

	for (; text != NULL; text = strchr(text, '\n'), text = text != NULL ? text + 1 : NULL) {
		if (sscanf(text, "%31s", word) == 1 && strcmp(word, name) == 0)
			return true;
	}
	text = doctor_file(doctor, "/proc/net/if_inet6");
	for (; text != NULL; text = strchr(text, '\n'), text = text != NULL ? text + 1 : NULL) {
		if (sscanf(text, "%*s %*s %*s %x %*s %31s", &scope, word) == 2 &&
		    strcmp(word, name) == 0 && scope != LINK_SCOPE)
			return true;
	}
	return false;
}

/* Of any interface: IPv4 among the trie's local ones, IPv6 in its 32 digits. */
static bool
is_the_kernels(struct doctor *doctor, const struct ip_addr *ip)
{
	char digits[36] = "\n";
	const char *text;

	if (ip_is_v4(ip)) {
		char address[VALUE_IP_TEXT];
		const char *line =
			arena_format(&doctor->arena, "|-- %s\n", value_ip_text(ip, address));

		text = doctor_file(doctor, "/proc/net/fib_trie");
		while (text != NULL && (text = strstr(text, line)) != NULL) {
			text += strlen(line);
			text += strspn(text, " ");
			if (strncmp(text, "/32 host LOCAL", 14) == 0)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < sizeof(ip->b); i++)
		snprintf(digits + 1 + 2 * i, 3, "%02x", ip->b[i]);
	text = doctor_file(doctor, "/proc/net/if_inet6");
	return text != NULL && (strncmp(text, digits + 1, 32) == 0 || strstr(text, digits) != NULL);
}

/* An address that both have is answered for by both. */
void
doctor_twins(struct doctor *doctor, const char *what, const struct conf_port *port)
{
	char text[VALUE_IP_TEXT];

	for (CONF_EACH(struct conf_prefix, address, &port->addresses)) {
		if (!is_the_kernels(doctor, &address->ip))
			continue;
		value_ip_text(&address->ip, text);
		doctor_add(doctor, what, DOCTOR_BAD,
			   arena_format(&doctor->arena,
					"%s is the port's, and the kernel has it too: what the "
					"kernel says from it is answered to the port",
					text),
			   arena_format(&doctor->arena,
					"ip -o address show to %s tells where; there: ip address "
					"delete %s dev INTERFACE",
					text, text));
	}
}

static void
address_look(struct doctor *doctor, const struct share *share, bool is_there)
{
	const char *cure =
		arena_format(&doctor->arena,
			     "[Match] Name=%s and [Network] Address=... in a file of "
			     "/etc/systemd/network, or ip address add ... dev %s each time the "
			     "data plane has started; none of the port's own",
			     share->name, share->name);

	if (is_there && !has_address(doctor, share->name))
		doctor_add(doctor, share->what, DOCTOR_WARN,
			   arena_format(&doctor->arena,
					"%s has no address: nobody reaches this machine by ssh "
					"through the port",
					share->name),
			   cure);
	else if (!is_there && !will_have_address(doctor, share->name))
		doctor_add(
			doctor, share->what, DOCTOR_WARN,
			arena_format(&doctor->arena,
				     "no file of this machine's gives %s an address: once the "
				     "data plane runs, nobody reaches it by ssh through the port",
				     share->name),
			cure);
	doctor_twins(doctor, share->what, share->port);
}

/* ---- the interface ---- */

static void
tun_look(struct doctor *doctor, const struct share *share)
{
	const char *device = arena_format(&doctor->arena, "%s/dev/net/tun", doctor->root);
	const char *loaded = arena_format(&doctor->arena, "%s/sys/class/misc/tun", doctor->root);

	if (access(device, F_OK) != 0)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   "no /dev/net/tun: the port cannot share with the kernel",
			   "modprobe tun, in a container --device /dev/net/tun; or exception: off, "
			   "and ssh goes by another card");
	else if (access(loaded, F_OK) != 0)
		doctor_add(doctor, share->what, DOCTOR_WARN,
			   "the kernel's module tun is not loaded; it may be when it is asked for",
			   "modprobe tun, and a line tun in /etc/modules-load.d/penstock.conf");
}

/* Of the interface that our data plane has made; what somebody has changed since. */
static bool
differs(struct doctor *doctor, const struct share *share)
{
	const struct instance_port *runs = share->runs;
	const uint8_t *m = runs->mac;
	const char *mac = arena_format(&doctor->arena, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
				       m[2], m[3], m[4], m[5]);
	const char *has = fact_of(doctor, share, "address");
	unsigned long mtu = number_of(doctor, share, "mtu", 10);
	uint32_t before = doctor->n;

	if (has == NULL || strcmp(has, mac) != 0)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   arena_format(&doctor->arena,
					"%s has MAC %s, the port %s: answers do not come back",
					share->name, has != NULL ? has : "unknown", mac),
			   arena_format(&doctor->arena, "ip link set %s address %s", share->name,
					mac));
	if (mtu != runs->mtu)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s has MTU %lu, the port %u", share->name,
					mtu, runs->mtu),
			   arena_format(&doctor->arena, "ip link set %s mtu %u", share->name,
					runs->mtu));
	if ((number_of(doctor, share, "flags", 16) & IS_UP) == 0)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s is down: the kernel refuses all",
					share->name),
			   arena_format(&doctor->arena, "ip link set %s up", share->name));
	return doctor->n > before;
}

/* True: it is there, and the path's. */
static bool
interface_look(struct doctor *doctor, const struct share *share)
{
	const char *flags_text = fact_of(doctor, share, "tun_flags");
	unsigned long flags = flags_text != NULL ? strtoul(flags_text, NULL, 16) : 0;
	const char *other =
		arena_format(&doctor->arena, "exception: another name than %s", share->name);

	if (fact_of(doctor, share, "mtu") == NULL)
		doctor_add(doctor, share->what, share->runs != NULL ? DOCTOR_BAD : DOCTOR_OK,
			   share->runs != NULL
				   ? arena_format(&doctor->arena,
						  "%s is not here, though the data plane has it "
						  "open: somebody has deleted it, or it is in "
						  "another network namespace",
						  share->name)
				   : arena_format(&doctor->arena,
						  "%s is made when the data plane starts, and goes "
						  "with it",
						  share->name),
			   share->runs != NULL
				   ? "restart the data plane, or run doctor where it runs"
				   : NULL);
	else if ((flags & IS_TAP) == 0)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s is there and is no tap", share->name),
			   other);
	else if (share->runs == NULL && (flags & STAYS) == 0)
		doctor_add(doctor, share->what, DOCTOR_BAD,
			   arena_format(&doctor->arena, "%s is another program's tap", share->name),
			   other);
	else if (share->runs == NULL || !differs(doctor, share))
		doctor_add(doctor, share->what, DOCTOR_OK,
			   arena_format(&doctor->arena, "%s is %s", share->name,
					share->runs != NULL
						? "up, with the port's MAC and MTU"
						: "a tap that stays, and will have the port's MAC "
						  "and MTU"),
			   NULL);
	return (flags & IS_TAP) != 0 && (share->runs != NULL || (flags & STAYS) != 0);
}

static const struct instance_port *
running_of(const struct instance_facts *facts, const char *name)
{
	for (uint32_t i = 0; i < facts->port_n; i++) {
		if (strcmp(facts->except[i].interface, name) == 0)
			return &facts->port[i];
	}
	return NULL;
}

static void
port_look(struct doctor *doctor, const struct conf_port *port, const struct instance_facts *facts)
{
	char name[EXCEPTION_NAME];
	struct share share = {
		.what = arena_format(&doctor->arena, "exception %s", port->name.s),
		.port = port,
		.name = exception_name(port, name),
	};

	if (share.name == NULL) {
		if (port->device.pci.s != NULL)
			doctor_add(doctor, share.what, DOCTOR_OK,
				   "off: what is not for the port's addresses is dropped, ssh too",
				   NULL);
		return;
	}
	share.runs = running_of(facts, share.name);
	tun_look(doctor, &share);
	address_look(doctor, &share, interface_look(doctor, &share));
}

void
doctor_excepts(struct doctor *doctor)
{
	struct instance_facts *facts = calloc(1, sizeof(*facts));

	if (doctor->conf != NULL && facts != NULL) {
		state_facts(arena_format(&doctor->arena, "%s%s", doctor->root, doctor->run), facts);
		for (CONF_EACH(struct conf_port, port, &doctor->conf->machine.ports))
			port_look(doctor, port, facts);
	}
	free(facts);
}
