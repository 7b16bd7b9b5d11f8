/* Does a message match? Text is compared decoded: transfer encoding and charset undone, encoded words read, case folded
 * (text_fold_blanks). Every key with text asks for a substring (RFC 3501 §6.4.4). */
#include "message/date.h"
#include "message/header.h"
#include "query/internal.h"

enum {
	SECONDS_PER_DAY = 86400,
	LIST_MAX = 64 * 1024 * 1024, /* bytes of a field's text, folded */
};

static int64_t day_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / SECONDS_PER_DAY : (seconds - SECONDS_PER_DAY + 1) / SECONDS_PER_DAY;
}

static bool matches(const struct query_node *node, struct query_message *message);

/* ---- what is known of the message ---- */

static bool match_anything(const struct query_node *node, struct query_message *message)
{
	(void)node, (void)message;
	return true;
}

static bool match_flags(const struct query_node *node, struct query_message *message)
{
	return (message->flags & node->flag_mask) == node->flags;
}

static bool match_keyword(const struct query_node *node, struct query_message *message)
{
	return slice_has_word_nocase(message->keywords, node->field) == (node->key == QUERY_KEYWORD);
}

static bool match_number(const struct query_node *node, struct query_message *message)
{
	return ranges_contain(&node->set, node->key == QUERY_UIDS ? message->uid : message->number);
}

static bool match_size(const struct query_node *node, struct query_message *message)
{
	uint64_t size = message->size, number = node->number;
	return node->key == QUERY_LARGER ? size > number : size < number;
}

static bool is_day(const struct query_node *node, int64_t day)
{
	if (node->key == QUERY_BEFORE || node->key == QUERY_SENT_BEFORE)
		return day < node->day;
	return node->key == QUERY_ON || node->key == QUERY_SENT_ON ? day == node->day : day >= node->day;
}

static bool match_received(const struct query_node *node, struct query_message *message)
{
	return is_day(node, day_of(message->received));
}

/* ---- envelope ---- */

static const struct envelope *envelope_of(struct query_message *message)
{
	const struct mime_part *root = message->asks->structure(message->context);
	return root ? root->envelope : NULL;
}

/* Stands between the texts of one list: no text to search for holds it, since that is UTF-8. */
static const char BETWEEN = '\xff';

static void add_folded(struct query_message *message, struct slice utf8, struct buf *out)
{
	buf_append(out, text_fold_blanks(utf8, message->step));
	buf_append_char(out, BETWEEN);
}

static void add_addresses(struct query_message *message, const struct address *list, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		struct slice name = header_decode(list[i].name, message->step);
		add_folded(message, arena_printf(message->step, "%.*s <%.*s@%.*s>", SLICE_ARG(name), SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain)), out);
		arena_reset(message->step);
	}
}

static void add_text(struct query_message *message, struct slice text, bool encoded, struct buf *out)
{
	if (text.at)
		add_folded(message, encoded ? header_decode(text, message->step) : text, out);
	arena_reset(message->step);
}

static void write_list(struct query_message *message, const struct envelope *e, enum query_key key, struct buf *out)
{
	const struct { const struct address *list; size_t count; } people[] = {{e->from, e->from_count}, {e->to, e->to_count}, {e->cc, e->cc_count}, {e->bcc, e->bcc_count}};
	if (key <= QUERY_BCC)
		add_addresses(message, people[key - QUERY_FROM].list, people[key - QUERY_FROM].count, out);
	else if (key == QUERY_SUBJECT)
		add_text(message, e->subject, true, out);
	else
		add_text(message, e->message_id, false, out);
}

/* What a key of the envelope asks for, decoded and folded once, however many keys ask. Empty: the field isn't there. */
static struct slice envelope_list(struct query_message *message, enum query_key key)
{
	unsigned list = key - QUERY_FROM;
	const struct envelope *e = envelope_of(message);
	if (!message->listed[list] && e) {
		struct buf out = BUF(LIST_MAX);
		write_list(message, e, key, &out);
		message->lists[list] = arena_copy(message->arena, buf_slice(&out));
		buf_free(&out);
	}
	message->listed[list] = true;
	return message->lists[list];
}

