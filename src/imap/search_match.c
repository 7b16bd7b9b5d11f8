/* Does a message match? Text is compared decoded: transfer encoding and charset undone, encoded words read, case folded
 * (text_fold). Every key with text asks for a substring (RFC 3501 §6.4.4). */
#include "imap/search.h"

#include "message/date.h"
#include "message/header.h"

enum { SECONDS_PER_DAY = 86400 };

static bool contains(struct slice utf8, struct slice wanted, struct arena *arena)
{
	if (wanted.len == 0)
		return true;
	if (utf8.len == 0)
		return false;
	return slice_find(text_fold(utf8, arena), wanted) != SLICE_NONE;
}

static int64_t day_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / SECONDS_PER_DAY : (seconds - SECONDS_PER_DAY + 1) / SECONDS_PER_DAY;
}

/* ---- envelope ---- */

static const struct envelope *envelope_of(struct candidate *candidate)
{
	const struct part *root = source_structure(&candidate->source);
	return root ? root->envelope : NULL;
}

/* The empty text is in every field that is there (RFC 3501 §6.4.4, HEADER), and in none that isn't. */
static bool addresses_contain(const struct address *list, size_t count, struct slice wanted, struct arena *arena)
{
	if (wanted.len == 0)
		return count > 0;
	for (size_t i = 0; i < count; i++) {
		struct slice name = header_decode(list[i].name, arena);
		struct slice text = arena_printf(arena, "%.*s <%.*s@%.*s>", SLICE_ARG(name), SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
		if (contains(text, wanted, arena))
			return true;
	}
	return false;
}

static bool match_envelope(const struct search_node *node, struct candidate *candidate)
{
	const struct envelope *e = envelope_of(candidate);
	if (!e)
		return false;
	switch (node->key) {
	case SEARCH_FROM:
		return addresses_contain(e->from, e->from_count, node->text, candidate->arena);
	case SEARCH_TO:
		return addresses_contain(e->to, e->to_count, node->text, candidate->arena);
	case SEARCH_CC:
		return addresses_contain(e->cc, e->cc_count, node->text, candidate->arena);
	case SEARCH_BCC:
		return addresses_contain(e->bcc, e->bcc_count, node->text, candidate->arena);
	case SEARCH_MESSAGE_ID:
		return e->message_id.at && contains(e->message_id, node->text, candidate->arena);
	default:
		return e->subject.at && contains(header_decode(e->subject, candidate->arena), node->text, candidate->arena);
	}
}

/* The day as written in the Date field, whatever its zone (RFC 3501 §6.4.4). */
static bool match_sent(const struct search_node *node, struct candidate *candidate)
{
	const struct envelope *e = envelope_of(candidate);
	int64_t day;
	if (!e || !date_day(e->date, &day))
		return false;
	return node->key == SEARCH_SENT_BEFORE ? day < node->day : node->key == SEARCH_SENT_ON ? day == node->day : day >= node->day;
}

/* ---- content ---- */

static struct slice header_of(struct candidate *candidate)
{
	const struct part *root = source_structure(&candidate->source);
	if (root && !candidate->header_read) {
		uint64_t size = root->header_size < SEARCH_PART_MAX ? root->header_size : SEARCH_PART_MAX;
		candidate->header = BUF(size + 1);
		source_read(&candidate->source, root->header_at, size, &candidate->header);
		candidate->header_read = true;
	}
	return buf_slice(&candidate->header);
}

static bool match_header(const struct search_node *node, struct candidate *candidate)
{
	struct slice rest = header_of(candidate);
	struct header_field field;
	while (header_next(&rest, &field))
		if (slice_equal_nocase(field.name, node->field) && contains(header_decode(field.body, candidate->arena), node->text, candidate->arena))
			return true;
	return false;
}

static bool header_contains(struct slice header, struct slice wanted, struct arena *arena)
{
	struct header_field field;
	while (header_next(&header, &field)) {
		struct slice body = header_decode(field.body, arena);
		struct slice line = arena_printf(arena, "%.*s: %.*s", SLICE_ARG(field.name), SLICE_ARG(body));
		if (contains(line, wanted, arena))
			return true;
	}
	return false;
}

static bool text_contains(const struct part *part, struct slice raw, struct slice wanted, struct arena *arena)
{
	struct buf decoded = BUF(raw.len + 16), utf8 = BUF(raw.len * 4 + 16);
	mime_decode(part->encoding, raw, &decoded);
	charset_to_utf8(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), buf_slice(&decoded), &utf8);
	bool found = contains(buf_slice(&utf8), wanted, arena);
	buf_free(&decoded);
	buf_free(&utf8);
	return found;
}

