/*
 * test_black_box.c - the two programs as they are installed, in a run directory of the test's own:
 * exit codes, and what stands on the terminal.
 */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "confs.h"

static const char *control_program, *ctl_program;
static char dir[64];
static pid_t control_pid;

static void
config_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* penstockctl with these words; its output, both kinds, and its exit code. */
static int
ctl(char *ret_text, size_t room, const char *words)
{
	char command[512];
	FILE *pipe;
	size_t n;

	snprintf(command, sizeof(command), "cd %s && %s --run %s/run %s 2>&1", dir, ctl_program,
		 dir, words);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(ret_text, 1, room - 1, pipe);
	ret_text[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void
assert_ctl(const char *words, int code, const char *says)
{
	static char text[65536];
	int got = ctl(text, sizeof(text), words);

	if (got != code || strstr(text, says) == NULL)
		print_message("penstockctl %s: exit %d, expected %d with '%s':\n%s\n", words, got,
			      code, says, text);
	assert_int_equal(got, code);
	assert_non_null(strstr(text, says));
}

static int
control_start(void **state)
{
	char path[128];

	(void)state;
	strcpy(dir, "/tmp/penstock-box-XXXXXX");
	assert_non_null(mkdtemp(dir));
	config_write("good.yaml", CONF_GOOD);
	config_write("bad.yaml", "machine:\n  cors: [1]\n");
	config_write("other.yaml", CONF_MACHINE CONF_LISTENERS
		     "farms: [{name: app, servers: [{name: a, address: 10.0.0.11}]}]\n");
	config_write(
		"rules.yaml", CONF_MACHINE CONF_FARMS
		"listeners:\n"
		"  - {name: web, address: \"203.0.113.10:80\", rules: [s], farm: app}\n"
		"plain_hosts: true\n"
		"rules:\n"
		"  s:\n"
		"  - {map: moved, keys: {/news: /blog}}\n"
		"  - {name: moved, match: {where: {\"{moved:{URL}}\": \"(.+)\"}}, redirect: "
		"\"{C:1}\"}\n"
		"  - {name: admin, match: {path: /admin, not: {from: 10.0.0.0/8}}, deny: 403}\n"
		"  - {name: plain, match: {path: /app}, rewrite: "
		"\"http://app9.internal:8080/x/{R:1}\"}\n"
		"  - {name: idle}\n");
	control_pid = fork();
	if (control_pid == 0) {
		char run[128], config[128];

		snprintf(run, sizeof(run), "%s/run", dir);
		snprintf(config, sizeof(config), "%s/good.yaml", dir);
		execl(control_program, control_program, "--run", run, "--config", config, NULL);
		_exit(127);
	}
	snprintf(path, sizeof(path), "%s/run/control/tables.1", dir);
	for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
		usleep(10000);
	return 0;
}

static int
control_end(void **state)
{
	char command[128];
	int status = 0;

	(void)state;
	assert_int_equal(kill(control_pid, SIGTERM), 0);
	assert_int_equal(waitpid(control_pid, &status, 0), control_pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
verbs_answer_with_their_exit_codes(void **state)
{
	(void)state;
	assert_ctl("check good.yaml", 0, "is good (ports 2, listeners 1, farms 1, rules 0)");
	assert_ctl("check bad.yaml", 1, "bad.yaml:2:3: unknown key 'cors'; did you mean 'cores'?");
	assert_ctl("check --json bad.yaml", 1, "\"column\": 3");
	assert_ctl("check", 2, "give one configuration file");
	assert_ctl("dance", 2, "there is no verb 'dance'");
	assert_ctl("version", 0, "penstockctl 0");
	assert_ctl("status", 0, "does not run: nothing is served");
	assert_ctl("status --json", 0, "\"dataplane\": null");
	assert_ctl("stats", 1, "the data plane does not run");
	assert_ctl("servers", 0, "10.0.0.12:8080");
	assert_ctl("logs", 1, "the data plane does not run");
}

/* The words of its help, each as it is written there. */
static void
kill_takes_what_its_help_says(void **state)
{
	(void)state;
	assert_ctl("sessions kill 0-1", 1, "no data plane runs");
	assert_ctl("sessions kill 0-1 --yes", 1, "no data plane runs");
	assert_ctl("sessions kill --yes 0-1", 1, "no data plane runs");
	assert_ctl("sessions kill --url /x", 1, "no data plane runs");
	assert_ctl("sessions kill --yes --url /x", 1, "no data plane runs");
	assert_ctl("sessions kill 0-1 0-2", 2, "'0-1' is not an option");
	assert_ctl("sessions kill", 2, "kill takes the ID of a session, or a filter");
	assert_ctl("sessions kill --yes", 2, "kill takes the ID of a session, or a filter");
	assert_ctl("sessions --help", 0, "kill {ID | FILTER ...} [--yes]");
}

static void
changes_are_told_applied_and_told_again(void **state)
{
	(void)state;
	assert_ctl("diff other.yaml", 0, "- server app/b");
	assert_ctl("apply bad.yaml", 1, "bad.yaml:2:3: unknown key 'cors'");
	assert_ctl("apply other.yaml", 0, "generation 2 is published");
	assert_ctl("diff other.yaml", 0, "no difference to generation 2");
	assert_ctl("apply other.yaml", 0, "nothing to change");
	assert_ctl("apply good.yaml", 0, "+ server app/b");
	assert_ctl("apply none.yaml", 1, "cannot be found");
}

static void
servers_are_drained_and_listed(void **state)
{
	(void)state;
	assert_ctl("server drain app/a", 0, "app/a: drain (was up)");
	assert_ctl("status", 0, "app/a is drain");
	assert_ctl("explain http://203.0.113.10/", 0, "drained");
	assert_ctl("server enable app/a", 0, "app/a: up (was drain)");
	assert_ctl("server drain app/zzz", 1, "the farm 'app' has no server 'zzz'");
	assert_ctl("server drain app", 2, "is not FARM/SERVER");
}

static void
explain_answers_offline_too(void **state)
{
	(void)state;
	assert_ctl("explain --config good.yaml -H 'X-A: b' http://203.0.113.10/x", 0, "X-A: b");
	assert_ctl("explain --config good.yaml http://www.example.com:81/", 2, "no listener fits");
	assert_ctl("explain --config bad.yaml http://www.example.com/", 1, "unknown key");
	assert_ctl("explain --json http://203.0.113.10/x", 0, "\"action\": \"route\"");
}

static void
every_verb_has_help_with_an_example(void **state)
{
	static const char *const verbs[] = { "check",	"apply",      "diff",	 "status",
					     "servers", "server",     "stats",	 "explain",
					     "doctor",	"completion", "version", "sessions",
					     "capture" };
	char words[64];

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		snprintf(words, sizeof(words), "%s --help", verbs[i]);
		assert_ctl(words, 0, "Example: penstockctl");
	}
}

static void
killing_takes_a_choice_and_a_word_more(void **state)
{
	(void)state;
	assert_ctl("sessions kill", 2, "kill takes the ID of a session, or a filter");
	assert_ctl("sessions kill --yes", 2, "kill takes the ID of a session, or a filter");
	assert_ctl("sessions kill --url / --yes --limit 3", 2, "kill ends all that fit");
	assert_ctl("sessions kill --farm", 2,
		   "'--farm' is not an option of it, or lacks its value");
	assert_ctl("sessions --yes", 2, "'--yes' is not an option");
	assert_ctl("sessions kill 0-1", 1, "no data plane runs");
	assert_ctl("sessions kill --url /x", 1, "no data plane runs");
	assert_ctl("sessions kill --url /x --yes", 1, "no data plane runs");
	assert_ctl("capture packets.pcapng", 2, "say whose packets");
	assert_ctl("capture --url /", 2, "give a file");
	assert_ctl("capture --url / --snap 65536 packets.pcapng", 2,
		   "not a number from 1 to 65535");
	assert_ctl("capture --url / packets.pcapng", 1, "no data plane runs");
}

/* What bash offers for the last of these words, as it would at a prompt. */
static void
assert_completes(const char *words, const char *offers)
{
	char command[1024], text[1024];
	FILE *pipe;
	size_t n;

	snprintf(command, sizeof(command),
		 "bash -c 'set -eu; eval \"$(%s completion bash)\"; COMP_WORDS=(penstockctl %s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _penstockctl; "
		 "echo \"${COMPREPLY[*]:-}\"' 2>&1",
		 ctl_program, words);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(text, 1, sizeof(text) - 1, pipe);
	text[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_string_equal(text, offers);
}

static void
bash_completes_verbs_and_their_words(void **state)
{
	(void)state;
	assert_ctl("completion bash --json", 0, "\"script\": \"# bash completion of penstockctl");
	assert_ctl("completion", 2, "names the shell");
	assert_ctl("completion fish", 2, "names the shell");
	assert_completes("che", "check\n");
	assert_completes("se", "servers server sessions\n");
	assert_completes("sessions \"\"", "show kill\n");
	assert_completes("sessions --ye", "--yes\n");
	assert_completes("capture --sn", "--snap\n");
	assert_completes("--run /tmp --json serve", "servers server\n");
	assert_completes("server d", "drain disable\n");
	assert_completes("server --json \"\"", "drain disable enable\n");
	assert_completes("import \"\"", "iis\n");
	assert_completes("import iis web.config --s", "--site-path --strict --set --socket\n");
	assert_completes("apply --at", "--at-restart\n");
	assert_completes("explain --li", "--listener\n");
	assert_completes("explain --re", "--response\n"); /* behind a value in quotes */
	assert_completes("explain \"\"", "\n");
	assert_completes("check \"\"", "\n"); /* bash goes on with names of files */
	assert_completes("--run \"\"", "\n");
	assert_completes("dance \"\"", "\n");
}

static void
a_second_daemon_refuses_to_start(void **state)
{
	char command[512];

	(void)state;
	snprintf(command, sizeof(command), "%s --run %s/run --config %s/good.yaml 2>/dev/null",
		 control_program, dir, dir);
	assert_int_equal(WEXITSTATUS(system(command)), 1);
}

/* Maps come from the file, not from a run directory; hosts of rules are farms. */
static void
rules_of_a_file_are_checked_and_explained(void **state)
{
	(void)state;
	assert_ctl("check rules.yaml", 0, "is good (ports 2, listeners 1, farms 2, rules 4)");
	assert_ctl("check rules.yaml", 0, "warning: rules.yaml:18:5: the rule does nothing");
	assert_ctl("check --json rules.yaml", 0, "\"line\": 18");
	assert_ctl("explain --config rules.yaml http://203.0.113.10/news", 0,
		   "location  http://203.0.113.10/blog");
	assert_ctl("explain --config rules.yaml http://203.0.113.10/ADMIN/x", 0, "403 Forbidden");
	assert_ctl("explain --config rules.yaml --client 10.1.2.3:4 http://203.0.113.10/admin", 0,
		   "farm      app");
	assert_ctl("explain --config rules.yaml http://203.0.113.10/app/y?z", 0,
		   "Host: app9.internal:8080");
	assert_ctl("explain --config rules.yaml http://203.0.113.10/app/y?z", 0, "/x/y?z");
	assert_ctl("apply rules.yaml", 0, "+ rule s/moved");
	assert_ctl("explain http://203.0.113.10/news", 0, "location  http://203.0.113.10/blog");
	assert_ctl("diff good.yaml", 0, "- rule s/moved");
	assert_ctl("apply good.yaml", 0, "~ listener web rules: s -> none");
}

/* An applicationHost.config says so itself; a file of IIS may come in UTF-16. */
static void
rules_of_iis_are_linted(void **state)
{
	static const char wide[] = "<rewrite><rules/></rewrite>";
	char path[128];
	FILE *file;

	(void)state;
	config_write("host.config",
		     "<configuration><system.webServer><rewrite><globalRules>"
		     "<rule name='g'><match url='^/x'/></rule></globalRules></rewrite>"
		     "</system.webServer></configuration>");
	config_write("web.config", "<rewrite><rules><rule name='w'><match url='^/y'/></rule>"
				   "</rules></rewrite>");
	snprintf(path, sizeof(path), "%s/wide.config", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	fputs("\xff\xfe", file);
	for (size_t i = 0; i < sizeof(wide) - 1; i++) {
		putc(wide[i], file);
		putc(0, file);
	}
	fclose(file);
	assert_ctl("rules lint web.config", 1, "never: rule 'w'");
	assert_ctl("rules lint host.config", 1, "never: rule 'g'");
	assert_ctl("rules lint --app-host host.config", 1, "never: rule 'g'");
	assert_ctl("rules lint web.config --app-host host.config --site-path /a", 1, "rule 'w'");
	assert_ctl("rules lint web.config --app-host host.config --site-path /a", 1, "rule 'g'");
	assert_ctl("rules lint web.config --site-path /a/../b", 1, "--site-path: '..' in");
	assert_ctl("rules lint web.config --site-path blog", 1, "at: /blog");
	assert_ctl("explain --web-config web.config --site-path /.. http://h/", 1, "'..' in '/..'");
	assert_ctl("rules lint wide.config", 0, "nothing to say");
	assert_ctl("rules lint", 2, "give 'lint' and a file");
	assert_ctl("rules lint --site-path", 2, "lacks its value");
	assert_ctl("rules lint web.config --strict", 2, "the options are");
}

static uint32_t
said_n(const char *words, const char *what)
{
	static char text[65536];
	uint32_t n = 0;

	assert_int_equal(ctl(text, sizeof(text), words), 1);
	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

/* The check before it would warn of the same. */
static void
lint_says_a_thing_once(void **state)
{
	(void)state;
	config_write("dear.config",
		     "<rewrite><rules><rule name='a'><match url='^(a+)+$'/>"
		     "<action type='Rewrite' url='http://h/'/></rule>"
		     "<rule name='b'><match url='.*'/><action type='Rewrite' url='http://g/'/>"
		     "</rule></rules></rewrite>");
	assert_int_equal(said_n("rules lint dear.config", "may take very long"), 1);
	assert_int_equal(said_n("rules lint dear.config", "undoes that"), 1);
}

static void
words_that_cannot_be_meant_are_refused(void **state)
{
	(void)state;
	config_write("named.config", "<rewrite><rules/></rewrite>");
	assert_ctl("import iis named.config --set 'a b'", 2, "'a b' is no name of a set");
	assert_ctl("explain ftp://x/", 2, "that is no URL");
	assert_ctl("explain --run /nowhere no-url", 2, "that is no URL");
	assert_ctl("explain --client 192.0.2.1 http://203.0.113.10/", 2, "it takes ADDR:PORT");
	assert_ctl("explain -H \"$(printf 'X-A: b\\r\\nX-B: c')\" http://203.0.113.10/", 2,
		   "has a line break");
	/* also what it says of that goes there */
	assert_ctl("version > /dev/full", 1, "");
	assert_ctl("explain --json --config good.yaml http://203.0.113.10/ > /dev/full", 1, "");
	assert_ctl("version --help > /dev/full", 1, "");
}

/* What a terminal shows of penstockctl with these words. */
static void
shown_on_a_terminal(const char *words, char *ret_text, size_t room)
{
	char command[512];
	size_t n = 0;
	ssize_t got;
	int fd, status;
	pid_t pid;

	snprintf(command, sizeof(command), "cd %s && exec %s --run %s/run %s", dir, ctl_program,
		 dir, words);
	pid = forkpty(&fd, NULL, NULL, NULL);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	while (n < room - 1 && (got = read(fd, ret_text + n, room - 1 - n)) > 0)
		n += (size_t)got;
	ret_text[n] = '\0';
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* One scan is compiled at one go: what is said meanwhile is how many there are, not "0 of". */
static void
a_terminal_sees_rules_compile(void **state)
{
	static char text[65536];
	char path[128];
	FILE *file;

	(void)state;
	config_write("many.yaml", CONF_GOOD "rules:\n  s:\n");
	snprintf(path, sizeof(path), "%s/many.yaml", dir);
	file = fopen(path, "a");
	assert_non_null(file);
	for (int i = 0; i < 300; i++)
		fprintf(file, "  - {name: r%d, match: {path_regex: \"^a%d(b|c)*d\"}, deny: 403}\n",
			i, i);
	fclose(file);
	shown_on_a_terminal("apply many.yaml", text, sizeof(text));
	assert_non_null(strstr(text, "compiling rules: 300 patterns, 0 s"));
	assert_null(strstr(text, " 0 of "));
	assert_ctl("apply good.yaml", 0, "is published");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_answer_with_their_exit_codes),
		cmocka_unit_test(killing_takes_a_choice_and_a_word_more),
		cmocka_unit_test(bash_completes_verbs_and_their_words),
		cmocka_unit_test(kill_takes_what_its_help_says),
		cmocka_unit_test(changes_are_told_applied_and_told_again),
		cmocka_unit_test(servers_are_drained_and_listed),
		cmocka_unit_test(explain_answers_offline_too),
		cmocka_unit_test(rules_of_a_file_are_checked_and_explained),
		cmocka_unit_test(rules_of_iis_are_linted),
		cmocka_unit_test(lint_says_a_thing_once),
		cmocka_unit_test(words_that_cannot_be_meant_are_refused),
		cmocka_unit_test(a_terminal_sees_rules_compile),
		cmocka_unit_test(every_verb_has_help_with_an_example),
		cmocka_unit_test(a_second_daemon_refuses_to_start),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: %s PENSTOCK-CONTROL PENSTOCKCTL\n", argv[0]);
		return 2;
	}
	control_program = realpath(argv[1], NULL);
	ctl_program = realpath(argv[2], NULL);
	if (control_program == NULL || ctl_program == NULL)
		return 2;
	return cmocka_run_group_tests(tests, control_start, control_end);
}
