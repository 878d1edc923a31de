/*
 * user.h - whom the daemon runs as. NAME (and its group), NAME:GROUP or UID:GID.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_USER_H
#define PENSTOCK_CONTROL_DAEMON_USER_H

#include <stdbool.h>
#include <sys/types.h>

struct user_ids {
	uid_t uid;
	gid_t gid;
};

/* False: there is no such user or group (told). */
bool user_parse(const char *text, struct user_ids *ret_ids);

/* For good: no other groups, no way back, no new rights by exec. False: not allowed (told). */
bool user_become(const struct user_ids *ids);

#endif
