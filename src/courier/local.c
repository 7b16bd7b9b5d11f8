/* Finding out where mail goes, and delivering what stays here.
 *
 * A local thread takes some messages: resolves their recipients (the auth role knows), hands the remote ones on, and
 * writes the local ones account by account, each account's in one transaction: then people see them. It goes on with what
 * comes in the next SYNC_WAITS_MS, then syncs the store once for all of them, and only then lets the queue forget them. A body that is a file of the queue's becomes the message file by a link. A message to several accounts is
 * linked from the first one: so nothing that differs between recipients is added to it. What an account shuts out (apart.c) becomes a message of its own in
 * the queue. A crash anywhere repeats deliveries, and their ids make that harmless. */
#include <openssl/evp.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "courier/internal.h"
#include "courier/junk.h"
#include "courier/personal.h"
#include "courier/receipt.h"

enum {
	DRAFTS_PER_COMMIT = 50,
	ARRIVAL_MAX = 1024 * 1024, /* a larger letter is worth opening its account for */
	ASKED_AHEAD = 64,          /* addresses that auth is asked about at once */
	SYNC_WAITS_MS = 10,        /* for more to be synced together; nobody waits for that sync but the queue's rows */
};

/* One message for one account. */
struct delivery {
	struct courier_addressee *addressee;
	struct slice account, detail;
	bool junk;
	struct config_thresholds thresholds; /* the account's */
	int64_t id;              /* courier_local_delivery_id */
	bool done;
	struct courier_trouble trouble;  /* if it isn't */
	struct slice mailbox;    /* name, for the log */
	struct placement placement;
	bool wrapped;            /* it is junk that comes inside of a report */
};

/* The copy of a message that later accounts link to. */
struct written { struct slice account; int64_t message; struct arrival arrival; /* id 0: it didn't arrive, it is committed */ };

/* What a thread has written, until it is synced. */
struct batch {
	struct courier *courier;
	struct arena *arena;
	size_t letter_count;           /* 0: it has none */
	uint64_t bytes;                /* of them */
	int64_t sync_at;               /* monotonic milliseconds */
	struct courier_addressee **addressees; /* that stay with this thread */
	size_t addressee_count, addressee_room;
	struct delivery *deliveries;
	size_t delivery_count, delivery_room;
	struct map *written;           /* of the queue's message id: struct written */
	bool auth_away;                /* it didn't answer: the rest of the batch isn't asked about */
};

int64_t courier_local_delivery_id(int64_t message, struct slice account, struct slice detail)
{
	struct buf text = BUF(8192);
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	uint64_t id = 0;
	buf_printf(&text, "%lld %.*s %.*s", (long long)message, SLICE_ARG(account), SLICE_ARG(detail));
	EVP_Digest(text.at ? text.at : "", text.len, digest, NULL, EVP_sha256(), NULL);
	buf_free(&text);
	for (int i = 0; i < 8; i++)
		id = id << 8 | digest[i];
	id &= INT64_MAX;
	return id ? (int64_t)id : 1;
}

/* ---- Resolving ---- */

/* Decides for one account; what it knows better than the others is written down. */
static bool is_junk(struct courier_personal *personal, const struct auth_route *route)
{
	struct buf findings = BUF(COURIER_PERSONAL_FINDINGS_MAX);
	const struct queue_message *message = personal->message;
	int more = route->thresholds.junk == THRESHOLD_NEVER ? 0 : courier_personal_points(personal, route->address, &findings);
	bool junk = courier_junk_is(message, route->thresholds, more);
	if (findings.len > 0 || (message->weighed && junk != message->junk))
		log_info("delivery.weighed", log_id("id", message->id), log_slice("account", route->address), log_text("junk", junk ? "yes" : "no"),
			 log_number("hundredths", message->points + more), log_slice("findings", buf_slice(&findings)));
	buf_free(&findings);
	return junk;
}

