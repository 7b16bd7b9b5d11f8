/* Who is answered when somebody doesn't read his mail, and with what: VacationResponse of RFC 8621 §8, by the rules of RFC 3834 and RFC 5230. Pure: no
 * input or output; who has been answered lately is the store's to know (store/vacation.h). */
#ifndef VACATION_VACATION_H
#define VACATION_VACATION_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	VACATION_SUBJECT_MAX = 1000,      /* bytes */
	VACATION_BODY_MAX = 256 * 1024,   /* of the text, and of the HTML */
	VACATION_ANSWER_MAX = 4 * VACATION_BODY_MAX,
	VACATION_ADDRESSES_MAX = 100,     /* of a letter's recipients that are looked at */
};

/** What an account has said of it. */
struct vacation {
	bool enabled;
	int64_t from, to;            /* seconds since 1970; 0: since ever, for ever */
	struct slice subject, text, html; /* UTF-8; at NULL: not given */
};

/** From its JSON, as it is kept: slices in `arena`. False: it is none. */
bool vacation_read(struct slice json, struct arena *arena, struct vacation *vacation);
/** … and back, in `arena`. */
struct slice vacation_write(const struct vacation *vacation, struct arena *arena);
/** Is it answered now; now or later? */
bool vacation_is_active(const struct vacation *vacation, int64_t now);
bool vacation_is_wanted(const struct vacation *vacation, int64_t now);

/** Why a letter isn't answered, whoever it is for: by its reverse-path and header. NULL: nothing hinders. */
const char *vacation_hindrance(struct slice sender, struct slice header);
/** To whom it says that it is: addresses of To, Cc, Bcc and their Resent- forms, canonical, VACATION_ADDRESSES_MAX at most, in `arena`. */
void vacation_addressed(struct slice header, struct arena *arena, struct slice **list, size_t *count);

/** An answer. */
struct vacation_answer {
	const struct vacation *vacation;
	struct slice from, to;       /* addresses; from: by which the letter was written to the account */
	struct slice header;         /* of the letter that is answered */
	const char *prefix, *words;  /* "Auto" before its subject, and what is said where nothing was given, in the account's language */
	int64_t id, now;
	const char *hostname;
};
/** Writes it, header and body. False: it is larger than VACATION_ANSWER_MAX. */
bool vacation_write_answer(const struct vacation_answer *answer, struct buf *out);

#endif
