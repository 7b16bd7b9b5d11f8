/* A message as the index has it: the tokens of its words, and the grams of all that searches for substrings see. */
#include "base/memory.h"
#include "message/summary.h"
#include "store/internal.h"

/* ---- for who looks at a message that is in memory ---- */

static bool read_content(void *context, uint64_t offset, uint64_t length, char *at)
{
	const struct index_message *read = context;
	struct slice part = slice_sub(read->content, (size_t)offset, (size_t)length);
	if (part.len < length)
		return false;
	memcpy(at, part.at, part.len);
	return true;
}

static const struct mime_part *structure_of(void *context) { return ((struct index_message *)context)->root; }
static bool lend(void *context, uint64_t bytes) { return (void)context, (void)bytes, true; }
static void take_back(void *context, uint64_t bytes) { (void)context, (void)bytes; }

const struct query_asks index_asks = {.read = read_content, .structure = structure_of, .borrow = lend, .repay = take_back};

/* ---- a document ---- */

void index_read_tokens(const struct query_content *content, unsigned columns, struct query_stemmer *stemmer, struct slice tokens[QUERY_COLUMNS])
{
	for (int column = 0; column < QUERY_COLUMNS; column++) {
		struct buf out = BUF(QUERY_TOKENS_MAX);
		if (columns >> column & 1)
			query_write_tokens(content, (enum query_column)column, stemmer, &out);
		tokens[column] = buf_slice(&out);
	}
}

void index_free_tokens(struct slice tokens[QUERY_COLUMNS])
{
	for (int column = 0; column < QUERY_COLUMNS; column++) {
		free((char *)tokens[column].at);
		tokens[column] = slice_make(NULL, 0);
	}
}

/* By the structure that a search for substrings goes by: the summary's, if that is as it should be. */
static bool read_grams(struct slice content, struct slice summary, const struct mime_part *parsed, struct arena *arena, struct arena *step,
		       struct query_grams *grams)
{
	const struct mime_part *root = summary.len > 0 && summary_is_current(summary) ? summary_decode(summary, arena) : NULL;
	struct index_message read = {content, root ? root : parsed};
	struct query_message message = {.asks = &index_asks, .context = &read, .size = content.len, .arena = arena, .step = step};
	return query_grams_of(&message, grams) && !grams->overflow;
}

/* As who shows messages has them: of what is kept beside the message. */
static void read_keys(const struct index_source *source, const struct index_options *options, struct arena *arena, struct index_document *document)
{
	struct email_keys keys = {0};
	const struct mime_part *root = options->describe && source->summary.len > 0 ? summary_decode(source->summary, arena) : NULL;
	if (!root)
		return;
	options->describe(root, arena, &keys);
	document->keys = (struct search_keys){.texts = {keys.from, keys.to, keys.subject}, .sent = keys.sent, .attachment = keys.attachment};
	document->search.keys = &document->keys;
}

void index_read_document(const struct index_source *source, const struct index_options *options, struct query_stemmer *stemmer, struct arena *arena,
			 struct arena *step, struct index_document *document)
{
	struct query_content content;
	const struct mime_part *root = mime_parse(source->content, arena);
	*document = (struct index_document){.search.message = source->id};
	query_read_content(source->content, root, options->extract, options->context, arena, &content);
	index_read_tokens(&content, QUERY_IN_ALL, stemmer, document->search.tokens);
	read_keys(source, options, arena, document);
	document->search.grams = read_grams(source->content, source->summary, root, arena, step, &document->grams) ? &document->grams : NULL;
}

void index_free_document(struct index_document *document)
{
	index_free_tokens(document->search.tokens);
	query_grams_free(&document->grams);
}
