/* Answering for who doesn't read his mail (vacation/vacation.h), when a letter is in his mailbox, and on the disk.
 *
 * That somebody is answered is claimed in the account first, so that nobody is twice, whoever delivers at the same time. Then the answer is queued, and in the
 * same transaction it is written down with the letter's recipients that this was done. A crash in between delivers the letter again, which changes nothing,
 * and goes on where it was: the claim is the letter's own, and what is written down says whether its answer is on its way. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/body.h"
#include "courier/internal.h"
#include "courier/own.h"
#include "courier/words.h"
#include "message/address.h"
#include "message/header.h"
#include "store/vacation.h"
#include "vacation/vacation.h"

enum { HEADER_MAX = 256 * 1024 /* of a longer header only the beginning is looked at */ };

/* An account that may have to answer a letter. */
struct answering {
	struct courier_addressee *addressee;
	struct slice account, note; /* note: what is written down with the recipient */
	struct slice header, own;   /* own: the address by which it was written to */
	struct vacation vacation;
	struct arena *arena;        /* shared by all */
	struct queue_message message; /* the answer, */
	struct queue_recipient recipient; /* and to whom */
	struct error error;
};

static const struct queue_message *message_of(const struct answering *answering) { return &answering->addressee->letter->work->message; }

/* ---- Whether ---- */

static bool read_header(struct answering *answering)
{
	struct slice whole;
	struct courier_body *body = courier_body_open(answering->addressee->letter->courier->queue, message_of(answering), &answering->error);
	if (!body)
		return false;
	bool done = courier_body_view(body, &whole, &answering->error);
	if (done) {
		struct slice text = slice_sub(whole, 0, HEADER_MAX);
		answering->header = arena_copy(answering->arena, slice_sub(text, 0, header_length(text)));
	}
	courier_body_close(&body);
	return done;
}

/* What it says now; false without an error: nothing. */
static bool read_vacation(struct answering *answering, struct account *account)
{
	struct slice text;
	if (!vacation_find(account, answering->arena, &text, &answering->error)) {
		if (answering->error.kind == ERROR_NOT_FOUND)
			answering->error = (struct error){0};
		return false;
	}
	return vacation_read(text, answering->arena, &answering->vacation) && vacation_is_active(&answering->vacation, clock_now());
}

static bool is_own(struct answering *answering, struct slice address, bool *own)
{
	enum auth_sender_right right = auth_may_send_as(answering->addressee->letter->courier->auth, NULL, answering->account, address);
	*own = right == SENDER_OWN;
	return right == SENDER_OWN || right == SENDER_OTHERS || error_set(&answering->error, ERROR_TEMPORARY, "whose address one is can't be told now");
}

/* RFC 5230 §4.5: only who wrote to this person. The envelope's address counts if it leads to nobody else. */
static bool find_own_address(struct answering *answering, bool *found)
{
	struct slice *list, written = address_canonical(answering->addressee->recipient->address, answering->arena);
	size_t count;
	*found = false;
	vacation_addressed(answering->header, answering->arena, &list, &count);
	for (size_t i = 0; !*found && i < count; i++) {
		*found = answering->addressee->route_count == 1 && slice_equal(list[i], written);
		if (!*found && !is_own(answering, list[i], found))
			return false;
		answering->own = list[i];
	}
	return true;
}

/* *why: it isn't to be answered; NULL: it is. */
static bool judge(struct answering *answering, const char **why)
{
	bool from_itself, addressed;
	*why = vacation_hindrance(message_of(answering)->from, answering->header);
	if (*why)
		return true;
	if (!is_own(answering, message_of(answering)->from, &from_itself) || !find_own_address(answering, &addressed))
		return false;
	*why = from_itself ? "it is from the account itself" : !addressed ? "it names no address of the account" : NULL;
	return true;
}

/* ---- Doing it ---- */

/* Whatever address of the letter leads to the account: it was done for all of them. */
static struct queue_result *results_of(struct answering *answering, size_t *count)
{
	struct courier_letter *letter = answering->addressee->letter;
	struct queue_result *results = arena_array(answering->arena, letter->count, sizeof *results);
	*count = 0;
	for (size_t i = 0; i < letter->count; i++)
		for (size_t j = 0; j < letter->addressees[i].route_count; j++)
			if (letter->addressees[i].routes[j].local && slice_equal(letter->addressees[i].routes[j].address, answering->account)) {
				results[(*count)++] = (struct queue_result){.message = letter->work->message.id, .recipient = letter->addressees[i].recipient->id,
									    .outcome = OUTCOME_APART, .apart = answering->note};
				break;
			}
	return results;
}

static bool write_answer(struct answering *answering, struct queue_draft *draft)
{
	struct buf text = BUF(VACATION_ANSWER_MAX);
	enum auth_language language = auth_language(answering->addressee->letter->courier->auth, answering->account);
	const struct courier_vacation_words *words = courier_words_vacation(language);
	const struct vacation_answer answer = {.vacation = &answering->vacation, .from = answering->own, .to = answering->recipient.address, .header = answering->header,
		.prefix = words->prefix, .words = words->text, .id = answering->message.id, .now = clock_now(), .hostname = config_current()->hostname};
	bool done = (vacation_write_answer(&answer, &text) || error_set(&answering->error, ERROR_LIMIT, "the answer is too long")) &&
		    queue_draft_write(draft, buf_slice(&text), &answering->error);
	buf_free(&text);
	return done;
}

