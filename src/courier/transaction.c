/* Transactions; see transaction.h. Everything that the peer answers is taken at its word, recipient by recipient.
 *
 * A message goes as it is if the server can take it so. 8-bit text to a server that doesn't offer 8BITMIME, lines over 998 bytes,
 * and binary bodies to one that doesn't offer BINARYMIME are written anew for it while they are sent (message/downgrade.h): changed,
 * they arrive. NUL goes to nobody. What needs SMTPUTF8 is returned where that isn't offered (RFC 6531 §3.5). */
#include "courier/transaction.h"

#include "base/clock.h"
#include "base/log.h"
#include "courier/custody.h"
#include "courier/own.h"
#include "courier/report.h"
#include "courier/reverse_path.h"
#include "courier/seal.h"
#include "courier/signature.h"
#include "message/address.h"

enum {
	RECIPIENT_LINE_MAX = 4096,
	BODY_RATE_MIN = 4096,       /* bytes a second that a server must take on average */
	BODY_SECONDS_MIN = 600,
	SIGNATURES_SIZE_MAX = 64 * 1024 + DKIM2_SIGNED_MAX + ARC_SEALED_MAX,
};

/* In which form a message goes to a server. */
struct form {
	bool utf8;      /* with SMTPUTF8 */
	bool binary;    /* by BDAT, as BINARYMIME */
	bool rewritten; /* by message_downgrade() */
	bool eight_bit; /* it holds bytes from 0x80 on */
	uint64_t size;
};

/* ---- The envelope on the wire ---- */

bool courier_wire_address(struct slice address, bool smtputf8, struct arena *arena, struct slice *out)
{
	struct slice local, domain;
	*out = address;
	if (slice_is_ascii(address) || smtputf8)
		return true;
	address_split(address, &local, &domain);
	struct slice ascii = domain_to_ascii(domain, arena);
	if (!slice_is_ascii(local) || ascii.len == 0)
		return false;
	*out = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(ascii));
	return true;
}

void courier_xtext_encode(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c < '!' || c > '~' || c == '+' || c == '=')
			buf_printf(out, "+%02X", c);
		else
			buf_append_char(out, (char)c);
	}
}

/* Control characters would end the command line; addresses of the queue have none, but it is others who fill it. */
static bool is_clean(struct slice address)
{
	for (size_t i = 0; i < address.len; i++)
		if ((unsigned char)address.at[i] < ' ' || address.at[i] == 0x7f)
			return false;
	return true;
}

static void put_notify(struct buf *line, unsigned notify)
{
	static const struct { unsigned bit; const char *name; } names[] = {
		{NOTIFY_NEVER, "NEVER"}, {NOTIFY_SUCCESS, "SUCCESS"}, {NOTIFY_FAILURE, "FAILURE"}, {NOTIFY_DELAY, "DELAY"}};
	const char *separator = " NOTIFY=";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (notify & names[i].bit && (names[i].bit == NOTIFY_NEVER || !(notify & NOTIFY_NEVER))) {
			buf_printf(line, "%s%s", separator, names[i].name);
			separator = ",";
		}
}

/* ORCPT (RFC 3461 §4.2): as it was given; for an alias, the address that stood in its place. */
static void put_original(struct buf *line, const struct courier_addressee *addressee)
{
	const struct queue_recipient *recipient = addressee->recipient;
	struct slice type = SLICE("rfc822"), address = recipient->address;
	if (recipient->original.len > 0)
		slice_cut(recipient->original, ';', &type, &address);
	else if (slice_equal(addressee->target, recipient->address))
		return;
	if (!slice_is_ascii(address) || !slice_is_ascii(type) || type.len == 0 || address.len == 0 || !is_clean(type))
		return;
	buf_printf(line, " ORCPT=%.*s;", SLICE_ARG(type));
	courier_xtext_encode(address, line);
}

