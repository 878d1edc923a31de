/*
 * packet_file.h - the file that packets are written to: pcapng, for its owner's eyes alone, and of
 * whole packets only, also when there is no more room for them.
 */
#ifndef PENSTOCK_CONTROL_CTL_PACKET_FILE_H
#define PENSTOCK_CONTROL_CTL_PACKET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/pcapng.h"

struct packet_file {
	const char *path;	   /* NULL: a stream of somebody's, which cannot be cut */
	FILE *file;		   /* NULL: not open */
	bool is_made;		   /* was not there before: goes again when nothing is written */
	uint64_t packet_n, byte_n; /* given to it */
	uint64_t kept_packet_n, kept_byte_n; /* of these in the file, as far as is known */
};

/*
 * "-" is standard output. What is in the file stays as it is until packet_file_begin. False: it
 * cannot be written, errno says why (EPERM: it is not a file of ours alone, ENOTTY: a terminal).
 */
bool packet_file_open(const char *path, struct packet_file *ret_file);

/* Nothing will be written: all is as before packet_file_open. */
void packet_file_give_up(struct packet_file *f);

/* Empties it. False: it cannot be (errno). */
bool packet_file_begin(struct packet_file *f);

void packet_file_section(struct packet_file *f, const char *program);
void packet_file_interface(struct packet_file *f, const char *name, uint32_t snap);
void packet_file_packet(struct packet_file *f, const struct pcapng_packet *packet);

/*
 * Brings all that was given into the file. False: not all of it is there (errno); the file was cut
 * behind the last packet that it has whole, and takes nothing any more.
 */
bool packet_file_flush(struct packet_file *f);

/* The same, and closes it; standard output stays open. */
bool packet_file_close(struct packet_file *f);

#endif
