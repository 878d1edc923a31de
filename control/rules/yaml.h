/*
 * yaml.h - a set of the model as rules of penstock.yaml (control/README.md): what `import iis`
 * writes. The text, read again, gives the same verdicts; what it cannot say is an error.
 */
#ifndef PENSTOCK_CONTROL_RULES_YAML_H
#define PENSTOCK_CONTROL_RULES_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/arena.h"
#include "conf/errs.h"
#include "rules/model.h"

/* A file that the text names: keys of a large map, texts of one that looks for texts. */
struct yaml_file {
	const char *name; /* without a folder */
	const char *bytes;
	size_t n;
	struct yaml_file *next;
};

struct yaml_options {
	const char *set;	       /* the set's name */
	const char *stem;	       /* file names begin so; NULL: there can be no files */
	const struct conf_errs *warns; /* stand above as comments */
};

/*
 * The section `rules` with this one set, in the arena; NULL: at least one error was told. Rules
 * of one name in several folders get names of their own, in the model too.
 */
const char *yaml_rules(struct arena *arena, struct rule_sets *set,
		       const struct yaml_options *options, struct conf_errs *errs,
		       struct yaml_file **ret_files);

#endif
