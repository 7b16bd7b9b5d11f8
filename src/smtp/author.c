/* Whether somebody may write as whom a submitted message's From and Sender name: the person at the other end sees these, not the
 * envelope (RFC 6409 §6.1). Whom they name is found out by submit/submit.h. */
#include "smtp/session.h"

static void check(struct smtp_session *session, const struct submit_author *author, enum auth_sender_right right)
{
	if (right == SENDER_OTHERS)
		smtp_content_refuse(session, arena_printf(session->transaction.arena, "550 5.7.1 the %s field names an address that is not yours", author->field).at);
	else if (right != SENDER_OWN)
		smtp_content_refuse(session, "451 4.3.0 whose address the header names can't be told now, try again later");
}

bool smtp_authors_check(struct smtp_session *session)
{
	struct submit_author **authors = &session->transaction.authors;
	while (*authors && !session->transaction.content.refused) {
		enum auth_sender_right right = smtp_may_send_as(session, &session->wait, (*authors)->address);
		if (right == SENDER_AWAITED)
			return false;
		check(session, *authors, right);
		*authors = (*authors)->next;
	}
	return true;
}
