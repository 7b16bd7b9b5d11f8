/* Which thread a message belongs to (RFC 8621 §3): that of one that names the same message id in Message-ID, In-Reply-To or References, and
 * has the same topic (message/subject.h). It is told when the message is added and never changes: threads don't merge when a later message
 * would join them. A thread's id is that of the message that began it.
 *
 * thread_key has, under hashes of a message id and a topic, the thread that it leads to. One look-up for each message id tells the thread,
 * and what isn't there yet is added. The hashes are of SHA-256, cut to 64 bits; two that are the same would bring messages together that
 * nothing but that connects, which whoever writes them could have had anyway by naming the same message ids. */
#include <openssl/sha.h>

#include "message/subject.h"
#include "message/summary.h"
#include "store/mail/email.h"

enum {
	THREAD_IDS_MAX = 50,     /* message ids of a message that are looked at: its own, those it answers, the last of its references */
	THREAD_PLACES_MAX = 500, /* placements; a thread that has more is joined by no further message, so that none is ever expensive to look at */
	BEGIN_AT_A_TIME = 500,
};

struct ids { int64_t at[THREAD_IDS_MAX]; size_t count; };

static int64_t hash_of(struct slice text)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int64_t hash;
	SHA256((const unsigned char *)text.at, text.len, digest);
	memcpy(&hash, digest, sizeof hash);
	return hash;
}

static void add_id(struct ids *ids, struct slice text)
{
	text = slice_trim(text);
	if (slice_empty(text) || ids->count == THREAD_IDS_MAX)
		return;
	int64_t hash = hash_of(text);
	for (size_t i = 0; i < ids->count; i++)
		if (ids->at[i] == hash)
			return;
	ids->at[ids->count++] = hash;
}

/* What stands between angle brackets (RFC 5322 §3.6.4), the last first. */
static void add_ids(struct ids *ids, struct slice text)
{
	size_t end, start;
	while ((end = slice_find_last_char(text, '>')) != SLICE_NONE &&
	       (start = slice_find_last_char(slice_sub(text, 0, end), '<')) != SLICE_NONE) {
		add_id(ids, slice_sub(text, start + 1, end - start - 1));
		text = slice_sub(text, 0, start);
	}
}

static struct slice without_brackets(struct slice id)
{
	size_t start = slice_find_char(id, '<');
	if (start == SLICE_NONE)
		return slice_trim(id);
	id = slice_skip(id, start + 1);
	return slice_trim(slice_sub(id, 0, slice_find_char(id, '>')));
}

struct slice mail_message_id(const struct envelope *envelope)
{
	return without_brackets(envelope->message_id);
}

int64_t mail_message_id_key(struct slice message_id)
{
	return hash_of(slice_trim(message_id));
}

/* ---- Joining ---- */

static bool find_key(struct db *db, int64_t id, int64_t topic, int64_t *thread, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT thread FROM thread_key WHERE id = $1 AND topic = $2", id, topic);
	enum db_step step = db_step(s, error);
	*thread = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step != DB_FAILED;
}

/* The thread that one of the ids leads to, the message's own last; 0: none. *full: there would have been one. */
static bool find_thread(struct change *change, const struct ids *ids, int64_t topic, int64_t *thread, bool *full, struct error *error)
{
	*thread = 0;
	*full = false;
	for (size_t i = 0; i < ids->count; i++) {
		size_t places;
		if (!find_key(change->db, ids->at[i], topic, thread, error))
			return false;
		if (*thread == 0)
			continue;
		if (!change_touch_counted(change, *thread, &places, error))
			return false;
		if (places < THREAD_PLACES_MAX)
			return true;
		*full = true;
		*thread = 0;
	}
	return true;
}

static bool add_keys(struct db *db, const struct ids *ids, int64_t topic, int64_t thread, bool anew, struct error *error)
{
	for (size_t i = 0; i < ids->count; i++) {
		const char *sql = anew ? "INSERT INTO thread_key (id, topic, thread) VALUES ($1, $2, $3) ON CONFLICT (id, topic) DO UPDATE SET thread = $3"
				       : "INSERT INTO thread_key (id, topic, thread) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
		if (!db_run(PREPARE(db, sql, ids->at[i], topic, thread), error))
			return false;
	}
	return true;
}

static bool join(struct change *change, int64_t message, const struct envelope *envelope, struct arena *arena, int64_t *thread, struct error *error)
{
	struct ids ids = {.count = 0};
	bool full;
	add_ids(&ids, envelope->in_reply_to);
	add_ids(&ids, envelope->references);
	ids.count -= ids.count == THREAD_IDS_MAX; /* its own has room */
	add_id(&ids, mail_message_id(envelope));
	int64_t topic = hash_of(subject_topic(envelope->subject, arena));
	if (!find_thread(change, &ids, topic, thread, &full, error))
		return false;
	bool new = *thread == 0;
	if (new)
		*thread = message;
	return add_keys(change->db, &ids, topic, *thread, new && full, error);
}

