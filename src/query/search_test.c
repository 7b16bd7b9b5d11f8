/* Words, stems and languages; what people ask for, and what is shown of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "query/search.h"

struct fixture { struct arena *arena; struct query_stemmer *stemmer; };

static int setup(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);
	f->arena = arena_new();
	f->stemmer = query_stemmer_new();
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(&f->arena);
	query_stemmer_free(&f->stemmer);
	test_free(f);
	return 0;
}

/* The words of a text, each followed by a '|'. */
static void words_are(const char *text, const char *expected)
{
	struct query_reader reader = {.text = slice_of(text)};
	struct query_word word;
	struct buf all = BUF(10000);
	while (query_next_word(&reader, &word))
		buf_printf(&all, "%.*s|", SLICE_ARG(word.folded));
	assert_string_equal(all.len > 0 ? all.at : "", expected);
	buf_free(&all);
}

static void words(void **state)
{
	(void)state;
	words_are("Hello, World! x_y 3.14", "hello|world|x|y|3|14|");
	words_are("", "");
	words_are("Jürgen ÉCOLE naïve Straße Ærø", "jurgen|ecole|naive|strasse|ærø|");
	words_are("e\xcc\x81t\xcc\x81", "et|"); /* combining accents */
	words_are("ЁЛКА й и\xcc\x86", "елка|й|й|");
	words_are("so\xc2\xad" "ft", "soft|"); /* a soft hyphen */
	words_are("ﬁne ＡＢＣ", "fine|abc|");
	words_are("東京都 of 京", "東京|京都|都|of|京|");
	words_are("カタカナ", "カタ|タカ|カナ|ナ|");
	words_are("한국어 x", "한국|국어|어|x|");
	words_are("a\xff" "b \xe4\xb8", "a|b|");
	words_are("καλημέρα ΚΌΣΜΕ", "καλημερα|κοσμε|");
}

static void long_words(void **state)
{
	(void)state;
	char text[1000];
	memset(text, 'a', sizeof text);
	struct query_reader reader = {.text = slice_make(text, sizeof text)};
	struct query_word word;
	assert_true(query_next_word(&reader, &word));
	assert_int_equal(word.folded.len, QUERY_WORD_MAX);
	assert_int_equal(word.to, sizeof text);
	assert_false(query_next_word(&reader, &word));
}

