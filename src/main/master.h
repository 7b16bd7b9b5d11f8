/* `pombal serve`: the master opens listeners, reads configuration and keys, starts one process per role and restarts
 * those that end. It talks to nobody but its roles and, over DIR/run/control, the command line of the same owner. */
#ifndef MAIN_MASTER_H
#define MAIN_MASTER_H

#include <poll.h>
#include <signal.h>
#include <sys/types.h>

#include "base/buf.h"
#include "main/control.h"
#include "main/privileges.h"
#include "main/role.h"

/** Serves the data directory until it is told to stop; prints "ready". Returns the exit status. */
int master_serve(const char *data);

/* ---- Between the master's files ---- */

/** One role's process. */
struct child {
	pid_t pid;           /* 0: none */
	int control;         /* -1: none */
	bool ready;          /* has said so */
	bool stopping;       /* was told to stop */
	int64_t started;     /* monotonic ms */
	int64_t start_at;    /* when to start it again; 0: not due */
	unsigned failures;   /* ends in a row soon after the start */
	unsigned restarts;
	char reason[CONTROL_TEXT_MAX]; /* why it can't start, in its own words */
	bool measuring;      /* was asked for its measures and hasn't said the last of them */
	struct buf measures; /* what it said; see measure.h */
};

struct listener {
	int fd;
	enum service service;
	char address[80]; /* as bound */
};

struct channel {
	int ends[2];
};

struct control_server;

struct master {
	char *data;                       /* absolute */
	struct identity owner;
	struct child children[ROLE_COUNT];
	struct listener listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	struct channel auth[ROLE_COUNT];  /* [0]: the asking role's end, [1]: auth's */
	struct channel pokes, changes;    /* [0]: the sender's end, [1]: the receiver's */
	int program;                      /* this program's file, to execute */
	int lock, log, signals;
	int config, certificates;         /* memory files */
	int64_t log_opened;               /* wall clock, seconds */
	struct control_server *server;    /* the command line's socket */
	bool serving;                     /* "ready" was printed */
	bool stopping;
	bool distrust;                    /* a role has ended because a sync failed: see master_begin_anew() */
	int64_t anew_at;                  /* monotonic ms: not to be tried before */
	int64_t started;                  /* monotonic ms */
	int64_t measure_deadline;         /* monotonic ms; for roles that are measuring */
	bool hurried;                     /* Ctrl-C twice: nothing is waited for */
	int64_t stop_deadline;            /* monotonic ms */
	int status;                       /* to exit with */
};

/* master_setup.c: what must be there before the first role starts. */
bool master_lock(struct master *master, struct error *error);
bool master_make_folders(struct master *master, struct error *error);
bool master_open_listeners(struct master *master, struct error *error);
bool master_make_channels(struct master *master, struct error *error);
/** Reads pombal.conf and the certificates, checks both, and puts them in place of the former ones; on failure those stay. */
bool master_load(struct master *master, struct error *error);

/* master_log.c: the event file and its predecessors. */
bool master_open_log(struct master *master, struct error *error);
/** Begins a new event file when the present one is large or a day old, hands it out, and removes the oldest. */
void master_rotate_log(struct master *master);

/* master_children.c: processes. */
void master_start_child(struct master *master, enum role_name name);
/** Takes note of processes that have ended. */
void master_reap(struct master *master);
void master_hear_child(struct master *master, enum role_name name);
/** Hands one thing to every role that runs. */
void master_tell_children(struct master *master, enum control_type type, int fd);
void master_stop_child(struct master *master, enum role_name name);
/** After a failed sync (base/distrust.h): ends all roles that have data open; when they have ended, begins the service anew from
 * what is on the disk and lets them start. To be called in each round of the loop while `distrust` is set. */
void master_begin_anew(struct master *master);

/* master_metrics.c: what the processes say of themselves. */
/** Asks every role that runs; without effect while the answers to the former question are waited for. */
void master_begin_measuring(struct master *master);
void master_hear_measures(struct master *master, enum role_name name, const struct control_message *message);
/** Have all answered, or had the time to? */
bool master_has_measured(struct master *master);
/** Appends what they said, and what the master knows of itself and them: lines of "ROLE value|event NAME NUMBER". */
void master_say_metrics(struct master *master, struct buf *answer);

/* master_control.c: the command line's socket. */
bool master_open_control(struct master *master, struct error *error);
void master_close_control(struct master *master);
enum { MASTER_CLIENTS_MAX = 16 };
/** Fills `fds` with what to poll for (room for MASTER_CLIENTS_MAX + 1); returns how many. */
size_t master_control_fds(struct master *master, struct pollfd *fds);
void master_serve_control(struct master *master, const struct pollfd *fds, size_t count);

/* master.c: what others ask for. */
bool master_reload(struct master *master, struct error *error);
void master_stop(struct master *master);

#endif
