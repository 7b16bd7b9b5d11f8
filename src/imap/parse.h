/* Reading the arguments of a command (RFC 3501 §9): strictly, but for blanks. Where one is due several may stand, and others at the
 * inner ends of parentheses and the end of the command: clients send them, and other servers don't mind. Every function takes one thing off the front of `rest`; on
 * false, `error` says what was expected, for the tagged BAD. Results point into the command or live in `arena`. Pure. */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include "base/arena.h"
#include "imap/set.h"

struct imap_parser {
	struct slice rest;
	struct arena *arena;
	const char *error; /* of the first failure; NULL while there was none */
};

/** Notes `why` unless something was noted before; returns false. */
bool imap_parse_fail(struct imap_parser *parser, const char *why);
/** Exactly this byte. */
bool imap_parse_char(struct imap_parser *parser, char c);
/** Takes `c` if it is next. */
bool imap_parse_optional_char(struct imap_parser *parser, char c);
/** Takes `word` (any case) if it is next and ends there. */
bool imap_parse_optional_word(struct imap_parser *parser, const char *word);
/** One space or more. */
bool imap_parse_space(struct imap_parser *parser);
/** "(" and ")", with the blanks inside. */
bool imap_parse_open(struct imap_parser *parser);
bool imap_parse_close(struct imap_parser *parser);
/** In a list: does another element follow? Blanks are taken; ")" is not. */
bool imap_parse_more(struct imap_parser *parser);
/** The command must end here. */
bool imap_parse_end(struct imap_parser *parser);
bool imap_parse_at_end(const struct imap_parser *parser);

/** 1*ATOM-CHAR. */
bool imap_parse_atom(struct imap_parser *parser, struct slice *out);
/** tag: 1*ASTRING-CHAR without '+'. */
bool imap_parse_tag(struct imap_parser *parser, struct slice *out);
bool imap_parse_string(struct imap_parser *parser, struct slice *out);
bool imap_parse_astring(struct imap_parser *parser, struct slice *out);
/** string or NIL (at == NULL). */
bool imap_parse_nstring(struct imap_parser *parser, struct slice *out);
/** A pattern of LIST, as UTF-8; *valid is false when it can't be the name of anything. */
bool imap_parse_list_mailbox(struct imap_parser *parser, struct slice *utf8, bool *valid);
/** A mailbox name as UTF-8, INBOX in upper case; *valid is false when it is not modified UTF-7 (for a tagged NO). */
bool imap_parse_mailbox(struct imap_parser *parser, struct slice *utf8, bool *valid);
bool imap_parse_number(struct imap_parser *parser, uint64_t max, uint64_t *out);
bool imap_parse_set(struct imap_parser *parser, struct ranges *set);
/** date-time, quoted: seconds since 1970. */
bool imap_parse_date_time(struct imap_parser *parser, int64_t *seconds);
/** date, quoted or not: days since 1970. */
bool imap_parse_date(struct imap_parser *parser, int64_t *day);

struct imap_flags {
	unsigned system;       /* FLAG_* of store.h */
	struct slice keywords; /* separated by spaces */
	size_t keyword_count;
};
/** "(\Seen $Forwarded)". */
bool imap_parse_flag_list(struct imap_parser *parser, struct imap_flags *flags);
/** As STORE takes them: a list, or flags without parentheses up to the end. */
bool imap_parse_store_flags(struct imap_parser *parser, struct imap_flags *flags);

bool imap_is_atom_char(char c);

#endif
