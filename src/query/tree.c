/* Building the tree: within its limits, and with the cheap keys first, since the first that says no saves the others. */
#include "query/internal.h"

static const enum query_cost costs[QUERY_KEYS] = {
	[QUERY_SENT_BEFORE] = QUERY_COST_SUMMARY, [QUERY_SENT_ON] = QUERY_COST_SUMMARY, [QUERY_SENT_SINCE] = QUERY_COST_SUMMARY,
	[QUERY_FROM] = QUERY_COST_SUMMARY, [QUERY_TO] = QUERY_COST_SUMMARY, [QUERY_CC] = QUERY_COST_SUMMARY, [QUERY_BCC] = QUERY_COST_SUMMARY,
	[QUERY_SUBJECT] = QUERY_COST_SUMMARY, [QUERY_MESSAGE_ID] = QUERY_COST_SUMMARY,
	[QUERY_HEADER] = QUERY_COST_HEADER, [QUERY_BODY] = QUERY_COST_BODY, [QUERY_TEXT] = QUERY_COST_BODY,
};

void query_begin(struct query *query, struct arena *arena)
{
	*query = (struct query){.arena = arena};
	query->root = arena_alloc(arena, sizeof *query->root);
	query->root->key = QUERY_AND;
}

struct query_node *query_node(struct query *query, enum query_key key)
{
	if (query->key_count == QUERY_KEYS_MAX)
		return NULL;
	query->key_count++;
	struct query_node *node = arena_alloc(query->arena, sizeof *node);
	node->key = key;
	return node;
}

/* Notes a key that asks for content. */
static bool add_text(struct query *query, struct query_node *node)
{
	if (query->text_count == QUERY_TEXTS_MAX)
		return false;
	query->text_count++;
	node->next_text = query->texts;
	query->texts = node;
	if (node->text.len > query->longest)
		query->longest = node->text.len;
	return true;
}

bool query_put(struct query *query, struct query_node *parent, struct query_node *node)
{
	/* Clients look for a message by its id, in mailboxes of any size; the summary has it, so no file is opened. */
	if (node->key == QUERY_HEADER && slice_equal_nocase(node->field, SLICE("Message-ID")))
		node->key = QUERY_MESSAGE_ID;
	if (costs[node->key] > node->cost)
		node->cost = costs[node->key];
	struct query_node **at = &parent->children;
	while (*at && (*at)->cost <= node->cost)
		at = &(*at)->next;
	node->next = *at;
	*at = node;
	node->has_text = node->has_text || node->key >= QUERY_FROM;
	parent->has_text = parent->has_text || node->has_text;
	if (node->cost > parent->cost)
		parent->cost = node->cost;
	return costs[node->key] < QUERY_COST_HEADER || add_text(query, node);
}

struct slice query_text(struct query *query, struct slice utf8)
{
	return text_fold_blanks(utf8, query->arena);
}
