/*
 * open.c - opens, watches and closes a device: from struct port_conf to a started DPDK port.
 *
 * No offload is asked for that the engines do not use, and of the kinds whose faults are known
 * (packet, memif, xdp) no checksum and no cut; FAST_FREE never, because buffers have counts.
 * A device without receive-side scaling of its own tells no key: flows are then spread in
 * software. A memif or virtio peer with several queues is taken to spread as most NICs do out of
 * the box, with Microsoft's key; the lanes judge that from real packets.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "port/own.h"
#include "port/pci.h"

enum {
	RETA_USUAL = 128,
	KEY_USUAL = 40,
	GATHER_US = 30,
	BURST_CARD =
		32, /* vector receive paths give nothing for less (ixgbe; i40e, ice, iavf: 4) */
	XDP_FILL = 2048, /* buffers that the driver keeps with the kernel, a queue */
	ALARM_US = 100,
	SETTLE_MS = 1000,
	LOOKS_MAX = 10, /* a memif that has no link after so many connects anew */
};

_Static_assert((int)BURST_CARD <= (int)BURST_MAX, "a lane has places for it");

static const uint8_t key_usual[KEY_USUAL] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static bool
fail(const struct port_conf *conf, const char *what, int err, char *why)
{
	snprintf(why, PORT_WHY, "port %s (%s): %s: %s", conf->name, conf->device, what,
		 err < 0 ? rte_strerror(-err) : "no device");
	return false;
}

/* What the engines can use of a device of this kind, and may. */
static void
want_offloads(const struct port_conf *conf, struct port *port)
{
	static const struct {
		uint32_t unless; /* IMG_PORT_NO_ */
		uint64_t rx, tx;
	} all[] = {
		{ IMG_PORT_NO_MULTI_SEGS, 0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS },
		{ IMG_PORT_NO_RX_CHECKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0 },
		{ IMG_PORT_NO_LRO, RTE_ETH_RX_OFFLOAD_TCP_LRO, 0 },
		{ IMG_PORT_NO_TX_CHECKSUM, 0, RTE_ETH_TX_OFFLOAD_TCP_CKSUM },
		{ IMG_PORT_NO_TSO, 0, RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM },
	};
	bool has_all = conf->device_kind == IMG_DEVICE_VIRTIO ||
		       conf->device_kind == IMG_DEVICE_VHOST ||
		       conf->device_kind == IMG_DEVICE_TAP || port->is_raw || port->is_card;

	port->rx_offloads = has_all ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	for (size_t i = 0; i < (has_all ? sizeof(all) / sizeof(all[0]) : 1); i++) {
		if ((conf->off & all[i].unless) != 0)
			continue;
		port->rx_offloads |= all[i].rx;
		port->tx_offloads |= all[i].tx;
	}
}

