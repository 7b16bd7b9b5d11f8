/* A talk with a milter, about a message that is here as a whole: it is told all that a mail server would tell it while the message came in, one
 * step after the other, and each answer is waited for, unless the milter has said that it gives none to such a step.
 *
 * A milter's no to one recipient of several counts for the message: what it is asked about was taken already, and nobody's copy shall vanish.
 * What it wants changed is gathered, and done when it has said its last word. */
#include "base/array.h"
#include "base/memory.h"
#include "engine/internal.h"
#include "engine/milter_wire.h"

enum { MACRO_LISTS = 7, SYMBOLS_MAX = 1000 };

enum stage { NEGOTIATION, CONNECTION, GREETING, SENDER, RECIPIENTS, TEXT, FIELDS, END_OF_HEADER, BODY, END, STAGES };

struct change {
	char command;
	uint32_t number;
	struct slice name, value; /* or an address, or a reason */
};

struct engine_milter {
	struct arena *arena;
	enum stage stage;
	size_t index;           /* of what the stage has several of: recipients, fields, bytes */
	bool waiting;           /* for its answer */
	uint32_t actions, steps;
	struct slice chosen[MACRO_LISTS]; /* the macros that it wants; .at is NULL: the usual ones */
	struct change *changes;
	size_t change_count, change_room, change_size;
	struct engine_body body; /* what it puts in the place of the body */
	bool replaces;
};

static const uint32_t all_actions = MILTER_MAY_ADD_FIELDS | MILTER_MAY_REPLACE_BODY | MILTER_MAY_ADD_RECIPIENTS | MILTER_MAY_REMOVE_RECIPIENTS | MILTER_MAY_CHANGE_FIELDS |
				    MILTER_MAY_QUARANTINE | MILTER_MAY_CHANGE_SENDER | MILTER_MAY_ADD_RECIPIENTS_ARGS | MILTER_MAY_CHOOSE_MACROS;
static const uint32_t all_steps = 2 * MILTER_LEADING_SPACE - 1; /* the highest, and all below */

void engine_milter_free(struct engine_milter **milter)
{
	if (!*milter)
		return;
	arena_free(&(*milter)->arena);
	engine_body_free(&(*milter)->body);
	free(*milter);
	*milter = NULL;
}

/* ---- What is said ---- */

static void put_negotiation(struct engine_talk *talk)
{
	engine_milter_put_number(&talk->out, MILTER_VERSION);
	engine_milter_put_number(&talk->out, all_actions);
	engine_milter_put_number(&talk->out, all_steps);
}

static void put_connection(struct engine_talk *talk)
{
	struct slice client = talk->mail->client;
	unsigned port = talk->mail->port;
	buf_append_char(&talk->out, '[');
	engine_append_line(&talk->out, client.len > 0 ? client : SLICE("unknown"));
	buf_append_char(&talk->out, ']');
	buf_append_char(&talk->out, '\0');
	if (client.len == 0) {
		buf_append_char(&talk->out, 'U');
		return;
	}
	buf_append_char(&talk->out, slice_find_char(client, ':') == SLICE_NONE ? '4' : '6');
	buf_append_char(&talk->out, (char)(unsigned char)(port >> 8));
	buf_append_char(&talk->out, (char)(unsigned char)port);
	engine_milter_put_text(&talk->out, client);
}

static void put_greeting(struct engine_talk *talk)
{
	engine_milter_put_text(&talk->out, talk->mail->helo);
}

static void put_path(struct buf *out, struct slice address)
{
	buf_append_char(out, '<');
	engine_append_line(out, address);
	buf_append_char(out, '>');
	buf_append_char(out, '\0');
}

static void put_sender(struct engine_talk *talk)
{
	put_path(&talk->out, talk->mail->letter->sender);
}

static void put_recipient(struct engine_talk *talk)
{
	put_path(&talk->out, talk->mail->letter->recipients[talk->milter->index].address);
}

static void put_nothing(struct engine_talk *talk)
{
	(void)talk;
}

