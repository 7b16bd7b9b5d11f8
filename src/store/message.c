/* The door to messages: their rows are mail's, their files blob's. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/internal.h"

/* ---- Reading ---- */

bool message_list(struct account *account, int64_t mailbox, uint32_t first, uint32_t last, int64_t since, size_t limit,
		  enum message_wanted wanted, struct arena *arena, struct message **list, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list(account->mail.db, mailbox, first, last, since, limit, wanted, arena, list, count, error);
	account_leave(account);
	return done;
}

bool message_list_some(struct account *account, int64_t mailbox, uint32_t first, uint32_t last, size_t bytes, enum message_wanted wanted,
		       struct arena *arena, struct message **list, size_t *count, bool *cut, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_some(account->mail.db, mailbox, first, last, bytes, wanted, arena, list, count, cut, error);
	account_leave(account);
	return done;
}

bool message_uids(struct account *account, int64_t mailbox, uint32_t **uids, size_t *count, int64_t *modseq, struct error *error)
{
	*uids = NULL;
	*count = 0;
	if (!account_enter(account, error))
		return false;
	bool done = mail_uids(account->mail.db, mailbox, uids, count, modseq, error);
	account_leave(account);
	return done;
}

bool message_expunged(struct account *account, int64_t mailbox, int64_t since, struct arena *arena, uint32_t **uids,
		      size_t *count, bool *complete, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_gone(account->mail.db, mailbox, since, arena, uids, count, complete, error);
	account_leave(account);
	return done;
}

bool account_list_expunged(struct account *account, size_t limit, struct arena *arena, struct expunged_message **list, size_t *count,
			   struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_expunged(account->mail.db, clock_now() - account->store->undelete_seconds, limit, arena, list, count, error);
	account_leave(account);
	return done;
}

bool account_expunged_ids(struct account *account, size_t limit, struct arena *arena, int64_t **ids, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_expunged_ids(account->mail.db, clock_now() - account->store->undelete_seconds, limit, arena, ids, count, error);
	account_leave(account);
	return done;
}

bool account_find_expunged(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct expunged_message **list, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_expunged(account->mail.db, clock_now() - account->store->undelete_seconds, ids, count, arena, list, error);
	account_leave(account);
	return done;
}

void message_renew_summary(struct account *account, int64_t id, struct slice summary)
{
	if (!account_enter(account, NULL))
		return;
	mail_renew_summary(account->mail.db, id, summary);
	account_leave(account);
}

struct slice message_find_summary(struct account *account, int64_t id, struct arena *arena)
{
	if (!account_enter(account, NULL))
		return slice_make(NULL, 0);
	struct slice summary = mail_find_summary(account->mail.db, id, arena);
	account_leave(account);
	return summary;
}

bool message_keep_excerpts(struct account *account, bool are_long, const struct message_excerpt *list, size_t count)
{
	if (!account_enter(account, NULL))
		return false;
	bool done = mail_put_excerpts(account->mail.db, are_long ? EXCERPT_LONG : EXCERPT_SHORT, list, count);
	account_leave(account);
	return done;
}

/* ---- Changing ---- */

static bool store_flags(struct account *account, const struct mail_flags *request, const uint32_t *uids, size_t count, uint32_t *list,
			size_t *refused, struct error *error)
{
	struct change change;
	*refused = 0;
	return account_begin(account, NULL, 0, &change, error) &&
	       account_end(account, &change, mail_store_flags(&change, request, uids, count, list, refused, error), error);
}

bool message_store_flags(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, enum flags_change change,
			 unsigned flags, struct slice keywords, int64_t unchanged_since, struct arena *arena,
			 uint32_t **failed, size_t *failed_count, struct error *error)
{
	struct mail_flags request = {mailbox, change, flags, keywords, unchanged_since};
	uint32_t *list = failed && unchanged_since >= 0 ? arena_array(arena, count + 1, sizeof *list) : NULL;
	size_t refused = 0;
	if (failed)
		*failed = list;
	if (failed_count)
		*failed_count = 0;
	if (count == 0)
		return true;
	bool done;
	while (!(done = store_flags(account, &request, uids, count, list, &refused, error)) && account_has_room_now(account, error))
		; /* \Deleted is a flag */
	if (done && failed_count)
		*failed_count = refused;
	return done;
}

static bool expunge(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, bool any, uint32_t *removed,
		    size_t *removed_count, struct error *error)
{
	struct change change;
	*removed_count = 0;
	bool done = account_begin(account, NULL, 0, &change, error) &&
		    account_end(account, &change, mail_expunge(&change, mailbox, uids, count, any, removed, removed_count, error), error);
	if (!done)
		*removed_count = 0;
	return done;
}

