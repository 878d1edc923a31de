/*
 * names.c - the words of http.h's lists, and the standard reason phrases (RFC 9110, 15).
 */
#include "http/http.h"

#include "base/ensure.h"

const char *
http_method_name(enum http_method m)
{
	switch (m) {
#define X(part, token)                                                                             \
	case HTTP_METHOD_##part:                                                                   \
		return token;
		HTTP_METHODS(X)
#undef X
	}
	ensure(!"a method outside its list");
}

const char *
http_reason_name(enum http_reason r)
{
	switch (r) {
#define X(part, status, words)                                                                     \
	case HTTP_REASON_##part:                                                                   \
		return words;
		HTTP_REASONS(X)
#undef X
	}
	ensure(!"a reason outside its list");
}

uint16_t
http_reason_status(enum http_reason r)
{
	switch (r) {
#define X(part, status, words)                                                                     \
	case HTTP_REASON_##part:                                                                   \
		return status;
		HTTP_REASONS(X)
#undef X
	}
	ensure(!"a reason outside its list");
}

const char *
http_form_name(enum http_form f)
{
	switch (f) {
#define X(part, words)                                                                             \
	case HTTP_FORM_##part:                                                                     \
		return words;
		HTTP_FORMS(X)
#undef X
	}
	ensure(!"a form outside its list");
}

const char *
http_framing_name(enum http_framing f)
{
	switch (f) {
#define X(part, words)                                                                             \
	case HTTP_FRAMING_##part:                                                                  \
		return words;
		HTTP_FRAMINGS(X)
#undef X
	}
	ensure(!"a framing outside its list");
}

const char *
http_forward_name(enum http_forward f)
{
	switch (f) {
#define X(part, words)                                                                             \
	case HTTP_FORWARD_##part:                                                                  \
		return words;
		HTTP_FORWARDS(X)
#undef X
	}
	ensure(!"a way to forward outside its list");
}

/* clang-format off */

#define STATUSES(x)                                                                                \
	x(100, "Continue")                                                                         \
	x(101, "Switching Protocols")                                                              \
	x(102, "Processing")                                                                       \
	x(103, "Early Hints")                                                                      \
	x(200, "OK")                                                                               \
	x(201, "Created")                                                                          \
	x(202, "Accepted")                                                                         \
	x(203, "Non-Authoritative Information")                                                    \
	x(204, "No Content")                                                                       \
	x(205, "Reset Content")                                                                    \
	x(206, "Partial Content")                                                                  \
	x(300, "Multiple Choices")                                                                 \
	x(301, "Moved Permanently")                                                                \
	x(302, "Found")                                                                            \
	x(303, "See Other")                                                                        \
	x(304, "Not Modified")                                                                     \
	x(305, "Use Proxy")                                                                        \
	x(307, "Temporary Redirect")                                                               \
	x(308, "Permanent Redirect")                                                               \
	x(400, "Bad Request")                                                                      \
	x(401, "Unauthorized")                                                                     \
	x(402, "Payment Required")                                                                 \
	x(403, "Forbidden")                                                                        \
	x(404, "Not Found")                                                                        \
	x(405, "Method Not Allowed")                                                               \
	x(406, "Not Acceptable")                                                                   \
	x(407, "Proxy Authentication Required")                                                    \
	x(408, "Request Timeout")                                                                  \
	x(409, "Conflict")                                                                         \
	x(410, "Gone")                                                                             \
	x(411, "Length Required")                                                                  \
	x(412, "Precondition Failed")                                                              \
	x(413, "Content Too Large")                                                                \
	x(414, "URI Too Long")                                                                     \
	x(415, "Unsupported Media Type")                                                           \
	x(416, "Range Not Satisfiable")                                                            \
	x(417, "Expectation Failed")                                                               \
	x(421, "Misdirected Request")                                                              \
	x(422, "Unprocessable Content")                                                            \
	x(425, "Too Early")                                                                        \
	x(426, "Upgrade Required")                                                                 \
	x(428, "Precondition Required")                                                            \
	x(429, "Too Many Requests")                                                                \
	x(431, "Request Header Fields Too Large")                                                  \
	x(451, "Unavailable For Legal Reasons")                                                    \
	x(500, "Internal Server Error")                                                            \
	x(501, "Not Implemented")                                                                  \
	x(502, "Bad Gateway")                                                                      \
	x(503, "Service Unavailable")                                                              \
	x(504, "Gateway Timeout")                                                                  \
	x(505, "HTTP Version Not Supported")                                                       \
	x(507, "Insufficient Storage")                                                             \
	x(511, "Network Authentication Required")

/* clang-format on */

const char *
http_status_text(uint16_t status)
{
	switch (status) {
#define X(number, text)                                                                            \
	case number:                                                                               \
		return text;
		STATUSES(X)
#undef X
	}
	return "Unknown";
}
