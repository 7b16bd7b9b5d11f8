/* What LOGIN and AUTHENTICATE share. */
#ifndef IMAP_SIGN_IN_H
#define IMAP_SIGN_IN_H

#include "imap/session.h"

/** The tagged reply to a finished sign-in; with SIGN_IN_DONE the session enters the signed-in state. */
enum net_run imap_sign_in_reply(struct imap_command *command, enum sign_in_status status, const struct auth_account *account, int delay_ms);
/** Goes on with one whose identity is proven; `account` may be NULL if it was begun. */
enum net_run imap_sign_in_enter(struct imap_command *command, const struct auth_account *account);
/** LOGIN and AUTHENTICATE, with their arguments; initial.at is NULL without an initial response. */
enum net_run imap_login(struct imap_command *command, struct slice name, struct slice password);
enum net_run imap_authenticate(struct imap_command *command, struct slice mechanism, struct slice initial);
/** The unit runs again later (SIGN_IN_AWAITED), and a command from its beginning. The command in progress may be gone. */
enum net_run imap_sign_in_again(struct imap *imap, int delay_ms);
/** Writes down a sign-in that was refused here, without the auth role's knowing: auth_refused(). */
void imap_note_refusal(struct imap *imap, struct slice mechanism, struct slice name, const char *reason);
/** Must this connection be encrypted before it may carry passwords? */
bool imap_sign_in_needs_tls(struct imap *imap);

#endif
