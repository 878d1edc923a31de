/*
 * build_identity.c - gives every listener, farm and server its slot: what the image before has
 * under the same name keeps it, what that image alone has is retired, the rest takes free ones.
 * Rules have theirs from their compiler (rules/program.h).
 */
#include "conf/build_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

enum {
	SERVER_SLOTS_MIN = 1024, /* room in boards for servers to come, without a restart */
	LISTENER_ROOM = 1024,
};

static uint32_t
servers_n(const struct conf *conf)
{
	uint32_t n = 0;

	for (CONF_EACH(struct conf_farm, farm, &conf->farms))
		n += farm->servers.n;
	return n;
}

static struct identity *
identities_take(uint32_t n)
{
	struct identity *identity = calloc((size_t)n + 1, sizeof(*identity));

	ensure(identity != NULL);
	return identity;
}

/* By name: the farm of the image before that a model's farm continues; IMG_NONE: a new one. */
static uint32_t
farm_before(const struct build *build, const char *name)
{
	return build->before == NULL ? (uint32_t)IMG_NONE
				     : img_find_farm(build->before, name, strlen(name));
}

static void
keep_listeners(struct build *build)
{
	const struct img *before = build->before;
	bool *is_kept = calloc((size_t)img_n(before, IMG_LISTENERS) + 1, 1);
	struct identity *identity = build->identity[IMG_KIND_LISTENER];

	ensure(is_kept != NULL);
	for (CONF_EACH(struct conf_listener, listener, &build->conf->listeners)) {
		uint32_t i = img_find_listener(before, listener->name.s, strlen(listener->name.s));

		if (i != (uint32_t)IMG_NONE) {
			*identity = (struct identity){ img_listener(before, i)->slot,
						       img_listener(before, i)->incarnation };
			is_kept[i] = true;
		}
		identity++;
	}
	for (uint32_t i = 0; i < img_n(before, IMG_LISTENERS); i++)
		if (!is_kept[i])
			slots_retire(&build->slots[IMG_KIND_LISTENER], IMG_KIND_LISTENER,
				     img_listener(before, i)->slot,
				     img_listener(before, i)->incarnation);
	free(is_kept);
}

/* Farms and, within them, servers. */
static void
keep_farms(struct build *build)
{
	const struct img *before = build->before;
	bool *is_farm = calloc((size_t)img_n(before, IMG_FARMS) + 1, 1);
	bool *is_server = calloc((size_t)img_n(before, IMG_SERVERS) + 1, 1);
	struct identity *farm_id = build->identity[IMG_KIND_FARM];
	struct identity *server_id = build->identity[IMG_KIND_SERVER];

	ensure(is_farm != NULL && is_server != NULL);
	for (CONF_EACH(struct conf_farm, farm, &build->conf->farms)) {
		uint32_t farm_i = farm_before(build, farm->name.s);

		if (farm_i != (uint32_t)IMG_NONE) {
			*farm_id = (struct identity){ img_farm(before, farm_i)->slot,
						      img_farm(before, farm_i)->incarnation };
			is_farm[farm_i] = true;
		}
		farm_id++;
		for (CONF_EACH(struct conf_server, server, &farm->servers)) {
			uint32_t i = farm_i == (uint32_t)IMG_NONE
					     ? (uint32_t)IMG_NONE
					     : img_find_server(before, farm_i, server->name.s,
							       strlen(server->name.s));

			if (i != (uint32_t)IMG_NONE) {
				*server_id =
					(struct identity){ img_server(before, i)->slot,
							   img_server(before, i)->incarnation };
				is_server[i] = true;
			}
			server_id++;
		}
	}
	for (uint32_t i = 0; i < img_n(before, IMG_FARMS); i++)
		if (!is_farm[i])
			slots_retire(&build->slots[IMG_KIND_FARM], IMG_KIND_FARM,
				     img_farm(before, i)->slot, img_farm(before, i)->incarnation);
	for (uint32_t i = 0; i < img_n(before, IMG_SERVERS); i++)
		if (!is_server[i])
			slots_retire(&build->slots[IMG_KIND_SERVER], IMG_KIND_SERVER,
				     img_server(before, i)->slot,
				     img_server(before, i)->incarnation);
	free(is_farm);
	free(is_server);
}

static bool
fill_slots(struct build *build, enum img_kind kind, uint32_t n, uint32_t room)
{
	for (uint32_t i = 0; i < n; i++) {
		struct identity *identity = &build->identity[kind][i];

		if (identity->incarnation == 0 &&
		    !slots_take(&build->slots[kind], room, &identity->slot, &identity->incarnation))
			return false;
	}
	return true;
}

bool
build_identify(struct build *build)
{
	uint32_t n[IMG_KINDS] = { [IMG_KIND_LISTENER] = build->conf->listeners.n,
				  [IMG_KIND_FARM] = build->conf->farms.n,
				  [IMG_KIND_SERVER] = servers_n(build->conf) };
	uint32_t room = SERVER_SLOTS_MIN;

	if (build->before != NULL && img_machine(build->before)->server_slots > room)
		room = img_machine(build->before)->server_slots;
	while (room < n[IMG_KIND_SERVER] + n[IMG_KIND_SERVER] / 4)
		room *= 2;
	for (int kind = 0; kind < IMG_KINDS; kind++) {
		build->identity[kind] = identities_take(n[kind]);
		slots_init(&build->slots[kind], (enum img_kind)kind, build->before);
	}
	if (build->before != NULL) {
		keep_listeners(build);
		keep_farms(build);
	}
	if (!fill_slots(build, IMG_KIND_LISTENER, n[IMG_KIND_LISTENER], LISTENER_ROOM) ||
	    !fill_slots(build, IMG_KIND_FARM, n[IMG_KIND_FARM], LISTENER_ROOM) ||
	    !fill_slots(build, IMG_KIND_SERVER, n[IMG_KIND_SERVER], room))
		return false;
	while (room < build->slots[IMG_KIND_SERVER].high_water)
		room *= 2;
	build->server_slots = room > IMG_SLOTS_MAX ? (uint32_t)IMG_SLOTS_MAX : room;
	return true;
}
