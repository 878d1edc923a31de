/*
 * Rules as IIS has them: what good files become. Numbers are sections of the rules' reference.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "iis_reading.h"

/* ---- good files ---- */

/* 1.2: what is left out is as the shipped schema says. */
static void
defaults_are_those_of_the_schema(void **state)
{
	const struct rule *rule;
	const struct out_rule *out;
	const struct rule_cond *cond;
	struct reading r;

	(void)state;
	reading_good(&r, "<rewrite><rules><rule name='a'><match url='x'/><conditions>"
			 "<add input='{URL}' pattern='y'/></conditions><serverVariables>"
			 "<set name='HTTP_A'/></serverVariables><action type='redirect' url=' z '/>"
			 "</rule><rule name='b'><match url='x'/></rule></rules><outboundRules>"
			 "<rule name='c'><match pattern='p'/></rule></outboundRules></rewrite>");
	rule = scope_at(r.sets, 0)->rules;
	assert_true(rule->is_enabled && !rule->stops && rule->ignores_case && !rule->is_negated);
	assert_int_equal(rule->syntax, IMG_SYNTAX_REGEX);
	assert_false(rule->conds.match_any || rule->conds.track_all);
	assert_true(rule->appends_query && !rule->logs_rewritten);
	assert_int_equal(rule->status, 301);
	assert_string_equal(rule->url.s, "z");
	cond = rule->conds.first;
	assert_int_equal(cond->kind, IMG_COND_PATTERN);
	assert_true(cond->ignores_case && !cond->is_negated);
	assert_true(rule->set->replaces);
	assert_string_equal(rule->set->value.s, "");
	assert_int_equal(rule->next->action, IMG_ACTION_NONE);
	assert_false(scope_at(r.sets, 0)->keeps_escapes);
	out = scope_at(r.sets, 1)->outs;
	assert_int_equal(scope_at(r.sets, 1)->kind, IMG_SCOPE_OUTBOUND);
	assert_false(scope_at(r.sets, 1)->before_cache);
	assert_int_equal(out->kind, IMG_OUT_BODY);
	assert_true(out->is_enabled && !out->stops && out->ignores_case && out->conds.track_all);
	assert_int_equal(out->occurrences, 0);
	assert_int_equal(out->action, IMG_ACTION_NONE);
	assert_true(out->replaces);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* 1.1: three roots, and an empty file of each. */
static void
all_three_roots_are_read(void **state)
{
	static const char *const text[] = {
		"<configuration><system.webServer>" RULE(
			MATCH) "</system.webServer></configuration>",
		"<system.webServer>" RULE(MATCH) "</system.webServer>",
		RULE(MATCH),
		"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\r\n" RULE(MATCH),
	};
	struct reading r;

	(void)state;
	for (size_t i = 0; i < N(text); i++) {
		reading_good(&r, text[i]);
		assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "r1");
		assert_string_equal(scope_at(r.sets, 0)->folder, "/");
		reading_end(&r);
	}
	reading_good(&r, "<configuration/>");
	assert_null(r.sets->scopes);
	reading_end(&r);
}

/* 1.3: words compare without case; 12.2: redirect types. */
static void
words_compare_without_case(void **state)
{
	static const struct {
		const char *word;
		uint16_t status;
	} type[] = { { "permanent", 301 }, { "FOUND", 302 },	    { "SeeOther", 303 },
		     { "temporary", 307 }, { "PermRedirect", 308 }, { "301", 301 },
		     { "302", 302 },	   { "303", 303 },	    { "307", 307 },
		     { "308", 308 } };
	struct reading r;
	char text[256];

	(void)state;
	for (size_t i = 0; i < N(type); i++) {
		snprintf(text, sizeof(text),
			 ACTION("type=\"REDIRECT\" url=\"x\" appendQueryString=\"False\" "
				"redirectType=\"%s\""),
			 type[i].word);
		reading_good(&r, text);
		assert_int_equal(scope_at(r.sets, 0)->rules->status, type[i].status);
		assert_false(scope_at(r.sets, 0)->rules->appends_query);
		reading_end(&r);
	}
	reading_good(&r, COND("input=\"{REQUEST_FILENAME}\" matchType=\"isFile\" negate=\"True\""));
	assert_int_equal(scope_at(r.sets, 0)->rules->conds.first->kind, IMG_COND_FILE);
	assert_true(scope_at(r.sets, 0)->rules->conds.first->is_negated);
	reading_end(&r);
}

