/*
 * cmd_server.c - penstockctl server drain|disable|enable FARM/SERVER: an override, until undone.
 */
#include <string.h>

#include "ctl/client.h"
#include "ctl/ctl.h"

/* The state that a word of the command line asks for; NULL: no such word. */
static const char *
state_of(const char *word)
{
	if (strcmp(word, "drain") == 0)
		return "drain";
	if (strcmp(word, "disable") == 0)
		return "disabled";
	return strcmp(word, "enable") == 0 ? "up" : NULL;
}

static int
change(const struct ctl *ctl, const char *state, const char *farm, const char *server)
{
	json_t *answer =
		client_order(ctl, json_pack("{s:s, s:s, s:s, s:s}", "verb", "server", "farm", farm,
					    "server", server, "state", state));

	if (answer == NULL)
		return CTL_FAILED;
	if (ctl->is_json) {
		ctl_print_json(answer);
		return CTL_DONE;
	}
	printf("%s/%s: %s (was %s)\n", farm, server, state,
	       json_string_value(json_object_get(answer, "was")));
	json_decref(answer);
	return CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const char *state;
	char *slash;

	if (argc != 3)
		return ctl_usage("server", "give drain, disable or enable, and FARM/SERVER");
	state = state_of(argv[1]);
	if (state == NULL)
		return ctl_usage("server", "'%s' is not drain, disable or enable", argv[1]);
	slash = strchr(argv[2], '/');
	if (slash == NULL)
		return ctl_usage("server", "'%s' is not FARM/SERVER", argv[2]);
	*slash = '\0';
	return change(ctl, state, argv[2], slash + 1);
}

const struct ctl_verb ctl_verb_server = {
	.name = "server",
	.args = "drain|disable|enable FARM/SERVER",
	.what = "take a server out of service, or back",
	.help = "  drain    it finishes what it has and gets nothing new\n"
		"  disable  as drain, and what it has is cut off\n"
		"  enable   as configured\n\n"
		"Lasts over apply and restarts until undone; penstockctl status lists it.\n\n"
		"Example: penstockctl server drain app/b\n",
	.run = run,
};
