/*
 * text.c - addresses and ports in text. Several a request: libc's inet_ntop goes through printf and
 * costs more than the rest of a decision.
 */
#include "base/text.h"

uint32_t
text_number(uint32_t v, char *to)
{
	char digit[10];
	uint32_t n = 0;

	do {
		digit[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	for (uint32_t i = 0; i < n; i++)
		to[i] = digit[n - 1 - i];
	return n;
}

static uint32_t
text_v4(const uint8_t *v4, char *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 4; i++) {
		if (i != 0)
			to[n++] = '.';
		n += text_number(v4[i], &to[n]);
	}
	return n;
}

static uint32_t
text_hex(uint32_t v, char *to)
{
	uint32_t n = 0;

	for (int shift = 12; shift >= 0; shift -= 4)
		if (n != 0 || shift == 0 || v >> shift != 0)
			to[n++] = "0123456789abcdef"[v >> shift & 15];
	return n;
}

/* RFC 5952: lower case, no leading zeroes, the first longest run of two or more zeroes as "::". */
static uint32_t
text_v6(const uint8_t *b, char *to)
{
	uint32_t group[8], best = 8, best_n = 1, n = 0;

	for (uint32_t i = 0; i < 8; i++)
		group[i] = (uint32_t)b[2 * i] << 8 | b[2 * i + 1];
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t run = 0;

		while (i + run < 8 && group[i + run] == 0)
			run++;
		if (run > best_n) {
			best = i;
			best_n = run;
		}
		i += run;
	}
	for (uint32_t i = 0; i < 8; i++) {
		if (i == best) {
			to[n++] = ':';
			to[n++] = ':';
			i += best_n - 1;
			continue;
		}
		if (i != 0 && i != best + best_n)
			to[n++] = ':';
		n += text_hex(group[i], &to[n]);
	}
	return n;
}

uint32_t
text_addr(const struct ip_addr *addr, char *to)
{
	return ip_is_v4(addr) ? text_v4(&addr->b[12], to) : text_v6(addr->b, to);
}
