/* Fuzzing of words, what is asked for, snippets and grams. Before the first NUL stands what a person asks for, behind it the message: its tokens
 * are whole lines, a snippet is bounded and escaped, whatever is a part of a text has only grams of that. */
#include "query/narrow.h"
#include "query/search.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_words(struct slice text)
{
	struct query_reader reader = {.text = text};
	struct query_word word;
	for (size_t last = 0; query_next_word(&reader, &word); last = word.to) {
		must(word.folded.len > 0 && word.folded.len <= QUERY_WORD_MAX + 8 && word.lower.len <= QUERY_WORD_MAX + 8);
		must(word.from >= last && word.from < word.to && word.to <= text.len);
		must(slice_find_char(word.folded, '\n') == SLICE_NONE && (unsigned char)word.folded.at[0] > ' ');
	}
}

static void check_snippet(struct slice text, const struct query_terms *terms, struct query_stemmer *stemmer, struct arena *arena)
{
	struct slice snippet = query_snippet(text, terms, 1, LANGUAGE_ENGLISH, stemmer, QUERY_SNIPPET_MAX, arena);
	must(snippet.len <= QUERY_SNIPPET_MAX);
	for (size_t i = 0; i < snippet.len; i++) {
		struct slice rest = slice_skip(snippet, i);
		must(snippet.at[i] != '<' || slice_starts(rest, SLICE("<mark>")) || slice_starts(rest, SLICE("</mark>")));
	}
}

static bool has_gram(const struct query_grams *grams, struct slice wanted)
{
	char out[QUERY_GRAM_BYTES];
	struct slice gram;
	for (size_t cursor = 0; query_grams_next(grams, &cursor, out, &gram);)
		if (slice_equal(gram, wanted))
			return true;
	return false;
}

static void check_grams(struct slice text, struct arena *arena)
{
	struct query_grams whole = {0}, part = {0};
	struct slice folded = text_fold_blanks(slice_sub(text, 0, 300), arena), gram;
	char out[QUERY_GRAM_BYTES];
	size_t from = folded.len / 3, to = folded.len - folded.len / 4;
	while (from < folded.len && ((unsigned char)folded.at[from] & 0xc0) == 0x80)
		from++;
	while (to < folded.len && ((unsigned char)folded.at[to] & 0xc0) == 0x80)
		to++;
	query_grams_add(&whole, folded);
	query_grams_add(&part, to > from ? slice_sub(folded, from, to - from) : folded);
	for (size_t cursor = 0; query_grams_next(&part, &cursor, out, &gram);)
		must(has_gram(&whole, gram));
	query_grams_free(&whole);
	query_grams_free(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice asked, message;
	struct arena *arena = arena_new();
	static struct query_stemmer *stemmer; /* for all inputs: making one takes longer than all else */
	struct query_content content;
	struct query_terms terms;
	struct slice lists[QUERY_COLUMNS];
	struct buf tokens[QUERY_COLUMNS];
	stemmer = stemmer ? stemmer : query_stemmer_new();
	slice_cut(slice_make((const char *)data, size), '\0', &asked, &message);
	query_read_terms(asked, QUERY_IN_ALL, stemmer, arena, &terms);
	query_read_content(message, mime_parse(message, arena), NULL, NULL, arena, &content);
	for (int column = 0; column < QUERY_COLUMNS; column++) {
		tokens[column] = BUF(QUERY_TOKENS_MAX);
		query_write_tokens(&content, (enum query_column)column, stemmer, &tokens[column]);
		lists[column] = buf_slice(&tokens[column]);
		must(lists[column].len == 0 || lists[column].at[lists[column].len - 1] == '\n');
	}
	query_terms_match(&terms, lists);
	check_words(message);
	check_words(asked);
	check_snippet(message, &terms, stemmer, arena);
	check_grams(message, arena);
	for (int column = 0; column < QUERY_COLUMNS; column++)
		buf_free(&tokens[column]);
	arena_free(&arena);
	return 0;
}
