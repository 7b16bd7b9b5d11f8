/* Connections have pages of their own, which are closed when counting begins: who looks at one is stopped by the processor, counted, and let
 * on. The linker puts the two functions below in the place of memory_new() and free() (--wrap, meson.build). The kernel isn't stopped, but refused
 * (EFAULT): nothing in a connection is given to it that hasn't been looked at before. */
#include "net/touches_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "net/internal.h"

enum { PLACES = 4096, PLACE = (sizeof(struct conn) + 4095) / 4096 * 4096 };

static char *area;
static pthread_once_t area_made = PTHREAD_ONCE_INIT;
static _Atomic bool taken[PLACES], touched[PLACES];
static _Atomic size_t touches;

void *__real_memory_new(size_t size);
void *__wrap_memory_new(size_t size);
void __real_free(void *at);
void __wrap_free(void *at);

static bool is_in_area(const void *at)
{
	return area && (const char *)at >= area && (const char *)at < area + (size_t)PLACES * PLACE;
}

static size_t place_of(const void *at) { return (size_t)((const char *)at - area) / PLACE; }

static void open_place(size_t place)
{
	mprotect(area + place * PLACE, PLACE, PROT_READ | PROT_WRITE);
}

static void on_touch(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!is_in_area(info->si_addr)) {
		signal(number, SIG_DFL); /* it happens again */
		return;
	}
	size_t place = place_of(info->si_addr);
	touches += !atomic_exchange(&touched[place], true); /* two threads may have been stopped at it */
	open_place(place);
}

static void make_area(void)
{
	char *pages = mmap(NULL, (size_t)PLACES * PLACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(pages != MAP_FAILED);
	area = pages;
}

void *__wrap_memory_new(size_t size)
{
	if (size != sizeof(struct conn))
		return __real_memory_new(size);
	pthread_once(&area_made, make_area);
	for (size_t place = 0; place < PLACES; place++)
		if (!atomic_exchange(&taken[place], true))
			return memset(area + place * PLACE, 0, PLACE);
	abort();
}

void __wrap_free(void *at)
{
	if (is_in_area(at))
		taken[place_of(at)] = false;
	else
		__real_free(at);
}

void touches_begin(void)
{
	struct sigaction action = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO | SA_NODEFER};
	for (size_t place = 0; place < PLACES; place++)
		touched[place] = false;
	touches = 0;
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0); /* cmocka has its own, with each test anew */
	assert_int_equal(mprotect(area, (size_t)PLACES * PLACE, PROT_NONE), 0);
}

size_t touches_count(void) { return touches; }
