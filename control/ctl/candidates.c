/*
 * candidates.c - farms as they are known here, and the servers that could take a request.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "ctl/explain_state.h"

/* Addresses that the image's hosts give a server's name. */
static void
static_addresses(const struct img *img, const char *host, struct farm_member *member)
{
	for (uint32_t i = 0; i < img_n(img, IMG_NAMES) && member->addr_n < FARM_ADDRS_MAX; i++)
		if (strcasecmp(img_text(img, img_name(img, i)->name), host) == 0)
			member->addr[member->addr_n++] = img_name(img, i)->ip;
}

static void
runtime_use(struct explain *x, const struct img_server *server)
{
	struct runtime_server said;
	struct farm_runtime runtime = { 0 };

	if (x->ask->runtime == NULL ||
	    !runtime_server(x->ask->runtime, server->slot, server->incarnation, &said))
		return;
	runtime.admin = said.admin == RUNTIME_ADMIN_UP	    ? FARM_ADMIN_UP
			: said.admin == RUNTIME_ADMIN_DRAIN ? FARM_ADMIN_DRAIN
							    : FARM_ADMIN_DISABLED;
	runtime.has_weight = (said.flags & RUNTIME_WEIGHT) != 0;
	runtime.weight = said.weight;
	if (ip_is_none(&server->ip))
		for (uint32_t i = 0; i < said.address_n && i < FARM_ADDRS_MAX; i++)
			runtime.addr[runtime.addr_n++] = said.address[i];
	farm_set_runtime(x->farms, server->slot, server->incarnation, &runtime);
}

void
candidates_open(struct explain *x)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 1 }; /* RFC 5737: stands for a name */
	uint32_t server_n = img_n(x->img, IMG_SERVERS);
	size_t size = farms_size(img_machine(x->img)->server_slots, server_n);
	void *mem = aligned_alloc(64, (size + 63) / 64 * 64);

	ensure(mem != NULL);
	memset(mem, 0, size);
	x->farms = farms_init(mem, img_machine(x->img)->server_slots, server_n);
	farms_begin(x->farms);
	for (uint32_t i = 0; i < server_n; i++) {
		const struct img_server *server = img_server(x->img, i);
		struct farm_member member = { .slot = server->slot,
					      .incarnation = server->incarnation,
					      .weight = server->weight,
					      .rest_ns = img_farm(x->img, server->farm_i)->rest_ns,
					      .addr_n = !ip_is_none(&server->ip),
					      .addr = { server->ip } };

		if (member.addr_n == 0)
			static_addresses(x->img, img_text(x->img, server->host), &member);
		if (member.addr_n == 0 && x->ask->runtime == NULL) {
			member.addr[0] = ip_from_v4(documentation);
			member.addr_n = 1;
		}
		ensure(farm_place(x->farms, i, &member));
		runtime_use(x, server);
	}
}

void
candidates_add(const struct explain *x, uint32_t farm_i, json_t *answer)
{
	const struct img_farm *farm = img_farm(x->img, farm_i);
	struct farm_tried tried = { 0 };
	json_t *all = json_array(), *fit_names = json_array();

	for (uint32_t i = farm->first_server; i < farm->first_server + farm->server_n; i++) {
		const struct img_server *server = img_server(x->img, i);
		enum farm_fit fit = farm_fit(x->farms, i, &tried, 1);
		const char *name = img_text(x->img, server->name);
		struct farm_facts facts;

		farm_facts(x->farms, server->slot, &facts);
		json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:I, s:s}", "name", name,
						     "address", img_text(x->img, server->host),
						     "port", server->http_port, "weight",
						     (json_int_t)facts.weight, "fit",
						     farm_fit_name(fit)));
		if (fit == FARM_FIT_READY || fit == FARM_FIT_PROBE)
			json_array_append_new(fit_names, json_string(name));
	}
	json_object_set_new(answer, "farm", json_string(img_text(x->img, farm->name)));
	json_object_set_new(answer, "server", fit_names);
	json_object_set_new(answer, "servers", all);
}
