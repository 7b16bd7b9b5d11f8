/* Writing delivery status notifications; see dsn.h. Everything that came from outside (addresses, replies) is cleaned of
 * control characters before it goes into a field, so that no peer can write fields or parts of its own. */
#include "courier/dsn.h"

#include "base/random.h"
#include "courier/text.h"
#include "courier/words.h"
#include "message/date.h"

static const char *outcome_of(const struct courier_dsn *dsn, const struct courier_dsn_recipient *recipient)
{
	const struct courier_words *words = courier_words_in(dsn->language);
	if (recipient->returned)
		return words->returned;
	switch (recipient->action) {
	case ACTION_DELIVERED: return words->delivered;
	case ACTION_RELAYED: return words->relayed;
	case ACTION_EXPANDED: return words->expanded;
	default: return courier_words_reason(dsn->language, recipient->status);
	}
}

/* ---- Pieces ---- */

static void put_header(const struct courier_dsn *dsn, struct buf *out)
{
	const struct courier_words *words = courier_words_in(dsn->language);
	char id[ID_TEXT_LEN + 1];
	id_format(dsn->id, id);
	courier_text_put_encoded(out, "From", words->sender);
	buf_printf(out, "%s<MAILER-DAEMON@%.*s>\r\nTo: <", slice_is_ascii(slice_of(words->sender)) ? " " : "\r\n ", SLICE_ARG(dsn->domain));
	courier_text_put(out, dsn->message->from, dsn->message->smtputf8);
	buf_append(out, SLICE(">\r\n"));
	courier_text_put_encoded(out, "Subject", words->subject[dsn->kind]);
	buf_append(out, SLICE("\r\n"));
	courier_text_put_date(out, "Date", dsn->now);
	buf_printf(out, "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n", id, dsn->hostname);
	buf_printf(out, "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n", dsn->boundary);
	buf_printf(out, "Content-Transfer-Encoding: 8bit\r\n\r\n");
}

/* What became of one recipient, for people. */
static void put_fate(const struct courier_dsn *dsn, const struct courier_dsn_recipient *recipient, bool utf8, struct buf *out)
{
	const struct courier_words *words = courier_words_in(dsn->language);
	buf_append(out, SLICE("\r\n  <"));
	courier_text_put(out, recipient->address, utf8);
	buf_printf(out, ">\r\n    %s\r\n", outcome_of(dsn, recipient));
	if (recipient->expired)
		buf_printf(out, "    %s\r\n", words->expired);
	if (recipient->unsure && recipient->action != ACTION_DELIVERED)
		buf_printf(out, "    %s\r\n", words->unsure);
	if (recipient->action == ACTION_DELAYED && recipient->retry_until) {
		buf_printf(out, "    %s: ", words->retry_until);
		courier_text_put_time(out, recipient->retry_until);
		buf_append(out, SLICE("\r\n"));
	}
	if (recipient->text.len == 0 || dsn->kind == DSN_SUCCESS)
		return;
	bool named = recipient->from_peer && recipient->host.len > 0;
	buf_append(out, SLICE("    "));
	courier_text_put(out, named ? recipient->host : slice_of(words->detail), true);
	buf_printf(out, "%s%s: ", named ? " " : "", named ? words->said : "");
	courier_text_put(out, recipient->text, utf8);
	buf_append(out, SLICE("\r\n"));
}

/* An administrator gives his reason in his own language. */
static bool is_ascii(const struct courier_dsn *dsn)
{
	for (size_t i = 0; i < dsn->count; i++)
		if (dsn->recipients[i].returned && !slice_is_ascii(dsn->recipients[i].text))
			return false;
	return true;
}

