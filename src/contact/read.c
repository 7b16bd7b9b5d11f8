/* Files of vCards: one after the other becomes a card (RFC 9555 §2). */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "contact/vcard.h"
#include "message/mime.h"

/* ---- The file ---- */

/* A text in UTF-16 says so by its first two bytes. */
static bool is_utf16(struct slice text)
{
	return slice_starts(text, SLICE("\xff\xfe")) || slice_starts(text, SLICE("\xfe\xff"));
}

void contact_reader_open(struct contact_reader *reader, struct slice text)
{
	*reader = (struct contact_reader){.text = text};
	if (slice_starts(text, SLICE("\xef\xbb\xbf")))
		reader->text = slice_skip(text, 3);
	else if (is_utf16(text)) {
		struct buf converted = BUF(CONTACT_VCARD_MAX);
		charset_to_utf8(text.at[0] == '\xff' ? SLICE("utf-16le") : SLICE("utf-16be"), slice_skip(text, 2), &converted);
		reader->memory = memory_copy(converted.at ? converted.at : "", converted.len);
		reader->own = reader->text = slice_make(reader->memory, converted.len);
		buf_free(&converted);
	}
}

void contact_reader_close(struct contact_reader *reader)
{
	free(reader->memory);
	*reader = (struct contact_reader){0};
}

/* ---- One vCard ---- */

static bool is_vcard(const struct contact_line *line, const char *name)
{
	return slice_equal(line->name, slice_of(name)) && slice_equal_nocase(slice_trim(line->value), SLICE("VCARD"));
}

static bool find_begin(struct slice *text, struct arena *arena)
{
	struct contact_line line;
	while (contact_line_next(text, false, arena, &line)) {
		if (is_vcard(&line, "begin"))
			return true;
		arena_reset(arena);
	}
	return false;
}

/* The lines up to its END. One inside of it (AGENT of vCard 2.1) is passed over. */
static bool take_lines(struct slice *text, struct contact_reading *reading, struct contact_problem *problem)
{
	struct contact_line line;
	size_t room = 0, depth = 1;
	bool plain = false;
	while (contact_line_next(text, plain, reading->arena, &line)) {
		depth += is_vcard(&line, "begin");
		if (is_vcard(&line, "end") && --depth == 0)
			return true;
		if (slice_equal(line.name, SLICE("version")))
			plain = slice_equal(slice_trim(line.value), SLICE("2.1"));
		if (depth > 1 || line.name.len == 0 || is_vcard(&line, "end"))
			continue;
		if (reading->count == CONTACT_LINES_MAX) {
			problem->why = "it has too many lines";
			continue;
		}
		ARENA_GROW(reading->arena, reading->lines, reading->count, room);
		reading->lines[reading->count++] = line;
	}
	problem->why = "it has no end";
	return false;
}

/* The same for the same vCard (RFC 9555 §2.1.1). */
static void make_uid(json_t *card, struct slice source)
{
	char hash[CONTACT_HASH_LEN + 1], uid[CONTACT_NEW_UID];
	contact_hash(source, hash);
	snprintf(uid, sizeof uid, "urn:uuid:%.8s-%.4s-8%.3s-8%.3s-%.12s", hash, hash + 8, hash + 12, hash + 15, hash + 18); /* RFC 9562 §5.8 */
	json_object_set_new(card, "uid", json_string(uid));
}

/* Everything that JSPROP says, or nothing (RFC 9555 §3.2.1). */
static void apply_patches(struct contact_reading *reading)
{
	const char *path;
	json_t *value, *patched = json_deep_copy(reading->card);
	struct contact_problem problem;
	bool done = json_object_size(reading->patches) > 0;
	json_object_foreach(reading->patches, path, value)
		done = done && contact_pointer_put(patched, slice_of(path), json_is_null(value) ? NULL : value, false);
	if (done && contact_card_check_form(patched, &problem)) {
		json_decref(reading->card);
		reading->card = patched;
	} else
		json_decref(patched);
}

static json_t *convert(struct contact_reading *reading, struct slice source, struct contact_problem *problem)
{
	reading->card = json_pack("{s:s, s:s}", "@type", "Card", "version", "1.0");
	reading->patches = json_object();
	contact_read_lines(reading);
	size_t uid = json_string_length(json_object_get(reading->card, "uid"));
	if (uid == 0 || uid > CONTACT_UID_MAX)
		make_uid(reading->card, source);
	apply_patches(reading);
	json_decref(reading->patches);
	if (contact_card_check_form(reading->card, problem))
		return reading->card;
	json_decref(reading->card);
	return NULL;
}

bool contact_reader_next(struct contact_reader *reader, json_t **card, struct contact_problem *problem)
{
	struct arena *arena = arena_new();
	struct contact_reading reading = {.arena = arena};
	*problem = (struct contact_problem){0};
	*card = NULL;
	bool found = find_begin(&reader->text, arena);
	if (found) {
		struct slice rest = reader->text;
		if (take_lines(&reader->text, &reading, problem) && !problem->why)
			*card = convert(&reading, slice_sub(rest, 0, rest.len - reader->text.len), problem);
	}
	arena_free(&arena);
	return found;
}
