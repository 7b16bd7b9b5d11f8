/* Writing receipts (RFC 8098 §3): multipart/report with words for people and fields for programs. What a client says can't become lines of its own. */
#include <string.h>

#include "base/base64.h"
#include "base/random.h"
#include "jmap/mdn.h"
#include "jmap/object.h"
#include "message/date.h"
#include "message/header.h"

enum { MDN_TEXT_MAX = 64 * 1024, MDN_LINE_MAX = 900, MDN_FIELDS_MAX = 50, BASE64_LINE = 57, ORIGINAL_HEADER_MAX = 64 * 1024, ORIGINAL_MAX = 1024 * 1024 };

/* ---- Checking ---- */

static bool is_one_of(const json_t *value, const char *const *list)
{
	for (size_t i = 0; list[i]; i++)
		if (json_is_string(value) && strcmp(json_string_value(value), list[i]) == 0)
			return true;
	return false;
}

/* Printable ASCII in one line. */
static bool is_line(const json_t *value)
{
	struct slice text = jmap_slice_of(value);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || (unsigned char)text.at[i] >= 0x7f)
			return false;
	return json_is_string(value) && text.len <= MDN_LINE_MAX;
}

static bool is_disposition(const json_t *disposition)
{
	static const char *const names[] = {"actionMode", "sendingMode", "type", NULL}, *const actions[] = {"manual-action", "automatic-action", NULL},
		*const sendings[] = {"mdn-sent-manually", "mdn-sent-automatically", NULL}, *const types[] = {"deleted", "dispatched", "displayed", "processed", NULL};
	return json_is_object(disposition) && !jmap_object_unknown(disposition, names) && is_one_of(json_object_get(disposition, names[0]), actions) &&
	       is_one_of(json_object_get(disposition, names[1]), sendings) && is_one_of(json_object_get(disposition, names[2]), types);
}

/* Names of fields, none of those that a receipt has anyway. */
static bool are_extensions(const json_t *fields)
{
	static const char *const taken[] = {"reporting-ua", "mdn-gateway", "original-recipient", "final-recipient", "original-message-id", "disposition", "error", "failure", "warning"};
	const char *key;
	json_t *value;
	if (!json_is_object(fields) || json_object_size(fields) > MDN_FIELDS_MAX)
		return false;
	json_object_foreach((json_t *)fields, key, value) {
		struct slice name = slice_of(key);
		for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
			if (slice_equal_nocase(name, slice_of(taken[i])))
				return false;
		for (size_t i = 0; i < name.len; i++)
			if ((unsigned char)name.at[i] <= ' ' || (unsigned char)name.at[i] >= 0x7f || name.at[i] == ':')
				return false;
		if (name.len == 0 || name.len > 100 || !is_line(value))
			return false;
	}
	return true;
}

static bool is_text_or_null(const json_t *value, size_t max) { return !value || json_is_null(value) || (json_is_string(value) && json_string_length(value) <= max); }

json_t *jmap_receipt_check(const json_t *object)
{
	static const char *const names[] = {"forEmailId", "subject", "textBody", "includeOriginalMessage", "reportingUA", "disposition", "finalRecipient", "extensionFields", NULL};
	const json_t *agent = json_object_get(object, "reportingUA"), *more = json_object_get(object, "extensionFields"), *whole = json_object_get(object, "includeOriginalMessage"),
		     *recipient = json_object_get(object, "finalRecipient");
	const char *wrong = jmap_object_unknown(object, names);
	if (!wrong)
		wrong = !json_is_string(json_object_get(object, "forEmailId")) ? "forEmailId"
			: !is_text_or_null(json_object_get(object, "subject"), MDN_LINE_MAX) ? "subject"
			: !is_text_or_null(json_object_get(object, "textBody"), MDN_TEXT_MAX) ? "textBody"
			: whole && !json_is_boolean(whole) ? "includeOriginalMessage"
			: agent && !json_is_null(agent) && !is_line(agent) ? "reportingUA"
			: recipient && !json_is_null(recipient) && !is_line(recipient) ? "finalRecipient"
			: more && !json_is_null(more) && !are_extensions(more) ? "extensionFields"
			: !is_disposition(json_object_get(object, "disposition")) ? "disposition" : NULL;
	return wrong ? jmap_set_error("invalidProperties", wrong, NULL) : NULL;
}

/* ---- Writing ---- */

static struct slice text_of(const struct jmap_receipt *receipt, const char *name) { return jmap_slice_of(json_object_get(receipt->object, name)); }

static struct slice original_field(const struct jmap_receipt *receipt, const char *name, struct arena *arena)
{
	struct header_field field;
	return header_find(receipt->original_header, slice_of(name), &field) ? header_unfold(field.body, arena) : SLICE("");
}

