/* One account's push subscriptions: what is over is destroyed, what is due is sent, one message of a subscription at a time, and what its push service has said of
 * it is followed. All of it in the thread of push_service.c. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "jmap/push_internal.h"

enum {
	UNDER_WAY_OF_ACCOUNT = 4, UNDER_WAY_OF_HOST = PUSH_UNDER_WAY_MAX / 2, /* so one push service that hangs leaves room for the others */
	SOON_MS = 1000,              /* when there was no room */
	AGAIN_MS = 60 * 1000,        /* when another role, or the disk, didn't answer */
	INTERVAL_MS = 1000,          /* from one message of a subscription to the next: what changes meanwhile is one message */
	INTERVAL_SLOW_MS = 10 * 1000, /* … once its push service has said that they are too many; twice as much each time */
	INTERVAL_MOST_MS = 3600 * 1000,
	BACKOFF_MS = 5 * 1000,       /* after the first failure; twice as much each time */
	BACKOFF_MOST_MS = 3600 * 1000,
	REFUSALS_MAX = 20,           /* one after the other, of a service that is there: then the subscription is given up; that is half a day */
	HOUR_MS = 3600 * 1000,
};

/* What a look at an account works with. */
struct look {
	struct jmap_push *push;
	struct jmap_push_account *entry;
	struct account *account;
	int64_t now, now_ms;
};

static void be_due(struct look *look, int64_t at_ms)
{
	if (at_ms < look->entry->due_ms)
		look->entry->due_ms = at_ms;
}

/* ---- Slots ---- */

static void end_ticket(struct jmap_push_account *entry, struct jmap_push_slot *slot, struct call_answer *answer, bool *answered)
{
	*answered = caller_end(&slot->ticket, answer);
	struct jmap_push *push = entry->push;
	for (size_t i = 0; i < push->under_way; i++)
		if (push->flying[i] == slot) {
			push->flying[i] = push->flying[--push->under_way];
			break;
		}
	entry->under_way--;
	buf_free(&slot->question);
}

static void free_slot(struct jmap_push_account *entry, struct jmap_push_slot *slot)
{
	struct call_answer answer;
	bool answered = false;
	if (slot->ticket)
		end_ticket(entry, slot, &answer, &answered);
	if (answered)
		call_answer_free(&answer);
	jmap_push_due_free(&slot->due);
	json_decref(slot->emails);
	free(slot);
}

static struct jmap_push_slot *slot_of(struct look *look, int64_t id)
{
	struct jmap_push_slot *slot = look->entry->slots;
	while (slot && slot->id != id)
		slot = slot->next;
	if (!slot) {
		slot = memory_new(sizeof *slot);
		*slot = (struct jmap_push_slot){.next = look->entry->slots, .entry = look->entry, .id = id, .interval_ms = INTERVAL_MS};
		look->entry->slots = slot;
	}
	slot->seen = true;
	return slot;
}

/* Of those that aren't kept any more. */
static void free_unseen(struct jmap_push_account *entry)
{
	struct jmap_push_slot **at = &entry->slots;
	while (*at) {
		struct jmap_push_slot *slot = *at;
		bool seen = slot->seen;
		slot->seen = false;
		if (seen) {
			at = &slot->next;
			continue;
		}
		*at = slot->next;
		free_slot(entry, slot);
	}
}

void jmap_push_account_free(struct jmap_push_account *entry)
{
	store_unsubscribe(&entry->watch);
	free_unseen(entry);
	free(entry->name);
	free(entry);
}

static size_t under_way_to(const struct jmap_push *push, const char *host)
{
	size_t count = 0;
	for (size_t i = 0; i < push->under_way; i++)
		count += strcmp(push->flying[i]->host, host) == 0;
	return count;
}

/* ---- What is over ---- */

static void log_removed(const struct jmap_push_account *entry, int64_t id, const char *reason)
{
	log_info("push.removed", log_text("account", entry->name), log_id("subscription", id), log_text("reason", reason));
}

