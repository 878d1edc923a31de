/*
 * way.c - the rules of a request, asked once: what they say is kept by the exchange.
 *
 * Further tries keep the verdict, outbound rules read what inbound ones set, and the record may
 * want the rewritten URL, while the rules' scratch is the next request's and the view may go. So
 * the target and the changes are written one behind the other into buffers of the lane's, and read
 * back into scratch when they are wanted. Most requests change nothing and keep nothing.
 */
#include "proxy/state.h"
#include "view/view.h"

/* What is kept, before the bytes: head, then changes; then target, then each name and value. */
struct kept_head {
	uint32_t target_n, change_n;
};

struct kept_change {
	uint8_t op;
	bool is_variable, is_response;
	uint32_t name_n, value_n;
};

static uint64_t
kept_bytes(const struct decide_way *way)
{
	uint64_t n = sizeof(struct kept_head) + way->target.n;

	for (uint32_t i = 0; i < way->change_n; i++)
		n += sizeof(struct kept_change) + way->change[i].name.n + way->change[i].value.n;
	return n;
}

static uint8_t *
put(uint8_t *at, const void *bytes, uint32_t n)
{
	if (n != 0)
		memcpy(at, bytes, n);
	return at + n;
}

/* Writes what kept_bytes has counted. */
static void
kept_write(const struct decide_way *way, uint8_t *at)
{
	const struct kept_head head = { way->target.n, way->change_n };

	at = put(at, &head, sizeof(head));
	for (uint32_t i = 0; i < way->change_n; i++) {
		const struct rules_change *c = &way->change[i];
		struct kept_change kept;

		memset(&kept, 0, sizeof(kept));
		kept.op = c->op;
		kept.is_variable = c->is_variable;
		kept.is_response = c->is_response;
		kept.name_n = c->name.n;
		kept.value_n = c->value.n;
		at = put(at, &kept, sizeof(kept));
	}
	at = put(at, way->target.p, way->target.n);
	for (uint32_t i = 0; i < way->change_n; i++) {
		at = put(at, way->change[i].name.p, way->change[i].name.n);
		at = put(at, way->change[i].value.p, way->change[i].value.n);
	}
}

/* Keeps the way's texts; a reason when they are too long or there is no buffer. */
static enum journal_cause
texts_keep(struct proxy *p, struct exch *e, const struct decide_way *way)
{
	uint64_t n = kept_bytes(way);

	if (way->target.n == 0 && way->change_n == 0)
		return JOURNAL_CAUSE_NONE;
	ensure(way->change_n <= RULES_CHANGES_MAX);
	if (n > SCRATCH_BYTES)
		return JOURNAL_CAUSE_RULE_ERROR;
	kept_write(way, p->kept);
	if (!bufq_append(p->bufs, &e->way.texts, p->kept, (uint32_t)n))
		return JOURNAL_CAUSE_MEMORY;
	p->bufs_held += e->way.texts.n;
	return JOURNAL_CAUSE_NONE;
}

static struct slice
take(const uint8_t **at, uint32_t n)
{
	struct slice s = slice_of(*at, n);

	*at += n;
	return s;
}

/* The texts back in p->kept and p->change. */
static void
texts_read(struct proxy *p, const struct exch *e, struct decide_way *way)
{
	const uint8_t *at = p->kept;
	struct kept_head head;
	struct kept_change kept;

	if (e->way.texts.bytes == 0)
		return;
	bufq_copy_out(&e->way.texts, 0, p->kept, (uint32_t)e->way.texts.bytes);
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	for (uint32_t i = 0; i < head.change_n; i++, at += sizeof(kept)) {
		memcpy(&kept, at, sizeof(kept));
		p->change[i] = (struct rules_change){ .op = kept.op,
						      .is_variable = kept.is_variable,
						      .is_response = kept.is_response,
						      .name.n = kept.name_n,
						      .value.n = kept.value_n };
	}
	way->target = take(&at, head.target_n);
	for (uint32_t i = 0; i < head.change_n; i++) {
		p->change[i].name = take(&at, p->change[i].name.n);
		p->change[i].value = take(&at, p->change[i].value.n);
	}
	way->change = p->change;
	way->change_n = head.change_n;
}

/* The way's farm in the present view. */
static uint32_t
farm_now(const struct proxy *p, const struct exch *e)
{
	if (e->way.view_seq == p->view_seq || e->way.farm_i == (uint32_t)IMG_NONE)
		return e->way.farm_i;
	return img_find_slot(p->img, IMG_KIND_FARM, e->way.farm_slot, e->way.farm_incarnation);
}

