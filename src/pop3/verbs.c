/* The commands of POP3, in the order of the RFCs that define them. This table is the only list of them. */
#include "pop3/session.h"

static const struct pop3_verb verbs[] = {
	/* RFC 1939 */
	{"QUIT", STATE_ANY, UNIT_WORK, pop3_cmd_quit},
	{"STAT", STATE_TRANSACTION, UNIT_QUICK, pop3_cmd_stat},
	{"LIST", STATE_TRANSACTION, UNIT_WORK, pop3_cmd_list},
	{"RETR", STATE_TRANSACTION, UNIT_WORK, pop3_cmd_retr},
	{"DELE", STATE_TRANSACTION, UNIT_QUICK, pop3_cmd_dele},
	{"NOOP", STATE_TRANSACTION, UNIT_QUICK, pop3_cmd_noop},
	{"RSET", STATE_TRANSACTION, UNIT_QUICK, pop3_cmd_rset},
	{"TOP", STATE_TRANSACTION, UNIT_WORK, pop3_cmd_top},
	{"UIDL", STATE_TRANSACTION, UNIT_WORK, pop3_cmd_uidl},
	{"USER", STATE_AUTHORIZATION, UNIT_QUICK, pop3_cmd_user},
	{"PASS", STATE_AUTHORIZATION, UNIT_ASK, pop3_cmd_pass},
	/* RFC 2449 */
	{"CAPA", STATE_ANY, UNIT_QUICK, pop3_cmd_capa},
	/* RFC 2595 */
	{"STLS", STATE_AUTHORIZATION, UNIT_QUICK, pop3_cmd_stls},
	/* RFC 5034 */
	{"AUTH", STATE_AUTHORIZATION, UNIT_ASK, pop3_cmd_auth},
};

const struct pop3_verb *pop3_find_verb(struct slice line, struct slice *argument)
{
	struct slice name;
	slice_cut(line, ' ', &name, argument);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (slice_equal_nocase(name, slice_of(verbs[i].name)))
			return &verbs[i];
	return NULL;
}
