/*
 * main.c - penstock-dataplane: finds the newest image it can take, opens its ports, runs its lanes
 * until a signal, and tidies up.
 *
 * The main thread is the keeper: every STEP_MS it looks for newer images, at the ports' carriers
 * and after the cores. Files and sockets are made as the user given by --user; only ports that
 * need it are opened as root, and root is given up for good before the first packet.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi/instance.h"
#include "abi/rundir.h"
#include "cores.h"
#include "lane/house.h"
#include "options.h"
#include "port/port.h"
#include "view/view.h"

enum {
	EXIT_FAILED = 1,
	STEP_MS = 10,
	SLOW_STEPS = 10,     /* ports and facts: every 100 ms */
	COUNT_STEPS = 100,   /* what ports count: every second, a card is slow to tell */
	STALLED_STEPS = 200, /* an awake core without a round for 2 s */
	DRAIN_STEPS = 200,   /* what is in progress after a signal has 2 s */
	POOL_MIB_USUAL = 192,
	RINGS_MIB = 32,
	RESERVE_BUFS = 512, /* for ARP, ND and the like, of all lanes */
};

struct dataplane {
	struct options options;
	int control_fd, dataplane_fd, lock_fd, signal_fd;
	struct keeper *keeper;
	struct view_set views;
	struct buf_pool *pool, *reserve;
	struct portif port[PORTS_MAX];
	uint16_t port_n;
	uint64_t served; /* the generation whose addresses the ports know */
	uint16_t lane_n;
	struct house house;
	bool has_house;
	bool is_ending; /* lanes stay where they are */
	struct cores cores;
	struct rundir_map instance_map;
	struct instance_facts facts;
};

/* ---- words ---- */

static __attribute__((format(printf, 1, 2))) void
say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("penstock-dataplane: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
}

static bool
failed(const char *what, int err)
{
	say("%s: %s", what, strerror(err));
	return false;
}

/* ---- time and signals ---- */

static uint64_t
real_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool
open_signals(struct dataplane *d)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* every thread inherits it */
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd >= 0 || failed("signals", errno);
}

/* Waits for a step's time. True when we are told to end. */
static bool
wait_step(const struct dataplane *d)
{
	struct pollfd fd = { .fd = d->signal_fd, .events = POLLIN };

	return poll(&fd, 1, STEP_MS) > 0;
}

/* ---- users ---- */

static bool
is_root(const struct dataplane *d)
{
	return d->options.has_user && getuid() == 0;
}

/* Files are made as the user, ports are opened as root. */
static bool
act_as(const struct dataplane *d, uid_t uid, gid_t gid)
{
	if (!is_root(d))
		return true;
	if (seteuid(0) != 0 || setegid(gid) != 0 || seteuid(uid) != 0)
		return failed("changing users", errno);
	return true;
}

/*
 * Acting as the user, but with root's rights on the network: interfaces may be opened, no file
 * that is not the user's. They go with the next change of users.
 */
static bool
keep_net(void)
{
	const uint32_t net = 1u << CAP_NET_RAW | 1u << CAP_NET_ADMIN;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return false;
	data[0].effective |= data[0].permitted & net;
	return syscall(SYS_capset, &head, data) == 0;
}

/* For good; capabilities go with the last user id that is 0. */
static bool
drop_root(const struct dataplane *d)
{
	const struct options *o = &d->options;

	if (!is_root(d))
		return true;
	if (seteuid(0) != 0 || setgroups(0, NULL) != 0 || setresgid(o->gid, o->gid, o->gid) != 0 ||
	    setresuid(o->uid, o->uid, o->uid) != 0)
		return failed("giving root up", errno);
	if (setuid(0) == 0 && o->uid != 0)
		return failed("giving root up", EPERM);
	return true;
}

/* ---- the run directory and the image to start with ---- */

