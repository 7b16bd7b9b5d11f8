/* A message that milters change; see milter.h. Its fields are kept as a list in their present order, from which the edits follow: a field
 * never moves, so what is between two that stay as they came is one edit. */
#include "engine/milter.h"

#include <string.h>

#include "base/array.h"
#include "base/memory.h"
#include "message/header.h"

static _Atomic size_t bodies_held; /* by all letters */

/* ---- Making ---- */

static void read_fields(struct engine_letter *letter)
{
	struct slice rest = slice_sub(letter->message, letter->hidden, letter->header - letter->hidden);
	struct header_field field;
	while (header_next(&rest, &field)) {
		letter->too_many |= letter->field_count == ENGINE_FIELDS_MAX;
		if (letter->too_many)
			return;
		ARENA_GROW(letter->arena, letter->fields, letter->field_count, letter->field_room);
		letter->fields[letter->field_count++] = (struct engine_field){
			.name = field.name, .value = field.body, .at = (uint64_t)(field.whole.at - letter->message.at), .len = field.whole.len,
		};
	}
}

void engine_letter_begin(struct engine_letter *letter, struct slice message, size_t hidden, struct slice sender, const struct slice *recipients, size_t count)
{
	*letter = (struct engine_letter){.arena = arena_new(), .message = message, .header = header_length(message), .sender = sender, .recipient_count = count, .recipients_asked = count};
	letter->hidden = hidden < letter->header ? hidden : letter->header;
	letter->body = slice_skip(message, letter->header);
	letter->recipients = arena_array(letter->arena, count + ENGINE_RECIPIENTS_ADDED_MAX, sizeof *letter->recipients);
	for (size_t i = 0; i < count; i++)
		letter->recipients[i].address = recipients[i];
	read_fields(letter);
}

void engine_letter_free(struct engine_letter *letter)
{
	engine_body_free(&letter->replacement);
	arena_free(&letter->arena);
}

bool engine_letter_is_changed(const struct engine_letter *letter)
{
	return letter->header_changed || letter->body_replaced;
}

/* ---- Reading it as it is now ---- */

static void write_field(const struct engine_letter *letter, const struct engine_field *field, struct buf *out)
{
	if (field->removed)
		return;
	if (field->len > 0 && !field->changed) {
		buf_append(out, slice_sub(letter->message, (size_t)field->at, (size_t)field->len));
		return;
	}
	buf_append(out, field->name);
	buf_append_char(out, ':');
	buf_append(out, field->value);
	buf_append(out, SLICE("\r\n"));
}

void engine_letter_write_header(const struct engine_letter *letter, struct buf *out)
{
	buf_append(out, slice_sub(letter->message, 0, letter->hidden));
	for (size_t i = 0; i < letter->field_count; i++)
		write_field(letter, &letter->fields[i], out);
	buf_append(out, SLICE("\r\n"));
}

/* Where the fields end in the message as it came. */
static uint64_t end_of_fields(const struct engine_letter *letter)
{
	uint64_t end = letter->hidden;
	for (size_t i = 0; i < letter->field_count; i++)
		if (letter->fields[i].len > 0)
			end = letter->fields[i].at + letter->fields[i].len;
	return end;
}

static bool stays(const struct engine_field *field)
{
	return field->len > 0 && !field->changed && !field->removed;
}

bool engine_letter_edits(const struct engine_letter *letter, bool (*take)(void *context, const struct engine_edit *edit), void *context)
{
	struct buf text = BUF((size_t)letter->put_in + letter->header + 1);
	uint64_t at = letter->hidden, end = end_of_fields(letter);
	bool good = true;
	for (size_t i = 0; good && i <= letter->field_count; i++) {
		const struct engine_field *field = i < letter->field_count ? &letter->fields[i] : NULL;
		if (field && !stays(field)) {
			write_field(letter, field, &text);
			continue;
		}
		uint64_t next = field ? field->at : end;
		if (next > at || text.len > 0)
			good = take(context, &(struct engine_edit){at, next - at, buf_slice(&text)});
		buf_clear(&text);
		at = field ? field->at + field->len : end;
	}
	buf_free(&text);
	return good;
}

