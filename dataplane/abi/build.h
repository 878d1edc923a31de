/*
 * build.h - builds an image (image.h) record by record, in any order of sections. The same calls
 * give the same bytes. Used by control and by tests.
 *
 * It checks nothing but its own memory: whoever publishes an image opens it with img_open first.
 * Memory comes from one function of the caller's, shaped as realloc; with n 0 it frees.
 */
#ifndef PENSTOCK_ABI_BUILD_H
#define PENSTOCK_ABI_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"

typedef void *img_grow_fn(void *p, size_t n); /* realloc fits */

struct img_build_part {
	uint8_t *p;
	size_t used, room; /* bytes */
	uint32_t n;
};

struct img_build {
	img_grow_fn *grow;
	struct img_build_part part[IMG_SECTIONS];
	bool is_out_of_memory; /* sticks; img_build_finish then fails */
};

void img_build_init(struct img_build *b, img_grow_fn *grow);

/* Frees the parts; a finished image is the caller's and stays. */
void img_build_fini(struct img_build *b);

/*
 * Appends n bytes of text as a string; the same text twice is two strings. The empty string and
 * NULL give {0, 0}, which is always valid. Text with a NUL inside makes an image img_open refuses.
 */
struct img_str img_build_str(struct img_build *b, const char *text, size_t n);
struct img_str img_build_text(struct img_build *b, const char *text); /* NUL-terminated */

/* Each appends a copy of the record and returns its index (0 when out of memory, which sticks). */
uint32_t img_build_machine(struct img_build *b, const struct img_machine *r);
uint32_t img_build_core(struct img_build *b, const struct img_core *r);
uint32_t img_build_port(struct img_build *b, const struct img_port *r);
uint32_t img_build_address(struct img_build *b, const struct img_address *r);
uint32_t img_build_route(struct img_build *b, const struct img_route *r);
uint32_t img_build_source(struct img_build *b, const struct img_source *r);
uint32_t img_build_listener(struct img_build *b, const struct img_listener *r);
uint32_t img_build_farm(struct img_build *b, const struct img_farm *r);
uint32_t img_build_server(struct img_build *b, const struct img_server *r);
uint32_t img_build_name(struct img_build *b, const struct img_name *r);
uint32_t img_build_blob(struct img_build *b, const struct img_blob *r);
uint32_t img_build_retired(struct img_build *b, const struct img_retired *r);
uint32_t img_build_bind(struct img_build *b, const struct img_bind *r);
uint32_t img_build_scope(struct img_build *b, const struct img_scope *r);
uint32_t img_build_rule(struct img_build *b, const struct img_rule *r);
uint32_t img_build_cond(struct img_build *b, const struct img_cond *r);
uint32_t img_build_input(struct img_build *b, const struct img_input *r);
uint32_t img_build_pattern(struct img_build *b, const struct img_pattern *r);
uint32_t img_build_expr(struct img_build *b, const struct img_expr *r);
uint32_t img_build_op(struct img_build *b, const struct img_op *r);
uint32_t img_build_set(struct img_build *b, const struct img_set *r);
uint32_t img_build_map(struct img_build *b, const struct img_map *r);
uint32_t img_build_pre(struct img_build *b, const struct img_pre *r);
uint32_t img_build_out_rule(struct img_build *b, const struct img_out_rule *r);
uint32_t img_build_tag(struct img_build *b, const struct img_tag *r);
uint32_t img_build_net(struct img_build *b, const struct img_net *r);
uint32_t img_build_except(struct img_build *b, const struct img_except *r);

/*
 * Lays the image out in memory from grow, which becomes the caller's (free by grow(p, 0) or free
 * when grow is realloc). False when memory ended. The builder may go on and finish again.
 */
bool img_build_finish(struct img_build *b, void **ret_bytes, size_t *ret_n);

/*
 * Renews the checksum of an image whose bytes were changed on purpose: for tests that want what
 * is behind the checksum. n as the header says.
 */
void img_seal(void *bytes, size_t n);

#endif
