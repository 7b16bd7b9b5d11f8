/* See sets.h. */
#include "acme/sets.h"

#include "acme/work.h"

void acme_set_write(const struct acme_set *set, struct buf *out)
{
	const struct acme_certificate *certificate = &set->certificate;
	buf_printf(out, "set %.*s\n", SLICE_ARG(set->id));
	for (size_t i = 0; i < set->count; i++)
		buf_printf(out, "name %.*s\n", SLICE_ARG(set->names[i]));
	if (!set->has_certificate)
		return;
	buf_printf(out, "certificate %lld %lld %.*s\n", (long long)certificate->begins, (long long)certificate->ends,
		   SLICE_ARG(certificate->id.len > 0 ? certificate->id : SLICE("-")));
	for (size_t i = 0; i < certificate->name_count; i++)
		buf_printf(out, "has %.*s\n", SLICE_ARG(certificate->names[i]));
}

static bool read_certificate(struct slice rest, struct acme_set *set)
{
	struct slice begins, ends;
	uint64_t from, to;
	if (!slice_cut(rest, ' ', &begins, &rest) || !slice_cut(rest, ' ', &ends, &rest) || !slice_to_number(begins, INT64_MAX, &from) ||
	    !slice_to_number(ends, INT64_MAX, &to))
		return false;
	set->has_certificate = true;
	set->certificate.begins = (int64_t)from;
	set->certificate.ends = (int64_t)to;
	set->certificate.id = slice_equal(rest, SLICE("-")) ? SLICE("") : rest;
	return true;
}

/* How many lines of that kind follow at most, until the next set. */
static size_t count_lines(struct slice text, struct slice word)
{
	struct slice line;
	size_t count = 0;
	while (slice_cut(text, '\n', &line, &text) && !slice_starts(line, SLICE("set ")))
		count += slice_starts(line, word);
	return count;
}

static bool read_line(struct slice line, struct slice rest, struct arena *arena, struct acme_set *set)
{
	struct slice word, value;
	slice_cut(line, ' ', &word, &value);
	value = arena_copy(arena, value);
	if (slice_equal(word, SLICE("name")) && acme_is_name(value)) {
		if (!set->names)
			set->names = arena_array(arena, count_lines(rest, SLICE("name")) + 1, sizeof *set->names);
		set->names[set->count++] = value;
		return true;
	}
	if (slice_equal(word, SLICE("has"))) {
		if (!set->certificate.names)
			set->certificate.names = arena_array(arena, count_lines(rest, SLICE("has")) + 1, sizeof *set->certificate.names);
		set->certificate.names[set->certificate.name_count++] = value;
		return true;
	}
	return slice_equal(word, SLICE("certificate")) && read_certificate(value, set);
}

static size_t count_sets(struct slice text)
{
	struct slice line;
	size_t count = 0;
	while (slice_cut(text, '\n', &line, &text))
		count += slice_starts(line, SLICE("set "));
	return count;
}

bool acme_sets_read(struct slice text, struct arena *arena, struct acme_set **list, size_t *count)
{
	struct slice line;
	size_t most = count_sets(text);
	*count = 0;
	if (most > ACME_SETS_MAX || (text.len > 0 && text.at[text.len - 1] != '\n'))
		return false;
	*list = arena_array(arena, most + 1, sizeof **list);
	while (slice_cut(text, '\n', &line, &text)) {
		if (slice_starts(line, SLICE("set ")))
			(*list)[(*count)++] = (struct acme_set){.id = arena_copy(arena, slice_skip(line, 4))};
		else if (*count == 0 || !read_line(line, text, arena, &(*list)[*count - 1]))
			return false;
	}
	return true;
}

bool acme_set_allows(const struct acme_set *set, struct slice name)
{
	for (size_t i = 0; i < set->count; i++)
		if (slice_equal_nocase(set->names[i], name))
			return true;
	return false;
}

bool acme_set_covers(const struct acme_set *set, const struct slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!set->has_certificate || !acme_certificate_has(&set->certificate, names[i]))
			return false;
	return true;
}

bool acme_names_read(struct slice text, struct arena *arena, struct slice **names, size_t *count, struct slice *rest)
{
	struct slice line;
	*names = arena_array(arena, ACME_NAMES_MAX, sizeof **names);
	*count = 0;
	*rest = SLICE("");
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (line.len == 0) {
			*rest = text;
			break;
		}
		if (*count == ACME_NAMES_MAX || !acme_is_name(line))
			return false;
		(*names)[(*count)++] = arena_copy(arena, line);
	}
	return *count > 0;
}
