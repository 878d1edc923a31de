/*
 * test_capture.c - penstockctl capture beside a data plane whose lanes the test plays: late ones,
 * ones that end within, and a control that nobody reaches any more.
 */
#include "beside.h"
#include "confs.h"

#include <signal.h>
#include <stdlib.h>

#include "abi/capture.h"

enum {
	LANES = 2
};

static const char *penstockctl;

/* What the lanes are, and how they behave. */
static struct {
	struct beside beside;
	char file[96];
	struct rundir_map answers_map[LANES], ring_map[LANES];
	struct answers answers[LANES];
	struct capture_ring ring[LANES];
	uint64_t last[LANES]; /* asks that were taken */
	bool is_on[LANES];
	bool is_deaf[LANES];
	uint16_t port_i; /* of the packets that come now */
	uint32_t steps_n;
} played;

static void
lane_make(const struct world *w, uint32_t i)
{
	char name[RUNDIR_NAME_MAX];

	rundir_answers_name(name, i);
	assert_int_equal(
		rundir_map_make(w->dataplane_fd, name, answers_bytes(8), &played.answers_map[i]),
		0);
	answers_init(played.answers_map[i].p, i, 77, 8, &played.answers[i]);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
	rundir_capture_name(name, i);
	assert_int_equal(
		rundir_map_make(w->dataplane_fd, name, capture_bytes(), &played.ring_map[i]), 0);
	capture_init(played.ring_map[i].p, i, 77, &played.ring[i]);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
}

static void
begin(struct world *w, uint32_t lane_n)
{
	memset(&played, 0, sizeof(played));
	config_write(w, CONF_GOOD);
	control_start(w);
	dataplane_start(w);
	notice(w);
	w->facts.lane_n = lane_n;
	w->facts.port_n = 1;
	strcpy(w->facts.port[0].name, "outside");
	w->facts.started_ns = 1;
	instance_put(w->instance_map.p, &w->facts);
	for (uint32_t i = 0; i < lane_n; i++)
		lane_make(w, i);
	snprintf(played.file, sizeof(played.file), "%s/packets", w->dir);
}

static void
end(void)
{
	for (uint32_t i = 0; i < LANES; i++) {
		rundir_map_close(&played.answers_map[i]);
		rundir_map_close(&played.ring_map[i]);
	}
}

/* ---- the lanes ---- */

static void
packet_put(uint32_t lane)
{
	static const uint8_t bytes[60];
	struct capture_packet packet = {
		.session_id = 1, .n = 60, .kept_n = 60, .port_i = played.port_i
	};

	capture_place(&played.ring[lane], &packet);
	capture_part(&played.ring[lane], 0, bytes, 60);
	capture_put(&played.ring[lane]);
}

static void
lane_step(const struct world *w, uint32_t i)
{
	const struct asks *asks = w->daemon.asking.map.p;
	struct abi_fault fault;
	struct ask ask;

	if (!played.is_deaf[i] && ask_take(&asks->ask[i], played.last[i], &ask, &fault)) {
		played.last[i] = ask.id;
		if (ask.kind == ASK_KIND_CAPTURE)
			capture_begin(&played.ring[i], ask.capture_id);
		else if (ask.kind == ASK_KIND_CAPTURE_END)
			capture_end(&played.ring[i]);
		played.is_on[i] = ask.kind == ASK_KIND_CAPTURE;
		answers_begin(&played.answers[i], ask.id);
		answers_end(&played.answers[i], ANSWERS_DONE, 0);
	}
	if (played.is_on[i])
		packet_put(i);
}

static void
lanes_step(struct world *w)
{
	for (uint32_t i = 0; i < w->facts.lane_n; i++)
		lane_step(w, i);
	played.steps_n += played.is_on[0];
}

/* ---- the file ---- */

static char *
file_read(size_t *ret_n)
{
	static char all[1 << 20];
	FILE *file = fopen(played.file, "r");

	if (file == NULL)
		return NULL;
	*ret_n = fread(all, 1, sizeof(all), file);
	fclose(file);
	return all;
}

/* Packets in it; nothing stands behind the last whole block. */
static uint32_t
packets_in_file(void)
{
	uint32_t found = 0;
	size_t n = 0, at = 0;
	const char *all = file_read(&n);

	assert_non_null(all);
	while (at < n) {
		uint32_t head[2], tail;

		assert_true(n - at >= 12);
		memcpy(head, all + at, 8);
		assert_true(head[1] >= 12 && head[1] <= n - at);
		memcpy(&tail, all + at + head[1] - 4, 4);
		assert_int_equal(tail, head[1]);
		found += head[0] == 6;
		at += head[1];
	}
	return found;
}

/* What it says, of which it makes JSON; its exit code must be this. */
static json_t *
capture(struct world *w, const char *words, int code, void (*step)(struct world *w))
{
	char command[256];
	json_t *told;
	int got;

	snprintf(command, sizeof(command), "--json capture %s %s", words, played.file);
	beside_begin(&played.beside, w, penstockctl, command);
	got = beside_end(&played.beside, w, step);
	if (got != code)
		fail_msg("%s: exit %d, expected %d: %s", command, got, code, played.beside.text);
	told = json_loads(played.beside.text, 0, NULL);
	assert_non_null(told);
	return told;
}

static long long
number_of(const json_t *told, const char *key)
{
	assert_true(json_is_integer(json_object_get(told, key)));
	return (long long)json_integer_value(json_object_get(told, key));
}

