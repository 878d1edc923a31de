/*
 * refuse.c - ICMP errors about what we do not take, as many as are bearable (RFC 1122, 3.2.2; RFC
 * 4443, 2.4; RFC 1812, 4.3.2.8).
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/ip.h"
#include "wire/refusal.h"

enum {
	ERRORS_PER_S = 100,
	ERROR_HOP_LIMIT = 64,
};

bool
allowance_take(struct allowance *allowance, uint32_t per_s, uint64_t now)
{
	uint64_t earned = (now - allowance->filled_ns) / (S_NS / per_s);
	uint32_t most = per_s / 10;

	if (earned > 0) {
		allowance->filled_ns = now;
		earned += allowance->tokens;
		allowance->tokens = earned < most ? (uint32_t)earned : most;
	}
	if (allowance->tokens == 0)
		return false;
	allowance->tokens--;
	return true;
}

static void
tell(struct net *net, const struct buf *frame, const struct refusal *refusal, uint64_t now,
     struct net_out *out)
{
	const struct ip ip = {
		.src = refusal->dst,
		.dst = refusal->src,
		.protocol = ip_is_v4(&refusal->dst) ? IP_PROTO_ICMP : IP_PROTO_ICMP6,
		.hop_limit = ERROR_HOP_LIMIT,
		.payload_n = refusal_size(refusal),
	};
	uint32_t header_n = ip_size(&ip.src);
	struct buf *b = send_message(net, frame->path, header_n + refusal_size(refusal));

	if (b == NULL)
		return;
	net->count->net_icmp_errors++;
	ip_emit(&ip, buf_data(b));
	refusal_emit(refusal, frame, buf_data(b) + header_n);
	net_output(net, b, now, out);
}

void
refuse_tell(struct net *net, const struct buf *frame, const struct refusal *refusal, uint64_t now,
	    struct net_out *out)
{
	if (!net_is_ours(net, frame->path, &refusal->dst) ||
	    net_is_ours(net, frame->path, &refusal->src) ||
	    net_is_broadcast(net, frame->path, &refusal->src))
		return;
	if (allowance_take(&net->errors, ERRORS_PER_S, now))
		tell(net, frame, refusal, now, out);
	else
		net->count->net_icmp_errors_limited++;
}

void
net_refuse(struct net *net, struct buf *frame, enum wire_drop drop, uint64_t now,
	   struct net_out *out)
{
	struct refusal refusal;

	ensure(frame->path < net->path_n);
	ensure(net_out_has_room(out));
	if (refusal_of(frame, drop, &refusal))
		refuse_tell(net, frame, &refusal, now, out);
	buf_give(frame);
}
