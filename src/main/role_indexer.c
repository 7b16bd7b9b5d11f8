/* The indexer role: keeps the indexes for searching up to date, some moments after mail has come, and when nobody else needs the processor or the disk.
 * It can open mailboxes, and connect to nobody. Documents that are attached are taken apart elsewhere (extractor.h). Nobody waits for it: who searches
 * reads what isn't indexed. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "jmap/jmap.h"
#include "main/extractor.h"
#include "main/role.h"
#include "store/store.h"

enum {
	DELAY_MS = 3000,         /* after a change: more may follow */
	SWEEP_AFTER_MS = 10000,  /* from the start to the first look at all accounts */
	SWEEP_EVERY_MS = 24 * 3600 * 1000, /* words of what has gone leave the indexes then */
	AGAIN_MS = 60000,        /* after a failure, or while the disk is full */
	LEAST_MESSAGES = 200,    /* an account with fewer is read in some milliseconds */
	FREE_PART = 20,          /* of the file system that is left free for mail: a twentieth */
	LEAST_NICE = 19,
	IDLE_DISK = 3 << 13,     /* IOPRIO_CLASS_IDLE */
};

struct due { int64_t at_ms; };

struct indexer {
	struct role *role;
	struct store *store;
	struct extractor *extractor;
	struct map *due;         /* by account: struct due */
	int64_t sweep_ms;        /* when all accounts are to be looked at */
	int stop_fd;             /* an eventfd, never read */
	int again_fd;            /* an eventfd: the configuration is another */
};

static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(((struct indexer *)context)->stop_fd, 1);
}

static void follow(void *context)
{
	eventfd_write(((struct indexer *)context)->again_fd, 1);
}

