/*
 * ports.c - source ports whose replies come back to this lane (see ports.h).
 *
 * For a power of two of buckets and each family, all ports of the range lie in one array, sorted
 * by the bucket bits of what they add to the hash (a counting sort at the start).
 */
#include "net/ports.h"

#include "base/ensure.h"
#include "base/prng.h"
#include "net/toeplitz.h"

enum {
	FAMILIES = 2, /* 0: IPv4, 1: IPv6 */
	ALIGN = 64,
};

struct net_groups {
	struct toeplitz toeplitz;
	uint16_t buckets_n;
	uint16_t first, last;
	bool is_sorted; /* buckets_n is a power of two */
	uint32_t begin[FAMILIES][RETA_MAX + 1];
	uint16_t port[FAMILIES][65536];
};

struct path {
	const struct net_groups *groups; /* NULL: steering is unknown */
	uint16_t right_n;		 /* buckets that are ours */
	uint16_t right[RETA_MAX];
};

struct net_ports {
	struct prng prng;
	uint16_t first, last;
	uint16_t path_n;
	struct path path[];
};

size_t
net_groups_size(void)
{
	return (sizeof(struct net_groups) + ALIGN - 1) / ALIGN * ALIGN;
}

static void
sort(struct net_groups *groups, uint32_t family)
{
	uint32_t *begin = groups->begin[family], mask = groups->buckets_n - 1u, at = 0;
	uint32_t count[RETA_MAX] = { 0 };

	for (uint32_t port = groups->first; port <= groups->last; port++)
		count[toeplitz_dst_port(&groups->toeplitz, family == 1, (uint16_t)port) & mask]++;
	for (uint32_t i = 0; i < groups->buckets_n; i++) {
		begin[i] = at;
		at += count[i];
		count[i] = begin[i];
	}
	begin[groups->buckets_n] = at;
	for (uint32_t port = groups->first; port <= groups->last; port++) {
		uint32_t adds =
			toeplitz_dst_port(&groups->toeplitz, family == 1, (uint16_t)port) & mask;

		groups->port[family][count[adds]++] = (uint16_t)port;
	}
}

struct net_groups *
net_groups_init(void *mem, const struct net_groups_conf *conf)
{
	struct net_groups *groups = mem;

	ensure((uintptr_t)mem % ALIGN == 0);
	ensure(conf->buckets_n >= 1 && conf->buckets_n <= RETA_MAX);
	ensure(conf->first > 0 && conf->first <= conf->last);
	toeplitz_init(&groups->toeplitz, conf->key, conf->key_n);
	groups->buckets_n = conf->buckets_n;
	groups->first = conf->first;
	groups->last = conf->last;
	groups->is_sorted = (conf->buckets_n & (conf->buckets_n - 1)) == 0;
	for (uint32_t family = 0; groups->is_sorted && family < FAMILIES; family++)
		sort(groups, family);
	return groups;
}

