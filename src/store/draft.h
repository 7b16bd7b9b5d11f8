/* A message being written, for those who write and commit it: draft.c and commit.c. */
#ifndef STORE_DRAFT_H
#define STORE_DRAFT_H

#include "message/canonical.h"
#include "store/internal.h"

struct draft {
	struct account *account;
	struct buf buffer;        /* all of a small draft, to its end; of a larger one what isn't in its file yet */
	int fd;                   /* of the file while it is being written; -1: none */
	char *path;               /* the file's temporary name; NULL: none yet */
	uint64_t size;
	struct canonical canonical; /* mends the line ends of what is written */
	uint64_t reserved;        /* of the account's quota, see draft_reserve() */
	bool counted;             /* it is one of the account's unfinished messages */
	bool failed;              /* a write failed: `error` says why, the draft can't be committed */
	struct error error;
	struct arena *arena;      /* of the gist */
	bool described;           /* hash and gist are known */
	bool closed;              /* nothing more is written to it */
	unsigned char hash[BLOB_HASH_SIZE];
	struct mail_gist gist;
	struct slice keywords;    /* as they are stored */
	int64_t id, received;     /* what the transaction gave */
	bool named;               /* the file has its final name */
};

/** Writes what is still due, and says what was mended. */
bool draft_end_content(struct draft *draft, struct error *error);
/** Makes of the draft a file that only wants its name, described and dated. No lock is held. */
bool draft_prepare(struct account *account, struct draft *draft, int64_t received, struct error *error);

#endif
