/*
 * answers.c - dataplane/answers.<lane> (answers.h). Offsets come from a checked copy of the head;
 * a record is copied, and counts when the state says before and after that it is this answer's.
 */
#include "abi/answers.h"

#include <string.h>

#include "abi/crc.h"
#include "abi/image.h"
#include "abi/seqlock.h"

enum {
	LINE = 64,
	STATE_OFFSET = 2 * LINE,
	RECORD_OFFSET = 3 * LINE,
};

_Static_assert(sizeof(struct answers_head) <= STATE_OFFSET, "the state has a line of its own");
_Static_assert(sizeof(struct answers_state) <= LINE, "one line");
_Static_assert(sizeof(struct session) % 8 == 0, "records are aligned");

static uint32_t
head_crc(const struct answers_head *head)
{
	struct answers_head copy = *head;

	copy.crc = 0;
	return abi_crc32c(0, &copy, sizeof(copy));
}

size_t
answers_bytes(uint32_t session_n)
{
	return RECORD_OFFSET + (size_t)session_n * sizeof(struct session);
}

void
answers_init(void *bytes, uint32_t lane, uint64_t id, uint32_t session_n,
	     struct answers *ret_answers)
{
	struct answers_head head = {
		.magic = ANSWERS_MAGIC,
		.version = ANSWERS_VERSION,
		.head_bytes = sizeof(head),
		.bytes = answers_bytes(session_n),
		.id = id,
		.lane = lane,
		.record_n = session_n,
		.record_stride = sizeof(struct session),
		.record_offset = RECORD_OFFSET,
		.state_offset = STATE_OFFSET,
	};

	head.crc = head_crc(&head);
	memcpy(bytes, &head, sizeof(head));
	*ret_answers = (struct answers){
		.state = (void *)((uint8_t *)bytes + STATE_OFFSET),
		.session = (void *)((uint8_t *)bytes + RECORD_OFFSET),
		.session_n = session_n,
		.life = id,
	};
}

void
answers_begin(struct answers *a, uint64_t ask_id)
{
	struct answers_state *s = a->state;

	seqlock_begin(&s->seq);
	s->phase = ANSWERS_WORKING;
	s->ask_id = ask_id;
	s->next = 0;
	s->found_n = 0;
	seqlock_end(&s->seq);
	/* A reader that sees a byte of a new record sees that the old answer is over. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

struct session *
answers_place(const struct answers *a)
{
	return a->state->found_n < a->session_n ? &a->session[a->state->found_n] : NULL;
}

void
answers_keep(struct answers *a)
{
	seqlock_begin(&a->state->seq);
	a->state->found_n++;
	seqlock_end(&a->state->seq);
}

void
answers_end(struct answers *a, enum answers_phase phase, uint64_t next)
{
	seqlock_begin(&a->state->seq);
	a->state->phase = phase;
	a->state->next = next;
	seqlock_end(&a->state->seq);
}

/* ---- reading ---- */

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, uint32_t i, const char *field)
{
	*ret_fault = abi_fault_at(kind, "answers", i, field);
	return false;
}

static bool
is_inside(const struct answers_head *head, uint32_t offset, uint64_t n)
{
	return offset % 8 == 0 && offset >= head->head_bytes && offset + n <= head->bytes;
}

bool
answers_open(const void *bytes, size_t n, struct answers_view *ret_view,
	     struct abi_fault *ret_fault)
{
	struct answers_head head;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, ABI_NONE, "");
	if (n < sizeof(head))
		return wrong(ret_fault, ABI_FAULT_SHORT, ABI_NONE, "");
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != ANSWERS_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, ABI_NONE, "magic");
	if (head.version != ANSWERS_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, ABI_NONE, "version");
	if (head.crc != head_crc(&head))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, ABI_NONE, "crc");
	if (head.bytes > n)
		return wrong(ret_fault, ABI_FAULT_SIZE, ABI_NONE, "bytes");
	if (head.record_n == 0 || head.record_n > ANSWERS_RECORDS_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "record_n");
	if (head.record_stride < sizeof(struct session) || head.record_stride % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_STRIDE, ABI_NONE, "record_stride");
	if (head.head_bytes < sizeof(head) ||
	    !is_inside(&head, head.state_offset, sizeof(struct answers_state)))
		return wrong(ret_fault, ABI_FAULT_BOUNDS, ABI_NONE, "state_offset");
	if (!is_inside(&head, head.record_offset, (uint64_t)head.record_n * head.record_stride))
		return wrong(ret_fault, ABI_FAULT_BOUNDS, ABI_NONE, "record_offset");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_view = (struct answers_view){ .bytes = bytes, .head = head };
	return true;
}

bool
answers_look(const struct answers_view *v, struct answers_state *ret_state)
{
	const struct answers_state *at = (const void *)(v->bytes + v->head.state_offset);
	struct answers_state s;

	if (!seqlock_copy(&at->seq, at, &s, sizeof(s)))
		return false;
	if (s.phase >= ANSWERS_PHASES)
		s.phase = ANSWERS_REFUSED; /* whatever a newer word means: nothing to read */
	if (s.found_n > v->head.record_n)
		s.found_n = v->head.record_n;
	*ret_state = s;
	return true;
}

static bool
is_answer(const struct answers_view *v, uint64_t ask_id, struct answers_state *ret_state)
{
	return answers_look(v, ret_state) && ret_state->ask_id == ask_id &&
	       (ret_state->phase == ANSWERS_DONE || ret_state->phase == ANSWERS_FULL);
}

static bool
check_session(const struct session *s, uint32_t i, struct abi_fault *ret_fault)
{
	if (s->phase >= SESSION_PHASES)
		return wrong(ret_fault, ABI_FAULT_ENUM, i, "phase");
	if (s->client.tcp >= SESSION_TCPS || s->server.tcp >= SESSION_TCPS)
		return wrong(ret_fault, ABI_FAULT_ENUM, i, "tcp");
	if ((uint32_t)s->method_n + s->host_n + s->target_n > SESSION_TEXT_MAX)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, i, "text");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	return true;
}

bool
answers_session(const struct answers_view *v, uint64_t ask_id, uint32_t i,
		struct session *ret_session, struct abi_fault *ret_fault)
{
	struct answers_state state;
	struct session s;

	if (!is_answer(v, ask_id, &state))
		return wrong(ret_fault, ABI_FAULT_SEQUENCE, i, "ask_id");
	if (i >= state.found_n)
		return wrong(ret_fault, ABI_FAULT_REFERENCE, i, "");
	memcpy(&s, v->bytes + v->head.record_offset + (size_t)i * v->head.record_stride, sizeof(s));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!is_answer(v, ask_id, &state))
		return wrong(ret_fault, ABI_FAULT_SEQUENCE, i, "ask_id");
	if (!check_session(&s, i, ret_fault))
		return false;
	*ret_session = s;
	return true;
}