/* A range of the file, as much of it as is looked at; the caller frees `out`. */
static struct slice read_range(struct candidate *candidate, uint64_t offset, uint64_t length, struct buf *out)
{
	if (length > SEARCH_PART_MAX)
		length = SEARCH_PART_MAX;
	*out = BUF(length + 1);
	source_read(&candidate->source, offset, length, out);
	return buf_slice(out);
}

static bool part_header_contains(const struct part *part, struct candidate *candidate, struct slice wanted)
{
	struct buf raw;
	bool found = header_contains(read_range(candidate, part->header_at, part->header_size, &raw), wanted, candidate->arena);
	buf_free(&raw);
	return found;
}

/* The text parts, reports and other messages in pieces that are text as well, and the headers of messages inside; with
 * TEXT, which asks for header and body, the MIME headers of the parts, too: they have the names of attachments. */
static bool part_contains(const struct part *part, struct candidate *candidate, struct slice wanted, bool mime_headers)
{
	bool message = slice_equal(part->type, SLICE("message")), found = false;
	if (slice_equal(part->type, SLICE("text")) || (message && part->child_count == 0)) {
		struct buf raw;
		found = text_contains(part, read_range(candidate, part->body_at, part->body_size, &raw), wanted, candidate->arena);
		buf_free(&raw);
		return found;
	}
	for (size_t i = 0; i < part->child_count && !found; i++) {
		const struct part *child = &part->children[i];
		found = ((message || mime_headers) && part_header_contains(child, candidate, wanted)) ||
			part_contains(child, candidate, wanted, mime_headers);
	}
	return found;
}

static bool match_body(const struct search_node *node, struct candidate *candidate)
{
	const struct part *root = source_structure(&candidate->source);
	if (node->text.len == 0)
		return true;
	if (!root)
		return false;
	return (node->key == SEARCH_TEXT && header_contains(header_of(candidate), node->text, candidate->arena)) ||
	       part_contains(root, candidate, node->text, node->key == SEARCH_TEXT);
}

/* ---- the tree ---- */

static bool match_all(const struct search_node *node, struct candidate *candidate, bool wanted)
{
	for (const struct search_node *child = node->children; child; child = child->next)
		if (search_match(child, candidate) != wanted)
			return false;
	return true;
}

bool search_match(const struct search_node *node, struct candidate *candidate)
{
	const struct message *message = candidate->source.message;
	unsigned flags = message->flags | (candidate->recent ? FLAG_RECENT : 0);
	int64_t day = day_of(message->received);
	switch (node->key) {
	case SEARCH_ALL:
		return true;
	case SEARCH_AND:
		return match_all(node, candidate, true);
	case SEARCH_OR:
		return !match_all(node, candidate, false);
	case SEARCH_NOT:
		return !search_match(node->children, candidate);
	case SEARCH_FLAG:
		return flags & node->flag;
	case SEARCH_NO_FLAG:
		return !(flags & node->flag);
	case SEARCH_NEW:
		return (flags & (FLAG_RECENT | FLAG_SEEN)) == FLAG_RECENT;
	case SEARCH_KEYWORD:
		return keywords_contain(message->keywords, node->field);
	case SEARCH_NO_KEYWORD:
		return !keywords_contain(message->keywords, node->field);
	case SEARCH_NUMBERS:
		return set_contains(&node->set, candidate->index);
	case SEARCH_UIDS:
		return set_contains(&node->set, message->uid);
	case SEARCH_BEFORE:
		return day < node->day;
	case SEARCH_ON:
		return day == node->day;
	case SEARCH_SINCE:
		return day >= node->day;
	case SEARCH_LARGER:
		return message->size > node->number;
	case SEARCH_SMALLER:
		return message->size < node->number;
	case SEARCH_SENT_BEFORE:
	case SEARCH_SENT_ON:
	case SEARCH_SENT_SINCE:
		return match_sent(node, candidate);
	case SEARCH_FROM:
	case SEARCH_TO:
	case SEARCH_CC:
	case SEARCH_BCC:
	case SEARCH_SUBJECT:
	case SEARCH_MESSAGE_ID:
		return match_envelope(node, candidate);
	case SEARCH_HEADER:
		return match_header(node, candidate);
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return match_body(node, candidate);
	}
	return false;
}
