/* What was taken for mailboxes and isn't in them yet; see promise.h. */
#include "smtp/promise.h"

#include <pthread.h>

enum { WAYS = 4 }; /* rows in which an account may be */

struct promise {
	uint64_t account;  /* 0: free */
	uint64_t room;     /* as auth told it last */
	uint64_t promised; /* bytes */
	int64_t until_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct promise table[PROMISES / WAYS][WAYS]; /* guarded by lock */

/* The account's row, or the one that ends first, emptied for it. */
static struct promise *find(const struct auth_recipient_room *room, int64_t now_ms)
{
	struct promise *rows = table[room->account % (PROMISES / WAYS)], *place = rows;
	for (size_t i = 0; i < WAYS && place->account != room->account; i++)
		if (rows[i].account == room->account || rows[i].until_ms < place->until_ms)
			place = &rows[i];
	if (place->account != room->account || place->until_ms <= now_ms)
		*place = (struct promise){.account = room->account, .room = room->now};
	return place;
}

static bool is_limited(const struct auth_recipient_room *room)
{
	return room->account != 0 && room->now != UINT64_MAX;
}

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

void smtp_promise_look(struct auth_recipient_room *room, int64_t now_ms)
{
	if (!is_limited(room))
		return;
	pthread_mutex_lock(&lock);
	struct promise *promise = find(room, now_ms);
	promise->promised = less(promise->promised, less(promise->room, room->now)); /* so much has arrived */
	promise->room = room->now;
	room->now = less(room->now, promise->promised);
	pthread_mutex_unlock(&lock);
}

static bool promise(const struct auth_recipient_room *room, uint64_t size, bool anyway, int64_t now_ms)
{
	pthread_mutex_lock(&lock);
	struct promise *promise = find(room, now_ms);
	bool fits = size <= less(promise->room, promise->promised);
	if (fits || anyway) {
		promise->promised += size;
		promise->until_ms = now_ms + PROMISE_MS;
	}
	pthread_mutex_unlock(&lock);
	return fits;
}

bool smtp_promise_make(const struct auth_recipient_room *room, uint64_t size, int64_t now_ms)
{
	return !is_limited(room) || promise(room, size, false, now_ms);
}

void smtp_promise_overdraw(const struct auth_recipient_room *room, uint64_t size, int64_t now_ms)
{
	if (is_limited(room))
		promise(room, size, true, now_ms);
}
