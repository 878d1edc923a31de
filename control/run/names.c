/*
 * names.c - names by slot, see names.h. One array a kind and image, so that a record costs a few
 * loads.
 */
#include "run/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

struct names_image {
	struct name *name[IMG_KINDS];
	uint32_t n[IMG_KINDS];
};

static void
name_put(struct names_image *image, enum img_kind kind, uint32_t slot, uint32_t incarnation,
	 const char *text)
{
	struct name *name;

	if (slot >= image->n[kind]) {
		uint32_t n = slot + 1 > image->n[kind] * 2 ? slot + 1 : image->n[kind] * 2;

		image->name[kind] = reallocarray(image->name[kind], n, sizeof(*name));
		ensure(image->name[kind] != NULL);
		memset(&image->name[kind][image->n[kind]], 0, (n - image->n[kind]) * sizeof(*name));
		image->n[kind] = n;
	}
	name = &image->name[kind][slot];
	name->incarnation = incarnation;
	name->n = (uint32_t)strnlen(text, IMG_NAME_MAX);
	memset(name->text, 0, sizeof(name->text));
	memcpy(name->text, text, name->n);
}

static void
image_free(struct names_image *image)
{
	if (image == NULL)
		return;
	for (int kind = 0; kind < IMG_KINDS; kind++)
		free(image->name[kind]);
	free(image);
}

void
names_add(struct names *names, const struct img *img)
{
	struct names_image *image = calloc(1, sizeof(*image));

	ensure(image != NULL);
	for (uint32_t i = 0; i < img_n(img, IMG_LISTENERS); i++) {
		const struct img_listener *listener = img_listener(img, i);

		name_put(image, IMG_KIND_LISTENER, listener->slot, listener->incarnation,
			 img_text(img, listener->name));
	}
	for (uint32_t i = 0; i < img_n(img, IMG_FARMS); i++) {
		const struct img_farm *farm = img_farm(img, i);

		name_put(image, IMG_KIND_FARM, farm->slot, farm->incarnation,
			 img_text(img, farm->name));
	}
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		const struct img_server *server = img_server(img, i);

		name_put(image, IMG_KIND_SERVER, server->slot, server->incarnation,
			 img_text(img, server->name));
	}
	for (uint32_t i = 0; i < img_n(img, IMG_RULES); i++) {
		const struct img_rule *rule = img_rule(img, i);

		name_put(image, IMG_KIND_RULE, rule->slot, rule->incarnation,
			 img_text(img, rule->name));
	}
	for (uint32_t i = 0; i < img_n(img, IMG_OUT_RULES); i++) {
		const struct img_out_rule *rule = img_out_rule(img, i);

		name_put(image, IMG_KIND_RULE, rule->slot, rule->incarnation,
			 img_text(img, rule->name));
	}
	image_free(names->image[NAMES_IMAGES - 1]);
	memmove(&names->image[1], &names->image[0], (NAMES_IMAGES - 1) * sizeof(names->image[0]));
	names->image[0] = image;
}

const struct name *
names_find(const struct names *names, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	for (uint32_t i = 0; i < NAMES_IMAGES && names->image[i] != NULL; i++) {
		const struct names_image *image = names->image[i];

		if (slot < image->n[kind] && incarnation != 0 &&
		    image->name[kind][slot].incarnation == incarnation)
			return &image->name[kind][slot];
	}
	return NULL;
}

void
names_fini(struct names *names)
{
	for (uint32_t i = 0; i < NAMES_IMAGES; i++)
		image_free(names->image[i]);
	*names = (struct names){ 0 };
}
