/*
 * reassembly.c - see reassembly.h.
 *
 * Invariants: the fragments of a packet are in order, do not overlap, and have have_n bytes and
 * buf_n buffers together; buf_n of the table is the sum of its packets' and at most bufs_max. All
 * of this is off the hot path: tables of 64 are walked.
 */
#include "net/reassembly.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/ip.h"
#include "wire/seg.h"

#define S_NS UINT64_C(1000000000)

const char *
frag_drop_name(enum frag_drop drop)
{
	static const char *const word[] = { "ok",
#define D(x, NAME, name, what) #name,
					    NET_FRAG_DROPS(D, )
#undef D
	};

	ensure(drop < FRAG_DROPS_N);
	return word[drop];
}

void
frag_drop_count(struct counters *count, enum frag_drop drop, uint32_t n)
{
	static const size_t offset[] = { 0,
#define D(x, NAME, name, what) offsetof(struct counters, net_frag_drop_##name),
					 NET_FRAG_DROPS(D, )
#undef D
	};

	ensure(drop != FRAG_OK && drop < FRAG_DROPS_N);
	*(uint64_t *)((uint8_t *)count + offset[drop]) += n;
}

void
reassembly_init(struct reassembly *r, uint32_t bufs_max, struct counters *count)
{
	memset(r, 0, sizeof(*r));
	r->bufs_max = bufs_max != 0 ? bufs_max : (uint32_t)REASSEMBLY_BUFS_MAX;
	r->count = count;
}

/* ---- a packet's fragments ---- */

/* How many bytes of the whole packet's payload a held fragment has: all behind its headers. */
static uint32_t
frag_n(const struct buf *frag)
{
	return frag->m.pkt_len - frag->at;
}

static uint32_t
frag_end(const struct buf *frag)
{
	return frag->tag + frag_n(frag);
}

/* Gives all fragments back. */
static void
empty(struct reassembly *r, struct reassembly_packet *p)
{
	while (p->head != NULL) {
		struct buf *frag = p->head;

		p->head = frag->link;
		buf_give(frag);
	}
	r->buf_n -= p->buf_n;
	p->tail = NULL;
	p->frag_n = p->buf_n = p->have_n = 0;
}

/* The place is free again. */
static void
forget(struct reassembly *r, struct reassembly_packet *p, enum frag_drop why)
{
	if (p->frag_n > 0)
		frag_drop_count(r->count, why, p->frag_n);
	empty(r, p);
	p->due_ns = 0;
}

/* Nothing of it is wanted any more, neither what is here nor what comes. */
static void
end(struct reassembly *r, struct reassembly_packet *p, enum frag_drop why)
{
	if (p->frag_n > 0)
		frag_drop_count(r->count, why, p->frag_n);
	empty(r, p);
	p->is_ended = true;
	p->end = (uint8_t)why;
}

/* ---- the table ---- */

static bool
is_of(const struct reassembly_packet *p, const struct fragment *f, uint16_t path)
{
	return p->due_ns != 0 && p->id == f->id && p->path == path && p->is_v6 == f->is_v6 &&
	       (f->is_v6 || p->protocol == f->protocol) && ip_eq(&p->src, &f->src) &&
	       ip_eq(&p->dst, &f->dst);
}

static bool
is_same_source(const struct reassembly_packet *p, const struct fragment *f)
{
	return p->due_ns != 0 && p->is_v6 == f->is_v6 &&
	       memcmp(p->src.b, f->src.b, f->is_v6 ? 8 : 16) == 0;
}

/* Who came first of two; of those that came at once, the one in the lower place. */
static bool
is_older(const struct reassembly_packet *a, const struct reassembly_packet *b)
{
	uint64_t a_ns = a->due_ns - (a->is_v6 ? REASSEMBLY_V6_S : REASSEMBLY_V4_S) * S_NS;
	uint64_t b_ns = b->due_ns - (b->is_v6 ? REASSEMBLY_V6_S : REASSEMBLY_V4_S) * S_NS;

	return a_ns < b_ns;
}

