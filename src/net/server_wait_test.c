/* Who waits for an answer has no thread, and who has worked most comes last. */
#include "net/echo_fixture.h"
#include "net/touches_fixture.h"

#include <sys/resource.h>

static void wait_until_asked(int count)
{
	while (asked_count < count)
		usleep(1000);
}

static void answer_all(void)
{
	int count = asked_count;
	for (int i = 0; i < count; i++) {
		asked[i]->answered = true;
		conn_resume(asked[i]->conn);
	}
}

/* What comes behind the question is run when that has been answered; sessions that wait have no thread, and hold up nobody. */
static void who_waits_has_no_thread(void **state)
{
	enum { HALF = 60 };
	struct fixture *fixture = *state;
	struct server_counts counts;
	int fds[2 * HALF], other = dial(fixture->port);
	expect(other, "hello\r\n");
	for (int i = 0; i < 2 * HALF; i++) { /* one at a time: the list of those who ask has no lock */
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
		say(fds[i], i < HALF ? "ASK\r\nand then\r\n" : "QUICKASK\r\nQUICK then\r\n");
		wait_until_asked(i + 1);
	}
	server_counts(fixture->server, &counts);
	assert_true(counts.workers <= 4 && counts.busy_workers <= 1);
	for (int i = 0; i < 100; i++) {
		say(other, "echo\r\n");
		expect(other, "echo\r\n");
	}
	assert_int_equal(asked_again, 0);
	conn_resume(asked[0]->conn); /* … without an answer: it waits on */
	while (asked_again < 1)
		usleep(1000);
	answer_all();
	for (int i = 0; i < 2 * HALF; i++) {
		expect(fds[i], i < HALF ? "answer\r\n" : "answer\r\nQUICK then\r\n");
		if (i < HALF)
			expect(fds[i], "and then\r\n");
		close(fds[i]);
	}
	close(other);
}

/* ---- Who waits costs the others nothing ---- */

enum { CROWD_THAT_WAITS = ASKED_MAX, SIGNED_IN_EVERY = 5, DESCRIPTORS = 4096, ROUNDS = 30, TOUCHED_MOST = 4, ROUNDS_MOST_MS = 60000 };

/* What is done for one of them, whatever the others do. */
struct deed {
	const char *name;
	void (*does)(int port, int client);
};

static void echo_in_the_loop(int port, int client)
{
	(void)port;
	say(client, "QUICK\r\n");
	expect(client, "QUICK\r\n");
}

static void echo_of_a_worker(int port, int client)
{
	(void)port;
	say(client, "echo\r\n");
	expect(client, "echo\r\n");
}

/* Between others who have signed in; the next round takes it out of its place and puts it last. */
static void sign_in(int port, int client)
{
	(void)port;
	say(client, "LOGIN alice\r\n");
	expect(client, "LOGIN alice\r\n");
}

static void come_and_go(int port, int client)
{
	(void)client;
	int closed = closed_sessions, fd = dial(port);
	expect(fd, "hello\r\n");
	close(fd);
	wait_until_closed(closed + 1);
}

static void wake_another(int port, int client)
{
	(void)port;
	conn_wake(waiting->conn);
	expect(client, "woken\r\n");
}

/* Without an answer: it waits on. */
static void ask_again(int port, int client)
{
	(void)port, (void)client;
	int before = asked_again;
	conn_resume(asked[CROWD_THAT_WAITS / 2]->conn);
	while (asked_again == before)
		usleep(100);
}

/* How many connections the server looks at for that; once a second it looks at all, so it is the least of many times. A thread that isn't woken
 * for its job finds it after WORKER_IDLE_SECONDS. */
static size_t least_touched(const struct deed *deed, int port, int client)
{
	size_t least = SIZE_MAX;
	int64_t late = clock_monotonic_ms() + ROUNDS_MOST_MS;
	for (int round = 0; round < ROUNDS; round++) {
		touches_begin();
		deed->does(port, client);
		size_t count = touches_count();
		least = count < least ? count : least;
	}
	assert_true(clock_monotonic_ms() < late);
	return least;
}

static void let_them_wait(int port, int *fds)
{
	for (int i = 0; i < CROWD_THAT_WAITS; i++) {
		fds[i] = dial(port);
		expect(fds[i], "hello\r\n");
		if (i % SIGNED_IN_EVERY == 0) {
			say(fds[i], "LOGIN bob\r\n");
			expect(fds[i], "LOGIN bob\r\n");
		}
		say(fds[i], i % 2 ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(i + 1);
	}
}

static void meet(struct server *server, int port)
{
	static const struct deed deeds[] = {
		{"a command in the loop", echo_in_the_loop}, {"a command of a worker", echo_of_a_worker}, {"a sign-in", sign_in},
		{"a connection", come_and_go}, {"a wake", wake_another}, {"an answer", ask_again},
	};
	static int fds[CROWD_THAT_WAITS];
	struct server_counts counts;
	int client = dial(port);
	expect(client, "hello\r\n");
	say(client, "WAIT\r\necho\r\n");
	expect(client, "echo\r\n");
	let_them_wait(port, fds);
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		size_t least = least_touched(&deeds[i], port, client);
		print_message("%s: %zu connections are looked at\n", deeds[i].name, least);
		assert_true(least > 0 && least <= TOUCHED_MOST);
	}
	server_counts(server, &counts);
	assert_true(counts.workers <= 4 && counts.busy_workers <= 1);
	answer_all();
	for (int i = 0; i < CROWD_THAT_WAITS; i++) {
		expect(fds[i], "answer\r\n");
		close(fds[i]);
	}
	close(client);
}

