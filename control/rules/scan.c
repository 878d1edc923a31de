/*
 * scan.c - the database of an input: all of its patterns for one scan by Hyperscan.
 *
 * A hit says "may match", so a pattern stands in the database in any form that matches at least
 * where it does (emit.c); one without such a form stays out of it and may always match. Compiling
 * takes long, so a database is taken over from the image before when nothing of what it was made
 * of is different: scan_key names that.
 */
#include <hs/hs.h>
#include <stdlib.h>
#include <string.h>

#include "abi/blob.h"
#include "base/ensure.h"
#include "rules/parts.h"

enum {
	FORM_VERSION = 3, /* raised when emit.c or this file does it differently */
	DATABASE_MOST = 256 << 20,
	REDUCE_LEAST = 512, /* patterns of a database, from here on */
	PIECE_LEAST = 4,    /* characters */
	PIECE_MOST = 8,	    /* ... and what a search for literals looks at */
	PIECE_SHARED = 4,   /* patterns that may have the same piece */
	PIECE_COUNTS = 1 << 20,
	ATTEMPTS = 8, /* to compile, each without the pattern that was refused */
};

/* ---- one pattern ---- */

static bool
is_taken(struct scan_form *form)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *error = NULL;
	bool holds;

	if (form->text == NULL)
		return false;
	holds = hs_expression_info(form->text, form->flags, &info, &error) == HS_SUCCESS;
	free(info);
	hs_free_compile_error(error);
	return holds;
}

bool
scan_try(struct arena *arena, struct pattern *pattern)
{
	if (is_taken(&pattern->form))
		return true;
	for (unsigned strictness = 1; strictness <= 2 && pattern->form.text != NULL; strictness++) {
		pattern->form = emit_form(arena, pattern->tree, strictness);
		if (is_taken(&pattern->form))
			return true;
	}
	if (pattern->form.text == NULL)
		return false;
	pattern->form.flags |= HS_FLAG_PREFILTER;
	pattern->form.is_exact = false;
	if (is_taken(&pattern->form))
		return true;
	pattern->form = (struct scan_form){ .why = "Hyperscan takes it for too large" };
	return false;
}

/* ---- taking over ---- */

struct bytes {
	uint8_t *p;
	size_t n, room;
};

static void
bytes_add(struct bytes *bytes, const void *p, size_t n)
{
	if (bytes->n + n > bytes->room) {
		bytes->room = (bytes->n + n) * 2 + 1024;
		bytes->p = realloc(bytes->p, bytes->room);
		ensure(bytes->p != NULL);
	}
	memcpy(bytes->p + bytes->n, p, n);
	bytes->n += n;
}

static void
key_make(const struct input *input, uint8_t ret_key[BLOB_HASH_BYTES])
{
	const uint32_t version = FORM_VERSION;
	struct hs_platform_info platform = { 0 };
	struct bytes bytes = { 0 };

	hs_populate_platform(&platform);
	bytes_add(&bytes, &version, sizeof(version));
	bytes_add(&bytes, hs_version(), strlen(hs_version()) + 1);
	bytes_add(&bytes, &platform, sizeof(platform));
	for (const struct pattern *pattern = input->first; pattern != NULL;
	     pattern = pattern->next) {
		const struct scan_form *form = &pattern->form;
		const char *text = form->text == NULL ? "" : form->text;
		uint32_t what[3] = { form->flags, form->is_exact, (uint32_t)strlen(text) };

		bytes_add(&bytes, what, sizeof(what));
		bytes_add(&bytes, text, what[2]);
	}
	blob_hash(bytes.p, bytes.n, ret_key);
	free(bytes.p);
}

