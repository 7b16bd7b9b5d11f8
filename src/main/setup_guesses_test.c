/* Who guesses the code of `pombal setup` is sent away, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "main/setup.h"

static void test_one(void **state)
{
	(void)state;
	struct setup_guesses guesses = {0};
	int64_t now = 1000;
	for (int i = 0; i < SETUP_GUESSES_MAX; i++, now += 5) {
		assert_true(setup_may_guess(&guesses, SLICE("192.0.2.1"), now));
		setup_guessed(&guesses, SLICE("192.0.2.1"), now);
	}
	assert_false(setup_may_guess(&guesses, SLICE("192.0.2.1"), now));
	assert_true(setup_may_guess(&guesses, SLICE("192.0.2.2"), now));
	assert_true(setup_may_guess(&guesses, SLICE("192.0.2.1"), now + SETUP_GUESS_MEMORY_MS));
	setup_guessed(&guesses, SLICE("192.0.2.1"), now + SETUP_GUESS_MEMORY_MS);
	assert_true(setup_may_guess(&guesses, SLICE("192.0.2.1"), now + SETUP_GUESS_MEMORY_MS + 1));
}

static void test_many(void **state)
{
	(void)state;
	struct setup_guesses guesses = {0};
	char address[32];
	for (int i = 0; i < SETUP_GUESSES_MAX; i++)
		setup_guessed(&guesses, SLICE("192.0.2.1"), 1000);
	for (int i = 0; i < SETUP_GUESSERS_MAX - 1; i++) {
		snprintf(address, sizeof address, "198.51.100.%d", i);
		setup_guessed(&guesses, slice_of(address), 2000 + i);
	}
	assert_false(setup_may_guess(&guesses, SLICE("192.0.2.1"), 3000));
	setup_guessed(&guesses, SLICE("203.0.113.1"), 3000); /* takes the place of the oldest */
	assert_true(setup_may_guess(&guesses, SLICE("192.0.2.1"), 3000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_one), cmocka_unit_test(test_many)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
