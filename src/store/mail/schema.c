/* The tables of an account database; what they hold and what must always be true of them is told in mail.h. Steps are
 * only ever added at the end: each leads from one version of the file to the next. From versions 1 and 2 no way leads on. */
#include "base/clock.h"
#include "base/random.h"
#include "store/mail/internal.h"

const char *const mail_schema[] = {
	"CREATE TABLE account (name TEXT NOT NULL, epoch BIGINT NOT NULL, modseq BIGINT NOT NULL, modseq_ceiling BIGINT NOT NULL,"
	" uidvalidity BIGINT NOT NULL, last_id BIGINT NOT NULL, durable_id BIGINT NOT NULL, bytes BIGINT NOT NULL,"
	" messages BIGINT NOT NULL, max_bytes BIGINT NOT NULL, max_messages BIGINT NOT NULL, removed_floor BIGINT NOT NULL DEFAULT 0);"

	"CREATE TABLE mailbox (id " DB_ID ", name TEXT NOT NULL UNIQUE, special_use BIGINT NOT NULL, selectable BIGINT NOT NULL,"
	" uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, uid_ceiling BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	" messages BIGINT NOT NULL, unseen BIGINT NOT NULL, deleted BIGINT NOT NULL, recent BIGINT NOT NULL,"
	" recent_from BIGINT NOT NULL, bytes BIGINT NOT NULL, log_floor BIGINT NOT NULL);"

	"CREATE TABLE message (id " DB_ID ", size BIGINT NOT NULL, received BIGINT NOT NULL, hash " DB_BYTES " NOT NULL,"
	" refs BIGINT NOT NULL, expunged BIGINT NOT NULL, summary " DB_BYTES " NOT NULL);"
	"CREATE INDEX message_expunged ON message (expunged) WHERE expunged <> 0;"

	"CREATE TABLE placement (mailbox BIGINT NOT NULL, uid BIGINT NOT NULL, message BIGINT NOT NULL, flags BIGINT NOT NULL,"
	" keywords TEXT NOT NULL, modseq BIGINT NOT NULL, size BIGINT NOT NULL, received BIGINT NOT NULL,"
	" PRIMARY KEY (mailbox, uid))" DB_CLUSTERED ";"
	"CREATE INDEX placement_modseq ON placement (mailbox, modseq);"
	"CREATE INDEX placement_deleted ON placement (mailbox, modseq) WHERE (flags & 8) <> 0;" /* FLAG_DELETED */

	"CREATE TABLE expunged (mailbox BIGINT NOT NULL, modseq BIGINT NOT NULL, uid BIGINT NOT NULL,"
	" message BIGINT NOT NULL, PRIMARY KEY (mailbox, modseq, uid))" DB_CLUSTERED ";"

	"CREATE TABLE removed_mailbox (id " DB_ID ", modseq BIGINT NOT NULL);"

	"CREATE TABLE delivery (id " DB_ID ", message BIGINT NOT NULL, mailbox BIGINT NOT NULL, uid BIGINT NOT NULL,"
	" at BIGINT NOT NULL, flags BIGINT NOT NULL, keywords TEXT NOT NULL);"

	"CREATE TABLE subscription (name TEXT NOT NULL PRIMARY KEY)" DB_CLUSTERED ";",

	NULL, NULL,

	"ALTER TABLE mailbox ADD COLUMN keyword_bytes BIGINT NOT NULL DEFAULT 0;"
	"UPDATE mailbox SET keyword_bytes = (SELECT COALESCE(sum(length(keywords)), 0) FROM placement p WHERE p.mailbox = mailbox.id);",

	"CREATE TABLE object (kind BIGINT NOT NULL, id BIGINT NOT NULL, created BIGINT NOT NULL, made BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	" reference BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id))" DB_CLUSTERED ";"
	"CREATE INDEX object_modseq ON object (kind, modseq);"
	"CREATE INDEX object_reference ON object (kind, reference) WHERE reference <> 0;"
	"CREATE TABLE object_gone (kind BIGINT NOT NULL, modseq BIGINT NOT NULL, id BIGINT NOT NULL, made BIGINT NOT NULL, PRIMARY KEY (kind, modseq, id))" DB_CLUSTERED ";"
	"CREATE TABLE object_log (id " DB_ID ", floor BIGINT NOT NULL);"
	"INSERT INTO object_log (id, floor) VALUES (1, 0);"
	"CREATE TABLE vacation_told (sender TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, message BIGINT NOT NULL)" DB_CLUSTERED ";"
	"CREATE INDEX vacation_told_at ON vacation_told (at);",

	/* what JMAP asks; of an account from before, mail_begin_emails() fills it in */
	"ALTER TABLE account ADD COLUMN email_modseq BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN thread_modseq BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN mailbox_modseq BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN vanished_floor BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN emails BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN threads BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN created BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN emails BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN unread_emails BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN threads BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN unread_threads BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE mailbox ADD COLUMN sort_order BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE removed_mailbox ADD COLUMN created BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN thread BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN appeared BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX message_copies ON message (id) WHERE refs > 1;"
	"ALTER TABLE placement ADD COLUMN thread BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX placement_thread ON placement (thread, message);"
	"CREATE INDEX placement_received ON placement (mailbox, received, message, uid);"
	"CREATE TABLE vanished (modseq BIGINT NOT NULL, message BIGINT NOT NULL, thread BIGINT NOT NULL, appeared BIGINT NOT NULL,"
	" PRIMARY KEY (modseq, message))" DB_CLUSTERED ";"
	"CREATE TABLE thread_key (id BIGINT NOT NULL, topic BIGINT NOT NULL, thread BIGINT NOT NULL, PRIMARY KEY (id, topic))" DB_CLUSTERED ";",

	/* contacts, with the address book that every account begins with */
	"CREATE TABLE contact_place (card BIGINT NOT NULL, book BIGINT NOT NULL, PRIMARY KEY (card, book))" DB_CLUSTERED ";"
	"CREATE INDEX contact_place_book ON contact_place (book, card);"
	"CREATE TABLE contact_photo (id " DB_ID ", card BIGINT NOT NULL, size BIGINT NOT NULL, wanted BIGINT NOT NULL, hash TEXT NOT NULL, type TEXT NOT NULL,"
	" bytes " DB_BYTES " NOT NULL);"
	"CREATE INDEX contact_photo_card ON contact_photo (card, hash);"
	"CREATE INDEX contact_photo_hash ON contact_photo (hash);"
	"CREATE TABLE contact_size (card " DB_ID ", bytes BIGINT NOT NULL);"
	"CREATE TABLE contact_numbers (id " DB_ID ", bytes BIGINT NOT NULL);"
	"INSERT INTO contact_numbers (id, bytes) VALUES (1, 0);"
	"INSERT INTO object (kind, id, created, made, modseq, reference, text) VALUES (8, 1, 0, 1, 1, 1, '{\"name\":\"Contacts\"}');",

	/* which keywords a mailbox has, found from one to the next; few messages have any */
	"CREATE INDEX placement_keywords ON placement (mailbox, keywords) WHERE keywords <> '';",

	/* messages that sleep */
	"CREATE TABLE snooze (message " DB_ID ", until BIGINT NOT NULL, mailbox BIGINT NOT NULL, flags BIGINT NOT NULL, without_flags BIGINT NOT NULL,"
	" keywords TEXT NOT NULL, without_keywords TEXT NOT NULL);"
	"CREATE INDEX snooze_until ON snooze (until, message);"
	"CREATE INDEX mailbox_snoozed ON mailbox (id) WHERE special_use = 8;", /* USE_SNOOZED */

	/* header fields that are asked for in lists; messages from before get theirs when they are listed */
	"CREATE TABLE excerpt (message " DB_ID ", text " DB_BYTES " NOT NULL);"
	"CREATE TABLE long_excerpt (message " DB_ID ", text " DB_BYTES " NOT NULL);",

	/* when an email came last, for clients that hear of that alone */
	"ALTER TABLE account ADD COLUMN delivery_modseq BIGINT NOT NULL DEFAULT 0;"
	"UPDATE account SET delivery_modseq = email_modseq;",
};
const int mail_schema_count = sizeof mail_schema / sizeof *mail_schema;