static void a_thousand_wait_and_nobody_notices(void **state)
{
	int port;
	struct rlimit former, limit;
	pthread_t thread;
	(void)state;
	getrlimit(RLIMIT_NOFILE, &former);
	limit = former;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct server *server = server_new(&(struct server_options){.workers = 4});
	server_listen(server, test_listen(&port), &echo_protocol, false, NULL);
	asked_count = asked_again = closed_sessions = 0;
	news_told = -1;
	pthread_create(&thread, NULL, run_server, server);
	meet(server, port);
	wait_until_closed(CROWD_THAT_WAITS + 1);
	server_stop(server, 1);
	pthread_join(thread, NULL);
	server_free(&server);
	setrlimit(RLIMIT_NOFILE, &former);
}

/* ---- No call is lost ---- */

/* The answer is there before the question has been put, so to speak: conn_resume() comes while the unit that asks is still being run. */
static void an_answer_may_come_at_once(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	for (int i = 0; i < 20; i++) {
		say(fd, "ASKNOW\r\nQUICKASKNOW\r\nand then\r\n");
		expect(fd, "answer\r\nanswer\r\nand then\r\n");
	}
	close(fd);
}

/* Whom a worker has is told when it comes back, of each kind of call. */
static void who_is_called_while_it_works_hears_it_afterwards(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "WAIT\r\nWORK\r\n");
	while (!waiting || !working)
		usleep(1000);
	conn_wake(waiting->conn);
	int other = dial(fixture->port); /* … and the loop has seen the call when it answers */
	expect(other, "hello\r\n");
	say(other, "QUICK\r\n");
	expect(other, "QUICK\r\n");
	working = false;
	expect(fd, "worked\r\nwoken\r\n");
	for (int i = 0; i < 3; i++) { /* … and once */
		usleep(5000); /* longer than a worker waits for the next command: it comes back */
		say(fd, "echo\r\n");
		expect(fd, "echo\r\n");
	}
	close(fd);
	close(other);
}

/* Who waits is told the news when it has its answer, however much later that comes. */
static void who_waits_is_woken_after_the_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port), other = dial(fixture->port);
	expect(fd, "hello\r\n");
	expect(other, "hello\r\n");
	for (int i = 0; i < 2; i++) {
		say(fd, i ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(i + 1);
		conn_wake(asked[i]->conn);
		say(other, "QUICK\r\n"); /* the loop has seen the call … */
		expect(other, "QUICK\r\n");
		int before = asked_again;
		conn_resume(asked[i]->conn); /* … and that there is no answer */
		while (asked_again == before)
			usleep(1000);
		asked[i]->answered = true;
		conn_resume(asked[i]->conn);
		expect(fd, "answer\r\nwoken\r\n");
	}
	close(fd);
	close(other);
}

/* Both calls, before the loop has come to either: it is resumed first, and told of the news afterwards. */
static void a_wake_and_an_answer_at_once_are_two(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port), other = dial(fixture->port);
	expect(fd, "hello\r\n");
	expect(other, "hello\r\n");
	for (int i = 0; i < 20; i++) {
		int before = asked_count;
		say(fd, i % 2 ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(before + 1);
		say(other, i % 4 < 2 ? "QUICKCALL\r\n" : "CALL\r\n");
		expect(other, "called\r\n");
		expect(fd, "answer\r\nwoken\r\n");
	}
	close(fd);
	close(other);
}

/* Many, while the loop can come to none of them: each hears it, and once. */
static void all_who_are_called_at_once_hear_it(void **state)
{
	enum { ALL = 60 };
	struct fixture *fixture = *state;
	int fds[ALL], other = dial(fixture->port);
	expect(other, "hello\r\n");
	for (int i = 0; i < ALL; i++) {
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
		say(fds[i], i % 2 ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(i + 1);
	}
	say(other, "QUICKCALL all\r\n");
	expect(other, "called\r\n");
	for (int i = 0; i < ALL; i++) {
		expect(fds[i], "answer\r\nwoken\r\n");
		say(fds[i], "echo\r\n");
		expect(fds[i], "echo\r\n");
		close(fds[i]);
	}
	close(other);
}

/* What has been begun is brought to its end: the session is closed when the answer has come, not before. */
static void who_hangs_up_while_waiting_is_kept_until_the_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "ASK\r\n");
	wait_until_asked(1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger)); /* a reset */
	close(fd);
	usleep(50000);
	assert_int_equal(closed_sessions, 0);
	answer_all();
	wait_until_closed(1);
}

