/* AUTHENTICATE (RFC 3501 §6.2.2) with an initial response (SASL-IR, RFC 4959). The exchange is that of every protocol
 * (auth/dialogue.h). */
#include "imap/sign_in.h"

static const char *bad_of(enum auth_turn turn)
{
	if (turn == AUTH_TURN_CANCELLED)
		return "AUTHENTICATE was cancelled";
	return turn == AUTH_TURN_NOT_BASE64 ? "The response is not valid base64" : "An empty response was expected";
}

static struct buf begin_challenge(void)
{
	struct buf line = BUF_SECRET(AUTH_CHALLENGE_MAX);
	buf_append_text(&line, "+ ");
	return line;
}

/* Tells the client what came of a turn. */
static enum net_run tell(struct imap_command *command, enum auth_turn turn, struct buf *challenge)
{
	struct imap *imap = command->imap;
	struct auth_dialogue *dialogue = &imap->dialogue;
	enum net_run result = RUN_DONE;
	if (turn == AUTH_TURN_CHALLENGE) {
		imap->mode = MODE_SASL;
		if (dialogue->delay_ms > 0)
			conn_delay(imap->conn, dialogue->delay_ms); /* the last word tells that the proof was right */
		buf_append_text(challenge, "\r\n");
		imap_send(imap, challenge);
	} else if (turn == AUTH_TURN_AGAIN)
		result = imap_sign_in_again(imap, dialogue->delay_ms);
	else if (turn == AUTH_TURN_ENDED)
		result = imap_sign_in_reply(command, dialogue->status, &dialogue->account, dialogue->delay_ms);
	else
		result = imap_reply_bad(command, bad_of(turn));
	if (turn > AUTH_TURN_AGAIN) {
		auth_dialogue_end(dialogue);
		imap->mode = MODE_COMMAND;
	}
	buf_free(challenge);
	return result;
}

enum net_run imap_authenticate_line(struct imap *imap, struct slice line)
{
	struct buf challenge = begin_challenge();
	return tell(imap->command, auth_dialogue_answer(&imap->dialogue, &imap->wait, line, &challenge), &challenge);
}

static bool is_plain_text(struct slice mechanism)
{
	return slice_equal_nocase(mechanism, SLICE("PLAIN")) || slice_equal_nocase(mechanism, SLICE("LOGIN"));
}

enum net_run imap_authenticate(struct imap_command *command, struct slice mechanism, struct slice initial)
{
	struct imap *imap = command->imap;
	struct conn_tls tls;
	struct sign_in_client client = imap_client(imap, &tls);
	if (is_plain_text(mechanism) && imap_sign_in_needs_tls(imap)) {
		imap_note_refusal(imap, mechanism, SLICE(""), "without TLS");
		return imap_reply_no(command, "PRIVACYREQUIRED", "Passwords are taken over TLS only");
	}
	bool binds = tls.exporter_size > 0 || tls.unique_size > 0; /* then -PLUS is taken, offered or not */
	if (!auth_takes(mechanism, tls.active, config_current()->plaintext_auth, binds)) {
		imap_note_refusal(imap, mechanism, SLICE(""), "that mechanism is not taken here");
		return imap_reply_no(command, "CANNOT", "This mechanism is not offered here");
	}
	struct buf challenge = begin_challenge();
	enum auth_turn turn = auth_dialogue_begin(&imap->dialogue, imap->service->auth, &imap->wait, mechanism, &client, initial, &challenge);
	return tell(command, turn, &challenge);
}
