/*
 * record.h - one journal record as a line of the access log, as JSON, in the combined format or
 * the W3C extended one, and its cause as a sentence.
 *
 * Pure. The one place where JSON is written without jansson: at the rate of requests a tree of
 * values per line would cost more than the request. The tests read every kind of line back with
 * jansson. The fields are documented in control/README.md. bench/micro/bench_record.c prints what
 * a line costs.
 */
#ifndef PENSTOCK_CONTROL_RUN_RECORD_H
#define PENSTOCK_CONTROL_RUN_RECORD_H

#include <stddef.h>

#include "abi/journal.h"
#include "conf/log_style.h"
#include "run/names.h"

enum {
	RECORD_LINE_MAX =
		72 * 1024, /* a target of 8 KiB, each byte escaped as \u00xx, and all else */
	RECORD_CAUSE_MAX = 256,
	RECORD_W3C_HEAD_MAX = 2048,
};

/* The second that the last line was of, in the texts of both formats: most lines share it with
 * the line before. Zeroed is none yet. */
struct record_second {
	uint64_t second;   /* Unix, and one more */
	char json[19];	   /* 2026-11-21T08:23:37 */
	char combined[28]; /* [21/Nov/2026:08:23:37 +0000] */
};

/*
 * The line with its newline into text, which has RECORD_LINE_MAX bytes. The strings are no longer
 * than the journal's maxima (journal_next sees to that). Returns its length. Not terminated.
 */
size_t record_line(const struct log_style *style, const struct journal_access *access,
		   const struct journal_text *strings, const struct names *names,
		   struct record_second *second, char text[RECORD_LINE_MAX]);

/*
 * The directives at the front of a W3C log and again after each opening of its file: software,
 * version, date and fields, each a line. version is of this program, below 64 bytes. Returns the
 * length. Not terminated.
 */
size_t record_w3c_head(const struct log_style *style, const char *version, uint64_t unix_s,
		       char text[RECORD_W3C_HEAD_MAX]);

/*
 * "receive timeout after 30 s from a (10.0.0.11:8080)"; "" when nothing went wrong. Returns text.
 */
const char *record_cause(const struct journal_access *access, const struct names *names,
			 char text[RECORD_CAUSE_MAX]);

/* ---- between record.c and record_w3c.c ---- */

void record_second_set(struct record_second *second, uint64_t time_ns);

char *record_w3c_line(char *at, const struct log_style *style, const struct journal_access *access,
		      const struct journal_text *strings, const struct names *names,
		      const struct record_second *second);

#endif
