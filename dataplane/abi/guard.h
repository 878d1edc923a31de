/*
 * guard.h - keeps a reader alive whose mapped file is cut short by its owner, another user's
 * process: the kernel answers a read beyond the file's end with SIGBUS. Within a guarded mapping
 * the rest of it, from that page on, is replaced by zeros, which every validator meets like any
 * other nonsense; a SIGBUS anywhere else is handled as it was before. Private to abi/.
 *
 * The handler is installed with the first mapping. At most GUARDS_MAX mappings are guarded.
 */
#ifndef PENSTOCK_ABI_GUARD_H
#define PENSTOCK_ABI_GUARD_H

#include <stddef.h>

enum {
	GUARDS_MAX = 512, /* two journals and a board a lane, and what keepers have replaced */
};

void guard_add(void *p, size_t n);
void guard_remove(void *p); /* before it is unmapped */

#endif
