/* auth.h for the roles that ask. Any number of workers send requests over the one socket; a receiving thread, started with the
 * first request, hands each answer to the worker that waits for it. A restarted auth role says hello: requests that were
 * sent to the former one are asked again, once, or fail at once where that makes no sense (a step of an exchange that died
 * with it). Nothing here trusts the sizes that the other side names. */
#include "auth/auth.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "auth/wire.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, WAITER_BUCKETS = 256 };

/** A worker that waits for an answer; on its stack. */
struct waiter {
	struct waiter *next;
	uint64_t id;
	uint64_t generation;   /* of the auth role when the request was sent; 0: not known yet */
	pthread_cond_t changed;
	bool done, failed;
	struct buf *parts, *answer; /* the waiter's */
};

struct auth {
	int fd, stop_fd;
	pthread_mutex_t lock;  /* guards what follows */
	struct waiter *waiters[WAITER_BUCKETS];
	uint64_t next_id, generation;
	bool receiving, scram; /* scram: the auth role has said that it can be offered */
	pthread_t receiver;
};

struct auth *auth_open(int fd)
{
	struct auth *auth = memory_new(sizeof *auth);
	auth->fd = fd;
	auth->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (auth->stop_fd < 0)
		memory_exhausted(0);
	pthread_mutex_init(&auth->lock, NULL);
	auth->next_id = random_u64(); /* so that no answer to a former process of this role fits */
	return auth;
}

void auth_close(struct auth **auth)
{
	if (!*auth)
		return;
	if ((*auth)->receiving) {
		uint64_t one = 1;
		if (write((*auth)->stop_fd, &one, sizeof one) == sizeof one)
			pthread_join((*auth)->receiver, NULL);
	}
	close((*auth)->fd);
	close((*auth)->stop_fd);
	pthread_mutex_destroy(&(*auth)->lock);
	free(*auth);
	*auth = NULL;
}

/* ---- Receiving ---- */

static void finish(struct waiter *waiter, bool failed)
{
	waiter->done = true;
	waiter->failed = failed;
	pthread_cond_signal(&waiter->changed);
}

static void fail_all(struct auth *auth, uint64_t generation)
{
	for (size_t i = 0; i < WAITER_BUCKETS; i++)
		for (struct waiter *waiter = auth->waiters[i]; waiter; waiter = waiter->next)
			if (waiter->generation != 0 && waiter->generation != generation)
				finish(waiter, true);
}

static struct waiter *find_waiter(struct auth *auth, uint64_t id)
{
	struct waiter *waiter = auth->waiters[id % WAITER_BUCKETS];
	while (waiter && waiter->id != id)
		waiter = waiter->next;
	return waiter && !waiter->done ? waiter : NULL;
}

static void receive(struct auth *auth, struct slice datagram)
{
	struct wire_header header;
	struct wire_reader reader;
	if (!wire_open(datagram, &header, &reader)) {
		log_error("auth.malformed_answer", log_number("bytes", (int64_t)datagram.len));
		return;
	}
	pthread_mutex_lock(&auth->lock);
	if (auth->generation != header.generation) {
		auth->generation = header.generation;
		fail_all(auth, header.generation);
	}
	if (header.kind == WIRE_HELLO)
		auth->scram = wire_flag(&reader);
	struct waiter *waiter = header.kind == WIRE_HELLO ? NULL : find_waiter(auth, header.id);
	if (waiter && header.kind == WIRE_PART) {
		if (!buf_append(waiter->parts, reader.rest))
			finish(waiter, true);
	} else if (waiter)
		finish(waiter, header.kind != WIRE_ANSWER || !buf_append(waiter->answer, reader.rest));
	pthread_mutex_unlock(&auth->lock);
}

