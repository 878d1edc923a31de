/*
 * daemon.h - penstock-control as a whole: what it holds, and its parts' doors to each other.
 *
 * Single-threaded. Everything it must know after a crash is in the run directory or in the
 * configuration file; nothing here is needed by the data plane to go on serving.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_DAEMON_H
#define PENSTOCK_CONTROL_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "abi/instance.h"
#include "daemon/access_log.h"
#include "daemon/asking.h"
#include "daemon/journals.h"
#include "daemon/loop.h"
#include "daemon/making.h"
#include "run/names.h"
#include "daemon/overrides.h"
#include "daemon/processors.h"
#include "daemon/resolver.h"
#include "daemon/scrape.h"
#include "daemon/settings.h"
#include "daemon/socket.h"
#include "daemon/watch.h"
#include "run/tables.h"

/* An apply whose client waits for the data plane's verdict. */
struct waiting {
	uint64_t client_id; /* 0: nobody waits */
	uint64_t deadline;
	json_t *answer; /* to be completed */
};

/* Whose image is being made. */
struct applying {
	char *path;	    /* malloc's; stays until the next one begins */
	uint64_t client_id; /* 0: nobody waits for the answer */
	bool at_restart, wants_progress;
	uint64_t began, told_at, said_at; /* progress: to the client, to the operator */
};

/* A client's apply that waits until one that control began by itself is over. */
struct apply_next {
	char *path; /* malloc's; NULL: none */
	uint64_t client_id;
	bool at_restart, wants_progress;
};

struct daemon {
	const char *run;    /* the run directory */
	const char *config; /* the file of the command line */
	struct loop loop;
	int control_fd;
	int dataplane_fd; /* -1: the data plane has not made its folder yet */
	int lock_fd;
	uint64_t started_real;
	struct processors processors;
	uint64_t lanes_at; /* next look at where lanes run */
	bool must_stop;
	bool is_starting; /* the file of the command line is being read */
	bool has_failed;  /* ... and there is nothing to look after */

	struct tables tables; /* published last; generation 0: none */
	struct tables good;   /* the newest that the data plane took; may be the same generation */
	struct settings settings, good_settings;
	uint64_t judged; /* generation whose verdict was seen */
	uint64_t look_at;
	struct making making;
	struct applying applying;
	struct apply_next next;
	struct loop_fd making_watch;
	struct waiting waiting;
	struct watch watch;  /* files of what is published */
	char *watched_by;    /* malloc's: the configuration that named them */
	uint64_t watched_at; /* generation when the last change was seen; 0: nothing to tell */

	struct overrides overrides;
	struct asking asking;
	struct resolver *resolver; /* NULL: DNS did not start */
	struct names names;
	struct access_log log;
	struct journals *journals;
	struct socket socket;
	struct scrape scrape;
};

/* ---- daemon.c: run, config, control_fd, dataplane_fd and the loop are set ---- */

/* Opens the parts that live in the run directory. False: told; daemon_close all the same. */
bool daemon_open(struct daemon *daemon);

/* Opens the control socket, or moves it to where the settings say it is. False: told. */
bool daemon_listen(struct daemon *daemon);

/* Does what is due, then waits for the next thing to happen, not beyond `latest`. */
void daemon_turn(struct daemon *daemon, uint64_t latest);

void daemon_close(struct daemon *daemon);

/* ---- generations.c ---- */

/* Looks for the data plane's folder: it may start at any time after us. */
void dataplane_find(struct daemon *daemon);

/* Keeps us off the processors of a data plane's lanes; looks for a new one once a second. */
void dataplane_leave_lanes(struct daemon *daemon, uint64_t now);

/* The data plane's facts, when one runs. */
bool daemon_facts(const struct daemon *daemon, struct instance_facts *ret_facts);

/* What an image brings with it beside its bytes, before the data plane sees it. False: told. */
bool generation_prepare(struct daemon *daemon, const struct img *img,
			const struct settings *settings);

/* These count from now on: the log is reopened where they say, and they are kept. */
void generation_use_settings(struct daemon *daemon, const struct settings *settings);

/*
 * Writes and announces an image. Takes `tables` (without a generation). 0 or a negative errno,
 * told.
 */
int generation_publish(struct daemon *daemon, struct tables *tables,
		       const struct settings *settings);

void generation_remove(struct daemon *daemon, uint64_t generation);

/* Removes images that nobody needs, and then blobs that no image names. */
void generations_sweep(struct daemon *daemon);

/* ---- requests_sessions.c: the answer, or NULL: it comes later ---- */

json_t *request_sessions(struct daemon *daemon, const json_t *request, uint64_t client_id);
json_t *request_kill(struct daemon *daemon, const json_t *request, uint64_t client_id);
json_t *request_capture(struct daemon *daemon, const json_t *request, uint64_t client_id);
json_t *request_capture_end(struct daemon *daemon, const json_t *request, uint64_t client_id);

/* ---- apply.c ---- */

/* Takes over what an earlier control process left in the run directory. */
void apply_adopt(struct daemon *daemon);

/*
 * Checks a file, builds and publishes it. The answer, or NULL: it comes when the image is made and
 * the data plane has judged it (client_id waits).
 *   at_restart      also what takes effect only when the data plane restarts
 *   wants_progress  the client reads {"progress": …} lines before the answer
 */
json_t *apply_file(struct daemon *daemon, const char *path, bool at_restart, bool wants_progress,
		   uint64_t client_id);

/* A client that waits for an answer has gone: what is not published yet is given up. */
void apply_gone(void *daemon, uint64_t client_id);

/*
 * At start: opens the socket and begins to apply the file of the command line. Turns of the loop
 * finish it (is_starting); has_failed and must_stop then if nothing runs and nothing can (told).
 */
void apply_first(struct daemon *daemon);

/* Looks for the data plane's verdict. */
void apply_advance(struct daemon *daemon, uint64_t now);

/* ---- page.c ---- */

/* All metrics as text, of malloc's. */
char *page_write(void *daemon, size_t *ret_n);

/* ---- requests.c ---- */

/* A text member of a request; NULL: not there. */
const char *request_text(const json_t *request, const char *key);

json_t *requests_answer(void *daemon, const json_t *request, uint64_t client_id);

#endif
