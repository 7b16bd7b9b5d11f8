/* Response writers. What comes out of stored mail may hold any byte; what goes out is always valid IMAP. */
#include "imap/write.h"

#include "imap/parse.h"
#include "message/utf7.h"
#include "store/store.h"

static bool can_be_quoted(struct slice s)
{
	return s.len <= QUOTED_MAX && slice_is_printable(s);
}

static void write_quoted(struct buf *out, struct slice s)
{
	buf_append_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, s.at[i]);
	}
	buf_append_char(out, '"');
}

static void write_literal(struct buf *out, struct slice s)
{
	size_t len = s.len;
	for (size_t i = 0; i < s.len; i++)
		len -= s.at[i] == '\0';
	buf_append_char(out, '{');
	buf_append_number(out, len);
	buf_append_text(out, "}\r\n");
	while (s.len > 0) {
		struct slice run, rest;
		slice_cut(s, '\0', &run, &rest);
		buf_append(out, run);
		s = rest;
	}
}

void imap_write_string(struct buf *out, struct slice s)
{
	if (can_be_quoted(s))
		write_quoted(out, s);
	else
		write_literal(out, s);
}

void imap_write_nstring(struct buf *out, struct slice s)
{
	if (s.at)
		imap_write_string(out, s);
	else
		buf_append_text(out, "NIL");
}

void imap_write_astring(struct buf *out, struct slice s)
{
	bool atom = s.len > 0 && s.len <= QUOTED_MAX && !slice_equal_nocase(s, SLICE("NIL"));
	for (size_t i = 0; atom && i < s.len; i++)
		atom = imap_is_atom_char(s.at[i]);
	if (atom)
		buf_append(out, s);
	else
		imap_write_string(out, s);
}

void imap_write_mailbox(struct buf *out, struct slice utf8)
{
	/* Three bytes of UTF-8 are at most three digits of base64; a shift adds two bytes to at least two. */
	struct buf name = BUF(utf8.len * 4 + 8);
	utf7_from_utf8(utf8, &name);
	imap_write_astring(out, buf_slice(&name));
	buf_free(&name);
}

void imap_write_flags(struct buf *out, unsigned flags, struct slice keywords)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {
		{FLAG_ANSWERED, "\\Answered"}, {FLAG_FLAGGED, "\\Flagged"}, {FLAG_DELETED, "\\Deleted"},
		{FLAG_SEEN, "\\Seen"}, {FLAG_DRAFT, "\\Draft"}, {FLAG_RECENT, "\\Recent"},
	};
	const char *separator = "(";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(flags & names[i].flag))
			continue;
		buf_append_text(out, separator);
		buf_append_text(out, names[i].name);
		separator = " ";
	}
	if (keywords.len > 0 || separator[0] == '(')
		buf_append_text(out, separator);
	buf_append(out, keywords);
	buf_append_char(out, ')');
}