static bool
open_rundir(struct dataplane *d)
{
	const struct options *o = &d->options;

	d->dataplane_fd = rundir_make(o->run, RUNDIR_DATAPLANE, o->uid, o->gid);
	if (d->dataplane_fd < 0)
		return failed(o->run, -d->dataplane_fd);
	if (!act_as(d, o->uid, o->gid))
		return false;
	d->lock_fd = rundir_lock(d->dataplane_fd);
	if (d->lock_fd == -EWOULDBLOCK) {
		say("another data plane runs in %s (pid %d)", o->run,
		    (int)rundir_locked_by(d->dataplane_fd));
		return false;
	}
	if (d->lock_fd < 0)
		return failed("the lock of the run directory", -d->lock_fd);
	rundir_clean(d->dataplane_fd);
	return true;
}

/* False: told to end. */
static bool
wait_for_control(struct dataplane *d)
{
	for (bool is_said = false;; is_said = true) {
		d->control_fd = rundir_open(d->options.run, RUNDIR_CONTROL);
		if (d->control_fd >= 0)
			return true;
		if (!is_said)
			say("waiting for penstock-control in %s (%s)", d->options.run,
			    strerror(-d->control_fd));
		if (wait_step(d))
			return false;
	}
}

/* What is fixed at start limits what a later image may hold. */
static bool
accept_image(void *ctx, const struct view *v, struct abi_fault *ret_fault)
{
	const struct dataplane *d = ctx;

	if (!d->has_house)
		return true;
	for (uint32_t i = 0; i < img_n(&v->img, IMG_SERVERS); i++) {
		if (img_server(&v->img, i)->slot < d->house.plan.server_slots)
			continue;
		*ret_fault = abi_fault_at(ABI_FAULT_RANGE, "servers", i, "slot");
		return false;
	}
	if (img_n(&v->img, IMG_SERVERS) > d->house.plan.servers_max) {
		*ret_fault = abi_fault_at(ABI_FAULT_COUNT, "servers", ABI_NONE, "");
		return false;
	}
	if (img_n(&v->img, IMG_LISTENERS) > d->house.plan.listeners_max) {
		*ret_fault = abi_fault_at(ABI_FAULT_COUNT, "listeners", ABI_NONE, "");
		return false;
	}
	house_expect(&d->house, &v->img);
	return true;
}

/* False: told to end, or no memory. */
static bool
wait_for_image(struct dataplane *d)
{
	struct keeper_conf conf = {
		.control_fd = d->control_fd,
		.dataplane_fd = d->dataplane_fd,
		.version = PENSTOCK_VERSION,
		.accept = accept_image,
		.accept_ctx = d,
		.lane_n = house_lane_n,
	};
	char text[ABI_FAULT_TEXT_BYTES];
	bool is_said = false;

	d->keeper = keeper_open(&conf, real_now());
	if (d->keeper == NULL)
		return failed("the keeper", ENOMEM);
	while (keeper_view(d->keeper) == NULL) {
		const struct abi_fault *fault = keeper_fault(d->keeper);

		if (!is_said && fault->kind == ABI_FAULT_NONE)
			say("waiting for penstock-control to publish an image");
		else if (!is_said)
			say("waiting for an image to serve: %s",
			    abi_fault_print(fault, text, sizeof(text)));
		is_said = true;
		if (wait_step(d))
			return false;
		keeper_step(d->keeper, core_now(), real_now());
	}
	return true;
}

/* ---- ports and lanes ---- */

static bool
serve_port(struct dataplane *d, uint16_t i, const struct img *img)
{
	port_except_serve(&d->port[i], img, i, &d->views);
	if (port_serve(&d->port[i], img))
		return true;
	say("port %s: steering to its addresses: %s", d->port[i].facts.name, strerror(errno));
	return false;
}

/* Where the image wants it, the kernel's share of the port. */
static bool
open_except(struct dataplane *d, const struct img *img, uint16_t i)
{
	struct port_except_conf conf = { .interface = img_text(img, img_port(img, i)->exception),
					 .path = i,
					 .img = img,
					 .views = &d->views,
					 .pool = d->pool };
	char why[PORT_WHY];

	if (img_port(img, i)->exception.n == 0)
		return true;
	if (!act_as(d, 0, getgid()))
		return false;
	if (port_except_open(&d->port[i], &conf, why)) {
		say("port %s: what is not for its addresses goes to the kernel's interface %s",
		    d->port[i].facts.name, conf.interface);
		return true;
	}
	say("%s", why);
	return false;
}

