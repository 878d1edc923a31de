/*
 * cmd_explain.c - penstockctl explain URL: what happens to this request, and why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/conf.h"
#include "conf/value.h"
#include "ctl/answer_text.h"
#include "ctl/ctl.h"
#include "ctl/explain.h"
#include "ctl/webconfig.h"
#include "run/state.h"

enum {
	RESPONSE_BYTES_MAX = 256 << 20
};

/* What is asked, and of what. */
struct asked {
	struct explain_ask ask;
	const char *config;
	struct iis_files files; /* web_config or app_host */
	const char *response;	/* a path */
};

static int
refused_print(const struct ctl *ctl, json_t *answer, int code)
{
	const json_t *name;
	size_t i;

	if (ctl->is_json) {
		ctl_print_json(answer);
		return code;
	}
	fprintf(stderr, "penstockctl explain: %s\n",
		json_string_value(json_object_get(answer, "error")));
	json_array_foreach(json_object_get(answer, "listeners"), i, name)
		fprintf(stderr, "  %s\n", json_string_value(name));
	json_decref(answer);
	return code;
}

/* warns: said when the files were read; NULL: none were. */
static int
explain_show(const struct ctl *ctl, const struct explain_ask *ask, const struct conf_errs *warns)
{
	json_t *answer = NULL;

	switch (explain(ask, &answer)) {
	case EXPLAIN_USAGE:
		return refused_print(ctl, answer, CTL_USAGE);
	case EXPLAIN_BROKEN:
		return refused_print(ctl, answer, CTL_FAILED);
	case EXPLAINED:
		break;
	}
	if (ctl->is_json) {
		if (warns != NULL && warns->n > 0)
			json_object_set_new(answer, "warnings", ctl_errs_json(warns));
		ctl_print_json(answer);
		return CTL_DONE;
	}
	if (warns != NULL)
		conf_errs_print(warns, stderr);
	answer_print(answer);
	json_decref(answer);
	return CTL_DONE;
}

/* ---- of what ---- */

static int
explain_file(const struct ctl *ctl, struct asked *asked)
{
	const struct conf_build_ask how = { .wants_databases = true };
	struct conf_errs errs = { 0 };
	struct conf_image image = { 0 };
	struct tables tables = { 0 };
	struct abi_fault fault;
	struct conf *conf = conf_open(asked->config, &errs);
	struct rules_blob *blob = NULL;
	char text[ABI_FAULT_TEXT_BYTES];
	int verdict;

	if (conf == NULL || !conf_build_image(conf, &how, &image, &errs)) {
		verdict = ctl_failed_conf(ctl, &errs);
	} else {
		size_t n = image.n;

		if (!tables_open_bytes(conf_image_take(&image), n, 0, &tables, &fault)) {
			verdict = ctl_failed(ctl, "%s: %s", asked->config,
					     abi_fault_print(&fault, text, sizeof(text)));
		} else {
			blob = blobs_of(&image.program, &tables.img);
			asked->ask.img = &tables.img;
			asked->ask.blob = blob;
			verdict = explain_show(ctl, &asked->ask, &conf->warns);
		}
	}
	free(blob);
	tables_close(&tables);
	conf_image_fini(&image);
	conf_close(conf);
	conf_errs_fini(&errs);
	return verdict;
}

static int
explain_iis(const struct ctl *ctl, struct asked *asked)
{
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct webconfig webconfig = { 0 };
	int verdict;

	if (!webconfig_open(&asked->files, &webconfig, &errs, &warns)) {
		verdict = ctl_failed_conf(ctl, &errs);
	} else {
		asked->ask.img = &webconfig.tables.img;
		asked->ask.blob = webconfig.blob;
		asked->ask.is_alone = true;
		verdict = explain_show(ctl, &asked->ask, &warns);
	}
	webconfig_close(&webconfig);
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	return verdict;
}

static int
explain_running(const struct ctl *ctl, struct asked *asked)
{
	char text[ABI_FAULT_TEXT_BYTES];
	struct abi_fault fault;
	const struct tables *tables;
	struct rules_blob *blob = NULL;
	const char *why = NULL;
	struct state state;
	int verdict;

	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s (or give --config FILE)", ctl->run, why);
	tables = state_tables(&state);
	if (tables == NULL) {
		verdict =
			ctl_failed(ctl, "%s has no published tables; give --config FILE", ctl->run);
	} else if (!tables_blobs_read(tables, state.control_fd, &blob, &fault)) {
		verdict = ctl_failed(ctl, "%s: what the tables need cannot be read: %s", ctl->run,
				     abi_fault_print(&fault, text, sizeof(text)));
	} else {
		asked->ask.img = &tables->img;
		asked->ask.blob = blob;
		asked->ask.runtime = &state.runtime;
		verdict = explain_show(ctl, &asked->ask, NULL);
		tables_blobs_free(tables, blob);
	}
	state_close(&state);
	return verdict;
}

/* ---- the response ---- */

/* All of a file, to free; NULL: it cannot be read, or is too large. */
static void *
file_read(const char *path, size_t *ret_n)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t n = 0, room = 1 << 16;
	char *bytes;

	if (file == NULL)
		return NULL;
	bytes = malloc(room);
	ensure(bytes != NULL);
	while (!feof(file) && !ferror(file) && n < RESPONSE_BYTES_MAX) {
		if (n == room) {
			room *= 2;
			bytes = realloc(bytes, room);
			ensure(bytes != NULL);
		}
		n += fread(bytes + n, 1, room - n, file);
	}
	if (ferror(file) || n >= RESPONSE_BYTES_MAX) {
		errno = ferror(file) ? EIO : EFBIG;
		free(bytes);
		bytes = NULL;
	}
	if (file != stdin)
		fclose(file);
	*ret_n = n;
	return bytes;
}

