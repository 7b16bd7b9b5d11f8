/* CAPA (RFC 2449): the table is the only list of what the server can do beyond RFC 1939, in the order in which it is told. */
#include "pop3/session.h"

static bool can_start_tls(const struct pop3_session *session)
{
	return conn_can_tls(session->conn) && !conn_is_tls(session->conn);
}

static const struct capability {
	const char *line;
	unsigned states;                                             /* in which it is told */
	bool (*is_offered)(const struct pop3_session *session);      /* on this connection as it is now; NULL: on any */
	const char *(*values)(const struct pop3_session *session);   /* follow it; if there are none, nothing is told. NULL: it has none */
} capabilities[] = {
	{"TOP", STATE_ANY, NULL, NULL},
	{"UIDL", STATE_ANY, NULL, NULL},
	{"RESP-CODES", STATE_ANY, NULL, NULL},
	{"AUTH-RESP-CODE", STATE_ANY, NULL, NULL},   /* RFC 3206 */
	{"PIPELINING", STATE_ANY, NULL, NULL},
	{"EXPIRE NEVER", STATE_ANY, NULL, NULL},
	{"USER", STATE_ANY, pop3_may_sign_in, NULL},
	{"SASL", STATE_ANY, NULL, pop3_mechanisms},  /* RFC 5034 */
	{"STLS", STATE_AUTHORIZATION, can_start_tls, NULL}, /* RFC 2595 */
	{"IMPLEMENTATION Pombal", STATE_ANY, NULL, NULL},
};

static void tell(const struct pop3_session *session, const struct capability *capability)
{
	const char *values = capability->values ? capability->values(session) : NULL;
	if (!values)
		conn_printf(session->conn, "%s\r\n", capability->line);
	else if (*values)
		conn_printf(session->conn, "%s %s\r\n", capability->line, values);
}

enum net_run pop3_cmd_capa(struct pop3_session *session, struct slice argument)
{
	(void)argument;
	pop3_ok(session, "what this server can do");
	for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
		if (capabilities[i].states & session->state && (!capabilities[i].is_offered || capabilities[i].is_offered(session)))
			tell(session, &capabilities[i]);
	conn_send_text(session->conn, ".\r\n");
	return RUN_DONE;
}
