/*
 * stamp.c - what tells one content of a file from another without reading it, see model.h.
 */
#include <sys/stat.h>

#include "rules/model.h"

struct rule_stamp
rule_stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct rule_stamp){ 0 };
	return (struct rule_stamp){ .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
						st.st_mtim.tv_nsec,
				    .bytes = (int64_t)st.st_size,
				    .inode = (uint64_t)st.st_ino };
}

bool
rule_stamp_is(struct rule_stamp a, struct rule_stamp b)
{
	return a.mtime_ns == b.mtime_ns && a.bytes == b.bytes && a.inode == b.inode;
}