size_t
net_ports_size(const struct net_ports_conf *conf)
{
	size_t bytes = sizeof(struct net_ports) + conf->path_n * sizeof(struct path);

	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

struct net_ports *
net_ports_init(void *mem, const struct net_ports_conf *conf)
{
	struct net_ports *ports = mem;

	ensure((uintptr_t)mem % ALIGN == 0);
	ensure(conf->first > 0 && conf->first <= conf->last);
	prng_init(&ports->prng, conf->seed);
	ports->first = conf->first;
	ports->last = conf->last;
	ports->path_n = conf->path_n;
	for (uint16_t i = 0; i < conf->path_n; i++)
		net_ports_steer(ports, i, NULL, NULL, 0);
	return ports;
}

void
net_ports_steer(struct net_ports *ports, uint16_t path, const struct net_groups *groups,
		const uint16_t *lane_of_bucket, uint16_t lane_i)
{
	struct path *p = &ports->path[path];

	ensure(path < ports->path_n);
	p->groups = groups;
	p->right_n = 0;
	for (uint16_t i = 0; groups != NULL && i < groups->buckets_n; i++)
		if (lane_of_bucket[i] == lane_i)
			p->right[p->right_n++] = i;
	if (p->right_n == 0)
		p->groups = NULL;
}

bool
net_ports_is_steered(const struct net_ports *ports, uint16_t path)
{
	ensure(path < ports->path_n);
	return ports->path[path].groups != NULL;
}

static bool
pick_any(struct net_ports *ports, const struct net_ports_ask *ask, uint16_t *ret_port)
{
	for (uint32_t try = 0; try < NET_PORTS_TRIES; try++) {
		uint32_t port = ports->first +
				prng_below(&ports->prng, (uint32_t)ports->last - ports->first + 1);

		if (ask->is_free(ask->ctx, (uint16_t)port)) {
			*ret_port = (uint16_t)port;
			return true;
		}
	}
	return false;
}

/*
 * A wished bucket, then a port of its group. Few ports free: after a while the group is walked
 * from a random start, so that the last free one is found, too, when the tries suffice.
 */
static bool
pick_sorted(struct net_ports *ports, const struct path *path, const struct net_ports_ask *ask,
	    uint32_t base, uint16_t *ret_port)
{
	const struct net_groups *groups = path->groups;
	uint32_t family = ip_is_v4(&ask->remote) ? 0 : 1;
	uint32_t asked = 0;

	/* A group can be empty: then the next wished bucket costs a try, too. */
	for (uint32_t turn = 0; asked < NET_PORTS_TRIES; turn++, asked++) {
		uint32_t wish = path->right[prng_below(&ports->prng, path->right_n)];
		uint32_t adds = (wish ^ base) & (groups->buckets_n - 1u);
		const uint16_t *port = &groups->port[family][groups->begin[family][adds]];
		uint32_t n = groups->begin[family][adds + 1] - groups->begin[family][adds];
		uint32_t at = prng_below(&ports->prng, n);
		uint32_t walk = turn < 32 ? 1 : n;

		for (uint32_t i = 0; n > 0 && i < walk && asked < NET_PORTS_TRIES; i++, asked++) {
			if (ask->is_free(ask->ctx, port[(at + i) % n])) {
				*ret_port = port[(at + i) % n];
				return true;
			}
		}
	}
	return false;
}

/* Buckets by remainder: what a port adds cannot be sorted, so ports are tried. */
static bool
pick_tried(struct net_ports *ports, const struct path *path, const struct net_ports_ask *ask,
	   uint32_t base, uint16_t *ret_port)
{
	const struct net_groups *groups = path->groups;
	bool is_v6 = !ip_is_v4(&ask->remote);
	uint32_t span = (uint32_t)groups->last - groups->first + 1;
	uint32_t asked = 0;

	for (uint32_t try = 0; asked < NET_PORTS_TRIES && try < NET_PORTS_TRIES * RETA_MAX; try++) {
		uint16_t port = (uint16_t)(groups->first + prng_below(&ports->prng, span));
		uint32_t hash = base ^ toeplitz_dst_port(&groups->toeplitz, is_v6, port);
		bool is_right = false;

		for (uint16_t i = 0; i < path->right_n; i++)
			is_right |= path->right[i] == hash % groups->buckets_n;
		if (!is_right)
			continue;
		asked++;
		if (ask->is_free(ask->ctx, port)) {
			*ret_port = port;
			return true;
		}
	}
	return false;
}

bool
net_ports_pick(struct net_ports *ports, const struct net_ports_ask *ask, uint16_t *ret_port)
{
	const struct path *path = &ports->path[ask->path];
	uint32_t base;

	ensure(ask->path < ports->path_n);
	if (path->groups == NULL)
		return pick_any(ports, ask, ret_port);
	/* A reply comes from the remote's address and port to ours: port 0, to be added to. */
	base = toeplitz_tuple(&path->groups->toeplitz, &ask->remote, ask->remote_port, &ask->local,
			      0);
	if (path->groups->is_sorted)
		return pick_sorted(ports, path, ask, base, ret_port);
	return pick_tried(ports, path, ask, base, ret_port);
}
