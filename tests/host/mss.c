/*
 * mss.c - sockets that want smaller segments than the link carries (TCP_MAXSEG): the engine takes
 * the size from a connection's path, so each size is a path of its own over the same link.
 */
#include <errno.h>

#include "host/inside.h"

enum {
	HEADERS_V4 = 40,
	HEADERS_V6 = 60,
	MSS_MAX = UINT16_MAX - HEADERS_V4,
};

int
mss_set(struct sock *s, uint64_t mss)
{
	if (s->state != SOCK_FRESH)
		return -EISCONN;
	if (mss < MSS_MIN || mss > MSS_MAX)
		return -EINVAL;
	s->mss = (uint16_t)mss;
	return 0;
}

int
mss_path(struct host *h, const struct sock *s, bool is_v4)
{
	uint32_t mtu = s->mss + (is_v4 ? (uint32_t)HEADERS_V4 : HEADERS_V6);

	if (s->mss == 0 || mtu >= h->path[0].mtu)
		return 0;
	for (uint32_t i = 1; i < h->path_n; i++)
		if (h->path[i].mtu == mtu)
			return (int)i;
	if (h->path_n == PATHS_MAX)
		return -ENOSPC;
	h->path[h->path_n] = h->path[0];
	h->path[h->path_n].mtu = (uint16_t)mtu;
	return (int)h->path_n++;
}

uint16_t
mss_path_in(struct host *h, const struct ip_addr *dst, uint16_t port)
{
	int path = 0;

	for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
		const struct sock *s = &h->sock[i];

		if (s->state == SOCK_LISTENING && s->mss != 0 && s->local_port == port &&
		    (ip_is_none(&s->local) || ip_eq(&s->local, dst)))
			path = mss_path(h, s, ip_is_v4(dst));
	}
	return (uint16_t)(path > 0 ? path : 0); /* without room for one more size, the link's */
}
