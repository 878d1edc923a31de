/*
 * beside.c - penstockctl as a process beside the world, see beside.h.
 */
#include "beside.h"

#include <fcntl.h>
#include <sys/wait.h>

enum {
	TURN_MS = 2,
	PATIENCE_S = 30,
};

void
beside_begin(struct beside *b, const struct world *w, const char *penstockctl, const char *words)
{
	char command[1024];
	int ends[2];

	*b = (struct beside){ .out = -1 };
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	snprintf(command, sizeof(command), "exec %s --run %s %s", penstockctl, w->run, words);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		alarm(PATIENCE_S);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ends[1]);
	b->out = ends[0];
}

static void
text_read(struct beside *b)
{
	ssize_t n;

	while ((n = read(b->out, b->text + b->n, sizeof(b->text) - 1 - b->n)) > 0)
		b->n += (size_t)n;
	b->text[b->n] = '\0';
}

int
beside_end(struct beside *b, struct world *w, void (*step)(struct world *w))
{
	int status;

	while (waitpid(b->pid, &status, WNOHANG) == 0) {
		text_read(b);
		turns(w, TURN_MS);
		if (step != NULL)
			step(w);
	}
	text_read(b);
	close(b->out);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int
beside_run(struct beside *b, struct world *w, const char *penstockctl, const char *words,
	   void (*step)(struct world *w))
{
	beside_begin(b, w, penstockctl, words);
	return beside_end(b, w, step);
}

const char *
beside_text(const struct world *w, const char *penstockctl, const char *verb, const char *options,
	    int code)
{
	static char text[64 * 1024];
	char command[512];
	FILE *pipe;
	size_t n;
	int status;

	snprintf(command, sizeof(command), "%s --run %s %s %s 2>&1", penstockctl, w->run, verb,
		 options);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(text, 1, sizeof(text) - 1, pipe);
	text[n] = '\0';
	status = pclose(pipe);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		fail_msg("%s %s exited %d: %s", verb, options, WEXITSTATUS(status), text);
	return text;
}
