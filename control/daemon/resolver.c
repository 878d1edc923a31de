/*
 * resolver.c - names to addresses, see resolver.h.
 *
 * One record a name, however many servers bear it. c-ares tells which of its sockets to watch;
 * they are watched by the loop like any other.
 */
#include "daemon/resolver.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include <ares.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "daemon/say.h"

enum {
	SOCKETS_MAX = 32,
	TRY_MS = 1500,
	TRIES = 2,
};

#define TTL_MIN	  (1 * LOOP_S)
#define TTL_MAX	  (3600 * LOOP_S)
#define TTL_NONE  (60 * LOOP_S) /* /etc/hosts has no time to live */
#define AGAIN_MIN (1 * LOOP_S)
#define AGAIN_MAX (30 * LOOP_S)

struct name {
	struct resolver *resolver;
	char *host;
	bool is_static;
	bool is_wanted; /* by the image in force */
	bool is_asking;
	bool is_gone; /* nobody wants it, an answer is on its way */
	struct ip_addr ip[RUNTIME_ADDRESSES_MAX];
	uint32_t ip_n;
	bool is_known;
	uint32_t failures; /* in a row */
	int error;	   /* of c-ares, the last one */
	uint64_t ask_at;
	uint64_t until_real; /* of the answer */
	struct name *next;
};

/* A server of the image that has a name. */
struct user {
	uint32_t slot, incarnation;
	struct name *name;
};

struct resolver {
	struct loop *loop;
	struct overrides *overrides;
	ares_channel channel;
	char *servers;
	bool has_v4, has_v6; /* families that the ports speak */
	struct name *names;
	struct user *user;
	uint32_t user_n;
	struct loop_fd socket[SOCKETS_MAX]; /* fd -1: free */
};

/* ---- sockets of c-ares ---- */

static void
on_socket(void *ctx, int fd, uint32_t events)
{
	struct resolver *resolver = ctx;
	bool is_readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;

	ares_process_fd(resolver->channel, is_readable ? fd : ARES_SOCKET_BAD,
			(events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
}

static void
on_socket_state(void *ctx, ares_socket_t fd, int is_read, int is_write)
{
	struct resolver *resolver = ctx;
	struct loop_fd *free_one = NULL, *found = NULL;

	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (resolver->socket[i].fd == fd)
			found = &resolver->socket[i];
		else if (resolver->socket[i].fd < 0)
			free_one = &resolver->socket[i];
	}
	if (found == NULL)
		found = free_one;
	if (found == NULL)
		return; /* its question times out and is asked again */
	found->fd = fd;
	loop_watch(resolver->loop, found, (is_read ? EPOLLIN : 0u) | (is_write ? EPOLLOUT : 0u));
	if (!is_read && !is_write)
		found->fd = -1;
}

static bool
channel_open(struct resolver *resolver)
{
	struct ares_options options = { .timeout = TRY_MS,
					.tries = TRIES,
					.sock_state_cb = on_socket_state,
					.sock_state_cb_data = resolver };
	int error = ares_init_options(&resolver->channel, &options,
				      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);

	if (error != ARES_SUCCESS) {
		say("DNS cannot start (%s): names of servers are not resolved",
		    ares_strerror(error));
		return false;
	}
	if (resolver->servers[0] != '\0' &&
	    ares_set_servers_ports_csv(resolver->channel, resolver->servers) != ARES_SUCCESS)
		say("the DNS servers %s cannot be used", resolver->servers);
	return true;
}

struct resolver *
resolver_open(struct loop *loop, struct overrides *overrides)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	ensure(resolver != NULL);
	resolver->loop = loop;
	resolver->overrides = overrides;
	resolver->servers = strdup("");
	for (int i = 0; i < SOCKETS_MAX; i++)
		resolver->socket[i] = (struct loop_fd){ -1, on_socket, resolver };
	if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS && channel_open(resolver))
		return resolver;
	free(resolver->servers);
	free(resolver);
	return NULL;
}

