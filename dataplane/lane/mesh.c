/*
 * mesh.c - see mesh.h. Memory: the head, then each port's steering with its groups, then for each
 * pair of lanes three rings: packets received, packets to send, messages.
 */
#include "lane/mesh.h"

#include <string.h>

#include "base/spsc.h"
#include "lane/steer.h"

/* Rings of messages hold them whole, in the same manner as struct spsc holds pointers. */
struct post {
	struct {
		uint32_t at;
	} put __attribute__((aligned(64)));
	struct {
		uint32_t at;
	} get __attribute__((aligned(64)));
	struct mesh_message message[MESH_RING_MESSAGES];
};

struct bell {
	uint64_t rung; /* a bit for each lane that put something in */
	uint32_t is_asleep;
} __attribute__((aligned(64)));

struct mesh {
	struct mesh_conf conf;
	struct steer *steer; /* [port_n] */
	uint8_t *pairs;	     /* [lane_n * lane_n], from * lane_n + to */
	size_t pair_bytes, ring_bytes;
	uint16_t queue_n[PORTS_MAX];
	struct bell bell[LANES_MAX];
};

static size_t
round_up(size_t n)
{
	return (n + 63) / 64 * 64;
}

static size_t
head_bytes(const struct mesh_conf *conf)
{
	return round_up(sizeof(struct mesh)) +
	       conf->port_n * (round_up(sizeof(struct steer)) + steer_size());
}

static size_t
pair_bytes(void)
{
	return MESH_WAYS * spsc_size(MESH_RING_PACKETS) + round_up(sizeof(struct post));
}

size_t
mesh_size(const struct mesh_conf *conf)
{
	return head_bytes(conf) + (size_t)conf->lane_n * conf->lane_n * pair_bytes();
}

static struct spsc *
ring(const struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to)
{
	size_t pair = (size_t)from * mesh->conf.lane_n + to;

	ensure_hot(from < mesh->conf.lane_n && to < mesh->conf.lane_n);
	return (struct spsc *)(void *)(mesh->pairs + pair * mesh->pair_bytes +
				       way * mesh->ring_bytes);
}

static struct post *
post(const struct mesh *mesh, uint16_t from, uint16_t to)
{
	return (struct post *)(void *)ring(mesh, MESH_WAYS, from, to);
}

struct mesh *
mesh_init(void *mem, const struct mesh_conf *conf)
{
	struct mesh *mesh = mem;
	uint8_t *at = (uint8_t *)mem + round_up(sizeof(*mesh));

	ensure((uintptr_t)mem % 64 == 0);
	ensure(conf->lane_n >= 1 && conf->lane_n <= LANES_MAX && conf->port_n <= PORTS_MAX);
	memset(mesh, 0, sizeof(*mesh));
	mesh->conf = *conf;
	mesh->steer = (struct steer *)(void *)at;
	at += conf->port_n * round_up(sizeof(struct steer));
	for (uint16_t i = 0; i < conf->port_n; i++) {
		mesh->queue_n[i] = conf->port[i].facts.queue_n;
		steer_init(&mesh->steer[i], &conf->port[i].facts, conf->lane_n,
			   conf->seed + 0x9e3779b97f4a7c15u * i, at);
		at += steer_size();
	}
	mesh->pairs = at;
	mesh->ring_bytes = spsc_size(MESH_RING_PACKETS);
	mesh->pair_bytes = pair_bytes();
	for (uint16_t from = 0; from < conf->lane_n; from++) {
		for (uint16_t to = 0; to < conf->lane_n; to++) {
			struct post *p = post(mesh, from, to);

			p->put.at = p->get.at = 0;
			for (enum mesh_way way = MESH_RX; way < MESH_WAYS; way++)
				spsc_init(ring(mesh, way, from, to), MESH_RING_PACKETS);
		}
	}
	return mesh;
}

static void
empty(struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to)
{
	struct buf *packet;

	while (mesh_pop(mesh, way, from, to, &packet, 1) != 0)
		buf_give(packet);
}

