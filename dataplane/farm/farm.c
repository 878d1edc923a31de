/*
 * farm.c - the servers' state by slot: members, run-time words, rests, counts. The choice among
 * them is in pick.c.
 *
 * Invariant: a slot's state belongs to the incarnation written in it; reports about another are
 * dropped. in_flight never falls below zero.
 */
#include "farm/farm.h"

#include "base/ensure.h"
#include "farm/state.h"

const char *
farm_admin_name(enum farm_admin admin)
{
	static const char *const name[] = {
#define X(id, word) [FARM_ADMIN_##id] = #word,
		FARM_ADMIN_LIST(X)
#undef X
	};

	return name[admin];
}

const char *
farm_fit_name(enum farm_fit fit)
{
	static const char *const name[] = {
#define X(id, word) [FARM_FIT_##id] = #word,
		FARM_FIT_LIST(X)
#undef X
	};

	return name[fit];
}

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t
farms_size(uint32_t slots_max, uint32_t members_max)
{
	return align64(sizeof(struct farms)) + align64(slots_max * sizeof(struct farm_server)) +
	       align64(slots_max * sizeof(struct farm_cold)) +
	       align64(members_max * sizeof(uint32_t));
}

struct farms *
farms_init(void *mem, uint32_t slots_max, uint32_t members_max)
{
	struct farms *f = mem;
	uint8_t *at = (uint8_t *)mem + align64(sizeof(*f));

	ensure(((uintptr_t)mem & 63) == 0);
	f->slots_max = slots_max;
	f->members_max = members_max;
	f->server = (struct farm_server *)at;
	at += align64(slots_max * sizeof(struct farm_server));
	f->cold = (struct farm_cold *)at;
	at += align64(slots_max * sizeof(struct farm_cold));
	f->member = (uint32_t *)at;
	return f;
}

void
farms_begin(struct farms *f)
{
	for (uint32_t i = 0; i < f->slots_max; i++)
		f->server[i].is_placed = false;
	f->member_n = 0;
}

/* The addresses in effect are the run-time words' if they have any, else the tables'. */
static void
addrs_choose(struct farm_server *s, const struct farm_cold *c)
{
	s->addr_n = c->rt.addr_n != 0 ? c->rt.addr_n : c->member.addr_n;
	if (s->addr_at >= s->addr_n)
		s->addr_at = 0;
}

static void
server_apply(struct farm_server *s, const struct farm_cold *c)
{
	uint32_t weight = c->rt.has_weight ? c->rt.weight : c->member.weight;

	s->weight = weight < FARM_WEIGHT_MAX ? weight : FARM_WEIGHT_MAX;
	s->admin = (uint8_t)c->rt.admin;
	addrs_choose(s, c);
}

static bool
is_same_list(const struct ip_addr *a, uint8_t a_n, const struct ip_addr *b, uint8_t b_n)
{
	bool is_same = a_n == b_n;

	for (uint8_t i = 0; is_same && i < a_n; i++)
		is_same = ip_eq(&a[i], &b[i]);
	return is_same;
}

bool
farm_place(struct farms *f, uint32_t member_i, const struct farm_member *m)
{
	if (m->slot >= f->slots_max || member_i >= f->members_max || m->addr_n > FARM_ADDRS_MAX)
		return false;

	struct farm_server *s = &f->server[m->slot];
	struct farm_cold *c = &f->cold[m->slot];

	if (!s->is_known || s->incarnation != m->incarnation) {
		*s = (struct farm_server){ .is_known = true,
					   .has_moved = true,
					   .incarnation = m->incarnation };
		*c = (struct farm_cold){ 0 };
	}
	s->has_moved |= !is_same_list(c->member.addr, c->member.addr_n, m->addr, m->addr_n);
	c->member = *m;
	s->is_placed = true;
	server_apply(s, c);
	f->member[member_i] = m->slot;
	if (f->member_n <= member_i)
		f->member_n = member_i + 1;
	return true;
}

struct farm_server *
farm_server_of(struct farms *f, uint32_t slot, uint32_t incarnation)
{
	if (slot >= f->slots_max || !f->server[slot].is_known ||
	    f->server[slot].incarnation != incarnation)
		return NULL;
	return &f->server[slot];
}

void
farm_set_runtime(struct farms *f, uint32_t slot, uint32_t incarnation,
		 const struct farm_runtime *rt)
{
	struct farm_server *s = farm_server_of(f, slot, incarnation);

	if (s == NULL || rt->addr_n > FARM_ADDRS_MAX)
		return;
	s->has_moved |=
		!is_same_list(f->cold[slot].rt.addr, f->cold[slot].rt.addr_n, rt->addr, rt->addr_n);
	f->cold[slot].rt = *rt;
	server_apply(s, &f->cold[slot]);
}

