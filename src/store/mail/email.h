/* What the files about emails share. */
#ifndef STORE_MAIL_EMAIL_H
#define STORE_MAIL_EMAIL_H

#include "message/mime.h"
#include "store/mail/internal.h"

/** A placement. */
struct mail_place {
	int64_t mailbox, message, thread, received;
	uint64_t size;
	struct slice keywords;
	unsigned flags;
	uint32_t uid;
};

/** Puts emails together from their places, in an arena; what many of them have in common is kept once. */
struct email_maker {
	struct arena *arena;
	struct map *keywords;      /* as a placement has them: struct slice, in lower case */
	struct map *mailboxes;     /* int64_t */
	const int64_t *last_mailbox; /* of these; mostly it is the same again */
};
void email_maker_begin(struct email_maker *maker, struct arena *arena);
void email_maker_end(struct email_maker *maker);
/** The keywords in lower case. */
struct slice email_maker_keywords(struct email_maker *maker, struct slice text);
/** The place, which hasn't \Deleted, is one of the email's. Before the first its mailbox_count is 0. */
void email_maker_add(struct email_maker *maker, struct email *email, const struct mail_place *place);
/** Puts the email together anew from all of its places. */
bool email_maker_complete(struct db *db, struct email_maker *maker, struct email *email, struct error *error);
/** Messages that have several places, ascending: few, and found by their index. */
bool mail_list_copied(struct db *db, struct mail_ids *ids, struct error *error);

/** The message's own id, without angle brackets. */
struct slice mail_message_id(const struct envelope *envelope);
/** What stands for a message id in thread_key. */
int64_t mail_message_id_key(struct slice message_id);

#endif
