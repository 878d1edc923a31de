/*
 * open.c - from an image's rules to what evaluation needs: compiled patterns, scan databases,
 * lanes' scratch. All allocation of the folder is here, in code.c and in
 * maps_open.
 *
 * Memory comes from the caller's grow, but for Hyperscan's scratch, which that library takes by
 * malloc (its allocator is one of the process and ours has no say), and PCRE2's machine code.
 * Where a system forbids writable code there is none, and patterns are interpreted. The
 * interpreter's frames are as many as they may be from the start: it does not allocate later.
 */
#include <string.h>

#include "base/hash.h"
#include "rules/open.h"

enum {
	JIT_STACK_BYTES = 32 << 10,
	JIT_STACK_BYTES_MAX = 512 << 10,
	HEAP_KIB = 512, /* the interpreter's frames */
	DEEP_BYTES = 16 << 10,
	TOUCHED_BYTES = 64 << 10, /* of each arena */
};

static const struct hash_key fixed_key; /* of our own names */

/* ---- scan databases ---- */

static bool
database_open(struct rules *rules, uint32_t input_i, struct abi_fault *ret_fault)
{
	uint32_t blob_i = img_input(rules->img, input_i)->blob_i;
	const struct rules_blob *blob = &rules->blob[blob_i];
	const char *bytes = (const char *)blob->p;
	size_t n;

	if (img_blob(rules->img, blob_i)->kind != IMG_BLOB_SCAN)
		return fault_at(ret_fault, ABI_FAULT_ENUM, "blobs", blob_i, "kind");
	if (blob->p == NULL)
		return fault_at(ret_fault, ABI_FAULT_FILE, "blobs", blob_i, "");
	if (hs_serialized_database_size(bytes, blob->n, &n) != HS_SUCCESS)
		return fault_at(ret_fault, ABI_FAULT_MAGIC, "blobs", blob_i, "");
	rules->db[input_i] = rules->grow(NULL, n);
	if (rules->db[input_i] == NULL)
		return no_memory(ret_fault);
	/* It refuses what was made for another machine or version, or is damaged. */
	if (hs_deserialize_database_at(bytes, blob->n, rules->db[input_i]) != HS_SUCCESS)
		return fault_at(ret_fault, ABI_FAULT_VERSION, "blobs", blob_i, "");
	return true;
}

static bool
databases_open(struct rules *rules, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(rules->img, IMG_INPUTS);

	rules->db = take(rules->grow, n, sizeof(rules->db[0]));
	if (rules->db == NULL)
		return no_memory(ret_fault);
	for (uint32_t i = 0; rules->blob != NULL && i < n; i++)
		if (img_input(rules->img, i)->blob_i != IMG_NONE &&
		    !database_open(rules, i, ret_fault))
			return false;
	return true;
}

static void
databases_close(struct rules *rules)
{
	for (uint32_t i = 0; rules->db != NULL && i < img_n(rules->img, IMG_INPUTS); i++)
		give(rules->grow, rules->db[i]);
	give(rules->grow, rules->db);
}

/* ---- tables by scope, by listener, by name ---- */

static bool
has_body_rule(const struct img *img, const struct img_scope *scope)
{
	for (uint32_t i = 0; i < scope->rule_n; i++)
		if (img_out_rule(img, scope->first_rule + i)->kind != IMG_OUT_VARIABLE)
			return true;
	return false;
}

static bool
scope_open(struct rules *rules, const struct img_scope *scope, struct rules_scope *ret)
{
	const struct img *img = rules->img;

	ret->path_i = IMG_NONE;
	for (uint32_t k = 0; k < scope->input_n; k++) {
		const struct img_input *input = img_input(img, scope->first_input + k);

		if (input->kind == IMG_INPUT_PATH && ret->path_i == IMG_NONE)
			ret->path_i = scope->first_input + k;
		if ((input->flags & IMG_INPUT_GATES) != 0)
			ret->gate_flags |= input->flags;
	}
	if (scope->kind == IMG_SCOPE_OUTBOUND) {
		ret->has_body = has_body_rule(img, scope);
		return true;
	}
	ret->always = bits_take(rules, scope->rule_n);
	for (uint32_t k = 0; ret->always.word != NULL && k < scope->rule_n; k++)
		if ((img_rule(img, scope->first_rule + k)->flags & IMG_RULE_ALWAYS) != 0)
			bits_add(&ret->always, k);
	return ret->always.word != NULL;
}

static bool
scopes_open(struct rules *rules, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(rules->img, IMG_SCOPES);

	rules->scope = take(rules->grow, n, sizeof(rules->scope[0]));
	if (rules->scope == NULL)
		return no_memory(ret_fault);
	for (uint32_t i = 0; i < n; i++)
		if (!scope_open(rules, img_scope(rules->img, i), &rules->scope[i]))
			return no_memory(ret_fault);
	return true;
}

