/* Names and flags; see mail_folders.h. */
#include "cli/mail_folders.h"

#include "message/utf7.h"
#include "store/store.h"

/* How a dot of a name is written where dots part levels. It is no modified UTF-7 as IMAP wants it (RFC 3501 §5.1.3 has one form for each
 * name), so it can't be a mailbox's own. */
static const char dot[] = "&AC4-";

/* Appends one level. */
static void append_level(struct slice level, struct buf *name)
{
	struct buf plain = BUF(MAILBOX_NAME_MAX * 4);
	for (struct slice rest = level; rest.len > 0;) {
		size_t at = slice_find(rest, slice_of(dot));
		struct slice part = slice_sub(rest, 0, at == SLICE_NONE ? rest.len : at);
		buf_clear(&plain);
		buf_append(name, utf7_to_utf8(part, &plain) ? buf_slice(&plain) : part);
		if (at != SLICE_NONE)
			buf_append_char(name, '.');
		rest = slice_skip(rest, part.len + (at == SLICE_NONE ? 0 : sizeof dot - 1));
	}
	buf_free(&plain);
}

/* `dots`: they part levels. */
static struct slice levels_to_mailbox(struct slice folder, bool dots, struct arena *arena)
{
	struct buf name = BUF(MAILBOX_NAME_MAX * 4);
	struct slice level = folder;
	for (bool more = true; more;) {
		more = dots && slice_cut(folder, '.', &level, &folder);
		append_level(level, &name);
		if (more)
			buf_append_char(&name, '/');
	}
	struct slice mailbox = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return mailbox;
}

struct slice cli_folder_to_mailbox(struct slice folder, struct arena *arena)
{
	bool dots = folder.len > 0 && folder.at[0] == '.';
	return levels_to_mailbox(slice_skip(folder, dots), dots, arena);
}

struct slice cli_mbox_to_mailbox(struct slice file, struct arena *arena)
{
	if (slice_ends_nocase(file, SLICE(".mbox")))
		return levels_to_mailbox(slice_sub(file, 0, file.len - 5), true, arena);
	return levels_to_mailbox(slice_ends_nocase(file, SLICE(".sbd")) ? slice_sub(file, 0, file.len - 4) : file, false, arena);
}

enum { FOLDER_NAME_MAX = 200, HASH_DIGITS = 16 };

/* FNV-1a: it tells names apart, and nothing depends on it but that. */
static uint64_t hash_of(struct slice name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

struct slice cli_folder_from_mailbox(struct slice mailbox, struct arena *arena)
{
	struct buf folder = BUF(MAILBOX_NAME_MAX * 8);
	struct slice part, rest = mailbox;
	buf_append_char(&folder, '.');
	while (rest.len > 0) {
		size_t end = 0;
		while (end < rest.len && rest.at[end] != '.' && rest.at[end] != '/')
			end++;
		part = slice_sub(rest, 0, end);
		utf7_from_utf8(part, &folder);
		if (end < rest.len)
			buf_append_text(&folder, rest.at[end] == '.' ? dot : ".");
		rest = slice_skip(rest, end + (end < rest.len));
	}
	struct slice result = arena_copy(arena, buf_slice(&folder));
	buf_free(&folder);
	if (result.len <= FOLDER_NAME_MAX)
		return result;
	/* Where "&…-" was cut, it is plain text to who reads it. */
	return arena_printf(arena, "%.*s-%0*llx", FOLDER_NAME_MAX - HASH_DIGITS - 1, result.at, HASH_DIGITS, (unsigned long long)hash_of(mailbox));
}

/* Bytes that are no UTF-8 are read as Latin-1. */
static void append_utf8(struct buf *out, struct slice name)
{
	bool utf8 = slice_is_utf8(name);
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];
		if (c < ' ' || c == 0x7f)
			buf_append_char(out, '_');
		else if (utf8 || c < 0x80)
			buf_append_char(out, (char)c);
		else {
			buf_append_char(out, (char)(0xc0 | c >> 6));
			buf_append_char(out, (char)(0x80 | (c & 0x3f)));
		}
	}
}

