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

static void
must_be_in(uint32_t first, uint32_t n, uint32_t all, const char *what)
{
	must(n == 0 || (uint64_t)first + n <= all, what);
}

static void
walk_inputs(const struct img *img, const struct img_scope *s)
{
	must_be_in(s->first_input, s->input_n, img_n(img, IMG_INPUTS), "inputs");
	for (uint32_t i = s->first_input; i < s->first_input + s->input_n; i++) {
		const struct img_input *in = img_input(img, i);

		must_be_in(in->first_pattern, in->pattern_n, img_n(img, IMG_PATTERNS), "patterns");
		for (uint32_t p = in->first_pattern; p < in->first_pattern + in->pattern_n; p++) {
			uint32_t gate = img_pattern(img, p)->gate;

			read_bytes(img_text(img, img_pattern(img, p)->regex),
				   img_pattern(img, p)->regex.n);
			must(gate == IMG_NONE || gate < s->rule_n, "gate");
		}
	}
}

static void
walk_conds(const struct img *img, const struct img_scope *s, uint32_t first, uint32_t n)
{
	must_be_in(first, n, img_n(img, IMG_CONDS), "conds");
	for (uint32_t i = first; i < first + n; i++) {
		const struct img_cond *c = img_cond(img, i);

		must_be_in(c->first_net, c->net_n, img_n(img, IMG_NETS), "nets");
		if (c->kind == IMG_COND_NETWORK)
			continue;
		must(c->input_i - s->first_input < s->input_n, "another scope's input");
		must(c->kind != IMG_COND_PATTERN ||
			     c->pattern_i - img_input(img, c->input_i)->first_pattern <
				     img_input(img, c->input_i)->pattern_n,
		     "another input's pattern");
	}
}

static void
walk_inbound(const struct img *img, const struct img_scope *s)
{
	must_be_in(s->first_rule, s->rule_n, img_n(img, IMG_RULES), "rules");
	for (uint32_t i = s->first_rule; i < s->first_rule + s->rule_n; i++) {
		const struct img_rule *r = img_rule(img, i);

		read_str(img, r->name);
		must(r->pattern_i < img_n(img, IMG_PATTERNS), "pattern_i");
		must(r->farm_i == IMG_NONE || r->farm_i < img_n(img, IMG_FARMS), "farm_i");
		must(r->action != IMG_ACTION_REDIRECT || r->url_expr_i < img_n(img, IMG_EXPRS),
		     "url_expr_i");
		must_be_in(r->first_set, r->set_n, img_n(img, IMG_SETS), "sets");
		walk_conds(img, s, r->first_cond, r->cond_n);
	}
}

static void
walk_outbound(const struct img *img, const struct img_scope *s)
{
	must_be_in(s->first_rule, s->rule_n, img_n(img, IMG_OUT_RULES), "out_rules");
	must_be_in(s->first_pre, s->pre_n, img_n(img, IMG_PRES), "pres");
	for (uint32_t i = s->first_pre; i < s->first_pre + s->pre_n; i++)
		walk_conds(img, s, img_pre(img, i)->first_cond, img_pre(img, i)->cond_n);
	for (uint32_t i = s->first_rule; i < s->first_rule + s->rule_n; i++) {
		const struct img_out_rule *r = img_out_rule(img, i);

		read_str(img, r->name);
		must(r->pattern_i < img_n(img, IMG_PATTERNS), "pattern_i");
		must(r->pre_i == IMG_NONE || r->pre_i < img_n(img, IMG_PRES), "pre_i");
		must_be_in(r->first_tag, r->tag_n, img_n(img, IMG_TAGS), "tags");
		walk_conds(img, s, r->first_cond, r->cond_n);
	}
}

static void
walk_rules(const struct img *img)
{
	for (uint32_t i = 0; i < img_n(img, IMG_LISTENERS); i++)
		must_be_in(img_listener(img, i)->first_bind, img_listener(img, i)->bind_n,
			   img_n(img, IMG_BINDS), "binds");
	for (uint32_t i = 0; i < img_n(img, IMG_BINDS); i++)
		must(img_bind(img, i)->scope_i < img_n(img, IMG_SCOPES), "scope_i");
	for (uint32_t i = 0; i < img_n(img, IMG_SCOPES); i++) {
		const struct img_scope *s = img_scope(img, i);

		must(img_text(img, s->folder)[0] == '/', "folder");
		walk_inputs(img, s);
		must_be_in(s->first_except, s->except_n, img_n(img, IMG_EXCEPTS), "excepts");
		if (s->kind == IMG_SCOPE_OUTBOUND)
			walk_outbound(img, s);
		else
			walk_inbound(img, s);
	}
	for (uint32_t i = 0; i < img_n(img, IMG_EXPRS); i++)
		must_be_in(img_expr(img, i)->first_op, img_expr(img, i)->op_n, img_n(img, IMG_OPS),
			   "ops");
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
	walk_rules(img);
	sum += img_find_farm(img, "other", 5) + img_find_port(img, "inside", 6) +
	       img_find_listener(img, "x", 1) + img_find_server(img, 1, "a", 1) +
	       img_find_slot(img, IMG_KIND_SERVER, 7, 1);
	free(wide);
	return sum;
}
