/* What sendmail makes of a letter that a program has written; see sendmail.h. */
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/sendmail.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"

/* ---- Recipients ---- */

struct slice cli_sendmail_qualify(const struct cli_sendmail_job *job, struct slice text)
{
	if (slice_find_char(text, '@') != SLICE_NONE)
		return text;
	return arena_printf(job->arena, "%.*s@%.*s", SLICE_ARG(text), SLICE_ARG(job->domain));
}

bool cli_sendmail_add_recipient(struct cli_sendmail_job *job, struct slice text, struct error *error)
{
	struct slice address;
	struct error cause;
	if (text.len > 2 && text.at[0] == '<' && text.at[text.len - 1] == '>')
		text = slice_sub(text, 1, text.len - 2);
	if (!address_parse(cli_sendmail_qualify(job, text), true, job->arena, &address, &cause))
		return error_set(error, ERROR_INVALID, "recipient \"%.*s\": %s", SLICE_ARG(text), cause.text);
	for (size_t i = 0; i < job->recipient_count; i++)
		if (slice_equal_nocase(job->recipients[i], address))
			return true;
	if (job->recipient_count == SENDMAIL_RECIPIENTS_MAX)
		return error_set(error, ERROR_LIMIT, "more than %d recipients", SENDMAIL_RECIPIENTS_MAX);
	if (!job->recipients)
		job->recipients = arena_array(job->arena, SENDMAIL_RECIPIENTS_MAX, sizeof *job->recipients);
	job->recipients[job->recipient_count++] = address;
	return true;
}

static bool add_from_field(struct cli_sendmail_job *job, struct slice body, struct error *error)
{
	struct address *list;
	size_t count;
	address_parse_list(body, SENDMAIL_RECIPIENTS_MAX, job->arena, &list, &count);
	for (size_t i = 0; i < count; i++) {
		if (list[i].kind != ADDRESS_MAILBOX || list[i].local.len == 0)
			continue;
		struct slice text = list[i].domain.len > 0 ? arena_printf(job->arena, "%.*s@%.*s", SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain)) : list[i].local;
		struct slice parsed;
		if (list[i].domain.len > 0 && !address_parse(text, true, job->arena, &parsed, error)) /* a local part that needs its quotes */
			text = arena_printf(job->arena, "\"%.*s\"@%.*s", SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
		if (!cli_sendmail_add_recipient(job, text, error))
			return false;
	}
	return true;
}

/* ---- The text ---- */

/* Appends the lines of `raw` with CRLF, whatever ended them, up to a line with only a dot if that ends the letter. That line and the
 * one before it must have ended with LF or CR LF: to whoever writes dots, a lone CR ends nothing. Returns what stands behind it. */
static struct slice normalise(const struct cli_sendmail_job *job, struct slice raw, struct buf *out)
{
	bool line_start = true;
	while (raw.len > 0) {
		size_t end = 0;
		while (end < raw.len && raw.at[end] != '\n' && raw.at[end] != '\r')
			end++;
		struct slice line = slice_sub(raw, 0, end);
		bool both = end + 1 < raw.len && raw.at[end] == '\r' && raw.at[end + 1] == '\n';
		bool ended = both || end == raw.len || raw.at[end] == '\n';
		raw = slice_skip(raw, end + 1 + both);
		if (job->dots && line_start && ended && slice_equal(line, SLICE(".")))
			break;
		line_start = ended;
		buf_append(out, line);
		buf_append_text(out, "\r\n");
	}
	return raw;
}

/* ---- The From field ---- */

enum { QUOTED_MAX = 60 }; /* a name of one line */

static bool has_special(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\0' && strchr("()<>[]:;@\\,.\"", text.at[i])) /* RFC 5322 §3.2.3 */
			return true;
	return false;
}

static bool is_quotable(struct slice text)
{
	return text.len <= QUOTED_MAX && slice_is_ascii(text) && slice_find(text, SLICE("=?")) == SLICE_NONE;
}

static void append_quoted(struct buf *out, struct slice text)
{
	buf_append_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, text.at[i]);
	}
	buf_append_char(out, '"');
}

/* A name as a phrase (RFC 5322 §3.2.5): quoted where it has specials, word by word if some of it must be encoded; an encoded word
 * has none. */
static struct slice write_phrase(struct slice name, struct arena *arena)
{
	struct buf phrase = BUF(4 * name.len + 2);
	struct slice word, rest = name;
	for (bool more = true; more;) {
		more = slice_cut(rest, is_quotable(name) ? '\0' : ' ', &word, &rest);
		if (has_special(word) && is_quotable(word))
			append_quoted(&phrase, word);
		else
			buf_append(&phrase, word);
		if (more)
			buf_append_char(&phrase, ' ');
	}
	struct slice written = header_encode(buf_slice(&phrase), sizeof "From: " - 1, arena);
	buf_free(&phrase);
	return written;
}

