/*
 * say.c - lines on standard error, each written at once.
 */
#include "daemon/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
say(const char *format, ...)
{
	char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) >= 0)
		fprintf(stderr, "penstock-control: %s\n", line);
	va_end(args);
	free(line);
}
