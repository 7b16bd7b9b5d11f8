/* Mail of an account that is held since it sends more than it may (queue/outgoing.c): its owner and the postmaster of its domain are told,
 * each in his own language, once for each episode. Both letters are queued together with the note that they were written; what can't be
 * queued is tried again. To whom the mail goes and from where it came is others' text, and can't become lines of its own. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/own.h"
#include "courier/text.h"
#include "courier/words.h"
#include "message/address.h"

enum { NOTICE_TEXT_MAX = 32 * 1024, NOTICE_RETRY_MS = 30 * 1000 };

struct notice {
	const struct queue_episode *episode;
	enum courier_held_reader reader;
	enum auth_language language;
	struct slice domain; /* in whose name it is written */
	struct queue_message message;
	struct queue_recipient recipient;
};

static void put_header(const struct notice *notice, struct buf *out)
{
	const char *hostname = config_current()->hostname, *sender = courier_words_in(notice->language)->sender;
	char id[ID_TEXT_LEN + 1];
	id_format(notice->message.id, id);
	courier_text_put_encoded(out, "From", sender);
	buf_printf(out, "%s<MAILER-DAEMON@%.*s>\r\nTo: <%.*s>\r\n", slice_is_ascii(slice_of(sender)) ? " " : "\r\n ", SLICE_ARG(notice->domain), SLICE_ARG(notice->recipient.address));
	courier_text_put_encoded(out, "Subject", courier_words_held(notice->language)->subject[notice->reader]);
	buf_append(out, SLICE("\r\n"));
	courier_text_put_date(out, "Date", clock_now());
	buf_printf(out, "Message-ID: <%s@%s>\r\n", id, hostname);
	buf_append(out, SLICE("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
			      "Content-Transfer-Encoding: 8bit\r\n\r\n"));
}

static void put_line(struct buf *out, const char *name, struct slice text)
{
	buf_printf(out, "  %s: ", name);
	courier_text_put(out, text, true);
	buf_append(out, SLICE("\r\n"));
}

static void put_facts(const struct notice *notice, struct buf *out)
{
	const struct courier_held_words *words = courier_words_held(notice->language);
	const struct queue_episode *episode = notice->episode;
	const struct queue_suspicion *suspicion = &episode->suspicion;
	put_line(out, words->account, episode->account);
	buf_printf(out, "  %s: %s: %lld (%s: %lld)\r\n", words->why, words->reasons[suspicion->reason], (long long)suspicion->count, words->allowed,
		   (long long)suspicion->most);
	buf_printf(out, "  %s: %llu\r\n  %s: %llu\r\n", words->messages, (unsigned long long)episode->messages, words->recipients,
		   (unsigned long long)episode->recipients);
	put_line(out, words->from, episode->from);
	put_line(out, words->first, episode->to);
	for (size_t i = 0; i < episode->client_count; i++)
		put_line(out, words->clients, episode->clients[i]);
	if (episode->more_clients)
		buf_printf(out, "  %s\r\n", words->others);
}

static void put_command(struct buf *out, const char *what, const char *command, struct slice account, const char *more)
{
	buf_printf(out, "\r\n%s:\r\n  pombal %s ", what, command);
	courier_text_put(out, account, true);
	buf_printf(out, "%s\r\n", more);
}

static void put_commands(const struct notice *notice, struct buf *out)
{
	const struct courier_held_words *words = courier_words_held(notice->language);
	struct slice account = notice->episode->account;
	put_command(out, words->look, "queue list --account", account, " --held");
	put_command(out, words->release, "queue release --account", account, "");
	put_command(out, words->remove, "queue remove --account", account, " --held");
	put_command(out, words->password, "account password", account, "");
}

static void put_words(const struct notice *notice, struct buf *out)
{
	const struct courier_held_words *words = courier_words_held(notice->language);
	buf_printf(out, "%s %s.\r\n\r\n%s\r\n", courier_words_in(notice->language)->greeting, config_current()->hostname, words->opening[notice->reader]);
	put_facts(notice, out);
	buf_printf(out, "\r\n%s", words->advice[notice->reader]);
	if (notice->reader == HELD_POSTMASTER)
		put_commands(notice, out);
	buf_printf(out, "\r\n%s", words->closing);
}

