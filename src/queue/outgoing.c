/* What our own people send: how much it is, and what is held of it. Somebody who has stolen a password sends as much as he can, before
 * anybody notices. So it is counted to how many recipients each account writes, and what is more than it may is taken, since it may be
 * honest, and held until a person has looked at it. So much may be held of one account; beyond, nothing more of it is taken, so that
 * nobody can fill the disk.
 *
 * It is counted here, in the transaction that takes the message, as all ways in meet here (both ports, every connection, sendmail's
 * socket), and so a restart forgets nothing and nothing is counted twice. A row says what an account has sent in SLOT_SECONDS; the time
 * that is looked at ends now, and begins with the start of a slot. What is held counts, too: else who goes on trying
 * would get as much through every hour. What is refused doesn't.
 *
 * An episode is what is held of one account until a person has let it go or removed it, or, if more comes later than EPISODE_SECONDS after
 * the last, until then. Of each its owner and the postmaster are told once, by the courier. */
#include "queue/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

enum {
	SLOT_SECONDS = 600,
	HOUR_SLOTS = 3600 / SLOT_SECONDS,
	DAY_SLOTS = 24 * HOUR_SLOTS,
	EPISODE_SECONDS = 86400,
};

const char *queue_suspicion_text(const struct queue_suspicion *suspicion, char out[SUSPICION_TEXT_MAX])
{
	long long count = suspicion->count, most = suspicion->most;
	switch (suspicion->reason) {
	case REASON_HOUR:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients within an hour, where %lld are allowed", count, most);
		break;
	case REASON_DAY:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients within a day, where %lld are allowed", count, most);
		break;
	case REASON_SPAM:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld points of spam in a message, where %lld are allowed", count, most);
		break;
	case REASON_HABIT:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients in a day, where by its habit %lld are expected", count, most);
		break;
	case REASON_HABIT_NETWORK:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients in a day, where from a network that is new for it %lld are expected", count, most);
		break;
	case REASON_HABIT_PEOPLE:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients in a day, where to domains that are new for it %lld are expected", count, most);
		break;
	case REASON_HABIT_COUNTRY:
		snprintf(out, SUSPICION_TEXT_MAX, "%lld recipients in a day, where from a country that is new for it %lld are expected", count, most);
		break;
	case REASON_SET_APART:
		snprintf(out, SUSPICION_TEXT_MAX, "set apart for what was found in it, as `pombal explain` tells");
		break;
	default:
		snprintf(out, SUSPICION_TEXT_MAX, "by hand");
	}
	return out;
}

/* ---- Counting ---- */

struct sent { int64_t hour, day; };

static bool read_sent(struct db *db, struct slice account, int64_t slot, struct sent *sent, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT COALESCE(SUM(recipients), 0), COALESCE(SUM(CASE WHEN slot > $3 THEN recipients ELSE 0 END), 0)"
		" FROM outgoing WHERE account = $1 AND slot > $2");
	db_bind_text(row, 1, account);
	db_bind_number(row, 2, slot - DAY_SLOTS);
	db_bind_number(row, 3, slot - HOUR_SLOTS);
	if (db_step(row, error) != DB_ROW)
		return false;
	*sent = (struct sent){.day = db_number(row, 0), .hour = db_number(row, 1)};
	db_reset(row);
	return true;
}

static bool add_sent(struct db *db, struct slice account, int64_t slot, int64_t recipients, struct error *error)
{
	struct db_statement *add = db_prepare(db, "INSERT INTO outgoing (account, slot, recipients) VALUES ($1, $2, $3)"
		" ON CONFLICT (account, slot) DO UPDATE SET recipients = outgoing.recipients + $3");
	db_bind_text(add, 1, account);
	db_bind_number(add, 2, slot);
	db_bind_number(add, 3, recipients);
	return db_run(add, error);
}

/* Once in a slot. What lies ahead comes from a clock that has been set back. */
static bool forget_old(struct queue *queue, struct db *db, int64_t slot, struct error *error)
{
	if (queue->forgotten == slot)
		return true;
	struct db_statement *removal = db_prepare(db, "DELETE FROM outgoing WHERE slot <= $1 OR slot > $2");
	db_bind_number(removal, 1, slot - DAY_SLOTS);
	db_bind_number(removal, 2, slot + 1);
	queue->forgotten = slot; /* should it be undone, the next slot does it */
	return db_run(removal, error);
}

