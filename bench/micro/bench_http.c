/*
 * bench_http.c - ticks per head: parsing and emitting requests and responses of usual sizes.
 *
 * Heads are read from several copies, so that they come from the first-level cache but branch
 * history is not one head's alone. Budgets: 450 cycles for a request head of 250 bytes, 300 for a
 * response head of 200, 300 for an edit with emission.
 */
#include <string.h>

#include "http/http.h"
#include "micro/bench.h"

enum {
	HEADS = 1000, /* per round */
};

/* 253 bytes: what a load generator or a service client sends. */
static const char request_usual[] = "GET /api/v2/items/4711?expand=owner HTTP/1.1\r\n"
				    "Host: www.example.com\r\n"
				    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench/1.0\r\n"
				    "Accept: application/json, text/plain, */*\r\n"
				    "Accept-Encoding: gzip, deflate\r\n"
				    "Cookie: session=0123456789abcdef\r\n"
				    "Connection: keep-alive\r\n"
				    "\r\n";

static const char request_small[] = "GET / HTTP/1.1\r\n"
				    "Host: 10.0.0.1\r\n"
				    "\r\n";

static const char request_browser[] =
	"GET /portal/content/page.aspx?id=12345&view=full&lang=en-GB HTTP/1.1\r\n"
	"Host: portal.example.com\r\n"
	"Connection: keep-alive\r\n"
	"Cache-Control: max-age=0\r\n"
	"sec-ch-ua: \"Chromium\";v=\"118\", \"Not=A?Brand\";v=\"99\"\r\n"
	"sec-ch-ua-mobile: ?0\r\n"
	"sec-ch-ua-platform: \"Windows\"\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
	"(KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
	"*/*;q=0.8\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-User: ?1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Referer: https://portal.example.com/portal/default.aspx\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
	"Cookie: FedAuth=77u/PD94bWwgdmVyc2lvbj0iMS4wIiBlbmNvZGluZz0idXRmLTgiPz48U1A; "
	"WSS_FullScreenMode=false; theme=dark\r\n"
	"\r\n";

/* 203 bytes. */
static const char response_usual[] = "HTTP/1.1 200 OK\r\n"
				     "Server: nginx/1.22.1\r\n"
				     "Date: Sat, 21 Nov 2026 08:00:00 GMT\r\n"
				     "Content-Type: application/json\r\n"
				     "Content-Length: 64\r\n"
				     "Connection: keep-alive\r\n"
				     "ETag: \"655c7e2a-40\"\r\n"
				     "Cache-Control: no-cache\r\n"
				     "\r\n";

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

enum {
	COPIES = 8,
	ROOM = 4096,
};

static uint8_t copy[COPIES][ROOM];
static uint8_t out_bytes[ROOM];
static struct http_request request;
static struct http_response response;
static uint32_t head_n; /* bytes of each copy */

static void
parse_request_once(uint32_t i)
{
	struct http_resume resume = { 0 };

	if (http_parse_request(slice_of(copy[i % COPIES], head_n), &limits, &resume, &request) !=
	    HTTP_DONE)
		bench_die(http_reason_name(request.reason));
}

static void
parse_requests(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		parse_request_once(i);
}

static void
parse_response_once(uint32_t i)
{
	struct http_resume resume = { 0 };

	if (http_parse_response(slice_of(copy[i % COPIES], head_n), &limits, &resume,
				HTTP_METHOD_GET, &response) != HTTP_DONE)
		bench_die(http_reason_name(response.reason));
}

static void
parse_responses(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		parse_response_once(i);
}

static void
emit_requests(uint32_t n)
{
	const struct http_request_out out = {
		.request = &request,
		.framing = request.head.framing,
		.length = request.head.length,
		.keep_alive = true,
		.via = SLICE("penstock"),
		.xff = HTTP_FORWARD_APPEND,
		.client = SLICE("192.0.2.7"),
	};

	for (uint32_t i = 0; i < n; i++)
		if (http_emit_request(&out, out_bytes, ROOM) > ROOM)
			bench_die("no room");
}

static void
emit_responses(uint32_t n)
{
	const struct http_response_out out = {
		.response = &response,
		.framing = response.head.framing,
		.length = response.head.length,
		.keep_alive = true,
		.client_minor = 1,
		.via = SLICE("penstock"),
	};

	for (uint32_t i = 0; i < n; i++)
		if (http_emit_response(&out, out_bytes, ROOM) > ROOM)
			bench_die("no room");
}

static void
heads_of(const char *text, uint32_t n)
{
	head_n = n;
	for (uint32_t i = 0; i < COPIES; i++)
		memcpy(copy[i], text, n);
}

/* Emission has what parsing left, whether or not --only asked for that. */
static void
measure_request(const char *text, uint32_t n, const char *parse, const char *emit)
{
	heads_of(text, n);
	bench_run(parse, HEADS, NULL, parse_requests);
	parse_request_once(0);
	bench_run(emit, HEADS, NULL, emit_requests);
}

static void
measure_response(const char *text, uint32_t n, const char *parse, const char *emit)
{
	heads_of(text, n);
	bench_run(parse, HEADS, NULL, parse_responses);
	parse_response_once(0);
	bench_run(emit, HEADS, NULL, emit_responses);
}

#define TEXT(text) text, sizeof(text) - 1

int
main(int argc, char **argv)
{
	bench_open("bench_http", argc, argv);
	measure_request(TEXT(request_small), "http/parse-request-small", "http/emit-request-small");
	measure_request(TEXT(request_usual), "http/parse-request-usual", "http/emit-request-usual");
	measure_request(TEXT(request_browser), "http/parse-request-browser",
			"http/emit-request-browser");
	measure_response(TEXT(response_usual), "http/parse-response-usual",
			 "http/emit-response-usual");
	return bench_close();
}