static void *receive_all(void *argument)
{
	struct auth *auth = argument;
	char *datagram = memory_new(WIRE_DATAGRAM_MAX);
	struct pollfd polled[2] = {{.fd = auth->stop_fd, .events = POLLIN}, {.fd = auth->fd, .events = POLLIN}};
	for (;;) {
		if (poll(polled, 2, -1) < 0)
			continue;
		if (polled[0].revents)
			break;
		ssize_t len = recv(auth->fd, datagram, WIRE_DATAGRAM_MAX, MSG_DONTWAIT | MSG_TRUNC);
		if (len > 0 && len <= WIRE_DATAGRAM_MAX)
			receive(auth, slice_make(datagram, (size_t)len));
		else if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
			polled[1].fd = -1; /* nobody holds the other end any more: all that is left is to time out */
	}
	memory_wipe(datagram, WIRE_DATAGRAM_MAX);
	free(datagram);
	return NULL;
}

/* With the lock held. */
static bool start_receiving(struct auth *auth)
{
	if (auth->receiving)
		return true;
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	auth->receiving = pthread_create(&auth->receiver, NULL, receive_all, auth) == 0;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return auth->receiving;
}

void auth_listen(struct auth *auth)
{
	pthread_mutex_lock(&auth->lock);
	start_receiving(auth); /* if there can't be a thread now, the first question starts it */
	pthread_mutex_unlock(&auth->lock);
}

/* ---- Asking ---- */

