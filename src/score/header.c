/* What its header says of a message. */
#include "message/date.h"
#include "message/header.h"
#include "score/internal.h"

enum {
	DAY = 24 * 3600,
	FIELDS_MAX = 500,      /* that are looked at */
	BODY_MAX = 2000,       /* bytes of each */
	RECIPIENTS_MANY = 20,
	CAPITALS_LEAST = 8,    /* letters of a subject that shouts */
	DIGITS_MANY = 6,
	GAPPY_LETTERS = 4,
	TAIL_GAP = 5, TAIL_MAX = 30,
};

/* The fields that rules are about. */
struct fields {
	struct slice date, from, message_id, subject, to, cc, received; /* the first of each; at NULL: there is none */
	unsigned froms;
	bool thread, list, leaving, mime, mime_version, urgent, program;
	int64_t received_at, above; /* 0: not known */
	bool malformed, backwards;
};

/* ---- reading ---- */

static bool is_named(const struct header_field *field, const char *name) { return slice_equal_nocase(field->name, slice_of(name)); }

/* A note of its way (RFC 5321 §4.4): "from … by … ; date", or "by …" or "(qmail …)" alone, with a date. */
static void read_received(struct fields *fields, struct slice body)
{
	int64_t when = 0;
	size_t semicolon = slice_find_last_char(body, ';');
	bool dated = semicolon != SLICE_NONE && date_parse(slice_skip(body, semicolon + 1), &when, NULL);
	struct slice text = slice_trim(body);
	bool begins = slice_starts_nocase(text, SLICE("from")) || slice_starts_nocase(text, SLICE("by")) || slice_starts(text, SLICE("("));
	fields->malformed |= !dated || !begins;
	if (dated && fields->received_at == 0)
		fields->received_at = when;
	fields->backwards |= dated && fields->above != 0 && when > fields->above + DAY; /* clocks may differ */
	if (dated)
		fields->above = when;
}

static void read_field(struct fields *fields, const struct header_field *field, struct slice body)
{
	const struct {
		const char *name;
		struct slice *first;
	} firsts[] = {{"Date", &fields->date}, {"From", &fields->from}, {"Message-ID", &fields->message_id}, {"Subject", &fields->subject}, {"To", &fields->to}, {"Cc", &fields->cc}};
	for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
		if (!firsts[i].first->at && is_named(field, firsts[i].name))
			*firsts[i].first = body;
	fields->froms += is_named(field, "From");
	fields->thread |= (is_named(field, "In-Reply-To") || is_named(field, "References")) && slice_trim(body).len > 0;
	fields->list |= is_named(field, "List-Id") || is_named(field, "List-Post") || is_named(field, "X-Mailman-Version") || is_named(field, "Mailing-List");
	fields->leaving |= is_named(field, "List-Unsubscribe") && slice_find_char(body, '<') != SLICE_NONE;
	fields->mime |= is_named(field, "Content-Type") || is_named(field, "Content-Transfer-Encoding");
	fields->mime_version |= is_named(field, "MIME-Version");
	fields->program |= is_named(field, "X-Mailer") || is_named(field, "User-Agent") || is_named(field, "X-MimeOLE");
	fields->urgent |= is_named(field, "X-Priority") && slice_starts(slice_trim(body), SLICE("1"));
	if (is_named(field, "Received"))
		read_received(fields, body);
}

static void read_fields(struct fields *fields, struct slice header)
{
	struct header_field field;
	for (int i = 0; i < FIELDS_MAX && header_next(&header, &field); i++)
		read_field(fields, &field, slice_sub(field.body.at ? field.body : SLICE(""), 0, BODY_MAX));
}

/* ---- judging ---- */

static void judge_date(struct score_message *message, const struct fields *fields)
{
	int64_t date = 0, arrived = message->facts->now > 0 ? message->facts->now : fields->received_at;
	bool readable = fields->date.at && date_parse(fields->date, &date, NULL);
	message->holds[SCORE_MISSING_DATE] = !fields->date.at;
	message->holds[SCORE_INVALID_DATE] = fields->date.at && !readable;
	message->holds[SCORE_DATE_IN_FUTURE] = readable && arrived > 0 && date > arrived + DAY;
	message->holds[SCORE_DATE_IN_PAST] = readable && arrived > 0 && date < arrived - 7 * DAY;
}

static size_t count_class(struct slice text, bool (*counts)(char c))
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += counts(text.at[i]);
	return count;
}

static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

/* "F R E E": words of one letter in a row. */
static bool is_gappy(struct slice text)
{
	size_t run = 0;
	bool more = true;
	for (struct slice word; more && run < GAPPY_LETTERS;) {
		more = slice_cut(text, ' ', &word, &text);
		run = word.len == 1 && ascii_is_alpha(word.at[0]) ? run + 1 : 0;
	}
	return run >= GAPPY_LETTERS;
}