/* ---- names ---- */

static struct name *
name_find(const struct resolver *resolver, const char *host)
{
	for (struct name *name = resolver->names; name != NULL; name = name->next)
		if (!name->is_gone && strcasecmp(name->host, host) == 0)
			return name;
	return NULL;
}

static struct name *
name_take(struct resolver *resolver, const char *host)
{
	struct name *name = name_find(resolver, host);

	if (name != NULL)
		return name;
	name = calloc(1, sizeof(*name));
	ensure(name != NULL);
	name->resolver = resolver;
	name->host = strdup(host);
	ensure(name->host != NULL);
	name->next = resolver->names;
	resolver->names = name;
	return name;
}

static void
name_free(struct name *name)
{
	free(name->host);
	free(name);
}

/* Takes names out that nobody wants; one with a question on its way when the answer comes. */
static void
names_sweep(struct resolver *resolver)
{
	struct name **at = &resolver->names;

	while (*at != NULL) {
		struct name *name = *at;

		if (!name->is_wanted && name->is_asking)
			name->is_gone = true;
		if (name->is_wanted || name->is_asking) {
			at = &name->next;
			continue;
		}
		*at = name->next;
		name_free(name);
	}
}

static int
ip_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

/* What no server can have: DNS says what it likes, also 0.0.0.0 for a name that is blocked. */
static bool
is_of_a_host(const struct ip_addr *ip)
{
	static const uint8_t v6_none[15];

	if (ip_is_v4(ip))
		return ip->b[12] != 0 && ip->b[12] != 127 && ip->b[12] < 224;
	return ip->b[0] != 0xff && (memcmp(ip->b, v6_none, sizeof(v6_none)) != 0 || ip->b[15] > 1);
}

static bool
is_usable(const struct resolver *resolver, const struct ip_addr *ip)
{
	if (!is_of_a_host(ip))
		return false;
	return ip_is_v4(ip) ? resolver->has_v4 : resolver->has_v6;
}

static void
address_add(struct name *name, const struct ip_addr *ip)
{
	if (name->ip_n == RUNTIME_ADDRESSES_MAX || !is_usable(name->resolver, ip))
		return;
	for (uint32_t i = 0; i < name->ip_n; i++)
		if (ip_eq(&name->ip[i], ip))
			return;
	name->ip[name->ip_n++] = *ip;
}

/* Tells every server of that name; NULL: all of them. */
static void
publish(struct resolver *resolver, const struct name *only)
{
	for (uint32_t i = 0; i < resolver->user_n; i++) {
		const struct user *user = &resolver->user[i];
		const struct name *name = user->name;

		if ((only != NULL && name != only) || !name->is_known)
			continue;
		overrides_set_addresses(resolver->overrides, user->slot, user->incarnation,
					name->ip, name->ip_n, name->until_real);
	}
}

/* ---- questions ---- */

static void
answered(struct name *name, const struct ares_addrinfo *info, uint64_t now)
{
	struct ip_addr before[RUNTIME_ADDRESSES_MAX];
	uint32_t before_n = name->ip_n;
	uint64_t ttl = TTL_MAX;
	bool has_ttl = false;

	memcpy(before, name->ip, sizeof(before));
	name->ip_n = 0;
	for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
	     node = node->ai_next) {
		struct ip_addr ip;
		uint64_t of_node = (uint64_t)(node->ai_ttl > 0 ? node->ai_ttl : 0) * LOOP_S;

		if (node->ai_family == AF_INET)
			ip = ip_from_v4(
				(const uint8_t *)&(
					(const struct sockaddr_in *)(const void *)node->ai_addr)
					->sin_addr);
		else if (node->ai_family == AF_INET6)
			memcpy(ip.b,
			       &((const struct sockaddr_in6 *)(const void *)node->ai_addr)
					->sin6_addr,
			       sizeof(ip.b));
		else
			continue;
		address_add(name, &ip);
		has_ttl |= of_node > 0;
		if (of_node < ttl)
			ttl = of_node;
	}
	if (!has_ttl)
		ttl = TTL_NONE;
	ttl = ttl < TTL_MIN ? TTL_MIN : ttl;
	qsort(name->ip, name->ip_n, sizeof(name->ip[0]), ip_order);
	if (!name->is_known || before_n != name->ip_n ||
	    memcmp(before, name->ip, name->ip_n * sizeof(before[0])) != 0)
		say("%s has %u address%s now", name->host, name->ip_n, name->ip_n == 1 ? "" : "es");
	name->is_known = true;
	name->failures = 0;
	name->error = ARES_SUCCESS;
	name->ask_at = now + ttl;
	name->until_real = loop_realtime() + ttl;
	publish(name->resolver, name);
}