/* Sends without blocking the socket for others: while the auth role is away and the socket full, waits here. */
static bool send_request(struct auth *auth, struct slice datagram, int64_t deadline_ms)
{
	for (;;) {
		if (send(auth->fd, datagram.at, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
		int64_t left = deadline_ms - clock_monotonic_ms();
		if ((errno != EAGAIN && errno != EINTR && errno != ENOBUFS) || left <= 0)
			return false;
		struct pollfd polled = {.fd = auth->fd, .events = POLLOUT};
		if (errno == EAGAIN)
			poll(&polled, 1, (int)left);
		else
			poll(NULL, 0, 1);
	}
}

static bool enter(struct auth *auth, struct waiter *waiter)
{
	clock_init_condition(&waiter->changed);
	pthread_mutex_lock(&auth->lock);
	bool receiving = start_receiving(auth);
	waiter->id = auth->next_id++;
	waiter->generation = auth->generation;
	waiter->next = auth->waiters[waiter->id % WAITER_BUCKETS];
	auth->waiters[waiter->id % WAITER_BUCKETS] = waiter;
	pthread_mutex_unlock(&auth->lock);
	return receiving;
}

static bool wait_for(struct auth *auth, struct waiter *waiter, bool sent, int64_t deadline_ms)
{
	pthread_mutex_lock(&auth->lock);
	while (sent && !waiter->done)
		if (!clock_wait(&waiter->changed, &auth->lock, deadline_ms))
			break;
	struct waiter **at = &auth->waiters[waiter->id % WAITER_BUCKETS];
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	bool answered = waiter->done && !waiter->failed;
	pthread_mutex_unlock(&auth->lock);
	pthread_cond_destroy(&waiter->changed);
	return answered;
}

/** One question and its answer. */
struct question {
	struct buf request, parts, answer;
};

static struct question question_new(void)
{
	return (struct question){.request = BUF_SECRET(WIRE_DATAGRAM_MAX), .parts = BUF(ANSWER_MAX), .answer = BUF_SECRET(WIRE_DATAGRAM_MAX)};
}

static void question_free(struct question *question)
{
	buf_free(&question->request);
	buf_free(&question->parts);
	buf_free(&question->answer);
}

/* Sends what `fields` holds and waits for the answer. Afterwards waiter.done says whether it was worth waiting. */
static bool ask_once(struct auth *auth, enum wire_kind kind, struct slice fields, struct question *question, struct waiter *waiter, int64_t deadline_ms)
{
	*waiter = (struct waiter){.parts = &question->parts, .answer = &question->answer};
	buf_clear(&question->request);
	buf_clear(&question->parts);
	buf_clear(&question->answer);
	bool receiving = enter(auth, waiter);
	wire_begin(&question->request, kind, waiter->generation, waiter->id);
	buf_append(&question->request, fields);
	bool sent = receiving && !question->request.overflow && send_request(auth, buf_slice(&question->request), deadline_ms);
	return wait_for(auth, waiter, sent, deadline_ms);
}

/* False: the question can't be answered now. One that was lost with a restarted auth role is asked once more. */
static bool ask(struct auth *auth, enum wire_kind kind, struct slice fields, struct question *question)
{
	int64_t deadline_ms = clock_monotonic_ms() + AUTH_ANSWER_SECONDS * 1000;
	struct waiter waiter;
	bool answered = ask_once(auth, kind, fields, question, &waiter, deadline_ms);
	if (!answered && waiter.done && kind != WIRE_SIGN_IN_STEP)
		answered = ask_once(auth, kind, fields, question, &waiter, deadline_ms);
	if (!answered)
		log_warning("auth.unanswered", log_text("reason", waiter.done ? "the auth role was restarted" : "it doesn't answer"));
	return answered;
}

static struct wire_reader read_answer(const struct question *question)
{
	return (struct wire_reader){.rest = buf_slice(&question->answer)};
}

/* A question whose answer is one number up to `max`. */
static uint64_t ask_number(struct auth *auth, enum wire_kind kind, struct slice first, const struct slice *second, uint64_t max, uint64_t otherwise)
{
	if (first.len > WIRE_ADDRESS_MAX || (second && second->len > WIRE_ADDRESS_MAX))
		return otherwise;
	struct question question = question_new();
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	wire_put_text(&fields, first);
	if (second)
		wire_put_text(&fields, *second);
	uint64_t number = otherwise;
	if (ask(auth, kind, buf_slice(&fields), &question)) {
		struct wire_reader reader = read_answer(&question);
		number = wire_number(&reader, max);
		if (!wire_end(&reader))
			number = otherwise;
	}
	buf_free(&fields);
	question_free(&question);
	return number;
}

/* ---- Addresses ---- */

enum recipient_kind auth_recipient(struct auth *auth, struct slice address, struct recipient_room *room)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return RECIPIENT_UNKNOWN;
	struct question question = question_new();
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	struct recipient_room told = {0, 0, 0};
	enum recipient_kind kind = RECIPIENT_TEMPORARY;
	wire_put_text(&fields, address);
	if (ask(auth, WIRE_RECIPIENT, buf_slice(&fields), &question)) {
		struct wire_reader reader = read_answer(&question);
		kind = (enum recipient_kind)wire_number(&reader, RECIPIENT_TEMPORARY);
		told.now = wire_number(&reader, UINT64_MAX);
		told.most = wire_number(&reader, UINT64_MAX);
		told.account = wire_number(&reader, UINT64_MAX);
		if (!wire_end(&reader))
			kind = RECIPIENT_TEMPORARY;
	}
	buf_free(&fields);
	question_free(&question);
	if (room)
		*room = told;
	return kind;
}

enum sender_right auth_may_send_as(struct auth *auth, struct slice account, struct slice address)
{
	if (account.len > WIRE_ADDRESS_MAX || address.len > WIRE_ADDRESS_MAX)
		return SENDER_OTHERS;
	return (enum sender_right)ask_number(auth, WIRE_MAY_SEND_AS, account, &address, SENDER_TEMPORARY, SENDER_TEMPORARY);
}

enum auth_standing auth_stands(struct auth *auth, const struct auth_account *account)
{
	uint64_t identity = ask_number(auth, WIRE_IDENTITY, account->name, NULL, INT64_MAX, UINT64_MAX);
	if (identity == UINT64_MAX)
		return AUTH_UNKNOWN;
	return account->identity != 0 && identity == (uint64_t)account->identity ? AUTH_STANDS : AUTH_ENDED;
}

enum language auth_language(struct auth *auth, struct slice address)
{
	return (enum language)ask_number(auth, WIRE_LANGUAGE, address, NULL, LANGUAGE_COUNT - 1, LANGUAGE_EN);
}

static void read_route(struct wire_reader *reader, struct route *route)
{
	route->local = wire_flag(reader);
	route->address = wire_text(reader, WIRE_ADDRESS_MAX);
	route->detail = wire_text(reader, WIRE_ADDRESS_MAX);
	route->problem = (enum route_problem)wire_number(reader, ROUTE_PROBLEM_MAX);
}

static bool read_routes(struct slice parts, struct arena *arena, struct route **routes, size_t *count)
{
	struct wire_reader reader = {.rest = arena_copy(arena, parts)}, again = reader;
	struct route route;
	for (*count = 0; reader.rest.len > 0; (*count)++)
		read_route(&reader, &route);
	if (!wire_end(&reader) || *count == 0 || *count > 2 * WIRE_ROUTES_MAX)
		return false;
	*routes = arena_array(arena, *count, sizeof **routes);
	for (size_t i = 0; i < *count; i++)
		read_route(&again, &(*routes)[i]);
	return true;
}

bool auth_resolve(struct auth *auth, struct slice address, struct arena *arena, struct route **routes, size_t *count, struct error *error)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return error_set(error, ERROR_NOT_FOUND, "the address is too long");
	struct question question = question_new();
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	bool done = false;
	wire_put_text(&fields, address);
	error_set(error, ERROR_TEMPORARY, "the auth role doesn't answer");
	if (ask(auth, WIRE_RESOLVE, buf_slice(&fields), &question)) {
		struct wire_reader reader = read_answer(&question);
		enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
		struct slice text = kind == ERROR_NONE ? SLICE("") : wire_text(&reader, sizeof error->text);
		if (!wire_end(&reader))
			error_set(error, ERROR_TEMPORARY, "the auth role's answer is malformed");
		else if (kind != ERROR_NONE)
			error_set(error, kind, "%.*s", SLICE_ARG(text));
		else
			done = read_routes(buf_slice(&question.parts), arena, routes, count);
	}
	buf_free(&fields);
	question_free(&question);
	return done;
}

