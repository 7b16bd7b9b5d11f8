/* The milter protocol's packets (version 6, as Sendmail's libmilter speaks it): a length of four bytes, largest first, which counts the
 * command's byte and the data behind it. Texts in the data end with a NUL. */
#ifndef ENGINE_MILTER_WIRE_H
#define ENGINE_MILTER_WIRE_H

#include "base/buf.h"

enum {
	MILTER_VERSION_MIN = 2,
	MILTER_VERSION = 6,
	MILTER_DATA_MAX = 65535,      /* of what we send in one packet: no milter reads more, unless it says so */
	MILTER_PACKET_MAX = 128 * 1024, /* of what we read */
};

/** What we say. */
enum {
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACROS = 'D',
	MILTER_END = 'E',
	MILTER_HELO = 'H',
	MILTER_FIELD = 'L',
	MILTER_MAIL = 'M',
	MILTER_END_OF_HEADER = 'N',
	MILTER_NEGOTIATE = 'O', /* and the milter's answer */
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
};

/** What a milter says. */
enum {
	MILTER_ADD_RECIPIENT = '+',
	MILTER_REMOVE_RECIPIENT = '-',
	MILTER_ADD_RECIPIENT_ARGS = '2',
	MILTER_SHUTDOWN = '4',
	MILTER_ACCEPT = 'a',
	MILTER_REPLACE_BODY = 'b',
	MILTER_CONTINUE = 'c',
	MILTER_DISCARD = 'd',
	MILTER_CHANGE_SENDER = 'e',
	MILTER_CONNECTION_FAILS = 'f',
	MILTER_ADD_FIELD = 'h',
	MILTER_INSERT_FIELD = 'i',
	MILTER_CHANGE_FIELD = 'm',
	MILTER_PROGRESS = 'p',
	MILTER_QUARANTINE = 'q',
	MILTER_REJECT = 'r',
	MILTER_SKIP = 's',
	MILTER_TEMPFAIL = 't',
	MILTER_REPLY = 'y',
};

/** What a milter may do (SMFIF_*). */
enum {
	MILTER_MAY_ADD_FIELDS = 0x1,
	MILTER_MAY_REPLACE_BODY = 0x2,
	MILTER_MAY_ADD_RECIPIENTS = 0x4,
	MILTER_MAY_REMOVE_RECIPIENTS = 0x8,
	MILTER_MAY_CHANGE_FIELDS = 0x10,
	MILTER_MAY_QUARANTINE = 0x20,
	MILTER_MAY_CHANGE_SENDER = 0x40,
	MILTER_MAY_ADD_RECIPIENTS_ARGS = 0x80,
	MILTER_MAY_CHOOSE_MACROS = 0x100,
};

/** What of the talk is left out (SMFIP_*): a command that it doesn't want, or an answer that it doesn't give. */
enum {
	MILTER_NO_CONNECT = 0x1,
	MILTER_NO_HELO = 0x2,
	MILTER_NO_MAIL = 0x4,
	MILTER_NO_RCPT = 0x8,
	MILTER_NO_BODY = 0x10,
	MILTER_NO_FIELDS = 0x20,
	MILTER_NO_END_OF_HEADER = 0x40,
	MILTER_QUIET_FIELDS = 0x80,
	MILTER_NO_UNKNOWN = 0x100,
	MILTER_NO_DATA = 0x200,
	MILTER_MAY_SKIP = 0x400,
	MILTER_SEES_REFUSED_RCPT = 0x800,
	MILTER_QUIET_CONNECT = 0x1000,
	MILTER_QUIET_HELO = 0x2000,
	MILTER_QUIET_MAIL = 0x4000,
	MILTER_QUIET_RCPT = 0x8000,
	MILTER_QUIET_DATA = 0x10000,
	MILTER_QUIET_UNKNOWN = 0x20000,
	MILTER_QUIET_END_OF_HEADER = 0x40000,
	MILTER_QUIET_BODY = 0x80000,
	MILTER_LEADING_SPACE = 0x100000, /* values with the blank after the colon, both ways */
};

/** Begins a packet, and ends it when its data is there: `at` is what engine_milter_begin_packet() has given. */
size_t engine_milter_begin_packet(struct buf *out, char command);
void engine_milter_end_packet(struct buf *out, size_t at);
void engine_milter_put_number(struct buf *out, uint32_t number);
/** A text with its NUL; control characters are left out of it, and it is cut at 1,000 bytes. */
void engine_milter_put_text(struct buf *out, struct slice text);

enum engine_milter_packet { MILTER_PENDING, MILTER_BROKEN, MILTER_READ };
/** Takes the next packet off *rest. BROKEN: it is empty, or too long. */
enum engine_milter_packet engine_milter_read_packet(struct slice *rest, char *command, struct slice *data);
/** Take something off *data; false: it isn't there. */
bool engine_milter_take_number(struct slice *data, uint32_t *number);
bool engine_milter_take_text(struct slice *data, struct slice *text);

#endif
