/*
 * answer.c - control's asks, a few connections a turn: whoever asks costs no packet its time.
 */
#include "lane/own.h"

void
lane_set_asks(struct lane *lane, const struct ask *place)
{
	__atomic_store_n(&lane->desk.place, place, __ATOMIC_RELEASE);
}

/* An ask that goes on where its answer was full begins nothing anew. */
static void
begin_capture(struct lane *lane, uint64_t now)
{
	const struct capture_ring *made = __atomic_load_n(&lane->capture.made, __ATOMIC_ACQUIRE);

	__atomic_store_n(&lane->desk.awaits_ring, made == NULL, __ATOMIC_RELEASE);
	if (made == NULL || (lane->capture.is_on && lane->capture.id == lane->desk.ask.capture_id))
		return;
	lane->capture.ring = *made;
	capture_start(lane, &lane->desk.ask, now);
}

static void
end_capture(struct lane *lane)
{
	if (lane->capture.id == lane->desk.ask.capture_id)
		capture_stop(lane);
	lane->desk.is_working = false;
	answers_end(&lane->desk.answers, ANSWERS_DONE, 0);
}

/* An ask that came takes the place of one that is being worked on. */
static void
take_ask(struct lane *lane, uint64_t now)
{
	struct lane_desk *desk = &lane->desk;
	const struct ask *place = __atomic_load_n(&desk->place, __ATOMIC_ACQUIRE);
	struct abi_fault fault;

	if (place == NULL || !ask_take(place, desk->ask.id, &desk->ask, &fault))
		return;
	answers_begin(&desk->answers, desk->ask.id);
	desk->look = (struct proxy_look){ .next = desk->ask.from };
	__atomic_store_n(&desk->awaits_ring, false, __ATOMIC_RELEASE);
	/* One that stands since before this start is not meant for the sessions of now. */
	desk->is_working = fault.kind == ABI_FAULT_NONE && (desk->ask.kind == ASK_KIND_FIND ||
							    desk->ask.life == desk->answers.life);
	if (!desk->is_working)
		answers_end(&desk->answers, ANSWERS_REFUSED, 0);
	else if (desk->ask.kind == ASK_KIND_CAPTURE)
		begin_capture(lane, now);
	else if (desk->ask.kind == ASK_KIND_CAPTURE_END)
		end_capture(lane);
}

bool
lane_wants_capture(const struct lane *lane)
{
	return __atomic_load_n(&lane->desk.awaits_ring, __ATOMIC_ACQUIRE);
}

void
lane_set_capture(struct lane *lane, const struct capture_ring *ring)
{
	__atomic_store_n(&lane->capture.made, ring, __ATOMIC_RELEASE);
}

bool
lane_answer(struct lane *lane, uint64_t now)
{
	struct lane_desk *desk = &lane->desk;

	if (desk->answers.session_n == 0)
		return false;
	if (now >= desk->look_at) {
		desk->look_at = now + MS_NS;
		take_ask(lane, now);
		if (lane->capture.is_on && now >= lane->capture.until)
			capture_stop(lane);
		if (desk->awaits_ring && desk->is_working)
			begin_capture(lane, now);
	}
	if (!desk->is_working || desk->awaits_ring)
		return false;
	desk->is_working =
		!proxy_look(lane->proxy, &desk->ask, &desk->look, LOOK_A_TURN, &desk->answers, now);
	return true;
}
