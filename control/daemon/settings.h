/*
 * settings.h - what control itself needs of a configuration: it is not in the image. Kept in
 * control/settings (JSON), so that a control process that starts beside a running data plane with
 * a configuration file that does not load goes on logging and resolving as before.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_SETTINGS_H
#define PENSTOCK_CONTROL_DAEMON_SETTINGS_H

#include <stdbool.h>

#include <jansson.h>

#include "conf/conf.h"

/* Zeroed is "nothing said". Texts are malloc's. */
struct settings {
	char *log_path; /* NULL: no access log */
	struct log_style log_style;
	char *dns;     /* "IP:port,IP"; "": the machine's own */
	char *socket;  /* NULL: control/socket */
	char *metrics; /* "IP:port"; NULL: not served */
};

void settings_of(const struct conf *conf, struct settings *ret_settings);

/* As JSON and back; false: it is not that. */
json_t *settings_json(const struct settings *settings);
bool settings_of_json(const json_t *object, struct settings *ret_settings);

void settings_save(const struct settings *settings, int control_fd);

/* False: there are none that can be read. */
bool settings_load(struct settings *ret_settings, int control_fd);

void settings_copy(struct settings *to, const struct settings *from);

void settings_fini(struct settings *settings);

#endif
