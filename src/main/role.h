/* A role is one process of `pombal serve`. The master starts each by executing this same program again (fresh address
 * space); the role gets everything it works with over its control channel, sets itself up, confines itself, and runs to
 * its end. */
#ifndef MAIN_ROLE_H
#define MAIN_ROLE_H

#include <pthread.h>

#include "base/error.h"
#include "config/config.h"
#include "net/server.h"

enum role_name { ROLE_AUTH, ROLE_QUEUE, ROLE_SMTP, ROLE_COURIER, ROLE_READER, ROLE_COUNT };
extern const char *const role_names[ROLE_COUNT];

enum service { SERVICE_SMTP, SERVICE_LMTP, SERVICE_SUBMISSION, SERVICE_SUBMISSIONS, SERVICE_SENDMAIL, SERVICE_IMAP, SERVICE_IMAPS, SERVICE_POP3, SERVICE_POP3S, SERVICE_COUNT };
/** One row per kind of listener: the option that names its addresses, and the role that serves it. */
struct service_row {
	const char *name;
	enum role_name role;
	size_t option; /* offset of its string_list in struct config */
	bool implicit_tls;
};
extern const struct service_row services[SERVICE_COUNT];

enum { ROLE_LISTENERS_MAX = 64 };

/** What a role has when its main function starts. */
struct role {
	enum role_name name;
	char *data;                  /* the data directory, absolute; the process's working directory, too */
	int control;                 /* to the master: see control.h */
	/* Channels between roles (SOCK_SEQPACKET, -1 where the role has none); the master keeps both ends open, so that they
	 * outlive a crash of either side. */
	int auth[ROLE_COUNT];        /* in the auth role: one per asking role; elsewhere only [0] counts: the channel to auth */
	int queue;                   /* smtp: hands in messages; queue: takes them */
	int to_courier;              /* queue: "message committed" */
	int courier_in;              /* courier: what the queue role and the command line send */
	int changes_out;             /* courier: announces changed accounts */
	int changes_in;              /* reader: hears of them */
	/* Listening sockets with what they are for. */
	struct role_listener { int fd; enum service service; } listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	struct tls_server *tls;      /* made from the certificates that the master handed over; NULL without any */

	/** Follows a configuration that has become the current one, if the role keeps anything of it; set before role_serve(),
	 * called with its context, in the thread that hears the master. */
	void (*follow)(void *context);
	int memory;                  /* for measure_process() */
	/** Appends the role's own measures (measure.h), if it has any; set before role_serve(), called with its context, in the thread
	 * that hears the master. */
	void (*measure)(void *context, struct buf *out);
	/** Answers another question of the command line in lines (see master_ask.c), if it has anything to say; as above. */
	void (*answer)(void *context, struct slice question, struct buf *out);

	pthread_t listening;         /* the thread that hears the master; see role_serve */
	void (*stop)(void *context, int seconds);
	void *context;
};

int role_auth_main(struct role *role);
int role_queue_main(struct role *role);
int role_smtp_main(struct role *role);
int role_courier_main(struct role *role);
int role_reader_main(struct role *role);

/** The process of a role, as the master starts it: `pombal role NAME`, the control channel as descriptor ROLE_CONTROL_FD. */
enum { ROLE_CONTROL_FD = 3 };
int role_start(const char *name);

/* ---- For the roles' main functions ---- */

/** Confines the process to what its role may touch; see role_rights.c. First of all. */
bool role_confine(struct role *role, struct error *error);
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
