/*
 * vdev.h - DPDK's devices by their raw arguments, "NAME" or "NAME,ARGUMENTS": what of them check
 * refuses, and the data plane, which believes no image.
 */
#ifndef PENSTOCK_ABI_VDEV_H
#define PENSTOCK_ABI_VDEV_H

#include <stdbool.h>
#include <string.h>

/* Bytes of its name. */
static inline size_t
vdev_name_n(const char *device)
{
	return strcspn(device, ",");
}

/*
 * Drivers whose arguments are other devices, or commands that a shell runs with the rights of the
 * process (failsafe's exec): whoever may write a configuration shall not have those.
 */
static inline bool
vdev_runs_commands(const char *device)
{
	size_t n = vdev_name_n(device);

	return memmem(device, n, "failsafe", 8) != NULL || memmem(device, n, "netvsc", 6) != NULL;
}

#endif
