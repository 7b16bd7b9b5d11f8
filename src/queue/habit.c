/* A sudden change of habit: who writes to twenty people on his busiest day and to a thousand today is perhaps not he who writes. Of each account it is kept
 * to how many recipients it wrote each day, from which networks and to which domains. The most of a day within HABIT_DAYS is its usual; it may write to
 * submission_habit times as many on a day, and to half of that from a network that it was never seen at before today, to half of that from a country
 * in which it never was, where countries are known (option country_file) and it was in one before, and to half when most of
 * today's recipients are at domains that it never wrote to before today; never to less than FLOOR. An account of which less than KNOWN_DAYS are known has
 * no habit yet. What is held isn't usual, until somebody lets it go.
 *
 * It is counted in the transaction that takes the message, as in outgoing.c. */
#include "queue/internal.h"

#include "base/clock.h"
#include "config/config.h"

enum {
	DAY_SECONDS = 86400,
	HABIT_DAYS = 30,
	KNOWN_DAYS = 7,       /* since the first, with ACTIVE_DAYS at least on which it wrote */
	ACTIVE_DAYS = 4,
	SEEN_DAYS = 90,       /* for which a network or domain is remembered since it was last seen */
	FLOOR = 50,           /* recipients a day */
	DOMAINS_MAX = 50,     /* of a message; those of others aren't looked at */
	PLACE_MAX = 256,
};

enum seen_kind { SEEN_NETWORK = 1, SEEN_DOMAIN = 2, SEEN_COUNTRY = 3 };

struct usual {
	int64_t most, active, since;        /* recipients of the busiest day; days on which it wrote; the first of them */
	int64_t today, strangers_today;     /* recipients, those of what is held included; those at domains that are new today */
};

/* ---- What was ---- */

static bool read_usual(struct db *db, struct slice account, int64_t day, struct usual *usual, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT COALESCE(MAX(CASE WHEN day < $2 THEN recipients ELSE 0 END), 0),"
		" COALESCE(SUM(CASE WHEN day < $2 AND recipients > 0 THEN 1 ELSE 0 END), 0), COALESCE(MIN(day), $2),"
		" COALESCE(SUM(CASE WHEN day = $2 THEN recipients + held ELSE 0 END), 0), COALESCE(SUM(CASE WHEN day = $2 THEN strangers ELSE 0 END), 0)"
		" FROM habit WHERE account = $1 AND day > $3 AND day <= $2");
	db_bind_text(row, 1, account);
	db_bind_number(row, 2, day);
	db_bind_number(row, 3, day - HABIT_DAYS);
	if (db_step(row, error) != DB_ROW)
		return false;
	*usual = (struct usual){db_number(row, 0), db_number(row, 1), db_number(row, 2), db_number(row, 3), db_number(row, 4)};
	db_reset(row);
	return true;
}

/* *first: the day on which it was seen first; `day` if it never was. *last likewise. */
static bool read_seen(struct db *db, struct slice account, enum seen_kind kind, struct slice what, int64_t day, int64_t *first, int64_t *last, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT first, last FROM habit_seen WHERE account = $1 AND kind = $2 AND what = $3");
	db_bind_text(row, 1, account);
	db_bind_number(row, 2, kind);
	db_bind_text(row, 3, what);
	enum db_step step = db_step(row, error);
	*first = step == DB_ROW ? db_number(row, 0) : day;
	*last = step == DB_ROW ? db_number(row, 1) : 0;
	if (step == DB_ROW)
		db_reset(row);
	return step != DB_FAILED;
}

static bool note_seen(struct db *db, struct slice account, enum seen_kind kind, struct slice what, int64_t day, struct error *error)
{
	struct db_statement *note = db_prepare(db, "INSERT INTO habit_seen (account, kind, what, first, last) VALUES ($1, $2, $3, $4, $4)"
		" ON CONFLICT (account, kind, what) DO UPDATE SET last = $4");
	db_bind_text(note, 1, account);
	db_bind_number(note, 2, kind);
	db_bind_text(note, 3, what);
	db_bind_number(note, 4, day);
	return db_run(note, error);
}

/* ---- Where from, and where to ---- */