/* Folds go with LF alone, as milters expect them; what is more than a packet holds is cut. */
static void put_field(struct engine_talk *talk)
{
	const struct engine_field *field = &talk->mail->letter->fields[talk->milter->index];
	struct slice name = slice_sub(field->name, 0, ENGINE_FIELD_NAME_MAX), value = field->value;
	if (!(talk->milter->steps & MILTER_LEADING_SPACE) && slice_starts(value, SLICE(" ")))
		value = slice_skip(value, 1);
	value = slice_sub(value, 0, MILTER_DATA_MAX - name.len - 2);
	buf_append(&talk->out, name);
	buf_append_char(&talk->out, '\0');
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] != '\0' && (value.at[i] != '\r' || i + 1 == value.len || value.at[i + 1] != '\n'))
			buf_append_char(&talk->out, value.at[i]);
	buf_append_char(&talk->out, '\0');
}

static void put_body(struct engine_talk *talk)
{
	buf_append(&talk->out, slice_sub(talk->mail->letter->body, talk->milter->index, MILTER_DATA_MAX));
}

/* Is there one more, and how far does the index go with it? Passes over what isn't told. */
static size_t one_step(struct engine_talk *talk)
{
	return talk->milter->index == 0;
}

static size_t one_recipient(struct engine_talk *talk)
{
	const struct engine_letter *letter = talk->mail->letter;
	size_t *index = &talk->milter->index;
	while (*index < letter->recipient_count && letter->recipients[*index].removed)
		++*index;
	return *index < letter->recipient_count;
}

/* An mbox's separator has no name. */
static size_t one_field(struct engine_talk *talk)
{
	const struct engine_letter *letter = talk->mail->letter;
	size_t *index = &talk->milter->index;
	while (*index < letter->field_count && (letter->fields[*index].removed || letter->fields[*index].name.len == 0))
		++*index;
	return *index < letter->field_count;
}

static size_t one_piece(struct engine_talk *talk)
{
	return slice_sub(talk->mail->letter->body, talk->milter->index, MILTER_DATA_MAX).len;
}

static const struct step {
	char command;
	uint32_t left_out, quiet;
	int macros; /* the list of those that a milter may choose for it; -1: there are none */
	size_t (*one)(struct engine_talk *talk);
	void (*put)(struct engine_talk *talk);
} steps[STAGES] = {
	[NEGOTIATION] = {MILTER_NEGOTIATE, 0, 0, -1, one_step, put_negotiation},
	[CONNECTION] = {MILTER_CONNECT, MILTER_NO_CONNECT, MILTER_QUIET_CONNECT, 0, one_step, put_connection},
	[GREETING] = {MILTER_HELO, MILTER_NO_HELO, MILTER_QUIET_HELO, 1, one_step, put_greeting},
	[SENDER] = {MILTER_MAIL, MILTER_NO_MAIL, MILTER_QUIET_MAIL, 2, one_step, put_sender},
	[RECIPIENTS] = {MILTER_RCPT, MILTER_NO_RCPT, MILTER_QUIET_RCPT, 3, one_recipient, put_recipient},
	[TEXT] = {MILTER_DATA, MILTER_NO_DATA, MILTER_QUIET_DATA, 4, one_step, put_nothing},
	[FIELDS] = {MILTER_FIELD, MILTER_NO_FIELDS, MILTER_QUIET_FIELDS, -1, one_field, put_field},
	[END_OF_HEADER] = {MILTER_END_OF_HEADER, MILTER_NO_END_OF_HEADER, MILTER_QUIET_END_OF_HEADER, 6, one_step, put_nothing},
	[BODY] = {MILTER_BODY, MILTER_NO_BODY, MILTER_QUIET_BODY, -1, one_piece, put_body},
	[END] = {MILTER_END, 0, 0, 5, one_step, put_nothing},
};

static void put_macros(struct engine_talk *talk, const struct step *step)
{
	const struct slice *chosen = step->macros >= 0 ? &talk->milter->chosen[step->macros] : NULL;
	const struct engine_letter *letter = talk->mail->letter;
	struct slice recipient = talk->milter->stage == RECIPIENTS ? letter->recipients[talk->milter->index].address : slice_make(NULL, 0);
	if (chosen)
		engine_milter_put_macros(&talk->out, step->command, chosen->at ? chosen : NULL, talk->mail, recipient);
}