static void
close_port(struct portif *port)
{
	port_except_close(port);
	port_close(port);
}

static bool
open_port(struct dataplane *d, const struct img *img, uint16_t i, bool is_huge)
{
	const struct img_port *p = img_port(img, i);
	struct port_conf conf = {
		.name = img_text(img, p->name),
		.path = i,
		.device_kind = p->kind,
		.device = img_text(img, p->device),
		.role = p->role,
		.link_id = p->link_id,
		.queues = p->queues,
		.queues_max = d->lane_n,
		.mtu = p->mtu,
		.rx_ring_n = p->rx_ring_n,
		.tx_ring_n = p->tx_ring_n,
		.rss_key = p->rss_key,
		.rss_key_n = (uint8_t)p->rss_key_n,
		.off = p->flags,
		.trusts_sums = (p->flags & IMG_PORT_TRUSTS_SUMS) != 0,
		.is_huge = is_huge,
		.gathers = img_machine(img)->poll != IMG_POLL_BUSY,
		.owner = d->options.uid,
		.owner_group = d->options.gid,
		.pool = d->pool,
	};
	/* The image is control's, who must not reach root's files through us. */
	bool is_users = p->kind == IMG_DEVICE_MEMIF || p->kind == IMG_DEVICE_VHOST ||
			p->kind == IMG_DEVICE_VIRTIO || p->kind == IMG_DEVICE_VDEV;
	char why[PORT_WHY];

	/* Frames for the kernel must be whole and single, and their checksums made. */
	if (p->exception.n > 0)
		conf.off |= IMG_PORT_NO_RX_CHECKSUM | IMG_PORT_NO_LRO;
	memcpy(conf.mac, p->mac, sizeof(conf.mac));
	if (!act_as(d, is_users ? conf.owner : 0, is_users ? conf.owner_group : getgid()))
		return false;
	if (p->kind == IMG_DEVICE_VDEV && is_root(d) && !keep_net())
		return failed("keeping the rights on the network", errno);
	if (!port_open(&conf, &d->port[i], why)) {
		say("%s", why);
		return false;
	}
	d->port_n++;
	return open_except(d, img, i) && serve_port(d, i, img);
}

/* The addresses of the image's cards, separated by commas. Each may be taken, or it is said. */
static bool
list_cards(const struct img *img, char *ret_list, size_t size)
{
	char why[PORT_WHY];
	size_t at = 0;

	ret_list[0] = '\0';
	for (uint16_t i = 0; i < img_n(img, IMG_PORTS); i++) {
		const struct img_port *p = img_port(img, i);

		if (p->kind != IMG_DEVICE_PCI)
			continue;
		if (!port_card_check(img_text(img, p->name), img_text(img, p->device), why)) {
			say("%s", why);
			return false;
		}
		at += (size_t)snprintf(ret_list + at, size - at, "%s%s", at > 0 ? "," : "",
				       img_text(img, p->device));
		if (at >= size) {
			say("the addresses of the cards are too long");
			return false;
		}
	}
	return true;
}

static bool
open_ports(struct dataplane *d, const struct img *img)
{
	const struct img_machine *m = img_machine(img);
	uint64_t mib = m->memory_mib != 0 ? m->memory_mib : POOL_MIB_USUAL;
	uint32_t pool_bufs = (uint32_t)((mib << 20) / PORT_BUF_BYTES);
	struct port_env_conf conf = {
		.hugepages = (m->flags & IMG_MACHINE_HUGEPAGES) != 0,
		.pool_bufs = pool_bufs + RESERVE_BUFS,
		.extra_mib = RINGS_MIB,
		.lanes = img,
	};
	char cards[PORTS_MAX * 13 + 1];
	struct port_env env;
	char why[PORT_WHY];

	if (img_n(img, IMG_PORTS) > PORTS_MAX) {
		say("%u ports; this version has room for %u", img_n(img, IMG_PORTS), PORTS_MAX);
		return false;
	}
	if (!list_cards(img, cards, sizeof(cards)) || !act_as(d, 0, getgid()))
		return false;
	conf.devices = cards;
	if (port_env_open(&conf, &env, why))
		d->pool = port_pool_open(pool_bufs, why);
	if (d->pool != NULL)
		d->reserve = port_reserve_open(RESERVE_BUFS, why);
	if (d->reserve == NULL) {
		say("%s", why);
		return false;
	}
	if (conf.hugepages && !env.is_huge)
		say("not enough free hugepages for %u MiB: using ordinary memory", env.mib);
	for (uint16_t i = 0; i < img_n(img, IMG_PORTS); i++) {
		if (!open_port(d, img, i, env.is_huge))
			return false;
	}
	return drop_root(d);
}

