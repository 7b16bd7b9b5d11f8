/* report_safe: junk comes to its recipient inside of a report that says in words, in his language, why it is junk; the message itself is a part of it, as
 * message/rfc822 (1) or as plain text (2), which no mail client shows or runs by itself. From, To, Cc, Subject, Date and Message-ID are repeated outside,
 * as SpamAssassin does, and so are our own fields, so that it is sorted as the message would be. What is learned of it is learned of the message inside
 * (message/unwrap.h). It is done at delivery, so what is held or passed on to another server stays as it came. */
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "courier/internal.h"
#include "courier/words.h"
#include "message/header.h"
#include "message/unwrap.h"
#include "policy/record.h"
#include "policy/settings.h"

enum {
	HEADER_READ_MAX = 256 * 1024, /* of it what is repeated is looked for */
	FIELD_MAX = 8 * 1024,         /* a longer one isn't repeated */
	REPORT_MAX = 512 * 1024,
	PIECE = 64 * 1024,
};

struct wrapping {
	struct courier *courier;
	const struct queue_message *message;
	struct slice account;
	struct config_thresholds thresholds; /* … and its */
	struct arena *arena;
	struct slice bytes; /* of the body as the queue keeps it: all of it, or the beginning of the file */
	int fd;             /* -1: it isn't a file */
	char boundary[ID_TEXT_LEN + 40];
};

static bool begin(struct wrapping *wrapping, struct error *error)
{
	uint64_t wanted = wrapping->message->preface + HEADER_READ_MAX;
	if (!queue_body(wrapping->courier->queue, wrapping->message->id, wrapping->arena, &wrapping->bytes, &wrapping->fd, error))
		return false;
	if (wrapping->fd < 0)
		return true;
	char *at = arena_alloc(wrapping->arena, (size_t)wanted);
	ssize_t got = pread(wrapping->fd, at, (size_t)wanted, 0);
	wrapping->bytes = slice_make(at, got > 0 ? (size_t)got : 0);
	return got > 0 || error_set(error, ERROR_TEMPORARY, "the message can't be read");
}

static void make_boundary(struct wrapping *wrapping)
{
	char id[ID_TEXT_LEN + 1];
	id_format(wrapping->message->id, id);
	snprintf(wrapping->boundary, sizeof wrapping->boundary, "=_%s_%016llx", id, (unsigned long long)random_u64());
}

/* ---- the report ---- */

/* The first of each; our own are there once, since strangers' were removed. */
static void put_fields(const struct wrapping *wrapping, struct slice header, struct buf *out)
{
	static const char *const repeated[] = {"Received", "Authentication-Results", "From", "To", "Cc", "Subject", "Date", "Message-ID",
					"X-Spam-Flag", "X-Spam-Level", "X-Spam-Status", "X-Attachment-Findings"};
	bool seen[sizeof repeated / sizeof *repeated] = {false};
	struct header_field field;
	buf_append(out, slice_sub(wrapping->bytes, 0, (size_t)wrapping->message->preface));
	while (header_next(&header, &field)) {
		bool wanted = false;
		for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
			if (slice_equal_nocase(field.name, slice_of(repeated[i]))) {
				wanted = !seen[i];
				seen[i] = true;
			}
		if (wanted && field.whole.len <= FIELD_MAX && slice_ends_nocase(field.whole, SLICE("\r\n")))
			buf_append(out, field.whole);
	}
	buf_printf(out, MESSAGE_WRAPPED_FIELD ": %d\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", (int)config_current()->report_safe, wrapping->boundary);
}

static void put_lines(struct slice text, struct buf *out)
{
	struct slice line;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		buf_append(out, line);
		buf_append_text(out, "\r\n");
	}
}

