/*
 * pcapng.h - writing packets to a file that Wireshark and tcpdump read, as the draft
 * draft-ietf-opsawg-pcapng says: a section, an interface for each port, packets of nanoseconds.
 * Writing needs three kinds of blocks; DPDK's librte_pcapng takes mbufs and penstockctl links no
 * DPDK, and libpcap writes no pcapng.
 */
#ifndef PENSTOCK_CONTROL_CTL_PCAPNG_H
#define PENSTOCK_CONTROL_CTL_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_packet {
	uint32_t interface_i; /* in the order in which they were written */
	uint64_t time_ns;     /* Unix */
	uint32_t n;	      /* bytes on the wire */
	uint32_t kept_n;
	bool is_out;
	const uint8_t *bytes;
	const char *comment; /* NULL: none */
};

/* What was written is in the stream's buffer; how many bytes they are. */
uint32_t pcapng_section(FILE *file, const char *program);
uint32_t pcapng_interface(FILE *file, const char *name, uint32_t snap);
uint32_t pcapng_packet(FILE *file, const struct pcapng_packet *packet);

#endif
