/* Those who have been put off; see greylist.h. Entries of all networks are in one map, under "network domain"; a second map counts for each network. */
#include "policy/greylist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

enum {
	NETWORK_TEXT_MAX = INET6_ADDRSTRLEN + 4,
	DOMAIN_MAX = 100, /* bytes of a domain; of a longer one the end counts */
	KEY_MAX = NETWORK_TEXT_MAX + DOMAIN_MAX + 1,
	FIELDS = 6,
	SIX_BYTES = 8, /* of an IPv6 network */
};

static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

/* What the map's values are; the key is the map's. */
struct pair {
	int64_t first, last;
	uint64_t visits;
	bool known;
};
struct network {
	unsigned waiting, known; /* pairs */
};

struct policy_greylist {
	pthread_mutex_t lock;
	const char *path;
	struct map *pairs, *networks;
	int64_t saved;
	bool changed;
};

struct slice policy_grey_network(struct slice client, struct arena *arena)
{
	unsigned char bytes[sizeof(struct in6_addr)] = {0};
	char text[INET6_ADDRSTRLEN] = "";
	if (client.len == sizeof bytes && memcmp(client.at, mapped, sizeof mapped) == 0)
		client = slice_skip(client, sizeof mapped);
	bool four = client.len == sizeof(struct in_addr);
	memcpy(bytes, client.at, four ? 3 : client.len < SIX_BYTES ? client.len : SIX_BYTES);
	inet_ntop(four ? AF_INET : AF_INET6, bytes, text, sizeof text);
	return arena_printf(arena, "%s/%d", text, four ? 24 : 64);
}

/* ---- Pairs ---- */

static struct slice key_of(struct slice network, struct slice domain, char room[KEY_MAX])
{
	domain = domain.len == 0 ? SLICE("<>") : domain.len > DOMAIN_MAX ? slice_skip(domain, domain.len - DOMAIN_MAX) : domain;
	network = slice_sub(network, 0, NETWORK_TEXT_MAX - 1);
	size_t len = network.len + 1 + domain.len;
	memcpy(room, network.at, network.len);
	room[network.len] = ' ';
	for (size_t i = 0; i < domain.len; i++) /* what can't stand in a line can't be in a domain */
		room[network.len + 1 + i] = (unsigned char)domain.at[i] > ' ' && domain.at[i] != 0x7f ? ascii_lower(domain.at[i]) : '?';
	return slice_make(room, len);
}

static struct slice network_of(struct slice key)
{
	return slice_sub(key, 0, slice_find_char(key, ' '));
}

static struct network *counts_of(struct policy_greylist *list, struct slice network)
{
	struct network *counts = map_get(list->networks, network);
	if (counts)
		return counts;
	counts = memory_new(sizeof *counts);
	map_put(list->networks, network, counts);
	return counts;
}

static void count(struct policy_greylist *list, struct slice key, bool known, int change)
{
	struct slice network = network_of(key);
	struct network *counts = counts_of(list, network);
	unsigned *which = known ? &counts->known : &counts->waiting;
	*which += (unsigned)change;
	if (counts->known == 0 && counts->waiting == 0)
		free(map_remove(list->networks, network));
	list->changed = true;
}

static void drop(struct policy_greylist *list, struct slice key)
{
	char room[KEY_MAX];
	memcpy(room, key.at, key.len); /* it may be the map's own */
	key = slice_make(room, key.len);
	struct pair *pair = map_remove(list->pairs, key);
	if (!pair)
		return;
	count(list, key, pair->known, -1);
	free(pair);
}

static bool is_over(const struct pair *pair, const struct policy_grey_times *times, int64_t now)
{
	return pair->known ? now - pair->last > times->keep : now - pair->first > times->expect;
}