/* Says one thing, or goes on to the next stage. */
static void say(struct engine_talk *talk)
{
	struct engine_milter *milter = talk->milter;
	const struct step *step = &steps[milter->stage];
	size_t forward = milter->steps & step->left_out ? 0 : step->one(talk);
	if (forward == 0) {
		milter->stage++;
		milter->index = 0;
		return;
	}
	put_macros(talk, step);
	size_t at = engine_milter_begin_packet(&talk->out, step->command);
	step->put(talk);
	engine_milter_end_packet(&talk->out, at);
	milter->index += forward;
	milter->waiting = !(milter->steps & step->quiet);
}

void engine_milter_begin(struct engine_talk *talk)
{
	static const char quit[] = {0, 0, 0, 1, MILTER_QUIT};
	struct engine_milter *milter = talk->milter = memory_new(sizeof *milter);
	milter->arena = arena_new();
	milter->body.text = BUF((size_t)talk->engine->max);
	talk->farewell = slice_make(quit, sizeof quit);
	if (!talk->mail->letter || talk->mail->letter->too_many)
		engine_fail(talk, talk->mail->letter ? "the message has more header fields than a milter is asked about" : "there is no message for it");
	else
		say(talk);
}

void engine_milter_more(struct engine_talk *talk)
{
	while (!talk->milter->waiting && talk->out.len < ENGINE_PIECE && talk->milter->stage < STAGES)
		say(talk);
	if (talk->out.overflow)
		engine_fail(talk, "too much is to be said about the message");
}

/* ---- Negotiation ---- */

static bool take_choices(struct engine_milter *milter, struct slice data)
{
	uint32_t list;
	struct slice names;
	while (data.len > 0) {
		if (!engine_milter_take_number(&data, &list) || !engine_milter_take_text(&data, &names) || list >= MACRO_LISTS || names.len > SYMBOLS_MAX)
			return false;
		milter->chosen[list] = arena_copy(milter->arena, names);
	}
	return true;
}

static void negotiate(struct engine_talk *talk, char command, struct slice data)
{
	struct engine_milter *milter = talk->milter;
	uint32_t version = 0;
	if (command != MILTER_NEGOTIATE || !engine_milter_take_number(&data, &version) || !engine_milter_take_number(&data, &milter->actions) ||
	    !engine_milter_take_number(&data, &milter->steps))
		engine_fail(talk, "it doesn't answer like a milter");
	else if (version < MILTER_VERSION_MIN || version > MILTER_VERSION)
		engine_fail(talk, "it speaks another version of the protocol");
	else if (milter->actions & ~all_actions || milter->steps & ~all_steps)
		engine_fail(talk, "it wants more than it was offered");
	else if (!take_choices(milter, data))
		engine_fail(talk, "the macros that it chooses can't be read");
	if (version < 4)
		milter->steps |= MILTER_NO_DATA; /* there was none then */
	milter->waiting = false;
}

/* ---- Changes ---- */

static void do_change(const struct change *change, struct engine_letter *letter, bool *done)
{
	switch (change->command) {
	case MILTER_ADD_FIELD:
		*done = engine_letter_insert(letter, SIZE_MAX, change->name, change->value);
		break;
	case MILTER_INSERT_FIELD:
		*done = engine_letter_insert(letter, change->number, change->name, change->value);
		break;
	case MILTER_CHANGE_FIELD:
		*done = engine_letter_change(letter, change->name, change->number, change->value);
		break;
	case MILTER_CHANGE_SENDER:
		*done = engine_letter_set_sender(letter, change->name);
		break;
	case MILTER_REMOVE_RECIPIENT:
		*done = engine_letter_remove_recipient(letter, change->name);
		break;
	default:
		*done = engine_letter_add_recipient(letter, change->name);
	}
}

