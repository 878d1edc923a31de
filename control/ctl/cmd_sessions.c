/*
 * cmd_sessions.c - penstockctl sessions: who is connected, what each waits for, and how TCP is on
 * both sides.
 */
#include <string.h>

#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/filter.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL && text[0] != '\0' ? text : "-";
}

static const char *
age_text(const json_t *session, char text[32])
{
	long long ms = ctl_number(session, "age_ms");

	if (ms < 100000)
		snprintf(text, 32, "%lld.%llds", ms / 1000, ms / 100 % 10);
	else if (ms < 6000000)
		snprintf(text, 32, "%lldm", ms / 60000);
	else
		snprintf(text, 32, "%lldh", ms / 3600000);
	return text;
}

/* "GET /a", or "-" where there is no request. */
static const char *
request_text(const json_t *session, struct arena *arena)
{
	if (json_string_length(json_object_get(session, "method")) == 0)
		return "-";
	return arena_format(arena, "%s %s%s", text_of(session, "method"),
			    text_of(session, "target"),
			    ctl_number(session, "target_cut") > 0 ? ".." : "");
}

/* Of a client's first, in the order of the lanes; behind them those that wait in the pool. */
static void
rows_add(struct table *table, const json_t *list, bool of_pool, struct arena *arena)
{
	const json_t *session;
	size_t i;

	json_array_foreach(list, i, session)
	{
		char age[32];

		if ((strcmp(text_of(session, "phase"), "pool") == 0) != of_pool)
			continue;
		table_add(table, (const char *[]){
					 text_of(session, "id"),
					 text_of(session, "phase"),
					 arena_format(arena, "%s", age_text(session, age)),
					 text_of(json_object_get(session, "client_leg"), "remote"),
					 text_of(session, "server"),
					 request_text(session, arena),
				 });
	}
}

static void
rows_print(const json_t *list, struct arena *arena)
{
	static const struct table_column columns[] = {
		{ .head = "ID" },     { .head = "PHASE" },  { .head = "AGE", .is_number = true },
		{ .head = "CLIENT" }, { .head = "SERVER" }, { .head = "REQUEST", .is_cut = true },
	};
	struct table table;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	rows_add(&table, list, false, arena);
	rows_add(&table, list, true, arena);
	table_print(&table, stdout, terminal_size().columns);
	table_fini(&table);
}

/* What a leg that is not there, or a threshold that was never set, has instead of a number. */
static const char *
leg_number(const json_t *leg, const char *key, struct arena *arena)
{
	long long n = ctl_number(leg, key);

	if (!json_is_object(leg) || (n >= INT32_MAX && strcmp(key, "ssthresh") == 0))
		return "-";
	return arena_format(arena, "%lld", n);
}

static void
pair_print(const json_t *client, const json_t *server, const char *what, const char *key,
	   struct arena *arena)
{
	printf("  %-22s %22s %22s\n", what, leg_number(client, key, arena),
	       leg_number(server, key, arena));
}

static void
words_print(const json_t *client, const json_t *server, const char *what, const char *key)
{
	printf("  %-22s %22s %22s\n", what, text_of(client, key), text_of(server, key));
}

static const char *
trouble_of(const json_t *leg, struct arena *arena)
{
	const char *text =
		arena_format(arena, "%s%s%s",
			     json_is_true(json_object_get(leg, "recovering")) ? " recovering" : "",
			     json_is_true(json_object_get(leg, "timed_out")) ? " timeout" : "",
			     json_is_true(json_object_get(leg, "reordered")) ? " reordered" : "");

	return *text != '\0' ? text + 1 : "-";
}

static void
legs_print(const json_t *client, const json_t *server, struct arena *arena)
{
	static const char *const number[][2] = {
		{ "bytes in", "bytes_in" },
		{ "bytes out", "bytes_out" },
		{ "unread", "unread" },
		{ "queued", "queued" },
		{ "in flight", "in_flight" },
		{ "congestion window", "cwnd" },
		{ "slow start threshold", "ssthresh" },
		{ "send window", "send_window" },
		{ "receive window", "receive_window" },
		{ "segment size", "mss" },
		{ "round trip, us", "srtt_us" },
		{ "  its variation, us", "rttvar_us" },
		{ "  the least, us", "rtt_least_us" },
		{ "timer (RTO), us", "rto_us" },
		{ "sent again, segments", "retransmits" },
		{ "window shut, ms", "zero_window_ms" },
	};

	printf("  %-22s %22s %22s\n", "", "CLIENT", "SERVER");
	words_print(client, server, "remote", "remote");
	words_print(client, server, "local", "local");
	words_print(client, server, "TCP state", "tcp");
	words_print(client, server, "congestion control", "congestion");
	printf("  %-22s %22s %22s\n", "trouble", trouble_of(client, arena),
	       trouble_of(server, arena));
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		pair_print(client, server, number[i][0], number[i][1], arena);
}

