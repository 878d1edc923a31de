/*
 * doctor.c - the doctor's list of findings and his readers of files, see doctor.h.
 */
#include "ctl/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_MAX = 1 << 20,
};

const char *
doctor_severity_name(enum doctor_severity severity)
{
	static const char *const name[] = {
#define X(id, word) [id] = word,
		DOCTOR_SEVERITIES(X)
#undef X
	};

	return name[severity];
}

void
doctor_look(struct doctor *doctor)
{
	doctor_processor(doctor);
	doctor_memory(doctor);
	doctor_ports(doctor);
	doctor_excepts(doctor);
}

void
doctor_fini(struct doctor *doctor)
{
	arena_fini(&doctor->arena);
	doctor->n = 0;
}

enum doctor_severity
doctor_worst(const struct doctor *doctor)
{
	enum doctor_severity worst = DOCTOR_OK;

	for (uint32_t i = 0; i < doctor->n; i++)
		if (doctor->finding[i].severity > worst)
			worst = doctor->finding[i].severity;
	return worst;
}

/* The last place tells that there was more: a machine with so many ports has its first cures. */
void
doctor_add(struct doctor *doctor, const char *what, enum doctor_severity severity, const char *text,
	   const char *cure)
{
	if (doctor->n == DOCTOR_FINDINGS_MAX) {
		doctor->finding[DOCTOR_FINDINGS_MAX - 1] =
			(struct doctor_finding){ "more", DOCTOR_BAD,
						 "there are more findings than can be listed",
						 "cure these, then look again" };
		return;
	}
	doctor->finding[doctor->n++] = (struct doctor_finding){ what, severity, text, cure };
}

/* Files of /proc and /sys have no size to ask for. */
char *
doctor_file(struct doctor *doctor, const char *path)
{
	const char *name = arena_format(&doctor->arena, "%s%s", doctor->root, path);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *bytes, *text = NULL;
	size_t n = 0;
	ssize_t got = -1;

	if (fd < 0)
		return NULL;
	bytes = malloc(FILE_MAX);
	while (bytes != NULL && n < FILE_MAX) {
		got = read(fd, bytes + n, FILE_MAX - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	if (bytes != NULL && got >= 0)
		text = arena_text(&doctor->arena, bytes, n);
	free(bytes);
	return text;
}

char *
doctor_line(struct doctor *doctor, const char *path)
{
	char *text = doctor_file(doctor, path);
	size_t n = text != NULL ? strlen(text) : 0;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = '\0';
	return text;
}

/* Behind `key` at the front of a line; NULL: no line begins so. */
static const char *
behind_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text != NULL && strncmp(text, key, n) != 0) {
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return text != NULL ? text + n : NULL;
}

bool
doctor_has_word(const char *text, const char *key, const char *word)
{
	const char *at = behind_key(text, key);
	size_t n = strlen(word);

	while (at != NULL && *at != '\0' && *at != '\n') {
		size_t blank = strspn(at, " \t:"), len = strcspn(at + blank, " \t:\n");

		if (len == n && memcmp(at + blank, word, n) == 0)
			return true;
		at += blank + len;
	}
	return false;
}

bool
doctor_number(const char *text, const char *key, uint64_t *ret_v)
{
	const char *at = behind_key(text, key);
	char *end = NULL;
	uint64_t v;

	if (at == NULL)
		return false;
	at += strspn(at, " \t:");
	if (*at < '0' || *at > '9')
		return false;
	v = strtoull(at, &end, 10);
	*ret_v = v;
	return end != at;
}

/* ---- sets of processors ---- */

void
doctor_cpus_add(struct doctor_cpus *cpus, uint32_t cpu)
{
	if (cpu < DOCTOR_CPUS_MAX)
		cpus->word[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

bool
doctor_cpus_has(const struct doctor_cpus *cpus, uint32_t cpu)
{
	return cpu < DOCTOR_CPUS_MAX && (cpus->word[cpu / 64] >> cpu % 64 & 1) != 0;
}

uint32_t
doctor_cpus_n(const struct doctor_cpus *cpus)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX / 64; i++)
		n += (uint32_t)__builtin_popcountll(cpus->word[i]);
	return n;
}

void
doctor_cpus_parse(const char *list, struct doctor_cpus *ret_cpus)
{
	struct doctor_cpus cpus = { { 0 } };
	const char *at = list != NULL ? list : "";

	while (*at >= '0' && *at <= '9') {
		char *end = NULL;
		unsigned long from = strtoul(at, &end, 10), to = from;

		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			to = strtoul(end + 1, &end, 10);
		for (; from <= to && from < DOCTOR_CPUS_MAX; from++)
			doctor_cpus_add(&cpus, (uint32_t)from);
		at = *end == ',' ? end + 1 : end;
		if (*end != ',')
			break;
	}
	*ret_cpus = cpus;
}

const char *
doctor_cpus_text(struct doctor *doctor, const struct doctor_cpus *cpus)
{
	const char *text = "";

	for (uint32_t i = 0; i < DOCTOR_CPUS_MAX; i++) {
		uint32_t to = i;

		if (!doctor_cpus_has(cpus, i))
			continue;
		while (doctor_cpus_has(cpus, to + 1))
			to++;
		text = to > i ? arena_format(&doctor->arena, "%s%s%u-%u", text,
					     text[0] != '\0' ? "," : "", i, to)
			      : arena_format(&doctor->arena, "%s%s%u", text,
					     text[0] != '\0' ? "," : "", i);
		i = to;
	}
	return text;
}
