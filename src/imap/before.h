/* What is understood before sign-in: a grammar of its own, as small as it can be, since its bytes are anybody's and the reader can
 * open every mailbox. Seven verbs on short lines; literals, of a name's length, only as LOGIN's name and password. Nothing is
 * allocated, nothing recurses, and the general parser (parse.h) isn't reached. Pure. */
#ifndef IMAP_BEFORE_H
#define IMAP_BEFORE_H

#include "base/slice.h"

enum {
	BEFORE_LINE_MAX = 8 * 1024, /* also of what stands behind a literal */
	BEFORE_TAG_MAX = 256,
	BEFORE_WORD_MAX = 1024,     /* bytes of a name or a password */
	BEFORE_WORDS = 2,
};

enum imap_before_verb { BEFORE_CAPABILITY, BEFORE_NOOP, BEFORE_LOGOUT, BEFORE_ID, BEFORE_STARTTLS, BEFORE_LOGIN, BEFORE_AUTHENTICATE, BEFORE_VERBS };
extern const char *const imap_before_names[BEFORE_VERBS];

enum imap_before_found {
	BEFORE_INCOMPLETE, /* more bytes are needed */
	BEFORE_CONTINUE,   /* the client waits for "+" before it sends a literal */
	BEFORE_WHOLE,      /* a command, or what is none: see `error` */
};

/** What was found. The words may be a password: who has read one wipes it. */
struct imap_before {
	struct slice tag;         /* in the input; "*" if there is none */
	enum imap_before_verb verb;    /* if there is no error; or the one whose arguments are wrong */
	const char *error;        /* NULL; else what was expected, for a BAD */
	bool close;               /* what follows can't be told from commands: after the BAD the connection is to be closed */
	size_t length;            /* of the input, all of this is */
	struct slice mechanism, initial; /* AUTHENTICATE's, in the input; initial.at is NULL if there is none */
	struct slice client;      /* the name that ID tells, in the input; empty: none */
	struct { char at[BEFORE_WORD_MAX]; size_t len; } words[BEFORE_WORDS]; /* LOGIN's name and password */
};

/** Looks at what has come, from a command's first byte on. `continued`: how often "+" was said for it. */
enum imap_before_found imap_before_read(struct slice input, unsigned continued, struct imap_before *before);
/** Is it one of the seven, in any case? For who is told, after sign-in, that it was one. */
bool imap_before_knows(struct slice name);

#endif
