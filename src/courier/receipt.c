/* Reading what tells of a message's fate; see receipt.h. */
#include "courier/receipt.h"

#include "message/address.h"
#include "message/header.h"
#include "message/mime.h"

static bool is_type(const struct mime_part *part, const char *type, const char *subtype)
{
	return slice_equal(part->type, slice_of(type)) && slice_equal(part->subtype, slice_of(subtype));
}

static const struct mime_part *find_child(const struct mime_part *root, const char *type, const char *subtype)
{
	for (size_t i = 0; i < root->child_count; i++)
		if (is_type(&root->children[i], type, subtype))
			return &root->children[i];
	return NULL;
}

static struct slice content_of(struct slice message, const struct mime_part *part, struct arena *arena)
{
	struct buf decoded = BUF(RECEIPT_FIELDS_MAX);
	mime_decode(part->encoding, slice_sub(message, (size_t)part->body_at, (size_t)part->body_size), &decoded);
	struct slice content = arena_copy(arena, buf_slice(&decoded));
	buf_free(&decoded);
	return content;
}

static struct slice clean(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, slice_sub(slice_trim(text), 0, RECEIPT_TEXT_MAX));
	char *at = (char *)copy.at;
	for (size_t i = 0; i < copy.len; i++)
		at[i] = (unsigned char)at[i] < ' ' || (unsigned char)at[i] >= 0x7f ? ' ' : at[i];
	return copy;
}

/* What stands behind "rfc822;", "smtp;" …; another type: nothing. */
static struct slice typed(struct slice text, struct slice wanted, struct arena *arena)
{
	struct slice type, value;
	if (!slice_cut(text, ';', &type, &value) || !slice_equal_nocase(slice_trim(type), wanted))
		return SLICE("");
	return clean(value, arena);
}

static struct slice address_of(struct slice text, struct arena *arena)
{
	struct slice address = typed(text, SLICE("rfc822"), arena);
	if (address.len > 2 && address.at[0] == '<' && address.at[address.len - 1] == '>')
		address = slice_sub(address, 1, address.len - 2);
	return address;
}

static struct slice without_brackets(struct slice id)
{
	id = slice_trim(id);
	return id.len > 2 && id.at[0] == '<' && id.at[id.len - 1] == '>' ? slice_sub(id, 1, id.len - 2) : SLICE("");
}

static struct courier_receipt_recipient *add_recipient(struct courier_receipt *receipt)
{
	if (receipt->recipient_count == RECEIPT_RECIPIENTS_MAX)
		return NULL;
	struct courier_receipt_recipient *recipient = &receipt->recipients[receipt->recipient_count++];
	*recipient = (struct courier_receipt_recipient){.address = SLICE(""), .original = SLICE(""), .reply = SLICE("")};
	return recipient;
}

static void read_action(struct slice action, struct courier_receipt_recipient *recipient)
{
	action = slice_trim(action);
	if (slice_equal_nocase(action, SLICE("delivered")))
		recipient->fate = RECEIPT_DELIVERED;
	else if (slice_equal_nocase(action, SLICE("failed")))
		recipient->fate = RECEIPT_FAILED;
}

/* "manual-action/MDN-sent-manually; displayed/modifiers" */
static void read_disposition(struct slice text, struct courier_receipt_recipient *recipient)
{
	struct slice modes, type, rest;
	if (!slice_cut(text, ';', &modes, &type))
		return;
	slice_cut(type, '/', &type, &rest);
	if (slice_equal_nocase(slice_trim(type), SLICE("displayed")))
		recipient->fate = RECEIPT_DISPLAYED;
}

