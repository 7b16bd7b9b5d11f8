/* Who isn't answered: lists, robots, reports, and what says that it doesn't want to be (RFC 3834 §2, RFC 5230 §4.6). Whoever is in doubt isn't: an answer
 * too many may go round in circles. */
#include "message/address.h"
#include "message/header.h"
#include "vacation/vacation.h"

static bool is_one_of(struct slice text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(text, slice_of(list[i])))
			return true;
	return false;
}
#define IS_ONE_OF(text, list) is_one_of(text, list, sizeof(list) / sizeof *(list))

/* Addresses behind which nobody reads. */
static bool is_robots_address(struct slice sender)
{
	static const char *const names[] = {"mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "do-not-reply", "donotreply", "bounce", "bounces"};
	static const char *const ends[] = {"-request", "-owner", "-bounce", "-bounces", "-noreply"};
	struct slice local, domain;
	address_split(sender, &local, &domain);
	if (IS_ONE_OF(local, names) || slice_starts_nocase(local, SLICE("owner-")) || slice_starts_nocase(local, SLICE("bounces+")) || slice_starts_nocase(local, SLICE("bounce+")))
		return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_ends_nocase(local, slice_of(ends[i])))
			return true;
	return slice_find(local, SLICE("-bounces+")) != SLICE_NONE || slice_find(local, SLICE("-return-")) != SLICE_NONE;
}

/* The first word of a field's body: what stands before blanks, a comment or parameters. */
static struct slice first_word(struct slice body, struct arena *arena)
{
	struct slice text = header_unfold(body, arena);
	size_t end = 0;
	while (end < text.len && !strchr(" \t;(,", text.at[end]))
		end++;
	return slice_sub(text, 0, end);
}

static const char *hindrance_of(const struct header_field *field, struct arena *arena)
{
	static const char *const precedences[] = {"bulk", "list", "junk"};
	static const char *const suppressed[] = {"X-Loop", "Feedback-ID", "X-Autoreply", "X-Autorespond"};
	struct slice word = first_word(field->body, arena);
	if (slice_starts_nocase(field->name, SLICE("List-")))
		return "it is from a mailing list";
	if (slice_equal_nocase(field->name, SLICE("Auto-Submitted")) && !slice_equal_nocase(word, SLICE("no")))
		return "it was sent by a program (Auto-Submitted)";
	if (slice_equal_nocase(field->name, SLICE("Precedence")) && IS_ONE_OF(word, precedences))
		return "it is sent to many (Precedence)";
	if (slice_equal_nocase(field->name, SLICE("X-Auto-Response-Suppress")) && !slice_equal_nocase(word, SLICE("none")))
		return "it doesn't want an answer (X-Auto-Response-Suppress)";
	if (slice_equal_nocase(field->name, SLICE("Content-Type")) && slice_starts_nocase(word, SLICE("multipart/report")))
		return "it is a report";
	if (slice_equal_nocase(field->name, SLICE("X-Spam-Flag")) && slice_equal_nocase(word, SLICE("yes")))
		return "it is spam";
	return IS_ONE_OF(field->name, suppressed) ? "it was sent by a program" : NULL;
}

const char *vacation_hindrance(struct slice sender, struct slice header)
{
	struct header_field field;
	const char *why = NULL;
	if (sender.len == 0)
		return "its reverse-path is null";
	if (is_robots_address(sender))
		return "its sender is a program";
	struct arena *arena = arena_new();
	while (!why && header_next(&header, &field))
		why = hindrance_of(&field, arena);
	arena_free(&arena);
	return why;
}

void vacation_addressed(struct slice header, struct arena *arena, struct slice **list, size_t *count)
{
	static const char *const names[] = {"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"};
	struct header_field field;
	*list = arena_array(arena, VACATION_ADDRESSES_MAX, sizeof **list);
	*count = 0;
	while (*count < VACATION_ADDRESSES_MAX && header_next(&header, &field)) {
		struct address *found;
		size_t found_count = 0;
		if (!IS_ONE_OF(field.name, names))
			continue;
		address_parse_list(field.body, VACATION_ADDRESSES_MAX, arena, &found, &found_count);
		for (size_t i = 0; i < found_count && *count < VACATION_ADDRESSES_MAX; i++)
			if (found[i].kind == ADDRESS_MAILBOX && found[i].local.len > 0 && found[i].domain.len > 0)
				(*list)[(*count)++] = address_canonical(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(found[i].local, arena)), SLICE_ARG(found[i].domain)), arena);
	}
}
