/* Asking engines: several at the same time, connections that serve again, those that are closed, silent, or not there. Each engine is a thread
 * at the other end of a pair of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine.h"

enum { ENGINES = 4, WAIT = 60000, LETTER_LENGTH = 300000 };

enum manner { ANSWERS, ANSWERS_ONCE, SILENT, ABSENT, HANGS_UP };

struct fake {
	enum manner manner;
	int dialled;
	int fd;
	pthread_t thread;
};

struct house {
	struct fake fakes[ENGINES];
};

static bool read_exactly(int fd, char *out, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t more = read(fd, out + got, size - got);
		if (more <= 0)
			return false;
		got += (size_t)more;
	}
	return true;
}

/* One message of clamd's INSTREAM: its pieces are read to the empty one. */
static bool take_message(int fd, bool first)
{
	char command[21], piece[64 * 1024];
	unsigned char length[4];
	if (!read_exactly(fd, command, first ? 21 : 10))
		return false;
	while (read_exactly(fd, (char *)length, 4)) {
		size_t size = (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
		if (size == 0)
			return true;
		if (size > sizeof piece || !read_exactly(fd, piece, size))
			return false;
	}
	return false;
}

static void *serve(void *argument)
{
	struct fake *fake = argument;
	char byte;
	for (bool first = true; fake->manner != SILENT && fake->manner != HANGS_UP && take_message(fake->fd, first); first = false) {
		if (write(fake->fd, "1: stream: Test FOUND", 22) != 22 || fake->manner == ANSWERS_ONCE)
			break;
	}
	while (fake->manner == SILENT && read(fake->fd, &byte, 1) > 0)
		;
	close(fake->fd);
	return NULL;
}

static int dial(void *context, size_t index, const struct config_engine *engine)
{
	struct fake *fake = &((struct house *)context)->fakes[index];
	int ends[2];
	(void)engine;
	errno = ECONNREFUSED;
	if (fake->manner == ABSENT || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	if (fake->dialled++ > 0)
		pthread_join(fake->thread, NULL);
	fake->fd = ends[1];
	pthread_create(&fake->thread, NULL, serve, fake);
	return ends[0]; /* blocking or not: it is polled */
}

static size_t read_letter(void *context, uint64_t at, char *out, size_t size)
{
	(void)context, (void)at;
	memset(out, 'x', size);
	return size;
}

static const struct engine_mail mail = {.length = LETTER_LENGTH, .read = read_letter};

static struct engine_pool *pool_of(struct house *house, const char **entries, size_t count)
{
	return engine_pool_new(&(struct config_string_list){entries, count}, dial, house);
}

static void leave(struct house *house, struct engine_pool *pool)
{
	engine_pool_free(&pool);
	for (size_t i = 0; i < ENGINES; i++)
		if (house->fakes[i].dialled)
			pthread_join(house->fakes[i].thread, NULL);
}

static void several_are_asked_at_once(void **state)
{
	(void)state;
	const char *entries[] = {"clamd 127.0.0.1:1 timeout=1", "clamd 127.0.0.1:2", "clamd 127.0.0.1:3", "clamd 127.0.0.1:4"};
	struct house house = {.fakes = {{.manner = SILENT}, {.manner = ANSWERS}, {.manner = ABSENT}, {.manner = HANGS_UP}}};
	struct engine_pool *pool = pool_of(&house, entries, ENGINES);
	struct engine_result results[ENGINES];
	engine_ask(pool, &mail, clock_monotonic_ms() + WAIT, results);
	assert_int_equal(results[0].outcome, ENGINE_TIMEOUT);
	assert_int_equal(results[1].outcome, ENGINE_FOUND);
	assert_string_equal(results[1].text, "Test");
	assert_int_equal(results[2].outcome, ENGINE_ERROR);
	assert_string_equal(results[2].text, "connecting: Connection refused");
	assert_int_equal(results[3].outcome, ENGINE_ERROR);
	leave(&house, pool);
}

static void a_connection_serves_again(void **state)
{
	(void)state;
	const char *entries[] = {"clamd /nowhere"};
	struct house house = {.fakes = {{.manner = ANSWERS}}};
	struct engine_pool *pool = pool_of(&house, entries, 1);
	struct engine_result result;
	for (int i = 0; i < 3; i++) {
		engine_ask(pool, &mail, clock_monotonic_ms() + WAIT, &result);
		assert_int_equal(result.outcome, ENGINE_FOUND);
	}
	assert_int_equal(house.fakes[0].dialled, 1);
	leave(&house, pool);
}

static void one_that_was_closed_is_replaced(void **state)
{
	(void)state;
	const char *entries[] = {"clamd /nowhere"};
	struct house house = {.fakes = {{.manner = ANSWERS_ONCE}}};
	struct engine_pool *pool = pool_of(&house, entries, 1);
	struct engine_result result;
	for (int i = 0; i < 3; i++) {
		engine_ask(pool, &mail, clock_monotonic_ms() + WAIT, &result);
		assert_int_equal(result.outcome, ENGINE_FOUND);
	}
	assert_int_equal(house.fakes[0].dialled, 3);
	leave(&house, pool);
}

static void some_mail_is_not_for_an_engine(void **state)
{
	(void)state;
	const char *entries[] = {"clamd /nowhere max=1000", "clamd /nowhere max=1M"};
	struct house house = {.fakes = {{.manner = ANSWERS}, {.manner = ANSWERS}}};
	struct engine_pool *pool = pool_of(&house, entries, 2);
	struct engine_result results[2];
	engine_ask(pool, &mail, clock_monotonic_ms() + WAIT, results);
	assert_int_equal(results[0].outcome, ENGINE_SKIPPED);
	assert_int_equal(results[1].outcome, ENGINE_FOUND);
	leave(&house, pool);
}

static void a_stop_ends_waiting(void **state)
{
	(void)state;
	const char *entries[] = {"clamd /nowhere"};
	struct house house = {.fakes = {{.manner = SILENT}}};
	struct engine_pool *pool = pool_of(&house, entries, 1);
	struct engine_result result;
	engine_pool_stop(pool);
	engine_ask(pool, &mail, clock_monotonic_ms() + WAIT, &result);
	assert_string_equal(result.text, "the server is being stopped");
	leave(&house, pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_are_asked_at_once),
		cmocka_unit_test(a_connection_serves_again),
		cmocka_unit_test(one_that_was_closed_is_replaced),
		cmocka_unit_test(some_mail_is_not_for_an_engine),
		cmocka_unit_test(a_stop_ends_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
