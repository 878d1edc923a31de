/*
 * page.c - one page of metrics: the boards of the data plane that runs, with the names of its image.
 */
#include <stdlib.h>

#include "base/ensure.h"
#include "daemon/daemon.h"
#include "run/metrics.h"

/* The image whose names and slots the lanes' boards are about. */
static const struct img *
image_of(const struct daemon *daemon, uint64_t running)
{
	if (daemon->good.generation != 0 && daemon->good.generation == running)
		return &daemon->good.img;
	return daemon->tables.generation != 0 ? &daemon->tables.img : NULL;
}

char *
page_write(void *ctx, size_t *ret_n)
{
	struct daemon *daemon = ctx;
	struct instance_facts *facts = calloc(1, sizeof(*facts));
	struct boards *boards = calloc(1, sizeof(*boards));
	char *page = NULL;
	FILE *out = open_memstream(&page, ret_n);
	bool runs;

	ensure(facts != NULL && boards != NULL && out != NULL);
	dataplane_find(daemon);
	runs = daemon_facts(daemon, facts);
	if (runs)
		boards_open(daemon->dataplane_fd, facts->lane_n, boards);
	metrics_write(out, &(struct metrics_of){
				   .version = PENSTOCK_VERSION,
				   .boards = boards,
				   .img = image_of(daemon, runs ? facts->generation : 0),
				   .runtime = &daemon->overrides.runtime,
				   .facts = runs ? facts : NULL,
			   });
	boards_close(boards);
	ensure(fclose(out) == 0);
	free(boards);
	free(facts);
	return page;
}
