/*
 * devargs.c - from a port as the image describes it to the device name and arguments that DPDK
 * takes, and the sizes that go with its kind.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/port_mtu.h"
#include "abi/vdev.h"
#include "base/hash.h"
#include "port/own.h"
#include "port/pci.h"

enum {
	MTU_USUAL = 1500,
	LINK_HEADER = 18,    /* Ethernet with one VLAN tag */
	PACKET_FRAME = 2048, /* a ring slot of AF_PACKET; its own header takes some of it */
	PACKET_FRAME_HEADER = 68,
	PACKET_BLOCK = 65536, /* slots are allocated together in blocks of this size */
	PACKET_RING = 2048,
	XDP_HEADROOM = 256, /* what the kernel keeps free in front of a frame */
	XDP_RING = 2048,
	MEMIF_RING = 1024,
	MEMIF_RING_MAX = 16384,
	VIRTIO_RING = 1024,
	VIRTIO_RING_MAX = 32768,
	PCI_RING = 1024,
	PCI_RING_MAX = 4096,
};

_Static_assert(PORT_MTU_PACKET == PACKET_FRAME - PACKET_FRAME_HEADER - LINK_HEADER, "fits a slot");
_Static_assert((int)PORT_MTU_XDP == (int)BUF_ROOM - XDP_HEADROOM - LINK_HEADER, "fits a buffer");
_Static_assert((int)PORT_MTU_BUF == (int)BUF_ROOM - LINK_HEADER, "fits a buffer");

static uint16_t
power_of_two(uint32_t want, uint32_t usual, uint32_t max)
{
	uint32_t n = 64;

	if (want == 0)
		want = usual;
	while (n < want && n < max)
		n *= 2;
	return (uint16_t)n;
}

static uint16_t
queues_of(const struct port_conf *conf, uint16_t usual)
{
	uint16_t n = conf->queues != 0 ? conf->queues : usual;

	if (n > conf->queues_max)
		n = conf->queues_max;
	return n < QUEUES_MAX ? n : QUEUES_MAX;
}

/* Arguments are split at commas and brackets, which no name of ours may therefore contain. */
static bool
check_text(const struct port_conf *conf, char *why)
{
	if (conf->device[0] != '\0' && strpbrk(conf->device, ",[]= \t\n") == NULL)
		return true;
	snprintf(why, PORT_WHY, "port %s: \"%s\" cannot be a device name", conf->name,
		 conf->device);
	return false;
}

static bool
check_mtu(const struct port_conf *conf, uint16_t most, char *why)
{
	if (conf->mtu == 0 || (conf->mtu >= 576 && conf->mtu <= most))
		return true;
	snprintf(why, PORT_WHY, "port %s: MTU %u, %s allows 576 to %u", conf->name, conf->mtu,
		 conf->device, most);
	return false;
}

/* The kernel's MTU of an interface; 0: there is none. */
static uint16_t
interface_mtu(const char *name)
{
	struct ifreq ask = { 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu = 0;

	if (fd < 0)
		return 0;
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFMTU, &ask) == 0)
		mtu = ask.ifr_mtu;
	close(fd);
	return (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
}

static bool
check_interface(const struct port_conf *conf, uint16_t mtu, char *why)
{
	if (mtu == 0)
		snprintf(why, PORT_WHY, "port %s: there is no interface %s here", conf->name,
			 conf->device);
	return mtu != 0;
}

static bool
devargs_packet(const struct port_conf *conf, struct port_devargs *d, char *why)
{
	uint16_t most = PORT_MTU_PACKET;
	uint16_t mtu = interface_mtu(conf->device);

	if (!check_interface(conf, mtu, why) || !check_mtu(conf, mtu < most ? mtu : most, why))
		return false;
	d->mtu = conf->mtu != 0 ? conf->mtu : mtu < MTU_USUAL ? mtu : MTU_USUAL;
	d->queues = queues_of(conf, 1);
	d->ring_n = power_of_two(conf->rx_ring_n, PACKET_RING, 8192);
	snprintf(d->name, sizeof(d->name), "net_af_packet%u", conf->path);
	snprintf(d->args, sizeof(d->args),
		 "iface=%s,qpairs=%u,blocksz=%u,framesz=%u,framecnt=%u,qdisc_bypass=1",
		 conf->device, d->queues, PACKET_BLOCK, PACKET_FRAME, d->ring_n);
	return true;
}

/*
 * A socket for each of the interface's queues, since a frame for us may come to any. Busy polling
 * is off: it would make a system call of every look at an empty queue.
 */