int64_t mail_next_uidvalidity(int64_t last)
{
	int64_t now = clock_now();
	return now > last && now <= UINT32_MAX ? now : last + 1;
}

bool mail_add_mailbox(struct db *db, struct slice name, enum special_use use, int64_t modseq, int64_t *uidvalidity,
			int64_t *id, struct error *error)
{
	*uidvalidity = mail_next_uidvalidity(*uidvalidity);
	if (*uidvalidity > UINT32_MAX)
		return error_set(error, ERROR_LIMIT, "no UIDVALIDITY left");
	*id = id_new();
	struct db_statement *insert = PREPARE(db,
		"INSERT INTO mailbox (id, name, special_use, selectable, uidvalidity, uidnext, uid_ceiling, modseq, messages, unseen,"
		" deleted, recent, recent_from, bytes, log_floor, created, noted, counted)"
		" VALUES ($1, $6, $2, 1, $3, 1, $4, $5, 0, 0, 0, 0, 1, 0, $5, $5, $5, $5)",
		*id, use, *uidvalidity, DURABLE_BLOCK, modseq);
	db_bind_text(insert, 6, name);
	return db_run(insert, error);
}

/* The rows that every account begins with; some are there already where the steps above have just made the tables. */
static bool fill_tables(struct db *db, struct error *error)
{
	return db_run(db_prepare(db, "INSERT INTO object_log (id, floor) VALUES (1, 0) ON CONFLICT DO NOTHING"), error) &&
	       db_run(db_prepare(db, "INSERT INTO contact_numbers (id, bytes) VALUES (1, 0) ON CONFLICT DO NOTHING"), error) &&
	       db_run(db_prepare(db, "INSERT INTO object (kind, id, created, made, modseq, reference, text) VALUES (8, 1, 0, 1, 1, 1, '{\"name\":\"Contacts\"}')"
				     " ON CONFLICT DO NOTHING"), error);
}

