/* The door to emails, threads and what has changed of them, and to mailboxes by their ids. */
#include <inttypes.h>

#include "base/memory.h"
#include "store/internal.h"

/* ---- Reading ---- */

bool account_get_states(struct account *account, struct account_states *states, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_read_states(account->mail.db, states, error);
	account_leave(account);
	return done;
}

bool email_get(struct account *account, const int64_t *ids, size_t count, enum message_wanted wanted, struct arena *arena, struct email **list,
	       struct account_states *states, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_get_emails(account->mail.db, ids, count, wanted, arena, list, states, error);
	account_leave(account);
	return done;
}

bool email_list(struct account *account, int64_t mailbox, struct arena *arena, struct email **list, size_t *count, struct account_states *states,
		struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_emails(account->mail.db, mailbox, arena, list, count, states, error);
	account_leave(account);
	return done;
}

bool email_walk(struct account *account, int64_t mailbox, bool ascending, bool (*each)(void *context, const struct email *email), void *context,
		struct account_states *states, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_walk_emails(account->mail.db, mailbox, ascending, each, context, states, error);
	account_leave(account);
	return done;
}

bool email_find(struct account *account, struct slice message_id, struct arena *arena, int64_t **ids, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_email(account->mail.db, message_id, arena, ids, count, error);
	account_leave(account);
	return done;
}

bool thread_get(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct thread **list,
		struct account_states *states, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_get_threads(account->mail.db, ids, count, arena, list, states, error);
	account_leave(account);
	return done;
}

/* ---- Changes ---- */

static bool find_changes(struct account *account, enum mail_kind kind, const struct changes_point *since, size_t max, struct arena *arena,
			 struct changes *changes, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_changes(account->mail.db, kind, since, max, &account->changes, arena, changes, error);
	account_leave(account);
	return done;
}

bool email_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		   struct error *error)
{
	return find_changes(account, MAIL_EMAILS, since, max, arena, changes, error);
}

bool thread_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		    struct error *error)
{
	return find_changes(account, MAIL_THREADS, since, max, arena, changes, error);
}

bool mailbox_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		     struct error *error)
{
	return find_changes(account, MAIL_MAILBOXES, since, max, arena, changes, error);
}

struct slice changes_point_write(const struct changes_point *point, char out[CHANGES_POINT_MAX])
{
	int len = point->until == 0 ? snprintf(out, CHANGES_POINT_MAX, "%" PRId64, point->since)
				    : snprintf(out, CHANGES_POINT_MAX, "%" PRId64 "-%" PRId64 "-%" PRId64, point->since, point->until, point->next);
	return slice_make(out, (size_t)len);
}

static bool read_number(struct slice text, int64_t *number)
{
	uint64_t value;
	if (!slice_to_number(text, INT64_MAX, &value) || (text.len > 1 && text.at[0] == '0'))
		return false;
	*number = (int64_t)value;
	return true;
}

bool changes_point_read(struct slice text, struct changes_point *point)
{
	struct slice since, until, next;
	*point = (struct changes_point){0};
	if (!slice_cut(text, '-', &since, &next))
		return read_number(since, &point->since);
	return slice_cut(next, '-', &until, &next) && read_number(since, &point->since) && read_number(until, &point->until) && point->until != 0 &&
	       read_number(next, &point->next);
}

/* ---- Changing emails ---- */

/* Each mailbox may be given as many UIDs as there are emails. */
static struct mail_uid_need *list_needs(const struct email_change *list, size_t count, size_t *need_count)
{
	size_t room = 0;
	for (size_t i = 0; i < count; i++)
		room += list[i].add_count;
	struct mail_uid_need *needs = memory_array(room + 1, sizeof *needs);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < list[i].add_count; k++)
			needs[(*need_count)++] = (struct mail_uid_need){list[i].add[k], (uint32_t)count};
	return needs;
}

static bool alter_all(struct change *change, struct email_change *list, size_t count, int64_t if_state, bool *mismatch, struct error *error)
{
	*mismatch = if_state != -1 && if_state != change->row.email_modseq;
	bool done = true;
	for (size_t i = 0; done && i < count && !*mismatch; i++)
		done = mail_alter_email(change, &list[i], error);
	return done;
}

static bool change_emails(struct account *account, struct email_change *list, size_t count, int64_t if_state, bool *mismatch, int64_t *before,
			  int64_t *after, struct error *error)
{
	struct change change;
	size_t need_count = 0;
	struct mail_uid_need *needs = list_needs(list, count, &need_count);
	bool begun = account_begin(account, needs, need_count, &change, error);
	free(needs);
	if (!begun)
		return false;
	*before = change.row.email_modseq;
	bool done = account_end(account, &change, alter_all(&change, list, count, if_state, mismatch, error), error);
	*after = change.row.email_modseq;
	return done;
}

bool email_change(struct account *account, struct email_change *list, size_t count, int64_t if_state, bool *mismatch, int64_t *before,
		  int64_t *after, struct error *error)
{
	bool other;
	if (count > UINT32_MAX / 2)
		return error_set(error, ERROR_LIMIT, "too many emails");
	if (!mismatch)
		mismatch = &other;
	while (!change_emails(account, list, count, if_state, mismatch, before, after, error))
		if (!account_has_room_now(account, error)) /* they may be to go */
			return false;
	return true;
}

/* ---- Mailboxes by their ids ---- */

bool mailbox_make(struct account *account, const struct mailbox_change *change, int64_t *id, struct error *error)
{
	struct change making;
	return account_begin_durable(account, &making, error) && account_end(account, &making, mail_make_mailbox(&making, change, id, error), error);
}

bool mailbox_alter(struct account *account, int64_t id, const struct mailbox_change *change, struct error *error)
{
	struct change altering;
	return account_begin_durable(account, &altering, error) &&
	       account_end(account, &altering, mail_alter_mailbox(&altering, id, change, error), error);
}

static bool remove_mailbox(struct account *account, int64_t id, bool with_emails, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_remove_mailbox(&change, id, with_emails, error), error);
}

bool mailbox_remove(struct account *account, int64_t id, bool with_emails, struct error *error)
{
	while (!remove_mailbox(account, id, with_emails, error))
		if (!account_has_room_now(account, error))
			return false;
	return true;
}
