/*
 * port.h - the only door to DPDK: the environment layer, packet buffers, devices and the threads
 * that may touch them. What comes out is struct portif (lane/portif.h), so nothing below this
 * floor knows DPDK.
 *
 * Order: port_env_open, port_pool_open, port_open for each port, port_thread_start; at the end
 * threads joined, port_close, port_pool_close. Everything here but the two burst functions of
 * portif is for start and end, in one thread.
 * A function that can fail writes why, in words for a person, into why[PORT_WHY].
 */
#ifndef PENSTOCK_PORT_PORT_H
#define PENSTOCK_PORT_PORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/image.h"
#include "base/buf.h"
#include "lane/portif.h"
#include "view/view.h"

enum {
	PORT_WHY = 256,
	PORT_BUF_BYTES = 2500, /* of memory a buffer takes with all its headers, rounded up */
};

/* ---- the environment ---- */

struct port_env_conf {
	bool hugepages;		 /* use them when enough are free, else ordinary pages */
	uint32_t pool_bufs;	 /* buffers that pools will be asked for, all together */
	uint32_t extra_mib;	 /* for the ports' own queues */
	const char *devices;	 /* PCI addresses wanted, separated by commas; NULL: none */
	const struct img *lanes; /* whose cores our thread and DPDK's own keep off; NULL: none */
};

struct port_env {
	bool is_huge; /* the memory is on hugepages */
	uint32_t mib; /* reserved at start */
};

/*
 * Whether the card at a PCI address ("0000:3b:00.0") may be among the environment's devices: it is
 * there, and bound to vfio-pci or to a driver that shares it. DPDK itself would take some cards
 * even while the kernel's own driver works with them. port is the name to complain with.
 */
bool port_card_check(const char *port, const char *address, char *why);

/* Once in a process, and for as long as it lives. */
bool port_env_open(const struct port_env_conf *conf, struct port_env *ret_env, char *why);

/* ---- buffers: the mempool backing of base/buf.h ---- */

/* A pool of bufs_n buffers with a cache in every thread made by port_thread_start. */
struct buf_pool *port_pool_open(uint32_t bufs_n, char *why);

/* A small one beside it, for what is taken seldom and must never lack: without caches. */
struct buf_pool *port_reserve_open(uint32_t bufs_n, char *why);

void port_pool_close(struct buf_pool *pool);

/* ---- ports ---- */

struct port_conf {
	const char *name;	       /* as configured */
	uint16_t path;		       /* what buf->path says of this port's packets */
	uint32_t device_kind;	       /* enum img_device */
	const char *device;	       /* see enum img_device */
	uint32_t role;		       /* enum img_role, memif */
	uint32_t link_id;	       /* memif */
	uint16_t queues;	       /* wanted; 0: up to queues_max as the port likes */
	uint16_t queues_max;	       /* lanes */
	uint16_t mtu;		       /* 0: the port's own */
	uint16_t rx_ring_n, tx_ring_n; /* 0: default */
	uint8_t mac[6];		       /* zero: the port's own */
	uint8_t rss_key_n;	       /* memif: what its peer spreads by; 0: the usual key */
	const uint8_t *rss_key;
	uint32_t off;	  /* IMG_PORT_NO_: what the device may not do though it can */
	bool trusts_sums; /* memif: those of full segments are taken for right */
	bool is_huge;	  /* port_env.is_huge */
	bool gathers;	  /* a port of the kernel's lets frames gather for a moment */
	uid_t owner;	  /* of a socket that a memif server makes */
	gid_t owner_group;
	struct buf_pool *pool;
};

/*
 * Opens, configures and starts a device. A memif client whose server is not there yet is opened
 * and has no link; port_look tries again.
 */
bool port_open(const struct port_conf *conf, struct portif *ret_port, char *why);

/*
 * The addresses that the image gives this port are ours: devices that share an interface with the
 * kernel take their traffic and no other. After opening, and whenever a lane may take a new image.
 * False when the device would not have it.
 */
bool port_serve(const struct portif *port, const struct img *img);

/* Stops and removes the device. No lane uses the port any more. */
void port_close(struct portif *port);

struct port_except_conf {
	const char *interface; /* of the kernel's, which is made */
	uint16_t path;
	const struct img *img;
	struct view_set *views; /* whose lanes read what is ours */
	struct buf_pool *pool;
};

/*
 * An exception path for an open port, before lanes use it: an interface of the kernel's with the
 * port's MAC and MTU. As root. False and why.
 */
bool port_except_open(struct portif *port, const struct port_except_conf *conf, char *why);

/* The image's addresses of the port are ours; nothing where it has no exception path. */
void port_except_serve(struct portif *port, const struct img *img, uint16_t path,
		       struct view_set *views);

/* Frees what lanes have let go of since. Every few milliseconds, in the same thread. */
void port_except_retire(struct portif *port, const struct view_set *views);

/* Before port_close; the interface goes. */
void port_except_close(struct portif *port);

/* Looks at the carrier, and connects again what has been cut off. Every 100 ms, in one thread. */
void port_look(struct portif *port);

/* As DPDK calls it, "net_memif", or "tap". Lives as long as the port is open. */
const char *port_driver(const struct portif *port);

/* What the device itself counts. */
struct port_stats {
	uint64_t rx_packets, tx_packets, rx_missed, rx_no_bufs, tx_errors;
	uint64_t linearised; /* copied together for want of MULTI_SEGS, in all queues */
	uint64_t unsendable; /* dropped before the device: too long, or no buffer to copy into */
};

void port_stats(const struct portif *port, struct port_stats *ret_stats);

/* ---- threads ---- */

/*
 * A thread bound to a processor (cpu < 0: to none) that may use ports and pools. name is at most
 * 15 bytes. Returns 0, or an errno and why when it cannot be made.
 */
int port_thread_start(const char *name, int cpu, void *(*run)(void *arg), void *arg,
		      pthread_t *ret_thread, char *why);

#endif
