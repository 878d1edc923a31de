/*
 * fragments.c - which fragments are put together (reassembly.h), and what their senders hear of
 * those that are not: RFC 1122, 3.2.2.4; RFC 4443, 3.3 and 3.4; RFC 8200, 4.5; RFC 7112, 5.
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	CODE_REASSEMBLY = 1, /* of time exceeded, in both families */
	CODE6_FIELD = 0,
	CODE6_FIRST = 3,    /* the first fragment has not all headers */
	LENGTH6_AT = 4,	    /* of the payload length, in IPv6's header */
	OFFSET6_BEFORE = 6, /* of a fragment's offset field, before its payload */
};

static uint32_t
timer(const struct net *net)
{
	return net->neighbours.n + FRAGMENTS_TIMER;
}

static void
tell_late(struct net *net, const struct buf *first, const struct fragment *f, uint64_t now,
	  struct net_out *out)
{
	uint8_t type = f->is_v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED;
	struct refusal refusal;

	if (fragment_refusal(first, f, type, CODE_REASSEMBLY, 0, &refusal))
		refuse_tell(net, first, &refusal, now, out);
}

/* IPv6 has words for what is wrong with a fragment; IPv4 has none that help. */
static void
tell_wrong(struct net *net, const struct buf *frame, const struct fragment *f, enum frag_drop drop,
	   uint64_t now, struct net_out *out)
{
	uint8_t code = drop == FRAG_DROP_TINY ? CODE6_FIRST : CODE6_FIELD;
	struct refusal refusal;
	uint32_t word = 0;

	if (!f->is_v6)
		return;
	if (drop == FRAG_DROP_MALFORMED && f->n > 0)
		word = LENGTH6_AT;
	else if (drop == FRAG_DROP_TOO_LONG)
		word = (uint32_t)(f->at - f->l3_off - OFFSET6_BEFORE);
	else if (drop != FRAG_DROP_TINY || f->off != 0)
		return;
	if (fragment_refusal(frame, f, ICMP6_PARAMETER, code, word, &refusal))
		refuse_tell(net, frame, &refusal, now, out);
}

static bool
is_from_another(const struct net *net, uint16_t path, const struct fragment *f)
{
	return !f->is_on_link && ip_is_v4(&f->src) != f->is_v6 && ip_can_send(&f->src) &&
	       net_is_ours(net, path, &f->dst) && !net_is_ours(net, path, &f->src) &&
	       !net_is_broadcast(net, path, &f->src);
}

struct buf *
net_reassemble(struct net *net, struct buf *frame, uint64_t now, struct net_out *out)
{
	enum frag_drop drop = FRAG_DROP_ADDRESS;
	struct buf *whole = NULL;
	struct fragment f;

	ensure(frame->path < net->path_n);
	ensure(net_out_has_room(out));
	net->count->net_fragments++;
	fragment_parse(frame, &f);
	if (is_from_another(net, frame->path, &f))
		whole = reassembly_input(&net->reassembly, frame, &f, now, &drop);
	if (drop != FRAG_OK) {
		frag_drop_count(net->count, drop, 1);
		if (drop != FRAG_DROP_ADDRESS)
			tell_wrong(net, frame, &f, drop, now, out);
		buf_give(frame);
	}
	wheel_set(net->wheel, timer(net), reassembly_deadline(&net->reassembly));
	return whole;
}

void
fragments_on_timer(struct net *net, uint64_t now, struct net_out *out)
{
	struct fragment f;
	struct buf *first;

	while (net_out_has_room(out) && reassembly_late(&net->reassembly, now, &first, &f)) {
		if (first == NULL)
			continue;
		tell_late(net, first, &f, now, out);
		buf_give(first);
	}
	wheel_set(net->wheel, timer(net), reassembly_deadline(&net->reassembly));
}

void
net_drop_fragments(struct net *net, enum frag_drop why)
{
	reassembly_clear(&net->reassembly, why);
	wheel_cancel(net->wheel, timer(net));
}

uint32_t
net_fragment_bufs(const struct net *net)
{
	return net->reassembly.buf_n;
}
