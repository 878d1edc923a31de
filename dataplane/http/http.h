/*
 * http.h - HTTP/1.x messages (RFC 9110, RFC 9112): heads parsed in place, chunks deframed in
 * place, heads edited and emitted. Bytes in, structs out: no connection, clock, buffer or malloc.
 *
 * Strict: where two parsers could disagree about where a message ends or whom it is for, the
 * message is refused with a named reason; liberties are options in struct http_limits.
 *
 * A head's slices point into the bytes that were parsed; they live as long as those bytes stay
 * unchanged. struct http_request and struct http_response are big (their field lists, about 6 KiB):
 * keep one of each per lane as scratch, not one per connection. A head that comes in pieces needs
 * only struct http_resume between the calls. Nothing here need be zeroed by the caller but
 * struct http_resume. Units: bytes.
 */
#ifndef PENSTOCK_HTTP_HTTP_H
#define PENSTOCK_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	HTTP_FIELDS_MAX = 256,		/* most fields a head may have, whatever the limits say */
	HTTP_HEAD_BYTES_MAX = 65535,	/* most bytes a head may have, whatever the limits say */
	HTTP_CHUNK_HEAD_BYTES = 18,	/* longest chunk head that http_chunk_head writes */
	HTTP_DATE_BYTES = 29,		/* an IMF-fixdate, e.g. "Sun, 06 Nov 1994 08:49:37 GMT" */
	HTTP_CONNECTION_NAMES_MAX = 32, /* field names unknown to us that Connection may list */
};

struct http_limits {
	uint32_t head_bytes;   /* start line and fields -> 431; <= HTTP_HEAD_BYTES_MAX */
	uint32_t fields_n;     /* -> 431; <= HTTP_FIELDS_MAX */
	uint32_t method_bytes; /* -> 501 */
	uint32_t target_bytes; /* -> 414 */
	uint64_t body_bytes;   /* a larger Content-Length -> 413; 0: no limit. Chunked: caller's */
	uint32_t chunk_ext_bytes; /* chunk extensions of one chunk -> 400 */
	uint32_t chunk_ext_total; /* ... and of the whole body */
	uint32_t trailer_bytes;	  /* trailer section -> 431 */
	bool lf_lines;		  /* a head's lines may end in LF alone (RFC 9112, 2.2) */
	bool target_octets; /* bytes above 0x7f may stand in the target (old Microsoft clients) */
};

#define HTTP_LIMITS_DEFAULT                                                                        \
	{                                                                                          \
		.head_bytes = 32 * 1024, .fields_n = 128, .method_bytes = 64,                      \
		.target_bytes = 8 * 1024, .body_bytes = 0, .chunk_ext_bytes = 256,                 \
		.chunk_ext_total = 16 * 1024, .trailer_bytes = 8 * 1024                            \
	}

/* ---- the lists ---- */

/* clang-format off */

/* x(enum part, token). HTTP_METHOD_OTHER is any other token: it passes like the rest. */
#define HTTP_METHODS(x)                                                                            \
	x(OTHER, "")                                                                               \
	x(GET, "GET")                                                                              \
	x(HEAD, "HEAD")                                                                            \
	x(POST, "POST")                                                                            \
	x(PUT, "PUT")                                                                              \
	x(DELETE, "DELETE")                                                                        \
	x(CONNECT, "CONNECT")                                                                      \
	x(OPTIONS, "OPTIONS")                                                                      \
	x(TRACE, "TRACE")                                                                          \
	x(PATCH, "PATCH")

/*
 * Fields that something here or above us asks for by id; fewer than 64, so that a set is a word.
 * x(enum part, name, first letter, last letter). Letters are those of the name in lower case: they
 * and the length are the hash (field.c), whose test proves that every name is found.
 */
