/*
 * runtime.c - control/runtime (runtime.h). Offsets come from a checked copy of the header, so a
 * header that changes later does no harm; records are copied under their sequence word and the
 * copy is checked.
 */
#include "abi/runtime.h"

#include <string.h>

#include "abi/crc.h"
#include "abi/image.h"
#include "abi/seqlock.h"

enum {
	HEAD_ROOM = 128, /* of a file that we make */
};

_Static_assert(offsetof(struct runtime_head, more_crc) == RUNTIME_HEAD_FIRST_BYTES, "appended");

static uint32_t
head_crc(const struct runtime_head *head)
{
	struct runtime_head copy = *head;

	copy.crc = 0;
	return abi_crc32c(0, &copy, RUNTIME_HEAD_FIRST_BYTES);
}

static uint32_t
more_crc(const struct runtime_head *head)
{
	return abi_crc32c(0, &head->cpu_offset,
			  sizeof(*head) - offsetof(struct runtime_head, cpu_offset));
}

const struct runtime_tune_key *
runtime_tune_key(enum runtime_tune key)
{
	static const struct runtime_tune_key keys[] = {
#define X(name, word, unit, least, most, what)                                                     \
	[RUNTIME_TUNE_##name] = { #word, #unit, what, least, most },
		RUNTIME_TUNE_LIST(X)
#undef X
	};

	return &keys[key];
}

/* ---- making and opening ---- */

size_t
runtime_bytes(uint32_t server_n, uint32_t lane_n)
{
	return HEAD_ROOM + (size_t)server_n * sizeof(struct runtime_server) +
	       (size_t)lane_n * sizeof(struct runtime_lane) +
	       RUNTIME_CPUS_N * sizeof(struct runtime_cpu) + RUNTIME_TUNES * sizeof(uint64_t);
}

void
runtime_init(void *bytes, uint32_t server_n, uint32_t lane_n)
{
	struct runtime_head head = {
		.magic = RUNTIME_MAGIC,
		.version = RUNTIME_VERSION,
		.head_bytes = sizeof(head),
		.bytes = runtime_bytes(server_n, lane_n),
		.server_offset = HEAD_ROOM,
		.server_stride = sizeof(struct runtime_server),
		.server_n = server_n,
		.lane_offset = HEAD_ROOM + server_n * (uint32_t)sizeof(struct runtime_server),
		.lane_stride = sizeof(struct runtime_lane),
		.lane_n = lane_n,
		.cpu_n = RUNTIME_CPUS_N,
		.tune_n = RUNTIME_TUNES,
	};
	struct runtime_lane *lane = (void *)((uint8_t *)bytes + head.lane_offset);

	head.cpu_offset = head.lane_offset + lane_n * (uint32_t)sizeof(struct runtime_lane);
	head.tune_offset = head.cpu_offset + RUNTIME_CPUS_N * (uint32_t)sizeof(struct runtime_cpu);
	for (uint32_t i = 0; i < lane_n; i++)
		lane[i].cpu = ABI_NONE;
	memset((uint8_t *)bytes + head.tune_offset, 0xff, RUNTIME_TUNES * sizeof(uint64_t));
	head.crc = head_crc(&head);
	head.more_crc = more_crc(&head);
	memcpy(bytes, &head, sizeof(head));
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "runtime", ABI_NONE, field);
	return false;
}

static bool
is_inside(const struct runtime_head *head, uint32_t offset, uint32_t n, uint32_t stride)
{
	return offset % 8 == 0 && stride % 8 == 0 && offset >= head->head_bytes &&
	       offset + (uint64_t)n * stride <= head->bytes;
}

/* An older writer's head ends before; whatever stands there then is a record's. */
static bool
check_more(struct runtime_head *head, struct abi_fault *ret_fault)
{
	if (head->head_bytes < sizeof(*head)) {
		head->cpu_n = head->tune_n = 0;
		return true;
	}
	if (head->more_crc != more_crc(head))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "more_crc");
	if (!is_inside(head, head->cpu_offset, head->cpu_n, sizeof(struct runtime_cpu)) ||
	    !is_inside(head, head->tune_offset, head->tune_n, sizeof(uint64_t)))
		return wrong(ret_fault, ABI_FAULT_BOUNDS, "cpu_offset");
	return true;
}

