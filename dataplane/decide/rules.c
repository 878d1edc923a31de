/*
 * rules.c - between HTTP and rules: a request as they see it, a verdict as a way.
 */
#include "decide/decide.h"

/* ---- a request as rules see it ---- */

static bool
nth_by_name(const struct http_head *head, struct slice name, uint32_t nth,
	    struct rules_line *ret_line)
{
	enum http_field_id id = http_field_id_of(name);
	const struct http_field *f = NULL;

	if (id != HTTP_FIELD_UNKNOWN && (head->seen >> id & 1) == 0)
		return false;
	do
		f = id != HTTP_FIELD_UNKNOWN ? http_find(head, id, f)
					     : http_find_name(head, name, f);
	while (f != NULL && nth-- != 0);
	if (f == NULL)
		return false;
	*ret_line = (struct rules_line){ http_field_name(f), http_field_value(f) };
	return true;
}

static bool
line(const void *ctx, bool is_response, struct slice name, uint32_t nth,
     struct rules_line *ret_line)
{
	const struct decide_facts *facts = ctx;
	const struct http_head *head;

	if (is_response && facts->response == NULL)
		return false;
	head = is_response ? &facts->response->head : &facts->request->head;
	if (name.n != 0)
		return nth_by_name(head, name, nth, ret_line);
	if (nth >= head->field_n)
		return false;
	*ret_line = (struct rules_line){ http_field_name(&head->field[nth]),
					 http_field_value(&head->field[nth]) };
	return true;
}

/* In origin-form where there is one: of an absolute target what follows its host. */
static struct slice
target_of(const struct http_request *r)
{
	if (r->form == HTTP_FORM_AUTHORITY)
		return r->target;
	return r->path.n != 0 ? r->path : SLICE("/");
}

void
decide_subject(const struct decide_facts *facts, struct rules_subject *ret_subject)
{
	const struct http_request *r = facts->request;

	*ret_subject = (struct rules_subject){
		.ctx = facts,
		.line = line,
		.method = r->method,
		.target = target_of(r),
		.host = r->host,
		.protocol = r->head.minor == 0 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1"),
		.client = facts->client,
		.local = facts->local,
		.client_port = facts->client_port,
		.local_port = facts->local_port,
		.is_secure = facts->is_secure,
	};
	if (facts->response != NULL) {
		ret_subject->status = facts->response->status;
		ret_subject->phrase = facts->response->phrase;
	}
}

bool
decide_wants_body(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		  const struct http_request *request)
{
	return rules_wants_body(rules, lane_i, listener_i, target_of(request));
}

/* ---- a verdict ---- */

/* "OPTIONS *" is of the server and not of a path: rules may answer it or choose a farm. */
static void
way_of(const struct img *img, uint32_t listener_i, const struct http_request *r,
       const struct rules_verdict *v, struct decide_way *ret_way)
{
	*ret_way = (struct decide_way){ .farm_i = v->farm_i,
					.is_proxied = v->outcome == RULES_PROXY,
					.is_secure = v->is_secure,
					.target = v->target,
					.change = v->change,
					.change_n = v->change_n };
	if (r->form == HTTP_FORM_ASTERISK)
		ret_way->target = r->target;
	if (v->farm_i != (uint32_t)IMG_NONE)
		return;
	if (v->outcome == RULES_ROUTE) {
		ret_way->farm_i = img_listener(img, listener_i)->farm_i;
		ret_way->cause = ret_way->farm_i != (uint32_t)IMG_NONE ? DECIDE_CAUSE_NONE
								       : DECIDE_CAUSE_NO_FARM;
		return;
	}
	ret_way->cause = DECIDE_CAUSE_HOST; /* the rules have looked for its farm */
}

bool
decide_rules(const struct img *img, struct rules *rules, uint32_t lane_i, uint32_t listener_i,
	     const struct decide_facts *facts, const struct rules_trace *trace,
	     struct rules_verdict *ret_verdict, struct decide_way *ret_way)
{
	struct rules_subject subject;

	decide_subject(facts, &subject);
	rules_request(rules, lane_i, listener_i, &subject, trace, ret_verdict);
	switch (ret_verdict->outcome) {
	case RULES_ROUTE:
	case RULES_PROXY:
		way_of(img, listener_i, facts->request, ret_verdict, ret_way);
		return true;
	case RULES_REDIRECT:
	case RULES_RESPOND:
	case RULES_ABORT:
	case RULES_ERROR:
		break;
	}
	return false;
}
