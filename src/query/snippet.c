/* The part of a text that shows what was found in it (RFC 8621 §5). */
#include "base/array.h"
#include "query/search.h"

enum {
	SEARCHED_MAX = 256 * 1024, /* bytes of a text that are looked through */
	BEFORE_MAX = 60,           /* bytes that are shown before the first hit */
	ESCAPED_MAX = 8,
};

struct shown_word { struct slice folded, stem; size_t from, to; bool hit; };

struct shown_words { struct shown_word *at; size_t count, room; };

static const struct slice OPENING = SLICE("<mark>"), CLOSING = SLICE("</mark>");

static void read_words(struct slice text, enum query_language language, struct query_stemmer *stemmer, struct arena *arena, struct shown_words *words)
{
	struct query_reader reader = {.text = text};
	struct query_word word;
	while (query_next_word(&reader, &word)) {
		struct slice stem = query_stem(stemmer, language, &word);
		ARENA_GROW(arena, words->at, words->count, words->room);
		words->at[words->count++] = (struct shown_word){
			.folded = arena_copy(arena, word.folded), .from = word.from, .to = word.to,
			.stem = stem.len == 0 ? stem : arena_printf(arena, "%c%c%.*s", QUERY_STEM_MARK, '0' + (int)language, SLICE_ARG(stem)),
		};
	}
}

static bool is_one_of(const struct query_term *term, struct slice token)
{
	for (size_t i = 0; token.len > 0 && i < term->other_count; i++)
		if (slice_equal(term->others[i], token))
			return true;
	return false;
}

static bool is_term(const struct shown_words *words, size_t at, const struct query_term *term)
{
	if (is_one_of(term, words->at[at].folded) || is_one_of(term, words->at[at].stem))
		return true;
	if (words->count - at < term->count)
		return false;
	for (size_t i = 0; i < term->count; i++) {
		struct slice folded = words->at[at + i].folded;
		bool same = i + 1 == term->count && term->prefix ? slice_starts(folded, term->words[i]) : slice_equal(folded, term->words[i]);
		if (!same)
			return false;
	}
	return true;
}

/* A pair's second character belongs to what was found, too. */
static void mark_hit(struct shown_words *words, size_t at, const struct query_term *term)
{
	for (size_t i = 0; i < term->count; i++)
		words->at[at + i].hit = true;
	size_t last = at + term->count - 1;
	struct slice final = term->words[term->count - 1];
	bool pair = last + 1 < words->count && words->at[last].to == words->at[last + 1].from && (unsigned char)final.at[0] >= 0xe0 &&
		    final.len > words->at[last].to - words->at[last].from;
	if (pair)
		words->at[last + 1].hit = true;
}

static bool mark_terms(struct shown_words *words, const struct query_terms *terms)
{
	bool any = false;
	for (size_t t = 0; t < terms->count; t++)
		for (size_t at = 0; at < words->count; at++)
			if (is_term(words, at, &terms->at[t])) {
				mark_hit(words, at, &terms->at[t]);
				any = true;
			}
	return any;
}

/* The word that what is shown begins with: that before the hit behind which the most others are within reach. */
static size_t choose_start(const struct shown_words *words, size_t reach)
{
	size_t best = 0, most = 0, end = 0, inside = 0, start;
	for (size_t at = 0; at < words->count; at++) {
		for (; end < words->count && words->at[end].to - words->at[at].from < reach; end++)
			inside += words->at[end].hit;
		if (words->at[at].hit && inside > most) {
			most = inside;
			best = at;
		}
		inside -= end > at && words->at[at].hit;
		end = end > at ? end : at + 1;
	}
	for (start = best; start > 0 && words->at[best].from - words->at[start - 1].from < BEFORE_MAX; start--)
		;
	return start;
}

/* One character, escaped; runs of white space and control characters are one blank. False: there is no room but for a mark's end. */
static bool put_character(struct slice character, size_t most, struct buf *out)
{
	const char *escaped = NULL;
	unsigned char c = (unsigned char)character.at[0];
	if (c <= ' ' || c == 0x7f) {
		if (out->len == 0 || out->at[out->len - 1] == ' ')
			return true;
		character = SLICE(" ");
	}
	switch (c) {
	case '<': escaped = "&lt;"; break;
	case '>': escaped = "&gt;"; break;
	case '&': escaped = "&amp;"; break;
	case '"': escaped = "&quot;"; break;
	case '\'': escaped = "&#39;"; break;
	default: break;
	}
	struct slice whole = escaped ? slice_of(escaped) : character;
	return out->len + whole.len + CLOSING.len <= most && buf_append(out, whole);
}

static size_t character_length(struct slice text)
{
	size_t length = 1;
	while (length < text.len && ((unsigned char)text.at[length] & 0xc0) == 0x80)
		length++;
	return length;
}

static bool put_range(struct slice text, size_t most, struct buf *out)
{
	while (text.len > 0) {
		size_t length = character_length(text);
		if (!put_character(slice_sub(text, 0, length), most, out))
			return false;
		text = slice_skip(text, length);
	}
	return true;
}

/* Words that were found and follow one another have one mark, if nothing but a blank or nothing stands between. */
static void write_snippet(struct slice text, const struct shown_words *words, size_t start, size_t most, struct buf *out)
{
	size_t at = start == 0 && words->at[0].from < BEFORE_MAX ? 0 : words->at[start].from;
	for (size_t i = start; i < words->count; i++) {
		const struct shown_word *word = &words->at[i];
		if (!put_range(slice_sub(text, at, word->from - at), most, out))
			return;
		if (!word->hit) {
			if (!put_range(slice_sub(text, word->from, word->to - word->from), most, out))
				return;
			at = word->to;
			continue;
		}
		while (i + 1 < words->count && words->at[i + 1].hit && words->at[i + 1].from - words->at[i].to <= 1)
			i++;
		if (out->len + OPENING.len + CLOSING.len + ESCAPED_MAX > most)
			return;
		buf_append(out, OPENING);
		bool whole = put_range(slice_sub(text, word->from, words->at[i].to - word->from), most, out);
		buf_append(out, CLOSING);
		if (!whole)
			return;
		at = words->at[i].to;
	}
	put_range(slice_skip(text, at), most, out);
}

struct slice query_snippet(struct slice text, const struct query_terms *terms, size_t count, enum query_language language,
			   struct query_stemmer *stemmer, size_t most, struct arena *arena)
{
	struct shown_words words = {0};
	bool any = false;
	text = slice_sub(text, 0, SEARCHED_MAX);
	read_words(text, language, stemmer, arena, &words);
	for (size_t i = 0; i < count; i++)
		any |= mark_terms(&words, &terms[i]);
	if (!any)
		return slice_make(NULL, 0);
	struct buf out = BUF(most);
	size_t start = choose_start(&words, most > 2 * BEFORE_MAX ? most - 2 * BEFORE_MAX : most);
	write_snippet(text, &words, start, most, &out);
	struct slice snippet = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return snippet;
}