static bool
devargs_xdp(const struct port_conf *conf, struct port *port, char *why)
{
	uint16_t most = PORT_MTU_XDP;
	uint16_t mtu = interface_mtu(conf->device), queues = xdp_queues(conf->device);
	struct port_devargs *d = &port->devargs;

	if (!check_interface(conf, mtu, why) || !check_mtu(conf, mtu < most ? mtu : most, why))
		return false;
	if (queues > conf->queues_max || (conf->queues != 0 && conf->queues != queues)) {
		snprintf(why, PORT_WHY,
			 "port %s: %s has %u receive queues, each of which needs a lane and is to "
			 "be used; 'ethtool -L %s combined N' sets their number",
			 conf->name, conf->device, queues, conf->device);
		return false;
	}
	if (!xdp_open(&port->xdp, conf->device, conf->name, why)) {
		xdp_close(&port->xdp);
		return false;
	}
	port->is_xdp = true;
	d->mtu = conf->mtu != 0 ? conf->mtu : mtu < MTU_USUAL ? mtu : MTU_USUAL;
	d->queues = queues;
	d->ring_n = power_of_two(conf->rx_ring_n, XDP_RING, 8192);
	snprintf(d->name, sizeof(d->name), "net_af_xdp%u", conf->path);
	snprintf(d->args, sizeof(d->args),
		 "iface=%s,start_queue=0,queue_count=%u,xdp_prog=/proc/self/fd/%d,busy_budget=0",
		 conf->device, queues, port->xdp.object);
	return true;
}

/* Without one configured, a locally administered address that is the same at the next start. */
static void
mac_of(const struct port_conf *conf, uint8_t ret_mac[6])
{
	static const uint8_t none[6];
	static const struct hash_key key = { { 0x70656e73746f636b, 1 } };
	uint64_t hash;

	memcpy(ret_mac, conf->mac, 6);
	if (memcmp(ret_mac, none, 6) != 0)
		return;
	hash = hash_sip13(&key, conf->device, strlen(conf->device)) ^
	       hash_mix(conf->link_id * 2ull + conf->role);
	memcpy(ret_mac, &hash, 6);
	ret_mac[0] = (uint8_t)((ret_mac[0] & 0xfc) | 0x02);
}

/* No device of DPDK's: the sizes. The interface is made here, which says its MTU. */
static bool
devargs_tap(const struct port_conf *conf, struct port *port, char *why)
{
	struct tap_conf tap = { .port = conf->name,
				.interface = conf->device,
				.queue_n = queues_of(conf, 1),
				.mtu = conf->mtu,
				.leaves_sums = (conf->off & IMG_PORT_NO_RX_CHECKSUM) == 0,
				.leaves_cuts = (conf->off & IMG_PORT_NO_LRO) == 0,
				.pool = conf->pool };

	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why) ||
	    !tap_open(&port->tap, &tap, why))
		return false;
	port->is_tap = true;
	port->devargs.mtu = conf->mtu != 0		     ? conf->mtu
			    : port->tap.mtu < PORT_MTU_JUMBO ? port->tap.mtu
							     : PORT_MTU_JUMBO;
	port->devargs.queues = port->tap.queue_n;
	port->devargs.ring_n = port->tap.piece_n;
	return true;
}

static bool
devargs_memif(const struct port_conf *conf, struct port_devargs *d, char *why)
{
	bool is_client = conf->role == IMG_ROLE_CLIENT;
	uint32_t log2_ring = 0;
	uint8_t mac[6];

	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why))
		return false;
	mac_of(conf, mac);
	d->mtu = conf->mtu != 0 ? conf->mtu : MTU_USUAL;
	d->queues = queues_of(conf, 1);
	d->ring_n = power_of_two(conf->rx_ring_n, MEMIF_RING, MEMIF_RING_MAX);
	while (1u << log2_ring < d->ring_n)
		log2_ring++;
	snprintf(d->name, sizeof(d->name), "net_memif%u", conf->path);
	snprintf(d->args, sizeof(d->args),
		 "role=%s,id=%u,socket=%s,socket-abstract=no,rsize=%u,bsize=%u,"
		 "mac=%02x:%02x:%02x:%02x:%02x:%02x",
		 is_client ? "client" : "server", conf->link_id, conf->device, log2_ring, BUF_ROOM,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return true;
}

/* The backend, which makes the socket. Its guest may send packets that are to be cut. */
static bool
devargs_vhost(const struct port_conf *conf, struct port_devargs *d, char *why)
{
	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why))
		return false;
	d->mtu = conf->mtu != 0 ? conf->mtu : MTU_USUAL;
	d->queues = queues_of(conf, 1);
	d->ring_n = VIRTIO_RING; /* the guest chooses; DPDK wants a number */
	snprintf(d->name, sizeof(d->name), "net_vhost%u", conf->path);
	snprintf(d->args, sizeof(d->args), "iface=%s,queues=%u,tso=%d", conf->device, d->queues,
		 (conf->off & IMG_PORT_NO_LRO) == 0);
	return true;
}

