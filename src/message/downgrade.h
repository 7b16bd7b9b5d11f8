/* What a message holds that not every server takes, and the same message in a form that every server does (RFC 5321 §2.4, §4.5.3.1.6;
 * RFC 6152 §3): 7-bit, in lines of at most 998 bytes. Pure: the message is a slice (a row's bytes, or a file that was mapped), what
 * comes of it goes to a sink in small pieces; memory is that of the message's structure, whatever its size.
 *
 * How a sender uses it:
 *
 *     struct message_facts facts;
 *     message_examine(message, &facts);
 *     if (facts.utf8_header && the message was sent with SMTPUTF8 && !offers->smtputf8)
 *         it can't go there (RFC 6531 §3.2): bounce it;
 *     else if (message_needs_downgrade(&facts, offers->eight_bit))
 *         message_downgrade(message, offers->eight_bit, sink, context);   -- then stuff dots and send what the sink gets
 *     else
 *         send it as it is;
 *
 * A signature of ours (DKIM) is made of what comes out. Without 8BITMIME what comes out is declared as BODY=7BIT or not at all. */
#ifndef MESSAGE_DOWNGRADE_H
#define MESSAGE_DOWNGRADE_H

#include "base/slice.h"

enum { MESSAGE_LINE_MAX = 998 }; /* bytes of a line without its CRLF, RFC 5322 §2.1.1 */

struct message_facts {
	bool eight_bit;   /* a byte from 0x80 on, anywhere */
	bool utf8_header; /* such a byte in a header: the message's own, that of a part, or of a message inside (RFC 6532) */
	bool long_line;   /* a line over MESSAGE_LINE_MAX bytes */
	bool not_lines;   /* a NUL, or a CR or LF that stands alone */
};

/** Looks over a whole message. Linear. */
void message_examine(struct slice message, struct message_facts *facts);

/** Adds to *facts what a line holds, without its LF; `ended`: one stood there. */
void message_examine_line(struct slice line, bool ended, struct message_facts *facts);

/** Must it be rewritten for a server that takes 8-bit text (8BITMIME), or that doesn't? */
bool message_needs_downgrade(const struct message_facts *facts, bool eight_bit_ok);

/** Takes the next bytes of what is written; false: write no more. */
typedef bool message_sink(void *context, struct slice bytes);

/** Writes `message` to the sink with CRLF line ends, none longer than MESSAGE_LINE_MAX, without NUL, and, unless `eight_bit_ok`, in
 * ASCII. Only what must be is changed: a body becomes quoted-printable or base64 (RFC 2045 §6), header lines are folded, their
 * 8-bit text becomes encoded words (RFC 2047) or extended parameters (RFC 2231), and the encodings that the headers declare
 * follow; MIME-Version is added where a Content- field is. A multipart and a message/rfc822 are never encoded as a whole (RFC 2046
 * §5.2.1), but part by part; so a signed part changes only where it couldn't be sent at all. False if the sink wanted no more. */
bool message_downgrade(struct slice message, bool eight_bit_ok, message_sink *sink, void *context);

#endif
