/* Questions and answers of call.h between two ends in one process: many that wait without a thread, what is given up, what nobody
 * answers, and another answerer in the place of the first. What dies in the worst moment is tested where it matters, in queue/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/call.h"

enum { VERB = 1, MANY = 1000, LONG_MS = 120000, SHORT_MS = 50 };

struct fixture {
	int ends[2];
	struct caller *caller;
	struct answerer *answerer;
};

static int set_up(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture->ends), 0);
	fixture->caller = caller_new(dup(fixture->ends[0]));
	fixture->answerer = answerer_new(dup(fixture->ends[1]));
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	caller_free(&fixture->caller);
	answerer_free(&fixture->answerer);
	close(fixture->ends[0]);
	close(fixture->ends[1]);
	free(fixture);
	return 0;
}

static void count_done(void *context)
{
	atomic_fetch_add((_Atomic int *)context, 1);
}

static struct call_ticket *ask(struct fixture *fixture, struct slice text, int patience_ms, _Atomic int *done)
{
	int64_t now = clock_monotonic_ms();
	struct call_question question = {.verb = VERB, .text = text, .begin_by = now + patience_ms, .end_by = now + patience_ms};
	return caller_begin(fixture->caller, &question, count_done, done);
}

/* The next question, within twenty seconds. */
static struct call_received receive(struct fixture *fixture)
{
	struct call_received question;
	while (answerer_receive(fixture->answerer, &question) != CALL_RECEIVED) {
		struct pollfd polled[] = {
			{.fd = answerer_channel(fixture->answerer), .events = answerer_events(fixture->answerer)},
			{.fd = answerer_wake_fd(fixture->answerer), .events = POLLIN},
		};
		assert_true(poll(polled, 2, 20000) > 0);
	}
	return question;
}

static void wait_for(_Atomic int *done, int count)
{
	for (int64_t until = clock_monotonic_ms() + 20000; *done < count;) {
		assert_true(clock_monotonic_ms() < until);
		usleep(500);
	}
}

static int thread_count(void)
{
	int count = 0;
	DIR *folder = opendir("/proc/self/task");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void many_wait_without_a_thread(void **state)
{
	struct fixture *fixture = *state;
	static struct call_ticket *tickets[MANY];
	static uint64_t ids[MANY];
	static char texts[MANY][32];
	_Atomic int done = 0;
	int threads = thread_count();
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof texts[i], "question %d", i);
		tickets[i] = ask(fixture, slice_of(texts[i]), LONG_MS, &done);
	}
	assert_true(caller_waiting_since(fixture->caller) > 0);
	for (int i = 0; i < MANY; i++) { /* far more than the channel holds; in order */
		struct call_received question = receive(fixture);
		assert_true(slice_equal(question.text, slice_of(texts[i])) && !question.again && question.verb == VERB);
		ids[i] = question.id;
		call_received_free(&question);
	}
	assert_int_equal(done, 0);
	assert_in_range(thread_count(), threads, threads + 2); /* who receives; a sanitizer has one, too */
	for (int i = MANY; i-- > 0;) {
		answerer_answer(fixture->answerer, ids[i], slice_of(texts[i]), NULL, 0);
		if (i % 8 == 0) /* answers need room, too */
			while (done < MANY - i) {
				struct call_received none;
				answerer_receive(fixture->answerer, &none);
				usleep(100);
			}
	}
	wait_for(&done, MANY);
	for (int i = 0; i < MANY; i++) {
		struct call_answer answer;
		assert_true(caller_is_done(tickets[i]));
		assert_true(caller_end(&tickets[i], &answer));
		assert_true(slice_equal(buf_slice(&answer.text), slice_of(texts[i])));
		buf_free(&answer.text);
	}
	assert_int_equal(caller_waiting_since(fixture->caller), 0);
}

static void what_is_given_up_wakes_nobody(void **state)
{
	struct fixture *fixture = *state;
	_Atomic int first_done = 0, second_done = 0;
	struct call_answer answer;
	struct call_ticket *first = ask(fixture, SLICE("one"), LONG_MS, &first_done), *second = ask(fixture, SLICE("two"), LONG_MS, &second_done);
	struct call_received one = receive(fixture), two = receive(fixture);
	assert_false(caller_end(&first, &answer));
	assert_null(first);
	answerer_answer(fixture->answerer, one.id, SLICE("late"), NULL, 0);
	answerer_answer(fixture->answerer, two.id, SLICE("in time"), NULL, 0);
	wait_for(&second_done, 1);
	assert_true(caller_end(&second, &answer));
	assert_true(slice_equal(buf_slice(&answer.text), SLICE("in time")));
	assert_int_equal(first_done, 0);
	buf_free(&answer.text);
	call_received_free(&one);
	call_received_free(&two);
}

static void what_nobody_answers_is_given_up_in_time(void **state)
{
	struct fixture *fixture = *state;
	_Atomic int done = 0, patient_done = 0;
	struct call_answer answer;
	struct call_ticket *patient = ask(fixture, SLICE("patient"), LONG_MS, &patient_done);
	struct call_ticket *ticket = ask(fixture, SLICE("impatient"), SHORT_MS, &done);
	wait_for(&done, 1);
	assert_false(caller_end(&ticket, &answer));
	assert_int_equal(patient_done, 0);
	assert_false(caller_is_done(patient));
	assert_false(caller_end(&patient, &answer));
}

