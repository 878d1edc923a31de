/*
 * pending.h - places in the bytes of a stream (body.h), for stream.c.
 */
#ifndef PENSTOCK_RULES_PENDING_H
#define PENSTOCK_RULES_PENDING_H

#include "rules/body.h"

/* The begin of the character that `at` is in; all of it is valid UTF-8. */
uint32_t pending_whole(const struct stream *s, uint32_t at);

/* Where the next character begins behind the one at `at`. */
uint32_t pending_next(const struct stream *s, uint32_t at);

/* Whether more bytes could make a character of the last ones, from `at` on. */
bool pending_is_cut(const struct stream *s, uint32_t at);

/*
 * Passes bytes at pos that begin no character (but first their place is tried, behind others), and
 * learns how far those go that follow.
 */
void pending_stretch(struct stream *s, bool is_last);

#endif
