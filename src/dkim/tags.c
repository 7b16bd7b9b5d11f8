/* Lists of tags. Strict where the RFC is: a list that isn't one has no meaning at all, since others may read it in another way. */
#include "dkim/tags.h"

#include "base/base64.h"

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.at[i]) && (i == 0 || (!ascii_is_digit(name.at[i]) && name.at[i] != '_')))
			return false;
	return name.len > 0;
}

/* Printable, UTF-8 included (RFC 8616 §5), and white space; a line end only where it folds. */
static bool is_value(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		if ((c < ' ' && !ascii_is_space((char)c)) || c == 0x7f)
			return false;
	}
	return true;
}

static enum dkim_reason read_one(struct slice text, struct dkim_tag *tag)
{
	size_t equals = slice_find_char(text, '=');
	if (equals == SLICE_NONE)
		return DKIM_SYNTAX;
	tag->name = slice_trim(slice_sub(text, 0, equals));
	tag->room = slice_skip(text, equals + 1);
	tag->value = slice_trim(tag->room);
	return is_name(tag->name) && is_value(tag->value) ? DKIM_VALID : DKIM_SYNTAX;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, struct slice name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (slice_equal(tags->list[i].name, name))
			return &tags->list[i];
	return NULL;
}

enum dkim_reason dkim_tags_read(struct slice text, struct dkim_tags *tags)
{
	enum dkim_reason reason = DKIM_VALID;
	bool more = true;
	tags->count = 0;
	while (reason == DKIM_VALID && more) {
		struct slice spec;
		struct dkim_tag tag = {0};
		more = slice_cut(text, ';', &spec, &text);
		if (!more && tags->count > 0 && slice_empty(slice_trim(spec)))
			break; /* behind a last ";" */
		reason = read_one(spec, &tag);
		if (reason == DKIM_VALID && dkim_tags_find(tags, tag.name))
			reason = DKIM_TAG_TWICE;
		if (reason == DKIM_VALID && tags->count == DKIM_TAGS_MAX)
			reason = DKIM_TAGS_MANY;
		if (reason == DKIM_VALID)
			tags->list[tags->count++] = tag;
	}
	return reason;
}

bool dkim_tags_word(struct slice *rest, struct slice *word)
{
	if (!rest->at)
		return false;
	if (!slice_cut(*rest, ':', word, rest))
		*rest = (struct slice){0};
	*word = slice_trim(*word);
	return true;
}

bool dkim_tags_has_word(struct slice list, struct slice wanted)
{
	struct slice word;
	while (dkim_tags_word(&list, &word))
		if (slice_equal_nocase(word, wanted))
			return true;
	return false;
}

struct slice dkim_tags_base64(struct slice value, struct arena *arena)
{
	char *text = arena_alloc(arena, value.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_space(value.at[i]))
			text[len++] = value.at[i];
	struct buf decoded = BUF(value.len);
	bool done = base64_decode(slice_make(text, len), &decoded) && decoded.len > 0;
	struct slice bytes = done ? arena_copy(arena, buf_slice(&decoded)) : (struct slice){0};
	buf_free(&decoded);
	return bytes;
}