static void
failed(struct name *name, int error, uint64_t now)
{
	uint64_t pause = AGAIN_MIN << (name->failures < 5 ? name->failures : 5);

	if (name->failures == 0 || error != name->error)
		say("%s cannot be resolved (%s); %s, asking again", name->host,
		    ares_strerror(error),
		    name->is_known ? "its last addresses stay in force" : "it has no address yet");
	name->failures++;
	name->error = error;
	name->ask_at = now + (pause < AGAIN_MAX ? pause : AGAIN_MAX);
}

static void
on_answer(void *ctx, int error, int timeouts, struct ares_addrinfo *info)
{
	struct name *name = ctx;

	(void)timeouts;
	name->is_asking = false;
	if (error != ARES_EDESTRUCTION && !name->is_gone) {
		if (error == ARES_SUCCESS && info->nodes != NULL)
			answered(name, info, loop_now());
		else
			failed(name, error == ARES_SUCCESS ? ARES_ENODATA : error, loop_now());
	}
	ares_freeaddrinfo(info);
}

static void
ask(struct resolver *resolver, struct name *name)
{
	struct ares_addrinfo_hints hints = { .ai_family = resolver->has_v4 && !resolver->has_v6
								  ? AF_INET
							  : !resolver->has_v4 && resolver->has_v6
								  ? AF_INET6
								  : AF_UNSPEC,
					     .ai_socktype = SOCK_STREAM,
					     .ai_flags = ARES_AI_NOSORT };

	name->is_asking = true;
	name->ask_at = LOOP_NEVER;
	ares_getaddrinfo(resolver->channel, name->host, NULL, &hints, on_answer, name);
}

/* ---- images ---- */

static void
families_note(struct resolver *resolver, const struct img *img)
{
	bool had_v4 = resolver->has_v4, had_v6 = resolver->has_v6;

	resolver->has_v4 = resolver->has_v6 = false;
	for (uint32_t i = 0; i < img_n(img, IMG_ADDRESSES); i++) {
		if (ip_is_v4(&img_address(img, i)->ip))
			resolver->has_v4 = true;
		else
			resolver->has_v6 = true;
	}
	if (resolver->has_v4 == had_v4 && resolver->has_v6 == had_v6)
		return;
	for (struct name *name = resolver->names; name != NULL; name = name->next)
		if (!name->is_asking)
			name->ask_at = 0; /* the answer was cut to the families before */
}

/* The addresses that `hosts` gives a name. False: it does not know it. */
static bool
static_find(struct name *name, const struct img *img)
{
	bool is_found = false;

	for (uint32_t i = 0; i < img_n(img, IMG_NAMES); i++) {
		const struct img_name *entry = img_name(img, i);

		if (strcasecmp(img_text(img, entry->name), name->host) != 0)
			continue;
		if (!is_found)
			name->ip_n = 0;
		is_found = true;
		address_add(name, &entry->ip);
	}
	return is_found;
}

