/*
 * asks.c - control/asks (asks.h). An ask is copied under its sequence word, and the copy is
 * checked: what control writes later does not reach what a lane works on.
 */
#include "abi/asks.h"

#include <string.h>

#include "abi/seqlock.h"

void
asks_init(struct asks *asks)
{
	asks->version = ASKS_VERSION;
	asks->ask_n = IMG_LANES_MAX;
	asks->magic = ASKS_MAGIC;
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "asks", ABI_NONE, field);
	return false;
}

bool
asks_check(const void *bytes, size_t n, struct abi_fault *ret_fault)
{
	struct asks asks;

	if ((uintptr_t)bytes % 64 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "");
	if (n < sizeof(asks))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&asks, bytes, offsetof(struct asks, ask));
	if (asks.magic != ASKS_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (asks.version != ASKS_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (asks.ask_n != IMG_LANES_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, "ask_n");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	return true;
}

void
ask_put(struct ask *place, const struct ask *ask)
{
	seqlock_begin(&place->seq);
	place->kind = ask->kind;
	place->from = ask->from;
	place->life = ask->life;
	place->capture_id = ask->capture_id;
	place->for_ns = ask->for_ns;
	place->snap = ask->snap;
	place->filter = ask->filter;
	__atomic_store_n(&place->id, ask->id, __ATOMIC_RELAXED);
	seqlock_end(&place->seq);
}

static bool
is_sound(const struct ask *ask, struct abi_fault *ret_fault)
{
	const struct ask_filter *f = &ask->filter;

	if (ask->kind == ASK_KIND_NOTHING || ask->kind >= ASK_KINDS)
		return wrong(ret_fault, ABI_FAULT_ENUM, "kind");
	if ((f->by & ~(uint32_t)ASK_BY_ALL) != 0)
		return wrong(ret_fault, ABI_FAULT_FLAGS, "by");
	if (ask->kind == ASK_KIND_KILL && f->by == 0)
		return wrong(ret_fault, ABI_FAULT_EMPTY, "by");
	if (f->prefix_n > ASKS_PREFIX_MAX)
		return wrong(ret_fault, ABI_FAULT_RANGE, "prefix_n");
	if ((ask->kind == ASK_KIND_CAPTURE || ask->kind == ASK_KIND_CAPTURE_END) &&
	    ask->capture_id == 0)
		return wrong(ret_fault, ABI_FAULT_EMPTY, "capture_id");
	if (ask->kind == ASK_KIND_CAPTURE && ask->for_ns > ASKS_CAPTURE_NS_MAX)
		return wrong(ret_fault, ABI_FAULT_RANGE, "for_ns");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	return true;
}

bool
ask_take(const struct ask *place, uint64_t last, struct ask *ret_ask, struct abi_fault *ret_fault)
{
	uint64_t id = __atomic_load_n(&place->id, __ATOMIC_RELAXED);
	struct ask ask;

	if (id == last || id == 0)
		return false;
	if (!seqlock_copy(&place->seq, place, &ask, sizeof(ask)) || ask.id == last || ask.id == 0)
		return false;
	is_sound(&ask, ret_fault);
	*ret_ask = ask;
	return true;
}

static bool
counts(const struct ask_filter *f, uint32_t by)
{
	return (f->by & by) != 0;
}

static bool
ends_fit(const struct ask_filter *f, const struct session *s)
{
	return (!counts(f, ASK_BY_CLIENT) || ip_eq(&f->client, &s->client.remote)) &&
	       (!counts(f, ASK_BY_CLIENT_PORT) || f->client_port == s->client.remote_port) &&
	       (!counts(f, ASK_BY_SERVER) || ip_eq(&f->server, &s->server.remote)) &&
	       (!counts(f, ASK_BY_SERVER_PORT) || f->server_port == s->server.remote_port);
}

static bool
names_fit(const struct ask_filter *f, const struct session *s)
{
	return (!counts(f, ASK_BY_ID) || f->session_id == s->id) &&
	       (!counts(f, ASK_BY_LISTENER) ||
		(f->listener_slot == s->listener_slot &&
		 f->listener_incarnation == s->listener_incarnation)) &&
	       (!counts(f, ASK_BY_FARM) ||
		(f->farm_slot == s->farm_slot && f->farm_incarnation == s->farm_incarnation));
}

/* The target lies behind method and host. A target that was cut is judged by what is there. */
static bool
prefix_fits(const struct ask_filter *f, const struct session *s)
{
	const uint8_t *target = s->text + s->method_n + s->host_n;

	return !counts(f, ASK_BY_PREFIX) ||
	       (s->target_n >= f->prefix_n && memcmp(target, f->prefix, f->prefix_n) == 0);
}

uint64_t
session_shown_ns(const struct session *session)
{
	return session->took_ns != 0 ? session->took_ns : session->age_ns;
}

bool
ask_fits(const struct ask_filter *filter, const struct session *session)
{
	if (counts(filter, ASK_BY_PHASE) && (filter->phases >> session->phase & 1) == 0)
		return false;
	if (counts(filter, ASK_BY_AGE) && session_shown_ns(session) < filter->age_ns)
		return false;
	return names_fit(filter, session) && ends_fit(filter, session) &&
	       prefix_fits(filter, session);
}
