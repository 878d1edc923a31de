/*
 * publish.c - control/publish: sealing, checking, writing and reading it (publish.h).
 */
#include "abi/publish.h"

#include <string.h>

#include "abi/crc.h"
#include "abi/rundir.h"

static uint32_t
publish_crc(const struct publish *p)
{
	struct publish copy = *p;

	copy.crc = 0;
	return abi_crc32c(0, &copy, sizeof(copy));
}

void
publish_seal(struct publish *p)
{
	p->magic = PUBLISH_MAGIC;
	p->version = PUBLISH_VERSION;
	p->crc = publish_crc(p);
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "publish", ABI_NONE, field);
	return false;
}

bool
publish_check(const void *bytes, size_t n, struct publish *ret_publish, struct abi_fault *ret_fault)
{
	struct publish p;

	if (n < sizeof(p))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&p, bytes, sizeof(p));
	if (p.magic != PUBLISH_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (p.version != PUBLISH_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (p.crc != publish_crc(&p))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "crc");
	if (p.generation == 0)
		return wrong(ret_fault, ABI_FAULT_RANGE, "generation");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_publish = p;
	return true;
}

int
publish_write(int control_fd, uint64_t generation, uint64_t image_bytes, uint32_t image_crc,
	      uint64_t time_ns)
{
	struct publish p = {
		.generation = generation,
		.image_bytes = image_bytes,
		.image_crc = image_crc,
		.time_ns = time_ns,
	};

	publish_seal(&p);
	return rundir_write(control_fd, RUNDIR_PUBLISH, &p, sizeof(p), RUNDIR_MODE_FIXED);
}

bool
publish_read(int control_fd, struct publish *ret_publish, struct abi_fault *ret_fault)
{
	uint8_t bytes[256]; /* a later version may be longer */
	size_t n;

	if (rundir_read(control_fd, RUNDIR_PUBLISH, bytes, sizeof(bytes), &n) != 0)
		return wrong(ret_fault, ABI_FAULT_FILE, "");
	return publish_check(bytes, n, ret_publish, ret_fault);
}
