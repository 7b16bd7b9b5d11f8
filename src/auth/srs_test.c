/* Unit tests of rewritten senders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "auth/srs.h"

enum { DAY = 24 * 3600, NOW = 20000 * DAY, VALID = 21 * DAY };
static const char key[AUTH_SRS_KEY_SIZE] = "a secret of the tests, 32 bytes", other_key[AUTH_SRS_KEY_SIZE] = "another one";

static int begin(void **state)
{
	*state = arena_new();
	return 0;
}

static int end(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

static struct slice make(struct arena *arena, const char *from, const char *domain)
{
	struct slice made;
	return auth_srs_make(key, NOW, slice_of(from), slice_of(domain), arena, &made) ? made : SLICE("none");
}

/* The local part, up to the last @. */
static struct slice local_of(struct slice address)
{
	return slice_sub(address, 0, slice_find_last_char(address, '@'));
}

static struct slice read_at(struct arena *arena, struct slice address, int64_t now)
{
	struct slice original;
	return auth_srs_read(key, now, VALID, local_of(address), arena, &original) ? original : SLICE("none");
}

static void what_is_made_is_read(void **state)
{
	static const char *const senders[] = {"ann@far.example", "a.b+c=d@sub.far.example", "\"a b\"@far.example", "Ann@FAR.example", "анна@far.example", "srs0@far.example",
		"SRS1=x@far.example", "SRS0@far.example", "SRS1=x=@far.example"};
	struct arena *arena = *state;
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		struct slice made = make(arena, senders[i], "ours.example");
		assert_true(auth_srs_is(local_of(made)));
		assert_true(slice_equal_nocase(read_at(arena, made, NOW), slice_of(senders[i])));
	}
	struct slice made = make(arena, "ann@far.example", "ours.example");
	assert_true(slice_starts(made, SLICE("SRS0=")) && slice_equal(slice_skip(made, 5 + AUTH_SRS_HASH_LEN), SLICE("=ra=far.example=ann@ours.example")));
	assert_true(slice_equal(make(arena, "a@[192.0.2.1]", "ours.example"), SLICE("none")));
}

static void it_does_not_grow_with_each_server(void **state)
{
	struct arena *arena = *state;
	struct slice first = make(arena, "ann@far.example", "one.example");
	struct slice second = make(arena, arena_text(arena, first), "two.example");
	struct slice third = make(arena, arena_text(arena, second), "three.example");
	assert_true(slice_starts(second, SLICE("SRS1=")) && slice_starts(third, SLICE("SRS1=")) && third.len == second.len + 2);
	assert_true(slice_equal(read_at(arena, third, NOW), first)); /* straight to the first */
	assert_true(slice_equal(read_at(arena, second, NOW), first));
	assert_true(slice_equal(read_at(arena, make(arena, "SRS0+H=T=a.example=b@far.example", "ours.example"), NOW), SLICE("SRS0+H=T=a.example=b@far.example")));
}

static void the_case_of_letters_may_change(void **state)
{
	struct arena *arena = *state;
	char *text = arena_text(arena, make(arena, "Ann@far.example", "ours.example"));
	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	assert_true(slice_equal(read_at(arena, slice_of(text), NOW), SLICE("ann@far.example")));
}

static void every_changed_byte_is_seen(void **state)
{
	struct arena *arena = *state;
	static const char *const senders[] = {"ann@far.example", "SRS0=AAAA=BB=far.example=ann@one.example"};
	for (size_t k = 0; k < sizeof senders / sizeof *senders; k++) {
		char *text = arena_text(arena, local_of(make(arena, senders[k], "ours.example")));
		for (size_t i = 5; text[i]; i++) {
			char was = text[i];
			struct slice original;
			text[i] = was == 'x' ? 'y' : 'x';
			if (tolower((unsigned char)was) != 'x')
				assert_false(auth_srs_read(key, NOW, VALID, slice_of(text), arena, &original));
			text[i] = was;
			assert_false(auth_srs_read(key, NOW, VALID, slice_make(text, i), arena, &original)); /* nor is a beginning taken for the whole */
		}
		struct slice original;
		assert_false(auth_srs_read(other_key, NOW, VALID, slice_of(text), arena, &original));
		text[3] = text[3] == '0' ? '1' : '0'; /* a hash of one kind is none of the other */
		assert_false(auth_srs_read(key, NOW, VALID, slice_of(text), arena, &original));
	}
}

static void it_grows_old(void **state)
{
	struct arena *arena = *state;
	struct slice made = make(arena, "ann@far.example", "ours.example");
	assert_true(slice_equal(read_at(arena, made, NOW - DAY), SLICE("ann@far.example"))); /* a clock that goes before */
	assert_true(slice_equal(read_at(arena, made, NOW + VALID), SLICE("ann@far.example")));
	assert_true(slice_equal(read_at(arena, made, NOW + VALID + DAY), SLICE("none")));
	assert_true(slice_equal(read_at(arena, made, NOW - 2 * DAY), SLICE("none")));
}

static void only_what_is_an_address_is_made(void **state)
{
	struct arena *arena = *state;
	char local[201] = "";
	memset(local, 'a', sizeof local - 1);
	assert_true(slice_equal(make(arena, arena_printf(arena, "%s@far.example", local).at, "ours.example"), SLICE("none")));
	local[60] = '\0';
	assert_false(slice_equal(make(arena, arena_printf(arena, "%s@far.example", local).at, "ours.example"), SLICE("none")));
	assert_false(auth_srs_is(SLICE("SRS0")) || auth_srs_is(SLICE("SRS2=a=b")) || auth_srs_is(SLICE("")) || auth_srs_is(SLICE("\"")));
	assert_true(auth_srs_is(SLICE("srs0=")) && auth_srs_is(SLICE("\"SRS1-a\"")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_made_is_read, begin, end), cmocka_unit_test_setup_teardown(it_does_not_grow_with_each_server, begin, end),
		cmocka_unit_test_setup_teardown(the_case_of_letters_may_change, begin, end), cmocka_unit_test_setup_teardown(every_changed_byte_is_seen, begin, end),
		cmocka_unit_test_setup_teardown(it_grows_old, begin, end), cmocka_unit_test_setup_teardown(only_what_is_an_address_is_made, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