/* "192.0.2" or the first three groups of an IPv6 address, out of "host [address]"; empty: it came from no network. */
static struct slice network_of(struct slice client)
{
	size_t open = slice_find_last_char(client, '[');
	if (open == SLICE_NONE)
		return SLICE("");
	struct slice address = slice_skip(client, open + 1);
	address = slice_starts_nocase(address, SLICE("IPv6:")) ? slice_skip(address, 5) : address;
	size_t parts = 0, end = 0;
	while (end < address.len && address.at[end] != ']' && parts < 3) {
		parts += address.at[end] == '.' || address.at[end] == ':';
		end += parts < 3;
	}
	return slice_sub(address, 0, end);
}

static struct slice domain_of(struct slice address, char out[PLACE_MAX])
{
	size_t at = slice_find_last_char(address, '@'), len = 0;
	struct slice domain = slice_sub(at == SLICE_NONE ? SLICE("") : slice_skip(address, at + 1), 0, PLACE_MAX);
	for (; len < domain.len; len++)
		out[len] = ascii_lower(domain.at[len]);
	return slice_make(out, len);
}

static bool is_domain_before(const struct queue_message *message, size_t recipient, struct slice domain)
{
	char other[PLACE_MAX];
	for (size_t i = 0; i < recipient; i++)
		if (slice_equal(domain_of(message->recipients[i].address, other), domain))
			return true;
	return false;
}

/* Calls `visit` with each domain once that the message goes to, and how many of its recipients are there. */
struct destinations {
	struct db *db;
	const struct queue_message *message;
	int64_t day, strangers; /* recipients at domains that are new */
	struct error *error;
};

static bool look_at_domain(struct destinations *self, struct slice domain, bool note)
{
	int64_t first, last;
	char other[PLACE_MAX];
	if (!read_seen(self->db, self->message->account, SEEN_DOMAIN, domain, self->day, &first, &last, self->error))
		return false;
	for (size_t i = 0; !note && first >= self->day && i < self->message->recipient_count && i < DOMAINS_MAX; i++)
		self->strangers += slice_equal(domain_of(self->message->recipients[i].address, other), domain);
	return !note || last == self->day || note_seen(self->db, self->message->account, SEEN_DOMAIN, domain, self->day, self->error);
}

static bool each_domain(struct destinations *self, bool note)
{
	char text[PLACE_MAX];
	bool done = true;
	for (size_t i = 0; done && i < self->message->recipient_count && i < DOMAINS_MAX; i++) {
		struct slice domain = domain_of(self->message->recipients[i].address, text);
		if (!is_domain_before(self->message, i, domain))
			done = look_at_domain(self, domain, note);
	}
	return done;
}

/* *new: it wasn't in this country before today, and was in others: who was in none has only begun to be looked at. */
static bool judge_country(struct db *db, const struct queue_message *message, int64_t day, bool *new, bool *noted, struct error *error)
{
	int64_t first, last;
	*new = false;
	*noted = message->country.len == 0;
	if (*noted)
		return true;
	if (!read_seen(db, message->account, SEEN_COUNTRY, message->country, day, &first, &last, error))
		return false;
	*noted = last == day;
	if (first < day)
		return true;
	struct db_statement *row = db_prepare(db, "SELECT COUNT(*) FROM habit_seen WHERE account = $1 AND kind = $2 AND first < $3");
	db_bind_text(row, 1, message->account);
	db_bind_number(row, 2, SEEN_COUNTRY);
	db_bind_number(row, 3, day);
	if (db_step(row, error) != DB_ROW)
		return false;
	*new = db_number(row, 0) > 0;
	db_reset(row);
	return true;
}

/* ---- The rule ---- */

/* Where a message comes from. */
struct origin { bool new_network, new_country; };

