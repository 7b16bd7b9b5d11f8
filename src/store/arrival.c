/* Deliveries to accounts that nobody has open.
 *
 * To open a database costs a multiple of a delivery: schema, statements, locks, log. So a small letter for an account that isn't open
 * is put into its folder, whole, as a file in arrived/, and that is all (draft_arrive()). Whoever opens the account next takes in what
 * waits there, before anything else is seen or counted: many letters in one transaction (arrival_take_in()). So nobody ever sees an
 * account without them, and they get their ids and UIDs like any other.
 *
 * What its rows need is in the file's name (blob/arrived.c). A letter that is delivered again, after a crash, arrives under another id, and
 * is known by its delivery id when it is taken in. What a power cut left of a file isn't what its name says: it is put aside, and since it
 * wasn't acknowledged, it is delivered again.
 *
 * Taken in, the file is linked to its place under mail/; it goes from arrived/ only after a sync has made the commit durable
 * (durable_remove_later()). Until then a crash or a power cut makes it be taken in again, which its delivery id makes harmless. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/distrust.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/internal.h"

enum {
	TAKE_IN_AT_ONCE = 500,        /* letters in one transaction */
	TAKE_IN_AGAIN_MS = 5 * 1000,  /* after a failure */
	UNSURE_NS = 100 * 1000 * 1000, /* a folder's time is exact to a tick of the kernel: one that is this young may hide a change */
	HEAT_SLOTS = 16384,
	HEAT_WITHIN = 64,             /* who is delivered to again within so many deliveries is worth opening */
	WAITING_MOST = 64,            /* letters that wait, as far as is known, until the courier itself has them taken in */
	NANOSECONDS = 1000 * 1000 * 1000,
};

/* ---- Arriving ---- */

/* What waits counts; when it is taken in, the account's own numbers take this one's place. */
static void count_usage(struct store *store, struct slice account, uint64_t size)
{
	struct usage usage;
	if (!usage_find(store->usage, account, &usage))
		return;
	usage.bytes += size;
	usage.messages++;
	usage_note(store->usage, account, &usage);
}

static void arrived(struct account *account, uint64_t size)
{
	count_usage(account->store, account->name, size);
	watch_changed(account->store, account->name);
}

bool arrival_add(struct account *account, struct slice content, struct arrival *arrival, struct error *error)
{
	if (!disk_is_trusted(error) || !blob_arrive(account->folder, content, arrival, error))
		return false;
	arrived(account, arrival->size);
	return true;
}

bool arrival_add_file(struct account *account, const char *path, struct arrival *arrival, struct error *error)
{
	if (!disk_is_trusted(error) || !blob_arrive_draft(account->folder, path, arrival, error))
		return false;
	arrived(account, arrival->size);
	return true;
}

bool account_arrive_linked(struct account *account, const struct account *other, const struct arrival *from, struct arrival *arrival)
{
	if (!disk_is_trusted(NULL) || !blob_arrive_linked(account->folder, other->folder, from, arrival))
		return false;
	arrived(account, arrival->size);
	return true;
}

/* ---- Who is worth opening ---- */

/* Guards nothing but the table: what is lost in it costs an opening more or less. With the store's lock. */
static bool is_warm(struct store *store, struct slice name)
{
	if (!store->heat)
		store->heat = memory_array(HEAT_SLOTS, sizeof *store->heat);
	uint64_t hash = map_hash(name);
	struct store_heat *slot = &store->heat[hash % HEAT_SLOTS];
	bool known = slot->hash == hash;
	bool warm = known && (store->delivered - slot->last < HEAT_WITHIN || slot->waiting + 1 >= WAITING_MOST);
	*slot = (struct store_heat){hash, store->delivered++, warm || !known ? 1 : slot->waiting + 1};
	return warm;
}

/* Whoever has it locked has it open, or is about to. */
static bool is_open(struct account *account)
{
	if (pthread_mutex_trylock(&account->lock) != 0)
		return true;
	bool open = account->mail.db != NULL;
	pthread_mutex_unlock(&account->lock);
	return open;
}

bool account_prefers_arrivals(struct account *account, uint64_t bytes)
{
	struct store *store = account->store;
	struct usage usage;
	if (!db_place_is_file(account->database)) /* opening costs little there, and who else shares the rows is to see it at once */
		return false;
	pthread_mutex_lock(&store->lock);
	bool warm = is_warm(store, account->name);
	pthread_mutex_unlock(&store->lock);
	/* Whether what is tight fits in the end, only the account's own numbers can say. */
	return !warm && !is_open(account) && (!usage_find(store->usage, account->name, &usage) || usage_room(&usage) >= bytes);
}

/* ---- Taking in ---- */

/* What a power cut left of a letter that wasn't acknowledged, or a disk's fault: it stays to be looked at, until account_clean(). */
static void put_aside(struct account *account, const struct arrival *arrival)
{
	if (blob_put_arrival_aside(account->folder, arrival))
		recover_note_lost(account->store->repair, account->name, arrival->id);
}