/* The database that the image before has for the same patterns. */
static bool
take_over(struct making *m, struct input *input)
{
	const struct img *before = m->env->before;
	const struct img_input *same = NULL;
	const struct img_blob *blob;
	uint32_t i = 0;

	for (uint32_t k = 0; before != NULL && k < img_n(before, IMG_INPUTS) && same == NULL; k++) {
		const struct img_input *other = img_input(before, k);

		if (other->pattern_n == input->pattern_n && other->blob_i != IMG_NONE &&
		    memcmp(other->key, input->scan_key, sizeof(other->key)) == 0)
			same = other;
	}
	if (same == NULL)
		return false;
	blob = img_blob(before, same->blob_i);
	if (m->env->has_blob != NULL && !m->env->has_blob(m->env->ctx, blob->hash, blob->bytes))
		return false;
	for (struct pattern *pattern = input->first; pattern != NULL; pattern = pattern->next, i++)
		pattern->flags |= img_pattern(before, same->first_pattern + i)->flags &
				  (IMG_PATTERN_SCANNED | IMG_PATTERN_EXACT);
	input->blob_i = blob_add(m, IMG_BLOB_SCAN, NULL, blob->bytes, blob->hash);
	m->program->kept_n++;
	return true;
}

/* ---- compiling ---- */

struct list {
	const char **text;
	unsigned *flags, *id;
	struct pattern **pattern;
	uint32_t n;
};

static void
list_init(struct list *list, uint32_t n)
{
	list->text = calloc(n, sizeof(list->text[0]));
	list->flags = calloc(n, sizeof(list->flags[0]));
	list->id = calloc(n, sizeof(list->id[0]));
	list->pattern = calloc(n, sizeof(struct pattern *));
	ensure(list->text != NULL && list->flags != NULL && list->id != NULL &&
	       list->pattern != NULL);
	list->n = 0;
}

static void
list_fini(struct list *list)
{
	free(list->text);
	free(list->flags);
	free(list->id);
	free(list->pattern);
}

static void
list_fill(struct making *m, struct list *list, const struct input *input)
{
	for (struct pattern *pattern = input->first; pattern != NULL; pattern = pattern->next) {
		if ((pattern->flags & IMG_PATTERN_ANY) != 0 || !scan_try(&m->arena, pattern))
			continue;
		list->text[list->n] = pattern->form.text;
		list->flags[list->n] = pattern->form.flags;
		list->id[list->n] = pattern->number;
		list->pattern[list->n++] = pattern;
	}
}

static void
list_drop(struct list *list, uint32_t i)
{
	list->pattern[i]->form = (struct scan_form){ .why = "Hyperscan refused it" };
	list->n--;
	list->text[i] = list->text[list->n];
	list->flags[i] = list->flags[list->n];
	list->id[i] = list->id[list->n];
	list->pattern[i] = list->pattern[list->n];
}

/* ---- many patterns ---- */

/*
 * Thousands of patterns make a large automaton, slow to compile and, as it leaves the caches, to
 * run. Nearly always each has a piece of text that hardly another has ("p00042/"), and a search
 * for pieces is small and fast; the regular expression tells the rest of the few that are found.
 */
struct pieces {
	uint16_t *count; /* by hash; a collision only makes a piece look more common */
};

static uint32_t
piece_hash(const char *piece, size_t n)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)piece[i];

		hash = (hash ^ (c >= 'A' && c <= 'Z' ? c | 0x20 : c)) * 1099511628211ull;
	}
	return (uint32_t)(hash >> 32) % PIECE_COUNTS;
}

/* Calls for each piece of the runs: as long as it can be. */
static void
each_piece(const char *runs, void (*on_piece)(void *ctx, const char *piece, size_t n), void *ctx)
{
	static const char end[] = { EMIT_RUN_END, '\0' };

	while (*runs != '\0') {
		size_t n = strcspn(runs, end);

		if (n >= PIECE_LEAST && n <= PIECE_MOST)
			on_piece(ctx, runs, n);
		for (size_t i = 0; n > PIECE_MOST && i + PIECE_MOST <= n; i++)
			on_piece(ctx, runs + i, PIECE_MOST);
		runs += n + (runs[n] != '\0');
	}
}

static void
piece_count(void *ctx, const char *piece, size_t n)
{
	struct pieces *pieces = ctx;
	uint16_t *count = &pieces->count[piece_hash(piece, n)];

	*count += *count < UINT16_MAX;
}

struct rarest {
	const struct pieces *pieces;
	const char *piece;
	size_t n;
	uint16_t count;
};

