/*
 * keys_table.h - words that tables of keys are written in. Private to keys.c and keys_rules.c.
 */
#ifndef PENSTOCK_CONTROL_CONF_KEYS_TABLE_H
#define PENSTOCK_CONTROL_CONF_KEYS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "conf/keys.h"

#define KEYS_N(keys)	 (sizeof(keys) / sizeof((keys)[0]))
#define AT(type, member) .at = (uint16_t)offsetof(struct type, member)
#define SECTION(id, title, table, type)                                                            \
	static const struct key_section id = {                                                     \
		.name = title, .keys = table, .keys_n = KEYS_N(table), .size = sizeof(struct type) \
	}

#define SECOND	   ((uint64_t)1000000000)
#define HOUR	   (3600 * SECOND)
#define MS	   ((uint64_t)1000000)
#define TIMEOUT(m) .type = KEY_DURATION, .min = 10 * MS, .max = 24 * HOUR, m

#endif