static void
session_print(const json_t *session, struct arena *arena)
{
	char age[32];

	printf("session %s: %s, %s\n", text_of(session, "id"), text_of(session, "phase"),
	       age_text(session, age));
	printf("  request   %s\n", request_text(session, arena));
	printf("  host      %s\n", text_of(session, "host"));
	printf("  way       %s > %s > %s, tries %lld, status %lld\n\n",
	       text_of(session, "listener"), text_of(session, "farm"), text_of(session, "server"),
	       ctl_number(session, "tries"), ctl_number(session, "status"));
	legs_print(json_object_get(session, "client_leg"), json_object_get(session, "server_leg"),
		   arena);
}

static void
answer_print(const json_t *answer, bool shows_one)
{
	const json_t *list = json_object_get(answer, "sessions"), *session;
	struct arena arena = { 0 };
	size_t i;

	if (shows_one)
		json_array_foreach(list, i, session) session_print(session, &arena);
	else
		rows_print(list, &arena);
	if (json_is_true(json_object_get(answer, "more")))
		printf("there are more; --limit N shows up to N\n");
	arena_fini(&arena);
}

static int
ask(const struct ctl *ctl, json_t *request, const char *id)
{
	json_t *answer = client_order(ctl, request);
	long long silent;
	int verdict = CTL_DONE;

	if (answer == NULL)
		return CTL_FAILED;
	silent = ctl_number(answer, "silent_lanes");
	if (id != NULL && silent == 0 &&
	    json_array_size(json_object_get(answer, "sessions")) == 0) {
		verdict = ctl_failed(ctl, "there is no session %s any more", id);
	} else {
		if (ctl->is_json)
			ctl_print_json(json_incref(answer));
		else
			answer_print(answer, id != NULL);
		if (silent > 0) {
			fprintf(stderr, "penstockctl: %lld of %lld lanes did not answer in time\n",
				silent, ctl_number(answer, "lanes"));
			verdict = CTL_FAILED;
		}
	}
	json_decref(answer);
	return verdict;
}

/* The options of a list. NULL: usage, told. */
static json_t *
request_of(int argc, char **argv, int from, bool *ret_is_sure)
{
	json_t *request = json_pack("{s:s}", "verb", "sessions");
	uint64_t n;

	for (int i = from; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		enum filter_verdict verdict;

		if (ret_is_sure != NULL && strcmp(argv[i], "--yes") == 0) {
			*ret_is_sure = true;
			continue;
		}
		verdict = filter_put("sessions", request, argv[i], value);
		if (verdict == FILTER_UNKNOWN && strcmp(argv[i], "--limit") == 0 && value != NULL) {
			verdict = FILTER_TAKEN;
			if (ret_is_sure != NULL) {
				ctl_usage("sessions", "--limit is of what is shown; kill ends all "
						      "that fit");
				verdict = FILTER_WRONG;
			} else if (value_number(value, &n) != VALUE_OK || n == 0 || n > INT32_MAX) {
				ctl_usage("sessions", "--limit %s: not a number from 1 on", value);
				verdict = FILTER_WRONG;
			} else {
				json_object_set_new(request, "limit", json_integer((json_int_t)n));
			}
		}
		if (verdict == FILTER_TAKEN) {
			i++;
			continue;
		}
		if (verdict == FILTER_UNKNOWN)
			ctl_usage("sessions", "'%s' is not an option of it, or lacks its value",
				  argv[i]);
		json_decref(request);
		return NULL;
	}
	return request;
}

/* ---- sessions kill ---- */

static int
killed_print(const struct ctl *ctl, json_t *answer)
{
	long long n, silent;

	if (answer == NULL)
		return CTL_FAILED;
	n = ctl_number(answer, "killed");
	silent = ctl_number(answer, "silent_lanes");
	if (ctl->is_json) {
		ctl_print_json(json_incref(answer));
	} else {
		answer_print(answer, false);
		printf("killed: %lld\n", n);
	}
	if (silent > 0)
		fprintf(stderr,
			"penstockctl: %lld of %lld lanes did not answer in time; they may go on "
			"with it\n",
			silent, ctl_number(answer, "lanes"));
	json_decref(answer);
	return silent > 0 ? CTL_FAILED : CTL_DONE;
}

/*
 * How many it is that the filter fits. The one that it is must have an id to be named by, and is
 * killed only if the filter still fits: it may be at another request by then.
 */
