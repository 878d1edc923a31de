/*
 * stand.c - see stand.h.
 */
#include "stand.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct buf_pool *pool;
char why[PORT_WHY];

/* The driver keeps one end for a path's spelling, so the client spells it in another way. */
struct port_conf
memif_of(const char *socket, uint16_t path, enum img_role role, uint16_t queues)
{
	static char other[80];

	snprintf(other, sizeof(other), "/tmp/.%s", socket + strlen("/tmp"));
	if (role == IMG_ROLE_CLIENT)
		socket = other;
	return (struct port_conf){
		.name = role == IMG_ROLE_SERVER ? "server" : "client",
		.path = path,
		.device_kind = IMG_DEVICE_MEMIF,
		.device = socket,
		.role = role,
		.queues = queues,
		.queues_max = queues,
		.owner = getuid(),
		.owner_group = getgid(),
		.pool = pool,
	};
}

void
sleep_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* A client offers buffers to its server when it polls. */
void
wait_for_link(struct portif *a, struct portif *b)
{
	struct buf *frame;

	for (uint32_t i = 0; i < 200 && !(a->ops->is_up(a) && b->ops->is_up(b)); i++) {
		sleep_ms(10);
		port_look(a);
		port_look(b);
	}
	assert_true(a->ops->is_up(a) && b->ops->is_up(b));
	for (uint16_t q = 0; q < a->facts.queue_n; q++) {
		assert_int_equal(portif_rx_burst(a, q, &frame, 1), 0);
		assert_int_equal(portif_rx_burst(b, q, &frame, 1), 0);
	}
}

int
open_env(void **state)
{
	struct port_env_conf conf = { .pool_bufs = BUFS + STAND_MORE, .extra_mib = 32 };
	struct port_env env;

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the data plane does: a peer may go while it is written to */
	if (!port_env_open(&conf, &env, why)) {
		fprintf(stderr, "%s\n", why);
		return -1;
	}
	pool = port_pool_open(BUFS, why);
	return pool != NULL ? 0 : -1;
}

int
close_env(void **state)
{
	(void)state;
	port_pool_close(pool);
	return 0;
}
