/*
 * cmd_explain.c - penstockctl explain URL: what happens to this request, and why.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "ctl/ctl.h"
#include "ctl/explain.h"
#include "run/state.h"

static const char *
member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void
servers_print(const json_t *servers)
{
	const json_t *server;
	size_t i;

	json_array_foreach(servers, i, server)
		printf("%-10s%-12s %s:%lld  weight %lld  %s\n", i == 0 ? "servers" : "",
		       member(server, "name"), member(server, "address"),
		       (long long)json_integer_value(json_object_get(server, "port")),
		       (long long)json_integer_value(json_object_get(server, "weight")),
		       member(server, "fit"));
}

static void
answer_print(const json_t *answer)
{
	const json_t *pair;
	size_t i;

	printf("%-10s%s\n", "listener", member(answer, "listener"));
	if (json_object_get(answer, "farm") != NULL)
		printf("%-10s%s\n", "farm", member(answer, "farm"));
	servers_print(json_object_get(answer, "servers"));
	if (strcmp(member(answer, "action"), "error") == 0) {
		printf("%-10s%lld %s (%s)\n", "answer",
		       (long long)json_integer_value(json_object_get(answer, "status")),
		       member(answer, "reason"), member(answer, "cause"));
		return;
	}
	printf("%-10s%s\n", "sent on", member(answer, "url"));
	json_array_foreach(json_object_get(answer, "upstream_headers"), i, pair)
		printf("%-10s%s: %s\n", "", json_string_value(json_array_get(pair, 0)),
		       json_string_value(json_array_get(pair, 1)));
}

static int
usage_print(const struct ctl *ctl, json_t *answer)
{
	const json_t *name;
	size_t i;

	if (ctl->is_json) {
		ctl_print_json(answer);
		return CTL_USAGE;
	}
	fprintf(stderr, "penstockctl explain: %s\n", member(answer, "error"));
	json_array_foreach(json_object_get(answer, "listeners"), i, name)
		fprintf(stderr, "  %s\n", json_string_value(name));
	json_decref(answer);
	return CTL_USAGE;
}

static int
explain_show(const struct ctl *ctl, const struct explain_ask *ask)
{
	json_t *answer = NULL;

	if (explain(ask, &answer) == EXPLAIN_USAGE)
		return usage_print(ctl, answer);
	if (ctl->is_json) {
		ctl_print_json(answer);
		return CTL_DONE;
	}
	answer_print(answer);
	json_decref(answer);
	return CTL_DONE;
}

static int
explain_file(const struct ctl *ctl, struct explain_ask *ask, const char *path)
{
	struct conf_errs errs = { 0 };
	struct tables tables = { 0 };
	struct abi_fault fault;
	struct conf *conf = conf_open(path, &errs);
	char text[ABI_FAULT_TEXT_BYTES];
	void *bytes = NULL;
	size_t n = 0;
	int verdict;

	if (conf == NULL || !conf_build(conf, NULL, &bytes, &n, &errs)) {
		verdict = ctl_failed_conf(ctl, &errs);
	} else if (!tables_open_bytes(bytes, n, 0, &tables, &fault)) {
		verdict = ctl_failed(ctl, "%s: %s", path,
				     abi_fault_print(&fault, text, sizeof(text)));
	} else {
		ask->img = &tables.img;
		verdict = explain_show(ctl, ask);
	}
	tables_close(&tables);
	conf_close(conf);
	conf_errs_fini(&errs);
	return verdict;
}

static int
explain_running(const struct ctl *ctl, struct explain_ask *ask)
{
	const struct tables *tables;
	const char *why = NULL;
	struct state state;
	int verdict;

	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s (or give --config FILE)", ctl->run, why);
	tables = state_tables(&state);
	if (tables == NULL) {
		verdict =
			ctl_failed(ctl, "%s has no published tables; give --config FILE", ctl->run);
	} else {
		ask->img = &tables->img;
		ask->runtime = &state.runtime;
		verdict = explain_show(ctl, ask);
	}
	state_close(&state);
	return verdict;
}

/* Takes argv[*i] and its value. False: not an option of this verb, or without its value. */
static bool
option_take(int argc, char **argv, int *i, struct explain_ask *ask, const char **config)
{
	const char *name = argv[*i], *value;

	if (*i + 1 >= argc)
		return false;
	value = argv[*i + 1];
	if (strcmp(name, "--config") == 0)
		*config = value;
	else if (strcmp(name, "--listener") == 0)
		ask->listener = value;
	else if (strcmp(name, "-X") == 0)
		ask->method = value;
	else if (strcmp(name, "--target") == 0)
		ask->target = value;
	else if (strcmp(name, "-H") == 0 && ask->field_n < EXPLAIN_FIELDS_MAX)
		ask->field[ask->field_n++] = value;
	else if (strcmp(name, "--client") != 0 ||
		 value_endpoint(value, &ask->client, &ask->client_port) != VALUE_OK)
		return false;
	++*i;
	return true;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 10 };
	struct explain_ask ask = { .method = "GET",
				   .client = ip_from_v4(documentation),
				   .client_port = 50000 };
	const char *config = NULL;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			if (!option_take(argc, argv, &i, &ask, &config))
				return ctl_usage("explain",
						 "'%s' is not understood, or lacks its value",
						 argv[i]);
			continue;
		}
		if (ask.url != NULL)
			return ctl_usage("explain", "one URL at a time; '%s' is another", argv[i]);
		ask.url = argv[i];
	}
	if (ask.url == NULL)
		return ctl_usage("explain", "give a URL");
	return config != NULL ? explain_file(ctl, &ask, config) : explain_running(ctl, &ask);
}

const struct ctl_verb ctl_verb_explain = {
	.name = "explain",
	.args = "[--config FILE] [--listener NAME] [-X METHOD] [-H 'Name: value']… URL",
	.what = "tell what happens to a request, and why, without traffic",
	.help = "By the running tables, or by a file. Chooses the listener that fits the URL's\n"
		"port; several or none: exit code 2 with their names.\n\n"
		"  --config FILE       ask a configuration file\n"
		"  --listener NAME     ask this listener\n"
		"  -X METHOD           instead of GET\n"
		"  -H 'Name: value'    a header field, repeatable\n"
		"  --client ADDR:PORT  where the request comes from (192.0.2.10:50000)\n"
		"  --target RAW        the request target, byte for byte\n\n"
		"Example: penstockctl explain -H 'Accept: text/html' http://www.example.com/shop\n",
	.run = run,
};