void
way_read(struct proxy *p, const struct exch *e, struct decide_way *ret_way)
{
	*ret_way = (struct decide_way){ .farm_i = farm_now(p, e),
					.cause = e->way.cause,
					.is_proxied = e->way.is_proxied,
					.is_secure = e->way.is_secure };
	if (ret_way->farm_i == (uint32_t)IMG_NONE && ret_way->cause == DECIDE_CAUSE_NONE)
		ret_way->cause = DECIDE_CAUSE_NO_FARM;
	texts_read(p, e, ret_way);
}

/* ---- asking ---- */

static void
way_set(struct proxy *p, struct exch *e, const struct rules_verdict *v,
	const struct decide_way *way)
{
	struct exch_way *to = &e->way;

	to->is_set = true;
	to->cause = way->cause;
	to->is_proxied = way->is_proxied;
	to->is_secure = way->is_secure;
	to->logs_rewritten = v->logs_rewritten && way->target.n != 0;
	to->view_seq = p->view_seq;
	to->farm_i = way->farm_i;
	to->connect_ns = v->connect_ns;
	to->send_ns = v->send_ns;
	to->receive_ns = v->receive_ns;
	if (way->farm_i == (uint32_t)IMG_NONE)
		return;
	to->farm_slot = img_farm(p->img, way->farm_i)->slot;
	to->farm_incarnation = img_farm(p->img, way->farm_i)->incarnation;
}

static void
note_rule(struct proxy *p, struct exch *e, const struct rules_verdict *v)
{
	struct counters *count = p->conf.count;

	count->proxy_rules_asked++;
	count->proxy_rules_captured += v->regex_n != 0;
	count->proxy_rules_regex += v->regex_n;
	e->substatus = v->substatus;
	if (v->rule_i == (uint32_t)IMG_NONE)
		return;
	e->rule_slot = img_rule(p->img, v->rule_i)->slot;
	e->rule_incarnation = img_rule(p->img, v->rule_i)->incarnation;
}

/* The rules have answered, or could not be carried out. */
static void
answer(struct proxy *p, struct exch *e, const struct rules_verdict *v)
{
	struct http_reply reply;

	switch (v->outcome) {
	case RULES_REDIRECT:
	case RULES_RESPOND:
		p->conf.count->proxy_rules_answered++;
		decide_reply(v, &reply);
		exch_answer(p, e, &reply);
		return;
	case RULES_ABORT:
		p->conf.count->proxy_rules_answered++;
		exch_fail(p, e, 0, JOURNAL_CAUSE_RULE_ABORT, 0);
		return;
	case RULES_ERROR:
	case RULES_ROUTE:
	case RULES_PROXY:
		break;
	}
	p->conf.count->proxy_rules_faults++;
	p->conf.count->proxy_rules_limit += v->fault == RULES_FAULT_MATCH_LIMIT;
	exch_fail(p, e, v->status,
		  v->fault == RULES_FAULT_TARGET ? JOURNAL_CAUSE_RULE_TARGET
						 : JOURNAL_CAUSE_RULE_ERROR,
		  v->fault == RULES_FAULT_TARGET ? 0 : (uint16_t)v->fault);
}

bool
way_ask(struct proxy *p, struct exch *e, const struct decide_facts *facts,
	struct decide_way *ret_way)
{
	struct rules_verdict *v = &p->verdict;
	enum journal_cause kept;

	bool goes_on = decide_rules(p->img, p->view->rules, p->conf.lane_i, e->listener_i, facts,
				    NULL, v, ret_way);

	p->turn_work -= v->work;
	note_rule(p, e, v);
	if (!goes_on) {
		answer(p, e, v);
		return false;
	}
	way_set(p, e, v, ret_way);
	kept = texts_keep(p, e, ret_way);
	if (kept == JOURNAL_CAUSE_NONE)
		return true;
	e->way.logs_rewritten = false; /* the record would look for what is not there */
	e->substatus = kept == JOURNAL_CAUSE_RULE_ERROR ? 50 : 0;
	exch_fail(p, e, kept == JOURNAL_CAUSE_RULE_ERROR ? 500 : 503, kept,
		  kept == JOURNAL_CAUSE_RULE_ERROR ? RULES_FAULT_LONG : 0);
	return false;
}

void
way_fini(struct proxy *p, struct exch *e)
{
	p->bufs_held -= e->way.texts.n;
	bufq_give(&e->way.texts);
}
