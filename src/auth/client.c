/* auth.h for the roles that ask. Any number of questions are under way over the one socket; a receiving thread, started with the
 * first, hands each answer to whom it belongs, sends what found no room, and gives up what is late: who asks need not wait in a
 * thread. A restarted auth role says hello: what its predecessor was asked is asked again, once, or fails at once where that makes no
 * sense (a step of an exchange that died with it). Nothing here trusts the sizes that the other side names. */
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

enum {
	ANSWER_MAX = 4 * 1024 * 1024,
	QUESTION_BUCKETS = 256,
	JUST_NOW_MS = 100, /* in that time nobody removes an account and makes another of its name */
};

enum question_state {
	QUESTION_UNSENT,  /* there was no room, or it is to be asked again: the receiving thread sends it */
	QUESTION_SENDING, /* in the thread that asks */
	QUESTION_SENT,
	QUESTION_DONE,    /* answered or failed; it is in no list any more */
};

struct auth_question {
	struct auth *auth;
	enum auth_wire_kind kind;
	struct buf fields;
	void (*wake)(void *context);
	void *context;
	uint64_t heard;         /* when it was asked, and when that was: struct auth_account */
	int64_t asked_ms;
	/* under the lock of auth */
	struct auth_question *next_in_bucket, *next, *previous;
	enum question_state state;
	uint64_t id;
	uint64_t generation;    /* of the auth role when it was sent; 0: not known yet */
	int64_t deadline_ms;
	bool answered, again;   /* again: a former auth role was asked */
	struct buf parts, answer;
};

struct auth {
	int fd, wake_fd;
	_Atomic bool stopping;
	_Atomic uint64_t heard; /* changes, and one */
	pthread_mutex_t lock;  /* guards what follows */
	struct auth_question *buckets[QUESTION_BUCKETS]; /* by id */
	struct auth_question *first, *last;              /* in the order of their deadlines */
	size_t unsent;
	int64_t look_at;       /* when the receiving thread looks for what is late */
	uint64_t next_id, generation;
	bool receiving, scram; /* scram: the auth role has said that it can be offered */
	pthread_t receiver;
};

struct auth *auth_open(int fd)
{
	struct auth *auth = memory_new(sizeof *auth);
	auth->fd = fd;
	auth->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (auth->wake_fd < 0)
		memory_exhausted(0);
	auth->look_at = INT64_MAX;
	auth->heard = 1;
	pthread_mutex_init(&auth->lock, NULL);
	auth->next_id = random_u64(); /* so that no answer to a former process of this role fits */
	return auth;
}

void auth_close(struct auth **auth)
{
	if (!*auth)
		return;
	(*auth)->stopping = true;
	if ((*auth)->receiving && eventfd_write((*auth)->wake_fd, 1) == 0)
		pthread_join((*auth)->receiver, NULL);
	close((*auth)->fd);
	close((*auth)->wake_fd);
	pthread_mutex_destroy(&(*auth)->lock);
	free(*auth);
	*auth = NULL;
}

/* ---- Questions: with the lock held ---- */

static void set_state(struct auth_question *question, enum question_state state)
{
	question->auth->unsent += (size_t)(state == QUESTION_UNSENT) - (size_t)(question->state == QUESTION_UNSENT);
	question->state = state;
}

static void number(struct auth_question *question)
{
	struct auth *auth = question->auth;
	question->id = auth->next_id++;
	question->next_in_bucket = auth->buckets[question->id % QUESTION_BUCKETS];
	auth->buckets[question->id % QUESTION_BUCKETS] = question;
}

static void unnumber(struct auth_question *question)
{
	struct auth_question **at = &question->auth->buckets[question->id % QUESTION_BUCKETS];
	while (*at != question)
		at = &(*at)->next_in_bucket;
	*at = question->next_in_bucket;
}

static void enter(struct auth_question *question)
{
	struct auth *auth = question->auth;
	number(question);
	question->previous = auth->last;
	*(auth->last ? &auth->last->next : &auth->first) = question;
	auth->last = question;
	auth->unsent++;
}

