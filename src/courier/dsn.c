/* Writing delivery status notifications; see dsn.h. Everything that came from outside (addresses, replies) is cleaned of
 * control characters before it goes into a field, so that no peer can write fields or parts of its own. */
#include "courier/dsn.h"

#include "base/random.h"
#include "message/date.h"

enum { DSN_LINE_MAX = 900 };

/* ---- Words ---- */

static const struct { const char *status, *reason; } reasons[] = {
	{"1.1", "There is no mailbox with this address. Please check how it is written."},
	{"1.2", "The domain of this address doesn't exist or has no mail service. Please check how it is written."},
	{"1.3", "The address isn't a valid one."},
	{"1.6", "The mailbox has moved, and no new address is known here."},
	{"1.8", "The other server doesn't accept your own address as a sender."},
	{"1.10", "The domain of this address accepts no mail at all."},
	{"2.1", "The mailbox is closed and takes no mail."},
	{"2.2", "The mailbox is full. Its owner has to make room before you try again."},
	{"2.3", "The message is larger than this mailbox takes."},
	{"3.4", "The message is larger than the other server takes. Please send it in parts or share the file in another way."},
	{"4.1", "The other server can't be reached."},
	{"4.2", "The connection to the other server broke off."},
	{"4.3", "It couldn't be found out which server is responsible for this address."},
	{"4.4", "No server is known that takes mail for this address."},
	{"4.6", "The mail servers responsible for this address send the message round in circles."},
	{"4.7", "The message couldn't be delivered in the time allowed."},
	{"6.1", "The message holds binary data that the other server can't take. Please send it with an ordinary attachment encoding."},
	{"6.7", "The other server can't handle addresses with letters outside of ASCII."},
	{"6.9", "The other server can't handle letters outside of ASCII in the header of a message."},
	{"7.1", "The other server doesn't allow this message. Its words below may say why."},
	{"7.10", "The other server doesn't offer the encryption that is required here."},
};

const char *dsn_reason(struct slice status)
{
	struct slice detail = slice_skip(status, 2);
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (slice_equal(detail, slice_of(reasons[i].status)))
			return reasons[i].reason;
	return status.len > 0 && status.at[0] == '5' ? "The other server refused the message." : "The other server couldn't take the message.";
}

static const char *subject_of(const struct dsn *dsn)
{
	return dsn->kind == DSN_FAILED ? "Your message could not be delivered"
	       : dsn->kind == DSN_DELAYED ? "Your message is delayed, and will be tried again" : "Your message was delivered";
}

static const char *opening_of(const struct dsn *dsn)
{
	switch (dsn->kind) {
	case DSN_FAILED:
		return "Your message could not be delivered to the recipients named below.\r\n"
		       "They have not received it, and it will not be tried again.\r\n";
	case DSN_DELAYED:
		return "Your message has not yet been delivered to the recipients named below.\r\n"
		       "You need not do anything: it will be tried again by itself.\r\n";
	default:
		return "As you asked to be told: this became of your message.\r\n";
	}
}

static const char *outcome_of(const struct dsn_recipient *recipient)
{
	switch (recipient->action) {
	case ACTION_DELIVERED: return "Delivered.";
	case ACTION_RELAYED: return "Handed to a server that sends no such notices; you will hear no more unless it fails.";
	case ACTION_EXPANDED: return "Passed on to the several addresses that this one stands for.";
	default: return dsn_reason(recipient->status);
	}
}

/* ---- Pieces ---- */

/* Text of others on one line: control characters go; so do bytes above ASCII where they aren't allowed or not UTF-8. */
static void put_clean(struct buf *out, struct slice text, bool utf8)
{
	text = slice_sub(text, 0, DSN_LINE_MAX);
	utf8 = utf8 && slice_is_utf8(text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		buf_append_char(out, c < ' ' || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c);
	}
}

static void put_date(struct buf *out, const char *name, int64_t when)
{
	char text[DATE_TEXT_MAX];
	date_format(when, text);
	buf_printf(out, "%s: %s\r\n", name, text);
}

static void put_header(const struct dsn *dsn, struct buf *out)
{
	char id[ID_TEXT_LEN + 1];
	id_format(dsn->id, id);
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <", dsn->hostname);
	put_clean(out, dsn->message->from, dsn->message->smtputf8);
	buf_printf(out, ">\r\nSubject: %s\r\n", subject_of(dsn));
	put_date(out, "Date", dsn->now);
	buf_printf(out, "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n", id, dsn->hostname);
	buf_printf(out, "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n", dsn->boundary);
	buf_printf(out, "Content-Transfer-Encoding: 8bit\r\n\r\n");
}

