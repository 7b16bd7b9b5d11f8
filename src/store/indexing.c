/* Bringing an account's index up to date: what has changed is noted first, then what waits is read and put in, some messages in each
 * transaction, so that nobody waits for it and a crash costs a moment's work. */
#include <unistd.h>

#include "base/clock.h"

#include "store/internal.h"

enum {
	LIVE_AT_A_TIME = 1000,
	TRANSACTION_MESSAGES = 500,
	TRANSACTION_BYTES = 32 * 1024 * 1024, /* of messages, in one transaction */
};

struct indexing {
	struct account *account;
	const struct index_options *options;
	struct arena *arena, *message, *step;
	struct query_stemmer *stemmer;
	uint64_t bytes; /* of messages in this transaction */
};

/* ---- what has changed ---- */

struct noted { struct mail_ids touched, left; int64_t modseq; bool complete; };

static bool read_changes(struct account *account, int64_t since, struct noted *noted, struct error *error)
{
	struct mail_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error) &&
		    (row.modseq >= since || error_set(error, ERROR_INVALID, "the index is of a later time than the account")) &&
		    (row.modseq == since || (mail_list_touched(account->mail.db, since, &noted->touched, error) &&
					     mail_list_left(account->mail.db, since, &noted->left, &noted->complete, error)));
	noted->modseq = row.modseq;
	account_leave(account);
	return done;
}

/* When the log of what has gone doesn't reach back, every document is compared. */
static bool remove_strays(struct indexing *indexing, struct error *error)
{
	struct account *account = indexing->account;
	struct query_ids ids = {.count = LIVE_AT_A_TIME};
	for (int64_t after = 0; ids.count == LIVE_AT_A_TIME; after = ids.count > 0 ? ids.at[ids.count - 1] : 0) {
		arena_reset(indexing->message);
		if (!search_list_documents(account->search, after, LIVE_AT_A_TIME, indexing->message, &ids, error))
			return false;
		for (size_t i = 0; i < ids.count; i++) {
			bool shown = false;
			if (!account_enter(account, error))
				return false;
			bool done = mail_is_shown(account->mail.db, ids.at[i], &shown, error);
			account_leave(account);
			if (!done || (!shown && !search_remove(account->search, ids.at[i], error)))
				return false;
		}
	}
	return true;
}

static bool write_changes(struct indexing *indexing, const struct noted *noted, struct error *error)
{
	struct search *search = indexing->account->search;
	for (size_t i = 0; i < noted->touched.count; i++)
		if (!search_wait(search, noted->touched.at[i], error))
			return false;
	for (size_t i = 0; i < noted->left.count; i++)
		if (!search_remove(search, noted->left.at[i], error))
			return false;
	return (noted->complete || remove_strays(indexing, error)) && search_set_modseq(search, noted->modseq, error);
}

static bool note_changes(struct indexing *indexing, struct search_state *state, struct error *error)
{
	struct search *search = indexing->account->search;
	struct noted noted = {.complete = true};
	if (!search_begin(search, true, error))
		return false;
	bool done = search_read_state(search, state, error) && read_changes(indexing->account, state->modseq, &noted, error) &&
		    (noted.modseq == state->modseq || write_changes(indexing, &noted, error)) && search_read_state(search, state, error);
	mail_ids_free(&noted.touched);
	mail_ids_free(&noted.left);
	return search_end(search, done, error);
}

/* ---- one message ---- */

static bool read_summary(struct account *account, int64_t id, struct slice *summary, struct arena *arena, bool *shown, struct error *error)
{
	struct mail_content content;
	struct mail_gist gist;
	bool there;
	if (!account_enter(account, error))
		return false;
	bool done = mail_read_content(account->mail.db, id, &content, &gist, arena, &there, error);
	account_leave(account);
	*summary = done && there ? gist.summary : slice_make(NULL, 0);
	*shown = done && there && content.refs > 0;
	return done;
}

static bool add_content(struct indexing *indexing, const struct index_source *source, struct error *error)
{
	struct index_document document;
	index_read_document(source, indexing->options, indexing->stemmer, indexing->message, indexing->step, &document);
	bool done = search_add(indexing->account->search, &document.search, error);
	index_free_document(&document);
	return done;
}

/* One whose file can't be read may hold anything. */
static bool add_message(struct indexing *indexing, int64_t id, struct error *error)
{
	struct account *account = indexing->account;
	struct index_source source = {.id = id};
	bool shown;
	if (!read_summary(account, id, &source.summary, indexing->message, &shown, error))
		return false;
	if (!shown)
		return search_remove(account->search, id, error);
	if (!blob_map(account->folder, id, &source.content, NULL, NULL))
		return search_add(account->search, &(struct search_document){.message = id}, error);
	bool done = add_content(indexing, &source, error);
	indexing->bytes += source.content.len;
	blob_unmap(source.content);
	return done;
}

