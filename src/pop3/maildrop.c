/* See maildrop.h. The account is opened for each piece of work and released, so that waiting sessions hold no database;
 * only the folder of the message that was read last stays open. */
#include "pop3/maildrop.h"

#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"

enum { READ_AT_ONCE = 1000 };

static struct {
	pthread_mutex_t lock; /* guards names */
	struct map *names;    /* accounts whose maildrop a session has; NULL: none */
} locked = {PTHREAD_MUTEX_INITIALIZER, NULL};

static bool lock_account(struct slice account)
{
	pthread_mutex_lock(&locked.lock);
	if (!locked.names)
		locked.names = map_new();
	bool got = !map_get(locked.names, account);
	if (got)
		map_put(locked.names, account, &locked);
	pthread_mutex_unlock(&locked.lock);
	return got;
}

static void unlock_account(struct slice account)
{
	pthread_mutex_lock(&locked.lock);
	map_remove(locked.names, account);
	if (map_count(locked.names) == 0)
		map_free(&locked.names);
	pthread_mutex_unlock(&locked.lock);
}

/* Appends the messages from `first` on, a piece; *first becomes 0 after the last. */
static bool read_piece(struct maildrop *maildrop, struct account *account, uint32_t *first, struct arena *arena, struct error *error)
{
	struct message *list;
	size_t count;
	if (!message_list(account, maildrop->mailbox, *first, UINT32_MAX, 0, READ_AT_ONCE, MESSAGE_FLAGS, arena, &list, &count, error))
		return false;
	*first = count < READ_AT_ONCE || list[count - 1].uid == UINT32_MAX ? 0 : list[count - 1].uid + 1;
	if (count == 0)
		return true;
	maildrop->messages = memory_resize(maildrop->messages, (maildrop->count + count) * sizeof *maildrop->messages);
	for (size_t i = 0; i < count; i++) {
		maildrop->messages[maildrop->count++] = (struct maildrop_message){.uid = list[i].uid, .id = list[i].id, .size = list[i].size};
		maildrop->bytes += list[i].size;
	}
	return true;
}

static bool read_all(struct maildrop *maildrop, struct error *error)
{
	struct account *account = store_open_account(maildrop->store, maildrop->account, error);
	if (!account)
		return false;
	struct arena *arena = arena_new();
	struct mailbox inbox;
	uint32_t first = 1;
	bool done = mailbox_find(account, SLICE("INBOX"), arena, &inbox, error);
	if (done) {
		maildrop->mailbox = inbox.id;
		maildrop->uidvalidity = inbox.uidvalidity;
	}
	while (done && first != 0) {
		arena_reset(arena);
		done = read_piece(maildrop, account, &first, arena, error);
	}
	arena_free(&arena);
	store_release_account(&account);
	return done;
}

/* Under a lock of the store. */
static void note_change(void *context)
{
	((struct maildrop *)context)->changed = true;
}

enum maildrop_status maildrop_open(struct store *store, struct slice account, struct maildrop **maildrop, struct error *error)
{
	*maildrop = NULL;
	if (!lock_account(account))
		return MAILDROP_IN_USE;
	*maildrop = memory_new(sizeof **maildrop);
	(*maildrop)->store = store;
	(*maildrop)->account = slice_make(memory_copy(account.at, account.len), account.len);
	(*maildrop)->subscription = store_subscribe(store, account, note_change, *maildrop);
	(*maildrop)->files = message_files_new(store, account, error);
	if ((*maildrop)->files && read_all(*maildrop, error))
		return MAILDROP_OPEN;
	maildrop_close(maildrop);
	return MAILDROP_FAILED;
}

void maildrop_close(struct maildrop **maildrop)
{
	if (!*maildrop)
		return;
	store_unsubscribe(&(*maildrop)->subscription);
	message_files_free(&(*maildrop)->files);
	unlock_account((*maildrop)->account);
	free((char *)(*maildrop)->account.at);
	free((*maildrop)->messages);
	free(*maildrop);
	*maildrop = NULL;
}

void maildrop_delete(struct maildrop *maildrop, struct maildrop_message *message)
{
	if (message->deleted)
		return;
	message->deleted = true;
	maildrop->deleted++;
	maildrop->bytes -= message->size;
}

void maildrop_reset(struct maildrop *maildrop)
{
	for (size_t i = 0; i < maildrop->count && maildrop->deleted > 0; i++)
		if (maildrop->messages[i].deleted) {
			maildrop->messages[i].deleted = false;
			maildrop->bytes += maildrop->messages[i].size;
			maildrop->deleted--;
		}
}

static bool expunge(struct maildrop *maildrop, const uint32_t *uids, size_t count, struct error *error)
{
	struct account *account = store_open_account(maildrop->store, maildrop->account, error);
	if (!account)
		return false;
	struct arena *arena = arena_new();
	uint32_t *removed;
	size_t removed_count;
	bool done = message_expunge(account, maildrop->mailbox, uids, count, true, arena, &removed, &removed_count, error);
	arena_free(&arena);
	store_release_account(&account);
	return done;
}

bool maildrop_update(struct maildrop *maildrop, struct error *error)
{
	if (maildrop->deleted == 0)
		return true;
	uint32_t *uids = memory_array(maildrop->deleted, sizeof *uids);
	size_t count = 0;
	for (size_t i = 0; i < maildrop->count; i++)
		if (maildrop->messages[i].deleted)
			uids[count++] = maildrop->messages[i].uid;
	bool done = expunge(maildrop, uids, count, error) && store_sync(maildrop->store, error);
	free(uids);
	return done;
}

bool maildrop_read_unchanged(struct maildrop *maildrop, const struct maildrop_message *message, char *content)
{
	return !maildrop->changed && message_files_read(maildrop->files, message->id, message->size, content);
}

int maildrop_read(struct maildrop *maildrop, const struct maildrop_message *message, uint64_t *size, struct error *error)
{
	struct account *account = store_open_account(maildrop->store, maildrop->account, error);
	if (!account)
		return -1;
	int fd = message_open(account, message->id, size, error);
	store_release_account(&account);
	return fd;
}
