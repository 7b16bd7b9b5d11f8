/* Searching an account for words: the index is asked, and what it doesn't know is read and looked through. */
#include "base/array.h"
#include "base/memory.h"
#include "query/query.h"
#include "store/internal.h"

enum { SHOWN_AT_A_TIME = 1000 };

/* A search under way. */
struct finder {
	struct account *account;
	const struct search_text *wanted;
	struct arena *arena;          /* of the search */
	struct arena *message, *step; /* of the message that is looked at, see struct query_message */
	struct query_stemmer *stemmer;
	struct query_terms terms;     /* words … */
	struct query query;           /* … or a field of the header */
	bool (*is_over)(void *context);
	void *context;
	struct mail_ids found;
	bool everything;              /* nothing is asked for: all are found, unread */
};

static unsigned columns_of(enum search_place place)
{
	static const unsigned columns[] = {
		[SEARCH_TEXT] = QUERY_IN_ALL, [SEARCH_FROM] = 1 << QUERY_IN_FROM, [SEARCH_TO] = 1 << QUERY_IN_TO, [SEARCH_CC] = 1 << QUERY_IN_CC,
		[SEARCH_BCC] = 1 << QUERY_IN_BCC, [SEARCH_SUBJECT] = 1 << QUERY_IN_SUBJECT, [SEARCH_BODY] = 1 << QUERY_IN_BODY | 1 << QUERY_IN_ATTACHED,
		[SEARCH_ATTACHMENT_NAME] = 1 << QUERY_IN_NAME, [SEARCH_HEADER] = 0,
	};
	return columns[place];
}

/* ---- one message, read ---- */

static bool has_words(struct finder *finder, const struct index_message *read)
{
	struct query_content content;
	struct slice tokens[QUERY_COLUMNS];
	query_read_content(read->content, read->root, NULL, NULL, finder->message, &content);
	index_read_tokens(&content, finder->terms.columns, finder->stemmer, tokens);
	bool found = query_terms_match(&finder->terms, tokens);
	index_free_tokens(tokens);
	return found;
}

static bool matches(struct finder *finder, struct slice content)
{
	struct index_message read = {content, mime_parse(content, finder->message)};
	if (finder->wanted->place != SEARCH_HEADER)
		return has_words(finder, &read);
	struct query_message message = {.asks = &index_asks, .context = &read, .size = content.len, .arena = finder->message, .step = finder->step};
	return query_matches(&finder->query, &message);
}

/* One that can't be read isn't found. */
static void look_at(struct finder *finder, int64_t id)
{
	struct slice content;
	if (finder->everything) {
		mail_ids_add(&finder->found, id);
		return;
	}
	if (!blob_map(finder->account->folder, id, &content, NULL, NULL))
		return;
	if (matches(finder, content))
		mail_ids_add(&finder->found, id);
	blob_unmap(content);
	arena_reset(finder->message);
	arena_reset(finder->step);
}

static bool look_at_all(struct finder *finder, const int64_t *ids, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (finder->is_over && finder->is_over(finder->context))
			return error_set(error, ERROR_TEMPORARY, "the search was ended");
		look_at(finder, ids[i]);
	}
	return true;
}

/* ---- the search ---- */

static bool list_shown(struct account *account, int64_t after, int64_t *ids, size_t *count, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_shown(account->mail.db, after, ids, SHOWN_AT_A_TIME, count, error);
	account_leave(account);
	return done;
}

static bool search_everything(struct finder *finder, struct error *error)
{
	int64_t *ids = memory_array(SHOWN_AT_A_TIME, sizeof *ids), after = 0;
	size_t count = SHOWN_AT_A_TIME;
	bool done = true;
	while (done && count == SHOWN_AT_A_TIME) {
		done = list_shown(finder->account, after, ids, &count, error) && look_at_all(finder, ids, count, error);
		after = done && count > 0 ? ids[count - 1] : after;
	}
	free(ids);
	return done;
}

/* Words are found in the index; a header's text is only narrowed by it, and looked for in the messages. */
static bool ask_for_grams(void *context, const struct slice *grams, size_t count, struct arena *arena, struct query_ids *ids)
{
	struct account *account = context;
	return search_find_grams(account->search, grams, count, arena, ids, NULL);
}

