/*
 * plain_new.c - C++'s new and delete past the address sanitizer, for sanitized builds.
 *
 * Hyperscan compiles a pattern with hundreds of thousands of small allocations of its own. It is no
 * code of ours and not built with the sanitizer, so to watch them finds nothing, and took four of
 * five seconds of every test that compiles rules. What Hyperscan hands out, databases and scratch,
 * comes from malloc as before, and so does all memory of programs in C: those stay watched.
 *
 * Knows glibc: its own malloc, which no sanitizer stands before, answers to __libc_malloc.
 * meson.build links it into every program that has Hyperscan in it.
 */
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t n);
void __libc_free(void *p);

/* The names that the linker knows them by: of one and of many; with std::nothrow; with a size. */
void *new_one(size_t n) __asm__("_Znwm");
void *new_many(size_t n) __asm__("_Znam");
void *new_one_or_null(size_t n, const void *nothrow) __asm__("_ZnwmRKSt9nothrow_t");
void *new_many_or_null(size_t n, const void *nothrow) __asm__("_ZnamRKSt9nothrow_t");
void delete_one(void *p) __asm__("_ZdlPv");
void delete_many(void *p) __asm__("_ZdaPv");
void delete_one_of(void *p, size_t n) __asm__("_ZdlPvm");
void delete_many_of(void *p, size_t n) __asm__("_ZdaPvm");
void delete_one_after_throw(void *p, const void *nothrow) __asm__("_ZdlPvRKSt9nothrow_t");
void delete_many_after_throw(void *p, const void *nothrow) __asm__("_ZdaPvRKSt9nothrow_t");

/* What meson.build asks the archive for: the sanitizer has a new of its own already. */
extern const char plain_new[];
const char plain_new[] = "plain";

/* No memory ends a test: C cannot throw std::bad_alloc. */
void *
new_one(size_t n)
{
	void *p = __libc_malloc(n > 0 ? n : 1);

	if (p == NULL)
		abort();
	return p;
}

void *
new_many(size_t n)
{
	return new_one(n);
}

void *
new_one_or_null(size_t n, const void *nothrow)
{
	(void)nothrow;
	return __libc_malloc(n > 0 ? n : 1);
}

void *
new_many_or_null(size_t n, const void *nothrow)
{
	return new_one_or_null(n, nothrow);
}

void
delete_one(void *p)
{
	__libc_free(p);
}

void
delete_many(void *p)
{
	__libc_free(p);
}

void
delete_one_of(void *p, size_t n)
{
	(void)n;
	__libc_free(p);
}

void
delete_many_of(void *p, size_t n)
{
	(void)n;
	__libc_free(p);
}

void
delete_one_after_throw(void *p, const void *nothrow)
{
	(void)nothrow;
	__libc_free(p);
}

void
delete_many_after_throw(void *p, const void *nothrow)
{
	(void)nothrow;
	__libc_free(p);
}
