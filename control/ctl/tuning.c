/*
 * tuning.c - see tuning.h. Keys of the unit ns are durations, the others numbers, and poll a word.
 */
#include "ctl/tuning.h"

#include <stdio.h>
#include <string.h>

#include "abi/image.h"

static bool
is_duration(enum runtime_tune key)
{
	return strcmp(runtime_tune_key(key)->unit, "ns") == 0;
}

const char *
tuning_text(enum runtime_tune key, uint64_t v, char text[VALUE_DURATION_TEXT])
{
	if (key == RUNTIME_TUNE_POLL)
		return img_poll_name(v <= UINT32_MAX ? (uint32_t)v : UINT32_MAX);
	if (is_duration(key)) {
		char *space = strchr(value_duration_text(v, text), ' ');

		if (space != NULL) /* as it is typed: 50us */
			memmove(space, space + 1, strlen(space));
		return text;
	}
	snprintf(text, VALUE_DURATION_TEXT, "%llu", (unsigned long long)v);
	return text;
}

bool
tuning_parse(enum runtime_tune key, const char *text, uint64_t *ret_v)
{
	if (is_duration(key))
		return value_duration(text, ret_v) == VALUE_OK;
	if (key != RUNTIME_TUNE_POLL)
		return value_number(text, ret_v) == VALUE_OK;
	for (uint32_t i = 0; i < IMG_POLLS; i++) {
		if (strcmp(img_poll_name(i), text) == 0) {
			*ret_v = i;
			return true;
		}
	}
	return false;
}

enum runtime_tune
tuning_find(const char *name, size_t n)
{
	enum runtime_tune key = 0;

	for (; key < RUNTIME_TUNES; key++) {
		const char *at = runtime_tune_key(key)->name;

		if (strlen(at) == n && memcmp(at, name, n) == 0)
			break;
	}
	return key;
}
