/*
 * wanted.h - which requests `penstockctl logs` shows: its options, and whether a record fits them.
 */
#ifndef PENSTOCK_CONTROL_CTL_WANTED_H
#define PENSTOCK_CONTROL_CTL_WANTED_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/journal.h"
#include "run/names.h"

/* Zeroed wants all. Texts are borrowed. */
struct wanted {
	const char *farm, *listener;
	const char *server;		  /* "b" or "app/b" */
	const char *url;		  /* the target begins with it */
	uint32_t status_low, status_high; /* both 0: any */
	uint32_t cause;			  /* enum journal_cause; JOURNAL_CAUSES: any but none */
	struct ip_addr client;
	uint8_t client_bits;
	bool has_cause, has_client;
	uint64_t slower_ns;
};

/* Takes one option and its value. NULL, or what is wrong with the value; "" for no such option. */
const char *wanted_option(struct wanted *wanted, const char *option, const char *value);

bool wanted_fits(const struct wanted *wanted, const struct journal_access *access,
		 const struct journal_text *strings, const struct names *names);

#endif
