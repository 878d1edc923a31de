/*
 * cmd_capture.c - penstockctl capture: packets of chosen flows, as the lanes see and send them, to
 * a file of pcapng.
 *
 * Control asks the lanes to begin; from then on this program reads their rings itself, so that
 * control has nothing to do with the bytes. Lanes stop by themselves when the time is up, also
 * when we do not live to say so.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi/asks.h"
#include "abi/capture.h"
#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/filter.h"
#include "ctl/pcapng.h"
#include "run/state.h"

enum {
	SECONDS_USUAL = 60,
	LOOK_US = 500,
	END_TRIES = 20, /* somebody else may ask the lanes for something just then */
};

struct capture {
	const struct ctl *ctl;
	json_t *request; /* of the control socket */
	const char *path;
	FILE *file;
	uint64_t id;
	uint64_t seconds, packets_max, bytes_max, snap;
	uint64_t packet_n, byte_n, missed_n, evicted_n;
	const char *fault; /* why it ended early; NULL: as asked */
	uint32_t lane_n;
	struct rundir_map map[IMG_LANES_MAX];
	struct capture_view view[IMG_LANES_MAX];
	bool is_open[IMG_LANES_MAX];
	uint8_t bytes[CAPTURE_SNAP_MAX];
};

static volatile sig_atomic_t must_end;

static void
on_signal(int number)
{
	(void)number;
	must_end = 1;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Emptied, for its owner's eyes alone. False: it is a device or a pipe, or somebody else has it by
 * another name or as his own, and might read what is captured.
 */
static bool
file_take(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1) {
		errno = EPERM;
		return false;
	}
	return fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0;
}

