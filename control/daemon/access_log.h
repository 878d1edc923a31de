/*
 * access_log.h - the access log's file: lines gathered in a buffer, written when it is full
 * or a second old, never waiting for anybody. What cannot be written is kept while there is room,
 * then dropped and counted.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_ACCESS_LOG_H
#define PENSTOCK_CONTROL_DAEMON_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/log_style.h"

enum {
	ACCESS_LOG_FLUSH = 64 * 1024, /* a buffer this full is written */
	ACCESS_LOG_ROOM = 1024 * 1024 + ACCESS_LOG_FLUSH,
};

struct access_log {
	char *path; /* NULL: no log is wanted */
	struct log_style style;
	int fd; /* -1: not open */
	char *buffer;
	size_t n;	     /* bytes in the buffer */
	uint64_t oldest;     /* monotonic time of the first line in the buffer */
	uint64_t written_n;  /* lines, ever */
	uint64_t buffered_n; /* lines in the buffer */
	uint64_t dropped_n;  /* lines, ever */
	uint64_t complain_at;
	bool is_cut;	  /* the file ends within a line, whose rest is at the buffer's front */
	bool is_cut_line; /* ... which is a request's, no directive */
};

void access_log_init(struct access_log *log);

/*
 * Another file, or none (NULL). The same path again: reopens it, as after a rotation. What the
 * old file did not take goes into the new one if that has the same format, but for the rest of a
 * line that the old one has the beginning of; else it is dropped and counted. False: it cannot be
 * opened (told); lines are then dropped and counted until it can. A W3C log has its directives
 * before the first line that is written after each opening.
 */
bool access_log_open(struct access_log *log, const char *path, const struct log_style *style);

/* Room for a line of up to n bytes, to be confirmed by access_log_added; NULL: none. */
char *access_log_room(struct access_log *log, size_t n);
void access_log_added(struct access_log *log, size_t n, uint64_t now);

/* Whether a flush is due (full or old). */
bool access_log_is_due(const struct access_log *log, uint64_t now);

/* Writes what is there. True: the buffer is empty now. */
bool access_log_flush(struct access_log *log, uint64_t now);

/* When the buffer will be due; LOOP_NEVER when it is empty. */
uint64_t access_log_deadline(const struct access_log *log);

/* Flushes and closes. */
void access_log_fini(struct access_log *log, uint64_t now);

#endif
