/* QUIT: in the TRANSACTION state it leads into UPDATE (RFC 1939 §6): what was deleted is removed, and only then, and only when
 * that is on disk, is "+OK" said. */
#include "pop3/session.h"

enum net_run pop3_cmd_quit(struct pop3_session *session, struct slice argument)
{
	struct error error = {0};
	(void)argument;
	if (session->maildrop) {
		size_t removed = session->maildrop->deleted;
		bool done = maildrop_update(session->maildrop, &error);
		pop3_log_end(session, "pop3.quit", done ? removed : 0);
		maildrop_close(&session->maildrop); /* before the reply: who hears it may sign in again */
		if (!done)
			pop3_trouble(session, "some messages may not have been removed", &error);
		else
			pop3_ok(session, "goodbye, %zu removed", removed);
	} else
		pop3_ok(session, "goodbye");
	conn_close(session->conn);
	return RUN_DONE;
}
