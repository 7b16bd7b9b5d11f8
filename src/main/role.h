/* A role is one process of `pombal serve`. The master starts each by executing this same program again (fresh address
 * space); the role gets everything it works with over its control channel, sets itself up, confines itself, and runs to
 * its end. */
#ifndef MAIN_ROLE_H
#define MAIN_ROLE_H

#include <pthread.h>

#include "base/error.h"
#include "config/config.h"
#include "main/bus.h"
#include "net/server.h"

struct role;
struct control_message;

/* ---- The tables, made from config/roles.def ---- */

/** What a role may touch beside the system's files; role_confine() makes a sandbox of it. */
struct role_rights {
	const char *folder; /* of the data directory, to write in, and in a temporary folder; NULL without `store`: in no file at all */
	bool usage;         /* how full the mailboxes are, and nothing else of them */
	bool learned;       /* … of everybody's mail: the folder policy/, to read */
	bool log;           /* what happened: the folder log/, to read */
	bool store;         /* the accounts, and what store_open needs */
	bool network;       /* connecting to other machines, and the files that this needs */
	bool dns_alone;     /* … but over TCP only to where the DNS is asked */
	bool listeners;     /* serving clients */
	bool asks;          /* long questions to other roles, net/call.h */
	bool gives_files;   /* with its answers: files in memory */
	bool commands;      /* a process beside it, which was started before it is confined, runs rows of the command line: main/runner.h */
};

#define ROLE(NAME, name, ...) int role_##name##_main(struct role *role);
#include "config/roles.def"

struct role_row {
	int (*main)(struct role *role);
	struct role_rights rights;
	bool tls;           /* is told the certificates and their keys */
	bool users;         /* is told who the users of this machine are */
	bool outlives_disk; /* has nothing open that a failed sync leaves in doubt (base/distrust.h): it goes on then */
	bool on_demand;     /* it is started when it is first asked something: until then it costs nothing */
	bool pause;         /* when it ends for that, answers to those who wait are let out first */
	unsigned stop;      /* roles end in this order, those with the same number at the same time */
	unsigned hears, announces; /* BUS() of the topics, main/bus.h */
};
extern const struct role_row role_rows[ROLE_COUNT];

/** How a service's listeners are served. */
struct serving {
	const struct net_protocol *protocol;
	int kind;
};
extern const struct serving serving_rows[SERVICE_COUNT];

enum channel_kind {
#define CHANNEL_KIND(KIND) CHANNEL_##KIND,
#include "config/roles.def"
};
enum {
#define CHANNEL(KIND, FROM, TO) CHANNEL_##KIND##_OF_##FROM,
#include "config/roles.def"
	CHANNEL_COUNT
};
struct channel_row {
	enum channel_kind kind;
	enum role_name from, to;
};
extern const struct channel_row channel_rows[CHANNEL_COUNT];

/* ---- A role's process ---- */

enum { ROLE_LISTENERS_MAX = 64 };

/** What a role has when its main function starts. */
struct role {
	enum role_name name;
	char *data;                  /* the data directory, absolute; the process's working directory, too */
	int control;                 /* to the master: see control.h */
	/* This role's ends of the channels of channel_rows, -1 where it has none; the master keeps both ends open, so that they
	 * outlive a crash of either side. */
	int channels[CHANNEL_COUNT];
	struct bus *bus;             /* where it announces what it changes: main/bus.h */
	int bus_in;                  /* where it hears of what others have changed; -1: it doesn't care */
	/* Listening sockets with what they are for. */
	struct role_listener { int fd; enum service service; } listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	struct tls_server *tls;      /* made from the certificates that the master handed over; NULL without any */

	/** Follows a configuration that has become the current one, if the role keeps anything of it; set before role_serve(),
	 * called with its context, in the thread that hears the master. */
	void (*follow)(void *context);
	/** Hears of what another role has changed, if the role's row says that it cares; in the loop of the server (role_listen()), so it
	 * must not wait. */
	void (*hear)(void *context, const struct bus_change *change);
	int memory;                  /* for measure_process() */
	/** Appends the role's own measures (measure.h), if it has any; set before role_serve(), called with its context, in the thread
	 * that hears the master. */
	void (*measure)(void *context, struct buf *out);
	/** Hears the master's answer to a question of the acme role, as above; may take its descriptor over, setting it to -1. */
	void (*hear_acme)(void *context, struct control_message *message);
	/** Answers another question of the command line in lines (see master_ask.c), if it has anything to say; as above. */
	void (*answer)(void *context, struct slice question, struct buf *out);

	pthread_t listening;         /* the thread that hears the master; see role_serve */
	void (*stop)(void *context, int seconds);
	void *context;
};

/** The process of a role, as the master starts it: `pombal role NAME`, the control channel as descriptor ROLE_CONTROL_FD. */
enum { ROLE_CONTROL_FD = 3 };
int role_start(const char *name);

/* ---- For the roles' main functions ---- */

/** Confines the process to what its role may touch; see role_rights.c. First of all. */
bool role_confine(struct role *role, struct error *error);
/** This role's end of its channel for that, if it has one such: else -1. */
int role_channel(const struct role *role, enum channel_kind kind);
/** Serves what the role listens on, and hears the bus; `context_of` gives the protocol's context for a service. */
void role_listen(struct role *role, struct server *server, void *(*context_of)(void *context, enum service service), void *context);
/** For a role without listeners: hears what has been announced on role->bus_in, without waiting. role->hear is called in this thread. */
void role_hear(struct role *role);
/** How many connections and threads the configuration lets a role have. */
struct server_options role_server_options(struct tls_server *tls);
/** Tells the master that every listener is served, and obeys it from now on in a thread of its own: new configurations,
 * certificates and event files are put in place; `stop` is called when the role shall end what is under way within that
 * many seconds. */
void role_serve(struct role *role, void (*stop)(void *context, int seconds), void *context);
/** Waits for that thread, after the role's work has ended. */
void role_end(struct role *role);
/** Tells the master why the role can't start, and ends the process. */
_Noreturn void role_fail(struct role *role, const struct error *error);

#endif
