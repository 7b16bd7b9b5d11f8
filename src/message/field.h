/* Header fields written anew in ASCII and in lines that every server takes. Internal to this folder. */
#ifndef MESSAGE_FIELD_H
#define MESSAGE_FIELD_H

#include "message/header.h"

/** What stands for a byte where nothing can be encoded: a "?" if it isn't ASCII, unless that is `eight_bit_ok`. */
static inline char field_byte(char c, bool eight_bit_ok)
{
	return (unsigned char)c < 0x80 || eight_bit_ok ? c : '?';
}

/** The field as it is to be sent, with its line end: itself, if it can be; else folded, its text in encoded words (RFC 2047), its
 * parameters in RFC 2231's form, addresses that aren't ASCII as names of empty groups (RFC 6857 §3.2.1). Empty: it can't be sent at all. In
 * `arena`, or where the field lies. */
struct slice header_field_write(const struct header_field *field, bool eight_bit_ok, struct arena *arena);

#endif
