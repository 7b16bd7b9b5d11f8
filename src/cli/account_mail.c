/* See account_mail.h. */
#include "cli/account_mail.h"

bool cli_account_mail_quota(struct store *store, const struct auth_account_entry *entry, struct error *error)
{
	struct account *account = store_open_account(store, entry->name, error);
	if (!account)
		return false;
	bool done = account_set_quota(account, entry->quota_bytes, entry->quota_messages, error);
	store_release_account(&account);
	return done;
}

bool cli_account_mail_make(struct store *store, const struct auth_account_entry *entry, struct error *error)
{
	if (!store_create_account(store, entry->name, error) && error->kind != ERROR_EXISTS)
		return false;
	return (entry->quota_bytes == 0 && entry->quota_messages == 0) || cli_account_mail_quota(store, entry, error);
}