/* The driver, whose backend has made the socket before. */
static bool
devargs_virtio(const struct port_conf *conf, struct port_devargs *d, char *why)
{
	uint8_t mac[6];

	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why))
		return false;
	if (access(conf->device, F_OK) != 0) {
		snprintf(why, PORT_WHY,
			 "port %s: no vhost-user backend at %s; start it before the data plane",
			 conf->name, conf->device);
		return false;
	}
	mac_of(conf, mac);
	d->mtu = conf->mtu != 0 ? conf->mtu : MTU_USUAL;
	d->queues = queues_of(conf, 1);
	d->ring_n = power_of_two(conf->rx_ring_n, VIRTIO_RING, VIRTIO_RING_MAX);
	snprintf(d->name, sizeof(d->name), "virtio_user%u", conf->path);
	snprintf(d->args, sizeof(d->args),
		 "path=%s,queues=%u,queue_size=%u,mac=%02x:%02x:%02x:%02x:%02x:%02x", conf->device,
		 d->queues, d->ring_n, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return true;
}

/* "NAME" or "NAME,ARGUMENTS", as DPDK's --vdev takes them. */
static bool
devargs_vdev(const struct port_conf *conf, struct port_devargs *d, char *why)
{
	size_t n = vdev_name_n(conf->device);
	uint16_t id;

	if (n == 0 || n >= sizeof(d->name) || strlen(conf->device) - n > sizeof(d->args)) {
		snprintf(why, PORT_WHY, "port %s: \"%s\" is no DPDK vdev", conf->name,
			 conf->device);
		return false;
	}
	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why))
		return false;
	memcpy(d->name, conf->device, n);
	d->name[n] = '\0';
	if (vdev_runs_commands(conf->device)) {
		snprintf(why, PORT_WHY,
			 "port %s: %s is refused, its driver runs commands and opens other devices",
			 conf->name, d->name);
		d->name[0] = '\0'; /* not ours to remove */
		return false;
	}
	if (rte_eth_dev_get_port_by_name(d->name, &id) == 0) {
		snprintf(why, PORT_WHY,
			 "port %s: there is a device %s already; write another number", conf->name,
			 d->name);
		d->name[0] = '\0'; /* not ours to remove */
		return false;
	}
	snprintf(d->args, sizeof(d->args), "%s",
		 conf->device[n] == ',' ? conf->device + n + 1 : "");
	d->mtu = conf->mtu != 0 ? conf->mtu : MTU_USUAL;
	d->queues = queues_of(conf, 1);
	d->ring_n = power_of_two(conf->rx_ring_n, 1024, 4096);
	return true;
}

/* A card that the environment was allowed: its number, and queues up to what it has. */
static bool
devargs_pci(const struct port_conf *conf, struct port *port, char *why)
{
	struct port_devargs *d = &port->devargs;
	struct rte_eth_dev_info info;

	if (!check_mtu(conf, port_mtu_max(conf->device_kind), why) ||
	    !pci_find(conf, &port->id, why))
		return false;
	if (rte_eth_dev_info_get(port->id, &info) != 0) {
		snprintf(why, PORT_WHY, "port %s: %s does not tell what it is", conf->name,
			 conf->device);
		return false;
	}
	port->is_card = true;
	d->mtu = conf->mtu != 0 ? conf->mtu : MTU_USUAL;
	d->queues = queues_of(conf, conf->queues_max);
	if (d->queues > info.max_rx_queues)
		d->queues = info.max_rx_queues;
	if (d->queues > info.max_tx_queues)
		d->queues = info.max_tx_queues;
	d->ring_n = power_of_two(conf->rx_ring_n, PCI_RING, PCI_RING_MAX);
	return true;
}

bool
port_devargs(const struct port_conf *conf, struct port *port, char *why)
{
	switch ((enum img_device)conf->device_kind) {
	case IMG_DEVICE_PACKET:
		return check_text(conf, why) && devargs_packet(conf, &port->devargs, why);
	case IMG_DEVICE_MEMIF:
		return check_text(conf, why) && devargs_memif(conf, &port->devargs, why);
	case IMG_DEVICE_VDEV:
		return devargs_vdev(conf, &port->devargs, why);
	case IMG_DEVICE_XDP:
		return check_text(conf, why) && devargs_xdp(conf, port, why);
	case IMG_DEVICE_VHOST:
		return check_text(conf, why) && devargs_vhost(conf, &port->devargs, why);
	case IMG_DEVICE_VIRTIO:
		return check_text(conf, why) && devargs_virtio(conf, &port->devargs, why);
	case IMG_DEVICE_TAP:
		return check_text(conf, why) && devargs_tap(conf, port, why);
	case IMG_DEVICE_PCI:
		return devargs_pci(conf, port, why);
	case IMG_DEVICES:
		break;
	}
	snprintf(why, PORT_WHY, "port %s: this version has no %s ports", conf->name,
		 img_device_name(conf->device_kind));
	return false;
}
