/*
 * access_log.c - the access log's buffer and file, see access_log.h.
 *
 * The file is opened for appending and not blocking; a regular file takes writes into the page
 * cache, a pipe or terminal that is full gives EAGAIN and the lines stay in the buffer.
 */
#include "daemon/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ensure.h"
#include "daemon/loop.h"
#include "daemon/say.h"
#include "run/record.h"

#define FLUSH_AGE      LOOP_S
#define COMPLAIN_EVERY (60 * LOOP_S)

enum {
	BUFFER_BYTES = ACCESS_LOG_ROOM + RECORD_W3C_HEAD_MAX, /* lines leave room for directives */
};

void
access_log_init(struct access_log *log)
{
	*log = (struct access_log){ .fd = -1 };
	log->buffer = malloc(BUFFER_BYTES);
	ensure(log->buffer != NULL);
}

static bool
file_open(struct access_log *log)
{
	log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		       0640);
	if (log->fd < 0)
		say("the access log %s cannot be opened (%s): requests are not logged; give this "
		    "user the right to write there, then send SIGHUP",
		    log->path, strerror(errno));
	return log->fd >= 0;
}

/* Whether what is opened now is what was open before: nobody has renamed it. */
static bool
is_same_file(int fd, const struct stat *was)
{
	struct stat now;

	return fd >= 0 && fstat(fd, &now) == 0 && now.st_dev == was->st_dev &&
	       now.st_ino == was->st_ino;
}

/* Forgets the first n bytes, with lines_n lines or ends of lines in them. */
static void
front_drop(struct access_log *log, size_t n, uint64_t lines_n)
{
	memmove(log->buffer, log->buffer + n, log->n - n);
	log->n -= n;
	log->buffered_n -= lines_n;
	log->dropped_n += lines_n;
}

/* Bytes at the front that end a line of which the file has the beginning. */
static size_t
rest_n(const struct access_log *log)
{
	const char *end = log->is_cut ? memchr(log->buffer, '\n', log->n) : NULL;

	if (end != NULL)
		return (size_t)(end - log->buffer) + 1;
	return log->n > 0 && log->buffer[0] == '\n'; /* of a format of before: only its end waits */
}

/* Of what the old file did not take: what belongs into the new one. */
static void
leftover_sort(struct access_log *log, bool is_same_style, bool is_same)
{
	size_t rest = rest_n(log);

	if (is_same_style && is_same)
		return;
	if (!is_same_style)
		front_drop(log, log->n, log->buffered_n);
	else if (rest > 0)
		front_drop(log, rest, log->is_cut && log->is_cut_line);
	if (rest > 0 && is_same)
		log->buffer[log->n++] = '\n'; /* the half line ends */
	log->is_cut = false;
}

/* Bytes of whole directives from `at` on: of openings after which the file took nothing. */
static size_t
directives_n(const struct access_log *log, size_t at)
{
	size_t end = at;

	while (end < log->n && log->buffer[end] == '#')
		end = (size_t)((char *)memchr(log->buffer + end, '\n', log->n - end) -
			       log->buffer) +
		      1;
	return end - at;
}

/*
 * The directives of a W3C log, behind the rest of a line that goes on in this file and in place of
 * those that wait there already.
 */
static void
head_put(struct access_log *log)
{
	size_t at = rest_n(log), before = directives_n(log, at), n;
	char head[RECORD_W3C_HEAD_MAX];

	n = record_w3c_head(&log->style, PENSTOCK_VERSION, loop_realtime() / LOOP_S, head);
	ensure(log->n - before + n <= BUFFER_BYTES);
	memmove(log->buffer + at + n, log->buffer + at + before, log->n - at - before);
	memcpy(log->buffer + at, head, n);
	if (log->n == 0)
		log->oldest = loop_now();
	log->n = log->n - before + n;
}

bool
access_log_open(struct access_log *log, const char *path, const struct log_style *style)
{
	bool is_same_style = log_style_is_same(style, &log->style) && path != NULL, is_open;
	struct stat was = { 0 };
	char *copy = NULL;

	access_log_flush(log, loop_now());
	if (path != NULL) {
		copy = strdup(path);
		ensure(copy != NULL);
	}
	free(log->path);
	log->path = copy;
	log->style = *style;
	if (log->fd >= 0) {
		fstat(log->fd, &was);
		close(log->fd);
	}
	log->fd = -1;
	is_open = log->path != NULL && file_open(log);
	leftover_sort(log, is_same_style && is_open, is_same_file(log->fd, &was));
	if (is_open && style->format == CONF_LOG_W3C)
		head_put(log);
	return is_open || log->path == NULL;
}

char *
access_log_room(struct access_log *log, size_t n)
{
	if (log->path == NULL)
		return NULL;
	if (log->fd < 0 || log->n + n > ACCESS_LOG_ROOM) {
		log->dropped_n++;
		return NULL;
	}
	return log->buffer + log->n;
}

void
access_log_added(struct access_log *log, size_t n, uint64_t now)
{
	ensure(log->n + n <= ACCESS_LOG_ROOM);
	if (log->n == 0)
		log->oldest = now;
	log->n += n;
	log->buffered_n++;
}

bool
access_log_is_due(const struct access_log *log, uint64_t now)
{
	return log->n >= ACCESS_LOG_FLUSH || now >= access_log_deadline(log);
}

uint64_t
access_log_deadline(const struct access_log *log)
{
	return log->n == 0 ? LOOP_NEVER : log->oldest + FLUSH_AGE;
}

/* Whether a line that begins here is a request's: no directive, nor the end of half a line. */
static bool
is_line(char first)
{
	return first != '#' && first != '\n';
}

/* The first n bytes are out, of which the last may be within a line. Returns the lines that ended. */
static uint64_t
lines_ended(struct access_log *log, size_t n)
{
	uint64_t lines_n = 0;
	size_t at = 0;

	for (const char *end; (end = memchr(log->buffer + at, '\n', n - at)) != NULL;
	     at = (size_t)(end - log->buffer) + 1)
		lines_n += at == 0 && log->is_cut ? log->is_cut_line : is_line(log->buffer[at]);
	if (at < n && !(at == 0 && log->is_cut))
		log->is_cut_line = is_line(log->buffer[at]);
	log->is_cut = at < n;
	return lines_n;
}

static void
written(struct access_log *log, size_t n)
{
	uint64_t lines_n = lines_ended(log, n);

	memmove(log->buffer, log->buffer + n, log->n - n);
	log->n -= n;
	log->written_n += lines_n;
	log->buffered_n -= lines_n;
}

bool
access_log_flush(struct access_log *log, uint64_t now)
{
	while (log->n > 0 && log->fd >= 0) {
		ssize_t n = write(log->fd, log->buffer, log->n);

		if (n > 0) {
			written(log, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (now >= log->complain_at) {
			say("the access log %s takes no more (%s); %llu lines wait, %llu were "
			    "dropped",
			    log->path, n < 0 ? strerror(errno) : "no progress",
			    (unsigned long long)log->buffered_n,
			    (unsigned long long)log->dropped_n);
			log->complain_at = now + COMPLAIN_EVERY;
		}
		log->oldest = now; /* the next try in a second */
		break;
	}
	return log->n == 0;
}

void
access_log_fini(struct access_log *log, uint64_t now)
{
	access_log_flush(log, now);
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log->buffer);
	*log = (struct access_log){ .fd = -1 };
}
