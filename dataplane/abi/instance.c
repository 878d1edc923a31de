/*
 * instance.c - dataplane/instance (instance.h): written by the keeper, read by anybody.
 */
#include "abi/instance.h"

#include <string.h>

#include "abi/seqlock.h"

enum {
	/* Facts of the first release: a writer with less is none. */
	FACTS_FIRST_BYTES = offsetof(struct instance_facts, core),
	FACTS_BYTES_MAX = 1 << 20,
};

void
instance_init(struct instance *in)
{
	in->version = INSTANCE_VERSION;
	in->facts_bytes = sizeof(in->facts);
	in->facts_offset = offsetof(struct instance, facts);
	in->magic = INSTANCE_MAGIC;
}

void
instance_put(struct instance *in, const struct instance_facts *facts)
{
	seqlock_begin(&in->seq);
	memcpy(&in->facts, facts, sizeof(*facts));
	seqlock_end(&in->seq);
}

void
instance_beat(struct instance *in, uint64_t now)
{
	__atomic_store_n(&in->beat_ns, now, __ATOMIC_RELEASE);
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, uint32_t i, const char *field)
{
	*ret_fault = abi_fault_at(kind, "instance", i, field);
	return false;
}

static bool
check_fault(const struct abi_fault *f)
{
	return f->kind < ABI_FAULTS && abi_is_word(f->part, sizeof(f->part)) &&
	       abi_is_word(f->field, sizeof(f->field));
}

static bool
check_facts(const struct instance_facts *f, struct abi_fault *ret_fault)
{
	if (!abi_is_word(f->version, sizeof(f->version)))
		return wrong(ret_fault, ABI_FAULT_STRING, ABI_NONE, "version");
	if (f->verdict >= INSTANCE_VERDICTS)
		return wrong(ret_fault, ABI_FAULT_ENUM, ABI_NONE, "verdict");
	if (!check_fault(&f->fault))
		return wrong(ret_fault, ABI_FAULT_ENUM, ABI_NONE, "fault");
	if (f->core_n > IMG_CORES_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "core_n");
	if (f->lane_n > IMG_LANES_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "lane_n");
	if (f->port_n > IMG_PORTS_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "port_n");
	for (uint32_t i = 0; i < f->port_n; i++) {
		const struct instance_port *p = &f->port[i];

		if (!abi_is_word(p->name, sizeof(p->name)) ||
		    !abi_is_word(p->driver, sizeof(p->driver)))
			return wrong(ret_fault, ABI_FAULT_STRING, i, "name");
		if (p->steering >= INSTANCE_STEERINGS)
			return wrong(ret_fault, ABI_FAULT_ENUM, i, "steering");
		if (!abi_is_word(f->except[i].interface, sizeof(f->except[i].interface)))
			return wrong(ret_fault, ABI_FAULT_STRING, i, "except");
	}
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		if (f->core[i].state >= INSTANCE_CORE_STATES)
			return wrong(ret_fault, ABI_FAULT_ENUM, i, "core");
	}
	return true;
}

bool
instance_read(const void *bytes, size_t n, struct instance_facts *ret_facts,
	      struct abi_fault *ret_fault)
{
	const struct instance *shared = bytes;
	struct instance_facts facts = { 0 };
	struct instance head;
	size_t head_bytes = offsetof(struct instance, facts), facts_n;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, ABI_NONE, "");
	if (n < head_bytes)
		return wrong(ret_fault, ABI_FAULT_SHORT, ABI_NONE, "");
	memcpy(&head, bytes, head_bytes);
	if (head.magic != INSTANCE_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, ABI_NONE, "magic");
	if (head.version != INSTANCE_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, ABI_NONE, "version");
	if (head.facts_bytes < FACTS_FIRST_BYTES || head.facts_bytes > FACTS_BYTES_MAX)
		return wrong(ret_fault, ABI_FAULT_STRIDE, ABI_NONE, "facts_bytes");
	if (head.facts_offset < head_bytes || head.facts_offset > n ||
	    head.facts_bytes > n - head.facts_offset)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, ABI_NONE, "facts_offset");

	facts_n = head.facts_bytes < sizeof(facts) ? head.facts_bytes : sizeof(facts);
	if (!seqlock_copy(&shared->seq, (const uint8_t *)bytes + head.facts_offset, &facts,
			  facts_n))
		return wrong(ret_fault, ABI_FAULT_SEQUENCE, ABI_NONE, "seq");
	if (!check_facts(&facts, ret_fault))
		return false;
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_facts = facts;
	return true;
}
