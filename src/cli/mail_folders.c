/* Names and flags; see mail_folders.h. */
#include "cli/mail_folders.h"

#include "imap/utf7.h"
#include "store/store.h"

struct slice folder_to_mailbox(struct slice folder, struct arena *arena)
{
	struct buf name = BUF(MAILBOX_NAME_MAX * 4);
	if (folder.len > 0 && folder.at[0] == '.')
		folder = slice_skip(folder, 1);
	if (!utf7_to_utf8(folder, &name)) {
		buf_clear(&name);
		buf_append(&name, folder);
	}
	for (size_t i = 0; i < name.len; i++)
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

unsigned flags_from_name(struct slice name)
{
	unsigned flags = 0;
	size_t info = slice_find(name, SLICE(":2,"));
	struct slice letters = info == SLICE_NONE ? (struct slice){NULL, 0} : slice_skip(name, info + 3);
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