/* Drops what the function says; the map mustn't change while it is walked. */
static void sweep(struct policy_greylist *list, bool (*goes)(const struct pair *pair, int64_t limit), int64_t limit)
{
	struct slice key;
	void *value;
	size_t cursor = 0, count_gone = 0;
	struct arena *arena = arena_new();
	struct slice *gone = arena_array(arena, map_count(list->pairs) + 1, sizeof *gone);
	while (map_next(list->pairs, &cursor, &key, &value))
		if (goes(value, limit))
			gone[count_gone++] = arena_copy(arena, key);
	for (size_t i = 0; i < count_gone; i++)
		drop(list, gone[i]);
	arena_free(&arena);
}

static bool waits_since(const struct pair *pair, int64_t limit) { return !pair->known && pair->first <= limit; }
static bool rests_since(const struct pair *pair, int64_t limit) { return pair->last <= limit; }

/* There are as many as there may be: first the older half goes of those who were put off, else of all. */
static void make_room(struct policy_greylist *list)
{
	struct slice key;
	void *value;
	size_t cursor = 0, waiting = 0;
	int64_t first = 0, last = 0;
	while (map_next(list->pairs, &cursor, &key, &value)) {
		const struct pair *pair = value;
		waiting += !pair->known;
		first += pair->known ? 0 : pair->first;
		last += pair->last;
	}
	if (waiting >= POLICY_GREY_ENTRIES / 10)
		sweep(list, waits_since, first / (int64_t)waiting);
	else
		sweep(list, rests_since, last / POLICY_GREY_ENTRIES);
}

static struct pair *add(struct policy_greylist *list, struct slice key, const struct pair *content)
{
	if (map_count(list->pairs) >= POLICY_GREY_ENTRIES)
		make_room(list);
	struct pair *pair = memory_new(sizeof *pair);
	*pair = *content;
	map_put(list->pairs, key, pair);
	count(list, key, pair->known, 1);
	return pair;
}

/* One that isn't over; a clock that was put back makes none younger than new. */
static struct pair *find(struct policy_greylist *list, struct slice key, const struct policy_grey_times *times, int64_t now)
{
	struct pair *pair = map_get(list->pairs, key);
	if (pair && is_over(pair, times, now)) {
		drop(list, key);
		return NULL;
	}
	if (pair && pair->first > now)
		pair->first = pair->last = now;
	return pair;
}

static void make_known(struct policy_greylist *list, struct slice key, struct pair *pair)
{
	if (pair->known)
		return;
	count(list, key, true, 1);
	count(list, key, false, -1);
	pair->known = true;
}

/* ---- The file ---- */

static bool parse_line(struct slice line, struct policy_grey_entry *entry)
{
	struct slice field[FIELDS];
	uint64_t first, last;
	for (size_t i = 0; i < FIELDS; i++)
		slice_cut(line, ' ', &field[i], &line);
	bool known = slice_equal(field[5], SLICE("known"));
	if ((!known && !slice_equal(field[5], SLICE("waits"))) || field[0].len == 0 || field[0].len >= NETWORK_TEXT_MAX || field[1].len == 0 || field[1].len > DOMAIN_MAX ||
	    !slice_to_number(field[2], INT64_MAX / 2, &first) || !slice_to_number(field[3], INT64_MAX / 2, &last) || !slice_to_number(field[4], INT64_MAX, &entry->visits))
		return false;
	entry->network = field[0];
	entry->domain = field[1];
	entry->first = (int64_t)first;
	entry->last = (int64_t)last;
	entry->state = known ? POLICY_GREY_KNOWN : POLICY_GREY_WAITS;
	return true;
}

bool policy_greylist_read(const char *path, void (*visit)(void *context, const struct policy_grey_entry *entry), void *context, struct error *error)
{
	struct buf file = BUF(POLICY_GREY_FILE_MAX);
	struct policy_grey_entry entry;
	struct slice rest, line;
	bool there = access(path, F_OK) == 0, done = !there || file_read(path, &file, error);
	for (rest = done ? buf_slice(&file) : SLICE(""); rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		if (parse_line(line, &entry))
			visit(context, &entry);
	}
	buf_free(&file);
	return done;
}