static bool ask_index(struct finder *finder, struct query_ids *found, struct query_ids *unsure, struct error *error)
{
	struct account *account = finder->account;
	if (finder->wanted->place != SEARCH_HEADER)
		return search_find_words(account->search, &finder->terms, finder->arena, found, error);
	return query_narrow(&finder->query, ask_for_grams, account, finder->arena, unsure) ||
	       error_set(error, ERROR_TEMPORARY, "the index couldn't be asked");
}

static void add_found(struct finder *finder, const struct query_ids *found, const struct query_ids *gone)
{
	for (size_t i = 0; i < found->count; i++)
		if (!query_ids_have(gone, found->at[i]))
			mail_ids_add(&finder->found, found->at[i]);
}

/* *known: there is an index, which was asked. */
static bool search_index(struct finder *finder, bool *known, struct error *error)
{
	struct query_ids behind, gone, found = {0}, unsure = {0};
	*known = false;
	if (finder->everything || slice_empty(finder->wanted->text) || !index_enter(finder->account, finder->arena, &behind, &gone))
		return true;
	bool done = ask_index(finder, &found, &unsure, error);
	index_leave(finder->account);
	if (!done || unsure.all)
		return true; /* then all are read */
	*known = true;
	add_found(finder, &found, &gone);
	return look_at_all(finder, unsure.at, unsure.count, error) && look_at_all(finder, behind.at, behind.count, error);
}

static bool search_account(struct finder *finder, struct error *error)
{
	bool known;
	if (finder->terms.nothing)
		return true;
	if (finder->wanted->place != SEARCH_HEADER && finder->terms.count == 0)
		finder->everything = true;
	if (!search_index(finder, &known, error) || (!known && !search_everything(finder, error)))
		return false;
	struct query_ids all = {.at = finder->found.at, .count = finder->found.count};
	query_ids_sort(&all);
	finder->found.count = all.count;
	return true;
}

static void prepare(struct finder *finder)
{
	const struct search_text *wanted = finder->wanted;
	if (wanted->place != SEARCH_HEADER) {
		query_read_terms(wanted->text, columns_of(wanted->place), finder->stemmer, finder->arena, &finder->terms);
		return;
	}
	query_begin(&finder->query, finder->arena);
	struct query_node *node = query_node(&finder->query, QUERY_HEADER);
	node->field = wanted->field;
	node->text = query_text(&finder->query, wanted->text);
	query_put(&finder->query, finder->query.root, node);
}

static void start(struct finder *finder, struct account *account, const struct search_text *wanted, struct arena *arena)
{
	*finder = (struct finder){.account = account, .wanted = wanted, .arena = arena, .message = arena_new(), .step = arena_new(), .stemmer = query_stemmer_new()};
	prepare(finder);
}

static bool end(struct finder *finder, bool done, int64_t **ids, size_t *count)
{
	*count = done ? finder->found.count : 0;
	*ids = arena_array(finder->arena, *count + 1, sizeof **ids);
	if (*count > 0)
		memcpy(*ids, finder->found.at, *count * sizeof **ids);
	mail_ids_free(&finder->found);
	query_stemmer_free(&finder->stemmer);
	arena_free(&finder->message);
	arena_free(&finder->step);
	return done;
}

bool account_search(struct account *account, const struct search_text *wanted, bool (*is_over)(void *context), void *context, struct arena *arena,
		    int64_t **ids, size_t *count, struct error *error)
{
	struct finder finder;
	start(&finder, account, wanted, arena);
	finder.is_over = is_over;
	finder.context = context;
	return end(&finder, search_account(&finder, error), ids, count);
}

bool account_search_among(struct account *account, const struct search_text *wanted, const int64_t *among, size_t among_count, struct arena *arena,
			  int64_t **ids, size_t *count, struct error *error)
{
	struct finder finder;
	start(&finder, account, wanted, arena);
	finder.everything = wanted->place != SEARCH_HEADER && finder.terms.count == 0 && !finder.terms.nothing;
	return end(&finder, finder.terms.nothing || look_at_all(&finder, among, among_count, error), ids, count);
}

/* ---- what is shown of a message ---- */

