/* The admin role: does what administrators want over HTTP (docs/admin-api.md). It asks auth who somebody is each time, sees whether he may, and has the row run by a
 * process of its own (runner.h). It has no file and no network: what it was given stays in it, and what it answers is what the row has printed.
 *
 * Each call has a thread that waits; there are ADMIN_CALLS_MAX, and who wants more is told so at once. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/threads.h"
#include "main/role.h"
#include "main/runner.h"

enum {
	ADMIN_CALLS_MAX = 8,
	ADMIN_CALLS_OF_ONE_MAX = 4, /* of one administrator */
	STACK_SIZE = 512 * 1024,
	BODY_MAX = ADMIN_OUTPUT_MAX + 512 * 1024, /* of an answer */
};

struct admin_role {
	struct answerer *answerer;
	struct auth *auth;
	struct runner *runner;
	int stop_fd;
	pthread_mutex_t lock;   /* guards the rest */
	struct threads threads;
	struct map *under_way;  /* who -> unsigned; a row exists only while there is one */
};

/* A question, and the thread that has it. */
struct call {
	struct admin_role *role;
	struct call_received question;
	struct arena *arena;
	struct admin_asker asker;
	struct slice body;
	struct auth_administrator who;
	struct admin_answer answer;
	struct buf text;        /* of the answer's body */
};

/* ---- Answers ---- */

static void refuse(struct call *call, enum admin_code code, const char *message)
{
	buf_clear(&call->text);
	admin_write_error(&call->text, code, slice_of(message));
	call->answer.status = admin_code_rows[code].status;
}

static void send_answer(struct call *call)
{
	struct buf out = {.max = CALL_ANSWER_MAX, .secret = true};
	call->answer.body = buf_slice(&call->text);
	admin_answer_write(&call->answer, &out);
	answerer_answer(call->role->answerer, call->question.id, buf_slice(&out), NULL, 0);
	buf_free(&out);
}

/* ---- Who ---- */

/* False: it was refused. */
static bool find_who(struct call *call)
{
	struct auth_admin_proof proof = {call->asker.key, call->asker.proof, call->asker.address};
	int delay_ms;
	enum auth_admin known = auth_administrator(call->role->auth, &proof, call->arena, &call->who, &delay_ms);
	call->answer.delay_ms = (unsigned)delay_ms;
	if (known == AUTH_ADMIN_KNOWN && call->who.rank != RANK_NONE)
		return true;
	if (known == AUTH_ADMIN_KNOWN)
		refuse(call, ADMIN_NOT_ADMINISTRATOR, "you administer nothing here");
	else if (known == AUTH_ADMIN_STRANGER)
		refuse(call, ADMIN_SIGN_IN, call->asker.key ? "there is no such key, or it is over" : "the session has ended, sign in again");
	else if (known == AUTH_ADMIN_THROTTLED)
		refuse(call, ADMIN_TOO_MANY, "there were too many failures, try again later");
	else
		refuse(call, ADMIN_TEMPORARY, "who you are can't be told now, try again later");
	return false;
}

static void tell_who(struct call *call)
{
	const struct auth_administrator *who = &call->who;
	json_t *domain = who->rank == RANK_DOMAIN ? json_stringn(who->domain.at, who->domain.len) : json_null();
	json_t *object = json_pack("{s:s%, s:s, s:o, s:b, s:b, s:s, s:s, s:o}", "who", who->who.at, who->who.len, "rank", auth_rank_text(who->rank), "domain", domain, "key", who->key, "reads", who->reads,
		"hostname", config_current()->hostname, "version", POMBAL_VERSION, "commands", cli_offered_list(who));
	char *text = json_dumps(object, JSON_COMPACT);
	if (!text)
		memory_exhausted(0);
	buf_append_text(&call->text, text);
	call->answer.status = 200;
	free(text);
	json_decref(object);
}

/* ---- How many ---- */

static bool enter(struct admin_role *role, struct slice who)
{
	pthread_mutex_lock(&role->lock);
	unsigned *own = map_get(role->under_way, who);
	if (!own)
		map_put(role->under_way, who, own = memory_new(sizeof *own));
	bool fits = *own < ADMIN_CALLS_OF_ONE_MAX;
	*own += fits;
	pthread_mutex_unlock(&role->lock);
	return fits;
}

static void leave(struct admin_role *role, struct slice who)
{
	pthread_mutex_lock(&role->lock);
	unsigned *own = map_get(role->under_way, who);
	if (--*own == 0) {
		map_remove(role->under_way, who);
		free(own);
	}
	pthread_mutex_unlock(&role->lock);
}

/* ---- A call ---- */

static bool is_denied(enum admin_code code) { return code == ADMIN_DENIED || code == ADMIN_PASSWORD_NEEDED; }

/* Whoever tries what isn't his is written down. */
static void note_denied(const struct call *call, struct slice command, enum admin_code code, const char *message)
{
	static struct log_paces paces;
	uint64_t unsaid;
	if (is_denied(code) && log_is_due_of(&paces, call->who.who, "admin.denied", &unsaid))
		log_warning("admin.denied", log_slice("by", call->who.key ? arena_printf(call->arena, "key %.*s", SLICE_ARG(call->who.who)) : call->who.who),
			    log_slice("peer", call->asker.address), log_slice("command", command), log_text("reason", message), log_number("unsaid", (int64_t)unsaid));
}

