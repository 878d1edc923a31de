/*
 * errs.c - collects, sorts and prints what is wrong with a configuration, see errs.h.
 */
#include "conf/errs.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Texts quote what they are about, which may be 64 KiB: its beginning tells enough, and the cure
 * stands at the end. */
enum {
	HEAD_BYTES = 200,
	TAIL_BYTES = 400,
};

static bool
is_within_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80; /* UTF-8 */
}

static const char *
middle_left_out(struct arena *arena, const char *text)
{
	size_t n = strlen(text), head = HEAD_BYTES, tail;

	if (n <= CONF_ERR_TEXT_MAX)
		return text;
	tail = n - TAIL_BYTES;
	while (head > 0 && is_within_character(text[head]))
		head--;
	while (tail < n && is_within_character(text[tail]))
		tail++;
	return arena_format(arena, "%.*s[... %zu bytes ...]%s", (int)head, text, tail - head,
			    text + tail);
}

void
conf_err_add(struct conf_errs *errs, struct conf_pos at, const char *format, ...)
{
	struct conf_err *err;
	va_list args;

	if (errs->n == CONF_ERRS_MAX) {
		errs->more++;
		return;
	}
	err = &errs->err[errs->n++];
	err->at = at;
	err->at.file = arena_text(&errs->arena, at.file, strlen(at.file));
	va_start(args, format);
	err->text = middle_left_out(&errs->arena, arena_vformat(&errs->arena, format, args));
	va_end(args);
}

const char *
conf_errno_text(int error, struct arena *arena)
{
	const struct passwd *user;

	if (error != EACCES && error != EPERM)
		return strerror(error);
	user = getpwuid(geteuid());
	if (user != NULL)
		return arena_format(arena, "%s for user %s", strerror(error), user->pw_name);
	return arena_format(arena, "%s for user %u", strerror(error), (unsigned)geteuid());
}

static int
place_order(const void *a, const void *b)
{
	const struct conf_err *x = a, *y = b;
	int files = strcmp(x->at.file, y->at.file);

	if (files != 0)
		return files;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.col != y->at.col)
		return x->at.col < y->at.col ? -1 : 1;
	return strcmp(x->text, y->text);
}

void
conf_errs_sort(struct conf_errs *errs)
{
	if (errs->n > 1)
		qsort(errs->err, errs->n, sizeof(errs->err[0]), place_order);
}

char *
conf_err_text(const struct conf_err *err, struct arena *arena)
{
	if (err->at.line == 0)
		return arena_format(arena, "%s: %s", err->at.file, err->text);
	return arena_format(arena, "%s:%u:%u: %s", err->at.file, err->at.line, err->at.col,
			    err->text);
}

void
conf_errs_print(const struct conf_errs *errs, FILE *to)
{
	struct arena arena = { 0 };

	for (uint32_t i = 0; i < errs->n; i++)
		fprintf(to, "%s\n", conf_err_text(&errs->err[i], &arena));
	if (errs->more > 0)
		fprintf(to, "and %u more\n", errs->more);
	arena_fini(&arena);
}

void
conf_errs_fini(struct conf_errs *errs)
{
	arena_fini(&errs->arena);
	*errs = (struct conf_errs){ 0 };
}
