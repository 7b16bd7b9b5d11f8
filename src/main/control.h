/* Messages between the master and a role over the role's control channel (SOCK_SEQPACKET): one packet each, with at most
 * one descriptor. Everything that a role needs comes this way: the roles open no socket and read no key file. */
#ifndef MAIN_CONTROL_H
#define MAIN_CONTROL_H

#include <stdint.h>

#include "base/error.h"

enum control_type {
	/* master to role */
	CONTROL_DATA = 1,     /* text: the data directory; value: the master's process id */
	CONTROL_CHANNEL,      /* fd; value: the row of channel_rows, one of whose ends it is, see role.h */
	CONTROL_LISTENER,     /* fd; value: enum service */
	CONTROL_BUS_IN,       /* fd: where the role hears of changes, see bus.h */
	CONTROL_BUS_OUT,      /* fd; value: the role that hears at its other end */
	CONTROL_CONFIG,       /* fd: the text of pombal.conf, sealed */
	CONTROL_CERTIFICATES, /* fd: certificates and keys, sealed; see certificates.h */
	CONTROL_LOG,          /* fd: the pipe for events, see log_keeper.h */
	CONTROL_USERS,        /* fd: lines "NUMBER NAME", sealed: the users of this machine, for roles that are to know */
	CONTROL_START,        /* that was all */
	CONTROL_STOP,         /* value: seconds to end what is under way */
	CONTROL_ASK,          /* text: a question that the role answers in lines; see master_ask.c */
	/* role to master */
	CONTROL_READY,
	CONTROL_FAILED,       /* text: why the role can't start */
	CONTROL_ANSWER,       /* text: lines; value: 1 if these are the last */
	CONTROL_FOLLOWED,     /* a CONFIG, CERTIFICATES or CHALLENGES that came after START is followed; text: why it isn't, or empty */
	CONTROL_ACME,         /* the acme role's: text: a question of acme/work.h; fd, if there is one: its payload, sealed */
	/* master to role, again */
	CONTROL_ACME_ANSWER,  /* value: 1 if it is done, else text: why not; fd, if there is one: the answer */
	CONTROL_CHALLENGES,   /* fd: answers to challenges of a certification authority, sealed; see master_acme.c */
};

enum {
	CONTROL_TEXT_MAX = 4096,
	CONTROL_ANSWER_MAX = 8 * 1024 * 1024, /* of a role to one question: tens of thousands of sessions */
};

struct control_message {
	uint32_t type, value;
	char text[CONTROL_TEXT_MAX]; /* NUL-terminated */
	int fd;                      /* -1: none; the receiver's to close */
};

/** Sends one message; `fd` is -1 or stays the caller's. Never blocks: a channel that is full is an error. */
bool control_send(int channel, enum control_type type, uint32_t value, const char *text, int fd, struct error *error);

enum control_result { CONTROL_MESSAGE, CONTROL_NONE, CONTROL_CLOSED };
/** Receives one; with `wait` it blocks for it. A packet that is none of ours counts as closed. */
enum control_result control_receive(int channel, bool wait, struct control_message *message);

#endif