static void put_header(const struct jmap_receipt *receipt, const char *boundary, struct buf *out, struct arena *arena)
{
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	struct slice subject = text_of(receipt, "subject"), about = original_field(receipt, "Message-ID", arena);
	struct header_field field;
	id_format(receipt->id, id);
	date_format(receipt->now, date);
	if (subject.len == 0)
		subject = arena_printf(arena, "Read: %.*s", SLICE_ARG(header_find(receipt->original_header, SLICE("Subject"), &field) ? header_decode(field.body, arena) : SLICE("")));
	buf_printf(out, "From: <%.*s>\r\nTo: <%.*s>\r\nSubject: %.*s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", SLICE_ARG(receipt->from), SLICE_ARG(receipt->to),
		   SLICE_ARG(header_encode(slice_sub(subject, 0, MDN_LINE_MAX), sizeof "Subject: " - 1, arena)), date, id, receipt->hostname);
	if (about.len > 0 && about.len <= MDN_LINE_MAX)
		buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", SLICE_ARG(about), SLICE_ARG(about));
	buf_printf(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification;\r\n boundary=\"%s\"\r\n\r\n", boundary);
}

static void put_words(const struct jmap_receipt *receipt, const char *boundary, struct buf *out)
{
	struct slice text = text_of(receipt, "textBody");
	if (text.len == 0)
		text = SLICE("The message was displayed. That doesn't mean that it was read or understood.\r\n");
	buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary);
	for (; text.len > 0; text = slice_skip(text, BASE64_LINE)) {
		base64_encode(slice_sub(text, 0, BASE64_LINE), out);
		buf_append(out, SLICE("\r\n"));
	}
}

static void put_line(struct buf *out, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	buf_printf(out, "%s: ", name);
	for (size_t i = 0; i < value.len && i < MDN_LINE_MAX; i++)
		buf_append_char(out, (unsigned char)value.at[i] < ' ' || (unsigned char)value.at[i] >= 0x7f ? '?' : value.at[i]);
	buf_append(out, SLICE("\r\n"));
}

/* RFC 8098 §3.1. */
static void put_fields(const struct jmap_receipt *receipt, const char *boundary, struct buf *out, struct arena *arena)
{
	const json_t *disposition = json_object_get(receipt->object, "disposition");
	bool automatic = slice_equal(jmap_slice_of(json_object_get(disposition, "sendingMode")), SLICE("mdn-sent-automatically"));
	const char *key;
	json_t *value;
	struct slice recipient = text_of(receipt, "finalRecipient");
	buf_printf(out, "\r\n--%s\r\nContent-Type: message/disposition-notification\r\n\r\n", boundary);
	put_line(out, "Reporting-UA", text_of(receipt, "reportingUA"));
	put_line(out, "Original-Recipient", original_field(receipt, "Original-Recipient", arena));
	put_line(out, "Final-Recipient", recipient.len > 0 ? recipient : arena_printf(arena, "rfc822; %.*s", SLICE_ARG(receipt->from)));
	put_line(out, "Original-Message-ID", original_field(receipt, "Message-ID", arena));
	put_line(out, "Disposition", arena_printf(arena, "%s/%s; %s", json_string_value(json_object_get(disposition, "actionMode")),
						  automatic ? "MDN-sent-automatically" : "MDN-sent-manually", json_string_value(json_object_get(disposition, "type"))));
	json_object_foreach(json_object_get(receipt->object, "extensionFields"), key, value)
		put_line(out, key, jmap_slice_of(value));
}

static void put_original(const struct jmap_receipt *receipt, const char *boundary, struct buf *out)
{
	bool whole = receipt->original.len <= ORIGINAL_MAX;
	struct slice text = whole ? receipt->original : slice_sub(receipt->original_header, 0, ORIGINAL_HEADER_MAX);
	if (!json_is_true(json_object_get(receipt->object, "includeOriginalMessage")))
		return;
	buf_printf(out, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", boundary, whole ? "message/rfc822" : "text/rfc822-headers",
		   slice_is_ascii(text) ? "7bit" : "8bit");
	buf_append(out, text);
}

bool jmap_receipt_write(const struct jmap_receipt *receipt, struct buf *out, struct arena *arena)
{
	char boundary[40];
	snprintf(boundary, sizeof boundary, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
	put_header(receipt, boundary, out, arena);
	put_words(receipt, boundary, out);
	put_fields(receipt, boundary, out, arena);
	put_original(receipt, boundary, out);
	buf_printf(out, "\r\n--%s--\r\n", boundary);
	return !out->overflow;
}
