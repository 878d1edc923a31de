/*
 * guard.c - the handler of SIGBUS and its table of mappings (guard.h).
 *
 * Mappings come and go in one thread (the keeper's, control's); faults come in any thread that
 * reads them. An entry is complete before its begin is set, and nobody may read a mapping that is
 * being removed, so the handler needs no lock.
 */
#include "abi/guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uintptr_t begin; /* 0: free */
	uintptr_t end;
};

static struct guard guards[GUARDS_MAX];
static uintptr_t page_bytes;
static struct sigaction before; /* whose faults the others are */

static bool
put_zeros(uintptr_t at, uintptr_t end)
{
	uintptr_t page = at & ~(page_bytes - 1);
	void *to = (void *)page;

	/* Readable and writable, as nobody knows what it was: it is our private memory now. */
	return mmap(to, end - page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		    -1, 0) == to;
}

static void
on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)context;
	for (uint32_t i = 0; info->si_code == BUS_ADRERR && i < GUARDS_MAX; i++) {
		uintptr_t begin = __atomic_load_n(&guards[i].begin, __ATOMIC_ACQUIRE);

		if (begin != 0 && at >= begin && at < guards[i].end && put_zeros(at, guards[i].end))
			return;
	}
	sigaction(number, &before, NULL); /* the same instruction faults again */
}

/* Asked with every mapping: somebody else may have put a handler there in between. */
static void
install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO }, now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
	    now.sa_sigaction == on_bus_error)
		return;
	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	before = now;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void
guard_add(void *p, size_t n)
{
	install();
	for (uint32_t i = 0; i < GUARDS_MAX; i++) {
		if (guards[i].begin != 0)
			continue;
		guards[i].end = (uintptr_t)p + n;
		__atomic_store_n(&guards[i].begin, (uintptr_t)p, __ATOMIC_RELEASE);
		return;
	}
}

void
guard_remove(void *p)
{
	for (uint32_t i = 0; i < GUARDS_MAX; i++) {
		if (guards[i].begin == (uintptr_t)p)
			__atomic_store_n(&guards[i].begin, 0, __ATOMIC_RELEASE);
	}
}