static void leave(struct auth_question *question)
{
	struct auth *auth = question->auth;
	set_state(question, QUESTION_DONE);
	unnumber(question);
	*(question->next ? &question->next->previous : &auth->last) = question->previous;
	*(question->previous ? &question->previous->next : &auth->first) = question->next;
}

static void finish(struct auth_question *question, bool answered)
{
	question->answered = answered;
	leave(question);
	question->wake(question->context);
}

/* What was asked of a former auth role: a step of an exchange has gone with it, the rest is asked again, once. */
static void renew(struct auth_question *question)
{
	bool asked = question->again;
	question->again = true;
	if (asked || question->kind == WIRE_SIGN_IN_STEP) {
		finish(question, false);
		return;
	}
	buf_clear(&question->parts);
	buf_clear(&question->answer);
	unnumber(question);
	number(question);
	set_state(question, QUESTION_UNSENT);
}

static void note_restart(struct auth *auth, uint64_t generation)
{
	auth->generation = generation;
	for (struct auth_question *question = auth->first, *next; question; question = next) {
		next = question->next;
		if (question->state == QUESTION_SENT && question->generation != 0 && question->generation != generation)
			renew(question);
	}
}

/* ---- Sending ---- */

/* Returns errno. */
static int send_request(struct auth *auth, struct slice datagram)
{
	while (send(auth->fd, datagram.at, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

static int send_question(const struct auth_question *question)
{
	struct buf datagram = BUF_SECRET(WIRE_DATAGRAM_MAX);
	auth_wire_begin(&datagram, question->kind, question->generation, question->id);
	buf_append(&datagram, buf_slice(&question->fields));
	int problem = datagram.overflow ? EMSGSIZE : send_request(question->auth, buf_slice(&datagram));
	buf_free(&datagram);
	return problem;
}

/* With the lock held. False: it is to be sent by the receiving thread: there is no room now, or another auth role. */
static bool note_sent(struct auth_question *question, int problem)
{
	bool room = problem != EAGAIN && problem != ENOBUFS;
	if (question->state == QUESTION_DONE)
		return true;
	if (room && problem != 0) {
		finish(question, false);
		return true;
	}
	set_state(question, room ? QUESTION_SENT : QUESTION_UNSENT);
	if (room && question->generation != 0 && question->generation != question->auth->generation)
		renew(question);
	return question->state != QUESTION_UNSENT;
}

/* With the lock held. */
static void send_unsent(struct auth *auth)
{
	bool room = true;
	for (struct auth_question *question = auth->first, *next; room && question && auth->unsent > 0; question = next) {
		next = question->next;
		if (question->state != QUESTION_UNSENT)
			continue;
		question->generation = auth->generation;
		room = note_sent(question, send_question(question));
	}
}

/* ---- Receiving ---- */

static struct auth_question *find_question(struct auth *auth, uint64_t id)
{
	struct auth_question *question = auth->buckets[id % QUESTION_BUCKETS];
	while (question && question->id != id)
		question = question->next_in_bucket;
	return question;
}

static void receive(struct auth *auth, struct slice datagram)
{
	struct auth_wire_header header;
	struct wire_reader reader;
	if (!auth_wire_open(datagram, &header, &reader)) {
		log_error("auth.malformed_answer", log_number("bytes", (int64_t)datagram.len));
		return;
	}
	pthread_mutex_lock(&auth->lock);
	if (auth->generation != header.generation)
		note_restart(auth, header.generation);
	if (header.kind == WIRE_HELLO)
		auth->scram = wire_flag(&reader);
	struct auth_question *question = header.kind == WIRE_HELLO ? NULL : find_question(auth, header.id);
	if (question && header.kind == WIRE_PART) {
		if (!buf_append(&question->parts, reader.rest))
			finish(question, false);
	} else if (question)
		finish(question, header.kind == WIRE_ANSWER && buf_append(&question->answer, reader.rest));
	pthread_mutex_unlock(&auth->lock);
}

/* Sends what waits for room, and gives up what is late. *full: some still wait. Returns for how long to sleep, in ms; -1: until
 * something comes. */
static int before_sleep(struct auth *auth, bool *full)
{
	int64_t now = clock_monotonic_ms();
	pthread_mutex_lock(&auth->lock);
	send_unsent(auth);
	if (now >= auth->look_at) {
		while (auth->first && auth->first->deadline_ms <= now)
			finish(auth->first, false);
		auth->look_at = auth->first ? auth->first->deadline_ms : INT64_MAX;
	}
	*full = auth->unsent > 0;
	int64_t left = auth->look_at == INT64_MAX ? -1 : auth->look_at - now;
	pthread_mutex_unlock(&auth->lock);
	return (int)left;
}

static void *receive_all(void *argument)
{
	struct auth *auth = argument;
	char *datagram = memory_new(WIRE_DATAGRAM_MAX);
	struct pollfd polled[2] = {{.fd = auth->wake_fd, .events = POLLIN}, {.fd = auth->fd}};
	while (!auth->stopping) {
		bool full;
		eventfd_t ignored;
		ssize_t len = recv(auth->fd, datagram, WIRE_DATAGRAM_MAX, MSG_DONTWAIT | MSG_TRUNC);
		if (len > 0 && len <= WIRE_DATAGRAM_MAX)
			receive(auth, slice_make(datagram, (size_t)len));
		else if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
			polled[1].fd = -1; /* nobody holds the other end any more: all that is left is to time out */
		if (len > 0)
			continue;
		int timeout = before_sleep(auth, &full);
		polled[1].events = (short)(full ? POLLIN | POLLOUT : POLLIN);
		if (poll(polled, 2, timeout) > 0 && polled[0].revents)
			eventfd_read(auth->wake_fd, &ignored);
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

/* With the lock held, which it gives up while it sends. */
static void begin(struct auth_question *question)
{
	struct auth *auth = question->auth;
	bool waits_for_others = auth->unsent > 0, sent = false;
	enter(question);
	if (!start_receiving(auth)) {
		finish(question, false);
		return;
	}
	if (!waits_for_others) {
		question->generation = auth->generation;
		set_state(question, QUESTION_SENDING);
		pthread_mutex_unlock(&auth->lock);
		int problem = send_question(question);
		pthread_mutex_lock(&auth->lock);
		sent = note_sent(question, problem);
	}
	bool sooner = question->state != QUESTION_DONE && question->deadline_ms < auth->look_at;
	if (sooner)
		auth->look_at = question->deadline_ms;
	if (sooner || !sent)
		eventfd_write(auth->wake_fd, 1);
}

static struct auth_question *question_new(struct auth *auth, enum auth_wire_kind kind, struct slice fields, void (*wake)(void *context), void *context)
{
	int64_t now = clock_monotonic_ms();
	struct auth_question *question = memory_new(sizeof *question);
	*question = (struct auth_question){
		.auth = auth, .kind = kind, .wake = wake, .context = context, .fields = BUF_SECRET(WIRE_DATAGRAM_MAX),
		.parts = BUF(ANSWER_MAX), .answer = BUF_SECRET(WIRE_DATAGRAM_MAX),
		.heard = auth->heard, .asked_ms = now, .deadline_ms = now + AUTH_ANSWER_SECONDS * 1000,
	};
	buf_append(&question->fields, fields);
	pthread_mutex_lock(&auth->lock);
	begin(question);
	pthread_mutex_unlock(&auth->lock);
	return question;
}

/* One that isn't done is given up: its wake() isn't running and won't be called when this returns. */
static void question_free(struct auth_question *question)
{
	pthread_mutex_lock(&question->auth->lock);
	if (question->state != QUESTION_DONE)
		leave(question);
	pthread_mutex_unlock(&question->auth->lock);
	buf_free(&question->fields);
	buf_free(&question->parts);
	buf_free(&question->answer);
	free(question);
}

static bool question_is_done(const struct auth_question *question)
{
	pthread_mutex_lock(&question->auth->lock);
	bool done = question->state == QUESTION_DONE;
	pthread_mutex_unlock(&question->auth->lock);
	return done;
}

/** One that waits in a thread. */
struct asker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void wake_asker(void *context)
{
	struct asker *asker = context;
	pthread_mutex_lock(&asker->lock);
	asker->done = true;
	pthread_cond_signal(&asker->changed);
	pthread_mutex_unlock(&asker->lock);
}

static struct auth_question *ask_and_wait(struct auth *auth, enum auth_wire_kind kind, struct slice fields)
{
	struct asker asker = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct auth_question *question = question_new(auth, kind, fields, wake_asker, &asker);
	pthread_mutex_lock(&asker.lock);
	while (!asker.done)
		pthread_cond_wait(&asker.changed, &asker.lock);
	pthread_mutex_unlock(&asker.lock);
	question_is_done(question); /* the lock that wake_asker() was called under is free again */
	pthread_cond_destroy(&asker.changed);
	pthread_mutex_destroy(&asker.lock);
	return question;
}

/* What was asked before isn't taken for the answer to anything else. */
static struct auth_question *ask_without_thread(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct slice fields)
{
	struct auth_question *question = wait->question;
	if (question && (question->kind != kind || !slice_equal(buf_slice(&question->fields), fields)))
		auth_wait_end(wait);
	if (!wait->question)
		wait->question = question_new(auth, kind, fields, wait->wake, wait->context);
	if (!question_is_done(wait->question))
		return NULL;
	question = wait->question;
	wait->question = NULL;
	return question;
}

/* Asks. The question that comes back is done, and to be freed; NULL: `wait` will be woken. */
static struct auth_question *ask(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, const struct buf *fields)
{
	struct auth_question *question = wait ? ask_without_thread(auth, wait, kind, buf_slice(fields)) : ask_and_wait(auth, kind, buf_slice(fields));
	if (question && !question->answered)
		log_warning("auth.unanswered", log_text("reason", question->again ? "the auth role was restarted" : "it doesn't answer"));
	return question;
}

bool auth_is_awaited(const struct auth_wait *wait) { return wait->question != NULL; }

void auth_wait_end(struct auth_wait *wait)
{
	if (wait->question)
		question_free(wait->question);
	wait->question = NULL;
}

static struct wire_reader read_answer(const struct auth_question *question)
{
	return (struct wire_reader){.rest = buf_slice(&question->answer)};
}

/* A question whose answer is one number up to `max`; AWAITED while there is none yet. */
#define AWAITED UINT64_MAX
static uint64_t ask_number(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct slice first, const struct slice *second,
			   uint64_t max, uint64_t otherwise)
{
	if (first.len > WIRE_ADDRESS_MAX || (second && second->len > WIRE_ADDRESS_MAX))
		return otherwise;
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	wire_put_text(&fields, first);
	if (second)
		wire_put_text(&fields, *second);
	struct auth_question *question = ask(auth, wait, kind, &fields);
	buf_free(&fields);
	if (!question)
		return AWAITED;
	uint64_t number = otherwise;
	if (question->answered) {
		struct wire_reader reader = read_answer(question);
		number = wire_number(&reader, max);
		if (!wire_end(&reader))
			number = otherwise;
	}
	question_free(question);
	return number;
}

/* ---- Addresses ---- */

static enum auth_recipient_kind read_recipient(const struct auth_question *question, struct auth_recipient_room *room)
{
	if (!question->answered)
		return RECIPIENT_TEMPORARY;
	struct wire_reader reader = read_answer(question);
	enum auth_recipient_kind kind = (enum auth_recipient_kind)wire_number(&reader, RECIPIENT_TEMPORARY);
	room->now = wire_number(&reader, UINT64_MAX);
	room->most = wire_number(&reader, UINT64_MAX);
	room->account = wire_number(&reader, UINT64_MAX);
	return wire_end(&reader) ? kind : RECIPIENT_TEMPORARY;
}

enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_room *room)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return RECIPIENT_UNKNOWN;
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	wire_put_text(&fields, address);
	struct auth_question *question = ask(auth, wait, WIRE_RECIPIENT, &fields);
	buf_free(&fields);
	if (!question)
		return RECIPIENT_AWAITED;
	struct auth_recipient_room told = {0, 0, 0};
	enum auth_recipient_kind kind = read_recipient(question, &told);
	question_free(question);
	if (room)
		*room = told;
	return kind;
}

enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address)
{
	if (account.len > WIRE_ADDRESS_MAX || address.len > WIRE_ADDRESS_MAX)
		return SENDER_OTHERS;
	uint64_t right = ask_number(auth, wait, WIRE_MAY_SEND_AS, account, &address, SENDER_TEMPORARY, SENDER_TEMPORARY);
	return right == AWAITED ? SENDER_AWAITED : (enum auth_sender_right)right;
}

void auth_note_change(struct auth *auth) { auth->heard++; }

/* Whoever is to hear of a later change has found the session, or has counted here before. */
static bool is_sure_to_stand(const struct auth *auth, const struct auth_account *account)
{
	return account->heard == auth->heard && clock_monotonic_ms() - account->asked_ms < JUST_NOW_MS;
}

enum auth_standing auth_stands(struct auth *auth, const struct auth_account *account)
{
	if (is_sure_to_stand(auth, account))
		return AUTH_STANDS;
	uint64_t identity = ask_number(auth, NULL, WIRE_IDENTITY, account->name, NULL, INT64_MAX, UINT64_MAX);
	if (identity == UINT64_MAX)
		return AUTH_UNKNOWN;
	return account->identity != 0 && identity == (uint64_t)account->identity ? AUTH_STANDS : AUTH_ENDED;
}

enum auth_language auth_language(struct auth *auth, struct slice address)
{
	return (enum auth_language)ask_number(auth, NULL, WIRE_LANGUAGE, address, NULL, LANGUAGE_COUNT - 1, LANGUAGE_EN);
}

static void read_route(struct wire_reader *reader, struct auth_route *route)
{
	route->local = wire_flag(reader);
	route->address = wire_text(reader, WIRE_ADDRESS_MAX);
	route->detail = wire_text(reader, WIRE_ADDRESS_MAX);
	route->problem = (enum auth_route_problem)wire_number(reader, ROUTE_PROBLEM_MAX);
}

static bool read_routes(struct slice parts, struct arena *arena, struct auth_route **routes, size_t *count)
{
	struct wire_reader reader = {.rest = arena_copy(arena, parts)}, again = reader;
	struct auth_route route;
	for (*count = 0; reader.rest.len > 0; (*count)++)
		read_route(&reader, &route);
	if (!wire_end(&reader) || *count == 0 || *count > 2 * WIRE_ROUTES_MAX)
		return false;
	*routes = arena_array(arena, *count, sizeof **routes);
	for (size_t i = 0; i < *count; i++)
		read_route(&again, &(*routes)[i]);
	return true;
}

static bool read_resolved(const struct auth_question *question, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	if (!question->answered)
		return error_set(error, ERROR_TEMPORARY, "the auth role doesn't answer");
	struct wire_reader reader = read_answer(question);
	enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
	struct slice text = kind == ERROR_NONE ? SLICE("") : wire_text(&reader, sizeof error->text);
	if (!wire_end(&reader))
		return error_set(error, ERROR_TEMPORARY, "the auth role's answer is malformed");
	if (kind != ERROR_NONE)
		return error_set(error, kind, "%.*s", SLICE_ARG(text));
	return read_routes(buf_slice(&question->parts), arena, routes, count) ||
	       error_set(error, ERROR_TEMPORARY, "the auth role's answer is malformed");
}

bool auth_resolve(struct auth *auth, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return error_set(error, ERROR_NOT_FOUND, "the address is too long");
	struct buf fields = BUF(WIRE_DATAGRAM_MAX);
	wire_put_text(&fields, address);
	struct auth_question *question = ask(auth, NULL, WIRE_RESOLVE, &fields);
	bool done = read_resolved(question, arena, routes, count, error);
	buf_free(&fields);
	question_free(question);
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
static enum sign_in_status read_status(const struct auth_question *question, uint64_t *exchange_id, struct buf *output, struct arena *arena,
				       struct auth_account *account, int *delay_ms)
{
	if (!question->answered)
		return SIGN_IN_TEMPORARY;
	struct wire_reader reader = read_answer(question);
	enum sign_in_status status = (enum sign_in_status)wire_number(&reader, SIGN_IN_BUSY);
	*exchange_id = wire_number(&reader, UINT64_MAX);
	*delay_ms = (int)wire_number(&reader, INT32_MAX);
	account->name = arena_copy(arena, wire_text(&reader, WIRE_ADDRESS_MAX));
	account->identity = (int64_t)wire_number(&reader, INT64_MAX);
	account->heard = question->heard;
	account->asked_ms = question->asked_ms;
	struct slice message = wire_text(&reader, WIRE_SASL_MAX);
	if (!wire_end(&reader) || (status == SIGN_IN_DONE && slice_empty(account->name)) || (output && !buf_append(output, message)))
		return SIGN_IN_TEMPORARY;
	return status;
}

static enum sign_in_status step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output,
				struct auth_account *account, int *delay_ms)
{
	struct buf fields = BUF_SECRET(WIRE_DATAGRAM_MAX);
	wire_put_number(&fields, exchange->exchange_id);
	wire_put_text(&fields, exchange->mechanism);
	auth_wire_put_client(&fields, &exchange->client);
	wire_put_number(&fields, has_input);
	wire_put_text(&fields, input);
	struct auth_question *question = ask(exchange->auth, wait, WIRE_SIGN_IN_STEP, &fields);
	buf_free(&fields);
	if (!question)
		return SIGN_IN_AWAITED;
	enum sign_in_status status = read_status(question, &exchange->exchange_id, output, exchange->arena, account, delay_ms);
	question_free(question);
	return status;
}

enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output,
				 struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){.name = SLICE("")};
	*delay_ms = 0;
	if (exchange->over || input.len > WIRE_SASL_MAX) {
		sign_in_note(exchange, "no mechanism has a name or a message that long");
		return SIGN_IN_MALFORMED;
	}
	enum sign_in_status status = step(exchange, wait, has_input, input, output, account, delay_ms);
	if (status != SIGN_IN_CONTINUE && status != SIGN_IN_BUSY && status != SIGN_IN_AWAITED) {
		exchange->over = true;
		exchange->exchange_id = 0;
	}
	return status;
}