static void
name_use(struct resolver *resolver, const struct img *img, const struct img_server *server,
	 uint64_t now)
{
	struct name *name = name_take(resolver, img_text(img, server->host));

	resolver->user[resolver->user_n++] =
		(struct user){ server->slot, server->incarnation, name };
	if (name->is_wanted)
		return;
	name->is_wanted = true;
	if (static_find(name, img)) {
		name->is_static = name->is_known = true;
		name->ask_at = LOOP_NEVER;
		name->until_real = 0;
		name->error = ARES_SUCCESS;
		return;
	}
	if (name->is_static || (!name->is_known && !name->is_asking))
		name->ask_at = now;
	name->is_static = false;
}

void
resolver_set(struct resolver *resolver, const struct img *img, const char *servers, uint64_t now)
{
	if (strcmp(servers, resolver->servers) != 0) {
		free(resolver->servers);
		resolver->servers = strdup(servers);
		ensure(resolver->servers != NULL);
		ares_destroy(resolver->channel);
		ensure(channel_open(resolver));
	}
	families_note(resolver, img);
	for (struct name *name = resolver->names; name != NULL; name = name->next) {
		name->is_wanted = false;
		if (!name->is_asking && name->ask_at == LOOP_NEVER)
			name->ask_at = now; /* static till now, or the channel's end cut it off */
	}
	free(resolver->user);
	resolver->user_n = 0;
	resolver->user = calloc((size_t)img_n(img, IMG_SERVERS) + 1, sizeof(resolver->user[0]));
	ensure(resolver->user != NULL);
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++)
		if (ip_is_none(&img_server(img, i)->ip))
			name_use(resolver, img, img_server(img, i), now);
	names_sweep(resolver);
	publish(resolver, NULL);
}

void
resolver_advance(struct resolver *resolver, uint64_t now)
{
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	for (struct name *name = resolver->names; name != NULL; name = name->next)
		if (name->is_wanted && !name->is_asking && name->ask_at <= now)
			ask(resolver, name);
	for (struct name *name = resolver->names; name != NULL; name = name->next)
		if (name->is_gone && !name->is_asking) {
			names_sweep(resolver);
			break;
		}
}

uint64_t
resolver_deadline(const struct resolver *resolver, uint64_t now)
{
	uint64_t deadline = LOOP_NEVER;
	struct timeval room, *wait;

	for (const struct name *name = resolver->names; name != NULL; name = name->next)
		if (name->ask_at < deadline)
			deadline = name->ask_at;
	wait = ares_timeout(resolver->channel, NULL, &room);
	if (wait != NULL) {
		uint64_t at = now + (uint64_t)wait->tv_sec * LOOP_S +
			      (uint64_t)wait->tv_usec * 1000 + LOOP_MS;

		deadline = at < deadline ? at : deadline;
	}
	return deadline;
}

json_t *
resolver_json(const struct resolver *resolver, uint64_t now)
{
	json_t *list = json_array();
	char text[VALUE_IP_TEXT];

	for (const struct name *name = resolver->names; name != NULL; name = name->next) {
		json_t *ips = json_array(), *entry;

		for (uint32_t i = 0; i < name->ip_n; i++)
			json_array_append_new(ips, json_string(value_ip_text(&name->ip[i], text)));
		entry = json_pack("{s:s, s:s, s:o}", "name", name->host, "from",
				  name->is_static ? "hosts" : "dns", "addresses", ips);
		if (name->error != ARES_SUCCESS)
			json_object_set_new(entry, "error",
					    json_string(ares_strerror(name->error)));
		if (name->ask_at != LOOP_NEVER && name->ask_at > now)
			json_object_set_new(
				entry, "asked_again_in_s",
				json_integer((json_int_t)((name->ask_at - now) / LOOP_S)));
		json_array_append_new(list, entry);
	}
	return list;
}

void
resolver_close(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	ares_destroy(resolver->channel);
	ares_library_cleanup();
	while (resolver->names != NULL) {
		struct name *name = resolver->names;

		resolver->names = name->next;
		name_free(name);
	}
	free(resolver->user);
	free(resolver->servers);
	free(resolver);
}
