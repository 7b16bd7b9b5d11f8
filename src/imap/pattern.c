/* Matching by following all places of the pattern at once that the name so far may have led to (Thompson's way), so there
 * is no backtracking to blow up. */
#include "imap/pattern.h"

#include "store/store.h"

struct imap_pattern {
	struct slice text;
	bool *now, *next; /* text.len + 1 places: may the match stand here? */
};

enum { DELIMITER = '/' };

static bool is_wildcard(char c)
{
	return c == '*' || c == '%';
}

struct imap_pattern *imap_pattern_new(struct slice text, struct arena *arena)
{
	struct imap_pattern *pattern = arena_alloc(arena, sizeof *pattern);
	char *copy = arena_text(arena, text);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (len > 0 && is_wildcard(text.at[i]) && is_wildcard(copy[len - 1])) {
			if (text.at[i] == '*')
				copy[len - 1] = '*';
		} else {
			copy[len++] = text.at[i];
		}
	}
	pattern->text = slice_make(copy, len);
	pattern->now = arena_array(arena, len + 1, sizeof *pattern->now);
	pattern->next = arena_array(arena, len + 1, sizeof *pattern->next);
	return pattern;
}

struct imap_pattern *imap_pattern_of(struct slice reference, struct slice text, struct arena *arena)
{
	if (reference.len + text.len > MAILBOX_NAME_MAX)
		return NULL;
	return imap_pattern_new(arena_printf(arena, "%.*s%.*s", SLICE_ARG(reference), SLICE_ARG(text)), arena);
}

/* A wildcard may match nothing: who stands before it may as well stand behind it. */
static void pass_wildcards(const struct imap_pattern *pattern, bool *places)
{
	for (size_t i = 0; i < pattern->text.len; i++)
		if (places[i] && is_wildcard(pattern->text.at[i]))
			places[i + 1] = true;
}

static bool step(struct imap_pattern *pattern, char c, bool any_case)
{
	bool alive = false;
	memset(pattern->next, 0, pattern->text.len + 1);
	for (size_t i = 0; i < pattern->text.len; i++) {
		if (!pattern->now[i])
			continue;
		char wanted = pattern->text.at[i];
		if (wanted == '*' || (wanted == '%' && c != DELIMITER))
			alive = pattern->next[i] = true;
		else if (wanted == c || (any_case && ascii_upper(wanted) == c))
			alive = pattern->next[i + 1] = true;
	}
	bool *swap = pattern->now;
	pattern->now = pattern->next;
	pattern->next = swap;
	pass_wildcards(pattern, pattern->now);
	return alive;
}

bool imap_pattern_match(struct imap_pattern *pattern, struct slice name)
{
	struct slice inbox = SLICE("INBOX");
	bool in_inbox = slice_starts(name, inbox) && (name.len == inbox.len || name.at[inbox.len] == DELIMITER);
	memset(pattern->now, 0, pattern->text.len + 1);
	pattern->now[0] = true;
	pass_wildcards(pattern, pattern->now);
	for (size_t i = 0; i < name.len; i++)
		if (!step(pattern, name.at[i], in_inbox && i < inbox.len))
			return false;
	return pattern->now[pattern->text.len];
}
