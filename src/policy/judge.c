/* Questions to the policy role and its answers, as they cross a channel (base/wire.h). */
#include "policy/judge.h"

#include "base/wire.h"

enum { CLIENT_MAX = 16, NAME_MAX_LENGTH = 1024, PATH_MAX_LENGTH = 2048, COUNTRY_LEN = 2 };

const char *policy_action_name(enum policy_action action)
{
	static const char *const names[] = {"accept", "tag", "junk", "quarantine", "defer", "reject"};
	return names[action];
}

bool policy_question_encode(const struct policy_question *question, struct buf *out)
{
	wire_put_text(out, question->client);
	wire_put_text(out, question->helo);
	wire_put_text(out, question->sender);
	wire_put_text(out, question->receiver);
	wire_put_text(out, question->recipients);
	wire_put_number(out, question->in_file);
	wire_put_number(out, question->skip);
	wire_put_number(out, question->for_reports);
	wire_put_text(out, question->id);
	wire_put_number(out, question->port);
	wire_put_number(out, question->own);
	wire_put_text(out, question->user);
	config_thresholds_put(out, question->thresholds);
	wire_put_text(out, question->text);
	return !out->overflow;
}

bool policy_question_decode(struct slice text, struct policy_question *question)
{
	struct wire_reader reader = {.rest = text};
	question->client = wire_text(&reader, CLIENT_MAX);
	question->helo = wire_text(&reader, NAME_MAX_LENGTH);
	question->sender = wire_text(&reader, PATH_MAX_LENGTH);
	question->receiver = wire_text(&reader, NAME_MAX_LENGTH);
	question->recipients = wire_text(&reader, POLICY_RECIPIENTS_MAX);
	question->in_file = wire_number(&reader, 1);
	question->skip = wire_number(&reader, INT64_MAX);
	question->for_reports = wire_number(&reader, 1);
	question->id = wire_text(&reader, POLICY_WORD_MAX);
	question->port = wire_number(&reader, UINT16_MAX);
	question->own = wire_number(&reader, 1);
	question->user = wire_text(&reader, PATH_MAX_LENGTH);
	question->thresholds = config_thresholds_read(&reader);
	question->text = wire_text(&reader, UINT16_MAX);
	return wire_end(&reader) && (question->client.len == 4 || question->client.len == 16 || (question->own && question->client.len == 0));
}

bool policy_answer_encode(const struct policy_answer *answer, struct buf *out)
{
	wire_put_number(out, answer->known);
	wire_put_number(out, answer->own);
	wire_put_number(out, answer->action);
	wire_put_text(out, answer->reply);
	wire_put_text(out, answer->field);
	wire_put_text(out, answer->record);
	wire_put_number(out, answer->cut_count);
	for (size_t i = 0; i < answer->cut_count; i++) {
		wire_put_number(out, answer->cuts[i].at);
		wire_put_number(out, answer->cuts[i].len);
		wire_put_text(out, answer->cuts[i].text);
	}
	policy_edits_put(out, &answer->edits);
	wire_put_number(out, (uint64_t)((int64_t)answer->points + POLICY_POINTS_MAX));
	wire_put_number(out, answer->weighed);
	wire_put_number(out, answer->suspect);
	wire_put_text(out, answer->author);
	wire_put_text(out, answer->spf);
	wire_put_text(out, answer->dkim);
	wire_put_text(out, answer->dmarc);
	wire_put_text(out, answer->iprev);
	wire_put_text(out, answer->country);
	return !out->overflow;
}

bool policy_is_own_field(struct slice name)
{
	static const char *const names[] = {"Authentication-Results", "BIMI-Indicator", "BIMI-Location", "X-Attachment-Findings", "X-Scanned", "X-Spam-Flag", "X-Spam-Level", "X-Spam-Status", "X-Spam-Wrapped"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal_nocase(name, slice_of(names[i])))
			return true;
	return false;
}

/* A line of a field, without its LF: it begins with a name of ours, or, if it isn't the first one, with a blank; ends with CR, and holds no
 * control character. */
static bool is_line(struct slice line, bool first)
{
	struct slice name, body;
	bool good = line.len > 1 && line.at[line.len - 1] == '\r', more = good && !first && (line.at[0] == '\t' || line.at[0] == ' ');
	if (!good || (!more && (!slice_cut(line, ':', &name, &body) || !policy_is_own_field(name))))
		return false;
	for (size_t i = 0; i + 1 < line.len; i++)
		if (line.at[i] != '\t' && (line.at[i] == 0x7f || (unsigned char)line.at[i] < ' '))
			return false;
	return true;
}

