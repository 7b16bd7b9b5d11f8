/* Threads that come and go; see threads.h. */
#include "base/threads.h"

#include "base/clock.h"

void threads_init(struct threads *threads)
{
	*threads = (struct threads){0};
	clock_init_condition(&threads->ended);
}

void threads_free(struct threads *threads)
{
	pthread_cond_destroy(&threads->ended);
}

bool threads_start(struct threads *threads, size_t stack, const char *name, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	if (stack > 0)
		pthread_attr_setstacksize(&attributes, stack);
	bool started = pthread_create(&thread, &attributes, run, argument) == 0;
	pthread_attr_destroy(&attributes);
	if (started) { /* it can't have left: that needs the lock */
		pthread_setname_np(thread, name);
		threads->running++;
	}
	return started;
}

void *threads_leave(struct threads *threads, pthread_mutex_t *lock)
{
	pthread_t before = threads->last;
	bool any_before = threads->any_ended;
	threads->last = pthread_self();
	threads->any_ended = true;
	threads->running--;
	pthread_cond_broadcast(&threads->ended);
	pthread_mutex_unlock(lock); /* from here on the owner may be gone */
	if (any_before)
		pthread_join(before, NULL);
	return NULL;
}

void threads_wait(struct threads *threads, pthread_mutex_t *lock, int64_t until_ms)
{
	while (threads->running > 0 && clock_wait(&threads->ended, lock, until_ms))
		continue;
}

void threads_join(struct threads *threads, pthread_mutex_t *lock)
{
	while (threads->running > 0)
		pthread_cond_wait(&threads->ended, lock);
	if (threads->any_ended)
		pthread_join(threads->last, NULL);
	threads->any_ended = false;
}
