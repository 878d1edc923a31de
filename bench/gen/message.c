/*
 * message.c - requests and responses made before the run: their bytes, and running sums of them
 * from which the checksum of any segment follows with two loads.
 *
 * Heads and parts of bodies begin at even places, so that sums can be put together. The token's
 * place holds zeros; who sends a segment with it adds the token's own sum.
 */
#include "gen/gen.h"

#include <stdlib.h>
#include <string.h>

enum {
	PERIOD = 4096,
	STORED_MAX = 2 * PERIOD + MSS, /* of the body; more repeats */
};

static uint8_t
pattern(uint32_t i)
{
	i %= PERIOD;
	return (uint8_t)('a' + (i * 7 + i / 26) % 26);
}

void
message_init(struct message *m, const char *head, uint32_t token_at, uint32_t body_n)
{
	uint32_t head_n = (uint32_t)strlen(head);
	uint32_t body_stored = body_n < STORED_MAX ? body_n : STORED_MAX;
	uint32_t n = head_n + body_stored, words = (n + 1) / 2;

	m->head_n = head_n;
	m->body_n = body_n;
	m->token_at = token_at;
	m->stored_n = n;
	m->bytes = calloc(1, n + 2);
	m->sum = calloc(words + 1, sizeof(*m->sum));
	if (m->bytes == NULL || m->sum == NULL)
		abort();
	memcpy(m->bytes, head, head_n);
	for (uint32_t i = 0; i < body_stored; i++)
		m->bytes[head_n + i] = pattern(i);
	memset(m->bytes + token_at, 0, TOKEN);
	for (uint32_t i = 0; i < words; i++) {
		uint16_t word;

		memcpy(&word, m->bytes + (size_t)2 * i, 2);
		m->sum[i + 1] = m->sum[i] + word;
	}
}

void
message_fini(struct message *m)
{
	free(m->bytes);
	free(m->sum);
}

uint32_t
message_place(const struct message *m, uint32_t at)
{
	uint32_t body_at = at - m->head_n;

	if (at < m->head_n + 2 * PERIOD)
		return at;
	return m->head_n + PERIOD + body_at % PERIOD;
}

bool
message_is(const struct message *m, uint32_t at, const uint8_t *p, uint32_t n,
	   const uint64_t token[2], bool has_token)
{
	if (n > m->body_n || at > m->body_n - n)
		return false;
	if (has_token && at < TOKEN) {
		uint32_t part = n < TOKEN - at ? n : TOKEN - at;

		if (memcmp(p, (const uint8_t *)token + at, part) != 0)
			return false;
		at += part;
		p += part;
		n -= part;
	}
	while (n > 0) {
		uint32_t part = n < MSS ? n : MSS;

		if (memcmp(p, m->bytes + message_place(m, m->head_n + at), part) != 0)
			return false;
		at += part;
		p += part;
		n -= part;
	}
	return true;
}
