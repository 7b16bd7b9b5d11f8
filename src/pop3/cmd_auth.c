/* Getting in: USER and PASS (RFC 1939 §7), AUTH (RFC 5034), STLS (RFC 2595 §4). Who may sign in, and
 * how fast wrong passwords are answered, the auth role decides. */
#include "base/log.h"
#include "base/memory.h"
#include "pop3/session.h"

bool pop3_may_sign_in(const struct pop3_session *session)
{
	return conn_is_tls(session->conn) || session->config->plaintext_auth;
}

static void set_text(char **text, const char *value, size_t len)
{
	free(*text);
	*text = value ? memory_copy(value, len) : NULL;
}

void pop3_forget_sign_in(struct pop3_session *session)
{
	auth_dialogue_end(&session->dialogue);
	set_text(&session->user, NULL, 0);
}

/* What the auth role is told about the client; borrows from `tls`. */
static struct sign_in_client describe_client(const struct pop3_session *session, struct conn_tls *tls)
{
	conn_tls(session->conn, tls);
	return (struct sign_in_client){.service = "pop3", .address = conn_peer(session->conn), .session = conn_id(session->conn),
		.encrypted = tls->active, .tls_exporter = slice_make((const char *)tls->exporter, tls->exporter_size),
		.tls_unique = slice_make((const char *)tls->unique, tls->unique_size),
		.binding_offered = auth_offers_binding(session->config->scram_over_tls)};
}

/* ---- The answer to a sign-in ---- */

static void forget_entering(struct pop3_session *session)
{
	free((char *)(uintptr_t)session->entering.name.at);
	session->entering = (struct auth_account){0};
}

static void begin_transaction(struct pop3_session *session)
{
	session->state = STATE_TRANSACTION;
	conn_set_deadline(session->conn, 0);
	conn_set_idle(session->conn, session->config->pop3_idle);
	pop3_ok(session, "%zu messages, %llu octets", session->maildrop->count, (unsigned long long)session->maildrop->bytes);
}

void pop3_enter(struct pop3_session *session)
{
	enum auth_standing standing = auth_stands(session->service->auth, &session->wait, &session->entering);
	if (standing == AUTH_STANDING_AWAITED)
		return;
	forget_entering(session);
	if (standing == AUTH_STANDS) {
		begin_transaction(session);
		return;
	}
	conn_sign_out(session->conn);
	maildrop_close(&session->maildrop);
	pop3_error(session, "[SYS/TEMP] the account has just been changed; sign in again");
}

/* From the moment it is listed, a change of the account ends the session; what was changed before is asked for. A maildrop that was
 * opened while that was so is the right one, and what it holds are ids that are never given again. */
static void begin_entering(struct pop3_session *session, const struct auth_account *account)
{
	session->entering = *account;
	session->entering.name.at = memory_copy(account->name.at, account->name.len);
	conn_sign_in(session->conn, account->name, account->identity, account->credential);
	session->scopes = account->scopes;
	pop3_enter(session);
}

static void open_maildrop(struct pop3_session *session, const struct auth_account *account)
{
	struct error error = {0};
	switch (maildrop_open(session->service->store, account->name, &session->maildrop, &error)) {
	case MAILDROP_IN_USE: /* RFC 2449 §8.1.2 */
		pop3_error(session, "[IN-USE] another session has this maildrop");
		return;
	case MAILDROP_FAILED:
		pop3_trouble(session, "the maildrop can't be opened", &error);
		return;
	case MAILDROP_OPEN:
		begin_entering(session, account);
		break;
	}
}

static void refuse(struct pop3_session *session, enum sign_in_status status)
{
	switch (status) {
	case SIGN_IN_REFUSED: /* RFC 3206 §4 */
		pop3_error(session, "[AUTH] wrong name or password");
		break;
	case SIGN_IN_NOT_FOR_THAT:
		pop3_error(session, "[AUTH] this app password or token was made for something else");
		break;
	case SIGN_IN_THROTTLED:
		pop3_error(session, "[SYS/TEMP] too many failed sign-ins; try again later");
		break;
	case SIGN_IN_MALFORMED:
		pop3_error(session, "that is not how this mechanism goes, or it is not known here");
		break;
	default:
		pop3_error(session, "[SYS/TEMP] nobody can sign in now; try again later");
	}
}

static void end_sign_in(struct pop3_session *session, enum sign_in_status status, const struct auth_account *account, int delay_ms)
{
	if (status == SIGN_IN_DONE)
		open_maildrop(session, account);
	else
		refuse(session, status);
	conn_delay(session->conn, delay_ms);
}

/* The unit is run once more, when the delay is over, or the answer is there. */
static void ask_again(struct pop3_session *session, int delay_ms)
{
	session->again = true;
	conn_delay(session->conn, delay_ms);
}

void pop3_note_refusal(struct pop3_session *session, struct slice mechanism, struct slice name, const char *reason)
{
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	auth_refused(&client, mechanism, name, reason);
}

static bool check_encrypted(struct pop3_session *session, struct slice mechanism, struct slice name)
{
	if (pop3_may_sign_in(session))
		return true;
	pop3_note_refusal(session, mechanism, name, "without TLS");
	pop3_error(session, "[AUTH] a password would go in clear text here: start TLS first");
	return false;
}

