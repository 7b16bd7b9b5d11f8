/* Base subjects (RFC 5256 §2.1). The rules there are applied until none does any more; blobs ("[list]") are gone through once, since what
 * comes before a run of them that isn't followed by "Re:" can only be another blob. */
#include "message/subject.h"

#include "message/header.h"
#include "message/mime.h"

/* Decoded, with one space for each run of white space. */
static struct slice decode(struct slice body, struct arena *arena)
{
	struct slice text = header_decode(body, arena);
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool blank = ascii_is_space(text.at[i]);
		if (!blank || len == 0 || out[len - 1] != ' ')
			out[len++] = blank ? ' ' : text.at[i];
	}
	return slice_make(out, len);
}

static struct slice skip_blank(struct slice s)
{
	return slice_skip(s, s.len > 0 && s.at[0] == ' ');
}

/* subj-blob: "[" without brackets in it "]", and the blank after it. */
static bool take_blob(struct slice *s)
{
	if (s->len == 0 || s->at[0] != '[')
		return false;
	for (size_t i = 1; i < s->len && s->at[i] != '['; i++)
		if (s->at[i] == ']') {
			*s = skip_blank(slice_skip(*s, i + 1));
			return true;
		}
	return false;
}

/* subj-refwd. */
static bool take_refwd(struct slice *s)
{
	static const struct slice words[] = {{"re", 2}, {"fwd", 3}, {"fw", 2}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!slice_starts_nocase(*s, words[i]))
			continue;
		struct slice rest = skip_blank(slice_skip(*s, words[i].len));
		take_blob(&rest);
		if (rest.len > 0 && rest.at[0] == ':') {
			*s = slice_skip(rest, 1);
			return true;
		}
	}
	return false;
}

static struct slice without_trailers(struct slice s)
{
	for (;;) {
		if (s.len > 0 && s.at[s.len - 1] == ' ')
			s.len--;
		else if (slice_ends_nocase(s, SLICE("(fwd)")))
			s.len -= SLICE("(fwd)").len;
		else
			return s;
	}
}

static struct slice without_leaders(struct slice s)
{
	for (;;) {
		s = skip_blank(s);
		struct slice after = s, last = s;
		for (struct slice before = s; take_blob(&after); before = after)
			last = before;
		if (take_refwd(&after)) {
			s = after;
			continue;
		}
		return after.len > 0 ? after : last; /* something is to be left: the last blob, if there is nothing else */
	}
}

static struct slice base_of(struct slice s)
{
	static const struct slice forwarded = {"[fwd:", 5};
	for (;;) {
		s = without_leaders(without_trailers(s));
		if (!slice_starts_nocase(s, forwarded) || s.at[s.len - 1] != ']')
			return s;
		s = slice_sub(s, forwarded.len, s.len - forwarded.len - 1);
	}
}

struct slice subject_base(struct slice body, struct arena *arena)
{
	return base_of(decode(body, arena));
}

/* ---- Topics ---- */

/* "Re:" and "Fwd:" as programs write them in German, Dutch, the languages of Scandinavia and Finland, Spanish, French, Portuguese, Polish,
 * Turkish, Hungarian, Russian and Chinese. */
static bool take_foreign(struct slice *s)
{
	static const char *const words[] = {"aw", "wg", "antw", "sv", "vs", "vb", "vl", "rv", "tr", "res", "enc", "odp", "pd", "ynt", "ilt", "vá",
		"отв", "ответ", "пер", "回复", "答复", "转发", "回覆", "轉寄"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!slice_starts(*s, slice_of(words[i])))
			continue;
		struct slice rest = skip_blank(slice_skip(*s, strlen(words[i])));
		size_t colon = slice_starts(rest, SLICE(":")) ? 1 : slice_starts(rest, SLICE("：")) ? SLICE("：").len : 0;
		if (colon > 0) {
			*s = slice_skip(rest, colon);
			return true;
		}
	}
	return false;
}

struct slice subject_topic(struct slice body, struct arena *arena)
{
	struct slice s = base_of(text_fold(decode(body, arena), arena));
	while (take_foreign(&s))
		s = base_of(s);
	char *out = arena_alloc(arena, s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] != ' ')
			out[len++] = s.at[i];
	return slice_make(out, len);
}
