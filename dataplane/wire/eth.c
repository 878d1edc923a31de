/*
 * eth.c - Ethernet II header (see eth.h).
 */
#include "wire/eth.h"

#include "wire/get.h"

enum {
	VLAN_ID = 0x0fff
};

enum wire_drop
eth_parse(const uint8_t *p, uint32_t n, struct eth *ret_eth, uint32_t *ret_header_n)
{
	struct eth eth = { 0 };
	uint32_t header_n = ETH_HEADER;

	if (n < ETH_HEADER)
		return WIRE_DROP_RUNT;
	memcpy(eth.dst.b, p, sizeof(eth.dst.b));
	memcpy(eth.src.b, p + 6, sizeof(eth.src.b));
	eth.type = get16(p + 12);
	if (eth.type == ETH_TYPE_VLAN) {
		if (n < ETH_HEADER + ETH_VLAN)
			return WIRE_DROP_RUNT;
		eth.vlan = get16(p + 14) & VLAN_ID;
		eth.type = get16(p + 16);
		header_n += ETH_VLAN;
	}
	*ret_eth = eth;
	*ret_header_n = header_n;
	return WIRE_OK;
}

void
eth_emit(const struct eth *eth, uint8_t *to)
{
	memcpy(to, eth->dst.b, sizeof(eth->dst.b));
	memcpy(to + 6, eth->src.b, sizeof(eth->src.b));
	to += 12;
	if (eth->vlan != 0) {
		put16(to, ETH_TYPE_VLAN);
		put16(to + 2, eth->vlan);
		to += ETH_VLAN;
	}
	put16(to, eth->type);
}

struct ip_addr
mac_link_local(const struct mac *mac)
{
	struct ip_addr a = { .b = { 0xfe, 0x80 } };

	a.b[8] = mac->b[0] ^ 2;
	a.b[9] = mac->b[1];
	a.b[10] = mac->b[2];
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	memcpy(&a.b[13], &mac->b[3], 3);
	return a;
}
