/*
 * iis_text.c - files of IIS to UTF-8 text: byte order marks, declared encodings, limits (1.3).
 *
 * The XML declaration has had its say here and becomes blanks, so that places stay what they are
 * in the user's editor and the parser does not decode a second time.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/iis_parts.h"

enum {
	DECLARATION_MAX = 256, /* bytes in which an XML declaration ends */
	ENCODING_MAX = 40,
	GROWTH_MAX = 3, /* bytes of UTF-8 a byte of another encoding makes at most, about */
};

static bool
refuse(struct iis_load *load, const char *file, const char *text)
{
	conf_err_add(load->errs, (struct conf_pos){ file, 1, 1 }, "%s", text);
	return false;
}

static bool
begins(const struct iis_text *file, const char *bytes, size_t n)
{
	return file->n >= n && memcmp(file->bytes, bytes, n) == 0;
}

/* The encoding that the XML declaration names, "" without one. */
static void
declared_encoding(const struct iis_text *file, char ret_name[static ENCODING_MAX])
{
	char head[DECLARATION_MAX];
	size_t n = file->n < sizeof(head) ? file->n : sizeof(head) - 1;
	const char *p;
	char quote;

	ret_name[0] = 0;
	memcpy(head, file->bytes, n < sizeof(head) ? n : sizeof(head) - 1);
	head[n < sizeof(head) ? n : sizeof(head) - 1] = 0;
	if (strncmp(head, "<?xml", 5) != 0 || strstr(head, "?>") == NULL)
		return;
	*strstr(head, "?>") = 0;
	p = strstr(head, "encoding");
	if (p == NULL)
		return;
	p += strlen("encoding");
	p += strspn(p, " \t\r\n=");
	quote = *p;
	if ((quote != '"' && quote != '\'') || strchr(p + 1, quote) == NULL)
		return;
	p++;
	n = strcspn(p, quote == '"' ? "\"" : "'");
	if (n < ENCODING_MAX) {
		memcpy(ret_name, p, n);
		ret_name[n] = 0;
	}
}

/* What the bytes are, and how many of them are a byte order mark. */
static const char *
encoding_of(const struct iis_text *file, char name[static ENCODING_MAX], size_t *ret_mark_n)
{
	*ret_mark_n = 3;
	if (begins(file, "\xef\xbb\xbf", 3))
		return "UTF-8";
	*ret_mark_n = 2;
	if (begins(file, "\xff\xfe", 2))
		return "UTF-16LE";
	if (begins(file, "\xfe\xff", 2))
		return "UTF-16BE";
	*ret_mark_n = 0;
	if (begins(file, "<\0", 2))
		return "UTF-16LE";
	if (begins(file, "\0<", 2))
		return "UTF-16BE";
	declared_encoding(file, name);
	return name[0] == 0 ? "UTF-8" : name;
}

/* A declared name that iconv may be asked for. The wide ones were known by their first bytes. */
static bool
is_plain_name(const char *name)
{
	if (strcasecmp(name, "UTF-16") == 0 || strncasecmp(name, "UTF-32", 6) == 0 ||
	    strncasecmp(name, "UCS", 3) == 0 || strncasecmp(name, "ISO-10646", 9) == 0)
		return false;
	for (const char *p = name; *p != 0; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.:", *p) == NULL)
			return false;
	return true;
}

static bool
convert(struct iis_load *load, const char *file, const char *encoding, struct iis_span from,
	char **ret_text, size_t *ret_n)
{
	size_t room = from.n * GROWTH_MAX + 16, left = room;
	iconv_t way = is_plain_name(encoding) ? iconv_open("UTF-8", encoding) : (iconv_t)-1;
	char *in = (char *)(uintptr_t)from.p, *text, *out;
	size_t bad;

	if (way == (iconv_t)-1) {
		conf_err_add(load->errs, (struct conf_pos){ file, 1, 1 },
			     "the file declares the encoding '%s', which it does not have or "
			     "which is not known here; save it as UTF-8 and declare that",
			     encoding);
		return false;
	}
	text = out = arena_take(load->arena, room + 1);
	bad = iconv(way, &in, &from.n, &out, &left);
	iconv_close(way);
	if (bad == (size_t)-1) {
		conf_err_add(load->errs, (struct conf_pos){ .file = file },
			     "byte %zu is not %s text; save the file as UTF-8",
			     (size_t)(in - from.p), encoding);
		return false;
	}
	*ret_text = text;
	*ret_n = (size_t)(out - text);
	return true;
}

/* Bytes of the character at p, 0: not UTF-8 or no character of XML. */
static size_t
character_n(const unsigned char *p, const unsigned char *end)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	uint32_t c = *p;

	if (n == 1)
		return c >= 0x20 || c == '\t' || c == '\n' || c == '\r' ? 1 : 0;
	if (*p < 0xc2 || *p > 0xf4 || (size_t)(end - p) < n)
		return 0;
	c = *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ? 0 : n;
}