static void destroy(struct look *look, int64_t id, const char *reason)
{
	struct error error;
	jmap_push_lock();
	bool done = jmap_push_put(look->account, &id, NULL, &error);
	jmap_push_unlock();
	if (done)
		log_removed(look->entry, id, reason);
	else if (error.kind != ERROR_NOT_FOUND)
		be_due(look, look->now_ms + AGAIN_MS);
}

static const char *reason_to_end(const struct look *look, const json_t *kept)
{
	int64_t expires = jmap_push_number(kept, "expires");
	if (expires != 0 && expires <= look->now)
		return "it has expired";
	if (!json_is_true(json_object_get(kept, "verified")) && jmap_push_number(kept, "created") <= look->now - PUSH_UNVERIFIED_SECONDS)
		return "it was never verified";
	return NULL;
}

/* A browser's session is in the list of its owner's, or it has ended. */
static enum auth_standing session_stands(const struct look *look, int64_t session)
{
	struct arena *arena = arena_new();
	struct auth_web_session *list = NULL;
	size_t count = 0;
	enum auth_web status = auth_web_list(look->push->service->auth, NULL, account_name(look->account), arena, &list, &count);
	enum auth_standing standing = status == AUTH_WEB_DONE || status == AUTH_WEB_NONE ? AUTH_ENDED : AUTH_UNKNOWN;
	for (size_t i = 0; status == AUTH_WEB_DONE && i < count; i++)
		if (list[i].id == session)
			standing = AUTH_STANDS;
	arena_free(&arena);
	return standing;
}

/* May who made it still sign in with what he made it with (RFC 8620 §7.2)? */
static enum auth_standing maker_stands(const struct look *look, const json_t *kept)
{
	int64_t session = jmap_push_number(kept, "session");
	struct auth_account maker = {.name = account_name(look->account), .identity = jmap_push_number(kept, "identity"), .credential = jmap_push_number(kept, "credential")};
	if (maker.identity == 0)
		return AUTH_ENDED;
	enum auth_standing standing = auth_stands(look->push->service->auth, NULL, &maker);
	return standing == AUTH_STANDS && session != 0 ? session_stands(look, session) : standing;
}

/* ---- What is due ---- */

static bool is_room(struct look *look, const struct jmap_push_slot *slot)
{
	const struct jmap_push_account *entry = look->entry;
	return look->push->under_way < PUSH_UNDER_WAY_MAX && entry->under_way < UNDER_WAY_OF_ACCOUNT && under_way_to(look->push, slot->host) < UNDER_WAY_OF_HOST;
}

/* Whoever makes and destroys subscriptions in a circle sends no more than so many first messages to whom he likes. */
static bool may_verify(struct look *look)
{
	struct jmap_push_account *entry = look->entry;
	if (entry->hour_ms == 0 || look->now_ms - entry->hour_ms >= HOUR_MS) {
		entry->hour_ms = look->now_ms;
		entry->verifications = 0;
	}
	if (entry->verifications < PUSH_VERIFICATIONS_PER_HOUR) {
		entry->verifications++;
		return true;
	}
	be_due(look, entry->hour_ms + HOUR_MS);
	return false;
}

static void send_due(struct look *look, struct jmap_push_slot *slot, const json_t *kept)
{
	switch (jmap_push_carry(look->push, slot, kept)) {
	case PUSH_CARRIED:
		look->entry->under_way++;
		look->push->flying[look->push->under_way++] = slot;
		return;
	case PUSH_LATER:
		be_due(look, look->now_ms + AGAIN_MS);
		break;
	case PUSH_OVER:
		destroy(look, slot->id, "it was made with a key of this server's that is gone");
		break;
	case PUSH_NEVER:
		destroy(look, slot->id, "it is damaged");
	}
	jmap_push_due_free(&slot->due);
}

