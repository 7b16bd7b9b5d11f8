/* Delivery to other servers: whose turn it is is decided by turns.c; here are the threads.
 *
 * Each errand that is given out gets a thread, of which there are as many as the option `deliveries` allows; they are started when they
 * are needed, and end when idle. Sessions are kept for a moment for the next job (pool.c). */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "courier/delivery.h"
#include "courier/pool.h"
#include "courier/report.h"
#include "message/address.h"

enum {
	REMOTE_STACK = 512 * 1024, /* of address space */
	IDLE_SESSION_MS = 3000,    /* an idle session to another server is kept so long */
	IDLE_THREAD_MS = 10000,    /* an idle remote thread ends after so long */
	CROWDED_EVERY_MS = 60000,  /* so often at most it is said that mail is put off */
};

static const char smarthost_name[] = "smarthost";

static struct courier_job *job_of(struct courier_errand *errand)
{
	return (struct courier_job *)errand; /* its first member */
}

/* ---- What became of jobs ---- */

/* Gives those without a verdict the one that was noted, and hands the job over to the closing thread. With the lock held. */
static void job_conclude(struct courier *courier, struct courier_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->addressees[i]->verdict == VERDICT_NONE)
			courier_addressee_conclude(job->addressees[i]);
	job->next = NULL;
	*courier->concluded_end = job;
	courier->concluded_end = &job->next;
	pthread_cond_signal(&courier->concluded);
}

/* Closes all addressees of some jobs together, and frees the jobs. */
static void jobs_close(struct courier *courier, struct courier_job *jobs)
{
	size_t count = 0, at = 0;
	for (const struct courier_job *job = jobs; job; job = job->next)
		count += job->count;
	struct courier_addressee **list = memory_array(count + 1, sizeof(struct courier_addressee *));
	while (jobs) {
		struct courier_job *next = jobs->next;
		for (size_t i = 0; i < jobs->count; i++)
			list[at++] = jobs->addressees[i];
		free(jobs);
		jobs = next;
	}
	courier_letters_close(courier, list, count);
	free(list);
}

/* With the lock held. */
static struct courier_job *take_concluded(struct courier *courier)
{
	struct courier_job *jobs = courier->concluded_jobs;
	courier->concluded_jobs = NULL;
	courier->concluded_end = &courier->concluded_jobs;
	return jobs;
}

void *courier_closing_thread(void *argument)
{
	struct courier *courier = argument;
	pthread_mutex_lock(&courier->lock);
	for (;;) {
		struct courier_job *jobs = take_concluded(courier);
		if (!jobs && courier->all_concluded)
			break;
		if (!jobs) {
			pthread_cond_wait(&courier->concluded, &courier->lock);
			continue;
		}
		pthread_mutex_unlock(&courier->lock);
		jobs_close(courier, jobs);
		pthread_mutex_lock(&courier->lock);
	}
	return threads_leave(&courier->closing, &courier->lock);
}

/* ---- Threads ---- */

static void *remote_thread(void *argument);

/* One more thread if more jobs were given out than threads idle. */
static void start_thread(struct courier *courier)
{
	if (courier->assigned_count <= courier->remote_idle)
		return;
	if (!threads_start(&courier->remote, REMOTE_STACK, "remote", remote_thread, courier) && courier->remote.running == 0)
		log_error("courier.no_thread");
}

void courier_remote_pump(struct courier *courier)
{
	struct courier_limits limits = courier_limits();
	struct courier_errand *errand;
	while (!courier->stopping && (errand = courier_turns_next(courier->turns, &limits, clock_monotonic_ms()))) {
		struct courier_job *job = job_of(errand);
		job->next = NULL;
		*courier->assigned_end = job;
		courier->assigned_end = &job->next;
		courier->assigned_count++;
		pthread_cond_signal(&courier->work);
		start_thread(courier);
	}
}

static struct courier_job *take_assigned(struct courier *courier)
{
	struct courier_job *job = courier->assigned;
	if (!job)
		return NULL;
	courier->assigned = job->next;
	if (!courier->assigned)
		courier->assigned_end = &courier->assigned;
	courier->assigned_count--;
	return job;
}