/* The part for people. */
static void put_words(const struct dsn *dsn, struct buf *out)
{
	bool utf8 = dsn->message->smtputf8;
	buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary,
		   utf8 ? "utf-8" : "us-ascii", utf8 ? "8bit" : "7bit");
	buf_printf(out, "This is the mail server %s.\r\n\r\n%s", dsn->hostname, opening_of(dsn));
	for (size_t i = 0; i < dsn->count; i++) {
		const struct dsn_recipient *recipient = &dsn->recipients[i];
		buf_append(out, SLICE("\r\n  <"));
		put_clean(out, recipient->address, utf8);
		buf_printf(out, ">\r\n    %s\r\n", outcome_of(recipient));
		if (recipient->expired)
			buf_append(out, SLICE("    It was tried again and again until the time allowed was over.\r\n"));
		if (recipient->unsure && recipient->action != ACTION_DELIVERED)
			buf_append(out, SLICE("    It may have been delivered all the same: the other server has got the whole message, and whether it\r\n"
					      "    took it couldn't be learned. Please ask the recipient before you send it again.\r\n"));
		if (recipient->action == ACTION_DELAYED && recipient->retry_until) {
			buf_append(out, SLICE("    "));
			put_date(out, "It will be tried until", recipient->retry_until);
		}
		if (recipient->text.len == 0 || dsn->kind == DSN_SUCCESS)
			continue;
		buf_append(out, SLICE("    "));
		put_clean(out, recipient->from_peer && recipient->host.len ? recipient->host : SLICE("Detail"), utf8);
		buf_append_text(out, recipient->from_peer ? " said: " : ": ");
		put_clean(out, recipient->text, utf8);
		buf_append(out, SLICE("\r\n"));
	}
	buf_append_text(out, dsn->full ? "\r\nYour message is attached.\r\n\r\n" : "\r\nThe header of your message is attached.\r\n\r\n");
}

/* "rfc822; address", or "utf-8; address" (RFC 6533 §3). */
static void put_address(struct buf *out, const char *name, struct slice type, struct slice address, bool utf8)
{
	buf_printf(out, "%s: ", name);
	put_clean(out, type, false);
	buf_append(out, SLICE("; "));
	put_clean(out, address, utf8);
	buf_append(out, SLICE("\r\n"));
}

static const char *const action_names[] = {"failed", "delayed", "delivered", "relayed", "expanded"};

static void put_recipient(const struct dsn *dsn, const struct dsn_recipient *recipient, struct buf *out)
{
	bool utf8 = dsn->message->smtputf8;
	struct slice type, original;
	buf_append(out, SLICE("\r\n"));
	if (recipient->original.len > 0) {
		slice_cut(recipient->original, ';', &type, &original);
		put_address(out, "Original-Recipient", type, original, utf8);
	}
	type = utf8 && !slice_is_ascii(recipient->address) ? SLICE("utf-8") : SLICE("rfc822");
	put_address(out, "Final-Recipient", type, recipient->address, utf8);
	buf_printf(out, "Action: %s\r\nStatus: ", action_names[recipient->action]);
	put_clean(out, recipient->status.len > 0 ? recipient->status : SLICE("4.0.0"), false);
	buf_append(out, SLICE("\r\n"));
	if (recipient->host.len > 0)
		put_address(out, "Remote-MTA", SLICE("dns"), recipient->host, false);
	if (recipient->text.len > 0 && (recipient->from_peer || dsn->kind != DSN_SUCCESS)) /* ours may name a mailbox */
		put_address(out, "Diagnostic-Code", recipient->from_peer ? SLICE("smtp") : SLICE("x-pombal"), recipient->text, utf8);
	if (recipient->last_attempt)
		put_date(out, "Last-Attempt-Date", recipient->last_attempt);
	if (recipient->retry_until && recipient->action == ACTION_DELAYED)
		put_date(out, "Will-Retry-Until", recipient->retry_until);
}

/* The part for programs (RFC 3464 §2). */
static void put_status(const struct dsn *dsn, struct buf *out)
{
	buf_printf(out, "--%s\r\nContent-Type: message/%sdelivery-status\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary,
		   dsn->message->smtputf8 ? "global-" : "", dsn->message->smtputf8 ? "8bit" : "7bit");
	if (dsn->message->envid.len > 0) {
		buf_append(out, SLICE("Original-Envelope-Id: "));
		put_clean(out, dsn->message->envid, false);
		buf_append(out, SLICE("\r\n"));
	}
	buf_printf(out, "Reporting-MTA: dns; %s\r\n", dsn->hostname);
	put_date(out, "Arrival-Date", dsn->message->arrived);
	for (size_t i = 0; i < dsn->count; i++)
		put_recipient(dsn, &dsn->recipients[i], out);
	buf_append(out, SLICE("\r\n"));
}

static void put_original(const struct dsn *dsn, struct buf *out)
{
	const char *type = dsn->message->smtputf8 ? (dsn->full ? "message/global" : "message/global-headers")
			   : dsn->full ? "message/rfc822" : "text/rfc822-headers";
	buf_printf(out, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary, type,
		   slice_is_ascii(dsn->original) ? "7bit" : "8bit");
	buf_append(out, dsn->original);
	buf_printf(out, "\r\n--%s--\r\n", dsn->boundary);
}

bool dsn_write(const struct dsn *dsn, struct buf *out)
{
	put_header(dsn, out);
	put_words(dsn, out);
	put_status(dsn, out);
	put_original(dsn, out);
	return !out->overflow;
}
