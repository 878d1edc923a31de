/*
 * client.h - one request to penstock-control over its socket, one answer.
 */
#ifndef PENSTOCK_CONTROL_CTL_CLIENT_H
#define PENSTOCK_CONTROL_CTL_CLIENT_H

#include "ctl/ctl.h"

/*
 * Sends a request (which is taken) and waits for its answer, an object with "ok". NULL: nobody
 * answers; *ret_why says so in words.
 *   on_news  objects without "ok" that come before it; NULL: none are asked for
 */
json_t *client_ask(const struct ctl *ctl, json_t *request, void (*on_news)(const json_t *news),
		   const char **ret_why);

/* The same for a verb that is done or not. NULL: it was not, and the user knows why. */
json_t *client_order(const struct ctl *ctl, json_t *request);

#endif
