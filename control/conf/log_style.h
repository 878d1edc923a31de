/*
 * log_style.h - how a line of the access log is written: its format and, for W3C extended, its
 * fields. The list of fields is the only one: keys.c takes its words from it, and run/record_w3c.c
 * has a line for each.
 */
#ifndef PENSTOCK_CONTROL_CONF_LOG_STYLE_H
#define PENSTOCK_CONTROL_CONF_LOG_STYLE_H

#include <stdbool.h>
#include <stdint.h>

enum conf_log_format {
	CONF_LOG_JSON,
	CONF_LOG_COMBINED,
	CONF_LOG_W3C,
};

/* x(NAME, word, in the default) */
/* clang-format off */
#define LOG_FIELDS(x)                                                                              \
	x(DATE, "date", 1)                                                                         \
	x(TIME, "time", 1)                                                                         \
	x(S_IP, "s-ip", 1)                                                                         \
	x(CS_METHOD, "cs-method", 1)                                                               \
	x(CS_URI_STEM, "cs-uri-stem", 1)                                                           \
	x(CS_URI_QUERY, "cs-uri-query", 1)                                                         \
	x(S_PORT, "s-port", 1)                                                                     \
	x(C_IP, "c-ip", 1)                                                                         \
	x(CS_USER_AGENT, "cs(User-Agent)", 1)                                                      \
	x(CS_REFERER, "cs(Referer)", 1)                                                            \
	x(CS_HOST, "cs-host", 1)                                                                   \
	x(SC_STATUS, "sc-status", 1)                                                               \
	x(SC_SUBSTATUS, "sc-substatus", 1)                                                         \
	x(SC_BYTES, "sc-bytes", 1)                                                                 \
	x(CS_BYTES, "cs-bytes", 1)                                                                 \
	x(TIME_TAKEN, "time-taken", 1)                                                             \
	x(X_FARM, "x-farm", 1)                                                                     \
	x(X_SERVER, "x-server", 1)                                                                 \
	x(X_CAUSE, "x-cause", 1)                                                                   \
	x(C_PORT, "c-port", 0)                                                                     \
	x(CS_URI, "cs-uri", 0)                                                                     \
	x(CS_VERSION, "cs-version", 0)                                                             \
	x(X_LISTENER, "x-listener", 0)                                                             \
	x(X_RULE, "x-rule", 0)                                                                     \
	x(X_UPSTREAM, "x-upstream", 0)                                                             \
	x(X_UPSTREAM_STATUS, "x-upstream-status", 0)                                               \
	x(X_TRIES, "x-tries", 0)                                                                   \
	x(X_WAIT_US, "x-wait-us", 0)                                                               \
	x(X_HEAD_US, "x-head-us", 0)                                                               \
	x(X_QUEUE_US, "x-queue-us", 0)                                                             \
	x(X_CONNECT_US, "x-connect-us", 0)                                                         \
	x(X_SEND_US, "x-send-us", 0)                                                               \
	x(X_FIRST_BYTE_US, "x-first-byte-us", 0)                                                   \
	x(X_RECEIVE_US, "x-receive-us", 0)                                                         \
	x(X_TOTAL_US, "x-total-us", 0)                                                             \
	x(X_LANE, "x-lane", 0)                                                                     \
	x(X_CONNECTION, "x-connection", 0)                                                         \
	x(X_REQUEST, "x-request", 0)                                                               \
	x(X_GENERATION, "x-generation", 0)
/* clang-format on */

enum log_field {
#define X(name, word, is_default) LOG_FIELD_##name,
	LOG_FIELDS(X)
#undef X
	LOG_FIELDS_N
};

struct log_style {
	enum conf_log_format format;
	uint8_t field_n; /* of W3C; else 0 */
	uint8_t field[LOG_FIELDS_N];
};

/* Words by enum log_field, then NULL. */
extern const char *const log_field_words[LOG_FIELDS_N + 1];

/* The fields that a W3C log has when none are named, in the order of the list. */
void log_style_default_fields(struct log_style *style);

/* Names with a space between them. False: one of them is no field, or comes twice. */
enum {
	LOG_FIELDS_TEXT = 1024
};
const char *log_style_fields_text(const struct log_style *style, char text[LOG_FIELDS_TEXT]);
bool log_style_fields_of_text(const char *text, struct log_style *style);

bool log_style_is_same(const struct log_style *a, const struct log_style *b);

#endif
