/*
 * check_port.h - the machine section's part of the check, and what the rest of the check asks
 * about ports. Private to the check.
 */
#ifndef PENSTOCK_CONTROL_CONF_CHECK_PORT_H
#define PENSTOCK_CONTROL_CONF_CHECK_PORT_H

#include <stdbool.h>

#include "abi/image.h"
#include "conf/errs.h"
#include "conf/model.h"

void check_machine(const struct conf *conf, struct conf_errs *errs);

/* NULL: no port of that name. */
const struct conf_port *port_find(const struct conf *conf, const char *name);

/* The port that has this address; NULL: none (or no address given). */
const struct conf_port *port_of_address(const struct conf *conf, const struct ip_addr *ip);

enum {
	EXCEPTION_NAME = 160 /* bytes: any name of the file's, and more */
};

/* The kernel's interface that shares the port, in ret_name; NULL: there is none. */
const char *exception_name(const struct conf_port *port, char ret_name[EXCEPTION_NAME]);

/* What names the device, the first if several do, and its kind; NULL: nothing. */
const struct conf_str *device_value(const struct conf_device *device, enum img_device *ret_kind);

/* False when an address was refused or left out: what then seems missing may have been meant. */
bool are_addresses_known(const struct conf *conf);

/* Whether an address is on a port's network, behind a route, or behind a gateway. */
bool can_reach(const struct conf *conf, const struct ip_addr *ip);

bool name_is_same(const struct conf_str *a, const struct conf_str *b);

/* Tells that a name is used twice. */
void name_is_taken(struct conf_errs *errs, const char *what, const struct conf_str *name,
		   const struct conf_str *earlier);

#endif