/* Places point at the value itself, in characters. */
static void
places_are_those_of_values(void **state)
{
	const struct rule *rule;
	struct reading r;

	(void)state;
	reading_good(&r, "<rewrite>\r\n<rules>\r\n\t<!-- é <rule> --><rule name=\"é\"\n"
			 "  stopProcessing=\"true\"><match   url = 'é&amp;x'   ignoreCase='false'/>"
			 "<action type=\"Rewrite\" url=\"  /y\"/></rule></rules></rewrite>");
	rule = scope_at(r.sets, 0)->rules;
	assert_int_equal(rule->at.line, 3);
	assert_int_equal(rule->at.col, 19);
	assert_int_equal(rule->name.at.col, 31);
	assert_string_equal(rule->match.s, "é&x");
	assert_int_equal(rule->match.at.line, 4);
	assert_int_equal(rule->match.at.col, 41);
	assert_int_equal(rule->url.at.col, 102);
	assert_true(rule->stops && !rule->ignores_case);
	reading_end(&r);
}

/* Declared encodings, and UTF-16 with a byte order mark. */
static void
encodings_are_read(void **state)
{
	static const char latin[] = "<?xml version='1.0' encoding='windows-1252'?>"
				    "<rewrite><rules><rule name='\xe4\x80'><match url='x'/></rule>"
				    "</rules></rewrite>";
	static const char wide_text[] = "<?xml version='1.0' encoding='utf-16'?><rewrite><rules>"
					"<rule name='w'><match url='x'/></rule></rules></rewrite>";
	char wide[2 * sizeof(wide_text)] = "\xff\xfe";
	struct iis_texts texts = { .web_config = { "w", latin, sizeof(latin) - 1 } };
	struct reading r = { 0 };

	(void)state;
	r.sets = iis_open_text(&r.arena, &texts, &r.errs, &r.warns);
	assert_non_null(r.sets);
	assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "ä€");
	for (size_t i = 0; i + 1 < sizeof(wide_text); i++)
		wide[2 + 2 * i] = wide_text[i];
	texts.web_config = (struct iis_text){ "w", wide, 2 * sizeof(wide_text) };
	r.sets = iis_open_text(&r.arena, &texts, &r.errs, &r.warns);
	assert_non_null(r.sets);
	assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "w");
	reading_end(&r);
}

/* ---- levels ---- */

#define NAMED(name) "<rule name='" name "'><match url='x'/></rule>"
#define SECTION(text)                                                                              \
	"<system.webServer><rewrite><rules>" text "</rules></rewrite></system.webServer>"

/* "folder: names without those of excepts" of each scope, a line each. */
static const char *
scopes_text(struct reading *r)
{
	const char *text = "";

	for (const struct rule_scope *s = r->sets->scopes; s != NULL; s = s->next) {
		text = arena_format(&r->arena, "%s%s %s:", text, img_scope_kind_name(s->kind),
				    s->folder);
		for (const struct rule *rule = s->rules; rule != NULL; rule = rule->next)
			text = arena_format(&r->arena, "%s %s", text, rule->name.s);
		for (const struct out_rule *out = s->outs; out != NULL; out = out->next)
			text = arena_format(&r->arena, "%s %s", text, out->name.s);
		for (const struct rule_folder *f = s->excepts; f != NULL; f = f->next)
			text = arena_format(&r->arena, "%s !%s", text, f->folder);
		text = arena_format(&r->arena, "%s\n", text);
	}
	return text;
}

/* 1.1, 1.3: folders inherit from their parents, and clear or remove what they inherit. */
static void
children_inherit_clear_and_remove(void **state)
{
	struct reading r;

	(void)state;
	reading_good(
		&r,
		"<configuration><location path='b/c'>" SECTION(NAMED("4")) "</location>" SECTION(
			NAMED("1") NAMED("2") NAMED(
				"3")) "<location path='b'>" SECTION("<remove "
								    "name='2'/"
								    ">" NAMED(
									    "5")) "</"
										  "locat"
										  "ion><"
										  "locat"
										  "ion "
										  "path="
										  "'/d/"
										  "'"
										  ">" SECTION(
											  "<clear/"
											  ">" NAMED(
												  "1")) "</location></configuration>");
	assert_string_equal(scopes_text(&r), "distributed /: 1 !/d\n"
					     "distributed /: 2 !/d !/b\n"
					     "distributed /: 3 !/d\n"
					     "distributed /b: 5\n"
					     "distributed /d: 1\n"
					     "distributed /b/c: 4\n");
	reading_end(&r);

	reading_good(&r, "<rewrite><rules>" NAMED("1") "<clear/>" NAMED("2")
				 NAMED("3") "<remove name='2'/>" NAMED("2") "</rules></rewrite>");
	assert_string_equal(scopes_text(&r), "distributed /: 3 2\n");
	reading_end(&r);

	reading_open(&r,
		     "<configuration>" SECTION(NAMED("a")) "\n<location path='x'>" SECTION(
			     NAMED("a")) "</location></configuration>",
		     NULL, NULL);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "rule 'a': the name is already in use in line 1"));
	reading_end(&r);
}

