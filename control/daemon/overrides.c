/*
 * overrides.c - control/runtime, see overrides.h.
 */
#include "daemon/overrides.h"

#include <string.h>

#include "abi/image.h"
#include "base/ensure.h"
#include "daemon/say.h"

enum {
	SLOTS_FIRST = 1024
};

/* A fresh file with room for so many slots, holding what `from` holds. */
static bool
file_make(struct overrides *overrides, uint32_t slots, const struct runtime *from)
{
	struct rundir_map map;
	struct runtime runtime;
	struct abi_fault fault;

	if (rundir_map_make(overrides->control_fd, RUNDIR_RUNTIME,
			    runtime_bytes(slots, IMG_LANES_MAX), &map) != 0)
		return false;
	runtime_init(map.p, slots, IMG_LANES_MAX);
	ensure(runtime_open(map.p, map.n, &runtime, &fault));
	for (uint32_t slot = 0; from != NULL && slot < from->head.server_n; slot++) {
		struct runtime_server record;
		const uint8_t *at = from->bytes + from->head.server_offset +
				    (size_t)slot * from->head.server_stride;
		uint32_t incarnation =
			((const struct runtime_server *)(const void *)at)->incarnation;

		if (incarnation != 0 && runtime_server(from, slot, incarnation, &record))
			runtime_put_server(&runtime, slot, &record);
	}
	for (uint32_t lane = 0; from != NULL && lane < from->head.lane_n; lane++)
		runtime_put_lane_cpu(&runtime, lane, runtime_lane_cpu(from, lane));
	for (uint32_t i = 0; from != NULL && i < from->head.cpu_n; i++) {
		struct runtime_cpu at = runtime_cpu(from, i);

		if (at.said != RUNTIME_CORE_NONE)
			runtime_put_core(&runtime, at.cpu, (enum runtime_core)at.said);
	}
	for (enum runtime_tune key = 0; key < RUNTIME_TUNES; key++)
		runtime_put_tune(&runtime, key, runtime_tune(from, key));
	if (rundir_map_publish(overrides->control_fd, RUNDIR_RUNTIME) != 0) {
		rundir_map_close(&map);
		return false;
	}
	rundir_map_close(&overrides->map);
	overrides->map = map;
	overrides->runtime = runtime;
	return true;
}

/* A predecessor's file may have no room for what this version says: it gets a larger one. */
static bool
bring_up_to_date(struct overrides *overrides)
{
	struct runtime before = overrides->runtime;

	if (before.head.cpu_n > 0 && before.head.tune_n >= RUNTIME_TUNES)
		return true;
	return file_make(overrides, before.head.server_n, &before);
}

bool
overrides_open(struct overrides *overrides, int control_fd)
{
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];

	*overrides = (struct overrides){ .control_fd = control_fd };
	if (rundir_map_open(control_fd, RUNDIR_RUNTIME, true, &overrides->map) == 0) {
		if (runtime_open(overrides->map.p, overrides->map.n, &overrides->runtime, &fault))
			return bring_up_to_date(overrides);
		say("control/runtime is not sound (%s): drained and disabled servers are up again",
		    abi_fault_print(&fault, text, sizeof(text)));
	}
	return file_make(overrides, SLOTS_FIRST, NULL);
}

bool
overrides_fit(struct overrides *overrides, uint32_t server_slots)
{
	struct runtime before = overrides->runtime;

	if (server_slots <= before.head.server_n)
		return true;
	return file_make(overrides, server_slots, &before);
}

/* What is said of this incarnation; of nobody, a fresh record. */
static struct runtime_server
record_of(const struct overrides *overrides, uint32_t slot, uint32_t incarnation)
{
	struct runtime_server record;

	runtime_server(&overrides->runtime, slot, incarnation, &record);
	record.incarnation = incarnation;
	return record;
}

void
overrides_set_admin(struct overrides *overrides, uint32_t slot, uint32_t incarnation,
		    enum runtime_admin admin)
{
	struct runtime_server record = record_of(overrides, slot, incarnation);

	record.admin = admin;
	runtime_put_server(&overrides->runtime, slot, &record);
}

bool
overrides_set_addresses(struct overrides *overrides, uint32_t slot, uint32_t incarnation,
			const struct ip_addr *ip, uint32_t n, uint64_t until_real_ns)
{
	struct runtime_server record = record_of(overrides, slot, incarnation);
	bool is_same = (record.flags & RUNTIME_RESOLVED) != 0 && record.address_n == n &&
		       (n == 0 || memcmp(record.address, ip, n * sizeof(*ip)) == 0);

	ensure(n <= RUNTIME_ADDRESSES_MAX);
	if (is_same && record.resolved_until_ns == until_real_ns)
		return false;
	memset(record.address, 0, sizeof(record.address));
	if (n > 0)
		memcpy(record.address, ip, n * sizeof(*ip));
	record.address_n = n;
	record.flags |= RUNTIME_RESOLVED;
	record.resolved_until_ns = until_real_ns;
	runtime_put_server(&overrides->runtime, slot, &record);
	return !is_same;
}

void
overrides_close(struct overrides *overrides)
{
	rundir_map_close(&overrides->map);
}
