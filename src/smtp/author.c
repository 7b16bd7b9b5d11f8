/* Whether somebody may write as whom a submitted message's From and Sender name: the person at the other end sees these, not the
 * envelope (RFC 6409 §6.1). A field that could be read in two ways is refused, or, where it can mean but one thing, written anew. */
#include "smtp/session.h"

#include "message/address.h"

enum { AUTHORS_MAX = 20 };

/* Whose address it is, is asked when the text is complete. */
static void note(struct smtp_session *session, const char *field, const struct address *list, size_t count)
{
	struct smtp_transaction *transaction = &session->transaction;
	struct smtp_named_author **end = &transaction->authors;
	while (*end)
		end = &(*end)->next;
	for (size_t i = 0; i < count; i++) {
		struct slice address = arena_printf(transaction->arena, "%.*s@%.*s", SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
		if (slice_equal(address, transaction->message.from)) /* of that one it was asked at MAIL */
			continue;
		*end = arena_alloc(transaction->arena, sizeof **end);
		**end = (struct smtp_named_author){.field = field, .address = address};
		end = &(*end)->next;
	}
}

static void write_anew(struct smtp_session *session, struct smtp_author *author, const struct address *list, size_t count)
{
	struct arena *arena = session->transaction.arena;
	struct slice name = author->field.name;
	author->rewritten = true;
	if (count > 0)
		author->text = arena_printf(arena, "%.*s: %.*s\r\n", SLICE_ARG(name), SLICE_ARG(address_write_list(list, count, name.len + 2, arena)));
}

const char *smtp_author_judge(struct smtp_session *session, struct smtp_author *author)
{
	struct arena *arena = session->transaction.arena;
	const char *name = arena_text(arena, author->field.name);
	struct address *list;
	size_t count;
	bool plain;
	if (!address_parse_authors(author->field.body, AUTHORS_MAX, arena, &list, &count, &plain))
		return arena_printf(arena, "550 5.6.0 the %s field is not a list of addresses that everybody reads the same", name).at;
	if (!plain || count == 0)
		write_anew(session, author, list, count);
	note(session, name, list, count);
	return NULL;
}

static void check(struct smtp_session *session, const struct smtp_named_author *author, enum auth_sender_right right)
{
	if (right == SENDER_OTHERS)
		smtp_content_refuse(session, arena_printf(session->transaction.arena, "550 5.7.1 the %s field names an address that is not yours", author->field).at);
	else if (right != SENDER_OWN)
		smtp_content_refuse(session, "451 4.3.0 whose address the header names can't be told now, try again later");
}

bool smtp_authors_check(struct smtp_session *session)
{
	struct smtp_named_author **authors = &session->transaction.authors;
	while (*authors && !session->transaction.content.refused) {
		enum auth_sender_right right = smtp_may_send_as(session, &session->wait, (*authors)->address);
		if (right == SENDER_AWAITED)
			return false;
		check(session, *authors, right);
		*authors = (*authors)->next;
	}
	return true;
}
