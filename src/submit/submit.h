/* The header of a message that one of our people submits, whatever way it comes in (RFC 6409 §6, §8): what it must be like, whom it names as its author, and
 * what it becomes. A field that could be read in two ways refuses it, or, where it can mean but one thing, is written anew. Pure. */
#ifndef SUBMIT_SUBMIT_H
#define SUBMIT_SUBMIT_H

#include "base/arena.h"
#include "message/header.h"

/** Somebody whom the message names as its author, and about whom it is still to be asked whether he is one of its sender's addresses. */
struct submit_author {
	struct submit_author *next;
	const char *field;       /* "From" */
	struct slice address;
};

/** A From or Sender field, and what is stored in its place if it is `rewritten`: nothing, if that is empty. */
struct submit_field {
	struct header_field field;
	bool rewritten;
	struct slice text;
};

struct submit_header {
	/* Given: */
	struct arena *arena;
	struct slice header;       /* with the empty line that ends it, if it has one */
	struct slice from;         /* the reverse-path, of which it was asked already */
	struct slice account;      /* who is its author if nobody else is */
	const char *hostname;
	int64_t id, arrived;       /* the message's in the queue */
	/* Found: */
	size_t received, from_count, sender_count;
	bool has_date;
	struct slice message_id;   /* empty: it has none, and gets one when it is written */
	struct submit_field author, sender; /* of the last From and Sender field */
	struct submit_author *authors;
};

/** Looks at the fields: counts, Message-ID. For a message that isn't submitted nothing more is due. */
void submit_inspect(struct submit_header *header);
/** After that: is it as it must be? NULL, or the SMTP reply that refuses it; header->authors are to be asked about. */
const char *submit_judge(struct submit_header *header);
/** Writes what it lacks: Message-ID, Date, From. */
void submit_write_missing(struct submit_header *header, void (*put)(void *context, struct slice text), void *context);
/** Isn't it passed on? Blind copies are known to the envelope, and the field must not tell the others (RFC 5322 §3.6.3); Return-Path is written where a message
 * arrives (RFC 5321 §4.4), not where it begins. */
bool submit_is_dropped(const struct header_field *field);
/** Does it say that it was written here, of a check that was made elsewhere or never (RFC 8601 §5)? */
bool submit_is_forged(const struct header_field *field, const char *hostname, struct arena *arena);
/** What is stored for a field that stays. */
struct slice submit_field_text(const struct submit_header *header, const struct header_field *field);

#endif
