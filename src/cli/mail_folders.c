/* Names and flags; see mail_folders.h. */
#include "cli/mail_folders.h"

#include "imap/utf7.h"
#include "store/store.h"

struct slice folder_to_mailbox(struct slice folder, struct arena *arena)
{
	struct buf name = BUF(MAILBOX_NAME_MAX * 4);
	bool levels = folder.len > 0 && folder.at[0] == '.';
	if (levels)
		folder = slice_skip(folder, 1);
	if (!utf7_to_utf8(folder, &name)) {
		buf_clear(&name);
		buf_append(&name, folder);
	}
	for (size_t i = 0; levels && i < name.len; i++)
		if (name.at[i] == '.')
			name.at[i] = '/';
	struct slice mailbox = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return mailbox;
}

struct slice folder_from_mailbox(struct slice mailbox, struct arena *arena)
{
	struct buf folder = BUF(MAILBOX_NAME_MAX * 8);
	char *copy = (char *)(uintptr_t)arena_copy(arena, mailbox).at;
	for (size_t i = 0; i < mailbox.len; i++)
		copy[i] = copy[i] == '.' ? '_' : copy[i] == '/' ? '.' : copy[i];
	buf_append_char(&folder, '.');
	utf7_from_utf8(slice_make(copy, mailbox.len), &folder);
	struct slice result = arena_copy(arena, buf_slice(&folder));
	buf_free(&folder);
	return result;
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

unsigned flags_from_name(struct slice name)
{
	unsigned flags = 0;
	struct slice letters = letters_of(name);
	for (size_t i = 0; i < sizeof maildir_flags / sizeof *maildir_flags; i++)
		if (slice_find_char(letters, maildir_flags[i].letter) != SLICE_NONE)
			flags |= maildir_flags[i].flag;
	return flags;
}

const char *flags_to_name(unsigned flags, char out[8])
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

void maildir_keywords_read(struct maildir_keywords *keywords, struct slice text)
{
	struct slice line, number, name;
	uint64_t place;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (slice_cut(slice_trim(line), ' ', &number, &name) && slice_to_number(number, MAILDIR_KEYWORDS_MAX - 1, &place) && is_keyword(name))
			keywords->names[place] = name;
	}
}

char maildir_keyword_letter(struct maildir_keywords *keywords, struct slice name, struct arena *arena)
{
	for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++) {
		if (keywords->names[i].len == 0)
			keywords->names[i] = arena_copy(arena, name);
		if (slice_equal_nocase(keywords->names[i], name))
			return (char)('a' + i);
	}
	return '\0';
}

struct slice keywords_from_name(struct slice name, const struct maildir_keywords *keywords, struct arena *arena)
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

unsigned flags_from_status(struct slice status)
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
