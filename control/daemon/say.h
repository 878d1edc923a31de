/*
 * say.h - what penstock-control tells its operator: a line on standard error, which the service
 * manager keeps. Never about single requests.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_SAY_H
#define PENSTOCK_CONTROL_DAEMON_SAY_H

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
