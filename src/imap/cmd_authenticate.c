/* AUTHENTICATE (RFC 3501 §6.2.2) with an initial response (SASL-IR, RFC 4959). Challenges and responses are lines of
 * base64; "*" from the client ends the exchange. */
#include <openssl/evp.h>

#include "base/memory.h"
#include "imap/sign_in.h"

enum { SASL_MESSAGE_MAX = LINE_MAX_LEN };

static enum run finish(struct imap *imap, enum run result)
{
	sign_in_end(&imap->sign_in);
	imap->sign_in_done = false;
	imap->mode = MODE_COMMAND;
	return result;
}

static bool is_base64(struct slice text)
{
	if (text.len % 4 != 0)
		return false;
	size_t padding = 0;
	while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i + padding < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '+' && text.at[i] != '/')
			return false;
	return true;
}

/* Strict: no white space, whole groups only. `out` needs three bytes for every four. */
static bool decode_base64(struct slice text, struct buf *out)
{
	if (!is_base64(text))
		return false;
	if (text.len == 0)
		return true;
	char *room = buf_reserve(out, text.len / 4 * 3);
	if (!room || EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)text.at, (int)text.len) < 0)
		return false;
	size_t padding = text.at[text.len - 2] == '=' ? 2 : text.at[text.len - 1] == '=';
	buf_claim(out, text.len / 4 * 3 - padding);
	return true;
}

static void send_challenge(struct imap *imap, const struct buf *challenge)
{
	struct buf line = BUF(SASL_MESSAGE_MAX * 2);
	buf_append_text(&line, "+ ");
	char *room = buf_reserve(&line, (challenge->len + 2) / 3 * 4);
	if (room && challenge->len > 0)
		buf_claim(&line, (size_t)EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)challenge->at, (int)challenge->len));
	buf_append_text(&line, "\r\n");
	imap_send(imap, &line);
	buf_free_secret(&line);
}

/* The proof is complete. Where the mechanism has a last word of the server's, IMAP sends it as a challenge and waits for
 * an empty answer (RFC 4422 §4, item 5b). */
static enum run step_done(struct imap_command *command, const struct buf *last, const struct auth_account *account, int delay_ms)
{
	struct imap *imap = command->imap;
	if (last->len == 0)
		return finish(imap, imap_sign_in_reply(command, SIGN_IN_DONE, account, delay_ms));
	imap->sign_in_done = true;
	imap->mode = MODE_SASL;
	struct auth_account *proved = arena_alloc(command->arena, sizeof *proved);
	*proved = (struct auth_account){arena_copy(command->arena, account->name), account->identity};
	command->job = proved;
	if (delay_ms > 0)
		conn_delay(imap->conn, delay_ms); /* the last word tells that the proof was right */
	send_challenge(imap, last);
	return RUN_DONE;
}

static enum run step(struct imap_command *command, bool has_input, struct slice input)
{
	struct imap *imap = command->imap;
	struct buf output = BUF(SASL_MESSAGE_MAX);
	struct auth_account account;
	int delay_ms = 0;
	enum run result = RUN_DONE;
	enum sign_in_status status = sign_in_step(imap->sign_in, &imap->wait, has_input, input, &output, &account, &delay_ms);
	if (status == SIGN_IN_CONTINUE) {
		imap->mode = MODE_SASL;
		send_challenge(imap, &output);
	} else if (sign_in_is_open(status)) {
		result = imap_sign_in_again(imap, delay_ms);
	} else if (status == SIGN_IN_DONE) {
		result = step_done(command, &output, &account, delay_ms);
	} else {
		result = finish(imap, imap_sign_in_reply(command, status, &account, delay_ms));
	}
	buf_free_secret(&output);
	return result;
}

/* A BAD that ends the exchange. */
static enum run end_bad(struct imap_command *command, const char *reply, const char *reason)
{
	imap_note_refusal(command->imap, SLICE(""), SLICE(""), reason);
	return finish(command->imap, imap_reply_bad(command, reply));
}

static enum run step_base64(struct imap_command *command, struct slice text)
{
	struct buf message = BUF(SASL_MESSAGE_MAX);
	enum run result;
	if (decode_base64(text, &message))
		result = step(command, true, buf_slice(&message));
	else
		result = end_bad(command, "The response is not valid base64", "what was said is not base64, or too long");
	buf_free_secret(&message);
	return result;
}

enum run imap_authenticate_line(struct imap *imap, struct slice line)
{
	struct imap_command *command = imap->command;
	if (slice_equal(line, SLICE("*")))
		return end_bad(command, "AUTHENTICATE was cancelled", "the client gave up");
	if (!imap->sign_in_done)
		return step_base64(command, line);
	if (line.len > 0)
		return end_bad(command, "An empty response was expected", "said something after the last word");
	return finish(imap, imap_sign_in_reply(command, SIGN_IN_DONE, command->job, 0));
}

/* -PLUS is taken where the connection can be bound, offered or not. */
static bool is_taken(struct slice mechanism, const struct conn_tls *tls)
{
	struct slice rest = slice_of(auth_mechanisms(tls->active, config_current()->plaintext_auth, tls->exporter_size > 0 || tls->unique_size > 0));
	while (rest.len > 0) {
		struct slice offered;
		slice_cut(rest, ' ', &offered, &rest);
		if (slice_equal_nocase(offered, mechanism))
			return true;
	}
	return false;
}

static bool is_plain_text(struct slice mechanism)
{
	return slice_equal_nocase(mechanism, SLICE("PLAIN")) || slice_equal_nocase(mechanism, SLICE("LOGIN"));
}

/* An initial response is base64, or "=" for an empty one (RFC 4959 §3). */
enum run imap_authenticate(struct imap_command *command, struct slice mechanism, struct slice initial)
{
	struct imap *imap = command->imap;
	struct conn_tls tls;
	struct sign_in_client client = imap_client(imap, &tls);
	if (is_plain_text(mechanism) && imap_sign_in_needs_tls(imap)) {
		imap_note_refusal(imap, mechanism, SLICE(""), "without TLS");
		return imap_reply_no(command, "PRIVACYREQUIRED", "Passwords are taken over TLS only");
	}
	if (!is_taken(mechanism, &tls)) {
		imap_note_refusal(imap, mechanism, SLICE(""), "that mechanism is not taken here");
		return imap_reply_no(command, "CANNOT", "This mechanism is not offered here");
	}
	imap->sign_in = sign_in_begin(imap->service->auth, mechanism, &client);
	if (!imap->sign_in)
		return imap_reply_no(command, "CANNOT", "This mechanism is not offered here");
	if (!initial.at)
		return step(command, false, slice_make("", 0));
	if (slice_equal(initial, SLICE("=")))
		return step(command, true, slice_make("", 0));
	return step_base64(command, initial);
}
