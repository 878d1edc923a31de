/*
 * resolver.h - the addresses of servers that the configuration calls by name: static names of
 * `hosts` first, then DNS (c-ares), asked again when an answer's time is over.
 *
 * An answer replaces the addresses before it (the data plane drains those that went). A failure
 * changes nothing: the last good answer stays in force and the question is asked again soon.
 * Units: nanoseconds, monotonic unless named real.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_RESOLVER_H
#define PENSTOCK_CONTROL_DAEMON_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "abi/image.h"
#include "daemon/loop.h"
#include "daemon/overrides.h"

struct resolver;

/* Takes addresses to `overrides`. NULL: c-ares does not start (told). */
struct resolver *resolver_open(struct loop *loop, struct overrides *overrides);

/*
 * The servers and hosts of an image that is about to be published; called again for each. Static
 * names are written at once, names that are already known too.
 *   servers  DNS servers as "IP:port,IP", "" for the machine's own
 */
void resolver_set(struct resolver *resolver, const struct img *img, const char *servers,
		  uint64_t now);

/* Asks what is due, lets c-ares see its time-outs. */
void resolver_advance(struct resolver *resolver, uint64_t now);

uint64_t resolver_deadline(const struct resolver *resolver, uint64_t now);

/* [{"name":, "from": "hosts"|"dns", "addresses": [], "error":}] */
json_t *resolver_json(const struct resolver *resolver, uint64_t now);

void resolver_close(struct resolver *resolver);

#endif
