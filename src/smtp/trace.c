/* What we write into a message: the Received field (RFC 5321 §4.4), and into a submitted one what it lacks (RFC 6409 §8):
 * Date, Message-ID, From; Bcc fields are taken out. And what we read in it: how often it has been received, who it says it
 * is from. */
#include "smtp/session.h"

#include "base/random.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"

enum { AUTHORS_MAX = 20 };

/* ---- The Received field ---- */

/* What the client calls itself goes into our own field: only what a name or an address literal may have stays of it. */
static struct slice harmless_hello(const struct session *session, struct arena *arena)
{
	struct slice name = arena_copy(arena, slice_of(session->hello));
	char *at = (char *)name.at;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(at[i]) && !ascii_is_digit(at[i]) && !strchr(".-:_[]", at[i]))
			at[i] = '?';
	return name;
}

static const char *ip_version_tag(struct slice address)
{
	return slice_find_char(address, ':') == SLICE_NONE ? "" : "IPv6:";
}

struct slice trace_client(const struct session *session, struct arena *arena)
{
	return arena_printf(arena, "%.*s [%.*s]", SLICE_ARG(harmless_hello(session, arena)), SLICE_ARG(conn_peer(session->conn)));
}

/* RFC 3848; with SMTPUTF8, RFC 6531 §4.3. */
static struct slice protocol_name(const struct session *session, bool tls)
{
	struct arena *arena = session->transaction.arena;
	bool utf8 = session->transaction.message.smtputf8, lmtp = session->service->kind == SMTP_LMTP;
	if (!session->extended)
		return SLICE("SMTP");
	return arena_printf(arena, "%s%s%s", utf8 ? (lmtp ? "UTF8LMTP" : "UTF8SMTP") : (lmtp ? "LMTP" : "ESMTP"), tls ? "S" : "",
			    session->account ? "A" : "");
}

static struct slice received_field(const struct session *session)
{
	const struct queue_message *message = &session->transaction.message;
	struct arena *arena = session->transaction.arena;
	struct slice peer = conn_peer(session->conn), tls_comment = SLICE(""), for_clause = SLICE("");
	struct conn_tls tls;
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	conn_tls(session->conn, &tls);
	id_format(message->id, id);
	date_format(message->arrived, date);
	if (tls.active)
		tls_comment = arena_printf(arena, "\r\n\t(using %s with cipher %s)", tls.version, tls.cipher);
	if (message->recipient_count == 1) /* with several, it would tell each of the others (RFC 5321 §7.6) */
		for_clause = arena_printf(arena, "\r\n\tfor <%.*s>", SLICE_ARG(message->recipients[0].address));
	return arena_printf(arena, "Received: from %.*s ([%s%.*s])%.*s\r\n\tby %s with %.*s id %s%.*s;\r\n\t%s\r\n",
			    SLICE_ARG(harmless_hello(session, arena)), ip_version_tag(peer), SLICE_ARG(peer), SLICE_ARG(tls_comment),
			    smtp_hostname(session), SLICE_ARG(protocol_name(session, tls.active)), id, SLICE_ARG(for_clause), date);
}

/* ---- Reading the client's header ---- */

struct inspection {
	size_t received, from, senders;
	bool date, message_id;
	struct header_field author, sender;
};

static void inspect(struct slice header, struct arena *arena, struct inspection *found, struct slice *message_id)
{
	struct header_field field;
	*found = (struct inspection){0};
	while (header_next(&header, &field)) {
		if (slice_equal_nocase(field.name, SLICE("Received")))
			found->received++;
		else if (slice_equal_nocase(field.name, SLICE("From"))) {
			found->from++;
			found->author = field;
		} else if (slice_equal_nocase(field.name, SLICE("Sender"))) {
			found->senders++;
			found->sender = field;
		} else if (slice_equal_nocase(field.name, SLICE("Date")))
			found->date = true;
		else if (slice_equal_nocase(field.name, SLICE("Message-ID"))) {
			found->message_id = true;
			*message_id = header_unfold(field.body, arena);
		}
	}
}

/* The address as auth knows it: "local@domain", quoted where needed. */
static bool full_address(const struct address *author, struct arena *arena, struct slice *address)
{
	struct buf text = BUF(4 * ADDRESS_MAX);
	struct error error;
	buf_append_char(&text, '"');
	for (size_t i = 0; i < author->local.len; i++) {
		if (author->local.at[i] == '"' || author->local.at[i] == '\\')
			buf_append_char(&text, '\\');
		buf_append_char(&text, author->local.at[i]);
	}
	buf_append_text(&text, "\"@");
	buf_append(&text, author->domain);
	bool done = !text.overflow && address_parse(buf_slice(&text), true, arena, address, &error);
	buf_free(&text);
	return done;
}

