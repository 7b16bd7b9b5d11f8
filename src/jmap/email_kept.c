/* Keeping results of queries; see email_kept.h. */
#include "jmap/email_kept.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

struct kept { struct slice key; struct jmap_kept_list list; uint64_t used; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct kept lists[JMAP_KEPT_LISTS_MAX];
static size_t bytes;
static uint64_t clock_hand;

static size_t size_of(const struct kept *kept) { return kept->list.count * sizeof *kept->list.ids + kept->key.len; }

static void drop(struct kept *kept)
{
	bytes -= size_of(kept);
	free((char *)kept->key.at);
	free(kept->list.ids);
	*kept = (struct kept){0};
}

static struct kept *find(struct slice key)
{
	for (size_t i = 0; i < JMAP_KEPT_LISTS_MAX; i++)
		if (lists[i].key.len > 0 && slice_equal(lists[i].key, key))
			return &lists[i];
	return NULL;
}

/* A free place, or the list that was used last the longest ago. */
static struct kept *oldest(bool of_used)
{
	struct kept *found = NULL;
	for (size_t i = 0; i < JMAP_KEPT_LISTS_MAX; i++)
		if ((!of_used || lists[i].key.len > 0) && (!found || lists[i].used < found->used))
			found = &lists[i];
	return found;
}

/* A text that creation ids stand in means something else in each request. */
struct slice jmap_kept_key(struct jmap_call *call, const struct jmap_query *query, bool collapse)
{
	json_t *sort = jmap_argument(call, "sort"), *whole = json_pack("{s:O?, s:O?, s:b}", "filter", query->filter, "sort", sort, "collapse", collapse);
	char *text = whole ? json_dumps(whole, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct slice key = {NULL, 0};
	if (text && strlen(text) < JMAP_KEPT_KEY_MAX && !strstr(text, "\"#"))
		key = arena_printf(call->arena, "%" PRId64 " %s", account_incarnation(call->account), text);
	free(text);
	json_decref(whole);
	return key;
}

bool jmap_kept_find(struct jmap_call *call, struct slice key, struct jmap_kept_list *list)
{
	pthread_mutex_lock(&lock);
	struct kept *kept = find(key);
	if (kept) {
		kept->used = ++clock_hand;
		*list = kept->list;
		list->ids = arena_array(call->arena, kept->list.count + 1, sizeof *list->ids);
		if (list->count > 0)
			memcpy(list->ids, kept->list.ids, list->count * sizeof *list->ids);
	}
	pthread_mutex_unlock(&lock);
	return kept;
}

void jmap_kept_put(struct slice key, const struct jmap_kept_list *list)
{
	struct kept new = {.list = *list};
	if (list->count * sizeof *list->ids > JMAP_KEPT_BYTES_MAX / 4)
		return;
	new.key = slice_make(memory_copy(key.at, key.len), key.len);
	new.list.ids = memory_array(list->count + 1, sizeof *list->ids);
	if (list->count > 0)
		memcpy(new.list.ids, list->ids, list->count * sizeof *list->ids);
	pthread_mutex_lock(&lock);
	struct kept *place = find(key);
	if (place)
		drop(place);
	while (bytes + size_of(&new) > JMAP_KEPT_BYTES_MAX)
		drop(oldest(true));
	place = oldest(false);
	if (place->key.len > 0)
		drop(place);
	new.used = ++clock_hand;
	*place = new;
	bytes += size_of(&new);
	pthread_mutex_unlock(&lock);
}