/* RFC 3834 §3.3: nothing answers it in turn. False: it can't be written. */
static bool prepare(struct answering *answering, struct queue_deposit *deposit)
{
	struct queue *queue = answering->addressee->letter->courier->queue;
	answering->recipient = (struct queue_recipient){.address = message_of(answering)->from, .notify = NOTIFY_NEVER};
	answering->message = (struct queue_message){.id = id_new(), .recipients = &answering->recipient, .recipient_count = 1, .body = BODY_8BITMIME, .client = COURIER_OWN_CLIENT,
		.smtputf8 = !slice_is_ascii(answering->recipient.address) || !slice_is_ascii(answering->own)};
	*deposit = (struct queue_deposit){.draft = queue_draft_new(queue, SLICE("")), .message = &answering->message};
	deposit->results = results_of(answering, &deposit->result_count);
	if (write_answer(answering, deposit->draft))
		return true;
	queue_draft_abort(&deposit->draft);
	return false;
}

static const char *claim(struct answering *answering, struct account *account)
{
	const struct queue_message *message = message_of(answering);
	bool claimed = false;
	struct slice sender = address_canonical(message->from, answering->arena);
	int64_t since = clock_now() - config_current()->vacation_interval;
	vacation_claim(account, sender, message->id, since, &claimed, &answering->error);
	return claimed ? NULL : "its sender has been told lately";
}

/* True: it is to be answered, and that is claimed. */
static bool is_due(struct answering *answering, struct account *account)
{
	const struct queue_message *message = message_of(answering);
	const char *why = NULL;
	if (!read_vacation(answering, account) || !read_header(answering) || !judge(answering, &why))
		return false;
	why = why ? why : claim(answering, account);
	if (why && answering->error.kind == ERROR_NONE)
		log_info("vacation.unanswered", log_id("id", message->id), log_slice("account", answering->account), log_slice("from", message->from), log_text("reason", why));
	return !why;
}

static bool look(struct answering *answering)
{
	struct courier *courier = answering->addressee->letter->courier;
	if (courier_apart_was_done(answering->addressee, answering->note))
		return false;
	struct account *account = store_open_account(courier->store, answering->account, &answering->error);
	bool due = account && is_due(answering, account);
	store_release_account(&account);
	return due;
}

static void fail(struct answering *answering)
{
	courier_addressee_put_off(answering->addressee, "vacation.put_off", &answering->error);
}

static void queue_all(struct queue *queue, struct answering **list, struct queue_deposit *deposits, size_t count)
{
	queue_deposit_all(queue, deposits, count);
	for (size_t i = 0; i < count; i++) {
		struct answering *answering = list[i];
		answering->error = deposits[i].error;
		if (deposits[i].done)
			log_info("vacation.answered", log_id("id", message_of(answering)->id), log_slice("account", answering->account), log_slice("to", answering->recipient.address),
				 log_id("as", answering->message.id));
		else
			fail(answering);
	}
}

/* Those that are claimed are told, when the claims are on the disk. */
static void answer_all(struct courier *courier, struct answering **list, size_t count, struct arena *arena)
{
	struct queue_deposit *deposits = arena_array(arena, count + 1, sizeof *deposits);
	struct answering **ready = arena_array(arena, count + 1, sizeof(struct answering *));
	struct error error = {0};
	size_t ready_count = 0;
	bool synced = count == 0 || store_sync(courier->store, &error);
	for (size_t i = 0; i < count; i++) {
		list[i]->error = error;
		if (synced && prepare(list[i], &deposits[ready_count]))
			ready[ready_count++] = list[i];
		else
			fail(list[i]);
	}
	queue_all(courier->queue, ready, deposits, ready_count);
}

void courier_vacation_answer(struct courier *courier, const struct courier_vacation_case *cases, size_t count)
{
	struct arena *arena = arena_new();
	struct answering **due = arena_array(arena, count + 1, sizeof(struct answering *));
	size_t due_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct answering *answering = arena_alloc(arena, sizeof *answering);
		*answering = (struct answering){.addressee = cases[i].addressee, .account = cases[i].account, .arena = arena};
		answering->note = arena_printf(arena, "~%.*s", SLICE_ARG(answering->account));
		if (look(answering))
			due[due_count++] = answering;
		else if (answering->error.kind != ERROR_NONE)
			fail(answering);
	}
	answer_all(courier, due, due_count, arena);
	arena_free(&arena);
}

bool courier_vacation_may_answer(struct courier *courier, const struct courier_addressee *addressee, struct slice account)
{
	return addressee->letter->work->message.from.len > 0 && store_has_vacation(courier->store, account);
}