bool policy_are_fields(struct slice fields)
{
	struct slice line;
	bool first = true, good = fields.len > 0;
	while (good && fields.len > 0) {
		good = slice_cut(fields, '\n', &line, &fields) && is_line(line, first);
		first = false;
	}
	return good;
}

/* The record is kept and shown: whole lines without control characters. */
static bool is_record(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\n' && ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f))
			return false;
	return text.len == 0 || text.at[text.len - 1] == '\n';
}

/* An address as it is compared and kept: UTF-8 in one line. */
bool policy_is_address(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
			return false;
	return slice_is_utf8(text);
}

/* What takes the place of a part begins no other: no line of it begins with dashes. */
static bool is_cut_text(struct slice text)
{
	bool good = text.len > 0 && text.at[0] != '-';
	for (size_t i = 0; good && i < text.len; i++)
		if (text.at[i] == '\r')
			good = i + 1 < text.len && text.at[i + 1] == '\n' && (i + 2 == text.len || text.at[i + 2] != '-');
		else
			good = text.at[i] == '\n' ? i > 0 && text.at[i - 1] == '\r' : text.at[i] >= ' ' && text.at[i] < 0x7f;
	return good;
}

/* False: they aren't in order, or hold what mustn't get into a message. */
static bool read_cuts(struct wire_reader *reader, struct policy_answer *answer)
{
	bool good = true;
	uint64_t end = 0;
	answer->cut_count = (size_t)wire_number(reader, POLICY_CUTS_MAX);
	for (size_t i = 0; i < answer->cut_count; i++) {
		struct policy_cut *cut = &answer->cuts[i];
		cut->at = wire_number(reader, INT64_MAX);
		cut->len = wire_number(reader, INT64_MAX);
		cut->text = wire_text(reader, POLICY_CUT_TEXT_MAX);
		good = good && cut->at >= end && is_cut_text(cut->text);
		end = cut->at + cut->len;
	}
	return good;
}

/* ISO 3166-1; or nothing. */
static bool is_country(struct slice text)
{
	return text.len == 0 || (text.len == COUNTRY_LEN && text.at[0] >= 'A' && text.at[0] <= 'Z' && text.at[1] >= 'A' && text.at[1] <= 'Z');
}

/* Nothing is written into what our people send, but what milters want. */
static bool is_about_own(const struct policy_answer *answer)
{
	return answer->field.len == 0 && answer->cut_count == 0;
}

bool policy_answer_decode(struct slice text, struct policy_answer *answer)
{
	struct wire_reader reader = {.rest = text};
	answer->known = wire_number(&reader, 1);
	answer->own = wire_number(&reader, 1);
	answer->action = (enum policy_action)wire_number(&reader, POLICY_REJECT);
	answer->reply = wire_text(&reader, POLICY_REPLY_MAX);
	answer->field = wire_text(&reader, POLICY_FIELD_MAX);
	answer->record = wire_text(&reader, POLICY_RECORD_MAX);
	bool cuts = read_cuts(&reader, answer), edits = policy_edits_read(&reader, &answer->edits);
	answer->points = (int)((int64_t)wire_number(&reader, 2 * (uint64_t)POLICY_POINTS_MAX) - POLICY_POINTS_MAX);
	answer->weighed = wire_number(&reader, 1);
	answer->suspect = wire_number(&reader, 1);
	answer->author = wire_text(&reader, POLICY_ADDRESS_MAX);
	answer->spf = wire_text(&reader, POLICY_WORD_MAX);
	answer->dkim = wire_text(&reader, POLICY_WORD_MAX);
	answer->dmarc = wire_text(&reader, POLICY_WORD_MAX);
	answer->iprev = wire_text(&reader, POLICY_WORD_MAX);
	answer->country = wire_text(&reader, COUNTRY_LEN);
	return wire_end(&reader) && is_country(answer->country) && slice_is_printable(answer->reply) && is_record(answer->record) && policy_is_address(answer->author) && cuts && edits && !(answer->edits.body && answer->cut_count > 0) &&
	       (!answer->known || (answer->own ? is_about_own(answer) : slice_starts(answer->field, SLICE("Authentication-Results:")) && policy_are_fields(answer->field)));
}