/* Why it is junk, as `pombal explain` says it. */
static void put_reasons(const struct wrapping *wrapping, enum auth_language language, struct buf *out)
{
	static const enum score_language languages[LANGUAGE_COUNT] = {[LANGUAGE_EN] = SCORE_ENGLISH, [LANGUAGE_PT] = SCORE_PORTUGUESE, [LANGUAGE_RU] = SCORE_RUSSIAN};
	struct buf text = BUF(REPORT_MAX / 2);
	struct score_settings settings;
	struct score_found *list;
	struct error error;
	int total = wrapping->message->weighed ? wrapping->message->points : 0;
	size_t count = policy_record_read(wrapping->message->findings, '\n', languages[language], wrapping->arena, &list);
	const struct score_found *main = policy_record_main(list, count);
	for (size_t i = 0; !wrapping->message->weighed && i < count; i++)
		total += list[i].points;
	if (!policy_settings_read(config_current(), &settings, &error))
		score_settings_default(&settings);
	policy_settings_apply(&settings, wrapping->thresholds);
	bool by_points = score_verdict_of(&settings, total) >= SCORE_JUNK;
	score_explain_found(&text, &settings, list, count, total, SCORE_JUNK, by_points || !main ? SLICE("") : slice_of(main->text), languages[language]);
	put_lines(buf_slice(&text), out);
	buf_free(&text);
}

static const char *inner_type(const struct queue_message *message)
{
	if (config_current()->report_safe == 1)
		return "message/rfc822";
	return message->body == BODY_7BIT ? "text/plain; charset=us-ascii" : "text/plain; charset=unknown-8bit"; /* RFC 1428 §3 */
}

static void put_report(const struct wrapping *wrapping, struct buf *out)
{
	enum auth_language language = auth_language(wrapping->courier->auth, wrapping->account);
	const struct courier_wrap_words *words = courier_words_wrap(language);
	struct slice text = slice_skip(wrapping->bytes, (size_t)wrapping->message->preface);
	put_fields(wrapping, slice_sub(text, 0, header_length(text)), out);
	buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s %s.\r\n\r\n%s\r\n", wrapping->boundary,
		   courier_words_in(language)->greeting, config_current()->hostname, words->opening);
	put_reasons(wrapping, language, out);
	buf_printf(out, "\r\n%s\r\n", config_current()->report_safe == 1 ? words->attached : words->attached_text);
	buf_printf(out, "\r\n--%s\r\nContent-Type: %s\r\nContent-Disposition: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", wrapping->boundary, inner_type(wrapping->message),
		   config_current()->report_safe == 1 ? "attachment; filename=\"spam.eml\"" : "inline", wrapping->message->body == BODY_7BIT ? "7bit" : "8bit");
}

/* ---- the message ---- */

static bool copy_file(const struct wrapping *wrapping, struct draft *draft, struct error *error)
{
	char *piece = arena_alloc(wrapping->arena, PIECE);
	uint64_t at = wrapping->message->preface;
	ssize_t got;
	while ((got = pread(wrapping->fd, piece, PIECE, (off_t)at)) > 0) {
		if (!draft_write(draft, slice_make(piece, (size_t)got), error))
			return false;
		at += (uint64_t)got;
	}
	return got == 0 || error_set(error, ERROR_TEMPORARY, "the message can't be read");
}

static bool write_all(const struct wrapping *wrapping, struct draft *draft, struct error *error)
{
	struct buf report = BUF(REPORT_MAX), end = BUF(sizeof wrapping->boundary + 16);
	put_report(wrapping, &report);
	buf_printf(&end, "\r\n--%s--\r\n", wrapping->boundary);
	bool done = !report.overflow || error_set(error, ERROR_INVALID, "the report is too long");
	done = done && draft_write(draft, buf_slice(&report), error);
	if (wrapping->fd >= 0)
		done = done && copy_file(wrapping, draft, error);
	else
		done = done && draft_write(draft, slice_skip(wrapping->bytes, (size_t)wrapping->message->preface), error);
	done = done && draft_write(draft, buf_slice(&end), error);
	buf_free(&report);
	buf_free(&end);
	return done;
}

bool courier_wrap_write(struct courier *courier, const struct queue_message *message, struct slice account, struct config_thresholds thresholds, struct draft *draft,
			struct error *error)
{
	struct wrapping wrapping = {.courier = courier, .message = message, .account = account, .thresholds = thresholds, .arena = arena_new(), .fd = -1};
	make_boundary(&wrapping);
	bool done = begin(&wrapping, error) && write_all(&wrapping, draft, error);
	if (wrapping.fd >= 0)
		close(wrapping.fd);
	arena_free(&wrapping.arena);
	return done;
}
