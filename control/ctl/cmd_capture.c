/*
 * cmd_capture.c - penstockctl capture: packets of chosen flows, as the lanes see and send them, to
 * a file of pcapng.
 *
 * Control asks the lanes to begin; from then on this program reads their rings itself
 * (recording.h), so that control has nothing to do with the bytes. Lanes stop by themselves when
 * the time is up, also when we do not live to say so.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "abi/asks.h"
#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/filter.h"
#include "ctl/recording.h"

enum {
	SECONDS_USUAL = 60,
};

struct capture {
	const struct ctl *ctl;
	json_t *request; /* of the control socket */
	const char *path;
	uint64_t snap;
	struct packet_file file;
	struct recording recording;
};

static volatile sig_atomic_t has_signal;

static void
on_signal(int number)
{
	(void)number;
	has_signal = 1;
}

static bool
must_end(void)
{
	return has_signal != 0;
}

/* False: told. What is in the file stays. */
static bool
file_open(struct capture *c)
{
	if (packet_file_open(c->path, &c->file))
		return true;
	if (errno == ENOTTY)
		ctl_failed(c->ctl, "standard output is a terminal; give a file, or pipe it into "
				   "tcpdump -r -");
	else
		ctl_failed(c->ctl, "%s cannot be written: %s", c->path,
			   errno == EPERM ? "it is not a file of yours alone; give another name"
					  : strerror(errno));
	return false;
}

/* False: told; nothing is captured, and the file is as before. */
static bool
order(struct capture *c)
{
	struct recording *r = &c->recording;
	json_t *answer;

	json_object_set_new(c->request, "verb", json_string("capture"));
	json_object_set_new(c->request, "seconds", json_integer((json_int_t)r->seconds));
	json_object_set_new(c->request, "snap", json_integer((json_int_t)c->snap));
	answer = client_order(c->ctl, json_incref(c->request));
	if (answer == NULL)
		return false;
	r->id = (uint64_t)ctl_number(answer, "capture");
	r->lane_n = json_object_get(c->request, "id") != NULL ? 1 : r->state->facts.lane_n;
	if (ctl_number(answer, "silent_lanes") >= r->lane_n) {
		recording_end(r);
		ctl_failed(c->ctl, "no lane has begun; is there room in the run directory?");
		json_decref(answer);
		return false;
	}
	json_decref(answer);
	return true;
}

/* The section and its ports. */
static void
head_write(struct capture *c)
{
	const struct instance_facts *facts = &c->recording.state->facts;

	if (!packet_file_begin(&c->file)) {
		recording_fault(&c->recording, "%s cannot be emptied: %s", c->path,
				strerror(errno));
		return;
	}
	packet_file_section(&c->file, "penstockctl " PENSTOCK_VERSION);
	for (uint32_t i = 0; i < facts->port_n; i++)
		packet_file_interface(&c->file, facts->port[i].name, (uint32_t)c->snap);
	if (!packet_file_flush(&c->file))
		recording_fault(&c->recording, "the file takes no more: %s", strerror(errno));
}

static json_t *
told_json(const struct capture *c)
{
	const struct recording *r = &c->recording;

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "ok", !r->is_short, "packets",
			 (json_int_t)c->file.kept_packet_n, "bytes",
			 (json_int_t)c->file.kept_byte_n, "missed", (json_int_t)r->missed_n,
			 "flows_lost", (json_int_t)r->evicted_n, "skipped",
			 (json_int_t)r->skipped_n, "late_lanes", (json_int_t)r->late_n, "error",
			 r->is_short ? r->why : NULL);
}

/* The file may be standard output: what is said goes to the other one then. */
static int
tell(struct capture *c)
{
	struct recording *r = &c->recording;
	FILE *to = c->file.path == NULL ? stderr : stdout;

	if (!packet_file_close(&c->file))
		recording_fault(r, "the file takes no more: %s", strerror(errno));
	if (c->ctl->is_json) {
		json_t *told = told_json(c);

		json_dumpf(told, to, JSON_INDENT(2));
		fprintf(to, "\n");
		json_decref(told);
	} else {
		fprintf(to,
			"packets %llu, bytes %llu, missed %llu, flows lost %llu, skipped %llu\n",
			(unsigned long long)c->file.kept_packet_n,
			(unsigned long long)c->file.kept_byte_n, (unsigned long long)r->missed_n,
			(unsigned long long)r->evicted_n, (unsigned long long)r->skipped_n);
		fflush(to);
		if (r->is_short)
			fprintf(stderr, "penstockctl: %s\n", r->why);
	}
	return r->is_short ? CTL_FAILED : CTL_DONE;
}

static int
capture(struct capture *c)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct state state;
	const char *why;
	int verdict = CTL_FAILED;

	if (!state_open(c->ctl->run, &state, &why))
		return ctl_failed(c->ctl, "%s %s", c->ctl->run, why);
	c->recording.state = &state;
	if (!state.has_facts) {
		ctl_failed(c->ctl, "no data plane runs: there are no packets");
	} else if (file_open(c)) {
		if (order(c)) {
			sigaction(SIGINT, &action, NULL);
			sigaction(SIGTERM, &action, NULL);
			signal(SIGPIPE, SIG_IGN);
			head_write(c);
			recording_run(&c->recording);
			verdict = tell(c);
		} else {
			packet_file_give_up(&c->file);
		}
	}
	state_close(&state);
	return verdict;
}

/* An option that is not of the filter. NULL: taken; else what is wrong. */
static const char *
bound_put(struct capture *c, const char *option, const char *value)
{
	uint64_t ns;

	if (strcmp(option, "--seconds") == 0) {
		if (value_number(value, &c->recording.seconds) == VALUE_OK &&
		    c->recording.seconds >= 1 && c->recording.seconds <= 3600)
			return NULL;
		if (value_duration(value, &ns) != VALUE_OK || ns < 1000000000u ||
		    ns > ASKS_CAPTURE_NS_MAX)
			return "no time from 1 s to an hour";
		c->recording.seconds = ns / 1000000000u;
		return NULL;
	}
	if (strcmp(option, "--packets") == 0)
		return value_number(value, &c->recording.packets_max) == VALUE_OK &&
				       c->recording.packets_max > 0
			       ? NULL
			       : "not a number from 1 on";
	if (strcmp(option, "--size") == 0)
		return value_size(value, &c->recording.bytes_max) == VALUE_OK &&
				       c->recording.bytes_max > 0
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

	c = (struct capture){ .ctl = ctl, .request = json_object(), .snap = CAPTURE_SNAP_MAX };
	c.recording = (struct recording){
		.ctl = ctl, .file = &c.file, .seconds = SECONDS_USUAL, .must_end = must_end
	};
	if (options_take(&c, argc, argv))
		verdict = capture(&c);
	json_decref(c.request);
	return verdict;
}

const struct ctl_verb ctl_verb_capture = {
	.name = "capture",
	.args = "[--session ID] [--client ADDR] [--server ADDR] [--url PREFIX] [--listener NAME]\n"
		"    [--farm NAME] [--seconds N] [--packets N] [--size BYTES] [--snap N] FILE|-",
	.what = "record packets of chosen sessions, for Wireshark and tcpdump",
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
