/*
 * schema.h - the JSON Schema of penstock.yaml, from the tables that read it (conf/keys.h).
 *
 * Pure. It says what a value must look like, not what values mean to each other: whoever writes
 * with it still wants penstockctl check.
 */
#ifndef PENSTOCK_CONTROL_CTL_SCHEMA_H
#define PENSTOCK_CONTROL_CTL_SCHEMA_H

#include <jansson.h>

/* Draft 2020-12, of the main file. */
json_t *schema_of_conf(void);

#endif