static void another_answerer_is_asked_again(void **state)
{
	struct fixture *fixture = *state;
	_Atomic int done = 0;
	struct call_answer answer;
	struct call_ticket *ticket = ask(fixture, SLICE("anybody there?"), LONG_MS, &done);
	struct call_received question = receive(fixture);
	assert_false(question.again);
	call_received_free(&question);
	answerer_free(&fixture->answerer);
	fixture->answerer = answerer_new(dup(fixture->ends[1]));
	question = receive(fixture);
	assert_true(question.again && slice_equal(question.text, SLICE("anybody there?")));
	answerer_answer(fixture->answerer, question.id, SLICE("yes"), NULL, 0);
	call_received_free(&question);
	wait_for(&done, 1);
	assert_true(caller_end(&ticket, &answer));
	buf_free(&answer.text);
}

/* More than the channel holds at once, before and after a part of it was read by nobody. */
static void long_answers_come_whole(void **state)
{
	struct fixture *fixture = *state;
	_Atomic int done = 0;
	struct call_answer answer;
	char *text = memory_new(CALL_ANSWER_MAX);
	random_bytes(text, CALL_ANSWER_MAX);
	for (size_t len = CALL_ANSWER_MAX; len > 0; len /= 7) {
		struct call_ticket *ticket = ask(fixture, SLICE("much"), LONG_MS, &done);
		struct call_received question = receive(fixture), none;
		answerer_answer(fixture->answerer, question.id, slice_make(text, len), NULL, 0);
		call_received_free(&question);
		for (int64_t until = clock_monotonic_ms() + 20000; !caller_is_done(ticket); usleep(100)) {
			assert_int_equal(answerer_receive(fixture->answerer, &none), CALL_NOTHING);
			assert_true(clock_monotonic_ms() < until);
		}
		assert_true(caller_end(&ticket, &answer));
		assert_true(slice_equal(buf_slice(&answer.text), slice_make(text, len)));
		call_answer_free(&answer);
	}
	free(text);
}

static void what_is_asked_once_is_not_asked_of_another(void **state)
{
	struct fixture *fixture = *state;
	_Atomic int done = 0, again_done = 0;
	struct call_answer answer;
	int64_t until = clock_monotonic_ms() + LONG_MS;
	struct call_question once = {.verb = VERB, .text = SLICE("once"), .begin_by = until, .end_by = until, .once = true};
	struct call_ticket *ticket = caller_begin(fixture->caller, &once, count_done, &done), *again = ask(fixture, SLICE("again"), LONG_MS, &again_done);
	for (int i = 0; i < 2; i++) {
		struct call_received question = receive(fixture);
		call_received_free(&question);
	}
	answerer_free(&fixture->answerer);
	fixture->answerer = answerer_new(dup(fixture->ends[1]));
	struct call_received question = receive(fixture);
	assert_true(slice_equal(question.text, SLICE("again")));
	call_received_free(&question);
	wait_for(&done, 1);
	assert_false(caller_end(&ticket, &answer));
	assert_false(caller_end(&again, &answer));
}

/** What was heard: how often, and the last. */
struct news {
	pthread_mutex_t lock;
	_Atomic int count;
	char last[CALL_NEWS_MAX + 1];
};

static void hear(void *context, struct slice text)
{
	struct news *news = context;
	pthread_mutex_lock(&news->lock);
	snprintf(news->last, sizeof news->last, "%.*s", SLICE_ARG(text));
	pthread_mutex_unlock(&news->lock);
	news->count++;
}

static bool is_last(struct news *news, const char *text)
{
	pthread_mutex_lock(&news->lock);
	bool is = strcmp(news->last, text) == 0;
	pthread_mutex_unlock(&news->lock);
	return is;
}

static void news_are_heard_at_once_and_by_who_comes_later(void **state)
{
	struct fixture *fixture = *state;
	struct news first = {.lock = PTHREAD_MUTEX_INITIALIZER}, later = {.lock = PTHREAD_MUTEX_INITIALIZER};
	caller_on_news(fixture->caller, hear, &first);
	caller_listen(fixture->caller);
	answerer_tell(fixture->answerer, SLICE("rain"));
	for (int64_t until = clock_monotonic_ms() + 20000; !is_last(&first, "rain"); usleep(100))
		assert_true(clock_monotonic_ms() < until);
	caller_free(&fixture->caller);
	fixture->caller = caller_new(dup(fixture->ends[0]));
	caller_on_news(fixture->caller, hear, &later);
	caller_listen(fixture->caller); /* asks who is there */
	for (int64_t until = clock_monotonic_ms() + 20000; later.count == 0; usleep(100)) {
		struct call_received none;
		answerer_receive(fixture->answerer, &none);
		assert_true(clock_monotonic_ms() < until);
	}
	caller_free(&fixture->caller);
	assert_string_equal(later.last, "rain");
}

#define WITH_ENDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ENDS(many_wait_without_a_thread),
		WITH_ENDS(what_is_given_up_wakes_nobody),
		WITH_ENDS(what_nobody_answers_is_given_up_in_time),
		WITH_ENDS(another_answerer_is_asked_again),
		WITH_ENDS(long_answers_come_whole),
		WITH_ENDS(what_is_asked_once_is_not_asked_of_another),
		WITH_ENDS(news_are_heard_at_once_and_by_who_comes_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
