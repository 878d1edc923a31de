/*
 * regex.h - how every regular expression of rules is compiled (5.1): whoever checks one compiles
 * it like this, or finds in it what evaluation does not.
 */
#ifndef PENSTOCK_RULES_REGEX_H
#define PENSTOCK_RULES_REGEX_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

/*
 * IMG_PATTERN_CASELESS adds PCRE2_CASELESS; what may be asked of strings that are not UTF-8 adds
 * PCRE2_MATCH_INVALID_UTF. With that the library's machine code (10.42) finds no \S, \D or \W
 * in a character beyond ASCII, so strings that are UTF-8 go without it.
 */
#define REGEX_OPTIONS                                                                              \
	(PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALT_BSUX |           \
	 PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT)

/* Of the compile context, whatever the library's build says: "." is anything but LF. */
#define REGEX_NEWLINE PCRE2_NEWLINE_LF

#endif
