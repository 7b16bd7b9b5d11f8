/* Tests of spelling: what counts as a word, what the dictionaries know, and what goes over the channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "speller/speller.h"

static void words_are_letters(void **state)
{
	(void)state;
	static const char *const words[] = {"a", "don't", "don\xe2\x80\x99t", "guarda-chuva", "Привет", "coração"};
	static const char *const none[] = {"", "-", "''", "4th", "a b", "a.b", "a\nb", "\xff", "<b>", "a/b"};
	char longest[SPELLER_WORD_MAX + 2];
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_true(speller_is_word(slice_of(words[i])));
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(speller_is_word(slice_of(none[i])));
	memset(longest, 'a', sizeof longest);
	assert_true(speller_is_word(slice_make(longest, SPELLER_WORD_MAX)));
	assert_false(speller_is_word(slice_make(longest, SPELLER_WORD_MAX + 1)));
	assert_int_equal(speller_language_of(SLICE("PT-pt")), SPELLER_PT_PT);
	assert_int_equal(speller_language_of(SLICE("pt")), SPELLER_LANGUAGES);
}

static void each_dictionary_knows_its_words(void **state)
{
	(void)state;
	static const struct { enum speller_language language; const char *right, *wrong, *meant; } cases[] = {
		{SPELLER_RU, "привет", "превет", "привет"}, {SPELLER_PT_PT, "coração", "corasão", "coração"}, {SPELLER_PT_BR, "ônibus", "onibus", "ônibus"},
		{SPELLER_EN_GB, "colour", "colur", "colour"}, {SPELLER_EN_US, "don\xe2\x80\x99t", "wrod", "word"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct slice list[SPELLER_SUGGESTIONS_MAX];
		bool meant = false;
		assert_true(speller_installed() >> cases[i].language & 1);
		struct speller_dictionary *dictionary = speller_dictionary_open(cases[i].language);
		assert_non_null(dictionary);
		assert_true(speller_dictionary_knows(dictionary, slice_of(cases[i].right)));
		assert_false(speller_dictionary_knows(dictionary, slice_of(cases[i].wrong)));
		size_t count = speller_dictionary_suggest(dictionary, slice_of(cases[i].wrong), SPELLER_SUGGESTIONS_MAX, arena, list);
		for (size_t k = 0; k < count; k++)
			meant |= slice_equal(list[k], slice_of(cases[i].meant));
		assert_true(meant && count <= SPELLER_SUGGESTIONS_MAX);
		assert_true(speller_dictionary_suggest(dictionary, slice_of(cases[i].wrong), 1, arena, list) <= 1);
		assert_false(speller_dictionary_knows(dictionary, SLICE("漢字漢字"))); /* nor has it a way to write it, maybe */
		speller_dictionary_close(&dictionary);
		assert_null(dictionary);
		arena_free(&arena);
	}
}

static void what_is_malformed_is_refused(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct slice words[] = {SLICE("right"), SLICE("wrod"), SLICE("превет")};
	struct speller_question question = {.languages = 1U << SPELLER_EN_US | 1U << SPELLER_RU, .suggestions = 3, .words = words, .count = 3}, read;
	struct speller_wrong wrong[] = {{.word = 1, .suggested = true, .suggestions = {SLICE("word"), SLICE("rod")}, .count = 2}, {.word = 2}};
	struct speller_answer answer = {wrong, 2}, heard;
	struct buf out = BUF(4096);
	speller_question_encode(&question, &out);
	assert_true(speller_question_decode(buf_slice(&out), arena, &read) && read.count == 3 && slice_equal(read.words[2], words[2]));
	for (size_t cut = 1; cut <= out.len; cut++)
		assert_false(speller_question_decode(slice_sub(buf_slice(&out), 0, out.len - cut), arena, &read));
	static const struct { size_t at; char byte; } bad[] = {{0, 0}, {0, 1 << SPELLER_LANGUAGES}, {1, SPELLER_SUGGESTIONS_MAX + 1}, {2, SPELLER_SUGGESTED_MAX + 1}, {6, '4'}, {6, ' '}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char was = out.at[bad[i].at];
		out.at[bad[i].at] = bad[i].byte;
		assert_false(speller_question_decode(buf_slice(&out), arena, &read));
		out.at[bad[i].at] = was;
	}
	buf_clear(&out);
	speller_answer_encode(&answer, &out);
	assert_true(speller_answer_decode(buf_slice(&out), 3, arena, &heard) && heard.count == 2 && heard.wrong[0].count == 2 && !heard.wrong[1].suggested);
	assert_false(speller_answer_decode(buf_slice(&out), 2, arena, &heard)); /* the third of two words */
	for (size_t cut = 1; cut <= out.len; cut++)
		assert_false(speller_answer_decode(slice_sub(buf_slice(&out), 0, out.len - cut), 3, arena, &heard));
	wrong[1].word = 1; /* the same twice */
	buf_clear(&out);
	speller_answer_encode(&answer, &out);
	assert_false(speller_answer_decode(buf_slice(&out), 3, arena, &heard));
	buf_free(&out);
	arena_free(&arena);
}

struct served { int channel, stop; };

static void *serve(void *context)
{
	struct served *served = context;
	speller_serve(served->channel, served->stop);
	return NULL;
}

static void it_is_answered_over_a_channel(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct slice words[] = {SLICE("colour"), SLICE("color"), SLICE("wrod"), SLICE("привет"), SLICE("превет")};
	struct speller_question question = {.languages = 1U << SPELLER_EN_US | 1U << SPELLER_RU, .suggestions = 2, .words = words, .count = 5};
	struct speller_answer answer;
	struct error error;
	pthread_t thread;
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	struct served served = {ends[1], eventfd(0, EFD_CLOEXEC)};
	assert_int_equal(pthread_create(&thread, NULL, serve, &served), 0);
	struct caller *caller = caller_new(ends[0]);
	struct call_ticket *ticket = speller_begin(caller, &question, arena, NULL, NULL);
	assert_non_null(ticket);
	caller_await(ticket);
	if (!speller_end(&ticket, question.count, arena, &answer, &error))
		fail_msg("%s", error.text);
	assert_int_equal(answer.count, 3);
	assert_true(answer.wrong[0].word == 0 && answer.wrong[1].word == 2 && answer.wrong[2].word == 4);
	assert_true(answer.wrong[0].suggested && answer.wrong[0].count > 0 && answer.wrong[0].count <= 2);
	question.languages |= 1U << SPELLER_EN_GB;
	question.suggestions = 0;
	ticket = speller_begin(caller, &question, arena, NULL, NULL);
	caller_await(ticket);
	assert_true(speller_end(&ticket, question.count, arena, &answer, &error) && answer.count == 2 && !answer.wrong[0].suggested && answer.wrong[0].count == 0);
	eventfd_write(served.stop, 1);
	pthread_join(thread, NULL);
	caller_free(&caller);
	close(served.stop);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_letters),
		cmocka_unit_test(each_dictionary_knows_its_words),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(it_is_answered_over_a_channel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
