/*
 * recording.c - see recording.h.
 *
 * A ring is written over, and lanes wait for nobody: what is read late is missed, and counted. When
 * it is over every ring is read up to the place where it was at that moment and no further, for a
 * lane that nobody could tell goes on.
 */
#include "ctl/recording.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/client.h"

#define MS 1000000ull

enum {
	PAUSE_US = 500,
	LOOK_MS = 100, /* for the data plane, and for lanes that are late */
	END_MS = 2000, /* somebody else may ask the lanes for something just then */
	END_AGAIN_MS = 100,
	PACKETS_A_TURN = 1024, /* of a lane, so that the others have their turn */
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void
recording_fault(struct recording *r, const char *format, ...)
{
	va_list args;

	if (r->is_short)
		return;
	va_start(args, format);
	vsnprintf(r->why, sizeof(r->why), format, args);
	va_end(args);
	r->is_short = true;
}

/* ---- rings ---- */

/* Those that have this capture by now. */
static void
rings_look(struct recording *r)
{
	char name[RUNDIR_NAME_MAX];
	struct abi_fault fault;

	for (uint32_t i = 0; i < r->state->facts.lane_n; i++) {
		if (r->is_open[i] ||
		    rundir_map_open(r->state->dataplane_fd, rundir_capture_name(name, i), false,
				    &r->map[i]) != 0)
			continue;
		r->is_open[i] = capture_open(r->map[i].p, r->map[i].n, &r->view[i], &fault) &&
				capture_seek(&r->view[i], r->id);
		if (!r->is_open[i])
			rundir_map_close(&r->map[i]);
	}
}

static void
rings_close(struct recording *r, bool is_full)
{
	uint32_t open_n = 0;

	for (uint32_t i = 0; i < r->state->facts.lane_n; i++) {
		if (!r->is_open[i])
			continue;
		open_n++;
		r->missed_n += is_full ? r->view[i].missed_n : capture_missed(&r->view[i]);
		r->evicted_n += capture_evicted(&r->view[i]);
		rundir_map_close(&r->map[i]);
	}
	r->late_n = r->lane_n > open_n ? r->lane_n - open_n : 0;
}

/* ---- packets ---- */

static bool
is_full(const struct recording *r)
{
	return (r->packets_max != 0 && r->file->packet_n >= r->packets_max) ||
	       (r->bytes_max != 0 && r->file->byte_n >= r->bytes_max);
}

static void
packet_write(struct recording *r, uint32_t lane, const struct capture_packet *p)
{
	char comment[128], id[48] = "";

	if (p->session_id != 0)
		snprintf(id, sizeof(id), "session %u-%llu, ", lane,
			 (unsigned long long)p->session_id);
	snprintf(comment, sizeof(comment), "%s%s%s", id,
		 (p->flags & CAPTURE_SERVER) != 0 ? "server side" : "client side",
		 (p->flags & CAPTURE_UNSUMMED) != 0 ? ", checksum left to the port" : "");
	packet_file_packet(r->file, &(struct pcapng_packet){
					    .interface_i = p->port_i,
					    .time_ns = p->time_ns,
					    .n = p->n,
					    .kept_n = p->kept_n,
					    .is_out = (p->flags & CAPTURE_OUT) != 0,
					    .bytes = r->bytes,
					    .comment = comment,
				    });
}

/* What one lane has before this place. True: something. */
static bool
lane_drain(struct recording *r, uint32_t lane, uint64_t before)
{
	struct capture_packet packet;
	bool found = false;

	for (uint32_t n = 0; n < PACKETS_A_TURN && r->view[lane].at < before && !is_full(r); n++) {
		switch (capture_next(&r->view[lane], r->id, &packet, r->bytes)) {
		case CAPTURE_NONE:
			return found;
		case CAPTURE_OVER:
			recording_fault(r, "another capture took its place");
			return found;
		case CAPTURE_UNSOUND:
			recording_fault(r, "a ring of the data plane is not sound");
			return found;
		case CAPTURE_PACKET:
			found = true;
			if (packet.port_i < r->state->facts.port_n)
				packet_write(r, lane, &packet);
			else
				r->skipped_n++;
		}
	}
	return found;
}

/* before: of each lane; NULL: all there is. True: something. */
static bool
drain(struct recording *r, const uint64_t *before)
{
	bool found = false;

	for (uint32_t i = 0; i < r->state->facts.lane_n && !r->is_short; i++)
		if (r->is_open[i])
			found |= lane_drain(r, i, before != NULL ? before[i] : UINT64_MAX);
	if (found && !packet_file_flush(r->file))
		recording_fault(r, "the file takes no more: %s", strerror(errno));
	return found;
}

/* What the rings hold at this moment. */
static void
drain_rest(struct recording *r)
{
	uint64_t before[IMG_LANES_MAX] = { 0 };

	for (uint32_t i = 0; i < r->state->facts.lane_n; i++)
		if (r->is_open[i])
			before[i] = capture_reached(&r->view[i]);
	while (!is_full(r) && drain(r, before))
		;
}

/* ---- begin and end ---- */

static bool
is_same_data_plane(const struct recording *r)
{
	const struct instance_facts *then = &r->state->facts;
	struct instance_facts now;

	return state_facts(r->ctl->run, &now) && now.pid == then->pid &&
	       now.started_ns == then->started_ns;
}

bool
recording_end(const struct recording *r)
{
	const char *why;
	json_t *answer = client_ask(
		r->ctl,
		json_pack("{s:s, s:I}", "verb", "capture_end", "capture", (json_int_t)r->id), NULL,
		&why);
	bool is_ok = json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	return is_ok;
}

/* The lanes are told; by `until` they have ended by themselves. */
static void
end(struct recording *r, uint64_t until)
{
	uint64_t latest = now_ns() + END_MS * MS;

	while (!recording_end(r) && now_ns() < until) {
		if (now_ns() >= latest) {
			drain_rest(r); /* nothing is read behind a fault */
			recording_fault(r, "penstock-control could not be told that it is over: "
					   "lanes go on until the time is up");
			return;
		}
		if (!r->is_short)
			drain(r, NULL);
		usleep(END_AGAIN_MS * 1000);
	}
}

void
recording_run(struct recording *r)
{
	uint64_t began = now_ns(), until = began + r->seconds * 1000 * MS, look_at = began;
	bool is_there = true;

	rings_look(r);
	while (is_there && !r->must_end() && !r->is_short && !is_full(r) && now_ns() < until) {
		if (now_ns() >= look_at) {
			is_there = is_same_data_plane(r);
			rings_look(r); /* lanes that are late */
			look_at = now_ns() + LOOK_MS * MS;
		}
		if (!drain(r, NULL))
			usleep(PAUSE_US);
	}
	if (is_there)
		end(r, until);
	drain_rest(r);
	if (!is_there)
		recording_fault(r, "the data plane has ended; the file has what it recorded until "
				   "then");
	rings_close(r, is_full(r));
	if (r->late_n > 0)
		recording_fault(r,
				"%u of %u lanes have not begun; is there room in the run "
				"directory?",
				r->late_n, r->lane_n);
}
