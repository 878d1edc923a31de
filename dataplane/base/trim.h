/*
 * trim.h - blanks at the ends of a text of HTTP are no part of it (RFC 9110, 5.6.3: OWS).
 */
#ifndef PENSTOCK_BASE_TRIM_H
#define PENSTOCK_BASE_TRIM_H

#include "base/slice.h"

static inline bool
trim_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static inline struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && trim_is_blank(s.p[0]))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n > 0 && trim_is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

#endif
