/* ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 §7.4.2). Depth is bounded by MIME_DEPTH_MAX: the tree was made so. */
#include "imap/fetch.h"

#include "imap/write.h"

/* ---- envelope ---- */

static struct slice nil_if_empty(struct slice s)
{
	return s.len > 0 ? s : slice_make(NULL, 0);
}

static struct slice present(struct slice s)
{
	return s.at ? s : slice_make("", 0);
}

/* "(name adl mailbox host)": a group begins with its name as mailbox and no host, and ends with neither. */
static void write_address(struct buf *out, const struct address *address)
{
	buf_append_char(out, '(');
	imap_write_nstring(out, address->kind == ADDRESS_MAILBOX ? nil_if_empty(address->name) : slice_make(NULL, 0));
	buf_append_char(out, ' ');
	imap_write_nstring(out, nil_if_empty(address->route));
	buf_append_char(out, ' ');
	imap_write_nstring(out, address->kind == ADDRESS_GROUP_END ? slice_make(NULL, 0) : present(address->local));
	buf_append_char(out, ' ');
	imap_write_nstring(out, address->kind == ADDRESS_MAILBOX ? present(address->domain) : slice_make(NULL, 0));
	buf_append_char(out, ')');
}

static void write_addresses(struct buf *out, const struct address *list, size_t count)
{
	buf_append_char(out, ' ');
	if (count == 0) {
		buf_append_text(out, "NIL");
		return;
	}
	buf_append_char(out, '(');
	for (size_t i = 0; i < count; i++)
		write_address(out, &list[i]);
	buf_append_char(out, ')');
}

void imap_write_envelope(struct buf *out, const struct envelope *envelope)
{
	static const struct envelope empty;
	const struct envelope *e = envelope ? envelope : &empty;
	/* Without a sender or reply-to the author stands there (RFC 3501 §7.4.2). */
	bool has_sender = e->sender_count > 0, has_reply_to = e->reply_to_count > 0;
	buf_append_char(out, '(');
	imap_write_nstring(out, e->date);
	buf_append_char(out, ' ');
	imap_write_nstring(out, e->subject);
	write_addresses(out, e->from, e->from_count);
	write_addresses(out, has_sender ? e->sender : e->from, has_sender ? e->sender_count : e->from_count);
	write_addresses(out, has_reply_to ? e->reply_to : e->from, has_reply_to ? e->reply_to_count : e->from_count);
	write_addresses(out, e->to, e->to_count);
	write_addresses(out, e->cc, e->cc_count);
	write_addresses(out, e->bcc, e->bcc_count);
	buf_append_char(out, ' ');
	imap_write_nstring(out, e->in_reply_to);
	buf_append_char(out, ' ');
	imap_write_nstring(out, e->message_id);
	buf_append_char(out, ')');
}

/* ---- structure ---- */

/* A value that isn't ASCII goes out in its RFC 2231 form: "name*" and percent-encoded UTF-8. */
static void write_extended_value(struct buf *out, struct slice value)
{
	buf_append_text(out, "\"utf-8''");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		if (ascii_is_alpha((char)c) || ascii_is_digit((char)c) || c == '.' || c == '-' || c == '_')
			buf_append_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
	buf_append_char(out, '"');
}

static void write_parameters(struct buf *out, const struct parameter *list, size_t count)
{
	if (count == 0) {
		buf_append_text(out, "NIL");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		bool extended = !slice_is_ascii(list[i].value);
		buf_append_char(out, i == 0 ? '(' : ' ');
		buf_append_char(out, '"');
		for (size_t j = 0; j < list[i].name.len; j++) {
			char c = list[i].name.at[j];
			buf_append_char(out, (unsigned char)c < 0x20 || (unsigned char)c > 0x7e || c == '"' || c == '\\' ? '?' : c);
		}
		buf_append_text(out, extended ? "*\" " : "\" ");
		if (extended)
			write_extended_value(out, list[i].value);
		else
			imap_write_string(out, list[i].value);
	}
	buf_append_char(out, ')');
}

