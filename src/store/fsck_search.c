/* Comparing an account's index with its messages: each is read anew, and what the index says of it has to be the same; what is wrong is taken out,
 * and waits to be put in again by the server. */

#include "base/random.h"
#include "store/internal.h"

enum { AT_A_TIME = 1000 };

struct comparing {
	struct account *account;
	struct fsck_report *report;
	bool repair;
	struct arena *arena, *message, *step;
	struct query_stemmer *stemmer;
	struct mail_ids wrong;   /* to be indexed anew */
	struct mail_ids strays;  /* to be taken out */
};

static void found(struct comparing *comparing, const char *problem, int64_t message)
{
	char text[128], id[ID_TEXT_LEN + 1];
	id_format(message, id);
	snprintf(text, sizeof text, "the index %s message %s", problem, id);
	comparing->report->problems++;
	comparing->report->repaired += comparing->repair;
	if (comparing->report->found)
		comparing->report->found(comparing->report->context, comparing->account->name, slice_of(text));
}

/* ---- one message ---- */

static bool sums_of_message(struct comparing *comparing, int64_t id, struct search_sums *sums, bool *shown)
{
	struct account *account = comparing->account;
	struct index_source source = {.id = id};
	struct index_document document;
	struct mail_content content;
	struct mail_gist gist = {0};
	*shown = false;
	if (!account_enter(account, NULL))
		return false;
	bool done = mail_read_content(account->mail.db, id, &content, &gist, comparing->message, shown, NULL);
	account_leave(account);
	source.summary = gist.summary;
	*shown = *shown && content.refs > 0;
	if (!done || !*shown || !blob_map(account->folder, id, &source.content, NULL, NULL))
		return false;
	index_read_document(&source, &(struct index_options){0}, comparing->stemmer, comparing->message, comparing->step, &document);
	search_sums(&document.search, sums);
	index_free_document(&document);
	blob_unmap(source.content);
	return true;
}

static void compare(struct comparing *comparing, const struct search_sums *indexed)
{
	struct search_sums sums;
	bool shown;
	bool read = sums_of_message(comparing, indexed->message, &sums, &shown);
	arena_reset(comparing->message);
	arena_reset(comparing->step);
	if (!shown) {
		found(comparing, "has what no mailbox shows,", indexed->message);
		mail_ids_add(&comparing->strays, indexed->message);
	} else if (read && (sums.words != indexed->words || sums.any != indexed->any || (!sums.any && sums.grams != indexed->grams))) {
		found(comparing, "says something else than", indexed->message);
		mail_ids_add(&comparing->wrong, indexed->message);
	}
}

/* ---- all messages ---- */

static int compare_sums(const void *id, const void *sums)
{
	int64_t a = *(const int64_t *)id, b = ((const struct search_sums *)sums)->message;
	return (a > b) - (a < b);
}

/* Those that mailboxes show, and the index knows nothing of, not even that they wait. */
static bool find_missing(struct comparing *comparing, const struct search_sums *list, size_t count, const struct query_ids *behind, struct error *error)
{
	struct account *account = comparing->account;
	int64_t ids[AT_A_TIME], after = 0;
	size_t got = AT_A_TIME;
	while (got == AT_A_TIME) {
		if (!account_enter(account, error))
			return false;
		bool done = mail_list_shown(account->mail.db, after, ids, AT_A_TIME, &got, error);
		account_leave(account);
		if (!done)
			return false;
		for (size_t i = 0; i < got; i++) {
			bool indexed = count > 0 && bsearch(&ids[i], list, count, sizeof *list, compare_sums);
			if (indexed || query_ids_have(behind, ids[i]))
				continue;
			found(comparing, "lacks", ids[i]);
			mail_ids_add(&comparing->wrong, ids[i]);
		}
		after = got > 0 ? ids[got - 1] : after;
	}
	return true;
}

static bool compare_all(struct comparing *comparing, bool *damaged, struct error *error)
{
	struct search_sums *list;
	struct query_ids behind, gone;
	size_t count;
	*damaged = false;
	if (!index_enter(comparing->account, comparing->arena, &behind, &gone))
		return true; /* there is none: nothing is wrong */
	*damaged = !search_list_sums(comparing->account->search, &list, &count, error);
	index_leave(comparing->account);
	if (*damaged)
		return true;
	for (size_t i = 0; i < count; i++)
		if (!query_ids_have(&gone, list[i].message))
			compare(comparing, &list[i]);
	bool done = find_missing(comparing, list, count, &behind, error);
	free(list);
	return done;
}

static bool mend(struct comparing *comparing, struct error *error)
{
	struct account *account = comparing->account;
	if (!index_open(account, false, error) || !search_begin(account->search, true, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < comparing->strays.count; i++)
		done = search_remove(account->search, comparing->strays.at[i], error);
	for (size_t i = 0; done && i < comparing->wrong.count; i++)
		done = search_remove(account->search, comparing->wrong.at[i], error) && search_wait(account->search, comparing->wrong.at[i], error);
	index_mark_behind(account);
	return search_end(account->search, done, error);
}

static bool conclude(struct comparing *comparing, bool damaged, struct error *error)
{
	struct account *account = comparing->account;
	bool done = true;
	pthread_mutex_lock(&account->search_lock);
	if (damaged && comparing->repair)
		index_discard(account, "it is damaged");
	else if (comparing->repair && comparing->wrong.count + comparing->strays.count > 0)
		done = mend(comparing, error);
	pthread_mutex_unlock(&account->search_lock);
	return done;
}

static bool check(struct comparing *comparing, struct error *error)
{
	struct error cause = {0};
	bool damaged;
	if (!compare_all(comparing, &damaged, &cause))
		return error_set(error, cause.kind, "%s", cause.text);
	if (damaged) {
		comparing->report->problems++;
		comparing->report->repaired += comparing->repair;
		if (comparing->report->found)
			comparing->report->found(comparing->report->context, comparing->account->name, SLICE("the index is damaged"));
	}
	return conclude(comparing, damaged, error);
}

bool store_fsck_search(struct store *store, struct slice account, bool repair, struct fsck_report *report, struct error *error)
{
	struct comparing comparing = {.account = store_open_account(store, account, error), .report = report, .repair = repair};
	if (!comparing.account)
		return false;
	comparing.arena = arena_new();
	comparing.message = arena_new();
	comparing.step = arena_new();
	comparing.stemmer = query_stemmer_new();
	bool done = check(&comparing, error);
	query_stemmer_free(&comparing.stemmer);
	arena_free(&comparing.arena);
	arena_free(&comparing.message);
	arena_free(&comparing.step);
	mail_ids_free(&comparing.wrong);
	mail_ids_free(&comparing.strays);
	store_release_account(&comparing.account);
	return done;
}
