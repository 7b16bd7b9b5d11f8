/* Unit tests of auth.h where it gets rough: restarts of the auth role, crowds that ask at once, and a role that an attacker has taken over. */
#include "auth/server_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "auth/wire.h"
#include "net/call_wire.h"

/* ---- Restarts, crowds, enemies ---- */

static void *ask_in_thread(void *argument)
{
	struct fixture *f = argument;
	return (void *)(intptr_t)auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL);
}

static void a_restart_answers_what_waits(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *kind;
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	stop_server(f);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, f), 0);
	usleep(50 * 1000);
	/* The former auth process has read the request and died. */
	char taken[CALL_DATAGRAM_MAX];
	assert_true(recv(f->ends[0][1], taken, sizeof taken, 0) > 0);
	start_server(f);
	pthread_join(thread, &kind);
	assert_int_equal((intptr_t)kind, RECIPIENT_LOCAL); /* asked again */
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
}

static void count_wake(void *context)
{
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void wait_for_wakes(_Atomic int *woken, int count)
{
	for (int64_t until = clock_monotonic_ms() + 30000; *woken < count; usleep(500))
		assert_true(clock_monotonic_ms() < until);
}

/* Nobody is there at first: far more is asked than the channel holds. One in ten gives up, one in ten asks something else. */
static void many_wait_without_a_thread(void **state)
{
	enum { MANY = 1000 };
	struct fixture *f = *state;
	static struct auth_wait waits[MANY];
	_Atomic int woken = 0, given_up = 0;
	stop_server(f);
	for (int i = 0; i < MANY; i++) {
		waits[i] = (struct auth_wait){.wake = count_wake, .context = i % 10 == 1 ? &given_up : &woken};
		assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED);
		assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED); /* not asked twice */
		assert_true(auth_is_awaited(&waits[i]));
		if (i % 10 == 1)
			auth_wait_end(&waits[i]);
		else if (i % 10 == 2) /* the answer to the former question is none to this one */
			assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("x@elsewhere.test"), NULL), RECIPIENT_AWAITED);
	}
	assert_int_equal(woken, 0);
	start_server(f);
	wait_for_wakes(&woken, MANY / 10 * 9);
	for (int i = 0; i < MANY; i++)
		if (i % 10 != 1) {
			bool other = i % 10 == 2;
			assert_int_equal(auth_recipient(f->auth, &waits[i], other ? SLICE("x@elsewhere.test") : SLICE("alice@example.test"), NULL),
					 other ? RECIPIENT_FOREIGN : RECIPIENT_LOCAL);
			assert_false(auth_is_awaited(&waits[i]));
		}
	assert_true(woken == MANY / 10 * 9 && given_up == 0);
}