static struct queue_suspicion judge(const struct queue_message *message, const struct sent *sent)
{
	const struct queue_allowance *allowance = &message->allowance;
	int64_t recipients = (int64_t)message->recipient_count, hour = sent->hour + recipients, day = sent->day + recipients;
	if (allowance->per_hour > 0 && hour > allowance->per_hour)
		return (struct queue_suspicion){REASON_HOUR, hour, allowance->per_hour};
	if (allowance->per_day > 0 && day > allowance->per_day)
		return (struct queue_suspicion){REASON_DAY, day, allowance->per_day};
	return (struct queue_suspicion){REASON_NONE, 0, 0};
}

/* ---- Holding ---- */

/* Is there room for one more among what is held of its account; of a stranger's: among all that is set apart? */
static bool has_room(struct db *db, const struct queue_message *message, bool *room, struct error *error)
{
	const struct config *config = config_current();
	struct db_statement *row = db_prepare(db, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM message WHERE account = $1 AND reason <> 0");
	db_bind_text(row, 1, message->account);
	if (db_step(row, error) != DB_ROW)
		return false;
	int64_t most = message->set_apart ? config->quarantine_messages : config->submission_held;
	int64_t left = (message->set_apart ? config->quarantine_size : config->submission_held_size) - db_number(row, 1);
	*room = db_number(row, 0) < most && left > 0 && message->size <= (uint64_t)left;
	db_reset(row);
	return true;
}

bool queue_has_room_apart(struct queue *queue, uint64_t size, bool *room, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	bool known = has_room(queue->reads.db, &(struct queue_message){.set_apart = true, .size = size}, room, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return known;
}

static bool note_episode(struct db *db, struct slice account, int64_t now, struct error *error)
{
	struct db_statement *note = db_prepare(db, "INSERT INTO episode (account, began, last, told) VALUES ($1, $2, $2, 0)"
		" ON CONFLICT (account) DO UPDATE SET last = $2, began = CASE WHEN episode.last < $3 THEN $2 ELSE episode.began END,"
		" told = CASE WHEN episode.last < $3 THEN 0 ELSE episode.told END");
	db_bind_text(note, 1, account);
	db_bind_number(note, 2, now);
	db_bind_number(note, 3, now - EPISODE_SECONDS);
	return db_run(note, error);
}

static bool hold(struct db *db, struct queue_commit *commit, const struct queue_suspicion *suspicion, int64_t now, struct error *error)
{
	struct queue_message *message = commit->message;
	bool room;
	if (!has_room(db, message, &room, error))
		return false;
	commit->refused = !room;
	message->held = room;
	message->suspicion = *suspicion;
	if (!room)
		error_set(&commit->error, ERROR_DENIED, "too much is held already");
	return !room || message->account.len == 0 || note_episode(db, message->account, now, error);
}

/* Who may write to any number has none that matters. */
static bool has_habit(const struct queue_message *message)
{
	return config_current()->submission_habit > 0 && message->allowance.per_day > 0;
}

static bool admit_waiting(struct db *db, struct queue_commit *commit, struct error *error)
{
	bool room;
	if (!queue_later_has_room(db, commit->message, &room, error))
		return false;
	commit->refused = !room;
	if (!room)
		error_set(&commit->error, ERROR_LIMIT, "too much waits for its time already");
	return true;
}

bool queue_outgoing_admit(struct queue *queue, struct db *db, struct queue_commit *commit, struct error *error)
{
	const struct queue_message *message = commit->message;
	int64_t now = clock_now(), slot = now / SLOT_SECONDS;
	struct sent sent;
	commit->refused = false; /* maybe it was tried before, together with others */
	if (message->release > now && !admit_waiting(db, commit, error))
		return false;
	if (commit->refused)
		return true;
	if (message->set_apart || (message->doubt.reason == REASON_SET_APART && !message->allowance.counts))
		return hold(db, commit, &(struct queue_suspicion){REASON_SET_APART, 0, 0}, now, error);
	if (!message->allowance.counts || message->account.len == 0)
		return true;
	commit->message->held = false;
	commit->message->suspicion = (struct queue_suspicion){REASON_NONE, 0, 0};
	if (!forget_old(queue, db, slot, error) || !read_sent(db, message->account, slot, &sent, error))
		return false;
	struct queue_habit habit;
	if (has_habit(message) && !queue_habit_judge(queue, db, message, &habit, error))
		return false;
	struct queue_suspicion suspicion = judge(message, &sent);
	if (suspicion.reason == REASON_NONE)
		suspicion = message->doubt.reason == REASON_NONE && has_habit(message) ? habit.suspicion : message->doubt;
	if (suspicion.reason != REASON_NONE && !hold(db, commit, &suspicion, now, error))
		return false;
	return commit->refused || (add_sent(db, message->account, slot, (int64_t)message->recipient_count, error) &&
				   (!has_habit(message) || queue_habit_note(db, message, &habit, error)));
}

void queue_outgoing_log(const struct queue_commit *commit)
{
	const struct queue_message *message = commit->message;
	char why[SUSPICION_TEXT_MAX];
	if (commit->done && message->suspicion.reason != REASON_NONE)
		log_warning("message.held", log_id("id", message->id), log_slice("account", message->account), log_slice("client", message->client),
			    log_number("recipients", (int64_t)message->recipient_count), log_text("reason", queue_suspicion_text(&message->suspicion, why)));
}

bool queue_outgoing_settle(struct db *db, struct error *error)
{
	return db_run(db_prepare(db, "DELETE FROM episode WHERE NOT EXISTS"
		" (SELECT 1 FROM message WHERE message.account = episode.account AND message.reason <> 0)"), error);
}

/* ---- Telling ---- */

bool queue_outgoing_note_told(struct db *db, const struct queue_episode *episode, struct error *error)
{
	struct db_statement *note = db_prepare(db, "UPDATE episode SET told = 1 WHERE account = $1");
	db_bind_text(note, 1, episode->account);
	return db_run(note, error);
}

static bool read_first(struct db *db, struct arena *arena, struct queue_episode *episode, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT message.sender, message.reason, message.sent, message.allowed, recipient.address"
		" FROM message JOIN recipient ON recipient.message = message.id WHERE message.account = $1 AND message.reason <> 0"
		" ORDER BY message.arrived, message.id, recipient.number LIMIT 1");
	db_bind_text(row, 1, episode->account);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW) {
		episode->from = arena_copy(arena, db_text(row, 0));
		episode->suspicion = (struct queue_suspicion){(enum queue_reason)db_number(row, 1), db_number(row, 2), db_number(row, 3)};
		episode->to = arena_copy(arena, db_text(row, 4));
		db_reset(row);
	}
	return step != DB_FAILED;
}

