/* What other programs keep in header fields: an mbox's readers (Status, X-Status, X-Keywords), UW IMAP (X-UID, X-IMAP), Thunderbird
 * (X-Mozilla-…), Google Takeout (X-Gmail-Labels). It becomes flags and keywords; the fields mean nothing to anybody else, and go. */
#include "cli/import.h"

#include "cli/mail_folders.h"
#include "message/header.h"
#include "message/utf7.h"

enum { MOZILLA_READ = 1, MOZILLA_REPLIED = 2, MOZILLA_MARKED = 4, MOZILLA_REMOVED = 8, MOZILLA_FORWARDED = 0x1000 };

static void take_status(struct cli_import_fields *fields, struct slice body, struct arena *arena)
{
	(void)arena;
	fields->flags |= cli_flags_from_status(body);
	fields->has_flags = true;
}

void cli_import_add_keyword(struct buf *keywords, struct slice word)
{
	struct buf name = BUF(KEYWORD_MAX);
	size_t count = 1;
	for (size_t i = 0; i < keywords->len; i++)
		count += keywords->at[i] == ' ';
	if (count >= KEYWORDS_PER_MESSAGE_MAX || !utf7_from_utf8(slice_sub(word, 0, KEYWORD_MAX), &name)) {
		buf_free(&name);
		return;
	}
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f || strchr("(){%*\"\\]", name.at[i]))
			name.at[i] = '_';
	if (name.len > 0) {
		buf_append_text(keywords, keywords->len > 0 ? " " : "");
		buf_append(keywords, buf_slice(&name));
	}
	buf_free(&name);
}

static void take_words(struct cli_import_fields *fields, struct slice body, struct arena *arena)
{
	struct slice word, rest = slice_trim(header_unfold(body, arena));
	while (rest.len > 0) {
		slice_cut(rest, ' ', &word, &rest);
		cli_import_add_keyword(&fields->keywords, word);
	}
}

/* Four hexadecimal digits. */
static void take_mozilla(struct cli_import_fields *fields, struct slice body, struct arena *arena)
{
	static const struct { unsigned bit, flag; } bits[] = {{MOZILLA_READ, FLAG_SEEN}, {MOZILLA_REPLIED, FLAG_ANSWERED}, {MOZILLA_MARKED, FLAG_FLAGGED}};
	(void)arena;
	unsigned value = 0;
	body = slice_trim(body);
	for (size_t i = 0; i < body.len && i < 4; i++) {
		int digit = ascii_hex_value(body.at[i]);
		if (digit < 0)
			return;
		value = value * 16 + (unsigned)digit;
	}
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		fields->flags |= value & bits[i].bit ? bits[i].flag : 0;
	fields->removed |= (value & MOZILLA_REMOVED) != 0;
	fields->has_flags = true;
	if (value & MOZILLA_FORWARDED)
		cli_import_add_keyword(&fields->keywords, SLICE("$Forwarded"));
}

static void take_labels(struct cli_import_fields *fields, struct slice body, struct arena *arena) { fields->labels = header_decode(body, arena); }

static void take_length(struct cli_import_fields *fields, struct slice body, struct arena *arena)
{
	uint64_t length;
	(void)arena;
	if (slice_to_number(slice_trim(body), UINT64_MAX / 2, &length))
		fields->body = length;
}

static void take_internal(struct cli_import_fields *fields, struct slice body, struct arena *arena)
{
	(void)body, (void)arena;
	fields->internal = true;
}

static const struct row {
	const char *name;
	unsigned sources;
	void (*take)(struct cli_import_fields *fields, struct slice body, struct arena *arena); /* NULL: of no use here */
} rows[] = {
	{"Status", IMPORT_MBOX, take_status},
	{"X-Status", IMPORT_MBOX, take_status},
	{"X-Keywords", IMPORT_MBOX, take_words},
	{"X-UID", IMPORT_MBOX, NULL},
	{"X-IMAP", IMPORT_MBOX, take_internal},
	{"X-IMAPbase", IMPORT_MBOX, NULL},
	{"Content-Length", IMPORT_MBOX, take_length},
	{"X-Mozilla-Status", IMPORT_MBOX | IMPORT_MAILDIR, take_mozilla},
	{"X-Mozilla-Status2", IMPORT_MBOX | IMPORT_MAILDIR, NULL},
	{"X-Mozilla-Keys", IMPORT_MBOX | IMPORT_MAILDIR, take_words},
	{"X-Gmail-Labels", IMPORT_MBOX | IMPORT_MAILDIR, take_labels},
	{"X-GM-THRID", IMPORT_MBOX | IMPORT_MAILDIR, NULL},
};

static const struct row *find_row(struct slice name, enum cli_import_source source)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if ((rows[i].sources & source) && slice_equal_nocase(slice_of(rows[i].name), name))
			return &rows[i];
	return NULL;
}

/* UW IMAP's first letter of a folder, and that of Pine; Dovecot puts its X-IMAP into the first real one as well. */
static bool is_internal_data(struct slice subject) { return slice_find(subject, SLICE("FOLDER INTERNAL DATA")) != SLICE_NONE; }

void cli_import_take_fields(struct slice raw, enum cli_import_source source, struct buf *out, struct cli_import_fields *fields, struct arena *arena)
{
	struct slice header = slice_sub(raw, 0, header_length(raw));
	struct header_field field;
	size_t end = 0;
	bool internal = false;
	*fields = (struct cli_import_fields){.keywords = BUF(KEYWORDS_PER_MESSAGE_MAX * 2 * KEYWORD_MAX), .body = UINT64_MAX};
	for (struct slice rest = header; header_next(&rest, &field);) {
		const struct row *row = find_row(field.name, source);
		if (row && row->take)
			row->take(fields, field.body, arena);
		if (!row && field.name.len > 0) /* a separator that was left in goes, too */
			buf_append(out, field.whole);
		internal |= slice_equal_nocase(field.name, SLICE("Subject")) && is_internal_data(field.body);
		end = (size_t)(field.whole.at + field.whole.len - raw.at);
	}
	fields->internal = fields->internal && internal;
	buf_append(out, slice_skip(raw, end));
}

void cli_import_fields_free(struct cli_import_fields *fields) { buf_free(&fields->keywords); }

bool cli_import_is_mail(struct slice content)
{
	struct slice line, rest;
	slice_cut(content, '\n', &line, &rest);
	return header_line(line, true) == HEADER_FIELD;
}
