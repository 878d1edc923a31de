/*
 * iis_level.c - which sections the files have for which folder (1.1): roots, locations, sites of
 * applicationHost.config, and sections that lie in a file of their own (configSource, 11.2).
 */
#include <string.h>
#include <strings.h>

#include "rules/iis_parts.h"

static const char *const section_name[IIS_SECTIONS] = {
#define X(id, word) [IIS_SECTION_##id] = #word,
	IIS_SECTION_LIST(X)
#undef X
};

/* ---- folders ---- */

const char *
iis_folder(struct arena *arena, const char *path)
{
	char *folder = arena_take(arena, strlen(path) + 2), *to = folder;

	while (*path != 0) {
		size_t n = strcspn(path, "/\\");

		if (n > 0 && !(n == 1 && path[0] == '.')) {
			*to++ = '/';
			memcpy(to, path, n);
			to += n;
		}
		path += n;
		path += *path != 0;
	}
	return to == folder ? "/" : folder;
}

bool
iis_has_up(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == path || p[-1] == '/' || p[-1] == '\\') &&
		    (p[2] == 0 || p[2] == '/' || p[2] == '\\'))
			return true;
	return false;
}

bool
iis_is_below(const char *folder, const char *above)
{
	size_t n = strlen(above);

	if (strcmp(above, "/") == 0)
		return true;
	return strncasecmp(folder, above, n) == 0 && (folder[n] == 0 || folder[n] == '/');
}

static uint32_t
depth_of(const char *folder)
{
	uint32_t depth = 0;

	for (; *folder != 0; folder++)
		depth += folder[0] == '/' && folder[1] != 0;
	return depth;
}

static bool
is_before(const struct iis_level *level, const char *folder, enum iis_rank rank)
{
	uint32_t a = depth_of(level->folder), b = depth_of(folder);

	return a != b ? a < b : level->rank <= rank;
}

static struct iis_level *
level_of(struct iis_levels *levels, const char *folder, enum iis_rank rank)
{
	struct iis_level **at = &levels->first, *level;

	for (; *at != NULL && is_before(*at, folder, rank); at = &(*at)->next)
		if ((*at)->rank == rank && strcasecmp((*at)->folder, folder) == 0)
			return *at;
	level = arena_take(levels->load->arena, sizeof(*level));
	level->folder = folder;
	level->rank = rank;
	level->next = *at;
	*at = level;
	levels->n++;
	return level;
}

/* ---- sections ---- */

/* The section's element from the file that configSource names; NULL: told. */
static const struct iis_node *
source_follow(struct iis_load *load, const struct iis_node *node, const struct iis_attr *source)
{
	struct iis_at at = { load, "" };
	const char *path = iis_path_beside(&at, source->at.file, source->value, source->value_at,
					   "configSource");
	const struct iis_node *root;
	struct iis_text file;

	if (node->first != NULL)
		iis_refuse(&at, node->first->at,
			   "<%s> has a configSource and elements too; move "
			   "them into the file",
			   node->name);
	if (path == NULL || !iis_file_read(&at, path, source->value_at, &file))
		return NULL;
	root = iis_tree(load, &file);
	if (root == NULL)
		return NULL;
	if (!iis_is(root, node->name)) {
		iis_refuse(&at, root->at, "the root element is <%s>; line %u of %s expects <%s>",
			   root->name, node->at.line, node->at.file, node->name);
		return NULL;
	}
	source = iis_attr_find(root, "configSource");
	if (source != NULL) {
		iis_refuse(&at, source->at,
			   "a file that configSource names cannot name another; "
			   "write the section here");
		return NULL;
	}
	return root;
}

static void
section_add(struct iis_load *load, struct iis_level *level, const struct iis_node *node, int i)
{
	const struct iis_attr *source = iis_attr_find(node, "configSource");
	const struct iis_node *before = level->section[i];
	struct iis_at at = { load, "" };

	if (before != NULL) {
		iis_refuse(&at, node->at,
			   "a second <%s> for the folder '%s', the first stands in "
			   "line %u; make one of the two",
			   node->name, level->folder, before->at.line);
		return;
	}
	if (source != NULL && source->value[0] != 0)
		node = source_follow(load, node, source);
	level->section[i] = node;
}

static void
rewrite_add(struct iis_load *load, struct iis_level *level, const struct iis_node *rewrite)
{
	struct iis_at at = { load, "" };

	iis_attrs_end(&at, rewrite);
	for (const struct iis_node *node = rewrite->first; node != NULL; node = node->next) {
		int i = 0;

		while (i < IIS_SECTIONS && !iis_is(node, section_name[i]))
			i++;
		if (i == IIS_SECTIONS)
			iis_stranger(&at, node, rewrite,
				     "globalRules, rules, outboundRules, rewriteMaps, "
				     "allowedServerVariables and providers");
		else
			section_add(load, level, node, i);
	}
}

/* What <rewrite>s a <system.webServer> or an element like it has. */
static void
server_add(struct iis_load *load, struct iis_level *level, const struct iis_node *server)
{
	for (const struct iis_node *node = server->first; node != NULL; node = node->next)
		if (iis_is(node, "rewrite"))
			rewrite_add(load, level, node);
}

static void
location_add(struct iis_levels *levels, const struct iis_node *location, const char *folder,
	     enum iis_rank rank)
{
	struct iis_level *level;

	if (levels->n >= IMG_SCOPES_MAX) {
		struct iis_at at = { levels->load, "" };

		iis_refuse(&at, location->at,
			   "more than %u folders with rules; divide the rules "
			   "among sets",
			   IMG_SCOPES_MAX);
		return;
	}
	level = level_of(levels, folder, rank);
	for (const struct iis_node *node = location->first; node != NULL; node = node->next)
		if (iis_is(node, "system.webServer"))
			server_add(levels->load, level, node);
}

