/*
 * pci.h - a port that is a network card: found among the devices that DPDK's environment was
 * allowed, told to spread flows by a key that we know, and asked how it does.
 */
#ifndef PENSTOCK_PORT_PCI_H
#define PENSTOCK_PORT_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "port/port.h"

/* DPDK's number of the card at conf->device ("0000:3b:00.0"). False and why when it has none. */
bool pci_find(const struct port_conf *conf, uint16_t *ret_id, char *why);

/* Adds to eth what makes a card with several queues spread TCP's flows over them. */
void pci_want_spread(const struct port_conf *conf, const struct rte_eth_dev_info *info,
		     uint16_t queues, struct rte_eth_conf *eth);

/*
 * How the started card spreads: key and table as it says itself. Without both key_n stays 0 and
 * flows are spread in software.
 */
void pci_take_spread(uint16_t id, struct portif_facts *facts);

#endif