/* The empty text is in every field that is there (RFC 3501 §6.4.4, HEADER), and in none that isn't. */
static bool match_envelope(const struct query_node *node, struct query_message *message)
{
	struct slice list = envelope_list(message, node->key);
	return list.len > 0 && slice_find(list, node->text) != SLICE_NONE;
}

/* The day as written in the Date field, whatever its zone (RFC 3501 §6.4.4). */
static bool match_sent(const struct query_node *node, struct query_message *message)
{
	const struct envelope *e = envelope_of(message);
	int64_t day;
	return e && date_day(e->date, &day) && is_day(node, day);
}

/* ---- content ---- */

static bool match_header(const struct query_node *node, struct query_message *message)
{
	if (!message->header_scanned)
		query_scan_header(message);
	message->header_scanned = true;
	return node->found;
}

static bool match_body(const struct query_node *node, struct query_message *message)
{
	if (node->text.len == 0 || (node->key == QUERY_TEXT && match_header(node, message)))
		return true;
	if (!message->parts_scanned)
		query_scan_parts(message);
	message->parts_scanned = true;
	return node->found;
}

/* ---- the tree ---- */

static bool all_are(const struct query_node *node, struct query_message *message, bool wanted)
{
	for (const struct query_node *child = node->children; child; child = child->next)
		if (matches(child, message) != wanted)
			return false;
	return true;
}

static bool match_and(const struct query_node *node, struct query_message *message)
{
	return all_are(node, message, true);
}

static bool match_or(const struct query_node *node, struct query_message *message)
{
	return !all_are(node, message, false);
}

static bool match_not(const struct query_node *node, struct query_message *message)
{
	return !matches(node->children, message);
}

static bool matches(const struct query_node *node, struct query_message *message)
{
	static bool (*const matchers[QUERY_KEYS])(const struct query_node *node, struct query_message *message) = {
		[QUERY_ALL] = match_anything, [QUERY_AND] = match_and, [QUERY_OR] = match_or, [QUERY_NOT] = match_not,
		[QUERY_FLAGS] = match_flags, [QUERY_KEYWORD] = match_keyword, [QUERY_NO_KEYWORD] = match_keyword,
		[QUERY_NUMBERS] = match_number, [QUERY_UIDS] = match_number,
		[QUERY_BEFORE] = match_received, [QUERY_ON] = match_received, [QUERY_SINCE] = match_received,
		[QUERY_LARGER] = match_size, [QUERY_SMALLER] = match_size,
		[QUERY_SENT_BEFORE] = match_sent, [QUERY_SENT_ON] = match_sent, [QUERY_SENT_SINCE] = match_sent,
		[QUERY_FROM] = match_envelope, [QUERY_TO] = match_envelope, [QUERY_CC] = match_envelope, [QUERY_BCC] = match_envelope,
		[QUERY_SUBJECT] = match_envelope, [QUERY_MESSAGE_ID] = match_envelope,
		[QUERY_HEADER] = match_header, [QUERY_BODY] = match_body, [QUERY_TEXT] = match_body,
	};
	return matchers[node->key](node, message);
}

bool query_matches(struct query *query, struct query_message *message)
{
	for (struct query_node *node = query->texts; node; node = node->next_text)
		node->found = false;
	message->query = query;
	return matches(query->root, message);
}

/* ---- grams ---- */

/* What is kept of one piece for the next, as if a text of that length was looked for: two characters at least. */
enum { GRAM_REACH = 16 };

bool query_grams_of(struct query_message *message, struct query_grams *grams)
{
	struct query nothing = {.longest = GRAM_REACH};
	message->query = &nothing;
	message->grams = grams;
	for (int key = QUERY_FROM; key <= QUERY_MESSAGE_ID; key++)
		query_grams_add(grams, envelope_list(message, (enum query_key)key));
	query_scan_header(message);
	query_scan_parts(message);
	return !message->refused && !message->unread && message->asks->structure(message->context);
}