static void add_deliveries(struct batch *batch, struct courier_addressee *addressee, struct courier_personal *personal)
{
	for (size_t i = 0; i < addressee->route_count; i++) {
		const struct auth_route *route = &addressee->routes[i];
		bool shut_out = route->local && courier_junk_is_shut_out(personal->message, route->thresholds);
		if (!route->local || (shut_out && courier_apart_note(addressee, route)))
			continue;
		ARRAY_GROW(batch->deliveries, batch->delivery_count, batch->delivery_room);
		batch->deliveries[batch->delivery_count++] = (struct delivery){
			.addressee = addressee, .account = route->address, .detail = route->detail,
			.junk = shut_out || is_junk(personal, route), .thresholds = route->thresholds,
			.id = courier_local_delivery_id(addressee->letter->work->message.id, route->address, route->detail)};
	}
}

static void resolve_failed(struct batch *batch, struct courier_addressee *addressee, const struct error *error)
{
	struct courier_trouble trouble;
	if (error->kind == ERROR_NOT_FOUND)
		courier_trouble_set(&trouble, true, "5.1.1", "there is no mailbox %.*s here", SLICE_ARG(addressee->recipient->address));
	else {
		log_warning("delivery.unresolved", log_id("id", addressee->letter->work->message.id), log_slice("to", addressee->recipient->address),
			    log_text("cause", error->text));
		courier_trouble_set(&trouble, false, "4.3.0", "it can't be told at the moment where mail for this address goes");
		/* One address that can't be resolved, say an alias that leads in circles, is no reason to put off the others. */
		trouble.soon = batch->auth_away = error->kind == ERROR_TEMPORARY;
	}
	courier_addressee_note(addressee, &trouble, NULL);
	courier_addressee_conclude(addressee);
}

/* Targets of aliases that lead nowhere come last; nobody else's mail waits for them to be mended. */
static void set_wrong_ones_aside(struct courier_addressee *addressee)
{
	size_t all = addressee->route_count;
	while (addressee->route_count > 0 && addressee->routes[addressee->route_count - 1].problem != ROUTE_GOOD)
		addressee->route_count--;
	if (addressee->route_count < all)
		courier_alias_notice(addressee, addressee->routes + addressee->route_count, all - addressee->route_count);
}

/* Sets the addressee's routes or its verdict. True: it goes to another server, with the target set. */
static bool resolve(struct batch *batch, struct courier_addressee *addressee, struct courier_personal *personal)
{
	struct error error = {.kind = ERROR_TEMPORARY, .text = "the auth role doesn't answer"};
	if (addressee->recipient->returned.len > 0) {
		courier_addressee_decide(addressee, VERDICT_FAILED, "5.0.0", addressee->recipient->returned, NULL);
		return false;
	}
	struct arena *arena = addressee->letter->work->arena; /* no other thread has the letter yet */
	size_t local = 0;
	if (!addressee->asked && !batch->auth_away)
		addressee->asked = auth_resolve_begin(batch->courier->auth, addressee->recipient->address);
	bool known = (addressee->asked || !batch->auth_away) && auth_resolve_end(&addressee->asked, arena, &addressee->routes, &addressee->route_count, &error);
	if (!known || addressee->route_count == 0) {
		if (known)
			error.kind = ERROR_NOT_FOUND;
		resolve_failed(batch, addressee, &error);
		return false;
	}
	set_wrong_ones_aside(addressee);
	for (size_t i = 0; i < addressee->route_count; i++)
		local += addressee->routes[i].local;
	if (local == 0 && addressee->route_count == 1) {
		addressee->target = addressee->routes[0].address;
		return true;
	}
	add_deliveries(batch, addressee, personal);
	return false;
}

/* Asks auth about the first of them, so that nobody waits for one answer after the other. */
static void ask_ahead(struct batch *batch, struct courier_letter *letters)
{
	size_t asked = 0;
	for (struct courier_letter *letter = letters; letter; letter = letter->next)
		for (size_t i = 0; i < letter->count && asked < ASKED_AHEAD; i++, asked++)
			if (letter->addressees[i].recipient->returned.len == 0)
				letter->addressees[i].asked = auth_resolve_begin(batch->courier->auth, letter->addressees[i].recipient->address);
}

static void add_addressee(struct batch *batch, struct courier_addressee *addressee)
{
	ARRAY_GROW(batch->addressees, batch->addressee_count, batch->addressee_room);
	batch->addressees[batch->addressee_count++] = addressee;
}

