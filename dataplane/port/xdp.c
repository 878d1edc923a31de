/*
 * xdp.c - see xdp.h. The program itself is drivers-conf/xdp/steer.c.
 *
 * DPDK loads the program from a file and puts it on the interface for good, so that it would stay
 * there after us, and to remove it wants rights that we have given up by then. So it is put there
 * again by a link of ours, which the kernel removes with the last process that has it open, however
 * that ends. What a process killed between the two has left is known by its name.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/steer.h>

#include "lane/ours.h"
#include "port/port.h"
#include "port/xdp.h"

_Static_assert((uint32_t)STEER_ADDRESSES_MAX >= (uint32_t)OURS_MAX, "all fit");
_Static_assert((uint32_t)STEER_QUEUES_MAX >= (uint32_t)QUEUES_MAX, "all fit");

extern const uint8_t steer_object[], steer_object_end[]; /* steer_object.S */

static bool
fail(const char *port, const char *interface, const char *what, int err, char *why)
{
	snprintf(why, PORT_WHY, "port %s (xdp:%s): %s: %s", port, interface, what, strerror(err));
	return false;
}

/* A program's name; empty when it cannot be had. */
static void
name_of(uint32_t prog_id, char ret_name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = { 0 };
	uint32_t n = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);

	ret_name[0] = '\0';
	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &n) == 0)
		snprintf(ret_name, BPF_OBJ_NAME_LEN, "%s", info.name);
	close(fd);
}

/* One mode's program: nobody's, or a leftover of ours, which goes. */
static bool
clear_mode(const struct xdp *xdp, uint32_t prog_id, uint32_t mode, const char *interface,
	   const char *port, char *why)
{
	char name[BPF_OBJ_NAME_LEN];
	bool is_ours;

	if (prog_id == 0)
		return true;
	name_of(prog_id, name);
	is_ours = strcmp(name, STEER_NAME) == 0;
	if (is_ours && bpf_xdp_detach(xdp->if_index, mode, NULL) == 0)
		return true;
	snprintf(why, PORT_WHY,
		 is_ours ? "port %s: another data plane has %s (program %s, id %u); end that one"
			 : "port %s: %s has an XDP program of somebody else's (%s, id %u); remove "
			   "it "
			   "or use packet:%s",
		 port, interface, name, prog_id, interface);
	return false;
}

static bool
clear(const struct xdp *xdp, const char *interface, const char *port, char *why)
{
	struct bpf_xdp_query_opts on = { .sz = sizeof(on) };
	int err = bpf_xdp_query(xdp->if_index, 0, &on);

	if (err != 0)
		return fail(port, interface, "asking for its XDP program", -err, why);
	return clear_mode(xdp, on.drv_prog_id, XDP_FLAGS_DRV_MODE, interface, port, why) &&
	       clear_mode(xdp, on.skb_prog_id, XDP_FLAGS_SKB_MODE, interface, port, why) &&
	       clear_mode(xdp, on.hw_prog_id, XDP_FLAGS_HW_MODE, interface, port, why);
}

