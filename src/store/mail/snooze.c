/* Messages that sleep: each is in the mailbox for such (USE_SNOOZED), and has a row that says until when, and where it comes back to.
 *
 * Who moves messages needn't know of it. When a change ends it is compared which mailboxes showed a message before and which show it now (counts.c): what
 * has come into that mailbox gets a row, until the next day's time that the server has for it, unless the change has said something else of it; what has
 * left it loses its row. So a message that is moved out, or removed, sleeps no more, whatever client did it.
 *
 * Before a change that may bring another message to be the first to wake is committed, the time of the first goes to the agenda (agenda/agenda.h). */
#include <time.h>

#include "base/log.h"
#include "store/mail/internal.h"

struct sleeper { int64_t message, until; struct sleeper *next; };
struct change_snoozes { struct sleeper *first; };

/* ---- Reading ---- */

#define SNOOZE_COLUMNS "message, until, mailbox, flags, without_flags, keywords, without_keywords"

static bool read_list(struct db_statement *s, struct arena *arena, struct snooze **list, size_t *count, struct error *error)
{
	size_t room = 0;
	enum db_step step;
	*list = NULL;
	*count = 0;
	while ((step = db_step(s, error)) == DB_ROW) {
		ARENA_GROW(arena, *list, *count, room);
		(*list)[(*count)++] = (struct snooze){.message = db_number(s, 0), .until = db_number(s, 1), .mailbox = db_number(s, 2), .flags = (unsigned)db_number(s, 3),
			.without_flags = (unsigned)db_number(s, 4), .keywords = arena_copy(arena, db_text(s, 5)), .without_keywords = arena_copy(arena, db_text(s, 6))};
	}
	return step == DB_DONE;
}

bool mail_list_snoozes(struct db *db, struct arena *arena, struct snooze **list, size_t *count, struct error *error)
{
	return read_list(db_prepare(db, "SELECT " SNOOZE_COLUMNS " FROM snooze ORDER BY message"), arena, list, count, error);
}

bool mail_list_wakes(struct db *db, int64_t now, size_t room, struct arena *arena, struct snooze **list, size_t *count, struct error *error)
{
	return read_list(PREPARE(db, "SELECT " SNOOZE_COLUMNS " FROM snooze WHERE until <= $1 ORDER BY until, message LIMIT $2", now, (int64_t)room), arena, list, count, error);
}

bool mail_next_wake(struct db *db, int64_t *next, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT until FROM snooze ORDER BY until, message LIMIT 1");
	enum db_step step = db_step(s, error);
	*next = step == DB_ROW ? db_number(s, 0) : INT64_MAX;
	db_reset(s);
	return step != DB_FAILED;
}

static bool is_asleep(struct db *db, int64_t message, bool *asleep, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM snooze WHERE message = $1", message);
	enum db_step step = db_step(s, error);
	db_reset(s);
	*asleep = step == DB_ROW;
	return step != DB_FAILED;
}

/* ---- Falling asleep ---- */

/* The next day at that time, as the server's clock on the wall has it. */
static int64_t next_morning(int64_t now, int minutes)
{
	time_t seconds = (time_t)now;
	struct tm day;
	if (!localtime_r(&seconds, &day))
		return now + 24 * 3600;
	day.tm_mday++;
	day.tm_hour = minutes / 60;
	day.tm_min = minutes % 60;
	day.tm_sec = 0;
	day.tm_isdst = -1;
	time_t then = mktime(&day);
	return then > seconds ? (int64_t)then : now + 24 * 3600;
}

static void remember(struct change *change, int64_t message, int64_t until)
{
	if (!change->snoozes)
		change->snoozes = memory_new(sizeof *change->snoozes);
	struct sleeper *sleeper = memory_new(sizeof *sleeper);
	*sleeper = (struct sleeper){message, until, change->snoozes->first};
	change->snoozes->first = sleeper;
	change->sleeps_anew = true;
}

static bool write_row(struct change *change, int64_t message, const struct snooze *snooze, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "INSERT INTO snooze (" SNOOZE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (message) DO UPDATE SET"
		" until = excluded.until, mailbox = excluded.mailbox, flags = excluded.flags, without_flags = excluded.without_flags,"
		" keywords = excluded.keywords, without_keywords = excluded.without_keywords",
		message, snooze->until, snooze->mailbox, snooze->flags, snooze->without_flags);
	db_bind_text(s, 6, snooze->keywords);
	db_bind_text(s, 7, snooze->without_keywords);
	remember(change, message, snooze->until);
	return db_run(s, error);
}