/* Splits a letter's addressees between this thread and the remote ones. */
static void sort_out(struct batch *batch, struct courier_letter *letter)
{
	struct courier_addressee **remote = arena_array(batch->arena, letter->count, sizeof(struct courier_addressee *));
	size_t remote_count = 0;
	struct courier_personal personal = {.courier = batch->courier, .message = &letter->work->message};
	courier_personal_wrote(batch->courier, letter);
	for (size_t i = 0; i < letter->count; i++) {
		struct courier_addressee *addressee = &letter->addressees[i];
		if (resolve(batch, addressee, &personal))
			remote[remote_count++] = addressee;
		else
			add_addressee(batch, addressee);
	}
	courier_personal_end(&personal);
	if (remote_count > 0)
		courier_remote_submit(batch->courier, letter, remote, remote_count);
}

/* ---- Writing ---- */

static int by_account(const void *a, const void *b)
{
	const struct delivery *first = a, *second = b;
	int order = slice_compare(first->account, second->account);
	if (order != 0)
		return order;
	int64_t x = first->addressee->letter->work->message.id, y = second->addressee->letter->work->message.id;
	if (x != y)
		return x < y ? -1 : 1;
	return (first->id > second->id) - (first->id < second->id);
}

static void store_trouble(struct delivery *delivery, const struct error *error)
{
	/* The cause is for the log alone: it may name files, and accounts behind an alias. */
	log_warning("delivery.store_trouble", log_id("id", delivery->addressee->letter->work->message.id), log_slice("account", delivery->account),
		    log_text("cause", error->text));
	if (error->kind == ERROR_LIMIT)
		courier_trouble_set(&delivery->trouble, false, "4.2.2", "the mailbox is full");
	else {
		courier_trouble_set(&delivery->trouble, false, "4.3.0", "the mailbox can't be written at the moment");
		delivery->trouble.soon = true;
	}
}

static struct slice read_front(int fd, struct arena *arena)
{
	char *at = arena_alloc(arena, RECEIPT_HEADER_MAX);
	ssize_t got = pread(fd, at, RECEIPT_HEADER_MAX, 0);
	return slice_make(at, got > 0 ? (size_t)got : 0);
}

/* *tells (may be NULL): it may tell of a submission; then nothing is written, and false returned. */
static bool write_message(struct batch *batch, const struct queue_message *message, struct draft *draft, bool *tells, struct error *error)
{
	struct arena *arena = arena_new();
	struct slice bytes;
	int fd = -1;
	bool done = queue_body(batch->courier->queue, message->id, arena, &bytes, &fd, error);
	if (done && tells && courier_submissions_may_be_told(message))
		*tells = courier_submissions_tells(message, fd < 0 ? bytes : read_front(fd, arena));
	done = done && !(tells && *tells);
	if (done)
		done = fd < 0 ? draft_write(draft, bytes, error) : draft_take_file(draft, fd, error);
	if (fd >= 0)
		close(fd);
	arena_free(&arena);
	return done;
}

static struct slice id_key(const int64_t *id)
{
	return slice_make((const char *)id, sizeof *id);
}

/* The content comes by a link to the copy of another account if there is one, else from the queue. */
static bool fill(struct batch *batch, const struct delivery *delivery, struct draft *draft, struct error *error)
{
	const struct queue_message *message = &delivery->addressee->letter->work->message;
	if (delivery->wrapped)
		return courier_wrap_write(batch->courier, message, delivery->account, delivery->thresholds, draft, error);
	const struct written *written = map_get(batch->written, id_key(&message->id));
	if (!written || written->arrival.id != 0 || slice_equal(written->account, delivery->account))
		return write_message(batch, message, draft, NULL, error);
	struct account *other = store_open_account(batch->courier->store, written->account, error);
	bool done = other ? draft_link(draft, other, written->message, error) : write_message(batch, message, draft, NULL, error);
	store_release_account(&other);
	return done;
}

static bool is_same(const struct mailbox *mailbox, struct slice name, bool exactly)
{
	return mailbox->selectable && (exactly ? slice_equal(mailbox->name, name) : slice_equal_nocase(mailbox->name, name));
}

