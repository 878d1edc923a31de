/*
 * iis.h - rules as IIS has them: web.config and applicationHost.config into a set of the model
 * (model.h). Numbers are sections of the rules' reference.
 *
 * Everything that is wrong is told at its place in the user's file with its cure, in one reading.
 * What is read but means nothing here (sections that are skipped, unknown attributes) is a
 * warning. Files are hostile: no DTD, no entities of their own, IIS_BYTES_MAX, IIS_DEPTH_MAX.
 */
#ifndef PENSTOCK_CONTROL_RULES_IIS_H
#define PENSTOCK_CONTROL_RULES_IIS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/arena.h"
#include "conf/errs.h"
#include "rules/model.h"

enum {
	IIS_BYTES_MAX = 16 << 20, /* of one file */
	IIS_DEPTH_MAX = 64,	  /* elements inside each other */
};

struct iis_files {
	const char *web_config; /* a path; NULL: only app_host */
	const char *app_host;	/* a path; NULL: none */
	/*
	 * Where the web.config lies: "/", "/blog". With applicationHost.config of several sites the
	 * site's name stands in front ("Default Web Site/blog"). NULL: "/".
	 */
	const char *site_path;
	/* Where they are named, for one that cannot be taken; line 0: nowhere. */
	struct conf_pos web_config_at, app_host_at, site_path_at;
	bool is_strict; /* a variable that is not on the list of allowed ones fails (13) */
};

/*
 * The set of these files, without a name; NULL with at least one error told (sorted). Texts of the
 * set live in the arena.
 */
struct rule_sets *iis_open(struct arena *arena, const struct iis_files *files,
			   struct conf_errs *errs, struct conf_errs *warns);

/* Whether a file has what only an applicationHost.config has: sites, or global rules. */
bool iis_is_app_host(const char *path);

/* A file that is in memory; name NULL: there is none. */
struct iis_text {
	const char *name; /* stands in the errors; further files are looked for beside it */
	const void *bytes;
	size_t n;
};

struct iis_texts {
	struct iis_text web_config, app_host;
	const char *site_path;
	bool is_strict;
	bool is_alone; /* a text that names further files is refused */
};

/* The same of texts. */
struct rule_sets *iis_open_text(struct arena *arena, const struct iis_texts *texts,
				struct conf_errs *errs, struct conf_errs *warns);

#endif
