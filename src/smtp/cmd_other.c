/* RSET, NOOP, QUIT, VRFY, HELP, and commands that we know but don't do. */
#include "smtp/session.h"

void smtp_cmd_rset(struct smtp_session *session, struct slice argument)
{
	if (argument.len > 0) {
		smtp_reply(session, "501 5.5.4 RSET takes no parameter");
		return;
	}
	smtp_reset(session);
	smtp_reply(session, "250 2.0.0 forgotten");
}

void smtp_cmd_noop(struct smtp_session *session, struct slice argument)
{
	(void)argument; /* RFC 5321 §4.1.1.9: may be there, is ignored */
	smtp_reply(session, "250 2.0.0 ok");
}

void smtp_cmd_quit(struct smtp_session *session, struct slice argument)
{
	if (argument.len > 0) {
		smtp_reply(session, "501 5.5.4 QUIT takes no parameter");
		return;
	}
	smtp_reply(session, "221 2.0.0 %s goodbye", smtp_hostname(session));
	session->closing = true;
	conn_close(session->conn);
}

/* RFC 5321 §7.3: who may be told which addresses exist isn't for this command to find out. */
void smtp_cmd_vrfy(struct smtp_session *session, struct slice argument)
{
	if (argument.len == 0)
		smtp_reply(session, "501 5.5.4 VRFY what?");
	else
		smtp_reply(session, "252 2.5.0 addresses are verified by RCPT");
}

void smtp_cmd_help(struct smtp_session *session, struct slice argument)
{
	(void)argument;
	smtp_reply(session, "214 2.0.0 commands are those of RFC 5321; write to postmaster at this server for help");
}

void smtp_cmd_unavailable(struct smtp_session *session, struct slice argument)
{
	(void)argument;
	smtp_reply(session, "502 5.5.1 this command is not available here");
}

void smtp_cmd_foreign(struct smtp_session *session, struct slice argument)
{
	(void)argument;
	smtp_give_up(session, "4.7.0", "this is a mail server");
}
