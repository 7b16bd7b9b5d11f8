/* ContactCard/query and /queryChanges (RFC 9610 §3.3, §3.4): cards are few enough that all are looked at. */
#include <inttypes.h>
#include <stdlib.h>

#include "jmap/contact.h"
#include "message/mime.h"

enum { PIECE_BYTES = 1024 * 1024, TRIES = 5, KEY_MAX = 255 /* bytes by which names are sorted */ };

/* What cards can be sorted by: of names, the kind of component. */
static const struct order { const char *name; const char *component; } orders[] = {
	{"created", NULL}, {"updated", NULL}, {"name/given", "given"}, {"name/surname", "surname"}, {"name/surname2", "surname2"},
};

struct found { int64_t id; struct key { int64_t number; struct slice text; } keys[JMAP_SORT_MAX]; };

struct asking {
	struct jmap_call *call;
	struct jmap_query query;
	const struct order *orders[JMAP_SORT_MAX];
	struct jmap_card_filter *filter;
	bool reads;            /* cards must be looked into */
	struct found *found;
	size_t count, room;
	int64_t state;
};

/* ---- Reading the question ---- */

static const struct order *find_order(struct slice name)
{
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (slice_equal(name, slice_of(orders[i].name)))
			return &orders[i];
	return NULL;
}

static bool begin(struct asking *asking)
{
	struct jmap_call *call = asking->call;
	for (size_t i = 0; i < asking->query.sort_count; i++) {
		asking->orders[i] = find_order(asking->query.sort[i].property);
		if (!asking->orders[i])
			return jmap_fail(call, "unsupportedSort", "cards can't be sorted by that");
	}
	if (!jmap_card_filter_check(call, asking->query.filter))
		return false;
	asking->filter = jmap_card_filter_read(call, asking->query.filter);
	asking->reads = asking->query.sort_count > 0 || jmap_card_filter_reads(asking->filter);
	return true;
}

/* ---- Finding ---- */

static struct slice name_key(struct asking *asking, const json_t *card, const char *kind)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(json_object_get(card, "name"), "components"), i, one)
		if (slice_equal(jmap_slice_of(json_object_get(one, "kind")), slice_of(kind)))
			return slice_sub(text_fold(slice_sub(jmap_slice_of(json_object_get(one, "value")), 0, KEY_MAX), asking->call->arena), 0, KEY_MAX);
	return (struct slice){0};
}

static void add_found(struct asking *asking, int64_t id, const json_t *card)
{
	ARENA_GROW(asking->call->arena, asking->found, asking->count, asking->room);
	struct found *found = &asking->found[asking->count++];
	*found = (struct found){.id = id};
	for (size_t i = 0; i < asking->query.sort_count; i++) {
		const struct order *order = asking->orders[i];
		found->keys[i].number = INT64_MIN; /* what has no date comes first */
		if (order->component)
			found->keys[i].text = name_key(asking, card, order->component);
		else
			jmap_date_read(jmap_slice_of(json_object_get(card, order->name)), &found->keys[i].number);
	}
}

static void look_at(struct asking *asking, const struct contact *contact, struct arena *scratch)
{
	json_error_t why;
	arena_reset(scratch);
	json_t *card = asking->reads ? json_loadb(contact->text.at, contact->text.len, 0, &why) : NULL;
	if (jmap_card_filter_matches(asking->filter, contact, card, scratch))
		add_found(asking, contact->id, card);
	json_decref(card);
}

/* Once through all; *again: they have changed meanwhile. */
static bool look_at_all(struct asking *asking, struct arena *arena, struct arena *scratch, bool *again)
{
	struct contact *list;
	struct error error;
	size_t count;
	int64_t after = 0, state;
	asking->count = 0;
	for (bool more = true, first = true; more; first = false) {
		arena_reset(arena);
		if (!contact_list(asking->call->account, after, PIECE_BYTES, arena, &list, &count, &more, &state, &error))
			return jmap_fail_error(asking->call, &error);
		if (first)
			asking->state = state;
		*again = state != asking->state;
		if (*again)
			return true;
		for (size_t i = 0; i < count; i++)
			look_at(asking, &list[i], scratch);
		after = count > 0 ? list[count - 1].id : after;
	}
	return true;
}

static bool find_all(struct asking *asking)
{
	struct arena *arena = arena_new(), *scratch = arena_new();
	bool again = true, done = true;
	for (int i = 0; done && again && i < TRIES; i++)
		done = look_at_all(asking, arena, scratch, &again);
	arena_free(&scratch);
	arena_free(&arena);
	return done && (!again || jmap_fail(asking->call, "serverUnavailable", "the cards are being changed, try again later"));
}

/* ---- Sorting ---- */

static int compare(const void *a, const void *b, void *context)
{
	const struct found *left = a, *right = b;
	const struct asking *asking = context;
	for (size_t i = 0; i < asking->query.sort_count; i++) {
		const struct key *x = &left->keys[i], *y = &right->keys[i];
		int order = asking->orders[i]->component ? slice_compare(x->text, y->text) : (x->number > y->number) - (x->number < y->number);
		if (order != 0)
			return asking->query.sort[i].ascending ? order : -order;
	}
	return (left->id > right->id) - (left->id < right->id);
}

static int64_t *sorted_ids(struct asking *asking)
{
	int64_t *ids = arena_array(asking->call->arena, asking->count + 1, sizeof *ids);
	if (asking->count > 1)
		qsort_r(asking->found, asking->count, sizeof *asking->found, compare, asking);
	for (size_t i = 0; i < asking->count; i++)
		ids[i] = asking->found[i].id;
	return ids;
}

/* ---- Answering ---- */

enum net_run jmap_card_query(struct jmap_call *call)
{
	struct asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	if (!jmap_query_begin(call, NULL, &asking.query) || !begin(&asking) || !find_all(&asking))
		return RUN_DONE;
	snprintf(state, sizeof state, "%" PRId64, asking.state);
	jmap_query_answer(call, &asking.query, state, true, JMAP_ID_CARD, sorted_ids(&asking), asking.count);
	return RUN_DONE;
}

enum net_run jmap_card_query_changes(struct jmap_call *call)
{
	struct asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	int64_t *touched;
	size_t count;
	if (!jmap_query_changes_begin(call, NULL, &asking.query) || !begin(&asking) || !find_all(&asking) ||
	    !jmap_changed_since(call, jmap_card_changes_read, asking.query.since, &touched, &count)) /* what changes in between is told once more, the next time */
		return RUN_DONE;
	snprintf(state, sizeof state, "%" PRId64, asking.state);
	asking.query.up_to = (struct slice){0}; /* all that a card says may change: all of it counts (RFC 8620 §5.6) */
	jmap_query_changes_answer(call, &asking.query, state, JMAP_ID_CARD, sorted_ids(&asking), asking.count, touched, count);
	return RUN_DONE;
}
