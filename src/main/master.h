/* `pombal serve`: the master opens listeners, reads configuration and keys, starts one process per role and restarts
 * those that end. It talks to nobody but its roles and, over DIR/run/control, the command line of the same owner. */
#ifndef MAIN_MASTER_H
#define MAIN_MASTER_H

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "main/control.h"
#include "main/log_keeper.h"
#include "main/privileges.h"
#include "main/role.h"

/** Serves the data directory until it is told to stop; prints "ready". Returns the exit status. */
int master_serve(const char *data);

/* ---- Between the master's files ---- */

enum {
	MASTER_STOP_GRACE_MS = 3000, /* beyond what a role was given to end by itself */
	RELOAD_SAID_MAX = 32 * 1024, /* what a reload says */
};

/** One role's process. */
struct master_child {
	pid_t pid;           /* 0: none */
	int control;         /* -1: none */
	bool ready;          /* has said so */
	bool stopping;       /* was told to stop */
	bool anew;           /* … by a reload, to start with another configuration; until it is ready again */
	unsigned unfollowed; /* configurations and certificates that it was sent and hasn't said to follow */
	int64_t stop_deadline; /* monotonic ms: when who was told to stop is killed */
	int64_t started;     /* monotonic ms */
	int64_t start_at;    /* when to start it again; 0: not due */
	unsigned failures;   /* ends in a row soon after the start */
	unsigned restarts;
	char reason[CONTROL_TEXT_MAX]; /* why it can't start, in its own words */
	bool asked;          /* was asked a question and hasn't said its last line to it; see master_ask.c */
	bool silent;         /* it didn't in time */
	struct buf answer;
};

enum { CONTROL_LINE_MAX = 1024 }; /* of the command line's requests */

struct master_listener {
	int fd;
	enum service service;
	char *text;       /* as configured */
	char address[SOCKET_PATH_MAX]; /* as bound */
};

struct channel {
	int ends[2];
};

struct control_server;

struct master {
	char *data;                       /* absolute */
	struct identity owner;
	struct master_child children[ROLE_COUNT];
	struct master_listener listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	struct channel channels[CHANNEL_COUNT]; /* of channel_rows; [0]: the end of `from`, [1]: that of `to` */
	struct channel bus_ends[ROLE_COUNT]; /* for those who hear of changes; [0]: the announcers' end, [1]: the role's */
	struct bus *bus;                  /* what the command line has changed is announced by the master */
	struct log_keeper *log_keeper;
	int users;                        /* a memory file; -1: none yet */
	struct stat users_seen;           /* the list that it was made from */
	char countries[1024];             /* the file of countries that policy was started with */
	struct stat countries_seen;
	int program;                      /* this program's file, to execute */
	int lock, log, signals;
	int config, certificates;         /* memory files */
	bool has_certificates;            /* … the latter isn't empty */
	int challenges;                   /* likewise: answers to challenges; -1: none */
	struct master_acme *acme;         /* NULL: nothing was asked yet */
	int64_t log_opened;               /* wall clock, seconds */
	struct control_server *server;    /* the command line's socket */
	bool serving;                     /* "ready" was printed */
	bool stopping;
	bool distrust;                    /* a role has ended because a sync failed: see master_begin_anew() */
	int64_t anew_at;                  /* monotonic ms: not to be tried before */
	int64_t started;                  /* monotonic ms */
	int64_t reserve_at;               /* monotonic ms: when the reserves are looked at again */
	char question[CONTROL_LINE_MAX];  /* that the roles are being asked; "": none */
	int64_t question_deadline;        /* monotonic ms */
	bool hurried;                     /* Ctrl-C twice: nothing is waited for */
	bool reloading;                   /* not all roles follow yet */
	int64_t reload_deadline;          /* monotonic ms */
	char trouble[CONTROL_TEXT_MAX];   /* why a role doesn't follow; empty: none */
	int status;                       /* to exit with */
};

/* master_setup.c: what must be there before the first role starts. */
bool master_lock(struct master *master, struct error *error);
bool master_make_folders(struct master *master, struct error *error);
/** Opens the listeners of `config` that aren't open, and closes those that it doesn't have; on failure all stays. As root,
 * where we are. */
