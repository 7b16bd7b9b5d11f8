/* The certificates that this server got by itself (ACME): what lies in the data directory, and what the running server says of each. */
#ifndef CLI_OWN_CERTIFICATES_H
#define CLI_OWN_CERTIFICATES_H

#include "acme/key.h"
#include "cli/instance.h"

struct cli_own_certificate {
	struct slice id;
	bool there;                  /* there is one: */
	struct acme_certificate certificate;
	bool has_next;               /* there is a key for the next: */
	unsigned char next[ACME_DIGEST_SIZE]; /* its digest, as in `certificate` */
	struct slice state;          /* "waiting", "working", "failed", "left"; empty: no server runs, or it gets none */
	int64_t due;                 /* when it is renewed, or tried again; 0: not known */
	uint64_t failures;           /* in a row */
	struct slice why;            /* the last one, or what was left out */
};
/** All, in line->arena. */
void cli_own_certificates(const struct command_line *line, struct cli_own_certificate **list, size_t *count);
/** The one of that id; NULL: none. */
const struct cli_own_certificate *cli_own_certificate(const struct cli_own_certificate *list, size_t count, struct slice id);

#endif
