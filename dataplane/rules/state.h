/*
 * state.h - what the files of this folder share: an opened set of rules, a lane's scratch, and the
 * doors between them.
 *
 *   open.c    opens databases, makes lanes                 code.c    compiles patterns
 *   run.c     walks scopes and rules                       match.c   patterns and conditions
 *   search.c  PCRE2, with bounded work               reach.c    how far a pattern may run
 *   scan.c    Hyperscan: which patterns of an input may match
 *   expr.c    expressions                                vars.c    variables
 *   fields.c  headers, cookies, what rules have set        map.c     rewrite maps
 *   path.c    canonical path, encoding                     put.c     text in arenas, its marks
 *   sets.c    sets of a rule that matched                  action.c  its action
 *
 * Memory: `keep` lasts for the evaluation (URL, changes, memoized strings), `brief` for one rule
 * (strings with back-references, captures of them). Neither grows; used up is RULES_FAULT_ROOM.
 */
#ifndef PENSTOCK_RULES_STATE_H
#define PENSTOCK_RULES_STATE_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <hs/hs.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/fault.h"
#include "abi/image.h"
#include "base/slice.h"
#include "rules/bits.h"
#include "rules/rules.h"

enum {
	RULES_KEEP_BYTES = 1 << 20,  /* of a lane's keep */
	RULES_BRIEF_BYTES = 1 << 19, /* ... and brief */

	RULES_ANY_IN = 1 << 0, /* the listener binds rules of requests */
	RULES_ANY_OUT = 1 << 1,
	RULES_ANY_BODY = 1 << 2,
};

/* ---- bump memory ---- */

/*
 * Where a byte of text came from, so that it can leave as it should (3.4, choices 8 and 9): a '?'
 * that was "%3F" is no delimiter. A byte's mark lies beside it in its arena and is copied with it;
 * so captures, which are slices into arenas, know theirs. Text elsewhere (the image, headers) has
 * none, the target's own bytes are MARK_TARGET.
 */
enum {
	MARK_TARGET = 1 << 0,	  /* stood in the request target */
	MARK_ESCAPED = 1 << 1,	  /* ... as %XX */
	MARK_LOWER_HIGH = 1 << 2, /* ... whose first digit was of a to f */
	MARK_LOWER_LOW = 1 << 3,  /* ... second */
	MARK_BACKSLASH = 1 << 4,  /* a '/' that was a backslash */
};

struct arena {
	uint8_t *p;
	uint8_t *mark;	/* as many bytes as p: MARK_… of each */
	bool has_marks; /* path.c: some may not be zero; else mark is not looked at */
	uint32_t used, room;
};

/* n bytes, 8-byte aligned, without marks; NULL when there is no room. */
static inline void *
arena_take(struct arena *a, uint32_t n)
{
	uint32_t at = (a->used + 7) & ~7u;

	if (at > a->room || n > a->room - at)
		return NULL;
	if (a->has_marks && n > 0)
		memset(a->mark + at, 0, n);
	a->used = at + n;
	return a->p + at;
}

/* A copy of s in a; false: no room. */
static inline bool
arena_copy(struct arena *a, struct slice s, struct slice *ret)
{
	uint8_t *p = arena_take(a, s.n);

	if (p == NULL)
		return false;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*ret = slice_of(p, s.n);
	return true;
}

/* ---- one evaluation ---- */

/* The URL being rewritten (3): original and current. path is decoded and begins with '/'. */
struct rules_url {
	struct slice path;
	struct slice query; /* raw, without '?' */
	bool has_query;	    /* there was a '?', if nothing behind it */
	bool is_absolute;   /* scheme and host are of an absolute rewrite */
	bool is_secure;
	struct slice host; /* with its port, if it has one */
};

/* Back-references: s[i] is {R:i} or {C:i}; i >= n is RULES_FAULT_REFERENCE, empty is empty. */
struct rules_refs {
	struct slice s[RULES_REFS];
	uint32_t n;
};

