/* One message while FETCH or SEARCH works on it: its file and structure, got when first needed. */
#ifndef IMAP_SOURCE_H
#define IMAP_SOURCE_H

#include "imap/session.h"
#include "message/mime.h"

struct imap_source {
	struct imap_command *command;
	const struct message *message;
	int fd;                 /* -1: not open */
	uint64_t size;          /* of the file, once it is open */
	bool gone;              /* it was expunged */
	bool over_share;        /* the account has no memory left for it, see imap_borrow() */
	struct arena *arena;    /* for the structure; of this message alone */
	struct mime_part *structure;
};

/** Opens the file. False: *error, and `gone` if that is why. */
bool imap_source_open(struct imap_source *source, struct error *error);
/** The tree of its parts: from the summary, else from the file. NULL if that can't be read. */
const struct mime_part *imap_source_structure(struct imap_source *source);
/** Reads a range of the file. */
bool imap_source_read_into(struct imap_source *source, uint64_t offset, uint64_t length, char *at);
/** Appends one. */
bool imap_source_read(struct imap_source *source, uint64_t offset, uint64_t length, struct buf *out);
void imap_source_close(struct imap_source *source);

#endif
