/* Once a day (quarantine_digest) each person with new mail in quarantine gets one letter about it, in his language: senders, subjects, when it came,
 * points and the main reason, and who lets one go: he himself (quarantine_release), or whom to ask. That he was told is written down with the letter's queueing, in one transaction, so
 * nobody hears of a message twice, and an address that was told today isn't again. Of viruses nobody is told; nobody needs them.
 *
 * Senders and subjects are strangers' text: one line each, cut, without control characters, and links don't work. */
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/own.h"
#include "courier/text.h"
#include "courier/words.h"
#include "message/address.h"
#include "message/header.h"
#include "policy/record.h"

enum {
	STEP = 200,                 /* messages that are listed at a time */
	ENTRIES_MAX = 200000,       /* recipients that are looked at; those of further messages hear later */
	ADDRESSES_MAX = 50,         /* of which people are told at a time */
	LISTED_MAX = 100,           /* messages in a digest */
	DIGEST_TEXT_MAX = 256 * 1024,
	HEADER_READ_MAX = 16 * 1024,
	SHOWN_MAX = 200,            /* bytes of a sender or subject */
};

/* A recipient of a message that is set apart. */
struct entry {
	int64_t message, recipient, told;
	struct slice address;   /* as it was written to, … */
	struct slice account;   /* … and where that leads, … */
	bool alone;             /* … to nobody else */
};

struct digests {
	struct courier *courier;
	struct arena *arena;
	int64_t since;          /* who was told from then on has had today's */
	struct entry *entries;
	size_t count, room;
	struct entry *told;     /* those of which somebody is to be told now */
	size_t told_count, told_room;
	size_t addresses;       /* theirs */
	size_t sent;            /* letters */
};

/* ---- which ---- */

static bool has_virus(struct slice findings)
{
	return slice_starts(findings, SLICE("VIRUS_FOUND ")) || slice_find(findings, SLICE("\nVIRUS_FOUND ")) != SLICE_NONE;
}

static void add_message(struct digests *digests, const struct queue_message *message)
{
	if (has_virus(message->findings))
		return;
	for (size_t i = 0; i < message->recipient_count && digests->count < ENTRIES_MAX; i++) {
		const struct queue_recipient *recipient = &message->recipients[i];
		ARENA_GROW(digests->arena, digests->entries, digests->count, digests->room);
		digests->entries[digests->count++] = (struct entry){message->id, recipient->id, recipient->told, arena_copy(digests->arena, recipient->address), SLICE(""), false};
	}
}

static bool gather(struct digests *digests, struct error *error)
{
	struct queue_filter filter = {.reason = REASON_SET_APART, .limit = STEP};
	struct arena *step = arena_new();
	bool done = true;
	for (size_t count = STEP; done && count == STEP && digests->count < ENTRIES_MAX; arena_reset(step)) {
		struct queue_message *messages;
		done = queue_list(digests->courier->queue, &filter, step, &messages, &count, error);
		for (size_t i = 0; done && i < count; i++) {
			add_message(digests, &messages[i]);
			filter.after = messages[i].id;
		}
	}
	arena_free(&step);
	return done;
}

static int by_address(const void *a, const void *b)
{
	const struct entry *first = a, *second = b;
	int order = slice_compare(first->address, second->address);
	return order != 0 ? order : (first->message > second->message) - (first->message < second->message);
}

static int by_account(const void *a, const void *b)
{
	const struct entry *first = a, *second = b;
	int order = slice_compare(first->account, second->account);
	return order != 0 ? order : (first->message > second->message) - (first->message < second->message);
}

