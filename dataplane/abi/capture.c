/*
 * capture.c - a ring of packets that is written over (capture.h). Before a byte is written `claim`
 * says so, after the last `end` does; a copy counts when the claim had not reached it afterwards.
 */
#include "abi/capture.h"

#include <string.h>

#include "abi/crc.h"

enum {
	STATE_OFFSET = 64,
	RING_OFFSET = 4096,
	MASK = CAPTURE_RING_BYTES - 1,
};

_Static_assert(sizeof(struct capture_head) <= STATE_OFFSET, "the state has a line of its own");
_Static_assert(sizeof(struct capture_state) <= 64, "one line");
_Static_assert(sizeof(struct capture_packet) % 8 == 0, "packets are aligned");

static uint32_t
head_crc(const struct capture_head *head)
{
	struct capture_head copy = *head;

	copy.crc = 0;
	return abi_crc32c(0, &copy, sizeof(copy));
}

size_t
capture_bytes(void)
{
	return RING_OFFSET + (size_t)CAPTURE_RING_BYTES;
}

void
capture_init(void *bytes, uint32_t lane, uint64_t life, struct capture_ring *ret_ring)
{
	struct capture_head head = {
		.magic = CAPTURE_MAGIC,
		.version = CAPTURE_VERSION,
		.head_bytes = sizeof(head),
		.life = life,
		.lane = lane,
		.ring_offset = RING_OFFSET,
		.ring_bytes = CAPTURE_RING_BYTES,
		.state_offset = STATE_OFFSET,
	};

	head.crc = head_crc(&head);
	memcpy(bytes, &head, sizeof(head));
	*ret_ring = (struct capture_ring){
		.state = (void *)((uint8_t *)bytes + STATE_OFFSET),
		.ring = (uint8_t *)bytes + RING_OFFSET,
	};
}

static void
put_word(uint64_t *word, uint64_t v)
{
	__atomic_store_n(word, v, __ATOMIC_RELEASE);
}

static uint64_t
get_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void
capture_begin(struct capture_ring *r, uint64_t capture_id)
{
	put_word(&r->state->capture_id, 0);
	put_word(&r->state->begin, r->state->end);
	put_word(&r->state->packet_n, 0);
	put_word(&r->state->evicted_n, 0);
	put_word(&r->state->is_on, 1);
	put_word(&r->state->capture_id, capture_id);
}

void
capture_end(struct capture_ring *r)
{
	put_word(&r->state->is_on, 0);
}

static uint32_t
padded(uint32_t n)
{
	return (n + 7) & ~7u;
}

static void
write_at(struct capture_ring *r, uint64_t place, const void *bytes, uint32_t n)
{
	uint32_t at = (uint32_t)place & MASK, first = CAPTURE_RING_BYTES - at;

	first = first < n ? first : n;
	memcpy(r->ring + at, bytes, first);
	memcpy(r->ring, (const uint8_t *)bytes + first, n - first);
}

void
capture_place(struct capture_ring *r, struct capture_packet *packet)
{
	struct capture_state *s = r->state;

	packet->number = s->packet_n;
	packet->spare = 0;
	__atomic_store_n(&s->claim, s->end + sizeof(*packet) + padded(packet->kept_n),
			 __ATOMIC_RELAXED);
	/* Whoever sees a byte of what follows sees the claim. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write_at(r, s->end, packet, sizeof(*packet));
}

void
capture_part(struct capture_ring *r, uint32_t off, const void *bytes, uint32_t n)
{
	write_at(r, r->state->end + sizeof(struct capture_packet) + off, bytes, n);
}

void
capture_put(struct capture_ring *r)
{
	put_word(&r->state->packet_n, r->state->packet_n + 1);
	put_word(&r->state->end, r->state->claim);
}

void
capture_set_evicted(struct capture_ring *r, uint64_t evicted_n)
{
	put_word(&r->state->evicted_n, evicted_n);
}

/* ---- reading ---- */

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "capture", ABI_NONE, field);
	return false;
}

bool
capture_open(const void *bytes, size_t n, struct capture_view *ret_view,
	     struct abi_fault *ret_fault)
{
	struct capture_head head;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "");
	if (n < capture_bytes())
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != CAPTURE_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (head.version != CAPTURE_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (head.crc != head_crc(&head))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "crc");
	if (head.ring_bytes != CAPTURE_RING_BYTES || head.ring_offset != RING_OFFSET ||
	    head.state_offset != STATE_OFFSET)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, "ring_bytes");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_view = (struct capture_view){ .bytes = bytes, .head = head };
	return true;
}

static const struct capture_state *
state_of(const struct capture_view *v)
{
	return (const void *)(v->bytes + STATE_OFFSET);
}

bool
capture_seek(struct capture_view *v, uint64_t capture_id)
{
	if (get_word(&state_of(v)->capture_id) != capture_id)
		return false;
	v->at = get_word(&state_of(v)->begin);
	v->number = v->missed_n = 0;
	return get_word(&state_of(v)->capture_id) == capture_id;
}

static void
read_at(const struct capture_view *v, uint64_t place, void *ret, uint32_t n)
{
	const uint8_t *ring = v->bytes + RING_OFFSET;
	uint32_t at = (uint32_t)place & MASK, first = CAPTURE_RING_BYTES - at;

	first = first < n ? first : n;
	memcpy(ret, ring + at, first);
	memcpy((uint8_t *)ret + first, ring, n - first);
}

/* Whether what was copied from this place on was still whole then. */
static bool
is_whole(const struct capture_view *v, uint64_t place)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return get_word(&state_of(v)->claim) - place <= CAPTURE_RING_BYTES;
}

/* Written over: on with what comes from now on; the numbers tell what was missed. */
static enum capture_verdict
skip(struct capture_view *v, uint64_t end)
{
	v->at = end;
	return CAPTURE_NONE;
}

enum capture_verdict
capture_next(struct capture_view *v, uint64_t capture_id, struct capture_packet *ret_packet,
	     uint8_t *bytes)
{
	uint64_t end = get_word(&state_of(v)->end);
	struct capture_packet p;

	if (get_word(&state_of(v)->capture_id) != capture_id)
		return CAPTURE_OVER;
	if (end == v->at)
		return CAPTURE_NONE;
	read_at(v, v->at, &p, sizeof(p));
	if (!is_whole(v, v->at))
		return skip(v, end);
	if (p.kept_n > CAPTURE_SNAP_MAX || p.kept_n > p.n || (p.flags & ~(uint32_t)CAPTURE_FLAGS) ||
	    end - v->at < sizeof(p) + padded(p.kept_n) || p.number < v->number)
		return CAPTURE_UNSOUND;
	read_at(v, v->at + sizeof(p), bytes, p.kept_n);
	if (!is_whole(v, v->at))
		return skip(v, end);
	v->missed_n += p.number - v->number;
	v->number = p.number + 1;
	v->at += sizeof(p) + padded(p.kept_n);
	*ret_packet = p;
	return CAPTURE_PACKET;
}

uint64_t
capture_reached(const struct capture_view *v)
{
	return get_word(&state_of(v)->end);
}

uint64_t
capture_missed(const struct capture_view *v)
{
	uint64_t packet_n = get_word(&state_of(v)->packet_n);

	return v->missed_n + (v->at == get_word(&state_of(v)->end) && packet_n > v->number
				      ? packet_n - v->number
				      : 0);
}

uint64_t
capture_evicted(const struct capture_view *v)
{
	return get_word(&state_of(v)->evicted_n);
}
