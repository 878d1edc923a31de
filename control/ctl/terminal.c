/*
 * terminal.c - see terminal.h. Plain ECMA-48, as every terminal of today understands it: the other
 * screen, the cursor hidden, home, erase to the end of a line and of the screen.
 *
 * Signals only set a flag, but for those of a crash, which give the terminal back and go on to do
 * what they do.
 */
#include "ctl/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/ensure.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

enum {
	KEY_MS = 30 /* a lone escape is one when nothing follows for so long */
};

static struct termios before;
static sigset_t mask_before; /* signals come only while we wait */
static volatile sig_atomic_t is_ours, has_ended, has_changed, must_stop;

static void
put(const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDOUT_FILENO, text, n);

		if (done < 0 && errno != EINTR) {
			has_ended = 1; /* nobody sees it any more */
			return;
		}
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
}

static void
enter(void)
{
	struct termios raw = before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_ours = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put(ENTER, sizeof(ENTER) - 1);
}

void
terminal_close(void)
{
	if (!is_ours)
		return;
	is_ours = 0;
	put(LEAVE, sizeof(LEAVE) - 1);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void
on_signal(int number)
{
	if (number == SIGWINCH || number == SIGCONT)
		has_changed = 1;
	else if (number == SIGTSTP)
		must_stop = 1;
	else
		has_ended = 1;
}

/* write and tcsetattr may be called here (signal-safety(7)). SA_RESETHAND: next time it kills. */
static void
on_crash(int number)
{
	terminal_close();
	raise(number);
}

static void catch (const int *number, size_t n, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	for (size_t i = 0; i < n; i++)
		sigaction(number[i], &action, NULL);
}

bool
terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool
terminal_open(void)
{
	static const int told[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				    SIGPIPE, SIGCONT, SIGTSTP, SIGWINCH };
	static const int crashed[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

	sigset_t mask;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		sigaddset(&mask, told[i]);
	sigprocmask(SIG_BLOCK, &mask, &mask_before);
	atexit(terminal_close);
	catch (told, sizeof(told) / sizeof(told[0]), on_signal, 0);
	catch (crashed, sizeof(crashed) / sizeof(crashed[0]), on_crash, SA_RESETHAND | SA_NODEFER);
	enter();
	return true;
}

struct terminal_size
terminal_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return (struct terminal_size){ 80, 24 };
	return (struct terminal_size){ size.ws_col, size.ws_row };
}

uint32_t
terminal_width(void)
{
	return isatty(STDOUT_FILENO) ? terminal_size().columns : 0;
}

/* The shell has the terminal until we are continued. */
static void
stop(void)
{
	must_stop = 0;
	terminal_close();
	raise(SIGSTOP);
	enter();
	has_changed = 1;
}

/* A byte within so long; -1: none came, -2: none will. */
static int
byte(int ms)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };
	unsigned char c;
	int n = ppoll(&fd, 1, &t, &mask_before);

	if (n <= 0)
		return -1;
	return read(STDIN_FILENO, &c, 1) == 1 ? c : -2;
}

/* What follows an escape: ESC [ A, ESC O A, ESC [ 5 ~; others are read to their end and forgotten. */
static int
sequence(void)
{
	int c = byte(KEY_MS), first = 0;

	if (c != '[' && c != 'O')
		return TERMINAL_NOTHING;
	while ((c = byte(KEY_MS)) >= 0 && c < '@')
		first = first == 0 ? c : first;
	if (c == 'A')
		return TERMINAL_UP;
	if (c == 'B')
		return TERMINAL_DOWN;
	if (c == '~' && first == '5')
		return TERMINAL_PAGE_UP;
	if (c == '~' && first == '6')
		return TERMINAL_PAGE_DOWN;
	return TERMINAL_NOTHING;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int
terminal_wait(uint32_t ms)
{
	uint64_t end = now_ms() + ms, now;

	do {
		int c, key;

		if (must_stop)
			stop();
		if (has_ended)
			return TERMINAL_END;
		if (has_changed) {
			has_changed = 0;
			return TERMINAL_CHANGED;
		}
		now = now_ms();
		c = byte(now < end ? (int)(end - now) : 0); /* a signal ends it early */
		if (c == -2)
			return TERMINAL_END;
		key = c == 27 ? sequence() : c;
		if (key > 0)
			return key;
	} while (now_ms() < end);
	return TERMINAL_NOTHING;
}

void
terminal_draw(const char *text)
{
	size_t n = strlen(text), at = 0;
	char *all = malloc(n * 5 + 16);

	ensure(all != NULL);
	at += (size_t)(stpcpy(all, "\033[H") - all);
	for (size_t i = 0; i < n; i++) {
		bool is_last = text[i] == '\n' && text[i + 1] == '\0';

		if (text[i] != '\n')
			all[at++] = text[i];
		else /* behind the last line the screen would scroll */
			at += (size_t)(stpcpy(all + at, is_last ? "\033[K" : "\033[K\r\n") -
				       (all + at));
	}
	at += (size_t)(stpcpy(all + at, "\033[J") - (all + at));
	put(all, at);
	free(all);
}
