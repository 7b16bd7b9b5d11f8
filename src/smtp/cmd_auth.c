/* AUTH (RFC 4954): the exchange of a SASL mechanism, base64 on lines of its own. Who may sign in, and how fast wrong passwords
 * are answered, the auth role decides; nothing that the client sends here is ever logged. */
#include "smtp/session.h"

#include "base/memory.h"

void smtp_auth_cancel(struct smtp_session *session)
{
	auth_dialogue_end(&session->dialogue);
	session->input = INPUT_LINE;
}

void smtp_auth_conclude(struct smtp_session *session)
{
	enum auth_standing standing = auth_stands(session->service->auth, smtp_wait(session), &session->entering);
	if (standing == AUTH_STANDING_AWAITED)
		return;
	if (standing == AUTH_STANDS) {
		session->account = (char *)(uintptr_t)session->entering.name.at;
		session->rates_known = false;
		session->useless = 0;
		smtp_reply(session, "235 2.7.0 signed in");
	} else {
		free((char *)(uintptr_t)session->entering.name.at);
		conn_sign_out(session->conn);
		smtp_reply(session, "454 4.7.0 the account has just been changed, sign in again");
	}
	session->entering = (struct auth_account){0};
}

/* From the moment it is listed, a change of the account ends the session; what was changed before is asked for. */
static void succeed(struct smtp_session *session)
{
	const struct auth_account *account = &session->dialogue.account;
	session->entering = *account;
	session->entering.name.at = memory_copy(account->name.at, account->name.len);
	conn_sign_in(session->conn, account->name, account->identity, account->credential);
	smtp_auth_conclude(session);
}

static const char *failure(enum auth_turn turn, enum sign_in_status status)
{
	if (turn == AUTH_TURN_CANCELLED)
		return "501 5.7.0 cancelled";
	if (turn == AUTH_TURN_NOT_BASE64)
		return "501 5.5.2 that is not base64";
	if (turn == AUTH_TURN_NOT_EMPTY)
		return "501 5.5.2 nothing was left to say";
	if (status == SIGN_IN_REFUSED)
		return "535 5.7.8 wrong name or password";
	if (status == SIGN_IN_NOT_FOR_THAT)
		return "535 5.7.8 this app password or token was made for something else";
	if (status == SIGN_IN_THROTTLED)
		return "454 4.7.0 too many failures, try again later";
	return status == SIGN_IN_MALFORMED ? "501 5.5.2 that is not how this mechanism goes" : "454 4.7.0 signing in is not possible at the moment";
}

static struct buf begin_challenge(void)
{
	struct buf line = BUF_SECRET(AUTH_CHALLENGE_MAX);
	buf_append_text(&line, "334 ");
	return line;
}

/* Tells the client what came of a turn. */
static void tell(struct smtp_session *session, enum auth_turn turn, struct buf *challenge)
{
	int delay_ms = session->dialogue.delay_ms;
	session->again = turn == AUTH_TURN_AGAIN;
	if (turn == AUTH_TURN_CHALLENGE) {
		buf_append_text(challenge, "\r\n");
		conn_send_buf(session->conn, challenge);
		session->input = INPUT_ANSWER;
	} else if (turn == AUTH_TURN_ENDED && session->dialogue.status == SIGN_IN_DONE)
		succeed(session);
	else if (turn != AUTH_TURN_AGAIN)
		smtp_reply(session, "%s", failure(turn, session->dialogue.status));
	if (turn > AUTH_TURN_AGAIN)
		smtp_auth_cancel(session);
	buf_free(challenge);
	conn_delay(session->conn, delay_ms);
}

/* Borrows from `tls`. */
static struct sign_in_client describe_client(struct smtp_session *session, struct conn_tls *tls)
{
	conn_tls(session->conn, tls);
	return (struct sign_in_client){
		.service = "smtp",
		.address = conn_peer(session->conn),
		.session = conn_id(session->conn),
		.encrypted = tls->active,
		.tls_exporter = slice_make((const char *)tls->exporter, tls->exporter_size),
		.tls_unique = slice_make((const char *)tls->unique, tls->unique_size),
		.binding_offered = auth_offers_binding(session->config->scram_over_tls),
	};
}

/* What is refused before an exchange has begun. */
static void refuse(struct smtp_session *session, struct slice mechanism, const char *reply, const char *reason)
{
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	auth_refused(&client, mechanism, SLICE(""), reason);
	smtp_reply(session, "%s", reply);
}

void smtp_cmd_auth(struct smtp_session *session, struct slice argument)
{
	struct slice mechanism, initial;
	bool has_initial = slice_cut(argument, ' ', &mechanism, &initial);
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	bool binds = tls.exporter_size > 0 || tls.unique_size > 0, submission = session->service->kind == SMTP_SUBMISSION;
	if (session->account)
		smtp_reply(session, "503 5.5.1 you are signed in already");
	else if (mechanism.len == 0)
		smtp_reply(session, "501 5.5.4 AUTH mechanism [initial-response] expected");
	else if (!tls.active && !(submission && session->config->plaintext_auth))
		refuse(session, mechanism, "538 5.7.11 say STARTTLS first", "without TLS");
	else if (!submission || !auth_takes(mechanism, tls.active, session->config->plaintext_auth, binds))
		refuse(session, mechanism, "504 5.5.4 that mechanism is not offered", "that mechanism is not taken here");
	else {
		struct buf challenge = begin_challenge();
		initial = has_initial ? slice_trim(initial) : (struct slice){NULL, 0};
		tell(session, auth_dialogue_begin(&session->dialogue, session->service->auth, smtp_wait(session), mechanism, &client, initial, &challenge), &challenge);
	}
}

void smtp_auth_answer(struct smtp_session *session, struct slice line)
{
	struct buf challenge = begin_challenge();
	session->input = INPUT_LINE; /* unless another challenge follows */
	tell(session, auth_dialogue_answer(&session->dialogue, smtp_wait(session), line, &challenge), &challenge);
	if (session->again)
		session->input = INPUT_ANSWER;
}

void smtp_auth_answer_too_long(struct smtp_session *session)
{
	auth_dialogue_refuse(&session->dialogue, "the line is too long");
	smtp_reply(session, "500 5.5.6 that line is too long");
}
