/*
 * fault.h - what is wrong with bytes of another process, and where: the answer of every validator
 * in abi/. One list for all files of the run directory, so that any of them can be reported in
 * instance, by penstockctl and in tests by the same words.
 *
 * Plain data without pointers: it crosses processes in dataplane/instance.
 */
#ifndef PENSTOCK_ABI_FAULT_H
#define PENSTOCK_ABI_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define ABI_FAULT_LIST(x)                                                                          \
	x(NONE, none, "nothing wrong")                                                             \
	x(SHORT, short, "shorter than its header")                                                 \
	x(MAGIC, magic, "not a file of this kind")                                                 \
	x(VERSION, version, "a version this program does not know")                                \
	x(SIZE, size, "length differs from what was announced")                                    \
	x(CHECKSUM, checksum, "checksum differs")                                                  \
	x(ALIGN, align, "not aligned")                                                             \
	x(BOUNDS, bounds, "reaches outside the file")                                              \
	x(STRIDE, stride, "records smaller than the first version's")                              \
	x(DUPLICATE, duplicate, "appears twice")                                                   \
	x(UNKNOWN_SECTION, unknown_section, "a required section this program does not know")       \
	x(MISSING_SECTION, missing_section, "a required section is not there")                     \
	x(COUNT, count, "too few or too many")                                                     \
	x(STRING, string, "not a well-formed string")                                              \
	x(EMPTY, empty, "must not be empty")                                                       \
	x(ENUM, enum, "not one of the known words")                                                \
	x(FLAGS, flags, "flags this program does not know")                                        \
	x(RANGE, range, "out of range")                                                            \
	x(REFERENCE, reference, "names a record that is not there")                                \
	x(ORDER, order, "not in the required order")                                               \
	x(FAMILY, family, "IPv4 and IPv6 mixed")                                                   \
	x(OWNER, owner, "owned or writable by the wrong user")                                     \
	x(FILE, file, "cannot be opened or read")                                                  \
	x(MEMORY, memory, "no memory to hold it")                                                  \
	x(CRASHED_BEFORE, crashed_before, "it crashed this program three times in a minute")       \
	x(SEQUENCE, sequence, "sequence number not as expected")
/* clang-format on */

enum abi_fault_kind {
#define X(name, word, text) ABI_FAULT_##name,
	ABI_FAULT_LIST(X)
#undef X
	ABI_FAULTS
};

#define ABI_NONE 0xffffffffu /* "no index" in every uint32_t that refers to a record */

enum {
	ABI_FIELD_BYTES = 28,
	ABI_FAULT_TEXT_BYTES = 160, /* room for abi_fault_print */
};

/* kind NONE: nothing wrong. */
struct abi_fault {
	uint32_t kind;		     /* enum abi_fault_kind */
	uint32_t record_i;	     /* within the part, or ABI_NONE */
	char part[ABI_FIELD_BYTES];  /* section or file part, e.g. "servers"; "" the file itself */
	char field[ABI_FIELD_BYTES]; /* e.g. "http_port"; "" the record or part itself */
};

/* "checksum", …; "unknown" for a number outside the list. */
const char *abi_fault_name(uint32_t kind);

/* The sentence that explains it. */
const char *abi_fault_text(uint32_t kind);

/* Puts a fault together; long names are cut. */
struct abi_fault abi_fault_at(enum abi_fault_kind kind, const char *part, uint32_t record_i,
			      const char *field);

/* "servers[3].http_port: out of range (range)" into text; always terminated. Returns text. */
const char *abi_fault_print(const struct abi_fault *fault, char *text, size_t n);

/*
 * Whether room bytes hold a terminated word of printable ASCII: what people read on a terminal and
 * programs as JSON must not bring another plane's escape sequences or broken characters.
 */
bool abi_is_word(const char *text, size_t room);

#endif
