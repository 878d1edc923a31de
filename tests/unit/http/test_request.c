/*
 * test_request.c - request heads, one line each: what is accepted and how its content ends, what
 * is refused and why. Each is parsed whole, cut at every byte, byte by byte, and with other bytes
 * behind it; the verdict must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"

struct head_case {
	const char *text;
	uint32_t n;
	enum http_reason reason; /* NONE: accepted */
	enum http_framing framing;
	uint64_t length;
};

/* clang-format off */

#define ACCEPT(text, framing, length) \
	{ text, sizeof(text) - 1, HTTP_REASON_NONE, HTTP_FRAMING_##framing, length },
#define REFUSE(text, reason) \
	{ text, sizeof(text) - 1, HTTP_REASON_##reason, HTTP_FRAMING_NONE, 0 },

/* A request line and a Host around the fields of a case. */
#define G "GET / HTTP/1.1\r\nHost: h\r\n"
#define P "POST / HTTP/1.1\r\nHost: h\r\n"
#define E "\r\n"

static const struct head_case cases[] = {
	/* --- request lines that pass --- */
	ACCEPT(G E, NONE, 0)
	ACCEPT("\r\n" G E, NONE, 0)
	ACCEPT("GET / HTTP/1.0\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.0\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.2\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.9\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("HEAD /a/b?c=d&e=%20 HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("OPTIONS /x HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", NONE, 0)
	ACCEPT("CONNECT [::1]:443 HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("CONNECT h:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", NONE, 0)
	ACCEPT("RPC_IN_DATA /rpc/rpcproxy.dll?a:593 HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n",
	       LENGTH, 1073741824)
	ACCEPT("RPC_OUT_DATA /rpc HTTP/1.1\r\nHost: h\r\nContent-Length: 76\r\n\r\n", LENGTH, 76)
	ACCEPT("RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("PROPFIND /d/ HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nContent-Length: 0\r\n\r\n", LENGTH, 0)
	ACCEPT("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("get / HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("FOOBAR /x HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET //double HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET /?a[]={b}|c\"<>\\^` HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET /%zz%0 HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET http://h/p HTTP/1.1\r\nHost: other\r\n\r\n", NONE, 0)
	ACCEPT("GET HTTPS://h:8443/p?q HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET http://[fe80::1]:80/ HTTP/1.1\r\nHost: h\r\n\r\n", NONE, 0)
	ACCEPT("GET http://h/ HTTP/1.0\r\n\r\n", NONE, 0)
	ACCEPT("TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 3\r\n\r\n", NONE, 0)
	/* --- request lines that do not --- */
	REFUSE("\r\n\r\n" G E, EMPTY_LINES)
	REFUSE("\n" G E, BARE_LF)
	REFUSE("\r" G E, BARE_CR)
	REFUSE("\r\n\n" G E, EMPTY_LINES)
	REFUSE(" GET / HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("\tGET / HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("GET\0 / HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("G\x80T / HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("GET\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("GET:/ HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_SYNTAX)
	REFUSE("\x16\x03\x01\x02\x00\x01\r\n\r\n", METHOD_SYNTAX)
	REFUSE("A234567890123456789012345678901234567890123456789012345678901234X / HTTP/1.1\r\nHost: h\r\n\r\n",
	       METHOD_LONG)
	REFUSE("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", START_LINE_SYNTAX)
	REFUSE("GET /\r\nHost: h\r\n\r\n", START_LINE_SYNTAX)
	REFUSE("GET /\n\n", START_LINE_SYNTAX)
	REFUSE("GET \r\n\r\n", START_LINE_SYNTAX)
	REFUSE("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/1.1x\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/1.10\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/11\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/a.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/1.a\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / http/1.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTX/1.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP 1.1\r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / \r\nHost: h\r\n\r\n", VERSION_SYNTAX)
	REFUSE("GET / HTTP/0.9\r\nHost: h\r\n\r\n", VERSION)
	REFUSE("GET / HTTP/2.0\r\nHost: h\r\n\r\n", VERSION)
	REFUSE("GET / HTTP/3.1\r\nHost: h\r\n\r\n", VERSION)
	REFUSE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION)
	REFUSE("GET / HTTP/1.1\nHost: h\r\n\r\n", BARE_LF)
	REFUSE("GET / HTTP/1.1\rHost: h\r\n\r\n", BARE_CR)
	REFUSE("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", BARE_CR)
	/* --- targets --- */
	REFUSE("GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /#frag HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET /a\x0b HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_BYTE)
	REFUSE("GET * HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET path HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET ?q HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET ://h/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET http:/h/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET http: HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORM)
	REFUSE("GET http:// HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://:80/p HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://u@h/p HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://u:p@h/p HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://h:x/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://h:65536/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://h\\x/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://[::1/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://[]/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://[::1]x/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("GET http://h%2/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("CONNECT h:0 HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	REFUSE("CONNECT http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_AUTHORITY)
	/* --- fields --- */
	ACCEPT(G "A:b\r\n" E, NONE, 0)
	ACCEPT(G "A:\r\n" E, NONE, 0)
	ACCEPT(G "A: \t \r\n" E, NONE, 0)
	ACCEPT(G "A: \t b \t \r\n" E, NONE, 0)
	ACCEPT(G "A: b\tc d\r\n" E, NONE, 0)
	ACCEPT(G "A: \x80\xff\xc3\xa9\r\n" E, NONE, 0)
	ACCEPT(G "A: b:c:d\r\n" E, NONE, 0)
	ACCEPT(G "A::\r\n" E, NONE, 0)
	ACCEPT(G "!#$%&'*+-.^_`|~09azAZ: b\r\n" E, NONE, 0)
	ACCEPT(G "A: 1\r\nA: 2\r\nA: 3\r\n" E, NONE, 0)
	ACCEPT(G "A: 0123456789abcde\r\n" E, NONE, 0)
	ACCEPT(G "A: 0123456789abcdef0123456789abcdef\r\n" E, NONE, 0)
	ACCEPT(G "A-name-of-more-than-thirty-two-bytes-in-all: v\r\n" E, NONE, 0)
	ACCEPT(G "Content-Lengt: 5\r\nContent-Lengthy: 6\r\nTransfer-Encodinh: x\r\n" E, NONE, 0)
	REFUSE("GET / HTTP/1.1\r\n Host: h\r\n\r\n", FIELD_SPACE_FIRST)
	REFUSE("GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", FIELD_SPACE_FIRST)
	REFUSE("GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n", FIELD_SPACE_FIRST)
	REFUSE(G "A: b\r\n c\r\n" E, FIELD_FOLDED)
	REFUSE(G "A: b\r\n\tc\r\n" E, FIELD_FOLDED)
	REFUSE(G " \r\n" E, FIELD_FOLDED)
	REFUSE(G "A: b\r\n \r\n" E, FIELD_FOLDED)
	REFUSE(G "Content-Length: 5\r\n 5\r\n" E, FIELD_FOLDED)
	REFUSE(G ": b\r\n" E, FIELD_NAME_EMPTY)
	REFUSE(G ":\r\n" E, FIELD_NAME_EMPTY)
	REFUSE(G "A : b\r\n" E, FIELD_NAME_SPACE)
	REFUSE(G "A\t: b\r\n" E, FIELD_NAME_SPACE)
	REFUSE(G "A b: c\r\n" E, FIELD_NAME_SPACE)
	REFUSE(G "Content-Length : 5\r\n" E, FIELD_NAME_SPACE)
	REFUSE(G "Transfer-Encoding : chunked\r\n" E, FIELD_NAME_SPACE)
	REFUSE(G "A(: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A\x01: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A\0: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "\0: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A\x80: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "\"A\": b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A[0]: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A@: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A{}: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A=: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "A\x7f: b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(G "no-colon\r\n" E, FIELD_NO_COLON)
	REFUSE(G "A: b\r\nno-colon\r\n" E, FIELD_NO_COLON)
	REFUSE(G "no-colon\n\n", FIELD_NO_COLON)
	REFUSE(G "A: b\0c\r\n" E, FIELD_BYTE)
	REFUSE(G "A: \x01\r\n" E, FIELD_BYTE)
	REFUSE(G "A: \x0b\r\n" E, FIELD_BYTE)
	REFUSE(G "A: \x0c\r\n" E, FIELD_BYTE)
	REFUSE(G "A: \x1f\r\n" E, FIELD_BYTE)
	REFUSE(G "A: \x7f\r\n" E, FIELD_BYTE)
	REFUSE(G "A: 0123456789abcdef\x08\r\n" E, FIELD_BYTE)
	REFUSE(G "A: b\rc\r\n" E, BARE_CR)
	REFUSE(G "A: b\r\r\n" E, BARE_CR)
	REFUSE(G "A: b\r" E E, BARE_CR)
	REFUSE(G "A: b\nC: d\r\n" E, BARE_LF)
	REFUSE(G "A: b\n\n", BARE_LF)
	REFUSE(G "A: b\r\n\n", BARE_LF)
	REFUSE(G "A: b\r\n\r\r\n", BARE_CR)
	REFUSE(G "A: b\nTransfer-Encoding: chunked\r\n" E, BARE_LF)
	/* --- Host --- */
	REFUSE("GET / HTTP/1.1\r\n\r\n", HOST_MISSING)
	REFUSE("GET / HTTP/1.1\r\nA: b\r\n\r\n", HOST_MISSING)
	REFUSE("GET http://h/ HTTP/1.1\r\n\r\n", HOST_MISSING)
	REFUSE("GET / HTTP/1.2\r\n\r\n", HOST_MISSING)
	REFUSE("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HOST_TWICE)
	REFUSE("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", HOST_TWICE)
	REFUSE("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", HOST_TWICE)
	REFUSE("GET / HTTP/1.1\r\nHost:\r\nHost: b\r\n\r\n", HOST_TWICE)
	ACCEPT("GET / HTTP/1.1\r\nHost:\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: a.b-c_d~e.example:80\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: h:\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: h:65535\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]:8080\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: [v1.a:b]\r\n\r\n", NONE, 0)
	ACCEPT("GET / HTTP/1.1\r\nHost: a%2Db\r\n\r\n", NONE, 0)
	REFUSE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: http://h\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h:80:80\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h:-1\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h:99999999999999999999\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: [abc]\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h\xc3\xa9\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h%\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h%gg\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET / HTTP/1.1\r\nHost: h?x\r\n\r\n", HOST_SYNTAX)
	REFUSE("GET http://h/ HTTP/1.1\r\nHost: a b\r\n\r\n", HOST_SYNTAX)
	/* --- Content-Length --- */
	ACCEPT(P "Content-Length: 0\r\n" E, LENGTH, 0)
	ACCEPT(P "Content-Length: 5\r\n" E, LENGTH, 5)
	ACCEPT(P "content-length:5\r\n" E, LENGTH, 5)
	ACCEPT(P "CONTENT-LENGTH: \t5\t \r\n" E, LENGTH, 5)
	ACCEPT(P "Content-Length: 007\r\n" E, LENGTH, 7)
	ACCEPT(P "Content-Length: 9223372036854775807\r\n" E, LENGTH, INT64_MAX)
	ACCEPT(P "Content-Length: 5\r\nContent-Length: 5\r\n" E, LENGTH, 5)
	ACCEPT(P "Content-Length: 5, 5\r\n" E, LENGTH, 5)
	ACCEPT(P "Content-Length: 5,5 ,5\r\n" E, LENGTH, 5)
	ACCEPT(G "Content-Length: 5\r\n" E, LENGTH, 5)
	ACCEPT("POST / HTTP/1.0\r\nContent-Length: 12\r\n\r\n", LENGTH, 12)
	ACCEPT(P E, NONE, 0)
	REFUSE(P "Content-Length:\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: -5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: +5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 0x5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5a\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: a5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5 5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5.0\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5;5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: \"5\"\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5,\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: ,5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5,,5\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 1e3\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 1_000\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: \xef\xbc\x95\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 5\r\nContent-Length:\r\n" E, LENGTH_SYNTAX)
	REFUSE(P "Content-Length: 9223372036854775808\r\n" E, LENGTH_OVERFLOW)
	REFUSE(P "Content-Length: 18446744073709551616\r\n" E, LENGTH_OVERFLOW)
	REFUSE(P "Content-Length: 99999999999999999999999999\r\n" E, LENGTH_OVERFLOW)
	REFUSE(P "Content-Length: 5\r\nContent-Length: 6\r\n" E, LENGTH_DIFFERS)
	REFUSE(P "Content-Length: 5, 6\r\n" E, LENGTH_DIFFERS)
	REFUSE(P "Content-Length: 5\r\nA: b\r\ncontent-length: 6\r\n" E, LENGTH_DIFFERS)
	REFUSE(P "Content-Length: 5,5\r\nContent-Length: 5,6\r\n" E, LENGTH_DIFFERS)
	REFUSE("TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", LENGTH_FORBIDDEN)
	REFUSE("CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", LENGTH_FORBIDDEN)
	/* --- Transfer-Encoding --- */
	ACCEPT(P "Transfer-Encoding: chunked\r\n" E, CHUNKED, 0)
	ACCEPT(P "transfer-encoding:CHUNKED\r\n" E, CHUNKED, 0)
	ACCEPT(P "Transfer-Encoding: \tChunked \r\n" E, CHUNKED, 0)
	ACCEPT(G "Transfer-Encoding: chunked\r\n" E, CHUNKED, 0)
	REFUSE(P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" E, LENGTH_AND_CODING)
	REFUSE(P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" E, LENGTH_AND_CODING)
	REFUSE(P "Content-Length: 0\r\nTransfer-Encoding: identity\r\n" E, LENGTH_AND_CODING)
	REFUSE(P "Content-Length: x\r\nTransfer-Encoding: x\r\n" E, LENGTH_AND_CODING)
	REFUSE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_OLD_VERSION)
	REFUSE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", CODING_OLD_VERSION)
	REFUSE(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E, CODING_TWICE)
	REFUSE(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" E, CODING_TWICE)
	REFUSE(P "Transfer-Encoding:\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: \"chunked\"\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: 'chunked' x\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: chunked;a=b\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: chun ked\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: \x80" "chunked\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: [chunked]\r\n" E, CODING_SYNTAX)
	REFUSE(P "Transfer-Encoding: chunked, chunked\r\n" E, CODING_NOT_FINAL)
	REFUSE(P "Transfer-Encoding: chunked, gzip\r\n" E, CODING_NOT_FINAL)
	REFUSE(P "Transfer-Encoding: chunked, identity\r\n" E, CODING_NOT_FINAL)
	REFUSE(P "Transfer-Encoding: gzip, chunked\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: gzip\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: identity\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: xchunked\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: chunkedx\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: ,chunked\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: chunked,\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: gzip;q=1, chunked\r\n" E, CODING_UNKNOWN)
	REFUSE(P "Transfer-Encoding: chunked\0\r\n" E, FIELD_BYTE)
	REFUSE(P "Transfer-Encoding: \x0b" "chunked\r\n" E, FIELD_BYTE)
	REFUSE(P "Transfer-Encoding:\r\n chunked\r\n" E, FIELD_FOLDED)
	REFUSE(P "Transfer-Encoding: chunked\r\n\x0b\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE("TRACE / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_FORBIDDEN)
	REFUSE("CONNECT h:1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_FORBIDDEN)
	/* --- Expect --- */
	ACCEPT(P "Expect: 100-continue\r\nContent-Length: 5\r\n" E, LENGTH, 5)
	ACCEPT(P "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n" E, CHUNKED, 0)
	REFUSE(P "Expect: 200-ok\r\nContent-Length: 5\r\n" E, EXPECTATION)
	REFUSE(P "Expect:\r\nContent-Length: 5\r\n" E, EXPECTATION)
};

/* clang-format on */

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* A copy of exactly n bytes, so that the address sanitizer sees a read behind them. */
static uint8_t *
exact(const void *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	return copy;
}

static enum http_verdict
parse(const void *bytes, uint32_t n, struct http_resume *resume, struct http_request *ret)
{
	uint8_t *copy = exact(bytes, n);
	enum http_verdict v = http_parse_request(slice_of(copy, n), &limits, resume, ret);

	free(copy); /* slices of ret are not looked at below */
	return v;
}

static void
check(const struct head_case *c, enum http_verdict v, const struct http_request *r, uint32_t n)
{
	enum http_verdict want = c->reason == HTTP_REASON_NONE ? HTTP_DONE : HTTP_REFUSED;

	if (v != want || r->reason != c->reason)
		print_error("verdict %d, reason \"%s\" (want \"%s\") for: %s\n", (int)v,
			    http_reason_name(r->reason), http_reason_name(c->reason), c->text);
	assert_int_equal(v, want);
	assert_int_equal(r->reason, c->reason);
	if (v != HTTP_DONE)
		return;
	assert_int_equal(r->head.head_n, n);
	if (r->head.framing != c->framing)
		print_error("framing %s for: %s\n", http_framing_name(r->head.framing), c->text);
	assert_int_equal(r->head.framing, c->framing);
	if (c->framing == HTTP_FRAMING_LENGTH)
		assert_int_equal(r->head.length, c->length);
}

#define EACH(c) (const struct head_case *c = cases; c < cases + sizeof(cases) / sizeof(*cases); c++)

static void
a_whole_head_gets_its_verdict(void **state)
{
	struct http_request r;

	(void)state;
	for
		EACH(c)
		{
			struct http_resume resume = { 0 };

			check(c, parse(c->text, c->n, &resume, &r), &r, c->n);
		}
	print_message("%zu request heads\n", sizeof(cases) / sizeof(*cases));
}

static void
bytes_behind_a_head_change_nothing(void **state)
{
	static const char behind[] = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n\0\xff and more";
	struct http_request r;

	(void)state;
	for
		EACH(c)
		{
			struct http_resume resume = { 0 };
			uint8_t joined[2048];

			memcpy(joined, c->text, c->n);
			memcpy(joined + c->n, behind, sizeof(behind));
			check(c, parse(joined, c->n + sizeof(behind), &resume, &r), &r, c->n);
		}
}

/* A refusal that comes early must be the one that the whole head gets. */
static void
a_head_cut_anywhere_gets_the_same_verdict(void **state)
{
	struct http_request r;

	(void)state;
	for
		EACH(c)
		{
			for (uint32_t cut = 0; cut < c->n; cut++) {
				struct http_resume resume = { 0 };
				enum http_verdict v = parse(c->text, cut, &resume, &r);

				assert_int_not_equal(v, HTTP_DONE);
				if (v == HTTP_NEED_MORE)
					v = parse(c->text, c->n, &resume, &r);
				check(c, v, &r, c->n);
			}
		}
}

static void
a_head_byte_by_byte_gets_the_same_verdict(void **state)
{
	struct http_request r;

	(void)state;
	for
		EACH(c)
		{
			struct http_resume resume = { 0 };
			enum http_verdict v = HTTP_NEED_MORE;

			for (uint32_t n = 1; n <= c->n && v == HTTP_NEED_MORE; n++)
				v = parse(c->text, n, &resume, &r);
			check(c, v, &r, c->n);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_head_gets_its_verdict),
		cmocka_unit_test(bytes_behind_a_head_change_nothing),
		cmocka_unit_test(a_head_cut_anywhere_gets_the_same_verdict),
		cmocka_unit_test(a_head_byte_by_byte_gets_the_same_verdict),
	};

	return cmocka_run_group_tests_name("http request", tests, NULL, NULL);
}
