/*
 * making.c - a child that makes an image, see making.h.
 */
#include "daemon/making.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/blob.h"
#include "base/ensure.h"
#include "conf/conf.h"
#include "daemon/loop.h"
#include "daemon/settings.h"
#include "daemon/watch.h"

enum {
	TEXT_MAX = 1 << 20, /* of what a child tells at once: errors and warnings are bounded */
	CHILD_NICE = 5,	    /* draining journals comes first */
};

#define PROGRESS_EVERY (200 * LOOP_MS)

/* ---- the child ---- */

struct child {
	int control_fd, pipe_fd, image_fd;
	const char *path;
	const struct img *before;
	uint64_t told_at;
};

/* False: the parent has gone. */
static bool
write_all(int fd, const void *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t put = write(fd, (const char *)bytes + at, n - at);

		if (put < 0 && errno != EINTR)
			return false;
		at += put > 0 ? (size_t)put : 0;
	}
	return true;
}

static void
on_progress(const void *ctx, uint32_t done_n, uint32_t n)
{
	struct child *child =
		(struct child *)(uintptr_t)ctx; /* ours; the compiler's is read-only */
	uint64_t now = loop_now();
	char line[64];

	if (now - child->told_at < PROGRESS_EVERY && done_n != n)
		return;
	child->told_at = now;
	snprintf(line, sizeof(line), "%u %u\n", done_n, n);
	write_all(child->pipe_fd, line, strlen(line));
}

static bool
has_blob(const void *ctx, const uint8_t hash[BLOB_HASH_BYTES], uint64_t n)
{
	const struct child *child = ctx;

	return blob_is_whole(child->control_fd, hash, (size_t)n);
}

json_t *
making_errs_json(const struct conf_errs *errs)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < errs->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:s}", "file",
						      errs->err[i].at.file, "line",
						      (json_int_t)errs->err[i].at.line, "column",
						      (json_int_t)errs->err[i].at.col, "text",
						      errs->err[i].text));
	return json_pack("{s:b, s:s, s:o, s:I}", "ok", 0, "error",
			 "the configuration does not load; the running one is untouched", "errors",
			 list, "more", (json_int_t)errs->more);
}

static json_t *
warnings_json(const struct conf_errs *warns)
{
	struct arena arena = { 0 };
	json_t *list = json_array();

	for (uint32_t i = 0; i < warns->n; i++)
		json_array_append_new(list, json_string(conf_err_text(&warns->err[i], &arena)));
	if (warns->more > 0)
		json_array_append_new(list, json_sprintf("and %u more", warns->more));
	arena_fini(&arena);
	return list;
}

/* Blobs first: an image must not name what is not there. 0 or a negative errno. */
static int
files_write(const struct child *child, const struct conf_image *image)
{
	uint8_t hash[BLOB_HASH_BYTES];

	for (uint32_t i = 0; i < image->program.blob_n; i++) {
		const struct program_blob *blob = &image->program.blob[i];
		int error = blob->bytes == NULL
				    ? 0
				    : blob_make(child->control_fd, blob->bytes, blob->n, hash);

		if (error != 0)
			return error;
		ensure(blob->bytes == NULL || memcmp(hash, blob->hash, sizeof(hash)) == 0);
	}
	return write_all(child->image_fd, image->bytes, image->n) ? 0 : -errno;
}

static json_t *
image_make(struct child *child)
{
	struct conf_build_ask ask = { .before = child->before,
				      .wants_databases = true,
				      .on_progress = on_progress,
				      .has_blob = has_blob,
				      .ctx = child };
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open(child->path, &errs);
	struct settings settings;
	struct conf_image image;
	int error;

	if (conf == NULL || !conf_build_image(conf, &ask, &image, &errs))
		return json_pack("{s:o}", "answer", making_errs_json(&errs));
	error = files_write(child, &image);
	if (error != 0)
		return json_pack("{s:{s:b, s:o}}", "answer", "ok", 0, "error",
				 json_sprintf("the tables of the rules cannot be written to the "
					      "run directory: %s",
					      strerror(-error)));
	settings_of(conf, &settings);
	return json_pack("{s:o, s:o, s:o, s:I, s:I}", "settings", settings_json(&settings),
			 "warnings", warnings_json(&conf->warns), "files", watch_files_json(conf),
			 "compiled", (json_int_t)image.program.compiled_n, "kept",
			 (json_int_t)image.program.kept_n);
}

static int
fd_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * Keeps what it works with alone: a lock counts as held until its last descriptor is closed, and
 * whoever is killed while we read must be able to start again at once.
 */
static void
child_close(const struct child *child)
{
	int kept[3] = { child->control_fd, child->pipe_fd, child->image_fd };
	unsigned from = STDERR_FILENO + 1;

	qsort(kept, 3, sizeof(kept[0]), fd_order);
	for (int i = 0; i < 3; i++) {
		if ((unsigned)kept[i] > from)
			close_range(from, (unsigned)kept[i] - 1, 0);
		if ((unsigned)kept[i] >= from)
			from = (unsigned)kept[i] + 1;
	}
	close_range(from, ~0u, 0);
}

/* Memory is not given back: the process ends. */
static void
child_run(struct child *child)
{
	char *text = json_dumps(image_make(child), JSON_COMPACT);

	ensure(text != NULL);
	write_all(child->pipe_fd, text, strlen(text));
	write_all(child->pipe_fd, "\n", 1);
	_exit(0);
}

