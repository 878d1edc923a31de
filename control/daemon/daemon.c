/*
 * daemon.c - the parts of penstock-control put together, see daemon.h.
 */
#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>

#include "abi/rundir.h"
#include "base/ensure.h"
#include "daemon/say.h"

bool
daemon_open(struct daemon *daemon)
{
	processors_init(&daemon->processors);
	access_log_init(&daemon->log);
	socket_init(&daemon->socket, &daemon->loop, requests_answer, apply_gone, daemon);
	scrape_init(&daemon->scrape, &daemon->loop, page_write, daemon);
	daemon->journals = calloc(1, sizeof(*daemon->journals));
	ensure(daemon->journals != NULL);
	if (!overrides_open(&daemon->overrides, daemon->control_fd) ||
	    !asking_open(&daemon->asking, daemon->control_fd, &daemon->names) ||
	    !journals_open(daemon->journals, daemon->control_fd, &daemon->log, &daemon->names)) {
		say("%s/control cannot be written; is the disk full?", daemon->run);
		return false;
	}
	daemon->resolver = resolver_open(&daemon->loop, &daemon->overrides);
	return true;
}

bool
daemon_listen(struct daemon *daemon)
{
	char path[4096];

	if (daemon->settings.socket != NULL)
		return socket_listen(&daemon->socket, daemon->settings.socket);
	snprintf(path, sizeof(path), "%s/control/%s", daemon->run, RUNDIR_SOCKET);
	return socket_listen(&daemon->socket, path);
}

void
daemon_turn(struct daemon *daemon, uint64_t latest)
{
	uint64_t now = loop_now(), deadline, at, client_id;
	json_t *answer;

	apply_advance(daemon, now);
	journals_advance(daemon->journals, now);
	deadline = journals_deadline(daemon->journals);
	if (daemon->resolver != NULL) {
		resolver_advance(daemon->resolver, now);
		at = resolver_deadline(daemon->resolver, now);
		deadline = at < deadline ? at : deadline;
	}
	answer = asking_advance(&daemon->asking, now, &client_id);
	if (answer != NULL)
		socket_answer(&daemon->socket, client_id, answer);
	at = asking_deadline(&daemon->asking);
	deadline = at < deadline ? at : deadline;
	scrape_advance(&daemon->scrape);
	at = scrape_deadline(&daemon->scrape, now);
	deadline = at < deadline ? at : deadline;
	if (daemon->look_at < deadline)
		deadline = daemon->look_at;
	at = watch_deadline(&daemon->watch);
	deadline = at < deadline ? at : deadline;
	loop_wait(&daemon->loop, latest < deadline ? latest : deadline);
}

void
daemon_close(struct daemon *daemon)
{
	uint64_t now = loop_now();

	making_stop(&daemon->making);
	scrape_fini(&daemon->scrape);
	socket_fini(&daemon->socket);
	watch_fini(&daemon->watch);
	free(daemon->watched_by);
	free(daemon->applying.path);
	free(daemon->next.path);
	json_decref(daemon->waiting.answer);
	journals_close(daemon->journals, now);
	access_log_fini(&daemon->log, now);
	resolver_close(daemon->resolver);
	overrides_close(&daemon->overrides);
	asking_close(&daemon->asking);
	names_fini(&daemon->names);
	if (daemon->good.generation != daemon->tables.generation)
		tables_close(&daemon->good);
	tables_close(&daemon->tables);
	settings_fini(&daemon->settings);
	settings_fini(&daemon->good_settings);
	free(daemon->journals);
	loop_fini(&daemon->loop);
}