static void take_in(void *context, const struct policy_grey_entry *entry)
{
	struct policy_greylist *list = context;
	char room[KEY_MAX];
	struct slice key = key_of(entry->network, entry->domain, room);
	if (map_count(list->pairs) < POLICY_GREY_ENTRIES && !map_get(list->pairs, key))
		add(list, key, &(struct pair){entry->first, entry->last, entry->visits, entry->state == POLICY_GREY_KNOWN});
}

static void write_all(const struct policy_greylist *list, struct buf *out)
{
	struct slice key;
	void *value;
	size_t cursor = 0;
	while (map_next(list->pairs, &cursor, &key, &value)) {
		const struct pair *pair = value;
		buf_printf(out, "%.*s %lld %lld %llu %s\n", SLICE_ARG(key), (long long)pair->first, (long long)pair->last, (unsigned long long)pair->visits, pair->known ? "known" : "waits");
	}
}

void policy_greylist_save(struct policy_greylist *list, int64_t every, int64_t now)
{
	struct buf out = BUF(POLICY_GREY_FILE_MAX);
	struct error error;
	pthread_mutex_lock(&list->lock);
	bool due = list->changed && (now - list->saved >= every || now < list->saved);
	if (due) {
		write_all(list, &out);
		list->changed = false;
		list->saved = now;
	}
	pthread_mutex_unlock(&list->lock);
	if (due && (out.overflow || !file_replace(list->path, buf_slice(&out), 0600, &error))) {
		log_error("greylist.not_kept", log_text("reason", out.overflow ? "it is too large" : error.text));
		pthread_mutex_lock(&list->lock);
		list->changed = true; /* it is tried again, when it is due again */
		pthread_mutex_unlock(&list->lock);
	}
	buf_free(&out);
}

struct policy_greylist *policy_greylist_new(const char *path, int64_t now)
{
	struct policy_greylist *list = memory_new(sizeof *list);
	struct error error;
	pthread_mutex_init(&list->lock, NULL);
	list->path = path;
	list->pairs = map_new();
	list->networks = map_new();
	list->saved = now;
	if (!policy_greylist_read(path, take_in, list, &error))
		log_error("greylist.not_read", log_text("reason", error.text));
	list->changed = false;
	return list;
}

static void free_map(struct map **map)
{
	struct slice key;
	void *value;
	size_t cursor = 0;
	while (map_next(*map, &cursor, &key, &value))
		free(value);
	map_free(map);
}

void policy_greylist_free(struct policy_greylist **freed)
{
	struct policy_greylist *list = *freed;
	*freed = NULL;
	if (!list)
		return;
	policy_greylist_save(list, 0, list->saved);
	free_map(&list->pairs);
	free_map(&list->networks);
	pthread_mutex_destroy(&list->lock);
	free(list);
}

/* ---- What it knows ---- */

static void visit(struct policy_greylist *list, struct pair *pair, int64_t now)
{
	pair->visits++;
	pair->last = now;
	list->changed = true;
}

bool policy_greylist_knows(struct policy_greylist *list, struct slice network, struct slice domain, const struct policy_grey_times *times, int64_t now)
{
	char room[KEY_MAX];
	struct slice key = key_of(network, domain, room);
	pthread_mutex_lock(&list->lock);
	struct pair *pair = find(list, key, times, now);
	const struct network *counts = map_get(list->networks, network_of(key));
	bool known = pair && pair->known, good = counts && counts->known >= POLICY_GREY_RECORD;
	if (known)
		visit(list, pair, now);
	pthread_mutex_unlock(&list->lock);
	return known || good;
}

