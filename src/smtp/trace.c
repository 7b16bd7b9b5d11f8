/* What we write into a message: the Received field (RFC 5321 §4.4), and into a submitted one what it lacks (RFC 6409 §8):
 * Date, Message-ID, From; Bcc fields are taken out. And what we read in it: how often it has been received, who it says it
 * is from (author.c). */
#include "smtp/session.h"

#include "base/random.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"
#include "policy/judge.h"

/* ---- The Received field ---- */

/* What the client calls itself goes into our own field: only what a name or an address literal may have stays of it. */
static struct slice harmless_hello(const struct smtp_session *session, struct arena *arena)
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

struct slice smtp_trace_client(const struct smtp_session *session, struct arena *arena)
{
	return arena_printf(arena, "%.*s [%.*s]", SLICE_ARG(harmless_hello(session, arena)), SLICE_ARG(conn_peer(session->conn)));
}

/* RFC 3848; with SMTPUTF8, RFC 6531 §4.3. */
static struct slice protocol_name(const struct smtp_session *session, bool tls)
{
	struct arena *arena = session->transaction.arena;
	bool utf8 = session->transaction.message.smtputf8, lmtp = session->service->kind == SMTP_LMTP;
	if (!session->extended)
		return SLICE("SMTP");
	return arena_printf(arena, "%s%s%s", utf8 ? (lmtp ? "UTF8LMTP" : "UTF8SMTP") : (lmtp ? "LMTP" : "ESMTP"), tls ? "S" : "",
			    session->account ? "A" : "");
}

/* An address in ASCII, with A-labels; empty if it can't be written so: our field mustn't make a message need SMTPUTF8 that doesn't. */
static struct slice ascii_address(struct slice address, struct arena *arena)
{
	struct slice local, domain;
	if (slice_is_ascii(address))
		return address;
	address_split(address, &local, &domain);
	struct slice ascii = domain_to_ascii(domain, arena);
	return slice_is_ascii(local) && ascii.len > 0 ? arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(ascii)) : SLICE("");
}

static struct slice received_field(const struct smtp_session *session)
{
	const struct queue_message *message = &session->transaction.message;
	struct arena *arena = session->transaction.arena;
	struct slice peer = conn_peer(session->conn), tls_comment = SLICE(""), for_clause = SLICE("");
	struct conn_tls tls;
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	conn_tls(session->conn, &tls);
	id_format(message->id, id);
	date_format(message->arrived, date);
	if (session->service->kind == SMTP_LOCAL)
		return arena_printf(arena, "Received: by %s (from %.*s)\r\n\tid %s; %s\r\n", smtp_hostname(session), SLICE_ARG(peer), id, date);
	if (tls.active)
		tls_comment = arena_printf(arena, "\r\n\t(using %s with cipher %s)", tls.version, tls.cipher);
	if (message->recipient_count == 1) /* with several, it would tell each of the others (RFC 5321 §7.6) */
		for_clause = ascii_address(message->recipients[0].address, arena);
	if (for_clause.len > 0)
		for_clause = arena_printf(arena, "\r\n\tfor <%.*s>", SLICE_ARG(for_clause));
	return arena_printf(arena, "Received: from %.*s ([%s%.*s])%.*s\r\n\tby %s with %.*s id %s%.*s;\r\n\t%s\r\n",
			    SLICE_ARG(harmless_hello(session, arena)), ip_version_tag(peer), SLICE_ARG(peer), SLICE_ARG(tls_comment),
			    smtp_hostname(session), SLICE_ARG(protocol_name(session, tls.active)), id, SLICE_ARG(for_clause), date);
}

/* ---- The client's header ---- */

static const char *judge(struct smtp_session *session, struct submit_header *found)
{
	if (found->received > (size_t)session->config->max_received)
		return "554 5.4.6 the message goes round in circles: too many Received fields";
	return smtp_is_submission(session) ? submit_judge(found) : NULL;
}

static void store(void *session, struct slice text) { smtp_content_store(session, text); }

/* Who may relay, and who hands mail on to us by LMTP, may have made a field in our name. */
static bool is_forged_result(const struct smtp_session *session, const struct header_field *field)
{
	return !session->may_relay && session->service->kind != SMTP_LMTP && submit_is_forged(field, smtp_hostname(session), session->transaction.arena);
}

/* A separator of an mbox is no field (header.h). */
static bool is_dropped(const struct smtp_session *session, const struct header_field *field)
{
	return field->name.len == 0 || is_forged_result(session, field) || (smtp_is_submission(session) && submit_is_dropped(field));
}

/* The fields of the client that stay, and an empty line, whether the client has sent one or not: so everybody reads the same header. */
static void store_fields(struct smtp_session *session, const struct submit_header *found)
{
	struct header_field field;
	struct slice header = found->header;
	bool submitted = smtp_is_submission(session), ended = true;
	/* Refusing the message, as a full disk does, frees the header. */
	while (!session->transaction.content.refused && header_next(&header, &field)) {
		if (is_dropped(session, &field))
			continue;
		struct slice text = submitted ? submit_field_text(found, &field) : field.whole;
		smtp_content_store(session, text);
		ended = text.len == 0 || text.at[text.len - 1] == '\n';
	}
	if (!ended) /* the last chunk ended in the middle of it */
		smtp_content_store(session, SLICE("\r\n"));
	smtp_content_store(session, SLICE("\r\n"));
}

void smtp_trace_store_header(struct smtp_session *session, struct slice header)
{
	struct smtp_transaction *transaction = &session->transaction;
	const struct queue_message *message = &transaction->message;
	struct submit_header found = {.arena = transaction->arena, .header = header, .from = message->from, .account = message->account, .hostname = smtp_hostname(session),
		.id = message->id, .arrived = message->arrived};
	submit_inspect(&found);
	transaction->content.message_id = found.message_id;
	const char *refusal = judge(session, &found);
	if (refusal) {
		smtp_content_refuse(session, refusal);
		return;
	}
	transaction->authors = found.authors;
	smtp_content_store(session, received_field(session));
	if (smtp_is_submission(session))
		submit_write_missing(&found, store, session);
	transaction->content.message_id = found.message_id;
	store_fields(session, &found);
}
