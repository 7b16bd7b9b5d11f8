/* Fields of a header: which of them a signature means, and how they are hashed. */
#include "dkim/fields.h"

#include <openssl/evp.h>

#include "base/array.h"
#include "base/map.h"

enum { LINE_END = 2, NAME_LENGTH_MAX = 256 /* a longer name is signed by nobody */ };

/* ---- finding ---- */

static struct slice lowered(struct slice name, char out[NAME_LENGTH_MAX])
{
	for (size_t i = 0; i < name.len && i < NAME_LENGTH_MAX; i++)
		out[i] = ascii_lower(name.at[i]);
	return slice_sub(slice_make(out, NAME_LENGTH_MAX), 0, name.len);
}

struct dkim_name {
	size_t number; /* names are numbered as they come */
	size_t count;
};

static struct dkim_name *name_of(const struct dkim_header *header, struct slice name)
{
	char key[NAME_LENGTH_MAX];
	return name.len > NAME_LENGTH_MAX ? NULL : map_get(header->names, lowered(name, key));
}

static struct dkim_name *add_name(struct dkim_header *header, struct slice name, size_t *room, struct arena *arena)
{
	char key[NAME_LENGTH_MAX];
	struct dkim_name *found = name_of(header, name);
	if (found)
		return found;
	ARENA_GROW(arena, header->last, header->name_count, *room);
	header->last[header->name_count] = DKIM_NO_FIELD;
	found = arena_alloc(arena, sizeof *found);
	found->number = header->name_count++;
	map_put(header->names, lowered(name, key), found);
	return found;
}

void dkim_header_read(struct slice text, struct arena *arena, struct dkim_header *header)
{
	struct header_field field;
	size_t room = 0, name_room = 0;
	*header = (struct dkim_header){.names = map_new(), .large = text.len > DKIM_HEADER_MAX};
	while (!header->large && header_next(&text, &field)) {
		if (field.name.len == 0 || field.name.len > NAME_LENGTH_MAX)
			continue;
		header->large = header->count == DKIM_HEADER_FIELDS_MAX;
		struct dkim_name *name = add_name(header, field.name, &name_room, arena);
		ARENA_GROW(arena, header->list, header->count, room);
		header->list[header->count] = (struct dkim_field){.field = field, .above = header->last[name->number]};
		header->last[name->number] = header->count++;
		name->count++;
	}
	if (header->large)
		header->count = 0;
}

void dkim_header_clear(struct dkim_header *header)
{
	map_free(&header->names);
}

size_t dkim_header_count(const struct dkim_header *header, struct slice name)
{
	struct dkim_name *found = header->large ? NULL : name_of(header, name);
	return found ? found->count : 0;
}

/* ---- canonical form ---- */

/* Name in small letters, white space in a row as one space, none at the ends and around the colon (RFC 6376 §3.4.2). */
static void write_relaxed(struct slice whole, struct buf *out)
{
	bool blank = false, begun = false;
	size_t colon = slice_find_char(whole, ':'), end = colon == SLICE_NONE ? whole.len : colon;
	while (end > 0 && ascii_is_space(whole.at[end - 1]))
		end--;
	for (size_t i = 0; i < end; i++)
		buf_append_char(out, ascii_lower(whole.at[i]));
	buf_append_char(out, ':');
	for (size_t i = colon == SLICE_NONE ? whole.len : colon + 1; i < whole.len; i++) {
		if (ascii_is_space(whole.at[i])) {
			blank = begun;
			continue;
		}
		if (blank)
			buf_append_char(out, ' ');
		buf_append_char(out, whole.at[i]);
		blank = false;
		begun = true;
	}
	buf_append(out, SLICE("\r\n"));
}

static struct slice without_line_end(struct slice whole)
{
	if (whole.len > 0 && whole.at[whole.len - 1] == '\n')
		whole.len--;
	if (whole.len > 0 && whole.at[whole.len - 1] == '\r')
		whole.len--;
	return whole;
}

void dkim_field_write(struct slice whole, bool simple, struct buf *out)
{
	if (!simple) {
		write_relaxed(whole, out);
		return;
	}
	buf_append(out, without_line_end(whole));
	buf_append(out, SLICE("\r\n"));
}

/* ---- hashing ---- */

void dkim_field_hash(const struct header_field *field, struct slice without, bool simple, bool last, EVP_MD_CTX *hash)
{
	struct buf text = BUF(field->whole.len), canonical = BUF(field->whole.len + LINE_END + 1);
	size_t before = without.at ? (size_t)(without.at - field->whole.at) : field->whole.len;
	buf_append(&text, slice_sub(field->whole, 0, before));
	buf_append(&text, slice_skip(field->whole, before + without.len));
	dkim_field_write(buf_slice(&text), simple, &canonical);
	EVP_DigestUpdate(hash, canonical.at, canonical.len - (last ? LINE_END : 0));
	buf_free(&text);
	buf_free(&canonical);
}

void dkim_header_hash(const struct dkim_header *header, const struct slice *names, size_t count, size_t self, bool simple, EVP_MD_CTX *hash)
{
	struct arena *arena = arena_new();
	size_t *next = arena_array(arena, header->name_count, sizeof *next); /* per name: the field whose turn it is */
	if (header->name_count > 0)
		memcpy(next, header->last, header->name_count * sizeof *next);
	for (size_t i = 0; i < count; i++) {
		const struct dkim_name *name = name_of(header, names[i]);
		size_t at = name ? next[name->number] : DKIM_NO_FIELD;
		if (at != DKIM_NO_FIELD && at == self)
			at = header->list[at].above;
		if (at == DKIM_NO_FIELD)
			continue;
		next[name->number] = header->list[at].above;
		dkim_field_hash(&header->list[at].field, (struct slice){0}, simple, false, hash);
	}
	arena_free(&arena);
}
