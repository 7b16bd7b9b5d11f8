/* Bringing rows and files together again: after an unclean stop, after damage, and to find out whether they are. It stands on the three
 * other rooms, and is used by the door, which opens and locks accounts for it. */
#ifndef STORE_RECOVER_H
#define STORE_RECOVER_H

#include "store/blob/blob.h"
#include "store/mail/mail.h"
#include "store/recover/report.h"

struct recover_check;

/* ---- After an unclean stop: restart.c ---- */

/** When an account is opened, before anybody sees it: if the last stop was unclean since it was used, it gets back what the journal has of
 * it, goes on from its ceilings, and messages whose files were lost are dropped. `check` is told of those (NULL: the log). */
bool recover_account(struct mail *mail, const char *folder, struct recover_check *check, struct error *error);
/** Tells of a message that an unclean stop has taken: to who repairs the account, or (NULL) to the log. */
void recover_note_lost(struct recover_check *check, struct slice account, int64_t id);

/* ---- Files that no message has: adopt.c ---- */

/** What was found out of such a file. */
struct recover_foundling {
	int64_t id, received;
	uint64_t size;
	bool readable;
	unsigned char hash[MAIL_HASH_SIZE];
	struct mail_gist gist;
};
/** Reads the message's file, without a lock. One that can't be read is passed over, and found again by the next check. */
void recover_describe(const char *folder, int64_t id, struct recover_foundling *one, struct arena *arena);
/** Adds what has no message yet: to the mailbox, or, with `expunged`, as messages that can be brought back. */
bool recover_adopt(struct change *change, const struct recover_foundling *list, size_t count, int64_t mailbox, bool expunged, struct error *error);
/** Adds the row of a message that placements show, from its file, their date and thread; refs is the caller's to count. *added false:
 * its file can't be read. */
bool recover_adopt_shown(struct change *change, const char *folder, int64_t id, int64_t received, int64_t thread, bool *added, struct error *error);
/** After a power cut: makes an appended message again what it was, file and rows, as far as it isn't; not if it was expunged since. */
bool recover_kept(struct change *change, const char *folder, const struct durable_kept *kept, struct error *error);

/* ---- Snapshots, and databases made of them: rebuild.c ---- */

enum { SNAPSHOTS_KEPT = 3 };

/** Copies the account's database, a file, to a snapshot in its folder; the newest few are kept. Its users don't wait for that. */
bool recover_snapshot(const char *folder, const char *database, struct durable *durable, struct error *error);
/** When the newest snapshot was made, in seconds; 0: there is none. */
int64_t recover_newest_snapshot(const char *folder);
/** Replaces the account's database, a file: by the newest snapshot that is sound, else by an empty one, with what mail_salvage() finds. The old one is put aside.
 * Numbers go on where no client can have seen any: every mailbox has a new UIDVALIDITY. */
bool recover_rebuild(struct durable *durable, const char *folder, const char *database, struct slice name, bool *from_snapshot, struct error *error);
/** Makes an empty one where there is none, with numbers as after recover_rebuild(). */
bool recover_begin_anew(struct durable *durable, const char *database, struct slice name, struct error *error);

/* ---- Checking: fsck.c; in this order ---- */

/** A check of the account whose folder and database those are; with `repair` what can be mended is. Expunged messages are to have their files when they
 * were expunged after `kept_since`. recover_check_free() when done. */
struct recover_check *recover_check_new(struct durable *durable, const char *folder, const char *database, struct slice name, int64_t kept_since, bool repair, struct fsck_report *report);
void recover_check_free(struct recover_check **check);
/** The database itself; *rebuilt: it is another now. ERROR_INVALID: it is damaged, and was reported. */
bool recover_check_database(struct recover_check *check, bool *rebuilt, struct error *error);
/** Now the account may be opened. Files that aren't where they belong; and each message against its file, without a lock. */
bool recover_check_files(struct recover_check *check, struct error *error);
/** In a change of the account, so that nothing changes meanwhile: rows against rows, what was suspicious once more, files against rows. */
bool recover_check_rows(struct recover_check *check, struct change *change, struct error *error);
/** Files that the caller is to have adopted: newer than all that the database knows of, and those that a crash has left over. */
const struct mail_ids *recover_newer(const struct recover_check *check);
const struct mail_ids *recover_leftovers(const struct recover_check *check);

#endif
