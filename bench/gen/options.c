/*
 * options.c - the command line: everything checked before anything is opened.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "gen/device.h"
#include "gen/gen.h"

static const char usage[] =
	"usage: penstock-bench --outside DEVICE --inside DEVICE [options]\n"
	"       penstock-bench --loop --outside PATH [options]\n"
	"\n"
	"Plays clients and origins of a proxy over two links, checks every response.\n"
	"\n"
	"  --outside DEVICE   the clients' side: PATH, a memif's socket (this is the server's\n"
	"                     end); vhost:PATH, a vhost-user backend; pci:ADDRESS, a card\n"
	"  --inside DEVICE    the origins' side\n"
	"  --role ROLE        client, origin or both (default); each opens its own side only\n"
	"  --loop             no proxy: clients speak to origins over a memif of our own, for the\n"
	"                     generator's own latency and capacity; with --role it is one end of\n"
	"                     two processes (client, started first, is the memif's server)\n"
	"  --profile NAME     keep-alive (default), close, bulk-down, bulk-up, mixed, slow, idle,\n"
	"                     syn-flood\n"
	"  --conns N          connections at once (64)\n"
	"  --seconds S        how long is measured (10)\n"
	"  --warmup S         how long before that is not (1)\n"
	"  --rate R           requests a second at even intervals; left out: as fast as answers\n"
	"                     come; idle: 1000\n"
	"  --flood-rate R     of syn-flood: spoofed SYNs a second; left out: as many as go\n"
	"  --queues N         of each link, 1 to 16 (1)\n"
	"  --origins N        addresses 10.2.0.11 and following, 1 to 8 (1)\n"
	"  --work NS          the origin keeps its core busy so long for each request: an ideal\n"
	"                     proxy of that speed, with --loop and a role a process\n"
	"  --body BYTES       of the body (64; bulk 1048576); mixed, slow, syn-flood have their "
	"own\n"
	"  --core N           the processor core to run on (0)\n"
	"  --json FILE        the result; left out: standard output\n"
	"  --help\n"
	"\n"
	"Exit code: 0 every response was right, 1 some was not or nothing came, 2 usage.\n"
	"Example: penstock-bench --outside /run/m/out.sock --inside /run/m/in.sock --conns 256\n";

static bool
number(const char *text, double least, double most, double *ret)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(v) || v < least || v > most)
		return false;
	*ret = v;
	return true;
}

static bool
whole(const char *text, uint32_t least, uint32_t most, uint32_t *ret)
{
	double v;

	if (!number(text, least, most, &v) || v != (double)(uint32_t)v)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool
profile(const char *text, struct gen_conf *c)
{
	for (uint32_t i = 0; i < GEN_PROFILES_N; i++) {
		if (strcmp(text, gen_profile_name((enum gen_profile)i)) == 0) {
			c->profile = (enum gen_profile)i;
			return true;
		}
	}
	return false;
}

static bool
role(const char *text, struct gen_conf *c)
{
	c->is_client = strcmp(text, "client") == 0 || strcmp(text, "both") == 0;
	c->is_origin = strcmp(text, "origin") == 0 || strcmp(text, "both") == 0;
	return c->is_client || c->is_origin;
}

static bool
device(const char *text, const char **ret)
{
	const char *place = device_place(text);

	*ret = text;
	return place[0] != '\0' && strpbrk(place, ",[]= \t\n") == NULL &&
	       strlen(place) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

static bool
option(int letter, const char *text, struct gen_conf *c)
{
	switch (letter) {
	case 'o':
		return device(text, &c->outside);
	case 'i':
		return device(text, &c->inside);
	case 'r':
		return role(text, c);
	case 'p':
		return profile(text, c);
	case 'c':
		return whole(text, 1, CONNS_MAX, &c->conns);
	case 's':
		return number(text, 0.1, 86400, &c->seconds);
	case 'w':
		return number(text, 0, 3600, &c->warmup);
	case 'R':
		return number(text, 1, 1e9, &c->rate);
	case 'F':
		return number(text, 1, 1e9, &c->flood_rate);
	case 'l':
		c->is_loop = true;
		return true;
	case 'q':
		return whole(text, 1, QUEUES_MAX, &c->queues);
	case 'O':
		return whole(text, 1, ORIGINS_MAX, &c->origins);
	case 'W':
		return number(text, 0, 1e6, &c->work_ns);
	case 'b':
		return whole(text, TOKEN, 1u << 30, &c->body_n);
	case 'C':
		return whole(text, 0, 127, &c->core);
	case 'j':
		c->json = text;
		return text[0] != '\0';
	}
	return false;
}

/* Whether the options go together. */
static bool
is_whole(const struct gen_conf *c, char *why, size_t why_n)
{
	bool wants_out = (c->is_client || c->is_loop) && c->outside == NULL;
	bool wants_in = c->is_origin && !c->is_loop && c->inside == NULL;
	bool has_kinds = c->profile == GEN_PROFILE_mixed || c->profile == GEN_PROFILE_slow ||
			 c->profile == GEN_PROFILE_syn_flood;

	if (wants_out || wants_in)
		snprintf(why, why_n, "--%s is needed; see --help",
			 wants_out ? "outside" : "inside");
	else if (c->is_loop && device_kind(c->outside) != DEVICE_MEMIF)
		snprintf(why, why_n, "--loop is over a memif: --outside PATH");
	else if (c->is_loop && c->inside != NULL)
		snprintf(why, why_n, "--loop has one socket: leave --inside out");
	else if (has_kinds && c->body_n != 0)
		snprintf(why, why_n, "--body: %s has its own sizes", gen_profile_name(c->profile));
	else if (c->work_ns > 0 && !c->is_origin)
		snprintf(why, why_n, "--work is the origins', whom this process does not play");
	else if (c->flood_rate > 0 && c->profile != GEN_PROFILE_syn_flood)
		snprintf(why, why_n, "--flood-rate is of --profile syn-flood");
	else
		return true;
	return false;
}

