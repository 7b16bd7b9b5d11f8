/* Numbers and texts in the datagrams that processes of ours send one another. Numbers are 8 bytes, little end first, unless said
 * otherwise; texts a length of 2 bytes and the bytes. Both ends decode strictly: the other may have been taken over. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/buf.h"

/** Appends what doesn't fit: sets the buffer's overflow. `bytes`: how many the number takes. */
void wire_put_short(struct buf *datagram, uint64_t number, int bytes);
void wire_put_number(struct buf *datagram, uint64_t number);
/** A text of at most 65535 bytes (a longer one sets overflow). */
void wire_put_text(struct buf *datagram, struct slice text);

/** Reading stops at the first thing that is not as it should be: `broken`, and everything after is 0 or empty. */
struct wire_reader {
	struct slice rest;
	bool broken;
};
uint64_t wire_short(struct wire_reader *reader, size_t bytes);
uint64_t wire_number(struct wire_reader *reader, uint64_t max);
bool wire_flag(struct wire_reader *reader);
/** Points into the datagram. */
struct slice wire_text(struct wire_reader *reader, size_t max);
/** True if everything was read, and nothing was broken. */
bool wire_end(const struct wire_reader *reader);

#endif