struct slice cli_mailbox_name_mend(struct slice name, struct arena *arena)
{
	struct buf out = BUF(name.len * 2 + 2);
	struct slice level, rest = name;
	for (bool more = true; more;) {
		more = slice_cut(rest, '/', &level, &rest);
		bool none = level.len == 0 || slice_equal(level, SLICE(".")) || slice_equal(level, SLICE(".."));
		append_utf8(&out, none ? SLICE("_") : level);
		if (more)
			buf_append_char(&out, '/');
	}
	struct slice mended = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return slice_sub(mended, 0, MAILBOX_NAME_MAX);
}

static const struct {
	char letter;
	unsigned flag;
} maildir_flags[] = {{'D', FLAG_DRAFT}, {'F', FLAG_FLAGGED}, {'R', FLAG_ANSWERED}, {'S', FLAG_SEEN}, {'T', FLAG_DELETED}};

static struct slice letters_of(struct slice name)
{
	size_t info = slice_find(name, SLICE(":2,"));
	return info == SLICE_NONE ? (struct slice){NULL, 0} : slice_skip(name, info + 3);
}

unsigned cli_flags_from_name(struct slice name)
{
	unsigned flags = 0;
	struct slice letters = letters_of(name);
	for (size_t i = 0; i < sizeof maildir_flags / sizeof *maildir_flags; i++)
		if (slice_find_char(letters, maildir_flags[i].letter) != SLICE_NONE)
			flags |= maildir_flags[i].flag;
	return flags;
}

const char *cli_flags_to_name(unsigned flags, char out[8])
{
	size_t len = 0;
	for (size_t i = 0; i < sizeof maildir_flags / sizeof *maildir_flags; i++)
		if (flags & maildir_flags[i].flag)
			out[len++] = maildir_flags[i].letter;
	out[len] = '\0';
	return out;
}

/* ---- Keywords ---- */

/* An atom (RFC 3501 §9) of a length that the store takes. */
static bool is_keyword(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f || strchr("(){%*\"\\]", name.at[i]))
			return false;
	return name.len > 0 && name.len <= KEYWORD_MAX;
}

void cli_maildir_keywords_read(struct cli_maildir_keywords *keywords, struct slice text)
{
	struct slice line, number, name;
	uint64_t place;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (slice_cut(slice_trim(line), ' ', &number, &name) && slice_to_number(number, MAILDIR_KEYWORDS_MAX - 1, &place) && is_keyword(name))
			keywords->names[place] = name;
	}
}

char cli_maildir_keyword_letter(struct cli_maildir_keywords *keywords, struct slice name, struct arena *arena)
{
	for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++) {
		if (keywords->names[i].len == 0)
			keywords->names[i] = arena_copy(arena, name);
		if (slice_equal_nocase(keywords->names[i], name))
			return (char)('a' + i);
	}
	return '\0';
}

struct slice cli_keywords_from_name(struct slice name, const struct cli_maildir_keywords *keywords, struct arena *arena)
{
	struct slice letters = letters_of(name);
	struct buf out = BUF(MAILDIR_KEYWORDS_MAX * (KEYWORD_MAX + 1));
	for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
		if (keywords->names[i].len > 0 && slice_find_char(letters, (char)('a' + i)) != SLICE_NONE) {
			buf_append_text(&out, out.len > 0 ? " " : "");
			buf_append(&out, keywords->names[i]);
		}
	struct slice found = out.len > 0 ? arena_copy(arena, buf_slice(&out)) : SLICE("");
	buf_free(&out);
	return found;
}

/* ---- mbox ---- */

unsigned cli_flags_from_status(struct slice status)
{
	static const struct {
		char letter;
		unsigned flag;
	} letters[] = {{'R', FLAG_SEEN}, {'A', FLAG_ANSWERED}, {'F', FLAG_FLAGGED}, {'D', FLAG_DELETED}, {'T', FLAG_DRAFT}};
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (slice_find_char(status, letters[i].letter) != SLICE_NONE)
			flags |= letters[i].flag;
	return flags;
}