/* The first piece of that column which has any of it. */
static struct slice snippet_of(const struct query_content *content, enum query_column column, const struct query_terms *terms, size_t count,
			       struct query_stemmer *stemmer, size_t most, struct arena *arena)
{
	struct slice snippet = {NULL, 0};
	for (size_t i = 0; i < content->count && !snippet.at; i++)
		if (content->pieces[i].column == column)
			snippet = query_snippet(content->pieces[i].text, terms, count, content->language, stemmer, most, arena);
	return snippet;
}

static size_t read_wanted(const struct search_text *wanted, size_t count, enum search_place place, struct query_stemmer *stemmer, struct arena *arena,
			  struct query_terms **terms)
{
	size_t used = 0;
	*terms = arena_array(arena, count + 1, sizeof **terms);
	for (size_t i = 0; i < count; i++)
		if (wanted[i].place == place || wanted[i].place == SEARCH_TEXT)
			query_read_terms(wanted[i].text, QUERY_IN_ALL, stemmer, arena, &(*terms)[used++]);
	return used;
}

static void make_snippet(struct slice message, const struct search_text *wanted, size_t count, struct arena *arena, struct search_snippet *snippet)
{
	struct arena *step = arena_new();
	struct query_stemmer *stemmer = query_stemmer_new();
	struct query_content content;
	struct query_terms *subject, *body;
	query_read_content(message, mime_parse(message, step), NULL, NULL, step, &content);
	size_t subject_count = read_wanted(wanted, count, SEARCH_SUBJECT, stemmer, step, &subject);
	size_t body_count = read_wanted(wanted, count, SEARCH_BODY, stemmer, step, &body);
	struct slice shown = snippet_of(&content, QUERY_IN_SUBJECT, subject, subject_count, stemmer, QUERY_SNIPPET_SUBJECT_MAX, step);
	snippet->subject = shown.at ? arena_copy(arena, shown) : shown;
	shown = snippet_of(&content, QUERY_IN_BODY, body, body_count, stemmer, QUERY_SNIPPET_MAX, step);
	if (!shown.at)
		shown = snippet_of(&content, QUERY_IN_ATTACHED, body, body_count, stemmer, QUERY_SNIPPET_MAX, step);
	snippet->preview = shown.at ? arena_copy(arena, shown) : shown;
	query_stemmer_free(&stemmer);
	arena_free(&step);
}

bool message_snippet(struct account *account, int64_t id, const struct search_text *wanted, size_t wanted_count, struct arena *arena,
		     struct search_snippet *snippet, struct error *error)
{
	struct slice content;
	uint64_t size;
	if (!account_enter(account, error))
		return false;
	bool done = mail_size(account->mail.db, id, &size, error);
	account_leave(account);
	if (!done || !blob_map(account->folder, id, &content, NULL, error))
		return false;
	make_snippet(content, wanted, wanted_count, arena, snippet);
	blob_unmap(content);
	return true;
}

/* ---- narrowing ---- */

static bool narrow(struct account *account, const struct query *query, struct arena *arena, struct query_ids *ids)
{
	struct query_ids behind, gone, one;
	*ids = (struct query_ids){.all = true};
	if (!query->root->has_text || !index_enter(account, arena, &behind, &gone))
		return false;
	bool done = query_narrow(query, ask_for_grams, account, arena, &one);
	index_leave(account);
	if (!done || one.all)
		return false;
	*ids = (struct query_ids){.at = arena_array(arena, one.count + behind.count + 1, sizeof *ids->at), .count = one.count + behind.count};
	if (one.count > 0)
		memcpy(ids->at, one.at, one.count * sizeof *one.at);
	if (behind.count > 0)
		memcpy(ids->at + one.count, behind.at, behind.count * sizeof *behind.at);
	query_ids_sort(ids);
	return true;
}

bool mailbox_narrow(struct account *account, int64_t mailbox, const struct query *query, struct arena *arena, uint32_t **uids, size_t *count,
		    bool *narrowed, struct error *error)
{
	struct query_ids ids;
	*narrowed = narrow(account, query, arena, &ids);
	if (!*narrowed)
		return true;
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_places(account->mail.db, mailbox, ids.at, ids.count, arena, uids, count, error);
	account_leave(account);
	return done;
}
