/* The commands of SMTP, submission and LMTP: the only list of them. Adding one is a row here and a function in a cmd_ file. */
#include "smtp/session.h"
#include "smtp/frame.h"

enum {
	ON_RELAY = 1 << SMTP_RELAY,
	ON_SUBMISSION = 1 << SMTP_SUBMISSION,
	ON_LMTP = 1 << SMTP_LMTP,
	ON_LOCAL = 1 << SMTP_LOCAL,
	ON_SMTP = ON_RELAY | ON_SUBMISSION | ON_LOCAL,
	ON_ALL = ON_SMTP | ON_LMTP,
};

/* BDAT is allowed in every state since the octets of its chunk come whatever we answer; it looks for itself.
 *
 * Of the commands that RFC 2920 §3.1 wants to be the last of a group, NOOP, VRFY, EXPN and QUIT may stand anywhere here: they change
 * nothing for what follows. Behind the others (and AUTH, RFC 4954 §4; STARTTLS, RFC 3207 §4) stand bytes of which only our answer
 * says what they are. */
const struct smtp_verb smtp_verbs[] = {
	{"MAIL", ON_ALL, STATE_READY, VERB_ASKS, PATH_LINE_MAX, smtp_cmd_mail, "RFC 5321 4.1.1.2"},
	{"RCPT", ON_ALL, STATE_MAIL | STATE_RCPT, VERB_ASKS, PATH_LINE_MAX, smtp_cmd_rcpt, "RFC 5321 4.1.1.3"},
	{"DATA", ON_ALL, STATE_MAIL | STATE_RCPT, VERB_QUICK | VERB_LAST, COMMAND_LINE_MAX, smtp_cmd_data, "RFC 5321 4.1.1.4"},
	{"BDAT", ON_ALL, STATE_ANY, 0, COMMAND_LINE_MAX, smtp_cmd_bdat, "RFC 3030 2"},
	{"EHLO", ON_SMTP, STATE_ANY, VERB_QUICK | VERB_USELESS | VERB_LAST, COMMAND_LINE_MAX, smtp_cmd_ehlo, "RFC 5321 4.1.1.1"},
	{"HELO", ON_SMTP, STATE_ANY, VERB_QUICK | VERB_USELESS | VERB_LAST, COMMAND_LINE_MAX, smtp_cmd_helo, "RFC 5321 4.1.1.1"},
	{"LHLO", ON_LMTP, STATE_ANY, VERB_QUICK | VERB_USELESS | VERB_LAST, COMMAND_LINE_MAX, smtp_cmd_ehlo, "RFC 2033 4.1"},
	{"STARTTLS", ON_RELAY | ON_SUBMISSION | ON_LMTP, STATE_READY, VERB_QUICK | VERB_USELESS | VERB_LAST, COMMAND_LINE_MAX, smtp_cmd_starttls, "RFC 3207 4"},
	{"AUTH", ON_SUBMISSION, STATE_READY, VERB_ENTERS | VERB_USELESS | VERB_LAST, LINE_MAX_SIZE, smtp_cmd_auth, "RFC 4954 4"},
	{"RSET", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_rset, "RFC 5321 4.1.1.5"},
	{"NOOP", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_noop, "RFC 5321 4.1.1.9"},
	{"QUIT", ON_ALL, STATE_ANY, VERB_QUICK, COMMAND_LINE_MAX, smtp_cmd_quit, "RFC 5321 4.1.1.10"},
	{"VRFY", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, PATH_LINE_MAX, smtp_cmd_vrfy, "RFC 5321 3.5.3"},
	{"HELP", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_help, "RFC 5321 4.1.1.8"},
	{"EXPN", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_unavailable, "RFC 5321 3.5.2"},
	{"ETRN", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_unavailable, "RFC 1985"},
	{"AUTH", ON_RELAY | ON_LMTP | ON_LOCAL, STATE_ANY, VERB_QUICK | VERB_USELESS | VERB_LAST, LINE_MAX_SIZE, smtp_cmd_unavailable, "RFC 4954 4"},
	{"XWHOAMI", ON_LOCAL, STATE_ANY, VERB_USELESS, COMMAND_LINE_MAX, smtp_cmd_whoami, "local.c"},
	/* Browsers that were tricked into talking to us: nothing of what they send may be taken for a command. */
	{"GET", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, LINE_MAX_SIZE, smtp_cmd_foreign, "not SMTP"},
	{"POST", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, LINE_MAX_SIZE, smtp_cmd_foreign, "not SMTP"},
	{"PUT", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, LINE_MAX_SIZE, smtp_cmd_foreign, "not SMTP"},
	{"CONNECT", ON_ALL, STATE_ANY, VERB_QUICK | VERB_USELESS, LINE_MAX_SIZE, smtp_cmd_foreign, "not SMTP"},
};
const size_t smtp_verb_count = sizeof smtp_verbs / sizeof *smtp_verbs;

