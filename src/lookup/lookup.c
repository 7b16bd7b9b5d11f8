/* The table of questions and answers; see lookup.h. A handful of questions is asked of it again and again, so it is a plain list: an
 * evaluation that would make it long is cut off at LOOKUP_QUESTIONS_MAX, with an answer that says that nothing is known. */
#include "lookup/lookup.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/memory.h"

struct entry {
	enum lookup_type type;
	struct slice name; /* lower-case, without final dot */
	struct lookup_answer answer;
};

struct lookup {
	struct arena *arena; /* names, records and their data */
	struct entry **entries; /* each stays where it is: answers are handed out */
	size_t count, room;
	size_t bytes; /* of all answers' data */
};

static const struct lookup_answer no_name = {.status = LOOKUP_NO_NAME}, failed = {.status = LOOKUP_FAILED};

struct lookup *lookup_new(void)
{
	struct lookup *table = memory_new(sizeof *table);
	table->arena = arena_new();
	return table;
}

void lookup_free(struct lookup **freed)
{
	struct lookup *table = *freed;
	*freed = NULL;
	if (!table)
		return;
	free(table->entries);
	arena_free(&table->arena);
	free(table);
}

static struct slice without_dot(struct slice name)
{
	return name.len > 0 && name.at[name.len - 1] == '.' ? slice_sub(name, 0, name.len - 1) : name;
}

bool lookup_name_is_askable(struct slice name)
{
	struct slice label, rest = without_dot(name);
	bool more = rest.len > 0 && rest.len <= LOOKUP_NAME_MAX, good = more;
	while (good && more) {
		more = slice_cut(rest, '.', &label, &rest);
		good = label.len > 0 && label.len <= LOOKUP_LABEL_MAX;
	}
	return good;
}

/* `name`: without its final dot. NULL: it isn't there. */
static struct entry *find(const struct lookup *table, enum lookup_type type, struct slice name)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i]->type == type && slice_equal_nocase(table->entries[i]->name, name))
			return table->entries[i];
	return NULL;
}

/* NULL: there are too many. */
static struct entry *add(struct lookup *table, enum lookup_type type, struct slice name)
{
	if (table->count == LOOKUP_QUESTIONS_MAX)
		return NULL;
	struct entry *entry = arena_alloc(table->arena, sizeof *entry);
	char *text = arena_text(table->arena, name);
	for (size_t i = 0; i < name.len; i++)
		text[i] = ascii_lower(name.at[i]);
	entry->type = type;
	entry->name = slice_make(text, name.len);
	ARRAY_GROW(table->entries, table->count, table->room);
	table->entries[table->count++] = entry;
	return entry;
}

const struct lookup_answer *lookup_get(struct lookup *table, enum lookup_type type, struct slice name)
{
	if (!lookup_name_is_askable(name))
		return &no_name;
	struct entry *entry = find(table, type, without_dot(name));
	if (!entry)
		entry = add(table, type, without_dot(name));
	return entry ? &entry->answer : &failed;
}

bool lookup_next_wanted(const struct lookup *table, size_t *cursor, enum lookup_type *type, struct slice *name)
{
	while (*cursor < table->count) {
		const struct entry *entry = table->entries[(*cursor)++];
		if (entry->answer.status != LOOKUP_WANTED)
			continue;
		*type = entry->type;
		*name = entry->name;
		return true;
	}
	return false;
}

static size_t bytes_of(const struct lookup_answer *answer, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += sizeof *answer->records + answer->records[i].data.len;
	return bytes;
}

static void fill(struct lookup *table, struct entry *entry, const struct lookup_answer *answer)
{
	size_t count = answer->status != LOOKUP_FOUND ? 0 : answer->count < LOOKUP_RECORDS_MAX ? answer->count : LOOKUP_RECORDS_MAX;
	size_t bytes = bytes_of(answer, count);
	if (bytes > LOOKUP_BYTES_MAX - table->bytes) {
		entry->answer = failed;
		return;
	}
	table->bytes += bytes;
	struct lookup_record *records = arena_array(table->arena, count + 1, sizeof *records);
	for (size_t i = 0; i < count; i++) {
		records[i] = answer->records[i];
		records[i].data = arena_copy(table->arena, answer->records[i].data);
	}
	enum lookup_status status = answer->status == LOOKUP_FOUND && count == 0 ? LOOKUP_NO_DATA : answer->status;
	entry->answer = (struct lookup_answer){.status = status, .records = records, .count = count, .ttl = answer->ttl};
}

void lookup_put(struct lookup *table, enum lookup_type type, struct slice name, const struct lookup_answer *answer)
{
	struct entry *entry = find(table, type, without_dot(name));
	if (!entry)
		entry = add(table, type, without_dot(name));
	if (entry && entry->answer.status == LOOKUP_WANTED)
		fill(table, entry, answer);
}

void lookup_give_up(struct lookup *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i]->answer.status == LOOKUP_WANTED)
			table->entries[i]->answer = failed;
}

size_t lookup_count(const struct lookup *table)
{
	return table->count;
}

const char *lookup_type_name(enum lookup_type type)
{
	static const char *const names[LOOKUP_TYPES] = {"A", "AAAA", "MX", "TXT", "PTR", "SRV", "CNAME", "CAA", "TLSA"};
	return names[type];
}

struct slice lookup_reverse_name(struct slice bytes, struct arena *arena)
{
	struct buf name = BUF(LOOKUP_NAME_MAX);
	for (size_t i = bytes.len; i > 0; i--) {
		unsigned byte = (unsigned char)bytes.at[i - 1];
		if (bytes.len == 4)
			buf_printf(&name, "%u.", byte);
		else
			buf_printf(&name, "%x.%x.", byte & 15, byte >> 4);
	}
	buf_append(&name, bytes.len == 4 ? SLICE("in-addr.arpa") : SLICE("ip6.arpa"));
	struct slice copy = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return copy;
}
