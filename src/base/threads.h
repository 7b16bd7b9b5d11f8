/* Threads that come and go by themselves, and are all gone in the end.
 *
 * A thread that ends by itself can't be joined by anybody who waits for work, and one that is detached may still be on its way
 * out when its process tears down what it uses. So each thread that ends joins the one that ended before it, and
 * threads_join() the last: when it returns nothing of any of them is left. */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Guarded by a lock of its owner's, which every call but init and free needs held. */
struct threads {
	size_t running;        /* to be read by the owner */
	pthread_cond_t ended;  /* one more has */
	pthread_t last;        /* that ended, if any has: still to be joined */
	bool any_ended;
};

void threads_init(struct threads *threads);
/** After threads_join(). */
void threads_free(struct threads *threads);
/** Starts one with a stack of `stack` bytes (address space; 0: the system's default) and a name of at most 15 characters, as
 * debuggers and ps show it. False: the system's limits don't let it. */
bool threads_start(struct threads *threads, size_t stack, const char *name, void *(*run)(void *), void *argument);
/** The end of a thread: `return threads_leave(…)`, with the lock held, which it gives back. NULL. */
void *threads_leave(struct threads *threads, pthread_mutex_t *lock);
/** Waits until none is running, or until clock_monotonic_ms() is `until_ms`. */
void threads_wait(struct threads *threads, pthread_mutex_t *lock, int64_t until_ms);
/** Waits until none is left. Not for one of these threads to call, and none may be started from here on. */
void threads_join(struct threads *threads, pthread_mutex_t *lock);

#endif
