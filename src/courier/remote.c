/* Delivery to other servers: jobs by destination, threads that work on them, idle sessions kept for the next job.
 *
 * Threads are started when jobs wait and none is idle, up to the option `deliveries`, and end when idle. A destination
 * has at most connections_per_destination jobs under way; destinations with jobs take turns, so a slow one holds up only
 * itself. When no host of a destination can be reached, its jobs are put off for a while without trying each. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "courier/route.h"
#include "courier/transaction.h"
#include "message/address.h"

/** A domain, address literal or the smarthost; guarded by courier->lock, but for its name. */
struct destination {
	char *name;
	struct job *jobs, **jobs_end;
	size_t waiting, active;
	int64_t full_since, next_slot; /* monotonic milliseconds: see put_off(); 0: there was always room */
	int64_t finished;          /* jobs since then */
	bool is_ready;             /* in courier->ready */
	int64_t rest_until;        /* monotonic milliseconds; 0: it is up, as far as we know */
	struct trouble rest;       /* why it rests */
	struct destination *next;
};

static const char smarthost_name[] = "smarthost";

/* ---- Idle sessions ---- */

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->port == b->port && slice_equal(slice_of(a->address_text), slice_of(b->address_text)) &&
	       slice_equal(slice_of(a->host), slice_of(b->host));
}

static struct session *sessions_take(struct courier *courier, const struct peer *peer)
{
	pthread_mutex_lock(&courier->lock);
	struct session **link = &courier->idle_sessions;
	while (*link && !same_peer(&(*link)->peer, peer))
		link = &(*link)->next;
	struct session *found = *link;
	if (found)
		*link = found->next;
	pthread_mutex_unlock(&courier->lock);
	if (found && !session_renew(found))
		session_close(&found);
	return found;
}

static void sessions_keep(struct courier *courier, struct session *session)
{
	if (session->broken) {
		session_close(&session);
		return;
	}
	session->idle_since = clock_monotonic_ms();
	pthread_mutex_lock(&courier->lock);
	session->next = courier->idle_sessions;
	courier->idle_sessions = session;
	pthread_mutex_unlock(&courier->lock);
}

/* Takes those out that have been idle since before `deadline`; the caller holds the lock, and closes them without it. */
static struct session *sessions_expired(struct courier *courier, int64_t deadline)
{
	struct session *expired = NULL;
	for (struct session **link = &courier->idle_sessions; *link;) {
		struct session *session = *link;
		if (session->idle_since > deadline) {
			link = &session->next;
			continue;
		}
		*link = session->next;
		session->next = expired;
		expired = session;
	}
	return expired;
}

static void sessions_close(struct session *list)
{
	while (list) {
		struct session *next = list->next;
		session_close(&list);
		list = next;
	}
}

/* ---- One job ---- */

/* A job being worked on; owned by its thread. */
struct delivery {
	struct courier *courier;
	const struct config *config;
	struct job *job;
	struct body *body;
	struct addressee *undecided[RECIPIENTS_PER_TRANSACTION];
	size_t undecided_count;
	struct session_policy policy;
	struct sockaddr_storage from[2];
	char password_path[4096];
	bool reached;     /* some host let us in */
	bool stop;        /* no further host is to be tried */
	struct trouble trouble; /* the last host's */
};

static void delivery_refresh(struct delivery *delivery)
{
	delivery->undecided_count = 0;
	for (size_t i = 0; i < delivery->job->count; i++)
		if (delivery->job->addressees[i]->verdict == VERDICT_NONE)
			delivery->undecided[delivery->undecided_count++] = delivery->job->addressees[i];
}

static void note_all(struct job *job, const struct trouble *trouble, const struct via *via)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->addressees[i]->verdict == VERDICT_NONE)
			addressee_note(job->addressees[i], trouble, via);
}

