/*
 * plain.h - farms for hosts that are no farm: those that rules name in absolute URLs
 * ("http://app1.internal:8080/…", `plain_hosts: true`) and those of `dynamic_hosts`. Each is a
 * farm of one server, called as the host is ("app1.internal:8080"; without the port that its
 * scheme has anyway), so that everything else knows farms alone. Private to control/conf.
 */
#ifndef PENSTOCK_CONTROL_CONF_PLAIN_H
#define PENSTOCK_CONTROL_CONF_PLAIN_H

#include "conf/errs.h"
#include "conf/model.h"

/* Appends to conf->farms. What rules name and cannot be reached is a warning. */
void plain_farms(struct conf *conf, struct conf_errs *errs);

#endif