static void
scopes_close(struct rules *rules)
{
	for (uint32_t i = 0; rules->scope != NULL && i < img_n(rules->img, IMG_SCOPES); i++)
		give(rules->grow, rules->scope[i].always.word);
	give(rules->grow, rules->scope);
}

static uint8_t
any_of(const struct rules *rules, uint32_t scope_i)
{
	const struct img_scope *scope = img_scope(rules->img, scope_i);

	if (scope->rule_n == 0)
		return 0;
	if (scope->kind != IMG_SCOPE_OUTBOUND)
		return RULES_ANY_IN;
	return rules->scope[scope_i].has_body ? RULES_ANY_OUT | RULES_ANY_BODY : RULES_ANY_OUT;
}

static bool
listeners_open(struct rules *rules, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(rules->img, IMG_LISTENERS);

	rules->any = take(rules->grow, n, sizeof(rules->any[0]));
	if (rules->any == NULL)
		return no_memory(ret_fault);
	for (uint32_t i = 0; i < n; i++) {
		const struct img_listener *listener = img_listener(rules->img, i);

		for (uint32_t k = 0; k < listener->bind_n; k++) {
			uint32_t scope_i = img_bind(rules->img, listener->first_bind + k)->scope_i;

			rules->any[i] |= any_of(rules, scope_i);
		}
	}
	return true;
}

static uint32_t
farm_hash(const uint8_t *p, uint32_t n)
{
	uint8_t lower[IMG_NAME_MAX];

	for (uint32_t i = 0; i < n; i++)
		lower[i] = p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i];
	return (uint32_t)hash_sip13(&fixed_key, lower, n);
}

static bool
farms_open(struct rules *rules, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(rules->img, IMG_FARMS), slot_n = 1;

	while (slot_n < n * 2)
		slot_n *= 2;
	rules->farm_slot = take(rules->grow, slot_n, sizeof(rules->farm_slot[0]));
	if (rules->farm_slot == NULL)
		return no_memory(ret_fault);
	rules->farm_slot_n = slot_n;
	for (uint32_t i = 0; i < n; i++) {
		struct img_str name = img_farm(rules->img, i)->name;
		uint32_t at = farm_hash((const uint8_t *)img_text(rules->img, name), name.n);

		at &= slot_n - 1;
		while (rules->farm_slot[at] != 0)
			at = (at + 1) & (slot_n - 1);
		rules->farm_slot[at] = i + 1;
	}
	return true;
}

/* ---- lanes ---- */

static uint32_t
rules_most(const struct img *img)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < img_n(img, IMG_SCOPES); i++)
		if (img_scope(img, i)->rule_n > most)
			most = img_scope(img, i)->rule_n;
	return most;
}

static bool
lane_memos(struct rules_lane *l)
{
	uint32_t n = img_n(l->img, IMG_INPUTS), words = 0;
	uint64_t *hit;

	for (uint32_t i = 0; i < n; i++)
		words += bits_words(img_input(l->img, i)->pattern_n);
	l->memo = take(l->rules->grow, n, sizeof(l->memo[0]));
	l->hits = hit = take(l->rules->grow, words, sizeof(hit[0]));
	if (l->memo == NULL || hit == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t pattern_n = img_input(l->img, i)->pattern_n;

		l->memo[i].hit = bits_in(hit, pattern_n);
		hit += bits_words(pattern_n);
	}
	return true;
}

/* Has the interpreter go as deep as it may, so that it has all its frames. */
static bool
frames_take(struct rules_lane *l)
{
	uint8_t *deep = l->keep.p;
	int error, rc = PCRE2_ERROR_NOMEMORY;
	PCRE2_SIZE at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR) "^(?:a|b)*c", PCRE2_ZERO_TERMINATED, 0,
					 &error, &at, l->rules->compile);

	memset(deep, 'a', DEEP_BYTES);
	if (code != NULL)
		rc = pcre2_match(code, deep, DEEP_BYTES, 0, PCRE2_NO_JIT, l->captures, l->context);
	pcre2_code_free(code);
	return rc == PCRE2_ERROR_HEAPLIMIT;
}

static bool
lane_regex(struct rules_lane *l)
{
	pcre2_general_context *memory = l->rules->memory;

	l->context = pcre2_match_context_create(memory);
	l->captures = pcre2_match_data_create(RULES_REFS, memory);
	l->jit = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_BYTES_MAX, memory);
	if (l->context == NULL || l->captures == NULL)
		return false;
	pcre2_set_heap_limit(l->context, HEAP_KIB);
	if (l->jit != NULL) /* none: where there is no JIT */
		pcre2_jit_stack_assign(l->context, NULL, l->jit);
	return frames_take(l);
}

/*
 * Its bytes and, not touched unless a target has escapes, their marks. What nearly every request
 * needs of them is touched here, so that no lane waits for the kernel to find memory.
 */
