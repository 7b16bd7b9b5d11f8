/* Command arguments; see parse.h. Lenient where clients are known to err harmlessly (a space after "FROM:", several
 * between parameters), strict where a mistake could mean two things. */
#include "smtp/parse.h"

#include "message/address.h"
#include "message/date.h"

enum { SIZE_DIGITS_MAX = 20 /* RFC 1870 §4 */, HOLD_DIGITS_MAX = 9 /* RFC 4865 §4 */ };

/* Takes "FROM:" or "TO:" off the front. */
static bool take_keyword(struct slice *argument, struct slice keyword)
{
	*argument = slice_trim(*argument);
	if (!slice_starts_nocase(*argument, keyword))
		return false;
	*argument = slice_trim(slice_skip(*argument, keyword.len));
	return true;
}

static bool is_keyword(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.at[i]) && !ascii_is_digit(name.at[i]) && (i == 0 || name.at[i] != '-'))
			return false;
	return name.len > 0;
}

static bool is_printable(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] <= ' ' || value.at[i] == 0x7f)
			return false;
	return true;
}

struct esmtp_parameter {
	struct slice name, value;
	bool has_value;
};

/* Takes the next "KEY=value" or "KEY" off *rest. False at the end or, with *reply set, at a mistake. */
static bool next_parameter(struct slice *rest, struct esmtp_parameter *parameter, const char **reply)
{
	struct slice word;
	if (rest->len > 0 && rest->at[0] != ' ') {
		*reply = "501 5.5.4 a space must stand between the address and its parameters";
		return false;
	}
	while (rest->len > 0 && rest->at[0] == ' ')
		*rest = slice_skip(*rest, 1);
	if (rest->len == 0)
		return false;
	size_t space = slice_find_char(*rest, ' ');
	word = slice_sub(*rest, 0, space);
	*rest = slice_skip(*rest, word.len);
	parameter->has_value = slice_cut(word, '=', &parameter->name, &parameter->value);
	if (is_keyword(parameter->name) && is_printable(parameter->value) && (!parameter->has_value || parameter->value.len > 0))
		return true;
	*reply = "501 5.5.4 a parameter is not well-formed";
	return false;
}

/* Which of `names` (ended by NULL) the parameter is, once only; -1 with *reply set. */
static int which_parameter(const char *const *names, const struct esmtp_parameter *parameter, unsigned *seen, const char **reply)
{
	for (int i = 0; names[i]; i++) {
		if (!slice_equal_nocase(parameter->name, slice_of(names[i])))
			continue;
		if (*seen & 1u << i) {
			*reply = "501 5.5.4 a parameter is given twice";
			return -1;
		}
		*seen |= 1u << i;
		return i;
	}
	*reply = "555 5.5.4 unknown parameter"; /* RFC 5321 §4.1.1.11 */
	return -1;
}

bool smtp_parse_xtext(struct slice text, struct arena *arena, struct slice *decoded)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		int c = (unsigned char)text.at[i];
		if (c == '=')
			return false;
		if (c == '+') {
			if (i + 2 >= text.len || ascii_upper_hex_value(text.at[i + 1]) < 0 || ascii_upper_hex_value(text.at[i + 2]) < 0)
				return false;
			c = ascii_upper_hex_value(text.at[i + 1]) * 16 + ascii_upper_hex_value(text.at[i + 2]);
			i += 2;
		}
		if (c < ' ' || c > '~') /* what is decoded goes into header fields of reports: no line end may come out of it */
			return false;
		out[len++] = (char)c;
	}
	*decoded = slice_make(out, len);
	return true;
}

static const char *read_envid(struct slice value, struct arena *arena, struct slice *envid)
{
	if (value.len > ENVID_MAX || !smtp_parse_xtext(value, arena, envid))
		return "501 5.5.4 ENVID is not well-formed (RFC 3461 section 4.4)";
	return NULL;
}

static const char *read_body(struct slice value, enum queue_body_kind *body)
{
	if (slice_equal_nocase(value, SLICE("7BIT")))
		*body = BODY_7BIT;
	else if (slice_equal_nocase(value, SLICE("8BITMIME")))
		*body = BODY_8BITMIME;
	else if (slice_equal_nocase(value, SLICE("BINARYMIME")))
		*body = BODY_BINARYMIME;
	else
		return "501 5.5.4 BODY must be 7BIT, 8BITMIME or BINARYMIME";
	return NULL;
}

