/*
 * socket.c - clients of the control socket, see socket.h.
 */
#include "daemon/socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ensure.h"
#include "daemon/say.h"

static void on_client(void *ctx, int fd, uint32_t events);

void
socket_init(struct socket *s, struct loop *loop,
	    json_t *(*on_request)(void *ctx, const json_t *request, uint64_t client_id),
	    void (*on_gone)(void *ctx, uint64_t client_id), void *ctx)
{
	*s = (struct socket){
		.loop = loop, .on_request = on_request, .on_gone = on_gone, .ctx = ctx, .next_id = 1
	};
	s->watch.fd = -1;
	for (int i = 0; i < SOCKET_CLIENTS_MAX; i++) {
		s->client[i].socket = s;
		s->client[i].watch = (struct loop_fd){ -1, on_client, &s->client[i] };
	}
}

json_t *
socket_error(const char *format, ...)
{
	char text[1024];
	va_list args;
	json_t *answer;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	answer = json_pack("{s:b, s:s}", "ok", 0, "error", text);
	if (answer != NULL)
		return answer;
	/* A character was cut at the end, or a file's name is no UTF-8: JSON takes neither. */
	for (char *c = text; *c != '\0'; c++)
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static void
client_close(struct socket_client *client)
{
	uint64_t id = client->is_waiting ? client->id : 0;

	loop_forget(client->socket->loop, &client->watch);
	close(client->watch.fd);
	free(client->in);
	free(client->out);
	client->in = client->out = NULL;
	client->watch.fd = -1;
	client->id = 0;
	client->in_n = 0;
	client->out_n = client->out_at = 0;
	client->is_waiting = false;
	json_decref(client->answer);
	client->answer = NULL;
	if (id != 0)
		client->socket->on_gone(client->socket->ctx, id);
}

static bool client_put(struct socket_client *client, json_t *object);

/* Writes what it can. While an answer is on its way nothing more is read. False: closed. */
static bool
client_write(struct socket_client *client)
{
	while (client->out_at < client->out_n) {
		ssize_t n = send(client->watch.fd, client->out + client->out_at,
				 client->out_n - client->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			client->out_at += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			loop_watch(client->socket->loop, &client->watch, EPOLLOUT);
			return true;
		} else if (n >= 0 || errno != EINTR) {
			client_close(client);
			return false;
		}
	}
	free(client->out);
	client->out = NULL;
	client->out_n = client->out_at = 0;
	if (client->answer != NULL) {
		json_t *answer = client->answer;

		client->answer = NULL;
		return client_put(client, answer);
	}
	loop_watch(client->socket->loop, &client->watch, EPOLLIN);
	return true;
}

/* Takes the object; what was to be written before it has been. False: closed. */
static bool
client_put(struct socket_client *client, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	ensure(text != NULL && client->out == NULL);
	json_decref(object);
	client->out_n = strlen(text);
	client->out = realloc(text, client->out_n + 1);
	ensure(client->out != NULL);
	client->out[client->out_n++] = '\n';
	return client_write(client);
}

/* False: closed. */
static bool
client_answer(struct socket_client *client, json_t *answer)
{
	client->is_waiting = false;
	if (client->out == NULL)
		return client_put(client, answer);
	client->answer = answer; /* news are still on their way */
	return true;
}

/* One line, without its newline. False: closed. */
static bool
client_request(struct socket_client *client, const char *line, size_t n)
{
	json_error_t error;
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	json_t *answer;

	if (!json_is_object(request)) {
		json_decref(request);
		return client_answer(client,
				     socket_error("not a JSON object: %s; send one object a line",
						  request == NULL ? error.text : "another value"));
	}
	client->is_waiting = true;
	answer = client->socket->on_request(client->socket->ctx, request, client->id);
	json_decref(request);
	return answer == NULL || client_answer(client, answer);
}

/* Complete lines, one answer at a time. */
static void
client_lines(struct socket_client *client)
{
	while (!client->is_waiting && client->out == NULL) {
		char *end = memchr(client->in, '\n', client->in_n);
		size_t n;

		if (end == NULL)
			break;
		n = (size_t)(end - client->in);
		if (!client_request(client, client->in, n))
			return;
		client->in_n -= (uint32_t)(n + 1);
		memmove(client->in, end + 1, client->in_n);
	}
	if (client->in_n == SOCKET_REQUEST_MAX && !client->is_waiting && client->out == NULL)
		client_close(client); /* a line without an end */
}

static void
on_client(void *ctx, int fd, uint32_t events)
{
	struct socket_client *client = ctx;
	ssize_t n;

	if ((events & EPOLLOUT) != 0) {
		if (client_write(client))
			client_lines(client);
		return;
	}
	if (client->in_n == SOCKET_REQUEST_MAX) { /* its requests wait for an answer */
		loop_watch(client->socket->loop, &client->watch, EPOLLRDHUP);
		if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0)
			client_close(client);
		return;
	}
	n = recv(fd, client->in + client->in_n, SOCKET_REQUEST_MAX - client->in_n, MSG_DONTWAIT);
	if (n > 0) {
		client->in_n += (uint32_t)n;
		client_lines(client);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		client_close(client);
	}
}