#define HOST                                                                                       \
	"<configuration><system.applicationHost><sites><site name='Main' id='1'/><site name='B'/>" \
	"</sites></system.applicationHost><webFarms/"                                              \
	"><system.webServer><rewrite><globalRules>" NAMED(                                         \
		"g") "</globalRules><allowedServerVariables><add name='HTTP_X'/>"                  \
		     "</allowedServerVariables></rewrite></system.webServer><location "            \
		     "path='B/blog'>" SECTION(                                                     \
			     NAMED("b")) "</location><location "                                   \
					 "path='main'>" SECTION(NAMED(                             \
						 "m")) "</location><location "                     \
						       "path='Main/blog/"                          \
						       "old'>" SECTION(NAMED(                      \
							       "o")) "</location></configuration>"

/* 1.1: applicationHost.config above the web.config of a site. */
static void
application_host_is_the_parent(void **state)
{
	struct reading r;

	(void)state;
	reading_open(&r, "<rewrite><rules>" NAMED("w") "</rules></rewrite>", HOST, "/blog/");
	assert_non_null(r.sets);
	assert_string_equal(scopes_text(&r), "global /: g\n"
					     "distributed /: m\n"
					     "distributed /blog: w\n"
					     "distributed /blog/old: o\n");
	assert_true(r.sets->is_strict);
	assert_string_equal(r.sets->allowed->name.s, "HTTP_X");
	assert_true(is_told(&r.warns, "those of 'main' are taken, write 'B/'"));
	assert_true(is_told(&r.warns, "skipped: webFarms"));
	reading_end(&r);

	reading_open(&r, "<rewrite><rules>" NAMED("w") "</rules></rewrite>", HOST, "B/blog");
	assert_string_equal(scopes_text(&r), "global /: g\n"
					     "distributed /blog: b\n"
					     "distributed /blog: w\n");
	reading_end(&r);

	reading_open(&r, NULL, HOST, NULL);
	assert_non_null(r.sets);
	reading_end(&r);
	reading_open(&r, "<rewrite><rules>" NAMED("w") "</rules></rewrite>", NULL, "Site/blog");
	assert_string_equal(scopes_text(&r), "distributed /blog: w\n");
	reading_end(&r);
}

/* Attributes of sections are inherited as rules are. */
static void
attributes_of_sections_are_inherited(void **state)
{
	struct reading r;

	(void)state;
	reading_good(
		&r,
		"<configuration><system.webServer><rewrite>"
		"<rules useOriginalURLEncoding='false'>" NAMED(
			"1") "</rules><outboundRules rewriteBeforeCache='true'><rule name='o'>"
			     "<match "
			     "pattern='x'/></rule></outboundRules></rewrite></system.webServer>"
			     "<location path='a'>" SECTION(NAMED(
				     "2")) "</location><location "
					   "path='b'><system.webServer><rewrite>"
					   "<rules useOriginalURLEncoding='true'>" NAMED(
						   "3") "</rules></rewrite></system.webServer></"
							"location></configuration>");
	assert_true(scope_at(r.sets, 0)->keeps_escapes);
	assert_true(scope_at(r.sets, 1)->keeps_escapes);
	assert_false(scope_at(r.sets, 2)->keeps_escapes);
	assert_true(scope_at(r.sets, 3)->before_cache);
	reading_end(&r);
}

#define MAPS(value)                                                                                \
	"<rewriteMaps><rewriteMap name='M'><add key='k' value='" value                             \
	"'/></rewriteMap></rewriteMaps>"
#define USES(name)                                                                                 \
	"<rules><rule name='" name "'><match url='x'/><action type='Rewrite' "                     \
	"url='/{ToLower:{m:{R:0}}}{M:k}{N:k}'/></rule></rules>"

