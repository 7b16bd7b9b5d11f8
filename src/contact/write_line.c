/* The lines of a vCard that is written, and their parameters; see write.h. */
#include "contact/write.h"

#include <stdlib.h>
#include <string.h>

enum { FOLD_AT = 75 /* octets, RFC 6350 §3.2 */ };

/* ---- Lines ---- */

/* Folded between characters. */
void contact_write_end(struct contact_writing *writing)
{
	struct slice rest = buf_slice(&writing->line);
	size_t room = FOLD_AT;
	while (rest.len > room) {
		size_t len = room;
		while (len > 1 && ((unsigned char)rest.at[len] & 0xc0) == 0x80)
			len--;
		buf_append(writing->out, slice_sub(rest, 0, len));
		buf_append_text(writing->out, "\r\n ");
		rest = slice_skip(rest, len);
		room = FOLD_AT - 1;
	}
	buf_append(writing->out, rest);
	buf_append_text(writing->out, "\r\n");
	buf_clear(&writing->line);
}

void contact_write_escaped(struct contact_writing *writing, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '\\' || c == ',' || c == ';')
			buf_append_char(&writing->line, '\\');
		if (c == '\n')
			buf_append_text(&writing->line, "\\n");
		else if (c != '\r')
			buf_append_char(&writing->line, c);
	}
}

/* RFC 6868, in quotes where RFC 6350 §3.3 wants them. */
static void add_parameter_value(struct contact_writing *writing, struct slice value)
{
	bool quoted = false;
	for (size_t i = 0; i < value.len; i++)
		quoted |= strchr(",;: ", value.at[i]) != NULL && value.at[i] != '\0';
	if (quoted)
		buf_append_char(&writing->line, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		if (c == '\n' || c == '"' || c == '^')
			buf_append_text(&writing->line, c == '\n' ? "^n" : c == '"' ? "^'" : "^^");
		else if ((unsigned char)c >= ' ' || c == '\t')
			buf_append_char(&writing->line, c);
	}
	if (quoted)
		buf_append_char(&writing->line, '"');
}

void contact_write_parameter(struct contact_writing *writing, const char *name, struct slice value)
{
	buf_append_char(&writing->line, ';');
	for (const char *c = name; *c; c++)
		buf_append_char(&writing->line, ascii_upper(*c));
	buf_append_char(&writing->line, '=');
	add_parameter_value(writing, value);
}

void contact_write_begin(struct contact_writing *writing, struct slice group, const char *name)
{
	buf_clear(&writing->line);
	if (group.len > 0) {
		buf_append(&writing->line, group);
		buf_append_char(&writing->line, '.');
	}
	for (const char *c = name; *c; c++)
		buf_append_char(&writing->line, ascii_upper(*c));
}

void contact_write_text(struct contact_writing *writing, const char *name, struct slice text)
{
	contact_write_begin(writing, (struct slice){0}, name);
	buf_append_char(&writing->line, ':');
	contact_write_escaped(writing, text);
	contact_write_end(writing);
}

/* ---- Parameters of entries ---- */

bool contact_write_is_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0;
}

void contact_write_types(struct contact_writing *writing, const json_t *set)
{
	static const struct { const char *value, *type; } names[] = {{"private", "home"}, {"mobile", "cell"}};
	const char *value;
	json_t *is;
	json_object_foreach((json_t *)set, value, is) {
		const char *type = value;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (strcmp(value, names[i].value) == 0)
				type = names[i].type;
		contact_write_parameter(writing, "type", slice_of(type));
	}
}

void contact_write_given(struct contact_writing *writing, const char *name, const json_t *value)
{
	size_t i;
	json_t *one;
	if (!contact_write_is_name(slice_of(name)) || strcmp(name, "group") == 0 || strcmp(name, "x-ablabel") == 0)
		return;
	if (json_is_string(value))
		contact_write_parameter(writing, name, contact_text_of(value));
	json_array_foreach(value, i, one)
		contact_write_parameter(writing, name, contact_text_of(one));
}

static void add_number(struct contact_writing *writing, const char *name, const json_t *number)
{
	char text[32];
	if (json_is_integer(number)) {
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(number));
		contact_write_parameter(writing, name, slice_of(text));
	}
}

void contact_write_text_parameter(struct contact_writing *writing, const char *name, const json_t *text)
{
	if (json_is_string(text))
		contact_write_parameter(writing, name, contact_text_of(text));
}

void contact_write_parameters(struct contact_writing *writing, const char *key, const json_t *entry)
{
	const char *name;
	json_t *value;
	if (key && writing->version == CONTACT_VCARD_4)
		contact_write_parameter(writing, "prop-id", slice_of(key));
	contact_write_types(writing, json_object_get(entry, "contexts"));
	contact_write_types(writing, json_object_get(entry, "features"));
	if (writing->version == CONTACT_VCARD_4)
		add_number(writing, "pref", json_object_get(entry, "pref"));
	else if (json_object_get(entry, "pref"))
		contact_write_parameter(writing, "type", SLICE("pref"));
	add_number(writing, "index", json_object_get(entry, "listAs"));
	json_object_foreach(json_object_get(entry, "vCardParams"), name, value)
		contact_write_given(writing, name, value);
}

/* The group that ties it to its label. */
struct slice contact_write_group_of(struct contact_writing *writing, const json_t *entry, char room[16])
{
	struct slice given = contact_text_of(json_object_get(json_object_get(entry, "vCardParams"), "group"));
	if (contact_write_is_name(given))
		return given;
	if (!json_object_get(entry, "label"))
		return (struct slice){0};
	snprintf(room, 16, "item%u", ++writing->groups);
	return slice_of(room);
}

void contact_write_label(struct contact_writing *writing, struct slice group, const json_t *entry)
{
	json_t *label = json_object_get(entry, "label"), *given = json_object_get(json_object_get(entry, "vCardParams"), "x-ablabel");
	struct slice text = contact_text_of(label), apple = contact_text_of(given);
	if (!label)
		return;
	bool same = apple.len == text.len + 8 && slice_equal(slice_sub(apple, 4, text.len), text);
	contact_write_begin(writing, group, "x-ablabel");
	buf_append_char(&writing->line, ':');
	contact_write_escaped(writing, same ? apple : text);
	contact_write_end(writing);
}