enum net_run pop3_cmd_user(struct pop3_session *session, struct slice argument)
{
	if (!check_encrypted(session, SLICE("password"), argument))
		return RUN_DONE;
	if (slice_empty(argument)) {
		pop3_error(session, "a name is expected");
		return RUN_DONE;
	}
	set_text(&session->user, argument.at, argument.len);
	pop3_ok(session, "and the password?"); /* whether there is such a name, nobody learns */
	return RUN_DONE;
}

/* The password is all that follows the first space, spaces included (RFC 1939 §7). */
enum net_run pop3_cmd_pass(struct pop3_session *session, struct slice argument)
{
	if (!check_encrypted(session, SLICE("password"), SLICE("")))
		return RUN_DONE;
	if (!session->user) {
		pop3_error(session, "USER comes first");
		return RUN_DONE;
	}
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	struct arena *arena = arena_new();
	struct auth_account account;
	int delay_ms;
	enum sign_in_status status = auth_check_password(session->service->auth, &session->wait, slice_of(session->user), argument, &client, arena, &account, &delay_ms);
	if (status == SIGN_IN_AWAITED)
		ask_again(session, delay_ms);
	else {
		pop3_forget_sign_in(session);
		end_sign_in(session, status, &account, delay_ms);
	}
	arena_free(&arena);
	return pop3_goes_on(session);
}

/* ---- AUTH ---- */

static struct buf begin_challenge(void)
{
	struct buf line = BUF_SECRET(AUTH_CHALLENGE_MAX);
	buf_append_text(&line, "+ ");
	return line;
}

/* Tells the client what came of a turn. */
static void tell(struct pop3_session *session, enum auth_turn turn, struct buf *challenge)
{
	const struct auth_dialogue *dialogue = &session->dialogue;
	if (turn == AUTH_TURN_CHALLENGE) {
		buf_append_text(challenge, "\r\n");
		conn_send_buf(session->conn, challenge);
		conn_delay(session->conn, dialogue->delay_ms);
	} else if (turn == AUTH_TURN_AGAIN)
		ask_again(session, dialogue->delay_ms);
	else if (turn == AUTH_TURN_ENDED)
		end_sign_in(session, dialogue->status, &dialogue->account, dialogue->delay_ms);
	else if (turn == AUTH_TURN_CANCELLED)
		pop3_error(session, "given up, as you wish");
	else
		pop3_error(session, turn == AUTH_TURN_NOT_BASE64 ? "that is not base64" : "an empty line was expected");
	if (turn > AUTH_TURN_AGAIN)
		pop3_forget_sign_in(session);
	buf_free(challenge);
}

void pop3_answer(struct pop3_session *session, struct slice line)
{
	struct buf challenge = begin_challenge();
	tell(session, auth_dialogue_answer(&session->dialogue, &session->wait, line, &challenge), &challenge);
}

const char *pop3_mechanisms(const struct pop3_session *session)
{
	struct conn_tls tls;
	conn_tls(session->conn, &tls);
	bool bound = tls.exporter_size > 0 || tls.unique_size > 0;
	return auth_offered(session->service->auth, tls.active, session->config->plaintext_auth, bound, session->config->scram_over_tls);
}

/* AUTH alone: no RFC, but many clients ask so. */
static void list_mechanisms(struct pop3_session *session)
{
	struct slice name, rest = slice_of(pop3_mechanisms(session));
	pop3_ok(session, "mechanisms follow");
	while (rest.len > 0) {
		slice_cut(rest, ' ', &name, &rest);
		conn_printf(session->conn, "%.*s\r\n", SLICE_ARG(name));
	}
	conn_send_text(session->conn, ".\r\n");
}

enum net_run pop3_cmd_auth(struct pop3_session *session, struct slice argument)
{
	struct slice mechanism, initial;
	bool has_initial = slice_cut(argument, ' ', &mechanism, &initial);
	if (slice_empty(argument)) {
		list_mechanisms(session);
		return RUN_DONE;
	}
	if (!check_encrypted(session, mechanism, SLICE("")))
		return RUN_DONE;
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	struct buf challenge = begin_challenge();
	pop3_forget_sign_in(session);
	initial = has_initial ? initial : (struct slice){NULL, 0};
	tell(session, auth_dialogue_begin(&session->dialogue, session->service->auth, &session->wait, mechanism, &client, initial, &challenge), &challenge);
	return pop3_goes_on(session);
}

enum net_run pop3_cmd_stls(struct pop3_session *session, struct slice argument)
{
	if (!slice_empty(argument))
		pop3_error(session, "STLS has no argument");
	else if (conn_is_tls(session->conn) || !conn_can_tls(session->conn))
		pop3_error(session, conn_is_tls(session->conn) ? "this is TLS already" : "there is no certificate here");
	else {
		pop3_forget_sign_in(session); /* what was said in clear text is forgotten (RFC 2595 §4) */
		pop3_ok(session, "go ahead");
		conn_start_tls(session->conn);
	}
	return RUN_DONE;
}
