/* What import and export share: names of folders as Maildir++ has them, flags as file names and header fields have them. */
#ifndef CLI_MAIL_FOLDERS_H
#define CLI_MAIL_FOLDERS_H

#include "base/arena.h"
#include "base/buf.h"

/** ".Projects.Old" (modified UTF-7) to "Projects/Old" in `arena`; bytes that aren't modified UTF-7 are kept as they are. */
struct slice folder_to_mailbox(struct slice folder, struct arena *arena);
/** "Projects/Old" to ".Projects.Old"; a dot inside a level, which Maildir++ can't have, becomes '_'. */
struct slice folder_from_mailbox(struct slice mailbox, struct arena *arena);
/** The flags in a Maildir file's name, as in "…:2,FS". */
unsigned flags_from_name(struct slice name);
/** The letters of flags for a Maildir file's name, in order. */
const char *flags_to_name(unsigned flags, char out[8]);
/** The flags in the values of an mbox's Status and X-Status fields. */
unsigned flags_from_status(struct slice status);

#endif