static bool read_counts(struct db *db, struct queue_episode *episode, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT COUNT(DISTINCT message.id), COUNT(*)"
		" FROM message JOIN recipient ON recipient.message = message.id WHERE message.account = $1 AND message.reason <> 0");
	db_bind_text(row, 1, episode->account);
	if (db_step(row, error) != DB_ROW)
		return false;
	episode->messages = (uint64_t)db_number(row, 0);
	episode->recipients = (uint64_t)db_number(row, 1);
	db_reset(row);
	return true;
}

static bool read_clients(struct db *db, struct arena *arena, struct queue_episode *episode, struct error *error)
{
	struct db_statement *rows = db_prepare(db, "SELECT client FROM message WHERE account = $1 AND reason <> 0 GROUP BY client"
		" ORDER BY MIN(arrived) LIMIT $2");
	enum db_step step;
	db_bind_text(rows, 1, episode->account);
	db_bind_number(rows, 2, EPISODE_CLIENTS_MAX + 1);
	while ((step = db_step(rows, error)) == DB_ROW) {
		episode->more_clients = episode->client_count == EPISODE_CLIENTS_MAX;
		if (!episode->more_clients)
			episode->clients[episode->client_count++] = arena_copy(arena, db_text(rows, 0));
	}
	return step == DB_DONE;
}

/* With reads.lock held. */
static bool find_episode(struct db *db, int64_t until, struct arena *arena, struct queue_episode *episode, int64_t *next_due, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT account, began FROM episode WHERE told = 0"
		" AND EXISTS (SELECT 1 FROM message WHERE message.account = episode.account AND message.reason <> 0) ORDER BY began, account LIMIT 1");
	*next_due = 0;
	if (db_step(row, error) != DB_ROW)
		return false;
	*episode = (struct queue_episode){.account = arena_copy(arena, db_text(row, 0)), .began = db_number(row, 1)};
	db_reset(row);
	if (episode->began > until)
		*next_due = episode->began;
	return episode->began <= until && read_first(db, arena, episode, error) && read_counts(db, episode, error) &&
	       read_clients(db, arena, episode, error);
}

bool queue_next_episode(struct queue *queue, int64_t until, struct arena *arena, struct queue_episode *episode, int64_t *next_due, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	bool found = find_episode(queue->reads.db, until, arena, episode, next_due, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return found;
}
