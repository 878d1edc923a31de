/*
 * user.c - names to numbers, and giving rights up, see user.h.
 */
#include "daemon/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "conf/value.h"
#include "daemon/say.h"

static bool
group_parse(const char *text, gid_t *ret_gid)
{
	const struct group *group = getgrnam(text);
	uint64_t number;

	if (group != NULL) {
		*ret_gid = group->gr_gid;
		return true;
	}
	if (value_number(text, &number) != VALUE_OK || number >= UINT32_MAX) {
		say("there is no group '%s'", text);
		return false;
	}
	*ret_gid = (gid_t)number;
	return true;
}

bool
user_parse(const char *text, struct user_ids *ret_ids)
{
	struct user_ids ids;
	const struct passwd *passwd;
	const char *colon = strchr(text, ':');
	char name[64];
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	uint64_t number;

	if (n == 0 || n >= sizeof(name)) {
		say("'%s' is no user; give NAME or UID:GID", text);
		return false;
	}
	memcpy(name, text, n);
	name[n] = '\0';
	passwd = getpwnam(name);
	if (passwd != NULL) {
		ids = (struct user_ids){ passwd->pw_uid, passwd->pw_gid };
	} else if (value_number(name, &number) == VALUE_OK && number < UINT32_MAX &&
		   colon != NULL) {
		ids = (struct user_ids){ (uid_t)number, (gid_t)number };
	} else {
		say("there is no user '%s'; give NAME or UID:GID", name);
		return false;
	}
	if (colon != NULL && !group_parse(colon + 1, &ids.gid))
		return false;
	*ret_ids = ids;
	return true;
}

bool
user_become(const struct user_ids *ids)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(ids->gid, ids->gid, ids->gid) != 0 ||
	     setresuid(ids->uid, ids->uid, ids->uid) != 0)) {
		say("cannot become user %u, group %u: %s", ids->uid, ids->gid, strerror(errno));
		return false;
	}
	if (geteuid() != ids->uid || getegid() != ids->gid) {
		say("only root can run as user %u, group %u", ids->uid, ids->gid);
		return false;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
