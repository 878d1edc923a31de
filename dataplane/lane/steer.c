/*
 * steer.c - see steer.h.
 */
#include "lane/steer.h"

#include <string.h>

#include "base/ensure.h"
#include "base/prng.h"

enum {
	ETHERTYPE_AT = 12,
	PEEK_MIN = 14 + 20 + 4, /* Ethernet, IPv4 and the two ports */
	PROTO_AT_V4 = 9,
	PROTO_TCP = 6,
	PROTO_ICMP = 1,
	PROTO_ICMP6 = 58,
	ICMP_QUOTE = 8, /* the quoted packet begins behind the ICMP header */
};

size_t
steer_size(void)
{
	return (net_groups_size() + 63) / 64 * 64;
}

/* How many lanes share a queue: those with lane mod queue_n equal to it. */
static uint32_t
lanes_on(const struct steer *steer, uint32_t queue)
{
	return (steer->lane_n - queue + steer->queue_n - 1u) / steer->queue_n;
}

/* The port's own table, refined where several lanes share a queue. */
static void
buckets_of_rss(struct steer *steer, const struct portif_facts *facts)
{
	uint32_t n = facts->reta_n;

	while (n * 2 <= RETA_MAX && n < 64u * steer->lane_n)
		n *= 2;
	steer->bucket_n = (uint16_t)n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t queue = facts->reta[i % facts->reta_n];
		uint32_t k = i / facts->reta_n % lanes_on(steer, queue);

		ensure(queue < steer->queue_n);
		steer->lane_of_bucket[i] = (uint16_t)(queue + k * steer->queue_n);
	}
}

static void
buckets_of_lanes(struct steer *steer)
{
	steer->bucket_n = RETA_MAX;
	for (uint32_t i = 0; i < steer->bucket_n; i++)
		steer->lane_of_bucket[i] = (uint16_t)(i % steer->lane_n);
}

