/*
 * overrides.h - the writer of control/runtime: what an operator or DNS says of a server beside
 * the image. Survives new images and restarts of both programs; a record counts for one
 * (slot, incarnation) and is forgotten when another user of the slot comes.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_OVERRIDES_H
#define PENSTOCK_CONTROL_DAEMON_OVERRIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/runtime.h"
#include "abi/rundir.h"

struct overrides {
	int control_fd;
	struct rundir_map map;
	struct runtime runtime;
};

/* Adopts the file that is there, or makes one. False: cannot be made (told). */
bool overrides_open(struct overrides *overrides, int control_fd);

/* Room for so many server slots; a larger file replaces the smaller one. */
bool overrides_fit(struct overrides *overrides, uint32_t server_slots);

void overrides_set_admin(struct overrides *overrides, uint32_t slot, uint32_t incarnation,
			 enum runtime_admin admin);

/* Addresses of a server that the image calls by name; n at most RUNTIME_ADDRESSES_MAX. True: they
 * differ from before. */
bool overrides_set_addresses(struct overrides *overrides, uint32_t slot, uint32_t incarnation,
			     const struct ip_addr *ip, uint32_t n, uint64_t until_real_ns);

void overrides_close(struct overrides *overrides);

#endif
