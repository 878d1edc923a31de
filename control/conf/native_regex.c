/*
 * native_regex.c - methods, hosts and paths as users write them to regular expressions, see
 * native.h. Each returns NULL when one of the list is wrong, which is then told.
 */
#include "conf/native.h"

#include <string.h>
#include <strings.h>

#include "conf/value.h"

static const char *
escaped(struct native *native, const char *text)
{
	char *copy = arena_take(native->arena, 2 * strlen(text) + 1), *to = copy;

	for (; *text != '\0'; text++) {
		if (strchr("\\^$.|?*+()[]{}", *text) != NULL)
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

/* "a|b", with NULL before the first. */
static const char *
alternative(struct native *native, const char *joined, const char *one)
{
	return joined == NULL ? one : arena_format(native->arena, "%s|%s", joined, one);
}

bool
native_is_token(const char *text)
{
	return text[0] != '\0' &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "!#$%&'*+-.^_`|~")] == '\0';
}

const char *
native_methods_regex(struct native *native, const struct conf_list *methods)
{
	const char *joined = NULL;

	for (CONF_EACH(struct conf_str, method, methods)) {
		if (method->s == NULL)
			return NULL;
		if (!native_is_token(method->s)) {
			conf_err_add(native->errs, method->at->at,
				     "'%s' is no method; write for example method: [GET, HEAD]",
				     method->s);
			return NULL;
		}
		joined = alternative(native, joined, escaped(native, method->s));
	}
	return joined == NULL ? NULL : arena_format(native->arena, "^(?:%s)$", joined);
}

static const char *
host_regex(struct native *native, const struct conf_str *host)
{
	const char *name = host->s;
	bool is_below = strncmp(name, "*.", 2) == 0;
	struct ip_addr ip;

	if (is_below)
		name += 2;
	if (!value_is_host_name(name) && (is_below || value_ip(name, &ip) != VALUE_OK)) {
		conf_err_add(native->errs, host->at->at,
			     "'%s' is no host; write a name without its port, as www.example.com "
			     "or \"*.example.com\"",
			     host->s);
		return NULL;
	}
	if (strchr(name, ':') != NULL)
		return arena_format(native->arena, "\\[?%s\\]?", escaped(native, name));
	return arena_format(native->arena, "%s%s", is_below ? ".+\\." : "", escaped(native, name));
}

const char *
native_hosts_regex(struct native *native, const struct conf_list *hosts)
{
	const char *joined = NULL;

	for (CONF_EACH(struct conf_str, host, hosts)) {
		const char *one = host->s != NULL ? host_regex(native, host) : NULL;

		if (one == NULL)
			return NULL;
		joined = alternative(native, joined, one);
	}
	return joined == NULL ? NULL : arena_format(native->arena, "^(?:%s)\\.?$", joined);
}

/*
 * A path of the configuration as its scope's patterns see it: behind the folder, without slash;
 * NULL: it does not lie in the folder.
 */
static const char *
path_within(const char *folder, const char *path)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	if (strncasecmp(path, folder, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path[n] == '/' ? path + n + 1 : path + n;
}

static bool
is_path_good(struct native *native, const struct conf_str *path, const char *folder)
{
	if (path->s[0] != '/' || strpbrk(path->s, "?#*") != NULL) {
		conf_err_add(native->errs, path->at->at,
			     "'%s' is no path: it begins with '/' and has no '?', '#' or '*'; "
			     "write for example path: /owa, or use path_regex",
			     path->s);
		return false;
	}
	if (strstr(path->s, "//") != NULL || strstr(path->s, "/./") != NULL ||
	    strstr(path->s, "/../") != NULL || strchr(path->s, '\\') != NULL) {
		conf_err_add(native->errs, path->at->at,
			     "'%s' never comes: rules see paths without '//', '/./', '/../' and "
			     "'\\'; write the path as it is",
			     path->s);
		return false;
	}
	if (folder != NULL && path_within(folder, path->s) == NULL) {
		conf_err_add(native->errs, path->at->at,
			     "'%s' does not lie in the rule's folder %s and never comes; write "
			     "the whole path",
			     path->s, folder);
		return false;
	}
	return true;
}

const char *
native_paths_regex(struct native *native, const struct conf_list *paths, const char *folder,
		   bool has_rest)
{
	const char *joined = NULL;
	bool is_any = false;

	for (CONF_EACH(struct conf_str, path, paths)) {
		const char *s = path->s;
		size_t n;

		if (s == NULL || !is_path_good(native, path, folder))
			return NULL;
		if (folder != NULL)
			s = path_within(folder, s);
		is_any |= s[0] == '\0' || strcmp(s, "/") == 0;
		s = escaped(native, s);
		n = strlen(s);
		if (n == 0 || s[n - 1] != '/')
			s = arena_format(native->arena, "%s(?:/|$)", s);
		joined = alternative(native, joined, s);
	}
	if (joined == NULL)
		return NULL;
	if (is_any)
		return has_rest ? "^([\\s\\S]*)$" : "";
	return arena_format(native->arena, paths->n > 1 ? "^(?:%s)%s" : "^%s%s", joined,
			    has_rest ? "([\\s\\S]*)$" : "");
}
