/* `pombal setup`: an empty machine becomes a mail server with the help of a browser (docs/guide.md). No role runs and no mail is taken: a page is served, and whoever has
 * started this types the code into it that is printed at the terminal. Then the page has two rows of the command line run, `init` and `dns name`, as programs of their own;
 * when `init` has made the instance, this program becomes, or starts, the server.
 *
 * Strangers reach a process that has no file, no code and nobody's rights (setup_door.c): it hands on what they show and want. This one compares the code, counts who
 * guesses, and reads what is wanted only of who has it. Only a person at a terminal starts this, and never beside an instance; so a server whose disk has
 * gone doesn't ask strangers to set it up. */
#ifndef MAIN_SETUP_H
#define MAIN_SETUP_H

#include "base/slice.h"
#include "cli/commands.h"
#include "main/privileges.h"
#include "main/role.h"

/** The command; its options are init's dev and port-base. */
int setup_run(struct command_line *line);
extern const struct command_option setup_options[];

/** What the process has that strangers reach. */
struct setup_door {
	struct identity owner;       /* whom it becomes */
	struct role_listener listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	int channel;                 /* to who decides */
	int stop;                    /* an event: it shall end what is under way, and itself */
	struct slice certificates;   /* packed: main/certificates.h */
};
/** That process, from beginning to end. */
_Noreturn void setup_door_run(const struct setup_door *door);

/** Who has guessed, and how often. */
enum { SETUP_GUESSERS_MAX = 64, SETUP_GUESSES_MAX = 10, SETUP_GUESS_MEMORY_MS = 10 * 60 * 1000 };
struct setup_guesses {
	struct setup_guesser {
		char address[64];
		unsigned count;
		int64_t last_ms;     /* monotonic */
	} list[SETUP_GUESSERS_MAX];
};
/** May that address try a code now? */
bool setup_may_guess(const struct setup_guesses *guesses, struct slice address, int64_t now_ms);
/** It has tried a wrong one. Who has been quiet for the longest is forgotten for it, if need be. */
void setup_guessed(struct setup_guesses *guesses, struct slice address, int64_t now_ms);

#endif
