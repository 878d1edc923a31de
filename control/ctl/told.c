/*
 * told.c - bytes of requests, rules and responses as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "ctl/explain_state.h"

json_t *
told_bytes(const void *bytes, size_t n)
{
	json_t *text = json_stringn(bytes, n);
	const uint8_t *from = bytes;
	size_t at = 0;
	char *wide;

	if (text != NULL)
		return text;
	wide = malloc(2 * n);
	ensure(wide != NULL);
	for (size_t i = 0; i < n; i++) {
		if (from[i] >= 0x80)
			wide[at++] = (char)(0xc0 | from[i] >> 6);
		wide[at++] = (char)(from[i] >= 0x80 ? 0x80 | (from[i] & 0x3f) : from[i]);
	}
	text = json_stringn_nocheck(wide, at);
	free(wide);
	return text;
}

json_t *
told_slice(struct slice s)
{
	return told_bytes(s.n > 0 ? (const char *)s.p : "", s.n);
}

json_t *
told_str(const struct img *img, struct img_str s)
{
	return told_bytes(img_text(img, s), s.n);
}

json_t *
told_fields(const uint8_t *head, uint32_t n)
{
	json_t *list = json_array();
	const char *at = (const char *)head, *end = at + n;

	at = memchr(at, '\n', n);
	while (at != NULL && ++at < end) {
		const char *line_end = memchr(at, '\r', (size_t)(end - at));
		const char *colon =
			line_end == NULL ? NULL : memchr(at, ':', (size_t)(line_end - at));

		if (colon == NULL)
			break;
		json_array_append_new(
			list,
			json_pack("[o, o]", told_bytes(at, (size_t)(colon - at)),
				  told_bytes(colon + 2,
					     (size_t)(line_end - colon > 2 ? line_end - colon - 2
									   : 0))));
		at = line_end + 1;
	}
	return list;
}

static json_t *
base64(const uint8_t *b, size_t n)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((n + 2) / 3 * 4 + 1);
	size_t at = 0;
	json_t *value;

	ensure(text != NULL);
	for (size_t i = 0; i < n; i += 3) {
		uint32_t left = n - i < 3 ? (uint32_t)(n - i) : 3;
		uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
			     (left > 2 ? b[i + 2] : 0);

		text[at++] = digit[v >> 18];
		text[at++] = digit[v >> 12 & 63];
		text[at++] = left > 1 ? digit[v >> 6 & 63] : '=';
		text[at++] = left > 2 ? digit[v & 63] : '=';
	}
	value = json_stringn(text, at);
	free(text);
	return value;
}

void
told_body(json_t *object, const char *key, const void *bytes, size_t n)
{
	json_t *text = json_stringn(bytes, n);
	char name[64];

	if (text != NULL) {
		json_object_set_new(object, key, text);
		return;
	}
	ensure(strlen(key) + sizeof("_base64") <= sizeof(name));
	strcpy(name, key);
	strcat(name, "_base64");
	json_object_set_new(object, name, base64(bytes, n));
}