/* ---- some messages ---- */

static bool is_over(const struct indexing *indexing)
{
	return indexing->options->is_over && indexing->options->is_over(indexing->options->context);
}

static bool add_some(struct indexing *indexing, const struct query_ids *ids, struct error *error)
{
	for (size_t i = 0; i < ids->count && indexing->bytes < TRANSACTION_BYTES && !is_over(indexing); i++) {
		bool done = add_message(indexing, ids->at[i], error);
		arena_reset(indexing->message);
		arena_reset(indexing->step);
		if (!done)
			return false;
	}
	return true;
}

/* *count: how many waited. */
static bool index_some(struct indexing *indexing, size_t *count, struct error *error)
{
	struct search *search = indexing->account->search;
	struct query_ids ids = {0};
	indexing->bytes = 0;
	arena_reset(indexing->arena);
	if (!search_begin(search, true, error))
		return false;
	bool done = search_list_waiting(search, TRANSACTION_MESSAGES, indexing->arena, &ids, error) && add_some(indexing, &ids, error);
	*count = ids.count;
	return search_end(search, done, error);
}

/* ---- the account ---- */

/* An index that is worn goes, and is made anew at once: meanwhile who searches reads. */
static bool renew_if_worn(struct indexing *indexing, struct search_state *state, struct error *error)
{
	if (!search_is_worn(state))
		return true;
	index_discard(indexing->account, "most of it is of messages that have gone");
	return index_open(indexing->account, true, error) && note_changes(indexing, state, error);
}

static bool is_worth_it(struct indexing *indexing, bool *worth, struct error *error)
{
	struct mail_row row;
	if (!account_enter(indexing->account, error))
		return false;
	bool done = change_read_row(indexing->account->mail.db, &row, error);
	account_leave(indexing->account);
	*worth = done && row.messages >= (int64_t)indexing->options->least;
	return done;
}

/* When all is indexed, words of what has gone are taken out. The index is opened anew then. */
static bool tidy(struct indexing *indexing, const struct search_state *state, bool *more, struct error *error)
{
	struct search *search = indexing->account->search;
	bool over = false;
	if (!search_is_to_be_purged(state, clock_now()))
		return true;
	if (!search_begin(search, true, error))
		return false;
	bool done = search_purge(search, indexing->options->is_over, indexing->options->context, &over, error);
	*more = true;
	if (!search_end(search, done && !over, error))
		return done && over;
	search_empty_log(search);
	search_close(&indexing->account->search);
	return true;
}

/* *left: words of what has gone are there still. */
static bool bring_up_to_date(struct indexing *indexing, bool *more, bool *left, struct error *error)
{
	struct search_state state;
	size_t waiting = 0;
	bool worth = true;
	if (!index_open(indexing->account, false, NULL) &&
	    (!is_worth_it(indexing, &worth, error) || !worth || !index_open(indexing->account, true, error)))
		return !worth;
	if (!note_changes(indexing, &state, error) || !renew_if_worn(indexing, &state, error))
		return false;
	*left = state.removed > 0;
	if (!state.waiting)
		return tidy(indexing, &state, more, error);
	bool done = index_some(indexing, &waiting, error);
	*more = waiting == TRANSACTION_MESSAGES || indexing->bytes >= TRANSACTION_BYTES || is_over(indexing) || search_is_to_be_purged(&state, clock_now());
	return done;
}

bool account_index(struct account *account, const struct index_options *options, bool *more, struct error *error)
{
	struct indexing indexing = {.account = account, .options = options, .arena = arena_new(), .message = arena_new(), .step = arena_new(),
				    .stemmer = query_stemmer_new()};
	struct error cause = {0};
	*more = false;
	int64_t begun_ms = clock_now_ms();
	pthread_mutex_lock(&account->search_lock);
	bool left = false, done = bring_up_to_date(&indexing, more, &left, &cause);
	if (done && !*more && !left && account->search)
		index_mark_current(account, begun_ms);
	else
		index_mark_behind(account);
	if (!done && cause.kind == ERROR_INVALID && account->search) {
		index_discard(account, cause.text); /* and is made anew the next time */
		*more = done = true;
	}
	pthread_mutex_unlock(&account->search_lock);
	query_stemmer_free(&indexing.stemmer);
	arena_free(&indexing.arena);
	arena_free(&indexing.message);
	arena_free(&indexing.step);
	return done || error_set(error, cause.kind, "%s", cause.text);
}

bool account_drop_index(struct account *account)
{
	char path[PATH_MAX];
	index_path(account, path);
	pthread_mutex_lock(&account->search_lock);
	bool there = access(path, F_OK) == 0;
	if (there)
		index_discard(account, "it isn't wanted any more");
	pthread_mutex_unlock(&account->search_lock);
	return there;
}