static void
says(const json_t *told, const char *part)
{
	const char *error = text_of(told, "error");

	if (strstr(error, part) == NULL)
		fail_msg("'%s' is not in: %s", part, error);
}

/* ---- the tests ---- */

static void
packets_are_recorded_and_what_was_skipped_is_told(void **state)
{
	struct world *w = *state;
	json_t *told;

	begin(w, 1);
	told = capture(w, "--url / --packets 5", 0, lanes_step);
	assert_int_equal(number_of(told, "packets"), 5);
	assert_int_equal(number_of(told, "skipped"), 0);
	assert_int_equal(number_of(told, "late_lanes"), 0);
	assert_int_equal(packets_in_file(), 5);
	json_decref(told);
	played.port_i = 9; /* which no image has */
	told = capture(w, "--url / --seconds 1", 0, lanes_step);
	assert_int_equal(number_of(told, "packets"), 0);
	assert_true(number_of(told, "skipped") > 0);
	assert_int_equal(packets_in_file(), 0);
	json_decref(told);
	end();
}

static void
what_is_refused_leaves_the_file_as_it_was(void **state)
{
	struct world *w = *state;
	size_t n = 0;
	FILE *file;
	json_t *told;

	begin(w, 1);
	told = capture(w, "--farm none", 1, lanes_step);
	says(told, "there is no farm 'none'");
	json_decref(told);
	assert_null(file_read(&n)); /* was not made */
	file = fopen(played.file, "w");
	fputs("of yesterday", file);
	fclose(file);
	json_decref(capture(w, "--farm none", 1, lanes_step));
	assert_memory_equal(file_read(&n), "of yesterday", 12);
	assert_int_equal(n, 12);
	end();
}

/* Another one runs: nobody writes these rings any more. */
static void
restart_step(struct world *w)
{
	if (played.steps_n < 20) {
		lanes_step(w);
	} else if (w->facts.started_ns == 1) {
		w->facts.started_ns = 2;
		instance_put(w->instance_map.p, &w->facts);
	}
}

static void
it_ends_with_its_data_plane(void **state)
{
	struct world *w = *state;
	json_t *told;

	begin(w, 1);
	told = capture(w, "--url /", 1, restart_step);
	says(told, "the data plane has ended");
	assert_int_equal(number_of(told, "packets"), 20);
	assert_int_equal(packets_in_file(), 20);
	json_decref(told);
	end();
}

/* Control is gone, somebody interrupts, and packets come on and on. */
static void
unreached_step(struct world *w)
{
	char path[128];

	lanes_step(w);
	if (played.steps_n != 20)
		return;
	snprintf(path, sizeof(path), "%s/control/socket", w->run);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kill(played.beside.pid, SIGINT), 0);
	played.steps_n++;
}

static void
it_ends_also_when_the_lanes_cannot_be_told(void **state)
{
	struct world *w = *state;
	json_t *told;

	begin(w, 1);
	told = capture(w, "--url /", 1, unreached_step);
	says(told, "could not be told");
	assert_true(number_of(told, "packets") >= 20);
	assert_int_equal(packets_in_file(), number_of(told, "packets"));
	json_decref(told);
	end();
}

/* Lane 1 hears of it when the other's packets are in the file. */
static void
late_step(struct world *w)
{
	size_t n = 0;

	played.is_deaf[1] = played.is_deaf[1] && (file_read(&n) == NULL || n == 0);
	lanes_step(w);
}

static void
a_late_lane_comes_in_later(void **state)
{
	struct world *w = *state;
	char *all;
	size_t n = 0;
	json_t *told;

	begin(w, 2);
	played.is_deaf[1] = true;
	told = capture(w, "--url / --seconds 2", 0, late_step);
	assert_int_equal(number_of(told, "late_lanes"), 0);
	assert_int_equal(packets_in_file(), number_of(told, "packets"));
	all = file_read(&n);
	assert_non_null(memmem(all, n, "session 0-1", 11));
	assert_non_null(memmem(all, n, "session 1-1", 11));
	json_decref(told);
	end();
}

static void
a_lane_that_never_comes_is_told(void **state)
{
	struct world *w = *state;
	json_t *told;

	begin(w, 2);
	played.is_deaf[1] = true;
	told = capture(w, "--url / --seconds 1", 1, lanes_step);
	says(told, "1 of 2 lanes have not begun");
	assert_int_equal(number_of(told, "late_lanes"), 1);
	assert_true(number_of(told, "packets") > 0);
	json_decref(told);
	end();
}

/* Its session's lane is the one that is asked. */
static void
a_session_asks_its_lane_alone(void **state)
{
	struct world *w = *state;
	json_t *told;

	begin(w, 2);
	told = capture(w, "--session 1-1 --packets 3", 0, lanes_step);
	assert_int_equal(number_of(told, "late_lanes"), 0);
	assert_false(played.is_on[0]);
	json_decref(told);
	end();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(packets_are_recorded_and_what_was_skipped_is_told),
		TEST(what_is_refused_leaves_the_file_as_it_was),
		TEST(it_ends_with_its_data_plane),
		TEST(it_ends_also_when_the_lanes_cannot_be_told),
		TEST(a_late_lane_comes_in_later),
		TEST(a_lane_that_never_comes_is_told),
		TEST(a_session_asks_its_lane_alone),
	};

	penstockctl = argc == 2 ? argv[1] : "penstockctl";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
