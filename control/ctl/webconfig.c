/*
 * webconfig.c - the smallest image that has a listener with rules, see webconfig.h.
 */
#include "ctl/webconfig.h"

#include <stdlib.h>

#include "base/ensure.h"

enum {
	JOURNAL_BYTES = 1 << 16, /* the least that an image may ask for */
	SECOND = 1000000000
};

static uint32_t
no_farm(const void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return IMG_NONE;
}

static void
machine_build(struct img_build *build)
{
	struct img_machine machine = { .lanes = 1,
				       .server_slots = 1,
				       .journal_bytes = JOURNAL_BYTES };
	struct img_port port = { .queues = 1 };

	machine.pseudonym = img_build_text(build, "penstock");
	img_build_machine(build, &machine);
	img_build_core(build, &(struct img_core){ .cpu = 0 });
	port.name = img_build_text(build, "port");
	port.device = img_build_text(build, "none");
	img_build_port(build, &port);
}

static void
farm_build(struct img_build *build)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 1 };
	struct img_farm farm = { .incarnation = 1, .port_i = (uint32_t)IMG_NONE, .server_n = 1 };
	struct img_server server = { .incarnation = 1,
				     .ip = ip_from_v4(documentation),
				     .http_port = 80,
				     .https_port = 443,
				     .weight = 1 };

	farm.name = img_build_text(build, "site");
	img_build_farm(build, &farm);
	server.name = img_build_text(build, "site");
	server.host = img_build_text(build, "192.0.2.1");
	img_build_server(build, &server);
}

/* Binds the set's scopes in the order of work. */
static void
listener_build(struct img_build *build, const struct program *program)
{
	struct img_listener listener = { .incarnation = 1,
					 .port_i = (uint32_t)IMG_NONE,
					 .tcp_port = 80,
					 .xff = IMG_XFF_OFF,
					 .head_ns = SECOND,
					 .idle_ns = SECOND };

	for (uint32_t i = 0; i < program->set_n; i++)
		for (uint32_t k = 0; k < program->set[i].scope_n; k++) {
			struct img_bind bind = { .scope_i = program->set[i].first_scope + k };

			img_build_bind(build, &bind);
			listener.bind_n++;
		}
	listener.name = img_build_text(build, "site");
	img_build_listener(build, &listener);
}

struct rules_blob *
blobs_of(const struct program *program, const struct img *img)
{
	uint32_t n = img_n(img, IMG_BLOBS);
	struct rules_blob *blob = calloc((size_t)n + 1, sizeof(*blob));

	ensure(blob != NULL);
	for (uint32_t i = 0; i < program->blob_n && program->first_blob_i + i < n; i++)
		blob[program->first_blob_i + i] =
			(struct rules_blob){ program->blob[i].bytes, program->blob[i].n };
	return blob;
}

static bool
image_build(const struct rule_sets *set, struct webconfig *w, struct conf_errs *errs,
	    struct conf_errs *warns)
{
	struct slots slots = { 0 };
	struct program_env env = { .farm = no_farm, .slots = &slots, .wants_databases = true };
	struct img_build build;
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];
	void *bytes = NULL;
	size_t n = 0;
	bool is_built;

	img_build_init(&build, realloc);
	slots_init(&slots, IMG_KIND_RULE, NULL);
	machine_build(&build);
	farm_build(&build);
	is_built = program_build(set, &env, &build, &w->program, errs, warns);
	if (is_built) {
		listener_build(&build, &w->program);
		is_built = img_build_finish(&build, &bytes, &n);
		ensure(is_built);
		is_built = tables_open_bytes(bytes, n, 0, &w->tables, &fault);
		if (!is_built)
			conf_err_add(errs, set->at, "the rules do not fit into an image: %s",
				     abi_fault_print(&fault, text, sizeof(text)));
	}
	img_build_fini(&build);
	slots_fini(&slots);
	return is_built;
}

bool
webconfig_open(const struct iis_files *files, struct webconfig *ret_webconfig,
	       struct conf_errs *errs, struct conf_errs *warns)
{
	struct webconfig w = { 0 };
	const struct rule_sets *set = iis_open(&w.arena, files, errs, warns);

	if (set == NULL || !image_build(set, &w, errs, warns)) {
		webconfig_close(&w);
		return false;
	}
	w.blob = blobs_of(&w.program, &w.tables.img);
	*ret_webconfig = w;
	return true;
}

void
webconfig_close(struct webconfig *webconfig)
{
	free(webconfig->blob);
	tables_close(&webconfig->tables);
	program_fini(&webconfig->program);
	arena_fini(&webconfig->arena);
	*webconfig = (struct webconfig){ 0 };
}