/* The oldest that holds a buffer, but for one. */
static struct reassembly_packet *
oldest_holder(struct reassembly *r, const struct reassembly_packet *but)
{
	struct reassembly_packet *oldest = NULL;

	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++) {
		struct reassembly_packet *p = &r->packet[i];

		if (p->due_ns == 0 || p == but || p->buf_n == 0)
			continue;
		if (oldest == NULL || is_older(p, oldest))
			oldest = p;
	}
	return oldest;
}

/* A place for a packet of this source: a free one, else that of the oldest. */
static struct reassembly_packet *
make_place(struct reassembly *r, const struct fragment *f)
{
	struct reassembly_packet *place = NULL, *oldest = NULL, *own = NULL;
	uint32_t own_n = 0;

	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++) {
		struct reassembly_packet *p = &r->packet[i];

		if (p->due_ns == 0) {
			place = place != NULL ? place : p;
			continue;
		}
		if (oldest == NULL || is_older(p, oldest))
			oldest = p;
		if (is_same_source(p, f)) {
			own_n++;
			own = own == NULL || is_older(p, own) ? p : own;
		}
	}
	if (own_n >= REASSEMBLY_SOURCE_MAX) {
		forget(r, own, FRAG_DROP_SOURCE);
		return own;
	}
	if (place == NULL) {
		forget(r, oldest, FRAG_DROP_ROOM);
		place = oldest;
	}
	return place;
}

static struct reassembly_packet *
get_packet(struct reassembly *r, const struct fragment *f, uint16_t path, uint64_t now)
{
	struct reassembly_packet *p;

	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++)
		if (is_of(&r->packet[i], f, path))
			return &r->packet[i];
	p = make_place(r, f);
	ensure(p->head == NULL);
	*p = (struct reassembly_packet){
		.src = f->src,
		.dst = f->dst,
		.due_ns = now + (f->is_v6 ? REASSEMBLY_V6_S : REASSEMBLY_V4_S) * S_NS,
		.id = f->id,
		.path = path,
		.protocol = f->protocol,
		.is_v6 = f->is_v6,
	};
	return p;
}

/* ---- where a fragment goes ---- */

/* What is wrong with a fragment in itself. */
static enum frag_drop
check(const struct buf *frame, const struct fragment *f)
{
	if (f->n == 0 || (f->is_followed && f->n % 8 != 0))
		return FRAG_DROP_MALFORMED;
	if (f->over_n + f->off + f->n > FRAGMENT_PACKET_MAX)
		return FRAG_DROP_TOO_LONG;
	if (f->off > 0) {
		/* TCP's flags and ports are in the first, or a filter has seen none (RFC 1858). */
		if (f->protocol == IP_PROTO_TCP && f->off < SEG_HEADER)
			return FRAG_DROP_TINY;
		if (!f->is_v6 && f->protocol != IP_PROTO_TCP && f->protocol != IP_PROTO_ICMP)
			return FRAG_DROP_PROTOCOL;
		return FRAG_OK;
	}
	switch (fragment_head(frame, f)) {
	case FRAGMENT_HEAD_WHOLE:
		return FRAG_OK;
	case FRAGMENT_HEAD_CUT:
		return FRAG_DROP_TINY;
	case FRAGMENT_HEAD_NOT_OURS:
		return FRAG_DROP_PROTOCOL;
	case FRAGMENT_HEAD_ND:
		return FRAG_DROP_ND;
	case FRAGMENT_HEAD_NESTED:
		return FRAG_DROP_MALFORMED;
	}
	return FRAG_DROP_MALFORMED;
}

/* Whether n bytes from offsets of two packets' data are the same. */
static bool
is_equal(const struct buf *a, uint32_t a_off, const struct buf *b, uint32_t b_off, uint32_t n)
{
	while (n > 0) {
		uint32_t part = n;

		while (a_off >= a->m.data_len) {
			a_off -= a->m.data_len;
			a = buf_next(a);
		}
		while (b_off >= b->m.data_len) {
			b_off -= b->m.data_len;
			b = buf_next(b);
		}
		part = part < a->m.data_len - a_off ? part : a->m.data_len - a_off;
		part = part < b->m.data_len - b_off ? part : b->m.data_len - b_off;
		if (memcmp(buf_data(a) + a_off, buf_data(b) + b_off, part) != 0)
			return false;
		a_off += part;
		b_off += part;
		n -= part;
	}
	return true;
}