bool message_expunge(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, bool any,
		     struct arena *arena, uint32_t **removed, size_t *removed_count, struct error *error)
{
	*removed = arena_array(arena, count + 1, sizeof **removed);
	*removed_count = 0;
	while (count > 0 && !expunge(account, mailbox, uids, count, any, *removed, removed_count, error))
		if (!account_has_room_now(account, error))
			return false;
	return true;
}

static bool copy(struct account *account, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool move, uint32_t *source,
		 uint32_t *target, size_t *copied, struct error *error)
{
	struct change change;
	*copied = 0;
	bool done = account_begin(account, &(struct mail_uid_need){to, (uint32_t)count}, 1, &change, error) &&
		    account_end(account, &change, mail_copy(&change, from, uids, count, to, move, source, target, copied, error), error);
	if (!done)
		*copied = 0;
	return done;
}

bool message_copy(struct account *account, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool move,
		  struct arena *arena, uint32_t **source, uint32_t **target, size_t *copied, struct error *error)
{
	*source = arena_array(arena, count + 1, sizeof **source);
	*target = arena_array(arena, count + 1, sizeof **target);
	*copied = 0;
	if (count > UINT32_MAX / 2)
		return error_set(error, ERROR_LIMIT, "too many messages");
	while (!copy(account, from, uids, count, to, move, *source, *target, copied, error))
		if (!move || !account_has_room_now(account, error)) /* to the bin */
			return false;
	return true;
}

/* Its file goes only after its row (account_clean()): one that has its row and no file has lost it. */
static bool undelete(struct account *account, struct change *change, int64_t id, int64_t mailbox, uint32_t *uid, struct error *error)
{
	if (!blob_is_there(account->folder, id))
		return error_set(error, ERROR_NOT_FOUND, "no expunged message of that id is left");
	return mail_undelete(change, id, mailbox, uid, error);
}

bool message_undelete(struct account *account, int64_t message_id, int64_t mailbox, uint32_t *uid, struct error *error)
{
	struct change change;
	uint32_t given = 0;
	if (!account_begin(account, &(struct mail_uid_need){mailbox, 1}, 1, &change, error) ||
	    !account_end(account, &change, undelete(account, &change, message_id, mailbox, &given, error), error))
		return false;
	*uid = given;
	return true;
}

/* ---- Deliveries that were made ---- */

bool delivery_find(struct account *account, int64_t delivery_id, struct arena *arena, struct delivered *delivered, struct error *error)
{
	*delivered = (struct delivered){0};
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_delivery(account->mail.db, delivery_id, arena, delivered, error);
	account_leave(account);
	return done;
}

bool delivery_note(struct account *account, int64_t delivery_id, unsigned flags, struct slice keywords, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) &&
	       account_end(account, &change, mail_note_delivery(&change, delivery_id, flags, keywords, error), error);
}

/* ---- Files ---- */

static bool size_of(struct account *account, int64_t id, uint64_t *size, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_size(account->mail.db, id, size, error);
	account_leave(account);
	return done;
}

int message_open(struct account *account, int64_t message_id, uint64_t *size, struct error *error)
{
	struct error cause = {0};
	if (!size_of(account, message_id, size, error))
		return -1;
	int fd = blob_open(account->folder, message_id, *size, &cause);
	if (fd >= 0)
		return fd;
	if (cause.kind != ERROR_INVALID)
		error_set(error, cause.kind, "%s", cause.text);
	else if (size_of(account, message_id, size, error)) { /* it wasn't expunged and cleaned just now */
		log_error("message.damaged", log_slice("account", account->name), log_id("message", message_id), log_text("cause", cause.text));
		error_set(error, ERROR_INVALID, "the file of the message is missing or damaged");
	}
	return -1;
}

struct message_files { struct blob_reader reader; };

struct message_files *message_files_new(struct store *store, struct slice account, struct error *error)
{
	char *folder = blob_account_folder(store->data, account, error);
	if (!folder)
		return NULL;
	struct message_files *files = memory_new(sizeof *files);
	*files = (struct message_files){{.folder = folder, .month = -1}};
	return files;
}

void message_files_free(struct message_files **files)
{
	if (!*files)
		return;
	blob_reader_end(&(*files)->reader);
	free(*files);
	*files = NULL;
}

bool message_files_read(struct message_files *files, int64_t message_id, uint64_t size, char *content)
{
	return blob_reader_read(&files->reader, message_id, size, content);
}
