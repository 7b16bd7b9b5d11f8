/* The fetcher role's work: each errand blocks a thread of its own, since libcurl does; threads come as they are needed, and go again. Who asks for more than
 * they can do waits in a line, and hears at its end that it is too long. See fetcher.h. */
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "config/config.h"
#include "fetcher/fetcher.h"
#include "net/dns.h"
#include "net/fetch.h"

enum {
	THREADS_MAX = 16,
	WAITING_MAX = 200,
	LINGER_MS = 10000,       /* that a thread waits for more to do */
	STACK = 512 * 1024,
	HOST_MAX = 253,
	ANSWERED_MAX = 64 * 1024, /* bytes that a mailing list's server may answer */
};

struct errand {
	struct errand *next;
	uint64_t id;
	enum fetcher_errand what;
	int64_t begin_by;
	char *url;
};

struct fetchers {
	struct answerer *answerer;
	atomic_bool stop;
	pthread_mutex_t lock;    /* guards what follows */
	struct threads threads;
	size_t idle, waiting;
	pthread_cond_t more;
	struct errand *first, **end;
	struct dns *dns;         /* NULL: nobody has asked yet */
};

static const char *const outcome_names[FETCHER_OUTCOMES] = {"done", "forbidden", "mistaken", "large", "not-given", "unreachable", "busy"};

/* ---- One errand ---- */

static struct dns *have_dns(struct fetchers *self)
{
	const struct config *config = config_current();
	struct dns_options options = {config->resolver, config->trust_anchors.at, config->trust_anchors.count};
	struct error error;
	pthread_mutex_lock(&self->lock);
	if (!self->dns && !(self->dns = dns_new(&options, &error)))
		log_error("fetcher.no_dns", log_text("reason", error.text));
	struct dns *dns = self->dns;
	pthread_mutex_unlock(&self->lock);
	return dns;
}

static bool fetch_it(struct fetchers *self, const struct errand *errand, struct dns *dns, struct arena *arena, struct fetch_answer *answer, struct error *error)
{
	bool picture = errand->what == FETCHER_PICTURE;
	struct fetch_rules rules = {.dns = dns, .most = picture ? FETCHER_PICTURE_MAX : ANSWERED_MAX, .seconds = FETCHER_SECONDS, .redirects = picture ? FETCHER_REDIRECTS_MAX : 0,
				    .plain = picture, .trusted = config_current()->trusted_certificates, .may_reach = config_may_fetch, .stop = &self->stop};
	struct fetch_request request = {.url = slice_of(errand->url)};
	if (picture)
		request.accept = SLICE("image/avif,image/webp,image/png,image/jpeg,image/gif");
	else {
		request.type = SLICE("application/x-www-form-urlencoded");
		request.body = SLICE("List-Unsubscribe=One-Click"); /* RFC 8058 §3.1 */
	}
	return fetch(&rules, &request, arena, answer, error);
}

static enum fetcher_outcome outcome_of_error(const struct error *error)
{
	switch (error->kind) {
	case ERROR_DENIED:
		return FETCHER_FORBIDDEN;
	case ERROR_INVALID:
		return FETCHER_MISTAKEN;
	case ERROR_LIMIT:
		return FETCHER_LARGE;
	default:
		return FETCHER_UNREACHABLE;
	}
}

/* The URL's host, for the log; what else is in a URL may say who reads. */
static struct slice host_of(struct slice url)
{
	struct slice scheme, rest, host, path;
	if (!slice_cut(url, '/', &scheme, &rest) || !slice_starts(rest, SLICE("/")))
		return SLICE("");
	slice_cut(slice_skip(rest, 1), '/', &host, &path);
	slice_cut(host, '?', &host, &path);
	return slice_sub(slice_skip(host, slice_find_last_char(host, '@') == SLICE_NONE ? 0 : slice_find_last_char(host, '@') + 1), 0, HOST_MAX);
}

static void log_errand(const struct errand *errand, enum fetcher_outcome outcome, size_t size, const struct error *error)
{
	struct slice host = host_of(slice_of(errand->url));
	const char *why = outcome == FETCHER_DONE ? "" : error->text;
	if (errand->what == FETCHER_PICTURE)
		log_info("fetcher.picture", log_slice("host", host), log_text("outcome", outcome_names[outcome]), log_number("bytes", (int64_t)size), log_text("cause", why));
	else
		log_info("fetcher.unsubscribed", log_slice("host", host), log_text("outcome", outcome_names[outcome]), log_text("cause", why));
}

static enum fetcher_outcome run_errand(struct fetchers *self, const struct errand *errand, struct arena *arena, struct slice *bytes)
{
	struct error error = {.text = ""};
	struct fetch_answer answer;
	enum fetcher_outcome outcome = FETCHER_DONE;
	struct dns *dns = have_dns(self);
	*bytes = SLICE("");
	if (!dns)
		return FETCHER_UNREACHABLE;
	if (!fetch_it(self, errand, dns, arena, &answer, &error))
		outcome = outcome_of_error(&error);
	else if (answer.status < 200 || answer.status > 299) {
		error_set(&error, ERROR_INVALID, "it answers with the status %d", answer.status);
		outcome = FETCHER_NOT_GIVEN;
	} else if (errand->what == FETCHER_PICTURE)
		*bytes = answer.body;
	log_errand(errand, outcome, bytes->len, &error);
	return outcome;
}

