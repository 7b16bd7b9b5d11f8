/* Keywords of a message: atoms (RFC 3501 §9, flag-keyword), compared without case, kept as first written, sorted. */
#include "store/mail/internal.h"

struct words { struct slice at[2 * KEYWORDS_PER_MESSAGE_MAX + 1]; size_t count; };

static bool is_keyword(struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.at[i];
		if (c <= 0x20 || c >= 0x7f || memchr("(){%*\"\\]", c, 8))
			return false;
	}
	return word.len <= KEYWORD_MAX;
}

static int compare_words(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	for (size_t i = 0; i < x->len && i < y->len; i++) {
		int difference = ascii_lower(x->at[i]) - ascii_lower(y->at[i]);
		if (difference != 0)
			return difference;
	}
	return (x->len > y->len) - (x->len < y->len);
}

/* The words of a stored list, which are sorted. */
static void split_stored(struct slice text, struct words *words)
{
	struct slice word;
	while (!slice_empty(text) && words->count <= KEYWORDS_PER_MESSAGE_MAX) {
		slice_cut(text, ' ', &word, &text);
		if (!slice_empty(word))
			words->at[words->count++] = word;
	}
}

static bool split_given(struct slice text, struct words *words, struct error *error)
{
	struct slice word;
	while (!slice_empty(text)) {
		slice_cut(text, ' ', &word, &text);
		if (slice_empty(word))
			continue;
		if (!is_keyword(word))
			return error_set(error, ERROR_INVALID, "not a keyword: an atom of at most %d characters", KEYWORD_MAX);
		if (words->count == KEYWORDS_PER_MESSAGE_MAX)
			return error_set(error, ERROR_LIMIT, "more than %d keywords", KEYWORDS_PER_MESSAGE_MAX);
		words->at[words->count++] = word;
	}
	if (words->count > 1)
		qsort(words->at, words->count, sizeof *words->at, compare_words);
	return true;
}

/* Merges two sorted lists. `wanted`: bit 0: words of `old` only, bit 1: of both (as `old` writes them), bit 2: of `given` only. */
static void merge(const struct words *old, const struct words *given, unsigned wanted, struct words *out)
{
	size_t i = 0, j = 0;
	while (i < old->count || j < given->count) {
		int order = i == old->count ? 1 : j == given->count ? -1 : compare_words(&old->at[i], &given->at[j]);
		struct slice word = order <= 0 ? old->at[i] : given->at[j];
		if (wanted & (order < 0 ? 1 : order == 0 ? 2 : 4))
			out->at[out->count++] = word;
		i += order <= 0;
		while (j < given->count && compare_words(&given->at[j], &word) == 0)
			j++;
	}
}

static struct slice join(const struct words *words, struct arena *arena)
{
	size_t len = 0;
	for (size_t i = 0; i < words->count; i++)
		len += words->at[i].len + 1;
	char *text = arena_alloc(arena, len + 1), *end = text;
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			*end++ = ' ';
		memcpy(end, words->at[i].at, words->at[i].len);
		end += words->at[i].len;
	}
	return slice_make(text, (size_t)(end - text));
}

bool mail_change_keywords(struct slice old, enum flags_change change, struct slice given, struct arena *arena, struct slice *out,
		     struct error *error)
{
	struct words before = {.count = 0}, named = {.count = 0}, after = {.count = 0};
	if (slice_empty(given) && change != FLAGS_SET) {
		*out = old;
		return true;
	}
	if (!split_given(given, &named, error))
		return false;
	split_stored(old, &before);
	merge(&before, &named, change == FLAGS_ADD ? 1 | 2 | 4 : change == FLAGS_SET ? 2 | 4 : 1, &after);
	if (after.count > KEYWORDS_PER_MESSAGE_MAX)
		return error_set(error, ERROR_LIMIT, "a message has at most %d keywords", KEYWORDS_PER_MESSAGE_MAX);
	*out = join(&after, arena);
	return true;
}
