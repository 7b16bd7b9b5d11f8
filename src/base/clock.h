/* Two clocks: the wall clock for what people and other machines see, the monotonic one for waiting. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Wall clock, seconds since 1970-01-01 UTC. */
int64_t clock_now(void);
/** Wall clock in milliseconds. */
int64_t clock_now_ms(void);
/** Monotonic milliseconds: never jumps; meaningful only as a difference, within one boot. */
int64_t clock_monotonic_ms(void);

/** Makes a condition that clock_wait() can wait for; pthread_cond_destroy() when done. */
void clock_init_condition(pthread_cond_t *condition);
/** Waits for the condition, with `lock` held, until clock_monotonic_ms() is `until_ms` at most. False: it is as late as that.
 * Like pthread_cond_wait() it may return early without a reason. */
bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms);

enum { CLOCK_STAMP_MAX = 32 };
/** Writes "2026-11-22T23:19:32.123Z" and a NUL into `out` (CLOCK_STAMP_MAX bytes). */
void clock_stamp(int64_t now_ms, char *out);

#endif
