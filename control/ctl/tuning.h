/*
 * tuning.h - the keys of penstockctl tune as people write and read them.
 */
#ifndef PENSTOCK_CONTROL_CTL_TUNING_H
#define PENSTOCK_CONTROL_CTL_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/runtime.h"
#include "conf/value.h"

/* "busy", "64", "50us". */
const char *tuning_text(enum runtime_tune key, uint64_t v, char text[VALUE_DURATION_TEXT]);

/* What tuning_text writes, whatever its bounds. */
bool tuning_parse(enum runtime_tune key, const char *text, uint64_t *ret_v);

/* By name; RUNTIME_TUNES: there is none. n: bytes of the name. */
enum runtime_tune tuning_find(const char *name, size_t n);

#endif