bool
runtime_open(void *bytes, size_t n, struct runtime *ret_runtime, struct abi_fault *ret_fault)
{
	struct runtime_head head;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "");
	if (n < RUNTIME_HEAD_FIRST_BYTES)
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memset(&head, 0, sizeof(head));
	memcpy(&head, bytes, n < sizeof(head) ? n : sizeof(head));
	if (head.magic != RUNTIME_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (head.version != RUNTIME_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (head.crc != head_crc(&head))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "crc");
	if (head.bytes > n)
		return wrong(ret_fault, ABI_FAULT_SIZE, "bytes");
	if (head.server_n > IMG_SLOTS_MAX || head.lane_n > IMG_LANES_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, "server_n");
	if (head.server_stride < sizeof(struct runtime_server) ||
	    head.lane_stride < sizeof(struct runtime_lane))
		return wrong(ret_fault, ABI_FAULT_STRIDE, "server_stride");
	if (!is_inside(&head, head.server_offset, head.server_n, head.server_stride) ||
	    !is_inside(&head, head.lane_offset, head.lane_n, head.lane_stride))
		return wrong(ret_fault, ABI_FAULT_BOUNDS, "server_offset");
	if (!check_more(&head, ret_fault))
		return false;
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_runtime = (struct runtime){ .bytes = bytes, .bytes_n = n, .head = head };
	return true;
}

static struct runtime_server *
server_at(const struct runtime *rt, uint32_t slot)
{
	return (void *)(rt->bytes + rt->head.server_offset + (size_t)slot * rt->head.server_stride);
}

static bool
has_slot(const struct runtime *rt, uint32_t slot)
{
	return rt != NULL && rt->bytes != NULL && slot < rt->head.server_n;
}

bool
runtime_server(const struct runtime *rt, uint32_t slot, uint32_t incarnation,
	       struct runtime_server *ret_server)
{
	struct runtime_server s;

	memset(ret_server, 0, sizeof(*ret_server));
	if (!has_slot(rt, slot))
		return false;
	if (!seqlock_copy(&server_at(rt, slot)->seq, server_at(rt, slot), &s, sizeof(s)) ||
	    s.incarnation != incarnation)
		return false;
	if (s.admin >= RUNTIME_ADMINS)
		s.admin = RUNTIME_ADMIN_DISABLED; /* whatever a newer word means: not less */
	if (s.address_n > RUNTIME_ADDRESSES_MAX)
		s.address_n = RUNTIME_ADDRESSES_MAX;
	*ret_server = s;
	return true;
}

uint32_t
runtime_server_seq(const struct runtime *rt, uint32_t slot)
{
	return has_slot(rt, slot) ? __atomic_load_n(&server_at(rt, slot)->seq, __ATOMIC_ACQUIRE)
				  : 0;
}

static struct runtime_lane *
lane_at(const struct runtime *rt, uint32_t lane)
{
	return (void *)(rt->bytes + rt->head.lane_offset + (size_t)lane * rt->head.lane_stride);
}

uint32_t
runtime_lane_cpu(const struct runtime *rt, uint32_t lane)
{
	if (rt == NULL || rt->bytes == NULL || lane >= rt->head.lane_n)
		return ABI_NONE;
	return __atomic_load_n(&lane_at(rt, lane)->cpu, __ATOMIC_ACQUIRE);
}

/* A processor and what is said of it, in one word: they are never seen apart. */
static uint64_t *
cpu_at(const struct runtime *rt, uint32_t i)
{
	return (void *)(rt->bytes + rt->head.cpu_offset + (size_t)i * sizeof(struct runtime_cpu));
}