bool
gen_options(int argc, char **argv, struct gen_conf *ret_conf, char *why, size_t why_n)
{
	static const struct option options[] = {
		{ "outside", 1, NULL, 'o' }, { "inside", 1, NULL, 'i' },
		{ "role", 1, NULL, 'r' },    { "profile", 1, NULL, 'p' },
		{ "conns", 1, NULL, 'c' },   { "seconds", 1, NULL, 's' },
		{ "warmup", 1, NULL, 'w' },  { "rate", 1, NULL, 'R' },
		{ "queues", 1, NULL, 'q' },  { "origins", 1, NULL, 'O' },
		{ "body", 1, NULL, 'b' },    { "core", 1, NULL, 'C' },
		{ "json", 1, NULL, 'j' },    { "help", 0, NULL, 'h' },
		{ "loop", 0, NULL, 'l' },    { "flood-rate", 1, NULL, 'F' },
		{ "work", 1, NULL, 'W' },    { NULL, 0, NULL, 0 },
	};
	struct gen_conf c = { .is_client = true,
			      .is_origin = true,
			      .conns = 64,
			      .queues = 1,
			      .origins = 1,
			      .seconds = 10,
			      .warmup = 1 };
	int letter, which = 0;

	while ((letter = getopt_long(argc, argv, "h", options, &which)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		if (letter == '?') {
			snprintf(why, why_n, "see --help");
			return false;
		}
		if (!option(letter, optarg, &c)) {
			snprintf(why, why_n, "--%s cannot be \"%s\"; see --help",
				 options[which].name, optarg);
			return false;
		}
	}
	if (optind < argc) {
		snprintf(why, why_n, "\"%s\" is no option; see --help", argv[optind]);
		return false;
	}
	if (!is_whole(&c, why, why_n))
		return false;
	if (c.profile == GEN_PROFILE_idle && c.rate <= 0)
		c.rate = 1000;
	*ret_conf = c;
	return true;
}
