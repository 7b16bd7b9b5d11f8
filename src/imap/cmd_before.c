/* Who hasn't signed in: what before.c has read is done here. Before sign-in no other code of this folder looks at what the client
 * sends, but imap_authenticate_line() at the lines of an exchange. */
#include "base/memory.h"
#include "imap/before.h"
#include "imap/sign_in.h"

static enum net_run run_capability(struct imap_command *command, const struct imap_before *before)
{
	(void)before;
	return imap_tell_capability(command);
}

static enum net_run run_noop(struct imap_command *command, const struct imap_before *before)
{
	(void)before;
	return imap_reply_ok(command, NULL, "NOOP done");
}

static enum net_run run_logout(struct imap_command *command, const struct imap_before *before)
{
	(void)before;
	return imap_tell_logout(command);
}

static enum net_run run_id(struct imap_command *command, const struct imap_before *before)
{
	return imap_tell_id(command, before->client);
}

static enum net_run run_starttls(struct imap_command *command, const struct imap_before *before)
{
	struct conn *conn = command->imap->conn;
	(void)before;
	if (conn_is_tls(conn))
		return imap_reply_bad(command, "TLS is active already");
	if (!conn_can_tls(conn))
		return imap_reply_bad(command, "TLS is not available");
	imap_reply_ok(command, NULL, "Begin TLS now");
	conn_start_tls(conn);
	return RUN_DONE;
}

static enum net_run run_login(struct imap_command *command, const struct imap_before *before)
{
	return imap_login(command, slice_make(before->words[0].at, before->words[0].len), slice_make(before->words[1].at, before->words[1].len));
}

static enum net_run run_authenticate(struct imap_command *command, const struct imap_before *before)
{
	return imap_authenticate(command, before->mechanism, before->initial);
}

/* LOGOUT's own row lets its tagged reply follow the BYE. */
static const struct {
	struct imap_verb verb;
	enum net_run (*run)(struct imap_command *command, const struct imap_before *before);
} rows[BEFORE_VERBS] = {
	[BEFORE_CAPABILITY] = {{"CAPABILITY", STATE_GREETED, 0, NULL, "RFC 3501 §6.1.1"}, run_capability},
	[BEFORE_NOOP] = {{"NOOP", STATE_GREETED, 0, NULL, "RFC 3501 §6.1.2"}, run_noop},
	[BEFORE_LOGOUT] = {{"LOGOUT", STATE_GREETED, 0, imap_cmd_logout, "RFC 3501 §6.1.3"}, run_logout},
	[BEFORE_ID] = {{"ID", STATE_GREETED, 0, NULL, "RFC 2971"}, run_id},
	[BEFORE_STARTTLS] = {{"STARTTLS", STATE_GREETED, 0, NULL, "RFC 3501 §6.2.1"}, run_starttls},
	[BEFORE_LOGIN] = {{"LOGIN", STATE_GREETED, VERB_WORK, NULL, "RFC 3501 §6.2.3"}, run_login},
	[BEFORE_AUTHENTICATE] = {{"AUTHENTICATE", STATE_GREETED, VERB_WORK, NULL, "RFC 3501 §6.2.2, RFC 4959"}, run_authenticate},
};

static void wipe(struct imap_before *before)
{
	memory_wipe((char *)before->words, sizeof before->words);
}

/* However slowly it comes: only a further line end can make a command whole, or, at the end of a literal's line, bytes. */
enum net_unit imap_before_peek(struct imap *imap, struct slice input, size_t *length)
{
	struct imap_before before;
	enum imap_before_found found = imap_before_read(input, imap->continued, &before);
	wipe(&before);
	*length = found == BEFORE_WHOLE ? before.length : 0;
	imap->pending = found == BEFORE_WHOLE ? PENDING_BEFORE : PENDING_CONTINUE;
	if (found == BEFORE_INCOMPLETE)
		return UNIT_INCOMPLETE;
	return found == BEFORE_WHOLE && !before.error && (rows[before.verb].verb.flags & VERB_WORK) ? UNIT_ASK : UNIT_QUICK;
}

void imap_before_continue(struct imap *imap)
{
	imap->continued++;
	conn_send_text(imap->conn, "+ Go on\r\n");
}

enum net_run imap_before_run(struct imap *imap, struct slice unit)
{
	struct imap_before before;
	struct imap_command *command = imap_command_new(imap);
	enum net_run result;
	unsigned continued = imap->continued;
	imap_before_read(unit, continued, &before);
	imap->continued = 0;
	command->tag = arena_copy(command->arena, before.tag);
	if (before.error) {
		if (before.verb == BEFORE_LOGIN || before.verb == BEFORE_AUTHENTICATE)
			imap_note_refusal(imap, before.mechanism, SLICE(""), before.error);
		result = imap_reply_bad(command, before.error);
		if (before.close) {
			conn_note_violation(imap->conn, before.error);
			imap_bye(imap, before.error);
		}
	} else {
		command->verb = &rows[before.verb].verb;
		conn_set_doing(imap->conn, command->verb->name);
		result = rows[before.verb].run(command, &before);
	}
	if (result != RUN_DONE) /* the same unit, with its literals */
		imap->continued = continued;
	wipe(&before);
	return result;
}