static const char *read_ret(struct slice value, enum queue_dsn_return *ret)
{
	if (slice_equal_nocase(value, SLICE("FULL")))
		*ret = RET_FULL;
	else if (slice_equal_nocase(value, SLICE("HDRS")))
		*ret = RET_HEADERS;
	else
		return "501 5.5.4 RET must be FULL or HDRS";
	return NULL;
}

static const char *read_hold_for(struct slice value, struct smtp_mail_command *command)
{
	if (value.len > HOLD_DIGITS_MAX || !slice_to_number(value, UINT64_MAX, &command->hold_for) || value.at[0] == '0')
		return "501 5.5.4 HOLDFOR must be a number of seconds";
	return command->hold_until != 0 ? "501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other" : NULL;
}

static const char *read_hold_until(struct slice value, struct smtp_mail_command *command)
{
	if (!date_parse_internet(value, &command->hold_until) || command->hold_until <= 0)
		return "501 5.5.4 HOLDUNTIL must be a time such as 2030-12-31T23:59:59Z";
	return command->hold_for != 0 ? "501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other" : NULL;
}

static const char *read_mail_parameter(const struct esmtp_parameter *parameter, struct arena *arena, unsigned *seen, struct smtp_mail_command *command)
{
	static const char *const names[] = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "HOLDFOR", "HOLDUNTIL", NULL};
	const char *reply = NULL;
	int which = which_parameter(names, parameter, seen, &reply);
	if (which < 0)
		return reply;
	if (parameter->has_value == (which == 2))
		return "501 5.5.4 a parameter lacks its value, or has one too many";
	switch (which) {
	case 0:
		if (parameter->value.len > SIZE_DIGITS_MAX || !slice_to_number(parameter->value, UINT64_MAX, &command->size))
			return "501 5.5.4 SIZE must be a number";
		return NULL;
	case 1:
		return read_body(parameter->value, &command->body);
	case 2:
		command->smtputf8 = true;
		return NULL;
	case 3:
		return read_ret(parameter->value, &command->ret);
	case 4:
		return read_envid(parameter->value, arena, &command->envid);
	case 6:
		return read_hold_for(parameter->value, command);
	case 7:
		return read_hold_until(parameter->value, command);
	default:
		return NULL; /* AUTH=: who somebody else says has sent it; RFC 4954 §5 lets us not believe it */
	}
}

const char *smtp_parse_mail(struct slice argument, struct arena *arena, struct smtp_mail_command *command)
{
	struct esmtp_parameter parameter;
	struct error error;
	const char *reply = NULL;
	unsigned seen = 0;
	*command = (struct smtp_mail_command){0};
	if (!take_keyword(&argument, SLICE("FROM:")))
		return "501 5.5.4 MAIL FROM:<address> expected";
	if (!address_parse_path(&argument, true, arena, &command->from, &error))
		return arena_printf(arena, "501 5.1.7 %.200s", error.text).at;
	while (!reply && next_parameter(&argument, &parameter, &reply))
		reply = read_mail_parameter(&parameter, arena, &seen, command);
	if (!reply && !command->smtputf8 && !slice_is_ascii(command->from))
		reply = "553 5.6.7 this address needs the SMTPUTF8 parameter"; /* RFC 6531 §3.5 */
	return reply;
}

/* NOTIFY=NEVER, or a list of the others (RFC 3461 §4.1). */
static const char *read_notify(struct slice value, unsigned *notify)
{
	static const struct { struct slice name; unsigned flag; } events[] = {
		{{"SUCCESS", 7}, NOTIFY_SUCCESS}, {{"FAILURE", 7}, NOTIFY_FAILURE}, {{"DELAY", 5}, NOTIFY_DELAY}, {{"NEVER", 5}, NOTIFY_NEVER},
	};
	bool more = true;
	while (more) {
		struct slice word;
		unsigned flag = 0;
		more = slice_cut(value, ',', &word, &value);
		for (size_t i = 0; i < sizeof events / sizeof *events; i++)
			if (slice_equal_nocase(word, events[i].name))
				flag = events[i].flag;
		if (flag == 0)
			return "501 5.5.4 NOTIFY must be NEVER, or some of SUCCESS,FAILURE,DELAY";
		*notify |= flag;
	}
	if (*notify & NOTIFY_NEVER && *notify != NOTIFY_NEVER)
		return "501 5.5.4 NOTIFY=NEVER stands alone";
	return NULL;
}

