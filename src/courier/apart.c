/* A message has one answer for all whom it came for. If they didn't agree, it was taken, and an account by whose thresholds it would have been refused
 * or set apart gets it into quarantine, for itself alone: as a message of its own in the queue, which somebody may let go into its inbox. The points that
 * it came with count, not what the account has taught and whom it knows. Nobody is told.
 *
 * It is written down with the recipient, in the transaction that queues that message, for whom it was set apart: whatever becomes of the others behind his
 * address, and however often they are tried, it is done once. Where it can't be, since there is no room in quarantine, or the account's address leads to
 * others, too, the account gets it as junk: nothing is lost. */
#include "base/array.h"
#include "base/log.h"
#include "courier/body.h"
#include "courier/internal.h"
#include "courier/junk.h"
#include "message/address.h"

enum {
	APART_MAX = 50,      /* of one addressee: each is a copy of the message */
	TOGETHER_MAX = 50,   /* are queued together, with one sync of the disk */
};

static struct slice with_detail(const struct auth_route *route, struct arena *arena)
{
	struct slice local, domain;
	if (route->detail.len == 0)
		return route->address;
	address_split(route->address, &local, &domain);
	return arena_printf(arena, "%.*s%s%.*s@%.*s", SLICE_ARG(local), config_current()->plus_separator, SLICE_ARG(route->detail), SLICE_ARG(domain));
}

/* ---- Whether it can be ---- */

/* The address by which the message will find the account, when it is let go, and nobody else. Empty: there is none. */
static struct slice own_address(const struct courier_addressee *addressee, const struct auth_route *route, struct arena *arena)
{
	struct auth_route *routes;
	struct error error;
	size_t count;
	if (addressee->route_count == 1)
		return addressee->recipient->address;
	struct slice address = with_detail(route, arena);
	bool alone = auth_resolve(addressee->letter->courier->auth, address, arena, &routes, &count, &error) && count == 1 && routes[0].local &&
		     slice_equal(routes[0].address, route->address);
	return alone ? address : SLICE("");
}

/* NULL: nothing does. */
static const char *what_hinders(const struct courier_addressee *addressee, struct slice address)
{
	bool room;
	struct error error;
	if (address.len == 0)
		return "no address leads to it alone";
	if (addressee->apart_count >= APART_MAX)
		return "it is set apart for too many behind this address";
	if (!queue_has_room_apart(addressee->letter->courier->queue, addressee->letter->work->message.size, &room, &error))
		return "the queue can't be read";
	return room ? NULL : "quarantine is full";
}

/* ---- Who has it already ---- */

static bool is_same(const struct auth_route *a, const struct auth_route *b)
{
	return slice_equal(a->address, b->address) && slice_equal(a->detail, b->detail);
}

static struct courier_apart *find(const struct courier_addressee *addressee, const struct auth_route *route)
{
	for (size_t i = 0; i < addressee->apart_count; i++)
		if (is_same(addressee->apart[i].route, route))
			return &addressee->apart[i];
	return NULL;
}

static bool another_has(const struct courier_letter *letter, const struct auth_route *route)
{
	for (size_t i = 0; i < letter->count; i++)
		if (find(&letter->addressees[i], route))
			return true;
	return false;
}

bool courier_apart_was_done(const struct courier_addressee *addressee, struct slice name)
{
	struct slice line, rest = addressee->recipient->apart;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_equal(line, name))
			return true;
	}
	return false;
}

bool courier_apart_note(struct courier_addressee *addressee, const struct auth_route *route)
{
	struct courier_letter *letter = addressee->letter;
	struct arena *arena = letter->work->arena;
	addressee->text = arena_printf(arena, "quarantine of %.*s", SLICE_ARG(route->address));
	if (courier_apart_was_done(addressee, with_detail(route, arena)))
		return true;
	struct slice address = SLICE("");
	if (!another_has(letter, route)) {
		address = own_address(addressee, route, arena);
		const char *why = what_hinders(addressee, address);
		if (why) {
			log_warning("message.not_set_apart", log_id("id", letter->work->message.id), log_slice("account", route->address), log_text("reason", why));
			return false;
		}
	}
	ARENA_GROW(arena, addressee->apart, addressee->apart_count, addressee->apart_room);
	addressee->apart[addressee->apart_count++] = (struct courier_apart){route, address};
	return true;
}

