/*
 * build.c - the image builder (build.h): one growing part a section, laid out at the end in the
 * order of the section list, each part aligned, all padding zero.
 */
#include "abi/build.h"

#include <string.h>

#include "abi/crc.h"

static const struct {
	uint32_t bytes;
	uint16_t version;
	bool is_required;
} record[IMG_SECTIONS] = {
#define X(name, type, word, version, required, first)                                              \
	[IMG_##name] = { sizeof(type), version, required },
	IMG_SECTION_LIST(X)
#undef X
};

void
img_build_init(struct img_build *b, img_grow_fn *grow)
{
	*b = (struct img_build){ .grow = grow };
}

void
img_build_fini(struct img_build *b)
{
	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		if (b->part[id].p != NULL)
			b->grow(b->part[id].p, 0);
		b->part[id] = (struct img_build_part){ 0 };
	}
}

static bool
append(struct img_build *b, enum img_section_id id, const void *bytes, size_t n)
{
	struct img_build_part *part = &b->part[id];

	if (b->is_out_of_memory || n > IMG_BYTES_MAX - part->used) {
		b->is_out_of_memory = true;
		return false;
	}
	if (part->used + n > part->room) {
		size_t room = part->room < 1024 ? 1024 : part->room * 2;
		uint8_t *p;

		while (room < part->used + n)
			room *= 2;
		p = b->grow(part->p, room);
		if (p == NULL) {
			b->is_out_of_memory = true;
			return false;
		}
		part->p = p;
		part->room = room;
	}
	memcpy(part->p + part->used, bytes, n);
	part->used += n;
	return true;
}

/* Index of the appended record. */
static uint32_t
append_record(struct img_build *b, enum img_section_id id, const void *r)
{
	if (!append(b, id, r, record[id].bytes))
		return 0;
	return b->part[id].n++;
}

struct img_str
img_build_str(struct img_build *b, const char *text, size_t n)
{
	struct img_build_part *part = &b->part[IMG_STRINGS];
	struct img_str s = { .n = (uint32_t)n };

	if (n == 0)
		return (struct img_str){ 0 };
	if (part->used == 0 && !append(b, IMG_STRINGS, "", 1)) /* offset 0 is the empty string */
		return (struct img_str){ 0 };
	s.offset = (uint32_t)part->used;
	if (!append(b, IMG_STRINGS, text, n) || !append(b, IMG_STRINGS, "", 1))
		return (struct img_str){ 0 };
	return s;
}

struct img_str
img_build_text(struct img_build *b, const char *text)
{
	return img_build_str(b, text, text != NULL ? strlen(text) : 0);
}

#define APPENDER(what, id)                                                                         \
	uint32_t img_build_##what(struct img_build *b, const struct img_##what *r)                 \
	{                                                                                          \
		return append_record(b, id, r);                                                    \
	}

APPENDER(machine, IMG_MACHINE)
APPENDER(core, IMG_CORES)
APPENDER(port, IMG_PORTS)
APPENDER(address, IMG_ADDRESSES)
APPENDER(route, IMG_ROUTES)
APPENDER(source, IMG_SOURCES)
APPENDER(listener, IMG_LISTENERS)
APPENDER(farm, IMG_FARMS)
APPENDER(server, IMG_SERVERS)
APPENDER(name, IMG_NAMES)
APPENDER(blob, IMG_BLOBS)
APPENDER(retired, IMG_RETIRED)
APPENDER(bind, IMG_BINDS)
APPENDER(scope, IMG_SCOPES)
APPENDER(rule, IMG_RULES)
APPENDER(cond, IMG_CONDS)
APPENDER(input, IMG_INPUTS)
APPENDER(pattern, IMG_PATTERNS)
APPENDER(expr, IMG_EXPRS)
APPENDER(op, IMG_OPS)
APPENDER(set, IMG_SETS)
APPENDER(map, IMG_MAPS)
APPENDER(pre, IMG_PRES)
APPENDER(out_rule, IMG_OUT_RULES)
APPENDER(tag, IMG_TAGS)
APPENDER(net, IMG_NETS)
APPENDER(except, IMG_EXCEPTS)

static uint64_t
aligned(uint64_t n)
{
	return (n + IMG_ALIGN - 1) / IMG_ALIGN * IMG_ALIGN;
}

bool
img_build_finish(struct img_build *b, void **ret_bytes, size_t *ret_n)
{
	uint64_t at = sizeof(struct img_head) + IMG_SECTIONS * sizeof(struct img_section);
	uint64_t n = at;
	uint8_t *bytes;

	if (b->part[IMG_STRINGS].used == 0)
		append(b, IMG_STRINGS, "", 1);
	for (uint32_t id = 0; id < IMG_SECTIONS; id++)
		n += aligned(b->part[id].used);
	if (b->is_out_of_memory || n > IMG_BYTES_MAX)
		return false;
	bytes = b->grow(NULL, n);
	if (bytes == NULL)
		return false;
	memset(bytes, 0, n);

	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		const struct img_build_part *part = &b->part[id];
		struct img_section s = {
			.id = (uint16_t)id,
			.version = record[id].version,
			.flags = record[id].is_required ? IMG_REQUIRED : 0,
			.stride = record[id].bytes,
			.n = id == IMG_STRINGS ? (uint32_t)part->used : part->n,
			.offset = at,
		};

		memcpy(bytes + sizeof(struct img_head) + id * sizeof(s), &s, sizeof(s));
		if (part->used != 0)
			memcpy(bytes + at, part->p, part->used);
		at += aligned(part->used);
	}
	memcpy(bytes,
	       &(struct img_head){
		       .magic = IMG_MAGIC,
		       .version = IMG_VERSION,
		       .head_bytes = sizeof(struct img_head),
		       .section_n = IMG_SECTIONS,
		       .section_bytes = sizeof(struct img_section),
		       .bytes = n,
	       },
	       sizeof(struct img_head));
	img_seal(bytes, n);
	*ret_bytes = bytes;
	*ret_n = n;
	return true;
}