/* The id it came with, if that is still to be given: an interrupted try has used the same. 0: it can't be placed now. */
static int64_t place_file(struct change *change, const char *folder, const struct arrival *arrival, struct slice content)
{
	enum blob_place place = BLOB_PLACE_TAKEN;
	int64_t id = arrival->id;
	if (id > change->row.last_id) {
		place = blob_place_arrival(folder, arrival, id);
		change->row.last_id = place == BLOB_PLACED ? id : change->row.last_id;
	}
	while (place == BLOB_PLACE_TAKEN) {
		id = change_next_id(change);
		place = blob_place_arrival(folder, arrival, id);
	}
	/* Where no file may have two names it is written a second time. */
	return place == BLOB_PLACED || blob_restore(folder, id, content, arrival->hash, arrival->received, NULL) ? id : 0;
}

static bool add_rows(struct change *change, int64_t inbox, const struct arrival *arrival, int64_t id, struct slice content, struct error *error)
{
	struct mail_placement new = {.mailbox = inbox, .message = id, .size = content.len, .received = arrival->received};
	struct arena *arena = arena_new();
	struct mail_gist gist = mail_gist(content, arena);
	bool added = mail_add(change, &new, arrival->hash, &gist, error);
	arena_free(&arena);
	if (!added)
		return false;
	struct placement placement = {.mailbox = new.mailbox, .delivery_id = arrival->delivery_id, .uid = new.uid, .id = id};
	return mail_add_delivery(change, &placement, slice_make(NULL, 0), error);
}

/* One that can't be read or placed now is left to the next time. */
static bool take_in_content(struct account *account, struct change *change, struct arrival *arrival, struct slice content, bool *taken, struct error *error)
{
	if (!blob_is_what_arrived(arrival, content)) {
		put_aside(account, arrival);
		return true;
	}
	int64_t id = place_file(change, account->folder, arrival, content);
	if (id == 0) {
		log_warning("store.arrival_not_placed", log_slice("account", account->name), log_id("message", arrival->id));
		return true;
	}
	*taken = true;
	if (id != arrival->id) /* a try before an unclean stop may have linked it under an id that isn't given any more */
		blob_displace_arrival(account->folder, arrival);
	return add_rows(change, account->incarnation, arrival, id, content, error);
}

static bool take_in_one(struct account *account, struct change *change, struct arrival *arrival, bool *taken, struct error *error)
{
	struct slice content;
	if (!mail_is_delivered(change, arrival->delivery_id, taken, error))
		return false;
	if (*taken || !blob_map_arrival(account->folder, arrival, &content, NULL))
		return true;
	bool done = take_in_content(account, change, arrival, content, taken, error);
	blob_unmap(content);
	return done;
}

static bool take_in_some(struct account *account, struct arrival *list, size_t count, bool *all, struct error *error)
{
	struct change change;
	bool taken[TAKE_IN_AT_ONCE] = {false}, done = true;
	if (!change_begin(&account->mail, &(struct mail_uid_need){account->incarnation, (uint32_t)count}, 1, &change, error))
		return false;
	for (size_t i = 0; done && i < count; i++)
		done = take_in_one(account, &change, &list[i], &taken[i], error);
	account->tell |= change.modseq != 0;
	if (!change_end(&change, done, error))
		return false;
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		blob_arrival_path(account->folder, &list[i], path);
		*all &= taken[i] && durable_remove_later(account->store->durable, path);
	}
	return true;
}

static bool take_in_waiting(struct account *account, bool *all, struct error *error)
{
	struct blob_arrivals waiting = {0};
	bool done = blob_list_arrivals(account->folder, &waiting, error);
	*all = true;
	for (size_t i = 0; done && i < waiting.count; i += TAKE_IN_AT_ONCE)
		done = take_in_some(account, waiting.at + i, waiting.count - i < TAKE_IN_AT_ONCE ? waiting.count - i : TAKE_IN_AT_ONCE, all, error);
	free(waiting.at);
	return done;
}

/* When the folder was last changed; 0: there is none, or nothing in it that hasn't been looked at. */
static int64_t news_at(const struct account *account)
{
	int64_t changed = blob_arrivals_changed(account->folder);
	return changed == account->arrivals.seen ? 0 : changed;
}

static bool is_unsure(int64_t changed)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec - changed < UNSURE_NS;
}

void arrival_take_in(struct account *account)
{
	struct error error = {0};
	bool all;
	int64_t changed = account->store->options.looking ? 0 : news_at(account);
	if (changed == 0 || clock_monotonic_ms() < account->arrivals.again_ms)
		return;
	bool unsure = is_unsure(changed); /* before it is listed */
	if (take_in_waiting(account, &all, &error)) {
		account->arrivals.seen = unsure || !all ? 0 : changed;
		return;
	}
	account->arrivals.again_ms = clock_monotonic_ms() + TAKE_IN_AGAIN_MS;
	log_warning("store.arrivals_wait", log_slice("account", account->name), log_text("reason", error.text));
}