/* The last word: what was wanted is done, as far as it may be. */
static void take_last_word(struct engine_talk *talk)
{
	struct engine_milter *milter = talk->milter;
	struct buf words = BUF(ENGINE_TEXT_MAX);
	struct slice reason = slice_make(NULL, 0);
	bool set_apart = false;
	size_t done = 0, left_out = 0;
	for (size_t i = 0; i < milter->change_count; i++) {
		const struct change *change = &milter->changes[i];
		bool good = true;
		if (change->command == MILTER_QUARANTINE) {
			set_apart = true;
			reason = change->name;
			continue;
		}
		do_change(change, talk->mail->letter, &good);
		done += good;
		left_out += !good;
	}
	if (milter->replaces)
		engine_letter_replace_body(talk->mail->letter, &milter->body);
	done += milter->replaces;
	buf_printf(&words, "%zu changes%s", done, milter->replaces ? ", the body among them" : "");
	if (left_out > 0)
		buf_printf(&words, ", %zu left out", left_out);
	engine_conclude(talk, set_apart ? ENGINE_SET_APART : done + left_out > 0 ? ENGINE_CHANGED : ENGINE_CLEAN, set_apart ? reason : done + left_out > 0 ? buf_slice(&words) : SLICE(""), false);
	buf_free(&words);
}

/* What each may do is agreed on at first; a packet that isn't as it should be ends the talk. */
static const struct change_kind {
	char command;
	uint32_t action;
	bool numbered, named, valued; /* what the packet holds: a number, a text, another one */
} change_kinds[] = {
	{MILTER_ADD_FIELD, MILTER_MAY_ADD_FIELDS, false, true, true},
	{MILTER_INSERT_FIELD, MILTER_MAY_ADD_FIELDS, true, true, true},
	{MILTER_CHANGE_FIELD, MILTER_MAY_CHANGE_FIELDS, true, true, true},
	{MILTER_CHANGE_SENDER, MILTER_MAY_CHANGE_SENDER, false, true, false},
	{MILTER_ADD_RECIPIENT, MILTER_MAY_ADD_RECIPIENTS, false, true, false},
	{MILTER_ADD_RECIPIENT_ARGS, MILTER_MAY_ADD_RECIPIENTS_ARGS, false, true, false},
	{MILTER_REMOVE_RECIPIENT, MILTER_MAY_REMOVE_RECIPIENTS, false, true, false},
	{MILTER_QUARANTINE, MILTER_MAY_QUARANTINE, false, true, false},
};

/* "<ann@example.org>" */
static struct slice without_brackets(struct slice address)
{
	address = slice_trim(address);
	if (address.len >= 2 && address.at[0] == '<' && address.at[address.len - 1] == '>')
		return slice_sub(address, 1, address.len - 2);
	return address;
}

static void gather_change(struct engine_talk *talk, const struct change_kind *kind, struct slice data)
{
	struct engine_milter *milter = talk->milter;
	struct change change = {.command = kind->command};
	bool read = (!kind->numbered || engine_milter_take_number(&data, &change.number)) && engine_milter_take_text(&data, &change.name) &&
		    (!kind->valued || engine_milter_take_text(&data, &change.value));
	milter->change_size += change.name.len + change.value.len;
	if (!read)
		engine_fail(talk, "what it wants changed can't be read");
	else if (milter->change_count == ENGINE_CHANGES_MAX || milter->change_size > ENGINE_CHANGES_SIZE)
		engine_fail(talk, "it wants too much changed");
	if (talk->done)
		return;
	if (kind->valued && change.value.len > 0 && !(milter->steps & MILTER_LEADING_SPACE))
		change.value = arena_printf(milter->arena, " %.*s", SLICE_ARG(change.value));
	change.name = arena_copy(milter->arena, kind->valued || kind->command == MILTER_QUARANTINE ? change.name : without_brackets(change.name));
	change.value = arena_copy(milter->arena, change.value);
	ARENA_GROW(milter->arena, milter->changes, milter->change_count, milter->change_room);
	milter->changes[milter->change_count++] = change;
}

static void gather_body(struct engine_talk *talk, struct slice data)
{
	struct engine_milter *milter = talk->milter;
	bool may = milter->actions & MILTER_MAY_REPLACE_BODY;
	const char *wrong = may ? engine_body_add(&milter->body, data) : "it does what it hadn't said that it would";
	milter->replaces = true;
	if (wrong)
		engine_fail(talk, wrong);
}

/* False: the command is none of these. */
static bool wants_change(struct engine_talk *talk, char command, struct slice data)
{
	if (command == MILTER_REPLACE_BODY) {
		gather_body(talk, data);
		return true;
	}
	for (size_t i = 0; i < sizeof change_kinds / sizeof *change_kinds; i++)
		if (change_kinds[i].command == command) {
			if (talk->milter->actions & change_kinds[i].action)
				gather_change(talk, &change_kinds[i], data);
			else
				engine_fail(talk, "it does what it hadn't said that it would");
			return true;
		}
	return false;
}