void sign_in_note(const struct sign_in *exchange, const char *reason)
{
	auth_refused(&exchange->client, exchange->mechanism, SLICE(""), reason);
}

/* The auth role forgets an exchange that was broken off by itself, later; this only spares it the memory. */
static void send_end(struct sign_in *exchange)
{
	struct buf datagram = BUF(WIRE_DATAGRAM_MAX);
	auth_wire_begin(&datagram, WIRE_SIGN_IN_END, 0, 0);
	wire_put_number(&datagram, exchange->exchange_id);
	send_request(exchange->auth, buf_slice(&datagram));
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

enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password,
					const struct sign_in_client *client, struct arena *arena, struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){.name = SLICE("")};
	*delay_ms = 0;
	struct buf fields = BUF_SECRET(WIRE_DATAGRAM_MAX);
	/* What is too long is nobody's; it must cost and count like any other guess. */
	auth_wire_put_client(&fields, client);
	wire_put_text(&fields, slice_sub(name, 0, WIRE_ADDRESS_MAX));
	wire_put_text(&fields, password.len > WIRE_PASSWORD_MAX ? SLICE("") : password);
	struct auth_question *question = ask(auth, wait, WIRE_CHECK_PASSWORD, &fields);
	buf_free(&fields);
	if (!question)
		return SIGN_IN_AWAITED;
	uint64_t none;
	enum sign_in_status status = read_status(question, &none, NULL, arena, account, delay_ms);
	question_free(question);
	return status;
}
