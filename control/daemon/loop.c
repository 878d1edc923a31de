/*
 * loop.c - epoll, one event at a time, so that a handler may forget whatever it likes.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/ensure.h"

bool
loop_init(struct loop *loop)
{
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->fd >= 0;
}

void
loop_fini(struct loop *loop)
{
	close(loop->fd);
}

void
loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (events == 0) {
		loop_forget(loop, watch);
		return;
	}
	if (epoll_ctl(loop->fd, EPOLL_CTL_MOD, watch->fd, &event) == 0)
		return;
	ensure(errno == ENOENT);
	ensure(epoll_ctl(loop->fd, EPOLL_CTL_ADD, watch->fd, &event) == 0);
}

void
loop_forget(struct loop *loop, struct loop_fd *watch)
{
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * LOOP_S + (uint64_t)t.tv_nsec;
}

uint64_t
loop_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
loop_realtime(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void
loop_wait(struct loop *loop, uint64_t deadline)
{
	uint64_t now = loop_now();
	uint64_t ms = deadline <= now ? 0 : (deadline - now + LOOP_MS - 1) / LOOP_MS;
	struct epoll_event event;
	struct loop_fd *watch;

	if (epoll_wait(loop->fd, &event, 1, ms > 60000 ? 60000 : (int)ms) != 1)
		return;
	watch = event.data.ptr;
	watch->on(watch->ctx, watch->fd, event.events);
}
