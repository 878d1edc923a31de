/*
 * rundir.c - the run directory's names, directories, locks and files (rundir.h).
 *
 * A file under construction is called "<name>.new"; there is one writer a side (it holds the
 * lock), so the temporary name needs no number and a leftover is simply replaced.
 */
#include "abi/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/guard.h"

enum {
	LOCK_TRIES = 10
};

static const char new_suffix[] = ".new";
static const char tables_prefix[] = "tables.";

const char *
rundir_side_name(enum rundir_side side)
{
	return side == RUNDIR_CONTROL ? "control" : "dataplane";
}

const char *
rundir_tables_name(char *name, uint64_t generation)
{
	snprintf(name, RUNDIR_NAME_MAX, "%s%llu", tables_prefix, (unsigned long long)generation);
	return name;
}

const char *
rundir_board_name(char *name, uint32_t lane)
{
	snprintf(name, RUNDIR_NAME_MAX, "board.%u", lane);
	return name;
}

const char *
rundir_journal_name(char *name, uint32_t lane)
{
	snprintf(name, RUNDIR_NAME_MAX, "journal.%u", lane);
	return name;
}

const char *
rundir_answers_name(char *name, uint32_t lane)
{
	snprintf(name, RUNDIR_NAME_MAX, "answers.%u", lane);
	return name;
}

const char *
rundir_capture_name(char *name, uint32_t lane)
{
	snprintf(name, RUNDIR_NAME_MAX, "capture.%u", lane);
	return name;
}

const char *
rundir_journal_old_name(char *name, uint32_t lane)
{
	snprintf(name, RUNDIR_NAME_MAX, "journal.%u.before", lane);
	return name;
}

/* ---- directories ---- */

static int
open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* A directory that somebody but its owner may write is no place for us. */
static int
checked_dir(int fd, uid_t *ret_owner)
{
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		close(fd);
		return -EPERM;
	}
	*ret_owner = st.st_uid;
	return fd;
}

/*
 * Whoever owns DIR can exchange what is in it, so it must be root's or the owner's of the side
 * that lies in it: never the other side's.
 */
static bool
is_safe_above(uid_t dir_owner, uid_t side_owner)
{
	return dir_owner == 0 || dir_owner == side_owner || dir_owner == geteuid();
}