/* ORCPT=type;address (RFC 3461 §4.2; RFC 6533 §3 for the type utf-8, whose encoding is its own and is passed on as it is). */
static const char *read_orcpt(struct slice value, bool smtputf8, struct arena *arena, struct slice *original)
{
	static const char *const reply = "501 5.5.4 ORCPT is not well-formed (RFC 3461 section 4.2)";
	struct slice type, address, decoded;
	if (value.len > ORCPT_MAX || !slice_cut(value, ';', &type, &address) || !is_keyword(type) || address.len == 0)
		return reply;
	if (slice_equal_nocase(type, SLICE("utf-8"))) {
		if (!slice_is_utf8(address) || (!smtputf8 && !slice_is_ascii(address)))
			return reply;
		decoded = address;
	} else if (!smtp_parse_xtext(address, arena, &decoded))
		return reply;
	*original = arena_printf(arena, "%.*s;%.*s", SLICE_ARG(type), SLICE_ARG(decoded));
	return NULL;
}

static const char *read_rcpt_parameter(const struct esmtp_parameter *parameter, bool smtputf8, struct arena *arena, unsigned *seen,
				       struct smtp_rcpt_command *command)
{
	static const char *const names[] = {"NOTIFY", "ORCPT", NULL};
	const char *reply = NULL;
	int which = which_parameter(names, parameter, seen, &reply);
	if (which < 0)
		return reply;
	if (!parameter->has_value)
		return "501 5.5.4 a parameter lacks its value";
	return which == 0 ? read_notify(parameter->value, &command->notify) : read_orcpt(parameter->value, smtputf8, arena, &command->original);
}

/* "<Postmaster>" is the one address that needs no domain (RFC 5321 §4.1.1.3); without brackets, too. */
static bool take_postmaster(struct slice *argument, struct slice *to)
{
	struct slice word, rest;
	slice_cut(*argument, ' ', &word, &rest);
	if (!slice_equal_nocase(word, SLICE("<postmaster>")) && !slice_equal_nocase(word, SLICE("postmaster")))
		return false;
	*argument = slice_skip(*argument, word.len);
	*to = SLICE("postmaster");
	return true;
}

const char *smtp_parse_rcpt(struct slice argument, bool smtputf8, struct arena *arena, struct smtp_rcpt_command *command)
{
	struct esmtp_parameter parameter;
	struct error error;
	const char *reply = NULL;
	unsigned seen = 0;
	*command = (struct smtp_rcpt_command){0};
	if (!take_keyword(&argument, SLICE("TO:")))
		return "501 5.5.4 RCPT TO:<address> expected";
	if (!take_postmaster(&argument, &command->to) && !address_parse_path(&argument, true, arena, &command->to, &error))
		return arena_printf(arena, "501 5.1.3 %.200s", error.text).at;
	if (command->to.len == 0)
		return "501 5.1.3 the recipient's address is missing";
	if (!smtputf8 && !slice_is_ascii(command->to))
		return "553 5.6.7 this address needs the SMTPUTF8 parameter of MAIL";
	while (!reply && next_parameter(&argument, &parameter, &reply))
		reply = read_rcpt_parameter(&parameter, smtputf8, arena, &seen, command);
	return reply;
}

const char *smtp_parse_bdat(struct slice argument, struct smtp_bdat_command *command)
{
	struct slice size, last;
	bool more = slice_cut(slice_trim(argument), ' ', &size, &last);
	command->last = more && slice_equal_nocase(slice_trim(last), SLICE("LAST"));
	if (size.len > SIZE_DIGITS_MAX || !slice_to_number(size, UINT64_MAX, &command->size) || (more && !command->last))
		return "501 5.5.4 BDAT size [LAST] expected";
	return NULL;
}
