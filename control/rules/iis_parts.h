/*
 * iis_parts.h - what the files of the IIS reader share: iis_text.c (bytes to UTF-8), iis_scan.c
 * (places, and what is no XML in the user's words), iis_xml.c (text to a tree), iis_attr.c (values
 * of attributes), iis_rule.c, iis_out.c, iis_map.c (elements to the model) and iis_level.c
 * (what levels inherit).
 */
#ifndef PENSTOCK_CONTROL_RULES_IIS_PARTS_H
#define PENSTOCK_CONTROL_RULES_IIS_PARTS_H

#include "rules/iis.h"

struct iis_attr {
	const char *name, *value; /* value: decoded */
	struct conf_pos at;	  /* of the name */
	struct conf_pos value_at; /* of the value's first character, behind the quote */
	bool is_known;		  /* somebody asked for it */
	struct iis_attr *next;
};

struct iis_node {
	const char *name;
	struct conf_pos at; /* of the '<' */
	struct iis_attr *attrs;
	struct iis_node *first, *last, *next;
};

enum {
	IIS_SKIPPED_MAX = 24, /* names told; the others are counted */
	IIS_FILES_MAX = 256,  /* that one reading opens */
	IIS_ATTRS_MAX = 256,  /* of one element */
};

/* One reading. */
struct iis_load {
	struct arena *arena;
	struct conf_errs *errs, *warns;
	bool is_alone; /* no further files */
	uint32_t file_n;

	const char *skipped[IIS_SKIPPED_MAX]; /* "system.webServer/handlers" */
	uint32_t skipped_n, skipped_more;
	struct conf_pos skipped_at; /* of the first */
};

/* ---- iis_text.c ---- */

/* Where an element is read: `who` begins each message, "rule 'x': " or "". */
struct iis_at {
	struct iis_load *load;
	const char *who;
};

/* The text as UTF-8 with a NUL behind it, without a byte order mark, its XML declaration blank. */
bool iis_decode(struct iis_load *load, const struct iis_text *file, char **ret_text, size_t *ret_n);

/* Reads a file that is named at `pos` in another; pos.line 0: it is the first. */
bool iis_file_read(const struct iis_at *at, const char *path, struct conf_pos pos,
		   struct iis_text *ret_file);

/*
 * The path of `name`, written in IIS' way, beside the file `beside`. NULL: it leaves that folder;
 * told at `pos`, what: "configSource".
 */
const char *iis_path_beside(const struct iis_at *at, const char *beside, const char *name,
			    struct conf_pos pos, const char *what);

/* ---- iis_scan.c ---- */

struct iis_span {
	const char *p;
	size_t n;
};

/* A walk over the tags of a text. */
struct iis_scan {
	const char *file;
	const char *begin, *p, *end;
	const char *mark; /* line and col are its */
	uint32_t line, col;
	struct iis_span rule; /* the name of the rule that p is in; n 0: none */
};

enum iis_tag_kind {
	IIS_TAG_START,
	IIS_TAG_EMPTY, /* <x/> */
	IIS_TAG_CLOSE,
	IIS_TAG_NONE, /* the text has ended */
	IIS_TAG_BROKEN,
};

struct iis_tag {
	enum iis_tag_kind kind;
	const char *p; /* the '<' */
	struct iis_span name;
	struct iis_span attr[IIS_ATTRS_MAX], value[IIS_ATTRS_MAX];
	uint32_t attr_n;
};

void iis_scan_init(struct iis_scan *scan, const char *file, const char *text, size_t n);

/* The next tag; errs NULL: the text is known to be good. Broken ones are told in errs. */
void iis_scan_tag(struct iis_scan *scan, struct iis_tag *ret_tag, struct conf_errs *errs);

struct conf_pos iis_scan_place(struct iis_scan *scan, const char *p);

/* Tells what is no XML in words that cure it. */
bool iis_scan_check(const char *file, const char *text, size_t n, struct conf_errs *errs);

/* ---- iis_xml.c ---- */

/* The elements that rules are made of; others are noted as skipped. NULL: told in errs. */
struct iis_node *iis_tree(struct iis_load *load, const struct iis_text *file);

/* ---- iis_attr.c: values of attributes, wrong ones told with the rule's name ---- */

struct iis_word {
	const char *word;
	uint32_t value;
};

/* NULL: not there. */
struct iis_attr *iis_attr_find(const struct iis_node *node, const char *name);

