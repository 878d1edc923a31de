/*
 * test_orders.c - what control's log says of orders: who gave them, what they were, and what became
 * of them; and of questions nothing.
 */
#include "world.h"

/* The request's lines in the log. */
static const char *
log_of(struct world *w, json_t *request)
{
	struct said said = said_begin(w);

	json_decref(ask(w, request));
	return said_end(said);
}

/* One line, of this user and this process. */
static void
is_line(const char *text, const char *result_and_request)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted), "penstock-control: order of uid %u, pid %u %s\n",
		 (unsigned)getuid(), (unsigned)getpid(), result_and_request);
	assert_string_equal(text, wanted);
}

static void
orders_are_told_with_who_what_and_result(void **state)
{
	struct world *w = *state;

	control_start(w);
	is_line(log_of(w,
		       json_pack("{s:s, s:s, s:i}", "verb", "tune", "key", "burst", "value", 16)),
		"is done: {\"verb\":\"tune\",\"key\":\"burst\",\"value\":16}");
	is_line(log_of(w, json_pack("{s:s, s:i, s:n}", "verb", "lane", "lane", 1, "cpu")),
		"is done: {\"verb\":\"lane\",\"lane\":1,\"cpu\":null}");
	is_line(log_of(w, json_pack("{s:s, s:i, s:b}", "verb", "core", "cpu", 5, "runs", 0)),
		"is refused, \"processor 5 runs no lanes; penstockctl cores lists those that do\": "
		"{\"verb\":\"core\",\"cpu\":5,\"runs\":false}");
	is_line(log_of(w, json_pack("{s:s, s:s, s:s, s:s}", "verb", "server", "farm", "app",
				    "server", "a", "state", "drain")),
		"is done: {\"verb\":\"server\",\"farm\":\"app\",\"server\":\"a\",\"state\":"
		"\"drain\"}");
	is_line(log_of(w, json_pack("{s:s, s:s}", "verb", "kill", "id", "0-1")),
		"is refused, \"no data plane runs: there are no sessions\": "
		"{\"verb\":\"kill\",\"id\":\"0-1\"}");
}

/* Names are the client's: none of them begins a line of the log. */
static void
no_order_forges_a_line(void **state)
{
	struct world *w = *state;

	control_start(w);
	is_line(log_of(w, json_pack("{s:s, s:s, s:s, s:s}", "verb", "server", "farm", "x\ny",
				    "server", "a", "state", "up")),
		"is refused, \"there is no farm 'x\\ny'\": {\"verb\":\"server\",\"farm\":"
		"\"x\\ny\",\"server\":\"a\",\"state\":\"up\"}");
}

static void
questions_are_not_told(void **state)
{
	struct world *w = *state;

	control_start(w);
	assert_string_equal(log_of(w, json_pack("{s:s}", "verb", "status")), "");
	assert_string_equal(log_of(w, json_pack("{s:s}", "verb", "sessions")), "");
	assert_string_equal(log_of(w, json_pack("{s:s}", "verb", "dance")), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(orders_are_told_with_who_what_and_result),
		TEST(no_order_forges_a_line),
		TEST(questions_are_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