/* ---- the parent ---- */

bool
making_start(struct making *making, int control_fd, const char *path, const struct img *before)
{
	int image_fd = memfd_create("penstock-image", MFD_CLOEXEC), pipe_fd[2];
	pid_t parent = getpid(), pid;

	ensure(making->pid == 0);
	if (image_fd < 0)
		return false;
	if (pipe2(pipe_fd, O_CLOEXEC) != 0) {
		close(image_fd);
		return false;
	}
	pid = fork();
	if (pid == 0) {
		struct child child = { control_fd, pipe_fd[1], image_fd, path, before, 0 };

		child_close(&child);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (nice(CHILD_NICE) < 0)
			errno = 0; /* slower for others, not wrong */
		child_run(&child);
	}
	close(pipe_fd[1]);
	if (pid < 0) {
		close(pipe_fd[0]);
		close(image_fd);
		return false;
	}
	*making = (struct making){ .pid = pid, .fd = pipe_fd[0], .image_fd = image_fd };
	return true;
}

static void
line_found(struct making *making, const char *line, size_t n)
{
	unsigned done_n, all_n;

	if (line[0] == '{') {
		json_decref(making->result);
		making->result = json_loadb(line, n, 0, NULL);
	} else if (sscanf(line, "%u %u", &done_n, &all_n) == 2) {
		making->done_n = done_n;
		making->all_n = all_n;
	}
}

static void
lines_read(struct making *making)
{
	char *end;

	while (making->text_n > 0 && (end = memchr(making->text, '\n', making->text_n)) != NULL) {
		size_t n = (size_t)(end - making->text);

		*end = '\0';
		line_found(making, making->text, n);
		making->text_n -= n + 1;
		memmove(making->text, end + 1, making->text_n);
	}
}

bool
making_read(struct making *making)
{
	ssize_t n;

	if (making->text_n == making->text_room) {
		making->text_room = making->text_room == 0 ? 4096 : making->text_room * 2;
		making->text = realloc(making->text, making->text_room);
		ensure(making->text != NULL);
	}
	do
		n = read(making->fd, making->text + making->text_n,
			 making->text_room - making->text_n);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || making->text_n > TEXT_MAX)
		return true;
	making->text_n += (size_t)n;
	lines_read(making);
	return false;
}

/* The memory file's bytes; NULL when it is empty. */
static void *
image_read(int fd, size_t *ret_n)
{
	struct stat st;
	uint8_t *bytes;
	size_t at = 0;

	if (fstat(fd, &st) != 0 || st.st_size == 0 || st.st_size > IMG_BYTES_MAX)
		return NULL;
	bytes = malloc((size_t)st.st_size);
	ensure(bytes != NULL);
	while (at < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + at, (size_t)st.st_size - at, (off_t)at);

		ensure(n > 0); /* it is memory, and its writer has ended */
		at += (size_t)n;
	}
	*ret_n = at;
	return bytes;
}

/* Ends the child, unless it has ended by itself. Returns how it did: waitpid's status. */
static int
child_end(struct making *making)
{
	int status = 0;

	kill(making->pid, SIGKILL); /* changes nothing for one that has begun to end */
	waitpid(making->pid, &status, 0);
	close(making->fd);
	close(making->image_fd);
	free(making->text);
	json_decref(making->result);
	*making = (struct making){ 0 };
	return status;
}

/* Why there is no result. */
static json_t *
end_json(int status, bool is_too_long)
{
	static const char who[] = "the process that reads the configuration";
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	json_t *error;

	if (is_too_long)
		error = json_sprintf("%s has more to tell than there is room for; shorten the "
				     "longest patterns and names",
				     who);
	else if (signal == SIGKILL)
		error = json_sprintf("%s was ended by signal %d (%s), by whoever looks after this "
				     "machine's memory if nobody did; give it more, or split the "
				     "rules' largest sets",
				     who, signal, strsignal(signal));
	else if (signal != 0)
		error = json_sprintf("%s was ended by signal %d (%s), which is a fault of "
				     "penstock-control; its log may say more",
				     who, signal, strsignal(signal));
	else
		error = json_sprintf("%s ended with exit code %d before it was done; "
				     "penstock-control's log may say more",
				     who, WEXITSTATUS(status));
	return json_pack("{s:{s:b, s:o}}", "answer", "ok", 0, "error", error);
}

json_t *
making_take(struct making *making, void **ret_bytes, size_t *ret_n)
{
	json_t *result = making->result;
	bool is_too_long = making->text_n > TEXT_MAX;
	void *bytes = NULL;
	size_t n = 0;
	int status;

	making->result = NULL;
	if (result != NULL && json_object_get(result, "answer") == NULL)
		bytes = image_read(making->image_fd, &n);
	status = child_end(making);
	if (result != NULL && (bytes != NULL || json_object_get(result, "answer") != NULL)) {
		*ret_bytes = bytes;
		*ret_n = n;
		return result;
	}
	json_decref(result);
	free(bytes);
	*ret_bytes = NULL;
	*ret_n = 0;
	return end_json(status, is_too_long);
}

void
making_stop(struct making *making)
{
	if (making->pid != 0)
		child_end(making);
}
