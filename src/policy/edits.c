/* Changes that milters want, as they cross a channel, and what of them is allowed; see edits.h. */
#include "policy/edits.h"

#include "message/header.h"
#include "policy/judge.h"

bool policy_edits_are_any(const struct policy_edits *edits)
{
	return edits->count > 0 || edits->body || edits->sender_changed || edits->removed.len > 0 || edits->added.len > 0;
}

void policy_edits_put(struct buf *out, const struct policy_edits *edits)
{
	wire_put_number(out, edits->count);
	for (size_t i = 0; i < edits->count; i++) {
		wire_put_number(out, edits->list[i].at);
		wire_put_number(out, edits->list[i].len);
		wire_put_text(out, edits->list[i].text);
	}
	wire_put_number(out, edits->body);
	wire_put_number(out, edits->sender_changed);
	wire_put_text(out, edits->sender);
	wire_put_text(out, edits->removed);
	wire_put_text(out, edits->added);
}

/* An address is no more than a word here: whether it is one is found out by who uses it. */
static bool is_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f || text.at[i] == '<' || text.at[i] == '>')
			return false;
	return text.len <= POLICY_ADDRESS_MAX && slice_is_utf8(text);
}

static bool are_lines_of_words(struct slice lines)
{
	struct slice line;
	bool good = lines.len == 0 || lines.at[lines.len - 1] == '\n';
	while (good && lines.len > 0)
		good = slice_cut(lines, '\n', &line, &lines) && line.len > 0 && is_word(line);
	return good;
}

/* Lines that end with CR LF, without other control characters, whatever they are. */
static bool are_lines(struct slice text)
{
	bool good = text.len == 0 || (text.len > 2 && text.at[text.len - 1] == '\n');
	for (size_t i = 0; good && i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];
		if (byte == '\r')
			good = i + 1 < text.len && text.at[i + 1] == '\n';
		else if (byte == '\n')
			good = i > 0 && text.at[i - 1] == '\r';
		else
			good = (byte >= ' ' && byte != 0x7f) || byte == '\t';
	}
	return good;
}

bool policy_edits_read(struct wire_reader *reader, struct policy_edits *edits)
{
	bool good = true;
	uint64_t end = 0, size = 0;
	edits->count = (size_t)wire_number(reader, POLICY_EDITS_MAX);
	for (size_t i = 0; i < edits->count; i++) {
		struct policy_edit *edit = &edits->list[i];
		edit->at = wire_number(reader, INT64_MAX);
		edit->len = wire_number(reader, INT64_MAX);
		edit->text = wire_text(reader, POLICY_EDIT_TEXT_MAX);
		good = good && edit->at >= end && are_lines(edit->text);
		end = edit->at + edit->len;
		size += edit->text.len;
	}
	edits->body = wire_number(reader, 1);
	edits->sender_changed = wire_number(reader, 1);
	edits->sender = wire_text(reader, POLICY_ADDRESS_MAX);
	edits->removed = wire_text(reader, POLICY_ADDRESSES_MAX);
	edits->added = wire_text(reader, POLICY_ADDRESSES_MAX);
	return good && size <= POLICY_EDITS_SIZE && is_word(edits->sender) && are_lines_of_words(edits->removed) && are_lines_of_words(edits->added);
}

/* ---- What is allowed ---- */

/* Results that say at once, and plainly, that somebody else than we has found them out. */
static bool are_results_of_others(struct slice value, struct slice hostname)
{
	struct slice rest = slice_trim(value);
	size_t len = 0;
	while (len < rest.len && (ascii_is_alpha(rest.at[len]) || ascii_is_digit(rest.at[len]) || rest.at[len] == '.' || rest.at[len] == '-' || rest.at[len] == '_'))
		len++;
	bool ends = len < rest.len && (rest.at[len] == ';' || ascii_is_space(rest.at[len]));
	struct slice who = slice_sub(rest, 0, len);
	while (who.len > 0 && who.at[who.len - 1] == '.')
		who.len--;
	return ends && who.len > 0 && !slice_equal_nocase(who, hostname);
}

bool policy_may_change_field(struct slice name, struct slice value, struct slice hostname)
{
	static const struct slice ours[] = {{"Received", 8}, {"Return-Path", 11}, {"Delivered-To", 12}};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (slice_equal_nocase(name, ours[i]))
			return false;
	if (slice_equal_nocase(name, SLICE("Authentication-Results")))
		return are_results_of_others(value, hostname);
	return !policy_is_own_field(name);
}

/* Each is whole, and may be put in. */
static bool are_new_fields(struct slice text, struct slice hostname)
{
	struct header_field field;
	while (header_next(&text, &field))
		if (field.name.len == 0 || !policy_may_change_field(field.name, field.body, hostname))
			return false;
	return text.len == 0;
}

/* Walks on to the field at `at`. False: none begins there, and the header doesn't end there. */
static bool walk_to(struct slice *rest, const char *message, uint64_t at, bool may_pass_all, struct slice hostname)
{
	struct header_field field;
	while ((uint64_t)(rest->at - message) < at) {
		if (!header_next(rest, &field))
			return false;
		if (!may_pass_all && !policy_may_change_field(field.name, slice_make(NULL, 0), hostname))
			return false;
	}
	return (uint64_t)(rest->at - message) == at;
}

bool policy_edits_fit(const struct policy_edits *edits, struct slice message, size_t ours, struct slice hostname)
{
	struct slice rest = slice_skip(message, ours);
	for (size_t i = 0; i < edits->count; i++) {
		const struct policy_edit *edit = &edits->list[i];
		bool begins = edit->at >= ours && walk_to(&rest, message.at, edit->at, true, hostname);
		if (!begins || !walk_to(&rest, message.at, edit->at + edit->len, false, hostname) || !are_new_fields(edit->text, hostname))
			return false;
	}
	return true;
}