/* Twice the last rest; a first rest configured longer than the ceiling is the ceiling. */
static uint64_t
rest_after(uint64_t last_ns, uint64_t first_ns)
{
	uint64_t max_ns = first_ns > FARM_REST_MAX_NS ? first_ns : FARM_REST_MAX_NS;

	if (last_ns == 0)
		return first_ns != 0 ? first_ns : FARM_REST_MIN_NS;
	return 2 * last_ns < max_ns ? 2 * last_ns : max_ns;
}

void
farm_dialled(struct farms *f, uint32_t slot, uint32_t incarnation, enum farm_dial_end end,
	     uint64_t now)
{
	struct farm_server *s = farm_server_of(f, slot, incarnation);

	if (s == NULL)
		return;

	struct farm_stats *stats = &f->cold[slot].stats;

	stats->dials++;
	if (end == FARM_DIAL_UP) {
		s->rest_ns = 0;
		s->rest_until_ns = 0;
		return;
	}
	if (end == FARM_DIAL_TIMEOUT)
		stats->dials_timeout++;
	else
		stats->dials_refused++;
	/* Dials begun before the first failure was known must not double the rest at once. */
	if (s->rest_ns != 0 && now < s->rest_until_ns && !s->is_probing)
		return;
	s->rest_ns = rest_after(s->rest_ns, f->cold[slot].member.rest_ns);
	s->rest_until_ns = now + s->rest_ns;
	s->is_probing = false;
	stats->rests++;
}

void
farm_enter(struct farms *f, uint32_t slot, uint32_t incarnation, bool is_reused)
{
	struct farm_server *s = farm_server_of(f, slot, incarnation);

	if (s == NULL)
		return;
	s->in_flight++;
	f->cold[slot].stats.requests++;
	f->cold[slot].stats.reused += is_reused;
}

void
farm_leave(struct farms *f, uint32_t slot, uint32_t incarnation, uint16_t status, uint64_t bytes_up,
	   uint64_t bytes_down)
{
	struct farm_server *s = farm_server_of(f, slot, incarnation);

	if (s == NULL)
		return;

	struct farm_stats *stats = &f->cold[slot].stats;

	ensure(s->in_flight > 0);
	s->in_flight--;
	stats->responses += status > FARM_UNTAKEN;
	stats->failures += status == 0;
	stats->status_2xx += status > FARM_UNTAKEN && status < 300;
	stats->status_3xx += status >= 300 && status < 400;
	stats->status_4xx += status >= 400 && status < 500;
	stats->status_5xx += status >= 500;
	stats->bytes_up += bytes_up;
	stats->bytes_down += bytes_down;
}

void
farm_blamed(struct farms *f, uint32_t slot, uint32_t incarnation, uint32_t cause, uint64_t now)
{
	if (farm_server_of(f, slot, incarnation) == NULL)
		return;
	f->cold[slot].stats.failed_at = now;
	f->cold[slot].stats.failed_cause = cause;
}

void
farm_waited(struct farms *f, uint32_t slot, uint32_t incarnation, uint64_t ns)
{
	if (farm_server_of(f, slot, incarnation) == NULL)
		return;
	f->cold[slot].stats.firsts++;
	f->cold[slot].stats.first_ns += ns;
}

void
farm_facts(const struct farms *f, uint32_t slot, struct farm_facts *ret_facts)
{
	ensure(slot < f->slots_max);

	const struct farm_server *s = &f->server[slot];

	*ret_facts = (struct farm_facts){ .incarnation = s->incarnation,
					  .admin = (enum farm_admin)s->admin,
					  .weight = s->weight,
					  .in_flight = s->in_flight,
					  .rest_until_ns = s->rest_until_ns,
					  .addr_n = s->addr_n };
}

const struct farm_stats *
farm_stats(const struct farms *f, uint32_t slot)
{
	ensure(slot < f->slots_max);
	return &f->cold[slot].stats;
}

bool
farm_is_kept(const struct farms *f, uint32_t slot, uint32_t incarnation)
{
	return slot < f->slots_max && f->server[slot].is_placed &&
	       f->server[slot].incarnation == incarnation && f->server[slot].admin == FARM_ADMIN_UP;
}

bool
farm_stays(struct farms *f, uint32_t slot)
{
	ensure(slot < f->slots_max);

	struct farm_server *s = &f->server[slot];
	bool has_moved = s->has_moved;

	s->has_moved = false;
	return s->is_placed && s->admin == FARM_ADMIN_UP && !has_moved;
}

bool
farm_has_addr(const struct farms *f, uint32_t slot, const struct ip_addr *addr)
{
	if (slot >= f->slots_max)
		return false;
	for (uint8_t i = 0; i < f->server[slot].addr_n; i++)
		if (ip_eq(farm_addr_at(&f->cold[slot], i), addr))
			return true;
	return false;
}
