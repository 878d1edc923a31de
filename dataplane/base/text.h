/*
 * text.h - numbers and addresses in text, without a NUL.
 */
#ifndef PENSTOCK_BASE_TEXT_H
#define PENSTOCK_BASE_TEXT_H

#include <stdint.h>

#include "abi/addr.h"

enum {
	TEXT_NUMBER_MAX = 10,
	TEXT_ADDR_MAX = 39,
};

/* Decimal digits of v, at most TEXT_NUMBER_MAX; returns how many. */
uint32_t text_number(uint32_t v, char *to);

/* Dotted, or RFC 5952 without brackets; at most TEXT_ADDR_MAX. Returns its length. */
uint32_t text_addr(const struct ip_addr *addr, char *to);

#endif
