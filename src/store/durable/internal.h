/* What the files of this room share. */
#ifndef STORE_DURABLE_INTERNAL_H
#define STORE_DURABLE_INTERNAL_H

#include <limits.h>
#include <pthread.h>

#include "base/threads.h"
#include "store/durable/durable.h"

/* ---- sync.c: rounds of work ---- */

struct durable_rounds {
	pthread_mutex_t lock;
	pthread_cond_t ended_one[2]; /* for round number n: ended_one[n % 2] */
	uint64_t begun, ended;    /* rounds, counted from 1 */
	uint64_t last_failed;
	bool running;
	struct error error;       /* of last_failed */
};

void durable_rounds_init(struct durable_rounds *rounds);
void durable_rounds_free(struct durable_rounds *rounds);
/** Takes the lock and gives the number of the first round that will see what the caller has done. */
uint64_t durable_rounds_enter(struct durable_rounds *rounds);
/** What a round does, without the lock. */
typedef bool durable_round(struct durable *durable, uint64_t round, struct error *error);
/** Waits until that round has ended, or runs it for all who wait; gives the lock back. */
bool durable_rounds_wait(struct durable_rounds *rounds, uint64_t round, durable_round *run, struct durable *durable, struct error *error);

/* ---- journal.c ---- */

struct durable_file {
	int fd;                   /* -1: none */
	uint64_t at, length;      /* where the next group goes; bytes that the file has */
};

struct durable_journal {
	durable_restore *restore; /* NULL: it was not begun */
	void *context;
	struct durable_rounds rounds; /* they write; their lock guards the next group */
	struct buf waiting[2];    /* what round number n is to write: waiting[n % 2] */
	int to_empty;             /* the file that holds what is to be synced; -1: none */
	bool turn_wanted, stopping;
	int64_t filled_ms;        /* when the file that is written got its first group; 0: it has none */
	int64_t keep_ms;          /* after so long it is the other's turn */
	pthread_cond_t changed;   /* for the thread that syncs and empties */
	struct threads threads;   /* that one */
	/* the rest is of the round that runs: */
	struct durable_file files[DURABLE_JOURNAL_FILES]; /* and of the thread: the one to be emptied */
	int current;
	uint64_t generation, number;
	bool begun, usable;
};

void durable_journal_init(struct durable_journal *journal);
void durable_journal_free(struct durable_journal *journal);

/* ---- The whole ---- */

struct durable {
	char *data;
	int folder;               /* for syncfs; kept open so that no write error goes unseen */
	int64_t epoch;
	struct durable_rounds sync; /* its lock guards the next, too */
	struct durable_paths { char **at; size_t count, room; } to_remove; /* after the next sync */
	struct durable_journal journal;
};

#endif
