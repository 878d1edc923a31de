/*
 * print.c - how every verb says what failed, as text or as JSON (ctl.h).
 */
#include <stdarg.h>
#include <string.h>

#include "ctl/ctl.h"

int
ctl_usage(const char *verb, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "penstockctl %s: ", verb);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nSee: penstockctl %s --help\n", verb);
	return CTL_USAGE;
}

int
ctl_failed(const struct ctl *ctl, const char *format, ...)
{
	struct arena arena = { 0 };
	const char *text;
	va_list args;

	va_start(args, format);
	text = arena_vformat(&arena, format, args);
	va_end(args);
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:b, s:s}", "ok", 0, "error", text));
	else
		fprintf(stderr, "penstockctl: %s\n", text);
	arena_fini(&arena);
	return CTL_FAILED;
}

json_t *
ctl_errs_json(const struct conf_errs *errs)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < errs->n; i++) {
		const struct conf_err *err = &errs->err[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:s}", "file", err->at.file,
						      "line", (json_int_t)err->at.line, "column",
						      (json_int_t)err->at.col, "text", err->text));
	}
	return list;
}

int
ctl_failed_conf(const struct ctl *ctl, const struct conf_errs *errs)
{
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:b, s:o, s:I}", "ok", 0, "errors", ctl_errs_json(errs),
					 "more", (json_int_t)errs->more));
	else
		conf_errs_print(errs, stderr);
	return CTL_FAILED;
}

void
ctl_print_wrapped(FILE *to, const char *text, uint32_t indent, uint32_t width)
{
	size_t at = indent;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (width != 0 && at > indent && at + 1 + n > width) {
			fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
		}
		fprintf(to, "%s%.*s", at > indent ? " " : "", (int)n, text);
		at += n + (at > indent);
		text += n + strspn(text + n, " ");
	}
	fprintf(to, "\n");
}

void
ctl_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
}
