/*
 * charset.h - see charset.c. Private to body.c and its tests.
 */
#ifndef PENSTOCK_RULES_CHARSET_H
#define PENSTOCK_RULES_CHARSET_H

#include "rules/body.h"

struct charset;

/* A reference that did not fit yet. Zeroed at the begin. */
struct charset_owed {
	struct slice text;
	uint8_t bytes[16];
};

/* The single-byte charset that a Content-Type names; NULL: UTF-8, or none that is known. */
const struct charset *charset_of(struct slice content_type);

/* Take of *in what there is room for; a character that may be cut at the end waits. */
void charset_decode(const struct charset *cs, struct slice *in, struct sink *to);
void charset_encode(const struct charset *cs, struct charset_owed *owed, struct slice *in,
		    bool is_last, struct sink *to);

#endif
