/*
 * cmd_top.c - penstockctl top: what the proxy does, live on a terminal, else once.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/value.h"
#include "ctl/ctl.h"
#include "ctl/terminal.h"
#include "ctl/top.h"

enum {
	COLUMNS_ONCE = 132,
	EVERY_LEAST_MS = 100,
	EVERY_MOST_MS = 60000,
};

struct options {
	bool is_once;
	uint32_t every_ms;
	enum top_sort sort;
};

static enum top_sort
sort_named(const char *word)
{
	static const char *const words[] = {
#define X(id, key, name) #name,
		TOP_SORT_LIST(X)
#undef X
	};
	enum top_sort sort = 0;

	while (sort < TOP_SORTS && strcmp(words[sort], word) != 0)
		sort++;
	return sort;
}

static enum top_sort
sort_by_key(int key)
{
	static const char keys[] = {
#define X(id, letter, name) #letter[0],
		TOP_SORT_LIST(X)
#undef X
	};
	enum top_sort sort = 0;

	while (sort < TOP_SORTS && keys[sort] != key)
		sort++;
	return sort;
}

/* 0, or CTL_USAGE told. */
static int
options_parse(int argc, char **argv, struct options *ret_options)
{
	for (int i = 1; i < argc; i++) {
		uint64_t ns;

		if (strcmp(argv[i], "--once") == 0) {
			ret_options->is_once = true;
		} else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc) {
			if (value_duration(argv[++i], &ns) != VALUE_OK ||
			    ns < EVERY_LEAST_MS * 1000000ull || ns > EVERY_MOST_MS * 1000000ull)
				return ctl_usage("top", "--every goes from 100ms to 60s, not '%s'",
						 argv[i]);
			ret_options->every_ms = (uint32_t)(ns / 1000000);
		} else if (strcmp(argv[i], "--sort") == 0 && i + 1 < argc) {
			ret_options->sort = sort_named(argv[++i]);
			if (ret_options->sort == TOP_SORTS)
				return ctl_usage("top", "there is no order '%s'", argv[i]);
		} else {
			return ctl_usage("top", "'%s' is not known here", argv[i]);
		}
	}
	return 0;
}

/* Two looks, so that there are rates. */
static int
show_once(const struct ctl *ctl, struct top *top, const struct options *options)
{
	struct timespec t = { .tv_sec = options->every_ms / 1000,
			      .tv_nsec = options->every_ms % 1000 * 1000000l };
	struct top_page page = { .sort = options->sort,
				 .columns = COLUMNS_ONCE,
				 .every_s = (double)options->every_ms / 1000 };
	const char *why = top_look(top);
	char *text;

	if (why == NULL) {
		nanosleep(&t, NULL);
		why = top_look(top);
	}
	if (why != NULL)
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	if (ctl->is_json) {
		ctl_print_json(top_json(top));
		return CTL_DONE;
	}
	text = top_page_text(top, &page);
	fputs(text, stdout);
	free(text);
	return CTL_DONE;
}

/* ---- live ---- */

static void
draw(struct top *top, struct top_page *page, const char *why)
{
	struct terminal_size size = terminal_size();
	char text[256], *all;

	page->columns = size.columns;
	page->rows = size.rows;
	if (why == NULL) {
		all = top_page_text(top, page);
		terminal_draw(all);
		free(all);
		return;
	}
	snprintf(text, sizeof(text), "%.*s\n", (int)(size.columns < 200 ? size.columns : 200), why);
	terminal_draw(text);
}

/* What a key does to the page. False: it ends. */
static bool
obey(int key, struct top_page *page, uint32_t *every_ms)
{
	enum top_sort sort = sort_by_key(key);
	uint32_t height = page->rows > 10 ? page->rows - 10 : 1;

	if (key == 'q' || key == TERMINAL_END)
		return false;
	if (sort != TOP_SORTS)
		page->sort = sort;
	if (key == TERMINAL_UP && page->scroll > 0)
		page->scroll--;
	if (key == TERMINAL_DOWN)
		page->scroll++;
	if (key == TERMINAL_PAGE_UP)
		page->scroll -= page->scroll < height ? page->scroll : height;
	if (key == TERMINAL_PAGE_DOWN)
		page->scroll += height;
	if (key == '+' && *every_ms < EVERY_MOST_MS)
		*every_ms = *every_ms * 2 < EVERY_MOST_MS ? *every_ms * 2 : EVERY_MOST_MS;
	if (key == '-' && *every_ms > EVERY_LEAST_MS)
		*every_ms = *every_ms / 2 > EVERY_LEAST_MS ? *every_ms / 2 : EVERY_LEAST_MS;
	page->every_s = (double)*every_ms / 1000;
	return true;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Keys are obeyed at once, with what was seen last; looks come in their time. */
static int
show_live(const struct ctl *ctl, struct top *top, const struct options *options)
{
	uint32_t every_ms = options->every_ms;
	struct top_page page = { .sort = options->sort, .every_s = (double)every_ms / 1000 };
	const char *why = top_look(top);
	uint64_t next = now_ms() + every_ms;
	int key = TERMINAL_NOTHING;

	if (why != NULL)
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	if (!terminal_open())
		return ctl_failed(ctl, "the terminal cannot be had; penstockctl top --once needs "
				       "none");
	while (obey(key, &page, &every_ms)) {
		uint64_t now = now_ms();

		if (now >= next) {
			why = top_look(top);
			next = now + every_ms;
		}
		draw(top, &page, why);
		now = now_ms();
		key = terminal_wait(next > now ? (uint32_t)(next - now) : 1);
	}
	terminal_close();
	return CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct options options = { .every_ms = 1000 };
	struct top *top;
	int verdict = options_parse(argc, argv, &options);

	if (verdict != 0)
		return verdict;
	top = calloc(1, sizeof(*top));
	if (top == NULL)
		return ctl_failed(ctl, "no memory");
	top->ctl = ctl;
	if (options.is_once || ctl->is_json || !terminal_is_there())
		verdict = show_once(ctl, top, &options);
	else
		verdict = show_live(ctl, top, &options);
	top_close(top);
	free(top);
	return verdict;
}

const struct ctl_verb ctl_verb_top = {
	.name = "top",
	.args = "[--once] [--every TIME] [--sort name|requests|errors|connections|load|first_byte]",
	.what = "watch cores, lanes, farms and servers at work, in place",
	.help = "On a terminal it is drawn anew each second; q ends it. Letters choose the order, "
		"the\n"
		"arrows and the page keys scroll the servers, + and - change the time between "
		"looks.\n"
		"Elsewhere, with --once or with --json, one look is printed: rates are those of "
		"the\n"
		"time between two looks.\n\n"
		"  --every  from 100ms to 60s\n\n"
		"LOAD is the share of a processor that turns with work took, ERR/S of a lane "
		"requests\n"
		"that ended with a cause, of a server failed dials and requests and answers from "
		"500\n"
		"on, WAIT_MS the mean time from a request sent to the first byte of its "
		"response.\n\n"
		"Example: penstockctl top --sort errors\n",
	.run = run,
};