static bool choose(struct delivery *delivery, const struct mailbox *mailbox)
{
	delivery->placement.mailbox = mailbox->id;
	delivery->mailbox = mailbox->name;
	return true;
}

/* Junk goes where the account keeps that; else the mailbox that the address's detail names (in any case, the exact name first), else INBOX. */
static bool choose_mailbox(struct batch *batch, struct account *account, struct delivery *delivery, struct error *error)
{
	struct mailbox inbox, *list;
	size_t count = 0;
	if ((delivery->junk || delivery->detail.len > 0) && !mailbox_list(account, batch->arena, &list, &count, error))
		return false;
	delivery->wrapped = delivery->junk && config_current()->report_safe > 0;
	for (size_t i = 0; delivery->junk && i < count; i++)
		if (list[i].use == USE_JUNK && list[i].selectable)
			return choose(delivery, &list[i]);
	for (int exactly = 1; exactly >= 0; exactly--)
		for (size_t i = 0; i < count; i++)
			if (delivery->detail.len > 0 && is_same(&list[i], delivery->detail, exactly))
				return choose(delivery, &list[i]);
	if (!mailbox_find(account, SLICE("INBOX"), batch->arena, &inbox, error))
		return false;
	return choose(delivery, &inbox);
}

/* Makes the draft of one delivery. NULL: it has its trouble. */
static struct draft *prepare(struct batch *batch, struct account *account, struct delivery *delivery)
{
	struct error error = {0};
	struct draft *draft = NULL;
	delivery->placement = (struct placement){.delivery_id = delivery->id, .received = queue_begins(&delivery->addressee->letter->work->message)};
	if (choose_mailbox(batch, account, delivery, &error))
		draft = draft_new(account);
	if (draft && !fill(batch, delivery, draft, &error))
		draft_abort(&draft);
	if (!draft)
		store_trouble(delivery, &error);
	return draft;
}

/* *arrival: as what it arrived; NULL: it was committed. */
static void delivered(struct batch *batch, struct delivery *delivery, const struct arrival *arrival)
{
	const int64_t *id = &delivery->addressee->letter->work->message.id;
	delivery->done = true;
	if (!delivery->junk)
		courier_personal_heard(batch->courier, &delivery->addressee->letter->work->message, delivery->account);
	if (delivery->wrapped || delivery->placement.duplicate || map_get(batch->written, id_key(id)))
		return;
	struct written *written = arena_alloc(batch->arena, sizeof *written);
	*written = (struct written){.account = delivery->account, .message = delivery->placement.id};
	if (arrival)
		written->arrival = *arrival;
	map_put(batch->written, id_key(id), written);
}

static void committed(struct batch *batch, struct account *account, struct delivery *delivery)
{
	delivered(batch, delivery, NULL);
	if (!delivery->junk && !delivery->placement.duplicate && courier_submissions_may_be_told(&delivery->addressee->letter->work->message))
		courier_submissions_tell(account, &delivery->addressee->letter->work->message, delivery->placement.id);
}

static void commit_alone(struct batch *batch, struct account *account, struct delivery *delivery)
{
	struct error error = {0};
	struct draft *draft = prepare(batch, account, delivery);
	if (!draft)
		return;
	if (draft_commit(account, &draft, &delivery->placement, 1, &error))
		committed(batch, account, delivery);
	else
		store_trouble(delivery, &error);
}

/* Two of a letter's recipients lead to one account: one copy. */
static void share_fate(struct delivery *delivery, const struct delivery *other)
{
	delivery->done = other->done;
	delivery->trouble = other->trouble;
	delivery->mailbox = other->mailbox;
	delivery->placement = other->placement;
}

