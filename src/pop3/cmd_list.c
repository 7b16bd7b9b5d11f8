/* What is in the maildrop, and marking it for removal (RFC 1939 §5, §7). All of it is in memory. */
#include "pop3/session.h"

enum net_run pop3_cmd_noop(struct pop3_session *session, struct slice argument)
{
	(void)argument;
	pop3_ok(session, "still here");
	return RUN_DONE;
}

enum net_run pop3_cmd_stat(struct pop3_session *session, struct slice argument)
{
	(void)argument;
	const struct maildrop *maildrop = session->maildrop;
	pop3_ok(session, "%zu %llu", maildrop->count - maildrop->deleted, (unsigned long long)maildrop->bytes);
	return RUN_DONE;
}

/* Puts one message's number and size, or unique id, after `prefix`. The id is UIDVALIDITY and UID, so it is never given to
 * another message (RFC 1939 §7: up to 70 characters, 0x21 to 0x7E). */
static void put_message(struct pop3_session *session, const char *prefix, const struct maildrop_message *message, bool ids)
{
	size_t number = (size_t)(message - session->maildrop->messages) + 1;
	if (ids)
		conn_printf(session->conn, "%s%zu %u.%u\r\n", prefix, number, session->maildrop->uidvalidity, message->uid);
	else
		conn_printf(session->conn, "%s%zu %llu\r\n", prefix, number, (unsigned long long)message->size);
}

static enum net_run list_all(struct pop3_session *session, bool ids)
{
	const struct maildrop *maildrop = session->maildrop;
	if (!session->resumed) {
		session->listed = 0;
		pop3_ok(session, "%zu messages", maildrop->count - maildrop->deleted);
	}
	for (; session->listed < maildrop->count; session->listed++) {
		if (conn_should_pause(session->conn))
			return RUN_AGAIN;
		if (!maildrop->messages[session->listed].deleted)
			put_message(session, "", &maildrop->messages[session->listed], ids);
	}
	conn_send_text(session->conn, ".\r\n");
	return RUN_DONE;
}

static enum net_run list(struct pop3_session *session, struct slice argument, bool ids)
{
	if (slice_empty(argument))
		return list_all(session, ids);
	const struct maildrop_message *message = pop3_message(session, argument);
	if (message)
		put_message(session, "+OK ", message, ids);
	return RUN_DONE;
}

enum net_run pop3_cmd_list(struct pop3_session *session, struct slice argument)
{
	return list(session, argument, false);
}

enum net_run pop3_cmd_uidl(struct pop3_session *session, struct slice argument)
{
	return list(session, argument, true);
}

enum net_run pop3_cmd_dele(struct pop3_session *session, struct slice argument)
{
	struct maildrop_message *message = pop3_message(session, argument);
	if (message && !(session->scopes & AUTH_MAY_CHANGE))
		pop3_error(session, "what you signed in with may only read");
	else if (message) {
		maildrop_delete(session->maildrop, message);
		pop3_ok(session, "to be removed at the end");
	}
	return RUN_DONE;
}

enum net_run pop3_cmd_rset(struct pop3_session *session, struct slice argument)
{
	(void)argument;
	maildrop_reset(session->maildrop);
	pop3_ok(session, "nothing will be removed");
	return RUN_DONE;
}
