/*
 * cmd_completion.c - penstockctl completion bash: what a shell needs to complete the verbs and
 * their words. Made from the table of verbs: the words of their `args`, so that no second list
 * is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "ctl/ctl.h"

static const struct ctl_verb *const verbs[] = {
#define X(name) &ctl_verb_##name,
	CTL_VERBS(X)
#undef X
};

enum {
	VERBS_N = sizeof(verbs) / sizeof(verbs[0])
};

/*
 * Of "drain|disable FARM [--set NAME] [-o OUT]" the words that are typed as they stand: options
 * of two dashes when is_option, else those that begin with a small letter. What stands in quotes
 * is an example of a value.
 */
static void
words_print(FILE *to, const char *args, bool is_option)
{
	static const char between[] = " []|\n";
	const char *before = "";

	while (*args != '\0') {
		const char *quoted = *args == '\'' ? strchr(args + 1, '\'') : NULL;
		size_t n = strcspn(args, between);

		if (quoted != NULL) {
			args = quoted + 1;
			continue;
		}
		if (is_option ? strncmp(args, "--", 2) == 0 : *args >= 'a' && *args <= 'z') {
			fprintf(to, "%s%.*s", before, (int)n, args);
			before = " ";
		}
		args += n > 0 ? n : 1;
	}
}

static void
bash_print(FILE *to)
{
	fprintf(to, "# bash completion of penstockctl; made by: penstockctl completion bash\n"
		    "_penstockctl() {\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= words= options= i\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\tcase ${COMP_WORDS[i]} in\n"
		    "\t\t--run | --socket) ((i++)) ;;\n"
		    "\t\t-*) ;;\n"
		    "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
		    "\t\tesac\n"
		    "\tdone\n"
		    "\tCOMPREPLY=()\n"
		    "\t((i <= COMP_CWORD)) || return 0 # the path behind --run or --socket\n"
		    "\tcase $verb in\n"
		    "\t'') words='");
	for (int i = 0; i < VERBS_N; i++)
		fprintf(to, "%s%s", i > 0 ? " " : "", verbs[i]->name);
	fprintf(to, "' ;;\n");
	for (int i = 0; i < VERBS_N; i++) {
		fprintf(to, "\t%s) words='", verbs[i]->name);
		words_print(to, verbs[i]->args, false);
		fprintf(to, "' options='");
		words_print(to, verbs[i]->args, true);
		fprintf(to, "' ;;\n");
	}
	fprintf(to, "\tesac\n"
		    "\t[[ $cur != -* ]] || words=\"$options --json --run --socket --help\"\n"
		    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		    "}\n"
		    "complete -o bashdefault -o default -F _penstockctl penstockctl\n");
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	char *script = NULL;
	size_t n = 0;
	FILE *to;

	if (argc != 2 || strcmp(argv[1], "bash") != 0)
		return ctl_usage("completion", "names the shell: bash is the one it knows");
	to = open_memstream(&script, &n);
	ensure(to != NULL);
	bash_print(to);
	fclose(to);
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:s, s:s}", "shell", "bash", "script", script));
	else
		fputs(script, stdout);
	free(script);
	return CTL_DONE;
}

const struct ctl_verb ctl_verb_completion = {
	.name = "completion",
	.args = "bash",
	.what = "print what a shell needs to complete these verbs and their words",
	.help = "Where no word of a verb fits, bash completes names of files.\n\n"
		"Example: penstockctl completion bash "
		">/usr/share/bash-completion/completions/penstockctl\n",
	.run = run,
};
