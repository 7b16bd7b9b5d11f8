/* A talk with one engine, without input and output: what is to be sent, and what the bytes that come back mean. A protocol is a row of three
 * functions (protocols.c); who drives it (ask.c, the fuzzer) moves bytes. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "base/buf.h"
#include "engine/engine.h"

enum {
	ENGINE_PIECE = 64 * 1024,        /* of a message that is read and sent at once */
	ENGINE_OUT_MAX = 256 * 1024,     /* a piece, or what is said before the message, fields and recipients included */
	ENGINE_ANSWER_MAX = 256 * 1024,  /* a longer answer isn't read */
	ENGINE_HEAD_MAX = 16 * 1024,     /* of an answer's header, or its only line */
	ENGINE_PREVIEW = 1024,           /* of a message, that an ICAP server sees first */
};

/* It says so itself, or its entry does. */
#define ENGINE_TOO_LARGE "the message is larger than it takes"

struct engine_talk {
	const struct config_engine *engine;
	const struct engine_mail *mail;
	struct engine_result *result;
	const struct engine_protocol *protocol;
	struct buf out;          /* to be sent */
	struct buf in;           /* came, and isn't understood yet */
	uint64_t given;          /* bytes of the message that went to `out` */
	bool again;              /* over a connection that has served before */
	bool said_all;           /* nothing follows what is in `out` */
	bool continued;          /* ICAP: the server wants what comes after the preview */
	bool done, reusable;     /* the result is there; the connection may serve once more */
	struct engine_milter *milter; /* how far the talk with one is; its protocol's own */
	struct slice farewell;   /* what is to be said before the connection is closed, if it can be */
};

struct engine_protocol {
	/** Appends what comes before the message. */
	void (*begin)(struct engine_talk *talk);
	/** Appends what comes next, a piece of the message at most; nothing while something of the engine's is waited for. */
	void (*more)(struct engine_talk *talk);
	/** Looks at what came; ended: nothing follows. */
	void (*understand)(struct engine_talk *talk, bool ended);
};
extern const struct engine_protocol engine_protocols[CONFIG_ENGINE_KINDS];
void engine_clamd_begin(struct engine_talk *talk);
void engine_clamd_more(struct engine_talk *talk);
void engine_clamd_understand(struct engine_talk *talk, bool ended);
void engine_spamd_begin(struct engine_talk *talk);
void engine_spamd_more(struct engine_talk *talk); /* the message as it is: rspamd's, too */
void engine_spamd_understand(struct engine_talk *talk, bool ended);
void engine_rspamd_begin(struct engine_talk *talk);
void engine_rspamd_understand(struct engine_talk *talk, bool ended);
void engine_icap_begin(struct engine_talk *talk);
void engine_icap_more(struct engine_talk *talk);
void engine_icap_understand(struct engine_talk *talk, bool ended);
void engine_milter_begin(struct engine_talk *talk);
void engine_milter_more(struct engine_talk *talk);
void engine_milter_understand(struct engine_talk *talk, bool ended);
void engine_milter_free(struct engine_milter **milter);
/** The macros for a part of the talk (milter_macros.c), as a packet, if there are any. `chosen`: those that the milter wants then; NULL: the usual ones. */
void engine_milter_put_macros(struct buf *out, char command, const struct slice *chosen, const struct engine_mail *mail, struct slice recipient);

/** `again`: see above. What it points to must live as long as the talk. */
void engine_talk_begin(struct engine_talk *talk, const struct config_engine *engine, const struct engine_mail *mail, struct engine_result *result, bool again);
void engine_talk_free(struct engine_talk *talk);
/** What is to be sent now; empty: nothing yet, or no more. */
struct slice engine_talk_output(struct engine_talk *talk);
/** So many bytes of it were sent. */
void engine_talk_sent(struct engine_talk *talk, size_t count);
/** The engine said this. */
void engine_talk_input(struct engine_talk *talk, struct slice bytes);
/** The engine has closed the connection. */
void engine_talk_ended(struct engine_talk *talk);

/* ---- For protocols ---- */

/** The talk is over, with this outcome; the text is made printable. The connection serves again if everything was said, and nothing came after
 * the answer. */
void engine_conclude(struct engine_talk *talk, enum engine_outcome outcome, struct slice text, bool reusable);
/** The same, with ENGINE_ERROR. */
void engine_fail(struct engine_talk *talk, const char *reason);
/** Appends the next piece of the message to `out` (at most `most` bytes). False: there is none, or the talk has failed. */
bool engine_give(struct engine_talk *talk, size_t most);
/** Appends a text that came from strangers to a line of a protocol: without control characters, and at most 1,000 bytes of it. */
void engine_append_line(struct buf *out, struct slice text);
/** Copies as printable ASCII, cut to `size` - 1 bytes, with a NUL. */
void engine_copy(char *out, size_t size, struct slice text);
void engine_add_symbol(struct engine_result *result, struct slice name, int points);
/** "-12.345" in hundredths, within ENGINE_POINTS_MAX. False: it is no number. */
bool engine_parse_points(struct slice text, int *points);

/** The header of an answer as HTTP and ICAP write it: "ICAP/1.0 204 No Content", fields, an empty line. */
struct engine_head {
	struct slice protocol;   /* "ICAP/1.0" */
	unsigned status;
	struct slice reason, fields;
	size_t length;           /* with the empty line */
};
enum engine_head_state { ENGINE_HEAD_PENDING, ENGINE_HEAD_BROKEN, ENGINE_HEAD_READ };
enum engine_head_state engine_read_head(struct slice text, struct engine_head *head);
/** The value of the first field of that name; empty if there is none. */
struct slice engine_head_field(const struct engine_head *head, struct slice name);

#endif
