/*
 * ensure.c - the end of a process whose invariant is broken (see ensure.h).
 */
#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void (*ensure_hook)(void);

_Noreturn void
ensure_failed(const char *what, const char *file, int line)
{
	void (*hook)(void) = ensure_hook;

	dprintf(STDERR_FILENO, "penstock: broken invariant: %s (%s:%d)\n", what, file, line);
	ensure_hook = NULL; /* a hook that fails itself must not come back here */
	if (hook != NULL)
		hook();
	abort();
}