/* ---- Answers ---- */

/* Without "5.7.1 " at its front (RFC 3463 §2): the reply has one of ours. */
static struct slice without_enhanced_code(struct slice line)
{
	size_t points = 0, i = 0;
	while (i < line.len && (ascii_is_digit(line.at[i]) || line.at[i] == '.'))
		points += line.at[i++] == '.';
	return points == 2 && i < 10 && slice_starts(slice_skip(line, 1), SLICE(".")) ? slice_trim(slice_skip(line, i)) : line;
}

static void add_words(struct buf *words, struct slice line)
{
	if (words->len > 0 && line.len > 0)
		buf_append_char(words, ' ');
	for (size_t i = 0; i < line.len; i++) {
		buf_append_char(words, line.at[i]);
		i += slice_starts(slice_skip(line, i), SLICE("%%"));
	}
}

/* "550-5.7.1 one\r\n550 5.7.1 two", with "%%" for a percent sign: the words, without codes, as one line. */
static void refuse_in_words(struct engine_talk *talk, struct slice text)
{
	struct buf words = BUF(ENGINE_HEAD_MAX);
	struct slice line;
	bool final = slice_starts(text, SLICE("5"));
	if (!final && !slice_starts(text, SLICE("4"))) {
		engine_fail(talk, "its reply has no code");
		return;
	}
	for (bool more = true; more;) {
		more = slice_cut(text, '\n', &line, &text);
		add_words(&words, without_enhanced_code(slice_trim(slice_skip(line, 4))));
	}
	engine_conclude(talk, final ? ENGINE_REFUSED : ENGINE_DEFERRED, buf_slice(&words), false);
	buf_free(&words);
}

static void go_on(struct engine_talk *talk)
{
	if (talk->milter->stage == END)
		take_last_word(talk);
	talk->milter->waiting = false;
}

static void hear_answer(struct engine_talk *talk, char command, struct slice data)
{
	switch (command) {
	case MILTER_PROGRESS:
		break; /* it needs longer, and has as long as it has */
	case MILTER_CONTINUE:
		go_on(talk);
		break;
	case MILTER_SKIP:
		if (talk->milter->stage == BODY)
			talk->milter->index = talk->mail->letter->body.len;
		go_on(talk);
		break;
	case MILTER_ACCEPT:
		take_last_word(talk);
		break;
	case MILTER_REJECT:
		engine_conclude(talk, ENGINE_REFUSED, SLICE(""), false);
		break;
	case MILTER_TEMPFAIL:
	case MILTER_SHUTDOWN:
	case MILTER_CONNECTION_FAILS:
		engine_conclude(talk, ENGINE_DEFERRED, SLICE(""), false);
		break;
	case MILTER_DISCARD:
		engine_conclude(talk, ENGINE_DISCARDED, SLICE(""), false);
		break;
	case MILTER_REPLY:
		refuse_in_words(talk, slice_sub(data, 0, slice_find_char(data, '\0')));
		break;
	default:
		if (talk->milter->stage != END || !wants_change(talk, command, data))
			engine_fail(talk, "it doesn't answer like a milter");
	}
}

static void hear(struct engine_talk *talk, char command, struct slice data)
{
	if (!talk->milter->waiting)
		engine_fail(talk, "it speaks out of turn");
	else if (talk->milter->stage == NEGOTIATION)
		negotiate(talk, command, data);
	else
		hear_answer(talk, command, data);
}

void engine_milter_understand(struct engine_talk *talk, bool ended)
{
	struct slice rest = buf_slice(&talk->in), data;
	char command;
	enum engine_milter_packet packet = MILTER_READ;
	(void)ended; /* its last word was said before, or is missing */
	while (!talk->done && (packet = engine_milter_read_packet(&rest, &command, &data)) == MILTER_READ)
		hear(talk, command, data);
	if (!talk->done && packet == MILTER_BROKEN)
		engine_fail(talk, "it doesn't answer like a milter");
	buf_consume(&talk->in, talk->in.len - rest.len);
}
