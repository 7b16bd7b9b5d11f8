/* Files that no message has: making them messages again. And messages that the journal has. */
#include "base/log.h"
#include "store/recover/recover.h"

void recover_describe(const char *folder, int64_t id, struct recover_foundling *one, struct arena *arena)
{
	struct slice content;
	*one = (struct recover_foundling){.id = id};
	one->readable = blob_map(folder, id, &content, &one->received, NULL);
	if (!one->readable)
		return;
	one->size = content.len;
	blob_hash(content, one->hash);
	one->gist = mail_gist(content, arena);
	blob_unmap(content);
}

static struct mail_placement placement_of(const struct recover_foundling *one, int64_t mailbox)
{
	return (struct mail_placement){.mailbox = mailbox, .message = one->id, .size = one->size, .received = one->received};
}

static bool adopt_one(struct change *change, const struct recover_foundling *one, int64_t mailbox, bool expunged, struct error *error)
{
	bool known;
	struct mail_placement new = placement_of(one, mailbox);
	if (!mail_is_known(change->db, one->id, &known, error))
		return false;
	if (known || !one->readable)
		return true;
	if (!expunged)
		return mail_add(change, &new, one->hash, &one->gist, error);
	change_modseq(change);
	return mail_add_row(change, &new, 0, change->now, one->hash, &one->gist, error);
}

bool recover_adopt(struct change *change, const struct recover_foundling *list, size_t count, int64_t mailbox, bool expunged, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!adopt_one(change, &list[i], mailbox, expunged, error))
			return false;
	return true;
}

bool recover_adopt_shown(struct change *change, const char *folder, int64_t id, int64_t received, int64_t thread, bool *added, struct error *error)
{
	struct arena *arena = arena_new();
	struct recover_foundling one;
	recover_describe(folder, id, &one, arena);
	one.received = received;
	change_modseq(change);
	*added = one.readable;
	struct mail_placement new = placement_of(&one, 0);
	new.thread = thread;
	bool done = !one.readable || mail_add_row(change, &new, 0, 0, one.hash, &one.gist, error);
	arena_free(&arena);
	return done;
}

/* ---- From the journal ---- */

/* With the UID and mod-sequence that it had: nobody else can have been given them. *shown false: its mailbox isn't here. Then the
 * account was made anew, or has an older database, and it is not for us to bring somebody's mail into it. */
static bool show_again(struct change *change, const struct durable_kept *kept, bool *shown, struct error *error)
{
	struct arena *arena = arena_new();
	struct error cause = {0};
	struct mail_gist gist = mail_gist(kept->content, arena);
	struct mail_placement new = {.mailbox = kept->mailbox, .message = kept->id, .flags = kept->flags, .keywords = kept->keywords,
		.size = kept->content.len, .received = kept->received};
	change->modseq = kept->modseq;
	if (change->row.modseq < kept->modseq)
		change->row.modseq = kept->modseq;
	*shown = mail_skip_uids(change->db, kept->mailbox, kept->uid, &cause) &&
		 mail_add(change, &new, kept->hash, &gist, &cause);
	arena_free(&arena);
	return *shown || cause.kind == ERROR_NOT_FOUND || error_set(error, cause.kind, "%s", cause.text);
}

static bool restore_file(const char *folder, const struct durable_kept *kept, struct error *error)
{
	return blob_restore(folder, kept->id, kept->content, kept->hash, kept->received, error);
}

bool recover_kept(struct change *change, const char *folder, const struct durable_kept *kept, struct error *error)
{
	bool known, shown = false;
	if (!mail_is_known(change->db, kept->id, &known, error))
		return false;
	if (known)
		return restore_file(folder, kept, error);
	if (kept->id <= change->row.last_id) /* its commit is here: the message was removed since */
		return true;
	if (!show_again(change, kept, &shown, error) || (shown && !restore_file(folder, kept, error)))
		return false;
	log_info(shown ? "message.restored" : "message.not_restored", log_slice("account", change->mail->account), log_id("message", kept->id),
		 log_number("uid", kept->uid));
	return true;
}
