#include "auth/dialogue.h"

#include "base/base64.h"

bool auth_takes(struct slice mechanism, bool encrypted, bool plaintext_allowed, bool binding)
{
	struct slice word, rest = slice_of(auth_mechanisms(encrypted, plaintext_allowed, binding));
	while (rest.len > 0) {
		slice_cut(rest, ' ', &word, &rest);
		if (slice_equal_nocase(word, mechanism))
			return true;
	}
	return false;
}

/* None of the protocols has room for data beside success: a mechanism's last words go as a challenge, which is answered with
 * nothing (RFC 4422 §4, item 5b). */
static enum auth_turn step(struct auth_dialogue *dialogue, struct auth_wait *wait, bool has_input, struct slice input, struct buf *challenge)
{
	struct buf output = BUF_SECRET(AUTH_MESSAGE_MAX);
	enum auth_turn turn = AUTH_TURN_ENDED;
	dialogue->status = sign_in_step(dialogue->exchange, wait, has_input, input, &output, &dialogue->account, &dialogue->delay_ms);
	dialogue->proved = dialogue->status == SIGN_IN_DONE && output.len > 0;
	if (dialogue->status == SIGN_IN_CONTINUE || dialogue->proved) {
		base64_encode(buf_slice(&output), challenge);
		turn = AUTH_TURN_CHALLENGE;
	} else if (dialogue->status == SIGN_IN_AWAITED)
		turn = AUTH_TURN_AGAIN;
	buf_free(&output);
	return turn;
}

static enum auth_turn refuse(struct auth_dialogue *dialogue, enum auth_turn turn, const char *reason)
{
	sign_in_note(dialogue->exchange, reason);
	return turn;
}

static enum auth_turn step_with(struct auth_dialogue *dialogue, struct auth_wait *wait, struct slice text, struct buf *challenge)
{
	struct buf input = BUF_SECRET(AUTH_MESSAGE_MAX);
	enum auth_turn turn = base64_decode(text, &input)
				      ? step(dialogue, wait, true, buf_slice(&input), challenge)
				      : refuse(dialogue, AUTH_TURN_NOT_BASE64, "what was said is not base64, or too long");
	buf_free(&input);
	return turn;
}

enum auth_turn auth_dialogue_begin(struct auth_dialogue *dialogue, struct auth *auth, struct auth_wait *wait, struct slice mechanism,
				   const struct sign_in_client *client, struct slice initial, struct buf *challenge)
{
	enum auth_turn turn;
	auth_dialogue_end(dialogue);
	dialogue->exchange = sign_in_begin(auth, mechanism, client);
	if (!initial.at)
		turn = step(dialogue, wait, false, SLICE(""), challenge);
	else if (slice_equal(initial, SLICE("=")))
		turn = step(dialogue, wait, true, SLICE(""), challenge);
	else
		turn = step_with(dialogue, wait, initial, challenge);
	if (turn == AUTH_TURN_AGAIN)
		sign_in_end(&dialogue->exchange);
	return turn;
}

enum auth_turn auth_dialogue_answer(struct auth_dialogue *dialogue, struct auth_wait *wait, struct slice line, struct buf *challenge)
{
	if (slice_equal(line, SLICE("*")))
		return refuse(dialogue, AUTH_TURN_CANCELLED, "the client gave up");
	if (!dialogue->proved)
		return step_with(dialogue, wait, line, challenge);
	dialogue->delay_ms = 0; /* the last words were held back */
	return slice_empty(line) ? AUTH_TURN_ENDED : refuse(dialogue, AUTH_TURN_NOT_EMPTY, "said something after the last words");
}

void auth_dialogue_refuse(struct auth_dialogue *dialogue, const char *reason)
{
	if (dialogue->exchange)
		sign_in_note(dialogue->exchange, reason);
	auth_dialogue_end(dialogue);
}

void auth_dialogue_end(struct auth_dialogue *dialogue)
{
	sign_in_end(&dialogue->exchange);
	*dialogue = (struct auth_dialogue){0};
}
