/*
 * image.c - opens an image: header, checksum, section directory; then image_check.c looks at the
 * records. Also the look-ups by name and slot, and the widening of older records.
 *
 * Everything here takes arbitrary bytes: sums are done in 64 bits and compared with what is left,
 * so none can wrap.
 */
#include "abi/image.h"

#include <string.h>

#include "abi/build.h"
#include "abi/crc.h"
#include "abi/image_check.h"

/* What we know of each section. */
struct section_kind {
	uint32_t record_bytes; /* of this program */
	uint32_t first_bytes;  /* of the first release */
	uint16_t version;
	bool is_required;
};

static const struct section_kind section_kind[IMG_SECTIONS] = {
#define X(name, record, word, version, required, first)                                            \
	[IMG_##name] = { sizeof(record), first, version, required },
	IMG_SECTION_LIST(X)
#undef X
};

enum {
	STRIDE_MAX = 4096
};

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *part, const char *field)
{
	*ret_fault = abi_fault_at(kind, part, ABI_NONE, field);
	return false;
}

/* CRC-32C with the header's crc field taken as zero. */
static uint32_t
image_crc(const uint8_t *bytes, size_t n)
{
	size_t at = offsetof(struct img_head, crc), after = at + sizeof(uint32_t);
	static const uint8_t zero[sizeof(uint32_t)];
	uint32_t crc = abi_crc32c(0, bytes, at);

	crc = abi_crc32c(crc, zero, sizeof(zero));
	return abi_crc32c(crc, bytes + after, n - after);
}

void
img_seal(void *bytes, size_t n)
{
	struct img_head *head = bytes;

	head->crc = image_crc(bytes, n);
}

static bool
check_head(const uint8_t *bytes, size_t n, struct abi_fault *ret_fault)
{
	struct img_head head;

	if ((uintptr_t)bytes % IMG_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "head", "");
	if (n < sizeof(head))
		return wrong(ret_fault, ABI_FAULT_SHORT, "head", "");
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != IMG_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "head", "magic");
	if (head.version != IMG_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "head", "version");
	if (head.bytes != n || n > IMG_BYTES_MAX)
		return wrong(ret_fault, ABI_FAULT_SIZE, "head", "bytes");
	if (head.crc != image_crc(bytes, n))
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "head", "crc");
	if (head.head_bytes < sizeof(head) || head.head_bytes % IMG_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_STRIDE, "head", "head_bytes");
	if (head.section_bytes < sizeof(struct img_section) || head.section_bytes % IMG_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_STRIDE, "head", "section_bytes");
	if (head.section_n > IMG_SECTIONS_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, "head", "section_n");
	if (head.head_bytes + (uint64_t)head.section_n * head.section_bytes > n)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, "head", "section_n");
	return true;
}

/* One directory entry into the table; entries this program may overlook are. */
static bool
open_section(struct img *img, const struct img_section *s, uint32_t entry_i,
	     struct abi_fault *ret_fault)
{
	const char *word = img_section_name(s->id);
	const struct section_kind *kind;

	if (s->id >= IMG_SECTIONS || s->version != section_kind[s->id].version) {
		bool is_known = s->id < IMG_SECTIONS;

		if ((s->flags & IMG_REQUIRED) == 0 &&
		    !(is_known && section_kind[s->id].is_required))
			return true;
		*ret_fault = abi_fault_at(is_known ? ABI_FAULT_VERSION : ABI_FAULT_UNKNOWN_SECTION,
					  "sections", entry_i, is_known ? word : "id");
		return false;
	}
	kind = &section_kind[s->id];
	if (img->table[s->id].base != NULL)
		return wrong(ret_fault, ABI_FAULT_DUPLICATE, word, "");
	if (s->offset % IMG_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, word, "offset");
	if (s->stride < kind->first_bytes || s->stride > STRIDE_MAX)
		return wrong(ret_fault, ABI_FAULT_STRIDE, word, "stride");
	if (s->id == IMG_STRINGS ? s->stride != 1 : s->stride % IMG_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_STRIDE, word, "stride");
	if (s->offset > img->bytes_n ||
	    (uint64_t)s->n * s->stride > img->bytes_n - s->offset) /* u32 x u32 fits */
		return wrong(ret_fault, ABI_FAULT_BOUNDS, word, "");
	img->table[s->id] = (struct img_table){
		.base = img->bytes + s->offset,
		.n = s->n,
		.stride = s->stride,
	};
	return true;
}