static void write_disposition(struct buf *out, const struct mime_part *part)
{
	if (part->disposition.len == 0) {
		buf_append_text(out, "NIL");
		return;
	}
	buf_append_char(out, '(');
	imap_write_string(out, part->disposition);
	buf_append_char(out, ' ');
	write_parameters(out, part->disposition_parameters, part->disposition_parameter_count);
	buf_append_char(out, ')');
}

/* One tag as a string, several as a list (RFC 3501 §9, body-fld-lang). */
static void write_languages(struct buf *out, struct slice rest)
{
	bool several = slice_find_char(rest, ',') != SLICE_NONE;
	struct slice tag;
	if (!several) {
		imap_write_nstring(out, nil_if_empty(rest));
		return;
	}
	buf_append_char(out, '(');
	for (bool more = true, first = true; more; first = false) {
		more = slice_cut(rest, ',', &tag, &rest);
		if (!first)
			buf_append_char(out, ' ');
		imap_write_string(out, slice_trim(tag));
	}
	buf_append_char(out, ')');
}

/* Disposition, language, location: the end of both kinds of extension data. */
static void write_extension(struct buf *out, const struct mime_part *part)
{
	buf_append_char(out, ' ');
	write_disposition(out, part);
	buf_append_char(out, ' ');
	write_languages(out, part->language);
	buf_append_char(out, ' ');
	imap_write_nstring(out, nil_if_empty(part->location));
}

static const char empty_part[] = "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)";

static void write_multipart(struct buf *out, const struct mime_part *part, bool extended)
{
	buf_append_char(out, '(');
	for (size_t i = 0; i < part->child_count; i++)
		imap_write_structure(out, &part->children[i], extended);
	if (part->child_count == 0) /* the grammar knows no multipart without parts */
		buf_append_text(out, empty_part);
	buf_append_char(out, ' ');
	imap_write_string(out, part->subtype);
	if (extended) {
		buf_append_char(out, ' ');
		write_parameters(out, part->parameters, part->parameter_count);
		write_extension(out, part);
	}
	buf_append_char(out, ')');
}

/* message/rfc822 has the envelope and structure of what is inside, also where the parser has stopped at its limits. */
static void write_inner_message(struct buf *out, const struct mime_part *part, bool extended)
{
	const struct mime_part *inner = part->child_count == 1 ? &part->children[0] : NULL;
	buf_append_char(out, ' ');
	imap_write_envelope(out, inner ? inner->envelope : NULL);
	buf_append_char(out, ' ');
	if (inner)
		imap_write_structure(out, inner, extended);
	else
		buf_append_text(out, empty_part);
}

static void write_single(struct buf *out, const struct mime_part *part, bool extended)
{
	bool text = slice_equal(part->type, SLICE("text"));
	bool message = slice_equal(part->type, SLICE("message")) && slice_equal(part->subtype, SLICE("rfc822"));
	buf_append_char(out, '(');
	imap_write_string(out, part->type);
	buf_append_char(out, ' ');
	imap_write_string(out, part->subtype);
	buf_append_char(out, ' ');
	write_parameters(out, part->parameters, part->parameter_count);
	buf_append_char(out, ' ');
	imap_write_nstring(out, nil_if_empty(part->id));
	buf_append_char(out, ' ');
	imap_write_nstring(out, nil_if_empty(part->description));
	buf_append_char(out, ' ');
	imap_write_string(out, part->encoding.len > 0 ? part->encoding : SLICE("7bit"));
	buf_printf(out, " %llu", (unsigned long long)part->body_size);
	if (message)
		write_inner_message(out, part, extended);
	if (text || message)
		buf_printf(out, " %u", part->body_lines);
	if (extended) {
		buf_append_char(out, ' ');
		imap_write_nstring(out, nil_if_empty(part->md5));
		write_extension(out, part);
	}
	buf_append_char(out, ')');
}

void imap_write_structure(struct buf *out, const struct mime_part *part, bool extended)
{
	if (slice_equal(part->type, SLICE("multipart")))
		write_multipart(out, part, extended);
	else
		write_single(out, part, extended);
}