static void set_policy(struct delivery *delivery)
{
	const struct config *config = delivery->config;
	static const struct { const char *name; enum session_tls tls; } modes[] = {
		{"none", SESSION_CLEAR}, {"opportunistic", SESSION_OPPORTUNISTIC}, {"starttls", SESSION_STARTTLS}, {"implicit", SESSION_IMPLICIT}};
	delivery->policy = (struct session_policy){.tls = SESSION_OPPORTUNISTIC, .user = "", .password_path = "", .tls_failed = delivery->courier->tls_failed};
	for (size_t i = 0, n = 0; i < config->send_from.count && n < 2; i++)
		if (config_parse_address(slice_of(config->send_from.at[i]), &delivery->from[n])) {
			delivery->policy.from[delivery->from[n].ss_family == AF_INET6] = &delivery->from[n];
			n++;
		}
	delivery->policy.own_name = *config->smarthost ? "" : config->hostname;
	if (!*config->smarthost) {
		if (delivery->job->letter->work->message.require_tls)
			delivery->policy.tls = SESSION_STARTTLS;
		return;
	}
	delivery->policy.tls = SESSION_STARTTLS;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (slice_equal(slice_of(config->smarthost_tls), slice_of(modes[i].name)))
			delivery->policy.tls = modes[i].tls;
	bool absolute = config->smarthost_password_file[0] == '/';
	snprintf(delivery->password_path, sizeof delivery->password_path, "%s%s%s", absolute ? "" : delivery->courier->data, absolute ? "" : "/",
		 config->smarthost_password_file);
	delivery->policy.user = config->smarthost_user;
	delivery->policy.password_path = delivery->password_path;
	delivery->policy.unverified_password = config->smarthost_unverified_password;
}

static void log_attempt(const struct delivery *delivery, const struct peer *peer)
{
	log_info("delivery.attempt_failed", log_id("id", delivery->job->letter->work->message.id), log_text("host", peer->host),
		 log_text("address", peer->address_text), log_text("reply", delivery->trouble.text),
		 log_number("recipients", (int64_t)delivery->undecided_count));
}

/* A session with the peer, an idle one if there is one and `fresh` isn't asked for. */
static struct session *enter(struct delivery *delivery, const struct peer *peer, bool fresh)
{
	fresh |= delivery->job->letter->work->message.require_tls; /* an idle one may have less than verified TLS */
	struct session *session = fresh ? NULL : sessions_take(delivery->courier, peer);
	if (!session)
		session = session_open(peer, &delivery->policy, &delivery->trouble);
	if (session) {
		delivery->reached = true;
		return session;
	}
	delivery->trouble.whole_host = true;
	note_all(delivery->job, &delivery->trouble, &(struct via){slice_of(peer->host), slice_of(peer->address_text), SLICE("")});
	delivery->stop = delivery->trouble.interrupted;
	log_attempt(delivery, peer);
	return NULL;
}

/* Offers the message to one host, in as many transactions as the host makes necessary. */
static void try_peer(struct delivery *delivery, const struct peer *peer)
{
	struct session *session = enter(delivery, peer, false);
	bool again = session != NULL;
	while (again) {
		size_t before = delivery->undecided_count;
		struct transaction transaction = {.session = session, .message = &delivery->job->letter->work->message, .body = delivery->body,
						  .addressees = delivery->undecided, .count = delivery->undecided_count};
		transaction_run(&transaction);
		if (transaction.stale) {
			session_close(&session);
			session = enter(delivery, peer, true);
			again = session != NULL;
			continue;
		}
		if (session_lacks_tls(session)) { /* not in this session, but perhaps in the next */
			session_forget_tls(peer, delivery->courier->tls_failed);
			session->broken = true;
		}
		delivery_refresh(delivery);
		delivery->trouble = transaction.trouble;
		delivery->stop = transaction.unsure || transaction.trouble.interrupted;
		again = transaction.again && delivery->undecided_count > 0 && delivery->undecided_count < before && session_renew(session);
	}
	if (session && delivery->undecided_count > 0)
		log_attempt(delivery, peer);
	if (session)
		sessions_keep(delivery->courier, session);
}

static void try_peers(struct delivery *delivery, const char *name, struct trouble *rest)
{
	struct arena *arena = arena_new();
	struct peer *peers;
	struct courier *courier = delivery->courier;
	size_t count = *delivery->config->smarthost
		? route_smarthost(courier->dns, delivery->config, HOSTS_TRIED_MAX, arena, &peers, &delivery->trouble)
		: route_domain(courier->dns, delivery->config, slice_of(name), HOSTS_TRIED_MAX, arena, &peers, &delivery->trouble);
	if (count == 0)
		note_all(delivery->job, &delivery->trouble, NULL);
	for (size_t i = 0; i < count && delivery->undecided_count > 0 && !delivery->stop; i++)
		try_peer(delivery, &peers[i]);
	if (count > 0 && !delivery->reached && !delivery->trouble.interrupted)
		*rest = delivery->trouble;
	arena_free(&arena);
}

