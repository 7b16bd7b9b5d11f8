/* AUTH (RFC 4954): the exchange of a SASL mechanism, base64 on lines of its own. Who may sign in, and how fast wrong passwords
 * are answered, the auth role decides; nothing that the client sends here is ever logged. */
#include "smtp/session.h"

#include "base/base64.h"
#include "base/memory.h"
#include "smtp/parse.h"

enum { ANSWER_MAX = 9 * 1024 }; /* bytes, base64 removed: a line of 12288 octets */

void auth_cancel(struct session *session)
{
	sign_in_end(&session->exchange);
	session->signed_in = (struct auth_account){SLICE(""), 0};
	session->input = INPUT_LINE;
}

static bool is_one_of(const char *mechanisms, struct slice name)
{
	struct slice rest = slice_of(mechanisms), word;
	for (bool more = true; more;) {
		more = slice_cut(rest, ' ', &word, &rest);
		if (word.len > 0 && slice_equal_nocase(word, name))
			return true;
	}
	return false;
}

static void send_challenge(struct session *session, struct slice challenge)
{
	struct buf line = BUF_SECRET(LINE_MAX_SIZE);
	buf_append_text(&line, "334 ");
	base64_encode(challenge, &line);
	buf_append_text(&line, "\r\n");
	conn_send_buf(session->conn, &line);
	buf_free(&line);
	session->input = INPUT_ANSWER;
}

/* From the moment it is listed, a change of the account ends the session; what was changed before is asked for. */
static bool become(struct session *session, const struct auth_account *account)
{
	conn_sign_in(session->conn, account->name, account->identity);
	if (auth_stands(session->service->auth, account) == AUTH_STANDS)
		return true;
	conn_sign_out(session->conn);
	return false;
}

static void succeed(struct session *session)
{
	if (!become(session, &session->signed_in)) {
		auth_cancel(session);
		smtp_reply(session, "454 4.7.0 the account has just been changed, sign in again");
		return;
	}
	session->account = memory_copy(session->signed_in.name.at, session->signed_in.name.len);
	auth_cancel(session);
	session->useless = 0;
	smtp_reply(session, "235 2.7.0 signed in");
}

static void fail(struct session *session, enum sign_in_status status, int delay_ms)
{
	auth_cancel(session);
	if (status == SIGN_IN_REFUSED)
		smtp_reply(session, "535 5.7.8 wrong name or password");
	else if (status == SIGN_IN_THROTTLED)
		smtp_reply(session, "454 4.7.0 too many failures, try again later");
	else if (status == SIGN_IN_MALFORMED)
		smtp_reply(session, "501 5.5.2 that is not how this mechanism goes");
	else
		smtp_reply(session, "454 4.7.0 signing in is not possible at the moment");
	if (delay_ms > 0)
		conn_delay(session->conn, delay_ms);
}

/* Borrows from `tls`. */
static struct sign_in_client describe_client(struct session *session, struct conn_tls *tls)
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

/* What is refused here without the auth role's knowing. */
static void refuse(struct session *session, struct slice mechanism, const char *reply, const char *reason)
{
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	auth_refused(&client, mechanism, SLICE(""), reason);
	auth_cancel(session);
	smtp_reply(session, "%s", reply);
}

static void step(struct session *session, bool has_input, struct slice input)
{
	struct buf output = BUF_SECRET(ANSWER_MAX);
	int delay_ms = 0;
	enum sign_in_status status = sign_in_step(session->exchange, smtp_wait(session), has_input, input, &output, &session->signed_in, &delay_ms);
	if (status == SIGN_IN_CONTINUE || (status == SIGN_IN_DONE && output.len > 0)) {
		/* SMTP has no room for data beside success: the mechanism's last words go as a challenge, answered with nothing. */
		if (status == SIGN_IN_CONTINUE)
			session->signed_in = (struct auth_account){SLICE(""), 0};
		send_challenge(session, buf_slice(&output));
		conn_delay(session->conn, delay_ms);
	} else if (status == SIGN_IN_BUSY || status == SIGN_IN_AWAITED) {
		session->again = true;
		conn_delay(session->conn, delay_ms);
	} else if (status == SIGN_IN_DONE) {
		succeed(session);
		conn_delay(session->conn, delay_ms);
	} else
		fail(session, status, delay_ms);
	buf_free(&output);
}

/* `text` is base64. */
static void step_with(struct session *session, struct slice text)
{
	struct buf input = BUF_SECRET(ANSWER_MAX);
	if (!base64_decode(text, &input))
		refuse(session, SLICE(""), "501 5.5.2 that is not base64", "what was said is not base64, or too long");
	else if (session->signed_in.name.len > 0 && input.len > 0)
		refuse(session, SLICE(""), "501 5.5.2 nothing was left to say", "said something after the last word");
	else if (session->signed_in.name.len > 0)
		succeed(session);
	else
		step(session, true, buf_slice(&input));
	buf_free(&input);
}

void cmd_auth(struct session *session, struct slice argument)
{
	struct slice mechanism, initial;
	const char *mechanisms = smtp_mechanisms(session, false);
	bool has_initial = slice_cut(argument, ' ', &mechanism, &initial);
	initial = slice_trim(initial);
	if (session->account) {
		smtp_reply(session, "503 5.5.1 you are signed in already");
		return;
	}
	if (mechanism.len == 0) {
		smtp_reply(session, "501 5.5.4 AUTH mechanism [initial-response] expected");
		return;
	}
	if (mechanisms[0] == '\0' && !conn_is_tls(session->conn)) {
		refuse(session, mechanism, "538 5.7.11 say STARTTLS first", "without TLS");
		return;
	}
	if (!is_one_of(mechanisms, mechanism)) {
		refuse(session, mechanism, "504 5.5.4 that mechanism is not offered", "that mechanism is not taken here");
		return;
	}
	struct conn_tls tls;
	struct sign_in_client client = describe_client(session, &tls);
	session->exchange = sign_in_begin(session->service->auth, mechanism, &client);
	if (!session->exchange)
		fail(session, SIGN_IN_MALFORMED, 0);
	else if (!has_initial)
		step(session, false, SLICE(""));
	else if (slice_equal(initial, SLICE("="))) /* an initial response that is there and empty (RFC 4954 §4) */
		step(session, true, SLICE(""));
	else
		step_with(session, initial);
	if (session->again)
		auth_cancel(session);
}

void auth_answer(struct session *session, struct slice line, bool too_long)
{
	session->input = INPUT_LINE; /* unless another challenge follows */
	if (too_long)
		refuse(session, SLICE(""), "500 5.5.6 that line is too long", "the line is too long");
	else if (slice_equal(line, SLICE("*")))
		refuse(session, SLICE(""), "501 5.7.0 cancelled", "the client gave up");
	else
		step_with(session, line);
	if (session->again)
		session->input = INPUT_ANSWER;
}
