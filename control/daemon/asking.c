/*
 * asking.c - see asking.h. Lanes answer within milliseconds, one that sleeps within its next turn;
 * a full answer is followed by the next ask, until the limit is reached.
 */
#include "daemon/asking.h"

#include "daemon/loop.h"
#include "daemon/say.h"

enum {
	LOOK_EVERY_MS = 2,
	PATIENCE_MS = 2000,
};

static bool
file_make(struct asking *asking, int control_fd)
{
	if (rundir_map_make(control_fd, RUNDIR_ASKS, sizeof(struct asks), &asking->map) != 0)
		return false;
	asks_init(asking->map.p);
	return rundir_map_publish(control_fd, RUNDIR_ASKS) == 0;
}

/* The data plane keeps the file mapped: ids go on where an earlier control left them. */
bool
asking_open(struct asking *asking, int control_fd, const struct names *names)
{
	struct abi_fault fault;
	const struct asks *asks;

	*asking = (struct asking){ .names = names };
	if (rundir_map_open(control_fd, RUNDIR_ASKS, true, &asking->map) != 0)
		return file_make(asking, control_fd);
	if (!asks_check(asking->map.p, asking->map.n, &fault)) {
		say("control/asks is not sound: a data plane that runs answers when it restarts");
		rundir_map_close(&asking->map);
		return file_make(asking, control_fd);
	}
	asks = asking->map.p;
	for (uint32_t i = 0; i < IMG_LANES_MAX; i++)
		if (asks->ask[i].id > asking->last_id)
			asking->last_id = asks->ask[i].id;
	return true;
}

static void
put(struct asking *asking, uint32_t i, uint64_t from)
{
	struct asks *asks = asking->map.p;
	struct ask ask = {
		.kind = asking->question.kind,
		.id = ++asking->last_id,
		.from = from,
		.life = asking->lane[i].view.head.id,
		.capture_id = asking->question.capture_id,
		.for_ns = asking->question.for_ns,
		.snap = asking->question.snap,
		.filter = asking->question.filter,
	};

	asking->lane[i].ask_id = ask.id;
	ask_put(&asks->ask[i], &ask);
}

void
asking_begin(struct asking *asking, int dataplane_fd, uint32_t lane_n,
	     const struct asking_question *question, uint64_t client_id, uint64_t now)
{
	char name[RUNDIR_NAME_MAX];
	struct abi_fault fault;

	asking->client_id = client_id;
	asking->question = *question;
	if (question->kind == ASK_KIND_CAPTURE)
		asking->question.capture_id = asking->last_id + 1;
	asking->found_n = 0;
	asking->lane_n = lane_n < IMG_LANES_MAX ? lane_n : IMG_LANES_MAX;
	asking->has_more = false;
	asking->list = json_array();
	asking->next_at = now;
	asking->deadline = now + PATIENCE_MS * LOOP_MS;
	for (uint32_t i = 0; i < asking->lane_n; i++) {
		struct asking_lane *lane = &asking->lane[i];

		*lane = (struct asking_lane){ .is_done = question->only_lane != ABI_NONE &&
							 question->only_lane != i };
		if (lane->is_done || rundir_map_open(dataplane_fd, rundir_answers_name(name, i),
						     false, &lane->map) != 0)
			continue;
		lane->is_asked = answers_open(lane->map.p, lane->map.n, &lane->view, &fault);
		if (lane->is_asked)
			put(asking, i, 0);
	}
}

static void
read_records(struct asking *asking, uint32_t i, uint32_t n)
{
	struct asking_lane *lane = &asking->lane[i];
	struct abi_fault fault;
	struct session session;

	asking->found_n += n;
	for (uint32_t k = 0; k < n; k++) {
		if (json_array_size(asking->list) == asking->question.limit) {
			asking->has_more = true;
			return;
		}
		if (answers_session(&lane->view, lane->ask_id, k, &session, &fault))
			json_array_append_new(asking->list,
					      session_json(&session, i, asking->names));
	}
}

static void
look_at(struct asking *asking, uint32_t i)
{
	struct asking_lane *lane = &asking->lane[i];
	struct answers_state state;

	if (!lane->is_asked || lane->is_done || !answers_look(&lane->view, &state) ||
	    state.ask_id != lane->ask_id ||
	    (state.phase != ANSWERS_DONE && state.phase != ANSWERS_FULL))
		return;
	read_records(asking, i, state.found_n);
	if (state.phase == ANSWERS_FULL &&
	    (!asking->has_more || asking->question.kind != ASK_KIND_FIND))
		put(asking, i, state.next);
	else
		lane->is_done = true;
}

/* What became of an order, for the log; requests.c has told who gave it. */
static void
result_say(const struct asking *asking, uint32_t silent_n)
{
	const struct asking_question *q = &asking->question;

	if (q->kind == ASK_KIND_KILL)
		say("sessions killed: %llu%s", (unsigned long long)asking->found_n,
		    silent_n > 0 ? "; not all lanes have told so far" : "");
	else if (q->kind == ASK_KIND_CAPTURE)
		say("capture %llu has begun on all lanes but %u", (unsigned long long)q->capture_id,
		    silent_n);
	else if (q->kind == ASK_KIND_CAPTURE_END)
		say("capture %llu has ended on all lanes but %u", (unsigned long long)q->capture_id,
		    silent_n);
}

json_t *
asking_advance(struct asking *asking, uint64_t now, uint64_t *ret_client_id)
{
	uint32_t silent_n = 0;
	json_t *list, *answer;

	if (asking->client_id == 0 || now < asking->next_at)
		return NULL;
	asking->next_at = now + LOOK_EVERY_MS * LOOP_MS;
	for (uint32_t i = 0; i < asking->lane_n; i++) {
		look_at(asking, i);
		silent_n += !asking->lane[i].is_done;
	}
	if (silent_n > 0 && now < asking->deadline)
		return NULL;
	for (uint32_t i = 0; i < asking->lane_n; i++)
		rundir_map_close(&asking->lane[i].map);
	*ret_client_id = asking->client_id;
	asking->client_id = 0;
	list = asking->list;
	asking->list = NULL;
	answer = json_pack("{s:b, s:i, s:i, s:b, s:o}", "ok", 1, "lanes", (int)asking->lane_n,
			   "silent_lanes", (int)silent_n, "more", asking->has_more, "sessions",
			   list);
	if (asking->question.kind == ASK_KIND_CAPTURE)
		json_object_set_new(answer, "capture",
				    json_integer((json_int_t)asking->question.capture_id));
	if (asking->question.kind == ASK_KIND_KILL)
		json_object_set_new(answer, "killed", json_integer((json_int_t)asking->found_n));
	result_say(asking, silent_n);
	return answer;
}

uint64_t
asking_deadline(const struct asking *asking)
{
	return asking->client_id != 0 ? asking->next_at : UINT64_MAX;
}

void
asking_close(struct asking *asking)
{
	for (uint32_t i = 0; i < IMG_LANES_MAX; i++)
		rundir_map_close(&asking->lane[i].map);
	json_decref(asking->list);
	rundir_map_close(&asking->map);
}
