/*
 * rundir.h - the run directory: names, modes, locks, and making, replacing and mapping its files.
 *
 * DIR/control is written by control alone, DIR/dataplane by the data plane alone. Each belongs to
 * its writer's user and to one group that both programs run in (give both --user the same GID):
 * directories 02750, files 0640 or 0440, nothing for others. A file appears whole: it is made
 * under a temporary name and renamed. Readers open without following links and take only regular
 * files that belong to the directory's owner and that nobody else may write.
 * Functions return 0 (or a descriptor) or a negative errno.
 */
#ifndef PENSTOCK_ABI_RUNDIR_H
#define PENSTOCK_ABI_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/fault.h"

#define RUNDIR_DEFAULT "/run/penstock"

enum rundir_side {
	RUNDIR_CONTROL,
	RUNDIR_DATAPLANE,
	RUNDIR_SIDES
};

/* "control", "dataplane" */
const char *rundir_side_name(enum rundir_side side);

enum {
	RUNDIR_NAME_MAX = 96,
	RUNDIR_MODE_DIR = 02750,
	RUNDIR_MODE_SHARED = 0640, /* mapped and changed in place */
	RUNDIR_MODE_FIXED = 0440,  /* images, blobs, publish: written once */
	RUNDIR_MODE_SECRET = 0440, /* secrets: as images, but unlinked when unreferenced */
};

#define RUNDIR_PUBLISH	"publish"
#define RUNDIR_RUNTIME	"runtime"
#define RUNDIR_ASKS	"asks"
#define RUNDIR_CURSORS	"cursors"
#define RUNDIR_SOCKET	"socket" /* control/socket: the control socket */
#define RUNDIR_INSTANCE "instance"
#define RUNDIR_LOCK	"lock"
#define RUNDIR_HISTORY	"history"

/* Names with a number; n is RUNDIR_NAME_MAX, returns name. */
const char *rundir_tables_name(char *name, uint64_t generation); /* tables.17 */
const char *rundir_board_name(char *name, uint32_t lane);	 /* board.0 */
const char *rundir_journal_name(char *name, uint32_t lane);	 /* journal.0 */
const char *rundir_answers_name(char *name, uint32_t lane);	 /* answers.0 */
const char *rundir_capture_name(char *name, uint32_t lane);	 /* capture.0 */
const char *rundir_journal_old_name(char *name, uint32_t lane);	 /* journal.0.before */

/*
 * Makes DIR and DIR/side when they are not there; as root gives DIR/side to uid and group (also
 * when it was there before), else uid and group are ignored. Returns a descriptor of DIR/side.
 * -EPERM: DIR belongs to somebody who is neither root nor uid and could exchange DIR/side.
 */
int rundir_make(const char *path, enum rundir_side side, uid_t uid, gid_t group);

/*
 * Descriptor of DIR/side, which must be a directory nobody but its owner may write, in a DIR of
 * root's, of that owner's or of ours.
 */
int rundir_open(const char *path, enum rundir_side side);

/* Takes the lock of a side (its writer's) and writes the pid into it. Returns the descriptor to
 * keep, or -EWOULDBLOCK: another instance runs. */
int rundir_lock(int dir_fd);

/* The pid that holds the lock of a side, 0 when nobody does. */
pid_t rundir_locked_by(int dir_fd);

/* Unlinks what makers killed half-way left behind (temporary names). Call under the lock. */
void rundir_clean(int dir_fd);

/* Writes a whole file under a temporary name and renames it to name. */
int rundir_write(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode);

int rundir_unlink(int dir_fd, const char *name);
int rundir_rename(int dir_fd, const char *from, const char *to); /* replaces `to` */

/* Opens a file for reading with the checks above; *ret_n its length. */
int rundir_read_open(int dir_fd, const char *name, size_t *ret_n);

/* Reads a file of at most room bytes into bytes; *ret_n its length. -EFBIG when longer. */
int rundir_read(int dir_fd, const char *name, void *bytes, size_t room, size_t *ret_n);

/* A mapped file. */
struct rundir_map {
	void *p; /* NULL: not mapped */
	size_t n;
	uint64_t dev, ino; /* to see whether the name means another file by now */
};

/*
 * Makes a zeroed file of n bytes under a temporary name, mapped shared and writable. The caller
 * fills in its header and then calls rundir_map_publish, which renames it to name.
 */
int rundir_map_make(int dir_fd, const char *name, size_t n, struct rundir_map *ret_map);
int rundir_map_publish(int dir_fd, const char *name);

/*
 * Maps an existing file shared; writable only for a side's own files. Its owner may cut it short
 * at any time: what is then missing reads as zero instead of ending the reader (guard.h).
 */
int rundir_map_open(int dir_fd, const char *name, bool writable, struct rundir_map *ret_map);

/* Whether `name` now is another file than the mapped one (or is gone). */
bool rundir_map_is_stale(int dir_fd, const char *name, const struct rundir_map *map);

void rundir_map_close(struct rundir_map *map);

/*
 * The generations (never 0) whose tables.<generation> are there, newest first; at most room of them (the
 * newest are kept). Returns how many were stored, or a negative errno.
 */
int rundir_generations(int dir_fd, uint64_t *ret_generation, uint32_t room);

#endif