static void languages(void **state)
{
	(void)state;
	const struct { const char *text; enum query_language language; } texts[] = {
		{"We are going to the house of the king, and it is not far from here.", LANGUAGE_ENGLISH},
		{"Я не знаю, что это за дом и как он туда попал.", LANGUAGE_RUSSIAN},
		{"Não sei o que é isso, mas a casa dos reis está em uma rua da cidade.", LANGUAGE_PORTUGUESE},
		{"No sé qué es eso, pero la casa de los reyes está en una calle del pueblo y es muy grande.", LANGUAGE_OTHER},
		{"Ich weiß nicht, was das ist, aber das Haus des Königs ist nicht weit von hier und die Stadt auch.", LANGUAGE_OTHER},
		{"Я не знаю, що це, але вона та він були у місті і тільки так.", LANGUAGE_OTHER},
		{"", LANGUAGE_OTHER},
		{"hello", LANGUAGE_OTHER},
		{"今日は天気がいいですね", LANGUAGE_OTHER},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(query_language(slice_of(texts[i].text)), texts[i].language);
}

static struct slice message_of(const struct fixture *f, const char *subject, const char *body)
{
	return arena_printf(f->arena, "From: \"Jürgen Groß\" <juergen@example.test>\r\nTo: bob@example.test\r\nSubject: %s\r\n"
			    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--b\r\n"
			    "Content-Type: text/html; charset=utf-8\r\n\r\n<p title=secret>bold <b>mo</b>ve</p>\r\n--b\r\n"
			    "Content-Type: application/pdf; name=timetable.pdf\r\n\r\nbinary tea\r\n--b--\r\n", subject, body);
}

static bool finds(struct fixture *f, struct slice message, const char *wanted, unsigned columns)
{
	struct query_content content;
	struct query_terms terms;
	struct buf tokens[QUERY_COLUMNS];
	struct slice lists[QUERY_COLUMNS];
	query_read_content(message, mime_parse(message, f->arena), NULL, NULL, f->arena, &content);
	query_read_terms(slice_of(wanted), columns, f->stemmer, f->arena, &terms);
	for (int column = 0; column < QUERY_COLUMNS; column++) {
		tokens[column] = BUF(QUERY_TOKENS_MAX);
		query_write_tokens(&content, (enum query_column)column, f->stemmer, &tokens[column]);
		lists[column] = buf_slice(&tokens[column]);
	}
	bool found = query_terms_match(&terms, lists);
	for (int column = 0; column < QUERY_COLUMNS; column++)
		buf_free(&tokens[column]);
	return found;
}

static void columns(void **state)
{
	struct fixture *f = *state;
	struct slice message = message_of(f, "The journey", "We are at the house and in the garden. Buses run here.");
	assert_true(finds(f, message, "jurgen", 1 << QUERY_IN_FROM));
	assert_true(finds(f, message, "Jürgen GROSS", 1 << QUERY_IN_FROM));
	assert_true(finds(f, message, "juergen@example.test", 1 << QUERY_IN_FROM));
	assert_false(finds(f, message, "bob", 1 << QUERY_IN_FROM));
	assert_true(finds(f, message, "bob", 1 << QUERY_IN_TO));
	assert_true(finds(f, message, "journey", 1 << QUERY_IN_SUBJECT));
	assert_false(finds(f, message, "journey", 1 << QUERY_IN_BODY));
	assert_true(finds(f, message, "move", 1 << QUERY_IN_BODY));
	assert_false(finds(f, message, "secret", QUERY_IN_ALL));
	assert_true(finds(f, message, "timetable.pdf", 1 << QUERY_IN_NAME));
	assert_false(finds(f, message, "binary", QUERY_IN_ALL));
	assert_true(finds(f, message, "journey garden", QUERY_IN_ALL)); /* words may stand in different places */
	assert_false(finds(f, message, "journey desert", QUERY_IN_ALL));
}

static void phrases(void **state)
{
	struct fixture *f = *state;
	struct slice message = message_of(f, "One", "We are at the house and in the garden. Don't say \"no\". Cars run here.");
	assert_true(finds(f, message, "\"the garden\"", QUERY_IN_ALL));
	assert_true(finds(f, message, "'the garden'", QUERY_IN_ALL));
	assert_false(finds(f, message, "\"garden the\"", QUERY_IN_ALL));
	assert_true(finds(f, message, "garden the", QUERY_IN_ALL));
	assert_true(finds(f, message, "'say \\\"no\\\"'", QUERY_IN_ALL));
	assert_true(finds(f, message, "don't", QUERY_IN_ALL));
	assert_true(finds(f, message, "gard*", QUERY_IN_ALL));
	assert_false(finds(f, message, "gard", QUERY_IN_ALL));
	assert_true(finds(f, message, "car", QUERY_IN_ALL)); /* RFC 8621 §4.4.1 */
	assert_false(finds(f, message, "\"car\"", QUERY_IN_ALL));
	assert_false(finds(f, message, "carpet", QUERY_IN_ALL));
	assert_true(finds(f, message, "  ", QUERY_IN_ALL));
	assert_false(finds(f, message, "!?", QUERY_IN_ALL));
	assert_true(finds(f, message, "\"the garden", QUERY_IN_ALL)); /* a quote without an end */
}

static void stems(void **state)
{
	struct fixture *f = *state;
	struct slice english = message_of(f, "One", "They were running to the houses and it was all of our connections.");
	assert_true(finds(f, english, "run", QUERY_IN_ALL));
	assert_true(finds(f, english, "house", QUERY_IN_ALL));
	assert_true(finds(f, english, "connected", QUERY_IN_ALL));
	struct slice russian = message_of(f, "Раз", "Я не знаю, что это за книги и как они на столе.");
	assert_true(finds(f, russian, "книга", QUERY_IN_ALL));
	assert_true(finds(f, russian, "КНИГАМИ", QUERY_IN_ALL));
	assert_true(finds(f, russian, "столы", QUERY_IN_ALL));
	assert_false(finds(f, russian, "стул", QUERY_IN_ALL));
	struct slice portuguese = message_of(f, "Um", "Não sei o que são essas informações, mas os dados estão em uma das páginas.");
	assert_true(finds(f, portuguese, "informação", QUERY_IN_ALL));
	assert_true(finds(f, portuguese, "informacoes", QUERY_IN_ALL)); /* without accents */
	assert_true(finds(f, portuguese, "página", QUERY_IN_ALL));
}

static void without_blanks(void **state)
{
	struct fixture *f = *state;
	struct slice message = message_of(f, "会議", "明日は東京都で会議があります。ok");
	assert_true(finds(f, message, "東京", QUERY_IN_ALL));
	assert_true(finds(f, message, "東京都で会議", QUERY_IN_ALL));
	assert_true(finds(f, message, "京", QUERY_IN_ALL));
	assert_false(finds(f, message, "京東", QUERY_IN_ALL));
	assert_false(finds(f, message, "東都", QUERY_IN_ALL));
	struct slice mixed = message_of(f, "x", "買う3kg米");
	assert_true(finds(f, mixed, "買う3kg米", QUERY_IN_ALL));
}

static void shows(struct fixture *f, const char *text, const char *wanted, const char *expected)
{
	struct query_terms terms;
	query_read_terms(slice_of(wanted), QUERY_IN_ALL, f->stemmer, f->arena, &terms);
	struct slice snippet = query_snippet(slice_of(text), &terms, 1, LANGUAGE_ENGLISH, f->stemmer, QUERY_SNIPPET_MAX, f->arena);
	if (expected)
		assert_string_equal(snippet.at, expected);
	else
		assert_null(snippet.at);
}

static void snippets(void **state)
{
	struct fixture *f = *state;
	shows(f, "see the <b> & Gardens", "garden", "see the &lt;b&gt; &amp; <mark>Gardens</mark>");
	shows(f, "one two three", "\"two three\"", "one <mark>two three</mark>");
	shows(f, "one two three", "two", "one <mark>two</mark> three");
	shows(f, "one\r\n\r\n  two", "one", "<mark>one</mark> two");
	shows(f, "one two", "four", NULL);
	shows(f, "明日は東京都で", "東京", "明日は<mark>東京</mark>都で");
}

static void long_snippets(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF(1 << 20);
	for (int i = 0; i < 5000; i++)
		buf_append_text(&text, i == 3000 || i == 3001 ? "needle& " : "<hay> ");
	struct query_terms terms;
	query_read_terms(SLICE("needle"), QUERY_IN_ALL, f->stemmer, f->arena, &terms);
	struct slice snippet = query_snippet(buf_slice(&text), &terms, 1, LANGUAGE_OTHER, f->stemmer, QUERY_SNIPPET_MAX, f->arena);
	assert_true(snippet.len > 100 && snippet.len <= QUERY_SNIPPET_MAX);
	assert_true(slice_find(snippet, SLICE("<mark>needle</mark>")) != SLICE_NONE);
	for (size_t most = 20; most < 300; most++) { /* wherever it is cut, marks and entities are whole */
		snippet = query_snippet(buf_slice(&text), &terms, 1, LANGUAGE_OTHER, f->stemmer, most, f->arena);
		size_t opened = 0, closed = 0;
		assert_true(snippet.len <= most);
		for (struct slice rest = snippet; slice_find(rest, SLICE("<mark>")) != SLICE_NONE; opened++)
			rest = slice_skip(rest, slice_find(rest, SLICE("<mark>")) + 6);
		for (struct slice rest = snippet; slice_find(rest, SLICE("</mark>")) != SLICE_NONE; closed++)
			rest = slice_skip(rest, slice_find(rest, SLICE("</mark>")) + 7);
		assert_int_equal(opened, closed);
	}
	buf_free(&text);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words), cmocka_unit_test(long_words), cmocka_unit_test(languages),
		WITH_FIXTURE(columns), WITH_FIXTURE(phrases), WITH_FIXTURE(stems), WITH_FIXTURE(without_blanks), WITH_FIXTURE(snippets), WITH_FIXTURE(long_snippets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
