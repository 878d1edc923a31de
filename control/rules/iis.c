/*
 * iis.c - files of IIS to a set of rules, see iis.h: reads them, gathers their levels, and gives
 * these to iis_sets.c.
 */
#include "rules/iis.h"

#include <string.h>

#include "base/ensure.h"
#include "rules/iis_parts.h"

/* Once a reading, for all files: what they hold besides rules (1.1). */
static void
skipped_tell(const struct iis_load *load)
{
	struct arena *arena = load->arena;
	const char *text = "";

	if (load->skipped_n == 0)
		return;
	for (uint32_t i = 0; i < load->skipped_n; i++)
		text = arena_format(arena, "%s%s%s", text, i == 0 ? "" : ", ", load->skipped[i]);
	if (load->skipped_more > 0)
		text = arena_format(arena, "%s and %u more", text, load->skipped_more);
	conf_err_add(load->warns, load->skipped_at,
		     "sections that mean nothing here were skipped: %s", text);
}

/* Whether the place of a web.config is one; false with an error told. */
static bool
is_place_good(struct iis_load *load, const char *place, bool has_sites, struct conf_pos at)
{
	struct iis_at nobody = { load, "" };
	bool has_folder;

	if (place == NULL)
		return true;
	if (at.line == 0)
		at.file = "--site-path";
	has_folder = place[0] != 0 && strchr(place, '/') != NULL;
	if (iis_has_up(place))
		iis_refuse(&nobody, at, "'..' in '%s'; name the folder from the root on", place);
	else if (place[0] == 0 || (!has_folder && !has_sites) || strpbrk(place, "?#*") != NULL)
		iis_refuse(&nobody, at,
			   "'%s' is no place of a web.config: write its folder, for example "
			   "at: /blog, or with an applicationHost.config the site before it, as in "
			   "Site/blog",
			   place);
	else
		return true;
	return false;
}

/* "Default Web Site/blog" to the site (NULL: not named) and the folder. */
static const char *
site_split(struct arena *arena, const char *site_path, const char **ret_folder)
{
	size_t n;

	*ret_folder = "/";
	if (site_path == NULL)
		return NULL;
	n = site_path[0] == '/' ? 0 : strcspn(site_path, "/");
	*ret_folder = iis_folder(arena, site_path + n);
	return n == 0 ? NULL : arena_text(arena, site_path, n);
}

static struct rule_sets *
sets_open(struct iis_load *load, const struct iis_text *web, const struct iis_text *host,
	  const char *site_path, bool is_strict)
{
	struct iis_levels levels = { .load = load };
	uint32_t errs_n = load->errs->n + load->errs->more;
	const struct iis_node *root;
	struct rule_sets *sets;
	const char *folder, *site;

	ensure(web->name != NULL || host->name != NULL);
	site = site_split(load->arena, site_path, &folder);
	root = host->name != NULL ? iis_tree(load, host) : NULL;
	if (root != NULL)
		iis_levels_host(&levels, root, site);
	root = web->name != NULL ? iis_tree(load, web) : NULL;
	if (root != NULL)
		iis_levels_web(&levels, root, folder);
	sets = iis_sets(load, &levels);
	sets->at = (struct conf_pos){ web->name != NULL ? web->name : host->name, 1, 1 };
	/* Who gives applicationHost.config gives the list of allowed variables, as IIS has it. */
	sets->is_strict = is_strict || host->name != NULL;
	skipped_tell(load);
	conf_errs_sort(load->errs);
	conf_errs_sort(load->warns);
	return load->errs->n + load->errs->more == errs_n ? sets : NULL;
}

struct rule_sets *
iis_open(struct arena *arena, const struct iis_files *files, struct conf_errs *errs,
	 struct conf_errs *warns)
{
	struct iis_load load = { .arena = arena, .errs = errs, .warns = warns };
	struct iis_text web = { 0 }, host = { 0 };
	struct iis_at at = { &load, "" };
	bool is_read = true;

	if (!is_place_good(&load, files->site_path, files->app_host != NULL, files->site_path_at))
		return NULL;
	if (files->web_config != NULL)
		is_read = iis_file_read(&at, files->web_config, files->web_config_at, &web);
	if (files->app_host != NULL)
		is_read &= iis_file_read(&at, files->app_host, files->app_host_at, &host);
	if (!is_read)
		return NULL;
	return sets_open(&load, &web, &host, files->site_path, files->is_strict);
}

static bool
has_element(const struct iis_node *node, const char *name)
{
	for (; node != NULL; node = node->next)
		if (iis_is(node, name) || has_element(node->first, name))
			return true;
	return false;
}

bool
iis_is_app_host(const char *path)
{
	struct arena arena = { 0 };
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct iis_load load = { .arena = &arena, .errs = &errs, .warns = &warns };
	struct iis_at at = { &load, "" };
	struct conf_pos nowhere = { 0 };
	struct iis_text file;
	const struct iis_node *root = NULL;
	bool is_host;

	if (iis_file_read(&at, path, nowhere, &file))
		root = iis_tree(&load, &file);
	is_host = root != NULL &&
		  (has_element(root, "system.applicationHost") || has_element(root, "globalRules"));
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	arena_fini(&arena);
	return is_host;
}

struct rule_sets *
iis_open_text(struct arena *arena, const struct iis_texts *texts, struct conf_errs *errs,
	      struct conf_errs *warns)
{
	struct iis_load load = {
		.arena = arena, .errs = errs, .warns = warns, .is_alone = texts->is_alone
	};
	struct conf_pos nowhere = { 0 };

	if (!is_place_good(&load, texts->site_path, texts->app_host.name != NULL, nowhere))
		return NULL;
	return sets_open(&load, &texts->web_config, &texts->app_host, texts->site_path,
			 texts->is_strict);
}
