/*
 * keys.h - every key of penstock.yaml, declared once: its name, type, range, default, an example
 * and what it is for. The table drives reading and checking, the hint at the nearest known key
 * and the documentation.
 */
#ifndef PENSTOCK_CONTROL_CONF_KEYS_H
#define PENSTOCK_CONTROL_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_TYPES(x)                                                                               \
	x(KEY_NAME, "a name") x(KEY_TEXT, "a text") x(KEY_FILE, "an absolute path") x(             \
		KEY_HOST, "an IP address or a host name") x(KEY_BOOL, "true or false")             \
		x(KEY_COUNT, "a whole number") x(KEY_DURATION, "a duration") x(KEY_SIZE, "a size") \
			x(KEY_WORD, "one of a few words") x(KEY_IP, "an IP address") x(            \
				KEY_PREFIX, "an address with its prefix length")                   \
				x(KEY_ENDPOINT, "an address and port") x(KEY_DEVICE, "a device")   \
					x(KEY_HOSTS, "a mapping of names to addresses")            \
						x(KEY_SECTION, "a mapping")                        \
							x(KEY_SETS, "a mapping of names to lists") \
								x(KEY_RULES, "a list of rules")    \
									x(KEY_LATER,               \
									  "not in this version")

enum key_type {
#define X(id, words) id,
	KEY_TYPES(X)
#undef X
};

const char *key_type_name(enum key_type type);

struct key {
	const char *name;
	enum key_type type;
	bool is_list;	 /* a list of such values */
	bool is_named;	 /* ... or rather a mapping of names that the user chooses to such values */
	bool is_one_too; /* ... one of which may stand without the list */
	bool is_needed;	 /* may not be left out */
	uint16_t at;	 /* offset of its value in the section's struct */
	uint64_t min, max;
	const char *const *words; /* KEY_WORD: by value; KEY_COUNT: words[0] stands for 0 */
	const char *const *later; /* words that a later version will know */
	const struct key_section *of;
	const char *absent;  /* default, as a user would write it; NULL: none */
	const char *example; /* "mtu: 1500" */
	const char *what;    /* a sentence; KEY_LATER: what this version does not have */
};

struct key_section {
	const char *name; /* "farm", for messages */
	const struct key *keys;
	uint32_t keys_n;
	size_t size;	  /* of the struct it fills */
	const char *lone; /* the key whose value may stand for the whole section; NULL: none */
};

/* The sections of the whole file, into struct conf. */
extern const struct key_section key_top;

/* The mapping form of a device, into struct conf_device. */
extern const struct key_section key_device;

/* Entries of a set of rules: the section is chosen by the first of these keys that is there. */
struct key_entry {
	const char *by; /* NULL: the last, for all that have none of them */
	int kind;	/* enum conf_entry_kind */
	const struct key_section *of;
};

const struct key_entry *key_entries(void);

/* NULL: no such key. */
const struct key *key_find(const struct key_section *section, const char *name);

/* The known key that is spelt most like it, or NULL when none is near. */
const char *key_nearest(const struct key_section *section, const char *name);

/* The same of a list of words that NULL ends. */
const char *key_nearest_word(const char *const *words, const char *word);

/* How many letters to add, drop, replace or swap to make one word of the other. */
uint32_t key_distance(const char *a, const char *b);

#endif