static void a_restart_answers_who_waits_without_a_thread(void **state)
{
	struct fixture *f = *state;
	_Atomic int woken = 0, step_woken = 0;
	struct auth_wait wait = {.wake = count_wake, .context = &woken}, step_wait = {.wake = count_wake, .context = &step_woken};
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	char taken[CALL_DATAGRAM_MAX];
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
	stop_server(f);
	assert_int_equal(auth_recipient(f->auth, &wait, SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED);
	assert_int_equal(sign_in_step(sign_in, &step_wait, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_AWAITED);
	for (int i = 0; i < 2; i++) /* the former auth process has read both and died */
		assert_true(recv(f->ends[0][1], taken, sizeof taken, 0) > 0);
	start_server(f);
	wait_for_wakes(&woken, 1);
	wait_for_wakes(&step_woken, 1);
	assert_int_equal(auth_recipient(f->auth, &wait, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(sign_in_step(sign_in, &step_wait, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_TEMPORARY);
	sign_in_end(&sign_in);
	buf_free(&challenge);
}

static void an_exchange_does_not_outlive_a_restart(void **state)
{
	struct fixture *f = *state;
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
	assert_int_equal(sign_in_step(sign_in, NULL, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
	stop_server(f);
	start_server(f);
	/* The hello may fail the request, or the new process doesn't know the exchange. */
	assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("\0alice\0wonderland"), &challenge, &account, &delay_ms), SIGN_IN_TEMPORARY);
	sign_in_end(&sign_in);
	buf_free(&challenge);
}

static void *ask_a_lot(void *argument)
{
	struct fixture *f = argument;
	intptr_t wrong = 0;
	for (int i = 0; i < 300; i++) {
		wrong += auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL) != RECIPIENT_LOCAL;
		wrong += auth_recipient(f->auth, NULL, SLICE("x@elsewhere.test"), NULL) != RECIPIENT_FOREIGN;
	}
	return (void *)wrong;
}

static void *sign_in_a_lot(void *argument)
{
	struct fixture *f = argument;
	intptr_t wrong = 0;
	struct arena *arena = arena_new();
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	for (int i = 0; i < 5; i++) {
		wrong += auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, arena, &account, &delay_ms) != SIGN_IN_DONE;
	}
	arena_free(&arena);
	return (void *)wrong;
}

/* A stranger, who signs in by an exchange, step by step. */
struct stranger {
	struct fixture *f;
	char address[40];
	bool right;
	enum sign_in_status status;
};

static void *sign_in_as_stranger(void *argument)
{
	static const char *const words[] = {"alice@example.test", "wonderland", "alice@example.test", "wrong"};
	struct stranger *stranger = argument;
	struct sign_in_client client = client_at(stranger->address);
	struct auth_account account;
	int delay_ms;
	struct buf output = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(stranger->f->auth, SLICE("LOGIN"), &client);
	stranger->status = sign_in_step(sign_in, NULL, false, SLICE(""), &output, &account, &delay_ms);
	for (int i = stranger->right ? 0 : 2; stranger->status == SIGN_IN_CONTINUE;)
		stranger->status = sign_in_step(sign_in, NULL, true, slice_of(words[i++]), &output, &account, &delay_ms);
	sign_in_end(&sign_in);
	buf_free(&output);
	return NULL;
}

/* Of many strangers a few are checked at a time; the others wait, and each has his answer in the end. */
static void a_crowd_of_strangers_waits(void **state)
{
	struct fixture *f = *state;
	enum { CROWD = 60 };
	pthread_t threads[CROWD];
	struct stranger *strangers = arena_array(f->arena, CROWD, sizeof *strangers);
	for (int i = 0; i < CROWD; i++) {
		strangers[i] = (struct stranger){.f = f, .right = i % 10 == 9};
		snprintf(strangers[i].address, sizeof strangers[i].address, "198.51.%d.7", i);
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_as_stranger, &strangers[i]), 0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(strangers[i].status, strangers[i].right ? SIGN_IN_DONE : SIGN_IN_REFUSED);
	}
}

/* 300 guesses from one network wait, a question each and no thread; another stranger is the second to be looked at. */
static void a_crowd_does_not_hold_up_who_does_nothing_wrong(void **state)
{
	enum { GUESSES = 300 };
	struct fixture *f = *state;
	static struct auth_wait waits[GUESSES];
	_Atomic int woken = 0;
	struct sign_in_client client = client_at("198.51.100.66");
	struct auth_account account;
	int delay_ms;
	for (int i = 0; i < GUESSES; i++) {
		waits[i] = (struct auth_wait){.wake = count_wake, .context = &woken};
		assert_int_equal(auth_check_password(f->auth, &waits[i], SLICE("bob"), SLICE("guess"), &client, f->arena, &account, &delay_ms), SIGN_IN_AWAITED);
	}
	assert_int_equal(check_from(f, "203.0.113.5", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
	assert_true(woken < 30);
	for (int i = 0; i < GUESSES; i++)
		auth_wait_end(&waits[i]);
}

static void many_ask_at_once(void **state)
{
	struct fixture *f = *state;
	enum { THREADS = 32 };
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? ask_a_lot : sign_in_a_lot, f), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		assert_int_equal((intptr_t)wrong, 0);
	}
}

/* Who has taken over a role's end of a channel; `generation` of the auth role that has said hello over it. */
static uint64_t generation_at(int fd)
{
	static char bytes[CALL_DATAGRAM_MAX];
	struct call_datagram hello;
	assert_int_equal(call_receive(fd, bytes, &hello), 1);
	assert_int_equal(hello.kind, CALL_HELLO);
	return hello.generation;
}

static void fetch_answers(int fd)
{
	char answer[CALL_DATAGRAM_MAX];
	while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
}

/* A question of ours, and then some bytes of it changed. */
static void send_damaged(int enemy, uint64_t generation, int how)
{
	struct sign_in_client client = client_at("192.0.2.66");
	struct buf text = BUF(WIRE_QUESTION_MAX);
	wire_put_number(&text, random_below(3));
	wire_put_text(&text, SLICE("SCRAM-SHA-256"));
	auth_wire_put_client(&text, &client);
	wire_put_number(&text, 1);
	wire_put_text(&text, SLICE("n,,n=alice,r=abc"));
	if (how > 1)
		text.at[random_below(text.len)] = (char)random_u64();
	struct slice said = slice_sub(buf_slice(&text), 0, how > 2 ? random_below(text.len) : text.len);
	unsigned verb = (unsigned)(WIRE_RECIPIENT + random_below(WIRE_SIGN_IN_END));
	while (!call_send(enemy, &(struct call_datagram){.kind = CALL_QUESTION, .verb = verb, .generation = generation, .id = random_u64(), .text = said}))
		fetch_answers(enemy); /* answers that nobody fetches stop the server's reading */
	buf_free(&text);
}

static void send_bytes(int enemy, size_t len)
{
	static char bytes[100 * 1024];
	random_bytes(bytes, len < 600 ? len : 600);
	while (send(enemy, bytes, len, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		fetch_answers(enemy);
}

/* A role that an attacker has taken over sends what it likes over its channel; the others are served all the same. */
static void damaged_questions_harm_nobody(void **state)
{
	struct fixture *f = *state;
	int enemy = f->ends[1][0];
	uint64_t generation = generation_at(enemy);
	for (int i = 0; i < 20000; i++)
		if (i % 4)
			send_damaged(enemy, generation, i % 4);
		else
			send_bytes(enemy, random_below(600) + 1);
	send_bytes(enemy, 100 * 1024);
	send_bytes(enemy, 0); /* empty: not the end of the channel */
	fetch_answers(enemy);
	struct buf text = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&text, SLICE("alice@example.test"));
	struct call_datagram question = {.kind = CALL_QUESTION, .verb = WIRE_RECIPIENT, .generation = generation, .id = 7, .text = buf_slice(&text)}, answer = {0};
	while (!call_send(enemy, &question))
		fetch_answers(enemy);
	static char bytes[CALL_DATAGRAM_MAX];
	for (struct pollfd polled = {.fd = enemy, .events = POLLIN}; answer.id != 7 && poll(&polled, 1, 20000) > 0;)
		call_receive(enemy, bytes, &answer);
	assert_true(answer.id == 7 && answer.kind == CALL_ANSWER);
	buf_free(&text);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
}

static bool send_check(int enemy, uint64_t generation, uint64_t id, const char *address, struct slice name, struct slice password)
{
	struct sign_in_client client = client_at(address);
	struct buf text = BUF(WIRE_QUESTION_MAX);
	auth_wire_put_client(&text, &client);
	wire_put_text(&text, name);
	wire_put_text(&text, password);
	bool sent = call_send(enemy, &(struct call_datagram){.kind = CALL_QUESTION, .verb = WIRE_CHECK_PASSWORD, .generation = generation, .id = id,
		.time = clock_monotonic_ms() + 60 * 1000, .text = buf_slice(&text)});
	buf_free(&text);
	return sent;
}

static void one_channel_cannot_starve_another(void **state)
{
	struct fixture *f = *state;
	uint64_t generation = generation_at(f->ends[1][0]);
	int64_t start = clock_monotonic_ms();
	assert_int_equal(check(f, "alice", "a guess"), SIGN_IN_REFUSED);
	int64_t one = clock_monotonic_ms() - start;
	for (uint64_t i = 0; i < 500; i++) {
		struct slice name = arena_printf(f->arena, "user%d@example.test", (int)i);
		assert_true(send_check(f->ends[1][0], generation, i, "198.51.100.66", name, SLICE("guess")) || i > 100);
	}
	start = clock_monotonic_ms();
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_true(clock_monotonic_ms() - start < 20000 + 50 * one); /* as many passwords, not all that wait */
}

/* No hash and no key of an account ever crosses a channel. */
static void hashes_stay_inside(void **state)
{
	struct fixture *f = *state;
	char answer[CALL_DATAGRAM_MAX];
	ssize_t len;
	assert_true(send_check(f->ends[1][0], generation_at(f->ends[1][0]), 1, "192.0.2.1", SLICE("alice@example.test"), SLICE("wonderland")));
	while ((len = recv(f->ends[1][0], answer, sizeof answer, 0)) > 0 && answer[1] == CALL_HELLO)
		;
	assert_true(len > 0);
	assert_int_equal(slice_find(slice_make(answer, (size_t)len), SLICE("argon2")), SLICE_NONE);
	assert_int_equal(slice_find(slice_make(answer, (size_t)len), SLICE("wonderland")), SLICE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTH_TEST(a_restart_answers_what_waits),
		AUTH_TEST(many_wait_without_a_thread),
		AUTH_TEST(a_restart_answers_who_waits_without_a_thread),
		AUTH_TEST(an_exchange_does_not_outlive_a_restart),
		AUTH_TEST(many_ask_at_once),
		AUTH_TEST(a_crowd_of_strangers_waits),
		AUTH_TEST(a_crowd_does_not_hold_up_who_does_nothing_wrong),
		AUTH_TEST(damaged_questions_harm_nobody),
		AUTH_TEST(one_channel_cannot_starve_another),
		AUTH_TEST(hashes_stay_inside),
	};
	RUN_AUTH_TESTS(tests);
}