int64_t policy_greylist_ask(struct policy_greylist *list, struct slice network, struct slice domain, const struct policy_grey_times *times, int64_t now)
{
	char room[KEY_MAX];
	int64_t left = times->delay;
	pthread_mutex_lock(&list->lock);
	const struct network *counts = map_get(list->networks, slice_sub(network, 0, NETWORK_TEXT_MAX - 1));
	struct slice key = key_of(network, domain, room);
	if (!map_get(list->pairs, key) && counts && counts->waiting >= POLICY_GREY_PER_NETWORK)
		key = key_of(network, SLICE("*"), room);
	struct pair *pair = find(list, key, times, now);
	if (!pair) {
		add(list, key, &(struct pair){now, now, 1, false});
	} else {
		visit(list, pair, now);
		left = pair->known || now - pair->first >= times->delay ? 0 : times->delay - (now - pair->first);
		if (left == 0)
			make_known(list, key, pair);
	}
	pthread_mutex_unlock(&list->lock);
	return left;
}

void policy_greylist_learn(struct policy_greylist *list, struct slice network, struct slice domain, bool good, int64_t now)
{
	char room[KEY_MAX];
	struct slice key = key_of(network, domain, room);
	pthread_mutex_lock(&list->lock);
	struct pair *pair = map_get(list->pairs, key);
	if (!good) {
		drop(list, key);
	} else if (!pair) {
		add(list, key, &(struct pair){now, now, 1, true});
	} else {
		make_known(list, key, pair);
		visit(list, pair, now);
	}
	pthread_mutex_unlock(&list->lock);
}

/* ---- Names ---- */

static bool is_separate(struct slice name, size_t at, size_t len)
{
	return (at == 0 || !ascii_is_digit(name.at[at - 1])) && (at + len >= name.len || !ascii_is_digit(name.at[at + len]));
}

/* Does the number stand in the name by itself? */
static bool has_number(struct slice name, unsigned number)
{
	char text[sizeof "255"];
	int len = snprintf(text, sizeof text, "%u", number);
	for (size_t i = 0; i + (size_t)len <= name.len; i++)
		if (memcmp(name.at + i, text, (size_t)len) == 0 && is_separate(name, i, (size_t)len))
			return true;
	return false;
}

static bool has_hexadecimal(struct slice name, struct slice bytes)
{
	char text[2 * 4 + 1];
	for (size_t i = 0; i < 4; i++)
		snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes.at[bytes.len - 4 + i]);
	for (size_t i = 0; i + sizeof text - 1 <= name.len; i++)
		if (slice_equal_nocase(slice_sub(name, i, sizeof text - 1), slice_of(text)))
			return true;
	return false;
}

static bool has_word(struct slice name)
{
	static const char *const words[] = {"dynamic", "dyn", "dhcp", "dialup", "dialin", "dsl", "adsl", "vdsl", "ppp", "pppoe", "pool", "cable", "broadband", "dip", "catv"};
	struct slice rest = name;
	while (rest.len > 0) {
		size_t len = 0;
		while (len < rest.len && ascii_is_alpha(rest.at[len]))
			len++;
		for (size_t i = 0; len > 0 && i < sizeof words / sizeof *words; i++)
			if (slice_equal_nocase(slice_sub(rest, 0, len), slice_of(words[i])))
				return true;
		rest = slice_skip(rest, len + 1);
	}
	return false;
}

bool policy_grey_is_dynamic(struct slice name, struct slice client)
{
	if (client.len == sizeof(struct in6_addr) && memcmp(client.at, mapped, sizeof mapped) == 0)
		client = slice_skip(client, sizeof mapped);
	if (client.len != sizeof(struct in_addr))
		return client.len >= sizeof(struct in_addr) && (has_word(name) || has_hexadecimal(name, client));
	unsigned found = 0;
	for (size_t i = 0; i < client.len; i++)
		found += has_number(name, (unsigned char)client.at[i]);
	return found >= 3 || has_word(name) || has_hexadecimal(name, client);
}
