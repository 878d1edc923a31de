/*
 * filter.h - the options by which sessions are chosen, of the verbs that are about some of them.
 */
#ifndef PENSTOCK_CONTROL_CTL_FILTER_H
#define PENSTOCK_CONTROL_CTL_FILTER_H

#include "ctl/ctl.h"

/* For a verb's help. */
#define FILTER_HELP                                                                                \
	"  --client, --server  an address of that side, with :PORT if you like\n"                  \
	"  --url PREFIX        the request's target begins with it, byte for byte\n"               \
	"  --listener, --farm  a name\n"                                                           \
	"  --older-than TIME   AGE is at least that (30s, 2h): of the request while one\n"         \
	"                      is in progress, else how long the connection is idle\n"             \
	"  --phase WORD        one of PHASE below\n"

enum filter_verdict {
	FILTER_TAKEN,	/* the value too */
	FILTER_UNKNOWN, /* not one of these, or its value is missing */
	FILTER_WRONG,	/* told */
};

/* Puts one option and its value (NULL: there is none) into a request of the control socket. */
enum filter_verdict filter_put(const char *verb, json_t *request, const char *option,
			       const char *value);

#endif
