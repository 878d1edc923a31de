/*
 * test_watch.c - files of maps that change while penstock-control runs (url-rewrite, 11.3).
 */
#include "world.h"

#include <stdlib.h>

#include "confs.h"

#define RULES                                                                                      \
	CONF_GOOD "rules:\n  s:\n  - {map: m, file: m.tsv}\n"                                      \
		  "  - {name: r, match: {where: {\"{m:{URL}}\": \"^x\"}}, deny: 403}\n"

static void
map_write(const struct world *w, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/m.tsv", w->dir);
	if (text == NULL) {
		unlink(path);
		return;
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* As many looks, without their seconds; and what they begin. */
static void
looks(struct world *w, int n)
{
	while (n-- > 0) {
		w->daemon.watch.look_at = 0;
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
		while (w->daemon.making.pid != 0)
			turns(w, 2);
		notice(w);
	}
}

static uint64_t
generation_of(const struct world *w)
{
	return w->daemon.tables.generation;
}

static void
begin(struct world *w)
{
	map_write(w, "/a\tx1\n");
	config_write(w, RULES);
	control_start(w);
	assert_int_equal(generation_of(w), 1);
}

/* What is told while it is redirected, in a file of the world. */
static int
say_begin(const struct world *w)
{
	char path[128];
	int stderr_fd = dup(STDERR_FILENO);

	snprintf(path, sizeof(path), "%s/said", w->dir);
	fflush(stderr);
	assert_non_null(freopen(path, "w", stderr));
	return stderr_fd;
}

static const char *
say_end(const struct world *w, int stderr_fd)
{
	static char text[16384];
	char path[128];
	FILE *file;
	size_t n;

	fflush(stderr);
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	snprintf(path, sizeof(path), "%s/said", w->dir);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	unlink(path);
	text[n] = '\0';
	return text;
}

static int
count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
a_file_that_changes_is_read_again(void **state)
{
	struct world *w = *state;
	const char *said;
	int fd;

	begin(w);
	looks(w, 3);
	assert_int_equal(generation_of(w), 1);
	map_write(w, "/a\tx1\n/b\tx2\n");
	fd = say_begin(w);
	looks(w, 1);
	map_write(w, "/a\tx1\n/b\tx2\n/c\tx3\n"); /* somebody is still writing */
	looks(w, 1);
	said = say_end(w, fd);
	assert_string_equal(said, "");
	fd = say_begin(w);
	looks(w, 5);
	said = say_end(w, fd);
	assert_int_equal(generation_of(w), 2);
	assert_int_equal(count(said, "m.tsv has changed; "), 1);
	assert_int_equal(count(said, "generation 2 is published"), 1);
	control_stop(w);
}

static void
bad_content_leaves_the_old_and_is_told_once(void **state)
{
	struct world *w = *state;
	const char *said;
	int fd;

	begin(w);
	fd = say_begin(w);
	map_write(w, "no tab\n");
	looks(w, 6);
	said = say_end(w, fd);
	assert_int_equal(generation_of(w), 1);
	assert_int_equal(count(said, "has changed"), 1);
	assert_int_equal(count(said, "this line has no tab"), 1);
	fd = say_begin(w);
	map_write(w, NULL);
	looks(w, 6);
	said = say_end(w, fd);
	assert_int_equal(generation_of(w), 1);
	assert_int_equal(count(said, "cannot be read"), 1);
	map_write(w, "/a\tx2\n");
	looks(w, 2);
	assert_int_equal(generation_of(w), 2);
	control_stop(w);
}

static void
files_of_providers_count_too(void **state)
{
	static const char web[] =
		"<rewrite><providers><provider name='p' type='FileMapProvider'><settings>"
		"<add key='FilePath' value='{DOCUMENT_ROOT}\\m.tsv'/></settings></provider>"
		"</providers><rules><rule name='r'><match url='^a$'/>"
		"<action type='Rewrite' url='{p:k}'/></rule></rules></rewrite>";
	struct world *w = *state;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/web.config", w->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(web, file);
	fclose(file);
	map_write(w, "k\tv\n");
	config_write(w, CONF_GOOD "rules:\n  s:\n  - {iis: web.config}\n");
	control_start(w);
	map_write(w, "k\tother\n");
	looks(w, 2);
	assert_int_equal(generation_of(w), 2);
	control_stop(w);
}

/* What an operator applied stays what is applied, whatever the command line said. */
static void
the_configuration_in_force_is_applied(void **state)
{
	struct world *w = *state;
	char other[128];
	json_t *answer;
	FILE *file;

	map_write(w, "/a\tx1\n");
	control_start(w); /* no map */
	snprintf(other, sizeof(other), "%s/other.yaml", w->dir);
	file = fopen(other, "w");
	assert_non_null(file);
	fputs(RULES, file);
	fclose(file);
	answer = ask(w, json_pack("{s:s, s:s}", "verb", "apply", "file", other));
	assert_true(is_ok(answer));
	json_decref(answer);
	assert_int_equal(generation_of(w), 2);
	map_write(w, "/a\tx2\n");
	looks(w, 2);
	assert_int_equal(generation_of(w), 3);
	assert_int_equal(img_n(&w->daemon.tables.img, IMG_MAPS), 1);
	answer = ask_apply(w, false); /* without: nothing is looked at */
	json_decref(answer);
	map_write(w, "/a\tx3\n");
	looks(w, 3);
	assert_int_equal(generation_of(w), 4);
	unlink(other);
	control_stop(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_changes_is_read_again),
		TEST(bad_content_leaves_the_old_and_is_told_once),
		TEST(files_of_providers_count_too),
		TEST(the_configuration_in_force_is_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
