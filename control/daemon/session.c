/*
 * session.c - a session's record as JSON, see asking.h.
 */
#include <stdio.h>

#include "conf/value.h"
#include "daemon/asking.h"

enum {
	US_NS = 1000,
	MS_NS = 1000000,
};

/* What a client sent, as text: a byte that is no printable ASCII, and a backslash, as \xNN. */
static json_t *
bytes_json(const uint8_t *p, uint32_t n)
{
	char text[SESSION_TEXT_MAX * 4 + 1];
	size_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i] >= ' ' && p[i] < 0x7f && p[i] != '\\')
			text[at++] = (char)p[i];
		else
			at += (size_t)snprintf(text + at, 5, "\\x%02x", p[i]);
	}
	return json_stringn(text, at);
}

static json_t *
name_json(const struct names *names, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	const struct name *name = names_find(names, kind, slot, incarnation);

	return name != NULL ? json_stringn(name->text, name->n) : json_null();
}

static json_t *
leg_json(const struct session_leg *leg)
{
	char local[VALUE_ENDPOINT_TEXT], remote[VALUE_ENDPOINT_TEXT];

	if (ip_is_none(&leg->remote))
		return json_null();
	value_endpoint_text(&leg->local, leg->local_port, local);
	value_endpoint_text(&leg->remote, leg->remote_port, remote);
	return json_pack(
		"{s:s, s:s, s:s, s:s?, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I,"
		" s:I, s:I, s:I, s:I, s:I, s:I}",
		"local", local, "remote", remote, "tcp", session_tcp_name(leg->tcp), "congestion",
		img_congestion_name(leg->congestion), "recovering",
		(leg->flags & SESSION_LEG_RECOVERING) != 0, "timed_out",
		(leg->flags & SESSION_LEG_TIMED_OUT) != 0, "reordered",
		(leg->flags & SESSION_LEG_REORDERED) != 0, "mss", (json_int_t)leg->mss, "cwnd",
		(json_int_t)leg->cwnd_bytes, "ssthresh", (json_int_t)leg->ssthresh_bytes,
		"send_window", (json_int_t)leg->send_window_bytes, "receive_window",
		(json_int_t)leg->receive_window_bytes, "in_flight", (json_int_t)leg->flight_bytes,
		"queued", (json_int_t)leg->queued_bytes, "unread", (json_int_t)leg->unread_bytes,
		"srtt_us", (json_int_t)(leg->srtt_ns / US_NS), "rttvar_us",
		(json_int_t)(leg->rttvar_ns / US_NS), "rto_us", (json_int_t)(leg->rto_ns / US_NS),
		"rtt_least_us", (json_int_t)(leg->rtt_least_ns / US_NS), "bytes_in",
		(json_int_t)leg->bytes_in, "bytes_out", (json_int_t)leg->bytes_out, "retransmits",
		(json_int_t)leg->retransmits, "zero_window_ms",
		(json_int_t)(leg->zero_window_ns / MS_NS));
}

json_t *
session_json(const struct session *s, uint32_t lane_i, const struct names *names)
{
	const uint8_t *host = s->text + s->method_n, *target = host + s->host_n;
	char id[32];

	snprintf(id, sizeof(id), "%u-%llu", lane_i, (unsigned long long)s->id);
	return json_pack(
		"{s:s?, s:s, s:I, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:i, s:o, s:o}", "id",
		s->id != 0 ? id : NULL, "phase", session_phase_name(s->phase), "age_ms",
		(json_int_t)(session_shown_ns(s) / MS_NS), "listener",
		name_json(names, IMG_KIND_LISTENER, s->listener_slot, s->listener_incarnation),
		"farm", name_json(names, IMG_KIND_FARM, s->farm_slot, s->farm_incarnation),
		"server", name_json(names, IMG_KIND_SERVER, s->server_slot, s->server_incarnation),
		"status", s->status, "tries", s->tries, "method", bytes_json(s->text, s->method_n),
		"host", bytes_json(host, s->host_n), "target", bytes_json(target, s->target_n),
		"target_cut", s->cut_n, "client_leg", leg_json(&s->client), "server_leg",
		leg_json(&s->server));
}
