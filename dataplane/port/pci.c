/*
 * pci.c - see pci.h. Cards have not been run with this yet: drivers-conf/pci.md.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "port/pci.h"

enum {
	RETA_GROUPS = RETA_MAX / RTE_ETH_RETA_GROUP_SIZE,
};

/* Microsoft's, which most cards have out of the box; 52 bytes where a card wants so many. */
static uint8_t key_usual[RSS_KEY_BYTES_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43,
	0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
	0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01,
	0xfa, 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d,
};

/* The driver that the kernel has bound to a device; empty: none. */
static void
driver_of(const char *address, char ret_driver[NAME_BYTES_MAX])
{
	char path[128], to[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	slash = strrchr(to, '/');
	snprintf(ret_driver, NAME_BYTES_MAX, "%.60s", slash != NULL ? slash + 1 : "");
}

/* These of the kernel's share a card with DPDK. */
static bool
is_shared(const char *driver)
{
	return strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0;
}

bool
port_card_check(const char *port, const char *address, char *why)
{
	char path[128], driver[NAME_BYTES_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	driver_of(address, driver);
	if (strcmp(driver, "vfio-pci") == 0 || is_shared(driver))
		return true;
	if (access(path, F_OK) != 0)
		snprintf(why, PORT_WHY,
			 "port %s: there is no PCI device %s here; lspci -D lists those that are",
			 port, address);
	else if (driver[0] == '\0')
		snprintf(why, PORT_WHY,
			 "port %s: %s has no driver; driverctl set-override %s "
			 "vfio-pci",
			 port, address, address);
	else
		snprintf(why, PORT_WHY,
			 "port %s: the kernel's driver %s has %s; driverctl set-override %s "
			 "vfio-pci takes it away from the kernel",
			 port, driver, address, address);
	return false;
}

bool
pci_find(const struct port_conf *conf, uint16_t *ret_id, char *why)
{
	if (rte_eth_dev_get_port_by_name(conf->device, ret_id) == 0)
		return true;
	snprintf(why, PORT_WHY,
		 "port %s: DPDK does not take %s; its driver is missing (librte-net-*), or the "
		 "IOMMU is off",
		 conf->name, conf->device);
	return false;
}

void
pci_want_spread(const struct port_conf *conf, const struct rte_eth_dev_info *info, uint16_t queues,
		struct rte_eth_conf *eth)
{
	struct rte_eth_rss_conf *rss = &eth->rx_adv_conf.rss_conf;

	if (queues == 1)
		return;
	eth->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	rss->rss_hf = info->flow_type_rss_offloads &
		      (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP);
	if (info->hash_key_size == 0 || info->hash_key_size > RSS_KEY_BYTES_MAX)
		return; /* its own, which it may tell */
	rss->rss_key = key_usual;
	rss->rss_key_len = info->hash_key_size;
	if (conf->rss_key_n == info->hash_key_size)
		rss->rss_key = (uint8_t *)(uintptr_t)conf->rss_key;
}

void
pci_take_spread(uint16_t id, struct portif_facts *facts)
{
	struct rte_eth_rss_reta_entry64 group[RETA_GROUPS];
	struct rte_eth_rss_conf rss = { .rss_key = facts->key };
	struct rte_eth_dev_info info;

	if (facts->queue_n == 1 || rte_eth_dev_info_get(id, &info) != 0 || info.reta_size == 0 ||
	    info.reta_size > RETA_MAX || info.reta_size % RTE_ETH_RETA_GROUP_SIZE != 0 ||
	    info.hash_key_size == 0 || info.hash_key_size > sizeof(facts->key))
		return;
	rss.rss_key_len = info.hash_key_size;
	memset(group, 0, sizeof(group));
	for (uint32_t i = 0; i < RETA_GROUPS; i++)
		group[i].mask = UINT64_MAX;
	if (rte_eth_dev_rss_hash_conf_get(id, &rss) != 0 || rss.rss_hf == 0 ||
	    rte_eth_dev_rss_reta_query(id, group, info.reta_size) != 0)
		return;
	for (uint32_t i = 0; i < info.reta_size; i++) {
		uint16_t queue =
			group[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];

		if (queue >= facts->queue_n)
			return; /* a table that cannot be ours */
		facts->reta[i] = queue;
	}
	facts->reta_n = info.reta_size;
	facts->key_n = info.hash_key_size;
}
