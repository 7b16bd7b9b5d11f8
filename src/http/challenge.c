/* The list of challenge.h. */
#include "http/challenge.h"

#include <pthread.h>

#include "base/arena.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *memory;
static struct http_challenge *challenges;
static size_t challenge_count;

void http_challenge_set(const struct http_challenge *list, size_t count)
{
	struct arena *fresh = arena_new();
	struct http_challenge *copies = arena_array(fresh, count + 1, sizeof *copies);
	for (size_t i = 0; i < count; i++)
		copies[i] = (struct http_challenge){arena_copy(fresh, list[i].token), arena_copy(fresh, list[i].answer)};
	pthread_mutex_lock(&lock);
	arena_free(&memory);
	memory = fresh;
	challenges = copies;
	challenge_count = count;
	pthread_mutex_unlock(&lock);
}

bool http_challenge_find(struct slice token, struct buf *answer)
{
	bool found = false;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < challenge_count && !found; i++) {
		found = slice_equal(challenges[i].token, token);
		if (found)
			buf_append(answer, challenges[i].answer);
	}
	pthread_mutex_unlock(&lock);
	return found;
}
