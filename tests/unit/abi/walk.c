/*
 * walk.c - reads all that an opened image's accessors reach (walk.h).
 */
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t sum; /* of everything read: keeps the compiler from leaving reads out */

static void
read_bytes(const void *p, size_t n)
{
	const uint8_t *byte = p;

	for (size_t i = 0; i < n; i++)
		sum += byte[i];
}

static void
must(bool holds, const char *what)
{
	if (!holds) {
		printf("image: an image opened although %s\n", what);
		abort();
	}
}

static void
read_str(const struct img *img, struct img_str s)
{
	must(strlen(img_text(img, s)) == s.n, "a string is not terminated where it says");
}

static void
walk_references(const struct img *img)
{
	for (uint32_t i = 0; i < img_n(img, IMG_LISTENERS); i++) {
		const struct img_listener *l = img_listener(img, i);

		read_str(img, l->name);
		must(l->farm_i == IMG_NONE || l->farm_i < img_n(img, IMG_FARMS), "farm_i");
		must(l->port_i == IMG_NONE || l->port_i < img_n(img, IMG_PORTS), "port_i");
	}
	for (uint32_t i = 0; i < img_n(img, IMG_FARMS); i++) {
		const struct img_farm *f = img_farm(img, i);

		read_str(img, f->name);
		read_str(img, f->host_value);
		must((uint64_t)f->first_server + f->server_n <= img_n(img, IMG_SERVERS), "servers");
		must((uint64_t)f->first_source + f->source_n <= img_n(img, IMG_SOURCES), "sources");
		for (uint32_t j = 0; j < f->server_n; j++)
			must(img_server(img, f->first_server + j)->farm_i == i, "a stolen server");
	}
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		const struct img_server *s = img_server(img, i);

		read_str(img, s->name);
		read_str(img, s->host);
		must(s->slot < img_machine(img)->server_slots, "slot");
		must(s->farm_i < img_n(img, IMG_FARMS), "farm_i");
	}
	for (uint32_t i = 0; i < img_n(img, IMG_PORTS); i++) {
		const struct img_port *p = img_port(img, i);

		read_str(img, p->name);
		read_str(img, p->device);
		must((uint64_t)p->first_source + p->source_n <= img_n(img, IMG_SOURCES), "sources");
	}
	for (uint32_t i = 0; i < img_n(img, IMG_NAMES); i++)
		read_str(img, img_name(img, i)->name);
	read_str(img, img_machine(img)->pseudonym);
}

uint64_t
walk_image(struct img *img)
{
	static const size_t record_bytes[IMG_SECTIONS] = {
#define X(name, record, word, version, required, first) [IMG_##name] = sizeof(record),
		IMG_SECTION_LIST(X)
#undef X
	};
	size_t wide_n = img_widen_bytes(img);
	void *wide;

	sum = 0;
	wide = malloc(wide_n > 0 ? wide_n : 1);
	img_widen(img, wide);
	for (uint32_t id = 0; id < IMG_SECTIONS; id++) {
		for (uint32_t i = 0; i < img_n(img, id); i++)
			read_bytes(img_at(img, id, i), record_bytes[id]);
	}
	walk_references(img);
	sum += img_find_farm(img, "other", 5) + img_find_port(img, "inside", 6) +
	       img_find_listener(img, "x", 1) + img_find_server(img, 1, "a", 1) +
	       img_find_slot(img, IMG_KIND_SERVER, 7, 1);
	free(wide);
	return sum;
}
