/* What the queue's tests share: a data directory of their own with an open queue, in either database, and options. Who includes it says in what role the queue is
 * opened (FIXTURE_ROLE) and with which options each test begins (FIXTURE_OPTIONS). */
#ifndef QUEUE_FIXTURE_H
#define QUEUE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"
#include "queue/internal.h"
#include "store/db/fixture.h"

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

struct fixture {
	char data[64], storage[DB_FIXTURE_STORAGE_MAX];
	struct queue *queue;
};

static void set_options(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

static void open_queue(struct fixture *fixture)
{
	struct error error = {0};
	fixture->queue = queue_open_in(fixture->data, fixture->storage, FIXTURE_ROLE, &error);
	if (!fixture->queue)
		fail_msg("%s", error.text);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	const char *base = getenv("TMPDIR");
	snprintf(fixture->data, sizeof fixture->data, "%s/pombal-queue-XXXXXX", base && strlen(base) < 30 ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->data));
	db_fixture_storage(fixture->storage);
	open_queue(fixture);
	set_options(FIXTURE_OPTIONS);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	queue_close(&fixture->queue);
	db_fixture_forget(fixture->storage, "queue");
	snprintf(command, sizeof command, "rm -rf '%s'", fixture->data);
	int status = system(command);
	free(fixture);
	config_free_all();
	return status;
}

#endif