/* Delivers some messages to one account in one transaction; if that fails, one by one, so that each has its own fate. */
static void commit_together(struct batch *batch, struct account *account, struct delivery *list, size_t count)
{
	struct draft *drafts[DRAFTS_PER_COMMIT];
	struct delivery *prepared[DRAFTS_PER_COMMIT];
	struct placement placements[DRAFTS_PER_COMMIT];
	size_t ready = 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && list[i].id == list[i - 1].id) /* two of its recipients lead here: one copy */
			continue;
		drafts[ready] = prepare(batch, account, &list[i]);
		if (!drafts[ready])
			continue;
		prepared[ready] = &list[i];
		placements[ready++] = list[i].placement;
	}
	bool done = ready > 0 && draft_commit(account, drafts, placements, ready, NULL);
	for (size_t i = 0; i < ready; i++) {
		if (done) {
			prepared[i]->placement = placements[i];
			committed(batch, account, prepared[i]);
		} else
			commit_alone(batch, account, prepared[i]);
	}
	for (size_t i = 1; i < count; i++)
		if (list[i].id == list[i - 1].id)
			share_fate(&list[i], &list[i - 1]);
}

/* ---- Letters for accounts that nobody has open ---- */

/* Only the INBOX is known without looking, and what is told of submissions is written into the account. */
static bool may_arrive(struct account *account, const struct delivery *list, size_t count)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const struct queue_message *message = &list[i].addressee->letter->work->message;
		if (list[i].detail.len > 0 || list[i].junk || message->size > ARRIVAL_MAX || message->from.len == 0)
			return false;
		bytes += message->size;
	}
	return account_prefers_arrivals(account, bytes);
}

static bool arrive_linked(struct batch *batch, struct account *account, const struct delivery *delivery, struct arrival *arrival)
{
	const struct written *written = map_get(batch->written, id_key(&delivery->addressee->letter->work->message.id));
	if (!written || written->arrival.id == 0)
		return false;
	struct account *other = store_address_account(batch->courier->store, written->account, NULL);
	bool done = other && account_arrive_linked(account, other, &written->arrival, arrival);
	store_release_account(&other);
	return done;
}

static void commit_all(struct batch *batch, struct delivery *list, size_t count)
{
	struct error error = {0};
	struct account *account = store_open_account(batch->courier->store, list[0].account, &error);
	for (size_t i = 0; !account && i < count; i++)
		store_trouble(&list[i], &error);
	for (size_t from = 0; account && from < count; from += DRAFTS_PER_COMMIT)
		commit_together(batch, account, list + from, count - from < DRAFTS_PER_COMMIT ? count - from : DRAFTS_PER_COMMIT);
	store_release_account(&account);
}

/* *tells: it doesn't arrive, since it may tell of a submission. */
static bool arrive_written(struct batch *batch, struct account *account, const struct delivery *delivery, struct arrival *arrival, bool *tells, struct error *error)
{
	struct draft *draft = draft_new(account);
	if (!write_message(batch, &delivery->addressee->letter->work->message, draft, tells, error)) {
		draft_abort(&draft);
		return false;
	}
	return draft_arrive(&draft, arrival, error);
}

static void arrive(struct batch *batch, struct account *account, struct delivery *delivery)
{
	struct error error = {0};
	struct arrival arrival = {.delivery_id = delivery->id, .received = queue_begins(&delivery->addressee->letter->work->message)};
	bool tells = false;
	delivery->mailbox = SLICE("INBOX");
	if (arrive_linked(batch, account, delivery, &arrival) || arrive_written(batch, account, delivery, &arrival, &tells, &error))
		delivered(batch, delivery, &arrival);
	else if (tells)
		commit_all(batch, delivery, 1);
	else
		store_trouble(delivery, &error);
}

static void arrive_all(struct batch *batch, struct account *account, struct delivery *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (i > 0 && list[i].id == list[i - 1].id)
			share_fate(&list[i], &list[i - 1]);
		else
			arrive(batch, account, &list[i]);
}

static void deliver_to_account(struct batch *batch, struct delivery *list, size_t count)
{
	struct account *account = store_address_account(batch->courier->store, list[0].account, NULL);
	if (account && may_arrive(account, list, count))
		arrive_all(batch, account, list, count);
	else
		commit_all(batch, list, count);
	store_release_account(&account);
}