/* The program that we carry, as a file without a name. */
static int
open_object(void)
{
	size_t n = (size_t)(steer_object_end - steer_object);
	int fd = memfd_create(STEER_NAME, MFD_CLOEXEC);

	if (fd >= 0 && write(fd, steer_object, n) == (ssize_t)n)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * IPv6's neighbour discovery goes to groups that the kernel has not joined for us. Unlike the
 * interface's flags, a socket's membership ends with it.
 */
static int
open_ear(int if_index)
{
	struct packet_mreq all = { .mr_ifindex = if_index, .mr_type = PACKET_MR_ALLMULTI };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
xdp_open(struct xdp *xdp, const char *interface, const char *port, char *why)
{
	*xdp = (struct xdp){ .object = -1, .link = -1, .ours = -1, .ear = -1 };
	snprintf(xdp->interface, sizeof(xdp->interface), "%s", interface);
	xdp->if_index = (int)if_nametoindex(interface);
	if (xdp->if_index == 0)
		return fail(port, interface, "the interface", errno, why);
	if (!clear(xdp, interface, port, why))
		return false;
	xdp->object = open_object();
	if (xdp->object < 0)
		return fail(port, interface, "a file for the steering program", errno, why);
	xdp->ear = open_ear(xdp->if_index);
	return xdp->ear >= 0 || fail(port, interface, "hearing multicast", errno, why);
}

/* The program's map of addresses. */
static int
find_ours(int prog)
{
	uint32_t map_id[4], n;
	struct bpf_prog_info info = { .nr_map_ids = 4, .map_ids = (uintptr_t)map_id };

	n = sizeof(info);
	if (bpf_obj_get_info_by_fd(prog, &info, &n) != 0)
		return -1;
	for (uint32_t i = 0; i < info.nr_map_ids && i < 4; i++) {
		struct bpf_map_info map = { 0 };
		int fd = bpf_map_get_fd_by_id(map_id[i]);

		n = sizeof(map);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &n) == 0 &&
		    strcmp(map.name, STEER_OURS) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	errno = ENOENT;
	return -1;
}

/* By a link instead of for good; in between, nothing is taken from the kernel yet. */
static bool
relink(struct xdp *xdp, int prog, uint32_t mode)
{
	struct bpf_link_create_opts how = { .sz = sizeof(how), .flags = mode };

	if (bpf_xdp_detach(xdp->if_index, mode, NULL) != 0)
		return false;
	xdp->link = bpf_link_create(prog, xdp->if_index, BPF_XDP, &how);
	return xdp->link >= 0;
}

bool
xdp_hold(struct xdp *xdp, const char *interface, const char *port, char *why)
{
	struct bpf_xdp_query_opts on = { .sz = sizeof(on) };
	uint32_t mode;
	int prog;

	close(xdp->object);
	xdp->object = -1;
	if (bpf_xdp_query(xdp->if_index, 0, &on) != 0)
		return fail(port, interface, "asking for its XDP program", errno, why);
	mode = on.drv_prog_id != 0 ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	prog = bpf_prog_get_fd_by_id(on.drv_prog_id != 0 ? on.drv_prog_id : on.skb_prog_id);
	if (prog < 0)
		return fail(port, interface, "the steering program", errno, why);
	xdp->ours = find_ours(prog);
	if (xdp->ours < 0 || !relink(xdp, prog, mode))
		fail(port, interface, "holding the steering program", errno, why);
	close(prog);
	return xdp->link >= 0;
}

/* Whether an interface of the kernel's has the address: 32 digits, five words of which the last. */
static bool
kernel_has(const struct xdp *xdp, const struct ip_addr *ip)
{
	FILE *file = fopen("/proc/self/net/if_inet6", "re");
	char line[128], name[IF_NAMESIZE], digits[33];
	bool is_there = false;

	for (size_t i = 0; i < sizeof(ip->b); i++)
		snprintf(digits + 2 * i, 3, "%02x", ip->b[i]);
	while (file != NULL && !is_there && fgets(line, sizeof(line), file) != NULL)
		is_there = strncmp(line, digits, 32) == 0 &&
			   sscanf(line, "%*s %*s %*s %*s %*s %15s", name) == 1 &&
			   strcmp(name, xdp->interface) == 0;
	if (file != NULL)
		fclose(file);
	return is_there;
}

static bool
is_configured(const struct img *img, uint32_t port_i, const struct ip_addr *ip)
{
	for (uint32_t i = 0; i < img_n(img, IMG_ADDRESSES); i++) {
		const struct img_address *a = img_address(img, i);

		if (a->port_i == port_i && ip_eq(&a->ip, ip))
			return true;
	}
	return false;
}

static bool
is_served(const struct ours *ours, const struct steer_key *key)
{
	for (uint16_t i = 0; i < ours->n; i++) {
		if (memcmp(ours->ip[i].b, key->addr, sizeof(key->addr)) == 0)
			return key->vlan == ours->vlan;
	}
	return false;
}

/* What the map holds beyond these goes. */
static void
forget_others(const struct xdp *xdp, const struct ours *ours)
{
	struct steer_key key, next;
	bool has_next = bpf_map_get_next_key(xdp->ours, NULL, &next) == 0;

	while (has_next) {
		key = next;
		has_next = bpf_map_get_next_key(xdp->ours, &key, &next) == 0;
		if (!is_served(ours, &key))
			bpf_map_delete_elem(xdp->ours, &key);
	}
}

/*
 * The link-local address that net adds is made of the interface's MAC, as the kernel's usually is.
 * One frame cannot go to both, and the kernel finds its own routers with it.
 */
bool
xdp_serve(const struct xdp *xdp, const struct img *img, uint32_t port_i, const struct mac *mac)
{
	static const uint8_t yes = 1;
	struct ip_addr own = mac_link_local(mac);
	struct ours ours;

	ours_take(&ours, img, port_i, mac);
	if (ours.n > 0 && ip_eq(&ours.ip[ours.n - 1], &own) && !is_configured(img, port_i, &own) &&
	    kernel_has(xdp, &own))
		ours.n--;
	forget_others(xdp, &ours);
	for (uint16_t i = 0; i < ours.n; i++) {
		struct steer_key key = { .vlan = ours.vlan };

		memcpy(key.addr, ours.ip[i].b, sizeof(key.addr));
		if (bpf_map_update_elem(xdp->ours, &key, &yes, 0) != 0)
			return false;
	}
	return true;
}

bool
xdp_is_up(const struct xdp *xdp)
{
	struct ifreq ask = { 0 };

	memcpy(ask.ifr_name, xdp->interface, sizeof(ask.ifr_name));
	return ioctl(xdp->ear, SIOCGIFFLAGS, &ask) == 0 && (ask.ifr_flags & IFF_UP) != 0 &&
	       (ask.ifr_flags & IFF_RUNNING) != 0;
}

void
xdp_close(struct xdp *xdp)
{
	int *fd[] = { &xdp->object, &xdp->link, &xdp->ours, &xdp->ear };

	for (uint32_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

uint16_t
xdp_queues(const char *interface)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ask = { .ifr_data = (char *)&channels };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t n = 1;

	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", interface);
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &ask) == 0)
		n = channels.combined_count + channels.rx_count;
	if (fd >= 0)
		close(fd);
	return (uint16_t)(n == 0 ? 1 : n < UINT16_MAX ? n : UINT16_MAX);
}
