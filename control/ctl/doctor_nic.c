/*
 * doctor_nic.c - what the kernel tells of an interface by ethtool and netlink, see doctor.h. What
 * it does not tell is zero.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "ctl/doctor.h"

static bool
ethtool(int fd, const char *iface, void *what)
{
	struct ifreq ask = { .ifr_data = what };

	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", iface);
	return ioctl(fd, SIOCETHTOOL, &ask) == 0;
}

static uint32_t
value(int fd, const char *iface, uint32_t cmd)
{
	struct ethtool_value v = { .cmd = cmd };

	return ethtool(fd, iface, &v) ? v.data : 0;
}

/* The attribute of this type among n bytes of them; NULL: there is none. The kernel's macros, here and
 * below, know no const. */
static struct rtattr *
attribute_find(struct rtattr *a, int n, unsigned short type)
{
	for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* The number of the XDP program of a link's answer. */
static uint32_t
program_read(struct nlmsghdr *head, size_t got)
{
	struct rtattr *xdp, *id = NULL;
	uint32_t v = 0;

	if (!NLMSG_OK(head, got) || head->nlmsg_type != RTM_NEWLINK)
		return 0;
	xdp = attribute_find(IFLA_RTA(NLMSG_DATA(head)), (int)IFLA_PAYLOAD(head), IFLA_XDP);
	if (xdp != NULL)
		id = attribute_find(RTA_DATA(xdp), (int)RTA_PAYLOAD(xdp), IFLA_XDP_PROG_ID);
	if (id != NULL && RTA_PAYLOAD(id) >= sizeof(v))
		memcpy(&v, RTA_DATA(id), sizeof(v));
	return v;
}

static uint32_t
program_of(const char *iface)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
		  .link = { .ifi_index = (int)if_nametoindex(iface) } };
	_Alignas(struct nlmsghdr) char answer[16384];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t got = -1;

	if (fd >= 0 && send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask))
		got = recv(fd, answer, sizeof(answer), 0);
	if (fd >= 0)
		close(fd);
	return got > 0 ? program_read((struct nlmsghdr *)answer, (size_t)got) : 0;
}

static void
program_name(uint32_t id, char ret_name[16])
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr by_id = { .prog_id = id };
	int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_id, sizeof(by_id));
	union bpf_attr about = { .info = { .bpf_fd = (uint32_t)fd,
					   .info_len = sizeof(info),
					   .info = (uintptr_t)&info } };

	if (fd < 0)
		return;
	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &about, sizeof(about)) == 0)
		snprintf(ret_name, 16, "%.15s", info.name);
	close(fd);
}

bool
doctor_nic(const char *iface, struct doctor_nic *ret_nic)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct doctor_nic nic = { .queues = 1 };
	uint32_t flags;

	if (fd < 0 || !ethtool(fd, iface, &info)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	snprintf(nic.driver, sizeof(nic.driver), "%.31s", info.driver);
	if (ethtool(fd, iface, &channels) && channels.combined_count + channels.rx_count > 0)
		nic.queues = channels.combined_count + channels.rx_count;
	flags = value(fd, iface, ETHTOOL_GFLAGS);
	nic.tx_checksum = value(fd, iface, ETHTOOL_GTXCSUM) != 0;
	nic.tso = value(fd, iface, ETHTOOL_GTSO) != 0;
	nic.gso = value(fd, iface, ETHTOOL_GGSO) != 0;
	nic.gro = value(fd, iface, ETHTOOL_GGRO) != 0;
	nic.lro = (flags & ETH_FLAG_LRO) != 0;
	nic.rxvlan = (flags & ETH_FLAG_RXVLAN) != 0;
	close(fd);
	nic.xdp_id = program_of(iface);
	if (nic.xdp_id != 0)
		program_name(nic.xdp_id, nic.xdp_name);
	*ret_nic = nic;
	return true;
}