/* Writes the deliveries from number `from` on. */
static void deliver_from(struct batch *batch, size_t from)
{
	struct delivery *list = batch->deliveries;
	if (from < batch->delivery_count)
		qsort(list + from, batch->delivery_count - from, sizeof *list, by_account);
	for (size_t to; from < batch->delivery_count; from = to) {
		for (to = from; to < batch->delivery_count && slice_equal(list[to].account, list[from].account); to++)
			;
		deliver_to_account(batch, list + from, to - from);
	}
}

static void sync_deliveries(struct batch *batch)
{
	struct error error = {0};
	bool any = false;
	struct delivery *list = batch->deliveries;
	for (size_t i = 0; i < batch->delivery_count; i++)
		any |= list[i].done;
	if (!any || store_sync(batch->courier->store, &error))
		return;
	log_error("store.unsynced", log_text("cause", error.text));
	for (size_t i = 0; i < batch->delivery_count; i++) { /* written perhaps, but not surely: once more */
		list[i].done = false;
		store_trouble(&list[i], &error);
	}
}

/* ---- Concluding ---- */

/* An address that stands for several mailboxes has one verdict; what each of them got is said apart. */
static void log_filed(const struct delivery *delivery)
{
	log_info("delivery.filed", log_id("id", delivery->addressee->letter->work->message.id), log_slice("to", delivery->addressee->recipient->address),
		 log_slice("account", delivery->account), log_slice("mailbox", delivery->mailbox), log_number("uid", delivery->placement.uid),
		 log_text("duplicate", delivery->placement.duplicate ? "yes" : ""));
}

static void note_deliveries(struct batch *batch)
{
	for (size_t i = 0; i < batch->delivery_count; i++) {
		struct delivery *delivery = &batch->deliveries[i];
		struct courier_addressee *addressee = delivery->addressee;
		if (delivery->done && addressee->route_count > 1)
			log_filed(delivery);
		else if (delivery->done)
			addressee->uid = delivery->placement.uid;
		if (!delivery->done) {
			courier_addressee_note(addressee, &delivery->trouble, NULL);
			courier_addressee_conclude(addressee);
		} else if (addressee->verdict == VERDICT_NONE) {
			char text[512];
			if (addressee->route_count > 1)
				snprintf(text, sizeof text, "every mailbox that this address stands for");
			else
				snprintf(text, sizeof text, "%.*s of %.*s", SLICE_ARG(delivery->mailbox), SLICE_ARG(delivery->account));
			addressee->text = arena_copy(batch->arena, slice_of(text));
		}
	}
}

static bool has_remote_route(const struct courier_addressee *addressee)
{
	for (size_t i = 0; i < addressee->route_count; i++)
		if (!addressee->routes[i].local)
			return true;
	return false;
}

/* All mailboxes that this address stands for have it; now for the other servers, if any. */
static void conclude_addressee(struct courier_addressee *addressee)
{
	struct error error = {0};
	if (addressee->verdict != VERDICT_NONE)
		return;
	if (!has_remote_route(addressee))
		courier_addressee_decide(addressee, VERDICT_DELIVERED, "2.0.0", addressee->text, NULL);
	else if (courier_forward_letter(addressee, &error))
		courier_addressee_decide(addressee, VERDICT_EXPANDED, "2.0.0", SLICE("passed on to what the alias stands for"), NULL);
	else
		courier_addressee_put_off(addressee, "message.unforwarded", &error);
}

/* ---- Batches ---- */

static void begin_batch(struct batch *batch, struct courier *courier)
{
	*batch = (struct batch){.courier = courier, .arena = arena_new(), .written = map_new(), .sync_at = clock_monotonic_ms() + SYNC_WAITS_MS};
}

static void free_batch(struct batch *batch)
{
	map_free(&batch->written);
	free(batch->addressees);
	free(batch->deliveries);
	arena_free(&batch->arena);
	*batch = (struct batch){0};
}

static void deliver_letters(struct batch *batch, struct courier_letter *letters)
{
	size_t from = batch->delivery_count;
	if (!batch->auth_away)
		ask_ahead(batch, letters);
	for (struct courier_letter *next; letters; letters = next) {
		next = letters->next;
		batch->letter_count++;
		batch->bytes += letters->work->message.size;
		sort_out(batch, letters); /* what is all for other servers may be gone when this returns */
	}
	deliver_from(batch, from);
}