/* `check` says what it has found, and then that it has found something: that is no failure. */
static bool is_told(const struct runner_end *end)
{
	return end->code == ADMIN_DONE || (end->code == ADMIN_FAILED && end->output.len > 0 && slice_trim(buf_slice(&end->notes)).len == 0);
}

static void run(struct call *call, const struct command_line *line)
{
	struct runner_end end;
	runner_run(call->role->runner, &call->who, call->asker.address, call->body, (line->command->admin & ADMIN_NETWORK) != 0, &end);
	if (is_told(&end)) {
		call->answer.status = 200;
		admin_write_done(&call->text, buf_slice(&end.output), line->json, buf_slice(&end.notes));
	} else {
		const char *message = end.message[0] ? end.message : arena_text(call->arena, admin_last_line(buf_slice(&end.notes), line->command->name));
		refuse(call, end.code, message[0] ? message : "the command has failed");
		note_denied(call, slice_of(line->command->name), end.code, end.message);
	}
	if (call->text.overflow)
		refuse(call, ADMIN_TOO_LARGE, "the answer is too large: ask for a page of it (limit, after)");
	buf_free(&end.output);
	buf_free(&end.notes);
}

static void do_call(struct call *call)
{
	struct admin_request request;
	struct command_line line;
	struct cli_refusal refusal;
	struct error error;
	if (!admin_request_read(call->body, call->arena, &request, &error))
		refuse(call, ADMIN_MALFORMED, error.text);
	else if (!cli_offered_find(&request, &call->who, call->arena, &line, &refusal)) {
		refuse(call, refusal.code, refusal.text);
		note_denied(call, line.command ? slice_of(line.command->name) : SLICE(""), refusal.code, refusal.text);
	} else if (!enter(call->role, call->who.who))
		refuse(call, ADMIN_TOO_MANY, "you have many calls under way, come again when some have ended");
	else {
		run(call, &line);
		leave(call->role, call->who.who);
	}
}

static void work_on(struct call *call)
{
	if (!admin_question_read(call->question.text, &call->asker, &call->body))
		refuse(call, ADMIN_MALFORMED, "that is no call");
	else if (clock_monotonic_ms() >= call->question.begin_by)
		refuse(call, ADMIN_TEMPORARY, "it has waited too long");
	else if (find_who(call)) {
		if (call->question.verb == ADMIN_WHO)
			tell_who(call);
		else
			do_call(call);
	}
	send_answer(call);
}

static void free_call(struct call *call)
{
	call_received_free(&call->question);
	buf_free(&call->text);
	arena_free_secret(&call->arena);
	free(call);
}

/* ---- Threads ---- */

static void *work(void *argument)
{
	struct call *call = argument;
	struct admin_role *role = call->role;
	work_on(call);
	free_call(call);
	pthread_mutex_lock(&role->lock);
	return threads_leave(&role->threads, &role->lock);
}

static void take(struct admin_role *role, struct call_received *question)
{
	struct call *call = memory_new(sizeof *call);
	*call = (struct call){.role = role, .question = *question, .arena = arena_new(), .text = {.max = BODY_MAX, .secret = true}};
	pthread_mutex_lock(&role->lock);
	bool begun = role->threads.running < ADMIN_CALLS_MAX && threads_start(&role->threads, STACK_SIZE, "admin", work, call);
	pthread_mutex_unlock(&role->lock);
	if (begun)
		return;
	refuse(call, ADMIN_TOO_MANY, "the server has many calls under way, come again soon");
	send_answer(call);
	free_call(call);
}

static bool take_all(struct admin_role *role)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(role->answerer, &question)) == CALL_RECEIVED)
		take(role, &question);
	return result != CALL_ENDED;
}

static void receive(struct admin_role *role)
{
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = role->stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(role->answerer), .events = POLLIN},
			{.fd = answerer_channel(role->answerer), .events = answerer_events(role->answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) > 0)
			more = !polled[0].revents && take_all(role);
	}
}

/* ---- From beginning to end ---- */

static void stop(void *context, int seconds)
{
	(void)seconds; /* nobody asks any more: the master stops this role after web */
	eventfd_write(((struct admin_role *)context)->stop_fd, 1);
}

static void end_all(struct admin_role *self)
{
	pthread_mutex_lock(&self->lock);
	runner_stop(self->runner);
	threads_join(&self->threads, &self->lock);
	pthread_mutex_unlock(&self->lock);
	runner_free(&self->runner);
	answerer_free(&self->answerer);
	auth_close(&self->auth);
	map_free(&self->under_way);
	threads_free(&self->threads);
	pthread_mutex_destroy(&self->lock);
	close(self->stop_fd);
}

int role_admin_main(struct role *role)
{
	struct error error;
	struct admin_role self = {.stop_fd = eventfd(0, EFD_CLOEXEC), .under_way = map_new()};
	if (self.stop_fd < 0)
		memory_exhausted(0);
	if (!(self.runner = runner_new(role->data, &error)) || !role_confine(role, &error))
		role_fail(role, &error);
	pthread_mutex_init(&self.lock, NULL);
	threads_init(&self.threads);
	self.auth = auth_open(role_channel(role, CHANNEL_AUTH));
	self.answerer = answerer_new(role_channel(role, CHANNEL_ADMIN));
	role_serve(role, stop, &self);
	receive(&self);
	role_end(role);
	end_all(&self);
	return 0;
}