/* An input of a scope as it was expanded and scanned last; of another run it is void. */
struct rules_memo {
	uint64_t run;
	uint32_t url_epoch, vars_epoch;
	uint32_t asked_n; /* patterns that wanted to know; the second one makes a scan worth it */
	bool is_scanned;  /* hit says which of its patterns may match */
	bool is_utf8;	  /* valid; known once checked */
	bool is_plain;	  /* ... and scanned as it is (scanned.h) */
	bool is_checked;  /* is_utf8 and has_lf are known */
	bool has_lf;
	struct slice text;
	struct bits hit; /* by pattern of the input */
};

struct rules_lane {
	const struct rules *rules;
	const struct img *img;
	struct arena keep, brief;

	/* One evaluation's. */
	const struct rules_subject *subject;
	const struct rules_trace *trace; /* NULL: nobody listens */
	uint32_t scope_i;
	const struct img_scope *scope;
	struct rules_url original, url;
	uint32_t url_flags; /* IMG_SCOPE_… of the scope that rewrote last: how url is encoded */
	struct rules_refs r, c; /* of the rule that runs; empty at its start */
	/* Headers and variables that rules have set (13), in order; a later one wins. Whoever
	 * appends raises vars_epoch. */
	struct rules_change change[RULES_CHANGES_MAX];
	uint32_t change_n;
	/* Outbound: what inbound rules had set; change comes after it. */
	const struct rules_change *before;
	uint32_t before_n;
	struct rules_verdict *verdict; /* inbound; filled by run.c and action.c */

	/* Whoever changes url or change raises its epoch, so that memoized inputs are made anew. */
	uint32_t url_epoch, vars_epoch;

	/* count.c's: whoever evaluates a rule by itself calls count_start and count_rule. */
	struct board_rule *row; /* by slot of the rule; NULL: nobody counts */
	uint64_t (*clock_ns)(void);

	/* Outbound: what an input VALUE is (14.1). */
	struct slice value;

	/* match.c's and scan.c's. */
	uint64_t run; /* number of the evaluation: memos of others are void */
	uint32_t regex_n;
	int64_t work_left; /* of this evaluation, of work_all: match.c's RULES_WORK */
	int64_t work_all;
	bool is_utf8;		 /* what is being asked about */
	bool is_told;		 /* captures are wanted by the trace alone */
	struct rules_memo *memo; /* by input */
	uint64_t *hits;		 /* memory of the memos' sets */
	struct bits candidate;	 /* by rule of the scope */
	uint64_t *stopped;	 /* by scope: the run in which its set was stopped */
	hs_scratch_t *scratch;
	pcre2_match_context *context;
	pcre2_match_data *captures;
	pcre2_jit_stack *jit;
};

/* ---- an opened set ---- */

enum rules_starts {
	RULES_STARTS_ONE,  /* the begin of the string */
	RULES_STARTS_LINE, /* ... and what follows a LF */
	RULES_STARTS_SOME, /* characters whose first byte is in `first` */
};

enum {
	RULES_LEAD = 8,		 /* places of a match's begin that are looked at */
	RULES_ENTRIES = 1 << 16, /* of repeats: so many are not counted */
};

struct rules_code {
	pcre2_code *code;	  /* for valid UTF-8; machine code */
	pcre2_code *raw;	  /* for any bytes; interpreted */
	enum rules_starts starts; /* where a match can begin */
	uint8_t lead[256];	  /* by byte: bit i: a match may have it as its byte i */
	uint8_t lead_n;		  /* that says something of so many bytes, at least one */
	int16_t last;		  /* ASCII, letters in small: stands in every match; -1: none */
	bool is_slow;		  /* interpreted even so */
	bool repeats_groups;	  /* a step may be one time of a group */
	bool ends_with_line;	  /* what is said of repeats is so of strings without a LF */
	bool sweeps;		  /* the first repeat begins once in each stretch of `sweep` */
	bool has_prelude;	  /* ... and characters stand before it */
	uint64_t sweep[2];	  /* ASCII */
	uint32_t entry_n;	  /* repeats that an attempt begins once, */
	uint32_t again_n;	  /* and times that it begins others, which run over bytes */
	uint64_t dear[4];	  /* of these; */
	uint64_t gate[4];	  /* each of them only behind one of these bytes, */
	uint32_t gated_n;	  /* which begins so many; 0: nothing is known of that */
	uint64_t run[4];  /* bytes that repeats may pass; an attempt sees stretches of them, */
	uint32_t gap_n;	  /* and of others so many */
	bool looks_ahead; /* what stands behind a match may have a part in it */
	bool hops;	  /* hop.c: one repeat of one class, from a match's begin on, and a text */
	bool is_owner;	  /* equal patterns share one */
};

