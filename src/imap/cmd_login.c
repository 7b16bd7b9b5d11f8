/* LOGIN (RFC 3501 §6.2.3), and what it shares with AUTHENTICATE: the answers to a sign-in. */
#include "imap/sign_in.h"

enum net_run imap_sign_in_enter(struct imap_command *command, const struct auth_account *account)
{
	struct imap *imap = command->imap;
	struct error error;
	enum imap_entry entry = imap_enter(imap, account, &error);
	if (entry == ENTRY_AWAITED)
		return RUN_WAIT;
	imap->continued = 0; /* no command of several literals is coming in any more */
	if (entry == ENTRY_FAILED)
		return imap_reply_error(command, &error);
	struct buf code = BUF(RESPONSE_MAX);
	buf_append_text(&code, "CAPABILITY");
	imap_capability_write(imap, &code);
	imap_reply_ok(command, code.at, "Signed in");
	buf_free(&code);
	return RUN_DONE;
}

enum net_run imap_sign_in_reply(struct imap_command *command, enum sign_in_status status, const struct auth_account *account, int delay_ms)
{
	struct imap *imap = command->imap;
	if (delay_ms > 0)
		conn_delay(imap->conn, delay_ms);
	switch (status) {
	case SIGN_IN_DONE:
		break;
	case SIGN_IN_NOT_FOR_THAT: /* RFC 5530 §3 */
		imap_count_error(imap);
		return imap_reply_no(command, "AUTHORIZATIONFAILED", "This app password or token was made for something else");
	case SIGN_IN_THROTTLED:
		imap_count_error(imap);
		return imap_reply_no(command, "LIMIT", "Too many failed sign-ins lately, try again later");
	case SIGN_IN_MALFORMED:
		return imap_reply_bad(command, "The authentication exchange is malformed");
	case SIGN_IN_TEMPORARY:
		return imap_reply_no(command, "UNAVAILABLE", "Signing in is not possible now, try again later");
	case SIGN_IN_REFUSED:
	case SIGN_IN_CONTINUE:
	case SIGN_IN_AWAITED:
		imap_count_error(imap);
		return imap_reply_no(command, "AUTHENTICATIONFAILED", "Name or password is wrong");
	}
	return imap_sign_in_enter(command, account);
}

enum net_run imap_sign_in_again(struct imap *imap, int delay_ms)
{
	enum net_run again = auth_is_awaited(&imap->wait) ? RUN_WAIT : RUN_AGAIN;
	conn_delay(imap->conn, delay_ms);
	if (imap->mode == MODE_SASL)
		return again;
	imap_command_end(imap);
	return again;
}

void imap_note_refusal(struct imap *imap, struct slice mechanism, struct slice name, const char *reason)
{
	struct conn_tls tls;
	struct sign_in_client client = imap_client(imap, &tls);
	auth_refused(&client, mechanism, name, reason);
}

bool imap_sign_in_needs_tls(struct imap *imap)
{
	return !conn_is_tls(imap->conn) && !config_current()->plaintext_auth;
}

enum net_run imap_login(struct imap_command *command, struct slice name, struct slice password)
{
	struct auth_account account;
	if (imap_sign_in_needs_tls(command->imap)) {
		imap_note_refusal(command->imap, SLICE("password"), name, "without TLS");
		return imap_reply_no(command, "PRIVACYREQUIRED", "Passwords are taken over TLS only");
	}
	struct conn_tls tls;
	struct sign_in_client client = imap_client(command->imap, &tls);
	int delay_ms = 0;
	enum sign_in_status status = auth_check_password(command->imap->service->auth, &command->imap->wait, name, password, &client, command->arena, &account, &delay_ms);
	if (status == SIGN_IN_AWAITED)
		return imap_sign_in_again(command->imap, delay_ms);
	return imap_sign_in_reply(command, status, &account, delay_ms);
}