/* The held fragment behind which this one belongs; NULL: it is in front of all. */
static struct buf *
find_before(const struct reassembly_packet *p, uint32_t off)
{
	struct buf *before = NULL;

	if (p->tail != NULL && p->tail->tag <= off)
		return p->tail;
	for (struct buf *b = p->head; b != NULL && b->tag <= off; b = b->link)
		before = b;
	return before;
}

/*
 * Whether it fits between those around it and before the end that another has told. The same
 * fragment again, byte by byte, is a duplicate that the network made (RFC 8200, 4.5; RFC 5722).
 */
static enum frag_drop
check_place(const struct reassembly_packet *p, const struct buf *frame, const struct fragment *f,
	    const struct buf *before)
{
	const struct buf *after = before != NULL ? before->link : p->head;
	bool is_last = before != NULL && after == NULL && p->total_n != 0;

	if (before != NULL && before->tag == f->off && frag_n(before) == f->n &&
	    f->is_followed == !(is_last && frag_end(before) == p->total_n) &&
	    is_equal(before, before->at, frame, f->at, f->n))
		return FRAG_DROP_DUPLICATE;
	if (before != NULL && frag_end(before) > f->off)
		return FRAG_DROP_OVERLAP;
	if (after != NULL && f->off + f->n > after->tag)
		return FRAG_DROP_OVERLAP;
	if (p->total_n != 0 && (f->off + f->n > p->total_n || !f->is_followed))
		return FRAG_DROP_OVERLAP;
	if (!f->is_followed && p->tail != NULL && frag_end(p->tail) > f->off + f->n)
		return FRAG_DROP_OVERLAP;
	return FRAG_OK;
}

/* Room for n more buffers of this packet, if need be at the cost of older ones. */
static enum frag_drop
make_room(struct reassembly *r, const struct reassembly_packet *p, uint32_t n)
{
	if (p->buf_n + n > REASSEMBLY_PACKET_BUFS_MAX || p->buf_n + n > r->bufs_max)
		return FRAG_DROP_TOO_MANY;
	while (r->buf_n + n > r->bufs_max) {
		struct reassembly_packet *oldest = oldest_holder(r, p);

		ensure(oldest != NULL);
		forget(r, oldest, FRAG_DROP_ROOM);
	}
	return FRAG_OK;
}

static void
keep(struct reassembly *r, struct reassembly_packet *p, struct buf *frame, const struct fragment *f,
     struct buf *before)
{
	buf_trim(frame, f->at + f->n);
	frame->tag = f->off;
	frame->at = f->at;
	frame->link = before != NULL ? before->link : p->head;
	if (before != NULL)
		before->link = frame;
	else
		p->head = frame;
	if (frame->link == NULL)
		p->tail = frame;
	if (f->off == 0)
		p->first = *f;
	if (!f->is_followed)
		p->total_n = f->off + f->n;
	p->have_n += f->n;
	p->frag_n++;
	p->buf_n += frame->m.nb_segs;
	r->buf_n += frame->m.nb_segs;
	p->ecns |= (uint8_t)(1u << f->ecn);
}

/* ---- the whole packet ---- */

/* A later fragment without its headers, which lie in its first buffer. */
static struct buf *
strip(struct buf *frag)
{
	uint32_t n = frag->at;
	struct buf *rest = buf_next(frag);

	frag->m.data_off = (uint16_t)(frag->m.data_off + n);
	frag->m.data_len = (uint16_t)(frag->m.data_len - n);
	frag->m.pkt_len -= n;
	if (frag->m.data_len > 0)
		return frag;
	ensure(rest != NULL);
	rest->m.pkt_len = frag->m.pkt_len;
	rest->m.nb_segs = (uint16_t)(frag->m.nb_segs - 1);
	frag->m.next = NULL;
	frag->m.nb_segs = 1;
	buf_give(frag);
	return rest;
}

