/* Hearing what others tell with their commits (LISTEN and NOTIFY), on a connection of its own. A thread waits there; when the connection was
 * lost it makes another, and says that something may have been missed. What this process has told it doesn't hear. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/db/postgresql.h"

enum { AGAIN_MS = 1000, STACK_BYTES = 256 * 1024 };

struct db_ear {
	struct db_pg_target target;
	void (*heard)(void *context, struct slice text);
	void *context;
	int wake;                 /* an eventfd: it is to end */
	pthread_t thread;
};

static int64_t process_id;
static void draw_id(void) { process_id = id_new(); }

static int64_t own_id(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, draw_id);
	return process_id;
}

bool db_pg_put_telling(struct db_pg_link *link, struct slice text, struct buf *out)
{
	char *escaped = PQescapeLiteral(link->handle, text.at, text.len);
	if (!escaped)
		return false;
	buf_printf(out, "SELECT pg_catalog.pg_notify('pombal_%s', '%016llx ' || %s);", link->target->schema, (unsigned long long)own_id(), escaped);
	PQfreemem(escaped);
	return !out->overflow;
}

static void hear(const struct db_ear *ear, const PGnotify *notice)
{
	char own[24];
	struct slice from, text;
	snprintf(own, sizeof own, "%016llx", (unsigned long long)own_id());
	if (slice_cut(slice_of(notice->extra), ' ', &from, &text) && !slice_equal(from, slice_of(own)) && !slice_empty(text))
		ear->heard(ear->context, text);
}

/* True: it is to end. */
static bool wait_for(const struct db_ear *ear, int fd, int ms)
{
	struct pollfd both[2] = {{.fd = ear->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	poll(both, fd < 0 ? 1 : 2, ms);
	return both[0].revents != 0;
}

/* Until it is to end (true) or the connection is lost. */
static bool listen_on(const struct db_ear *ear, struct db_pg_link *link)
{
	PGnotify *notice;
	while (!db_pg_link_is_away(link)) {
		while ((notice = PQnotifies(link->handle))) {
			hear(ear, notice);
			PQfreemem(notice);
		}
		if (wait_for(ear, PQsocket(link->handle), -1))
			return true;
		if (!PQconsumeInput(link->handle))
			return false;
	}
	return false;
}

static struct db_pg_link *connect_ear(const struct db_ear *ear, struct error *error)
{
	char sql[96];
	struct db_pg_link *link = db_pg_link_open(&ear->target, error);
	snprintf(sql, sizeof sql, "LISTEN pombal_%s", ear->target.schema);
	if (link && !db_pg_command(link, sql, error))
		db_pg_link_close(&link);
	return link;
}

static void *ear_main(void *argument)
{
	struct db_ear *ear = argument;
	bool ends = false, failing = false;
	while (!ends) {
		struct error error = {0};
		struct db_pg_link *link = connect_ear(ear, &error);
		if (!link && !failing)
			log_warning("database.not_heard", log_text("schema", ear->target.schema), log_text("reason", error.text));
		failing = !link;
		if (link) {
			ear->heard(ear->context, slice_make(NULL, 0)); /* what was told before */
			ends = listen_on(ear, link);
			db_pg_link_close(&link);
		}
		ends = ends || wait_for(ear, -1, AGAIN_MS);
	}
	return NULL;
}

static bool start(struct db_ear *ear, struct error *error)
{
	pthread_attr_t attributes;
	ear->wake = eventfd(0, EFD_CLOEXEC);
	if (ear->wake < 0)
		return error_set_errno(error, errno, "eventfd");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int failure = pthread_create(&ear->thread, &attributes, ear_main, ear);
	pthread_attr_destroy(&attributes);
	if (failure == 0)
		return true;
	close(ear->wake);
	return error_set_errno(error, failure, "starting the thread that hears of changes");
}

struct db_ear *db_pg_listen(const char *place, void (*heard)(void *context, struct slice text), void *context, struct error *error)
{
	struct slice url, schema;
	struct db_ear *ear = memory_new(sizeof *ear);
	*ear = (struct db_ear){.heard = heard, .context = context};
	slice_cut(slice_of(place), '#', &url, &schema);
	if (db_pg_target_read(&ear->target, url, schema, &(struct db_options){0}, error) && start(ear, error))
		return ear;
	db_pg_target_free(&ear->target);
	free(ear);
	return NULL;
}

void db_pg_stop_listening(struct db_ear **ear)
{
	uint64_t one = 1;
	if (!*ear)
		return;
	while (write((*ear)->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
	pthread_join((*ear)->thread, NULL);
	close((*ear)->wake);
	db_pg_target_free(&(*ear)->target);
	free(*ear);
	*ear = NULL;
}
