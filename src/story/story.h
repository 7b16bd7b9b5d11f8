/* What became of a person's own message, as the event files tell it (base/event.h): rows with names for what happened, which whoever shows them puts in words. The role that reads
 * the files has nothing else, and tells of a message only if it was this account that sent it, or to which it came; and then what concerns that account. */
#ifndef STORY_STORY_H
#define STORY_STORY_H

#include "base/event.h"
#include "net/call.h"

enum {
	STORY_ROWS_MAX = 200,
	STORY_LINES_MAX = 4000,                    /* of the files that are looked at for one question */
	STORY_IDS_MAX = 16,                        /* messages: those with one Message-ID, and what came of them */
	STORY_ACCOUNT_MAX = 320,
	STORY_MESSAGE_ID_MAX = 1000,
	STORY_VALUE_MAX = 2000,                    /* bytes of a value; longer ones are cut */
	STORY_SECONDS = 20,                        /* for an answer, with its waiting for others */
};
#define STORY_BYTES_MAX (2ULL * 1024 * 1024 * 1024) /* of the files that are read for one question */

/** What happened, by the name that it is told under. */
enum story_event {
#define STORY_EVENT(NAME, name) STORY_##NAME,
#include "story/story.def"
	STORY_EVENTS
};
/** What a row may say, by the name that it is told under, and what it is. */
enum story_kind { STORY_TEXT, STORY_NUMBER, STORY_HUNDREDTHS, STORY_POINTS, STORY_FLAG, STORY_DATE, STORY_FINDINGS };
enum story_field {
#define STORY_FIELD(NAME, name, kind) STORY_FIELD_##NAME,
#include "story/story.def"
	STORY_FIELDS
};
extern const char *const story_event_names[STORY_EVENTS];
extern const struct story_field_row { const char *name; enum story_kind kind; } story_fields[STORY_FIELDS];

struct story_row {
	enum story_event event;
	struct slice time;                 /* as the log has it: "2026-11-22T23:19:32.123Z" */
	struct slice values[STORY_FIELDS]; /* .at NULL: it isn't said */
};
struct story {
	struct story_row *rows;            /* STORY_ROWS_MAX at most, in the order of time */
	size_t count;
	bool complete;                     /* there was no more, and all was read */
};

struct story_question {
	struct slice account;              /* whose message */
	int64_t id;                        /* the queue's number of it; 0: it isn't known, and then: */
	struct slice message_id;           /* without <>; empty: none */
};

/** Reads the event files under the data directory. False: *error. All in `arena`. */
bool story_find(const char *data, const struct story_question *question, struct arena *arena, struct story *story, struct error *error);

/* ---- Asking ---- */

/** Begins a question, which is kept in `arena` until story_end(); `done` as of caller_begin(). NULL: it is too long. */
struct call_ticket *story_begin(struct caller *caller, const struct story_question *question, struct arena *arena, void (*done)(void *context), void *context);
/** The answer; false: *error. One that isn't there yet is given up. Sets *ticket to NULL. */
bool story_end(struct call_ticket **ticket, struct arena *arena, struct story *story, struct error *error);
/** As bytes, and back; strict: either side may have been taken over. */
void story_question_encode(const struct story_question *question, struct buf *out);
bool story_question_decode(struct slice text, struct story_question *question);
void story_encode(const struct story *story, struct buf *out);
bool story_decode(struct slice text, struct arena *arena, struct story *story);

/* ---- Answering ---- */

/** Serves the channel, which it takes over, until stop_fd is readable. */
void story_serve(int channel, const char *data, int stop_fd);

/* rows.c: what the rest of it is made of */

/** Whose the message is that an event is of. */
enum story_side { STORY_SENDER = 1, STORY_RECIPIENT = 2 };
/** What an event says of the sides: that this account has sent the message, or that it came to it. */
unsigned story_sides(const struct event *event, struct slice account);
/** Makes a row of an event, for who is on these sides; false: it isn't his to know, or is no part of the story. */
bool story_row_of(const struct event *event, struct slice account, unsigned sides, struct arena *arena, struct story_row *row);

#endif