/* Works on a job to its end: every addressee has been closed. *rest is set when no host could be reached. */
static void job_run(struct courier *courier, const char *name, struct job *job, struct trouble *rest)
{
	struct delivery *delivery = memory_new(sizeof *delivery);
	struct error error = {0};
	delivery->courier = courier;
	delivery->config = config_current();
	delivery->job = job;
	delivery->body = body_open(courier->queue, &job->letter->work->message, &error);
	delivery_refresh(delivery);
	set_policy(delivery);
	if (delivery->body)
		try_peers(delivery, name, rest);
	else {
		log_error("queue.unreadable", log_id("id", job->letter->work->message.id), log_text("cause", error.text));
		trouble_set(&delivery->trouble, false, "4.3.0", "the queued message can't be read at the moment");
		delivery->trouble.soon = true;
		note_all(job, &delivery->trouble, NULL);
	}
	body_close(&delivery->body);
	free(delivery);
}

/* Gives those without a verdict the one that was noted, and hands the job over to the closing thread. */
static void job_end(struct courier *courier, struct job **job)
{
	for (size_t i = 0; i < (*job)->count; i++)
		if ((*job)->addressees[i]->verdict == VERDICT_NONE)
			addressee_conclude((*job)->addressees[i]);
	pthread_mutex_lock(&courier->lock);
	(*job)->next = NULL;
	*courier->concluded_end = *job;
	courier->concluded_end = &(*job)->next;
	pthread_cond_signal(&courier->concluded);
	pthread_mutex_unlock(&courier->lock);
	*job = NULL;
}

/* Closes all addressees of some jobs together, and frees the jobs. */
static void jobs_close(struct courier *courier, struct job *jobs)
{
	size_t count = 0, at = 0;
	for (const struct job *job = jobs; job; job = job->next)
		count += job->count;
	struct addressee **list = memory_array(count + 1, sizeof(struct addressee *));
	while (jobs) {
		struct job *next = jobs->next;
		for (size_t i = 0; i < jobs->count; i++)
			list[at++] = jobs->addressees[i];
		free(jobs);
		jobs = next;
	}
	letters_close(courier, list, count);
	free(list);
}

/* With the lock held. */
static struct job *take_concluded(struct courier *courier)
{
	struct job *jobs = courier->concluded_jobs;
	courier->concluded_jobs = NULL;
	courier->concluded_end = &courier->concluded_jobs;
	return jobs;
}

