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
	x(lane_turns_busy, turns, "turns that found work")                                         \
	x(lane_busy_ns, ns, "time of turns that found work")                                       \
	x(lane_idle_ns, ns, "time of turns that found none, asleep not counted")                   \
	x(lane_tx_frames, packets, "frames given to ports")                                        \
	x(lane_handed_over, packets, "received for another lane and handed over")                  \
	x(lane_taken_over, packets, "received by another lane and taken over")                     \
	x(lane_steering_switched, ports, "ports whose own spreading was belied by real packets")   \
	x(lane_messages_lost, messages, "news for other lanes that had no room")                   \
	x(lane_drop_handover_full, packets, "dropped: the ring to the flow's lane was full")       \
	x(lane_drop_rounds, packets, "dropped: too many pieces of flows that no lane knows")       \
	x(lane_drop_not_ours, packets, "dropped: TCP to an address that is not ours")              \
	x(lane_drop_broadcast_source, packets, "dropped: from a broadcast address of our own link") \
	x(lane_drop_tx_full, packets, "dropped: too many frames waiting for a port")               \
	x(lane_drop_tx_stalled, packets, "dropped: the port took nothing for too long")       \
	x(lane_except_to_kernel, packets, "not ours, given to the kernel by an exception path")    \
	x(lane_except_from_kernel, packets, "of the kernel's, to be sent by a port")               \
	x(lane_drop_except_full, packets, "not ours, dropped: the exception path was full")        \
	x(lane_drop_except_copy, packets, "for the kernel too, but no buffer for a copy")          \
	x(lane_drop_except_refused, packets, "not ours, dropped: the kernel did not take them")

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
	d(x, ND_FRAGMENT, nd_fragment, "neighbour discovery with a fragment header (RFC 6980)")    \
	d(x, ND_MALFORMED, nd_malformed, "neighbour discovery malformed (RFC 4861, 7.1)")          \
	d(x, MLD_MALFORMED, mld_malformed, "multicast listener query malformed or from off the link")

/* Why a fragment was dropped; net/reassembly.h makes its enum of this. */
#define NET_FRAG_DROPS(d, x)                                                                       \
	d(x, MALFORMED, malformed, "without a byte, or of odd size though more follow")            \
	d(x, TOO_LONG, too_long, "reach beyond the longest packet")                                \
	d(x, ADDRESS, address, "to an address that is not ours, or from one that cannot be")       \
	d(x, PROTOCOL, protocol, "neither TCP nor ICMP")                                           \
	d(x, TINY, tiny, "the first has not all headers, or TCP's begins in another")              \
	d(x, ND, nd, "neighbour discovery (RFC 6980)")                                             \
	d(x, DUPLICATE, duplicate, "the same is there already")                                    \
	d(x, OVERLAP, overlap, "of a packet of which two fragments overlap (RFC 5722)")            \
	d(x, TOO_MANY, too_many, "of a packet in more pieces than are kept of one")                \
	d(x, SOURCE, source, "of the source's oldest packet, one above its share")                 \
	d(x, ROOM, room, "of the oldest packet, to make room")                                     \
	d(x, PRESSURE, pressure, "of all packets: buffers run out")                                \
	d(x, TIMEOUT, timeout, "of a packet whose rest did not come in time")                      \
	d(x, ECN, ecn, "some marked by a router though others cannot be (RFC 3168, 5.3)")          \
	d(x, OFF, off, "waited when the configuration began to refuse them")

