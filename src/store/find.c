/* Searching an account for words: what isn't indexed is read and looked through. */
#include "base/array.h"
#include "base/memory.h"
#include "query/query.h"
#include "query/search.h"
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

struct read_message { struct slice content; const struct mime_part *root; };

static bool read_content(void *context, uint64_t offset, uint64_t length, char *at)
{
	const struct read_message *read = context;
	struct slice part = slice_sub(read->content, (size_t)offset, (size_t)length);
	if (part.len < length)
		return false;
	memcpy(at, part.at, part.len);
	return true;
}

static const struct mime_part *structure_of(void *context) { return ((struct read_message *)context)->root; }
static bool lend(void *context, uint64_t bytes) { return (void)context, (void)bytes, true; }
static void take_back(void *context, uint64_t bytes) { (void)context, (void)bytes; }

static const struct query_asks asks = {.read = read_content, .structure = structure_of, .borrow = lend, .repay = take_back};

static bool has_words(struct finder *finder, const struct read_message *read)
{
	struct query_content content;
	struct buf tokens[QUERY_COLUMNS];
	struct slice lists[QUERY_COLUMNS];
	query_read_content(read->content, read->root, NULL, NULL, finder->message, &content);
	for (int column = 0; column < QUERY_COLUMNS; column++) {
		tokens[column] = BUF(QUERY_TOKENS_MAX);
		if (finder->terms.columns >> column & 1)
			query_write_tokens(&content, (enum query_column)column, finder->stemmer, &tokens[column]);
		lists[column] = buf_slice(&tokens[column]);
	}
	bool found = query_terms_match(&finder->terms, lists);
	for (int column = 0; column < QUERY_COLUMNS; column++)
		buf_free(&tokens[column]);
	return found;
}

static bool matches(struct finder *finder, struct slice content)
{
	struct read_message read = {content, mime_parse(content, finder->message)};
	if (finder->wanted->place != SEARCH_HEADER)
		return has_words(finder, &read);
	struct query_message message = {.asks = &asks, .context = &read, .size = content.len, .arena = finder->message, .step = finder->step};
	return query_matches(&finder->query, &message);
}

/* One that can't be read isn't found. */
static void look_at(struct finder *finder, int64_t id)
{
	struct slice content;
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

bool account_search(struct account *account, const struct search_text *wanted, bool (*is_over)(void *context), void *context, struct arena *arena,
		    int64_t **ids, size_t *count, struct error *error)
{
	struct finder finder = {.account = account, .wanted = wanted, .arena = arena, .message = arena_new(), .step = arena_new(),
				.stemmer = query_stemmer_new(), .is_over = is_over, .context = context};
	prepare(&finder);
	bool done = finder.terms.nothing || search_everything(&finder, error);
	*count = done ? finder.found.count : 0;
	*ids = arena_array(arena, *count + 1, sizeof **ids);
	if (*count > 0)
		memcpy(*ids, finder.found.at, *count * sizeof **ids);
	mail_ids_free(&finder.found);
	query_stemmer_free(&finder.stemmer);
	arena_free(&finder.message);
	arena_free(&finder.step);
	return done;
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
