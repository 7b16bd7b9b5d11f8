/* What the files of the acme role's work share; nobody else includes it.
 *
 *   work.c     rounds: what is wanted, when each is due, getting it
 *   keeper.c   what the master is asked for
 *   state.c    what is known of each set, and what is remembered until the next start
 *   names.c    which names lead here */
#ifndef ACME_INTERNAL_H
#define ACME_INTERNAL_H

#include <pthread.h>

#include "acme/client.h"
#include "acme/kinds.h"
#include "acme/sets.h"
#include "acme/work.h"

enum {
	ACME_ROUND_SECONDS = 300,  /* domains are added and removed meanwhile */
	ACME_LOOK_SECONDS = 3600,  /* so long the DNS isn't asked again which names lead here */
	ACME_CHANCES = 1000,
	ACME_REQUEST_TEXT_MAX = 64 * 1024,
	ACME_WHY_MAX = 300,
	ACME_QUESTION_MAX = 1024,
	ACME_SETTINGS_MAX = 4096,
};

/* What is known of a set, beside what the master says of it each time. */
struct acme_state {
	char *id;
	bool present, working, left; /* left: no name of it leads here */
	bool asked, asked_anew;    /* the command line wants it renewed; with the next key */
	bool forced, anew;         /* … and did when work on it began */
	char *left_out;            /* which weren't, and why, as it was said last */
	char *candidates;          /* the names that it had at the last look, one after the other */
	struct slice *names;       /* those of them that lead here; in `memory` */
	size_t count;
	struct arena *memory;
	int64_t look_at;           /* wall clock, as all that follows: when names are looked at again */
	int64_t renew_at;          /* 0: there is no certificate */
	int64_t known_ends;        /* of the certificate that renew_at is about */
	int64_t ask_at;            /* when the authority's renewal information is asked for */
	int64_t retry_at;          /* not before that */
	int64_t renewed_at;        /* by this process; 0: it hasn't */
	unsigned failures;         /* in a row */
	char why[ACME_WHY_MAX];    /* the last one; or which names were left out */
	unsigned chance;
};

struct acme_work {
	struct acme_work_options options;
	pthread_mutex_t lock;      /* guards what follows */
	pthread_cond_t changed;
	bool woken;
	atomic_bool stop;
	struct acme_state **states;
	size_t count, room;
	bool has_noted;            /* what was noted before this process is known */
	/* of the thread that works */
	struct arena *arena;       /* of a round */
	struct acme_client *client; /* of a round; made when it is needed */
	struct acme_client_options client_options;
	struct acme_keeper keeper;
	struct acme_records *records; /* of the order that is under way */
	struct arena *secrets;     /* … and keys for writing them */
	bool written;              /* … something was, and nobody has waited since */
	bool anew;                 /* of the order that is under way: with the next key */
	char settings[ACME_SETTINGS_MAX]; /* of the last round */
};

/* keeper.c */

/** Asks the master; appends what it answers. */
__attribute__((format(printf, 5, 6))) bool acme_ask_master(struct acme_work *work, struct slice payload, struct buf *answer, struct error *error, const char *format, ...);
/** Appends them, a line each. */
void acme_list_names(const struct slice *names, size_t count, struct buf *out);
/** What client.h needs of whoever has the keys. */
struct acme_keeper acme_keeper_of(struct acme_work *work);
/** False: the work is to end. */
bool acme_work_pause(struct acme_work *work, int64_t milliseconds, bool until_woken);

/* state.c */

/** NULL: there is none. */
struct acme_state *acme_state_find(struct acme_work *work, struct slice id);
/** The one there is, or a new one. With the lock held. */
struct acme_state *acme_state_have(struct acme_work *work, struct slice id);
void acme_state_free(struct acme_state *state);
void acme_state_set_why(struct acme_work *work, struct acme_state *state, const char *why);
void acme_note_write(struct acme_work *work);
/** Once. */
void acme_note_read(struct acme_work *work);

/* names.c */

/** Looks which of the set's names lead here: when they are others, and now and then. */
void acme_names_follow(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds);

#endif
