/*
 * schema.c - the table of keys as a JSON Schema, see schema.h.
 *
 * The file's scalars are texts to Penstock, but an editor's YAML reader makes numbers and booleans
 * of those that look so: 1500 and "1500" are both allowed where a number is, and `off` may have
 * become false. Each section is a definition of its own, since `match` contains itself.
 */
#include "ctl/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/arena.h"
#include "conf/keys.h"
#include "conf/native.h"

enum {
	SECTIONS_MAX = 64
};

struct schema {
	struct arena arena;
	json_t *defs;
	struct {
		const struct key_section *section;
		const char *name;
	} known[SECTIONS_MAX];
	uint32_t known_n;
};

#define OCTET "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
#define IPV4  OCTET "(\\." OCTET "){3}"
#define IPV6  "[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(:" IPV4 ")?"
#define PORT                                                                                       \
	"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
#define NAME   "[A-Za-z0-9_][A-Za-z0-9._-]{0,62}"
#define LABEL  "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
#define HOST   LABEL "(\\." LABEL ")*\\.?"
#define DEVICE "(packet|xdp|tap):" NAME "|pci:.*|vdev:.*"

static json_t *section_ref(struct schema *schema, const struct key_section *section);
static json_t *entry_ref(struct schema *schema);

static json_t *
pattern(const char *regex)
{
	return json_pack("{s:s, s:o}", "type", "string", "pattern", json_sprintf("^(%s)$", regex));
}

/* A text, which may look like a number or a truth. */
static json_t *
scalar(void)
{
	return json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
}

static json_t *
any_of(json_t *a, json_t *b)
{
	return json_pack("{s:[o, o]}", "anyOf", a, b);
}

/* A text of this form, also where it looks like a number or a truth: none of those is wrong. */
static json_t *
scalar_like(const char *regex)
{
	json_t *value = scalar();

	json_object_set_new(value, "pattern", json_sprintf("^(%s)$", regex));
	json_object_set_new(value, "minimum", json_integer(0)); /* no '-' in front */
	return value;
}

/* What YAML 1.1 makes of a word, beside the word itself. */
static void
word_add(json_t *list, const char *word)
{
	static const char *const truths[] = { "false", "true", "no", "yes", "off", "on", NULL };

	json_array_append_new(list, json_string(word));
	for (int i = 0; truths[i] != NULL; i++)
		if (strcmp(word, truths[i]) == 0)
			json_array_append_new(list, json_boolean(i & 1));
}

static json_t *
words(const char *const *word)
{
	json_t *list = json_array();

	for (; *word != NULL; word++)
		word_add(list, *word);
	return json_pack("{s:o}", "enum", list);
}

/* The texts are those of conf/parse_value.c. */
static json_t *
truth(void)
{
	return json_pack("{s:[b, b, s, s, s, s, s, s]}", "enum", 0, 1, "false", "true", "no", "yes",
			 "off", "on");
}

static json_t *
whole_number(const struct key *key, const char *text_form)
{
	json_t *number = json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				   (json_int_t)key->min, "maximum", (json_int_t)key->max);

	return any_of(number, pattern(text_form));
}

static json_t *
count(const struct key *key)
{
	json_t *value = whole_number(key, "[0-9]+");

	if (key->words != NULL) /* "auto" */
		json_array_append_new(json_object_get(value, "anyOf"),
				      json_pack("{s:s}", "const", key->words[0]));
	return value;
}

static json_t *
hosts(void)
{
	json_t *ip = pattern(IPV4 "|" IPV6);

	return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames", pattern(HOST),
			 "additionalProperties",
			 json_pack("{s:[O, {s:s, s:i, s:o}]}", "anyOf", ip, "type", "array",
				   "minItems", 1, "items", ip));
}

static json_t *
entries(struct schema *schema)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", entry_ref(schema));
}

static const struct key *
lone_key(const struct key_section *section)
{
	const struct key *key = key_find(section, section->lone);

	ensure(key != NULL);
	return key;
}

/* One value of this key, not a list of them. */
static json_t *
item(struct schema *schema, const struct key *key)
{
	switch (key->type) {
	case KEY_NAME:
		return scalar_like(NAME);
	case KEY_TEXT:
		return scalar();
	case KEY_FILE:
		return pattern("/.*");
	case KEY_HOST:
		return scalar_like(HOST "|" IPV4 "|" IPV6 "|" IPV4 ":" PORT "|\\[" IPV6 "\\]:" PORT
					"|\\*:" PORT);
	case KEY_BOOL:
		return truth();
	case KEY_COUNT:
		return count(key);
	case KEY_DURATION: /* 0 needs no unit */
		return any_of(pattern("[0-9]+ *(ns|us|ms|s|m|h|d)|0+"),
			      json_pack("{s:i}", "const", 0));
	case KEY_SIZE:
		return whole_number(key, "[0-9]+ *([KMGT]iB|B)?");
	case KEY_WORD:
		return words(key->words);
	case KEY_IP:
		return pattern(IPV4 "|" IPV6);
	case KEY_PREFIX:
		return pattern(IPV4 "/([12]?[0-9]|3[0-2])|" IPV6
				    "/([1-9]?[0-9]|1[01][0-9]|12[0-8])");
	case KEY_ENDPOINT:
		return pattern("(" IPV4 "|\\[" IPV6 "\\]|\\*):" PORT);
	case KEY_DEVICE:
		return any_of(pattern(DEVICE), section_ref(schema, &key_device));
	case KEY_HOSTS:
		return hosts();
	case KEY_SETS:
		return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames",
				 pattern(NAME), "additionalProperties", entries(schema));
	case KEY_RULES:
		return entries(schema);
	case KEY_SECTION:
		if (key->of->lone == NULL)
			return section_ref(schema, key->of);
		return any_of(item(schema, lone_key(key->of)), section_ref(schema, key->of));
	case KEY_LATER:
		break;
	}
	ensure(!"a key that has no value");
	return NULL;
}