/* Of whom a field speaks: a new one begins with each field that names him, but where the former hasn't been named so. */
static void read_field(struct courier_receipt *receipt, struct courier_receipt_recipient **current, const struct header_field *field, struct arena *arena)
{
	struct slice name = field->name, body = header_unfold(field->body, arena);
	bool final = slice_equal_nocase(name, SLICE("Final-Recipient")), original = slice_equal_nocase(name, SLICE("Original-Recipient"));
	if ((final || original) && (!*current || (final ? (*current)->address : (*current)->original).len > 0))
		*current = add_recipient(receipt);
	if (slice_equal_nocase(name, SLICE("Original-Envelope-Id")) && receipt->envelope.len == 0)
		receipt->envelope = clean(body, arena);
	else if (slice_equal_nocase(name, SLICE("Original-Message-ID")) && receipt->message_id.len == 0)
		receipt->message_id = without_brackets(clean(body, arena));
	if (!*current)
		return;
	if (final)
		(*current)->address = address_of(body, arena);
	else if (original)
		(*current)->original = address_of(body, arena);
	else if (slice_equal_nocase(name, SLICE("Action")))
		read_action(body, *current);
	else if (slice_equal_nocase(name, SLICE("Diagnostic-Code")))
		(*current)->reply = typed(body, SLICE("smtp"), arena);
	else if (slice_equal_nocase(name, SLICE("Disposition")))
		read_disposition(body, *current);
}

/* Groups of fields are divided by empty lines: about the message, and about each recipient (RFC 3464 §2.1). */
static void read_groups(struct courier_receipt *receipt, struct slice text, struct arena *arena)
{
	struct courier_receipt_recipient *current = NULL;
	struct header_field field;
	while (text.len > 0) {
		size_t before = text.len;
		struct slice rest = text;
		while (header_next(&rest, &field)) {
			read_field(receipt, &current, &field, arena);
			text = rest;
		}
		if (!receipt->disposition)
			current = NULL;
		struct slice line;
		slice_cut(text, '\n', &line, &text); /* the empty line, or what is no field */
		if (text.len >= before)
			return;
	}
}

static struct slice original_id(struct slice message, const struct mime_part *root, struct arena *arena)
{
	static const char *const types[][2] = {{"message", "rfc822"}, {"text", "rfc822-headers"}, {"message", "global"}, {"message", "global-headers"}};
	const struct mime_part *part = NULL;
	struct header_field field;
	for (size_t i = 0; i < sizeof types / sizeof *types && !part; i++)
		part = find_child(root, types[i][0], types[i][1]);
	struct slice text = part ? content_of(message, part, arena) : SLICE("");
	return header_find(slice_sub(text, 0, header_length(text)), SLICE("Message-ID"), &field) ? without_brackets(clean(header_unfold(field.body, arena), arena)) : SLICE("");
}

bool courier_receipt_may_be(struct slice header)
{
	struct header_field field;
	return header_find(header, SLICE("Content-Type"), &field) && slice_starts_nocase(slice_trim(field.body), SLICE("multipart/report"));
}

static bool is_or_is_below(struct slice name, struct slice domain)
{
	size_t more = name.len > domain.len ? name.len - domain.len : 0;
	return domain.len > 0 && slice_equal_nocase(slice_skip(name, more), domain) && (more == 0 || name.at[more - 1] == '.');
}

bool courier_receipt_may_say(bool disposition, struct slice author, struct slice address)
{
	struct slice local, domain, other_local, other_domain;
	if (disposition)
		return author.len > 0 && slice_equal_nocase(author, address);
	address_split(author, &local, &domain);
	address_split(address, &other_local, &other_domain);
	return (slice_equal_nocase(local, SLICE("postmaster")) || slice_equal_nocase(local, SLICE("mailer-daemon"))) && is_or_is_below(domain, other_domain);
}

bool courier_receipt_read(struct slice message, struct arena *arena, struct courier_receipt *receipt)
{
	struct mime_part *root = mime_parse(message, arena);
	*receipt = (struct courier_receipt){.envelope = SLICE(""), .message_id = SLICE("")};
	if (!is_type(root, "multipart", "report"))
		return false;
	const struct mime_part *fields = find_child(root, "message", "delivery-status");
	fields = fields ? fields : find_child(root, "message", "global-delivery-status");
	receipt->disposition = fields == NULL;
	fields = fields ? fields : find_child(root, "message", "disposition-notification");
	if (!fields)
		return false;
	receipt->recipients = arena_array(arena, RECEIPT_RECIPIENTS_MAX, sizeof *receipt->recipients);
	read_groups(receipt, content_of(message, fields, arena), arena);
	if (receipt->message_id.len == 0)
		receipt->message_id = original_id(message, root, arena);
	return true;
}
