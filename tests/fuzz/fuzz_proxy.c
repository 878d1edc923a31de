/*
 * fuzz_proxy.c - a client and a server that say anything in any order, pieces of right messages
 * above all, and hang up, reset, refuse and wait whenever they like; half of the time past rules.
 * The proxy must meet no broken invariant and give every buffer back.
 */
#include "made.h"
#include "stand.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const client_words[] = {
	"GET / HTTP/1.1\r\nHost: h\r\n",
	"POST /a HTTP/1.1\r\nHost: h\r\n",
	"HEAD / HTTP/1.1\r\nHost: h\r\n",
	"GET / HTTP/1.0\r\n",
	"Content-Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Expect: 100-continue\r\n",
	"Connection: close\r\n",
	"Connection: keep-alive\r\n",
	"Connection: upgrade\r\nUpgrade: x\r\n",
	"\r\n",
	"hello",
	"5\r\nhello\r\n",
	"5;a=b\r\nhel",
	"0\r\n\r\n",
	"0\r\nT: 1\r\n\r\n",
};

static const char *const rule_words[] = {
	"GET /to/a?b HTTP/1.1\r\nHost: h\r\n",	   "POST /app/a HTTP/1.1\r\nHost: h\r\n",
	"GET /old/%2f%41 HTTP/1.1\r\nHost: h\r\n", "GET /no HTTP/1.1\r\nHost: h\r\n",
	"HEAD /no HTTP/1.1\r\nHost: h\r\n",	   "GET /bad HTTP/1.1\r\nHost: h\r\n",
	"GET /set?%0d HTTP/1.1\r\nHost: h\r\n",	   "GET /%zz HTTP/1.1\r\nHost: h\r\n",
};

static const struct made_rule rules[] = {
	{ "to", "^to/(.*)", IMG_ACTION_REWRITE, "/{1}", .receive_ns = 1 * S,
	  .set = { { IMG_SET_REQUEST_FIELD, "x-new", "{1}" },
		   { IMG_SET_RESPONSE_FIELD, "x-s", "y" } } },
	{ "app", "^app/(.*)", IMG_ACTION_REWRITE, "http://app/{1}",
	  .flags = IMG_RULE_LOG_REWRITTEN },
	{ "old", "^old/(.*)", IMG_ACTION_REDIRECT, "/new/{1}", .status = 302 },
	{ "no", "^no", IMG_ACTION_RESPOND, .status = 403, .reason = "No", .body = "no" },
	{ "bad", "^bad", IMG_ACTION_ABORT },
	{ "set", "^set", IMG_ACTION_NONE, .set = { { IMG_SET_REQUEST_FIELD, "x-q", "{q}" } } },
	{ NULL },
};

static const struct made_out outs[] = {
	{ "len", "content-length", ".*", "7" },
	{ "up", "upgrade", "(.*)", "{1}y" },
	{ NULL },
};

static const char *const origin_words[] = {
	"HTTP/1.1 200 OK\r\n",
	"HTTP/1.0 200 OK\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
	"HTTP/1.1 204 No\r\n",
	"HTTP/1.1 304 No\r\n",
	"Content-Length: 5\r\n",
	"Content-Length: 0\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Connection: close\r\n",
	"\r\n",
	"hello",
	"5\r\nhello\r\n",
	"3\r\nab",
	"0\r\n\r\n",
	"0\r\nT: 1\r\n\r\n",
};

static void
wait_a_while(struct stand *s, uint8_t how)
{
	static const uint64_t wait_ns[] = { 100000, 1 * MS, 50 * MS, 1 * S, 6 * S, 35 * S };

	run(s, wait_ns[how % 6]);
}

static bool
can_say(const struct stand *s, const struct peer *p)
{
	return p != NULL && !p->is_gone && tcp_is_live(s->peer_side.tcp, p->id);
}

static void
say_word(struct stand *s, struct peer *p, const char *word)
{
	say_bytes(s, p, word, strlen(word));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c = NULL, *o = NULL;
	uint32_t listening = 1;

	u.conns_max = 64;
	u.exchanges_max = 16;
	u.bufs_max = 512;
	u.peer_bufs_max = 1024;
	u.server_n = 2;
	if (n > 0 && (data[0] & 32) != 0) {
		made = rules;
		made_out = outs;
		u.rules = made_build;
	}
	s = stand_open(&u);
	for (size_t i = 0; i + 1 < n && i < 160; i += 2) {
		uint8_t what = data[i] % 16, how = data[i + 1];

		if (what < 5 && (c == NULL || !can_say(s, c) || how == 255) && s->peer_n + 8 < 60) {
			c = client(s);
			run(s, 1 * MS);
		}
		while (origin_waits(s))
			o = origin(s);
		if (what < 5 && can_say(s, c) && c->is_open)
			say_word(s, c, how < 128 ? client_words[how % 16] : rule_words[how % 8]);
		else if (what >= 5 && what < 11 && can_say(s, o))
			say_word(s, o, origin_words[how % 16]);
		else if (what == 11)
			wait_a_while(s, how);
		else if (what == 12 && can_say(s, c) && c->is_open)
			how % 2 == 0 ? hang_up(s, c) : cut(s, c);
		else if (what == 13 && can_say(s, o))
			how % 2 == 0 ? hang_up(s, o) : cut(s, o);
		else if (what == 14 && can_say(s, c) && c->is_open)
			say_bytes(s, c, &data[i], n - i < how ? n - i : how);
		else if (what == 15) {
			origin_listen(s, 1, listening == 0);
			listening = !listening;
		}
		if ((data[i] & 16) != 0)
			run(s, 200000);
	}
	run(s, 200 * S);
	stand_close(s);
	return 0;
}
