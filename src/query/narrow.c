/* Which messages may answer a query, by what an index knows of its texts. */
#include "base/array.h"
#include "query/internal.h"

struct narrowing {
	query_ask_index *ask;
	void *context;
	struct arena *arena;
	int asked;
};

static const struct query_ids EVERYTHING = {.all = true};

/* ---- sets ---- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

void query_ids_sort(struct query_ids *ids)
{
	size_t kept = 0, at = 1;
	while (at < ids->count && ids->at[at - 1] < ids->at[at])
		at++;
	if (at >= ids->count) /* they are already */
		return;
	qsort(ids->at, ids->count, sizeof *ids->at, compare);
	for (size_t i = 0; i < ids->count; i++)
		if (i == 0 || ids->at[i] != ids->at[i - 1])
			ids->at[kept++] = ids->at[i];
	ids->count = kept;
}

bool query_ids_have(const struct query_ids *ids, int64_t id)
{
	return ids->all || (ids->count > 0 && bsearch(&id, ids->at, ids->count, sizeof id, compare));
}

/* Those of `ids` that are in the other as well. */
static void keep_common(struct query_ids *ids, const struct query_ids *other)
{
	size_t kept = 0;
	if (other->all)
		return;
	if (ids->all) {
		*ids = *other;
		return;
	}
	for (size_t i = 0, k = 0; i < ids->count; i++) {
		while (k < other->count && other->at[k] < ids->at[i])
			k++;
		if (k < other->count && other->at[k] == ids->at[i])
			ids->at[kept++] = ids->at[i];
	}
	ids->count = kept;
}

static void add_all(struct query_ids *ids, const struct query_ids *other, struct arena *arena)
{
	if (ids->all || other->all) {
		*ids = EVERYTHING;
		return;
	}
	struct query_ids both = {.at = arena_array(arena, ids->count + other->count + 1, sizeof *both.at)};
	size_t i = 0, k = 0;
	while (i < ids->count || k < other->count) {
		bool first = k == other->count || (i < ids->count && ids->at[i] <= other->at[k]);
		k += first && k < other->count && ids->at[i] == other->at[k];
		both.at[both.count++] = first ? ids->at[i++] : other->at[k++];
	}
	*ids = both;
}

/* ---- a text ---- */

/* Every second, third … of them, so that as many are asked for as may be. */
static bool narrow_text(struct narrowing *narrowing, struct slice text, struct query_ids *ids)
{
	struct query_grams grams = {0};
	struct slice asked[QUERY_GRAMS_ASKED];
	char (*room)[QUERY_GRAM_BYTES] = arena_array(narrowing->arena, QUERY_GRAMS_ASKED, sizeof *room);
	size_t cursor = 0, count = 0, at = 0;
	query_grams_add(&grams, text);
	for (char out[QUERY_GRAM_BYTES]; count < QUERY_GRAMS_ASKED; at++) {
		struct slice gram;
		if (!query_grams_next(&grams, &cursor, out, &gram))
			break;
		if (grams.count > QUERY_GRAMS_ASKED && at * QUERY_GRAMS_ASKED / grams.count < count)
			continue;
		memcpy(room[count], out, gram.len);
		asked[count] = slice_make(room[count], gram.len);
		count++;
	}
	query_grams_free(&grams);
	*ids = EVERYTHING;
	if (count == 0 || narrowing->asked == QUERY_NARROWING_MAX)
		return true;
	narrowing->asked++;
	return narrowing->ask(narrowing->context, asked, count, narrowing->arena, ids);
}

/* ---- the tree ---- */

static bool narrow_key(struct narrowing *narrowing, const struct query_node *node, struct query_ids *ids);

static bool narrow_and(struct narrowing *narrowing, const struct query_node *node, struct query_ids *ids)
{
	struct query_ids one;
	*ids = EVERYTHING;
	for (const struct query_node *child = node->children; child && (ids->all || ids->count > 0); child = child->next) {
		if (!narrow_key(narrowing, child, &one))
			return false;
		keep_common(ids, &one);
	}
	return true;
}

static bool narrow_or(struct narrowing *narrowing, const struct query_node *node, struct query_ids *ids)
{
	struct query_ids one;
	*ids = (struct query_ids){0};
	for (const struct query_node *child = node->children; child && !ids->all; child = child->next) {
		if (!narrow_key(narrowing, child, &one))
			return false;
		add_all(ids, &one, narrowing->arena);
	}
	return true;
}

static bool narrow_key(struct narrowing *narrowing, const struct query_node *node, struct query_ids *ids)
{
	*ids = EVERYTHING;
	switch (node->key) {
	case QUERY_AND:
		return narrow_and(narrowing, node, ids);
	case QUERY_OR:
		return narrow_or(narrowing, node, ids);
	case QUERY_FROM:
	case QUERY_TO:
	case QUERY_CC:
	case QUERY_BCC:
	case QUERY_SUBJECT:
	case QUERY_MESSAGE_ID:
	case QUERY_HEADER:
	case QUERY_BODY:
	case QUERY_TEXT:
		return narrow_text(narrowing, node->text, ids);
	default: /* what the index knows nothing of, and NOT: what may match isn't what may not */
		return true;
	}
}

bool query_narrow(const struct query *query, query_ask_index *ask, void *context, struct arena *arena, struct query_ids *ids)
{
	struct narrowing narrowing = {ask, context, arena, 0};
	return narrow_key(&narrowing, query->root, ids);
}