/* The path of a <location>, NULL: told. */
static const char *
location_path(struct iis_load *load, const struct iis_node *location)
{
	static const char *const others[] = { "allowOverride", "overrideMode",
					      "inheritInChildApplications" };
	const struct iis_attr *path = iis_attr_find(location, "path");
	struct iis_at at = { load, "" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		iis_attr_find(location, others[i]);
	iis_attrs_end(&at, location);
	if (path == NULL)
		return ""; /* IIS takes it as the file's own level */
	if (!iis_has_up(path->value))
		return path->value;
	iis_refuse(&at, path->value_at,
		   "'..' in the path of a location; name the folder from the file's own on");
	return NULL;
}

/* ---- roots ---- */

/* The root's own level. False: it is <configuration>, whose children the caller walks. */
static bool
root_add(struct iis_levels *levels, const struct iis_node *root, const char *folder,
	 enum iis_rank rank)
{
	struct iis_at at = { levels->load, "" };

	if (iis_is(root, "configuration"))
		return false;
	if (iis_is(root, "rewrite"))
		rewrite_add(levels->load, level_of(levels, folder, rank), root);
	else if (iis_is(root, "system.webServer"))
		server_add(levels->load, level_of(levels, folder, rank), root);
	else
		iis_refuse(&at, root->at,
			   "the root element is <%s>; write <configuration>, "
			   "<system.webServer> or <rewrite> round it",
			   root->name);
	return true;
}

void
iis_levels_web(struct iis_levels *levels, const struct iis_node *root, const char *folder)
{
	struct arena *arena = levels->load->arena;

	if (root_add(levels, root, folder, IIS_RANK_WEB))
		return;
	for (const struct iis_node *node = root->first; node != NULL; node = node->next) {
		const char *path;

		if (iis_is(node, "system.webServer"))
			server_add(levels->load, level_of(levels, folder, IIS_RANK_WEB), node);
		if (!iis_is(node, "location"))
			continue;
		path = location_path(levels->load, node);
		if (path != NULL)
			location_add(levels, node,
				     iis_folder(arena, arena_format(arena, "%s/%s", folder, path)),
				     IIS_RANK_WEB_LOCATION);
	}
}

/* ---- applicationHost.config ---- */

static bool
has_rules(const struct iis_node *location)
{
	for (const struct iis_node *node = location->first; node != NULL; node = node->next)
		if (iis_is(node, "system.webServer") && node->first != NULL)
			return true;
	return false;
}

/* The site in a location's path: up to the first slash. */
static const char *
site_of(struct arena *arena, const char *path)
{
	return arena_text(arena, path, strcspn(path, "/\\"));
}

/* The first <site> of the list of sites, "" without one. */
static const char *
site_first(const struct iis_node *root)
{
	const struct iis_node *host = root->first, *sites;
	const char *name;

	while (host != NULL && !iis_is(host, "system.applicationHost"))
		host = host->next;
	sites = host != NULL ? host->first : NULL;
	if (sites == NULL || sites->first == NULL)
		return "";
	name = iis_text_of(sites->first, "name").s;
	return name != NULL ? name : "";
}

/*
 * The site that the file is about when nobody says which: the only one with rules; of several the
 * first of <sites>, else the first that comes. NULL: no location has rules.
 */
static const char *
site_choose(struct iis_levels *levels, const struct iis_node *root)
{
	const char *chosen = NULL, *other = NULL, *first = site_first(root);
	struct conf_pos at = { 0 };

	for (const struct iis_node *node = root->first; node != NULL; node = node->next) {
		const struct iis_attr *path = iis_attr_find(node, "path");
		const char *site;

		if (!iis_is(node, "location") || path == NULL || !has_rules(node))
			continue;
		site = site_of(levels->load->arena, path->value);
		if (site[0] == 0 || strcmp(site, ".") == 0 ||
		    (chosen != NULL && strcasecmp(site, chosen) == 0))
			continue;
		if (chosen != NULL) {
			other = strcasecmp(site, first) == 0 ? chosen : site;
			at = path->value_at;
		}
		if (chosen == NULL || strcasecmp(site, first) == 0)
			chosen = site;
	}
	if (other != NULL)
		conf_err_add(
			levels->load->warns, at,
			"there are rules of several sites; those of '%s' are taken, write '%s/' "
			"as the path of the site for those of '%s'",
			chosen, other, other);
	return chosen;
}

void
iis_levels_host(struct iis_levels *levels, const struct iis_node *root, const char *site)
{
	struct arena *arena = levels->load->arena;

	if (root_add(levels, root, "/", IIS_RANK_HOST))
		return;
	if (site == NULL)
		site = site_choose(levels, root);
	for (const struct iis_node *node = root->first; node != NULL; node = node->next) {
		const char *path;

		if (iis_is(node, "system.webServer"))
			server_add(levels->load, level_of(levels, "/", IIS_RANK_HOST), node);
		if (!iis_is(node, "location"))
			continue;
		path = location_path(levels->load, node);
		if (path == NULL)
			continue;
		if (path[0] == 0 || strcmp(path, ".") == 0)
			location_add(levels, node, "/", IIS_RANK_HOST);
		else if (site != NULL && strcasecmp(site_of(arena, path), site) == 0)
			location_add(levels, node, iis_folder(arena, path + strcspn(path, "/\\")),
				     IIS_RANK_HOST_LOCATION);
	}
}
