/*
 * state.h - a stream of a coding: what codec.c and the wrappers of the two libraries share.
 */
#ifndef PENSTOCK_CODEC_STATE_H
#define PENSTOCK_CODEC_STATE_H

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>

#include "base/heap.h"
#include "codec/codec.h"

enum {
	/* Fast ones: a lane turns for everybody. Measured on HTML: 190 and 230 MB/s a core, within
	 * a fifth of the size that three times the work would give. */
	GZIP_LEVEL = 3,
	BR_LEVEL = 3,
	BR_WINDOW_BITS = 16,
};

struct codec {
	struct heap heap; /* all that the library takes */
	uint8_t kind;	  /* enum codec_kind */
	uint8_t fault;	  /* enum codec_fault */
	bool is_encoder;
	bool has_begun;	 /* bytes were given */
	bool is_whole;	 /* decoder: at an end of the coding */
	bool is_padded;	 /* ... zeros came behind it */
	bool is_ended;	 /* encoder: all is out */
	uint8_t first_n; /* DEFLATE, decoder: bytes in `first`, until the format is known */
	uint8_t first[2];
	bool is_open; /* z is */
	bool is_flushed;
	uint64_t in_bytes, out_bytes; /* decoder */
	union {
		z_stream z;
		BrotliDecoderState *br_in;
		BrotliEncoderState *br_out;
	};
};

/* Decoding and encoding without codec.c's accounts; FAULT: c->fault is set. */
enum codec_verdict z_decode(struct codec *c, struct codec_io *io);
enum codec_verdict z_encode(struct codec *c, struct codec_io *io);
enum codec_verdict br_decode(struct codec *c, struct codec_io *io);
enum codec_verdict br_encode(struct codec *c, struct codec_io *io);

bool z_open(struct codec *c);
bool br_open(struct codec *c);

static inline enum codec_verdict
codec_fail(struct codec *c, enum codec_fault fault)
{
	c->fault = (uint8_t)fault;
	return CODEC_VERDICT_FAULT;
}

#endif