struct rules_map; /* map.c */

struct rules_scope {
	struct bits always;  /* rules that no scan leaves out; word NULL: outbound */
	uint32_t path_i;     /* the input that is the path; IMG_NONE: none */
	uint32_t gate_flags; /* IMG_INPUT_ON_… of inputs that have gates */
	bool has_body;	     /* rules that rewrite bodies are among its own */
};

struct rules {
	const struct img *img;
	const struct rules_blob *blob;
	rules_grow_fn *grow;
	struct rules_code *code;   /* by pattern */
	hs_database_t **db;	   /* by input; NULL: none */
	struct rules_map *map;	   /* by map */
	struct rules_scope *scope; /* by scope */
	uint8_t *any;		   /* by listener: RULES_ANY_… */
	uint32_t *farm_slot;	   /* hash of farm names: index + 1 */
	uint32_t farm_slot_n;	   /* a power of two */
	pcre2_general_context *memory;
	pcre2_compile_context *compile;
	struct rules_lane *lane;
	uint32_t lane_n;
};

/* ---- expr.c ---- */

/*
 * Expands an expression (8), at most RULES_TEXT_MAX bytes (LONG); REFERENCE, ROOM, MATCH_LIMIT.
 * *ret was appended to arena `to` or, when a single operation is a text that lasts as long as
 * `to` does, is that text where it lies. Reads l->r, l->c, l->url, l->change. On a fault `to` may
 * have grown.
 */
enum rules_fault expr_expand(struct rules_lane *l, struct arena *to, uint32_t expr_i,
			     struct slice *ret);

/* ---- path.c ---- */

/*
 * Target to canonical path and query (3.1); decoded text goes to l->keep. TARGET: malformed escape
 * or %00 (the verdict is then 400, not 500.50). ret: is_absolute is false.
 */
enum rules_fault path_canonical(struct rules_lane *l, struct slice target, struct rules_url *ret);

/*
 * What a rule of this folder is matched against (3.2): the canonical path behind the folder,
 * without a leading slash. False: the path is outside the folder (compared without case).
 */
bool path_input(struct slice path, struct slice folder, struct slice *ret_input);

/* ---- run.c ---- */

/* Is the path in the scope's folder, and in none of those that it leaves out? */
bool scope_covers(const struct img *img, const struct img_scope *scope, struct slice path);

/* ---- map.c ---- */

/*
 * Opens all maps of the image into rules->map (memory from rules->grow). A missing blob is an
 * empty map when rules->blob is NULL, else a fault. False and the fault.
 */
bool maps_open(struct rules *rules, struct abi_fault *ret_fault);
void maps_close(struct rules *rules);

/* ---- sets.c ---- */

/*
 * Applies the sets of a rule that matched (13) to l->change, texts in l->keep. Raises
 * l->vars_epoch when it changed something.
 */
enum rules_fault sets_do(struct rules_lane *l, const struct img_rule *rule);

/* ---- action.c ---- */

/*
 * Performs the action of a rule that matched (12) in l->scope. REWRITE: l->url is the new one,
 * l->url_epoch raised, l->verdict's is_changed and logs_rewritten. FARM, and NONE or REWRITE with
 * a farm: l->verdict's farm_i and times. REDIRECT, RESPOND, ABORT: fills l->verdict's outcome and
 * what belongs to it; *ret_ends is true. Does not handle STOP (the caller does).
 */
enum rules_fault action_do(struct rules_lane *l, const struct img_rule *rule, bool *ret_ends);

/*
 * After the last rule, when none ended the evaluation: l->verdict's outcome ROUTE or PROXY,
 * target (encoded as l's last rewriting scope says, 3.4; n 0 when nothing rewrote), host,
 * is_secure, farm_i by the host's name (rules_farm).
 */