static void put_mail(const struct courier_transaction *transaction, struct arena *arena, const struct form *form, struct buf *line)
{
	const struct courier_offers *offers = &transaction->session->offers;
	const struct queue_message *message = transaction->message;
	struct slice from;
	courier_wire_address(transaction->from, offers->smtputf8, arena, &from);
	buf_printf(line, "MAIL FROM:<%.*s>", SLICE_ARG(from));
	if (offers->size)
		buf_printf(line, " SIZE=%llu", (unsigned long long)form->size);
	if (form->binary)
		buf_append(line, SLICE(" BODY=BINARYMIME"));
	else if (offers->eight_bit && (message->body != BODY_7BIT || form->eight_bit))
		buf_append(line, SLICE(" BODY=8BITMIME"));
	if (form->utf8)
		buf_append(line, SLICE(" SMTPUTF8"));
	if (offers->dsn && message->ret != RET_NONE)
		buf_append_text(line, message->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (offers->dsn && message->envid.len > 0) {
		buf_append(line, SLICE(" ENVID="));
		courier_xtext_encode(message->envid, line);
	}
	buf_append(line, SLICE("\r\n"));
}

static void put_recipient(const struct courier_transaction *transaction, const struct courier_addressee *addressee, struct arena *arena, struct buf *line)
{
	const struct courier_offers *offers = &transaction->session->offers;
	struct slice to;
	courier_wire_address(addressee->target, offers->smtputf8, arena, &to);
	buf_printf(line, "RCPT TO:<%.*s>", SLICE_ARG(to));
	if (offers->dsn) {
		put_notify(line, addressee->recipient->notify);
		put_original(line, addressee);
	}
	buf_append(line, SLICE("\r\n"));
}

/* ---- May it be sent at all ---- */

static struct courier_via via_of(const struct courier_session *session)
{
	return (struct courier_via){slice_of(session->peer.host), slice_of(session->peer.address_text), slice_of(client_tls_text(session->client))};
}

static void fail_with(struct courier_addressee *addressee, const struct courier_trouble *trouble, const struct courier_via *via)
{
	if (addressee->verdict != VERDICT_NONE)
		return;
	courier_addressee_note(addressee, trouble, via);
	courier_addressee_conclude(addressee);
}

static void fail_all(struct courier_transaction *transaction, const char *status, const char *text)
{
	struct courier_via via = via_of(transaction->session);
	for (size_t i = 0; i < transaction->count; i++)
		if (transaction->addressees[i]->verdict == VERDICT_NONE)
			courier_addressee_decide(transaction->addressees[i], VERDICT_FAILED, status, slice_of(text), &via);
}

static void body_unreadable(struct courier_transaction *transaction, const struct error *error)
{
	log_error("queue.unreadable", log_id("id", transaction->message->id), log_text("cause", error->text));
	courier_trouble_set(&transaction->trouble, false, "4.3.0", "the queued message can't be read at the moment");
	transaction->trouble.soon = true;
}

static bool takes_eight_bit(const struct courier_offers *offers)
{
	return offers->eight_bit || offers->smtputf8; /* RFC 6531 §3.1: who offers the second has to offer the first */
}

static bool count_bytes(void *context, struct slice bytes)
{
	*(uint64_t *)context += bytes.len;
	return true;
}

/* How large the message becomes when it is written anew. */
static bool measure_form(struct courier_transaction *transaction, struct form *form, struct error *error)
{
	struct slice whole;
	form->size = transaction->message->size;
	if (!form->rewritten)
		return true;
	form->size = 0;
	return courier_body_view(transaction->body, &whole, error) && message_downgrade(whole, takes_eight_bit(&transaction->session->offers), count_bytes, &form->size);
}

/* Gives all of the content to a sink, in the form in which it is sent, until that says no. False: it can't be read. */
static bool give_content(struct courier_transaction *transaction, bool rewritten, message_sink *sink, void *context, struct error *error)
{
	struct slice piece;
	bool more = true;
	if (rewritten) {
		if (!courier_body_view(transaction->body, &piece, error))
			return false;
		message_downgrade(piece, takes_eight_bit(&transaction->session->offers), sink, context);
		return true;
	}
	courier_body_rewind(transaction->body);
	while (more && courier_body_next(transaction->body, &piece, error))
		more = sink(context, piece);
	return !transaction->body->failed;
}

static bool set_reverse_path(struct courier_transaction *transaction, struct arena *arena)
{
	if (courier_reverse_path(transaction->addressees[0], arena, &transaction->from))
		return true;
	courier_trouble_set(&transaction->trouble, false, "4.3.0", "it can't be told at the moment from which address the message is to go");
	transaction->trouble.soon = true;
	return false;
}

/* What is signed of the envelope: whom it goes to now, one at a time (remote.c), since who gets a copy unseen mustn't be named to others. An address that
 * can't go there is refused later. */
static void describe_custody(const struct courier_transaction *transaction, bool ours, struct arena *arena, struct courier_custody *custody)
{
	const struct courier_addressee *addressee = transaction->addressees[0];
	bool smtputf8 = transaction->session->offers.smtputf8;
	struct slice *recipients = arena_array(arena, transaction->count, sizeof *recipients);
	*custody = (struct courier_custody){.auth = addressee->letter->courier->auth, .arena = arena, .envelope = {.from = transaction->from, .recipients = recipients},
		.passed_on = !ours, .flags = transaction->message->recipient_count > 1 ? DKIM2_FLAG_EXPLODED : 0};
	if (!ours)
		custody->holder = courier_passed_on_by(addressee);
	courier_wire_address(transaction->from, smtputf8, arena, &custody->envelope.from);
	for (size_t i = 0; i < transaction->count; i++) {
		struct slice *to = &recipients[custody->envelope.recipient_count++];
		*to = transaction->addressees[i]->target;
		courier_wire_address(transaction->addressees[i]->target, smtputf8, arena, to);
	}
}

/* Who has signed before may have asked that what is done here isn't (DKIM2 "f="): then the message goes to nobody else. Any other reason for which it
 * isn't signed is the next server's to weigh. */
static void heed_custody(struct courier_transaction *transaction, const struct courier_custody *custody)
{
	if (custody->reason == DKIM2_VALID || custody->reason == DKIM2_ABSENT)
		return;
	log_warning("message.unchained", log_id("id", transaction->message->id), log_text("reason", dkim2_reason_text(custody->reason)));
	if (custody->reason == DKIM2_MODIFIED)
		fail_all(transaction, "5.7.0", "who has signed the message wants that nobody changes it (DKIM2, donotmodify), and it can go there only if it is");
	else if (custody->reason == DKIM2_EXPLODED)
		fail_all(transaction, "5.7.0", "who has signed the message wants that nobody sends it to several (DKIM2, donotexplode)");
}

/* Signs what our people send, and what we write ourselves, as it is sent; and the envelope, also of what is passed on (option dkim2_sign). What isn't lines
 * of text can't be signed so that others find the same (RFC 6376 §5.3). False: it can't be done now, or mustn't be sent. */
static bool sign(struct courier_transaction *transaction, struct arena *arena, struct form *form)
{
	const struct queue_message *message = transaction->message;
	struct courier_signature signature;
	struct courier_custody custody = {.reason = DKIM2_ABSENT};
	struct error error = {0};
	bool ours = message->account.len > 0 || courier_is_own(message), by_author = ours && config_current()->sign_outgoing;
	bool strangers = courier_is_strangers(message), chained = config_current()->dkim2_sign && (ours || strangers), sealed = config_current()->arc_seal && !ours && strangers;
	struct courier_seal seal = {.auth = transaction->addressees[0]->letter->courier->auth, .arena = arena, .holder = courier_passed_on_by(transaction->addressees[0])};
	if ((!by_author && !chained && !sealed) || form->binary)
		return true;
	if (chained)
		describe_custody(transaction, ours, arena, &custody);
	courier_signature_begin(&signature, seal.auth, by_author, chained ? &custody : NULL, sealed ? &seal : NULL, arena);
	bool readable = give_content(transaction, form->rewritten, courier_signature_add, &signature, &error);
	if (!readable)
		body_unreadable(transaction, &error);
	bool done = courier_signature_end(&signature, &transaction->signature) && readable;
	if (readable && !done) {
		courier_trouble_set(&transaction->trouble, false, "4.3.0", "the message can't be signed at the moment");
		transaction->trouble.soon = true;
	}
	if (done)
		heed_custody(transaction, &custody);
	form->size += transaction->signature.len;
	return done;
}

/* In which form the message's content can go there. *utf8_header: it has UTF-8 in a header. False: the body can't be read. */
static bool choose_form(struct courier_transaction *transaction, struct form *form, bool *utf8_header)
{
	const struct queue_message *message = transaction->message;
	const struct courier_offers *offers = &transaction->session->offers;
	struct courier_body_facts facts = {0};
	struct error error = {0};
	bool done = courier_body_examine(transaction->body, message->smtputf8 && !offers->smtputf8, &facts, &error);
	bool unlined = facts.message.long_line || facts.message.not_lines;
	*utf8_header = message->smtputf8 && facts.message.utf8_header;
	form->utf8 = message->smtputf8 && offers->smtputf8;
	form->eight_bit = facts.message.eight_bit;
	form->binary = message->body == BODY_BINARYMIME && unlined && !facts.nul && offers->chunking && offers->binary;
	form->rewritten = !form->binary && (facts.message.long_line || facts.nul || (facts.message.eight_bit && !takes_eight_bit(offers)) ||
					    (message->body == BODY_BINARYMIME && unlined));
	done = done && measure_form(transaction, form, &error);
	if (!done)
		body_unreadable(transaction, &error);
	return done;
}

/* Fails what this server can't take. False if nothing is left to offer. */
static bool admit(struct courier_transaction *transaction, struct arena *arena, struct form *form)
{
	const struct courier_offers *offers = &transaction->session->offers;
	struct courier_via via = via_of(transaction->session);
	struct slice wire;
	size_t left = 0;
	bool utf8_header;
	if (!choose_form(transaction, form, &utf8_header) || !set_reverse_path(transaction, arena) || !sign(transaction, arena, form))
		return false;
	if (offers->size_limit > 0 && form->size > offers->size_limit)
		fail_all(transaction, "5.3.4", "the message is larger than the other server takes");
	if (!is_clean(transaction->from))
		fail_all(transaction, "5.1.7", "the sender's address can't be sent");
	if (!courier_wire_address(transaction->from, offers->smtputf8, arena, &wire))
		fail_all(transaction, "5.6.7", "the sender's address needs internationalised mail (SMTPUTF8), which the other server doesn't offer");
	for (size_t i = 0; i < transaction->count; i++) {
		struct courier_addressee *addressee = transaction->addressees[i];
		if (addressee->verdict == VERDICT_NONE && !is_clean(addressee->target))
			courier_addressee_decide(addressee, VERDICT_FAILED, "5.1.3", SLICE("the address can't be sent"), &via);
		else if (addressee->verdict == VERDICT_NONE && !courier_wire_address(addressee->target, offers->smtputf8, arena, &wire))
			courier_addressee_decide(addressee, VERDICT_FAILED, "5.6.7",
				SLICE("the address needs internationalised mail (SMTPUTF8), which the other server doesn't offer"), &via);
		form->utf8 |= offers->smtputf8 && !slice_is_ascii(addressee->target);
	}
	if (utf8_header && !offers->smtputf8)
		fail_all(transaction, "5.6.9", "the message has letters outside of ASCII in its header (SMTPUTF8), which the other server doesn't take");
	for (size_t i = 0; i < transaction->count; i++)
		left += transaction->addressees[i]->verdict == VERDICT_NONE;
	form->utf8 |= offers->smtputf8 && !slice_is_ascii(transaction->from);
	return left > 0;
}

/* ---- The dialogue ---- */

/* Sends a line now, or, when the server pipelines, has sent it already (RFC 2920). */
static void send_in_turn(struct courier_transaction *transaction, struct slice line)
{
	if (!transaction->session->offers.pipelining)
		courier_session_send(transaction->session, line);
}

/* RFC 5321 §4.5.3.1.10: "too many recipients" is 452, by some 552. */
static bool is_too_many(const struct courier_reply *reply)
{
	return reply->code == 452 || reply->code == 552;
}

/* Takes the reply to a recipient's RCPT. Returns whether it was accepted. */
static bool judge_recipient(struct courier_transaction *transaction, struct courier_addressee *addressee, size_t accepted)
{
	const struct courier_reply *reply = &transaction->session->reply;
	struct courier_via via = via_of(transaction->session);
	struct courier_trouble trouble;
	if (reply_is_positive(reply))
		return true;
	courier_trouble_from_reply(&trouble, reply, "1.0");
	if (is_too_many(reply) && accepted > 0) {
		transaction->again = true;
		trouble.permanent = false;
	}
	courier_addressee_note(addressee, &trouble, &via);
	if (trouble.permanent)
		courier_addressee_conclude(addressee);
	return false;
}

struct envelope_lines { struct buf mail; struct buf *recipients; };

/* Reads the replies to MAIL and RCPTs (sending each first where there is no pipelining). accepted[i] tells who may get it.
 * False: the connection is gone, or the server refuses the sender; nothing was accepted. */
static bool offer_envelope(struct courier_transaction *transaction, const struct envelope_lines *lines, bool *accepted, size_t *accepted_count)
{
	struct courier_session *session = transaction->session;
	int64_t timeout = config_current()->reply_timeout;
	struct courier_via via = via_of(session);
	bool mail_taken;
	send_in_turn(transaction, buf_slice(&lines->mail));
	if (!courier_session_reply(session, timeout, &transaction->trouble)) {
		transaction->stale = session->reused && !transaction->trouble.interrupted;
		return false;
	}
	transaction->stale = session->reused && session->reply.code == 421;
	mail_taken = reply_is_positive(&session->reply);
	if (!mail_taken) {
		courier_trouble_from_reply(&transaction->trouble, &session->reply, "1.0");
		if (courier_session_lacks_tls(session)) /* TLS was tried and failed, perhaps some time ago: no reason to give up the mail */
			courier_trouble_set(&transaction->trouble, false, "4.7.10", "the other server takes mail over TLS only, and that failed: %s", session->reply.text);
		for (size_t i = 0; transaction->trouble.permanent && i < transaction->count; i++)
			fail_with(transaction->addressees[i], &transaction->trouble, &via);
		if (!session->offers.pipelining || session->broken)
			return false;
	}
	for (size_t i = 0; i < transaction->count; i++) {
		if (!lines->recipients[i].len)
			continue;
		send_in_turn(transaction, buf_slice(&lines->recipients[i]));
		if (!courier_session_reply(session, timeout, &transaction->trouble))
			return false;
		accepted[i] = mail_taken && judge_recipient(transaction, transaction->addressees[i], *accepted_count);
		*accepted_count += accepted[i];
	}
	return true;
}

/* Gives those that were accepted the fate of the message. */
static void conclude(struct courier_transaction *transaction, const bool *accepted)
{
	const struct courier_session *session = transaction->session;
	const struct courier_reply *reply = &session->reply;
	struct courier_via via = via_of(session);
	if (!reply_is_positive(reply))
		courier_trouble_from_reply(&transaction->trouble, reply, "0.0");
	for (size_t i = 0; i < transaction->count; i++) {
		struct courier_addressee *addressee = transaction->addressees[i];
		if (!accepted[i])
			continue;
		if (reply_is_positive(reply)) {
			courier_addressee_decide(addressee, session->offers.dsn ? VERDICT_DELIVERED : VERDICT_RELAYED, reply->status[0] == '2' ? reply->status : "2.0.0", reply_text(reply), &via);
			addressee->from_peer = true;
			addressee->dsn_passed_on = session->offers.dsn;
		} else if (transaction->trouble.permanent)
			fail_with(addressee, &transaction->trouble, &via);
	}
}

/* Time for the whole body, so that a server which takes a byte a second can't hold a thread for ever. */
static int64_t body_deadline(const struct queue_message *message)
{
	int64_t seconds = (int64_t)(message->size / BODY_RATE_MIN);
	return clock_monotonic_ms() + (seconds > BODY_SECONDS_MIN ? seconds : BODY_SECONDS_MIN) * 1000;
}

/* A body on its way. */
struct sending {
	struct courier_session *session;
	struct courier_stuffing stuffing;
	struct buf out;
	bool binary;      /* no stuffing */
	int64_t deadline; /* monotonic milliseconds */
};

/* A message_sink. */
static bool send_bytes(void *context, struct slice bytes)
{
	struct sending *sending = context;
	struct courier_session *session = sending->session;
	client_set_timeout(session->client, (int)config_current()->reply_timeout);
	for (struct slice piece; bytes.len > 0 && !session->broken; bytes = slice_skip(bytes, piece.len)) {
		piece = slice_sub(bytes, 0, BODY_PIECE);
		buf_clear(&sending->out);
		if (!sending->binary)
			courier_stuffing_add(&sending->stuffing, piece, &sending->out);
		courier_session_send(session, sending->binary ? piece : buf_slice(&sending->out));
	}
	session->broken |= clock_monotonic_ms() > sending->deadline;
	return !session->broken;
}

/* Sends the body as it is (BDAT) or dot-stuffed (DATA). False: it couldn't be sent to its end; the session is unusable. */
static bool send_body(struct courier_transaction *transaction, const struct form *form)
{
	struct courier_session *session = transaction->session;
	struct sending sending = {.session = session, .out = BUF(stuffing_room(BODY_PIECE)), .binary = form->binary, .deadline = body_deadline(transaction->message)};
	struct error error = {0};
	client_set_end(session->client, sending.deadline);
	client_stop_on(transaction->addressees[0]->letter->courier->stop_fd); /* what has begun may end */
	if (transaction->signature.len > 0)
		send_bytes(&sending, buf_slice(&transaction->signature));
	if (!give_content(transaction, form->rewritten, send_bytes, &sending, &error)) {
		body_unreadable(transaction, &error);
		session->broken = true;
	} else if (session->broken)
		courier_trouble_set(&transaction->trouble, false, "4.4.2", "the connection was lost, or stood still, while the message was sent");
	buf_clear(&sending.out);
	if (!session->broken && !form->binary) {
		courier_stuffing_end(&sending.stuffing, &sending.out);
		courier_session_send(session, buf_slice(&sending.out));
	}
	buf_free(&sending.out);
	return !session->broken && courier_session_flush(session, &transaction->trouble);
}

/* The final reply: only here responsibility changes hands (RFC 5321 §6.1). Without one that can be read the peer has the whole
 * message, and nobody knows whether it keeps it (RFC 1047). */
static void read_final_reply(struct courier_transaction *transaction, const bool *accepted)
{
	struct courier_session *session = transaction->session;
	client_set_end(session->client, 0);
	if (courier_session_final_reply(session, 2 * config_current()->reply_timeout, &transaction->trouble)) {
		session->dirty = false;
		conclude(transaction, accepted);
		return;
	}
	transaction->unsure = true;
	for (size_t i = 0; i < transaction->count; i++)
		transaction->addressees[i]->unsure |= accepted[i];
}

/* DATA was answered with 354 although nobody is to get it: RFC 2920 §3.1 asks for an empty message. */
static void send_nothing(struct courier_transaction *transaction)
{
	struct courier_trouble ignored;
	courier_session_send(transaction->session, SLICE(".\r\n"));
	courier_session_reply(transaction->session, config_current()->reply_timeout, &ignored);
}

static void offer_data(struct courier_transaction *transaction, const struct form *form, const bool *accepted, size_t accepted_count)
{
	struct courier_session *session = transaction->session;
	if (!session->offers.pipelining && accepted_count == 0)
		return;
	send_in_turn(transaction, SLICE("DATA\r\n"));
	if (!courier_session_reply(session, config_current()->reply_timeout, &transaction->trouble))
		return;
	if (session->reply.code != 354) {
		session->broken |= reply_is_positive(&session->reply);
		if (session->broken) /* nothing was sent that it could have taken */
			courier_trouble_set(&transaction->trouble, false, "4.5.0", "the other server answers DATA with: %s", session->reply.text);
		else if (accepted_count > 0)
			conclude(transaction, accepted);
		return;
	}
	if (accepted_count == 0)
		send_nothing(transaction);
	else if (send_body(transaction, form))
		read_final_reply(transaction, accepted);
}

/* RFC 3030: no DATA, no stuffing; the length says where it ends. */
static void offer_chunk(struct courier_transaction *transaction, const struct form *form, const bool *accepted, size_t accepted_count)
{
	if (accepted_count == 0)
		return;
	courier_session_printf(transaction->session, "BDAT %llu LAST\r\n", (unsigned long long)form->size);
	if (send_body(transaction, form))
		read_final_reply(transaction, accepted);
}

static void send_pipelined(struct courier_transaction *transaction, const struct envelope_lines *lines, bool binary)
{
	courier_session_send(transaction->session, buf_slice(&lines->mail));
	for (size_t i = 0; i < transaction->count; i++)
		courier_session_send(transaction->session, buf_slice(&lines->recipients[i]));
	if (!binary)
		courier_session_send(transaction->session, SLICE("DATA\r\n"));
}

static void write_lines(struct courier_transaction *transaction, struct arena *arena, const struct form *form, struct envelope_lines *lines)
{
	lines->mail = BUF(RECIPIENT_LINE_MAX);
	lines->recipients = arena_array(arena, transaction->count, sizeof *lines->recipients);
	put_mail(transaction, arena, form, &lines->mail);
	for (size_t i = 0; i < transaction->count; i++) {
		lines->recipients[i] = BUF(RECIPIENT_LINE_MAX);
		if (transaction->addressees[i]->verdict == VERDICT_NONE)
			put_recipient(transaction, transaction->addressees[i], arena, &lines->recipients[i]);
	}
}

/* Those that are still undecided and got no reply of their own share the transaction's. */
static void note_rest(struct courier_transaction *transaction)
{
	struct courier_via via = via_of(transaction->session);
	for (size_t i = 0; *transaction->trouble.status && i < transaction->count; i++)
		if (transaction->addressees[i]->verdict == VERDICT_NONE && !transaction->addressees[i]->noted)
			courier_addressee_note(transaction->addressees[i], &transaction->trouble, &via);
}

void courier_transaction_run(struct courier_transaction *transaction)
{
	struct courier_session *session = transaction->session;
	struct arena *arena = arena_new();
	struct form form = {0};
	struct envelope_lines lines;
	bool *accepted = arena_array(arena, transaction->count, sizeof *accepted);
	size_t accepted_count = 0;
	transaction->signature = BUF(SIGNATURES_SIZE_MAX);
	for (size_t i = 0; i < transaction->count; i++)
		transaction->addressees[i]->noted = false;
	if (admit(transaction, arena, &form)) {
		session->dirty = true;
		session->messages++;
		client_set_end(session->client, transaction->end);
		write_lines(transaction, arena, &form, &lines);
		client_set_timeout(session->client, (int)config_current()->reply_timeout);
		if (session->offers.pipelining)
			send_pipelined(transaction, &lines, form.binary);
		if (offer_envelope(transaction, &lines, accepted, &accepted_count)) {
			if (form.binary)
				offer_chunk(transaction, &form, accepted, accepted_count);
			else
				offer_data(transaction, &form, accepted, accepted_count);
		}
		buf_free(&lines.mail);
		for (size_t i = 0; i < transaction->count; i++)
			buf_free(&lines.recipients[i]);
	}
	client_set_end(session->client, 0);
	client_stop_on(transaction->addressees[0]->letter->courier->quit_fd);
	if (!transaction->stale)
		note_rest(transaction);
	buf_free(&transaction->signature);
	arena_free(&arena);
}