/* "Buy now          xk2fq": a gap, and a word that makes each letter another. */
static bool has_tail(struct slice text)
{
	size_t last = slice_find_last_char(text, ' ');
	if (last == SLICE_NONE || last < TAIL_GAP || text.len - last > TAIL_MAX)
		return false;
	for (size_t i = 0; i < TAIL_GAP; i++)
		if (text.at[last - i] != ' ')
			return false;
	return true;
}

static void judge_subject(struct score_message *message, const struct fields *fields)
{
	struct slice subject = slice_trim(header_decode(fields->subject, message->arena));
	bool reply = slice_starts_nocase(subject, SLICE("re:"));
	message->holds[SCORE_MISSING_SUBJECT] = subject.len == 0;
	message->holds[SCORE_SUBJECT_CAPITALS] = count_class(subject, is_capital) >= CAPITALS_LEAST && count_class(subject, is_lower) == 0;
	message->holds[SCORE_SUBJECT_EXCLAIMS] = slice_find(subject, SLICE("!!")) != SLICE_NONE;
	message->holds[SCORE_SUBJECT_GAPPY] = is_gappy(subject);
	message->holds[SCORE_SUBJECT_TAIL] = has_tail(subject);
	message->holds[SCORE_FALSE_REPLY] = reply && !fields->thread && !fields->list;
	message->holds[SCORE_THREAD] = reply && fields->thread;
	message->holds[SCORE_HEADER_REVERSED] = score_is_reversed(subject);
	message->holds[SCORE_MIXED_ALPHABETS] = score_mixed_words(subject) >= 2;
}

/* A name that is an address is there to be taken for it. */
static bool names_other_address(const struct address *from, struct arena *arena)
{
	struct slice name = header_decode(from->name, arena);
	size_t at = slice_find_char(name, '@');
	if (at == SLICE_NONE || at == 0)
		return false;
	struct slice domain = slice_skip(name, at + 1);
	size_t end = 0;
	while (end < domain.len && (ascii_is_alpha(domain.at[end]) || ascii_is_digit(domain.at[end]) || domain.at[end] == '.' || domain.at[end] == '-'))
		end++;
	domain = slice_sub(domain, 0, end);
	return slice_find_char(domain, '.') != SLICE_NONE && !slice_equal_nocase(score_registered(domain), score_registered(from->domain));
}

static void judge_sender(struct score_message *message, const struct fields *fields)
{
	const struct envelope *envelope = message->facts->root->envelope;
	const struct address *from = envelope->from_count > 0 ? &envelope->from[0] : NULL;
	message->holds[SCORE_MISSING_FROM] = fields->froms == 0 || !from || from->domain.len == 0;
	message->holds[SCORE_SEVERAL_FROM] = fields->froms > 1;
	if (!from)
		return;
	message->holds[SCORE_NAME_IS_OTHER_ADDRESS] = names_other_address(from, message->arena);
	message->holds[SCORE_FROM_MANY_DIGITS] = count_class(from->local, ascii_is_digit) >= DIGITS_MANY && count_class(from->local, ascii_is_digit) * 2 > from->local.len;
	message->holds[SCORE_SENDER_LOOKALIKE] = score_is_lookalike(from->domain, message->arena);
	message->holds[SCORE_HEADER_REVERSED] |= score_is_reversed(header_decode(fields->from, message->arena));
}

static bool is_message_id(struct slice text)
{
	text = slice_trim(text);
	return text.len > 4 && text.at[0] == '<' && text.at[text.len - 1] == '>' && slice_find_char(text, '@') != SLICE_NONE && slice_find_char(text, ' ') == SLICE_NONE;
}

static bool is_raw(struct slice body) { return !slice_is_ascii(body) && !slice_is_utf8(body); }

void score_header(struct score_message *message)
{
	const struct score_facts *facts = message->facts;
	struct fields fields = {.froms = 0};
	read_fields(&fields, slice_sub(facts->message, 0, (size_t)facts->root->header_size));
	judge_date(message, &fields);
	judge_subject(message, &fields);
	judge_sender(message, &fields);
	message->holds[SCORE_MISSING_MESSAGE_ID] = !fields.message_id.at;
	message->holds[SCORE_ODD_MESSAGE_ID] = fields.message_id.at && !is_message_id(fields.message_id);
	message->holds[SCORE_MISSING_RECIPIENT] = slice_trim(fields.to).len + slice_trim(fields.cc).len == 0;
	message->holds[SCORE_MANY_RECIPIENTS] = facts->root->envelope->to_count + facts->root->envelope->cc_count > RECIPIENTS_MANY;
	message->holds[SCORE_RECEIVED_MALFORMED] = fields.malformed;
	message->holds[SCORE_RECEIVED_BACKWARDS] = fields.backwards;
	message->holds[SCORE_HEADER_RAW_BYTES] = is_raw(fields.subject) || is_raw(fields.from);
	message->holds[SCORE_URGENT_WITHOUT_PROGRAM] = fields.urgent && !fields.program;
	message->holds[SCORE_LIST_MAIL] = fields.list;
	message->holds[SCORE_NEWSLETTER] = fields.leaving && !fields.list;
	message->holds[SCORE_NO_MIME_VERSION] = fields.mime && !fields.mime_version;
}
