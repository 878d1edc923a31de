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

#define COUNTERS_WIRE(x)                                                                           \
	x(wire_rx_frames, packets, "frames received")

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