/* ---- Fields ---- */

static bool is_name(struct slice name)
{
	bool good = name.len > 0 && name.len <= ENGINE_FIELD_NAME_MAX;
	for (size_t i = 0; good && i < name.len; i++)
		good = name.at[i] > ' ' && name.at[i] < 0x7f && name.at[i] != ':';
	return good;
}

/* A line of a value, whose control characters become question marks; so does what isn't ASCII, unless the value is UTF-8. */
static bool add_line(struct buf *out, struct slice line, bool utf8)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char byte = (unsigned char)line.at[i];
		bool fine = byte == '\t' || (byte >= ' ' && byte < 0x7f) || (byte >= 0x80 && utf8);
		buf_append_char(out, fine ? line.at[i] : '?');
	}
	return line.len <= ENGINE_FIELD_LINE_MAX - 1;
}

static struct slice without_end_blanks(struct slice line)
{
	while (line.len > 0 && ascii_is_space(line.at[line.len - 1]))
		line.len--;
	return line;
}

/* What may stand behind a colon: lines of a milter, whose ends are LF or CR LF, as folds. False: a line is too long. */
static bool mend_value(struct engine_letter *letter, struct slice name, struct slice value, struct slice *mended)
{
	struct buf out = BUF(2 * ENGINE_CHANGES_SIZE);
	struct slice line;
	bool first = true, good = true, utf8 = slice_is_utf8(value);
	for (bool more = true; more; first = false) {
		more = slice_cut(value, '\n', &line, &value);
		line = without_end_blanks(line);
		if (first)
			good = line.len + name.len + 1 <= ENGINE_FIELD_LINE_MAX && add_line(&out, line, utf8);
		else if (slice_trim(line).len > 0) {
			buf_append_text(&out, line.at[0] == ' ' || line.at[0] == '\t' ? "\r\n" : "\r\n\t");
			good = good && add_line(&out, line, utf8);
		}
	}
	*mended = arena_copy(letter->arena, buf_slice(&out));
	good = good && !out.overflow;
	buf_free(&out);
	return good;
}

static bool is_allowed(const struct engine_letter *letter, struct slice name, struct slice value)
{
	return !letter->allows || letter->allows(letter->context, name, value);
}

/* The index in the list of the field that is number `position` of those that are there; where it ends, behind the last of these. */
static size_t index_of(const struct engine_letter *letter, size_t position)
{
	size_t behind = 0;
	for (size_t i = 0; i < letter->field_count; i++) {
		if (letter->fields[i].removed)
			continue;
		if (position-- == 0)
			return i;
		behind = i + 1;
	}
	return behind;
}

bool engine_letter_insert(struct engine_letter *letter, size_t position, struct slice name, struct slice value)
{
	struct engine_field field = {.changed = true};
	if (!is_name(name) || !is_allowed(letter, name, value) || letter->field_count >= ENGINE_FIELDS_MAX || !mend_value(letter, name, value, &field.value))
		return false;
	field.name = arena_copy(letter->arena, name);
	size_t index = index_of(letter, position);
	ARENA_GROW(letter->arena, letter->fields, letter->field_count, letter->field_room);
	memmove(letter->fields + index + 1, letter->fields + index, (letter->field_count - index) * sizeof *letter->fields);
	letter->fields[index] = field;
	letter->field_count++;
	letter->put_in += name.len + field.value.len + 3;
	letter->header_changed = true;
	return true;
}

static struct engine_field *find_field(const struct engine_letter *letter, struct slice name, size_t which)
{
	for (size_t i = 0; i < letter->field_count; i++)
		if (!letter->fields[i].removed && slice_equal_nocase(letter->fields[i].name, name) && --which == 0)
			return &letter->fields[i];
	return NULL;
}