/* Two maps of one name, in folders that do not see each other. */
static void
maps_of_one_name_are_told_apart(void **state)
{
	struct reading r;

	(void)state;
	reading_good(&r,
		     "<configuration><location path='a'><system.webServer><rewrite>" MAPS("1")
			     USES("1") "</rewrite></system.webServer></location><location path='b'>"
				       "<system.webServer><rewrite>" MAPS("2")
					       USES("2") "</rewrite></system.webServer></"
							 "location></configuration>");
	assert_string_equal(r.sets->maps->name.s, "M@/a");
	assert_string_equal(r.sets->maps->next->name.s, "M@/b");
	assert_string_equal(scope_at(r.sets, 0)->rules->url.s,
			    "/{ToLower:{M@/a:{R:0}}}{M@/a:k}{N:k}");
	assert_string_equal(scope_at(r.sets, 1)->rules->url.s,
			    "/{ToLower:{M@/b:{R:0}}}{M@/b:k}{N:k}");
	reading_end(&r);
	reading_good(&r, "<rewrite>" MAPS("1") USES("1") "</rewrite>");
	assert_string_equal(r.sets->maps->name.s, "M");
	assert_string_equal(scope_at(r.sets, 0)->rules->url.s, "/{ToLower:{m:{R:0}}}{M:k}{N:k}");
	reading_end(&r);
}

/* ---- further files ---- */

static void
file_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
file_remove(const char *folder, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void
folder_open(struct reading *r, const char *folder)
{
	char path[256];
	struct iis_files files = { .web_config = path };

	*r = (struct reading){ 0 };
	snprintf(path, sizeof(path), "%s/web.config", folder);
	r->sets = iis_open(&r->arena, &files, &r->errs, &r->warns);
}

/* 11.2, 11.3: configSource, FileMapProvider, FileContainsProvider. */
static void
further_files_are_read(void **state)
{
	char folder[] = "/tmp/penstock-iis-XXXXXX";
	const struct rule_map *map;
	struct reading r;

	(void)state;
	assert_non_null(mkdtemp(folder));
	file_write(folder, "web.config",
		   "<rewrite><rewriteMaps configSource='maps.config'/><providers>"
		   "<provider name='F' type='FileMapProvider, X, Version=1'><settings>"
		   "<add key='FilePath' value='{DOCUMENT_ROOT}\\keys.txt'/>"
		   "<add key='IgnoreCase' value='1'/><add key='Separator' value=','/></settings>"
		   "</provider><provider name='C' type='FileContainsProvider'><settings>"
		   "<add key='FilePath' value='keys.txt'/></settings></provider></providers>"
		   "</rewrite>");
	file_write(folder, "maps.config",
		   "<?xml version='1.0'?>\n<rewriteMaps><rewriteMap name='M' defaultValue='d' "
		   "ignoreCase='false'><add key='a' value='b'/></rewriteMap></rewriteMaps>");
	file_write(folder, "keys.txt", "a,1\r\n\r\nno separator\nA,2\nb,x,y");
	folder_open(&r, folder);
	conf_errs_print(&r.errs, stderr);
	assert_non_null(r.sets);
	map = r.sets->maps;
	assert_string_equal(map->name.s, "M");
	assert_false(map->ignores_case);
	assert_string_equal(map->absent.s, "d");
	assert_string_equal(map->first->value.s, "b");
	assert_int_equal(map->first->key.at.line, 2);
	map = map->next;
	assert_int_equal(map->kind, IMG_MAP_KEYS);
	assert_true(map->ignores_case);
	assert_int_equal(map->pair_n, 3);
	assert_string_equal(map->first->value.s, "1");
	assert_string_equal(map->first->next->next->value.s, "x,y");
	assert_int_equal(map->first->next->next->key.at.line, 5);
	map = map->next;
	assert_int_equal(map->kind, IMG_MAP_CONTAINS);
	assert_int_equal(map->pair_n, 4);
	assert_string_equal(map->first->next->key.s, "no separator");
	assert_int_equal(r.warns.n, 2);
	reading_end(&r);

	file_write(folder, "maps.config", "<rewrite/>");
	file_remove(folder, "keys.txt");
	folder_open(&r, folder);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "the root element is <rewrite>; line 1 of"));
	assert_true(is_told(&r.errs, "keys.txt' (No such file"));
	reading_end(&r);
	file_remove(folder, "maps.config");
	file_remove(folder, "web.config");
	folder_open(&r, folder);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "web.config' (No such file"));
	reading_end(&r);
	rmdir(folder);
}

