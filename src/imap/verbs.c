/* The verbs of IMAP after sign-in: this table is the only list of them; those before stand in before.c. What they belong to beyond
 * RFC 3501, and what CAPABILITY says of it, is in extensions.c. */
#include "imap/before.h"
#include "imap/session.h"

enum { USER = STATE_SIGNED_IN | STATE_SELECTED };

static const struct imap_verb verbs[] = {
	{"CAPABILITY", USER, 0, imap_cmd_capability, "RFC 3501 §6.1.1"},
	{"NOOP", USER, VERB_WORK | VERB_NEWS, imap_cmd_noop, "RFC 3501 §6.1.2"},
	{"LOGOUT", USER, 0, imap_cmd_logout, "RFC 3501 §6.1.3"},
	{"ID", USER, 0, imap_cmd_id, "RFC 2971", "ID"},
	{"ENABLE", USER, 0, imap_cmd_enable, "RFC 5161", "ENABLE"},
	{"COMPRESS", USER, 0, imap_cmd_compress, "RFC 4978", "COMPRESS=DEFLATE"},
	{"NAMESPACE", USER, 0, imap_cmd_namespace, "RFC 2342", "NAMESPACE"},
	{"SELECT", USER, VERB_WORK, imap_cmd_select, "RFC 3501 §6.3.1"},
	{"EXAMINE", USER, VERB_WORK, imap_cmd_examine, "RFC 3501 §6.3.2"},
	{"CREATE", USER, VERB_WORK | VERB_CHANGES, imap_cmd_create, "RFC 3501 §6.3.3, RFC 6154"},
	{"DELETE", USER, VERB_WORK | VERB_CHANGES, imap_cmd_delete, "RFC 3501 §6.3.4"},
	{"RENAME", USER, VERB_WORK | VERB_CHANGES, imap_cmd_rename, "RFC 3501 §6.3.5"},
	{"SUBSCRIBE", USER, VERB_WORK | VERB_CHANGES, imap_cmd_subscribe, "RFC 3501 §6.3.6"},
	{"UNSUBSCRIBE", USER, VERB_WORK | VERB_CHANGES, imap_cmd_unsubscribe, "RFC 3501 §6.3.7"},
	{"LIST", USER, VERB_WORK | VERB_LONG, imap_cmd_list, "RFC 3501 §6.3.8, RFC 5258, RFC 3348, RFC 6154, RFC 5819"},
	{"LSUB", USER, VERB_WORK, imap_cmd_lsub, "RFC 3501 §6.3.9"},
	{"STATUS", USER, VERB_WORK, imap_cmd_status, "RFC 3501 §6.3.10"},
	{"APPEND", USER, VERB_WORK, imap_cmd_append, "RFC 3501 §6.3.11, RFC 3502, RFC 4315"},
	{"IDLE", USER, VERB_WORK, imap_cmd_idle, "RFC 2177", "IDLE"},
	{"CHECK", STATE_SELECTED, VERB_WORK | VERB_NEWS, imap_cmd_noop, "RFC 3501 §6.4.1"},
	{"CLOSE", STATE_SELECTED, VERB_WORK | VERB_NUMBERS, imap_cmd_close, "RFC 3501 §6.4.2"},
	{"UNSELECT", STATE_SELECTED, VERB_WORK, imap_cmd_unselect, "RFC 3691", "UNSELECT"},
	{"EXPUNGE", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_CHANGES | VERB_UID, imap_cmd_expunge, "RFC 3501 §6.4.3, RFC 4315"},
	{"SEARCH", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_UID | VERB_KEEPS_NUMBERS | VERB_LONG | VERB_LASTS, imap_cmd_search, "RFC 3501 §6.4.4"},
	{"FETCH", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_UID | VERB_KEEPS_NUMBERS | VERB_LONG, imap_cmd_fetch, "RFC 3501 §6.4.5"},
	{"STORE", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_CHANGES | VERB_UID | VERB_KEEPS_NUMBERS | VERB_LONG, imap_cmd_store, "RFC 3501 §6.4.6"},
	{"COPY", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_CHANGES | VERB_UID, imap_cmd_copy, "RFC 3501 §6.4.7, RFC 4315"},
	{"MOVE", STATE_SELECTED, VERB_WORK | VERB_NUMBERS | VERB_CHANGES | VERB_UID, imap_cmd_move, "RFC 6851", "MOVE"},
};

const struct imap_verb *imap_verb_find(struct slice name, bool uid)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		const struct imap_verb *verb = &verbs[i];
		if (slice_equal_nocase(slice_of(verb->name), name) && (!uid || (verb->flags & VERB_UID)))
			return verb->extension && !imap_extension_is_on(verb->extension) ? NULL : verb;
	}
	return NULL;
}

const struct imap_verb *imap_verb_parse(struct imap_parser *parser, bool *uid)
{
	struct slice name;
	*uid = false;
	if (!imap_parse_atom(parser, &name))
		return NULL;
	if (slice_equal_nocase(name, SLICE("UID"))) {
		*uid = true;
		if (!imap_parse_space(parser) || !imap_parse_atom(parser, &name))
			return NULL;
	}
	const struct imap_verb *verb = imap_verb_find(name, *uid);
	if (!verb)
		imap_parse_fail(parser, imap_before_knows(name) ? "Already signed in" : "Unknown command");
	return verb;
}