enum rules_fault action_finish(struct rules_lane *l);

/* ---- count.c ---- */

/* The clock before a rule, if this evaluation's time is kept; 0: it is not. */
uint64_t count_start(const struct rules_lane *l);

/* A rule was looked at by itself; start_ns is count_start's. */
void count_rule(const struct rules_lane *l, uint32_t slot, uint32_t incarnation, enum rules_why why,
		uint64_t start_ns);

/* ---- run.c ---- */

/* The scopes of l->scope's set and kind do not run any more: l->stopped[…] is l->run. */
void set_stop(struct rules_lane *l, const struct img_listener *listener);

/* ---- scan.c ---- */

/*
 * The input's string as it is now, expanded at most once as long as nothing that it depends on
 * changes; with back-references anew each time, in l->brief. *ret is void when the next rule
 * starts.
 */
enum rules_fault input_text(struct rules_lane *l, uint32_t input_i, struct rules_memo **ret);

bool text_is_utf8(struct slice s);

/* Whether text is valid UTF-8, whether it has a LF: looked at once. */
void memo_check(struct rules_memo *memo);

/*
 * Scans the string unless that is done. False: this input cannot be scanned, every pattern may
 * match. After it a pattern that is SCANNED and not in memo->hit does not match.
 */
bool input_scan(struct rules_lane *l, uint32_t input_i, struct rules_memo *memo);

/* Fills l->candidate: rules of l->scope that can fire, as far as scans tell. */
void gates_scan(struct rules_lane *l);

/* ---- search.c ---- */

/*
 * Whether a pattern matches a string; l->captures has where. False: the evaluation's work does not
 * allow to go on. l->is_utf8 says whether s is.
 */
bool search_pattern(struct rules_lane *l, const struct rules_code *code, struct slice s,
		    bool *ret_matches);

/* ---- match.c: for the walk and for outbound rules ---- */

/* Starts an evaluation: arenas are empty, memos void, nothing set, budget full. Leaves url alone. */
void lane_begin(struct rules_lane *l, const struct rules_subject *subject,
		const struct rules_trace *trace);

/*
 * What the evaluation has cost so far of its work_all. A search that was not begun, for it would
 * have cost more than there was, has cost nothing.
 */
int64_t lane_work(const struct rules_lane *l);

/* Makes scope_i the one whose inputs and folder count. */
void lane_enter(struct rules_lane *l, uint32_t scope_i);

/* Starts a rule: no back-references, `brief` is empty. */
void lane_rule(struct rules_lane *l);

/*
 * Whether a pattern matches a string as a whole (search, or as its anchors say); negation is the
 * caller's. MATCH_LIMIT: its own limit or the evaluation's.
 *   ret_refs  NULL: no captures wanted; else on a match the groups, slices into s
 */
enum rules_fault match_pattern(struct rules_lane *l, uint32_t pattern_i, struct slice s,
			       bool *ret_matches, struct rules_refs *ret_refs);

/* Captures of a match that is known, for a trace: costs the evaluation nothing. */
void match_look(struct rules_lane *l, uint32_t pattern_i, struct slice s,
		struct rules_refs *ret_refs);

/*
 * The same for a pattern and the input that it belongs to, which is expanded, and scanned where
 * that pays. ret_memo: the input's string.
 */
enum rules_fault match_input(struct rules_lane *l, uint32_t input_i, uint32_t pattern_i,
			     bool *ret_matches, struct rules_refs *ret_refs,
			     struct rules_memo **ret_memo);

/*
 * Evaluates a list of conditions (6, 7) in order, lazily, and leaves captures in l->c.
 *   flags  IMG_RULE_MATCH_ANY, IMG_RULE_TRACK_ALL; USES_C: captures are wanted
 * No conditions hold. Tells l->trace.
 */
enum rules_fault match_conds(struct rules_lane *l, uint32_t first_cond, uint32_t cond_n,
			     uint32_t flags, bool *ret_holds);

/* The compiled pattern for valid UTF-8; of a BODY rule, with machine code for partial matches. */
static inline const pcre2_code *
match_code(const struct rules *rules, uint32_t pattern_i)
{
	return rules->code[pattern_i].code;
}

#endif
