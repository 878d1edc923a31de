/*
 * settings.c - control's own part of a configuration, see settings.h.
 */
#include "daemon/settings.h"

#include <stdlib.h>
#include <string.h>

#include "abi/rundir.h"
#include "base/ensure.h"
#include "conf/value.h"
#include "daemon/say.h"

enum {
	SETTINGS_BYTES_MAX = 64 * 1024
};

static const char settings_name[] = "settings";

static char *
copy(const char *text)
{
	char *mine;

	if (text == NULL)
		return NULL;
	mine = strdup(text);
	ensure(mine != NULL);
	return mine;
}

void
settings_of(const struct conf *conf, struct settings *ret_settings)
{
	const struct conf_endpoint *metrics = &conf->control.metrics.address;
	char text[VALUE_ENDPOINT_TEXT];
	struct arena arena = { 0 };
	struct log_style style = { 0 };
	const char *dns = "";

	for (CONF_EACH(struct conf_str, server, &conf->resolver.servers))
		dns = arena_format(&arena, "%s%s%s", dns, dns[0] != '\0' ? "," : "", server->s);
	style.format = (enum conf_log_format)conf->logs.access.format.v;
	for (CONF_EACH(struct conf_num, field, &conf->logs.access.fields))
		style.field[style.field_n++] = (uint8_t)field->v;
	if (style.format == CONF_LOG_W3C && style.field_n == 0)
		log_style_default_fields(&style);
	*ret_settings = (struct settings){
		.log_path = copy(conf->logs.access.path.s),
		.log_style = style,
		.dns = copy(dns),
		.socket = copy(conf->control.socket.s),
		.metrics = metrics->port == 0
				   ? NULL
				   : copy(value_endpoint_text(&metrics->ip, metrics->port, text))
	};
	arena_fini(&arena);
}

json_t *
settings_json(const struct settings *settings)
{
	char fields[LOG_FIELDS_TEXT];

	return json_pack("{s:s*, s:i, s:s, s:s, s:s*, s:s*}", "log_path", settings->log_path,
			 "log_format", (int)settings->log_style.format, "log_fields",
			 log_style_fields_text(&settings->log_style, fields), "dns", settings->dns,
			 "socket", settings->socket, "metrics", settings->metrics);
}

bool
settings_of_json(const json_t *object, struct settings *ret_settings)
{
	const char *log_path = NULL, *dns = "", *socket = NULL, *metrics = NULL;
	const char *log_fields = ""; /* only W3C logs have any */
	struct log_style style = { 0 };
	int log_format = CONF_LOG_JSON; /* a version before did not say */

	/* jansson takes no const; it changes nothing. */
	if (json_unpack((json_t *)(uintptr_t)object, "{s?s, s?i, s?s, s:s, s?s, s?s}", "log_path",
			&log_path, "log_format", &log_format, "log_fields", &log_fields, "dns",
			&dns, "socket", &socket, "metrics", &metrics) != 0 ||
	    log_format < CONF_LOG_JSON || log_format > CONF_LOG_W3C ||
	    !log_style_fields_of_text(log_fields, &style) ||
	    (log_format == CONF_LOG_W3C) != (style.field_n > 0))
		return false;
	style.format = (enum conf_log_format)log_format;
	*ret_settings = (struct settings){ .log_path = copy(log_path),
					   .log_style = style,
					   .dns = copy(dns),
					   .socket = copy(socket),
					   .metrics = copy(metrics) };
	return true;
}

void
settings_save(const struct settings *settings, int control_fd)
{
	json_t *object = settings_json(settings);
	char *text = json_dumps(object, JSON_COMPACT);

	ensure(text != NULL);
	if (rundir_write(control_fd, settings_name, text, strlen(text), RUNDIR_MODE_FIXED) != 0)
		say("control/settings cannot be written");
	free(text);
	json_decref(object);
}

bool
settings_load(struct settings *ret_settings, int control_fd)
{
	static char bytes[SETTINGS_BYTES_MAX];
	json_t *object;
	bool is_good;
	size_t n;

	if (rundir_read(control_fd, settings_name, bytes, sizeof(bytes), &n) != 0)
		return false;
	object = json_loadb(bytes, n, 0, NULL);
	is_good = object != NULL && settings_of_json(object, ret_settings);
	json_decref(object);
	return is_good;
}

void
settings_copy(struct settings *to, const struct settings *from)
{
	struct settings mine = { copy(from->log_path), from->log_style, copy(from->dns),
				 copy(from->socket), copy(from->metrics) };

	settings_fini(to);
	*to = mine;
}

void
settings_fini(struct settings *settings)
{
	free(settings->log_path);
	free(settings->dns);
	free(settings->socket);
	free(settings->metrics);
	*settings = (struct settings){ 0 };
}