/* ---- Doing it ---- */

/* One for each of the letter's addressees that lead there. */
static struct queue_result *results_of(const struct courier_letter *letter, const struct courier_apart *apart, struct arena *arena, size_t *count)
{
	struct queue_result *results = arena_array(arena, letter->count, sizeof *results);
	*count = 0;
	for (size_t i = 0; i < letter->count; i++)
		if (find(&letter->addressees[i], apart->route))
			results[(*count)++] = (struct queue_result){.message = letter->work->message.id, .recipient = letter->addressees[i].recipient->id,
								    .outcome = OUTCOME_APART, .apart = with_detail(apart->route, arena)};
	return results;
}

static void log_done(const struct courier_addressee *addressee, const struct courier_apart *apart, int64_t as)
{
	const struct queue_message *original = &addressee->letter->work->message;
	char thresholds[THRESHOLDS_TEXT_MAX];
	courier_junk_format(apart->route->thresholds, thresholds);
	log_info("message.set_apart", log_id("id", original->id), log_slice("to", addressee->recipient->address), log_slice("account", apart->route->address), log_id("as", as),
		 log_number("hundredths", original->points), log_text("thresholds", thresholds));
}

/* A message of its own, for one account. */
struct copy {
	struct courier_addressee *addressee;
	const struct courier_apart *apart;
	struct queue_message message;
	struct queue_recipient recipient;
};

/* Those that are to be queued together. */
struct copies {
	struct arena *arena;
	struct copy list[TOGETHER_MAX];
	struct queue_deposit deposits[TOGETHER_MAX];
	size_t count;
};

static void put_off(struct courier_addressee *addressee, const struct error *error)
{
	courier_addressee_put_off(addressee, "message.not_queued_apart", error);
}

static void queue_all(struct copies *copies)
{
	if (copies->count == 0)
		return;
	queue_deposit_all(copies->list[0].addressee->letter->courier->queue, copies->deposits, copies->count);
	for (size_t i = 0; i < copies->count; i++)
		if (copies->deposits[i].done)
			log_done(copies->list[i].addressee, copies->list[i].apart, copies->list[i].message.id);
		else
			put_off(copies->list[i].addressee, &copies->deposits[i].error);
	copies->count = 0;
	arena_reset(copies->arena);
}

/* It isn't weighed again when it is let go: somebody has looked at it. */
static struct queue_deposit prepare(struct copy *copy, struct arena *arena)
{
	const struct courier_letter *letter = copy->addressee->letter;
	copy->recipient = courier_forward_recipient(copy->addressee->recipient, copy->apart->address, arena);
	copy->message = courier_forward_message(&letter->work->message);
	copy->message.recipients = &copy->recipient;
	copy->message.recipient_count = 1;
	copy->message.findings = letter->work->message.findings;
	copy->message.set_apart = true;
	struct queue_deposit deposit = {.draft = queue_draft_new(letter->courier->queue, copy->message.from), .message = &copy->message};
	deposit.results = results_of(letter, copy->apart, arena, &deposit.result_count);
	return deposit;
}

static void add(struct copies *copies, struct courier_addressee *addressee, const struct courier_apart *apart)
{
	struct error error = {0};
	const struct courier_letter *letter = addressee->letter;
	if (copies->count == TOGETHER_MAX)
		queue_all(copies);
	struct copy *copy = &copies->list[copies->count];
	*copy = (struct copy){.addressee = addressee, .apart = apart};
	struct queue_deposit deposit = prepare(copy, copies->arena);
	if (courier_body_copy(letter->courier->queue, &letter->work->message, deposit.draft, &error))
		copies->deposits[copies->count++] = deposit;
	else {
		queue_draft_abort(&deposit.draft);
		put_off(addressee, &error);
	}
}

void courier_apart_queue(struct courier_addressee **list, size_t count)
{
	struct copies copies = {.arena = arena_new()};
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < list[i]->apart_count; j++)
			if (list[i]->apart[j].address.len > 0)
				add(&copies, list[i], &list[i]->apart[j]);
	queue_all(&copies);
	arena_free(&copies.arena);
}
