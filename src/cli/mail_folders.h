/* What import and export share: names of folders as Maildir++ has them, flags as file names and header fields have them. */
#ifndef CLI_MAIL_FOLDERS_H
#define CLI_MAIL_FOLDERS_H

#include "base/arena.h"
#include "base/buf.h"

/** ".Projects.Old" (modified UTF-7) to "Projects/Old" in `arena`; bytes that aren't modified UTF-7 are kept as they are, and so are
 * the dots of a name that doesn't begin with one. */
struct slice cli_folder_to_mailbox(struct slice folder, struct arena *arena);
/** "Projects/Old" to ".Projects.Old"; a dot inside a level, which Maildir++ can't have, is written in base64 ("&AC4-"), and what would
 * be too long for a file's name is cut, and ends in a part of its hash: so two mailboxes are never one folder. */
struct slice cli_folder_from_mailbox(struct slice mailbox, struct arena *arena);
/** The name of an mbox file or of a folder of them: "Projects.Old.mbox", as export writes it, "Projects.sbd" (Thunderbird), or plain. */
struct slice cli_mbox_to_mailbox(struct slice file, struct arena *arena);
/** A name that a mailbox can have, as near to this one as can be: UTF-8 without control characters, empty levels or ones of dots. */
struct slice cli_mailbox_name_mend(struct slice name, struct arena *arena);

/** The keywords of one folder of a Maildir, as Dovecot writes them: the letter 'a' in a file's name stands for the first, and so on. */
enum { MAILDIR_KEYWORDS_MAX = 26 };
struct cli_maildir_keywords {
	struct slice names[MAILDIR_KEYWORDS_MAX];
};
/** Reads the file dovecot-keywords: lines of "NUMBER NAME". The names stay in `text`; what can't be a keyword is left out. */
void cli_maildir_keywords_read(struct cli_maildir_keywords *keywords, struct slice text);
/** The letter of a keyword, which is added (its name copied into `arena`) if need be; '\0' when there is no room. */
char cli_maildir_keyword_letter(struct cli_maildir_keywords *keywords, struct slice name, struct arena *arena);
/** The keywords that a file's name has, separated by spaces. */
struct slice cli_keywords_from_name(struct slice name, const struct cli_maildir_keywords *keywords, struct arena *arena);

/** The flags in a Maildir file's name, as in "…:2,FS". */
unsigned cli_flags_from_name(struct slice name);
/** The letters of flags for a Maildir file's name, in order. */
const char *cli_flags_to_name(unsigned flags, char out[8]);
/** The flags in the values of an mbox's Status and X-Status fields. */
unsigned cli_flags_from_status(struct slice status);

#endif