/* ---- Signing in ---- */

/* Until the auth role has said that it can be, SCRAM isn't offered: passwords over TLS are possible for everybody. */
static bool offers_scram(struct auth *auth)
{
	pthread_mutex_lock(&auth->lock);
	start_receiving(auth);
	bool scram = auth->scram;
	pthread_mutex_unlock(&auth->lock);
	return scram;
}

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	if (!encrypted)
		return plaintext_allowed ? "SCRAM-SHA-256 PLAIN LOGIN" : "";
	return binding ? "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" : "SCRAM-SHA-256 PLAIN LOGIN";
}

bool auth_offers_binding(const char *scram_over_tls)
{
	return slice_equal(slice_of(scram_over_tls), SLICE("bound"));
}

const char *auth_offered(struct auth *auth, bool encrypted, bool plaintext_allowed, bool binding, const char *scram_over_tls)
{
	const char *taken = auth_mechanisms(encrypted, plaintext_allowed, binding && auth_offers_binding(scram_over_tls));
	bool scram = offers_scram(auth) && !(encrypted && slice_equal(slice_of(scram_over_tls), SLICE("accepted")));
	return *taken && !scram ? "PLAIN LOGIN" : taken;
}

struct sign_in {
	struct auth *auth;
	struct arena *arena;
	struct sign_in_client client;
	struct slice mechanism;
	uint64_t exchange_id; /* 0 before the first step and after the last */
	bool over;
};

struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client)
{
	struct sign_in *exchange = memory_new(sizeof *exchange);
	exchange->auth = auth;
	exchange->arena = arena_new();
	exchange->client = *client;
	exchange->client.address = arena_copy(exchange->arena, client->address);
	/* A client that says it could bind the channel and saw no offer ("y", RFC 5802 §6) is right where none was made, and has been
	 * deceived where one was: the library refuses it if it knows a binding. */
	bool binds = client->binding_offered || slice_ends_nocase(mechanism, SLICE("-PLUS"));
	exchange->client.tls_exporter = binds ? arena_copy(exchange->arena, client->tls_exporter) : SLICE("");
	exchange->client.tls_unique = binds ? arena_copy(exchange->arena, client->tls_unique) : SLICE("");
	exchange->mechanism = arena_copy(exchange->arena, mechanism);
	exchange->over = mechanism.len > WIRE_MECHANISM_MAX;
	return exchange;
}