static void
piece_compare(void *ctx, const char *piece, size_t n)
{
	struct rarest *rarest = ctx;
	uint16_t count = rarest->pieces->count[piece_hash(piece, n)];

	if (rarest->piece != NULL && (count > rarest->count || n < rarest->n))
		return;
	*rarest = (struct rarest){ rarest->pieces, piece, n, count };
}

static void
list_reduce(struct making *m, struct list *list)
{
	struct pieces pieces = { .count = NULL };
	bool is_caseless;

	if (list->n < REDUCE_LEAST)
		return;
	pieces.count = calloc(PIECE_COUNTS, sizeof(pieces.count[0]));
	ensure(pieces.count != NULL);
	for (uint32_t i = 0; i < list->n; i++)
		each_piece(emit_runs(&m->arena, list->pattern[i]->tree, &is_caseless), piece_count,
			   &pieces);
	for (uint32_t i = 0; i < list->n; i++) {
		const char *runs = emit_runs(&m->arena, list->pattern[i]->tree, &is_caseless);
		struct rarest rarest = { .pieces = &pieces };

		each_piece(runs, piece_compare, &rarest);
		if (rarest.piece == NULL || rarest.count > PIECE_SHARED)
			continue;
		list->pattern[i]->form =
			emit_literal(&m->arena, rarest.piece, rarest.n, is_caseless);
		list->text[i] = list->pattern[i]->form.text;
		list->flags[i] = list->pattern[i]->form.flags;
	}
	free(pieces.count);
}

static void
none_warn(struct making *m, const struct list *list, const char *why)
{
	say_warning(m, NULL, list->pattern[0]->at,
		    "the %u patterns from here on that look at the same text are each tried by "
		    "themselves for every request, for there is no scan of all of them (%s); make "
		    "them shorter, or divide the set",
		    list->n, why);
}

/* What of the patterns Hyperscan does not take is told: nothing fails by it, but requests pay. */
static hs_database_t *
compile(struct making *m, struct list *list)
{
	for (int attempt = 0; attempt < ATTEMPTS && list->n > 0; attempt++) {
		hs_database_t *db = NULL;
		hs_compile_error_t *error = NULL;
		int refused;

		if (hs_compile_multi(list->text, list->flags, list->id, list->n, HS_MODE_BLOCK,
				     NULL, &db, &error) == HS_SUCCESS)
			return db;
		refused = error->expression;
		if (refused < 0 || (uint32_t)refused >= list->n) {
			none_warn(m, list, error->message);
			hs_free_compile_error(error);
			return NULL;
		}
		say_warning(m, NULL, list->pattern[refused]->at,
			    "pattern '%.80s' is tried by itself for every request that comes to "
			    "its rule, for Hyperscan does not take it (%s); make it shorter",
			    list->pattern[refused]->text, error->message);
		hs_free_compile_error(error);
		list_drop(list, (uint32_t)refused);
	}
	if (list->n > 0)
		none_warn(m, list, "too many of them are too large");
	return NULL;
}

static void
serialize(struct making *m, struct input *input, const struct list *list, hs_database_t *db)
{
	char *bytes;
	size_t n;

	if (hs_serialize_database(db, &bytes, &n) != HS_SUCCESS)
		return;
	if (n > DATABASE_MOST) {
		none_warn(m, list, "it would be larger than 256 MiB");
		free(bytes);
		return;
	}
	input->blob_i = blob_add(m, IMG_BLOB_SCAN, bytes, n, NULL);
	m->program->compiled_n++;
	for (uint32_t i = 0; i < list->n; i++) {
		list->pattern[i]->flags |= IMG_PATTERN_SCANNED;
		if (list->pattern[i]->form.is_exact)
			list->pattern[i]->flags |= IMG_PATTERN_EXACT;
	}
}

void
scan_make(struct making *m, struct input *input)
{
	struct list list;
	hs_database_t *db;

	key_make(input, input->scan_key);
	if (take_over(m, input) || !m->env->wants_databases)
		return;
	list_init(&list, input->pattern_n);
	list_fill(m, &list, input);
	list_reduce(m, &list);
	db = compile(m, &list);
	if (db != NULL)
		serialize(m, input, &list, db);
	hs_free_database(db);
	list_fini(&list);
}
