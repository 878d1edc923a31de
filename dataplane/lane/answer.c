/*
 * answer.c - control's asks, a few connections a turn: whoever asks costs no packet its time.
 */
#include "lane/own.h"

void
lane_set_asks(struct lane *lane, const struct ask *place)
{
	__atomic_store_n(&lane->desk.place, place, __ATOMIC_RELEASE);
}

/* An ask that came takes the place of one that is being worked on. */
static void
take_ask(struct lane_desk *desk)
{
	const struct ask *place = __atomic_load_n(&desk->place, __ATOMIC_ACQUIRE);
	struct abi_fault fault;

	if (place == NULL || !ask_take(place, desk->ask.id, &desk->ask, &fault))
		return;
	answers_begin(&desk->answers, desk->ask.id);
	desk->look = (struct proxy_look){ .next = desk->ask.from };
	/* One that stands since before this start is not meant for the sessions of now. */
	desk->is_working = fault.kind == ABI_FAULT_NONE && (desk->ask.kind == ASK_KIND_FIND ||
							    desk->ask.life == desk->answers.life);
	if (!desk->is_working)
		answers_end(&desk->answers, ANSWERS_REFUSED, 0);
}

bool
lane_answer(struct lane *lane, uint64_t now)
{
	struct lane_desk *desk = &lane->desk;

	if (desk->answers.session_n == 0)
		return false;
	if (now >= desk->look_at) {
		desk->look_at = now + MS_NS;
		take_ask(desk);
	}
	if (!desk->is_working)
		return false;
	desk->is_working =
		!proxy_look(lane->proxy, &desk->ask, &desk->look, LOOK_A_TURN, &desk->answers, now);
	return true;
}