static bool is_among(const struct courier_vacation_case *cases, size_t count, const struct delivery *delivery)
{
	for (size_t i = 0; i < count; i++)
		if (cases[i].addressee->letter == delivery->addressee->letter && slice_equal(cases[i].account, delivery->account))
			return true;
	return false;
}

static void answer_for_absent(struct batch *batch)
{
	struct courier_vacation_case *cases = NULL;
	size_t count = 0, room = 0;
	for (size_t i = 0; i < batch->delivery_count; i++) {
		const struct delivery *delivery = &batch->deliveries[i];
		if (!delivery->done || delivery->junk || !courier_vacation_may_answer(batch->courier, delivery->addressee, delivery->account) || is_among(cases, count, delivery))
			continue;
		ARRAY_GROW(cases, count, room);
		cases[count++] = (struct courier_vacation_case){delivery->addressee, delivery->account};
	}
	if (count > 0)
		courier_vacation_answer(batch->courier, cases, count);
	free(cases);
}

static void end_batch(struct batch *batch)
{
	sync_deliveries(batch);
	note_deliveries(batch);
	answer_for_absent(batch);
	courier_apart_queue(batch->addressees, batch->addressee_count); /* whatever became of the others behind their addresses */
	for (size_t i = 0; i < batch->addressee_count; i++)
		conclude_addressee(batch->addressees[i]);
	courier_letters_close(batch->courier, batch->addressees, batch->addressee_count);
}

/* ---- The thread ---- */

/* May more be added? */
static bool has_room(const struct batch *batch)
{
	return batch->letter_count < LOCAL_BATCH_MAX && batch->bytes < LOCAL_BATCH_BYTES;
}

/* Takes a fair share of what waits, as long as the batch has room. With the lock held. */
static struct courier_letter *take_letters(struct courier *courier, const struct batch *batch)
{
	size_t count = batch->letter_count, most = count + courier->intake_count / courier->local_threads + 1;
	uint64_t bytes = batch->bytes;
	struct courier_letter *first = courier->intake, **end = &courier->intake;
	for (; *end && count < most && count < LOCAL_BATCH_MAX && bytes < LOCAL_BATCH_BYTES; end = &(*end)->next) {
		count++;
		bytes += (*end)->work->message.size;
	}
	if (end == &courier->intake)
		return NULL;
	courier->intake_count -= count - batch->letter_count;
	courier->intake = *end;
	*end = NULL;
	if (!courier->intake)
		courier->intake_end = &courier->intake;
	return first;
}

/* With the lock held. False: there is nothing more to wait for, what was written is to be synced. */
static bool wait_for_more(struct courier *courier, const struct batch *batch)
{
	if (batch->letter_count == 0) {
		pthread_cond_wait(&courier->filled, &courier->lock);
		return true;
	}
	return batch->delivery_count > 0 && has_room(batch) && clock_wait(&courier->filled, &courier->lock, batch->sync_at);
}

/* Does one step, with the lock held, again when it returns: writes more letters, or waits for some, or ends the batch. */
static void work(struct courier *courier, struct batch *batch)
{
	struct courier_letter *letters = courier->stopping ? NULL : take_letters(courier, batch);
	if (letters) {
		pthread_mutex_unlock(&courier->lock);
		if (batch->letter_count == 0)
			begin_batch(batch, courier);
		deliver_letters(batch, letters);
		pthread_mutex_lock(&courier->lock);
	} else if (courier->stopping || !wait_for_more(courier, batch)) {
		size_t count = batch->letter_count;
		pthread_mutex_unlock(&courier->lock);
		end_batch(batch);
		free_batch(batch);
		pthread_mutex_lock(&courier->lock);
		courier_letters_handed_on(courier, count);
	}
}

void *courier_local_thread(void *argument)
{
	struct courier *courier = argument;
	struct batch batch = {0};
	pthread_mutex_lock(&courier->lock);
	while (!courier->stopping || batch.letter_count > 0)
		work(courier, &batch);
	return threads_leave(&courier->local, &courier->lock);
}