static bool
is_text(struct iis_load *load, const char *file, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;
	struct conf_pos at = { file, 1, 1 };

	while (p < end) {
		size_t step = character_n(p, end);

		if (step == 0) {
			conf_err_add(load->errs, at,
				     "byte 0x%02x is %s; save the file as UTF-8, or declare its "
				     "encoding in the first line",
				     *p, *p < 0x20 ? "no character of XML" : "not UTF-8 text");
			return false;
		}
		at.line += *p == '\n';
		at.col = *p == '\n' ? 1 : at.col + 1;
		p += step;
	}
	return true;
}

static void
declaration_blank(char *text)
{
	char *end = strncmp(text, "<?xml", 5) == 0 && isspace((unsigned char)text[5])
			    ? strstr(text, "?>")
			    : NULL;

	for (char *p = text; end != NULL && p < end + 2; p++)
		if (*p != '\n')
			*p = ' ';
}

bool
iis_decode(struct iis_load *load, const struct iis_text *file, char **ret_text, size_t *ret_n)
{
	char name[ENCODING_MAX];
	size_t mark_n;
	const char *encoding;
	struct iis_span rest;

	if (file->n > IIS_BYTES_MAX)
		return refuse(
			load, file->name,
			"the file is larger than 16 MiB; put large rewrite maps into files of "
			"their own (configSource, or a FileMapProvider)");
	if (file->n == 0)
		return refuse(load, file->name,
			      "the file is empty; it must hold <configuration>, "
			      "<system.webServer> or <rewrite>");
	encoding = encoding_of(file, name, &mark_n);
	rest = (struct iis_span){ (const char *)file->bytes + mark_n, file->n - mark_n };
	if (strcasecmp(encoding, "UTF-8") == 0) {
		*ret_text = arena_text(load->arena, rest.p, rest.n);
		*ret_n = rest.n;
	} else if (!convert(load, file->name, encoding, rest, ret_text, ret_n)) {
		return false;
	}
	if (!is_text(load, file->name, *ret_text, *ret_n))
		return false;
	declaration_blank(*ret_text);
	return true;
}

/* A plain file; anything else might keep the reader waiting for ever. */
static FILE *
file_open(struct arena *arena, const char *path, const char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *file = NULL;

	if (fd < 0 || fstat(fd, &st) != 0)
		*ret_why = conf_errno_text(errno, arena);
	else if (!S_ISREG(st.st_mode) && strncmp(path, "/dev/", 5) != 0)
		*ret_why = "it is no plain file";
	else if (fcntl(fd, F_SETFL, 0) != 0 || (file = fdopen(fd, "r")) == NULL)
		*ret_why = strerror(errno);
	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

bool
iis_file_read(const struct iis_at *at, const char *path, struct conf_pos pos,
	      struct iis_text *ret_file)
{
	FILE *file;
	size_t room = IIS_BYTES_MAX + 1, n = 0;
	const char *why = NULL;
	char *bytes;

	if (pos.line == 0)
		pos.file = path;
	if (at->load->is_alone && pos.line > 0) {
		iis_refuse(at, pos, "no further files are read here; write out what '%s' holds",
			   path);
		return false;
	}
	file = file_open(at->load->arena, path, &why);
	if (at->load->file_n++ == IIS_FILES_MAX)
		why = "too many files";
	bytes = malloc(room);
	if (file != NULL && bytes != NULL)
		n = fread(bytes, 1, room, file);
	if (file != NULL && (bytes == NULL || ferror(file)))
		why = strerror(errno);
	if (why == NULL)
		*ret_file = (struct iis_text){ arena_text(at->load->arena, path, strlen(path)),
					       arena_text(at->load->arena, bytes, n), n };
	else
		iis_refuse(at, pos, "cannot read '%s' (%s); check the path and its rights", path,
			   why);
	if (file != NULL)
		fclose(file);
	free(bytes);
	return why == NULL;
}

const char *
iis_path_beside(const struct iis_at *at, const char *beside, const char *name, struct conf_pos pos,
		const char *what)
{
	const char *slash = strrchr(beside, '/');
	char *path = arena_format(at->load->arena, "%.*s%s",
				  slash == NULL ? 0 : (int)(slash + 1 - beside), beside, name);
	char *own = path + strlen(path) - strlen(name);

	for (char *p = own; *p != 0; p++)
		if (*p == '\\')
			*p = '/';
	if (own[0] == 0 || own[0] == '/' || (own[0] != 0 && own[1] == ':') ||
	    strstr(own, "../") != NULL || strcmp(own, "..") == 0 ||
	    (strlen(own) > 2 && strcmp(own + strlen(own) - 3, "/..") == 0)) {
		iis_refuse(at, pos,
			   "%s '%s' is no file beside or below '%s'; put the file there and "
			   "name it without '..' and without a drive",
			   what, name, beside);
		return NULL;
	}
	return path;
}