static int
explain_asked(const struct ctl *ctl, struct asked *asked)
{
	bool is_iis = asked->files.web_config != NULL || asked->files.app_host != NULL;
	void *response = NULL;
	int verdict;

	if (asked->response != NULL) {
		response = file_read(asked->response, &asked->ask.response_n);
		if (response == NULL)
			return ctl_failed(ctl, "%s: %s", asked->response, strerror(errno));
		asked->ask.response = response;
	}
	verdict = is_iis		  ? explain_iis(ctl, asked)
		  : asked->config != NULL ? explain_file(ctl, asked)
					  : explain_running(ctl, asked);
	free(response);
	return verdict;
}

/* ---- options ---- */

/* Takes argv[*i] and its value. False: not an option of this verb, or without its value. */
static bool
option_take(int argc, char **argv, int *i, struct asked *asked)
{
	struct explain_ask *ask = &asked->ask;
	const struct {
		const char *name;
		const char **to;
	} text[] = {
		{ "--config", &asked->config },
		{ "--web-config", &asked->files.web_config },
		{ "--app-host", &asked->files.app_host },
		{ "--site-path", &asked->files.site_path },
		{ "--response", &asked->response },
		{ "--listener", &ask->listener },
		{ "--target", &ask->target },
		{ "-X", &ask->method },
	};
	const char *name = argv[*i], *value;

	if (*i + 1 >= argc)
		return false;
	value = argv[++*i];
	for (size_t k = 0; k < sizeof(text) / sizeof(text[0]); k++)
		if (strcmp(name, text[k].name) == 0) {
			*text[k].to = value;
			return true;
		}
	if (strcmp(name, "-H") == 0 && ask->field_n < EXPLAIN_FIELDS_MAX) {
		ask->field[ask->field_n++] = value;
		return true;
	}
	return strcmp(name, "--client") == 0 &&
	       value_endpoint(value, &ask->client, &ask->client_port) == VALUE_OK;
}

/* Options that say nothing together; NULL: they go. */
static const char *
contradiction(const struct asked *asked)
{
	bool is_iis = asked->files.web_config != NULL || asked->files.app_host != NULL;

	if (asked->ask.url == NULL)
		return "give a URL";
	if (!explain_is_url(asked->ask.url))
		return "that is no URL; write for example http://www.example.com/path";
	for (uint32_t i = 0; i < asked->ask.field_n; i++)
		if (strpbrk(asked->ask.field[i], "\r\n") != NULL)
			return "a header of -H has a line break; give each its own -H";
	if (is_iis && (asked->config != NULL || asked->ask.listener != NULL))
		return "--web-config and --app-host stand alone, without --config or --listener";
	if (!is_iis && asked->files.site_path != NULL)
		return "--site-path goes with --web-config";
	return NULL;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 10 };
	struct asked asked = { .ask = { .method = "GET",
					.client = ip_from_v4(documentation),
					.client_port = 50000 } };

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (word[0] == '-' && !option_take(argc, argv, &i, &asked))
			return ctl_usage("explain", "'%s' is not understood, or lacks its value%s",
					 word,
					 strcmp(word, "--client") == 0
						 ? "; it takes ADDR:PORT, as 192.0.2.10:50000 or "
						   "[2001:db8::10]:50000"
						 : "");
		if (word[0] == '-')
			continue;
		if (asked.ask.url != NULL)
			return ctl_usage("explain", "one URL at a time; '%s' is another", word);
		asked.ask.url = word;
	}
	if (contradiction(&asked) != NULL)
		return ctl_usage("explain", "%s", contradiction(&asked));
	return explain_asked(ctl, &asked);
}

const struct ctl_verb ctl_verb_explain = {
	.name = "explain",
	.args = "[--config FILE [--listener NAME] | --web-config FILE [--app-host FILE] "
		"[--site-path /PATH]]\n"
		"    [-X METHOD] [-H 'Name: value']… [--client ADDR:PORT] [--target RAW] "
		"[--response FILE] URL",
	.what = "tell what happens to a request, and why, without traffic",
	.help = "By the running tables, or by a file. Chooses the listener that fits the URL's\n"
		"port; several or none: exit code 2 with their names. A configuration that\n"
		"cannot load: exit code 1 with its errors. A file's patterns are\n"
		"compiled first, as penstock-control does: seconds where there are thousands.\n\n"
		"  --config FILE       ask a configuration file\n"
		"  --listener NAME     ask this listener\n"
		"  --web-config FILE   ask the rules of a web.config; farms need not exist\n"
		"  --app-host FILE     ... and those of an applicationHost.config\n"
		"  --site-path /PATH   the folder where the web.config lies (/)\n"
		"  -X METHOD           instead of GET\n"
		"  -H 'Name: value'    a header field, repeatable\n"
		"  --client ADDR:PORT  where the request comes from (192.0.2.10:50000)\n"
		"  --target RAW        the request target, byte for byte\n"
		"  --response FILE     a raw HTTP/1.1 response (- is standard input): what\n"
		"                      outbound rules make of it\n\n"
		"Example: penstockctl explain -H 'Accept: text/html' http://www.example.com/shop\n",
	.run = run,
};
