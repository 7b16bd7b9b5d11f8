/* Does a message match? Text is compared decoded: transfer encoding and charset undone, encoded words read, case folded
 * (text_fold_blanks). Every key with text asks for a substring (RFC 3501 §6.4.4). */
#include "imap/search.h"

#include "message/date.h"
#include "message/header.h"

enum { SECONDS_PER_DAY = 86400 };

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

/* Stands between the texts of one list: no text to search for holds it, since that is UTF-8. */
static const char BETWEEN = '\xff';

static void add_folded(struct candidate *candidate, struct slice utf8, struct buf *out)
{
	buf_append(out, text_fold_blanks(utf8, candidate->step));
	buf_append_char(out, BETWEEN);
}

static void add_addresses(struct candidate *candidate, const struct address *list, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		struct slice name = header_decode(list[i].name, candidate->step);
		add_folded(candidate, arena_printf(candidate->step, "%.*s <%.*s@%.*s>", SLICE_ARG(name), SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain)), out);
		arena_reset(candidate->step);
	}
}

static void add_text(struct candidate *candidate, struct slice text, bool encoded, struct buf *out)
{
	if (text.at)
		add_folded(candidate, encoded ? header_decode(text, candidate->step) : text, out);
	arena_reset(candidate->step);
}

static void write_list(struct candidate *candidate, const struct envelope *e, enum search_list list, struct buf *out)
{
	switch (list) {
	case LIST_FROM:
		add_addresses(candidate, e->from, e->from_count, out);
		break;
	case LIST_TO:
		add_addresses(candidate, e->to, e->to_count, out);
		break;
	case LIST_CC:
		add_addresses(candidate, e->cc, e->cc_count, out);
		break;
	case LIST_BCC:
		add_addresses(candidate, e->bcc, e->bcc_count, out);
		break;
	case LIST_SUBJECT:
		add_text(candidate, e->subject, true, out);
		break;
	case LIST_MESSAGE_ID:
		add_text(candidate, e->message_id, false, out);
		break;
	case SEARCH_LISTS:
		break;
	}
}

/* What a key of the envelope asks for, decoded and folded once, however many keys ask. Empty: the field isn't there. */
static struct slice folded_list(struct candidate *candidate, enum search_list list)
{
	const struct envelope *e = envelope_of(candidate);
	if (!candidate->listed[list] && e) {
		struct buf out = BUF(RESPONSE_MAX);
		write_list(candidate, e, list, &out);
		candidate->lists[list] = arena_copy(candidate->arena, buf_slice(&out));
		buf_free(&out);
	}
	candidate->listed[list] = true;
	return candidate->lists[list];
}

/* The empty text is in every field that is there (RFC 3501 §6.4.4, HEADER), and in none that isn't. */
static bool match_envelope(const struct search_node *node, struct candidate *candidate)
{
	static const enum search_list lists[] = {
		[SEARCH_FROM] = LIST_FROM, [SEARCH_TO] = LIST_TO, [SEARCH_CC] = LIST_CC, [SEARCH_BCC] = LIST_BCC, [SEARCH_SUBJECT] = LIST_SUBJECT,
		[SEARCH_MESSAGE_ID] = LIST_MESSAGE_ID,
	};
	struct slice list = folded_list(candidate, lists[node->key]);
	return list.len > 0 && slice_find(list, node->text) != SLICE_NONE;
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

static bool match_header(const struct search_node *node, struct candidate *candidate)
{
	if (!candidate->header_scanned)
		search_scan_header(candidate);
	candidate->header_scanned = true;
	return node->found;
}

static bool match_body(const struct search_node *node, struct candidate *candidate)
{
	if (node->text.len == 0 || (node->key == SEARCH_TEXT && match_header(node, candidate)))
		return true;
	if (!candidate->parts_scanned)
		search_scan_parts(candidate);
	candidate->parts_scanned = true;
	return node->found;
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
		return slice_has_word_nocase(message->keywords, node->field);
	case SEARCH_NO_KEYWORD:
		return !slice_has_word_nocase(message->keywords, node->field);
	case SEARCH_NUMBERS:
		return ranges_contain(&node->set, candidate->index);
	case SEARCH_UIDS:
		return ranges_contain(&node->set, message->uid);
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
