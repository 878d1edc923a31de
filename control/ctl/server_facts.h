/*
 * server_facts.h - what is known of one server: said by an operator, found and counted by the lanes.
 * What `servers` and `farms` share.
 */
#ifndef PENSTOCK_CONTROL_CTL_SERVER_FACTS_H
#define PENSTOCK_CONTROL_CTL_SERVER_FACTS_H

#include <stdint.h>

#include <jansson.h>

#include "conf/arena.h"
#include "run/boards.h"
#include "run/state.h"

struct server_facts {
	const char *farm, *name;
	struct runtime_server said;
	uint32_t weight;
	uint32_t resting_n; /* lanes that leave it alone after a failure */
	uint64_t in_flight, conns, requests, failures, dial_failures;
};

/* Of the i-th server of an image. Texts are the image's. */
struct server_facts server_facts_of(const struct state *state, const struct boards *boards,
				    const struct img *img, uint32_t i);

/* good, resting, resting_on_some_lanes; unknown: there are no lanes. */
const char *server_health_word(const struct server_facts *facts, uint32_t lanes);

/* "10.0.0.11:8080", or a name with what it resolves to. */
const char *server_address_text(struct arena *arena, const struct img *img,
				const struct img_server *server, const struct runtime_server *said);

json_t *server_addresses_json(const struct img_server *server, const struct runtime_server *said);

#endif
