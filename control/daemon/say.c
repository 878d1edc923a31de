/*
 * say.c - lines on standard error, each written at once.
 */
#include "daemon/say.h"

#include <stdarg.h>
#include <stdio.h>

void
say(const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "penstock-control: %s\n", line);
}
