/* Reading the arguments of a command (RFC 3501 §9): strictly, but for blanks. Where one is due several may stand, and others at the
 * inner ends of parentheses and the end of the command: clients send them, and other servers don't mind. Every function takes one thing off the front of `rest`; on
 * false, `error` says what was expected, for the tagged BAD. Results point into the command or live in `arena`. Pure. */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include "base/arena.h"
#include "imap/set.h"

struct parser {
	struct slice rest;
	struct arena *arena;
	const char *error; /* of the first failure; NULL while there was none */
};

/** Notes `why` unless something was noted before; returns false. */
bool parse_fail(struct parser *parser, const char *why);
/** Exactly this byte. */
bool parse_char(struct parser *parser, char c);
/** Takes `c` if it is next. */
bool parse_optional_char(struct parser *parser, char c);
/** Takes `word` (any case) if it is next and ends there. */
bool parse_optional_word(struct parser *parser, const char *word);
/** One space or more. */
bool parse_space(struct parser *parser);
/** "(" and ")", with the blanks inside. */
bool parse_open(struct parser *parser);
bool parse_close(struct parser *parser);
/** In a list: does another element follow? Blanks are taken; ")" is not. */
bool parse_more(struct parser *parser);
/** The command must end here. */
bool parse_end(struct parser *parser);
bool parse_at_end(const struct parser *parser);

/** 1*ATOM-CHAR. */
bool parse_atom(struct parser *parser, struct slice *out);
/** tag: 1*ASTRING-CHAR without '+'. */
bool parse_tag(struct parser *parser, struct slice *out);
bool parse_string(struct parser *parser, struct slice *out);
bool parse_astring(struct parser *parser, struct slice *out);
/** string or NIL (at == NULL). */
bool parse_nstring(struct parser *parser, struct slice *out);
/** A pattern of LIST, as UTF-8; *valid is false when it can't be the name of anything. */
bool parse_list_mailbox(struct parser *parser, struct slice *utf8, bool *valid);
/** A mailbox name as UTF-8, INBOX in upper case; *valid is false when it is not modified UTF-7 (for a tagged NO). */
bool parse_mailbox(struct parser *parser, struct slice *utf8, bool *valid);
bool parse_number(struct parser *parser, uint64_t max, uint64_t *out);
bool parse_set(struct parser *parser, struct ranges *set);
/** date-time, quoted: seconds since 1970. */
bool parse_date_time(struct parser *parser, int64_t *seconds);
/** date, quoted or not: days since 1970. */
bool parse_date(struct parser *parser, int64_t *day);

struct flags {
	unsigned system;       /* FLAG_* of store.h */
	struct slice keywords; /* separated by spaces */
	size_t keyword_count;
};
/** "(\Seen $Forwarded)". */
bool parse_flag_list(struct parser *parser, struct flags *flags);
/** As STORE takes them: a list, or flags without parentheses up to the end. */
bool parse_store_flags(struct parser *parser, struct flags *flags);

bool is_atom_char(char c);

#endif
