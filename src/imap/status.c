/* What STATUS tells of a mailbox (RFC 3501 §6.3.10), also in LIST (RFC 5819). */
#include "imap/status.h"

enum status_item { STATUS_MESSAGES = 1, STATUS_RECENT = 2, STATUS_UIDNEXT = 4, STATUS_UIDVALIDITY = 8, STATUS_UNSEEN = 16 };

static const struct {
	const char *name;
	enum status_item item;
} status_items[] = {
	{"MESSAGES", STATUS_MESSAGES}, {"RECENT", STATUS_RECENT}, {"UIDNEXT", STATUS_UIDNEXT},
	{"UIDVALIDITY", STATUS_UIDVALIDITY}, {"UNSEEN", STATUS_UNSEEN},
};
enum { STATUS_ITEMS = sizeof status_items / sizeof *status_items };

bool imap_status_parse(struct imap_parser *parser, unsigned *items)
{
	*items = 0;
	if (!imap_parse_open(parser))
		return false;
	do {
		size_t i = 0;
		while (i < STATUS_ITEMS && !imap_parse_optional_word(parser, status_items[i].name))
			i++;
		if (i == STATUS_ITEMS)
			return imap_parse_fail(parser, "STATUS takes MESSAGES, RECENT, UIDNEXT, UIDVALIDITY and UNSEEN");
		*items |= status_items[i].item;
	} while (imap_parse_more(parser));
	return imap_parse_close(parser);
}

/* The recent messages of the selected mailbox are this session's: the store counts those that nobody has taken yet. */
static uint32_t own_recent(const struct imap *imap, const struct mailbox *mailbox)
{
	const struct imap_selected *selected = imap->selected;
	return selected && selected->mailbox == mailbox->id && !selected->read_only ? (uint32_t)imap_selected_count_recent(selected) : 0;
}

void imap_status_write(const struct imap *imap, struct buf *out, const struct mailbox *mailbox, unsigned items)
{
	const uint32_t values[STATUS_ITEMS] = {mailbox->messages, mailbox->recent + own_recent(imap, mailbox), mailbox->uidnext, mailbox->uidvalidity, mailbox->unseen};
	buf_append_text(out, "* STATUS ");
	imap_write_mailbox(out, mailbox->name);
	const char *separator = " (";
	for (size_t i = 0; i < STATUS_ITEMS; i++) {
		if (!(items & status_items[i].item))
			continue;
		buf_printf(out, "%s%s %u", separator, status_items[i].name, values[i]);
		separator = " ";
	}
	buf_append_text(out, ")\r\n");
}