#define HTTP_FIELD_IDS(x)                                                                          \
	x(UNKNOWN, "", 0, 0)                                                                       \
	x(HOST, "Host", 'h', 't')                                                                  \
	x(CONNECTION, "Connection", 'c', 'n')                                                      \
	x(CONTENT_LENGTH, "Content-Length", 'c', 'h')                                              \
	x(TRANSFER_ENCODING, "Transfer-Encoding", 't', 'g')                                        \
	x(TE, "TE", 't', 'e')                                                                      \
	x(TRAILER, "Trailer", 't', 'r')                                                            \
	x(UPGRADE, "Upgrade", 'u', 'e')                                                            \
	x(KEEP_ALIVE, "Keep-Alive", 'k', 'e')                                                      \
	x(PROXY_CONNECTION, "Proxy-Connection", 'p', 'n')                                          \
	x(HTTP2_SETTINGS, "HTTP2-Settings", 'h', 's')                                              \
	x(EXPECT, "Expect", 'e', 't')                                                              \
	x(VIA, "Via", 'v', 'a')                                                                    \
	x(FORWARDED, "Forwarded", 'f', 'd')                                                        \
	x(X_FORWARDED_FOR, "X-Forwarded-For", 'x', 'r')                                            \
	x(X_FORWARDED_PROTO, "X-Forwarded-Proto", 'x', 'o')                                        \
	x(X_FORWARDED_HOST, "X-Forwarded-Host", 'x', 't')                                          \
	x(X_REQUEST_ID, "X-Request-Id", 'x', 'd')                                                  \
	x(MAX_FORWARDS, "Max-Forwards", 'm', 's')                                                  \
	x(PROXY_AUTHENTICATE, "Proxy-Authenticate", 'p', 'e')                                      \
	x(PROXY_AUTHORIZATION, "Proxy-Authorization", 'p', 'n')                                    \
	x(WWW_AUTHENTICATE, "WWW-Authenticate", 'w', 'e')                                          \
	x(AUTHORIZATION, "Authorization", 'a', 'n')                                                \
	x(DATE, "Date", 'd', 'e')                                                                  \
	x(SERVER, "Server", 's', 'r')                                                              \
	x(USER_AGENT, "User-Agent", 'u', 't')                                                      \
	x(ACCEPT, "Accept", 'a', 't')                                                              \
	x(ACCEPT_ENCODING, "Accept-Encoding", 'a', 'g')                                            \
	x(ACCEPT_LANGUAGE, "Accept-Language", 'a', 'e')                                            \
	x(ACCEPT_RANGES, "Accept-Ranges", 'a', 's')                                                \
	x(REFERER, "Referer", 'r', 'r')                                                            \
	x(ORIGIN, "Origin", 'o', 'n')                                                              \
	x(COOKIE, "Cookie", 'c', 'e')                                                              \
	x(SET_COOKIE, "Set-Cookie", 's', 'e')                                                      \
	x(LOCATION, "Location", 'l', 'n')                                                          \
	x(CONTENT_LOCATION, "Content-Location", 'c', 'n')                                          \
	x(CONTENT_TYPE, "Content-Type", 'c', 'e')                                                  \
	x(CONTENT_ENCODING, "Content-Encoding", 'c', 'g')                                          \
	x(CONTENT_RANGE, "Content-Range", 'c', 'e')                                                \
	x(CONTENT_DISPOSITION, "Content-Disposition", 'c', 'n')                                    \
	x(RANGE, "Range", 'r', 'e')                                                                \
	x(IF_RANGE, "If-Range", 'i', 'e')                                                          \
	x(IF_MATCH, "If-Match", 'i', 'h')                                                          \
	x(IF_NONE_MATCH, "If-None-Match", 'i', 'h')                                                \
	x(IF_MODIFIED_SINCE, "If-Modified-Since", 'i', 'e')                                        \
	x(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", 'i', 'e')                                    \
	x(ETAG, "ETag", 'e', 'g')                                                                  \
	x(LAST_MODIFIED, "Last-Modified", 'l', 'd')                                                \
	x(CACHE_CONTROL, "Cache-Control", 'c', 'l')                                                \
	x(PRAGMA, "Pragma", 'p', 'a')                                                              \
	x(EXPIRES, "Expires", 'e', 's')                                                            \
	x(AGE, "Age", 'a', 'e')                                                                    \
	x(VARY, "Vary", 'v', 'y')                                                                  \
	x(RETRY_AFTER, "Retry-After", 'r', 'r')                                                    \
	x(ALLOW, "Allow", 'a', 'w')                                                                \
	x(PERSISTENT_AUTH, "Persistent-Auth", 'p', 'h')

/*
 * Why a message was refused: x(enum part, status of our answer when it was a request, words for
 * the log). A response that is refused is always answered with 502.
 */
#define HTTP_REASONS(x)                                                                            \
	x(NONE, 0, "not refused")                                                                  \
	x(EMPTY_LINES, 400, "empty lines before the start line")                                   \
	x(BARE_LF, 400, "a line ends in LF without CR")                                            \
	x(BARE_CR, 400, "a CR without LF")                                                         \
	x(METHOD_SYNTAX, 400, "method is not a token")                                             \
	x(METHOD_LONG, 501, "method longer than the limit")                                        \
	x(START_LINE_SYNTAX, 400, "malformed start line")                                          \
	x(TARGET_BYTE, 400, "a byte that may not stand in a request target")                       \
	x(TARGET_FORM, 400, "request target in no known form, or not the method's")                \
	x(TARGET_AUTHORITY, 400, "malformed authority in the request target")                      \
	x(TARGET_LONG, 414, "request target longer than the limit")                                \
	x(VERSION_SYNTAX, 400, "malformed HTTP version")                                           \
	x(VERSION, 505, "HTTP version is not 1.x")                                                 \
	x(HEAD_LONG, 431, "head longer than the limit")                                            \
	x(FIELDS_MANY, 431, "more header fields than the limit")                                   \
	x(FIELD_SPACE_FIRST, 400, "white space before the first header field")                     \
	x(FIELD_FOLDED, 400, "a header field folded over lines")                                   \
	x(FIELD_NAME_EMPTY, 400, "a header field without a name")                                  \
	x(FIELD_NAME_SPACE, 400, "white space before the colon of a header field")                 \
	x(FIELD_NAME_SYNTAX, 400, "header field name is not a token")                              \
	x(FIELD_NO_COLON, 400, "a header line without a colon")                                    \
	x(FIELD_BYTE, 400, "a control byte in a header field")                                     \
	x(HOST_MISSING, 400, "no Host field")                                                      \
	x(HOST_TWICE, 400, "more than one Host field")                                             \
	x(HOST_SYNTAX, 400, "malformed Host field")                                                \
	x(LENGTH_SYNTAX, 400, "malformed Content-Length")                                          \
	x(LENGTH_OVERFLOW, 400, "Content-Length too large to count")                               \
	x(LENGTH_DIFFERS, 400, "Content-Length fields that differ")                                \
	x(LENGTH_LIMIT, 413, "Content-Length over the limit")                                      \
	x(LENGTH_AND_CODING, 400, "both Content-Length and Transfer-Encoding")                     \
	x(LENGTH_FORBIDDEN, 400, "Content-Length where there can be no content")                   \
	x(CODING_OLD_VERSION, 400, "Transfer-Encoding in HTTP/1.0")                                \
	x(CODING_TWICE, 400, "more than one Transfer-Encoding field")                              \
	x(CODING_SYNTAX, 400, "malformed Transfer-Encoding")                                       \
	x(CODING_NOT_FINAL, 400, "chunked is not the one final transfer coding")                   \
	x(CODING_UNKNOWN, 501, "a transfer coding other than chunked")                             \
	x(CODING_FORBIDDEN, 400, "Transfer-Encoding where there can be no content")                \
	x(CONNECTION_MANY, 400, "Connection names too many fields")                                \
	x(EXPECTATION, 417, "an expectation other than 100-continue")                              \
	x(UPGRADE_MISSING, 400, "101 without Connection: Upgrade and Upgrade")                     \
	x(STATUS_SYNTAX, 400, "malformed status code")                                             \
	x(STATUS_BYTE, 400, "a control byte in the reason phrase")                                 \
	x(CHUNK_SIZE, 400, "malformed chunk size")                                                 \
	x(CHUNK_OVERFLOW, 400, "chunk size too large to count")                                    \
	x(CHUNK_EXTENSION, 400, "malformed chunk extension")                                       \
	x(CHUNK_EXTENSION_LONG, 400, "chunk extensions longer than the limit")                     \
	x(CHUNK_END, 400, "chunk data not followed by CRLF")                                       \
	x(TRAILER_SYNTAX, 400, "malformed trailer field")                                          \
	x(TRAILER_LONG, 431, "trailer section longer than the limit")

#define HTTP_FORMS(x)                                                                              \
	x(ORIGIN, "origin-form")                                                                   \
	x(ABSOLUTE, "absolute-form")                                                               \
	x(AUTHORITY, "authority-form")                                                             \
	x(ASTERISK, "asterisk-form")

/* How a message's content ends (RFC 9112, 6.3). */
#define HTTP_FRAMINGS(x)                                                                           \
	x(NONE, "none")                                                                            \
	x(LENGTH, "content-length")                                                                \
	x(CHUNKED, "chunked")                                                                      \
	x(CLOSE, "until close")

/* What is done with the X-Forwarded-* fields of a request. */
#define HTTP_FORWARDS(x)                                                                           \
	x(PASS, "off")                                                                             \
	x(APPEND, "append")                                                                        \
	x(SET, "replace")                                                                          \
	x(DROP, "remove")

/* clang-format on */

enum http_method {
#define X(part, token) HTTP_METHOD_##part,
	HTTP_METHODS(X)
#undef X
};

enum http_field_id {
#define X(part, name, first, last) HTTP_FIELD_##part,
	HTTP_FIELD_IDS(X)
#undef X
	HTTP_FIELD_IDS_N
};

enum http_reason {
#define X(part, status, words) HTTP_REASON_##part,
	HTTP_REASONS(X)
#undef X
};

enum http_form {
#define X(part, words) HTTP_FORM_##part,
	HTTP_FORMS(X)
#undef X
};

enum http_framing {
#define X(part, words) HTTP_FRAMING_##part,
	HTTP_FRAMINGS(X)
#undef X
};

enum http_forward {
#define X(part, words) HTTP_FORWARD_##part,
	HTTP_FORWARDS(X)
#undef X
};

enum http_verdict {
	HTTP_NEED_MORE, /* call again when there are more bytes; nothing else is set */
	HTTP_DONE,	/* the head is complete and valid */
	HTTP_REFUSED,	/* see reason; answer (request) or give up (response), then close */
};

const char *http_method_name(enum http_method m);	/* "" for HTTP_METHOD_OTHER */
struct slice http_field_id_name(enum http_field_id id); /* as it is written by us, "Content-Type" */
const char *http_reason_name(enum http_reason r);	/* the words for the log */
const char *http_form_name(enum http_form f);
const char *http_framing_name(enum http_framing f);
const char *http_forward_name(enum http_forward f);

/* The status that answers a request refused for this reason. */
uint16_t http_reason_status(enum http_reason r);

/* The standard reason phrase of a status ("Not Found"), "Unknown" when there is none. */
const char *http_status_text(uint16_t status);

/* ---- heads ---- */

struct http_field {
	const uint8_t *name;
	const uint8_t *value; /* white space around it is not part of it */
	uint32_t value_n;     /* may be 0 */
	uint16_t name_n;
	uint8_t id; /* enum http_field_id */
	bool hop;   /* hop-by-hop (RFC 9110, 7.6.1): by its nature, or named by Connection */
};

static inline struct slice
http_field_name(const struct http_field *f)
{
	return slice_of(f->name, f->name_n);
}

static inline struct slice
http_field_value(const struct http_field *f)
{
	return slice_of(f->value, f->value_n);
}

/* What requests and responses share. */
struct http_head {
	uint32_t head_n;  /* bytes of the head, its last CRLF included */
	uint8_t minor;	  /* HTTP/1.minor: 0 or 1 (a higher one counts as 1) */
	bool keep_alive;  /* the sender lets the connection live on after this message */
	bool has_length;  /* a Content-Length was sent; with HEAD and 304 it frames nothing */
	bool wire;	  /* the fields lie in one piece of memory as they came (name, colon, value,
		    * CRLF), so that emission copies many with one move */
	bool te_trailers; /* request: the client understands trailers (TE: trailers) */
	enum http_framing framing;
	uint64_t length;      /* valid when has_length */
	struct slice upgrade; /* value of Upgrade when it is asked for or agreed to; else n = 0 */
	uint64_t seen;	      /* bit i: a field with id i is in the list */
	uint32_t field_n;
	struct http_field field[HTTP_FIELDS_MAX]; /* the first field_n are set, in wire order */
};

struct http_request {
	enum http_reason reason; /* set when refused, HTTP_REASON_NONE when done */
	enum http_method method_id;
	enum http_form form;
	uint16_t port;	      /* of host; 0 when it names none */
	int32_t max_forwards; /* TRACE and OPTIONS: Max-Forwards, at 0 we answer; -1: none */
	bool expect_continue; /* the client waits for 100 before it sends its content */
	struct slice method;  /* any token, case kept */
	struct slice target;  /* as it was sent */
	struct slice scheme;  /* absolute-form: "http" or "https" as sent; else n = 0 */
	struct slice path;    /* path and query for an origin-form target; may lack its first "/"
				  * when it is empty or begins with "?"; authority-form: n = 0 */
	struct slice host;    /* host[:port] the request is for: the target's, else Host's
				  * (RFC 9112, 3.2.2); n = 0 when neither names one */
	struct slice name;    /* host without the port, "[...]" kept around an IPv6 address */
	struct http_head head;
};

struct http_response {
	enum http_reason reason;
	uint16_t status;     /* 100..999 */
	bool tunnel;	     /* 2xx to CONNECT, or 101: what follows the head is not HTTP/1 */
	struct slice phrase; /* reason phrase, verbatim, may be empty */
	struct http_head head;
};

/* What is remembered between two calls for one unfinished head. Zeroed for each new head. */
struct http_resume {
	uint32_t searched; /* so far no end of the head was found */
	uint32_t parsed;   /* bytes there were when the lines were last looked at */
};

/*
 * Parses one head at the start of bytes.
 *   bytes   all bytes of this head that have come, from its first; they may have moved between two
 *	     calls, and there may be more behind the head
 *   resume  zeroed before the first call for a head. Calling again for every new byte costs time
 *	     proportional to the new bytes, not to all of them
 *   ret     HTTP_DONE: all set. HTTP_REFUSED: reason is set, and method, method_id, target and
 *	     host as far as they were understood (n = 0 otherwise), for the log and the answer
 * The verdict on a complete head does not depend on how it was cut into calls. A head that is
 * wrong is refused at the latest when it is complete or at its limit, often earlier.
 */
enum http_verdict http_parse_request(struct slice bytes, const struct http_limits *limits,
				     struct http_resume *resume, struct http_request *ret);

/* The same for a response to a request with method `asked`. */
enum http_verdict http_parse_response(struct slice bytes, const struct http_limits *limits,
				      struct http_resume *resume, enum http_method asked,
				      struct http_response *ret);

/* The first field with this id after `after` (NULL: from the first), or NULL. */
const struct http_field *http_find(const struct http_head *head, enum http_field_id id,
				   const struct http_field *after);

/* The same by name, without case. */
const struct http_field *http_find_name(const struct http_head *head, struct slice name,
					const struct http_field *after);

/* The id of a field name, HTTP_FIELD_UNKNOWN when it is none of ours. The name is a token. */
enum http_field_id http_field_id_of(struct slice name);

/* One or more token characters (RFC 9110, 5.6.2): what a method or field name must be. */
bool http_is_token(struct slice s);

/* Bytes that may stand in a field value (RFC 9110, 5.5): none below 0x20 but HTAB, no DEL. */
bool http_is_field_value(struct slice s);

/*
 * Splits and validates host[:port] (RFC 3986, 3.2.2); ret_port is 0 when there is none. False and
 * nothing set when it is malformed.
 */
bool http_split_host(struct slice host, struct slice *ret_name, uint16_t *ret_port);

/* ---- chunked content (RFC 9112, 7.1) ---- */

enum http_chunk_verdict {
	HTTP_CHUNK_MORE,    /* all bytes are used, none of them payload; go on with the next */
	HTTP_CHUNK_DATA,    /* ret_data is payload, the last bytes of those used */
	HTTP_CHUNK_TRAILER, /* once, before the first trailer byte is used: the caller may now set
			     * trailer and trailer_room to keep the trailers; without, they are
			     * checked and dropped */
	HTTP_CHUNK_DONE,    /* the content has ended; bytes behind those used belong to others */
	HTTP_CHUNK_REFUSED, /* see reason; the connection's framing is lost */
};

/*
 * The state of one chunked body as it streams by. Zeroed by http_chunk_init; a few words, so that
 * it can live in an exchange.
 */
struct http_chunk {
	uint64_t left;	  /* payload bytes of the present chunk still to come */
	uint64_t total;	  /* payload bytes seen */
	uint8_t *trailer; /* caller's; filled with field lines "Name: value\r\n" */
	uint32_t trailer_room;
	uint32_t
		trailer_n; /* bytes kept so far; after HTTP_CHUNK_DONE: ready for http_last_chunk */
	uint32_t trailer_seen; /* bytes of the trailer section so far, kept or not */
	uint32_t trailer_line; /* where the present line starts among those kept */
	uint32_t ext_n;	       /* extension bytes of this chunk */
	uint32_t ext_total;    /* ... and of all */
	uint16_t name_n;       /* of the present trailer line, up to its colon */
	uint8_t digits;	       /* of the chunk size */
	uint8_t state;	       /* chunk.c's */
	bool trailer_full;     /* the room given was too small: the trailers are dropped */
	uint8_t reason;	       /* enum http_reason when refused */
};

void http_chunk_init(struct http_chunk *c);

/*
 * Goes on with the next bytes, up to the first payload range, the end or a fault. Call in a loop:
 * *ret_used of the bytes in `in` are done with; call again with the rest while it is not empty
 * (after HTTP_CHUNK_TRAILER too, which uses none by itself). ret_data is set for HTTP_CHUNK_DATA.
 */
enum http_chunk_verdict http_deframe(struct http_chunk *c, const struct http_limits *limits,
				     struct slice in, uint32_t *ret_used, struct slice *ret_data);

/*
 * Counts n <= c->left payload bytes that the caller moved on without showing them to
 * http_deframe, e.g. whole buffers.
 */
void http_chunk_skip(struct http_chunk *c, uint64_t n);

/* How many payload bytes come next, before any other byte; 0 amid a chunk's framing. */
uint64_t http_chunk_payload(const struct http_chunk *c);

/* The chunk head for n > 0 payload bytes, "1f4\r\n"; returns its length. "\r\n" ends the chunk. */
uint32_t http_chunk_head(uint64_t n, uint8_t ret[HTTP_CHUNK_HEAD_BYTES]);

/*
 * The last chunk with these trailer field lines (may be empty). Returns the bytes needed; writes
 * only when they fit into room.
 */
uint32_t http_last_chunk(struct slice trailers, uint8_t *to, uint32_t room);

/* ---- editing and emitting heads ---- */

enum http_edit_op {
	HTTP_EDIT_REMOVE, /* every field of this name goes */
	HTTP_EDIT_SET,	  /* every field of this name goes, one with this value comes */
	HTTP_EDIT_APPEND, /* one more field comes */
};

struct http_edit {
	enum http_edit_op op;
	enum http_field_id id; /* http_field_id_of(name), found once */
	struct slice name;
	struct slice value;
};

/*
 * Edits apply in order; a later one sees what an earlier one did. Fields whose name differs by '_'
 * and '-' go with those that are removed or set (slice_eq_twin). Names for which http_is_ours()
 * holds are written by emission alone: edits of them have no effect.
 */
struct http_edits {
	const struct http_edit *edit;
	uint32_t n;
};

/* Host, Content-Length, Trailer and the fields of one hop (RFC 9110, 7.6.1). */
bool http_is_ours(enum http_field_id id);

/* How a request goes out. Slices with n = 0 and pointers that are NULL mean "nothing there". */
struct http_request_out {
	const struct http_request *request;
	struct slice method;		/* n = 0: the client's */
	struct slice target;		/* n = 0: the client's, in origin-form */
	struct slice host;		/* n = 0: the client's */
	const struct http_edits *edits; /* NULL: none */
	enum http_framing framing;	/* of what we send: NONE, LENGTH or CHUNKED */
	uint64_t length;		/* for LENGTH */
	bool keep_alive;		/* false: Connection: close */
	bool upgrade;			/* pass Upgrade on, as a tunnel is offered */
	struct slice via;		/* our pseudonym for Via; n = 0: Via passes untouched */
	enum http_forward xff;		/* X-Forwarded-For; off: passes untouched */
	enum http_forward xfproto;	/* X-Forwarded-Proto */
	enum http_forward xfhost;	/* X-Forwarded-Host; the value is the client's host */
	struct slice client;		/* the client's address in text, for X-Forwarded-For */
	struct slice proto;		/* "http" or "https", for X-Forwarded-Proto */
};

/*
 * Writes the request head as HTTP/1.1 for the next hop: hop-by-hop fields left out (RFC 9110,
 * 7.6.1), the target in origin-form with Host first (RFC 9112, 3.2.1), our framing, Via,
 * X-Forwarded-*, edits. Lines stay behind whose names differ by '_' and '-' from those that are
 * written here. Returns the bytes needed; `to` holds the head only when that is <= room.
 */
uint32_t http_emit_request(const struct http_request_out *out, uint8_t *to, uint32_t room);

/* How a response goes out. */
struct http_response_out {
	const struct http_response *response;
	const struct http_edits *edits; /* NULL: none */
	enum http_framing framing;
	uint64_t length; /* for LENGTH; NONE writes the server's own (HEAD, 304) if it sent one */
	bool keep_alive; /* ours with the client */
	uint8_t client_minor; /* of the client's request; HTTP/1.0 is told of keep-alive */
	bool upgrade;	      /* 101: the tunnel is agreed */
	bool drops_trailers;  /* the content has been changed: Trailer goes */
	struct slice via;     /* our pseudonym; n = 0: Via passes untouched */
	struct slice date;    /* written when the server sent no Date (RFC 9110, 6.6.1) */
};

/* As http_emit_request; interim responses (1xx) are written without framing and Connection. */
uint32_t http_emit_response(const struct http_response_out *out, uint8_t *to, uint32_t room);

/*
 * How a response's content is framed for this client: as the server framed it, but that what came
 * in chunks ends at close for HTTP/1.0. What ends at close stays so for every client (RD Gateway's
 * endless responses break when a proxy adds chunks); a stage that changes the length may choose
 * chunks itself. ret_close: this framing ends our connection.
 */
enum http_framing http_framing_for(const struct http_request *request,
				   const struct http_response *response, bool *ret_close);

/* ---- our own replies ---- */

/* "HTTP/1.1 100 Continue" and an empty line. */
struct slice http_continue(void);

/* One of our own final replies, with a small page or a given body as its content. */
struct http_reply {
	uint16_t status;
	uint8_t client_minor;
	bool keep_alive;
	bool head_only;		 /* to HEAD: the head as for GET, no content */
	bool html;		 /* text/html, else text/plain */
	bool has_body;		 /* body instead of the page */
	bool has_no_policy;	 /* Cache-Control is not ours to say: rules answer (12.2) */
	struct slice phrase;	 /* reason phrase; n = 0: the standard one */
	struct slice body;	 /* sent as it is */
	struct slice cause;	 /* words for the page, e.g. "connect timeout"; escaped for HTML */
	struct slice request_id; /* for the page and X-Request-Id; n = 0: none */
	struct slice server;	 /* Server; n = 0: none */
	struct slice date;	 /* Date; n = 0: none */
	struct slice location;	 /* Location, and a link on the page; n = 0: none */
	uint32_t retry_after_s;	 /* Retry-After; 0: none */
};

/* Head and content. Returns the bytes needed; `to` holds them only when that is <= room. */
uint32_t http_emit_error(const struct http_reply *reply, uint8_t *to, uint32_t room);

/* Seconds since 1970 as IMF-fixdate (RFC 9110, 5.6.7); years up to 9999. */
void http_date(uint64_t unix_s, char ret[HTTP_DATE_BYTES]);

#endif
