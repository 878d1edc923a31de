/*
 * name.c - codings by name: Content-Encoding's, and what Accept-Encoding says of them.
 */
#include "base/trim.h"
#include "codec/codec.h"

/* The next part of a list before `by`, without blanks; false: there is none. */
static bool
next(struct slice *list, char by, struct slice *ret)
{
	const uint8_t *at;

	if (list->p == NULL)
		return false;
	at = list->n > 0 ? memchr(list->p, by, list->n) : NULL;
	if (at == NULL) {
		*ret = slice_trim(*list);
		*list = (struct slice){ 0 };
		return true;
	}
	*ret = slice_trim(slice_of(list->p, (uint32_t)(at - list->p)));
	*list = slice_of(at + 1, list->n - (uint32_t)(at - list->p) - 1);
	return true;
}

static enum codec_kind
kind_of(struct slice name)
{
	if (slice_eq_nocase(name, SLICE("gzip")) || slice_eq_nocase(name, SLICE("x-gzip")))
		return CODEC_GZIP;
	if (slice_eq_nocase(name, SLICE("deflate")))
		return CODEC_DEFLATE;
	if (slice_eq_nocase(name, SLICE("br")))
		return CODEC_BR;
	return slice_eq_nocase(name, SLICE("identity")) ? CODEC_NONE : CODEC_OTHER;
}

enum codec_kind
codec_of(struct slice content_encoding)
{
	enum codec_kind kind = CODEC_NONE;
	struct slice name;

	while (next(&content_encoding, ',', &name)) {
		enum codec_kind one = name.n == 0 ? CODEC_NONE : kind_of(name);

		if (one == CODEC_NONE)
			continue;
		if (kind != CODEC_NONE)
			return CODEC_OTHER;
		kind = one;
	}
	return kind;
}

/* Whether parameters say "q=0", in any of its spellings. */
static bool
is_zero(struct slice params)
{
	struct slice param;

	while (next(&params, ';', &param)) {
		bool is_q = param.n >= 3 && (param.p[0] | 0x20) == 'q' && param.p[1] == '=';

		for (uint32_t i = 2; is_q && i < param.n; i++)
			is_q = param.p[i] == '0' || param.p[i] == '.';
		if (is_q)
			return true;
	}
	return false;
}

bool
codec_is_accepted(struct slice accept_encoding, enum codec_kind kind)
{
	bool is_any = false;
	struct slice member;

	while (next(&accept_encoding, ',', &member)) {
		struct slice params = member, name;

		next(&params, ';', &name);
		if (name.n == 1 && name.p[0] == '*')
			is_any = !is_zero(params);
		else if (name.n > 0 && kind_of(name) == kind)
			return !is_zero(params);
	}
	return is_any;
}
