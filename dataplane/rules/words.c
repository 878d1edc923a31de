/*
 * words.c - the words of the lists in rules.h that are no variables.
 */
#include "rules/rules.h"

const char *
rules_fault_text(enum rules_fault fault)
{
	static const char *const at[] = {
#define X(part, words) words,
		RULES_FAULT_LIST(X)
#undef X
	};

	return (uint32_t)fault < RULES_FAULTS ? at[fault] : "unknown";
}

const char *
rules_outcome_name(enum rules_outcome outcome)
{
	static const char *const at[] = {
#define X(part, word) #word,
		RULES_OUTCOME_LIST(X)
#undef X
	};

	return (uint32_t)outcome < sizeof(at) / sizeof(at[0]) ? at[outcome] : "unknown";
}

const char *
rules_why_text(enum rules_why why)
{
	static const char *const at[] = {
#define X(part, words) words,
		RULES_WHY_LIST(X)
#undef X
	};

	return (uint32_t)why < sizeof(at) / sizeof(at[0]) ? at[why] : "unknown";
}