void
steer_init(struct steer *steer, const struct portif_facts *facts, uint16_t lane_n, uint64_t seed,
	   void *mem)
{
	bool has_rss = facts->key_n >= TOEPLITZ_KEY && facts->reta_n > 0 && facts->queue_n > 1;
	uint8_t key[RSS_KEY_BYTES_MAX] = { 0 };
	uint32_t key_n = TOEPLITZ_KEY;

	ensure(facts->queue_n >= 1 && facts->queue_n <= lane_n && lane_n <= LANES_MAX);
	ensure(facts->key_n <= sizeof(key) && facts->reta_n <= RETA_MAX);
	*steer = (struct steer){ .lane_n = lane_n, .queue_n = facts->queue_n };
	if (has_rss) {
		memcpy(key, facts->key, facts->key_n);
		key_n = facts->key_n;
		ensure((facts->reta_n & (facts->reta_n - 1)) == 0);
		buckets_of_rss(steer, facts);
	} else {
		struct prng prng;

		prng_init(&prng, seed);
		for (uint32_t i = 0; i < key_n; i++)
			key[i] = (uint8_t)prng_u32(&prng);
		buckets_of_lanes(steer);
	}
	toeplitz_init(&steer->toeplitz, key, key_n);
	steer->groups = net_groups_init(mem, &(struct net_groups_conf){
						     .key = key,
						     .key_n = key_n,
						     .buckets_n = steer->bucket_n,
						     .first = NET_PORT_FIRST,
						     .last = NET_PORT_LAST,
					     });
	steer->mode = lane_n == 1 ? INSTANCE_STEERING_SINGLE
		      : has_rss	  ? INSTANCE_STEERING_RSS
				  : INSTANCE_STEERING_HANDOVER;
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool
peek_ip4(const uint8_t *ip, uint32_t n, bool is_quoted, struct steer_tuple *ret)
{
	uint32_t header_n;

	if (n < 20)
		return false;
	header_n = (ip[0] & 0x0f) * 4u;
	if (header_n < 20 || (get16(ip + 6) & 0x3fff) != 0) /* a fragment's hash is another one */
		return false;
	if (ip[PROTO_AT_V4] == PROTO_ICMP && !is_quoted && n >= header_n + ICMP_QUOTE) {
		const uint8_t *icmp = ip + header_n;

		if (icmp[0] != 3 && icmp[0] != 11 && icmp[0] != 12)
			return false;
		return peek_ip4(icmp + ICMP_QUOTE, n - header_n - ICMP_QUOTE, true, ret);
	}
	if (ip[PROTO_AT_V4] != PROTO_TCP || n < header_n + 4)
		return false;
	ret->src = ip_from_v4(ip + 12);
	ret->dst = ip_from_v4(ip + 16);
	ret->src_port = get16(ip + header_n);
	ret->dst_port = get16(ip + header_n + 2);
	return true;
}

/*
 * Behind extension headers a network card finds no ports either; such segments go by no hash, and
 * are handed over when they have been decoded.
 */
static bool
peek_ip6(const uint8_t *ip, uint32_t n, bool is_quoted, struct steer_tuple *ret)
{
	if (n < 44)
		return false;
	if (ip[6] == PROTO_ICMP6 && !is_quoted && n >= 40 + ICMP_QUOTE) {
		if (ip[40] < 1 || ip[40] > 4)
			return false;
		return peek_ip6(ip + 40 + ICMP_QUOTE, n - 40 - ICMP_QUOTE, true, ret);
	}
	if (ip[6] != PROTO_TCP)
		return false;
	memcpy(ret->src.b, ip + 8, 16);
	memcpy(ret->dst.b, ip + 24, 16);
	ret->src_port = get16(ip + 40);
	ret->dst_port = get16(ip + 42);
	return true;
}

/* A quoted segment is one that we sent: its flow's segments arrive the other way round. */
static void
turn_round(struct steer_tuple *t)
{
	struct steer_tuple was = *t;

	t->src = was.dst;
	t->dst = was.src;
	t->src_port = was.dst_port;
	t->dst_port = was.src_port;
}

bool
steer_peek(const uint8_t *frame, uint32_t n, struct steer_tuple *ret_tuple)
{
	struct steer_tuple tuple;
	uint32_t at = ETHERTYPE_AT;
	bool is_error, is_there;

	if (n < PEEK_MIN)
		return false;
	if (get16(frame + at) == 0x8100)
		at += 4;
	if (get16(frame + at) == 0x0800) {
		is_error = frame[at + 2 + PROTO_AT_V4] == PROTO_ICMP;
		is_there = peek_ip4(frame + at + 2, n - at - 2, false, &tuple);
	} else if (get16(frame + at) == 0x86dd) {
		is_error = frame[at + 2 + 6] == PROTO_ICMP6;
		is_there = peek_ip6(frame + at + 2, n - at - 2, false, &tuple);
	} else {
		return false;
	}
	if (!is_there)
		return false;
	if (is_error)
		turn_round(&tuple);
	*ret_tuple = tuple;
	return true;
}

uint16_t
steer_lane(const struct steer *steer, const struct steer_tuple *tuple)
{
	uint32_t hash = toeplitz_tuple(&steer->toeplitz, &tuple->src, tuple->src_port, &tuple->dst,
				       tuple->dst_port);

	return steer->lane_of_bucket[hash & (steer->bucket_n - 1u)];
}

bool
steer_judge(struct steer *steer, uint16_t queue, uint16_t to)
{
	uint32_t rss = INSTANCE_STEERING_RSS;

	__atomic_fetch_add(&steer->judged, 1, __ATOMIC_RELAXED);
	if (to % steer->queue_n == queue)
		return false;
	__atomic_fetch_add(&steer->wrong, 1, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n(&steer->mode, &rss, INSTANCE_STEERING_MISMATCH, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
