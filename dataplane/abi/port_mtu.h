/*
 * port_mtu.h - the largest MTU of each kind of port: what the data plane can open, what check
 * refuses and what the doctor compares are this one table. Interfaces may allow less.
 */
#ifndef PENSTOCK_ABI_PORT_MTU_H
#define PENSTOCK_ABI_PORT_MTU_H

#include <stdint.h>

#include "abi/image.h"

/* clang-format off */
enum {
	PORT_MTU_PACKET = 1962, /* a ring slot of 2,048 bytes less its header and the link's */
	PORT_MTU_XDP    = 1774, /* a buffer less what the kernel keeps free and the link's header */
	PORT_MTU_BUF    = 2030, /* a buffer less the link's header */
	PORT_MTU_JUMBO  = 9216,
};
/* clang-format on */

static inline uint16_t
port_mtu_max(enum img_device kind)
{
	static const uint16_t max[IMG_DEVICES] = {
		[IMG_DEVICE_PACKET] = PORT_MTU_PACKET, [IMG_DEVICE_MEMIF] = PORT_MTU_BUF,
		[IMG_DEVICE_PCI] = PORT_MTU_JUMBO,     [IMG_DEVICE_XDP] = PORT_MTU_XDP,
		[IMG_DEVICE_TAP] = PORT_MTU_JUMBO,     [IMG_DEVICE_VHOST] = PORT_MTU_BUF,
		[IMG_DEVICE_VIRTIO] = PORT_MTU_BUF,    [IMG_DEVICE_VDEV] = PORT_MTU_BUF,
	};

	return max[kind];
}

#endif
