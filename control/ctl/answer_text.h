/*
 * answer_text.h - the answer of explain (explain.h) as people read it.
 */
#ifndef PENSTOCK_CONTROL_CTL_ANSWER_TEXT_H
#define PENSTOCK_CONTROL_CTL_ANSWER_TEXT_H

#include <jansson.h>

/* To standard output. */
void answer_print(const json_t *answer);

#endif