int
rundir_make(const char *path, enum rundir_side side, uid_t uid, gid_t group)
{
	int dir, fd, r = 0;
	uid_t above, own;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return -errno;
	dir = checked_dir(open_dir(AT_FDCWD, path), &above);
	if (dir < 0)
		return dir;
	if (!is_safe_above(above, uid))
		r = -EPERM;
	else if (mkdirat(dir, rundir_side_name(side), RUNDIR_MODE_DIR & 0777) != 0 &&
		 errno != EEXIST)
		r = -errno;
	fd = r == 0 ? open_dir(dir, rundir_side_name(side)) : r;
	close(dir);
	if (fd < 0)
		return fd;
	/* When it is not ours, changing the mode fails. */
	if ((geteuid() == 0 && fchown(fd, uid, group) != 0) || fchmod(fd, RUNDIR_MODE_DIR) != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return checked_dir(fd, &own);
}

int
rundir_open(const char *path, enum rundir_side side)
{
	uid_t above, own;
	int dir = checked_dir(open_dir(AT_FDCWD, path), &above), fd;

	if (dir < 0)
		return dir;
	fd = checked_dir(open_dir(dir, rundir_side_name(side)), &own);
	close(dir);
	if (fd >= 0 && !is_safe_above(above, own)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* ---- locks ---- */

static bool
is_named(int dir_fd, const char *name, int fd)
{
	struct stat there, here;

	return fstatat(dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &here) == 0 &&
	       there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/*
 * Takes the lock of one file. -ESTALE: the file must go, because somebody who may only read it
 * holds a read lock to keep us out, or a race was lost; none of ours takes a read lock.
 */
static int
lock_file(int fd)
{
	/* Of the open file, not of the process: another close of the same file keeps it. */
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET }, other = whole;

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return -errno;
	if (fcntl(fd, F_OFD_GETLK, &other) != 0)
		return -errno;
	return other.l_type == F_WRLCK ? -EWOULDBLOCK : -ESTALE;
}

int
rundir_lock(int dir_fd)
{
	char pid[32];
	int n, r, fd = -1;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		fd = openat(dir_fd, RUNDIR_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			    RUNDIR_MODE_SHARED);
		if (fd < 0)
			return -errno;
		r = lock_file(fd);
		if (r == 0 && is_named(dir_fd, RUNDIR_LOCK, fd))
			break;
		if (r == -ESTALE && is_named(dir_fd, RUNDIR_LOCK, fd))
			unlinkat(dir_fd, RUNDIR_LOCK, 0);
		close(fd);
		if (r != 0 && r != -ESTALE)
			return r;
		fd = -1;
	}
	if (fd < 0)
		return -EWOULDBLOCK;
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		r = errno != 0 ? -errno : -EIO;
		close(fd);
		return r;
	}
	return fd;
}

pid_t
rundir_locked_by(int dir_fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dir_fd, RUNDIR_LOCK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char text[32] = "";
	long pid = 0;

	if (fd < 0)
		return 0;
	/* Asking for a write lock needs no write access; the answer gives no pid, the file does. */
	if (fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type == F_WRLCK &&
	    pread(fd, text, sizeof(text) - 1, 0) > 0)
		pid = strtol(text, NULL, 10);
	close(fd);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* ---- whole files ---- */

static int
new_name(char *to, const char *name)
{
	int n = snprintf(to, RUNDIR_NAME_MAX, "%s%s", name, new_suffix);

	return n < RUNDIR_NAME_MAX && strchr(name, '/') == NULL ? 0 : -EINVAL;
}

/* A fresh file under the temporary name of `name`. */
static int
make_new(int dir_fd, const char *name, mode_t mode)
{
	char temporary[RUNDIR_NAME_MAX];
	int fd, r = new_name(temporary, name);

	if (r != 0)
		return r;
	if (unlinkat(dir_fd, temporary, 0) != 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) != 0) { /* whatever the umask */
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* What could not be finished does not go on taking room, which may be what there was none of. */
static void
drop_new(int dir_fd, const char *name)
{
	char temporary[RUNDIR_NAME_MAX];

	if (new_name(temporary, name) == 0)
		unlinkat(dir_fd, temporary, 0);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t wrote = write(fd, p, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		p += wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

int
rundir_write(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode)
{
	int fd = make_new(dir_fd, name, mode), r;

	if (fd < 0)
		return fd;
	r = write_all(fd, bytes, n);
	if (close(fd) != 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = rundir_map_publish(dir_fd, name);
	if (r != 0)
		drop_new(dir_fd, name);
	return r;
}

int
rundir_unlink(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) == 0 ? 0 : -errno;
}

int
rundir_rename(int dir_fd, const char *from, const char *to)
{
	return renameat(dir_fd, from, dir_fd, to) == 0 ? 0 : -errno;
}

/* Regular, of the directory's owner, not writable by anybody else. */
static int
check_file(int dir_fd, const struct stat *st)
{
	struct stat dir;

	if (fstat(dir_fd, &dir) != 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (st->st_uid != dir.st_uid || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM;
	return 0;
}

/* O_NONBLOCK: a pipe put there must not stop us. */
static int
open_checked(int dir_fd, const char *name, int how, struct stat *ret_st)
{
	int fd = openat(dir_fd, name, how | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, ret_st) == 0 ? check_file(dir_fd, ret_st) : -errno;
	if (r != 0) {
		close(fd);
		return r;
	}
	return fd;
}

int
rundir_read_open(int dir_fd, const char *name, size_t *ret_n)
{
	struct stat st;
	int fd = open_checked(dir_fd, name, O_RDONLY, &st);

	if (fd >= 0)
		*ret_n = (size_t)st.st_size;
	return fd;
}

int
rundir_read(int dir_fd, const char *name, void *bytes, size_t room, size_t *ret_n)
{
	size_t size, n = 0;
	int fd = rundir_read_open(dir_fd, name, &size), r = 0;

	if (fd < 0)
		return fd;
	if (size > room)
		r = -EFBIG;
	while (r == 0 && n < size) {
		ssize_t got = read(fd, (uint8_t *)bytes + n, size - n);

		if (got < 0 && errno != EINTR)
			r = -errno;
		if (got == 0)
			break; /* cut short meanwhile: what is there is judged by its checks */
		if (got > 0)
			n += (size_t)got;
	}
	close(fd);
	if (r == 0)
		*ret_n = n;
	return r;
}

/* ---- mapped files ---- */

static int
map_fd(int fd, const struct stat *st, bool writable, struct rundir_map *ret_map)
{
	void *p;

	if (st->st_size <= 0)
		return -EINVAL;
	p = mmap(NULL, (size_t)st->st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		 MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret_map = (struct rundir_map){
		.p = p,
		.n = (size_t)st->st_size,
		.dev = (uint64_t)st->st_dev,
		.ino = (uint64_t)st->st_ino,
	};
	return 0;
}

int
rundir_map_make(int dir_fd, const char *name, size_t n, struct rundir_map *ret_map)
{
	int fd = make_new(dir_fd, name, RUNDIR_MODE_SHARED), r;
	struct stat st;

	if (fd < 0)
		return fd;
	/* Reserved now: a full tmpfs must be an error here, not a SIGBUS in a lane. */
	r = -posix_fallocate(fd, 0, (off_t)n);
	if (r == 0)
		r = fstat(fd, &st) == 0 ? map_fd(fd, &st, true, ret_map) : -errno;
	close(fd);
	if (r != 0)
		drop_new(dir_fd, name);
	return r;
}

int
rundir_map_publish(int dir_fd, const char *name)
{
	char temporary[RUNDIR_NAME_MAX];
	int r = new_name(temporary, name);

	return r != 0 ? r : rundir_rename(dir_fd, temporary, name);
}

int
rundir_map_open(int dir_fd, const char *name, bool writable, struct rundir_map *ret_map)
{
	struct stat st;
	int fd = open_checked(dir_fd, name, writable ? O_RDWR : O_RDONLY, &st), r;

	if (fd < 0)
		return fd;
	r = map_fd(fd, &st, writable, ret_map);
	close(fd);
	if (r == 0)
		guard_add(ret_map->p, ret_map->n);
	return r;
}

bool
rundir_map_is_stale(int dir_fd, const char *name, const struct rundir_map *map)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	       (uint64_t)st.st_dev != map->dev || (uint64_t)st.st_ino != map->ino;
}

void
rundir_map_close(struct rundir_map *map)
{
	if (map->p != NULL) {
		guard_remove(map->p);
		munmap(map->p, map->n);
	}
	*map = (struct rundir_map){ 0 };
}

/* ---- listings ---- */

static bool
is_temporary(const char *name)
{
	size_t n = strlen(name), suffix_n = sizeof(new_suffix) - 1;

	return n > suffix_n && strcmp(name + n - suffix_n, new_suffix) == 0;
}

/* A stream over a directory of its own position; NULL and errno. */
static DIR *
list(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

void
rundir_clean(int dir_fd)
{
	DIR *dir = list(dir_fd);
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (is_temporary(e->d_name))
			unlinkat(dir_fd, e->d_name, 0);
	}
	closedir(dir);
}

/* The number of "tables.<number>", exactly as we write it; 0: another name. */
static uint64_t
generation_of(const char *name)
{
	const char *digits = name + sizeof(tables_prefix) - 1;
	char again[RUNDIR_NAME_MAX];
	uint64_t generation;

	if (strncmp(name, tables_prefix, sizeof(tables_prefix) - 1) != 0)
		return 0;
	generation = strtoull(digits, NULL, 10);
	return strcmp(rundir_tables_name(again, generation), name) == 0 ? generation : 0;
}

/* Keeps list[0, n) falling; the smallest falls out when it is full. Returns the new n. */
static uint32_t
insert(uint64_t *at, uint32_t n, uint32_t room, uint64_t generation)
{
	uint32_t i = n < room ? n : room;

	while (i > 0 && at[i - 1] < generation)
		i--;
	if (i >= room)
		return n;
	if (n < room)
		n++;
	memmove(&at[i + 1], &at[i], (n - i - 1) * sizeof(at[0]));
	at[i] = generation;
	return n;
}

int
rundir_generations(int dir_fd, uint64_t *ret_generation, uint32_t room)
{
	DIR *dir = list(dir_fd);
	struct dirent *e;
	uint32_t n = 0;

	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL) {
		uint64_t generation = generation_of(e->d_name);

		if (generation != 0)
			n = insert(ret_generation, n, room, generation);
	}
	closedir(dir);
	return (int)n;
}
