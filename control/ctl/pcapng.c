/*
 * pcapng.c - see pcapng.h. Every block says its length in front and behind; options are a number,
 * a length, and bytes padded to 4, ended by a zero. Numbers are in the order of this machine, as
 * the section's magic tells.
 */
#include "ctl/pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BYTE_ORDER = 0x1a2b3c4d,
	LINK_ETHERNET = 1,

	OPTION_COMMENT = 1,
	OPTION_NAME = 2,    /* of an interface */
	OPTION_FLAGS = 2,   /* of a packet */
	OPTION_PROGRAM = 4, /* of a section */
	OPTION_RESOLUTION = 9,
	NANOSECONDS = 9, /* 10 to the minus ninth */
	INBOUND = 1,
	OUTBOUND = 2,
};

static uint32_t
padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

static uint32_t
option_bytes(uint32_t n)
{
	return 4 + padded(n);
}

static void
put32(FILE *file, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, file);
}

static void
put_padded(FILE *file, const void *bytes, uint32_t n)
{
	fwrite(bytes, 1, n, file);
	fwrite("\0\0\0", 1, padded(n) - n, file);
}

static void
put_option(FILE *file, uint16_t number, const void *bytes, uint32_t n)
{
	uint16_t head[2] = { number, (uint16_t)n };

	fwrite(head, sizeof(head), 1, file);
	put_padded(file, bytes, n);
}

uint32_t
pcapng_section(FILE *file, const char *program)
{
	uint32_t n = (uint32_t)strlen(program), all = 28 + option_bytes(n) + 4;
	uint16_t version[2] = { 1, 0 };
	uint64_t unknown = UINT64_MAX; /* the section's length */

	put32(file, BLOCK_SECTION);
	put32(file, all);
	put32(file, BYTE_ORDER);
	fwrite(version, sizeof(version), 1, file);
	fwrite(&unknown, sizeof(unknown), 1, file);
	put_option(file, OPTION_PROGRAM, program, n);
	put32(file, 0);
	put32(file, all);
	return all;
}

uint32_t
pcapng_interface(FILE *file, const char *name, uint32_t snap)
{
	uint32_t n = (uint32_t)strlen(name), all = 20 + option_bytes(n) + option_bytes(1) + 4;
	uint8_t resolution = NANOSECONDS;

	put32(file, BLOCK_INTERFACE);
	put32(file, all);
	put32(file, LINK_ETHERNET); /* and 16 bits that are kept free */
	put32(file, snap);
	put_option(file, OPTION_NAME, name, n);
	put_option(file, OPTION_RESOLUTION, &resolution, 1);
	put32(file, 0);
	put32(file, all);
	return all;
}

uint32_t
pcapng_packet(FILE *file, const struct pcapng_packet *p)
{
	uint32_t comment_n = p->comment != NULL ? (uint32_t)strlen(p->comment) : 0;
	uint32_t flags = p->is_out ? OUTBOUND : INBOUND;
	uint32_t all = 32 + padded(p->kept_n) + option_bytes(4) + 4 +
		       (comment_n > 0 ? option_bytes(comment_n) : 0);

	put32(file, BLOCK_PACKET);
	put32(file, all);
	put32(file, p->interface_i);
	put32(file, (uint32_t)(p->time_ns >> 32));
	put32(file, (uint32_t)p->time_ns);
	put32(file, p->kept_n);
	put32(file, p->n);
	put_padded(file, p->bytes, p->kept_n);
	put_option(file, OPTION_FLAGS, &flags, 4);
	if (comment_n > 0)
		put_option(file, OPTION_COMMENT, p->comment, comment_n);
	put32(file, 0);
	put32(file, all);
	return all;
}
