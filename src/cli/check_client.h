/* pombal check --client: the way on which each mail client looks for its settings, step by step, as that client goes it. */
#ifndef CLI_CHECK_CLIENT_H
#define CLI_CHECK_CLIENT_H

#include "autoconfig/autoconfig.h"
#include "cli/instance.h"
#include "net/dns.h"

enum cli_client_state {
	CLI_CLIENT_FOUND,     /* settings that lead here: the client goes no further */
	CLI_CLIENT_ELSEWHERE, /* settings that lead to another server, or to what isn't offered here: it goes no further either */
	CLI_CLIENT_MISSING,   /* nothing */
	CLI_CLIENT_WRONG,     /* something that the client can't use: it goes on as if there were nothing */
	CLI_CLIENT_UNKNOWN,   /* the DNS doesn't answer */
	CLI_CLIENT_PASSED,    /* a step that isn't taken here */
};

struct cli_client_look {
	struct command_line *line;
	struct dns *dns;
	struct slice address, domain; /* domain: A-labels */
	struct slice encoded;         /* the address, for a URL */
	struct autoconfig_plan plan;  /* what is offered here */
	bool ours;                    /* the domain is one of this server's: it may be reached wherever it leads */
	uint16_t https_port, http_port;
	json_t *clients;              /* {client, found, steps: {step, state, what, mend}} */
	json_t *steps;                /* of the client whose turn it is */
	bool found, over;             /* it has found settings that lead here; it goes no further */
};

/** One step has ended so. `mend`: sentences for an administrator, or "". */
__attribute__((format(printf, 5, 6))) void cli_client_step(struct cli_client_look *look, enum cli_client_state state, struct slice step, struct slice mend,
							    const char *what, ...);
/** The DNS doesn't answer: `what` it was asked for, and why, if that is known. */
void cli_client_unknown(struct cli_client_look *look, struct slice step, const char *what, struct slice name, const char *why);
/** The same for settings that a client has read: do they lead here? */
void cli_client_found(struct cli_client_look *look, struct slice step, const struct autoconfig_found *found, struct slice mend);
enum cli_client_reach { CLI_CLIENT_HERE, CLI_CLIENT_NOWHERE, CLI_CLIENT_OTHER };
/** Where does this host's name lead: to this server, to no address, to another? */
enum cli_client_reach cli_client_reach(struct cli_client_look *look, struct slice host);

/* ---- Asking web servers (check_client_web.c) ---- */

struct cli_client_question {
	struct slice url;
	struct slice step;      /* what it is called; empty: as the URL */
	struct slice body;      /* at: NULL: none */
	struct slice type;      /* of the body */
	bool no_redirects;      /* one is an answer as any */
};
struct cli_client_answer {
	int status;
	struct slice body, location, type;
};
/** Asks, follows redirects as browsers do, and gives an answer with status 200 (or any, with no_redirects). Otherwise false, and the step has
 * ended with what came instead. */
bool cli_client_ask(struct cli_client_look *look, const struct cli_client_question *question, struct cli_client_answer *answer);
/** Has the host an address? If not, the step has ended. */
bool cli_client_has_address(struct cli_client_look *look, struct slice step, struct slice host);

/* ---- The clients (check_client_ways.c) ---- */

void cli_client_thunderbird(struct cli_client_look *look);
void cli_client_outlook(struct cli_client_look *look);
void cli_client_apple(struct cli_client_look *look);
void cli_client_android(struct cli_client_look *look);
void cli_client_srv(struct cli_client_look *look);

#endif