void iis_refuse(const struct iis_at *at, struct conf_pos pos, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void iis_warn(const struct iis_at *at, struct conf_pos pos, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* s NULL and the element's place: not there. */
struct rule_text iis_text_of(const struct iis_node *node, const char *name);

/* What must be there and not empty; told otherwise, with `cure`. */
struct rule_text iis_needed(const struct iis_at *at, const struct iis_node *node, const char *name,
			    const char *cure);

bool iis_bool_of(const struct iis_at *at, const struct iis_node *node, const char *name,
		 bool absent);

/* Without case. Wrong words are told with all that would be right, and give `absent`. */
uint32_t iis_word_of(const struct iis_at *at, const struct iis_node *node, const char *name,
		     const struct iis_word *words, uint32_t word_n, uint32_t absent);

uint32_t iis_number_of(const struct iis_at *at, const struct iis_node *node, const char *name,
		       uint32_t max, uint32_t absent);

/* Warns of attributes that nobody asked for, and refuses elements inside. */
void iis_attrs_end(const struct iis_at *at, const struct iis_node *node);
void iis_leaf_end(const struct iis_at *at, const struct iis_node *node);

/* Refuses an element that does not belong into its parent. */
void iis_stranger(const struct iis_at *at, const struct iis_node *node,
		  const struct iis_node *parent, const char *expected);

bool iis_is(const struct iis_node *node, const char *name);

/* ---- iis_rule.c: inbound rules, and what outbound rules share with them ---- */

/* Where rules may be (1.1). */
enum iis_place {
	IIS_GLOBAL,
	IIS_LOCAL,
};

struct rule *iis_rule_read(struct iis_load *load, const struct iis_node *node,
			   enum iis_place place);

/* The adds of <conditions> or <preCondition>. */
void iis_conds_read(const struct iis_at *at, const struct iis_node *node, bool is_global,
		    struct rule_conds *ret_conds);

enum img_syntax iis_syntax_of(const struct iis_at *at, const struct iis_node *node);

/* ---- iis_out.c: outbound rules ---- */

struct out_rule *iis_out_read(struct iis_load *load, const struct iis_node *node);
struct rule_pre *iis_pre_read(struct iis_load *load, const struct iis_node *node);
struct rule_tags *iis_tags_read(struct iis_load *load, const struct iis_node *node);

/* ---- iis_map.c: rewrite maps, and the providers that are as good as one (11.3) ---- */

struct rule_map *iis_map_read(struct iis_load *load, const struct iis_node *node);
struct rule_map *iis_provider_read(struct iis_load *load, const struct iis_node *node);

/* ---- iis_level.c: which sections the files have for which folder ---- */

/* clang-format off */
#define IIS_SECTION_LIST(x)                                                                        \
	x(GLOBAL, globalRules) x(LOCAL, rules) x(OUTBOUND, outboundRules) x(MAPS, rewriteMaps)     \
	x(ALLOWED, allowedServerVariables) x(PROVIDERS, providers)
/* clang-format on */

enum iis_section {
#define X(id, word) IIS_SECTION_##id,
	IIS_SECTION_LIST(X)
#undef X
	IIS_SECTIONS
};

/* Of two that hold for one folder the earlier is the parent. */
enum iis_rank {
	IIS_RANK_HOST,		/* applicationHost.config */
	IIS_RANK_HOST_LOCATION, /* a <location> of it */
	IIS_RANK_WEB,		/* web.config */
	IIS_RANK_WEB_LOCATION,
};

struct iis_level {
	const char *folder; /* "/", "/blog" */
	enum iis_rank rank;
	const struct iis_node *section[IIS_SECTIONS]; /* NULL: not there */
	struct iis_level *next;
};

/* Parents before children. */
struct iis_levels {
	struct iis_load *load;
	struct iis_level *first;
	uint32_t n;
};

/* "/a//b/" to "/a/b"; "" and "." to "/". */
const char *iis_folder(struct arena *arena, const char *path);

/* Whether a part of the path is "..". */
bool iis_has_up(const char *path);

/* Is `folder` the same as, or below, `above`? Without case. */
bool iis_is_below(const char *folder, const char *above);

/* The levels of a web.config that lies in `folder`. */
void iis_levels_web(struct iis_levels *levels, const struct iis_node *root, const char *folder);

/* Those of applicationHost.config that are of this site; NULL: of the one that it is about. */
void iis_levels_host(struct iis_levels *levels, const struct iis_node *root, const char *site);

/* ---- iis_list.c: collections that children inherit, add to, clear and remove from (1.3) ---- */

enum {
	IIS_BUCKETS = 1024,
};

struct iis_entry {
	void *what;
	struct rule_text name;
	const struct iis_level *level; /* where it was written */
	struct rule_folder *excepts;   /* where it was taken away */
	bool is_gone;
	bool is_carried;	       /* a scope of the model has it */
	struct iis_entry *next, *twin; /* twin: of the same bucket */
};

struct iis_list {
	struct arena *arena;
	struct iis_entry *first, *last;
	struct iis_entry *bucket[IIS_BUCKETS];
};

void iis_list_clear(struct iis_list *list, const struct iis_level *level);

/* False: none of this name is there. */
bool iis_list_remove(struct iis_list *list, const struct iis_level *level, const char *name);

/* What a folder sees under a name, without case; NULL: nothing. */
struct iis_entry *iis_list_find(const struct iis_list *list, const char *folder, const char *name);

/* One that some folder sees; NULL: nobody does. */
struct iis_entry *iis_list_any(const struct iis_list *list, const char *name);

/* Its name must not be there yet. */
struct iis_entry *iis_list_add(struct iis_list *list, const struct iis_level *level,
			       struct rule_text name, void *what);

/* What a folder sees. */
bool iis_is_seen(const struct iis_entry *entry, const char *folder);

/* ---- iis_names.c ---- */

/*
 * Maps of one name in several folders get names of their own, and the set's rules use them. A rule
 * that names a map of another folder is refused.
 */
void iis_maps_name(struct iis_load *load, const struct iis_list *maps, struct rule_sets *sets);

/* ---- iis_sets.c: levels to the model ---- */

/* The set, complete when nothing was told. */
struct rule_sets *iis_sets(struct iis_load *load, const struct iis_levels *levels);

#endif
