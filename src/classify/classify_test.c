/* Unit tests of the classifier: tokens, what is learned and unlearned, a store that was torn, a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "classify/internal.h"

static const struct classify_size small = {4, 2};
static const int64_t now = 1795910400; /* in November 2026 */
enum { WEEK = 7 * 24 * 3600 };

struct test {
	char folder[64], path[96];
	struct arena *arena;
	struct classify_store *store;
};

static int set_up(void **state)
{
	struct test *test = calloc(1, sizeof *test);
	struct error error;
	snprintf(test->folder, sizeof test->folder, "/tmp/classify_test.XXXXXX");
	assert_non_null(mkdtemp(test->folder));
	snprintf(test->path, sizeof test->path, "%s/tokens", test->folder);
	test->arena = arena_new();
	test->store = classify_store_open(test->path, small, &error);
	assert_non_null(test->store);
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;
	char aside[128];
	classify_store_close(&test->store);
	unlink(test->path);
	snprintf(aside, sizeof aside, "%s.damaged", test->path);
	unlink(aside);
	assert_int_equal(rmdir(test->folder), 0); /* nothing else was left there */
	arena_free(&test->arena);
	free(test);
	return 0;
}

static void reopen(struct test *test)
{
	struct error error;
	classify_store_close(&test->store);
	test->store = classify_store_open(test->path, small, &error);
	assert_non_null(test->store);
}

static struct classify_tokens tokens_of(struct test *test, const char *message)
{
	struct classify_tokens tokens;
	struct shown shown;
	struct slice bytes = slice_of(message);
	struct mime_part *root = mime_parse(bytes, test->arena);
	shown_read(bytes, root, test->arena, &shown);
	classify_tokenize(slice_sub(bytes, 0, (size_t)root->header_size), root, &shown, test->arena, &tokens);
	return tokens;
}

static bool has(const struct classify_tokens *tokens, const char *text)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (slice_equal(tokens->at[i].text, slice_of(text)))
			return true;
	return false;
}

static void tokens_are_of_what_was_written(void **state)
{
	struct test *test = *state;
	struct classify_tokens tokens = tokens_of(test,
		"Received: from secret.example\r\nX-Spam-Flag: YES\r\nFrom: =?utf-8?q?J=C3=BCrgen?= Maier <jm@mail.example.org>\r\nSubject: FREE pills\r\n"
		"X-Odd: 1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
		"<p>Cheap pills for $19.99, don't wait</p><p style='display:none'>poem</p><a href='http://www.shop.example/x'>here</a> 日本語 "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	static const char *const wanted[] = {"subject:free", "subject:free pills", "from:jm@mail.example.org", "from:example.org", "from:jürgen", "from:jürgen maier", "cheap",
					     "cheap pills", "$19.99", "don't", "hidden:poem", "url:www.shop.example", "url:shop.example", "type:text/html", "charset:utf-8",
					     "日本", "本語", "long:2", "has:x-odd"};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!has(&tokens, wanted[i]))
			fail_msg("no token \"%s\"", wanted[i]);
	static const char *const unwanted[] = {"poem", "has:received", "has:x-spam-flag", "secret.example", "for $19.99 don't wait"};
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		assert_false(has(&tokens, unwanted[i]));
}

/* Each delivery of a letter is the same letter; another letter of the same words isn't. */
static void a_message_is_known_again(void **state)
{
	struct test *test = *state;
	struct classify_tokens first = tokens_of(test, "Message-ID: <1@x>\r\nSubject: a b see\r\n\r\nsome words");
	struct classify_tokens again = tokens_of(test, "Received: other way\r\nDelivered-To: x\r\nMessage-ID: <1@x>\r\nSubject: a b see\r\n\r\nsome words");
	struct classify_tokens other = tokens_of(test, "Message-ID: <2@x>\r\nSubject: a b see\r\n\r\nsome words");
	assert_true(first.digest == again.digest && first.digest != other.digest);
}

