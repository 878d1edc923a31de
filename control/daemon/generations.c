/*
 * generations.c - images in the run directory: written and announced, and removed when nobody needs
 * them any more; and the data plane that reads them.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/publish.h"
#include "abi/rundir.h"
#include "base/ensure.h"
#include "daemon/blobs.h"
#include "daemon/say.h"

enum {
	GENERATIONS_MAX = 256, /* looked at when old images are removed */
	KEPT_UNSEEN = 3,       /* images kept when no data plane says what it runs */
};

#define LANES_EVERY LOOP_S

/* The data plane's word for a generation: none of its can wear ours out. */
#define GENERATION_BELIEVED_MAX ((uint64_t)1 << 62)

bool
daemon_facts(const struct daemon *daemon, struct instance_facts *ret_facts)
{
	struct rundir_map map;
	struct abi_fault fault;
	bool is_good;

	if (daemon->dataplane_fd < 0 || rundir_locked_by(daemon->dataplane_fd) == 0 ||
	    rundir_map_open(daemon->dataplane_fd, RUNDIR_INSTANCE, false, &map) != 0)
		return false;
	is_good = instance_read(map.p, map.n, ret_facts, &fault);
	rundir_map_close(&map);
	return is_good;
}

void
dataplane_find(struct daemon *daemon)
{
	if (daemon->dataplane_fd >= 0)
		return;
	daemon->dataplane_fd = rundir_open(daemon->run, RUNDIR_DATAPLANE);
	if (daemon->dataplane_fd >= 0)
		journals_set_dataplane(daemon->journals, daemon->dataplane_fd);
}

void
dataplane_leave_lanes(struct daemon *daemon, uint64_t now)
{
	struct instance_facts facts;

	if (now < daemon->lanes_at)
		return;
	daemon->lanes_at = now + LANES_EVERY;
	if (daemon_facts(daemon, &facts))
		processors_leave(&daemon->processors, &facts, daemon->making.pid);
}

static uint64_t
generation_next(const struct daemon *daemon)
{
	struct instance_facts facts;
	struct publish publish;
	struct abi_fault fault;
	uint64_t newest[1], top = daemon->tables.generation;

	if (publish_read(daemon->control_fd, &publish, &fault) && publish.generation > top)
		top = publish.generation;
	if (rundir_generations(daemon->control_fd, newest, 1) == 1 && newest[0] > top)
		top = newest[0];
	if (daemon_facts(daemon, &facts) && facts.newest_generation > top &&
	    facts.newest_generation <= GENERATION_BELIEVED_MAX)
		top = facts.newest_generation;
	return top + 1;
}

void
generation_remove(struct daemon *daemon, uint64_t generation)
{
	char name[RUNDIR_NAME_MAX];

	rundir_unlink(daemon->control_fd, rundir_tables_name(name, generation));
}

/*
 * Removes images that nobody needs: not the newest, the last good one, the one that runs or the
 * one the data plane started with. What a lane still reads is in the data plane's own memory.
 */
static void
images_sweep(struct daemon *daemon)
{
	struct instance_facts facts;
	bool is_seen = daemon_facts(daemon, &facts);
	uint64_t *generation = calloc(GENERATIONS_MAX, sizeof(*generation));
	int n;

	ensure(generation != NULL);
	n = rundir_generations(daemon->control_fd, generation, GENERATIONS_MAX);
	for (int i = 0; i < n; i++) {
		uint64_t g = generation[i];
		bool is_needed = g == daemon->tables.generation || g == daemon->good.generation;

		if (is_seen)
			is_needed |= g == facts.generation || g == facts.start_generation ||
				     g > daemon->tables.generation;
		else
			is_needed |= i < KEPT_UNSEEN;
		if (!is_needed)
			generation_remove(daemon, g);
	}
	free(generation);
}

void
generations_sweep(struct daemon *daemon)
{
	images_sweep(daemon);
	if (daemon->making.pid == 0) /* else some are about to be named */
		blobs_sweep(daemon->control_fd);
}

bool
generation_prepare(struct daemon *daemon, const struct img *img, const struct settings *settings)
{
	if (!overrides_fit(&daemon->overrides, img_machine(img)->server_slots)) {
		say("control/runtime cannot grow: the run directory is full");
		return false;
	}
	names_add(&daemon->names, img);
	if (daemon->resolver != NULL)
		resolver_set(daemon->resolver, img, settings->dns != NULL ? settings->dns : "",
			     loop_now());
	return true;
}

void
generation_use_settings(struct daemon *daemon, const struct settings *settings)
{
	const char *was = daemon->settings.log_path, *is = settings->log_path;
	bool is_same = (was == NULL) == (is == NULL) && (is == NULL || strcmp(was, is) == 0) &&
		       log_style_is_same(&daemon->settings.log_style, &settings->log_style);

	settings_copy(&daemon->settings, settings);
	if (!is_same)
		access_log_open(&daemon->log, settings->log_path, &settings->log_style);
	scrape_listen(&daemon->scrape, settings->metrics);
	settings_save(settings, daemon->control_fd);
}

int
generation_publish(struct daemon *daemon, struct tables *tables, const struct settings *settings)
{
	char name[RUNDIR_NAME_MAX];
	int error;

	tables->generation = generation_next(daemon);
	if (!generation_prepare(daemon, &tables->img, settings))
		return -ENOSPC;
	error = rundir_write(daemon->control_fd, rundir_tables_name(name, tables->generation),
			     tables->bytes, tables->bytes_n, RUNDIR_MODE_FIXED);
	if (error == 0)
		error = publish_write(daemon->control_fd, tables->generation, tables->bytes_n,
				      tables->img.crc, loop_realtime());
	if (error != 0) {
		say("the tables cannot be written: %s", strerror(-error));
		return error;
	}
	if (daemon->tables.generation != daemon->good.generation)
		tables_close(&daemon->tables);
	daemon->tables = *tables;
	*tables = (struct tables){ 0 };
	generation_use_settings(daemon, settings);
	return 0;
}