/* Works on a job that was given out. Called and returns with the lock held. */
static void work_on(struct courier *courier, struct courier_job *job)
{
	struct courier_trouble why = {0};
	enum courier_outcome outcome = COURIER_UNDECIDED;
	enum courier_end end = COURIER_THROUGH;
	bool rests = courier_turns_rests(&job->errand, clock_monotonic_ms(), &why);
	pthread_mutex_unlock(&courier->lock);
	if (rests)
		courier_note_all(job, &why, NULL);
	else
		end = courier_deliver(courier, job, &outcome, &why);
	struct courier_limits limits = courier_limits();
	pthread_mutex_lock(&courier->lock);
	if (end == COURIER_WAITS)
		return;
	courier_turns_end(courier->turns, &job->errand, outcome, &why, &limits, clock_monotonic_ms());
	job_conclude(courier, job);
	courier_remote_pump(courier);
}

/* Closes the kept sessions that have been idle since before `deadline`. Called and returns with the lock held. */
static void close_kept(struct courier *courier, int64_t deadline)
{
	for (struct courier_session *session; (session = courier_pool_expired(courier->pool, deadline));) {
		pthread_mutex_unlock(&courier->lock);
		courier_session_close(&session);
		pthread_mutex_lock(&courier->lock);
	}
}

/* Waits for a job until `until`, or a moment. One of those who wait sees to kept sessions meanwhile. With the lock held. */
static void wait_for_work(struct courier *courier, int64_t until)
{
	bool watch = !courier->pool_watched && !courier_pool_is_empty(courier->pool);
	int64_t now = clock_monotonic_ms(), soon = now + IDLE_SESSION_MS / 3;
	courier->pool_watched |= watch;
	courier->remote_idle++;
	clock_wait(&courier->work, &courier->lock, watch || until <= now ? soon : until);
	courier->remote_idle--;
	if (!watch)
		return;
	courier->pool_watched = false;
	if (!courier->assigned)
		close_kept(courier, clock_monotonic_ms() - IDLE_SESSION_MS);
}

/* The next job; NULL: this thread is to end. The last one stays while sessions are kept. With the lock held. */
static struct courier_job *next_job(struct courier *courier)
{
	struct courier_job *job = NULL;
	int64_t end = clock_monotonic_ms() + IDLE_THREAD_MS;
	while (!courier->stopping && !(job = take_assigned(courier)) &&
	       (clock_monotonic_ms() < end || (courier->remote.running == 1 && !courier_pool_is_empty(courier->pool))))
		wait_for_work(courier, end);
	return job;
}

static void *remote_thread(void *argument)
{
	struct courier *courier = argument;
	client_stop_on(courier->quit_fd);
	pthread_mutex_lock(&courier->lock);
	for (struct courier_job *job; (job = next_job(courier));)
		work_on(courier, job);
	return threads_leave(&courier->remote, &courier->lock);
}

/* ---- Handing over ---- */

struct parcel { struct slice name; struct courier_addressee *addressee; };

static int by_name(const void *a, const void *b)
{
	return slice_compare(((const struct parcel *)a)->name, ((const struct parcel *)b)->name);
}

/* The destination of an addressee; empty with *trouble if he has none. */
static struct slice destination_name(const struct courier_addressee *addressee, struct arena *arena, struct courier_trouble *trouble)
{
	struct slice address = addressee->target, local, domain;
	if (addressee->recipient->via.len > 0)
		return addressee->recipient->via;
	if (*config_current()->smarthost)
		return slice_of(smarthost_name);
	address_split(address, &local, &domain);
	if (domain_is_literal(domain))
		return domain;
	struct slice name = domain_to_ascii(domain, arena);
	char *lower = arena_text(arena, name);
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(lower[i]);
	if (name.len == 0)
		courier_trouble_set(trouble, true, "5.1.2", "the domain of the address isn't a valid one");
	return slice_make(lower, name.len);
}

/* By whom a message is sent, as far as shares go: an account, programs of this machine, the address that it came from; all notices
 * together. */
static struct slice sender_name(const struct queue_message *message)
{
	size_t open = slice_find_last_char(message->client, '[');
	if (message->account.len > 0)
		return message->account;
	if (message->from.len == 0)
		return SLICE("<>");
	return open == SLICE_NONE ? message->client : slice_skip(message->client, open);
}