static struct buf *
last_of(struct buf *packet)
{
	while (buf_next(packet) != NULL)
		packet = buf_next(packet);
	return packet;
}

/* RFC 3168, 5.3: a mark is not lost, and not made where one of the fragments could not have it. */
static enum frag_drop
merge_ecn(const struct reassembly_packet *p, uint8_t *ret_ecn)
{
	bool is_marked = (p->ecns & 1u << FRAGMENT_ECN_CE) != 0;

	if (is_marked && (p->ecns & 1) != 0)
		return FRAG_DROP_ECN;
	*ret_ecn = is_marked ? (uint8_t)FRAGMENT_ECN_CE : p->first.ecn;
	return FRAG_OK;
}

static struct buf *
join(struct reassembly *r, struct reassembly_packet *p)
{
	struct fragment first = p->first;
	uint32_t total_n = p->total_n;
	struct buf *head = p->head, *rest = head->link, *tail = last_of(head);
	enum frag_drop drop;
	uint8_t ecn = 0;

	drop = merge_ecn(p, &ecn);
	/* Others said how long the packet is; with the first's header it may be too long. */
	if (drop == FRAG_OK && first.over_n + total_n > FRAGMENT_PACKET_MAX)
		drop = FRAG_DROP_TOO_LONG;
	if (drop != FRAG_OK) {
		forget(r, p, drop);
		return NULL;
	}
	r->buf_n -= p->buf_n;
	*p = (struct reassembly_packet){ 0 };
	while (rest != NULL) {
		struct buf *next = rest->link, *part;

		rest->link = NULL;
		part = strip(rest);
		buf_chain(head, tail, part);
		tail = last_of(part);
		rest = next;
	}
	head->link = NULL;
	fragment_make_whole(head, &first, total_n, ecn);
	r->count->net_reassembled++;
	return head;
}

/* ---- doors ---- */

struct buf *
reassembly_input(struct reassembly *r, struct buf *frame, const struct fragment *f, uint64_t now,
		 enum frag_drop *ret_drop)
{
	enum frag_drop drop = check(frame, f);
	struct reassembly_packet *p;
	struct buf *before;

	*ret_drop = drop;
	if (drop != FRAG_OK)
		return NULL;
	p = get_packet(r, f, frame->path, now);
	if (p->is_ended) {
		*ret_drop = (enum frag_drop)p->end;
		return NULL;
	}
	before = find_before(p, f->off);
	drop = check_place(p, frame, f, before);
	if (drop == FRAG_OK)
		drop = make_room(r, p, frame->m.nb_segs);
	if (drop != FRAG_OK) {
		*ret_drop = drop;
		if (drop != FRAG_DROP_DUPLICATE)
			end(r, p, drop);
		return NULL;
	}
	keep(r, p, frame, f, before);
	return p->total_n != 0 && p->have_n == p->total_n ? join(r, p) : NULL;
}

bool
reassembly_late(struct reassembly *r, uint64_t now, struct buf **ret_first,
		struct fragment *ret_fragment)
{
	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++) {
		struct reassembly_packet *p = &r->packet[i];
		struct buf *first = NULL;

		if (p->due_ns == 0 || p->due_ns > now)
			continue;
		if (p->head != NULL && p->head->tag == 0) {
			first = p->head;
			*ret_fragment = p->first;
			p->head = first->link;
			first->link = NULL;
		}
		forget(r, p, FRAG_DROP_TIMEOUT);
		*ret_first = first;
		return true;
	}
	return false;
}

uint64_t
reassembly_deadline(const struct reassembly *r)
{
	uint64_t at = UINT64_MAX;

	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++)
		if (r->packet[i].due_ns != 0 && r->packet[i].due_ns < at)
			at = r->packet[i].due_ns;
	return at;
}

void
reassembly_clear(struct reassembly *r, enum frag_drop why)
{
	for (uint32_t i = 0; i < REASSEMBLY_PACKETS_MAX; i++)
		if (r->packet[i].due_ns != 0)
			forget(r, &r->packet[i], why);
	ensure(r->buf_n == 0);
}
