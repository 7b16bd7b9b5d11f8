/* The door to mailboxes: an account is entered, its rows are asked or changed (mail/mailbox.c), and it is left. */
#include "store/internal.h"

bool mailbox_list(struct account *account, struct arena *arena, struct mailbox **list, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_mailboxes(account->mail.db, arena, list, count, error);
	account_leave(account);
	return done;
}

bool mailbox_find(struct account *account, struct slice name, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	struct mailbox_name checked;
	if (!mailbox_name_check(name, &checked, NULL))
		return error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_mailbox(account->mail.db, mailbox_name_slice(&checked), arena, mailbox, error);
	account_leave(account);
	return done;
}

bool mailbox_get(struct account *account, int64_t id, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_get_mailbox(account->mail.db, id, arena, mailbox, error);
	account_leave(account);
	return done;
}

bool mailbox_open(struct account *account, int64_t id, size_t look, struct arena *arena, struct mailbox *mailbox, int64_t *modseq, size_t *unseen,
		  struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_open_mailbox(account->mail.db, id, look, arena, mailbox, modseq, unseen, error);
	account_leave(account);
	return done;
}

bool mailbox_create(struct account *account, struct slice name, enum special_use use, struct error *error)
{
	struct mailbox_name checked;
	struct change change;
	int64_t id;
	return mailbox_name_check(name, &checked, error) && account_begin_durable(account, &change, error) &&
	       account_end(account, &change, mail_create_mailbox(&change, mailbox_name_slice(&checked), use, &id, error), error);
}

bool mailbox_set_use(struct account *account, struct slice name, enum special_use use, struct error *error)
{
	struct mailbox_name checked;
	struct change change;
	return mailbox_name_check(name, &checked, error) && account_begin_durable(account, &change, error) &&
	       account_end(account, &change, mail_set_use(&change, mailbox_name_slice(&checked), use, error), error);
}

bool mailbox_delete(struct account *account, struct slice name, struct error *error)
{
	struct mailbox_name checked;
	struct change change;
	if (!mailbox_name_check(name, &checked, NULL))
		return error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	while (!account_begin(account, NULL, 0, &change, error) ||
	       !account_end(account, &change, mail_delete_mailbox(&change, mailbox_name_slice(&checked), error), error))
		if (!account_has_room_now(account, error))
			return false;
	return true;
}

bool mailbox_rename(struct account *account, struct slice from, struct slice to, struct error *error)
{
	struct mailbox_name source, target;
	struct change change;
	if (!mailbox_name_check(from, &source, NULL))
		return error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	return mailbox_name_check(to, &target, error) && account_begin_durable(account, &change, error) &&
	       account_end(account, &change, mail_rename_mailbox(&change, mailbox_name_slice(&source), mailbox_name_slice(&target), error), error);
}

bool mailbox_subscribe(struct account *account, struct slice name, bool subscribed, struct error *error)
{
	struct mailbox_name checked;
	struct change change;
	return mailbox_name_check(name, &checked, error) && account_begin(account, NULL, 0, &change, error) &&
	       account_end(account, &change, mail_subscribe(&change, mailbox_name_slice(&checked), subscribed, error), error);
}

bool mailbox_subscriptions(struct account *account, struct arena *arena, struct slice **names, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_subscriptions(account->mail.db, arena, names, count, error);
	account_leave(account);
	return done;
}

bool mailbox_keywords(struct account *account, int64_t mailbox, struct arena *arena, struct slice *keywords, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_keywords(account->mail.db, mailbox, arena, keywords, error);
	account_leave(account);
	return done;
}

bool mailbox_claim_recent(struct account *account, int64_t mailbox, uint32_t *first, uint32_t *next, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_claim_recent(account->mail.db, mailbox, first, next, error);
	account_leave(account);
	return done;
}
