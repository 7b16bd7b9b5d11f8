/* sendmail for those who may not look into the data directory: the letter is handed to the running server over a socket, where the
 * kernel says whose program this is (smtp/local.c). Without a server nothing is kept: the status says that it may work later. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/sendmail.h"
#include "config/config.h"

enum {
	STEP_SECONDS = 300,     /* for one reply (RFC 5321 §4.5.3.2) */
	REPLY_ROOM = 16 * 1024, /* of all lines of one */
};

struct dialogue {
	int fd;
	struct buf reply;       /* the last one */
	struct error *error;
};

static const char *socket_path(void)
{
	const char *named = getenv("POMBAL_SENDMAIL");
	return named && named[0] == '/' ? named : SENDMAIL_SOCKET;
}

static bool fail(struct dialogue *dialogue, int number)
{
	error_set_errno(dialogue->error, number, "the mail server doesn't take letters now: %s", socket_path());
	dialogue->error->kind = ERROR_TEMPORARY;
	return false;
}

static bool open_dialogue(struct dialogue *dialogue)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path());
	dialogue->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = STEP_SECONDS};
	setsockopt(dialogue->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(dialogue->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return (dialogue->fd >= 0 && connect(dialogue->fd, (struct sockaddr *)&address, sizeof address) == 0) || fail(dialogue, errno);
}

static bool send_all(struct dialogue *dialogue, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(dialogue->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return fail(dialogue, errno);
		bytes = slice_skip(bytes, (size_t)sent);
	}
	return true;
}

/* The last line has a blank behind its number. */
static bool is_complete(struct slice reply)
{
	struct slice line = reply;
	if (reply.len < 4 || reply.at[reply.len - 1] != '\n')
		return false;
	line.len--;
	line = slice_skip(line, slice_find_last_char(line, '\n') + 1);
	return line.len >= 4 && line.at[3] == ' ';
}

/* Reads a reply. False, with its words as the error, if its first digit isn't `wanted`. */
static bool hear(struct dialogue *dialogue, char wanted)
{
	buf_clear(&dialogue->reply);
	while (!is_complete(buf_slice(&dialogue->reply))) {
		char bytes[2048];
		ssize_t got = recv(dialogue->fd, bytes, sizeof bytes, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || !buf_append(&dialogue->reply, slice_make(bytes, (size_t)got)))
			return fail(dialogue, got < 0 ? errno : ECONNRESET);
	}
	struct slice reply = slice_trim(buf_slice(&dialogue->reply));
	if (reply.at[0] == wanted)
		return true;
	return error_set(dialogue->error, reply.at[0] == '4' ? ERROR_TEMPORARY : ERROR_DENIED, "%.*s", SLICE_ARG(slice_skip(reply, 4)));
}

__attribute__((format(printf, 3, 4))) static bool say(struct dialogue *dialogue, char wanted, const char *format, ...)
{
	struct buf line = BUF(REPLY_ROOM);
	va_list args;
	va_start(args, format);
	buf_vprintf(&line, format, args);
	va_end(args);
	buf_append_text(&line, "\r\n");
	bool done = send_all(dialogue, buf_slice(&line)) && hear(dialogue, wanted);
	buf_free(&line);
	return done;
}

/* ---- The steps ---- */

/* Who the server says we are, and what it is called: "220 NAME ESMTP Pombal", "250 USER@DOMAIN". */
static bool meet(struct dialogue *dialogue, struct cli_sendmail_job *job)
{
	struct slice words, name, rest;
	if (!hear(dialogue, '2'))
		return false;
	words = slice_skip(buf_slice(&dialogue->reply), 4);
	slice_cut(words, ' ', &name, &rest);
	job->hostname = arena_copy(job->arena, name);
	if (!say(dialogue, '2', "EHLO localhost") || !say(dialogue, '2', "XWHOAMI"))
		return false;
	struct slice own = arena_copy(job->arena, slice_trim(slice_skip(buf_slice(&dialogue->reply), 4)));
	size_t at = slice_find_last_char(own, '@');
	if (at == SLICE_NONE)
		return fail(dialogue, EPROTO);
	job->user = arena_text(job->arena, slice_sub(own, 0, at));
	job->domain = slice_skip(own, at + 1);
	return true;
}

static void write_notify(unsigned notify, char out[64])
{
	snprintf(out, 64, "%s%s%s%s%s", notify ? " NOTIFY=" : "", notify & NOTIFY_NEVER ? "NEVER" : "", notify & NOTIFY_SUCCESS ? "SUCCESS," : "",
		 notify & NOTIFY_FAILURE ? "FAILURE," : "", notify & NOTIFY_DELAY ? "DELAY," : "");
	if (strlen(out) > 0 && out[strlen(out) - 1] == ',')
		out[strlen(out) - 1] = '\0';
}

static bool send_envelope(struct dialogue *dialogue, const struct cli_sendmail_job *job, struct slice letter)
{
	char notify[64];
	bool ascii = slice_is_ascii(job->sender);
	for (size_t i = 0; i < job->recipient_count; i++)
		ascii = ascii && slice_is_ascii(job->recipients[i]);
	write_notify(job->notify, notify);
	if (!say(dialogue, '2', "MAIL FROM:<%.*s>%s%s", SLICE_ARG(job->sender), slice_is_ascii(letter) ? "" : " BODY=8BITMIME", ascii ? "" : " SMTPUTF8"))
		return false;
	for (size_t i = 0; i < job->recipient_count; i++)
		if (!say(dialogue, '2', "RCPT TO:<%.*s>%s", SLICE_ARG(job->recipients[i]), notify)) {
			struct error cause = *dialogue->error;
			return error_set(dialogue->error, cause.kind, "%.*s: %.250s", SLICE_ARG(job->recipients[i]), cause.text);
		}
	return true;
}

/* Lines end with CR LF; those that begin with a dot get another. */
static bool send_text(struct dialogue *dialogue, struct slice letter)
{
	if (!say(dialogue, '3', "DATA"))
		return false;
	struct buf text = BUF(letter.len + letter.len / 2 + 16);
	struct slice line;
	while (letter.len > 0) {
		size_t end = slice_find_char(letter, '\n');
		line = slice_sub(letter, 0, end == SLICE_NONE ? letter.len : end + 1);
		letter = slice_skip(letter, line.len);
		if (slice_starts(line, SLICE(".")))
			buf_append_char(&text, '.');
		buf_append(&text, line);
		if (end == SLICE_NONE)
			buf_append_text(&text, "\r\n");
	}
	bool done = send_all(dialogue, buf_slice(&text)) && say(dialogue, '2', ".");
	buf_free(&text);
	return done;
}

bool cli_sendmail_hand_over(struct cli_sendmail_job *job, sendmail_make *make, void *context, struct error *error)
{
	struct dialogue dialogue = {.fd = -1, .reply = BUF(REPLY_ROOM), .error = error};
	struct buf letter = BUF(SENDMAIL_LETTER_MAX);
	job->handed_over = true;
	bool done = open_dialogue(&dialogue) && meet(&dialogue, job) && make(job, context, &letter, error) &&
		    send_envelope(&dialogue, job, buf_slice(&letter)) && send_text(&dialogue, buf_slice(&letter));
	if (done)
		say(&dialogue, '2', "QUIT");
	if (dialogue.fd >= 0)
		close(dialogue.fd);
	buf_free(&dialogue.reply);
	buf_free(&letter);
	return done;
}
