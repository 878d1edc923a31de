/*
 * placing.h - the verbs of the control socket that say where lanes run and how cores work. They
 * write control/runtime; the data plane follows within some hundredths of a second.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_PLACING_H
#define PENSTOCK_CONTROL_DAEMON_PLACING_H

#include "daemon/daemon.h"

/* {"lane": L, "cpu": C or null}; an answer. */
json_t *placing_lane(struct daemon *daemon, const json_t *request);

/*
 * {"cpu": C, "runs": true or false}, and maybe "lanes": [{"lane": L, "cpu": C}…], which go where they
 * are sent in the same moment, to processors that run lanes from then on; an answer. All of it is
 * done or nothing.
 */
json_t *placing_core(struct daemon *daemon, const json_t *request);

/* {"key": K, "value": V or null}; an answer. */
json_t *placing_tune(struct daemon *daemon, const json_t *request);

#endif
