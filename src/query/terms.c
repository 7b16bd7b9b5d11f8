/* What a person asks for (RFC 8621 §4.4.1), and whether a message has it. */
#include "base/array.h"
#include "query/search.h"

/* ---- reading ---- */

static struct slice take_phrase(struct slice *rest, struct arena *arena)
{
	char quote = rest->at[0], *out = arena_alloc(arena, rest->len);
	size_t len = 0, at = 1;
	for (; at < rest->len && rest->at[at] != quote; at++) {
		if (rest->at[at] == '\\' && at + 1 < rest->len)
			at++;
		out[len++] = rest->at[at];
	}
	*rest = slice_skip(*rest, at + 1);
	return slice_make(out, len);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct slice take_bare(struct slice *rest)
{
	size_t len = 0;
	while (len < rest->len && !is_blank(rest->at[len]) && rest->at[len] != '"')
		len++;
	struct slice bare = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	return bare;
}

/* A quote that has no counterpart is a character like any other: an apostrophe. */
static bool is_phrase(struct slice rest)
{
	if (rest.at[0] != '"' && rest.at[0] != '\'')
		return false;
	for (size_t i = 1; i < rest.len; i++) {
		if (rest.at[i] == '\\')
			i++;
		else if (rest.at[i] == rest.at[0])
			return true;
	}
	return false;
}

static void add_other(struct query_term *term, struct slice token)
{
	for (size_t i = 0; i < term->other_count; i++)
		if (slice_equal(term->others[i], token))
			return;
	term->others[term->other_count++] = token;
}

/* In whatever language the message is: its stems, and a word that is the stem itself. */
static void add_others(struct query_term *term, const struct query_word *word, struct query_stemmer *stemmer, struct arena *arena)
{
	term->others = arena_array(arena, (size_t)2 * QUERY_LANGUAGES, sizeof *term->others);
	for (int language = LANGUAGE_OTHER + 1; language < QUERY_LANGUAGES; language++) {
		struct slice stem = query_stem(stemmer, (enum query_language)language, word);
		if (stem.len > 0)
			add_other(term, arena_copy(arena, stem));
		else
			stem = word->folded;
		add_other(term, arena_printf(arena, "%c%c%.*s", QUERY_STEM_MARK, '0' + language, SLICE_ARG(stem)));
	}
}

/* The pairs of a run say all of it, so the character at its end isn't needed where the term ends with it, too; one that stands alone is the
 * beginning of a pair. */
static void end_term(struct query_term *term, const struct query_word *last, bool after_pair)
{
	if (!last->part || !last->last)
		return;
	term->prefix = !after_pair;
	term->count -= after_pair;
}

static bool read_term(struct slice text, bool quoted, struct query_stemmer *stemmer, struct arena *arena, struct query_term *term)
{
	struct query_reader reader = {.text = text};
	struct query_word word, last = {0};
	size_t room = 0;
	bool after_pair = false;
	*term = (struct query_term){0};
	while (term->count < QUERY_PHRASE_MAX && query_next_word(&reader, &word)) {
		ARENA_GROW(arena, term->words, term->count, room);
		term->words[term->count++] = arena_copy(arena, word.folded);
		after_pair = last.part && !last.last;
		last = word;
	}
	if (term->count == 0)
		return false;
	end_term(term, &last, after_pair);
	term->prefix = term->prefix || (!quoted && !last.part && slice_ends_nocase(text, SLICE("*")));
	if (term->count == 1 && !quoted && !term->prefix && !last.part)
		add_others(term, &last, stemmer, arena);
	return true;
}

void query_read_terms(struct slice text, unsigned columns, struct query_stemmer *stemmer, struct arena *arena, struct query_terms *terms)
{
	struct slice rest = text;
	*terms = (struct query_terms){.at = arena_array(arena, QUERY_TERMS_MAX, sizeof *terms->at), .columns = columns};
	bool blank = true;
	while (rest.len > 0 && terms->count < QUERY_TERMS_MAX) {
		if (is_blank(rest.at[0])) {
			rest = slice_skip(rest, 1);
			continue;
		}
		blank = false;
		bool quoted = is_phrase(rest);
		if (!quoted && rest.at[0] == '"') {
			rest = slice_skip(rest, 1);
			continue;
		}
		struct slice bare = quoted ? take_phrase(&rest, arena) : take_bare(&rest);
		terms->count += read_term(bare, quoted, stemmer, arena, &terms->at[terms->count]);
	}
	terms->nothing = !blank && terms->count == 0;
}

/* ---- matching ---- */

static bool is_one_of(const struct slice *list, size_t count, struct slice token)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(list[i], token))
			return true;
	return false;
}

static struct slice take_token(struct slice *tokens)
{
	struct slice token;
	slice_cut(*tokens, '\n', &token, tokens);
	return token;
}

/* The words of the term follow one another from here on; stems between them stand at the same places. */
static bool starts_with_term(struct slice tokens, const struct query_term *term)
{
	size_t at = 0;
	while (at < term->count && tokens.len > 0) {
		struct slice token = take_token(&tokens), word = term->words[at];
		if (token.len > 0 && token.at[0] == QUERY_STEM_MARK)
			continue;
		bool last = at + 1 == term->count;
		if (!(last && term->prefix ? slice_starts(token, word) : slice_equal(token, word)))
			return false;
		at++;
	}
	return at == term->count;
}

static bool has_term(struct slice tokens, const struct query_term *term)
{
	while (tokens.len > 0) {
		struct slice from = tokens, token = take_token(&tokens);
		if (is_one_of(term->others, term->other_count, token) ||
		    (token.len > 0 && token.at[0] != QUERY_STEM_MARK && starts_with_term(from, term)))
			return true;
	}
	return false;
}

bool query_terms_match(const struct query_terms *terms, const struct slice tokens[QUERY_COLUMNS])
{
	for (size_t i = 0; i < terms->count; i++) {
		bool found = false;
		for (int column = 0; column < QUERY_COLUMNS && !found; column++)
			found = (terms->columns >> column & 1) && has_term(tokens[column], &terms->at[i]);
		if (!found)
			return false;
	}
	return !terms->nothing;
}