static bool add_first_mailboxes(struct db *db, int64_t *uidvalidity, struct error *error)
{
	static const struct { const char *name; enum special_use use; } first[] = {
		{"INBOX", USE_NONE}, {"Drafts", USE_DRAFTS}, {"Sent", USE_SENT}, {"Junk", USE_JUNK}, {"Trash", USE_TRASH}, {"Archive", USE_ARCHIVE},
	};
	int64_t id;
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		if (!mail_add_mailbox(db, slice_of(first[i].name), first[i].use, 1, uidvalidity, &id, error))
			return false;
		struct db_statement *subscribe = db_prepare(db, "INSERT INTO subscription (name) VALUES ($1)");
		db_bind_text(subscribe, 1, slice_of(first[i].name));
		if (!db_run(subscribe, error))
			return false;
	}
	return true;
}

/* An account that is there has its row, and what would be a second one breaks a key of some table. */
static bool fill(struct db *db, const struct mail_first *first, struct error *error)
{
	int64_t uidvalidity = first->uidvalidity;
	if (!add_first_mailboxes(db, &uidvalidity, error) || !fill_tables(db, error))
		return false;
	struct db_statement *insert = PREPARE(db,
		"INSERT INTO account (name, epoch, modseq, modseq_ceiling, uidvalidity, last_id, durable_id, bytes, messages,"
		" max_bytes, max_messages, email_modseq, thread_modseq, mailbox_modseq, vanished_floor) VALUES ($6, $1, 1, $2, $3, 0, 0, 0, 0, $4, $5, 1, 1, 1, 1)",
		first->epoch, DURABLE_BLOCK, uidvalidity, (int64_t)first->max_bytes, (int64_t)first->max_messages);
	db_bind_text(insert, 6, first->name);
	return db_run(insert, error);
}

bool mail_fill(struct db *db, const struct mail_first *first, struct error *error)
{
	if (first->max_bytes > INT64_MAX || first->max_messages > INT64_MAX)
		return error_set(error, ERROR_INVALID, "a quota that large is none: give 0");
	if (!db_migrate(db, mail_schema, mail_schema_count, error) || !db_begin(db, error))
		return false;
	if (fill(db, first, error))
		return db_commit(db, error);
	db_rollback(db);
	return false;
}

struct db *mail_open(const char *place, enum db_durability durability, bool create, struct error *error)
{
	struct db *db = db_open(place, &(struct db_options){.durability = durability, .create = create}, error);
	if (db && !create && (!db_migrate(db, mail_schema, mail_schema_count, error) || !mail_begin_emails(db, error)))
		db_close(&db);
	return db;
}

bool mail_inbox(struct db *db, bool selectable, int64_t *id, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT id FROM mailbox WHERE name = 'INBOX' AND selectable >= $1", selectable);
	enum db_step step = db_step(s, error);
	*id = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step != DB_FAILED;
}
