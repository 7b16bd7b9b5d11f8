/* Writing an answer (RFC 3834 §3, RFC 5230 §5). What comes from outside, its subject and ids, can't become lines of its own. */
#include "base/base64.h"
#include "base/random.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"
#include "message/html.h"
#include "vacation/vacation.h"

enum { ID_MAX = 900, REFERENCES_MAX = 8000, LINE_PLAIN_MAX = 900, BASE64_LINE = 57, SUBJECT_SHOWN_MAX = 300, BOUNDARY_MAX = 48 };

/* ---- What it answers ---- */

/* "<…>" without blanks and controls. */
static bool is_message_id(struct slice word)
{
	bool good = word.len > 2 && word.len <= ID_MAX && word.at[0] == '<' && word.at[word.len - 1] == '>';
	for (size_t i = 0; good && i < word.len; i++)
		good = (unsigned char)word.at[i] > ' ' && word.at[i] != 0x7f && (i == 0 || word.at[i] != '<') && (i + 1 == word.len || word.at[i] != '>');
	return good;
}

static struct slice take_word(struct slice *rest)
{
	size_t from = 0, to;
	while (from < rest->len && (rest->at[from] == ' ' || rest->at[from] == '\t'))
		from++;
	for (to = from; to < rest->len && rest->at[to] != ' ' && rest->at[to] != '\t';)
		to++;
	struct slice word = slice_sub(*rest, from, to - from);
	*rest = slice_skip(*rest, to);
	return word;
}

/* The message-ids of a field, each on a line of its own. */
static void put_ids(struct slice header, const char *name, struct buf *out, size_t max)
{
	struct header_field field;
	struct arena *arena = arena_new();
	if (header_find(header, slice_of(name), &field)) {
		struct slice rest = header_unfold(field.body, arena), word;
		while (out->len < max && (word = take_word(&rest)).len > 0)
			if (is_message_id(word) && slice_find(buf_slice(out), word) == SLICE_NONE)
				buf_printf(out, "%s%.*s", out->len > 0 ? "\r\n " : " ", SLICE_ARG(word));
	}
	arena_free(&arena);
}

/* RFC 5322 §3.6.4. */
static void put_thread(const struct vacation_answer *answer, struct buf *out)
{
	struct buf own = BUF(ID_MAX + 8), all = BUF(REFERENCES_MAX + 2 * ID_MAX);
	put_ids(answer->header, "Message-ID", &own, 1);
	if (own.len > 0) {
		put_ids(answer->header, "References", &all, REFERENCES_MAX);
		if (all.len == 0)
			put_ids(answer->header, "In-Reply-To", &all, 1);
		put_ids(answer->header, "Message-ID", &all, REFERENCES_MAX + ID_MAX);
		buf_printf(out, "In-Reply-To:%.*s\r\nReferences:%.*s\r\n", SLICE_ARG(buf_slice(&own)), SLICE_ARG(buf_slice(&all)));
	}
	buf_free(&own);
	buf_free(&all);
}

static struct slice whole_characters(struct slice text, size_t max)
{
	text = slice_sub(text, 0, max);
	while (text.len > 0 && !slice_is_utf8(text))
		text.len--;
	return text;
}

/* The account's own, or "Auto: " and that of the letter (RFC 3834 §3.1.5). */
static void put_subject(const struct vacation_answer *answer, struct buf *out)
{
	struct arena *arena = arena_new();
	struct header_field field;
	struct slice subject = answer->vacation->subject;
	if (subject.len == 0) {
		bool given = header_find(answer->header, SLICE("Subject"), &field);
		subject = arena_printf(arena, "%s: %.*s", answer->prefix, SLICE_ARG(whole_characters(given ? header_decode(field.body, arena) : SLICE(""), SUBJECT_SHOWN_MAX)));
	}
	buf_printf(out, "Subject: %.*s\r\n", SLICE_ARG(header_encode(slice_trim(subject), sizeof "Subject: " - 1, arena)));
	arena_free(&arena);
}

/* ---- What it says ---- */

/* Lines as they are may be sent, whatever a server of today is told them in. */
static bool is_plain(struct slice text)
{
	size_t line = 0;
	for (size_t i = 0; i < text.len; i++) {
		line = text.at[i] == '\n' ? 0 : line + 1;
		if (line > LINE_PLAIN_MAX || text.at[i] == '\0' || (text.at[i] == '\r' && (i + 1 == text.len || text.at[i + 1] != '\n')))
			return false;
	}
	return true;
}

static void put_lines(struct slice text, struct buf *out)
{
	struct slice line;
	for (bool more = text.len > 0; more;) {
		more = slice_cut(text, '\n', &line, &text);
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		if (more || line.len > 0) {
			buf_append(out, line);
			buf_append(out, SLICE("\r\n"));
		}
	}
}

static void put_base64(struct slice text, struct buf *out)
{
	for (; text.len > 0; text = slice_skip(text, BASE64_LINE)) {
		base64_encode(slice_sub(text, 0, BASE64_LINE), out);
		buf_append(out, SLICE("\r\n"));
	}
}

static void put_part(const char *type, struct slice text, struct buf *out)
{
	bool plain = is_plain(text);
	const char *encoding = !plain ? "base64" : slice_is_ascii(text) ? "7bit" : "8bit";
	buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", type, encoding);
	if (plain)
		put_lines(text, out);
	else
		put_base64(text, out);
}

/* The HTML alone isn't for everybody's eyes: its text stands before it (RFC 8621 §8). */
static void put_body(const struct vacation_answer *answer, struct buf *out)
{
	struct slice text = answer->vacation->text, html = answer->vacation->html;
	struct arena *arena = arena_new();
	struct html_page page;
	char boundary[BOUNDARY_MAX];
	if (!text.at && html.at) {
		html_read(html, arena, &page);
		text = page.text;
	}
	if (!text.at)
		text = slice_of(answer->words);
	if (!html.at)
		put_part("text/plain", text, out);
	else {
		snprintf(boundary, sizeof boundary, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
		buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
		put_part("text/plain", text, out);
		buf_printf(out, "\r\n--%s\r\n", boundary);
		put_part("text/html", html, out);
		buf_printf(out, "\r\n--%s--\r\n", boundary);
	}
	arena_free(&arena);
}

bool vacation_write_answer(const struct vacation_answer *answer, struct buf *out)
{
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	id_format(answer->id, id);
	date_format(answer->now, date);
	buf_printf(out, "From: <%.*s>\r\nTo: <%.*s>\r\n", SLICE_ARG(answer->from), SLICE_ARG(answer->to));
	put_subject(answer, out);
	buf_printf(out, "Date: %s\r\nMessage-ID: <%s@%s>\r\n", date, id, answer->hostname);
	put_thread(answer, out);
	buf_append(out, SLICE("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n")); /* RFC 3834 §5 */
	put_body(answer, out);
	return !out->overflow;
}