static json_t *
value_of(struct schema *schema, const struct key *key)
{
	json_t *one = item(schema, key), *list;

	if (key->is_named)
		return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", one);
	if (!key->is_list)
		return one;
	list = json_pack("{s:s, s:O}", "type", "array", "items", one);
	if (!key->is_one_too) {
		json_decref(one);
		return list;
	}
	return any_of(one, list);
}

/* As an editor would insert it: 64, true, "30s". */
static json_t *
default_of(const struct key *key)
{
	if (key->type == KEY_BOOL)
		return json_boolean(strcmp(key->absent, "true") == 0);
	if (key->type == KEY_COUNT && strspn(key->absent, "0123456789") == strlen(key->absent))
		return json_integer(strtoll(key->absent, NULL, 10));
	return json_string(key->absent);
}

static json_t *
property(struct schema *schema, const struct key *key)
{
	json_t *value = value_of(schema, key);

	json_object_set_new(value, "description",
			    json_sprintf("%s\nExample: %s", key->what, key->example));
	if (key->absent != NULL)
		json_object_set_new(value, "default", default_of(key));
	return value;
}

/* What fits a section, without its name in the definitions. */
static json_t *
section_body(struct schema *schema, const struct key_section *section)
{
	json_t *properties = json_object(), *needed = json_array();

	for (uint32_t i = 0; i < section->keys_n; i++) {
		const struct key *key = &section->keys[i];

		if (key->type == KEY_LATER)
			continue; /* unknown here, as to penstockctl check */
		json_object_set_new(properties, key->name, property(schema, key));
		if (key->is_needed)
			json_array_append_new(needed, json_string(key->name));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			 "required", needed, "additionalProperties", 0);
}

/* Names of sections come several times: "timeouts", "timeouts_2". */
static const char *
name_of(struct schema *schema, const char *wanted)
{
	const char *name = wanted;

	for (uint32_t n = 2; json_object_get(schema->defs, name) != NULL; n++)
		name = arena_format(&schema->arena, "%s_%u", wanted, n);
	return name;
}

static json_t *
ref_to(const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

static const char *
section_name(struct schema *schema, const struct key_section *section)
{
	char *name = arena_text(&schema->arena, section->name, strlen(section->name));

	for (char *at = name; *at != '\0'; at++)
		*at = *at == ' ' ? '_' : *at;
	return name_of(schema, name);
}

static json_t *
section_ref(struct schema *schema, const struct key_section *section)
{
	const char *name;

	for (uint32_t i = 0; i < schema->known_n; i++)
		if (schema->known[i].section == section)
			return ref_to(schema->known[i].name);
	ensure(schema->known_n < SECTIONS_MAX);
	name = section_name(schema, section);
	schema->known[schema->known_n].section = section;
	schema->known[schema->known_n++].name = name;
	json_object_set_new(schema->defs, name, json_null()); /* taken: it may contain itself */
	json_object_set_new(schema->defs, name, section_body(schema, section));
	return ref_to(name);
}

/* Which keys an entry of a set may have is chosen by the first that it has of some. */
static json_t *
entry_body(struct schema *schema, const struct key_entry *entry)
{
	if (entry->by == NULL)
		return section_ref(schema, entry->of);
	return json_pack("{s:{s:[s]}, s:o, s:o}", "if", "required", entry->by, "then",
			 section_ref(schema, entry->of), "else", entry_body(schema, entry + 1));
}

static json_t *
entry_ref(struct schema *schema)
{
	static const char name[] = "entry";

	if (json_object_get(schema->defs, name) == NULL) {
		json_t *body;

		json_object_set_new(schema->defs, name, json_null());
		body = entry_body(schema, key_entries());
		json_object_set_new(body, "type", json_string("object"));
		json_object_set_new(schema->defs, name, body);
	}
	return ref_to(name);
}

/* Sections may come from included files: then none is needed here. */
static void
include_add(json_t *top)
{
	json_t *needed = json_incref(json_object_get(top, "required"));
	json_t *file = json_pack("{s:s}", "type", "string");

	json_object_set_new(
		json_object_get(top, "properties"), "include",
		json_pack("{s:[O, {s:s, s:O}], s:s}", "anyOf", file, "type", "array", "items", file,
			  "description",
			  "Further files, or globs, whose sections are joined with those here\n"
			  "Example: include: [conf.d/*.yaml]"));
	json_decref(file);
	json_object_del(top, "required");
	json_object_set_new(
		top, "anyOf",
		json_pack("[{s:o}, {s:[s]}]", "required", needed, "required", "include"));
}

json_t *
schema_of_conf(void)
{
	struct schema schema = { .defs = json_object() };
	json_t *top = section_body(&schema, &key_top);
	json_t *all = json_pack("{s:s, s:s}", "$schema",
				"https://json-schema.org/draft/2020-12/schema", "title",
				"penstock.yaml, the configuration of the Penstock reverse proxy");

	include_add(top);
	json_object_update(all, top);
	json_object_set_new(all, "$defs", schema.defs);
	json_decref(top);
	arena_fini(&schema.arena);
	return all;
}
