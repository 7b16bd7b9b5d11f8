/* Stems of words, by libstemmer. */
#include <libstemmer.h>

#include "base/memory.h"
#include "query/search.h"

struct query_stemmer {
	struct sb_stemmer *of[QUERY_LANGUAGES]; /* made when first needed */
	struct query_reader reader;
};

struct query_stemmer *query_stemmer_new(void)
{
	return memory_new(sizeof(struct query_stemmer));
}

void query_stemmer_free(struct query_stemmer **stemmer)
{
	if (!*stemmer)
		return;
	for (int i = 0; i < QUERY_LANGUAGES; i++)
		if ((*stemmer)->of[i])
			sb_stemmer_delete((*stemmer)->of[i]);
	free(*stemmer);
	*stemmer = NULL;
}

/* A number, a part of an address, what was cut, and words of another script stay as they are. */
static bool has_stem(enum query_language language, const struct query_word *word)
{
	enum { LEAST = 3 };
	if (word->part || word->lower.len < LEAST || word->lower.len >= QUERY_WORD_MAX)
		return false;
	bool cyrillic = (unsigned char)word->lower.at[0] == 0xd0 || (unsigned char)word->lower.at[0] == 0xd1;
	return cyrillic == (language == LANGUAGE_RUSSIAN) && !ascii_is_digit(word->lower.at[0]);
}

struct slice query_stem(struct query_stemmer *stemmer, enum query_language language, const struct query_word *word)
{
	static const char *const names[QUERY_LANGUAGES] = {[LANGUAGE_ENGLISH] = "english", [LANGUAGE_RUSSIAN] = "russian", [LANGUAGE_PORTUGUESE] = "portuguese"};
	struct query_word stem;
	if (!names[language] || !has_stem(language, word))
		return slice_make(NULL, 0);
	if (!stemmer->of[language])
		stemmer->of[language] = sb_stemmer_new(names[language], "UTF_8");
	const sb_symbol *at = stemmer->of[language] ? sb_stemmer_stem(stemmer->of[language], (const sb_symbol *)word->lower.at, (int)word->lower.len) : NULL;
	if (!at)
		memory_exhausted(0);
	/* its accents went into finding it; now it is folded as words are */
	stemmer->reader = (struct query_reader){.text = slice_make((const char *)at, (size_t)sb_stemmer_length(stemmer->of[language]))};
	return query_next_word(&stemmer->reader, &stem) && !slice_equal(stem.folded, word->folded) ? stem.folded : slice_make(NULL, 0);
}