/* Everybody that the field names must be somebody the account may send as: the person at the other end sees this field, not
 * the envelope. */
static enum sender_right right_to_write_as(struct session *session, const struct header_field *field)
{
	struct arena *arena = session->transaction.arena;
	struct address *list;
	struct slice address;
	size_t count, mailboxes = 0;
	address_parse_list(field->body, AUTHORS_MAX + 1, arena, &list, &count);
	for (size_t i = 0; i < count && count <= AUTHORS_MAX; i++) {
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		enum sender_right right = SENDER_OTHERS;
		if (full_address(&list[i], arena, &address))
			right = auth_may_send_as(session->service->auth, slice_of(session->account), address);
		if (right != SENDER_OWN)
			return right;
		mailboxes++;
	}
	return mailboxes > 0 ? SENDER_OWN : SENDER_OTHERS;
}

static const char *judge_author(struct session *session, const struct header_field *field, const char *refusal)
{
	switch (right_to_write_as(session, field)) {
	case SENDER_OWN:
		return NULL;
	case SENDER_OTHERS:
		return refusal;
	case SENDER_TEMPORARY:
		break;
	}
	return "451 4.3.0 whose address the header names can't be told now, try again later";
}

static const char *judge(struct session *session, const struct inspection *found)
{
	const char *refusal = NULL;
	if (found->received > (size_t)session->config->max_received)
		return "554 5.4.6 the message goes round in circles: too many Received fields";
	if (session->service->kind != SMTP_SUBMISSION)
		return NULL;
	if (found->from > 1)
		return "554 5.6.0 the message has several From fields";
	if (found->senders > 1)
		return "554 5.6.0 the message has several Sender fields";
	if (found->from == 1)
		refusal = judge_author(session, &found->author, "550 5.7.1 the From field names an address that is not yours");
	if (!refusal && found->senders == 1)
		refusal = judge_author(session, &found->sender, "550 5.7.1 the Sender field names an address that is not yours");
	return refusal;
}

/* ---- Storing it ---- */

static void add_missing_fields(struct session *session, const struct inspection *found)
{
	struct transaction *transaction = &session->transaction;
	const struct queue_message *message = &transaction->message;
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	if (!found->message_id) {
		id_format(message->id, id);
		transaction->content.message_id = arena_printf(transaction->arena, "<%s.%016llx@%s>", id, (unsigned long long)random_u64(), smtp_hostname(session));
		content_store(session, arena_printf(transaction->arena, "Message-ID: %.*s\r\n", SLICE_ARG(transaction->content.message_id)));
	}
	if (!found->date) {
		date_format(message->arrived, date);
		content_store(session, arena_printf(transaction->arena, "Date: %s\r\n", date));
	}
	if (found->from == 0) {
		struct slice author = message->from.len > 0 ? message->from : message->account;
		content_store(session, arena_printf(transaction->arena, "From: <%.*s>\r\n", SLICE_ARG(author)));
	}
}

/* Blind copies are known to the envelope; the field must not tell the others (RFC 5322 §3.6.3). */
static void store_without_bcc(struct session *session, struct slice header)
{
	struct header_field field;
	while (header_next(&header, &field))
		if (!slice_equal_nocase(field.name, SLICE("Bcc")) && !slice_equal_nocase(field.name, SLICE("Resent-Bcc")))
			content_store(session, field.whole);
	content_store(session, header); /* the empty line, if there is one */
}

/* A text that doesn't begin with a field has no header: what it begins with must not become part of ours. */
static bool begins_with_field(struct slice header)
{
	struct header_field field;
	return header.len > 0 && header.at[0] != ' ' && header.at[0] != '\t' && header_next(&header, &field) && field.name.len > 0;
}

void trace_store_header(struct session *session, struct slice header)
{
	struct inspection found = {0};
	bool has_header = begins_with_field(header);
	bool submitted = session->service->kind == SMTP_SUBMISSION;
	if (has_header)
		inspect(header, session->transaction.arena, &found, &session->transaction.content.message_id);
	const char *refusal = judge(session, &found);
	if (refusal) {
		content_refuse(session, refusal);
		return;
	}
	content_store(session, received_field(session));
	if (submitted)
		add_missing_fields(session, &found);
	if (has_header && submitted)
		store_without_bcc(session, header);
	else {
		if (!has_header && !slice_starts(header, SLICE("\r\n")))
			content_store(session, SLICE("\r\n"));
		content_store(session, header);
	}
}
