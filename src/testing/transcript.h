/* For tests: dialogues from data files (tests/transcripts/), played over real connections against the real event loop, in a
 * data directory of their own.
 *
 * A transcript is read line by line:
 *   !: text      a line of the configuration; in force before anything else
 *   C: text      the client sends the text and CRLF; C2: is a second connection, up to C9:
 *   C!: text     … without CRLF
 *   S: text      the server must send exactly this line; "…" in it stands for anything; S2: likewise
 *   S: (closed)  the server must close the connection
 *   C*9: S2*9:   nine times
 *   T:           the client begins TLS
 * and steps of the protocol's own. In the client's text {{0d 0a}} stands for bytes in hexadecimal and {{61*9000}} for 9000 times
 * a byte. Everything else is a comment. A connection is made where it is first used, and its greeting is the first line it
 * gets. What isn't as it must be ends the process, and says where. */
#ifndef TESTING_TRANSCRIPT_H
#define TESTING_TRANSCRIPT_H

#include "base/buf.h"
#include "net/fixture.h"

struct transcript;

struct transcript_protocol {
	const char *name;
	const struct net_protocol *protocol;
	const char *configuration;  /* what holds unless the transcript says otherwise */
	const char *steps;          /* the letters of steps of its own */
	/** Opens what is served from `data`, reading further settings from the transcript's text; returns the context of the
	 * server's sessions. May set *implicit_tls, and *offers_tls to false. */
	void *(*start)(struct transcript *transcript, const char *data, struct slice text, bool *implicit_tls, bool *offers_tls);
	/** Plays one of the steps of its own; `plain`: it has no "!". */
	void (*step)(struct transcript *transcript, char kind, bool plain, struct slice text);
	/** Closes what start() has opened. */
	void (*stop)(void);
};

/** Ends the process: a step went wrong. */
_Noreturn void transcript_give_up(const struct transcript *transcript, const char *what, struct slice wanted, struct slice got);
/** For steps of a protocol's own: takes the next line, without its end, or so many bytes, of what the server sends on the first connection. */
void transcript_take_line(struct transcript *transcript, struct slice wanted, struct buf *line);
void transcript_take_bytes(struct transcript *transcript, struct slice wanted, size_t count, struct buf *bytes);
/** Does `line` match, with "…" in the pattern for anything? */
bool transcript_matches(struct slice pattern, struct slice line);
/** main() of a protocol's test: `FOLDER [FILE]` are the arguments; every *.txt is a test. */
int transcript_main(int argc, char **argv, const struct transcript_protocol *protocol);

#endif
