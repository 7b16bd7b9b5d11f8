/* Targets of aliases that lead nowhere: an administrator's mistake. Who wrote to the alias is not told, since it would show him
 * what stands behind it, and he could mend nothing; the postmaster of the alias's domain is. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/own.h"
#include "message/address.h"
#include "message/date.h"

enum { NOTICE_TEXT_MAX = 64 * 1024, NOTICE_TARGETS_MAX = 50 };

static void put_header(struct buf *out, struct slice domain, struct slice postmaster, int64_t id)
{
	const char *hostname = config_current()->hostname;
	char date[DATE_TEXT_MAX], id_text[ID_TEXT_LEN + 1];
	date_format(clock_now(), date);
	id_format(id, id_text);
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\nTo: <%.*s>\r\n", SLICE_ARG(domain), SLICE_ARG(postmaster));
	buf_printf(out, "Subject: An alias has a target that leads nowhere\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", date, id_text, hostname);
	buf_append(out, SLICE("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
			      "Content-Transfer-Encoding: 8bit\r\n\r\n"));
}

static void put_words(struct buf *out, const struct courier_addressee *addressee, const struct auth_route *wrong, size_t count)
{
	buf_printf(out, "This is the mail server %s.\r\n\r\nA message to <%.*s> came. Whoever else stands behind this address gets it,\r\n"
			"but these targets lead nowhere:\r\n\r\n",
		   config_current()->hostname, SLICE_ARG(addressee->recipient->address));
	for (size_t i = 0; i < count && i < NOTICE_TARGETS_MAX; i++)
		buf_printf(out, "  <%.*s> -> <%.*s>\r\n    which %s\r\n", SLICE_ARG(wrong[i].detail), SLICE_ARG(wrong[i].address), auth_route_problem(wrong[i].problem));
	if (count > NOTICE_TARGETS_MAX)
		buf_printf(out, "  and %zu more\r\n", count - NOTICE_TARGETS_MAX);
	buf_append(out, SLICE("\r\nTo mend it, give the alias other targets (pombal alias set), or make the missing account.\r\n"
			      "All such targets are named by: pombal check\r\nOf this alias you will not hear again within a day.\r\n"));
}

static bool send_notice(const struct courier_addressee *addressee, const struct auth_route *wrong, size_t count, struct error *error)
{
	struct queue *queue = addressee->letter->courier->queue;
	struct arena *arena = arena_new();
	struct slice local, domain;
	address_split(wrong[0].detail, &local, &domain);
	struct queue_recipient postmaster = {.address = arena_printf(arena, "postmaster@%.*s", SLICE_ARG(domain))};
	struct buf text = BUF(NOTICE_TEXT_MAX);
	struct queue_message message = {.id = id_new(), .recipients = &postmaster, .recipient_count = 1, .body = BODY_8BITMIME, .client = COURIER_OWN_CLIENT};
	put_header(&text, courier_own_domain(addressee->letter->courier->auth, &postmaster.address, 1, arena), postmaster.address, message.id);
	put_words(&text, addressee, wrong, count);
	message.smtputf8 = !slice_is_ascii(postmaster.address);
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	bool done = queue_draft_write(draft, buf_slice(&text), error);
	if (done)
		done = queue_commit(queue, &draft, &message, error);
	else
		queue_draft_abort(&draft);
	if (done)
		log_info("alias.notice_queued", log_id("id", addressee->letter->work->message.id), log_id("notice", message.id), log_slice("to", postmaster.address));
	buf_free(&text);
	arena_free(&arena);
	return done;
}

void courier_alias_notice(const struct courier_addressee *addressee, const struct auth_route *wrong, size_t count)
{
	struct lately *noticed = addressee->letter->courier->aliases_noticed;
	const struct queue_message *message = &addressee->letter->work->message;
	struct error error = {0};
	for (size_t i = 0; i < count && i < NOTICE_TARGETS_MAX; i++)
		log_warning("alias.wrong_target", log_id("id", message->id), log_slice("to", addressee->recipient->address), log_slice("alias", wrong[i].detail),
			    log_slice("target", wrong[i].address), log_text("reason", auth_route_problem(wrong[i].problem)));
	if (message->from.len == 0 || courier_lately_has(noticed, wrong[0].detail, clock_monotonic_ms())) /* a notice of ours causes no other */
		return;
	courier_lately_note(noticed, wrong[0].detail, clock_monotonic_ms());
	if (!send_notice(addressee, wrong, count, &error))
		log_error("alias.notice_unqueued", log_id("id", message->id), log_text("cause", error.text));
}
