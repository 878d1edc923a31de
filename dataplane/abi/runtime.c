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

static uint32_t
head_crc(const struct runtime_head *head)
{
	struct runtime_head copy = *head;

	copy.crc = 0;
	return abi_crc32c(0, &copy, sizeof(copy));
}

size_t
runtime_bytes(uint32_t server_n, uint32_t lane_n)
{
	return 64 + (size_t)server_n * sizeof(struct runtime_server) +
	       (size_t)lane_n * sizeof(struct runtime_lane);
}

void
runtime_init(void *bytes, uint32_t server_n, uint32_t lane_n)
{
	struct runtime_head head = {
		.magic = RUNTIME_MAGIC,
		.version = RUNTIME_VERSION,
		.head_bytes = sizeof(head),
		.bytes = runtime_bytes(server_n, lane_n),
		.server_offset = 64,
		.server_stride = sizeof(struct runtime_server),
		.server_n = server_n,
		.lane_offset = 64 + server_n * (uint32_t)sizeof(struct runtime_server),
		.lane_stride = sizeof(struct runtime_lane),
		.lane_n = lane_n,
	};
	struct runtime_lane *lane = (void *)((uint8_t *)bytes + head.lane_offset);

	for (uint32_t i = 0; i < lane_n; i++)
		lane[i].core_i = ABI_NONE;
	head.crc = head_crc(&head);
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

bool
runtime_open(void *bytes, size_t n, struct runtime *ret_runtime, struct abi_fault *ret_fault)
{
	struct runtime_head head;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "");
	if (n < sizeof(head))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&head, bytes, sizeof(head));
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
runtime_lane_core(const struct runtime *rt, uint32_t lane)
{
	if (rt == NULL || rt->bytes == NULL || lane >= rt->head.lane_n)
		return ABI_NONE;
	return __atomic_load_n(&lane_at(rt, lane)->core_i, __ATOMIC_ACQUIRE);
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
runtime_put_lane_core(struct runtime *rt, uint32_t lane, uint32_t core_i)
{
	if (rt->bytes == NULL || lane >= rt->head.lane_n)
		return false;
	__atomic_store_n(&lane_at(rt, lane)->core_i, core_i, __ATOMIC_RELEASE);
	return true;
}
