/*
 * cut.c - see cut.h. Written from the headers' RFCs, not with the engine's emitters.
 */
#include <string.h>

#include "sim/cut.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/ip.h"
#include "wire/seg.h"

/* Where the headers of a packet lie, from its begin. */
struct place {
	uint32_t ip, tcp, payload;
	bool is_v4;
};

static struct place
place_of(const struct buf *packet, const uint8_t *bytes)
{
	struct place at = { .ip = packet->m.l2_len };

	at.tcp = at.ip + packet->m.l3_len;
	at.payload = at.tcp + packet->m.l4_len;
	at.is_v4 = bytes[at.ip] >> 4 == 4;
	return at;
}

static uint64_t
pseudo_of(const struct place *at, const uint8_t *bytes, uint32_t tcp_n)
{
	struct ip_addr src = { 0 }, dst = { 0 };

	if (at->is_v4) {
		src = ip_from_v4(bytes + at->ip + 12);
		dst = ip_from_v4(bytes + at->ip + 16);
	} else {
		memcpy(src.b, bytes + at->ip + 8, 16);
		memcpy(dst.b, bytes + at->ip + 24, 16);
	}
	return csum_pseudo(&src, &dst, IP_PROTO_TCP, tcp_n);
}

/* Lengths and checksums of headers around n bytes in all. */
static void
settle(const struct place *at, uint8_t *bytes, uint32_t n)
{
	struct be16 csum;

	if (at->is_v4) {
		put16(bytes + at->ip + 2, (uint16_t)(n - at->ip));
		memset(bytes + at->ip + 10, 0, 2);
		csum = csum_done(csum_add(bytes + at->ip, at->tcp - at->ip));
		memcpy(bytes + at->ip + 10, &csum, 2);
	} else {
		put16(bytes + at->ip + 4, (uint16_t)(n - at->tcp));
	}
	memset(bytes + at->tcp + 16, 0, 2);
	csum = csum_done(csum_join(pseudo_of(at, bytes, n - at->tcp),
				   csum_add(bytes + at->tcp, n - at->tcp)));
	memcpy(bytes + at->tcp + 16, &csum, 2);
}

static bool
is_prepared(const struct buf *packet, const struct place *at, const uint8_t *bytes, uint32_t n)
{
	uint64_t flags = packet->m.ol_flags;
	struct be16 field;

	memcpy(&field, bytes + at->tcp + 16, 2);
	return (flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0 &&
	       ((flags & RTE_MBUF_F_TX_IPV4) != 0) == at->is_v4 &&
	       ((flags & RTE_MBUF_F_TX_IPV6) != 0) == !at->is_v4 && packet->m.tso_segsz != 0 &&
	       at->payload <= packet->m.data_len && at->payload + packet->m.tso_segsz < n &&
	       packet->m.l4_len == (bytes[at->tcp + 12] >> 4) * 4u &&
	       field.raw == csum_fold(pseudo_of(at, bytes, 0));
}

bool
cut_packet(const struct buf *packet, const uint8_t *bytes, uint32_t n,
	   void (*piece)(void *ctx, const uint8_t *bytes, uint32_t n), void *ctx)
{
	struct place at = place_of(packet, bytes);
	uint32_t mss = packet->m.tso_segsz;
	uint8_t part[UINT16_MAX];

	if (!is_prepared(packet, &at, bytes, n))
		return false;
	memcpy(part, bytes, at.payload);
	for (uint32_t done = 0, left = n - at.payload; left > 0;) {
		uint32_t m = left < mss ? left : mss;

		memcpy(part + at.payload, bytes + at.payload + done, m);
		put32(part + at.tcp + 4, get32(bytes + at.tcp + 4) + done);
		part[at.tcp + 13] = bytes[at.tcp + 13];
		if (m < left)
			part[at.tcp + 13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		settle(&at, part, at.payload + m);
		piece(ctx, part, at.payload + m);
		done += m;
		left -= m;
	}
	return true;
}

void
cut_not(const struct buf *packet, uint8_t *bytes, uint32_t n)
{
	struct place at = place_of(packet, bytes);

	settle(&at, bytes, n);
}

/* ---- fragments ---- */

static uint32_t
put_fragment_v4(uint8_t *ip, uint32_t id, uint32_t off, uint32_t n, bool is_followed)
{
	struct be16 csum;

	put16(ip + 2, (uint16_t)(IP4_HEADER + n));
	put16(ip + 4, (uint16_t)id);
	put16(ip + 6, (uint16_t)(off / 8 | (is_followed ? 0x2000 : 0)));
	put16(ip + 10, 0);
	csum = csum_done(csum_add(ip, IP4_HEADER));
	put_be16(ip + 10, csum);
	return IP4_HEADER;
}

static uint32_t
put_fragment_v6(uint8_t *ip, uint32_t id, uint32_t off, uint32_t n, bool is_followed)
{
	uint8_t *header = ip + IP6_HEADER;

	put16(ip + 4, (uint16_t)(8 + n));
	header[0] = ip[6];
	header[1] = 0;
	ip[6] = 44;
	put16(header + 2, (uint16_t)(off | is_followed));
	put32(header + 4, id);
	return IP6_HEADER + 8;
}

bool
cut_fragments(const uint8_t *bytes, uint32_t n, uint32_t ip_off, uint32_t part, uint32_t id,
	      void (*piece)(void *ctx, const uint8_t *bytes, uint32_t n), void *ctx)
{
	const uint8_t *ip = bytes + ip_off;
	bool is_v4 = ip[0] >> 4 == 4;
	uint32_t header_n = is_v4 ? IP4_HEADER : IP6_HEADER, payload_n;
	uint8_t one[2048];

	if (n < ip_off + header_n || (!is_v4 && ip[0] >> 4 != 6))
		return false;
	payload_n = is_v4 ? get16(ip + 2) - header_n : get16(ip + 4);
	if (payload_n <= part || ip_off + header_n + payload_n > n)
		return false;
	for (uint32_t off = 0; off < payload_n; off += part) {
		bool is_followed = off + part < payload_n;
		uint32_t size = is_followed ? part : payload_n - off, at;

		memcpy(one, bytes, ip_off + header_n);
		at = ip_off + (is_v4 ? put_fragment_v4(one + ip_off, id, off, size, is_followed)
				     : put_fragment_v6(one + ip_off, id, off, size, is_followed));
		memcpy(one + at, ip + header_n + off, size);
		piece(ctx, one, at + size);
	}
	return true;
}