void *closing_thread(void *argument)
{
	struct courier *courier = argument;
	pthread_mutex_lock(&courier->lock);
	for (;;) {
		struct job *jobs = take_concluded(courier);
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

/* ---- Destinations; under courier->lock ---- */

static void *remote_thread(void *argument);

/* One more thread if more destinations are ready than threads idle, and there may be more. */
static void start_thread(struct courier *courier)
{
	if (courier->stopping || courier->remote_idle >= courier->ready_count || courier->remote.running >= (size_t)config_current()->deliveries)
		return;
	if (!threads_start(&courier->remote, 0, "remote", remote_thread, courier) && courier->remote.running == 0)
		log_error("courier.no_thread");
}

static void destination_make_ready(struct courier *courier, struct destination *destination)
{
	bool room = destination->active < (size_t)config_current()->connections_per_destination;
	if (destination->is_ready || !destination->jobs || !room)
		return;
	destination->is_ready = true;
	destination->next = NULL;
	*courier->ready_end = destination;
	courier->ready_end = &destination->next;
	courier->ready_count++;
	pthread_cond_signal(&courier->work);
	start_thread(courier);
}

static struct destination *destination_get(struct courier *courier, struct slice name)
{
	struct destination *destination = map_get(courier->destinations, name);
	if (destination)
		return destination;
	destination = memory_new(sizeof *destination);
	destination->name = memory_copy(name.at, name.len);
	destination->jobs_end = &destination->jobs;
	map_put(courier->destinations, name, destination);
	return destination;
}

static void destination_drop_unused(struct courier *courier, struct destination *destination, int64_t now)
{
	if (destination->jobs || destination->active > 0 || destination->is_ready || destination->rest_until > now)
		return;
	map_remove(courier->destinations, slice_of(destination->name));
	free(destination->name);
	free(destination);
}

static void destination_push(struct courier *courier, struct destination *destination, struct job *job)
{
	job->next = NULL;
	*destination->jobs_end = job;
	destination->jobs_end = &job->next;
	destination->waiting++;
	courier->waiting_jobs++;
}

static struct job *destination_pop(struct courier *courier, struct destination *destination)
{
	struct job *job = destination->jobs;
	if (!job)
		return NULL;
	destination->jobs = job->next;
	if (!destination->jobs)
		destination->jobs_end = &destination->jobs;
	destination->waiting--;
	courier->waiting_jobs--;
	return job;
}

/* ---- Threads ---- */

static struct destination *next_ready(struct courier *courier)
{
	struct destination *destination = courier->ready;
	if (!destination)
		return NULL;
	courier->ready = destination->next;
	if (!courier->ready)
		courier->ready_end = &courier->ready;
	destination->is_ready = false;
	courier->ready_count--;
	return destination;
}

/* How long a destination rests: less than the first retry would wait. */
static int64_t rest_ms(void)
{
	int64_t first = retry_delay(config_current(), 0) * 1000 / 2;
	return first < DESTINATION_REST_SECONDS * 1000 ? first : DESTINATION_REST_SECONDS * 1000;
}

/* Takes the destination's next job and works on it. Called and returns with the lock held. */
static void work_on(struct courier *courier, struct destination *destination)
{
	struct trouble rest = {0};
	struct job *job = destination_pop(courier, destination);
	if (!job)
		return;
	bool resting = destination->rest_until > clock_monotonic_ms();
	struct trouble why = destination->rest;
	destination->active++;
	destination_make_ready(courier, destination); /* others may go on with its next jobs */
	pthread_mutex_unlock(&courier->lock);
	if (resting)
		note_all(job, &why, NULL);
	else
		job_run(courier, destination->name, job, &rest);
	job_end(courier, &job);
	pthread_mutex_lock(&courier->lock);
	destination->active--;
	destination->finished++;
	if (*rest.status) {
		destination->rest = rest;
		destination->rest_until = clock_monotonic_ms() + rest_ms();
	} else if (!resting)
		destination->rest_until = 0;
	destination_make_ready(courier, destination);
	destination_drop_unused(courier, destination, clock_monotonic_ms());
}

static void drop_rested(struct courier *courier)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	int64_t now = clock_monotonic_ms();
	while (map_next(courier->destinations, &cursor, &name, &value)) {
		struct destination *destination = value;
		if (destination->jobs || destination->active > 0 || destination->is_ready || destination->rest_until > now)
			continue;
		destination_drop_unused(courier, destination, now);
		cursor = 0; /* the map has changed */
	}
}

/* Waits for work, seeing to idle sessions meanwhile. False: this thread is to end. With the lock held. */
static bool wait_for_work(struct courier *courier)
{
	int64_t end = clock_monotonic_ms() + IDLE_THREAD_MS;
	while (!courier->ready && !courier->stopping) {
		int64_t now = clock_monotonic_ms();
		struct session *expired = sessions_expired(courier, now - IDLE_SESSION_MS);
		if (expired) {
			pthread_mutex_unlock(&courier->lock);
			sessions_close(expired);
			pthread_mutex_lock(&courier->lock);
			continue;
		}
		if (now >= end && !courier->idle_sessions)
			return false;
		int64_t until = now + (courier->idle_sessions ? IDLE_SESSION_MS / 3 : IDLE_THREAD_MS);
		courier->remote_idle++;
		clock_wait(&courier->work, &courier->lock, until);
		courier->remote_idle--;
	}
	return !courier->stopping;
}

static void *remote_thread(void *argument)
{
	struct courier *courier = argument;
	client_stop_on(courier->stop_fd);
	pthread_mutex_lock(&courier->lock);
	while (wait_for_work(courier)) {
		struct destination *destination = next_ready(courier);
		if (destination)
			work_on(courier, destination);
	}
	drop_rested(courier);
	return threads_leave(&courier->remote, &courier->lock);
}

/* ---- Handing over ---- */

struct parcel { struct slice name; struct addressee *addressee; };

static int by_name(const void *a, const void *b)
{
	return slice_compare(((const struct parcel *)a)->name, ((const struct parcel *)b)->name);
}

/* The destination of an address; empty with *trouble if it has none. */
static struct slice destination_name(struct slice address, struct arena *arena, struct trouble *trouble)
{
	struct slice local, domain;
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
		trouble_set(trouble, true, "5.1.2", "the domain of the address isn't a valid one");
	return slice_make(lower, name.len);
}

/* A destination may have as many jobs waiting as half of the room that is left for all: one alone a third of it, ten a twelfth
 * each, and there is always some for the next that comes. */
static bool has_room(const struct courier *courier, const struct destination *destination)
{
	size_t left = courier->waiting_jobs < BACKLOG_MAX ? BACKLOG_MAX - courier->waiting_jobs : 0;
	return destination->waiting < left / 2;
}

/* When a job for which there is no room comes back, in seconds: each gets a slot of its own, and the slots follow one another
 * as fast as the destination has been seen to finish jobs; so a queue of a million is not gone through again and again. */
static int64_t put_off(struct destination *destination)
{
	int64_t now = clock_monotonic_ms();
	if (destination->next_slot < now) {
		destination->next_slot = destination->full_since = now;
		destination->finished = 0;
	}
	int64_t rate = destination->finished * 1000 / (now - destination->full_since + 1000);
	rate = rate < PUT_OFF_RATE_LEAST ? PUT_OFF_RATE_LEAST : rate > PUT_OFF_RATE_MOST ? PUT_OFF_RATE_MOST : rate;
	destination->next_slot += 1000 / rate;
	int64_t wait = PUT_OFF_SECONDS_LEAST + (destination->next_slot - now) / 1000;
	return wait < PUT_OFF_SECONDS_MOST ? wait : PUT_OFF_SECONDS_MOST;
}

/* Puts a job behind the others of its destination. 0: done; else too many wait already, and it is to come back after so many
 * seconds. With the lock held. */
static int64_t enqueue(struct courier *courier, struct slice name, struct job *job)
{
	struct destination *destination = destination_get(courier, name);
	if (!has_room(courier, destination)) {
		int64_t seconds = put_off(destination);
		destination_drop_unused(courier, destination, clock_monotonic_ms());
		return seconds;
	}
	destination_push(courier, destination, job);
	destination_make_ready(courier, destination);
	return 0;
}

static void submit_job(struct courier *courier, struct letter *letter, const struct parcel *parcels, size_t count)
{
	struct job *job = memory_new(sizeof *job + count * sizeof(struct addressee *));
	job->letter = letter;
	job->addressees = (struct addressee **)(job + 1);
	job->count = count;
	for (size_t i = 0; i < count; i++)
		job->addressees[i] = parcels[i].addressee;
	pthread_mutex_lock(&courier->lock);
	int64_t seconds = enqueue(courier, parcels[0].name, job);
	pthread_mutex_unlock(&courier->lock);
	if (seconds == 0)
		return;
	struct trouble trouble;
	trouble_set(&trouble, false, "4.3.2", "many messages wait for other servers, this one for its turn");
	for (size_t i = 0; i < count; i++)
		parcels[i].addressee->put_off = seconds;
	note_all(job, &trouble, NULL);
	job_end(courier, &job);
}

void remote_submit(struct courier *courier, struct letter *letter, struct addressee **list, size_t count)
{
	struct arena *arena = arena_new();
	struct parcel *parcels = arena_array(arena, count, sizeof *parcels);
	struct addressee **refused = arena_array(arena, count, sizeof(struct addressee *));
	size_t good = 0, bad = 0;
	for (size_t i = 0; i < count; i++) {
		struct trouble trouble;
		struct slice name = destination_name(list[i]->target, arena, &trouble);
		if (name.len > 0)
			parcels[good++] = (struct parcel){name, list[i]};
		else {
			addressee_note(list[i], &trouble, NULL);
			addressee_conclude(list[i]);
			refused[bad++] = list[i];
		}
	}
	qsort(parcels, good, sizeof *parcels, by_name);
	for (size_t first = 0, end; first < good; first = end) {
		for (end = first; end < good && end - first < RECIPIENTS_PER_TRANSACTION && slice_equal(parcels[end].name, parcels[first].name);)
			end++;
		submit_job(courier, letter, parcels + first, end - first);
	}
	if (bad > 0)
		letters_close(courier, refused, bad);
	arena_free(&arena);
}

void remote_end(struct courier *courier)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	struct trouble stopped;
	trouble_set(&stopped, false, "4.3.2", "this server is stopping");
	stopped.interrupted = true;
	while (map_next(courier->destinations, &cursor, &name, &value)) {
		struct destination *destination = value;
		for (struct job *job; (job = destination_pop(courier, destination));) {
			note_all(job, &stopped, NULL);
			job_end(courier, &job);
		}
		free(destination->name);
		free(destination);
	}
	map_free(&courier->destinations);
	sessions_close(courier->idle_sessions);
	courier->idle_sessions = NULL;
}
