/*
 * socket.h - the control socket: newline-delimited JSON, one object a request, one an answer, in
 * turn. The socket's mode admits root and control's own user. Knows no verb.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_SOCKET_H
#define PENSTOCK_CONTROL_DAEMON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "daemon/loop.h"

enum {
	SOCKET_CLIENTS_MAX = 16,
	SOCKET_REQUEST_MAX = 64 * 1024,
};

struct socket_client {
	struct socket *socket;
	struct loop_fd watch; /* fd -1: free */
	uint64_t id;	      /* never used twice; 0: free */
	uint32_t uid, pid;    /* who connected, as the kernel says */
	bool is_waiting;      /* for the answer to a request */
	char *in;	      /* SOCKET_REQUEST_MAX bytes */
	uint32_t in_n;
	char *out; /* malloc's */
	size_t out_n, out_at;
	json_t *answer; /* to be written after out; NULL: none */
};

struct socket {
	struct loop *loop;
	struct loop_fd watch; /* fd -1: closed */
	char *path;
	/* Returns the answer, or NULL: socket_answer(client_id) will follow. Borrows the request. */
	json_t *(*on_request)(void *ctx, const json_t *request, uint64_t client_id);
	/* Whoever waits for an answer has closed the connection. */
	void (*on_gone)(void *ctx, uint64_t client_id);
	void *ctx;
	uint64_t next_id;
	struct socket_client client[SOCKET_CLIENTS_MAX];
};

void socket_init(struct socket *s, struct loop *loop,
		 json_t *(*on_request)(void *ctx, const json_t *request, uint64_t client_id),
		 void (*on_gone)(void *ctx, uint64_t client_id), void *ctx);

/*
 * Listens at a path, in place of a stale one, and nowhere else any more; clients that are there
 * stay. False: cannot (told).
 */
bool socket_listen(struct socket *s, const char *path);

/* Who a client is; NULL: it has gone. */
const struct socket_client *socket_client(const struct socket *s, uint64_t client_id);

/* A late answer, which is taken. Nothing happens when the client has gone. */
void socket_answer(struct socket *s, uint64_t client_id, json_t *answer);

/* Something to say before the answer, which is taken. Left out when the client does not read. */
void socket_tell(struct socket *s, uint64_t client_id, json_t *news);

/* {"ok": false, "error": text} */
json_t *socket_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

void socket_fini(struct socket *s);

#endif
