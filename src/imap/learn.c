/* What a client says of messages by what it does with them (training/training.h). A message that is put into Junk is spam; one that is taken
 * out of it, unless to be thrown away, or put into the archive, or answered, is good mail; and there are keywords that say so. Whom a message that is
 * put into Sent is to the account knows from then on. */
#include "imap/session.h"
#include "training/training.h"

/* As Thunderbird, Apple Mail and the registry of keywords have them. */
static const char *const spam_keywords[] = {"$Junk", "Junk"};
static const char *const ham_keywords[] = {"$NotJunk", "NotJunk", "NonJunk"};

static bool has_any(struct slice keywords, const char *const *names, size_t count)
{
	bool any = false;
	for (size_t i = 0; i < count; i++)
		any |= slice_has_word_nocase(keywords, slice_of(names[i]));
	return any;
}

/* False: they say nothing. */
static bool kind_of_keywords(struct slice keywords, enum classify_kind *kind)
{
	bool spam = has_any(keywords, spam_keywords, sizeof spam_keywords / sizeof *spam_keywords);
	bool ham = has_any(keywords, ham_keywords, sizeof ham_keywords / sizeof *ham_keywords);
	*kind = spam ? CLASSIFY_SPAM : CLASSIFY_HAM;
	return spam != ham;
}

static void note(struct imap_command *command, int64_t mailbox, const uint32_t *uids, size_t count, enum classify_kind kind)
{
	training_note(command->imap->service->training, command->imap->account, mailbox, uids, count, kind);
}

static enum special_use use_of_selected(struct imap_command *command)
{
	struct mailbox mailbox;
	struct error error;
	bool found = mailbox_get(command->account, command->imap->selected->mailbox, command->arena, &mailbox, &error);
	return found ? mailbox.use : USE_NONE;
}

void imap_learn_copied(struct imap_command *command, const struct mailbox *target, const uint32_t *uids, size_t count)
{
	if (!command->imap->service->training || target->use == USE_TRASH)
		return;
	enum special_use from = use_of_selected(command);
	if (target->use == USE_JUNK && from != USE_JUNK)
		note(command, target->id, uids, count, CLASSIFY_SPAM);
	else if (target->use != USE_JUNK && (from == USE_JUNK || target->use == USE_ARCHIVE))
		note(command, target->id, uids, count, CLASSIFY_HAM);
}

void imap_learn_flagged(struct imap_command *command, const uint32_t *uids, size_t count, unsigned flags, struct slice keywords)
{
	enum classify_kind kind;
	if (!command->imap->service->training)
		return;
	if (kind_of_keywords(keywords, &kind))
		note(command, command->imap->selected->mailbox, uids, count, kind);
	else if ((flags & FLAG_ANSWERED) && use_of_selected(command) != USE_JUNK)
		note(command, command->imap->selected->mailbox, uids, count, CLASSIFY_HAM);
}

void imap_learn_appended(struct imap_command *command, const struct mailbox *target, const struct placement *placements, const uint32_t *uids, size_t count)
{
	enum classify_kind kind;
	if (target->use == USE_SENT)
		training_note_sent(command->imap->service->training, command->imap->account, target->id, uids, count);
	for (size_t i = 0; i < count && target->use == USE_JUNK; i++)
		if (!kind_of_keywords(placements[i].keywords, &kind) || kind == CLASSIFY_SPAM)
			note(command, target->id, &uids[i], 1, CLASSIFY_SPAM);
}
