/*
 * brotli.c - br by Google's library, whose memory is the stream's own.
 */
#include "codec/state.h"

static void *
take(void *opaque, size_t n)
{
	struct codec *c = opaque;

	return heap_take(&c->heap, n);
}

static void
give(void *opaque, void *p)
{
	struct codec *c = opaque;

	heap_give(&c->heap, p);
}

bool
br_open(struct codec *c)
{
	if (c->is_encoder) {
		c->br_out = BrotliEncoderCreateInstance(take, give, c);
		return c->br_out != NULL &&
		       BrotliEncoderSetParameter(c->br_out, BROTLI_PARAM_QUALITY, BR_LEVEL) &&
		       BrotliEncoderSetParameter(c->br_out, BROTLI_PARAM_LGWIN, BR_WINDOW_BITS);
	}
	c->br_in = BrotliDecoderCreateInstance(take, give, c);
	/* One window for the whole stream: growing it would need room for two. */
	return c->br_in != NULL &&
	       BrotliDecoderSetParameter(c->br_in,
					 BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION, 1);
}

static enum codec_fault
fault_of(const struct codec *c)
{
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(c->br_in);

	return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
			       code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
		       ? CODEC_FAULT_MEMORY
		       : CODEC_FAULT_GARBAGE;
}

enum codec_verdict
br_decode(struct codec *c, struct codec_io *io)
{
	if (c->is_whole)
		return io->in_n == 0 ? CODEC_VERDICT_MORE : codec_fail(c, CODEC_FAULT_TRAILING);
	switch (BrotliDecoderDecompressStream(c->br_in, &io->in_n, &io->in, &io->out_n, &io->out,
					      NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		c->is_whole = true;
		return io->in_n == 0 ? CODEC_VERDICT_MORE : codec_fail(c, CODEC_FAULT_TRAILING);
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
		return CODEC_VERDICT_MORE;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
		return CODEC_VERDICT_ROOM;
	case BROTLI_DECODER_RESULT_ERROR:
		break;
	}
	return codec_fail(c, fault_of(c));
}

static BrotliEncoderOperation
operation(const struct codec *c, const struct codec_io *io)
{
	if (io->is_last)
		return BROTLI_OPERATION_FINISH;
	if (io->flushes && !(c->is_flushed && io->in_n == 0))
		return BROTLI_OPERATION_FLUSH;
	return BROTLI_OPERATION_PROCESS;
}

/* What a flush still owes must be out before there may be more input; false: no room for it. */
static bool
drain(struct codec *c, struct codec_io *io)
{
	while (BrotliEncoderHasMoreOutput(c->br_out)) {
		size_t none = 0;
		const uint8_t *nothing = NULL;

		if (io->out_n == 0 ||
		    !BrotliEncoderCompressStream(c->br_out, BROTLI_OPERATION_PROCESS, &none,
						 &nothing, &io->out_n, &io->out, NULL))
			return false;
	}
	return true;
}

enum codec_verdict
br_encode(struct codec *c, struct codec_io *io)
{
	if (!drain(c, io))
		return io->out_n == 0 ? CODEC_VERDICT_ROOM : codec_fail(c, CODEC_FAULT_MEMORY);
	for (;;) {
		BrotliEncoderOperation op = operation(c, io);

		c->is_flushed = c->is_flushed && io->in_n == 0;
		if (!BrotliEncoderCompressStream(c->br_out, op, &io->in_n, &io->in, &io->out_n,
						 &io->out, NULL))
			return codec_fail(c, CODEC_FAULT_MEMORY);
		if (BrotliEncoderIsFinished(c->br_out)) {
			c->is_ended = true;
			return CODEC_VERDICT_END;
		}
		if (BrotliEncoderHasMoreOutput(c->br_out) || (io->out_n == 0 && io->in_n != 0))
			return CODEC_VERDICT_ROOM;
		if (io->in_n == 0 && op != BROTLI_OPERATION_FINISH) {
			c->is_flushed = c->is_flushed || op == BROTLI_OPERATION_FLUSH;
			return CODEC_VERDICT_MORE;
		}
		if (io->out_n == 0)
			return CODEC_VERDICT_ROOM;
	}
}