static bool
open_instance(struct dataplane *d, const struct img *img)
{
	struct instance_facts *f = &d->facts;
	int err = rundir_map_make(d->dataplane_fd, RUNDIR_INSTANCE, sizeof(struct instance),
				  &d->instance_map);

	if (err != 0)
		return failed("instance", -err);
	f->pid = (uint32_t)getpid();
	f->started_ns = real_now();
	snprintf(f->version, sizeof(f->version), "%s", PENSTOCK_VERSION);
	f->image_version = IMG_VERSION;
	f->runtime_version = RUNTIME_VERSION;
	f->publish_version = PUBLISH_VERSION;
	f->cursors_version = CURSORS_VERSION;
	cores_facts(&d->cores, d->views.runtime, f);
	for (uint16_t i = 0; i < f->port_n; i++) {
		snprintf(f->port[i].driver, sizeof(f->port[i].driver), "%s",
			 port_driver(&d->port[i]));
		f->port[i].vlan = img_port(img, i)->vlan;
	}
	instance_init(d->instance_map.p);
	keeper_bind(d->keeper, &d->views, d->instance_map.p, f);
	err = rundir_map_publish(d->dataplane_fd, RUNDIR_INSTANCE);
	return err == 0 || failed("instance", -err);
}

static bool
open_house(struct dataplane *d, const struct img *img)
{
	struct house_conf conf = {
		.control_fd = d->control_fd,
		.dataplane_fd = d->dataplane_fd,
		.img = img,
		.views = &d->views,
		.port = d->port,
		.port_n = d->port_n,
		.lane_n = d->lane_n,
		.pool = d->pool,
		.reserve = d->reserve,
		.wall_ns = real_now() - core_now(),
	};
	char why[HOUSE_WHY];

	if (getrandom(conf.seed, sizeof(conf.seed), 0) != sizeof(conf.seed) ||
	    getrandom(&conf.id, sizeof(conf.id), 0) != sizeof(conf.id))
		return failed("random numbers", errno);
	view_set_init(&d->views, d->lane_n);
	d->has_house = house_open(&d->house, &conf, why);
	if (!d->has_house)
		say("%s", why);
	return d->has_house;
}

static bool
start_cores(struct dataplane *d)
{
	char why[PORT_WHY];

	if (cores_start(&d->cores, why))
		return true;
	say("%s", why);
	return false;
}

/* ---- running ---- */

/* A core that hangs serves nobody and says nothing: the service manager starts us again. */
static void
watch_cores(struct dataplane *d)
{
	int stalled = house_stalled_core(&d->house, STALLED_STEPS);

	if (stalled < 0)
		return;
	say("core %d made no turn for %d s", stalled, STALLED_STEPS * STEP_MS / 1000);
	ensure(stalled < 0);
}

static void
serve_ports(struct dataplane *d)
{
	const struct view *view = keeper_view(d->keeper);

	for (uint16_t p = 0; p < d->port_n; p++)
		port_except_retire(&d->port[p], &d->views);
	if (view->generation == d->served)
		return;
	d->served = view->generation;
	for (uint16_t p = 0; p < d->port_n && p < img_n(&view->img, IMG_PORTS); p++)
		serve_port(d, p, &view->img);
}

