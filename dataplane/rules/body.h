/*
 * body.h - what the files of a body's stream share: the scanner of tags (14.3), the search of a
 * regular expression (14.5), and the pieces between them. Private to this folder and its tests.
 *
 *   outbound.c  rules on heads              body.c  a body's stages and their turns
 *   parts.c     what rules make of a value, of a match
 *   snapshot.c  request and response as a body's rules see them, when their heads are gone
 *   tags.c      attribute values of HTML        stream.c  matches of one pattern
 *   pending.c   the bytes that it has
 *   charset.c   bodies that are not UTF-8
 *
 * Each of the machines takes input at any cut and gives the same output. `owed` is output that is
 * made and did not fit yet: nothing else happens before it is out.
 */
#ifndef PENSTOCK_RULES_BODY_H
#define PENSTOCK_RULES_BODY_H

#include "rules/state.h"

enum {
	BODY_TEXT_MAX = RULES_TEXT_MAX, /* a value, a match, a replacement */
	TAGS_NAME_MAX = 64,		/* of a tag or attribute that somebody asks for */
	TAGS_RULES_MAX = 64,		/* of one scanner */
};

/* Where a machine's output goes; both ends move on. */
struct sink {
	uint8_t *p;
	uint32_t n;
};

static inline uint32_t
sink_put(struct sink *to, const uint8_t *p, uint32_t n)
{
	n = n < to->n ? n : to->n;
	if (n > 0)
		memcpy(to->p, p, n);
	to->p += n;
	to->n -= n;
	return n;
}

/* A slice to be put as the room comes. */
static inline void
sink_put_owed(struct sink *to, struct slice *owed)
{
	uint32_t n = sink_put(to, owed->p, owed->n);

	if (n > 0) /* what owes nothing may point nowhere */
		*owed = slice_of(owed->p + n, owed->n - n);
}

/* ---- outbound.c ---- */

/* Pattern and conditions of a rule about a value; on MATCHED l->r and l->c are for the action. */
enum rules_fault out_match(struct rules_lane *l, const struct img_out_rule *rule,
			   struct slice value, enum rules_why *ret_why);
/* Conditions alone: l->r is the match. */
enum rules_fault out_conds(struct rules_lane *l, const struct img_out_rule *rule,
			   enum rules_why *ret_why);
void out_tell(struct rules_lane *l, uint32_t rule_i, enum rules_why why, struct slice input);
/* Makes this target the URL that expressions see. */
void out_url(struct rules_lane *l, struct slice target);

/* ---- tags.c ---- */

/* An attribute of a tag, both in lower case, and the scanner's rules (by bit) that want it. */
struct tags_want {
	struct slice tag, attribute;
	uint64_t rules;
};

/*
 * A value that rules want, as it stands between its quotes. *ret, which may lie anywhere, is the
 * new one; left as it is: unchanged. Lives until the next call.
 *   rules  not 0; those that are left when the turn's work is spent: the next call is for them
 */
typedef enum rules_fault tags_value_fn(void *ctx, uint64_t *rules, struct slice value,
				       struct slice *ret);

struct tags {
	const struct tags_want *want;
	uint32_t want_n;
	tags_value_fn *on_value;
	void *ctx;
	uint8_t state;
	uint8_t quote;		    /* of the value: '"', '\'', 0: none */
	bool is_xml;		    /* "<script/>" is whole */
	bool is_end_tag;	    /* "</a" */
	bool has_slash;		    /* the last byte before '>' */
	uint8_t tag_n, attribute_n; /* TAGS_NAME_MAX + 1: longer than any */
	uint8_t raw_n;		    /* of "script" and its like */
	const char *raw;	    /* in whose text we are */
	bool is_changed;	    /* the value, by rules */
	uint64_t rules;		    /* that want the value, and have not been asked */
	uint32_t value_n;
	struct slice owed;
	uint8_t tag[TAGS_NAME_MAX], attribute[TAGS_NAME_MAX];
	uint8_t value[BODY_TEXT_MAX];
	uint8_t quoted[BODY_TEXT_MAX + 2]; /* a new value, with its quotes */
};

void tags_init(struct tags *t, const struct tags_want *want, uint32_t want_n, bool is_xml,
	       tags_value_fn *on_value, void *ctx);

/*
 * Takes of *in as long as there is room. When is_last and all is taken and out, *ret_done.
 *   work  what it may cost, less on return; on_value takes its own from there, too
 */
enum rules_fault tags_turn(struct tags *t, struct slice *in, bool is_last, struct sink *to,
			   int64_t *work, bool *ret_done);

/* ---- stream.c ---- */

enum {
	STREAM_LOOK_BACK = 1024, /* bytes before a match that its pattern may look at */
	STREAM_SLACK = 32 << 10, /* room for input beside a whole match */
	STREAM_BYTES = STREAM_LOOK_BACK + BODY_TEXT_MAX + STREAM_SLACK,
};

/*
 * A match: groups, slices that live during the call. *ret is what replaces it; *ret_goes false: it
 * stays as it is. Lives until the next call.
 */
typedef enum rules_fault stream_match_fn(void *ctx, const struct rules_refs *groups, bool *ret_goes,
					 struct slice *ret);

struct stream {
	const struct rules_code *code;
	pcre2_match_context *context; /* of the lane that runs: set before each turn */
	pcre2_match_data *captures;
	stream_match_fn *on_match;
	void *ctx;
	uint32_t group_n;
	uint32_t look_back;
	uint32_t left_n;	/* matches still to replace; UINT32_MAX: all */
	uint32_t from, pos, n;	/* in bytes: not yet put out, where to look for a match, the end */
	uint32_t base, valid_n; /* [base, valid_n) is UTF-8, as far as it is there; pos is in it */
	uint32_t want;		/* no use to look before n is so much */
	uint32_t wide;		/* so much is looked at if it is there */
	uint32_t hop_n;		/* how far the next hop goes */
	uint32_t level;		/* of effort: steps a start, starts a call */
	bool is_vain;		/* all that may be looked at from pos is in vain: hops follow */
	bool is_begin;		/* bytes[0] is the body's first */
	bool was_empty;		/* the last match, at pos, was: the next is none of that kind */
	struct slice owed;
	uint8_t bytes[STREAM_BYTES];
	uint8_t text[BODY_TEXT_MAX];
};

void stream_init(struct stream *s, const struct rules_code *code, uint32_t group_n,
		 uint32_t occurrences, stream_match_fn *on_match, void *ctx);

/* Room for input; *ret_n may be 0. What was written there is told by stream_added. */
uint8_t *stream_room(struct stream *s, uint32_t *ret_n);
void stream_added(struct stream *s, uint32_t n);

/*
 * Looks for matches and gives what cannot become part of one.
 *   work  what it may cost, in nanoseconds of a machine of today; less on return, and 0 or less:
 *	   there is more to do
 */
enum rules_fault stream_turn(struct stream *s, bool is_last, struct sink *to, int64_t *work,
			     bool *ret_done);

#endif
