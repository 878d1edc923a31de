/*
 * capture.h - dataplane/capture.<lane>: packets of chosen flows, as one lane sees and sends them.
 *
 * A ring that is written over: the lane waits for nobody and knows of no reader. Places are
 * counted up and never come back. Who reads copies a packet, and it counts when the lane had not
 * begun to write over it by then; packets are numbered, so that a slow reader knows how many it
 * missed. Made when the first capture is asked for. The lane alone writes.
 */
#ifndef PENSTOCK_ABI_CAPTURE_H
#define PENSTOCK_ABI_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"

#define CAPTURE_MAGIC 0x31504143534e4550ull /* "PENSCAP1" */

enum {
	CAPTURE_VERSION = 1,
	CAPTURE_RING_BYTES = 4 << 20, /* a power of two */
	CAPTURE_SNAP_MAX = 65535,     /* bytes kept of a packet */
};

enum {
	CAPTURE_OUT = 1 << 0,	   /* sent; else received */
	CAPTURE_SERVER = 1 << 1,   /* of a server's connection; else of a client's */
	CAPTURE_UNSUMMED = 1 << 2, /* the port fills the checksum in */
	CAPTURE_FLAGS = (1 << 3) - 1,
};

/* A packet; its bytes follow, padded to a multiple of 8. */
struct capture_packet {
	uint64_t number;     /* in this capture, from 0 */
	uint64_t time_ns;    /* Unix */
	uint64_t session_id; /* as in struct session; 0: not known yet */
	uint32_t n;	     /* bytes on the wire */
	uint32_t kept_n;     /* bytes that follow */
	uint32_t flags;
	uint16_t port_i; /* of the image, and of instance_facts */
	uint16_t spare;
};

struct capture_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t crc;  /* CRC-32C of this struct with this field zero: it never changes */
	uint64_t life; /* of the data plane */
	uint32_t lane;
	uint32_t ring_offset;
	uint32_t ring_bytes;
	uint32_t state_offset;
};

/* A line of its own. */
struct capture_state {
	uint64_t capture_id; /* the latest; 0: none so far */
	uint64_t begin;	     /* place of its first packet */
	uint64_t packet_n;
	uint64_t claim; /* what lies more than the ring before this may be being written over */
	uint64_t end;	/* whole packets lie before this */
	uint64_t is_on;
	uint64_t evicted_n; /* flows that lost their place among the chosen, and what followed */
};

/* What a lane holds of its file. */
struct capture_ring {
	struct capture_state *state; /* NULL: there is no file */
	uint8_t *ring;
};

size_t capture_bytes(void);

/* Lays a file out in zeroed memory of capture_bytes. */
void capture_init(void *bytes, uint32_t lane, uint64_t life, struct capture_ring *ret_ring);

/* Writer: the packets from now on are of this capture (ask.capture_id). */
void capture_begin(struct capture_ring *r, uint64_t capture_id);
void capture_end(struct capture_ring *r);

/* Writer: room for a packet whose bytes capture_part then brings, kept_n in all; capture_put. */
void capture_place(struct capture_ring *r, struct capture_packet *packet);
void capture_part(struct capture_ring *r, uint32_t off, const void *bytes, uint32_t n);
void capture_put(struct capture_ring *r);

/* Writer: so many flows have lost their place. */
void capture_set_evicted(struct capture_ring *r, uint64_t evicted_n);

/* ---- reading ---- */

struct capture_view {
	const uint8_t *bytes;
	struct capture_head head;
	uint64_t at;	 /* place of the next packet */
	uint64_t number; /* its number */
	uint64_t missed_n;
};

/* An opened file of anybody's; its head is checked. */
bool capture_open(const void *bytes, size_t n, struct capture_view *ret_view,
		  struct abi_fault *ret_fault);

/* Goes to the begin of a capture. False: it is not there (yet, or any more). */
bool capture_seek(struct capture_view *v, uint64_t capture_id);

enum capture_verdict {
	CAPTURE_PACKET,
	CAPTURE_NONE,	/* so far */
	CAPTURE_OVER,	/* another capture has begun */
	CAPTURE_UNSOUND /* the file is not what it should be */
};

/* The next packet; kept_n bytes of it into bytes, which have room for CAPTURE_SNAP_MAX. */
enum capture_verdict capture_next(struct capture_view *v, uint64_t capture_id,
				  struct capture_packet *ret_packet, uint8_t *bytes);

/* The place behind the last whole packet, at this moment; view.at goes up to it. */
uint64_t capture_reached(const struct capture_view *v);

/* Packets that were there and not read, so far; all of them once the capture has ended. */
uint64_t capture_missed(const struct capture_view *v);

/* Flows that were chosen and lost their place. */
uint64_t capture_evicted(const struct capture_view *v);

#endif
