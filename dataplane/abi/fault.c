/*
 * fault.c - names and sentences of faults (fault.h).
 */
#include "abi/fault.h"

#include <stdio.h>
#include <string.h>

static const char *const fault_word[ABI_FAULTS] = {
#define X(name, word, text) [ABI_FAULT_##name] = #word,
	ABI_FAULT_LIST(X)
#undef X
};

static const char *const fault_text[ABI_FAULTS] = {
#define X(name, word, text) [ABI_FAULT_##name] = text,
	ABI_FAULT_LIST(X)
#undef X
};

const char *
abi_fault_name(uint32_t kind)
{
	return kind < ABI_FAULTS ? fault_word[kind] : "unknown";
}

const char *
abi_fault_text(uint32_t kind)
{
	return kind < ABI_FAULTS ? fault_text[kind] : "unknown";
}

static void
put_name(char *to, const char *name)
{
	size_t n = strnlen(name, ABI_FIELD_BYTES - 1);

	memcpy(to, name, n);
}

struct abi_fault
abi_fault_at(enum abi_fault_kind kind, const char *part, uint32_t record_i, const char *field)
{
	struct abi_fault f = { .kind = kind, .record_i = record_i };

	put_name(f.part, part);
	put_name(f.field, field);
	return f;
}

const char *
abi_fault_print(const struct abi_fault *fault, char *text, size_t n)
{
	char at[2 * ABI_FIELD_BYTES + 16], index[16] = "";
	int part_n = (int)strnlen(fault->part, sizeof(fault->part));
	int field_n = (int)strnlen(fault->field, sizeof(fault->field));

	if (fault->record_i != ABI_NONE)
		snprintf(index, sizeof(index), "[%u]", fault->record_i);
	snprintf(at, sizeof(at), "%.*s%s%s%.*s", part_n, fault->part, index,
		 part_n != 0 && field_n != 0 ? "." : "", field_n, fault->field);
	snprintf(text, n, "%s%s%s (%s)", at, at[0] != '\0' ? ": " : "", abi_fault_text(fault->kind),
		 abi_fault_name(fault->kind));
	return text;
}

bool
abi_is_word(const char *text, size_t room)
{
	if (memchr(text, '\0', room) == NULL)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}