/* Reads the answer that steps and password checks share. */
static enum sign_in_status read_status(const struct question *question, uint64_t *exchange_id, struct buf *output, struct arena *arena,
				       struct auth_account *account, int *delay_ms)
{
	struct wire_reader reader = read_answer(question);
	enum sign_in_status status = (enum sign_in_status)wire_number(&reader, SIGN_IN_BUSY);
	*exchange_id = wire_number(&reader, UINT64_MAX);
	*delay_ms = (int)wire_number(&reader, INT32_MAX);
	account->name = arena_copy(arena, wire_text(&reader, WIRE_ADDRESS_MAX));
	account->identity = (int64_t)wire_number(&reader, INT64_MAX);
	struct slice message = wire_text(&reader, WIRE_SASL_MAX);
	if (!wire_end(&reader) || (status == SIGN_IN_DONE && slice_empty(account->name)) || (output && !buf_append(output, message)))
		return SIGN_IN_TEMPORARY;
	return status;
}

static enum sign_in_status step(struct sign_in *exchange, bool has_input, struct slice input, struct buf *output, struct auth_account *account,
				int *delay_ms)
{
	struct question question = question_new();
	struct buf fields = BUF_SECRET(WIRE_DATAGRAM_MAX);
	enum sign_in_status status = SIGN_IN_TEMPORARY;
	wire_put_number(&fields, exchange->exchange_id);
	wire_put_text(&fields, exchange->mechanism);
	wire_put_client(&fields, &exchange->client);
	wire_put_number(&fields, has_input);
	wire_put_text(&fields, input);
	if (ask(exchange->auth, WIRE_SIGN_IN_STEP, buf_slice(&fields), &question))
		status = read_status(&question, &exchange->exchange_id, output, exchange->arena, account, delay_ms);
	buf_free(&fields);
	question_free(&question);
	return status;
}

enum sign_in_status sign_in_step(struct sign_in *exchange, bool has_input, struct slice input, struct buf *output, struct auth_account *account,
				 int *delay_ms)
{
	*account = (struct auth_account){SLICE(""), 0};
	*delay_ms = 0;
	if (exchange->over || input.len > WIRE_SASL_MAX)
		return SIGN_IN_MALFORMED;
	enum sign_in_status status = step(exchange, has_input, input, output, account, delay_ms);
	if (status != SIGN_IN_CONTINUE && status != SIGN_IN_BUSY) {
		exchange->over = true;
		exchange->exchange_id = 0;
	}
	return status;
}

/* The auth role forgets an exchange that was broken off by itself, later; this only spares it the memory. */
static void send_end(struct sign_in *exchange)
{
	struct buf datagram = BUF(WIRE_DATAGRAM_MAX);
	wire_begin(&datagram, WIRE_SIGN_IN_END, 0, 0);
	wire_put_number(&datagram, exchange->exchange_id);
	send_request(exchange->auth, buf_slice(&datagram), clock_monotonic_ms());
	buf_free(&datagram);
}

void sign_in_end(struct sign_in **exchange)
{
	if (!*exchange)
		return;
	if ((*exchange)->exchange_id != 0)
		send_end(*exchange);
	arena_free(&(*exchange)->arena);
	free(*exchange);
	*exchange = NULL;
}

enum sign_in_status auth_check_password(struct auth *auth, struct slice name, struct slice password, const struct sign_in_client *client,
					struct arena *arena, struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){SLICE(""), 0};
	*delay_ms = 0;
	struct question question = question_new();
	struct buf fields = BUF_SECRET(WIRE_DATAGRAM_MAX);
	enum sign_in_status status = SIGN_IN_TEMPORARY;
	uint64_t none;
	/* What is too long is nobody's; it must cost and count like any other guess. */
	wire_put_client(&fields, client);
	wire_put_text(&fields, slice_sub(name, 0, WIRE_ADDRESS_MAX));
	wire_put_text(&fields, password.len > WIRE_PASSWORD_MAX ? SLICE("") : password);
	if (ask(auth, WIRE_CHECK_PASSWORD, buf_slice(&fields), &question))
		status = read_status(&question, &none, NULL, arena, account, delay_ms);
	buf_free(&fields);
	question_free(&question);
	return status;
}
