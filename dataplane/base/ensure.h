/*
 * ensure.h - a broken invariant of ours stops the process.
 *
 * ensure ships: the service manager restarts us, while a proxy that goes on with a broken
 * invariant mixes up other people's requests. ensure_hot is for checks whose cost a measurement
 * has shown; it is compiled in unless PENSTOCK_RELEASE is set. What a peer, a file or a user did
 * wrong is never an ensure: it is a value.
 */
#ifndef PENSTOCK_BASE_ENSURE_H
#define PENSTOCK_BASE_ENSURE_H

/* Prints the place, lets ensure_hook (if set) save what helps to explain it, and aborts. */
_Noreturn void ensure_failed(const char *what, const char *file, int line);

/* Called once before the abort, e.g. to save a lane's event ring; may be NULL. */
extern void (*ensure_hook)(void);

#define ensure(cond)                                                                               \
	(__builtin_expect(!!(cond), 1) ? (void)0 : ensure_failed(#cond, __FILE__, __LINE__))

#ifdef PENSTOCK_RELEASE
#define ensure_hot(cond) ((void)sizeof(cond))
#else
#define ensure_hot(cond) ensure(cond)
#endif

#endif
