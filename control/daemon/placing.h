/*
 * placing.h - the verbs of the control socket that say where lanes run and how cores work. They
 * write control/runtime; the data plane follows within some hundredths of a second.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_PLACING_H
#define PENSTOCK_CONTROL_DAEMON_PLACING_H

#include "daemon/daemon.h"

/*
 * {"lane": L, "cpu": C or null}, or {"lanes": [such…]}, each lane once, of which all are sent or
 * none; an answer. No lane is sent to a processor whose thread has failed.
 */
json_t *placing_lane(struct daemon *daemon, const json_t *request);

/*
 * {"cpu": C, "runs": true or false}, and maybe "lanes": [{"lane": L, "cpu": C}…], which go where they
 * are sent in the same moment, to processors that run lanes from then on; an answer. All of it is
 * done or nothing. A processor that is released takes the orders along that sent lanes to it.
 */
json_t *placing_core(struct daemon *daemon, const json_t *request);

/*
 * {"key": K, "value": V or null}, or {"settings": [such…]}, each key once, of which all are set or
 * none; an answer.
 */
json_t *placing_tune(struct daemon *daemon, const json_t *request);

#endif
