/* What the tests of this folder share: cmocka's headers, how large input has to be for its cost to show, slices compared as text,
 * an arena for each test. */
#ifndef MESSAGE_FIXTURE_H
#define MESSAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"

/* Large enough for quadratic time to show, within the processor time (not the clock's: other work goes on) that linear
 * time never takes, sanitizers included. */
enum { HUGE_BYTES = 512 * 1024, HUGE_MS = 2000 };

static inline int64_t cpu_ms(void)
{
	return (int64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

static inline void assert_slice(struct slice found, const char *expected)
{
	char text[4096];
	assert_true(found.len < sizeof text);
	if (found.len > 0)
		memcpy(text, found.at, found.len);
	text[found.len] = '\0';
	assert_string_equal(text, expected);
}

static inline int make_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static inline int free_arena(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

#endif
