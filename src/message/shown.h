/* What a person sees of a message: the text of its parts in UTF-8, what in it isn't shown, where its links lead, and what else is there to be
 * counted. For those who judge mail: bounded, linear, pure. Attachments and messages inside the message are counted, not read. */
#ifndef MESSAGE_SHOWN_H
#define MESSAGE_SHOWN_H

#include "message/html.h"
#include "message/mime.h"

enum {
	SHOWN_PART_MAX = 256 * 1024, /* decoded bytes that are read of a part, … */
	SHOWN_TEXT_MAX = 512 * 1024, /* … and in UTF-8 of all */
	SHOWN_PARTS_MAX = 30,        /* parts that are read */
	SHOWN_LINKS_MAX = 500,
	SHOWN_URL_MAX = 2048,
};

struct shown_part {
	const struct mime_part *part;
	struct slice text, hidden; /* UTF-8, without characters that have no width */
	bool html;
};

struct shown_link {
	struct slice target; /* a URL */
	struct slice text;   /* what is shown for it; of a URL in plain text itself */
	bool html;
};

struct shown {
	struct shown_part *parts;
	size_t part_count;
	struct shown_link *links;
	size_t link_count;
	unsigned plain_parts, html_parts, images, attachments, messages; /* parts by what they are; images: also those inside */
	unsigned html_images, remote_images, forms, scripts; /* in HTML */
	unsigned invisible, invisible_inside; /* characters without width; see html.h */
	size_t plain_bytes, html_bytes, hidden_bytes; /* of text */
	bool cut;                /* some limit was reached */
};

/** Reads what mime_parse() found in the message. Never fails. The result lives in `arena`, or points into the message. */
void shown_read(struct slice message, const struct mime_part *root, struct arena *arena, struct shown *shown);

/** The host that a URL leads to, without user and port, in lower case; empty if it names none (mailto:, relative ones). */
struct slice shown_host(struct slice url, struct arena *arena);

#endif
