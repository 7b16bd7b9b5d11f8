/* Opening the queue: folders, schema, connections. Fails when the data directory can't be used (rights, a symbolic link
 * where a folder should be) or the database is damaged or from a later version. */
#include "queue/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/config.h"
#include "net/call.h"

enum { QUEUE_CACHE_KIB = 4096, ONLY_NODE = 1 };

/* A message's row is small, and only its lease, and why it is held, are ever changed; its body stands apart, so that listing a million messages reads no
 * bodies. A recipient's row goes when it is done, the message's with the last of them. Held is a recipient's property
 * so that the schedule index can leave held ones out: queue_take reads that index from its beginning and stops early.
 * `barrier` exists to be written to, when a commit must reach the disk and there is nothing else to commit. */
static const char *const queue_schema[] = {
	"CREATE TABLE message (id " DB_ID ", sender TEXT NOT NULL, body_kind BIGINT NOT NULL, smtputf8 BIGINT NOT NULL,"
	" require_tls BIGINT NOT NULL, ret BIGINT NOT NULL, envid TEXT NOT NULL, account TEXT NOT NULL, client TEXT NOT NULL,"
	" arrived BIGINT NOT NULL, size BIGINT NOT NULL, in_file BIGINT NOT NULL);"
	"CREATE TABLE body (message " DB_ID ", bytes " DB_BYTES " NOT NULL);"
	"CREATE TABLE recipient (message BIGINT NOT NULL, number BIGINT NOT NULL, address TEXT NOT NULL, original TEXT NOT NULL,"
	" notify BIGINT NOT NULL, held BIGINT NOT NULL, next_attempt BIGINT NOT NULL, expires BIGINT NOT NULL,"
	" last_attempt BIGINT NOT NULL, attempts BIGINT NOT NULL, delay_notified BIGINT NOT NULL, last_error TEXT NOT NULL,"
	" PRIMARY KEY (message, number))" DB_CLUSTERED ";"
	"CREATE INDEX recipient_schedule ON recipient (next_attempt, message) WHERE held = 0;"
	"CREATE TABLE barrier (id " DB_ID ", passed BIGINT NOT NULL);"
	"INSERT INTO barrier (id, passed) VALUES (1, 0);",
	"ALTER TABLE recipient ADD COLUMN unsure BIGINT NOT NULL DEFAULT 0;",
	/* Ids of what was handed in last, 8 bytes each: see commit.c. */
	("CREATE TABLE handed (id " DB_ID ", ids " DB_BYTES " NOT NULL);"
	 "INSERT INTO handed (id, ids) VALUES (1, '');"),
	"ALTER TABLE message ADD COLUMN preface BIGINT NOT NULL DEFAULT 0;",
	/* Who is at it, see lease.c; 0: nobody. */
	"ALTER TABLE message ADD COLUMN lease BIGINT NOT NULL DEFAULT 0;"
	"CREATE TABLE deliverer (id " DB_ID ", node TEXT NOT NULL, until BIGINT NOT NULL);",
	/* Why a message is held, and what accounts have sent lately: see outgoing.c. */
	"ALTER TABLE message ADD COLUMN reason BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN sent BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN allowed BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX message_suspected ON message (account, size) WHERE reason <> 0;"
	"CREATE TABLE outgoing (account TEXT NOT NULL, slot BIGINT NOT NULL, recipients BIGINT NOT NULL, PRIMARY KEY (account, slot))" DB_CLUSTERED ";"
	"CREATE INDEX outgoing_slot ON outgoing (slot);"
	"CREATE TABLE episode (account TEXT PRIMARY KEY, began BIGINT NOT NULL, last BIGINT NOT NULL, told BIGINT NOT NULL);",
	"CREATE INDEX episode_untold ON episode (began) WHERE told = 0;",
	/* What was found when it was judged. */
	"ALTER TABLE message ADD COLUMN junk BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN findings TEXT NOT NULL DEFAULT '';",
	"ALTER TABLE message ADD COLUMN weighed BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN points BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN suspect BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN author TEXT NOT NULL DEFAULT '';",
	/* When the recipient was told that it is set apart. */
	"ALTER TABLE recipient ADD COLUMN told BIGINT NOT NULL DEFAULT 0;",
	/* What accounts usually do: see habit.c. */
	"CREATE TABLE habit (account TEXT NOT NULL, day BIGINT NOT NULL, recipients BIGINT NOT NULL, held BIGINT NOT NULL, strangers BIGINT NOT NULL,"
	" PRIMARY KEY (account, day))" DB_CLUSTERED ";"
	"CREATE TABLE habit_seen (account TEXT NOT NULL, kind BIGINT NOT NULL, what TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,"
	" PRIMARY KEY (account, kind, what))" DB_CLUSTERED ";",
	/* What is set apart, in order: a long quarantine is gone through in steps, none of which sorts all of it. */
	"CREATE INDEX message_apart ON message (account, id) WHERE reason <> 0;",
	/* For whom behind a recipient's address it was set apart. */
	"ALTER TABLE recipient ADD COLUMN apart TEXT NOT NULL DEFAULT '';",
	/* What waits for its time, by time and by account: see later.c. */
	"ALTER TABLE message ADD COLUMN release BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX message_release ON message (account, release) WHERE release <> 0;"
	"CREATE INDEX recipient_waiting ON recipient (next_attempt, message) WHERE held = 2;"
	"CREATE TABLE withdrawn (id " DB_ID ", account TEXT NOT NULL, at BIGINT NOT NULL);",
	"ALTER TABLE message ADD COLUMN tracked BIGINT NOT NULL DEFAULT 0;",
	/* Large bodies, where other machines must find them: see body.c. */
	"CREATE TABLE piece (message BIGINT NOT NULL, number BIGINT NOT NULL, bytes " DB_BYTES " NOT NULL, PRIMARY KEY (message, number))" DB_CLUSTERED ";",
	/* What an administrator wants of it: through which server it goes, that it is given back (people.c, edit.c). */
	"ALTER TABLE recipient ADD COLUMN via TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE recipient ADD COLUMN returned TEXT NOT NULL DEFAULT '';",
};