void
mesh_fini(struct mesh *mesh)
{
	for (uint16_t from = 0; from < mesh->conf.lane_n; from++) {
		for (uint16_t to = 0; to < mesh->conf.lane_n; to++) {
			empty(mesh, MESH_RX, from, to);
			empty(mesh, MESH_TX, from, to);
		}
	}
}

uint16_t
mesh_lane_n(const struct mesh *mesh)
{
	return mesh->conf.lane_n;
}

struct steer *
mesh_steer(struct mesh *mesh, uint16_t port_i)
{
	ensure_hot(port_i < mesh->conf.port_n);
	return &mesh->steer[port_i];
}

uint16_t
mesh_queue_lane(const struct mesh *mesh, uint16_t port_i, uint16_t lane_i)
{
	return (uint16_t)(lane_i % mesh->queue_n[port_i]);
}

/*
 * The bell is rung after the ring was filled, and both sides of sleep are ordered as one: either
 * the sleeper sees the bell or the ringer sees it asleep.
 */
static void
rang(struct mesh *mesh, uint16_t from, uint16_t to)
{
	struct bell *bell = &mesh->bell[to];

	__atomic_fetch_or(&bell->rung, 1ull << from, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&bell->is_asleep, __ATOMIC_SEQ_CST) != 0 && mesh->conf.wake != NULL)
		mesh->conf.wake(mesh->conf.wake_ctx, to);
}

uint32_t
mesh_push(struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to, struct buf **packet,
	  uint32_t n)
{
	uint32_t put = spsc_put(ring(mesh, way, from, to), (void *const *)packet, n);

	if (put > 0)
		rang(mesh, from, to);
	return put;
}

uint32_t
mesh_pop(struct mesh *mesh, enum mesh_way way, uint16_t from, uint16_t to, struct buf **ret_packet,
	 uint32_t n)
{
	return spsc_get(ring(mesh, way, from, to), (void **)ret_packet, n);
}

uint32_t
mesh_tell(struct mesh *mesh, uint16_t from, const struct mesh_message *message)
{
	uint32_t missed = 0;

	for (uint16_t to = 0; to < mesh->conf.lane_n; to++) {
		struct post *p = post(mesh, from, to);
		uint32_t at = p->put.at;

		if (to == from)
			continue;
		if (at - __atomic_load_n(&p->get.at, __ATOMIC_ACQUIRE) == MESH_RING_MESSAGES) {
			missed++;
			continue;
		}
		p->message[at % MESH_RING_MESSAGES] = *message;
		__atomic_store_n(&p->put.at, at + 1, __ATOMIC_RELEASE);
		rang(mesh, from, to);
	}
	return missed;
}

bool
mesh_hear(struct mesh *mesh, uint16_t from, uint16_t to, struct mesh_message *ret_message)
{
	struct post *p = post(mesh, from, to);
	uint32_t at = p->get.at;

	if (__atomic_load_n(&p->put.at, __ATOMIC_ACQUIRE) == at)
		return false;
	*ret_message = p->message[at % MESH_RING_MESSAGES];
	__atomic_store_n(&p->get.at, at + 1, __ATOMIC_RELEASE);
	return true;
}

uint64_t
mesh_rung(struct mesh *mesh, uint16_t lane_i)
{
	struct bell *bell = &mesh->bell[lane_i];

	if (__atomic_load_n(&bell->rung, __ATOMIC_RELAXED) == 0)
		return 0;
	return __atomic_exchange_n(&bell->rung, 0, __ATOMIC_SEQ_CST);
}

bool
mesh_sleep(struct mesh *mesh, uint16_t lane_i)
{
	struct bell *bell = &mesh->bell[lane_i];

	__atomic_store_n(&bell->is_asleep, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST) == 0;
}

void
mesh_awake(struct mesh *mesh, uint16_t lane_i)
{
	__atomic_store_n(&mesh->bell[lane_i].is_asleep, 0, __ATOMIC_RELEASE);
}
