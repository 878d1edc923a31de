/*
 * client.c - the control socket from outside, see client.h and control/README.md.
 */
#include "ctl/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/rundir.h"
#include "base/ensure.h"

enum {
	ANSWER_WAIT_S = 30
};

/* A connected socket, or -1 with why. */
static int
client_open(const struct ctl *ctl, const char **ret_why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	int n, fd;

	if (ctl->socket != NULL)
		n = snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl->socket);
	else
		n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control/%s", ctl->run,
			     RUNDIR_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		*ret_why = "the path of the control socket is too long";
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ensure(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	*ret_why = errno == EACCES
			   ? "the control socket admits root and penstock-control's own user"
			   : "penstock-control does not run here; start it, or name another run "
			     "directory with --run DIR";
	close(fd);
	return -1;
}

static bool
request_send(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n;
	bool is_sent;

	ensure(text != NULL);
	n = strlen(text);
	text[n] = '\n'; /* in place of the NUL: only n + 1 bytes are used */
	is_sent = send(fd, text, n + 1, MSG_NOSIGNAL) == (ssize_t)(n + 1);
	free(text);
	return is_sent;
}

json_t *
client_ask(const struct ctl *ctl, json_t *request, void (*on_news)(const json_t *news),
	   const char **ret_why)
{
	int fd = client_open(ctl, ret_why);
	json_t *answer = NULL;

	if (fd < 0) {
		json_decref(request);
		return NULL;
	}
	*ret_why = "penstock-control did not answer; look at its log";
	if (request_send(fd, request))
		answer = json_loadfd(fd, JSON_DISABLE_EOF_CHECK, NULL);
	while (on_news != NULL && answer != NULL && json_object_get(answer, "ok") == NULL) {
		on_news(answer);
		json_decref(answer);
		answer = json_loadfd(fd, JSON_DISABLE_EOF_CHECK, NULL);
	}
	json_decref(request);
	close(fd);
	return answer;
}

json_t *
client_order(const struct ctl *ctl, json_t *request)
{
	const char *why = NULL;
	json_t *answer = client_ask(ctl, request, NULL, &why);

	if (answer == NULL) {
		ctl_failed(ctl, "%s", why);
		return NULL;
	}
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	ctl_failed(ctl, "%s", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return NULL;
}
