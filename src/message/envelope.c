/* The envelope (RFC 3501 §7.4.2) of a header block. Of a field that may stand once, the first counts; the destination
 * fields of several lines are joined, as RFC 5322 §4.5.3 says. */
#include "message/address_list.h"
#include "message/header.h"
#include "message/mime.h"

enum { ENVELOPE_TEXT_MAX = 32 * 1024 }; /* a longer field is cut: no subject is so long */

/* Lists while they grow. */
struct lists {
	struct address_list from, sender, reply_to, to, cc, bcc;
};

static void take_text(struct envelope *envelope, struct slice *text, const struct header_field *field, struct arena *arena)
{
	struct slice body = slice_trim(field->body);
	bool blanks = body.len > 0 && body.at + body.len < field->body.at + field->body.len;
	envelope->irregular |= text->at != NULL || body.len > ENVELOPE_TEXT_MAX || blanks;
	if (text->at == NULL)
		*text = header_unfold(slice_sub(body, 0, ENVELOPE_TEXT_MAX), arena);
}

static void take_list(struct envelope *envelope, struct address_list *list, bool joined, const struct header_field *field, size_t max,
		      struct arena *arena)
{
	envelope->irregular |= list->seen;
	list->seen = true;
	if (list->count == 0 || joined)
		address_list_append(list, field->body, max, arena);
	envelope->irregular |= list->count == 0 || list->count >= max;
	for (size_t i = 0; i < list->count; i++)
		envelope->irregular |= list->at[i].literal;
}

static void take_field(struct envelope *envelope, struct lists *lists, const struct header_field *field, size_t max, struct arena *arena)
{
	const struct { struct slice name, *text; } texts[] = {
		{SLICE("Date"), &envelope->date}, {SLICE("Subject"), &envelope->subject}, {SLICE("Message-ID"), &envelope->message_id},
		{SLICE("In-Reply-To"), &envelope->in_reply_to}, {SLICE("References"), &envelope->references},
	};
	const struct { struct slice name; struct address_list *list; bool joined; } addresses[] = {
		{SLICE("From"), &lists->from, false}, {SLICE("To"), &lists->to, true}, {SLICE("Cc"), &lists->cc, true},
		{SLICE("Sender"), &lists->sender, false}, {SLICE("Reply-To"), &lists->reply_to, false}, {SLICE("Bcc"), &lists->bcc, true},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (slice_equal_nocase(field->name, texts[i].name))
			take_text(envelope, texts[i].text, field, arena);
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		if (slice_equal_nocase(field->name, addresses[i].name))
			take_list(envelope, addresses[i].list, addresses[i].joined, field, max, arena);
}

struct envelope *envelope_parse(struct slice header, size_t max_addresses, struct arena *arena)
{
	struct envelope *envelope = arena_alloc(arena, sizeof *envelope);
	struct lists lists = {0};
	struct header_field field;
	while (header_next(&header, &field))
		take_field(envelope, &lists, &field, max_addresses, arena);
	envelope->from = lists.from.at, envelope->from_count = lists.from.count;
	envelope->sender = lists.sender.at, envelope->sender_count = lists.sender.count;
	envelope->reply_to = lists.reply_to.at, envelope->reply_to_count = lists.reply_to.count;
	envelope->to = lists.to.at, envelope->to_count = lists.to.count;
	envelope->cc = lists.cc.at, envelope->cc_count = lists.cc.count;
	envelope->bcc = lists.bcc.at, envelope->bcc_count = lists.bcc.count;
	return envelope;
}
