/* All results of a query (RFC 8621 §4.4): the emails of the mailbox or account are read without their summaries, and summaries only of those where the
 * filter or the order asks for what only they say. */
#include "base/map.h"
#include "jmap/email_query.h"

bool jmap_asks_threads(const struct jmap_asking *asking) { return jmap_filter_asks_threads(asking->filter) || jmap_sort_asks_threads(&asking->query); }

/* ---- few that come into question: those in which a text is ---- */

enum { FEW = 2000 };

bool jmap_results_few(const struct jmap_asking *asking, const int64_t **ids, size_t *count)
{
	return !jmap_asks_threads(asking) && jmap_filter_candidates(asking->filter, ids, count) && *count <= FEW;
}

static bool read_few(struct jmap_asking *asking, const int64_t *ids, size_t count, struct error *error)
{
	struct email *list;
	if (!email_get(asking->call->account, ids, count, MESSAGE_FLAGS, asking->call->arena, &list, &asking->states, error))
		return false;
	for (size_t i = 0; i < count; i++)
		if (list[i].id != 0)
			list[asking->all_count++] = list[i];
	asking->all = list;
	return true;
}

/* ---- threads that were seen: open addressing, ids are odd enough to be their own hashes once mixed ---- */

static size_t slot_of(const struct jmap_seen *seen, int64_t thread)
{
	size_t at = (size_t)map_hash(slice_make((const char *)&thread, sizeof thread)) & (seen->room - 1);
	while (seen->slots[at] != 0 && seen->slots[at] != thread)
		at = (at + 1) & (seen->room - 1);
	return at;
}

static void widen(struct jmap_seen *seen)
{
	struct jmap_seen wider = {.room = seen->room > 0 ? seen->room * 2 : 256, .count = seen->count, .arena = seen->arena};
	wider.slots = arena_array(seen->arena, wider.room, sizeof *wider.slots);
	for (size_t i = 0; i < seen->room; i++)
		if (seen->slots[i] != 0)
			wider.slots[slot_of(&wider, seen->slots[i])] = seen->slots[i];
	*seen = wider;
}

bool jmap_seen_add(struct jmap_seen *seen, int64_t thread)
{
	if (seen->count * 2 >= seen->room)
		widen(seen);
	size_t at = slot_of(seen, thread);
	bool is_new = seen->slots[at] == 0;
	seen->slots[at] = thread;
	seen->count += is_new;
	return is_new;
}

/* ---- with all that is there ---- */

/* Of those that pass if they have attachments, which have. */
struct attachments { struct jmap_asking *asking; bool *pass; };

static void look_for_attachments(void *context, size_t index, const struct mime_part *root, struct arena *arena)
{
	struct attachments *attachments = context;
	struct jmap_body body;
	bool has = false;
	if (root) {
		jmap_body_read(root, arena, &body);
		has = jmap_body_has_attachment(&body);
	}
	attachments->pass[index] = jmap_filter_passes(attachments->asking->filter, attachments->asking->found[index], has) == PASSES;
}

/* `found` holds those that pass or may pass. */
static bool settle_attachments(struct jmap_asking *asking)
{
	struct attachments attachments = {asking, arena_array(asking->call->arena, asking->found_count + 1, sizeof(bool))};
	int64_t *has = arena_array(asking->call->arena, asking->found_count + 1, sizeof *has);
	size_t kept = 0;
	bool known;
	if (!jmap_keys_find(asking->call, EMAIL_KEY_ATTACHMENT, asking->found, asking->found_count, has, &known))
		return false;
	for (size_t i = 0; known && i < asking->found_count; i++)
		attachments.pass[i] = jmap_filter_passes(asking->filter, asking->found[i], has[i] != 0) == PASSES;
	if (!known && !jmap_summaries_visit(asking->call, asking->found, asking->found_count, look_for_attachments, &attachments))
		return false;
	for (size_t i = 0; i < asking->found_count; i++)
		if (attachments.pass[i])
			asking->found[kept++] = asking->found[i];
	asking->found_count = kept;
	return true;
}

static void collapse(struct jmap_asking *asking)
{
	struct jmap_seen seen = {.arena = asking->call->arena};
	size_t kept = 0;
	for (size_t i = 0; i < asking->found_count; i++)
		if (jmap_seen_add(&seen, asking->found[i]->thread))
			asking->found[kept++] = asking->found[i];
	asking->found_count = kept;
}

/* Reads the emails that come into question, and prepares the filter. False: answered. */
static bool read_all(struct jmap_asking *asking, bool whole)
{
	struct jmap_call *call = asking->call;
	struct error error;
	const int64_t *ids;
	size_t few;
	bool only;
	int64_t mailbox = whole ? 0 : jmap_filter_mailbox(asking->filter, &only);
	if (!jmap_asks_threads(asking) && !jmap_filter_prepare(call, asking->filter, NULL, 0))
		return false;
	bool done = !whole && jmap_results_few(asking, &ids, &few) ? read_few(asking, ids, few, &error)
							   : email_list(call->account, mailbox, call->arena, &asking->all, &asking->all_count, &asking->states, &error);
	if (!done)
		return jmap_fail_error(call, &error);
	return jmap_filter_prepare(call, asking->filter, asking->all, asking->all_count);
}

bool jmap_results_settle(struct jmap_asking *asking)
{
	if ((jmap_filter_asks_attachments(asking->filter) && !settle_attachments(asking)) ||
	    !jmap_sort_emails(asking->call, &asking->query, asking->found, asking->found_count, asking->all, asking->all_count))
		return false;
	if (asking->collapse)
		collapse(asking);
	return true;
}

static void note_ids(struct jmap_asking *asking)
{
	asking->ids = arena_array(asking->call->arena, asking->found_count + 1, sizeof *asking->ids);
	asking->id_count = asking->found_count;
	for (size_t i = 0; i < asking->found_count; i++)
		asking->ids[i] = asking->found[i]->id;
}

bool jmap_results_find(struct jmap_asking *asking, bool whole)
{
	struct jmap_call *call = asking->call;
	if (!read_all(asking, whole || jmap_asks_threads(asking)))
		return false;
	asking->found = arena_array(call->arena, asking->all_count + 1, sizeof *asking->found);
	asking->found_count = 0;
	for (size_t i = 0; i < asking->all_count; i++)
		if (jmap_filter_passes(asking->filter, &asking->all[i], -1) != PASSES_NOT)
			asking->found[asking->found_count++] = &asking->all[i];
	if (!jmap_results_settle(asking))
		return false;
	note_ids(asking);
	return true;
}