static void consider(struct look *look, const struct jmap_push_kept *kept)
{
	struct error error;
	struct jmap_push_slot *slot = slot_of(look, kept->id);
	if (slot->ticket)
		return; /* when it is answered this is looked at again */
	if (look->now_ms < slot->at_ms) {
		be_due(look, slot->at_ms);
		return;
	}
	if (!jmap_push_message(look->push->service, look->account, kept->id, kept->json, &slot->emails, &slot->due, &error)) {
		if (error.kind != ERROR_NONE)
			be_due(look, look->now_ms + AGAIN_MS);
		return;
	}
	enum auth_standing standing = maker_stands(look, kept->json);
	jmap_push_host(kept->json, slot->host);
	if (standing == AUTH_ENDED)
		destroy(look, kept->id, "who made it has no right to it any more");
	else if (standing != AUTH_STANDS)
		be_due(look, look->now_ms + AGAIN_MS);
	else if (!is_room(look, slot))
		be_due(look, look->now_ms + SOON_MS);
	else if (json_is_true(json_object_get(kept->json, "verified")) || may_verify(look)) {
		send_due(look, slot, kept->json);
		return;
	}
	jmap_push_due_free(&slot->due);
}

/* When it will be over. */
static void note_end(struct look *look, const json_t *kept)
{
	int64_t expires = jmap_push_number(kept, "expires"), unverified = jmap_push_number(kept, "created") + PUSH_UNVERIFIED_SECONDS;
	if (!json_is_true(json_object_get(kept, "verified")) && (expires == 0 || expires > unverified))
		expires = unverified;
	if (expires != 0)
		be_due(look, look->now_ms + (expires - look->now) * 1000);
}

static void look_at(struct look *look, const struct jmap_push_kept *kept)
{
	const char *over = reason_to_end(look, kept->json);
	enum auth_standing standing = !over && look->entry->check ? maker_stands(look, kept->json) : AUTH_STANDS;
	if (standing == AUTH_ENDED)
		over = "who made it has no right to it any more";
	if (over) {
		destroy(look, kept->id, over);
		return;
	}
	if (standing == AUTH_UNKNOWN)
		be_due(look, look->now_ms + AGAIN_MS);
	note_end(look, kept->json);
	if (config_current()->push)
		consider(look, kept);
}