static struct queue_suspicion judge(const struct usual *usual, int64_t recipients, int64_t strangers, struct origin origin, int64_t day)
{
	int64_t factor = config_current()->submission_habit, count = usual->today + recipients, most = usual->most * factor;
	bool new_people = 2 * (usual->strangers_today + strangers) > count;
	if (factor == 0 || day - usual->since < KNOWN_DAYS || usual->active < ACTIVE_DAYS)
		return (struct queue_suspicion){REASON_NONE, 0, 0};
	most /= origin.new_network ? 2 : 1;
	most /= origin.new_country ? 2 : 1;
	most /= new_people ? 2 : 1;
	most = most > FLOOR ? most : FLOOR;
	if (count <= most)
		return (struct queue_suspicion){REASON_NONE, 0, 0};
	return (struct queue_suspicion){origin.new_country ? REASON_HABIT_COUNTRY : origin.new_network ? REASON_HABIT_NETWORK : new_people ? REASON_HABIT_PEOPLE : REASON_HABIT, count, most};
}

/* Once a day. */
static bool forget_old(struct queue *queue, struct db *db, int64_t day, struct error *error)
{
	if (queue->habits_forgotten == day)
		return true;
	struct db_statement *days = db_prepare(db, "DELETE FROM habit WHERE day <= $1 OR day > $2"), *seen = db_prepare(db, "DELETE FROM habit_seen WHERE last <= $1 OR last > $2");
	db_bind_number(days, 1, day - HABIT_DAYS);
	db_bind_number(days, 2, day + 1);
	db_bind_number(seen, 1, day - SEEN_DAYS);
	db_bind_number(seen, 2, day + 1);
	queue->habits_forgotten = day;
	return db_run(days, error) && db_run(seen, error);
}

bool queue_habit_judge(struct queue *queue, struct db *db, const struct queue_message *message, struct queue_habit *habit, struct error *error)
{
	int64_t day = clock_now() / DAY_SECONDS, first, last;
	struct destinations destinations = {db, message, day, 0, error};
	struct slice network = network_of(message->client);
	struct usual usual;
	*habit = (struct queue_habit){.day = day};
	if (!forget_old(queue, db, day, error) || !read_usual(db, message->account, day, &usual, error) || !each_domain(&destinations, false))
		return false;
	bool known = network.len == 0;
	if (!known && !read_seen(db, message->account, SEEN_NETWORK, network, day, &first, &last, error))
		return false;
	habit->network_noted = known || last == day;
	habit->strangers = destinations.strangers;
	struct origin origin = {.new_network = !known && first >= day};
	if (!judge_country(db, message, day, &origin.new_country, &habit->country_noted, error))
		return false;
	habit->suspicion = judge(&usual, (int64_t)message->recipient_count, destinations.strangers, origin, day);
	return true;
}

bool queue_habit_note(struct db *db, const struct queue_message *message, const struct queue_habit *habit, struct error *error)
{
	struct destinations destinations = {db, message, habit->day, 0, error};
	int64_t recipients = (int64_t)message->recipient_count;
	struct db_statement *add = db_prepare(db, "INSERT INTO habit (account, day, recipients, held, strangers) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, day)"
		" DO UPDATE SET recipients = habit.recipients + $3, held = habit.held + $4, strangers = habit.strangers + $5");
	db_bind_text(add, 1, message->account);
	db_bind_number(add, 2, habit->day);
	db_bind_number(add, 3, message->held ? 0 : recipients);
	db_bind_number(add, 4, message->held ? recipients : 0);
	db_bind_number(add, 5, habit->strangers);
	if (!db_run(add, error))
		return false;
	return message->held || ((habit->country_noted || note_seen(db, message->account, SEEN_COUNTRY, message->country, habit->day, error)) && (habit->network_noted || note_seen(db, message->account, SEEN_NETWORK, network_of(message->client), habit->day, error)) && each_domain(&destinations, true));
}

bool queue_habit_released(struct db *db, int64_t message, struct error *error)
{
	struct db_statement *usual = db_prepare(db, "UPDATE habit SET recipients = recipients + (SELECT COUNT(*) FROM recipient WHERE message = $1),"
		" held = held - (SELECT COUNT(*) FROM recipient WHERE message = $1) WHERE account = (SELECT account FROM message WHERE id = $1 AND reason <> 0)"
		" AND day = (SELECT arrived / 86400 FROM message WHERE id = $1)");
	db_bind_number(usual, 1, message);
	return db_run(usual, error);
}
