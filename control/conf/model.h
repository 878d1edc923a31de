/*
 * model.h - a configuration as typed values, each with its place in the file. What parse.c fills
 * by the table of keys.c, check.c compares and build.c turns into an image.
 *
 * A value whose key was left out holds its default and has at == NULL. Durations are ns, sizes
 * bytes. Lists are arrays of the struct named beside them; everything lives in the model's arena.
 */
#ifndef PENSTOCK_CONTROL_CONF_MODEL_H
#define PENSTOCK_CONTROL_CONF_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "conf/arena.h"
#include "conf/errs.h"
#include "conf/lex.h"
#include "conf/log_style.h"

struct rule_sets;

struct conf_str {
	const char *s; /* NULL: left out, no default */
	const struct node *at;
};

/* Counts, durations, sizes, booleans, and words by their index in the key's list. */
struct conf_num {
	uint64_t v;
	const struct node *at;
};

struct conf_ip {
	struct ip_addr ip;
	const struct node *at;
};

struct conf_prefix {
	struct ip_addr ip;
	uint8_t bits;
	const struct node *at;
};

struct conf_endpoint {
	struct ip_addr ip; /* all zero: every address of a port */
	uint16_t port;
	const struct node *at;
};

struct conf_list {
	void *item;
	uint32_t n;
	const struct node *at;
};

/* The mapping forms: {memif: PATH, …}, {packet: IFACE}; the text forms fill packet, xdp and tap. */
struct conf_device {
	const struct node *at;
	struct conf_str packet, xdp, tap;     /* interface name, or NULL: */
	struct conf_str memif, vhost, virtio; /* socket path, or NULL: */
	struct conf_str pci;		      /* address */
	struct conf_str vdev;		      /* "NAME" or "NAME,ARGUMENTS" */
	struct conf_num role;		      /* enum img_role */
	struct conf_num checksums;	      /* 0: verified, 1: trusted */
	struct conf_num id;
	struct conf_num queues;
	struct conf_str rss_key; /* hex digits */
};

struct conf_route {
	const struct node *at;
	struct conf_prefix to;
	struct conf_ip via;
};

/* Booleans: what the port may do where it can. */
struct conf_offloads {
	const struct node *at;
	struct conf_num rx_checksum, tx_checksum, tso, lro, multi_segs;
};

struct conf_port {
	const struct node *at;
	struct conf_str name;
	struct conf_device device;
	struct conf_list addresses; /* struct conf_prefix */
	struct conf_num vlan;	    /* 0: untagged */
	struct conf_list gateways;  /* struct conf_ip */
	struct conf_list routes;    /* struct conf_route */
	struct conf_num mtu;
	struct conf_num hop_limit, dscp;
	struct conf_offloads offloads;
	struct conf_list source_addresses; /* struct conf_ip */
	struct conf_str exception;	   /* auto, off or an interface; NULL: auto */
};

/* 0 in each: the data plane's default; body: no limit. */
struct conf_limits {
	const struct node *at;
	struct conf_num head, target, fields, body;
};

struct conf_tcp {
	const struct node *at;
	struct conf_num congestion; /* enum img_congestion */
	struct conf_num ecn;	    /* 1: offered */
	struct conf_num keepalive, user_timeout, time_wait;
	struct conf_num send_buffer, receive_buffer;
};

struct conf_machine {
	const struct node *at;
	struct conf_list cores;	   /* struct conf_num */
	struct conf_num lanes;	   /* 0: auto */
	struct conf_num poll;	   /* enum img_poll */
	struct conf_num hugepages; /* boolean */
	struct conf_num fragments; /* 1: put together */
	struct conf_num memory;	   /* bytes for packet buffers; 0: the data plane's default */
	struct conf_num connections;
	struct conf_str pseudonym; /* our name in Via */
	struct conf_limits limits;
	struct conf_tcp tcp;
	struct conf_list ports; /* struct conf_port */
};

struct conf_client_timeouts {
	const struct node *at;
	struct conf_num head, body, idle, send, tunnel;
};

struct conf_listener {
	const struct node *at;
	struct conf_str name;
	struct conf_endpoint address;
	struct conf_str port;
	struct conf_num protocol;
	struct conf_str farm;
	struct conf_client_timeouts timeouts;
	struct conf_num via;		      /* boolean */
	struct conf_num x_forwarded_for;      /* enum img_xff */
	struct conf_num x_forwarded_for_port; /* boolean */
	struct conf_num x_forwarded_proto;    /* boolean */
	struct conf_num x_forwarded_host;     /* boolean */
	struct conf_num access_log;	      /* boolean */
	struct conf_list rules;		      /* struct conf_str: sets */
};

struct conf_server {
	const struct node *at;
	struct conf_str name;
	struct conf_str address; /* IP address or host name */
	struct conf_num http_port;
	struct conf_num https_port;
	struct conf_num weight;
};

struct conf_farm_timeouts {
	const struct node *at;
	struct conf_num connect, send, receive, idle;
};

struct conf_farm {
	const struct node *at;
	struct conf_str name;
	struct conf_num scheme;	  /* enum img_scheme */
	struct conf_num balance;  /* enum img_balance */
	struct conf_list servers; /* struct conf_server */
	struct conf_farm_timeouts timeouts;
	struct conf_str port;
	struct conf_list source_addresses; /* struct conf_ip */
	struct conf_num idle_connections;  /* a lane keeps per server */
	struct conf_num retries;
	struct conf_num rest;	     /* after a failure */
	struct conf_str host_header; /* "keep", "server", or a host name of its own */
	bool is_implicit;	     /* made of a plain host, see plain.h */
};

/* hosts: {NAME: [ADDRESS, …]} */
struct conf_host {
	struct conf_str name;
	struct conf_list addresses; /* struct conf_ip */
};

struct conf_resolver {
	const struct node *at;
	struct conf_list servers; /* struct conf_str: IP, IP:port or [v6]:port */
};

struct conf_access_log {
	const struct node *at;
	struct conf_str path;
	struct conf_num format;	 /* enum conf_log_format */
	struct conf_list fields; /* struct conf_num: enum log_field */
};

struct conf_logs {
	const struct node *at;
	struct conf_access_log access;
};

struct conf_metrics {
	const struct node *at;
	struct conf_endpoint address; /* port 0: not served */
};

struct conf_control {
	const struct node *at;
	struct conf_str socket;
	struct conf_metrics metrics;
};

struct conf {
	const struct node *at;
	struct conf_machine machine;
	struct conf_list listeners; /* struct conf_listener */
	struct conf_list farms;	    /* struct conf_farm */
	struct conf_list hosts;	    /* struct conf_host */
	struct conf_resolver resolver;
	struct conf_logs logs;
	struct conf_control control;
	struct conf_list rules;		/* struct conf_rule_set, see native.h */
	struct conf_num plain_hosts;	/* boolean */
	struct conf_list dynamic_hosts; /* struct conf_str: host or host:port */
	struct rule_sets *rule_sets;	/* made of rules, in their order */
	struct conf_errs warns;		/* what is no error but will surprise */
	struct arena arena;
};

/* Walks a list: for (CONF_EACH(struct conf_port, port, &conf->machine.ports)) */
#define CONF_EACH(type, name, list)                                                                \
	const type *name = (list)->item, *name##_end = (list)->n == 0 ? name : name + (list)->n;   \
	name < name##_end;                                                                         \
	name++

#endif
