/* Writing the message that was checked: headers, and bodies in encodings that every server takes (RFC 2045 §6), piece by piece. */
#include "jmap/email_make.h"

#include "base/random.h"
#include "message/date.h"
#include "message/encode.h"

/* How a body is written. */
enum encoding { AS_IT_IS, AS_IT_IS_8BIT, QUOTED_PRINTABLE, BASE64 };

static bool is_of(const struct jmap_made *part, struct slice type) { return slice_starts_nocase(part->type, type); }

/* Lines of ASCII, short enough, whose ends are CRLF; `mended`: other ends are written so. */
static void examine(struct slice content, bool mended, struct message_facts *facts)
{
	struct slice rest = content, line;
	bool more = content.len > 0;
	while (more) {
		more = slice_cut(rest, '\n', &line, &rest);
		bool cr = line.len > 0 && line.at[line.len - 1] == '\r';
		facts->not_lines |= more && !mended && !cr;
		line.len -= cr && more;
		facts->not_lines |= slice_find_char(line, '\r') != SLICE_NONE || slice_find_char(line, '\0') != SLICE_NONE;
		facts->eight_bit |= !slice_is_ascii(line);
		facts->long_line |= line.len > MESSAGE_LINE_MAX;
	}
}

static bool is_mostly_ascii(struct slice text)
{
	size_t others = 0;
	for (size_t i = 0; i < text.len; i++)
		others += (unsigned char)text.at[i] >= 0x7f || text.at[i] == '=';
	return others < text.len / 4;
}

/* A message inside must not be encoded (RFC 2046 §5.2.1); a blob is kept byte by byte. */
static enum encoding encoding_of(const struct jmap_made *part)
{
	struct message_facts facts = {0};
	examine(part->content, part->is_text, &facts);
	if (is_of(part, SLICE("message/rfc822")))
		return facts.eight_bit ? AS_IT_IS_8BIT : AS_IT_IS;
	if (!facts.eight_bit && !facts.long_line && !facts.not_lines && (part->is_text || is_of(part, SLICE("text/"))))
		return AS_IT_IS;
	return part->is_text && is_mostly_ascii(part->content) ? QUOTED_PRINTABLE : BASE64;
}

/* ---- headers ---- */

static bool has_field(const struct jmap_made *part, const char *name)
{
	struct jmap_header_property property;
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)part->object, key, value)
		if (strncmp(key, "header:", 7) == 0 && jmap_header_property_parse(key, &property) && slice_equal_nocase(property.name, slice_of(name)) && !json_is_null(value))
			return true;
	return false;
}

static void put_type(struct buf *out, struct jmap_made *part)
{
	if (part->first) {
		unsigned char random[12];
		random_bytes(random, sizeof random);
		memcpy(part->boundary, "=_", 3);
		for (size_t i = 0; i < sizeof random; i++)
			snprintf(part->boundary + 2 + 2 * i, 3, "%02x", random[i]);
	}
	if (has_field(part, "Content-Type") && !part->first)
		return;
	buf_printf(out, "Content-Type: %.*s", SLICE_ARG(part->type));
	if (part->is_text && is_of(part, SLICE("text/")))
		buf_append_text(out, "; charset=utf-8");
	else if (part->charset.len > 0)
		jmap_make_parameter(out, "charset", part->charset);
	if (part->first)
		jmap_make_parameter(out, "boundary", slice_of(part->boundary));
	if (part->name.len > 0 && part->disposition.len == 0)
		jmap_make_parameter(out, "name", part->name);
	buf_append_text(out, "\r\n");
}

static void put_language(struct buf *out, const json_t *tags)
{
	for (size_t i = 0; i < json_array_size(tags); i++)
		buf_printf(out, "%s%.*s", i == 0 ? "Content-Language: " : ",\r\n ", SLICE_ARG(jmap_slice_of(json_array_get(tags, i))));
	if (json_array_size(tags) > 0)
		buf_append_text(out, "\r\n");
}

static void put_disposition(struct buf *out, const struct jmap_made *part)
{
	if (part->disposition.len == 0)
		return;
	buf_printf(out, "Content-Disposition: %.*s", SLICE_ARG(part->disposition));
	if (part->name.len > 0)
		jmap_make_parameter(out, "filename", part->name);
	buf_append_text(out, "\r\n");
}

/* A multipart of ours has the boundary that we chose, whatever its Content-Type said. */
static void put_part_fields(struct buf *out, const struct jmap_made *part, struct arena *arena)
{
	struct jmap_header_property property;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)part->object, name, value)
		if (strncmp(name, "header:", 7) == 0 && jmap_header_property_parse(name, &property) &&
		    !(part->first && slice_equal_nocase(property.name, SLICE("Content-Type"))))
			jmap_make_field(out, &property, value, arena);
}

