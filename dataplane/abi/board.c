/*
 * board.c - a lane's board (board.h): laying it out with its directory, reading anybody's by that
 * directory, and histograms' arithmetic.
 */
#include "abi/board.h"

#include <stddef.h>
#include <string.h>

#include "abi/crc.h"
#include "abi/image.h"

/* One line of our lists; at: which part of the file, offset: within it. */
struct line {
	const char *name, *unit, *what;
	enum board_kind kind;
	enum part {
		PART_COUNTERS,
		PART_GAUGES,
		PART_HISTS,
		PART_SERVERS,
		PART_RULES,
		PARTS
	} part;
	uint32_t offset;
};

static const struct line line[] = {
#define X(name, unit, what)                                                                        \
	{ #name, #unit, what, BOARD_KIND_COUNTER, PART_COUNTERS, offsetof(struct counters, name) },
	COUNTERS(X)
#undef X
#define X(name, unit, what)                                                                        \
	{ #name, #unit, what, BOARD_KIND_GAUGE, PART_GAUGES, offsetof(struct board_gauges, name) },
		BOARD_GAUGES(X)
#undef X
#define X(name, unit, what)                                                                        \
	{                                                                                          \
		#name,	    #unit,                                                                 \
		what,	    BOARD_KIND_HISTOGRAM,                                                  \
		PART_HISTS, offsetof(struct board_hists, name)                                     \
	},
			BOARD_HISTS(X)
#undef X
#define X(name, unit, kind, what)                                                                  \
	{ "server_" #name,   #unit,	   what,                                                   \
	  BOARD_KIND_##kind, PART_SERVERS, offsetof(struct board_server, name) },
				BOARD_SERVER_WORDS(X)
#undef X
#define X(name, unit, kind, what)                                                                  \
	{ "rule_" #name,     #unit,	 what,                                                     \
	  BOARD_KIND_##kind, PART_RULES, offsetof(struct board_rule, name) },
					BOARD_RULE_WORDS(X)
#undef X
};

enum {
	LINES = sizeof(line) / sizeof(line[0]),
	LINE_BYTES = 64, /* a cache line: parts begin on one */
};

_Static_assert((int)LINES <= (int)BOARD_ENTRIES_MAX, "readers must take our directory");
_Static_assert(sizeof(struct board_entry) % 8 == 0, "stride of the directory");

static uint64_t
aligned(uint64_t n)
{
	return (n + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

/* Where each part begins; the end is the size. */
struct layout {
	uint64_t part[PARTS], end;
};

static struct layout
layout_of(uint32_t server_n)
{
	struct layout l;

	l.part[PART_COUNTERS] =
		aligned(sizeof(struct board_head) + LINES * sizeof(struct board_entry));
	l.part[PART_GAUGES] = aligned(l.part[PART_COUNTERS] + sizeof(struct counters));
	l.part[PART_HISTS] = aligned(l.part[PART_GAUGES] + sizeof(struct board_gauges));
	l.part[PART_SERVERS] = aligned(l.part[PART_HISTS] + sizeof(struct board_hists));
	l.part[PART_RULES] = aligned(l.part[PART_SERVERS] + server_n * sizeof(struct board_server));
	l.end = aligned(l.part[PART_RULES] + IMG_RULES_MAX * sizeof(struct board_rule));
	return l;
}

size_t
board_bytes(uint32_t server_n)
{
	return layout_of(server_n).end;
}

static void
put_name(char *to, size_t room, const char *name)
{
	size_t n = strnlen(name, room - 1);

	memcpy(to, name, n);
}

static uint32_t
board_crc(const struct board_head *head, const void *directory)
{
	struct board_head copy = *head;

	copy.crc = 0;
	return abi_crc32c(abi_crc32c(0, &copy, sizeof(copy)), directory,
			  (size_t)head->entry_n * head->entry_stride);
}

void
board_init(void *bytes, uint32_t lane, uint64_t id, uint32_t server_n, struct board *ret_board)
{
	struct layout l = layout_of(server_n);
	uint8_t *p = bytes;
	struct board_entry *entry = (void *)(p + sizeof(struct board_head));
	struct board_head head = {
		.magic = BOARD_MAGIC,
		.version = BOARD_VERSION,
		.head_bytes = sizeof(head),
		.bytes = l.end,
		.id = id,
		.lane = lane,
		.entry_n = LINES,
		.entry_stride = sizeof(*entry),
		.entry_offset = sizeof(head),
		.server_n = server_n,
	};

	for (uint32_t i = 0; i < LINES; i++) {
		const struct {
			uint32_t flags, stride, n;
		} of[PARTS] = {
			[PART_SERVERS] = { BOARD_PER_SERVER, sizeof(struct board_server),
					   server_n },
			[PART_RULES] = { BOARD_PER_RULE, sizeof(struct board_rule), IMG_RULES_MAX },
		};
		enum part part = line[i].part;

		put_name(entry[i].name, sizeof(entry[i].name), line[i].name);
		put_name(entry[i].unit, sizeof(entry[i].unit), line[i].unit);
		entry[i].kind = line[i].kind;
		entry[i].flags = of[part].flags;
		entry[i].offset = (uint32_t)(l.part[line[i].part] + line[i].offset);
		entry[i].bytes = line[i].kind == BOARD_KIND_HISTOGRAM ? sizeof(struct board_hist)
								      : sizeof(uint64_t);
		entry[i].stride = of[part].n != 0 ? of[part].stride : entry[i].bytes;
		entry[i].n = of[part].flags != 0 ? of[part].n : 1;
	}
	head.crc = board_crc(&head, entry);
	memcpy(p, &head, sizeof(head));
	*ret_board = (struct board){
		.counters = (void *)(p + l.part[PART_COUNTERS]),
		.gauges = (void *)(p + l.part[PART_GAUGES]),
		.hists = (void *)(p + l.part[PART_HISTS]),
		.server = (void *)(p + l.part[PART_SERVERS]),
		.server_n = server_n,
		.rule = (void *)(p + l.part[PART_RULES]),
	};
}

/* ---- reading ---- */

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, uint32_t i, const char *field)
{
	*ret_fault = abi_fault_at(kind, "board", i, field);
	return false;
}

/* The fault of one directory line, NONE when it lies inside n bytes. */
static enum abi_fault_kind
entry_fault(const struct board_entry *e, uint64_t n)
{
	uint64_t last = e->n == 0 ? 0 : (uint64_t)(e->n - 1) * e->stride + e->bytes;

	if (!abi_is_word(e->name, sizeof(e->name)) || !abi_is_word(e->unit, sizeof(e->unit)) ||
	    e->name[0] == '\0')
		return ABI_FAULT_STRING;
	if (e->kind >= BOARD_KINDS)
		return ABI_FAULT_ENUM;
	if (e->offset % 8 != 0 || e->stride % 8 != 0)
		return ABI_FAULT_ALIGN;
	if (e->bytes < sizeof(uint64_t) || e->stride < e->bytes)
		return ABI_FAULT_STRIDE;
	if (e->offset > n || last > n - e->offset)
		return ABI_FAULT_BOUNDS;
	return ABI_FAULT_NONE;
}

bool
board_open(const void *bytes, size_t n, struct board_view *ret_view, struct abi_fault *ret_fault)
{
	struct board_view v = { .bytes = bytes, .bytes_n = n };

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, ABI_NONE, "");
	if (n < sizeof(v.head))
		return wrong(ret_fault, ABI_FAULT_SHORT, ABI_NONE, "");
	memcpy(&v.head, bytes, sizeof(v.head));
	if (v.head.magic != BOARD_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, ABI_NONE, "magic");
	if (v.head.version != BOARD_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, ABI_NONE, "version");
	if (v.head.bytes > n)
		return wrong(ret_fault, ABI_FAULT_SIZE, ABI_NONE, "bytes");
	if (v.head.entry_n > BOARD_ENTRIES_MAX || v.head.server_n > IMG_SLOTS_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "entry_n");
	if (v.head.entry_stride < sizeof(struct board_entry))
		return wrong(ret_fault, ABI_FAULT_STRIDE, ABI_NONE, "entry_stride");
	if (v.head.entry_offset + (uint64_t)v.head.entry_n * v.head.entry_stride > n)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, ABI_NONE, "entry_offset");
	if (v.head.crc != board_crc(&v.head, v.bytes + v.head.entry_offset))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, ABI_NONE, "crc");
	for (uint32_t i = 0; i < v.head.entry_n; i++) {
		struct board_entry e;
		enum abi_fault_kind kind;

		memcpy(&e, v.bytes + v.head.entry_offset + (size_t)i * v.head.entry_stride,
		       sizeof(e));
		kind = entry_fault(&e, n);
		if (kind != ABI_FAULT_NONE)
			return wrong(ret_fault, kind, i, "");
	}
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_view = v;
	return true;
}

bool
board_entry(const struct board_view *v, uint32_t i, struct board_entry *ret_entry)
{
	struct board_entry e;

	if (i >= v->head.entry_n)
		return false;
	memcpy(&e, v->bytes + v->head.entry_offset + (size_t)i * v->head.entry_stride, sizeof(e));
	if (entry_fault(&e, v->bytes_n) != ABI_FAULT_NONE)
		return false;
	*ret_entry = e;
	return true;
}

uint32_t
board_find(const struct board_view *v, const char *name)
{
	struct board_entry e;

	for (uint32_t i = 0; i < v->head.entry_n; i++) {
		if (board_entry(v, i, &e) && strcmp(e.name, name) == 0)
			return i;
	}
	return ABI_NONE;
}

uint64_t
board_word(const struct board_view *v, const struct board_entry *e, uint32_t element)
{
	const uint8_t *p = v->bytes + e->offset + (uint64_t)element * e->stride;

	if (element >= e->n)
		return 0;
	return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_RELAXED);
}

bool
board_hist(const struct board_view *v, const struct board_entry *e, struct board_hist *ret_hist)
{
	if (e->kind != BOARD_KIND_HISTOGRAM || e->n == 0 || e->bytes < sizeof(*ret_hist))
		return false;
	memcpy(ret_hist, v->bytes + e->offset, sizeof(*ret_hist));
	return true;
}

const char *
board_what(const char *name)
{
	for (uint32_t i = 0; i < LINES; i++) {
		if (strcmp(line[i].name, name) == 0)
			return line[i].what;
	}
	return NULL;
}

/* ---- histograms ---- */

uint64_t
board_hist_floor(uint32_t bucket)
{
	uint32_t octave;

	if (bucket < 8)
		return bucket;
	octave = (bucket - 8) / 8;
	return (uint64_t)(8 + (bucket - 8) % 8) << octave;
}

uint64_t
board_hist_quantile(const struct board_hist *h, double share)
{
	uint64_t n = 0, below = 0, want;

	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i++)
		n += h->bucket[i]; /* not h->n: a copy taken between two stores */
	if (n == 0)
		return 0;
	want = (uint64_t)(share * (double)n);
	if (want >= n)
		want = n - 1;
	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS - 1; i++) {
		below += h->bucket[i];
		if (below > want) {
			uint64_t edge = board_hist_floor(i + 1);

			return edge < h->max || h->max == 0 ? edge : h->max;
		}
	}
	return h->max;
}

void
board_hist_merge(struct board_hist *into, const struct board_hist *from)
{
	into->n += from->n;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}
