/*
 * stages.h - the stages of one body: what body.c makes and turns, and parts.c asks rules about.
 */
#ifndef PENSTOCK_RULES_STAGES_H
#define PENSTOCK_RULES_STAGES_H

#include "rules/charset.h"
#include "rules/snapshot.h"

enum {
	PIPE_BYTES = 4096,
	NO_CUT = -1,
};

enum stage_kind {
	STAGE_DECODE, /* a charset's bytes to UTF-8 */
	STAGE_TAGS,
	STAGE_SEARCH,
	STAGE_ENCODE,
};

struct stage {
	struct rules_body *body;
	uint8_t kind;	      /* enum stage_kind */
	bool has_ended;	      /* nothing comes into the pipe any more */
	bool is_raw;	      /* what is in the pipe passes */
	bool is_done;	      /* ended, and all is out */
	int32_t cut;	      /* what is in the pipe from here on is not looked at; NO_CUT */
	uint32_t at, n;	      /* in the pipe */
	const uint32_t *rule; /* of out_rules */
	uint32_t rule_n;
	struct tags *tags;
	struct tags_want *want;
	struct stream *stream;
	uint8_t pipe[PIPE_BYTES];
};

struct rules_body {
	struct rules *rules;
	struct rules_lane *lane;
	const struct rules_trace *trace;
	const struct charset *charset;
	struct charset_owed owed;
	enum rules_fault fault;
	uint32_t fault_rule;
	int64_t work;	   /* of this turn */
	struct sink *sink; /* of the stage that runs */
	struct snapshot snapshot;
	uint32_t *rule, *scope; /* all of the body's rules, and whose they are */
	uint32_t rule_n;
	uint32_t stage_n;
	struct stage *stage;
};

/* ---- parts.c: with a struct stage for ctx ---- */

tags_value_fn part_on_value;
stream_match_fn part_on_match;

/* The stages behind s look at nothing that comes after what is in the sink now. */
void part_stop(struct stage *s);

#endif