static bool join_by_summary(struct change *change, int64_t message, struct slice summary, int64_t *thread, struct error *error)
{
	struct arena *arena = arena_new();
	const struct mime_part *root = summary_decode(summary, arena);
	*thread = message;
	bool done = !root || join(change, message, root->envelope, arena, thread, error);
	arena_free(&arena);
	return done;
}

bool change_join_thread(struct change *change, struct mail_placement *new, struct slice summary, struct error *error)
{
	if (!join_by_summary(change, new->message, summary, &new->thread, error))
		return false;
	if (new->thread != new->message)
		return change_touch(change, new->thread, error);
	change_touch_new(change, new->thread);
	return true;
}

bool mail_forget_threads(struct db *db, struct error *error)
{
	return db_run(db_prepare(db, "DELETE FROM thread_key WHERE thread NOT IN (SELECT thread FROM message)"), error);
}

/* ---- Accounts from before there were threads ---- */

struct started { int64_t id; struct slice summary; };

static bool read_some(struct db *db, int64_t after, struct arena *arena, struct started *list, size_t *count, struct error *error)
{
	enum db_step step = DB_DONE;
	struct db_statement *s = PREPARE(db, "SELECT id, summary FROM message WHERE id > $1 ORDER BY id LIMIT $2", after, BEGIN_AT_A_TIME);
	for (*count = 0; *count < BEGIN_AT_A_TIME && (step = db_step(s, error)) == DB_ROW; (*count)++)
		list[*count] = (struct started){db_number(s, 0), arena_copy(arena, db_blob(s, 1))};
	db_reset(s);
	return step != DB_FAILED;
}

/* All placements have the thread 0 still. */
static bool begin_message(struct change *change, const struct started *message, struct error *error)
{
	struct db *db = change->db;
	int64_t thread, modseq = change->modseq;
	return join_by_summary(change, message->id, message->summary, &thread, error) &&
	       db_run(PREPARE(db, "UPDATE message SET thread = $2, appeared = CASE WHEN EXISTS (SELECT 1 FROM placement p WHERE p.thread = 0"
			" AND p.message = message.id AND (p.flags & 8) = 0) THEN CAST($3 AS BIGINT) ELSE 0 END WHERE id = $1", message->id, thread, modseq), error) &&
	       db_run(PREPARE(db, "UPDATE placement SET thread = $2 WHERE thread = 0 AND message = $1", message->id, thread), error);
}

static bool begin_messages(struct change *change, struct error *error)
{
	struct started list[BEGIN_AT_A_TIME];
	struct arena *arena = arena_new();
	int64_t last = 0;
	bool done = true;
	for (size_t count = BEGIN_AT_A_TIME; done && count == BEGIN_AT_A_TIME;) {
		arena_reset(arena);
		change_forget_touched(change); /* all is counted anew at the end */
		done = read_some(change->db, last, arena, list, &count, error);
		for (size_t i = 0; done && i < count; i++) {
			done = begin_message(change, &list[i], error);
			last = list[i].id;
		}
	}
	change_forget_touched(change);
	arena_free(&arena);
	return done;
}

bool change_cut_history(struct change *change, struct error *error)
{
	int64_t modseq = change_modseq(change);
	change->emails = change->come_or_gone = change->mailboxes = true;
	return db_run(db_prepare(change->db, "DELETE FROM vanished"), error) &&
	       db_run(PREPARE(change->db, "UPDATE account SET vanished_floor = $1", modseq), error) &&
	       db_run(PREPARE(change->db, "UPDATE message SET appeared = $1 WHERE appeared <> 0", modseq), error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET created = $1, noted = $1, counted = $1", modseq), error);
}

static bool begin_emails(struct change *change, struct error *error)
{
	change->modseq = change->row.modseq; /* no new one: nothing that has been told changes */
	return begin_messages(change, error) && change_cut_history(change, error) && mail_recount(change, true, NULL, error) &&
	       change_write_row(change->db, &change->row, error);
}

bool mail_begin_emails(struct db *db, struct error *error)
{
	struct change change = {.db = db};
	if (!change_read_row(db, &change.row, NULL) || change.row.email_modseq != 0) /* a row that can't be read is for others to tell */
		return true;
	if (!db_begin(db, error))
		return false;
	bool done = change_read_row(db, &change.row, error);
	if (done && change.row.email_modseq == 0)
		done = begin_emails(&change, error) && db_commit(db, error);
	db_rollback(db);
	return done;
}
