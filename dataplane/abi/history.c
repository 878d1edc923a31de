/*
 * history.c - dataplane/history (history.h).
 */
#include "abi/history.h"

#include <string.h>

#include "abi/crc.h"
#include "abi/rundir.h"

static uint32_t
history_crc(const struct history *h)
{
	struct history copy = *h;

	copy.crc = 0;
	return abi_crc32c(0, &copy, sizeof(copy));
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "history", ABI_NONE, field);
	return false;
}

bool
history_check(const void *bytes, size_t n, struct history *ret_history, struct abi_fault *ret_fault)
{
	struct history h;

	if (n < sizeof(h))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&h, bytes, sizeof(h));
	if (h.magic != HISTORY_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (h.version != HISTORY_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (h.crc != history_crc(&h))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "crc");
	if (h.start_n > HISTORY_STARTS)
		return wrong(ret_fault, ABI_FAULT_COUNT, "start_n");
	if (h.refusal_n > HISTORY_REFUSALS)
		return wrong(ret_fault, ABI_FAULT_COUNT, "refusal_n");
	for (uint32_t i = 0; i < h.refusal_n; i++) {
		if (memchr(h.refusal[i].version, '\0', sizeof(h.refusal[i].version)) == NULL)
			return wrong(ret_fault, ABI_FAULT_STRING, "version");
		if (h.refusal[i].fault.kind >= ABI_FAULTS)
			return wrong(ret_fault, ABI_FAULT_ENUM, "fault");
	}
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_history = h;
	return true;
}

void
history_load(int dataplane_fd, struct history *ret_history)
{
	uint8_t bytes[sizeof(struct history) + 4096]; /* a later version may be longer */
	struct abi_fault fault;
	size_t n = 0;

	if (rundir_read(dataplane_fd, RUNDIR_HISTORY, bytes, sizeof(bytes), &n) != 0 ||
	    !history_check(bytes, n, ret_history, &fault))
		*ret_history = (struct history){ 0 };
}

int
history_save(int dataplane_fd, struct history *h)
{
	h->magic = HISTORY_MAGIC;
	h->version = HISTORY_VERSION;
	h->crc = history_crc(h);
	return rundir_write(dataplane_fd, RUNDIR_HISTORY, h, sizeof(*h), RUNDIR_MODE_SHARED);
}

/* How the version is kept: cut to the field. */
static void
put_version(char to[32], const char *version)
{
	size_t n = strnlen(version, 31);

	memset(to, 0, 32);
	memcpy(to, version, n);
}

void
history_refuse(struct history *h, uint64_t generation, uint32_t crc, const char *version,
	       const struct abi_fault *fault)
{
	struct history_refusal *r;

	if (history_refusal(h, generation, crc, version) != NULL)
		return;
	if (h->refusal_n == HISTORY_REFUSALS) {
		memmove(&h->refusal[0], &h->refusal[1],
			(HISTORY_REFUSALS - 1) * sizeof(h->refusal[0]));
		h->refusal_n--;
	}
	r = &h->refusal[h->refusal_n++];
	*r = (struct history_refusal){ .generation = generation, .crc = crc, .fault = *fault };
	put_version(r->version, version);
}

const struct history_refusal *
history_refusal(const struct history *h, uint64_t generation, uint32_t crc, const char *version)
{
	char kept[32];

	put_version(kept, version);
	for (uint32_t i = 0; i < h->refusal_n; i++) {
		const struct history_refusal *r = &h->refusal[i];

		if (r->generation == generation && r->crc == crc && strcmp(r->version, kept) == 0)
			return r;
	}
	return NULL;
}

void
history_start(struct history *h, uint64_t generation, uint32_t crc, uint64_t now_real)
{
	if (h->start_n == HISTORY_STARTS) {
		memmove(&h->start[0], &h->start[1], (HISTORY_STARTS - 1) * sizeof(h->start[0]));
		h->start_n--;
	}
	h->start[h->start_n++] = (struct history_start){
		.time_ns = now_real,
		.generation = generation,
		.crc = crc,
	};
}

void
history_move(struct history *h, uint64_t generation, uint32_t crc)
{
	if (h->start_n == 0)
		return;
	h->start[h->start_n - 1].generation = generation;
	h->start[h->start_n - 1].crc = crc;
}

void
history_end(struct history *h)
{
	if (h->start_n > 0)
		h->start[h->start_n - 1].is_ended = 1;
}

uint32_t
history_crashes(const struct history *h, uint64_t generation, uint32_t crc, uint64_t now_real)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->start_n; i++) {
		const struct history_start *s = &h->start[i];
		uint64_t ended = i + 1 < h->start_n ? h->start[i + 1].time_ns : now_real;

		if (s->is_ended == 0 && s->generation == generation && s->crc == crc &&
		    ended <= now_real && now_real - ended <= HISTORY_CRASH_NS)
			n++;
	}
	return n;
}