/* The accounts that an address leads to hear of it; who is elsewhere doesn't. */
static void choose_accounts(struct digests *digests, const struct entry *list, size_t count)
{
	struct auth_route *routes;
	struct error error;
	size_t route_count, good = 0;
	bool any = false;
	if (!auth_resolve(digests->courier->auth, list[0].address, digests->arena, &routes, &route_count, &error))
		return;
	for (size_t r = 0; r < route_count; r++)
		good += routes[r].problem == ROUTE_GOOD;
	for (size_t r = 0; r < route_count; r++)
		for (size_t i = 0; routes[r].local && i < count; i++)
			if (list[i].told == 0) {
				ARENA_GROW(digests->arena, digests->told, digests->told_count, digests->told_room);
				digests->told[digests->told_count] = list[i];
				digests->told[digests->told_count].alone = good == 1;
				digests->told[digests->told_count++].account = routes[r].address;
				any = true;
			}
	digests->addresses += any;
}

static bool is_due(const struct digests *digests, const struct entry *list, size_t count)
{
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		if (list[i].told >= digests->since)
			return false;
		any |= list[i].told == 0;
	}
	return any;
}

static void choose(struct digests *digests)
{
	if (digests->count > 0)
		qsort(digests->entries, digests->count, sizeof *digests->entries, by_address);
	for (size_t i = 0, next; i < digests->count && digests->addresses < ADDRESSES_MAX; i = next) {
		for (next = i + 1; next < digests->count && slice_equal(digests->entries[i].address, digests->entries[next].address);)
			next++;
		if (is_due(digests, &digests->entries[i], next - i))
			choose_accounts(digests, &digests->entries[i], next - i);
	}
	if (digests->told_count > 0)
		qsort(digests->told, digests->told_count, sizeof *digests->told, by_account);
}

/* ---- the letter ---- */

struct digest {
	struct digests *digests;
	const struct entry *entries; /* of one account */
	size_t count;
	enum auth_language language;
	const struct courier_digest_words *words;
	struct slice domain;         /* in whose name it is written */
	struct queue_message message;
	struct queue_recipient recipient;
	struct queue_result *results;
};

static struct slice read_header(struct courier *courier, const struct queue_message *message, struct arena *arena)
{
	struct slice bytes;
	struct error error;
	int fd;
	if (!queue_body(courier->queue, message->id, arena, &bytes, &fd, &error))
		return SLICE("");
	if (fd >= 0) {
		char *at = arena_alloc(arena, HEADER_READ_MAX);
		ssize_t got = pread(fd, at, HEADER_READ_MAX, (off_t)message->preface);
		close(fd);
		bytes = slice_make(at, got > 0 ? (size_t)got : 0);
	} else
		bytes = slice_sub(slice_skip(bytes, message->preface), 0, HEADER_READ_MAX);
	return slice_sub(bytes, 0, header_length(bytes));
}

/* Links become text: a mail client makes one of whatever has "://" in it. */
static void put_strange(struct buf *out, const char *name, struct slice text)
{
	struct slice before;
	size_t at;
	text = slice_sub(text, 0, SHOWN_MAX);
	while (text.len > 0 && !slice_is_utf8(text) && ((unsigned char)text.at[text.len - 1] & 0x80))
		text.len--; /* no part of a character */
	buf_printf(out, "  %s: ", name);
	while ((at = slice_find(text, SLICE("://"))) != SLICE_NONE) {
		before = slice_sub(text, 0, at + 1);
		courier_text_put(out, before, true);
		buf_append_char(out, ' ');
		text = slice_skip(text, at + 1);
	}
	courier_text_put(out, text, true);
	buf_append_text(out, "\r\n");
}

static struct slice field_of(struct slice header, const char *name, struct arena *arena)
{
	struct header_field field;
	return header_find(header, slice_of(name), &field) ? header_decode(field.body, arena) : SLICE("");
}

static void put_reason(const struct digest *digest, const struct queue_message *message, struct arena *arena, struct buf *out)
{
	static const enum score_language languages[LANGUAGE_COUNT] = {[LANGUAGE_EN] = SCORE_ENGLISH, [LANGUAGE_PT] = SCORE_PORTUGUESE, [LANGUAGE_RU] = SCORE_RUSSIAN};
	struct score_found *list;
	int points = message->weighed ? message->points : 0;
	size_t count = policy_record_read(message->findings, '\n', languages[digest->language], arena, &list);
	const struct score_found *main = policy_record_main(list, count);
	for (size_t i = 0; !message->weighed && i < count; i++)
		points += list[i].points;
	buf_printf(out, "  %s: ", digest->words->points);
	score_write_points(out, points);
	if (main)
		buf_printf(out, "\r\n  %s: %s", digest->words->why, main->text);
	buf_append_text(out, "\r\n");
}

