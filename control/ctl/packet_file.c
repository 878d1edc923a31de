/*
 * packet_file.c - see packet_file.h. A stream remembers that a write has failed, but a flush that
 * comes later may be good again: both are asked.
 */
#include "ctl/packet_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ensure.h"

/*
 * False: it is a device or a pipe, or somebody else has it by another name or as his own, and might
 * read what is captured.
 */
static bool
is_ours_alone(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
		return true;
	errno = EPERM;
	return false;
}

static bool
standard_output_open(struct packet_file *f)
{
	if (isatty(STDOUT_FILENO)) {
		errno = ENOTTY;
		return false;
	}
	f->file = stdout;
	return true;
}

bool
packet_file_open(const char *path, struct packet_file *ret_file)
{
	const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct packet_file f = { 0 };
	int fd, why;

	if (strcmp(path, "-") == 0) {
		*ret_file = f;
		return standard_output_open(ret_file);
	}
	f.path = path;
	fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	f.is_made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags);
	if (fd >= 0 && is_ours_alone(fd))
		f.file = fdopen(fd, "w");
	if (f.file == NULL) {
		why = errno;
		if (fd >= 0)
			close(fd);
		if (f.is_made)
			unlink(path);
		errno = why;
		return false;
	}
	*ret_file = f;
	return true;
}

void
packet_file_give_up(struct packet_file *f)
{
	ensure(f->byte_n == 0);
	if (f->path == NULL)
		return;
	fclose(f->file);
	if (f->is_made)
		unlink(f->path);
	f->file = NULL;
}

bool
packet_file_begin(struct packet_file *f)
{
	int fd = fileno(f->file);

	return f->path == NULL ||
	       (is_ours_alone(fd) && fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0);
}

void
packet_file_section(struct packet_file *f, const char *program)
{
	f->byte_n += pcapng_section(f->file, program);
}

void
packet_file_interface(struct packet_file *f, const char *name, uint32_t snap)
{
	f->byte_n += pcapng_interface(f->file, name, snap);
}

void
packet_file_packet(struct packet_file *f, const struct pcapng_packet *packet)
{
	f->byte_n += pcapng_packet(f->file, packet);
	f->packet_n++;
}

/* What waits in the stream must not reach the file behind what is missing. */
static void
cut(struct packet_file *f)
{
	__fpurge(f->file);
	if (f->path != NULL && ftruncate(fileno(f->file), (off_t)f->kept_byte_n) == 0) {
		f->packet_n = f->kept_packet_n;
		f->byte_n = f->kept_byte_n;
	}
}

bool
packet_file_flush(struct packet_file *f)
{
	bool is_whole = !ferror(f->file);
	int why = errno; /* of the write that failed, if nothing has failed since */

	if (fflush(f->file) != 0) {
		is_whole = false;
		why = errno;
	}
	if (!is_whole) {
		cut(f);
		errno = why != 0 ? why : EIO;
		return false;
	}
	f->kept_packet_n = f->packet_n;
	f->kept_byte_n = f->byte_n;
	return true;
}

bool
packet_file_close(struct packet_file *f)
{
	bool is_whole = packet_file_flush(f);
	int why = errno;

	if (f->path != NULL && fclose(f->file) != 0 && is_whole) {
		is_whole = false;
		why = errno;
	}
	f->file = NULL;
	errno = why;
	return is_whole;
}
