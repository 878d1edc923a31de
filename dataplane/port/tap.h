/*
 * tap.h - a tap port: an interface that the kernel makes for us, each of whose queues is a
 * descriptor from which frames are read and to which they are written, one system call a frame.
 *
 * Checksums may be left out and large packets left whole, both ways: the kernel and we tell one
 * another by a virtio header in front of each frame. No DPDK driver: that of 22.11 has a signal
 * sent to us with every frame that comes. Descriptors never wait.
 * Units: bytes.
 */
#ifndef PENSTOCK_PORT_TAP_H
#define PENSTOCK_PORT_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/limits.h"

enum {
	TAP_LARGE = 65535 + 18, /* the longest frame: an IP packet, Ethernet and a VLAN tag */
	TAP_PIECES_MAX = (TAP_LARGE + BUF_ROOM - 1) / BUF_ROOM,
};

/* Written by the lane that has the queue, read by others. */
struct tap_count {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_no_bufs, tx_errors;
};

struct tap_queue {
	int fd;
	struct tap_count count;
	struct buf *spare[TAP_PIECES_MAX]; /* into which the next frame is read */
	struct iovec part[1 + TAP_PIECES_MAX];
} __attribute__((aligned(64)));

struct tap {
	char interface[IF_NAMESIZE];
	uint8_t mac[6]; /* ours; the kernel's end has another */
	uint16_t mtu;	/* of the interface */
	uint16_t queue_n;
	uint16_t piece_n; /* buffers that a frame may fill */
	bool leaves_sums; /* the kernel may leave checksums out */
	bool leaves_cuts; /* and packets whole that are to be cut */
	struct buf_pool *pool;
	struct tap_queue queue[QUEUES_MAX];
};

struct tap_conf {
	const char *port, *interface;
	uint16_t queue_n;
	uint16_t mtu; /* wanted; 0: as the interface has it */
	/*
	 * Of the kernel's end, which then has this MTU and no other, and no address made of the MAC.
	 * NULL: it keeps its own.
	 */
	const uint8_t *kernel_mac;
	bool leaves_sums, leaves_cuts;
	struct buf_pool *pool;
};

/*
 * Makes the interface or joins the one that `ip tuntap` has made, and sets it up. As root, or as
 * the user to whom it was given. False and why when that cannot be; then nothing is open.
 */
bool tap_open(struct tap *tap, const struct tap_conf *conf, char *why);

/* The interface goes with us, unless somebody made it to stay. */
void tap_close(struct tap *tap);

/* Whether the kernel's end is up. Needs no rights. */
bool tap_is_up(const struct tap *tap);

/* Up to n frames, as portif's rx_burst but for the fields of struct buf. */
uint32_t tap_receive(struct tap *tap, uint16_t queue, struct buf **ret_frame, uint32_t n);

/*
 * Sends frames in order and gives them back; those from the returned number on stay the caller's.
 * What the kernel would never take is given back too, and counted.
 */
uint32_t tap_send(struct tap *tap, uint16_t queue, struct buf **frame, uint32_t n);

#endif
