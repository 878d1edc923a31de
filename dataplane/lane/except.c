/*
 * except.c - a lane's side of exception paths (see except.h).
 */
#include "lane/except.h"

#include <string.h>

#include "lane/own.h"
#include "wire/get.h"

static uint64_t
read_of(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* By the only writer. */
static void
add(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, read_of(count) + n, memory_order_relaxed);
}

/* A frame of its own for the kernel, of one that is ours too; NULL: too long, or no buffer. */
static struct buf *
copy_of(struct lane *lane, const struct buf *frame)
{
	struct buf *copy;

	if (frame->m.pkt_len > BUF_ROOM)
		return NULL;
	copy = buf_take(lane->conf.pool);
	if (copy == NULL)
		return NULL;
	for (const struct buf *seg = frame; seg != NULL; seg = buf_next(seg))
		memcpy(buf_append(copy, seg->m.data_len), buf_data(seg), seg->m.data_len);
	copy->path = frame->path;
	copy->m.ol_flags |= frame->m.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
	copy->m.vlan_tci = frame->m.vlan_tci;
	return copy;
}

/* What a driver took off and told beside the frame: the kernel's interface has no other way. */
static void
put_tag_back(struct buf *frame)
{
	uint8_t *p;

	if ((frame->m.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 ||
	    frame->m.data_len < ETH_HEADER)
		return;
	p = buf_prepend(frame, ETH_VLAN);
	memmove(p, p + ETH_VLAN, 2 * sizeof(struct mac));
	put16(p + 2 * sizeof(struct mac), ETH_TYPE_VLAN);
	put16(p + 2 * sizeof(struct mac) + 2, frame->m.vlan_tci);
	frame->m.ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_VLAN);
}

uint32_t
lane_sort(struct lane *lane, const struct portif *port, struct buf **frame, uint32_t n)
{
	struct except *except = port->except;
	struct except_queue *queue = &except->queue[lane->conf.lane_i];
	const struct ours *ours = atomic_load_explicit(&except->ours, memory_order_acquire);
	struct buf *theirs[BURST_MAX];
	uint32_t kept = 0, theirs_n = 0, put;

	for (uint32_t i = 0; i < n; i++) {
		enum ours_verdict verdict = ours_judge(ours, frame[i]);

		if (verdict == OURS_KERNELS) {
			theirs[theirs_n++] = frame[i];
			continue;
		}
		frame[kept++] = frame[i];
		if (verdict != OURS_BOTH)
			continue;
		theirs[theirs_n] = copy_of(lane, frame[i]);
		if (theirs[theirs_n] != NULL)
			theirs_n++;
		else
			lane->count->lane_drop_except_copy++;
	}
	if (theirs_n == 0)
		return kept;
	for (uint32_t i = 0; i < theirs_n; i++)
		put_tag_back(theirs[i]);
	put = spsc_put(queue->to_kernel, (void **)theirs, theirs_n);
	lane->count->lane_except_to_kernel += put;
	if (put < theirs_n) {
		lane->count->lane_drop_except_full += theirs_n - put;
		add(&queue->full, theirs_n - put);
		buf_give_burst(&theirs[put], theirs_n - put);
	}
	return kept;
}

bool
lane_hear_kernel(struct lane *lane, const struct portif *port)
{
	struct except *except = port->except;
	uint64_t refused = read_of(&except->count.refused);
	struct buf *frame[BURST_MAX];
	uint32_t n;

	lane->count->lane_drop_except_refused += refused - except->refused_seen;
	except->refused_seen = refused;
	if (!lane_can_send(lane))
		return false; /* the kernel's own queue fills, and drops */
	n = spsc_get(except->from_kernel, (void **)frame, BURST_MAX);
	for (uint32_t i = 0; i < n; i++)
		lane_put_frame(lane, frame[i]);
	lane->count->lane_except_from_kernel += n;
	return n > 0;
}

bool
except_facts(const struct portif *port, struct instance_except *facts)
{
	const struct except *except = port->except;
	struct instance_except now = { 0 };
	bool is_news;

	if (except == NULL)
		return false;
	memcpy(now.interface, except->interface, sizeof(now.interface));
	now.to_kernel_packets = read_of(&except->count.to_kernel_packets);
	now.to_kernel_bytes = read_of(&except->count.to_kernel_bytes);
	now.from_kernel_packets = read_of(&except->count.from_kernel_packets);
	now.from_kernel_bytes = read_of(&except->count.from_kernel_bytes);
	now.refused = read_of(&except->count.refused);
	for (uint16_t q = 0; q < port->facts.queue_n; q++)
		now.full += read_of(&except->queue[q].full);
	is_news = memcmp(facts, &now, sizeof(now)) != 0;
	*facts = now;
	return is_news;
}

/* ---- by the main thread ---- */

bool
except_serve(struct except *except, struct except_table *table, struct view_set *views)
{
	struct except_table *before = except->table;

	if (before != NULL && memcmp(&before->ours, &table->ours, sizeof(table->ours)) == 0)
		return false;
	except->table = table;
	atomic_store_explicit(&except->ours, &table->ours, memory_order_release);
	if (before == NULL)
		return true;
	before->replaced_at = view_set_mark(views);
	before->older = except->replaced;
	except->replaced = before;
	return true;
}

struct except_table *
except_retire(struct except *except, const struct view_set *views)
{
	struct except_table **at = &except->replaced;
	uint64_t passed;

	if (*at == NULL)
		return NULL;
	passed = view_set_passed(views);
	while (*at != NULL) {
		struct except_table *table = *at;

		if (table->replaced_at <= passed) {
			*at = table->older;
			return table;
		}
		at = &table->older;
	}
	return NULL;
}