/* Are people told that they may do it themselves? Then those that they may not are marked. */
static bool is_own(void) { return slice_equal(slice_of(config_current()->quarantine_release), SLICE("own")); }

/* False: it has gone meanwhile, or can't be read. *own: he lets it go himself. */
static bool put_entry(const struct digest *digest, const struct entry *entry, bool *own, struct buf *out)
{
	struct courier *courier = digest->digests->courier;
	struct queue_filter filter = {.id = entry->message, .reason = REASON_SET_APART};
	struct arena *arena = arena_new();
	struct queue_message *messages;
	struct error error;
	char id[ID_TEXT_LEN + 1];
	size_t count;
	bool there = queue_list(courier->queue, &filter, arena, &messages, &count, &error) && count == 1;
	if (there) {
		struct slice header = read_header(courier, &messages[0], arena), author = field_of(header, "From", arena);
		id_format(entry->message, id);
		buf_printf(out, "%s\r\n", id);
		put_strange(out, digest->words->from, author.len > 0 ? author : messages[0].from);
		put_strange(out, digest->words->about, field_of(header, "Subject", arena));
		buf_printf(out, "  %s: ", digest->words->arrived);
		courier_text_put_time(out, messages[0].arrived);
		buf_append_text(out, "\r\n");
		put_reason(digest, &messages[0], arena, out);
		*own = entry->alone && queue_apart_may_release(&messages[0]);
		if (is_own() && !*own)
			buf_printf(out, "  %s\r\n", digest->words->not_own);
		buf_append_text(out, "\r\n");
	}
	arena_free(&arena);
	return there;
}

static void put_header(const struct digest *digest, struct buf *out)
{
	const char *hostname = config_current()->hostname, *sender = courier_words_in(digest->language)->sender;
	char id[ID_TEXT_LEN + 1], subject[256];
	id_format(digest->message.id, id);
	snprintf(subject, sizeof subject, "%s: %zu", digest->words->subject, digest->count);
	courier_text_put_encoded(out, "From", sender);
	buf_printf(out, "%s<MAILER-DAEMON@%.*s>\r\nTo: <%.*s>\r\n", slice_is_ascii(slice_of(sender)) ? " " : "\r\n ", SLICE_ARG(digest->domain), SLICE_ARG(digest->recipient.address));
	courier_text_put_encoded(out, "Subject", subject);
	buf_append_text(out, "\r\n");
	courier_text_put_date(out, "Date", clock_now());
	buf_printf(out, "Message-ID: <%s@%s>\r\n", id, hostname);
	buf_append_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
}

/* Who lets one go. `own`: so many he himself. */
static void put_way(const struct digest *digest, size_t own, size_t listed, struct buf *out)
{
	const struct courier_digest_words *words = digest->words;
	struct slice local, domain;
	address_split(digest->recipient.address, &local, &domain);
	if (own > 0)
		buf_append_text(out, words->own);
	if (own < listed)
		buf_printf(out, "%s postmaster@%.*s\r\n%s\r\n  pombal quarantine release ID\r\n", own > 0 ? words->others : words->ask, SLICE_ARG(domain), words->release);
}