const struct smtp_verb *smtp_find_verb(enum smtp_kind kind, struct slice line, struct slice *argument)
{
	size_t space = slice_find_char(line, ' ');
	struct slice name = slice_sub(line, 0, space);
	*argument = slice_trim(slice_skip(line, name.len));
	for (size_t i = 0; i < smtp_verb_count; i++)
		if (smtp_verbs[i].services & 1u << kind && slice_equal_nocase(name, slice_of(smtp_verbs[i].name)))
			return &smtp_verbs[i];
	return NULL;
}

const struct smtp_verb *smtp_meant_verb(enum smtp_kind kind, struct slice line)
{
	struct slice argument;
	size_t letters = 0;
	line = slice_trim(line);
	while (letters < line.len && ascii_is_alpha(line.at[letters]))
		letters++;
	return smtp_find_verb(kind, slice_sub(line, 0, letters), &argument);
}

void smtp_refuse_line(struct smtp_session *session, struct slice line, const char *reply)
{
	const struct smtp_verb *meant = smtp_meant_verb(session->service->kind, line);
	smtp_reply(session, "%s", reply);
	if (meant && meant->run == smtp_cmd_bdat)
		smtp_give_up(session, "4.5.4", "where its chunk ends can't be told");
}

static void refuse_state(struct smtp_session *session, const struct smtp_verb *verb, unsigned state)
{
	if (state == STATE_NEW)
		smtp_reply(session, "503 5.5.1 say %s first", session->service->kind == SMTP_LMTP ? "LHLO" : "EHLO");
	else if (verb->states & (STATE_MAIL | STATE_RCPT))
		smtp_reply(session, "503 5.5.1 %s is not due now", verb->name);
	else
		smtp_reply(session, "503 5.5.1 %s is not allowed in the middle of a message", verb->name);
}

void smtp_run_command(struct smtp_session *session, struct slice line)
{
	struct slice argument;
	const struct smtp_verb *verb = smtp_find_verb(session->service->kind, line, &argument);
	unsigned state = smtp_state(session);
	if (smtp_frame_has_control(line))
		smtp_refuse_line(session, line, "500 5.5.2 a line ends with CR LF, and has no CR, LF or NUL in it");
	else if (!verb)
		smtp_refuse_line(session, line, "500 5.5.1 unknown command");
	else if (line.len + 2 > verb->line_max) {
		conn_note_violation(session->conn, "the line is too long");
		smtp_refuse_line(session, line, "500 5.5.2 line too long");
	}
	else if (!(verb->states & state))
		refuse_state(session, verb, state);
	else if (verb->flags & VERB_USELESS && ++session->useless > USELESS_COMMANDS_MAX)
		smtp_give_up(session, "4.7.0", "too many commands without a message");
	else {
		conn_set_doing(session->conn, verb->name);
		verb->run(session, argument);
	}
}
