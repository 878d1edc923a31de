/*
 * zero_copy.c - keeps the file of our packet memory open from one zero-copy memif to the next.
 *
 * A memif client without copies hands its peer the file behind DPDK's hugepages, and once it is
 * connected the driver closes that file although EAL still counts on its number (DPDK 22.11,
 * memif_connect). A second such port would then hand out, and close, whatever got the number
 * meanwhile. So a copy of the descriptor is kept and put back in its place after each connect.
 * The main thread waits here and opens nothing while the number may be free; other threads of
 * the data plane open no file at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_memory.h>

#include "port/own.h"

enum {
	CONNECT_MS = 500, /* a peer that is there answers at once */
};

/* Of the process: EAL has one memory. */
static int number = -1, kept = -1;

static int
first_file(const struct rte_memseg_list *list, const struct rte_memseg *seg, void *ret_number)
{
	int fd;

	if (list->external)
		return 0;
	fd = rte_memseg_get_fd_thread_unsafe(seg);
	if (fd < 0)
		return 0;
	*(int *)ret_number = fd;
	return 1;
}

void
zero_copy_keep(void)
{
	if (kept >= 0)
		return;
	rte_memseg_walk(first_file, &number);
	if (number >= 0)
		kept = fcntl(number, F_DUPFD_CLOEXEC, 0);
}

void
zero_copy_restore(void)
{
	if (kept >= 0 && fcntl(number, F_GETFD) < 0 && errno == EBADF)
		dup2(kept, number);
}

void
zero_copy_settle(const struct port *port)
{
	struct rte_eth_link link = { 0 };

	for (uint32_t ms = 0; ms < CONNECT_MS; ms++) {
		if (rte_eth_link_get_nowait(port->id, &link) == 0 &&
		    link.link_status == RTE_ETH_LINK_UP)
			break;
		poll(NULL, 0, 1);
	}
	zero_copy_restore();
}