static void tokens_are_bounded(void **state)
{
	struct test *test = *state;
	struct buf message = BUF(4 << 20);
	buf_append_text(&message, "Subject: many\r\n\r\n");
	for (int i = 0; i < 100000; i++)
		buf_printf(&message, "word%d\r\n", i);
	struct classify_tokens tokens = tokens_of(test, message.at);
	assert_int_equal(tokens.count, CLASSIFY_TOKENS_MAX);
	buf_free(&message);
}

static struct classify_counts counts(struct test *test, const struct classify_tokens *tokens) { return classify_store_counts(test->store, tokens->at[0].hash); }

static void a_message_is_learned_once(void **state)
{
	struct test *test = *state;
	struct classify_tokens tokens = tokens_of(test, "Subject: pills\r\nMessage-ID: <1@x>\r\n\r\ncheap pills");
	struct classify_totals totals;
	assert_int_equal(classify_learn(test->store, &tokens, CLASSIFY_SPAM, now), CLASSIFY_LEARNED);
	assert_int_equal(classify_learn(test->store, &tokens, CLASSIFY_SPAM, now), CLASSIFY_KNOWN);
	reopen(test);
	assert_int_equal(classify_learn(test->store, &tokens, CLASSIFY_SPAM, now), CLASSIFY_KNOWN);
	assert_true(counts(test, &tokens).spam == 1 && counts(test, &tokens).ham == 0);
	assert_int_equal(classify_learn(test->store, &tokens, CLASSIFY_HAM, now), CLASSIFY_CHANGED);
	assert_true(counts(test, &tokens).spam == 0 && counts(test, &tokens).ham == 1);
	assert_int_equal(classify_unlearn(test->store, &tokens, now), CLASSIFY_FORGOTTEN);
	assert_int_equal(classify_unlearn(test->store, &tokens, now), CLASSIFY_UNKNOWN);
	classify_store_totals(test->store, &totals);
	assert_true(totals.spam == 0 && totals.ham == 0 && totals.tokens == 0);
}

/* Words that came once make room; what comes often stays. */
static void old_rare_tokens_make_room(void **state)
{
	struct test *test = *state;
	struct classify_tokens often = tokens_of(test, "Subject: often\r\nMessage-ID: <o@x>\r\n\r\n"), often_too = tokens_of(test, "Subject: often\r\nMessage-ID: <p@x>\r\n\r\n");
	struct classify_totals totals;
	classify_learn(test->store, &often, CLASSIFY_HAM, now);
	classify_learn(test->store, &often_too, CLASSIFY_HAM, now);
	for (int i = 0; i < 500; i++) {
		char message[64];
		snprintf(message, sizeof message, "Message-ID: <%d@x>\r\n\r\nseldom%d", i, i);
		struct classify_tokens tokens = tokens_of(test, message);
		classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
	}
	classify_store_totals(test->store, &totals);
	assert_true(totals.tokens <= totals.room && totals.room == 256 && totals.tokens > 200);
	assert_int_equal(counts(test, &often).ham, 2);
	assert_int_equal(classify_store_age(test->store, now + 25 * WEEK), 0);
	assert_true(classify_store_age(test->store, now + 30 * WEEK) > 150);
	assert_int_equal(counts(test, &often).ham, 2);
	classify_store_age(test->store, now + 110 * WEEK);
	assert_int_equal(counts(test, &often).ham, 0);
}