/* Which of the fields that a letter needs it has. */
struct present {
	bool from, date, message_id, resent;
};

static bool is_named(const struct header_field *field, const char *name) { return slice_equal_nocase(field->name, slice_of(name)); }

static void look_over(struct slice header, struct present *present, struct slice *message_id, struct arena *arena)
{
	struct header_field field;
	while (header_next(&header, &field)) {
		present->from |= is_named(&field, "From");
		present->date |= is_named(&field, "Date");
		present->resent |= is_named(&field, "Resent-To") || is_named(&field, "Resent-Cc") || is_named(&field, "Resent-Bcc");
		if (is_named(&field, "Message-ID")) {
			present->message_id = true;
			*message_id = arena_copy(arena, slice_trim(header_unfold(field.body, arena)));
		}
	}
}

static bool names_recipients(const struct header_field *field, bool resent)
{
	if (resent)
		return is_named(field, "Resent-To") || is_named(field, "Resent-Cc") || is_named(field, "Resent-Bcc");
	return is_named(field, "To") || is_named(field, "Cc") || is_named(field, "Bcc");
}

/* Copies the fields but for Bcc, and takes the recipients out of them. */
static bool copy_fields(struct cli_sendmail_job *job, struct slice header, bool resent, struct buf *out, struct error *error)
{
	struct header_field field;
	while (header_next(&header, &field)) {
		if (job->from_header && names_recipients(&field, resent) && !add_from_field(job, header_unfold(field.body, job->arena), error))
			return false;
		if (field.name.len > 0 && !is_named(&field, "Bcc") && !is_named(&field, "Resent-Bcc"))
			buf_append(out, field.whole);
	}
	return true;
}

static void add_missing(struct cli_sendmail_job *job, int64_t id, const struct present *present, struct buf *out, struct slice *message_id)
{
	char text[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	id_format(id, text);
	date_format(clock_now(), date);
	if (!job->handed_over)
		buf_printf(out, "Received: by %.*s (from user %s)\r\n\tid %s; %s\r\n", SLICE_ARG(job->hostname), job->user, text, date);
	if (!present->from) {
		struct slice sender = job->sender.len > 0 ? job->sender : cli_sendmail_qualify(job, SLICE("MAILER-DAEMON"));
		if (job->full_name.len > 0)
			buf_printf(out, "From: %.*s <%.*s>\r\n", SLICE_ARG(write_phrase(job->full_name, job->arena)), SLICE_ARG(sender));
		else
			buf_printf(out, "From: %.*s\r\n", SLICE_ARG(sender));
	}
	if (!present->date)
		buf_printf(out, "Date: %s\r\n", date);
	if (!present->message_id) {
		*message_id = arena_printf(job->arena, "<%s.%016llx@%.*s>", text, (unsigned long long)random_u64(), SLICE_ARG(job->hostname));
		buf_printf(out, "Message-ID: %.*s\r\n", SLICE_ARG(*message_id));
	}
}

/* Does the text begin with a header field? A program may write a body alone. */
static bool has_header(struct slice text)
{
	struct header_field field;
	struct slice rest = text;
	return header_next(&rest, &field) && field.name.len > 0 && slice_find_char(field.name, ' ') == SLICE_NONE;
}

bool cli_sendmail_make_letter(struct cli_sendmail_job *job, int64_t id, struct slice raw, struct buf *out, struct slice *message_id, struct error *error)
{
	struct buf text = BUF(out->max);
	struct present present = {0};
	if (slice_find_char(raw, '\0') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "the letter has a NUL in it");
	struct slice cut = normalise(job, raw, &text);
	job->cut = slice_trim(cut).len > 0 ? cut.len : 0;
	struct slice letter = buf_slice(&text), line, rest;
	if (slice_starts(letter, SLICE("From ")) && slice_cut(letter, '\n', &line, &rest)) /* a mailbox's separator, not a field */
		letter = rest;
	bool headed = has_header(letter) || slice_starts(letter, SLICE("\r\n"));
	struct slice header = slice_sub(letter, 0, headed ? header_length(letter) : 0), body = slice_skip(letter, header.len);
	look_over(header, &present, message_id, job->arena);
	add_missing(job, id, &present, out, message_id);
	bool done = copy_fields(job, header, present.resent, out, error);
	buf_append_text(out, "\r\n");
	buf_append(out, body);
	if (done && (text.overflow || out->overflow))
		done = error_set(error, ERROR_LIMIT, "the letter is larger than max_message allows");
	buf_free(&text);
	return done;
}
