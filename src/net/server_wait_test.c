/* Who waits for an answer has no thread, and who has worked most comes last. */
#include "net/echo_fixture.h"

#include <sys/resource.h>
#include <time.h>

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

enum { ROUNDS = 8, ECHOES = 250 };

/* Processor time that ECHOES cost client and server together, in microseconds, in the best of some rounds: unlike the time that
   passes, it hardly grows when the machine is busy with something else. */
static int64_t cost_of_echoes(int fd)
{
	int64_t best = INT64_MAX;
	for (int round = 0; round < ROUNDS; round++) {
		clock_t begin = clock();
		for (int i = 0; i < ECHOES; i++) {
			say(fd, "QUICK\r\n");
			expect(fd, "QUICK\r\n");
		}
		int64_t cost = (int64_t)(clock() - begin) * 1000000 / CLOCKS_PER_SEC;
		best = cost < best ? cost : best;
	}
	return best;
}

/* Both in a worker and in the loop. */
static void a_thousand_wait_and_nobody_notices(void **state)
{
	enum { THOUSAND = ASKED_MAX, DESCRIPTORS = 4096 };
	static int fds[THOUSAND];
	int port;
	struct rlimit former, limit;
	struct server_counts counts;
	pthread_t thread;
	(void)state;
	getrlimit(RLIMIT_NOFILE, &former);
	limit = former;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct server *server = server_new(&(struct server_options){.workers = 4});
	server_listen(server, test_listen(&port), &echo_protocol, false, NULL);
	asked_count = asked_again = closed_sessions = 0;
	pthread_create(&thread, NULL, run_server, server);
	int other = dial(port);
	expect(other, "hello\r\n");
	int64_t before = cost_of_echoes(other);
	for (int i = 0; i < THOUSAND; i++) {
		fds[i] = dial(port);
		expect(fds[i], "hello\r\n");
		say(fds[i], i % 2 ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(i + 1);
	}
	int64_t meanwhile = cost_of_echoes(other);
	server_counts(server, &counts);
	print_message("echoes: %d us before, %d us meanwhile, %d threads\n", (int)before, (int)meanwhile, (int)counts.workers);
	assert_true(counts.workers <= 4 && counts.busy_workers <= 1);
	/* No difference was seen but what waking a thread costs at one time and another; who looked at each who waits would pay more than
	   a quarter of a microsecond for each, with every echo. */
	assert_true(meanwhile < before + ECHOES * THOUSAND / 4);
	answer_all();
	for (int i = 0; i < THOUSAND; i++) {
		expect(fds[i], "answer\r\n");
		close(fds[i]);
	}
	close(other);
	wait_until_closed(THOUSAND + 1);
	server_stop(server, 1);
	pthread_join(thread, NULL);
	server_free(&server);
	setrlimit(RLIMIT_NOFILE, &former);
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
		SERVED(who_has_signed_in_waits_for_no_stranger_and_no_search),
		cmocka_unit_test(a_share_that_is_used_up_puts_last),
		SERVED(who_hangs_up_while_waiting_is_kept_until_the_answer),
		SERVED(earlier_answers_go_out_with_that_which_is_awaited),
		SERVED(a_session_that_waits_is_ended_with_its_answer),
		SERVED(stopping_waits_for_answers_as_long_as_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