/* What the kernel has noted when it connected. */
static void
client_learn(struct socket_client *client)
{
	struct ucred peer = { .uid = UINT32_MAX };
	socklen_t n = sizeof(peer);

	getsockopt(client->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
	client->uid = peer.uid;
	client->pid = (uint32_t)peer.pid;
}

static void
on_listen(void *ctx, int fd, uint32_t events)
{
	struct socket *s = ctx;
	int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (client_fd < 0)
		return;
	for (int i = 0; i < SOCKET_CLIENTS_MAX; i++) {
		struct socket_client *client = &s->client[i];

		if (client->watch.fd >= 0)
			continue;
		client->watch.fd = client_fd;
		client->id = s->next_id++;
		client->in = malloc(SOCKET_REQUEST_MAX);
		ensure(client->in != NULL);
		client_learn(client);
		loop_watch(s->loop, &client->watch, EPOLLIN);
		return;
	}
	close(client_fd);
}

static void
listen_end(struct socket *s)
{
	if (s->watch.fd < 0)
		return;
	loop_forget(s->loop, &s->watch);
	close(s->watch.fd);
	unlink(s->path);
	free(s->path);
	s->path = NULL;
	s->watch.fd = -1;
}

bool
socket_listen(struct socket *s, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (s->watch.fd >= 0 && strcmp(s->path, path) == 0)
		return true;
	if (strlen(path) >= sizeof(address.sun_path)) {
		say("the control socket's path %s is longer than 107 characters", path);
		return false;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ensure(fd >= 0);
	unlink(path); /* whose lock is ours, so is its socket */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || chmod(path, 0600) != 0 ||
	    listen(fd, SOCKET_CLIENTS_MAX) != 0) {
		say("the control socket %s cannot be made: %s", path, strerror(errno));
		close(fd);
		return false;
	}
	listen_end(s);
	s->path = strdup(path);
	ensure(s->path != NULL);
	s->watch = (struct loop_fd){ fd, on_listen, s };
	loop_watch(s->loop, &s->watch, EPOLLIN);
	return true;
}

const struct socket_client *
socket_client(const struct socket *s, uint64_t client_id)
{
	for (int i = 0; i < SOCKET_CLIENTS_MAX && client_id != 0; i++) {
		if (s->client[i].id == client_id)
			return &s->client[i];
	}
	return NULL;
}

void
socket_answer(struct socket *s, uint64_t client_id, json_t *answer)
{
	for (int i = 0; i < SOCKET_CLIENTS_MAX; i++) {
		struct socket_client *client = &s->client[i];

		if (client->id != client_id || client_id == 0 || !client->is_waiting)
			continue;
		if (client_answer(client, answer))
			client_lines(client);
		return;
	}
	json_decref(answer);
}

void
socket_tell(struct socket *s, uint64_t client_id, json_t *news)
{
	for (int i = 0; i < SOCKET_CLIENTS_MAX; i++) {
		struct socket_client *client = &s->client[i];

		if (client->id != client_id || client_id == 0 || !client->is_waiting ||
		    client->out != NULL)
			continue;
		client_put(client, news);
		return;
	}
	json_decref(news);
}

void
socket_fini(struct socket *s)
{
	for (int i = 0; i < SOCKET_CLIENTS_MAX; i++)
		if (s->client[i].watch.fd >= 0)
			client_close(&s->client[i]);
	listen_end(s);
}