/* False: all that it would tell of has gone. */
static bool put_words(const struct digest *digest, struct buf *out)
{
	const struct courier_digest_words *words = digest->words;
	size_t listed = 0, own_count = 0;
	buf_printf(out, "%s %s.\r\n\r\n%s\r\n", courier_words_in(digest->language)->greeting, config_current()->hostname, words->opening);
	size_t first = digest->count > LISTED_MAX ? digest->count - LISTED_MAX : 0;
	for (size_t i = first; i < digest->count; i++) {
		bool own = false;
		listed += put_entry(digest, &digest->entries[i], &own, out);
		own_count += own;
	}
	if (first > 0)
		buf_printf(out, "%zu %s\r\n\r\n", first, words->more);
	put_way(digest, own_count, listed, out);
	if (config_current()->quarantine_days > 0)
		buf_printf(out, "\r\n%s %lld %s.\r\n", words->expires, (long long)config_current()->quarantine_days, words->days);
	return listed > 0;
}

static void note_results(struct digest *digest)
{
	digest->results = arena_array(digest->digests->arena, digest->count, sizeof *digest->results);
	for (size_t i = 0; i < digest->count; i++)
		digest->results[i] = (struct queue_result){.message = digest->entries[i].message, .recipient = digest->entries[i].recipient, .outcome = OUTCOME_TOLD};
}

/* NULL without an error: there is nothing to be said any more. */
static struct queue_draft *write_digest(struct digest *digest, struct error *error)
{
	struct courier *courier = digest->digests->courier;
	struct buf text = BUF(DIGEST_TEXT_MAX);
	digest->language = auth_language(courier->auth, digest->entries[0].account);
	digest->words = courier_words_digest(digest->language);
	digest->domain = courier_own_domain(courier->auth, &digest->entries[0].account, 1, digest->digests->arena);
	digest->recipient = (struct queue_recipient){.address = digest->entries[0].account};
	digest->message = (struct queue_message){.id = id_new(), .recipients = &digest->recipient, .recipient_count = 1, .body = BODY_8BITMIME,
		.smtputf8 = !slice_is_ascii(digest->recipient.address), .client = COURIER_OWN_CLIENT};
	note_results(digest);
	put_header(digest, &text);
	struct queue_draft *draft = NULL;
	if (put_words(digest, &text)) {
		draft = queue_draft_new(courier->queue, digest->message.from);
		if (text.overflow)
			error_set(error, ERROR_LIMIT, "the digest is too long");
		if (text.overflow || !queue_draft_write(draft, buf_slice(&text), error))
			queue_draft_abort(&draft);
	}
	buf_free(&text);
	return draft;
}

static bool send_all(struct digests *digests, struct error *error)
{
	struct digest *list = arena_array(digests->arena, digests->told_count + 1, sizeof *list);
	struct queue_deposit *deposits = arena_array(digests->arena, digests->told_count + 1, sizeof *deposits);
	size_t count = 0;
	bool done = true;
	for (size_t i = 0, next; i < digests->told_count; i = next) {
		for (next = i + 1; next < digests->told_count && slice_equal(digests->told[i].account, digests->told[next].account);)
			next++;
		struct digest *digest = &list[count];
		*digest = (struct digest){.digests = digests, .entries = &digests->told[i], .count = next - i};
		struct queue_draft *draft = write_digest(digest, error);
		if (draft)
			deposits[count++] = (struct queue_deposit){.draft = draft, .message = &digest->message, .results = digest->results, .result_count = digest->count};
	}
	queue_deposit_all(digests->courier->queue, deposits, count);
	for (size_t i = 0; i < count; i++) {
		done &= deposits[i].done;
		digests->sent += deposits[i].done;
		if (deposits[i].done)
			log_info("quarantine.told", log_id("id", list[i].message.id), log_slice("to", list[i].recipient.address), log_number("messages", (int64_t)list[i].count));
		else
			*error = deposits[i].error;
	}
	return done && error->kind == ERROR_NONE;
}

bool courier_digests(struct courier *courier, int64_t since, bool *more, struct error *error)
{
	struct digests digests = {.courier = courier, .arena = arena_new(), .since = since};
	*error = (struct error){0};
	bool done = gather(&digests, error);
	if (done)
		choose(&digests);
	done = done && (digests.told_count == 0 || send_all(&digests, error));
	*more = digests.addresses >= ADDRESSES_MAX && digests.sent > 0;
	arena_free(&digests.arena);
	return done;
}
