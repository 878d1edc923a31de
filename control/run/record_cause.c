/*
 * record_cause.c - what went wrong with a request, as a sentence, see record.h.
 */
#include <stdio.h>
#include <string.h>

#include "conf/value.h"
#include "run/record.h"
#include "http/http.h"
#include "rules/rules.h"

#define X(part, status, words) +1
enum {
	HTTP_REASONS_N = 0 HTTP_REASONS(X)
};
#undef X

/* "%l" the limit, "%s" the server, "%f" the farm; NULL: the journal's own words
 * (which have no '%'). */
static const char *
cause_format(enum journal_cause cause)
{
	switch ((int)cause) {
	case JOURNAL_CAUSE_CONNECT_TIMEOUT:
		return "connect timeout after %l to %s";
	case JOURNAL_CAUSE_SEND_TIMEOUT:
		return "send timeout after %l to %s";
	case JOURNAL_CAUSE_RECEIVE_TIMEOUT:
		return "receive timeout after %l from %s";
	case JOURNAL_CAUSE_CONNECT_REFUSED:
		return "connection refused by %s";
	case JOURNAL_CAUSE_CONNECT_UNREACHABLE:
		return "%s cannot be reached";
	case JOURNAL_CAUSE_UPSTREAM_RESET:
		return "connection reset by %s";
	case JOURNAL_CAUSE_UPSTREAM_CLOSED:
		return "%s closed the connection before a response";
	case JOURNAL_CAUSE_UPSTREAM_TRUNCATED:
		return "%s closed the connection within its response";
	case JOURNAL_CAUSE_UPSTREAM_MALFORMED:
		return "malformed response from %s";
	case JOURNAL_CAUSE_UPSTREAM_HEAD_TOO_LARGE:
		return "response head too large from %s";
	case JOURNAL_CAUSE_NO_SERVER:
		return "no server of farm %f can be used";
	case JOURNAL_CAUSE_NO_ADDRESS:
		return "no server name of farm %f has an address";
	case JOURNAL_CAUSE_NO_SOURCE_PORT:
		return "no source port is free towards %s";
	case JOURNAL_CAUSE_CLIENT_HEAD_TIMEOUT:
		return "the client did not finish its request head within %l";
	case JOURNAL_CAUSE_CLIENT_BODY_TIMEOUT:
		return "the client sent no more of its request for %l";
	case JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT:
		return "the client took no more of the response for %l";
	case JOURNAL_CAUSE_DRAINED:
		return "cut: %s was disabled";
	default:
		return NULL;
	}
}

/* "a:8080", or the address where the name is not known. */
static const char *
server_text(const struct journal_access *access, const struct names *names, char text[128])
{
	const struct name *name =
		names_find(names, IMG_KIND_SERVER, access->server_slot, access->server_incarnation);

	if (name != NULL && access->upstream_port != 0)
		snprintf(text, 128, "%s:%u", name->text, access->upstream_port);
	else if (name != NULL)
		snprintf(text, 128, "%s", name->text);
	else if (ip_is_none(&access->upstream))
		snprintf(text, 128, "the server");
	else
		value_endpoint_text(&access->upstream, access->upstream_port, text);
	return text;
}

/* What the cause's detail says, NULL: nothing. */
static const char *
detail_text(const struct journal_access *access)
{
	if (access->cause == JOURNAL_CAUSE_RULE_ERROR)
		return access->detail > 0 && access->detail < RULES_FAULTS
			       ? rules_fault_text((enum rules_fault)access->detail)
			       : NULL;
	return access->detail > 0 && access->detail < HTTP_REASONS_N
		       ? http_reason_name((enum http_reason)access->detail)
		       : NULL;
}

const char *
record_cause(const struct journal_access *access, const struct names *names,
	     char text[RECORD_CAUSE_MAX])
{
	const char *format = cause_format((enum journal_cause)access->cause);
	const struct name *farm =
		names_find(names, IMG_KIND_FARM, access->farm_slot, access->farm_incarnation);
	char server[128], limit[VALUE_DURATION_TEXT];
	size_t n = 0;

	if (format == NULL)
		format = journal_cause_text(access->cause);
	server_text(access, names, server);
	value_duration_text(access->limit_ns, limit);
	for (; *format != '\0' && n < RECORD_CAUSE_MAX - 1; format++) {
		const char *part;
		int added;

		if (*format != '%') {
			text[n++] = *format;
			continue;
		}
		format++;
		part = *format == 'l'	? limit
		       : *format == 's' ? server
		       : farm != NULL	? farm->text
					: "?";
		added = snprintf(text + n, RECORD_CAUSE_MAX - n, "%s", part);
		n += added > 0 ? (size_t)added : 0;
	}
	n = n < RECORD_CAUSE_MAX ? n : RECORD_CAUSE_MAX - 1;
	text[n] = '\0';
	if (detail_text(access) != NULL)
		snprintf(text + n, RECORD_CAUSE_MAX - n, ": %s", detail_text(access));
	return text;
}
