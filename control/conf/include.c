/*
 * include.c - a configuration file and the files it includes, as one tree, see lex.h.
 */
#include "conf/lex.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ensure.h"

enum {
	FILE_BYTES_MAX = 16 * 1024 * 1024,
	INCLUDES_MAX = 4096
};

static struct conf_pos
whole(const char *path)
{
	return (struct conf_pos){ .file = path };
}

/*
 * Opens a plain file; anything else might keep the daemon waiting for ever. What the shell makes
 * of <(command) lies in /dev and is read as well.
 */
static FILE *
file_open(const char *path, struct conf_errs *errs)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *file = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
	    strncmp(path, "/dev/", 5) != 0) {
		conf_err_add(errs, whole(path), "is no plain file; copy the text into one");
		close(fd);
		return NULL;
	}
	if (fd >= 0 && fcntl(fd, F_SETFL, 0) == 0)
		file = fdopen(fd, "r");
	if (file != NULL)
		return file;
	conf_err_add(errs, whole(path), "cannot be opened (%s); check the path and its rights",
		     conf_errno_text(errno, &errs->arena));
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* The file's bytes in the arena; NULL with an error told. */
static const char *
file_read(struct arena *arena, const char *path, size_t *ret_n, struct conf_errs *errs)
{
	FILE *file = file_open(path, errs);
	size_t n = 0, room = 16 * 1024;
	char *bytes;

	if (file == NULL)
		return NULL;
	bytes = arena_take(arena, room);
	for (;;) {
		size_t got = fread(bytes + n, 1, room - n, file);

		n += got;
		if (got == 0 || n > FILE_BYTES_MAX)
			break;
		if (n == room) {
			char *more = arena_take(arena, room * 2);

			memcpy(more, bytes, n);
			bytes = more;
			room *= 2;
		}
	}
	if (ferror(file) || n > FILE_BYTES_MAX) {
		conf_err_add(errs, whole(path),
			     "cannot be read (%s); check that it is a plain file",
			     ferror(file) ? strerror(errno) : "longer than 16 MiB");
		fclose(file);
		return NULL;
	}
	fclose(file);
	*ret_n = n;
	return bytes;
}

static struct node *
tree_read(struct arena *arena, const char *path, struct conf_errs *errs)
{
	size_t n = 0;
	const char *bytes = file_read(arena, path, &n, errs);

	if (bytes == NULL)
		return NULL;
	return lex_text(arena, arena_text(arena, path, strlen(path)), bytes, n, errs);
}

static void
child_append(struct node *parent, struct node *child)
{
	child->next = NULL;
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

static void
child_remove(struct node *parent, struct node *child)
{
	struct node *before = NULL;

	for (struct node *at = parent->first; at != child; at = at->next)
		before = at;
	if (before != NULL)
		before->next = child->next;
	else
		parent->first = child->next;
	if (parent->last == child)
		parent->last = before;
	parent->n--;
}

/* Lists join, mappings merge, anything else given twice is an error. Depth as the lexer's. */
static void
merge(struct node *into, struct node *from, struct conf_errs *errs)
{
	struct node *next;

	for (struct node *child = from->first; child != NULL; child = next) {
		struct node *there;

		next = child->next;
		if (into->kind == NODE_LIST) {
			child_append(into, child);
			continue;
		}
		there = node_find(into, child->key);
		if (there == NULL || child->key[0] == '\0')
			child_append(into, child);
		else if (there->kind == child->kind && child->kind != NODE_SCALAR)
			merge(there, child, errs);
		else
			conf_err_add(errs, child->key_at,
				     "'%s' is already given in %s line %u; keep one of the two",
				     child->key, there->key_at.file, there->key_at.line);
	}
}

static void
include_file(struct arena *arena, struct node *root, const char *path, struct conf_errs *errs)
{
	struct node *tree = tree_read(arena, path, errs);
	struct node *inner;

	if (tree == NULL)
		return;
	inner = node_find(tree, "include");
	if (inner != NULL) {
		conf_err_add(errs, inner->key_at,
			     "an included file may not include others; name them in %s",
			     root->at.file);
		child_remove(tree, inner);
	}
	merge(root, tree, errs);
}

static bool
has_wildcard(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static void
include_glob(struct arena *arena, struct node *root, const struct node *name,
	     struct conf_errs *errs)
{
	const char *slash = strrchr(root->at.file, '/');
	const char *pattern = name->text;
	glob_t found = { 0 };
	int verdict;

	if (pattern[0] != '/' && slash != NULL)
		pattern = arena_format(arena, "%.*s/%s", (int)(slash - root->at.file),
				       root->at.file, name->text);
	verdict = glob(pattern, 0, NULL, &found); /* sorted */
	if (verdict == GLOB_NOMATCH && !has_wildcard(name->text))
		conf_err_add(errs, name->at, "there is no file %s; correct the path or remove it",
			     pattern);
	else if (verdict != 0 && verdict != GLOB_NOMATCH)
		conf_err_add(errs, name->at, "%s cannot be searched; check the folder's rights",
			     pattern);
	else if (found.gl_pathc > INCLUDES_MAX)
		conf_err_add(errs, name->at, "%s names more than 4,096 files; name fewer", pattern);
	else
		for (size_t i = 0; i < found.gl_pathc; i++)
			include_file(arena, root, found.gl_pathv[i], errs);
	globfree(&found);
}

struct node *
lex_file(struct arena *arena, const char *path, struct conf_errs *errs)
{
	struct node *root = tree_read(arena, path, errs);
	struct node *include;

	if (root == NULL)
		return NULL;
	include = node_find(root, "include");
	if (include == NULL)
		return root;
	child_remove(root, include);
	if (include->kind == NODE_SCALAR) {
		include_glob(arena, root, include, errs);
		return root;
	}
	for (struct node *name = include->first; name != NULL; name = name->next) {
		if (include->kind == NODE_MAP || name->kind != NODE_SCALAR) {
			conf_err_add(errs, name->at,
				     "include takes file names or globs; write include: "
				     "[conf.d/*.yaml]");
			return root;
		}
		include_glob(arena, root, name, errs);
	}
	return root;
}
