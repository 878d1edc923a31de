/*
 * reply.c - a verdict of rules that is an answer of ours, as a reply.
 */
#include "decide/decide.h"

void
decide_reply(const struct rules_verdict *verdict, struct http_reply *ret_reply)
{
	*ret_reply = (struct http_reply){ .status = verdict->status,
					  .html = true,
					  .has_body = verdict->has_body,
					  .body = verdict->body,
					  .phrase = verdict->reason };
	ret_reply->has_no_policy = verdict->outcome != RULES_ERROR;
	if (verdict->outcome == RULES_REDIRECT)
		ret_reply->location = verdict->location;
}
