/*
 * scanned.h - the text that Hyperscan is given in place of a string. Control makes databases for
 * exactly this text (control/rules/emit.c), so both go by this file.
 *
 * Databases are made for UTF-8 and give no promise for other bytes, yet asking every pattern by
 * itself would make one bad byte ten thousand times as dear as a good one. So a copy is scanned in
 * which each byte that is no part of a valid character is 0x01. And two characters beyond ASCII
 * are the same as an ASCII letter without case, the long s and the Kelvin sign; if patterns had to
 * allow for them, no word with an s or k would be a literal. So in the copy they are s and k.
 *
 * Why no match is missed. Under PCRE2_MATCH_INVALID_UTF no match spans an invalid byte, so every
 * character that a match consumes or that a positive assertion sees is in the copy; "^" and "$"
 * mean the string's own ends in both; and what assertions within a pattern and back-references
 * demand, databases leave out. More may match in the copy, so no hit in it is exact.
 */
#ifndef PENSTOCK_RULES_SCANNED_H
#define PENSTOCK_RULES_SCANNED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 *   ret_is_utf8   it is valid
 *   ret_is_plain  it is scanned as it is
 */
void scanned_look(struct slice text, bool *ret_is_utf8, bool *ret_is_plain);

/* Writes the copy to `to` (text.n bytes); its length, at most text.n. */
uint32_t scanned_copy(struct slice text, uint8_t *to);

#endif
