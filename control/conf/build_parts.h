/*
 * build_parts.h - what the two files of conf_build share. Private to build.c and build_identity.c.
 */
#ifndef PENSTOCK_CONTROL_CONF_BUILD_PARTS_H
#define PENSTOCK_CONTROL_CONF_BUILD_PARTS_H

#include "abi/build.h"
#include "conf/conf.h"
#include "conf/slots.h"

struct identity {
	uint32_t slot, incarnation; /* incarnation 0: not given yet */
};

struct build {
	const struct conf *conf;
	const struct conf_build_ask *ask;
	const struct img *before; /* may be NULL */
	struct program program;	  /* the rules in img */
	struct img_build img;
	struct slots slots[IMG_KINDS];
	struct identity *identity[IMG_KINDS]; /* by position in the model */
	uint32_t server_slots;
};

/* Fills slots, identity and server_slots. False: slots are used up. */
bool build_identify(struct build *build);

#endif
