/*
 * filter.c - options that choose sessions, see filter.h. What they mean is control's to say.
 */
#include "ctl/filter.h"

#include <string.h>

#include "conf/value.h"

static enum filter_verdict
wrong(const char *verb, const char *option, const char *value, const char *why)
{
	ctl_usage(verb, "%s %s: %s", option, value, why);
	return FILTER_WRONG;
}

enum filter_verdict
filter_put(const char *verb, json_t *request, const char *option, const char *value)
{
	static const char *const plain[] = {
		"client", "server", "url", "listener", "farm", "phase"
	};
	uint64_t ns;

	if (strncmp(option, "--", 2) != 0 || value == NULL)
		return FILTER_UNKNOWN;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(option + 2, plain[i]) != 0)
			continue;
		if (json_object_set_new(request, plain[i], json_string(value)) != 0)
			return wrong(verb, option, value, "no UTF-8");
		return FILTER_TAKEN;
	}
	if (strcmp(option, "--older-than") != 0)
		return FILTER_UNKNOWN;
	if (value_duration(value, &ns) != VALUE_OK)
		return wrong(verb, option, value, "no duration; write 30s, 250ms or 2h");
	json_object_set_new(request, "older_than_ms", json_integer((json_int_t)(ns / 1000000)));
	return FILTER_TAKEN;
}