static bool write_notice(struct courier *courier, struct notice *notice, struct slice to, struct queue_draft **draft, struct arena *arena, struct error *error)
{
	struct buf text = BUF(NOTICE_TEXT_MAX);
	notice->language = auth_language(courier->auth, to);
	notice->domain = courier_own_domain(courier->auth, &to, 1, arena);
	notice->recipient = (struct queue_recipient){.address = to};
	notice->message = (struct queue_message){.id = id_new(), .recipients = &notice->recipient, .recipient_count = 1, .body = BODY_8BITMIME,
		.smtputf8 = !slice_is_ascii(to), .client = COURIER_OWN_CLIENT};
	put_header(notice, &text);
	put_words(notice, &text);
	*draft = queue_draft_new(courier->queue, notice->message.from);
	bool done = !text.overflow || error_set(error, ERROR_LIMIT, "the notice is too long");
	done = done && queue_draft_write(*draft, buf_slice(&text), error);
	buf_free(&text);
	return done;
}

/* Who is his own postmaster gets the postmaster's. */
static size_t choose_readers(const struct queue_episode *episode, struct arena *arena, struct notice *notices, struct slice *to)
{
	struct slice local, domain;
	size_t count = 0;
	address_split(episode->account, &local, &domain);
	if (!slice_equal_nocase(local, SLICE("postmaster"))) {
		to[count] = episode->account;
		notices[count++] = (struct notice){.episode = episode, .reader = HELD_OWNER};
	}
	to[count] = arena_printf(arena, "postmaster@%.*s", SLICE_ARG(domain));
	notices[count++] = (struct notice){.episode = episode, .reader = HELD_POSTMASTER};
	return count;
}

static bool deposit(struct courier *courier, const struct queue_episode *episode, struct notice *notices, struct queue_deposit *deposits, size_t count,
		    struct error *error)
{
	for (size_t i = 0; i < count; i++)
		deposits[i].message = &notices[i].message;
	deposits[count - 1].tells = episode;
	queue_deposit_all(courier->queue, deposits, count);
	for (size_t i = 0; i < count; i++)
		if (!deposits[i].done)
			*error = deposits[i].error;
	return deposits[count - 1].done;
}

static bool tell(struct courier *courier, const struct queue_episode *episode, struct arena *arena, struct error *error)
{
	struct notice notices[HELD_READERS];
	struct queue_deposit deposits[HELD_READERS] = {0};
	struct slice to[HELD_READERS];
	size_t count = choose_readers(episode, arena, notices, to);
	bool done = true;
	for (size_t i = 0; i < count; i++)
		done = write_notice(courier, &notices[i], to[i], &deposits[i].draft, arena, error) && done;
	if (done)
		return deposit(courier, episode, notices, deposits, count, error);
	for (size_t i = 0; i < count; i++)
		queue_draft_abort(&deposits[i].draft);
	return false;
}

static void log_told(const struct queue_episode *episode)
{
	log_warning("account.held", log_slice("account", episode->account), log_number("messages", (int64_t)episode->messages),
		    log_number("recipients", (int64_t)episode->recipients), log_slice("client", episode->client_count > 0 ? episode->clients[0] : SLICE("")));
}

int64_t courier_held_notices(struct courier *courier)
{
	int64_t wait = config_current()->submission_notice, next_due = 0;
	struct arena *arena = arena_new();
	struct queue_episode episode;
	struct error error = {0};
	bool done = true;
	while (done && queue_next_episode(courier->queue, clock_now() - wait, arena, &episode, &next_due, &error)) {
		done = tell(courier, &episode, arena, &error);
		if (done)
			log_told(&episode);
		arena_reset(arena);
	}
	arena_free(&arena);
	if (error.kind != ERROR_NONE) {
		log_error("account.held_untold", log_text("cause", error.text));
		return clock_now_ms() + NOTICE_RETRY_MS;
	}
	return next_due > 0 ? (next_due + wait) * 1000 : INT64_MAX;
}