/* The part for people. */
static void put_words(const struct courier_dsn *dsn, struct buf *out)
{
	const struct courier_words *words = courier_words_in(dsn->language);
	bool utf8 = dsn->message->smtputf8 || dsn->language != LANGUAGE_EN || !is_ascii(dsn);
	buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary,
		   utf8 ? "utf-8" : "us-ascii", utf8 ? "8bit" : "7bit");
	buf_printf(out, "%s %s.\r\n\r\n%s", words->greeting, dsn->hostname, words->opening[dsn->kind]);
	for (size_t i = 0; i < dsn->count; i++)
		put_fate(dsn, &dsn->recipients[i], utf8, out);
	buf_printf(out, "\r\n%s\r\n\r\n", dsn->full ? words->full : words->header);
}

/* "rfc822; address", or "utf-8; address" (RFC 6533 §3). */
static void put_address(struct buf *out, const char *name, struct slice type, struct slice address, bool utf8)
{
	buf_printf(out, "%s: ", name);
	courier_text_put(out, type, false);
	buf_append(out, SLICE("; "));
	courier_text_put(out, address, utf8);
	buf_append(out, SLICE("\r\n"));
}

static const char *const action_names[] = {"failed", "delayed", "delivered", "relayed", "expanded"};

static void put_recipient(const struct courier_dsn *dsn, const struct courier_dsn_recipient *recipient, struct buf *out)
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
	courier_text_put(out, recipient->status.len > 0 ? recipient->status : SLICE("4.0.0"), false);
	buf_append(out, SLICE("\r\n"));
	if (recipient->host.len > 0)
		put_address(out, "Remote-MTA", SLICE("dns"), recipient->host, false);
	if (recipient->text.len > 0 && (recipient->from_peer || dsn->kind != DSN_SUCCESS)) /* ours may name a mailbox */
		put_address(out, "Diagnostic-Code", recipient->from_peer ? SLICE("smtp") : SLICE("x-pombal"), recipient->text, utf8);
	if (recipient->last_attempt)
		courier_text_put_date(out, "Last-Attempt-Date", recipient->last_attempt);
	if (recipient->retry_until && recipient->action == ACTION_DELAYED)
		courier_text_put_date(out, "Will-Retry-Until", recipient->retry_until);
}

/* The part for programs (RFC 3464 §2). */
static void put_status(const struct courier_dsn *dsn, struct buf *out)
{
	buf_printf(out, "--%s\r\nContent-Type: message/%sdelivery-status\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary,
		   dsn->message->smtputf8 ? "global-" : "", dsn->message->smtputf8 ? "8bit" : "7bit");
	if (dsn->message->envid.len > 0) {
		buf_append(out, SLICE("Original-Envelope-Id: "));
		courier_text_put(out, dsn->message->envid, false);
		buf_append(out, SLICE("\r\n"));
	}
	buf_printf(out, "Reporting-MTA: dns; %s\r\n", dsn->hostname);
	courier_text_put_date(out, "Arrival-Date", dsn->message->arrived);
	if (dsn->message->release > 0) { /* RFC 4865 §7 */
		char until[DATE_TEXT_MAX];
		date_format_internet(dsn->message->release, until);
		buf_printf(out, "Future-Release-Request: until; %s\r\n", until);
	}
	for (size_t i = 0; i < dsn->count; i++)
		put_recipient(dsn, &dsn->recipients[i], out);
	buf_append(out, SLICE("\r\n"));
}

static void put_original(const struct courier_dsn *dsn, struct buf *out)
{
	const char *type = dsn->message->smtputf8 ? (dsn->full ? "message/global" : "message/global-headers")
			   : dsn->full ? "message/rfc822" : "text/rfc822-headers";
	buf_printf(out, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", dsn->boundary, type,
		   slice_is_ascii(dsn->original) ? "7bit" : "8bit");
	buf_append(out, dsn->original);
	buf_printf(out, "\r\n--%s--\r\n", dsn->boundary);
}

bool courier_dsn_write(const struct courier_dsn *dsn, struct buf *out)
{
	put_header(dsn, out);
	put_words(dsn, out);
	put_status(dsn, out);
	put_original(dsn, out);
	return !out->overflow;
}
