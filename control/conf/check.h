/*
 * check.h - what the values of a configuration mean to each other: names that must be unique or
 * must exist, addresses that must be a port's own, listeners that would take each other's
 * connections. Pure: asks neither the machine nor the network.
 */
#ifndef PENSTOCK_CONTROL_CONF_CHECK_H
#define PENSTOCK_CONTROL_CONF_CHECK_H

#include "conf/errs.h"
#include "conf/model.h"

void check_conf(const struct conf *conf, struct conf_errs *errs);

#endif
