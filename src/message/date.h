/* Dates of header fields (RFC 5322 §3.3 with the obsolete forms) of IMAP (RFC 3501 date-time, date) and of the internet at large (RFC 3339). */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include "base/arena.h"

/** Parses a Date field body; *seconds since 1970 UTC, *zone_minutes east of UTC (may be NULL). False if it isn't a date. */
bool date_parse(struct slice text, int64_t *seconds, int *zone_minutes);
enum { DATE_TEXT_MAX = 48 };
/** "Sun, 22 Nov 2026 23:19:32 +0000" in local time's zone offset; NUL-terminated. Returns its length. */
size_t date_format(int64_t seconds, char out[DATE_TEXT_MAX]);
/** The same in a zone, minutes east of UTC. */
size_t date_format_zone(int64_t seconds, int zone_minutes, char out[DATE_TEXT_MAX]);
/** IMAP's "22-Nov-2026 23:19:32 +0000" (always 26 characters, UTC), without quotes. */
size_t date_format_imap(int64_t seconds, char out[DATE_TEXT_MAX]);
/** IMAP's date-time without quotes. */
bool date_parse_imap(struct slice text, int64_t *seconds);
/** IMAP's date "1-Feb-1994", quoted or not: *day is the number of days since 1970-01-01. */
bool date_parse_imap_day(struct slice text, int64_t *day);
/** RFC 3339 §5.6: "2026-11-22T23:19:32Z", with a fraction of a second, which is passed over, or an offset in the place of Z. */
bool date_parse_internet(struct slice text, int64_t *seconds);
/** The same without a fraction, UTC; NUL-terminated. Returns its length. */
size_t date_format_internet(int64_t seconds, char out[DATE_TEXT_MAX]);
/** The day, in the written zone, of a Date field (for SENTON …), as days since 1970-01-01. */
bool date_day(struct slice text, int64_t *day);

#endif