static FILE *
file_open(const struct ctl *ctl, const char *path)
{
	FILE *file = NULL;
	int fd;

	if (strcmp(path, "-") == 0) {
		if (!isatty(STDOUT_FILENO))
			return stdout;
		ctl_failed(ctl, "standard output is a terminal; give a file, or pipe it into "
				"tcpdump -r -");
		return NULL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0 && file_take(fd))
		file = fdopen(fd, "w");
	if (file == NULL) {
		ctl_failed(ctl, "%s cannot be written: %s", path,
			   errno == EPERM ? "it is not a file of yours alone; give another name"
					  : strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return file;
}

/* The rings, from the begin of this capture on. Lanes that were not asked have none of it. */
static void
rings_open(struct capture *c, const struct state *state)
{
	char name[RUNDIR_NAME_MAX];
	struct abi_fault fault;

	c->lane_n = state->facts.lane_n < IMG_LANES_MAX ? state->facts.lane_n : IMG_LANES_MAX;
	for (uint32_t i = 0; i < c->lane_n; i++)
		c->is_open[i] = rundir_map_open(state->dataplane_fd, rundir_capture_name(name, i),
						false, &c->map[i]) == 0 &&
				capture_open(c->map[i].p, c->map[i].n, &c->view[i], &fault) &&
				capture_seek(&c->view[i], c->id);
}

static void
head_write(struct capture *c, const struct state *state)
{
	c->byte_n += pcapng_section(c->file, "penstockctl " PENSTOCK_VERSION);
	for (uint32_t i = 0; i < state->facts.port_n; i++)
		c->byte_n +=
			pcapng_interface(c->file, state->facts.port[i].name, (uint32_t)c->snap);
}

static bool
is_full(const struct capture *c)
{
	return (c->packets_max != 0 && c->packet_n >= c->packets_max) ||
	       (c->bytes_max != 0 && c->byte_n >= c->bytes_max);
}

static void
packet_write(struct capture *c, uint32_t lane, const struct capture_packet *p)
{
	char comment[128], id[48] = "client";

	if (p->session_id != 0)
		snprintf(id, sizeof(id), "session %u-%llu, client", lane,
			 (unsigned long long)p->session_id);
	snprintf(comment, sizeof(comment), "%.*s%s%s", (int)(strlen(id) - strlen("client")), id,
		 (p->flags & CAPTURE_SERVER) != 0 ? "server side" : "client side",
		 (p->flags & CAPTURE_UNSUMMED) != 0 ? ", checksum left to the port" : "");
	c->byte_n += pcapng_packet(c->file, &(struct pcapng_packet){
						    .interface_i = p->port_i,
						    .time_ns = p->time_ns,
						    .n = p->n,
						    .kept_n = p->kept_n,
						    .is_out = (p->flags & CAPTURE_OUT) != 0,
						    .bytes = c->bytes,
						    .comment = comment,
					    });
	c->packet_n++;
}

/* What one lane has now; a bounded part, so that the others have their turn. */
static bool
lane_drain(struct capture *c, uint32_t lane, uint32_t port_n)
{
	struct capture_packet packet;
	bool found = false;

	for (uint32_t n = 0; n < 1024 && c->is_open[lane] && !is_full(c); n++) {
		switch (capture_next(&c->view[lane], c->id, &packet, c->bytes)) {
		case CAPTURE_NONE:
			return found;
		case CAPTURE_OVER:
			c->fault = "another capture took its place";
			return found;
		case CAPTURE_UNSOUND:
			c->fault = "a ring of the data plane is not sound";
			c->is_open[lane] = false;
			return found;
		case CAPTURE_PACKET:
			found = true;
			if (packet.port_i < port_n)
				packet_write(c, lane, &packet);
		}
	}
	return found;
}

static bool
drain(struct capture *c, const struct state *state)
{
	bool found = false;

	for (uint32_t i = 0; i < c->lane_n && c->fault == NULL; i++)
		found |= lane_drain(c, i, state->facts.port_n);
	if (found && fflush(c->file) != 0)
		c->fault = "the file takes no more";
	return found;
}

/* Tells the lanes; they would end by themselves when the time is up. */
static void
end(struct capture *c)
{
	const char *why;

	for (int i = 0; i < END_TRIES; i++) {
		json_t *answer = client_ask(c->ctl,
					    json_pack("{s:s, s:I}", "verb", "capture_end",
						      "capture", (json_int_t)c->id),
					    NULL, &why);
		bool is_ok = json_is_true(json_object_get(answer, "ok"));

		json_decref(answer);
		if (is_ok)
			return;
		usleep(100000);
	}
}

static void
record(struct capture *c, const struct state *state)
{
	uint64_t until = now_ns() + c->seconds * 1000000000u;

	while (!must_end && c->fault == NULL && !is_full(c) && now_ns() < until) {
		if (!drain(c, state))
			usleep(LOOK_US);
	}
	end(c);
	while (c->fault == NULL && !is_full(c) && drain(c, state))
		;
	for (uint32_t i = 0; i < c->lane_n; i++) {
		if (c->is_open[i] && !is_full(c))
			c->missed_n += capture_missed(&c->view[i]);
		if (c->is_open[i])
			c->evicted_n += capture_evicted(&c->view[i]);
		rundir_map_close(&c->map[i]);
	}
}

/* The file may be standard output: what is said goes to the other one then. */
static int
tell(struct capture *c)
{
	FILE *to = c->file == stdout ? stderr : stdout;
	bool is_written = fflush(c->file) == 0 && (c->file == stdout || fclose(c->file) == 0);

	if (!is_written && c->fault == NULL)
		c->fault = "the file takes no more";
	if (c->ctl->is_json) {
		json_t *told = json_pack("{s:b, s:I, s:I, s:I, s:I, s:s?}", "ok", c->fault == NULL,
					 "packets", (json_int_t)c->packet_n, "bytes",
					 (json_int_t)c->byte_n, "missed", (json_int_t)c->missed_n,
					 "flows_lost", (json_int_t)c->evicted_n, "error", c->fault);

		json_dumpf(told, to, JSON_INDENT(2));
		fprintf(to, "\n");
		json_decref(told);
	} else {
		fprintf(to, "packets %llu, bytes %llu, missed %llu, flows lost %llu\n",
			(unsigned long long)c->packet_n, (unsigned long long)c->byte_n,
			(unsigned long long)c->missed_n, (unsigned long long)c->evicted_n);
		if (c->fault != NULL)
			fprintf(stderr, "penstockctl: %s\n", c->fault);
	}
	return c->fault == NULL ? CTL_DONE : CTL_FAILED;
}

static int
capture(struct capture *c)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct state state;
	const char *why;
	json_t *answer;
	int verdict;

	if (!state_open(c->ctl->run, &state, &why))
		return ctl_failed(c->ctl, "%s", why);
	if (!state.has_facts) {
		state_close(&state);
		return ctl_failed(c->ctl, "no data plane runs: there are no packets");
	}
	c->file = file_open(c->ctl, c->path);
	json_object_set_new(c->request, "verb", json_string("capture"));
	json_object_set_new(c->request, "seconds", json_integer((json_int_t)c->seconds));
	json_object_set_new(c->request, "snap", json_integer((json_int_t)c->snap));
	answer = c->file != NULL ? client_order(c->ctl, json_incref(c->request)) : NULL;
	if (answer == NULL) {
		state_close(&state);
		return CTL_FAILED;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	c->id = (uint64_t)ctl_number(answer, "capture");
	if (ctl_number(answer, "silent_lanes") > 0)
		c->fault = "not all lanes have begun; is there room in the run directory?";
	json_decref(answer);
	rings_open(c, &state);
	head_write(c, &state);
	fflush(c->file);
	record(c, &state);
	verdict = tell(c);
	state_close(&state);
	return verdict;
}

/* An option that is not of the filter. NULL: taken; else what is wrong. */
static const char *
bound_put(struct capture *c, const char *option, const char *value)
{
	uint64_t ns;

	if (strcmp(option, "--seconds") == 0) {
		if (value_number(value, &c->seconds) == VALUE_OK && c->seconds >= 1 &&
		    c->seconds <= 3600)
			return NULL;
		if (value_duration(value, &ns) != VALUE_OK || ns < 1000000000u ||
		    ns > ASKS_CAPTURE_NS_MAX)
			return "no time from 1 s to an hour";
		c->seconds = ns / 1000000000u;
		return NULL;
	}
	if (strcmp(option, "--packets") == 0)
		return value_number(value, &c->packets_max) == VALUE_OK && c->packets_max > 0
			       ? NULL
			       : "not a number from 1 on";
	if (strcmp(option, "--size") == 0)
		return value_size(value, &c->bytes_max) == VALUE_OK && c->bytes_max > 0
			       ? NULL
			       : "no size; write 10MiB";
	if (strcmp(option, "--snap") == 0)
		return value_number(value, &c->snap) == VALUE_OK && c->snap > 0 &&
				       c->snap <= CAPTURE_SNAP_MAX
			       ? NULL
			       : "not a number from 1 to 65535";
	if (strcmp(option, "--session") == 0)
		return json_object_set_new(c->request, "id", json_string(value)) == 0 ? NULL
										      : "no ID";
	return "not an option of capture";
}

/* False: usage, told. */
static bool
options_take(struct capture *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL, *wrong;
		enum filter_verdict verdict;

		if (strncmp(argv[i], "--", 2) != 0 && c->path == NULL) {
			c->path = argv[i];
			continue;
		}
		verdict = filter_put("capture", c->request, argv[i], value);
		if (verdict == FILTER_WRONG)
			return false;
		if (verdict == FILTER_UNKNOWN) {
			wrong = value != NULL ? bound_put(c, argv[i], value) : "it lacks its value";
			if (wrong != NULL) {
				ctl_usage("capture", "%s: %s", argv[i], wrong);
				return false;
			}
		}
		i++;
	}
	if (c->path == NULL)
		ctl_usage("capture", "give a file, or - for standard output");
	else if (json_object_size(c->request) == 0)
		ctl_usage("capture", "say whose packets: --client, --url, --session, ...");
	return c->path != NULL && json_object_size(c->request) != 0;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	static struct capture c;
	int verdict = CTL_USAGE;

	c = (struct capture){ .ctl = ctl,
			      .request = json_object(),
			      .seconds = SECONDS_USUAL,
			      .snap = CAPTURE_SNAP_MAX };
	if (options_take(&c, argc, argv))
		verdict = capture(&c);
	json_decref(c.request);
	return verdict;
}

const struct ctl_verb ctl_verb_capture = {
	.name = "capture",
	.args = "[--session ID] [--client ADDR] [--server ADDR] [--url PREFIX] [--listener NAME]\n"
		"    [--farm NAME] [--seconds N] [--packets N] [--size BYTES] [--snap N] FILE|-",
	.what = "record the packets of chosen sessions on both sides, for Wireshark and tcpdump",
	.help = "  --session ID        of sessions\n"
		"  --client, --server  an address of that side, with :PORT if you like\n"
		"  --url PREFIX        the request's target begins with it, byte for byte\n"
		"  --listener, --farm  a name\n"
		"  --seconds N         no longer than that (60, at most 3600)\n"
		"  --packets, --size   no more than so many, than about so much (10MiB)\n"
		"  --snap N            bytes of each packet (all)\n"
		"  FILE                pcapng, readable by its owner alone; - is standard "
		"output\n\n"
		"A client chosen by its address alone is there from its first packet on, else "
		"from\n"
		"the packet of the request that fits. Other traffic goes on and is not looked "
		"at.\n\n"
		"Example: penstockctl capture --client 198.51.100.7 - | tcpdump -nr -\n",
	.run = run,
};