static int
kill_if_one(const struct ctl *ctl, json_t *request)
{
	json_t *order = json_copy(request), *found = client_order(ctl, request), *one;
	size_t n = json_array_size(json_object_get(found, "sessions"));
	const char *id;

	if (found == NULL) {
		json_decref(order);
		return CTL_FAILED;
	}
	one = json_array_get(json_object_get(found, "sessions"), 0);
	id = json_string_value(json_object_get(one, "id"));
	if (n == 1 && id != NULL && !json_is_true(json_object_get(found, "more")) &&
	    ctl_number(found, "silent_lanes") == 0) {
		json_t *answer;

		json_object_set_new(order, "verb", json_string("kill"));
		json_object_set_new(order, "id", json_string(id));
		answer = client_order(ctl, order);
		json_decref(found);
		return killed_print(ctl, answer);
	}
	json_decref(order);
	if (ctl_number(found, "silent_lanes") > 0)
		ctl_failed(ctl, "%lld of %lld lanes did not answer in time: %zu that fit are known",
			   ctl_number(found, "silent_lanes"), ctl_number(found, "lanes"), n);
	else if (n == 0)
		ctl_failed(ctl, "no session fits");
	else
		ctl_failed(ctl,
			   "%zu%s sessions fit; look at them with sessions, and kill all with "
			   "--yes",
			   n, json_is_true(json_object_get(found, "more")) ? " or more" : "");
	json_decref(found);
	return CTL_FAILED;
}

static int
kill_id(const struct ctl *ctl, const char *id)
{
	json_t *request = json_pack("{s:s, s:s}", "verb", "kill", "id", id), *answer;

	if (request == NULL)
		return ctl_usage("sessions", "'%s' is no ID", id);
	answer = client_order(ctl, request);
	if (answer != NULL && ctl_number(answer, "killed") == 0 &&
	    ctl_number(answer, "silent_lanes") == 0) {
		json_decref(answer);
		return ctl_failed(ctl, "there is no session %s any more", id);
	}
	return killed_print(ctl, answer);
}

/* kill ID, which needs no --yes but may have it. NULL: a filter, or nothing. */
static const char *
id_of(int argc, char **argv)
{
	int at = argc > 2 && strcmp(argv[2], "--yes") == 0 ? 3 : 2;
	bool is_alone = argc == 3 || (argc == 4 && (at == 3 || strcmp(argv[3], "--yes") == 0));

	return is_alone && at < argc && strncmp(argv[at], "--", 2) != 0 ? argv[at] : NULL;
}

static int
run_kill(const struct ctl *ctl, int argc, char **argv)
{
	bool is_sure = false;
	json_t *request;

	if (id_of(argc, argv) != NULL)
		return kill_id(ctl, id_of(argc, argv));
	request = request_of(argc, argv, 2, &is_sure);
	if (request == NULL)
		return CTL_USAGE;
	if (json_object_size(request) == 1) {
		json_decref(request);
		return ctl_usage("sessions", "kill takes the ID of a session, or a filter");
	}
	if (!is_sure)
		return kill_if_one(ctl, request);
	json_object_set_new(request, "verb", json_string("kill"));
	json_object_set_new(request, "all", json_true());
	return killed_print(ctl, client_order(ctl, request));
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	json_t *request;

	if (argc > 1 && strcmp(argv[1], "kill") == 0)
		return run_kill(ctl, argc, argv);
	if (argc > 1 && strcmp(argv[1], "show") == 0) {
		if (argc != 3)
			return ctl_usage("sessions", "show takes the ID of one session");
		request = json_pack("{s:s, s:s}", "verb", "sessions", "id", argv[2]);
		if (request == NULL)
			return ctl_usage("sessions", "'%s' is no ID", argv[2]);
		return ask(ctl, request, argv[2]);
	}
	request = request_of(argc, argv, 1, NULL);
	return request != NULL ? ask(ctl, request, NULL) : CTL_USAGE;
}

const struct ctl_verb ctl_verb_sessions = {
	.name = "sessions",
	.args = "[FILTER ...] [--limit N] | show ID | kill {ID | FILTER ...} [--yes]\n"
		"    FILTER: [--client ADDR] [--server ADDR] [--url PREFIX] [--listener NAME]\n"
		"    [--farm NAME] [--older-than TIME] [--phase WORD]",
	.what = "print connections, what they wait for, TCP on both sides; end them",
	.help = FILTER_HELP
	"  --limit N           no more than N are shown (100)\n"
	"  show ID             one session, with TCP's state towards client and server\n"
	"  kill ID             reset it on both sides, now; the access log says why\n"
	"  kill --url /x ...   the one session that fits; with --yes all that fit\n\n"
	"PHASE says what it waits for: idle (a request), head (the rest of one), dial,\n"
	"send (the rest of a body), wait (the response), relay (its rest), rest, tunnel,\n"
	"close, pool (a server's connection that waits for its next request).\n\n"
	"Example: penstockctl sessions --url /owa/ --older-than 30s\n",
	.run = run,
};
