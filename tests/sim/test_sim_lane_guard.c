/*
 * test_sim_lane_guard.c - the guard that shows that lanes share nothing: a lane that writes into
 * another's memory, once, in one turn, faults and is named; unguarded nobody would notice.
 *
 * Each world runs in a child, since a caught write ends the process.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/lane_world.h"

enum {
	LANES = 3,
	USERS = 6,
	SAID_MAX = 64 << 10,
	WHOLE = 1024, /* of lw_conf.stray_at */
};

static struct lw_user user[USERS];
static struct lw_req req[USERS];
static char said[SAID_MAX];

static void
make_world(struct lw_conf *conf)
{
	*conf = (struct lw_conf){
		.seed = 1,
		.name = "guard",
		.lane_n = LANES,
		.port_n = 1,
		.client_n = 1,
		.origin_n = 2,
		.listener_n = 1,
		.port = { { .queue_n = LANES, .mtu = 1500, .multi_segs = true } },
		.client_link = { { .delay_ns = MS } },
		.origin_link = { { .delay_ns = MS }, { .delay_ns = MS } },
		.conns_max = 256,
		.exchanges_max = 64,
		.pool_bufs = 4000,
		.send_max_bytes = 1 << 16,
		.recv_max_bytes = 1 << 16,
		.idle_ns = 10 * S,
		.upstream_idle_ns = S,
		.client_send_ns = 60 * S,
		.send_ns = 60 * S,
		.receive_ns = 60 * S,
		.connect_ns = 10 * S,
		.body_ns = 60 * S,
		.rest_ns = S,
		.idle_max = 4,
		.retries = 3,
		.user = user,
		.req = req,
		.user_n = USERS,
		.req_n = USERS,
		.end_ns = 600 * S,
	};
	for (uint32_t i = 0; i < 2; i++)
		conf->origin_habits[i] = (struct lw_habits){ .write_max = 65536,
							     .piece_max = 1460,
							     .room_max = 1 << 16 };
	for (uint32_t i = 0; i < USERS; i++) {
		user[i] = (struct lw_user){
			.req_first = i, .req_n = 1, .depth = 1, .habits = conf->origin_habits[0]
		};
		req[i] = (struct lw_req){ .method = LW_METHOD_GET,
					  .answer_framing = LW_FRAMING_LENGTH,
					  .status = 200,
					  .answer_bytes = 5000 };
	}
}

/* Runs the world; what it said is in `said`. Returns whether it came to its end. */
static bool
ends_well(const struct lw_conf *conf)
{
	struct lw_result result;
	size_t n = 0;
	ssize_t got;
	int pipe_fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pipe_fd[1], STDERR_FILENO);
		signal(SIGSEGV, SIG_DFL); /* cmocka's would go on with the next test */
		lw_run(conf, &result);
		_exit(result.right == USERS ? 0 : 1);
	}
	close(pipe_fd[1]);
	while (n < SAID_MAX - 1 && (got = read(pipe_fd[0], said + n, SAID_MAX - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(pipe_fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Who wrote whose memory, and which part of it, by what the world said. */
static void
assert_named(const char *part)
{
	const char *line = strstr(said, ": lane ");
	unsigned int who = LANES, whose = LANES;
	char got[16] = "";

	assert_non_null(line);
	assert_int_equal(sscanf(line, ": lane %u wrote lane %u's memory, byte %*u of its %15s",
				&who, &whose, got),
			 3);
	assert_in_range(who, 0, LANES - 1);
	assert_int_equal(whose, (who + 1) % LANES);
	assert_string_equal(got, part);
}

static void
a_write_into_another_lanes_memory_is_caught_and_both_are_named(void **state)
{
	static const uint64_t turn[] = { 1, 2, 3, 50 };
	static const uint32_t at[] = { 0, WHOLE / 2, WHOLE / 4 * 3, WHOLE - 1 };
	struct lw_conf conf;

	(void)state;
	for (uint32_t i = 0; i < sizeof(turn) / sizeof(turn[0]); i++) {
		for (uint32_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
			make_world(&conf);
			conf.guard_of = 1;
			conf.stray_turn = turn[i];
			conf.stray_at = at[k];
			assert_false(ends_well(&conf));
			assert_named(at[k] == 0 ? "board" : "engines");
		}
	}
}

static void
unguarded_the_same_write_goes_unseen(void **state)
{
	struct lw_conf conf;

	(void)state;
	make_world(&conf);
	conf.stray_turn = 3;
	conf.stray_at = WHOLE / 2;
	assert_true(ends_well(&conf));
	assert_string_equal(said, "");
}

static void
lanes_that_keep_to_themselves_come_to_the_end(void **state)
{
	struct lw_conf conf;

	(void)state;
	make_world(&conf);
	conf.guard_of = 1;
	assert_true(ends_well(&conf));
	assert_string_equal(said, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_into_another_lanes_memory_is_caught_and_both_are_named),
		cmocka_unit_test(unguarded_the_same_write_goes_unseen),
		cmocka_unit_test(lanes_that_keep_to_themselves_come_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