bool engine_letter_change(struct engine_letter *letter, struct slice name, size_t which, struct slice value)
{
	struct engine_field *field = find_field(letter, name, which > 0 ? which : 1);
	struct slice mended;
	if (!is_name(name))
		return false;
	if (!field)
		return value.len == 0 || engine_letter_insert(letter, SIZE_MAX, name, value);
	if (!is_allowed(letter, name, slice_make(NULL, 0)) || (value.len > 0 && (!is_allowed(letter, name, value) || !mend_value(letter, name, value, &mended))))
		return false;
	letter->header_changed = field->changed = true;
	field->removed = value.len == 0;
	if (field->removed)
		return true;
	field->value = mended;
	letter->put_in += field->name.len + mended.len + 3;
	return true;
}

/* ---- Body and envelope ---- */

/* Appends without the line ends what goes up to the next one, and that as CR LF. */
static struct slice add_run(struct engine_body *body, struct slice piece)
{
	size_t len = 0;
	while (len < piece.len && piece.at[len] != '\r' && piece.at[len] != '\n')
		len++;
	buf_append(&body->text, slice_sub(piece, 0, len));
	if (len == piece.len)
		return slice_make(NULL, 0);
	buf_append(&body->text, SLICE("\r\n"));
	body->after_cr = piece.at[len] == '\r';
	return slice_skip(piece, len + 1);
}

const char *engine_body_add(struct engine_body *body, struct slice piece)
{
	if (slice_find_char(piece, '\0') != SLICE_NONE)
		return "the body that it wants has a NUL in it";
	while (piece.len > 0) {
		piece = slice_skip(piece, body->after_cr && piece.at[0] == '\n');
		body->after_cr = false;
		piece = add_run(body, piece);
	}
	bodies_held += body->text.len - body->held;
	body->held = body->text.len;
	return body->text.overflow ? "the body that it wants is too large" : bodies_held > ENGINE_BODIES_MAX ? "too many bodies are being replaced at the moment" : NULL;
}

void engine_body_free(struct engine_body *body)
{
	bodies_held -= body->held;
	body->held = 0;
	buf_free(&body->text);
}

void engine_letter_replace_body(struct engine_letter *letter, struct engine_body *body)
{
	struct slice text = buf_slice(&body->text);
	if (text.len > 0 && text.at[text.len - 1] != '\n')
		engine_body_add(body, SLICE("\r\n"));
	engine_body_free(&letter->replacement);
	letter->replacement = *body;
	*body = (struct engine_body){0};
	letter->body = buf_slice(&letter->replacement.text);
	letter->body_replaced = true;
}

/* Without brackets, blanks and what could end it early. */
static bool is_address(struct slice address)
{
	for (size_t i = 0; i < address.len; i++)
		if ((unsigned char)address.at[i] <= ' ' || address.at[i] == 0x7f || address.at[i] == '<' || address.at[i] == '>')
			return false;
	return slice_is_utf8(address);
}

bool engine_letter_set_sender(struct engine_letter *letter, struct slice address)
{
	if (!is_address(address))
		return false;
	letter->sender = arena_copy(letter->arena, address);
	letter->sender_changed = true;
	return true;
}

bool engine_letter_add_recipient(struct engine_letter *letter, struct slice address)
{
	if (address.len == 0 || !is_address(address) || letter->recipient_count - letter->recipients_asked >= ENGINE_RECIPIENTS_ADDED_MAX)
		return false;
	letter->recipients[letter->recipient_count++] = (struct engine_recipient){.address = arena_copy(letter->arena, address), .added = true};
	letter->recipients_changed = true;
	return true;
}

bool engine_letter_remove_recipient(struct engine_letter *letter, struct slice address)
{
	bool found = false;
	for (size_t i = 0; i < letter->recipient_count; i++)
		if (!letter->recipients[i].removed && slice_equal_nocase(letter->recipients[i].address, address))
			found = letter->recipients_changed = letter->recipients[i].removed = true;
	return found;
}
