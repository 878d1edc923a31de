/*
 * device.c - what is behind a link: "PATH" a memif (the server's end), "vhost:PATH" a vhost-user
 * backend, whose driver may be handed large packets and may hand us such, or "pci:ADDRESS" a real
 * card, which spreads flows over its queues as it likes.
 *
 * vhost and cards: memory of hugepages is wanted by cards only. A card is not made promiscuous:
 * clients behind the router and origins all have its address.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_vhost.h>
#include <rte_ethdev.h>
#include <rte_vhost.h>

#include <linux/virtio_net.h>

#include "gen/device.h"

enum {
	RING_LOG2 = 11,
	LARGE_SEGMENTS = 43, /* below 64 KiB with headers and the driver's headroom */
};

enum device_kind
device_kind(const char *spec)
{
	if (strncmp(spec, "vhost:", 6) == 0)
		return DEVICE_VHOST;
	return strncmp(spec, "pci:", 4) == 0 ? DEVICE_PCI : DEVICE_MEMIF;
}

const char *
device_place(const char *spec)
{
	return device_kind(spec) == DEVICE_MEMIF ? spec : strchr(spec, ':') + 1;
}

static int
make(const char *name, const char *spec, const char *memif_role, uint16_t queues, char *dev)
{
	const char *place = device_place(spec);
	char args[256];

	switch (device_kind(spec)) {
	case DEVICE_PCI: /* the environment has found it */
		snprintf(dev, DEVICE_NAME_MAX, "%s", place);
		return 0;
	case DEVICE_VHOST:
		unlink(place);
		snprintf(dev, DEVICE_NAME_MAX, "net_vhost_%s", name);
		/* one buffer a packet, as large as it takes: we look at it in one piece */
		snprintf(args, sizeof(args),
			 "iface=%s,queues=%u,tso=1,linear-buffer=1,ext-buffer=1", place, queues);
		break;
	case DEVICE_MEMIF:
		if (strcmp(memif_role, "server") == 0)
			unlink(place);
		snprintf(dev, DEVICE_NAME_MAX, "net_memif_%s", name);
		snprintf(args, sizeof(args), "role=%s,id=0,socket=%s,socket-abstract=no,rsize=%d",
			 memif_role, place, RING_LOG2);
		break;
	}
	return rte_eal_hotplug_add("vdev", dev, args);
}

/* A card spreads by both addresses and ports; vhost says whose checksum nobody needs to look at. */
static int
configure(struct link *l, const char *spec, uint8_t ret_mac[6])
{
	bool is_vhost = device_kind(spec) == DEVICE_VHOST,
	     is_card = device_kind(spec) == DEVICE_PCI;
	struct rte_eth_conf eth = { 0 };
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int err = rte_eth_dev_info_get(l->port, &info);

	if (err != 0)
		return err;
	if (is_vhost) {
		eth.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
		eth.txmode.offloads = info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
							      RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	}
	if (is_card && l->queues > 1) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf =
			info.flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	}
	if (is_card && rte_eth_macaddr_get(l->port, &mac) == 0)
		memcpy(ret_mac, mac.addr_bytes, 6);
	return rte_eth_dev_configure(l->port, l->queues, l->queues, &eth);
}

int
device_open(struct link *l, const char *name, const char *spec, const char *memif_role)
{
	char dev[DEVICE_NAME_MAX];
	uint16_t rx_n = 1 << RING_LOG2, tx_n = 1 << RING_LOG2;
	int err = make(name, spec, memif_role, l->queues, dev);

	if (err == 0)
		err = rte_eth_dev_get_port_by_name(dev, &l->port);
	if (err == 0)
		err = configure(l, spec, l->mac);
	if (err == 0)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(l->port, &rx_n, &tx_n);
	for (uint16_t q = 0; err == 0 && q < l->queues; q++) {
		err = rte_eth_rx_queue_setup(l->port, q, rx_n, (unsigned)SOCKET_ID_ANY, NULL,
					     l->pool);
		if (err == 0)
			err = rte_eth_tx_queue_setup(l->port, q, tx_n, (unsigned)SOCKET_ID_ANY,
						     NULL);
	}
	l->is_vhost = device_kind(spec) == DEVICE_VHOST;
	return err == 0 ? rte_eth_dev_start(l->port) : err;
}

void
device_close(struct link *l, const char *spec)
{
	/* The driver's thread may be hearing a memif's peer leave: it falls over what a close frees. */
	if (device_kind(spec) != DEVICE_MEMIF) {
		rte_eth_dev_stop(l->port);
		rte_eth_dev_close(l->port);
	}
	if (device_kind(spec) != DEVICE_PCI)
		unlink(device_place(spec));
}

uint32_t
device_large(const struct link *l)
{
	uint64_t want = 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_CSUM;
	uint64_t has = 0;
	int vid = l->is_vhost ? rte_eth_vhost_get_vid_from_port_id(l->port) : -1;

	if (vid < 0 || rte_vhost_get_negotiated_features(vid, &has) != 0 || (has & want) != want)
		return 0;
	return LARGE_SEGMENTS * MSS;
}
