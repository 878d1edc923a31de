/*
 * text.h - numbers in text; private to this folder.
 */
#ifndef PENSTOCK_DECIDE_TEXT_H
#define PENSTOCK_DECIDE_TEXT_H

#include <stdint.h>

/* Decimal digits of v, at most ten, without a NUL; returns how many. */
uint32_t text_number(uint32_t v, char *to);

#endif
