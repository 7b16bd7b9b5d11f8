/* One message while FETCH or SEARCH works on it: its file and structure, got when first needed. */
#ifndef IMAP_SOURCE_H
#define IMAP_SOURCE_H

#include "imap/session.h"
#include "message/mime.h"

struct source {
	struct command *command;
	const struct message *message;
	int fd;                 /* -1: not open */
	uint64_t size;          /* of the file, once it is open */
	bool gone;              /* it was expunged */
	bool over_share;        /* the account has no memory left for it, see imap_borrow() */
	struct arena *arena;    /* for the structure; of this message alone */
	struct part *structure;
};

/** Opens the file. False: *error, and `gone` if that is why. */
bool source_open(struct source *source, struct error *error);
/** The tree of its parts: from the summary, else from the file. NULL if that can't be read. */
const struct part *source_structure(struct source *source);
/** Reads a range of the file. */
bool source_read_into(struct source *source, uint64_t offset, uint64_t length, char *at);
/** Appends one. */
bool source_read(struct source *source, uint64_t offset, uint64_t length, struct buf *out);
void source_close(struct source *source);

#endif
