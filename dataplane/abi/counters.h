/*
 * counters.h - every counter, declared once. The list becomes the lanes' struct counters, the
 * board's directory (name, unit, offset), what penstockctl prints and the documentation.
 *
 * One line each: x(name, unit, what it counts). A drop's name is its reason. Lines are only ever
 * appended to a part; readers go by the board's directory, never by position.
 */
#ifndef PENSTOCK_ABI_COUNTERS_H
#define PENSTOCK_ABI_COUNTERS_H

#include <stdint.h>

/* clang-format off */

#define COUNTERS_LANE(x)                                                                           \
	x(lane_turns, turns, "turns of the lane")                                                  \
	x(lane_turns_busy, turns, "turns that found work")

/* Why a received frame was dropped; wire/drop.h makes its enum of this. */
#define WIRE_DROPS(d, x)                                                                           \
	d(x, RUNT, runt, "shorter than an Ethernet header")                                        \
	d(x, SPLIT_HEADERS, split_headers, "headers not all in the first buffer")                  \
	d(x, OTHER_MAC, other_mac, "sent to another station")                                      \
	d(x, VLAN, vlan, "VLAN tag is not that of the port")                                       \
	d(x, ETHERTYPE, ethertype, "neither IP nor ARP")                                           \
	d(x, ARP_MALFORMED, arp_malformed, "ARP of wrong length, types or addresses")              \
	d(x, IP4_TRUNCATED, ip4_truncated, "less than an IPv4 header")                             \
	d(x, IP4_VERSION, ip4_version, "version is not 4")                                         \
	d(x, IP4_HEADER_LENGTH, ip4_header_length, "IPv4 header length below 5 or beyond the packet") \
	d(x, IP4_TOTAL_LENGTH, ip4_total_length, "IPv4 total length below the header or beyond the packet") \
	d(x, IP4_CHECKSUM, ip4_checksum, "IPv4 header checksum is wrong")                          \
	d(x, IP4_OPTIONS, ip4_options, "IPv4 options malformed")                                   \
	d(x, IP4_SOURCE_ROUTE, ip4_source_route, "IPv4 source route")                              \
	d(x, IP4_FRAGMENT, ip4_fragment, "IPv4 fragment")                                          \
	d(x, IP6_TRUNCATED, ip6_truncated, "less than an IPv6 header")                             \
	d(x, IP6_VERSION, ip6_version, "version is not 6")                                         \
	d(x, IP6_LENGTH, ip6_length, "IPv6 payload length beyond the packet, or a jumbogram")      \
	d(x, IP6_EXTENSION, ip6_extension, "IPv6 extension headers malformed or too many")         \
	d(x, IP6_ROUTING, ip6_routing, "IPv6 routing header with segments left")                   \
	d(x, IP6_OPTION, ip6_option, "IPv6 option unknown and not to be skipped")                  \
	d(x, IP6_FRAGMENT, ip6_fragment, "IPv6 fragment")                                          \
	d(x, IP_MARTIAN_SOURCE, ip_martian_source, "source address that cannot send")              \
	d(x, IP_MARTIAN_DESTINATION, ip_martian_destination, "destination address not for a host") \
	d(x, IP_LINK_BROADCAST, ip_link_broadcast, "unicast IP in a broadcast or multicast frame") \
	d(x, IP_PROTOCOL, ip_protocol, "neither TCP nor ICMP")                                     \
	d(x, TCP_TRUNCATED, tcp_truncated, "less than a TCP header")                               \
	d(x, TCP_HEADER_LENGTH, tcp_header_length, "TCP header length below 5 or beyond the packet") \
	d(x, TCP_CHECKSUM, tcp_checksum, "TCP checksum is wrong")                                  \
	d(x, TCP_PORT_ZERO, tcp_port_zero, "TCP port 0")                                           \
	d(x, TCP_FLAGS, tcp_flags, "SYN with FIN or RST")                                          \
	d(x, TCP_OPTIONS, tcp_options, "TCP options malformed")                                    \
	d(x, ICMP_TRUNCATED, icmp_truncated, "less than an ICMP header")                           \
	d(x, ICMP_CHECKSUM, icmp_checksum, "ICMP checksum is wrong")                               \
	d(x, ICMP_TYPE, icmp_type, "ICMP type that asks nothing of us")                            \
	d(x, ICMP_QUOTE, icmp_quote, "ICMP error that does not quote a TCP segment")               \
	d(x, ND_HOP_LIMIT, nd_hop_limit, "neighbour discovery from off the link")                  \
	d(x, ND_MALFORMED, nd_malformed, "neighbour discovery malformed (RFC 4861, 7.1)")

#define COUNTERS_WIRE_DROP(x, NAME, name, what) x(wire_drop_##name, packets, what)

#define COUNTERS_WIRE(x)                                                                           \
	x(wire_rx_frames, packets, "frames received")                                              \
	WIRE_DROPS(COUNTERS_WIRE_DROP, x)

#define COUNTERS_NET(x)                                                                            \
	x(net_arp_replies, packets, "ARP requests for our addresses answered")

#define COUNTERS_TCP(x)                                                                            \
	x(tcp_rx_segments, segments, "valid segments received")                                    \
	x(tcp_tx_segments, segments, "segments sent")

#define COUNTERS_HTTP(x)                                                                           \
	x(http_requests, requests, "request heads received")

#define COUNTERS_PROXY(x)                                                                          \
	x(proxy_exchanges, exchanges, "requests answered or forwarded")

#define COUNTERS(x)                                                                                \
	COUNTERS_LANE(x)                                                                           \
	COUNTERS_WIRE(x)                                                                           \
	COUNTERS_NET(x)                                                                            \
	COUNTERS_TCP(x)                                                                            \
	COUNTERS_HTTP(x)                                                                           \
	COUNTERS_PROXY(x)

/* clang-format on */

struct counters {
#define X(name, unit, what) uint64_t name;
	COUNTERS(X)
#undef X
};

#endif
