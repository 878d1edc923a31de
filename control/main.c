/*
 * main.c - penstock-control: takes the run directory, becomes its user, adopts what runs, and
 * serves the loop until it is told to stop; the configuration file is applied from within it.
 *
 * Nothing is read, parsed or listened to before the rights of root are given up.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/rundir.h"
#include "base/ensure.h"
#include "daemon/daemon.h"
#include "daemon/say.h"
#include "daemon/user.h"

enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
};

static const char usage[] =
	"penstock-control --config FILE [--run DIR] [--user NAME|UID:GID] [--foreground]\n"
	"\n"
	"Reads the configuration, publishes it to the data plane, writes the access log, resolves\n"
	"the names of servers and answers penstockctl. Stays in the foreground: the service\n"
	"manager keeps it.\n"
	"\n"
	"  --config FILE  penstock.yaml\n"
	"  --run DIR      the run directory (" RUNDIR_DEFAULT ")\n"
	"  --user USER    run as this user; its group is the one that both programs share\n"
	"  --foreground   accepted for clarity: there is no other way\n"
	"  --version      print the version\n"
	"\n"
	"SIGHUP reopens the access log. Example:\n"
	"  penstock-control --config /etc/penstock/penstock.yaml --user penstock-control\n";

struct options {
	const char *run, *config, *user;
};

/* False: *ret_exit says how to leave. */
static bool
options_parse(int argc, char **argv, struct options *ret_options, int *ret_exit)
{
	static const struct option known[] = {
		{ "run", required_argument, NULL, 'r' },
		{ "config", required_argument, NULL, 'c' },
		{ "user", required_argument, NULL, 'u' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .run = RUNDIR_DEFAULT };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'r':
			options.run = optarg;
			break;
		case 'c':
			options.config = optarg;
			break;
		case 'u':
			options.user = optarg;
			break;
		case 'f':
			break;
		case 'h':
			printf("%s", usage);
			*ret_exit = DONE;
			return false;
		case 'v':
			printf("penstock-control %s\n", PENSTOCK_VERSION);
			*ret_exit = DONE;
			return false;
		default:
			fprintf(stderr, "%s", usage);
			*ret_exit = USAGE;
			return false;
		}
	}
	if (options.config == NULL || optind != argc) {
		fprintf(stderr, "penstock-control: give --config FILE%s\n\n%s",
			optind != argc ? " and nothing but options" : "", usage);
		*ret_exit = USAGE;
		return false;
	}
	*ret_options = options;
	return true;
}

/* Takes the run directory and gives up root's rights. False: told. */
static bool
rundir_take(struct daemon *daemon, const char *user)
{
	struct user_ids ids = { geteuid(), getegid() };

	if (user != NULL && !user_parse(user, &ids))
		return false;
	daemon->control_fd = rundir_make(daemon->run, RUNDIR_CONTROL, ids.uid, ids.gid);
	if (daemon->control_fd < 0) {
		say("the run directory %s cannot be made: %s", daemon->run,
		    strerror(-daemon->control_fd));
		return false;
	}
	if (user != NULL && !user_become(&ids))
		return false;
	umask(0027);
	daemon->lock_fd = rundir_lock(daemon->control_fd);
	if (daemon->lock_fd == -EWOULDBLOCK) {
		say("another penstock-control (pid %d) already looks after %s",
		    (int)rundir_locked_by(daemon->control_fd), daemon->run);
		return false;
	}
	if (daemon->lock_fd < 0) {
		say("%s/control cannot be locked: %s", daemon->run, strerror(-daemon->lock_fd));
		return false;
	}
	rundir_clean(daemon->control_fd);
	return true;
}

static void
on_signal(void *ctx, int fd, uint32_t events)
{
	struct daemon *daemon = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		daemon->must_stop = true;
		return;
	}
	if (access_log_open(&daemon->log, daemon->settings.log_path, &daemon->settings.log_style))
		say("the access log is opened again");
}

static bool
signals_watch(struct daemon *daemon, struct loop_fd *watch)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	*watch = (struct loop_fd){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), on_signal,
				   daemon };
	if (watch->fd < 0)
		return false;
	loop_watch(&daemon->loop, watch, EPOLLIN);
	return true;
}

int
main(int argc, char **argv)
{
	struct daemon daemon = { .dataplane_fd = -1, .started_real = loop_realtime() };
	struct options options;
	struct loop_fd signals;
	int verdict = FAILED;

	if (!options_parse(argc, argv, &options, &verdict))
		return verdict;
	daemon.run = options.run;
	daemon.config = options.config;
	if (!rundir_take(&daemon, options.user) || !loop_init(&daemon.loop) ||
	    !signals_watch(&daemon, &signals))
		return FAILED;
	if (daemon_open(&daemon)) {
		apply_adopt(&daemon);
		apply_first(&daemon);
		while (!daemon.must_stop)
			daemon_turn(&daemon, LOOP_NEVER);
		verdict = daemon.has_failed ? FAILED : DONE;
	}
	daemon_close(&daemon);
	return verdict;
}
