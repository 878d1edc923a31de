/*
 * webconfig.h - the rules of a web.config (and applicationHost.config) behind one listener of
 * their own, so that explain can ask them without a configuration of ours.
 */
#ifndef PENSTOCK_CONTROL_CTL_WEBCONFIG_H
#define PENSTOCK_CONTROL_CTL_WEBCONFIG_H

#include <stdbool.h>

#include "conf/errs.h"
#include "rules/iis.h"
#include "rules/program.h"
#include "rules/rules.h"
#include "run/tables.h"

/* Zeroed is closed. */
struct webconfig {
	struct arena arena;
	struct program program;
	struct tables tables;
	struct rules_blob *blob; /* by the image's index */
};

/*
 * The image has one listener, one farm and one server; what the rules say of farms and hosts is
 * not asked. False with at least one error told.
 */
bool webconfig_open(const struct iis_files *files, struct webconfig *ret_webconfig,
		    struct conf_errs *errs, struct conf_errs *warns);

/* A program's blobs by the index of its image, to free; the bytes stay the program's. */
struct rules_blob *blobs_of(const struct program *program, const struct img *img);

void webconfig_close(struct webconfig *webconfig);

#endif
