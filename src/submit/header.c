/* Reading and writing the header of a submitted message; see submit.h. */
#include "base/random.h"
#include "message/address.h"
#include "message/date.h"
#include "policy/judge.h"
#include "submit/submit.h"

enum { AUTHORS_MAX = 20 };

void submit_inspect(struct submit_header *header)
{
	struct header_field field;
	struct slice rest = header->header;
	while (header_next(&rest, &field)) {
		if (slice_equal_nocase(field.name, SLICE("Received")))
			header->received++;
		else if (slice_equal_nocase(field.name, SLICE("From"))) {
			header->from_count++;
			header->author.field = field;
		} else if (slice_equal_nocase(field.name, SLICE("Sender"))) {
			header->sender_count++;
			header->sender.field = field;
		} else if (slice_equal_nocase(field.name, SLICE("Date")))
			header->has_date = true;
		else if (slice_equal_nocase(field.name, SLICE("Message-ID")))
			header->message_id = header_unfold(field.body, header->arena);
	}
}

/* ---- Whom it names ---- */

static void note(struct submit_header *header, const char *field, const struct address *list, size_t count)
{
	struct submit_author **end = &header->authors;
	while (*end)
		end = &(*end)->next;
	for (size_t i = 0; i < count; i++) {
		struct slice address = arena_printf(header->arena, "%.*s@%.*s", SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
		if (slice_equal(address, header->from))
			continue;
		*end = arena_alloc(header->arena, sizeof **end);
		**end = (struct submit_author){.field = field, .address = address};
		end = &(*end)->next;
	}
}

static void write_anew(struct submit_header *header, struct submit_field *author, const struct address *list, size_t count)
{
	struct slice name = author->field.name;
	author->rewritten = true;
	if (count > 0)
		author->text = arena_printf(header->arena, "%.*s: %.*s\r\n", SLICE_ARG(name), SLICE_ARG(address_write_list(list, count, name.len + 2, header->arena)));
}

/* Can it be read in one way only? */
static const char *judge_field(struct submit_header *header, struct submit_field *author)
{
	const char *name = arena_text(header->arena, author->field.name);
	struct address *list;
	size_t count;
	bool plain;
	if (!address_parse_authors(author->field.body, AUTHORS_MAX, header->arena, &list, &count, &plain))
		return arena_printf(header->arena, "550 5.6.0 the %s field is not a list of addresses that everybody reads the same", name).at;
	if (!plain || count == 0)
		write_anew(header, author, list, count);
	note(header, name, list, count);
	return NULL;
}

const char *submit_judge(struct submit_header *header)
{
	const char *refusal = NULL;
	if (header->from_count > 1)
		return "554 5.6.0 the message has several From fields";
	if (header->sender_count > 1)
		return "554 5.6.0 the message has several Sender fields";
	if (header->from_count == 1)
		refusal = judge_field(header, &header->author);
	if (!refusal && header->sender_count == 1)
		refusal = judge_field(header, &header->sender);
	return refusal;
}

/* ---- What it becomes ---- */

void submit_write_missing(struct submit_header *header, void (*put)(void *context, struct slice text), void *context)
{
	struct arena *arena = header->arena;
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	if (header->message_id.len == 0) {
		id_format(header->id, id);
		header->message_id = arena_printf(arena, "<%s.%016llx@%s>", id, (unsigned long long)random_u64(), header->hostname);
		put(context, arena_printf(arena, "Message-ID: %.*s\r\n", SLICE_ARG(header->message_id)));
	}
	if (!header->has_date) {
		date_format(header->arrived, date);
		put(context, arena_printf(arena, "Date: %s\r\n", date));
	}
	if (header->from_count == 0 || (header->author.rewritten && header->author.text.len == 0))
		put(context, arena_printf(arena, "From: <%.*s>\r\n", SLICE_ARG(header->from.len > 0 ? header->from : header->account)));
}

bool submit_is_dropped(const struct header_field *field)
{
	static const char *const names[] = {"Bcc", "Resent-Bcc", "Return-Path"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal_nocase(field->name, slice_of(names[i])))
			return true;
	return false;
}

bool submit_is_forged(const struct header_field *field, const char *hostname, struct arena *arena)
{
	if (!policy_is_own_field(field->name))
		return false;
	if (!slice_equal_nocase(field->name, SLICE("Authentication-Results")))
		return true; /* it doesn't say where it was written */
	return slice_equal(domain_canonical(header_results_by(field->body, arena), arena), domain_canonical(slice_of(hostname), arena));
}

/* Some readers don't know a name with blanks before its colon for a field. */
struct slice submit_field_text(const struct submit_header *header, const struct header_field *field)
{
	if (field->whole.at == header->author.field.whole.at && header->author.rewritten)
		return header->author.text;
	if (field->whole.at == header->sender.field.whole.at && header->sender.rewritten)
		return header->sender.text;
	if (field->name.at[field->name.len] == ':')
		return field->whole;
	return arena_printf(header->arena, "%.*s:%.*s\r\n", SLICE_ARG(field->name), SLICE_ARG(field->body));
}