/* ---- what is quoted and what tools write ---- */

/* The first seed's rules for Lync. */
static void
lync_meet_is_read(void **state)
{
	const struct rule *rule;
	struct reading r;

	(void)state;
	reading_good(&r,
		     "<configuration><system.webServer><rewrite><rules>\n"
		     "<rule name=\"ReverseProxyInboundRule1\" stopProcessing=\"true\">\n"
		     "<match url=\"^meet/(.*)\" />\n<conditions>\n"
		     "<add input=\"{QUERY_STRING}\" pattern=\"(.*)sl=(.*)\" negate=\"true\" />\n"
		     "<add input=\"{CACHE_URL}\" pattern=\"^(https)://\" />\n</conditions>\n"
		     "<action type=\"Rewrite\" "
		     "url=\"{C:1}://lync.contoso.com:4443/{R:0}?sl=1&amp;{QUERY_STRING}\" "
		     "appendQueryString=\"false\" logRewrittenUrl=\"true\" />\n</rule>\n"
		     "</rules></rewrite></system.webServer></configuration>");
	rule = scope_at(r.sets, 0)->rules;
	assert_true(rule->stops && rule->logs_rewritten && !rule->appends_query);
	assert_true(rule->conds.first->is_negated);
	assert_string_equal(rule->url.s, "{C:1}://lync.contoso.com:4443/{R:0}?sl=1&{QUERY_STRING}");
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* The first seed's reverse proxy for company1, with outbound rules. */
static void
company1_is_read(void **state)
{
	static const char tags[] = "A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, "
				   "Script";
	char text[4096];
	const struct rule_scope *outs;
	struct reading r;

	(void)state;
	snprintf(text, sizeof(text),
		 "<configuration>\n<system.webServer>\n<rewrite>\n<rules>\n"
		 "<rule name=\"Route the requests for Company1\" stopProcessing=\"true\">\n"
		 "<match url=\"^company1/(.*)\" />\n<conditions>\n"
		 "<add input=\"{CACHE_URL}\" pattern=\"^(https?)://\" />\n</conditions>\n"
		 "<action type=\"Rewrite\" url=\"{C:1}://www.company1.com/{R:1}\" />\n"
		 "<serverVariables>\n<set name=\"HTTP_ACCEPT_ENCODING\" value=\"\" />\n"
		 "</serverVariables>\n</rule>\n</rules>\n<outboundRules>\n"
		 "<rule name=\"ReverseProxyOutboundRule1\" preCondition=\"ResponseIsHtml1\">\n"
		 "<match filterByTags=\"%s\" pattern=\"^http(s)?://www.company1.com/(.*)\" />\n"
		 "<action type=\"Rewrite\" value=\"/company1/{R:2}\" />\n</rule>\n"
		 "<rule name=\"RewriteRelativePaths\" preCondition=\"ResponseIsHtml1\">\n"
		 "<match filterByTags=\"%s\" pattern=\"^/(.*)\" negate=\"false\" />\n"
		 "<action type=\"Rewrite\" value=\"/company1/{R:1}\" />\n</rule>\n"
		 "<preConditions>\n<preCondition name=\"ResponseIsHtml1\">\n"
		 "<add input=\"{RESPONSE_CONTENT_TYPE}\" pattern=\"^text/html\" />\n"
		 "</preCondition>\n</preConditions>\n</outboundRules>\n</rewrite>\n"
		 "</system.webServer>\n</configuration>",
		 tags, tags);
	reading_good(&r, text);
	outs = scope_at(r.sets, 1);
	assert_string_equal(scope_at(r.sets, 0)->rules->set->value.s, "");
	assert_int_equal(outs->outs->kind, IMG_OUT_TAGS);
	assert_int_equal(outs->outs->tags, (1 << IMG_TAGS_STANDARD) - 1);
	assert_string_equal(outs->outs->next->pre.s, "ResponseIsHtml1");
	assert_string_equal(outs->pres->name.s, "ResponseIsHtml1");
	assert_string_equal(outs->pres->conds.first->pattern.s, "^text/html");
	assert_false(r.sets->is_strict);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* 19: shapes that ARR and IIS Manager write. */
static void
what_tools_write_is_read(void **state)
{
	const struct rule *rule;
	const struct out_rule *out;
	struct reading r;

	(void)state;
	reading_open(
		&r, NULL,
		"<configuration><system.webServer><rewrite><globalRules>"
		"<rule name='ARR_app_loadbalance_SSL' enabled='true' patternSyntax='Wildcard' "
		"stopProcessing='true'><match url='*'/><conditions>"
		"<add input='{HTTPS}' pattern='On'/></conditions>"
		"<action type='Rewrite' url='https://app/{R:0}'/></rule>"
		"<rule name='ARR_app_loadbalance' patternSyntax='Wildcard' stopProcessing='true'>"
		"<match url='*'/><conditions><add input='{HTTP_HOST}' pattern='dialin.*'/>"
		"<add input='EXT_{URL}' negate='true' pattern='*.jpg'/>"
		"<add input='{URL}' negate='true' pattern='*/images/*'/></conditions>"
		"<action type='Rewrite' url='http://app/{R:0}'/></rule>"
		"<rule name='ARR_CacheControl_7d1b' patternSyntax='Wildcard'><match url='*.css'/>"
		"<serverVariables><set name='ARR_CACHE_CONTROL_OVERRIDE' value='0,max-age=3600'/>"
		"</serverVariables></rule></globalRules></rewrite></system.webServer>"
		"</configuration>",
		NULL);
	assert_non_null(r.sets);
	rule = scope_at(r.sets, 0)->rules;
	assert_int_equal(scope_at(r.sets, 0)->kind, IMG_SCOPE_GLOBAL);
	assert_int_equal(rule->syntax, IMG_SYNTAX_WILDCARD);
	assert_true(rule->next->conds.first->next->is_negated);
	assert_int_equal(rule->next->next->action, IMG_ACTION_NONE);
	assert_string_equal(rule->next->next->set->value.s, "0,max-age=3600");
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);

	reading_good(
		&r,
		"<rewrite><outboundRules><preConditions><preCondition name='P'>"
		"<add input='{RESPONSE_CONTENT_TYPE}' pattern='^text/html'/></preCondition>"
		"</preConditions><customTags><tags name='T'><tag name='video' attribute='poster'/>"
		"<tag name='source' attribute='src'/></tags></customTags>"
		"<rule name='ReverseProxyOutboundRule1' preCondition='P'>"
		"<match filterByTags='A, form,CustomTags' customTags='T' "
		"pattern='^http(s)?://host:80/(.*)'/>"
		"<action type='Rewrite' value='http{R:1}://public/{R:2}'/></rule>"
		"<rule name='RestoreAcceptEncoding' preCondition=''>"
		"<match serverVariable='HTTP_ACCEPT_ENCODING' pattern='^(.*)'/>"
		"<action type='Rewrite' value='{HTTP_X_ORIGINAL_ACCEPT_ENCODING}'/></rule>"
		"<rule name='HSTS'><match serverVariable='RESPONSE_Strict_Transport_Security' "
		"pattern='.*'/><conditions><add input='{HTTPS}' pattern='on' ignoreCase='true'/>"
		"</conditions><action type='Rewrite' value='max-age=31536000'/></rule>"
		"<rule name='Body'><match filterByTags='None' pattern='a' occurrences='2'/>"
		"<action type='Rewrite' value='b'/></rule></outboundRules></rewrite>");
	out = scope_at(r.sets, 0)->outs;
	assert_int_equal(out->tags, 1 << 0 | 1 << 3);
	assert_true(out->has_custom);
	assert_string_equal(out->custom.s, "T");
	assert_string_equal(scope_at(r.sets, 0)->customs->first->next->tag.s, "source");
	assert_int_equal(out->next->kind, IMG_OUT_VARIABLE);
	assert_int_equal(out->next->next->next->kind, IMG_OUT_BODY);
	assert_int_equal(out->next->next->next->occurrences, 2);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_schema),
		cmocka_unit_test(all_three_roots_are_read),
		cmocka_unit_test(words_compare_without_case),
		cmocka_unit_test(places_are_those_of_values),
		cmocka_unit_test(encodings_are_read),
		cmocka_unit_test(children_inherit_clear_and_remove),
		cmocka_unit_test(application_host_is_the_parent),
		cmocka_unit_test(attributes_of_sections_are_inherited),
		cmocka_unit_test(maps_of_one_name_are_told_apart),
		cmocka_unit_test(further_files_are_read),
		cmocka_unit_test(lync_meet_is_read),
		cmocka_unit_test(company1_is_read),
		cmocka_unit_test(what_tools_write_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
