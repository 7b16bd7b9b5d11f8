/* EHLO, HELO, LHLO (RFC 5321 §4.1.1.1, RFC 2033 §4.1) and STARTTLS (RFC 3207). */
#include "smtp/session.h"

#include "base/memory.h"

/* The name isn't checked against DNS, and a client isn't refused for it (RFC 5321 §4.1.4); what is written of it into
 * header fields and the log is made harmless there. */
static bool greet(struct smtp_session *session, struct slice argument, bool extended)
{
	if (argument.len == 0 || argument.len > HELLO_MAX) {
		smtp_reply(session, "501 5.5.4 your name is missing, or too long");
		return false;
	}
	smtp_reset(session);
	free(session->hello);
	session->hello = memory_copy(argument.at, argument.len);
	conn_set_client(session->conn, argument);
	session->extended = extended;
	return true;
}

void smtp_cmd_helo(struct smtp_session *session, struct slice argument)
{
	if (greet(session, argument, false))
		smtp_reply(session, "250 %s", smtp_hostname(session));
}

const char *smtp_mechanisms(const struct smtp_session *session)
{
	struct conn_tls tls;
	if (session->service->kind != SMTP_SUBMISSION || session->account)
		return "";
	conn_tls(session->conn, &tls);
	bool bound = tls.exporter_size > 0 || tls.unique_size > 0;
	return auth_offered(session->service->auth, tls.active, session->config->plaintext_auth, bound, session->config->scram_over_tls);
}

void smtp_cmd_ehlo(struct smtp_session *session, struct slice argument)
{
	if (greet(session, argument, true))
		smtp_send_extensions(session);
}

/* Nothing that was said in clear text counts afterwards (RFC 3207 §4.2); what was already sent behind the command, conn_start_tls
 * throws away unread. */
void smtp_cmd_starttls(struct smtp_session *session, struct slice argument)
{
	if (conn_is_tls(session->conn))
		smtp_reply(session, "503 5.5.1 TLS is already in use");
	else if (!conn_can_tls(session->conn))
		smtp_reply(session, "502 5.5.1 TLS is not available here");
	else if (argument.len > 0)
		smtp_reply(session, "501 5.5.4 STARTTLS takes no parameter");
	else {
		smtp_reply(session, "220 2.0.0 go ahead");
		smtp_reset(session);
		free(session->hello);
		free(session->account);
		session->hello = session->account = NULL;
		conn_sign_out(session->conn);
		session->extended = false;
		conn_start_tls(session->conn);
	}
}