/* Of mail that is put off there may be much: one line in a while tells of it. With the lock held. */
static void tell_crowded(struct courier *courier, struct slice destination, size_t recipients)
{
	int64_t now = clock_monotonic_ms();
	courier->crowded += recipients;
	if (now < courier->crowded_told)
		return;
	log_warning("delivery.crowded", log_slice("destination", destination), log_number("waiting", (int64_t)courier_turns_waiting(courier->turns)),
		    log_number("put_off", (int64_t)courier->crowded));
	courier->crowded = 0;
	courier->crowded_told = now + CROWDED_EVERY_MS;
}

/* There is no room for a job: it wasn't tried. */
static void put_off(struct courier_job *job, int64_t seconds)
{
	struct courier_trouble trouble;
	courier_trouble_set(&trouble, false, "4.3.2", "many messages wait for other servers, this one for its turn");
	for (size_t i = 0; i < job->count; i++)
		job->addressees[i]->put_off = seconds;
	courier_note_all(job, &trouble, NULL);
}

static void submit_job(struct courier *courier, struct courier_letter *letter, const struct parcel *parcels, size_t count)
{
	const struct queue_message *message = &letter->work->message;
	struct courier_job *job = memory_new(sizeof *job + count * sizeof(struct courier_addressee *));
	job->letter = letter;
	job->addressees = (struct courier_addressee **)(job + 1);
	job->count = count;
	job->errand.stranger = message->from.len == 0 || courier_is_strangers(message); /* a notice is for who may be one */
	for (size_t i = 0; i < count; i++)
		job->addressees[i] = parcels[i].addressee;
	pthread_mutex_lock(&courier->lock);
	int64_t seconds = courier_turns_add(courier->turns, &job->errand, parcels[0].name, sender_name(message), clock_monotonic_ms());
	if (seconds > 0) {
		put_off(job, seconds);
		tell_crowded(courier, parcels[0].name, count);
		job_conclude(courier, job);
	} else
		courier_remote_pump(courier);
	pthread_mutex_unlock(&courier->lock);
}

void courier_remote_submit(struct courier *courier, struct courier_letter *letter, struct courier_addressee **list, size_t count)
{
	struct arena *arena = arena_new();
	struct parcel *parcels = arena_array(arena, count, sizeof *parcels);
	struct courier_addressee **refused = arena_array(arena, count, sizeof(struct courier_addressee *));
	size_t good = 0, bad = 0;
	for (size_t i = 0; i < count; i++) {
		struct courier_trouble trouble;
		struct slice name = destination_name(list[i], arena, &trouble);
		if (name.len > 0)
			parcels[good++] = (struct parcel){name, list[i]};
		else {
			courier_addressee_note(list[i], &trouble, NULL);
			courier_addressee_conclude(list[i]);
			refused[bad++] = list[i];
		}
	}
	qsort(parcels, good, sizeof *parcels, by_name);
	size_t together = config_current()->dkim2_sign ? 1 : RECIPIENTS_PER_TRANSACTION; /* who gets it is signed, and none is told of others */
	for (size_t first = 0, end; first < good; first = end) {
		for (end = first; end < good && end - first < together && slice_equal(parcels[end].name, parcels[first].name);)
			end++;
		submit_job(courier, letter, parcels + first, end - first);
	}
	if (bad > 0)
		courier_letters_close(courier, refused, bad);
	arena_free(&arena);
}

void courier_remote_start(struct courier *courier)
{
	courier->turns = courier_turns_new();
	courier->pool = courier_pool_new();
	courier->assigned_end = &courier->assigned;
}

static void give_up(struct courier *courier, struct courier_job *job)
{
	struct courier_trouble stopped;
	courier_trouble_set(&stopped, false, "4.3.2", "this server is stopping");
	stopped.interrupted = true;
	courier_note_all(job, &stopped, NULL);
	job_conclude(courier, job);
}

void courier_remote_end(struct courier *courier)
{
	struct courier_limits limits = courier_limits();
	pthread_mutex_lock(&courier->lock);
	for (struct courier_job *job; (job = take_assigned(courier));) {
		courier_turns_end(courier->turns, &job->errand, COURIER_UNDECIDED, NULL, &limits, clock_monotonic_ms());
		give_up(courier, job);
	}
	for (struct courier_errand *errand; (errand = courier_turns_clear(courier->turns));)
		give_up(courier, job_of(errand));
	close_kept(courier, INT64_MAX);
	courier_turns_free(&courier->turns);
	courier_pool_free(&courier->pool);
	pthread_mutex_unlock(&courier->lock);
}
