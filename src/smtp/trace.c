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

/* ---- Reading the client's header ---- */

struct inspection {
	size_t received, from, senders;
	bool date, message_id;
	struct smtp_author author, sender; /* of the last From and Sender field */
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
			found->author.field = field;
		} else if (slice_equal_nocase(field.name, SLICE("Sender"))) {
			found->senders++;
			found->sender.field = field;
		} else if (slice_equal_nocase(field.name, SLICE("Date")))
			found->date = true;
		else if (slice_equal_nocase(field.name, SLICE("Message-ID"))) {
			found->message_id = true;
			*message_id = header_unfold(field.body, arena);
		}
	}
}

static const char *judge(struct smtp_session *session, struct inspection *found)
{
	const char *refusal = NULL;
	if (found->received > (size_t)session->config->max_received)
		return "554 5.4.6 the message goes round in circles: too many Received fields";
	if (!smtp_is_submission(session))
		return NULL;
	if (found->from > 1)
		return "554 5.6.0 the message has several From fields";
	if (found->senders > 1)
		return "554 5.6.0 the message has several Sender fields";
	if (found->from == 1)
		refusal = smtp_author_judge(session, &found->author);
	if (!refusal && found->senders == 1)
		refusal = smtp_author_judge(session, &found->sender);
	return refusal;
}

/* ---- Storing it ---- */

static void add_missing_fields(struct smtp_session *session, const struct inspection *found)
{
	struct smtp_transaction *transaction = &session->transaction;
	const struct queue_message *message = &transaction->message;
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	if (!found->message_id) {
		id_format(message->id, id);
		transaction->content.message_id = arena_printf(transaction->arena, "<%s.%016llx@%s>", id, (unsigned long long)random_u64(), smtp_hostname(session));
		smtp_content_store(session, arena_printf(transaction->arena, "Message-ID: %.*s\r\n", SLICE_ARG(transaction->content.message_id)));
	}
	if (!found->date) {
		date_format(message->arrived, date);
		smtp_content_store(session, arena_printf(transaction->arena, "Date: %s\r\n", date));
	}
	if (found->from == 0 || (found->author.rewritten && found->author.text.len == 0)) {
		struct slice author = message->from.len > 0 ? message->from : message->account;
		smtp_content_store(session, arena_printf(transaction->arena, "From: <%.*s>\r\n", SLICE_ARG(author)));
	}
}

/* A field that says it was written here, of a check that was made elsewhere or never (RFC 8601 §5). Who may relay, and who
 * hands mail on to us by LMTP, may have made it in our name. */
static bool is_forged_result(const struct smtp_session *session, const struct header_field *field)
{
	struct arena *arena = session->transaction.arena;
	if (session->may_relay || session->service->kind == SMTP_LMTP || !policy_is_own_field(field->name))
		return false;
	if (!slice_equal_nocase(field->name, SLICE("Authentication-Results")))
		return true; /* it doesn't say where it was written */
	struct slice by = header_results_by(field->body, arena), own = slice_of(smtp_hostname(session));
	return slice_equal(domain_canonical(by, arena), domain_canonical(own, arena));
}

/* Blind copies are known to the envelope; the field must not tell the others (RFC 5322 §3.6.3). Return-Path is written where a
 * message arrives (RFC 5321 §4.4), not where it begins. A separator of an mbox is no field (header.h). */
static bool is_dropped(const struct smtp_session *session, const struct header_field *field)
{
	static const char *const names[] = {"Bcc", "Resent-Bcc", "Return-Path"};
	if (field->name.len == 0 || is_forged_result(session, field))
		return true;
	for (size_t i = 0; smtp_is_submission(session) && i < sizeof names / sizeof *names; i++)
		if (slice_equal_nocase(field->name, slice_of(names[i])))
			return true;
	return false;
}

/* What is stored for a field of a submitted message: some readers don't know a name with blanks before its colon for a field. */
static struct slice submitted_field(struct smtp_session *session, const struct inspection *found, const struct header_field *field)
{
	struct arena *arena = session->transaction.arena;
	bool author = field->whole.at == found->author.field.whole.at, sender = field->whole.at == found->sender.field.whole.at;
	if (author && found->author.rewritten)
		return found->author.text;
	if (sender && found->sender.rewritten)
		return found->sender.text;
	if (field->name.at[field->name.len] == ':')
		return field->whole;
	return arena_printf(arena, "%.*s:%.*s\r\n", SLICE_ARG(field->name), SLICE_ARG(field->body));
}

/* The fields of the client that stay, and an empty line, whether the client has sent one or not: so everybody reads the same header. */
static void store_fields(struct smtp_session *session, const struct inspection *found, struct slice header)
{
	struct header_field field;
	bool submitted = smtp_is_submission(session), ended = true;
	/* Refusing the message, as a full disk does, frees the header. */
	while (!session->transaction.content.refused && header_next(&header, &field)) {
		if (is_dropped(session, &field))
			continue;
		struct slice text = submitted ? submitted_field(session, found, &field) : field.whole;
		smtp_content_store(session, text);
		ended = text.len == 0 || text.at[text.len - 1] == '\n';
	}
	if (!ended) /* the last chunk ended in the middle of it */
		smtp_content_store(session, SLICE("\r\n"));
	smtp_content_store(session, SLICE("\r\n"));
}

void smtp_trace_store_header(struct smtp_session *session, struct slice header)
{
	struct inspection found = {0};
	inspect(header, session->transaction.arena, &found, &session->transaction.content.message_id);
	const char *refusal = judge(session, &found);
	if (refusal) {
		smtp_content_refuse(session, refusal);
		return;
	}
	smtp_content_store(session, received_field(session));
	if (smtp_is_submission(session))
		add_missing_fields(session, &found);
	store_fields(session, &found, header);
}
