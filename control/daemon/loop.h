/*
 * loop.h - waits for descriptors (epoll) and tells the time. Single-threaded: a handler runs to
 * its end and may watch or forget any descriptor, itself too.
 * Units: nanoseconds.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_LOOP_H
#define PENSTOCK_CONTROL_DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop {
	int fd;
};

/* Belongs to the caller and must live until it is forgotten. */
struct loop_fd {
	int fd;
	void (*on)(void *ctx, int fd, uint32_t events); /* EPOLLIN, EPOLLOUT, … */
	void *ctx;
};

bool loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/* Begins or changes what is waited for; events 0 forgets. */
void loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events);
void loop_forget(struct loop *loop, struct loop_fd *watch);

/* Waits until something happens or `deadline` (monotonic), and runs at most one handler. */
void loop_wait(struct loop *loop, uint64_t deadline);

uint64_t loop_now(void);      /* monotonic */
uint64_t loop_realtime(void); /* Unix */

#define LOOP_NEVER UINT64_MAX
#define LOOP_MS	   ((uint64_t)1000000)
#define LOOP_S	   ((uint64_t)1000000000)

#endif