struct db *queue_connect(const struct queue *queue, enum db_durability durability, struct error *error)
{
	return db_open(queue->database, &(struct db_options){.durability = durability, .create = true, .cache_kib = QUEUE_CACHE_KIB}, error);
}

/* Spool folders are ours alone, and a symbolic link in the place of one is refused (ATTACKS: spool files). */
static bool open_folders(struct queue *queue, const char *data, const char *storage, struct error *error)
{
	char path[QUEUE_PATH_MAX];
	if (!db_place(storage, data, "queue", "queue.db", queue->database, error))
		return false;
	snprintf(path, sizeof path, "%s/queue", data);
	if (!file_make_folders(path, 0700, error))
		return false;
	int parent = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (parent < 0)
		return error_set_errno(error, errno, "opening %s", path);
	if (mkdirat(parent, "body", 0700) != 0 && errno != EEXIST)
		error_set_errno(error, errno, "making %s/body", path);
	else if ((queue->folder = openat(parent, "body", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		error_set_errno(error, errno, "opening %s/body", path);
	close(parent);
	return queue->folder >= 0;
}

bool queue_is_shared(const struct queue *queue) { return queue->writes.db && db_is_shared(queue->writes.db); }

static bool open_databases(struct queue *queue, struct error *error)
{
	/* Deliveries that are settled need not be durable at once, see commit.c; what people order must be. */
	queue->writes.db = queue_connect(queue, queue->user == QUEUE_DELIVERER ? DB_DURABLE_LATER : DB_DURABLE_COMMIT, error);
	if (!queue->writes.db || !db_migrate(queue->writes.db, queue_schema, (int)(sizeof queue_schema / sizeof *queue_schema), error))
		return false;
	queue->reads.db = queue_connect(queue, DB_DURABLE_LATER, error);
	return queue->reads.db != NULL;
}

struct queue *queue_new(void)
{
	struct queue *queue = memory_new(sizeof *queue);
	queue->folder = -1;
	queue->taken = map_new();
	queue->deliverer = id_new();
	queue->node = ONLY_NODE;
	pthread_mutex_init(&queue->beat.lock, NULL);
	clock_init_condition(&queue->beat.wake);
	queue->last = &queue->first;
	queue->handed = BUF(QUEUE_HANDED_MAX);
	pthread_mutex_init(&queue->reads.lock, NULL);
	pthread_mutex_init(&queue->writes.lock, NULL);
	pthread_mutex_init(&queue->taken_lock, NULL);
	pthread_mutex_init(&queue->lock, NULL);
	clock_init_condition(&queue->work);
	return queue;
}

/* This node's number, in DIR/queue/node: of a database that is its own it has no need. */
static bool know_node(struct queue *queue, const char *data, struct error *error)
{
	char path[QUEUE_PATH_MAX], text[ID_TEXT_LEN + 1];
	struct buf content = BUF(64);
	if (!queue_is_shared(queue) || queue->user != QUEUE_KEEPER)
		return true;
	if (snprintf(path, sizeof path, "%s/queue/node", data) >= (int)sizeof path)
		return error_set(error, ERROR_INVALID, "path too long: %s", data);
	bool fresh = access(path, F_OK) != 0 && errno == ENOENT, done = fresh || file_read(path, &content, error);
	queue->node = fresh ? id_new() : id_parse(slice_trim(buf_slice(&content)));
	id_format(queue->node, text);
	buf_free(&content);
	if (fresh)
		return file_replace(path, slice_of(text), 0600, error);
	return done && (queue->node > 0 || error_set(error, ERROR_INVALID, "%s: that is no node's number", path));
}

/* What a killed process has left is removed before anything new is taken. */
static bool prepare(struct queue *queue, const char *data, struct error *error)
{
	queue->lease_seconds = queue_lease_seconds(queue);
	return know_node(queue, data, error) && (queue->user == QUEUE_PERSON || queue_sweep(queue, true, NULL, NULL, error)) &&
	       (queue->user != QUEUE_KEEPER || queue_load_handed(queue, error));
}

struct queue *queue_open_in(const char *data, const char *storage, enum queue_user user, struct error *error)
{
	struct queue *queue = queue_new();
	queue->user = user;
	if (!open_folders(queue, data, storage, error) || !open_databases(queue, error) || !prepare(queue, data, error))
		queue_close(&queue);
	return queue;
}

struct queue *queue_open(const char *data, enum queue_user user, struct error *error)
{
	return queue_open_in(data, config_current()->queue_storage, user, error);
}

void queue_close(struct queue **queue)
{
	struct queue *old = *queue;
	*queue = NULL;
	if (!old)
		return;
	queue_stop_writer(old);
	queue_end_leases(old);
	caller_free(&old->owner);
	db_close(&old->reads.db);
	db_close(&old->writes.db);
	if (old->folder >= 0)
		close(old->folder);
	map_free(&old->taken);
	free(old->released.at);
	free(old->others.at);
	free(old->doomed);
	buf_free(&old->handed);
	pthread_mutex_destroy(&old->reads.lock);
	pthread_mutex_destroy(&old->writes.lock);
	pthread_mutex_destroy(&old->taken_lock);
	pthread_mutex_destroy(&old->lock);
	pthread_cond_destroy(&old->work);
	pthread_mutex_destroy(&old->beat.lock);
	pthread_cond_destroy(&old->beat.wake);
	free(old);
}

void queue_on_commit(struct queue *queue, void (*committed)(void *context), void *context)
{
	pthread_mutex_lock(&queue->lock);
	queue->committed = committed;
	queue->committed_context = context;
	pthread_mutex_unlock(&queue->lock);
}

void queue_read_message(struct db_statement *row, struct arena *arena, struct queue_message *message)
{
	message->id = db_number(row, 0);
	message->from = arena_copy(arena, db_text(row, 1));
	message->body = (enum queue_body_kind)db_number(row, 2);
	message->smtputf8 = db_number(row, 3) != 0;
	message->require_tls = db_number(row, 4) != 0;
	message->ret = (enum queue_dsn_return)db_number(row, 5);
	message->envid = arena_copy(arena, db_text(row, 6));
	message->account = arena_copy(arena, db_text(row, 7));
	message->client = arena_copy(arena, db_text(row, 8));
	message->arrived = db_number(row, 9);
	message->size = (uint64_t)db_number(row, 10);
	message->preface = (uint64_t)db_number(row, 11);
	message->suspicion = (struct queue_suspicion){(enum queue_reason)db_number(row, 12), db_number(row, 13), db_number(row, 14)};
	message->junk = db_number(row, 15) != 0;
	message->findings = arena_copy(arena, db_text(row, 16));
	message->weighed = db_number(row, 17) != 0;
	message->points = (int)db_number(row, 18);
	message->suspect = db_number(row, 19) != 0;
	message->author = arena_copy(arena, db_text(row, 20));
	message->release = db_number(row, 21);
	message->tracked = db_number(row, 22) != 0;
}

void queue_read_recipient(struct db_statement *row, struct arena *arena, struct queue_recipient *recipient)
{
	recipient->id = db_number(row, 0);
	recipient->address = arena_copy(arena, db_text(row, 1));
	recipient->original = arena_copy(arena, db_text(row, 2));
	recipient->notify = (unsigned)db_number(row, 3);
	recipient->next_attempt = db_number(row, 4);
	recipient->expires = db_number(row, 5);
	recipient->last_attempt = db_number(row, 6);
	recipient->attempts = (int)db_number(row, 7);
	recipient->delay_notified = db_number(row, 8) != 0;
	recipient->last_error = arena_copy(arena, db_text(row, 9));
	recipient->unsure = (int)db_number(row, RECIPIENT_COLUMN_UNSURE);
	recipient->told = db_number(row, RECIPIENT_COLUMN_TOLD);
	recipient->apart = arena_copy(arena, db_text(row, RECIPIENT_COLUMN_APART));
	recipient->via = arena_copy(arena, db_text(row, RECIPIENT_COLUMN_VIA));
	recipient->returned = arena_copy(arena, db_text(row, RECIPIENT_COLUMN_RETURNED));
}

bool queue_read_recipients(struct db_statement *rows, struct arena *arena, struct queue_message *message, struct error *error)
{
	size_t room = 0;
	enum db_step step;
	message->held = message->waiting = true;
	while ((step = db_step(rows, error)) == DB_ROW) {
		ARENA_GROW(arena, message->recipients, message->recipient_count, room);
		queue_read_recipient(rows, arena, &message->recipients[message->recipient_count++]);
		message->held &= db_number(rows, RECIPIENT_COLUMN_HELD) == HOLD_BY_ORDER;
		message->waiting &= db_number(rows, RECIPIENT_COLUMN_HELD) == HOLD_UNTIL;
	}
	message->held &= message->recipient_count > 0;
	message->waiting &= message->recipient_count > 0;
	return step == DB_DONE;
}
