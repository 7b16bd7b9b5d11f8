/* Who tries wrong codes is sent away after a few, for a while. What keeps everybody out together is the code's length; see cli/setup.h. */
#include "main/setup.h"

static bool is_over(const struct setup_guesser *one, int64_t now_ms) { return now_ms - one->last_ms >= SETUP_GUESS_MEMORY_MS; }

bool setup_may_guess(const struct setup_guesses *guesses, struct slice address, int64_t now_ms)
{
	for (size_t i = 0; i < SETUP_GUESSERS_MAX; i++)
		if (slice_equal(slice_of(guesses->list[i].address), address))
			return guesses->list[i].count < SETUP_GUESSES_MAX || is_over(&guesses->list[i], now_ms);
	return true;
}

/* Its own, or that of who has been quiet for the longest. */
static struct setup_guesser *place_of(struct setup_guesses *guesses, struct slice address)
{
	struct setup_guesser *oldest = &guesses->list[0];
	for (size_t i = 0; i < SETUP_GUESSERS_MAX; i++) {
		struct setup_guesser *one = &guesses->list[i];
		if (slice_equal(slice_of(one->address), address))
			return one;
		if (one->last_ms < oldest->last_ms)
			oldest = one;
	}
	return oldest;
}

void setup_guessed(struct setup_guesses *guesses, struct slice address, int64_t now_ms)
{
	struct setup_guesser *one = place_of(guesses, address);
	if (!slice_equal(slice_of(one->address), address) || is_over(one, now_ms)) {
		one->count = 0;
		snprintf(one->address, sizeof one->address, "%.*s", SLICE_ARG(address));
	}
	one->count++;
	one->last_ms = now_ms;
}