bool change_fall_asleep(struct change *change, int64_t message, int64_t mailbox, struct error *error)
{
	bool asleep;
	if (change->mail->snooze_at < 0)
		return true;
	struct snooze snooze = {.until = next_morning(change->now, change->mail->snooze_at), .mailbox = mailbox, .without_flags = FLAG_SEEN, .keywords = SLICE(""),
		.without_keywords = SLICE("")};
	return is_asleep(change->db, message, &asleep, error) && (asleep || write_row(change, message, &snooze, error));
}

bool change_sleep_no_more(struct change *change, int64_t message, struct error *error)
{
	change->sleeps_anew = true;
	return db_run(PREPARE(change->db, "DELETE FROM snooze WHERE message = $1", message), error);
}

bool change_set_snooze(struct change *change, int64_t message, const struct snooze *snooze, struct error *error)
{
	change->emails = true;
	return db_run(PREPARE(change->db, "UPDATE placement SET modseq = $3 WHERE mailbox = $2 AND message = $1 AND thread = (SELECT thread FROM message WHERE id = $1)", message,
			      change->row.snoozed, change_modseq(change)), error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET modseq = $2 WHERE id = $1", change->row.snoozed, change_modseq(change)), error) &&
	       write_row(change, message, snooze, error);
}

/* ---- The mailbox ---- */

static bool find_place(struct change *change, struct error *error)
{
	struct db_statement *s = db_prepare(change->db, "SELECT id FROM mailbox WHERE special_use = 8 LIMIT 1");
	enum db_step step = db_step(s, error);
	change->row.snoozed = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step != DB_FAILED;
}

bool change_sleeping_place(struct change *change, struct error *error)
{
	if (!find_place(change, error) || !db_run(PREPARE(change->db, "DELETE FROM snooze WHERE message NOT IN (SELECT message FROM placement WHERE mailbox = $1"
							  " AND (flags & 8) = 0)", change->row.snoozed), error))
		return false;
	change->sleeps_anew = true;
	return change->mail->snooze_at < 0 ||
	       db_run(PREPARE(change->db, "INSERT INTO snooze (message, until, mailbox, flags, without_flags, keywords, without_keywords)"
			      " SELECT DISTINCT message, CAST($2 AS BIGINT), 0, 0, 1, '', '' FROM placement WHERE mailbox = $1 AND (flags & 8) = 0 ON CONFLICT DO NOTHING",
			      change->row.snoozed, next_morning(change->now, change->mail->snooze_at)), error);
}

/* ---- Waking ---- */

/* Without what is in the way of that; false: it doesn't sleep any more. */
static bool come_back(struct change *change, const struct snooze *snooze, int64_t mailbox, bool plain, bool *done, struct error *error)
{
	struct email_change alter = {.id = snooze->message, .add = &mailbox, .add_count = 1, .remove = &change->row.snoozed, .remove_count = 1,
		.flags = plain ? 0 : snooze->flags, .without_flags = plain ? FLAG_SEEN : snooze->without_flags, .keywords = plain ? SLICE("") : snooze->keywords,
		.without_keywords = plain ? SLICE("") : snooze->without_keywords};
	bool unharmed = mail_alter_email(change, &alter, error);
	*done = unharmed && alter.done;
	return unharmed;
}

bool mail_wake(struct change *change, const struct snooze *snooze, bool *woken, struct error *error)
{
	int64_t inbox;
	bool asleep;
	*woken = false;
	if (!is_asleep(change->db, snooze->message, &asleep, error) || !mail_inbox(change->db, true, &inbox, error))
		return false;
	if (!asleep)
		return true;
	bool home = snooze->mailbox != 0 && snooze->mailbox != change->row.snoozed;
	if ((home && !come_back(change, snooze, snooze->mailbox, false, woken, error)) || (!*woken && !come_back(change, snooze, inbox, false, woken, error)) ||
	    (!*woken && !come_back(change, snooze, inbox, true, woken, error)))
		return false;
	/* what can't come back stays where it is, and isn't tried again */
	return change_sleep_no_more(change, snooze->message, error);
}

/* ---- The end of a change ---- */

bool change_note_wake(struct change *change, struct error *error)
{
	int64_t next;
	if (!change->sleeps_anew)
		return true;
	return mail_next_wake(change->db, &next, error) && (next == INT64_MAX || agenda_mark(change->mail->agenda, change->mail->account, next, error));
}

void change_end_snoozes(struct change *change, bool done)
{
	struct sleeper *sleeper = change->snoozes ? change->snoozes->first : NULL;
	while (sleeper) {
		struct sleeper *next = sleeper->next;
		if (done)
			log_info("message.snoozed", log_slice("account", change->mail->account), log_id("message", sleeper->message), log_number("until", sleeper->until));
		free(sleeper);
		sleeper = next;
	}
	free(change->snoozes);
	change->snoozes = NULL;
}
