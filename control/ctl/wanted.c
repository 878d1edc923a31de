/*
 * wanted.c - what of the journals is shown, see wanted.h.
 */
#include "ctl/wanted.h"

#include <string.h>

#include "conf/value.h"

/* 504, or 5xx. */
static const char *
status_read(struct wanted *wanted, const char *value)
{
	uint64_t n;

	if (strlen(value) == 3 && value[0] >= '1' && value[0] <= '9' &&
	    strcmp(value + 1, "xx") == 0) {
		wanted->status_low = (uint32_t)(value[0] - '0') * 100;
		wanted->status_high = wanted->status_low + 99;
		return NULL;
	}
	if (value_number(value, &n) != VALUE_OK || n > 999 || n == 0)
		return "no status; write 504 or 5xx";
	wanted->status_low = wanted->status_high = (uint32_t)n;
	return NULL;
}

static const char *
cause_read(struct wanted *wanted, const char *value)
{
	wanted->has_cause = true;
	wanted->cause = JOURNAL_CAUSES;
	if (strcmp(value, "any") == 0)
		return NULL;
	for (uint32_t i = JOURNAL_CAUSE_NONE + 1; i < JOURNAL_CAUSES; i++)
		if (strcmp(value, journal_cause_name(i)) == 0)
			wanted->cause = i;
	return wanted->cause != JOURNAL_CAUSES
		       ? NULL
		       : "no cause; write any, or a cause_word of the access log, as "
			 "receive_timeout";
}

static const char *
client_read(struct wanted *wanted, const char *value)
{
	wanted->has_client = true;
	if (value_prefix(value, &wanted->client, &wanted->client_bits) == VALUE_OK)
		return NULL;
	if (value_ip(value, &wanted->client) != VALUE_OK)
		return "no address; write 198.51.100.7 or 198.51.100.0/24";
	wanted->client_bits = ip_is_v4(&wanted->client) ? 32 : 128;
	return NULL;
}

const char *
wanted_option(struct wanted *wanted, const char *option, const char *value)
{
	const struct {
		const char *option;
		const char **to;
	} text[] = {
		{ "--farm", &wanted->farm },
		{ "--server", &wanted->server },
		{ "--listener", &wanted->listener },
		{ "--url", &wanted->url },
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		if (strcmp(option, text[i].option) != 0)
			continue;
		*text[i].to = value;
		return NULL;
	}
	if (strcmp(option, "--status") == 0)
		return status_read(wanted, value);
	if (strcmp(option, "--cause") == 0)
		return cause_read(wanted, value);
	if (strcmp(option, "--client") == 0)
		return client_read(wanted, value);
	if (strcmp(option, "--slower-than") == 0)
		return value_duration(value, &wanted->slower_ns) == VALUE_OK
			       ? NULL
			       : "no duration; write 250ms, 1s or 2m";
	return "";
}

static bool
is_called(const struct names *names, enum img_kind kind, uint32_t slot, uint32_t incarnation,
	  const char *wanted)
{
	const struct name *name = names_find(names, kind, slot, incarnation);

	return name != NULL && strcmp(name->text, wanted) == 0;
}

static bool
is_server(const struct journal_access *access, const struct names *names, const char *wanted)
{
	const char *slash = strchr(wanted, '/');
	char farm[IMG_NAME_MAX + 1];

	if ((access->flags & JOURNAL_HAS_UPSTREAM) == 0 ||
	    !is_called(names, IMG_KIND_SERVER, access->server_slot, access->server_incarnation,
		       slash != NULL ? slash + 1 : wanted))
		return false;
	if (slash == NULL)
		return true;
	if ((size_t)(slash - wanted) >= sizeof(farm))
		return false;
	memcpy(farm, wanted, (size_t)(slash - wanted));
	farm[slash - wanted] = '\0';
	return is_called(names, IMG_KIND_FARM, access->farm_slot, access->farm_incarnation, farm);
}

/* Of one family, and in the network. */
static bool
is_client(const struct wanted *wanted, const struct ip_addr *client)
{
	return ip_is_v4(client) == ip_is_v4(&wanted->client) &&
	       value_ip_within(client, &wanted->client, wanted->client_bits);
}

bool
wanted_fits(const struct wanted *wanted, const struct journal_access *access,
	    const struct journal_text *strings, const struct names *names)
{
	size_t url_n = wanted->url != NULL ? strlen(wanted->url) : 0;

	if (access->total_ns < wanted->slower_ns)
		return false;
	if (wanted->status_high != 0 &&
	    (access->status < wanted->status_low || access->status > wanted->status_high))
		return false;
	if (wanted->has_cause &&
	    (wanted->cause == JOURNAL_CAUSES ? access->cause == JOURNAL_CAUSE_NONE
					     : access->cause != wanted->cause))
		return false;
	if (wanted->has_client && !is_client(wanted, &access->client))
		return false;
	if (url_n > access->target_n ||
	    (url_n > 0 && memcmp(strings->target, wanted->url, url_n) != 0))
		return false;
	if (wanted->listener != NULL && !is_called(names, IMG_KIND_LISTENER, access->listener_slot,
						   access->listener_incarnation, wanted->listener))
		return false;
	if (wanted->farm != NULL && !is_called(names, IMG_KIND_FARM, access->farm_slot,
					       access->farm_incarnation, wanted->farm))
		return false;
	return wanted->server == NULL || is_server(access, names, wanted->server);
}