static bool is_stopping(void *context)
{
	struct pollfd fd = {.fd = ((struct indexer *)context)->stop_fd, .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

/* ---- what is due ---- */

static void put_due(struct indexer *indexer, struct slice account, int64_t at_ms)
{
	if (map_get(indexer->due, account))
		return;
	struct due *due = memory_new(sizeof *due);
	due->at_ms = at_ms;
	map_put(indexer->due, account, due);
}

static void hear(void *context, const struct bus_change *change)
{
	struct indexer *indexer = context;
	if (change->account.len > 0)
		put_due(indexer, change->account, clock_monotonic_ms() + DELAY_MS);
	else if (indexer->sweep_ms > clock_monotonic_ms() + DELAY_MS)
		indexer->sweep_ms = clock_monotonic_ms() + DELAY_MS;
}

/* What has happened while nobody heard. */
static void sweep(struct indexer *indexer)
{
	struct arena *arena = arena_new();
	struct slice *names;
	size_t count = 0;
	struct error error;
	indexer->sweep_ms = clock_monotonic_ms() + SWEEP_EVERY_MS;
	if (!store_list_accounts(indexer->store, arena, &names, &count, &error))
		log_warning("indexer.sweep_failed", log_text("reason", error.text));
	for (size_t i = 0; i < count; i++)
		if (!config_current()->search_index || store_index_is_due(indexer->store, names[i]))
			put_due(indexer, names[i], clock_monotonic_ms());
	arena_free(&arena);
}

/* The account that has been due for the longest; *wait_ms: until there is one. Its name is copied: to be freed. */
static char *take_due(struct indexer *indexer, int64_t *wait_ms)
{
	size_t cursor = 0;
	struct slice name, first = {NULL, 0};
	int64_t now = clock_monotonic_ms(), at_ms = indexer->sweep_ms;
	void *value;
	while (map_next(indexer->due, &cursor, &name, &value)) {
		if (((struct due *)value)->at_ms >= at_ms)
			continue;
		first = name;
		at_ms = ((struct due *)value)->at_ms;
	}
	*wait_ms = at_ms == INT64_MAX ? -1 : at_ms > now ? at_ms - now : 0;
	if (first.len == 0 || at_ms > now)
		return NULL;
	char *taken = memory_copy(first.at, first.len);
	free(map_remove(indexer->due, first));
	return taken;
}

/* ---- an account ---- */

static bool extract(void *context, const struct mime_part *part, struct slice name, struct slice content, struct arena *arena, struct slice *text)
{
	struct indexer *indexer = context;
	enum extract_kind kind = extract_kind_of(name, content);
	(void)part;
	return kind != EXTRACT_NOTHING && extractor_text(indexer->extractor, kind, content, arena, text);
}

static bool has_room(void)
{
	struct statvfs room;
	return statvfs("accounts", &room) != 0 || room.f_bavail > room.f_blocks / FREE_PART;
}

/* Whether it is to be looked at again, and when. */
static int64_t bring_up_to_date(struct indexer *indexer, struct account *account)
{
	const struct index_options options = {.least = LEAST_MESSAGES, .extract = extract, .describe = jmap_email_keys, .is_over = is_stopping, .context = indexer};
	struct error error;
	bool more = false;
	if (!has_room())
		return AGAIN_MS;
	if (account_index(account, &options, &more, &error))
		return more ? 0 : -1;
	log_warning("indexer.failed", log_slice("account", account_name(account)), log_text("reason", error.text));
	return AGAIN_MS;
}

static void look_at(struct indexer *indexer, struct slice name)
{
	struct error error;
	bool wanted = config_current()->search_index;
	if (wanted && !store_index_is_due(indexer->store, name))
		return;
	struct account *account = store_open_account(indexer->store, name, &error);
	if (!account) {
		if (error.kind != ERROR_NOT_FOUND)
			log_warning("indexer.failed", log_slice("account", name), log_text("reason", error.text));
		return;
	}
	int64_t again_ms = -1;
	if (wanted)
		again_ms = bring_up_to_date(indexer, account);
	else
		account_drop_index(account);
	store_release_account(&account);
	if (again_ms >= 0)
		put_due(indexer, name, clock_monotonic_ms() + again_ms);
}

/* ---- the role ---- */

static void hear_again(struct indexer *indexer)
{
	eventfd_t times;
	eventfd_read(indexer->again_fd, &times);
	indexer->sweep_ms = clock_monotonic_ms();
}

static void run(struct indexer *indexer)
{
	for (;;) {
		int64_t wait_ms;
		char *name = take_due(indexer, &wait_ms);
		if (name) {
			look_at(indexer, slice_of(name));
			free(name);
		} else if (indexer->sweep_ms <= clock_monotonic_ms()) {
			sweep(indexer);
		}
		struct pollfd fds[] = {{.fd = indexer->stop_fd, .events = POLLIN}, {.fd = indexer->role->bus_in, .events = POLLIN},
				       {.fd = indexer->again_fd, .events = POLLIN}};
		if (poll(fds, sizeof fds / sizeof *fds, name ? 0 : (int)wait_ms) < 0 && errno != EINTR)
			memory_exhausted(0);
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			role_hear(indexer->role);
		if (fds[2].revents)
			hear_again(indexer);
	}
}

static void free_due(struct indexer *indexer)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	while (map_next(indexer->due, &cursor, &name, &value))
		free(value);
	map_free(&indexer->due);
}

/* Before the role is confined, and by all of its threads and processes. Where the kernel refuses, it works with everybody else's right. */
static void stand_back(void)
{
	setpriority(PRIO_PROCESS, 0, LEAST_NICE);
	syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, IDLE_DISK);
}

int role_indexer_main(struct role *role)
{
	struct error error;
	struct indexer indexer = {.role = role, .due = map_new(), .sweep_ms = clock_monotonic_ms() + SWEEP_AFTER_MS};
	struct store_options options = {.data = role->data, .storage = config_current()->storage, .undelete_seconds = config_current()->undelete_for, .leaves_arrivals = true};
	stand_back();
	indexer.stop_fd = eventfd(0, EFD_CLOEXEC);
	indexer.again_fd = eventfd(0, EFD_CLOEXEC);
	if (!(indexer.extractor = extractor_new(&error)) || !role_confine(role, &error) || !(indexer.store = store_open(&options, &error)))
		role_fail(role, &error);
	role->follow = follow;
	role->hear = hear;
	role_serve(role, stop, &indexer);
	run(&indexer);
	role_end(role);
	store_close(&indexer.store);
	extractor_free(&indexer.extractor);
	free_due(&indexer);
	close(indexer.stop_fd);
	close(indexer.again_fd);
	return 0;
}