#define COUNTERS_NET_FRAG_DROP(x, NAME, name, what)                                                \
	x(net_frag_drop_##name, packets, "fragments dropped: " what)

#define COUNTERS_WIRE_DROP(x, NAME, name, what) x(wire_drop_##name, packets, what)

#define COUNTERS_WIRE(x)                                                                           \
	x(wire_rx_frames, packets, "frames received")                                              \
	WIRE_DROPS(COUNTERS_WIRE_DROP, x)

#define COUNTERS_NET(x)                                                                            \
	x(net_arp_replies, packets, "ARP requests for our addresses answered")                     \
	x(net_nd_replies, packets, "neighbour solicitations for our addresses answered")           \
	x(net_echo_replies, packets, "echo requests answered")                                     \
	x(net_echo_limited, packets, "echo requests not answered: too many")                       \
	x(net_not_ours, packets, "ARP, ND and echo requests for addresses not ours")               \
	x(net_off_link, packets, "ARP and ND from addresses not on the link")                      \
	x(net_solicits, packets, "ARP requests and neighbour solicitations sent")                  \
	x(net_announcements, packets, "announcements of our addresses sent")                       \
	x(net_conflicts, events, "another station claims an address of ours")                      \
	x(net_duplicates, addresses, "addresses given up: another station had them first")         \
	x(net_lost_sources, packets, "not sent: from an address that is another station's")        \
	x(net_no_route, packets, "packets dropped: no route to the destination")                   \
	x(net_waits, packets, "packets that waited for a neighbour")                               \
	x(net_wait_drops, packets, "packets dropped: too many wait for a neighbour")               \
	x(net_unresolved, packets, "packets dropped: no neighbour answered")                       \
	x(net_neighbours_evicted, neighbours, "neighbours forgotten to make room")                 \
	x(net_hearsay_dropped, neighbours, "heard of, not remembered: all places are in use")      \
	x(net_bad_macs, packets, "ARP and ND not believed: no MAC, or ours")                       \
	x(net_solicits_limited, packets, "questions put off: too many neighbours are new")         \
	x(net_nd_replies_limited, packets, "answers to all nodes not sent: too many")              \
	x(net_no_buffers, packets, "messages of our own not sent: no buffer")                      \
	x(net_news_lost, events, "news for other lanes or TCP lost: too many at once")             \
	x(net_learned, events, "neighbours heard of from other lanes")                             \
	x(net_bad_config, records, "addresses and routes left out: not valid")                     \
	x(net_doubted, neighbours, "asked early: those above wait too long for an answer")         \
	x(net_moved, neighbours, "in use, and found to have another MAC")                          \
	x(net_address_probes, packets, "questions whether another station has an address of ours") \
	x(net_duplicates_over, addresses, "taken back: the other station has them no longer")      \
	x(net_icmp_errors, packets, "ICMP errors sent: what came asks for what we do not have")    \
	x(net_icmp_errors_limited, packets, "ICMP errors not sent: too many")                      \
	x(net_mld_reports, packets, "reports of the multicast groups we listen to")                \
	x(net_fragments, packets, "fragments taken to be put together")                            \
	x(net_reassembled, packets, "put together of fragments")                                   \
	x(net_echo_too_large, packets, "echo requests not answered: the answer would not fit")     \
	NET_FRAG_DROPS(COUNTERS_NET_FRAG_DROP, x)

#define COUNTERS_TCP(x)                                                                            \
	x(tcp_rx_segments, segments, "valid segments received")                                    \
	x(tcp_tx_segments, segments, "segments sent")                                              \
	x(tcp_established, connections, "opened, by either side")                                  \
	x(tcp_dials, connections, "dialled")                                                       \
	x(tcp_simultaneous_opens, connections, "both sides sent a SYN at once")                    \
	x(tcp_rx_syns, segments, "SYNs for a listener")                                            \
	x(tcp_tx_syn_again, segments, "SYNs and SYN-ACKs sent again")                              \
	x(tcp_tx_cookies, segments, "SYN cookies sent")                                            \
	x(tcp_cookies_redeemed, connections, "opened by a SYN cookie")                             \
	x(tcp_rx_bad_cookie, segments, "ACKs for a listener that carry no cookie of ours")         \
	x(tcp_conns_exhausted, connections, "wanted when all records were taken")                  \
	x(tcp_evicted, connections, "idle ones cut because records ran out")                       \
	x(tcp_time_wait_cut, connections, "TIME-WAIT ended early because records ran out")         \
	x(tcp_time_wait_reused, connections, "TIME-WAIT ended by a new SYN")                       \
	x(tcp_orphans_cut, connections, "released ones whose peer sent no FIN in time")            \
	x(tcp_addresses_lost, connections, "ended: their address is another station's")            \
	x(tcp_hurried, connections, "sent again at once: their next hop has another MAC")          \
	x(tcp_rx_no_flow, segments, "dropped: of no connection")                                   \
	x(tcp_rx_no_syn, segments, "dropped: our SYN was not answered by one")                     \
	x(tcp_rx_no_ack, segments, "dropped: no ACK flag")                                         \
	x(tcp_rx_bad_ack, segments, "dropped: acknowledges what was not sent or long ago")         \
	x(tcp_rx_no_timestamp, segments, "dropped: no timestamp though agreed")                    \
	x(tcp_rx_paws, segments, "dropped: timestamp from the past")                               \
	x(tcp_rx_left_of_window, segments, "dropped: wholly received before")                      \
	x(tcp_rx_right_of_window, segments, "dropped: beyond the window")                          \
	x(tcp_rx_partly_old, segments, "with bytes received before")                               \
	x(tcp_rx_beyond_window, segments, "with bytes beyond the window, cut off")                 \
	x(tcp_rx_bad_syn, segments, "dropped: SYN inside a connection")                            \
	x(tcp_rx_bad_reset, segments, "dropped: RST not exactly at the expected byte")             \
	x(tcp_rx_resets, connections, "reset by the peer")                                         \
	x(tcp_rx_after_fin, segments, "data beyond the peer's own FIN")                            \
	x(tcp_rx_after_release, connections, "reset because data came for an owner who had let go") \
	x(tcp_released_unread, connections, "reset because their owner let go of bytes unread")    \
	x(tcp_rx_out_of_order, segments, "beyond a gap")                                           \
	x(tcp_rx_duplicates, segments, "dropped: already here beyond a gap")                       \
	x(tcp_rx_too_many_gaps, segments, "dropped: too many gaps")                                \
	x(tcp_rx_gap_no_memory, segments, "dropped: beyond a gap while the buffer budget is nearly used") \
	x(tcp_gaps_cut, runs, "beyond gaps, dropped or halved for a connection that holds less in them") \
	x(tcp_rx_no_memory, segments, "dropped: in order, but the buffer budget is used up")       \
	x(tcp_rx_merged, segments, "small payloads copied behind waiting bytes")                   \
	x(tcp_rx_dup_acks, segments, "duplicate ACKs")                                             \
	x(tcp_rx_dsacks, segments, "duplicates reported by the peer")                              \
	x(tcp_rx_bad_sack, blocks, "SACK blocks outside of what is in flight")                     \
	x(tcp_rx_reneged, connections, "the peer dropped what it had SACKed")                      \
	x(tcp_recoveries, recoveries, "fast recoveries begun")                                     \
	x(tcp_timeouts, timeouts, "retransmission timer expired")                                  \
	x(tcp_tx_again, segments, "sent again")                                                    \
	x(tcp_tx_delayed_acks, segments, "ACKs sent by the delayed-ACK timer")                     \
	x(tcp_tx_probes, segments, "probes of a window or of life")                                \
	x(tcp_tx_keepalives, segments, "keep-alive probes")                                        \
	x(tcp_tx_challenges, segments, "challenge ACKs")                                           \
	x(tcp_challenges_withheld, segments, "challenge ACKs not sent: too many this second")      \
	x(tcp_tx_resets, segments, "RSTs sent")                                                    \
	x(tcp_tx_reheaded, segments, "payload sent from where it lay, header in front")            \
	x(tcp_tx_chained, segments, "payload sent from where it lay, header chained")              \
	x(tcp_tx_copied, segments, "payload copied to be sent")                                    \
	x(tcp_copied_bytes, bytes, "of payload copied, to be sent or behind bytes that wait")      \
	x(tcp_tx_super, packets, "of several segments, which the port cuts")                       \
	x(tcp_rx_super, packets, "of several segments, which the port put together")               \
	x(tcp_tx_merged, buffers, "small pieces copied behind bytes that wait to be sent")          \
	x(tcp_tx_no_buffer, segments, "not sent yet: the buffer pool was dry")                     \
	x(tcp_tx_bare_dropped, segments, "RSTs and cookies not sent: out was full")                \
	x(tcp_mss_lowered, connections, "segments made smaller: an ICMP error, or silence")        \
	x(tcp_black_holes, connections, "full segments vanished without a word, smaller ones tried") \
	x(tcp_icmp_ignored, messages, "ICMP errors about nothing in flight")                       \
	x(tcp_answers_withheld, segments, "empty ones out of the window not answered: answered just before") \
	x(tcp_reordered, connections, "whose path delivered segments out of order")                \
	x(tcp_tx_tail_probes, segments, "sent to hear of the end of a flight")                     \
	x(tcp_tail_losses, recoveries, "ends of flights that a probe has mended")                  \
	x(tcp_undone, recoveries, "taken back: nothing had been lost")                             \
	x(tcp_rx_ce, segments, "marked by a router that was near to dropping them (ECN)")           \
	x(tcp_ecn_reductions, reductions, "of the window, because the peer has seen marks")         \
	x(tcp_repairs_none, events, "no record for a hole, probe or duplicate: older rules served") \
	x(tcp_ecn_holds, events, "nothing new for a timeout: marks at the least window")           \
	x(tcp_tx_paced, events, "new bytes waited for the pace that congestion control asks")      \
	x(tcp_icmp_waits, errors, "path sizes that wait for proof, as full segments had arrived")  \
	x(tcp_mtu_probes, segments, "larger ones, to see whether the path carries them again")     \
	x(tcp_mtu_raised, events, "the path carries larger segments again")                        \
	x(tcp_doubts, events, "a next hop is doubted: nothing acknowledged for three timeouts")    \
	x(tcp_frto_undone, events, "timeouts that new bytes showed to be mistakes")       \
	x(tcp_repairs_reclaimed, records, "of connections with nothing in flight, for others in need")

#define COUNTERS_HTTP(x)                                                                           \
	x(http_requests, requests, "request heads received")

#define COUNTERS_PROXY(x)                                                                          \
	x(proxy_exchanges, exchanges, "requests answered or forwarded")                            \
	x(proxy_exchanges_failed, exchanges, "of these, ended with a cause")                       \
	x(proxy_exchanges_none, requests, "turned away: no room for another exchange")             \
	x(proxy_requests_refused, requests, "malformed or over a limit")                           \
	x(proxy_own_replies, responses, "made by the proxy itself")                                \
	x(proxy_conns_accepted, connections, "client connections")                                 \
	x(proxy_conns_refused, connections, "client connections turned away")                      \
	x(proxy_client_idle_closed, connections, "client connections idle for too long")           \
	x(proxy_upstream_idle_closed, connections, "kept server connections idle for too long")    \
	x(proxy_dials, connections, "connections to servers begun")                                \
	x(proxy_dials_failed, connections, "of these, refused, timed out or unreachable")          \
	x(proxy_reused, requests, "given to a kept server connection")                             \
	x(proxy_retries, requests, "given to another connection")                                  \
	x(proxy_tunnels, tunnels, "connections upgraded")                                          \
	x(proxy_copied_bytes, bytes, "of bodies copied or moved together between buffers")         \
	x(proxy_starved, times, "a body waited for buffers")                                       \
	x(proxy_cut, exchanges, "cut: the memory budget was used up")                              \
	x(proxy_linger_cut, connections, "cut: the end of a response was not taken in time")       \
	x(proxy_killed, sessions, "ended by penstockctl")                                          \
	x(proxy_listen_failed, listeners, "addresses that could not be listened on")               \
	x(proxy_farm_overflow, servers, "servers beyond this start's tables")                      \
	x(proxy_rules_asked, requests, "that rules were asked for")                                \
	x(proxy_rules_captured, requests, "of these, PCRE2 was needed")                            \
	x(proxy_rules_regex, matches, "patterns that PCRE2 was asked for, outbound ones too")      \
	x(proxy_rules_answered, requests, "redirected, answered or aborted by a rule")             \
	x(proxy_rules_faults, requests, "a rule could not be carried out")                         \
	x(proxy_rules_limit, requests, "of these, at the match limit")                             \
	x(proxy_rewrites, responses, "whose bodies outbound rules rewrite")                        \
	x(proxy_rewrites_none, responses, "that were not for want of rewrite memory: 500.52")      \
	x(proxy_rewrites_failed, responses, "cut while they were rewritten")                       \
	x(proxy_rewrites_large, responses, "of these, decoded to more than is let through")

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