static bool everybody(void *context, const struct conn_session *session)
{
	(void)context, (void)session;
	return true;
}

/* Who says much at once is woken once. That another is served shows that the loop is done with the first. */
static void earlier_answers_go_out_with_that_which_is_awaited(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port), other = dial(fixture->port);
	char byte;
	expect(fd, "hello\r\n");
	expect(other, "hello\r\n");
	say(fd, "QUICK\r\nQUICKASK\r\n");
	wait_until_asked(1);
	say(other, "QUICK\r\n");
	expect(other, "QUICK\r\n");
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	answer_all();
	expect(fd, "QUICK\r\nanswer\r\n");
	close(fd);
	close(other);
}

static void a_session_that_waits_is_ended_with_its_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	char byte;
	expect(fd, "hello\r\n");
	say(fd, "LOGIN alice\r\n");
	expect(fd, "LOGIN alice\r\n");
	say(fd, "ASK\r\n");
	wait_until_asked(1);
	assert_int_equal(server_end_sessions(fixture->server, everybody, NULL, SLICE("because")), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0); /* after SESSION_END_MS nothing is heard any more */
	assert_int_equal(closed_sessions, 0);
	answer_all();
	wait_until_closed(1);
	close(fd);
}

/* Whose answer never comes is closed when the server's patience ends, and not before. */
static void stopping_waits_for_answers_as_long_as_it_may(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "ASK\r\n");
	wait_until_asked(1);
	server_stop(fixture->server, 1);
	usleep(300000);
	assert_int_equal(closed_sessions, 0);
	wait_until_closed(1);
	close(fd);
}

/* ---- Who comes first ---- */

enum { CROWD = 8 }; /* more than there are workers */

static void crowd_works(const struct fixture *fixture, int *fds, const char *first, const char *work)
{
	crowding = true;
	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
		say(fds[i], first);
		if (*first)
			expect(fds[i], first);
	}
	for (int i = 0; i < CROWD; i++)
		say(fds[i], work);
}

static void crowd_ends(int *fds)
{
	crowding = false;
	for (int i = 0; i < CROWD; i++) {
		expect(fds[i], "worked\r\n");
		close(fds[i]);
	}
}

/* A thread is kept for who has signed in, whatever strangers and those who search do. */
static void who_has_signed_in_waits_for_no_stranger_and_no_search(void **state)
{
	static const struct { const char *first, *work; } crowds[] = {{"", "CROWD\r\n"}, {"LOGIN eve\r\n", "LONGCROWD\r\n"}};
	struct fixture *fixture = *state;
	int fds[CROWD], fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "LOGIN alice\r\n");
	expect(fd, "LOGIN alice\r\n");
	for (size_t i = 0; i < 2; i++) {
		crowd_works(fixture, fds, crowds[i].first, crowds[i].work);
		for (int round = 0; round < 20; round++) {
			say(fd, "echo\r\n");
			expect(fd, "echo\r\n");
			usleep(5000); /* longer than a worker waits for the next command */
		}
		crowd_ends(fds);
	}
	close(fd);
}

static void pause_for(void *argument)
{
	usleep(*(useconds_t *)argument);
}

/* Whose work has taken more than his share is served after the others, and among such who has taken least is first. */
static void a_share_that_is_used_up_puts_last(void **state)
{
	(void)state;
	struct workers *workers = workers_new(2);
	assert_int_equal(workers_lane(workers, 1, LANE_PEOPLE), LANE_PEOPLE);
	workers_charge(workers, 1, 5000);
	workers_charge(workers, 2, 100);
	assert_int_equal(workers_lane(workers, 1, LANE_PEOPLE), LANE_LONG);
	assert_int_equal(workers_lane(workers, 2, LANE_PEOPLE), LANE_PEOPLE);
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_STRANGERS);
	workers_charge(workers, 3, 320);
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_LONG);
	usleep(100000); /* half of that is paid back */
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_STRANGERS);
	useconds_t moment = 1000;
	struct net_job jobs[3];
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = (struct net_job){.work = pause_for, .argument = &moment, .whose = i};
		workers_submit(workers, &jobs[i], LANE_LONG);
	}
	workers_free(&workers); /* waits for all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(who_waits_has_no_thread),
		cmocka_unit_test(a_thousand_wait_and_nobody_notices),
		SERVED(an_answer_may_come_at_once),
		SERVED(who_is_called_while_it_works_hears_it_afterwards),
		SERVED(who_waits_is_woken_after_the_answer),
		SERVED(a_wake_and_an_answer_at_once_are_two),
		SERVED(all_who_are_called_at_once_hear_it),
		SERVED(who_has_signed_in_waits_for_no_stranger_and_no_search),
		cmocka_unit_test(a_share_that_is_used_up_puts_last),
		SERVED(who_hangs_up_while_waiting_is_kept_until_the_answer),
		SERVED(earlier_answers_go_out_with_that_which_is_awaited),
		SERVED(a_session_that_waits_is_ended_with_its_answer),
		SERVED(stopping_waits_for_answers_as_long_as_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