struct runtime_cpu
runtime_cpu(const struct runtime *rt, uint32_t i)
{
	uint64_t word = __atomic_load_n(cpu_at(rt, i), __ATOMIC_ACQUIRE);
	struct runtime_cpu cpu;

	memcpy(&cpu, &word, sizeof(cpu));
	if (cpu.said >= RUNTIME_CORES || cpu.cpu >= RUNTIME_CPUS_MAX)
		cpu.said = RUNTIME_CORE_NONE;
	return cpu;
}

/* The entry about a processor, or a free one when free is what is looked for; else cpu_n. */
static uint32_t
find_cpu(const struct runtime *rt, uint32_t cpu, bool free)
{
	for (uint32_t i = 0; i < rt->head.cpu_n; i++) {
		struct runtime_cpu at = runtime_cpu(rt, i);

		if (free ? at.said == RUNTIME_CORE_NONE
			 : at.said != RUNTIME_CORE_NONE && at.cpu == cpu)
			return i;
	}
	return rt->head.cpu_n;
}

enum runtime_core
runtime_core(const struct runtime *rt, uint32_t cpu)
{
	uint32_t i;

	if (rt == NULL || rt->bytes == NULL)
		return RUNTIME_CORE_NONE;
	i = find_cpu(rt, cpu, false);
	return i < rt->head.cpu_n ? (enum runtime_core)runtime_cpu(rt, i).said : RUNTIME_CORE_NONE;
}

static uint64_t *
tune_at(const struct runtime *rt, enum runtime_tune key)
{
	return (void *)(rt->bytes + rt->head.tune_offset + (size_t)key * sizeof(uint64_t));
}

uint64_t
runtime_tune(const struct runtime *rt, enum runtime_tune key)
{
	const struct runtime_tune_key *k = runtime_tune_key(key);
	uint64_t v;

	if (rt == NULL || rt->bytes == NULL || (uint32_t)key >= rt->head.tune_n)
		return RUNTIME_TUNE_UNSAID;
	v = __atomic_load_n(tune_at(rt, key), __ATOMIC_RELAXED);
	return v >= k->least && v <= k->most ? v : RUNTIME_TUNE_UNSAID;
}

bool
runtime_put_server(struct runtime *rt, uint32_t slot, const struct runtime_server *server)
{
	size_t skip = sizeof(server->seq);
	struct runtime_server *s;

	if (!has_slot(rt, slot))
		return false;
	s = server_at(rt, slot);
	seqlock_begin(&s->seq);
	memcpy((uint8_t *)s + skip, (const uint8_t *)server + skip, sizeof(*s) - skip);
	seqlock_end(&s->seq);
	return true;
}

bool
runtime_put_lane_cpu(struct runtime *rt, uint32_t lane, uint32_t cpu)
{
	if (rt->bytes == NULL || lane >= rt->head.lane_n)
		return false;
	__atomic_store_n(&lane_at(rt, lane)->cpu, cpu, __ATOMIC_RELEASE);
	return true;
}

bool
runtime_put_core(struct runtime *rt, uint32_t cpu, enum runtime_core said)
{
	struct runtime_cpu put = { .cpu = cpu, .said = said };
	uint64_t word;
	uint32_t i;

	if (rt->bytes == NULL)
		return false;
	i = find_cpu(rt, cpu, false);
	if (i == rt->head.cpu_n && said == RUNTIME_CORE_NONE)
		return true;
	if (i == rt->head.cpu_n)
		i = find_cpu(rt, cpu, true);
	if (i == rt->head.cpu_n)
		return false;
	memcpy(&word, &put, sizeof(word));
	__atomic_store_n(cpu_at(rt, i), word, __ATOMIC_RELEASE);
	return true;
}

bool
runtime_put_tune(struct runtime *rt, enum runtime_tune key, uint64_t value)
{
	if (rt->bytes == NULL || (uint32_t)key >= rt->head.tune_n)
		return false;
	__atomic_store_n(tune_at(rt, key), value, __ATOMIC_RELAXED);
	return true;
}