/* True when anything is not as it was. */
static bool
count_ports(struct dataplane *d)
{
	bool is_news = false;

	for (uint16_t p = 0; p < d->port_n; p++) {
		struct instance_count *to = &d->facts.count[p], now;
		struct port_stats s;

		port_stats(&d->port[p], &s);
		now = (struct instance_count){ .received = s.rx_packets,
					       .sent = s.tx_packets,
					       .missed = s.rx_missed,
					       .no_buffers = s.rx_no_bufs,
					       .send_errors = s.tx_errors,
					       .linearised = s.linearised,
					       .unsendable = s.unsendable };
		is_news |= memcmp(&now, to, sizeof(now)) != 0;
		*to = now;
	}
	return is_news;
}

static void
step(struct dataplane *d, uint32_t i)
{
	uint64_t now = core_now(), now_real = real_now();
	bool is_news = false;

	keeper_step(d->keeper, now, now_real);
	if (!d->is_ending)
		cores_step(&d->cores, d->views.runtime);
	serve_ports(d);
	watch_cores(d);
	if (i % SLOW_STEPS != 0)
		return;
	for (uint16_t p = 0; p < d->port_n; p++)
		port_look(&d->port[p]);
	house_set_wall(&d->house, now_real - now);
	house_publish(&d->house);
	house_look_for_asks(&d->house);
	house_make_captures(&d->house);
	if (i % COUNT_STEPS == 0)
		is_news = count_ports(d);
	is_news |= cores_facts(&d->cores, d->views.runtime, &d->facts);
	if (is_news)
		keeper_publish_facts(d->keeper);
}

static void
tell_of_connections(const struct dataplane *d)
{
	uint32_t want = img_machine(&keeper_view(d->keeper)->img)->conns_max;
	uint64_t most = (uint64_t)d->lane_n * IMG_LANE_CONNS_MAX;

	if (want > most)
		say("room for %llu of %u connections: more lanes hold more",
		    (unsigned long long)most, want);
}

static void
run(struct dataplane *d)
{
	uint32_t i = 0;

	say("serving generation %llu: %u ports, %u lanes on %u cores",
	    (unsigned long long)keeper_view(d->keeper)->generation, d->port_n, d->lane_n,
	    d->house.core_n);
	tell_of_connections(d);
	while (!wait_step(d))
		step(d, i++);
	say("told to end: finishing what is in progress");
	d->is_ending = true;
	house_drain(&d->house);
	for (uint32_t left = DRAIN_STEPS; left > 0 && !house_is_idle(&d->house); left--) {
		poll(NULL, 0, STEP_MS);
		step(d, i++);
	}
}

static void
tidy_up(struct dataplane *d, bool in_order)
{
	cores_stop(&d->cores);
	if (d->has_house)
		house_close(&d->house);
	if (d->instance_map.p != NULL)
		rundir_unlink(d->dataplane_fd, RUNDIR_INSTANCE);
	if (d->keeper != NULL)
		keeper_close(d->keeper, in_order);
	rundir_map_close(&d->instance_map);
	for (uint16_t i = d->port_n; i-- > 0;)
		close_port(&d->port[i]);
	if (d->reserve != NULL)
		port_pool_close(d->reserve);
	if (d->pool != NULL)
		port_pool_close(d->pool);
}

/* False: it failed, and has said why; or told to end before there was anything to serve. */
static bool
start(struct dataplane *d, bool *ret_told)
{
	const struct img *img;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* now: every thread inherits it, DPDK's too */
	cores_init(&d->cores, &d->house);
	if (!open_signals(d) || !open_rundir(d))
		return false;
	if (!wait_for_control(d) || !wait_for_image(d)) {
		*ret_told = d->control_fd < 0 || d->keeper != NULL;
		return false;
	}
	img = &keeper_view(d->keeper)->img;
	d->lane_n = house_lane_n(img);
	return open_ports(d, img) && open_house(d, img) && open_instance(d, img) && start_cores(d);
}

int
main(int argc, char **argv)
{
	static struct dataplane d;
	bool is_told = false;
	int code = options_parse(argc, argv, &d.options);

	if (code >= 0)
		return code;
	d.control_fd = -1;
	if (start(&d, &is_told)) {
		is_told = true;
		run(&d);
	}
	tidy_up(&d, is_told);
	return is_told ? 0 : EXIT_FAILED;
}