static void damage(struct test *test, off_t at, const char *bytes, size_t len)
{
	int fd = open(test->path, O_WRONLY);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

/* A torn value is nothing; all others count as before. */
static void what_is_torn_counts_as_nothing(void **state)
{
	struct test *test = *state;
	struct classify_tokens tokens = tokens_of(test, "Message-ID: <1@x>\r\n\r\none two three four five six seven eight nine ten eleven twelve");
	struct classify_totals before, after;
	classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
	classify_store_totals(test->store, &before);
	classify_store_close(&test->store);
	for (int group = 0; group < 4; group++) /* the first values of some groups */
		damage(test, 4096 + 192 * group + 64, "torn", 4);
	reopen(test);
	classify_store_totals(test->store, &after);
	assert_true(after.tokens < before.tokens && after.tokens + 4 >= before.tokens && after.spam == 1);
	for (size_t i = 0; i < tokens.count; i++)
		assert_true(classify_store_counts(test->store, tokens.at[i].hash).spam <= 1);
}

static void a_store_cut_short_is_made_whole(void **state)
{
	struct test *test = *state;
	struct classify_tokens tokens = tokens_of(test, "Message-ID: <1@x>\r\n\r\nsome words that are learned");
	struct error error;
	struct stat whole, cut;
	classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
	classify_store_close(&test->store);
	stat(test->path, &whole);
	for (off_t size = whole.st_size - 100; size >= 4096; size -= 700) {
		assert_int_equal(truncate(test->path, size), 0);
		struct classify_store *reading = classify_store_read(test->path, &error);
		assert_non_null(reading);
		for (size_t i = 0; i < tokens.count; i++)
			classify_store_counts(reading, tokens.at[i].hash); /* no bus error */
		classify_store_close(&reading);
		reopen(test);
		classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
		stat(test->path, &cut);
		assert_int_equal(cut.st_size, whole.st_size);
		classify_store_close(&test->store);
	}
}

/* What another role has is read group by group: whatever becomes of the file, the reader lives on. */
static void anothers_store_may_lose_everything(void **state)
{
	struct test *test = *state;
	struct classify_tokens tokens = tokens_of(test, "Message-ID: <1@x>\r\n\r\nsome words that are learned");
	struct classify_totals mapped, totals;
	struct error error;
	classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
	struct classify_store *reading = classify_store_read_foreign(test->path, &error);
	assert_non_null(reading);
	for (size_t i = 0; i < tokens.count; i++)
		assert_int_equal(classify_store_counts(reading, tokens.at[i].hash).spam, 1);
	classify_store_totals(test->store, &mapped);
	classify_store_totals(reading, &totals);
	assert_true(mapped.tokens == totals.tokens && mapped.spam == totals.spam && mapped.room == totals.room);
	classify_store_close(&test->store);
	for (off_t size = 4096 + 100; size >= 0; size -= 1398) {
		assert_int_equal(truncate(test->path, size), 0);
		for (size_t i = 0; i < tokens.count; i++)
			assert_int_equal(classify_store_counts(reading, tokens.at[i].hash).spam, 0);
		assert_int_equal(classify_store_learned(reading).spam, size > 200);
	}
	classify_store_close(&reading);
	unlink(test->path);
	assert_int_equal(mkfifo(test->path, 0600), 0); /* nor does it wait for who may write into one */
	assert_null(classify_store_read_foreign(test->path, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void totals_have_a_second_copy(void **state)
{
	struct test *test = *state;
	struct classify_totals totals;
	for (int i = 0; i < 3; i++) {
		char message[64];
		snprintf(message, sizeof message, "Message-ID: <%d@x>\r\n\r\nword", i);
		struct classify_tokens tokens = tokens_of(test, message);
		classify_learn(test->store, &tokens, CLASSIFY_SPAM, now);
	}
	classify_store_close(&test->store);
	damage(test, 40 + 24, "\xff", 1); /* in the newest copy's numbers: one message behind */
	reopen(test);
	classify_store_totals(test->store, &totals);
	assert_true(totals.spam == 2 || totals.spam == 3);
	classify_store_close(&test->store);
	damage(test, 40, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 48);
	reopen(test);
	classify_store_totals(test->store, &totals);
	assert_int_equal(totals.spam, 3); /* counted anew */
}

static void what_is_no_store_is_put_aside(void **state)
{
	struct test *test = *state;
	struct error error;
	struct classify_totals totals;
	classify_store_close(&test->store);
	damage(test, 0, "nonsense", 8);
	assert_null(classify_store_read(test->path, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	reopen(test);
	classify_store_totals(test->store, &totals);
	assert_int_equal(totals.tokens, 0);
	assert_null(classify_store_read("/tmp/there-is-no-such-store", &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* The process that learns is killed again and again: what it leaves can be used, and nothing counts more than was learned. */
static void a_crash_leaves_a_usable_store(void **state)
{
	struct test *test = *state;
	struct error error;
	struct classify_tokens tokens = tokens_of(test, "Message-ID: <1@x>\r\n\r\nsome words that are learned over and over again");
	classify_store_close(&test->store);
	for (int round = 0; round < 20; round++) {
		pid_t child = fork();
		if (child == 0) {
			struct classify_store *store = classify_store_open(test->path, small, &error);
			for (;;) {
				classify_learn(store, &tokens, CLASSIFY_SPAM, now);
				classify_unlearn(store, &tokens, now);
			}
		}
		usleep(2000 + 100 * (useconds_t)round);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		reopen(test);
		for (size_t i = 0; i < tokens.count; i++)
			assert_true(classify_store_counts(test->store, tokens.at[i].hash).spam <= 2 * (uint32_t)round + 2);
		assert_true(classify_store_learned(test->store).spam <= (uint32_t)round + 1);
		classify_store_close(&test->store);
	}
}

static void learn_many(struct classify_store *store, struct test *test, enum classify_kind kind, const char *words, int from, int count)
{
	for (int i = from; i < from + count; i++) {
		struct arena *kept = test->arena;
		test->arena = arena_new();
		char message[256];
		snprintf(message, sizeof message, "Message-ID: <%d.%d@x>\r\n\r\n%s number%d", kind, i, words, i);
		struct classify_tokens tokens = tokens_of(test, message);
		classify_learn(store, &tokens, kind, now);
		arena_free(&test->arena);
		test->arena = kept;
	}
}

static void a_verdict_needs_enough(void **state)
{
	struct test *test = *state;
	struct classify_verdict verdict;
	struct classify_tokens spam = tokens_of(test, "Subject: x\r\n\r\ncheap pills here without prescription, order today");
	struct classify_tokens ham = tokens_of(test, "Subject: x\r\n\r\nthe minutes of the meeting about our project are attached");
	learn_many(test->store, test, CLASSIFY_SPAM, "cheap pills without prescription order today", 0, CLASSIFY_LEARNED_LEAST);
	learn_many(test->store, test, CLASSIFY_HAM, "minutes of the meeting about the project are attached", 0, CLASSIFY_LEARNED_LEAST - 1);
	classify_judge(test->store, NULL, &spam, &verdict);
	assert_true(verdict.unsure && verdict.probability == 0.5);
	learn_many(test->store, test, CLASSIFY_HAM, "minutes of the meeting about the project are attached", 1000, 1);
	classify_judge(test->store, NULL, &spam, &verdict);
	assert_true(!verdict.unsure && verdict.probability > 0.99 && verdict.clue_count > 0 && verdict.clues[0].probability > 0.9);
	classify_judge(test->store, NULL, &ham, &verdict);
	assert_true(!verdict.unsure && verdict.probability < 0.01);
	classify_judge(NULL, NULL, &ham, &verdict);
	assert_true(verdict.unsure && verdict.probability == 0.5);
}

/* What is bad to most can be good to somebody; and that changes nothing for others. */
static void an_own_store_outweighs(void **state)
{
	struct test *test = *state;
	struct classify_verdict verdict;
	struct error error;
	char path[128];
	snprintf(path, sizeof path, "%s/own", test->folder);
	struct classify_store *own = classify_store_open(path, small, &error);
	struct classify_tokens letter = tokens_of(test, "Subject: x\r\n\r\ncheap pills without prescription order today");
	learn_many(test->store, test, CLASSIFY_SPAM, "cheap pills without prescription order today", 0, 100);
	learn_many(test->store, test, CLASSIFY_HAM, "minutes of the meeting about the project are attached", 0, 100);
	classify_judge(test->store, own, &letter, &verdict);
	assert_true(verdict.probability > 0.9);
	learn_many(own, test, CLASSIFY_HAM, "cheap pills without prescription order today", 5000, 60);
	classify_judge(test->store, own, &letter, &verdict);
	assert_true(verdict.probability < 0.9);
	classify_judge(test->store, NULL, &letter, &verdict);
	assert_true(verdict.probability > 0.9);
	classify_store_close(&own);
	unlink(path);
}

/* Whoever learns shares the store: the server goes on while a command reads a folder of mail, and nothing is counted twice or lost. */
static void writers_take_turns(void **state)
{
	struct test *test = *state;
	struct error error;
	struct classify_totals totals;
	struct classify_store *other = classify_store_open(test->path, small, &error);
	assert_non_null(other);
	struct classify_tokens first = tokens_of(test, "Message-ID: <1@x>\r\n\r\nsome words"), second = tokens_of(test, "Message-ID: <2@x>\r\n\r\nsome words");
	assert_int_equal(classify_learn(test->store, &first, CLASSIFY_SPAM, now), CLASSIFY_LEARNED);
	assert_int_equal(classify_learn(other, &first, CLASSIFY_SPAM, now), CLASSIFY_KNOWN);
	assert_int_equal(classify_learn(other, &second, CLASSIFY_HAM, now), CLASSIFY_LEARNED);
	assert_int_equal(classify_unlearn(test->store, &second, now), CLASSIFY_FORGOTTEN);
	classify_store_totals(other, &totals);
	assert_true(totals.spam == 1 && totals.ham == 0);
	classify_store_close(&other);
}

/* A million tokens take less than 60 MB, hardly one is lost, and looking up those of a message takes less than a millisecond. */
static void a_million_tokens_fit(void **state)
{
	struct test *test = *state;
	struct error error;
	struct classify_totals totals;
	char path[128];
	snprintf(path, sizeof path, "%s/million", test->folder);
	struct classify_store *store = classify_store_open(path, CLASSIFY_SHARED_SIZE, &error);
	assert_non_null(store);
	enum { EACH = 5000, MESSAGES = 200 };
	struct classify_token *token = arena_array(test->arena, EACH, sizeof *token);
	for (uint64_t message = 0; message < MESSAGES; message++) {
		for (uint64_t i = 0; i < EACH; i++)
			token[i] = (struct classify_token){classify_mix(message * EACH + i + 1), SLICE("x")};
		struct classify_tokens tokens = {.at = token, .count = EACH, .digest = message + 1};
		classify_learn(store, &tokens, message % 2, now);
	}
	classify_store_totals(store, &totals);
	assert_true(totals.tokens > 990000 && totals.bytes < 60000000);
	struct classify_tokens tokens = {.at = token, .count = 1000};
	struct classify_verdict verdict;
	struct timespec start, end;
	double best = 1;
	for (int i = 0; i < 50; i++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
		classify_judge(store, NULL, &tokens, &verdict);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
		best = seconds < best ? seconds : best;
	}
	assert_true(best < 0.001);
	classify_store_close(&store);
	unlink(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tokens_are_of_what_was_written), TEST(a_message_is_known_again), TEST(tokens_are_bounded), TEST(a_message_is_learned_once),
		TEST(old_rare_tokens_make_room), TEST(what_is_torn_counts_as_nothing), TEST(a_store_cut_short_is_made_whole), TEST(anothers_store_may_lose_everything), TEST(totals_have_a_second_copy),
		TEST(what_is_no_store_is_put_aside), TEST(a_crash_leaves_a_usable_store), TEST(a_verdict_needs_enough), TEST(an_own_store_outweighs),
		TEST(writers_take_turns), TEST(a_million_tokens_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
