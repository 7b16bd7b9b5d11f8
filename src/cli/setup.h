/* What `pombal setup` (main/setup.h) begins with: a data directory in which there is no instance yet, but a certificate and a code. By the code whoever has started it
 * at a terminal is known in a browser. */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "cli/command.h"

/** The file of the code, in the data directory, for its owner and root alone. It is there until an instance is. */
#define CLI_SETUP_CODE "run/setup-code"

enum {
	CLI_SETUP_CODE_SIGNS = 12, /* of 31 letters and digits: 59 bits */
	CLI_SETUP_CODE_SIZE = CLI_SETUP_CODE_SIGNS + 3 /* in groups of four, with a NUL */
};

/** Makes the data directory with its folders, a self-signed certificate for this machine's name and a code; what of it is there already stays. The process becomes
 * the directory's owner for good. Options: those of init, dev and port-base. Returns an exit status. */
int cli_setup_begin(struct command_line *line);

/** A new code: "K7QF-3MXP-9TWB". */
void cli_setup_code_make(char out[CLI_SETUP_CODE_SIZE]);
/** Is that the code, as somebody types it: in small letters, with blanks and hyphens anywhere? Takes as long for any text of its length that isn't. */
bool cli_setup_code_fits(struct slice code, struct slice typed);

/** The SHA-256 of the first certificate in PEM, as browsers show it: "AB:CD:…"; empty if there is none. */
enum { CLI_FINGERPRINT_SIZE = 32 * 3 };
void cli_setup_fingerprint(struct slice pem, char out[CLI_FINGERPRINT_SIZE]);

#endif