static void put_part_header(struct buf *out, struct jmap_made *part, enum encoding encoding, struct arena *arena)
{
	static const char *const names[] = {"7bit", "8bit", "quoted-printable", "base64"};
	put_part_fields(out, part, arena);
	put_type(out, part);
	put_disposition(out, part);
	if (part->cid.len > 0)
		buf_printf(out, "Content-ID: <%.*s>\r\n", SLICE_ARG(part->cid));
	put_language(out, part->language);
	if (part->location.len > 0)
		buf_printf(out, "Content-Location: %.*s\r\n", SLICE_ARG(header_encode(part->location, 18, arena)));
	if (!part->first && encoding != AS_IT_IS)
		buf_printf(out, "Content-Transfer-Encoding: %s\r\n", names[encoding]);
	buf_append_text(out, "\r\n");
}

/* Is the field there, in the Email or in its bodyStructure, whose fields are the message's? */
static bool is_set(const struct jmap_making *making, const char *field)
{
	struct jmap_header_property property;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)making->email, name, value)
		if (!json_is_null(value) && jmap_make_property(name, false, &property) && slice_equal_nocase(property.name, slice_of(field)) &&
		    !(json_is_array(value) && json_array_size(value) == 0))
			return true;
	return making->root->object && has_field(making->root, field);
}

/* RFC 5322 §3.6.1, §3.6.4: date and id are there. */
static void put_top(struct buf *out, const struct jmap_making *making)
{
	struct jmap_header_property property;
	char date[DATE_TEXT_MAX];
	const char *name;
	json_t *value;
	if (!is_set(making, "Message-ID"))
		buf_printf(out, "Message-ID: <%016llx.%016llx@%.*s>\r\n", (unsigned long long)random_u64(), (unsigned long long)random_u64(), SLICE_ARG(making->domain));
	if (!is_set(making, "Date")) {
		date_format_zone(making->now, 0, date);
		buf_printf(out, "Date: %s\r\n", date);
	}
	json_object_foreach((json_t *)making->email, name, value)
		if (jmap_make_property(name, false, &property))
			jmap_make_field(out, &property, value, making->arena);
	if (!is_set(making, "MIME-Version"))
		buf_append_text(out, "MIME-Version: 1.0\r\n");
}

/* ---- bodies ---- */

static void put_lines(struct mime_output *output, struct slice content)
{
	struct slice line;
	bool more = content.len > 0;
	while (more && !output->stopped) {
		more = slice_cut(content, '\n', &line, &content);
		line.len -= more && line.len > 0 && line.at[line.len - 1] == '\r';
		mime_output_put(output, line);
		if (more)
			mime_output_put(output, SLICE("\r\n"));
	}
}

static void put_content(struct mime_output *output, const struct jmap_made *part, enum encoding encoding)
{
	if (encoding == QUOTED_PRINTABLE)
		mime_encode_quoted_printable(output, part->content, false);
	else if (encoding == BASE64)
		mime_encode_base64(output, part->content, part->is_text);
	else if (part->is_text)
		put_lines(output, part->content);
	else
		mime_output_put(output, part->content);
}

static void put_part(struct mime_output *output, struct jmap_made *part, const struct jmap_making *making, const struct buf *before)
{
	enum encoding encoding = part->first ? AS_IT_IS : encoding_of(part);
	struct buf header = BUF(JMAP_MAKE_HEADER_MAX);
	if (before)
		buf_append(&header, buf_slice(before));
	put_part_header(&header, part, encoding, making->arena);
	mime_output_put(output, buf_slice(&header));
	output->stopped |= header.overflow;
	buf_free(&header);
	if (!part->first)
		put_content(output, part, encoding);
	for (struct jmap_made *child = part->first; child; child = child->next) {
		mime_output_put(output, arena_printf(making->arena, "\r\n--%s\r\n", part->boundary));
		put_part(output, child, making, NULL);
	}
	if (part->first)
		mime_output_put(output, arena_printf(making->arena, "\r\n--%s--\r\n", part->boundary));
}

bool jmap_email_write(struct jmap_making *making, message_sink *sink, void *context)
{
	struct mime_output output = {.sink = sink, .context = context};
	struct buf top = BUF(JMAP_MAKE_HEADER_MAX);
	put_top(&top, making);
	put_part(&output, making->root, making, &top);
	buf_free(&top);
	return mime_output_flush(&output);
}