static bool
arena_open(const struct rules *rules, struct arena *a)
{
	a->p = rules->grow(NULL, a->room);
	a->mark = rules->grow(NULL, a->room);
	if (a->p == NULL || a->mark == NULL)
		return false;
	memset(a->p, 0, TOUCHED_BYTES);
	memset(a->mark, 0, TOUCHED_BYTES);
	return true;
}

static bool
lane_open(struct rules *rules, struct rules_lane *l)
{
	l->rules = rules;
	l->img = rules->img;
	l->keep.room = RULES_KEEP_BYTES;
	l->brief.room = RULES_BRIEF_BYTES;
	l->candidate = bits_take(rules, rules_most(rules->img));
	l->stopped = take(rules->grow, img_n(rules->img, IMG_SCOPES), sizeof(l->stopped[0]));
	return arena_open(rules, &l->keep) && arena_open(rules, &l->brief) &&
	       l->candidate.word != NULL && l->stopped != NULL && lane_memos(l) && lane_regex(l);
}

/* One scratch that fits every database, and a copy of it for each further lane. */
static bool
scratches_open(struct rules *rules)
{
	for (uint32_t i = 0; i < img_n(rules->img, IMG_INPUTS); i++)
		if (rules->db[i] != NULL &&
		    hs_alloc_scratch(rules->db[i], &rules->lane[0].scratch) != HS_SUCCESS)
			return false;
	if (rules->lane[0].scratch == NULL)
		return true;
	for (uint32_t i = 1; i < rules->lane_n; i++)
		if (hs_clone_scratch(rules->lane[0].scratch, &rules->lane[i].scratch) != HS_SUCCESS)
			return false;
	return true;
}

static bool
lanes_open(struct rules *rules, uint32_t lane_n, struct abi_fault *ret_fault)
{
	rules->lane = take(rules->grow, lane_n, sizeof(rules->lane[0]));
	if (rules->lane == NULL)
		return no_memory(ret_fault);
	for (; rules->lane_n < lane_n; rules->lane_n++)
		if (!lane_open(rules, &rules->lane[rules->lane_n])) {
			rules->lane_n++; /* closed with the others, as far as it is open */
			return no_memory(ret_fault);
		}
	return (lane_n == 0 || scratches_open(rules)) || no_memory(ret_fault);
}

static void
lane_close(struct rules *rules, struct rules_lane *l)
{
	hs_free_scratch(l->scratch);
	pcre2_jit_stack_free(l->jit);
	pcre2_match_data_free(l->captures);
	pcre2_match_context_free(l->context);
	give(rules->grow, l->hits);
	give(rules->grow, l->memo);
	give(rules->grow, l->stopped);
	give(rules->grow, l->candidate.word);
	give(rules->grow, l->brief.mark);
	give(rules->grow, l->brief.p);
	give(rules->grow, l->keep.mark);
	give(rules->grow, l->keep.p);
}

/* ---- all of it ---- */

struct rules *
rules_open(const struct img *img, const struct rules_blob *blob, uint32_t lane_n,
	   rules_grow_fn *grow, struct abi_fault *ret_fault)
{
	struct rules *rules = take(grow, 1, sizeof(*rules));

	if (rules == NULL) {
		no_memory(ret_fault);
		return NULL;
	}
	rules->img = img;
	rules->blob = blob;
	rules->grow = grow;
	if (codes_open(rules, ret_fault) && databases_open(rules, ret_fault) &&
	    maps_open(rules, ret_fault) && scopes_open(rules, ret_fault) &&
	    listeners_open(rules, ret_fault) && farms_open(rules, ret_fault) &&
	    lanes_open(rules, lane_n, ret_fault))
		return rules;
	rules_close(rules);
	return NULL;
}

void
rules_close(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; i < rules->lane_n; i++)
		lane_close(rules, &rules->lane[i]);
	give(rules->grow, rules->lane);
	give(rules->grow, rules->farm_slot);
	give(rules->grow, rules->any);
	scopes_close(rules);
	maps_close(rules);
	databases_close(rules);
	codes_close(rules);
	rules->grow(rules, 0);
}

bool
rules_any(const struct rules *rules, uint32_t listener_i, bool is_outbound)
{
	return (rules->any[listener_i] & (is_outbound ? RULES_ANY_OUT : RULES_ANY_IN)) != 0;
}

uint32_t
rules_farm(const struct rules *rules, struct slice name)
{
	uint32_t mask = rules->farm_slot_n - 1, at;

	if (name.n > IMG_NAME_MAX)
		return IMG_NONE;
	for (at = farm_hash(name.p, name.n) & mask; rules->farm_slot[at] != 0;
	     at = (at + 1) & mask) {
		uint32_t i = rules->farm_slot[at] - 1;
		struct img_str s = img_farm(rules->img, i)->name;

		if (slice_eq_nocase(name, slice_of(img_text(rules->img, s), s.n)))
			return i;
	}
	return IMG_NONE;
}