/* ---- Threads ---- */

static void answer(struct fetchers *self, uint64_t id, enum fetcher_outcome outcome, struct slice bytes)
{
	struct buf text = BUF(CALL_ANSWER_MAX);
	buf_append_char(&text, (char)outcome);
	buf_append(&text, bytes);
	answerer_answer(self->answerer, id, buf_slice(&text), NULL, 0);
	buf_free(&text);
}

static void do_errand(struct fetchers *self, struct errand *errand)
{
	struct arena *arena = arena_new();
	struct slice bytes = SLICE("");
	enum fetcher_outcome outcome = FETCHER_BUSY;
	if (clock_monotonic_ms() <= errand->begin_by)
		outcome = run_errand(self, errand, arena, &bytes);
	answer(self, errand->id, outcome, bytes);
	arena_free(&arena);
}

static void free_errand(struct errand *errand)
{
	free(errand->url);
	free(errand);
}

/* With the lock held, as of whatever follows it here. NULL: there was nothing for a while, or it is over. */
static struct errand *await_errand(struct fetchers *self)
{
	int64_t until = clock_monotonic_ms() + LINGER_MS;
	self->idle++;
	while (!self->first && !atomic_load(&self->stop) && clock_wait(&self->more, &self->lock, until))
		continue;
	self->idle--;
	struct errand *errand = atomic_load(&self->stop) ? NULL : self->first;
	if (!errand)
		return NULL;
	self->first = errand->next;
	if (!self->first)
		self->end = &self->first;
	self->waiting--;
	return errand;
}

static void *work(void *context)
{
	struct fetchers *self = context;
	struct errand *errand;
	pthread_mutex_lock(&self->lock);
	while ((errand = await_errand(self))) {
		pthread_mutex_unlock(&self->lock);
		do_errand(self, errand);
		free_errand(errand);
		pthread_mutex_lock(&self->lock);
	}
	return threads_leave(&self->threads, &self->lock);
}

/* False: it can't be done. */
static bool put(struct fetchers *self, struct errand *errand)
{
	pthread_mutex_lock(&self->lock);
	if (self->waiting >= self->idle && self->threads.running < THREADS_MAX)
		threads_start(&self->threads, STACK, "fetcher", work, self);
	bool fits = self->waiting < WAITING_MAX && self->threads.running > 0;
	if (fits) {
		*self->end = errand;
		self->end = &errand->next;
		self->waiting++;
		pthread_cond_signal(&self->more);
	}
	pthread_mutex_unlock(&self->lock);
	return fits;
}

/* ---- The channel ---- */

static void take(struct fetchers *self, const struct call_received *question)
{
	bool known = question->verb == FETCHER_PICTURE || question->verb == FETCHER_UNSUBSCRIBE;
	if (!known || question->text.len > FETCHER_URL_MAX || !slice_is_printable(question->text)) {
		answer(self, question->id, FETCHER_MISTAKEN, SLICE(""));
		return;
	}
	struct errand *errand = memory_new(sizeof *errand);
	*errand = (struct errand){.id = question->id, .what = (enum fetcher_errand)question->verb, .begin_by = question->begin_by, .url = memory_copy(question->text.at, question->text.len)};
	if (put(self, errand))
		return;
	answer(self, question->id, FETCHER_BUSY, SLICE(""));
	free_errand(errand);
}

static bool take_all(struct fetchers *self)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(self->answerer, &question)) == CALL_RECEIVED) {
		take(self, &question);
		call_received_free(&question);
	}
	return result != CALL_ENDED;
}

static void receive(struct fetchers *self, int stop_fd)
{
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(self->answerer), .events = POLLIN},
			{.fd = answerer_channel(self->answerer), .events = answerer_events(self->answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) > 0)
			more = !polled[0].revents && take_all(self);
	}
}

static void end_all(struct fetchers *self)
{
	pthread_mutex_lock(&self->lock);
	atomic_store(&self->stop, true);
	if (self->dns)
		dns_stop(self->dns);
	pthread_cond_broadcast(&self->more);
	threads_join(&self->threads, &self->lock);
	pthread_mutex_unlock(&self->lock);
	for (struct errand *next, *errand = self->first; errand; errand = next) {
		next = errand->next;
		free_errand(errand);
	}
}

void fetcher_serve(int channel, int stop_fd)
{
	struct fetchers self = {.answerer = answerer_new(channel), .end = &self.first};
	pthread_mutex_init(&self.lock, NULL);
	clock_init_condition(&self.more);
	threads_init(&self.threads);
	receive(&self, stop_fd);
	end_all(&self);
	answerer_free(&self.answerer);
	dns_free(&self.dns);
	threads_free(&self.threads);
	pthread_cond_destroy(&self.more);
	pthread_mutex_destroy(&self.lock);
}