/* Of what is wanted, what the device offers. */
static void
take_offloads(struct port *port, const struct rte_eth_dev_info *info, struct rte_eth_conf *eth)
{
	bool looks = port->is_card || port->is_raw;

	eth->rxmode.offloads = port->rx_offloads &= info->rx_offload_capa;
	eth->txmode.offloads = port->tx_offloads &= info->tx_offload_capa;
	if ((port->rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0)
		eth->rxmode.max_lro_pkt_size = info->max_lro_pkt_size;
	port->must_linearise = (port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) == 0;
	port->prepares = looks;
	port->sums_ip = looks && (port->tx_offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
}

/*
 * Makes the device of port->devargs and its queues; a negative errno when it cannot be. conf is
 * read for cards.
 */
static int
make(const struct port_conf *conf, struct port *port)
{
	const struct port_devargs *d = &port->devargs;
	uint16_t rx_n = d->ring_n, tx_n = d->ring_n;
	struct rte_eth_conf eth = { 0 };
	struct rte_eth_dev_info info;
	char args[sizeof(d->args) + 32];
	int err;

	snprintf(args, sizeof(args), "%s%s", d->args, port->is_zero_copy ? ",zero-copy=yes" : "");
	err = port->is_card ? 0 : rte_eal_hotplug_add("vdev", d->name, args);
	if (err == 0 && !port->is_card)
		err = rte_eth_dev_get_port_by_name(d->name, &port->id);
	if (err == 0)
		err = rte_eth_dev_info_get(port->id, &info);
	if (err != 0)
		return err;
	if (port->is_card) {
		eth.rxmode.mtu = d->mtu;
		pci_want_spread(conf, &info, d->queues, &eth);
	}
	take_offloads(port, &info, &eth);
	err = rte_eth_dev_configure(port->id, d->queues, d->queues, &eth);
	rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_n, &tx_n);
	for (uint16_t q = 0; err == 0 && q < d->queues; q++) {
		err = rte_eth_rx_queue_setup(port->id, q, rx_n, SOCKET_ID_ANY, NULL,
					     (struct rte_mempool *)port->pool);
		if (err == 0)
			err = rte_eth_tx_queue_setup(port->id, q, tx_n, SOCKET_ID_ANY, NULL);
	}
	return err;
}

/* True once the device runs. Multicast is needed for IPv6; a device that cannot choose hears all
 * or is told to. */
static bool
start(struct port *port)
{
	port->was_up = false;
	port->looks = 0;
	if (port->is_zero_copy)
		zero_copy_keep();
	if (rte_eth_dev_start(port->id) != 0)
		return false;
	if (port->is_zero_copy)
		zero_copy_settle(port);
	if (!port->is_xdp && rte_eth_allmulticast_enable(port->id) != 0)
		rte_eth_promiscuous_enable(port->id);
	atomic_store_explicit(&port->is_started, true, memory_order_release);
	return true;
}

/* Receive-side scaling that is known; key_n stays 0: flows are spread in software. */
static void
take_spread(const struct port_conf *conf, const struct port *port, struct portif_facts *facts)
{
	const struct port_devargs *d = &port->devargs;

	if (port->is_card)
		pci_take_spread(port->id, facts);
	if ((conf->device_kind != IMG_DEVICE_MEMIF && !port->is_virtio) || d->queues == 1)
		return;
	facts->key_n = KEY_USUAL;
	memcpy(facts->key, key_usual, KEY_USUAL);
	if (conf->rss_key_n != 0) {
		ensure(conf->rss_key_n <= sizeof(facts->key));
		facts->key_n = conf->rss_key_n;
		memcpy(facts->key, conf->rss_key, conf->rss_key_n);
	}
	facts->reta_n = RETA_USUAL;
	for (uint32_t i = 0; i < RETA_USUAL; i++)
		facts->reta[i] = (uint16_t)(i % d->queues);
}

static void
take_mac(const struct port_conf *conf, const struct port *port, uint8_t ret_mac[6])
{
	static const uint8_t none[6];
	struct rte_ether_addr mac;

	if (memcmp(conf->mac, none, 6) != 0) {
		memcpy(ret_mac, conf->mac, 6);
	} else if (port->is_tap) {
		memcpy(ret_mac, port->tap.mac, 6);
	} else {
		rte_eth_macaddr_get(port->id, &mac);
		memcpy(ret_mac, mac.addr_bytes, 6);
	}
}

static void
take_facts(const struct port_conf *conf, struct port *port, struct portif_facts *facts)
{
	const struct port_devargs *d = &port->devargs;

	snprintf(facts->name, sizeof(facts->name), "%s", conf->name);
	take_mac(conf, port, facts->mac);
	facts->mtu = d->mtu;
	facts->queue_n = d->queues;
	facts->burst_least = port->is_card || port->is_raw ? BURST_CARD : 1;
	facts->multi_segs = !port->must_linearise; /* one that comes all the same: burst.c */
	facts->hears_no_queries = port->is_xdp;
	facts->csum_tx = (port->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0;
	facts->csum_rx = (port->rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;
	facts->trusts_sums = conf->trusts_sums;
	facts->tso = (port->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
	facts->lro = (port->rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0 ||
		     (conf->device_kind == IMG_DEVICE_VHOST && (conf->off & IMG_PORT_NO_LRO) == 0);
	if (port->is_zero_copy || port->is_virtio || port->is_tap || port->is_card || port->is_raw)
		facts->ring_bufs = (uint32_t)d->ring_n * d->queues;
	if (port->is_xdp)
		facts->ring_bufs = XDP_FILL * d->queues;
	take_spread(conf, port, facts);
}

/*
 * A server's socket: one that a killed predecessor left would refuse us and goes. Nothing else is
 * ours to remove. Its directory must be the user's own, since that is who makes it.
 */
static bool
make_way(const struct port_conf *conf, char *why)
{
	const char *slash = strrchr(conf->device, '/');
	char dir[128]; /* a socket's path has at most 107 */
	struct stat st;

	if (lstat(conf->device, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(conf->device);
	if (lstat(conf->device, &st) == 0) {
		snprintf(why, PORT_WHY, "port %s: %s is in the way; remove it", conf->name,
			 conf->device);
		return false;
	}
	snprintf(dir, sizeof(dir), "%.*s", slash != NULL ? (int)(slash - conf->device) + 1 : 1,
		 slash != NULL ? conf->device : ".");
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
		return true;
	snprintf(why, PORT_WHY, "port %s: user %u cannot make a socket in %s: %s", conf->name,
		 geteuid(), dir, strerror(errno));
	return false;
}

static bool
open_device(const struct port_conf *conf, struct port *port, char *why)
{
	bool is_memif = conf->device_kind == IMG_DEVICE_MEMIF;
	bool is_server = (is_memif && conf->role == IMG_ROLE_SERVER) ||
			 conf->device_kind == IMG_DEVICE_VHOST;
	int err;

	port->is_xdp = conf->device_kind == IMG_DEVICE_XDP;
	if (conf->gathers &&
	    (port->is_xdp || port->is_tap || conf->device_kind == IMG_DEVICE_PACKET))
		port->gap_tsc = rte_get_tsc_hz() / 1000000 * GATHER_US;
	port->is_virtio = conf->device_kind == IMG_DEVICE_VIRTIO;
	port->is_raw = conf->device_kind == IMG_DEVICE_VDEV;
	port->wants_lengths = port->is_virtio || port->is_tap;
	want_offloads(conf, port);
	if (port->is_tap) {
		port->must_linearise = (port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) == 0;
		atomic_store_explicit(&port->is_started, true, memory_order_release);
		return true;
	}
	port->can_reconnect = is_memif && !is_server;
	port->is_zero_copy = port->can_reconnect && conf->is_huge;
	if (is_server && !make_way(conf, why)) {
		port->devargs.name[0] = '\0'; /* no device to remove */
		return false;
	}
	err = make(conf, port);
	if (err != 0)
		return fail(conf, "making the device", err, why);
	if (port->is_xdp && !xdp_hold(&port->xdp, conf->device, conf->name, why))
		return false;
	/* memif in copy mode leaves a stale mark on slots that held a chain */
	if (is_memif && !port->is_zero_copy)
		port->must_linearise = true;
	if (is_server && lchown(conf->device, conf->owner, conf->owner_group) != 0)
		return fail(conf, "giving the socket to its user", -errno, why);
	if (!start(port) && !port->can_reconnect)
		return fail(conf, "starting", -EIO, why);
	return true;
}

bool
port_open(const struct port_conf *conf, struct portif *ret_port, char *why)
{
	struct port *port = aligned_alloc(64, sizeof(*port));

	ensure(port != NULL);
	memset(port, 0, sizeof(*port));
	port->path = conf->path;
	port->pool = conf->pool;
	if (!port_devargs(conf, port, why) || !open_device(conf, port, why)) {
		if (port->devargs.name[0] != '\0')
			rte_eal_hotplug_remove("vdev", port->devargs.name);
		if (port->is_card)
			rte_eth_dev_close(port->id);
		if (port->is_xdp)
			xdp_close(&port->xdp);
		if (port->is_tap)
			tap_close(&port->tap);
		free(port);
		return false;
	}
	*ret_port = (struct portif){ .ops = &port_burst_ops, .self = port };
	take_facts(conf, port, &ret_port->facts);
	port_look(ret_port);
	return true;
}

static void
note(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
}

/*
 * Waits until the interrupt thread has done what was left to it. A virtio driver whose backend
 * has gone hangs up by an alarm, and that must not find the device closed (DPDK 22.11). Alarms
 * run in the order of their times, so one of ours behind theirs tells.
 */
static void
settle(void)
{
	_Atomic bool has_run = false;

	rte_eal_alarm_set(ALARM_US, note, &has_run);
	for (uint32_t i = 0; i < SETTLE_MS && !atomic_load(&has_run); i++)
		rte_delay_us_sleep(1000);
	rte_eal_alarm_cancel(note, &has_run);
}

void
port_close(struct portif *portif)
{
	struct port *port = portif->self;

	atomic_store(&port->is_started, false);
	if (port->is_virtio || port->is_raw)
		settle();
	if (port->is_tap) {
		tap_close(&port->tap);
	} else {
		rte_eth_dev_stop(port->id);
		rte_eth_dev_close(port->id);
		if (!port->is_card)
			rte_eal_hotplug_remove("vdev", port->devargs.name);
	}
	if (port->is_xdp)
		xdp_close(&port->xdp);
	free(port);
	portif->self = NULL;
}

/*
 * Connects a memif client again. The driver cannot do so with zero-copy (it has closed the file
 * of our memory and forgotten the buffers in its rings), so the device is made anew to copy.
 */
static bool
reconnect(struct port *port)
{
	rte_eth_dev_stop(port->id);
	if (!port->is_zero_copy || !port->was_up)
		return start(port);
	port->is_zero_copy = false;
	rte_eth_dev_close(port->id);
	rte_eal_hotplug_remove("vdev", port->devargs.name);
	if (make(NULL, port) != 0)
		return false;
	port->must_linearise = true;
	return start(port);
}

/*
 * A memif client whose server has gone, or that shook hands with it for too long, is stopped only
 * one look after the lanes were told to leave it alone, when no burst can still be under way.
 */
void
port_look(struct portif *portif)
{
	struct port *port = portif->self;
	struct rte_eth_link link = { 0 };
	bool is_up;

	if (port->is_tap) {
		atomic_store(&port->is_up, tap_is_up(&port->tap));
		return;
	}
	if (!atomic_load(&port->is_started) && !reconnect(port))
		return;
	/* a backend that has gone does not come again, and the driver complains at each look */
	if (port->is_virtio && port->was_up && !atomic_load(&port->is_up))
		return;
	if (port->is_zero_copy)
		zero_copy_restore();
	if (rte_eth_link_get_nowait(port->id, &link) != 0)
		link.link_status = RTE_ETH_LINK_DOWN;
	is_up = link.link_status == RTE_ETH_LINK_UP && (!port->is_xdp || xdp_is_up(&port->xdp));
	port->looks = is_up ? 0 : port->looks + 1;
	if (!is_up && port->can_reconnect && (port->was_up || port->looks > LOOKS_MAX))
		atomic_store(&port->is_started, false);
	port->was_up |= is_up;
	atomic_store(&port->is_up, is_up);
}

bool
port_serve(const struct portif *portif, const struct img *img)
{
	const struct port *port = portif->self;
	struct mac mac;

	memcpy(mac.b, portif->facts.mac, sizeof(mac.b));
	return !port->is_xdp || xdp_serve(&port->xdp, img, port->path, &mac);
}

const char *
port_driver(const struct portif *portif)
{
	const struct port *port = portif->self;
	struct rte_eth_dev_info info;

	if (port->is_tap)
		return "tap";
	return rte_eth_dev_info_get(port->id, &info) == 0 ? info.driver_name : "";
}

static void
add_count(struct port_stats *s, const struct tap_count *c)
{
	s->rx_packets += __atomic_load_n(&c->rx_packets, __ATOMIC_RELAXED);
	s->tx_packets += __atomic_load_n(&c->tx_packets, __ATOMIC_RELAXED);
	s->rx_no_bufs += __atomic_load_n(&c->rx_no_bufs, __ATOMIC_RELAXED);
	s->tx_errors += __atomic_load_n(&c->tx_errors, __ATOMIC_RELAXED);
}

void
port_stats(const struct portif *portif, struct port_stats *ret_stats)
{
	const struct port *port = portif->self;
	struct port_stats s = { 0 };
	struct rte_eth_stats eth;

	for (uint16_t q = 0; port->is_tap && q < port->tap.queue_n; q++)
		add_count(&s, &port->tap.queue[q].count);
	if (!port->is_tap && rte_eth_stats_get(port->id, &eth) == 0) {
		s.rx_packets = eth.ipackets;
		s.tx_packets = eth.opackets;
		s.rx_missed = eth.imissed;
		s.rx_no_bufs = eth.rx_nombuf;
		s.tx_errors = eth.oerrors;
	}
	for (uint32_t q = 0; q < portif->facts.queue_n; q++) {
		s.linearised += __atomic_load_n(&port->queue[q].linearised, __ATOMIC_RELAXED);
		s.unsendable += __atomic_load_n(&port->queue[q].unsendable, __ATOMIC_RELAXED);
	}
	*ret_stats = s;
}
