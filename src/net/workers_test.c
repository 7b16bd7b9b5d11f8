/* Unit tests of the workers: how many there are, and which of them go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net/internal.h"

enum { CLIENTS = 4, JOBS = 500, MOST = 64 };

/** Somebody who has one thing done after the other. */
struct client {
	struct workers *workers;
	struct net_job job;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	pthread_t by; /* who did the last */
};

static void do_job(void *argument)
{
	struct client *client = argument;
	pthread_mutex_lock(&client->lock);
	client->by = pthread_self();
	client->is_done = true;
	pthread_cond_signal(&client->done);
	pthread_mutex_unlock(&client->lock);
}

static void have_done(struct client *client)
{
	client->is_done = false;
	workers_submit(client->workers, &client->job, LANE_STRANGERS);
	pthread_mutex_lock(&client->lock);
	while (!client->is_done)
		pthread_cond_wait(&client->done, &client->lock);
	pthread_mutex_unlock(&client->lock);
}

static void *have_all_done(void *argument)
{
	for (int i = 0; i < JOBS; i++)
		have_done(argument);
	return NULL;
}

static void begin(struct client *client, struct workers *workers)
{
	*client = (struct client){.workers = workers, .job = {.work = do_job, .argument = client}};
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->done, NULL);
}

static void end(struct client *client)
{
	pthread_mutex_destroy(&client->lock);
	pthread_cond_destroy(&client->done);
}

/* Each may find that the one before is still on its way back. */
static void there_are_no_more_than_there_is_work_for(void **state)
{
	(void)state;
	struct workers *workers = workers_new(MOST);
	struct client clients[CLIENTS];
	pthread_t threads[CLIENTS];
	uint64_t running, busy;
	for (size_t i = 0; i < CLIENTS; i++) {
		begin(&clients[i], workers);
		assert_int_equal(pthread_create(&threads[i], NULL, have_all_done, &clients[i]), 0);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		end(&clients[i]);
	}
	workers_counts(workers, &running, &busy);
	assert_in_range(running, 1, 3 * CLIENTS);
	workers_free(&workers);
}

static void sleep_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

static void do_slowly(void *argument)
{
	sleep_a_moment();
	do_job(argument);
}

/* After many had work at once: one that comes then is always done by the same. */
static void who_was_idle_last_goes_on(void **state)
{
	(void)state;
	struct workers *workers = workers_new(MOST);
	struct client clients[CLIENTS];
	for (size_t i = 0; i < CLIENTS; i++) {
		begin(&clients[i], workers);
		clients[i].job.work = do_slowly;
		workers_submit(workers, &clients[i].job, LANE_PEOPLE);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		pthread_mutex_lock(&clients[i].lock);
		while (!clients[i].is_done)
			pthread_cond_wait(&clients[i].done, &clients[i].lock);
		pthread_mutex_unlock(&clients[i].lock);
	}
	sleep_a_moment(); /* they are idle */
	clients[0].job.work = do_job;
	have_done(&clients[0]);
	pthread_t first = clients[0].by;
	for (int i = 0; i < CLIENTS; i++) {
		sleep_a_moment();
		have_done(&clients[0]);
		assert_true(pthread_equal(clients[0].by, first));
	}
	for (size_t i = 0; i < CLIENTS; i++)
		end(&clients[i]);
	workers_free(&workers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_no_more_than_there_is_work_for),
		cmocka_unit_test(who_was_idle_last_goes_on),
	};
	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