static bool
open_sections(struct img *img, struct abi_fault *ret_fault)
{
	struct img_head head;

	memcpy(&head, img->bytes, sizeof(head));
	img->crc = head.crc;
	for (uint32_t i = 0; i < head.section_n; i++) {
		struct img_section s;

		memcpy(&s, img->bytes + head.head_bytes + (size_t)i * head.section_bytes,
		       sizeof(s));
		if (!open_section(img, &s, i, ret_fault))
			return false;
	}
	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		if (img->table[id].base == NULL && section_kind[id].is_required)
			return wrong(ret_fault, ABI_FAULT_MISSING_SECTION, img_section_name(id),
				     "");
	}
	return true;
}

bool
img_open(const void *bytes, size_t n, struct img *ret_img, struct abi_fault *ret_fault)
{
	struct img img = { .bytes = bytes, .bytes_n = n };

	if (!check_head(bytes, n, ret_fault) || !open_sections(&img, ret_fault) ||
	    !img_check_records(&img, ret_fault))
		return false;
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_img = img;
	return true;
}

void
img_get(const struct img *img, enum img_section_id id, uint32_t i, void *ret_record)
{
	const struct img_table *t = &img->table[id];
	uint32_t want = section_kind[id].record_bytes;
	uint32_t have = t->stride < want ? t->stride : want;

	memcpy(ret_record, t->base + (size_t)i * t->stride, have);
	memset((uint8_t *)ret_record + have, 0, want - have);
}

static bool
is_short(const struct img *img, enum img_section_id id)
{
	return img->table[id].base != NULL && img->table[id].stride < section_kind[id].record_bytes;
}

size_t
img_widen_bytes(const struct img *img)
{
	size_t bytes = 0;

	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		if (is_short(img, id))
			bytes += (size_t)img->table[id].n * section_kind[id].record_bytes;
	}
	return bytes;
}

void
img_widen(struct img *img, void *mem)
{
	uint8_t *to = mem;

	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		uint32_t n = img->table[id].n, bytes = section_kind[id].record_bytes;

		if (!is_short(img, id))
			continue;
		for (uint32_t i = 0; i < n; i++)
			img_get(img, id, i, to + (size_t)i * bytes);
		img->table[id] = (struct img_table){ .base = to, .n = n, .stride = bytes };
		to += (size_t)n * bytes;
	}
}

static bool
is_text(const struct img *img, struct img_str s, const char *text, size_t n)
{
	return s.n == n && memcmp(img_text(img, s), text, n) == 0;
}

uint32_t
img_find_port(const struct img *img, const char *name, size_t n)
{
	for (uint32_t i = 0; i < img_n(img, IMG_PORTS); i++) {
		if (is_text(img, img_port(img, i)->name, name, n))
			return i;
	}
	return ABI_NONE;
}

uint32_t
img_find_listener(const struct img *img, const char *name, size_t n)
{
	for (uint32_t i = 0; i < img_n(img, IMG_LISTENERS); i++) {
		if (is_text(img, img_listener(img, i)->name, name, n))
			return i;
	}
	return ABI_NONE;
}

uint32_t
img_find_farm(const struct img *img, const char *name, size_t n)
{
	for (uint32_t i = 0; i < img_n(img, IMG_FARMS); i++) {
		if (is_text(img, img_farm(img, i)->name, name, n))
			return i;
	}
	return ABI_NONE;
}

uint32_t
img_find_server(const struct img *img, uint32_t farm_i, const char *name, size_t n)
{
	const struct img_farm *farm;

	if (farm_i >= img_n(img, IMG_FARMS))
		return ABI_NONE;
	farm = img_farm(img, farm_i);
	for (uint32_t i = farm->first_server; i < farm->first_server + farm->server_n; i++) {
		if (is_text(img, img_server(img, i)->name, name, n))
			return i;
	}
	return ABI_NONE;
}

uint32_t
img_find_slot(const struct img *img, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	static const enum img_section_id section[IMG_KINDS] = {
		[IMG_KIND_LISTENER] = IMG_LISTENERS,
		[IMG_KIND_FARM] = IMG_FARMS,
		[IMG_KIND_SERVER] = IMG_SERVERS,
		[IMG_KIND_RULE] = IMG_RULES,
	};

	for (uint32_t i = 0; i < img_n(img, section[kind]); i++) {
		const struct img_identity *id = img_at(img, section[kind], i);

		if (id->slot == slot && id->incarnation == incarnation)
			return i;
	}
	for (uint32_t i = 0; kind == IMG_KIND_RULE && i < img_n(img, IMG_OUT_RULES); i++)
		if (img_out_rule(img, i)->slot == slot &&
		    img_out_rule(img, i)->incarnation == incarnation)
			return img_n(img, IMG_RULES) + i;
	return ABI_NONE;
}