bool master_follow_listeners(struct master *master, const struct config *config, struct error *error);
void master_close_listener(struct master_listener *listener);
bool master_make_channels(struct master *master, struct error *error);
/** Marks all as not there, for who would close them. */
void master_empty_channels(struct master *master);
void master_close_channels(struct master *master);
/** Reads pombal.conf and the certificates, checks both, and puts them in place of the former ones; with `listen` the
 * listeners, too. On failure all stays. */
bool master_load(struct master *master, bool listen, struct error *error);

/** Reads the certificates anew, and hands them to the roles that serve TLS. */
bool master_follow_certificates(struct master *master, struct error *error);
/** A memory file that nobody can change any more; -1 with *error. */
int master_seal(const char *name, struct slice content, struct error *error);

/* master_users.c */
/** Hands out the list of this machine's users, if it has changed. */
void master_follow_users(struct master *master);
/** Starts the policy role anew when the file of countries is another. */
void master_follow_countries(struct master *master);

/* master_acme.c: what the acme role may have. */
/** Hears a question of it. */
void master_hear_acme(struct master *master, const struct control_message *message);
/** Answers one that waited until the roles follow; to be called in each round of the loop. */
void master_continue_acme(struct master *master);
/** When it is to be called at the latest (monotonic ms); 0: nothing waits. */
int64_t master_acme_deadline(const struct master *master);
/** Forgets a question that waits, since who asked has ended. */
void master_forget_acme(struct master *master);
void master_free_acme(struct master *master);

/* master_log.c: the event file and its predecessors. */
bool master_open_log(struct master *master, struct error *error);
/** Begins a new event file when the present one is large or a day old, and removes the oldest. */
void master_rotate_log(struct master *master);

/* master_children.c: processes. */
void master_start_child(struct master *master, enum role_name name);
/** Is it a role on demand that nobody has asked anything yet? */
bool master_child_rests(const struct master *master, enum role_name name);
/** Takes note of processes that have ended. */
void master_reap(struct master *master);
void master_hear_child(struct master *master, enum role_name name);
/** Hands one thing to a role, if it runs; false if it doesn't, or can't be reached. */
bool master_tell_child(struct master *master, enum role_name name, enum control_type type, int fd);
/** The same, to every role. */
void master_tell_children(struct master *master, enum control_type type, int fd);
void master_stop_child(struct master *master, enum role_name name);
/** Ends a role in order, to start it again at once; nothing for one that rests. */
void master_restart_child(struct master *master, enum role_name name);
/** Kills those that were told to stop and haven't within their time. */
void master_kill_late(struct master *master);
/** After a failed sync (base/distrust.h): ends all roles that have data open; when they have ended, begins the service anew from
 * what is on the disk and lets them start. To be called in each round of the loop while `distrust` is set. */
void master_begin_anew(struct master *master);

/* master_ask.c: questions that all roles answer. */
/** Is the line (of the command line) such a question? */
bool master_is_question(struct slice line);
/** Asks every role that runs. Not while another question is waited for. */
void master_ask(struct master *master, struct slice question);
void master_hear_answer(struct master *master, enum role_name name, const struct control_message *message);
/** Have all answered, or had the time to? */
bool master_has_answers(struct master *master);
/** Appends what they said. */
void master_say_answers(struct master *master, struct buf *answer);
/** Afterwards another may be asked. */
void master_end_question(struct master *master);

/* master_metrics.c */
/** Appends the measures that the roles have said, and what the master knows of itself and them: lines of "ROLE value|event NAME NUMBER". */
void master_say_metrics(struct master *master, struct buf *answer);

/* master_control.c: the command line's socket. */
bool master_open_control(struct master *master, struct error *error);
void master_close_control(struct master *master);
enum { MASTER_CLIENTS_MAX = 16 };
/** Fills `fds` with what to poll for (room for MASTER_CLIENTS_MAX + 1); returns how many. */
size_t master_control_fds(struct master *master, struct pollfd *fds);
void master_serve_control(struct master *master, const struct pollfd *fds, size_t count);

/* master_reload.c: another configuration in the place of the present one. */
/** Begins it, and appends a line "option NAME how its change takes effect" to `said` for each that has changed. False: nothing
 * has changed, and *error says why. */
bool master_reload(struct master *master, struct buf *said, struct error *error);
/** Looks whether all roles follow; to be called in each round of the loop. */
void master_continue_reload(struct master *master);

/* master.c: what others ask for. */
void master_stop(struct master *master);

#endif
