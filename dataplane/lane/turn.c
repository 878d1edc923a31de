/*
 * turn.c - one turn of a lane, from what has arrived to what is sent, run to completion.
 */
#include "lane/own.h"

/* Events of a door of TCP, in order; proxy calls back into TCP but not into its doors. */
static void
take_events(struct lane *lane, uint64_t now)
{
	struct tcp_out *out = &lane->tcp_out;

	for (uint32_t i = 0; i < out->event_n; i++)
		proxy_on_event(lane->proxy, &out->event[i], now);
	out->event_n = 0;
}

void
lane_input(struct lane *lane, uint64_t now)
{
	struct lane_burst *burst = &lane->burst;

	if (burst->n == 0)
		return;
	if (lane->capture.is_on)
		capture_received(lane, now);
	tcp_input(lane->tcp, burst->seg, burst->buf, burst->n, now, &lane->tcp_out);
	burst->n = 0;
	take_events(lane, now);
	if (lane->capture.is_on)
		capture_settle(lane, now);
	lane_take_packets(lane, now);
}

/* Who has not answered TCP for long may be gone from the link. */
static void
pass_doubts(struct lane *lane, uint64_t now)
{
	struct tcp_doubt doubt;

	while (tcp_doubted(lane->tcp, &doubt))
		net_doubt(lane->net, doubt.path, &doubt.remote, now);
}

/*
 * TCP's output brings events (a timer ended a connection), whose answers are more output. What is
 * left after some rounds comes next turn: TCP's deadline says so.
 */
static bool
settle(struct lane *lane, uint64_t now)
{
	bool found = false;

	for (uint32_t i = 0; i < ROUNDS_MAX && tcp_deadline(lane->tcp) <= now; i++) {
		bool has_events;

		if (!lane_can_send(lane))
			lane_flush(lane, now);
		if (!lane_can_send(lane))
			break;
		tcp_advance(lane->tcp, now, &lane->tcp_out);
		pass_doubts(lane, now);
		has_events = lane->tcp_out.event_n > 0;
		found |= has_events || lane->tcp_out.packet_n > 0;
		take_events(lane, now);
		lane_take_packets(lane, now);
		if (!has_events)
			break;
	}
	return found;
}

/* The view stays the same within a turn. Returns whether it is another than in the last one. */
static bool
take_view(struct lane *lane, uint64_t now)
{
	const struct cursors *cursors;

	if (!view_take(lane->conf.views, lane->conf.lane_i, &lane->taken))
		return false;
	lane_adopt_view(lane, now);
	cursors = lane->taken.cursors;
	if (lane->conf.journal != NULL)
		journal_set_cursor(lane->conf.journal,
				   cursors != NULL ? &cursors->now[lane->conf.lane_i] : NULL);
	return true;
}

/* Ten times a second: what was said to a link that was down nobody has heard. */
static void
look_at_links(struct lane *lane, uint64_t now)
{
	for (uint16_t i = 0; i < lane->conf.port_n; i++) {
		const struct portif *port = &lane->conf.port[i];
		uint64_t bit = 1ull << i, is_up = port->ops->is_up(port) ? bit : 0;

		if ((lane->links_up & bit) < is_up)
			net_link_up(lane->net, i, now);
		lane->links_up = (lane->links_up & ~bit) | is_up;
	}
}

bool
lane_turn(struct lane *lane, uint64_t now)
{
	bool found;

	found = take_view(lane, now);
	if (lane->must_drain) {
		lane->must_drain = false;
		proxy_drain(lane->proxy, now);
	}
	if (lane->rule_next < lane->rule_n) {
		lane_own_rules(lane);
		found = true;
	}
	found |= lane_hear(lane, now);
	found |= lane_receive(lane, now);
	if (now >= lane->runtime_at) {
		lane_take_runtime(lane, now);
		lane_look_at_fragments(lane);
	}
	if (proxy_deadline(lane->proxy) <= now) {
		proxy_advance(lane->proxy, now);
		found = true;
	}
	if (net_deadline(lane->net) <= now) {
		if (!net_out_has_room(&lane->net_out))
			lane_take_net_out(lane, now);
		net_advance(lane->net, now, &lane->net_out);
		found = true;
	}
	found |= lane_answer(lane, now);
	found |= settle(lane, now);
	lane_take_net_out(lane, now); /* replies to the link */
	found |= lane_flush(lane, now);
	lane->count->lane_turns++;
	lane->count->lane_turns_busy += found;
	lane->turned_at = now;
	__atomic_store_n(&lane->conf.board.gauges->turned_at, now, __ATOMIC_RELAXED);
	if (now >= lane->publish_at) {
		look_at_links(lane, now);
		lane_publish(lane, now);
	}
	return found;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
lane_deadline(const struct lane *lane)
{
	uint64_t at = tcp_deadline(lane->tcp);

	if (lane->unheard != 0 || lane->must_drain ||
	    (lane->desk.is_working && !lane->desk.awaits_ring))
		return 0;
	at = earlier(at, proxy_deadline(lane->proxy));
	at = earlier(at, net_deadline(lane->net));
	if (lane_tx_n(lane) > 0) /* the port or the ring was full: soon again */
		at = earlier(at, lane->turned_at + MS_NS / 20);
	return at;
}
