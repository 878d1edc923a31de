/*
 * mesh.h - what the lanes of one process share: bounded rings from every lane to every other, a
 * doorbell per lane, and each port's steering (steer.h).
 *
 * Every ring has one writer and one reader. A packet is handed over whole, with its ownership; a
 * ring that is full refuses and the caller counts. The mesh's memory is apart from any lane's, so
 * that a lane never writes another's memory.
 *
 * queue(port, lane) = lane mod queues(port). The lowest lane on a queue (which has the queue's
 * number) polls it and alone transmits on it.
 */
#ifndef PENSTOCK_LANE_MESH_H
#define PENSTOCK_LANE_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "lane/portif.h"
#include "net/net.h"

struct mesh;
struct steer;

enum {
	MESH_RING_PACKETS = 1024, /* between two lanes, each way and kind */
	MESH_RING_MESSAGES = 64,
};

/* Received packets go to the lane of their flow, packets to send to the lane of their queue. */
enum mesh_way {
	MESH_RX,
	MESH_TX,
	MESH_WAYS,
};

struct mesh_conf {
	uint16_t lane_n;
	uint16_t port_n;
	const struct portif *port; /* [port_n], by path; they outlive the mesh */
	uint64_t seed;		   /* of the key for ports whose flows are spread in software */
	/* Called after something was put into a ring of a lane that sleeps; may be NULL. */
	void (*wake)(void *ctx, uint16_t lane_i);
	void *wake_ctx;
};

size_t mesh_size(const struct mesh_conf *conf);
struct mesh *mesh_init(void *mem, const struct mesh_conf *conf);

/* Gives back every packet still in a ring; no lane turns any more. */
void mesh_fini(struct mesh *mesh);

uint16_t mesh_lane_n(const struct mesh *mesh);
struct steer *mesh_steer(struct mesh *mesh, uint16_t port_i);

/* The lane that polls and transmits the queue which serves a lane on a port. */
uint16_t mesh_queue_lane(const struct mesh *mesh, uint16_t port_i, uint16_t lane_i);

/* ---- packets ---- */

/* Hands over as many as there is room for, in order; returns how many. */
uint32_t mesh_push(struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to,
		   struct buf **packet, uint32_t n);

/* Takes up to n packets that lane `from` handed to lane `to`. */
uint32_t mesh_pop(struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to,
		  struct buf **ret_packet, uint32_t n);

/* ---- messages: what carries no flow, told to every other lane ---- */

enum mesh_topic {
	MESH_LEARNED,  /* for net_learn */
	MESH_CONFLICT, /* for net_learn_conflict */
};

struct mesh_message {
	uint32_t topic; /* enum mesh_topic */
	union {
		struct net_learned learned;
		struct net_conflict conflict;
	};
};

/* Tells every other lane; returns how many had no room (they learn it by themselves). */
uint32_t mesh_tell(struct mesh *mesh, uint16_t from, const struct mesh_message *message);
bool mesh_hear(struct mesh *mesh, uint16_t from, uint16_t to, struct mesh_message *ret_message);

/* ---- doorbells ---- */

/* Takes the set of lanes (a bit each) that put something into this lane's rings since last. */
uint64_t mesh_rung(struct mesh *mesh, uint16_t lane_i);

/*
 * Falling asleep: says so first, then returns whether the bell is silent. When it is not, the
 * caller wakes up again at once. After true, whoever puts something in calls wake.
 */
bool mesh_sleep(struct mesh *mesh, uint16_t lane_i);
void mesh_awake(struct mesh *mesh, uint16_t lane_i);

#endif
