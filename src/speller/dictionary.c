/* A dictionary of hunspell; see speller.h. Many aren't in UTF-8: words are converted to what theirs is, and suggestions back. */
#include <errno.h>
#include <hunspell/hunspell.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "speller/speller.h"

#define FOLDER "/usr/share/hunspell"
enum { PATH_ROOM = 64, CONVERTED_MAX = 4 * SPELLER_WORD_BYTES };

struct speller_dictionary {
	Hunhandle *handle;
	iconv_t to, from; /* (iconv_t)-1: it is in UTF-8 */
};

const struct speller_language_row speller_languages[SPELLER_LANGUAGES] = {
#define SPELLER_LANGUAGE(NAME, tag, file, package) [SPELLER_##NAME] = {tag, file, package},
#include "speller/languages.def"
};

enum speller_language speller_language_of(struct slice tag)
{
	enum speller_language language = 0;
	while (language < SPELLER_LANGUAGES && !slice_equal_nocase(tag, slice_of(speller_languages[language].tag)))
		language++;
	return language;
}

static void path_of(enum speller_language language, const char *extension, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, FOLDER "/%s.%s", speller_languages[language].file, extension);
}

unsigned speller_installed(void)
{
	unsigned found = 0;
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++) {
		char rules[PATH_ROOM], words[PATH_ROOM];
		path_of(i, "aff", rules);
		path_of(i, "dic", words);
		if (access(rules, R_OK) == 0 && access(words, R_OK) == 0)
			found |= 1U << i;
	}
	return found;
}

/* ---- Words ---- */

static bool is_letter(unsigned char byte) { return ascii_is_alpha((char)byte) || byte >= 0x80; }

bool speller_is_word(struct slice text)
{
	size_t characters = 0;
	bool letters = false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];
		if (!is_letter(byte) && byte != '\'' && byte != '-')
			return false;
		letters |= is_letter(byte);
		characters += (byte & 0xc0) != 0x80;
	}
	return letters && characters <= SPELLER_WORD_MAX && slice_is_utf8(text);
}

bool speller_is_suggestion(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return false;
	return text.len > 0 && text.len <= SPELLER_WORD_BYTES && slice_is_utf8(text);
}

/* ---- Charsets ---- */

/* As a text ended by NUL, in `out`; false: it can't be written so. */
static bool convert(iconv_t converter, struct slice text, char *out, size_t room)
{
	char *from = (char *)text.at, *to = out;
	size_t left = text.len, free_bytes = room - 1;
	if (text.len >= room)
		return false;
	if (converter == (iconv_t)-1) {
		memcpy(out, text.at, text.len);
		out[text.len] = '\0';
		return true;
	}
	iconv(converter, NULL, NULL, NULL, NULL);
	bool done = iconv(converter, &from, &left, &to, &free_bytes) != (size_t)-1 && left == 0;
	*to = '\0';
	return done;
}

/* Dictionaries have the plain apostrophe. */
static bool write_word(const struct speller_dictionary *dictionary, struct slice word, char *out)
{
	static const char curly[] = "\xe2\x80\x99";
	char plain[SPELLER_WORD_BYTES + 1];
	size_t len = 0;
	if (word.len > SPELLER_WORD_BYTES)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		bool is_curly = slice_starts(slice_skip(word, i), slice_of(curly));
		plain[len++] = is_curly ? '\'' : word.at[i];
		i += is_curly ? 2 : 0;
	}
	return convert(dictionary->to, slice_make(plain, len), out, CONVERTED_MAX);
}

/* ---- The dictionary ---- */

static bool set_charset(struct speller_dictionary *dictionary)
{
	const char *charset = Hunspell_get_dic_encoding(dictionary->handle);
	dictionary->to = dictionary->from = (iconv_t)-1;
	if (slice_equal_nocase(slice_of(charset), SLICE("UTF-8")))
		return true;
	if (slice_starts(slice_of(charset), SLICE("ISO8859"))) { /* as it is written there */
		char named[32];
		snprintf(named, sizeof named, "ISO-%s", charset + 3);
		dictionary->to = iconv_open(named, "UTF-8");
		dictionary->from = iconv_open("UTF-8", named);
	} else {
		dictionary->to = iconv_open(charset, "UTF-8");
		dictionary->from = iconv_open("UTF-8", charset);
	}
	return dictionary->to != (iconv_t)-1 && dictionary->from != (iconv_t)-1;
}

struct speller_dictionary *speller_dictionary_open(enum speller_language language)
{
	char rules[PATH_ROOM], words[PATH_ROOM];
	path_of(language, "aff", rules);
	path_of(language, "dic", words);
	struct speller_dictionary *dictionary = memory_new(sizeof *dictionary);
	*dictionary = (struct speller_dictionary){.to = (iconv_t)-1, .from = (iconv_t)-1};
	bool there = access(rules, R_OK) == 0 && access(words, R_OK) == 0;
	dictionary->handle = there ? Hunspell_create(rules, words) : NULL;
	if (dictionary->handle && set_charset(dictionary))
		return dictionary;
	log_warning("speller.unreadable", log_text("language", speller_languages[language].tag), log_text("file", words));
	speller_dictionary_close(&dictionary);
	return NULL;
}

void speller_dictionary_close(struct speller_dictionary **dictionary)
{
	struct speller_dictionary *old = *dictionary;
	*dictionary = NULL;
	if (!old)
		return;
	if (old->handle)
		Hunspell_destroy(old->handle);
	if (old->to != (iconv_t)-1)
		iconv_close(old->to);
	if (old->from != (iconv_t)-1)
		iconv_close(old->from);
	free(old);
}

bool speller_dictionary_knows(struct speller_dictionary *dictionary, struct slice word)
{
	char text[CONVERTED_MAX];
	return write_word(dictionary, word, text) && Hunspell_spell(dictionary->handle, text) != 0;
}

static bool is_listed(const struct slice *list, size_t count, struct slice text)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(list[i], text))
			return true;
	return false;
}

size_t speller_dictionary_suggest(struct speller_dictionary *dictionary, struct slice word, size_t most, struct arena *arena, struct slice *list)
{
	char text[CONVERTED_MAX], back[CONVERTED_MAX], **found = NULL;
	size_t count = 0;
	if (!write_word(dictionary, word, text))
		return 0;
	int found_count = Hunspell_suggest(dictionary->handle, &found, text);
	for (int i = 0; i < found_count && count < most; i++) {
		bool good = convert(dictionary->from, slice_of(found[i]), back, sizeof back);
		struct slice one = slice_of(back);
		if (good && speller_is_suggestion(one) && !is_listed(list, count, one))
			list[count++] = arena_copy(arena, one);
	}
	if (found)
		Hunspell_free_list(dictionary->handle, &found, found_count);
	return count;
}
