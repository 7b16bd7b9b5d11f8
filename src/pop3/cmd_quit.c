/* QUIT: in the TRANSACTION state it leads into UPDATE (RFC 1939 §6): what was deleted is removed, and only then, and only when
 * that is on disk, is "+OK" said. */
#include "base/log.h"
#include "pop3/session.h"

static void log_end(const struct pop3_session *session, size_t removed)
{
	log_info("pop3.quit", log_id("session", conn_id(session->conn)), log_slice("account", session->maildrop->account),
		 log_number("retrieved", (int64_t)session->retrieved), log_number("bytes", (int64_t)session->retrieved_bytes),
		 log_number("removed", (int64_t)removed));
}

enum run pop3_cmd_quit(struct pop3_session *session, struct slice argument)
{
	struct error error = {0};
	(void)argument;
	if (session->maildrop) {
		size_t removed = session->maildrop->deleted;
		bool done = maildrop_update(session->maildrop, &error);
		log_end(session, done ? removed : 0);
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