/* False: there are none, or the account is gone. */
static bool look_at_all(struct look *look, struct arena *arena)
{
	struct jmap_push_kept *list;
	struct error error;
	size_t count;
	if (!jmap_push_list(look->account, arena, &list, &count, &error)) {
		be_due(look, look->now_ms + AGAIN_MS);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		look_at(look, &list[i]);
	jmap_push_free_list(list, count);
	free_unseen(look->entry);
	if (count == 0)
		push_forget(look->account);
	return count > 0;
}

bool jmap_push_look(struct jmap_push *push, struct jmap_push_account *entry)
{
	struct look look = {.push = push, .entry = entry, .now = clock_now(), .now_ms = clock_monotonic_ms()};
	struct error error;
	entry->due_ms = INT64_MAX;
	if (!store_has_push(push->service->store, slice_of(entry->name)))
		return false;
	look.account = store_open_account(push->service->store, slice_of(entry->name), &error);
	if (!look.account) {
		be_due(&look, look.now_ms + AGAIN_MS);
		return error.kind != ERROR_NOT_FOUND;
	}
	struct arena *arena = arena_new();
	bool any = look_at_all(&look, arena);
	entry->check = false;
	arena_free_secret(&arena);
	store_release_account(&look.account);
	return any;
}

/* ---- What was answered ---- */

/* Into what is kept now: the client may have changed it meanwhile. */
static bool note_told(struct look *look, int64_t id, json_t *then)
{
	struct arena *arena = arena_new();
	json_t *kept, *states = json_object_get(then, "states");
	struct error error;
	jmap_push_lock();
	bool found = jmap_push_find(look->account, id, arena, &kept, &error), done = false;
	if (found) {
		json_t *former = json_object_get(kept, "states");
		if (states && json_is_object(former))
			json_object_update(former, states);
		if (states && json_is_object(former))
			json_object_del(then, "states");
		json_object_update(kept, then);
		done = jmap_push_put(look->account, &id, kept, &error);
		json_decref(kept);
	}
	jmap_push_unlock();
	arena_free_secret(&arena);
	return done;
}

static int64_t doubled(int64_t first, unsigned times, int64_t most)
{
	int64_t value = first;
	while (times-- > 0 && value < most)
		value *= 2;
	return value < most ? value : most;
}

static void succeed(struct look *look, struct jmap_push_slot *slot, unsigned status)
{
	log_info("push.sent", log_text("account", look->entry->name), log_id("subscription", slot->id), log_text("what", slot->due.what), log_text("host", slot->host), log_number("status", status));
	note_told(look, slot->id, slot->due.then); /* if that can't be written down it is told once more */
	json_decref(slot->emails);
	slot->emails = NULL;
	slot->failures = 0;
	slot->interval_ms = slot->interval_ms / 2 > INTERVAL_MS ? slot->interval_ms / 2 : INTERVAL_MS;
	slot->at_ms = look->now_ms + slot->interval_ms;
}

static bool is_for_good(unsigned status) { return status == 404 || status == 410; } /* RFC 8030 §7.3 */

static void fail(struct look *look, struct jmap_push_slot *slot, const struct webpush_answer *answer)
{
	bool refused = answer->status >= 300 && answer->status < 500 && answer->status != 429;
	int64_t wait_ms = doubled(BACKOFF_MS, slot->failures, BACKOFF_MOST_MS), said_ms = (int64_t)answer->retry_after * 1000;
	slot->failures++;
	if (answer->status == 429)
		slot->interval_ms = slot->interval_ms < INTERVAL_SLOW_MS ? INTERVAL_SLOW_MS : doubled(slot->interval_ms, 1, INTERVAL_MOST_MS);
	wait_ms = wait_ms > said_ms ? wait_ms : said_ms;
	slot->at_ms = look->now_ms + wait_ms;
	log_warning("push.failed", log_text("account", look->entry->name), log_id("subscription", slot->id), log_text("what", slot->due.what), log_text("host", slot->host),
		    log_number("status", answer->status), log_slice("reason", answer->why), log_number("again", wait_ms / 1000));
	if (refused && slot->failures >= REFUSALS_MAX)
		destroy(look, slot->id, "its push service refuses what it is sent");
}

static void take(struct look *look, struct jmap_push_slot *slot)
{
	struct call_answer text;
	struct webpush_answer answer = {.why = SLICE("the push role doesn't answer")};
	bool answered;
	end_ticket(look->entry, slot, &text, &answered);
	if (answered && !webpush_answer_decode(buf_slice(&text.text), &answer))
		answer = (struct webpush_answer){.why = SLICE("the push role says what can't be")};
	if (is_for_good(answer.status))
		destroy(look, slot->id, "its push service knows it no more");
	else if (answer.status >= 200 && answer.status < 300)
		succeed(look, slot, answer.status);
	else
		fail(look, slot, &answer);
	if (answered)
		call_answer_free(&text);
	jmap_push_due_free(&slot->due);
}

static bool is_any_done(const struct jmap_push_account *entry)
{
	for (const struct jmap_push_slot *slot = entry->slots; slot; slot = slot->next)
		if (slot->ticket && caller_is_done(slot->ticket))
			return true;
	return false;
}

void jmap_push_take(struct jmap_push *push, struct jmap_push_account *entry)
{
	struct look look = {.push = push, .entry = entry, .now = clock_now(), .now_ms = clock_monotonic_ms()};
	struct error error;
	if (entry->under_way == 0 || !is_any_done(entry))
		return;
	entry->due_ms = look.now_ms;
	look.account = store_open_account(push->service->store, slice_of(entry->name), &error);
	for (struct jmap_push_slot *slot = entry->slots; look.account && slot; slot = slot->next)
		if (slot->ticket && caller_is_done(slot->ticket))
			take(&look, slot);
	if (!look.account)
		entry->due_ms = look.now_ms + AGAIN_MS;
	else
		store_release_account(&look.account);
}
