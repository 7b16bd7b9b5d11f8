/* What strangers have done lately; see crowd.h. */
#include "smtp/crowd.h"

#include <pthread.h>
#include <string.h>

#include "base/map.h"

enum {
	WAYS = 4, /* rows in which somebody may be */
	KEY_MAX = 320,
};

static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

struct row {
	uint64_t hash;        /* 0: free */
	double share;         /* of the limit, at that time */
	int64_t at_ms, out_until_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct row table[CROWD_ROWS / WAYS][WAYS]; /* guarded by lock */

static struct slice without_mapping(struct slice client)
{
	return client.len == 16 && memcmp(client.at, mapped, sizeof mapped) == 0 ? slice_skip(client, sizeof mapped) : client;
}

struct slice smtp_crowd_address(struct slice client)
{
	client = without_mapping(client);
	return slice_sub(client, 0, client.len == 4 ? 4 : 8);
}

struct slice smtp_crowd_network(struct slice client)
{
	client = without_mapping(client);
	return slice_sub(client, 0, client.len == 4 ? 3 : 8);
}

/* Letters of addresses in any case are one; those of what isn't text hardly ever meet in one row. */
static uint64_t hash_of(int what, struct slice who)
{
	char key[KEY_MAX];
	who = slice_sub(who, 0, sizeof key - 1);
	key[0] = (char)what;
	for (size_t i = 0; i < who.len; i++)
		key[i + 1] = ascii_lower(who.at[i]);
	uint64_t hash = map_hash(slice_make(key, who.len + 1));
	return hash ? hash : 1;
}

static void wear_off(struct row *row, int64_t now_ms)
{
	double worn = (double)(now_ms - row->at_ms) / CROWD_HOUR_MS;
	row->share = worn >= row->share ? 0 : worn > 0 ? row->share - worn : row->share;
	row->at_ms = now_ms;
}

/* How much would be forgotten with it? */
static double weight(const struct row *row, int64_t now_ms)
{
	double share = row->share - (double)(now_ms - row->at_ms) / CROWD_HOUR_MS;
	return row->hash == 0 ? -2 : row->out_until_ms > now_ms ? 2 : share < 0 ? -1 : share;
}

/* Its row as it is now, or the one that is missed least, emptied for it. With the lock. */
static struct row *find(uint64_t hash, int64_t now_ms)
{
	struct row *rows = table[hash % (CROWD_ROWS / WAYS)], *place = rows;
	for (size_t i = 0; i < WAYS && place->hash != hash; i++)
		if (rows[i].hash == hash || weight(&rows[i], now_ms) < weight(place, now_ms))
			place = &rows[i];
	if (place->hash != hash)
		*place = (struct row){.hash = hash, .at_ms = now_ms};
	wear_off(place, now_ms);
	return place;
}

bool smtp_crowd_count(int what, struct slice who, int64_t limit, int64_t now_ms)
{
	uint64_t hash = hash_of(what, who);
	double one = 1 / (double)limit;
	pthread_mutex_lock(&lock);
	struct row *row = find(hash, now_ms);
	bool room = row->share + one <= 1 + one / 2;
	row->share += room ? one : 0;
	pthread_mutex_unlock(&lock);
	return room;
}

int64_t smtp_crowd_missed(struct slice network, int64_t count, int64_t limit, int64_t time_ms, int64_t now_ms)
{
	uint64_t hash = hash_of(COUNTED_UNKNOWN, network);
	pthread_mutex_lock(&lock);
	struct row *row = find(hash, now_ms);
	row->share += (double)count / (double)limit;
	int64_t missed = (int64_t)(row->share * (double)limit + 0.5);
	if (missed >= limit) {
		row->out_until_ms = now_ms + time_ms;
		row->share = 0;
	}
	pthread_mutex_unlock(&lock);
	return missed;
}

void smtp_crowd_found(struct slice network, int64_t limit, int64_t now_ms)
{
	uint64_t hash = hash_of(COUNTED_UNKNOWN, network);
	double one = 1 / (double)limit;
	pthread_mutex_lock(&lock);
	struct row *row = find(hash, now_ms);
	row->share = row->share > one ? row->share - one : 0;
	pthread_mutex_unlock(&lock);
}

bool smtp_crowd_is_shut_out(struct slice network, int64_t now_ms)
{
	uint64_t hash = hash_of(COUNTED_UNKNOWN, network);
	pthread_mutex_lock(&lock);
	bool out = false;
	for (size_t i = 0; i < WAYS; i++)
		out |= table[hash % (CROWD_ROWS / WAYS)][i].hash == hash && table[hash % (CROWD_ROWS / WAYS)][i].out_until_ms > now_ms;
	pthread_mutex_unlock(&lock);
	return out;
}
