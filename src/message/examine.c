/* What a whole message holds that not every server takes; see downgrade.h. */
#include "message/downgrade.h"

#include "message/mime.h"

static bool has_char(struct slice s, char c)
{
	return slice_find_char(s, c) != SLICE_NONE;
}

void message_examine_line(struct slice line, bool ended, struct message_facts *facts)
{
	bool crlf = ended && line.len > 0 && line.at[line.len - 1] == '\r';
	line.len -= crlf;
	facts->not_lines |= (ended && !crlf) || has_char(line, '\r') || has_char(line, '\0');
	facts->long_line |= line.len > MESSAGE_LINE_MAX;
	facts->eight_bit |= !slice_is_ascii(line);
}

/* A message/global is no message/rfc822: its UTF-8 headers need no SMTPUTF8, since it may be encoded as a whole (RFC 6532 §3.7). */
static bool has_utf8_header(struct slice message, const struct mime_part *part)
{
	if (!slice_is_ascii(slice_sub(message, (size_t)part->header_at, (size_t)part->header_size)))
		return true;
	if (slice_equal(part->subtype, SLICE("global")) && slice_equal(part->type, SLICE("message")))
		return false;
	for (size_t i = 0; i < part->child_count; i++)
		if (has_utf8_header(message, &part->children[i]))
			return true;
	return false;
}

void message_examine(struct slice message, struct message_facts *facts)
{
	struct slice rest = message, line;
	*facts = (struct message_facts){0};
	while (rest.len > 0) {
		bool ended = slice_cut(rest, '\n', &line, &rest);
		message_examine_line(line, ended, facts);
	}
	if (!facts->eight_bit)
		return;
	struct arena *arena = arena_new();
	facts->utf8_header = has_utf8_header(message, mime_parse(message, arena));
	arena_free(&arena);
}

bool message_needs_downgrade(const struct message_facts *facts, bool eight_bit_ok)
{
	return facts->long_line || facts->not_lines || (facts->eight_bit && !eight_bit_ok);
}
