/* Adding drafts to the account. First every draft is hashed, parsed and written, without any lock; then one transaction gives ids and
 * UIDs, adds the rows and gives the files their names, last of all, just before it commits. If that commit fails the files go again. */
#include "base/memory.h"
#include "store/draft.h"

static bool insert_rows(struct change *change, struct draft *draft, struct placement *placement, struct error *error)
{
	struct mail_placement new = {.mailbox = placement->mailbox, .message = draft->id, .flags = placement->flags, .keywords = draft->keywords,
		.size = draft->size, .received = draft->received};
	if (!mail_add(change, &new, draft->hash, &draft->gist, error))
		return false;
	placement->id = draft->id;
	placement->uid = new.uid;
	placement->thread = new.thread;
	placement->modseq = change_modseq(change);
	if (!mail_add_also(change, &new, placement->also, placement->also_count, error))
		return false;
	return placement->delivery_id == 0 || mail_add_delivery(change, placement, draft->keywords, error);
}

static bool add(struct change *change, struct draft *draft, struct placement *placement, struct error *error)
{
	placement->duplicate = false;
	if (placement->delivery_id != 0 && (!mail_find_placed(change, placement, error) || placement->duplicate))
		return placement->duplicate;
	if (!mail_change_keywords(slice_make(NULL, 0), FLAGS_SET, placement->keywords, draft->arena, &draft->keywords, error) ||
	    !change_check_quota(change, draft->size + draft->keywords.len, error))
		return false;
	draft->id = change_next_id(change);
	draft->received = placement->received ? placement->received : change->now;
	return insert_rows(change, draft, placement, error);
}

static bool name_file(struct draft *draft, struct error *error)
{
	return draft->named = blob_put(draft->account->folder, draft->id, &draft->path, error);
}

static bool add_all(struct change *change, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!add(change, drafts[i], &placements[i], error))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!placements[i].duplicate && !name_file(drafts[i], error))
			return false;
	return true;
}

static struct mail_uid_need *list_needs(const struct placement *placements, size_t count, size_t *need_count)
{
	size_t room = count;
	for (size_t i = 0; i < count; i++)
		room += placements[i].also_count;
	struct mail_uid_need *needs = memory_array(room, sizeof *needs);
	for (size_t i = 0; i < count; i++) {
		needs[(*need_count)++] = (struct mail_uid_need){placements[i].mailbox, (uint32_t)count};
		for (size_t k = 0; k < placements[i].also_count; k++)
			needs[(*need_count)++] = (struct mail_uid_need){placements[i].also[k], (uint32_t)count};
	}
	return needs;
}

static bool commit(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	struct change change;
	size_t need_count = 0;
	struct mail_uid_need *needs = list_needs(placements, count, &need_count);
	bool begun = account_begin(account, needs, need_count, &change, error);
	free(needs);
	return begun && account_end(account, &change, add_all(&change, drafts, placements, count, error), error);
}

/* What the journal is to keep of a draft. */
static struct durable_kept kept_draft(const struct draft *draft, const struct placement *placement)
{
	struct durable_kept kept = {
		.account = draft->account->name, .keywords = draft->keywords, .content = buf_slice(&draft->buffer), .id = draft->id,
		.mailbox = placement->mailbox, .modseq = placement->modseq, .received = draft->received, .uid = placement->uid,
		.flags = placement->flags & STORED_FLAGS,
	};
	memcpy(kept.hash, draft->hash, sizeof kept.hash);
	return kept;
}

/* What was committed reaches the disk by way of the journal, or where it is. */
static bool make_durable(struct store *store, struct draft **drafts, const struct placement *placements, size_t count, struct error *error)
{
	uint64_t bytes = 0;
	bool whole = store->options.journal;
	struct durable_kept *list = memory_array(count, sizeof *list);
	for (size_t i = 0; i < count; i++) {
		list[i] = kept_draft(drafts[i], &placements[i]);
		bytes += drafts[i]->size;
		whole = whole && list[i].content.len == drafts[i]->size && placements[i].delivery_id == 0 && placements[i].also_count == 0;
	}
	bool done = whole && bytes <= KEPT_BYTES ? durable_keep(store->durable, list, count, error) : store_sync(store, error);
	free(list);
	return done;
}

static bool commit_drafts(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < count; i++)
		done = draft_prepare(account, drafts[i], placements[i].received, error);
	if (done && count > 0)
		done = commit(account, drafts, placements, count, error);
	for (size_t i = 0; !done && i < count; i++)
		drafts[i]->named = false; /* nothing was committed: its file goes, whatever its name is */
	return done;
}

static void free_drafts(struct draft **drafts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		draft_abort(&drafts[i]);
}

bool draft_commit(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = commit_drafts(account, drafts, placements, count, error);
	free_drafts(drafts, count);
	return done;
}

bool draft_commit_durably(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = commit_drafts(account, drafts, placements, count, error) &&
		    make_durable(account->store, drafts, placements, count, error);
	free_drafts(drafts, count);
	return done;
}

/* ---- Instead: to be taken in by whoever opens the account next, see arrival.c ---- */

/* What is a file already, of another or since it is large, is one step further. */
static bool arrive_as_file(struct draft *draft, struct arrival *arrival, struct error *error)
{
	if (!draft_prepare(draft->account, draft, arrival->received, error))
		return false;
	arrival->size = draft->size;
	memcpy(arrival->hash, draft->hash, sizeof arrival->hash);
	return draft->named = arrival_add_file(draft->account, draft->path, arrival, error);
}

static bool arrive(struct draft *draft, struct arrival *arrival, struct error *error)
{
	if (draft->failed && error)
		*error = draft->error;
	if (draft->failed || !draft_end_content(draft, error))
		return false;
	return draft->path ? arrive_as_file(draft, arrival, error) : arrival_add(draft->account, buf_slice(&draft->buffer), arrival, error);
}

bool draft_arrive(struct draft **draft, struct arrival *arrival, struct error *error)
{
	bool done = arrive(*draft, arrival, error);
	draft_abort(draft);
	return done;
}
