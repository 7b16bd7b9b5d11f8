/* The mailboxes of an account, as the commands make them. */
#ifndef CLI_ACCOUNT_MAIL_H
#define CLI_ACCOUNT_MAIL_H

#include "auth/directory.h"
#include "store/store.h"

/** Sets the quota that the entry names. */
bool cli_account_mail_quota(struct store *store, const struct auth_account_entry *entry, struct error *error);
/** Makes the mailboxes of a new account. Those that are there already are left over from an attempt that failed, or were kept when
 * the account was removed. */
bool cli_account_mail_make(struct store *store, const struct auth_account_entry *entry, struct error *error);

#endif
