/* The door to messages that sleep, and waking them. The agenda says which accounts have something to wake (agenda/agenda.h): nobody else is opened for it. */
#include "store/snooze.h"

#include <stdlib.h>

#include "base/log.h"
#include "store/internal.h"

enum { WAKES_AT_ONCE = 100 /* in one transaction */, NAMES_TRIED = 20, TROUBLE_SECONDS = 60 };

bool snooze_list(struct account *account, struct arena *arena, struct snooze **list, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_snoozes(account->mail.db, arena, list, count, error);
	account_leave(account);
	return done;
}

static int by_message(const void *key, const void *element)
{
	int64_t wanted = *(const int64_t *)key, message = ((const struct snooze *)element)->message;
	return (wanted > message) - (wanted < message);
}

const struct snooze *snooze_find(const struct snooze *list, size_t count, int64_t message)
{
	return count > 0 ? bsearch(&message, list, count, sizeof *list, by_message) : NULL;
}

/* ---- The mailbox ---- */

static bool make_mailbox(struct change *change, struct slice name, int64_t *id, struct error *error)
{
	struct mailbox_change asked = {.set_name = true, .set_use = true, .use = USE_SNOOZED, .set_subscribed = true, .subscribed = true};
	char numbered[MAILBOX_NAME_MAX];
	*id = change->row.snoozed;
	for (int i = 1; *id == 0 && i <= NAMES_TRIED; i++) {
		struct error cause = {0};
		snprintf(numbered, sizeof numbered, i == 1 ? "%.*s" : "%.*s %d", SLICE_ARG(name), i);
		asked.name = slice_of(numbered);
		if (mail_make_mailbox(change, &asked, id, &cause))
			return true;
		*id = 0;
		if (cause.kind != ERROR_EXISTS)
			return error_set(error, cause.kind, "%s", cause.text);
	}
	return *id != 0 || error_set(error, ERROR_EXISTS, "mailboxes have all the names that one for snoozed messages could have");
}

bool snooze_mailbox(struct account *account, struct slice name, int64_t *id, struct error *error)
{
	struct change change;
	return account_begin_durable(account, &change, error) && account_end(account, &change, make_mailbox(&change, name, id, error), error);
}

/* ---- Waking ---- */

static bool list_wakes(struct account *account, int64_t now, struct arena *arena, struct snooze **list, size_t *count, struct mail_uid_need **needs, struct error *error)
{
	int64_t inbox;
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_wakes(account->mail.db, now, WAKES_AT_ONCE, arena, list, count, error) && mail_inbox(account->mail.db, true, &inbox, error);
	account_leave(account);
	if (!done)
		return false;
	*needs = arena_array(arena, *count + 1, sizeof **needs);
	(*needs)[0] = (struct mail_uid_need){inbox, (uint32_t)*count};
	for (size_t i = 0; i < *count; i++)
		(*needs)[i + 1] = (struct mail_uid_need){(*list)[i].mailbox, (uint32_t)*count};
	return true;
}

static bool wake_all(struct change *change, const struct snooze *list, size_t count, bool *woken, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < count; i++)
		done = mail_wake(change, &list[i], &woken[i], error);
	return done;
}

/* Some of them. *more: there may be others. */
static bool wake_some(struct account *account, int64_t now, bool *more, struct error *error)
{
	struct arena *arena = arena_new();
	struct snooze *list;
	struct mail_uid_need *needs;
	struct change change;
	size_t count = 0;
	bool woken[WAKES_AT_ONCE] = {false};
	bool done = list_wakes(account, now, arena, &list, &count, &needs, error);
	if (done && count > 0)
		done = account_begin(account, needs, count + 1, &change, error) && account_end(account, &change, wake_all(&change, list, count, woken, error), error);
	for (size_t i = 0; done && i < count; i++)
		if (woken[i])
			log_info("message.woken", log_slice("account", account->name), log_id("message", list[i].message), log_number("until", list[i].until));
	*more = count == WAKES_AT_ONCE;
	arena_free(&arena);
	return done;
}

/* The entry goes while nobody can put anything to sleep; what is next has one of its own. */
static bool leave_agenda(struct account *account, const struct agenda_entry *entry, int64_t now, struct error *error)
{
	struct change change;
	int64_t next;
	if (!account_begin_looking(account, &change, error))
		return false;
	bool done = mail_next_wake(change.db, &next, error) && (next == INT64_MAX || agenda_mark(account->mail.agenda, account->name, next, error));
	if (done && next > now)
		agenda_remove(account->mail.agenda, entry);
	return account_end(account, &change, false, NULL) || done;
}

static bool wake_account(struct account *account, const struct agenda_entry *entry, int64_t now, struct error *error)
{
	bool more = true, done = true;
	while (done && more)
		done = wake_some(account, now, &more, error);
	return done && leave_agenda(account, entry, now, error);
}

static bool wake_entry(struct store *store, const struct agenda_entry *entry, int64_t now, struct error *error)
{
	struct account *account = entry->account.len > 0 ? store_open_account(store, entry->account, error) : NULL;
	bool done = account && wake_account(account, entry, now, error);
	bool gone = !account && (entry->account.len == 0 || error->kind == ERROR_NOT_FOUND);
	store_release_account(&account);
	if (gone)
		agenda_remove(store->agenda, entry);
	return done || gone;
}

static bool wake_entries(struct store *store, const struct agenda_entry *list, size_t count, int64_t now, bool (*stopping)(void *context), void *context)
{
	bool done = true;
	for (size_t i = 0; i < count && !stopping(context); i++) {
		struct error error = {0};
		if (wake_entry(store, &list[i], now, &error))
			continue;
		log_warning("store.wake_failed", log_slice("account", list[i].account), log_text("reason", error.text));
		done = false;
	}
	return done && !stopping(context);
}

/* Until nothing is due any more: what was woken has made entries for what is next. */
void store_wake(struct store *store, int64_t now, bool (*stopping)(void *context), void *context, int64_t *next)
{
	struct arena *arena = arena_new();
	struct agenda_entry *list;
	struct error error = {0};
	size_t count = 1;
	bool known = true, done = true;
	while (known && done && count > 0) {
		arena_reset(arena);
		known = agenda_list_due(store->agenda, now, arena, &list, &count, next, &error);
		done = known && wake_entries(store, list, count, now, stopping, context);
	}
	if (!known)
		log_warning("store.wake_failed", log_text("reason", error.text));
	if (!done)
		*next = now + TROUBLE_SECONDS;
	arena_free(&arena);
}

int64_t store_wake_stamp(const struct store *store) { return agenda_stamp(store->agenda); }
