/* The command line: every subcommand is described by one row (struct command), from which come the parser of its
 * arguments, its --help and its part of the manual page. Exit status: 0 done, 1 refused or failed (one line on standard
 * error says why), 2 wrong usage. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <jansson.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

struct command_option {
	const char *name;     /* "quota", for --quota; NULL ends a list */
	const char *argument; /* "SIZE"; NULL: a flag */
	const char *doc;
	bool many;            /* may be given several times: its value is all of them, a line each */
	unsigned admin;       /* of enum command_option_admin */
};

/** Who may give an option over HTTP (docs/admin-api.md): who may call the row, or: */
enum command_option_admin {
	OPTION_OF_SERVER = 1, /* administrators of the server alone */
	OPTION_LOCAL = 2,     /* nobody: it names a file of this machine, say */
};

/** What a row is for who calls it over HTTP; 0: it isn't offered there. */
enum command_admin {
	ADMIN_READS = 1,      /* it changes nothing */
	ADMIN_CHANGES = 2,
	ADMIN_DOMAIN = 4,     /* also for administrators of one domain, who name it, or an address of it, as the first argument; if that is left out, it is their domain */
	ADMIN_ALL_OWN = 8,    /* … and all further arguments must be of it, too */
	ADMIN_SHOWS_OWN = 16, /* also for administrators of one domain: it shows them what is theirs (line->caller) */
	ADMIN_NETWORK = 32,   /* it asks other machines */
	ADMIN_FILE = 64,      /* its last argument is a file: "-", standard input */
};

enum command_flags {
	COMMAND_JSON = 1,    /* takes --json */
	COMMAND_HIDDEN = 2,  /* not shown: for the program's own use */
	COMMAND_NO_DATA = 4, /* works without a data directory */
	COMMAND_REMOVES = 16, /* on a full disk it may use what is set aside for removing things (base/reserve.h) */
	COMMAND_OWN_OPTIONS = 8, /* parses its own arguments, in another program's manner (sendmail) */
};

/** The data directory where none is named: that of an installed package. */
#define COMMAND_DATA "/var/lib/pombal"

struct command_line;

struct command {
	const char *name;      /* "account add" */
	const char *arguments; /* "ADDRESS TARGET…"; "" */
	const char *summary;
	int (*run)(struct command_line *line);
	const struct command_option *options; /* may be NULL */
	int least, most;       /* positional arguments; most -1: any number */
	unsigned flags;
	unsigned admin;        /* of enum command_admin */
};

/** Who calls a row over HTTP. */
struct command_caller {
	struct slice who;          /* an address, or a key's name */
	bool key;
	struct slice address;      /* from where */
	struct slice domain;       /* the only one that he administers; empty: he administers the server */
	enum error_kind failure;   /* of what kind it was that the command has failed for; ERROR_NONE: it didn't say */
};

/** A group of commands; NULL `commands` ends a list of groups. */
struct command_group {
	const char *title; /* "": belongs to the group before */
	const struct command *commands; /* ended by a row without name */
};

enum { COMMAND_OPTIONS_MAX = 16 };

/** What was typed. */
struct command_line {
	const struct command *command;
	const struct command_group *groups; /* all there are, for help and the manual page */
	const char *data;                   /* the data directory */
	bool json;
	char **arguments;                   /* positional ones */
	int count;
	const char *values[COMMAND_OPTIONS_MAX]; /* of command->options, by their place; "" for a flag; NULL: not given */
	struct arena *arena;                /* for this run of the command */
	uid_t user;                         /* who runs it, whoever it becomes */
	struct command_caller *caller;      /* NULL: it is run at the command line */
};

/** Finds the command and runs it; returns the exit status. */
int command_main(const struct command_group *groups, int argc, char **argv);
/** Writes pombal(1) in roff, in the language of `words` (config/config.h). */
struct config_words;
void command_write_manual(struct buf *out, const struct config_words *words, const struct command_group *groups);
/** docs/http.md. */
void command_write_http(struct buf *out);

/* ---- For the commands ---- */

/** The value of an option, or NULL. A flag that was given is "". */
const char *command_value(const struct command_line *line, const char *option);
/** Was any of its options given? */
bool command_has_options(const struct command_line *line);
struct slice command_argument(const struct command_line *line, int index);
/** Prints "pombal NAME: …" on standard error; returns COMMAND_FAILED. */
__attribute__((format(printf, 2, 3))) int command_fail(const struct command_line *line, const char *format, ...);
/** The same with the error's text, whose kind whoever calls over HTTP is told. */
int command_fail_with(const struct command_line *line, const struct error *error);
/** The same, of wrong usage, with a hint at --help; returns COMMAND_USAGE. */
__attribute__((format(printf, 2, 3))) int command_misuse(const struct command_line *line, const char *format, ...);

/** Reads a file that was named; "-" is standard input, and all that who calls over HTTP may name. */
bool command_read_file(const struct command_line *line, const char *path, struct buf *out, struct error *error);
/** The value of an option that is a number from 1 on; `otherwise` if it isn't given. False with *error. */
bool command_number(const struct command_line *line, const char *option, uint64_t most, uint64_t otherwise, uint64_t *number, struct error *error);
/** Prints `value` and frees it; returns COMMAND_DONE. */
int command_print_json(json_t *value);
/** How one kind of entry is shown: as JSON, and as a line for people. */
struct command_shape {
	size_t size; /* of an entry */
	json_t *(*json_of)(const void *entry);
	void (*print)(const void *entry);
	const char *none; /* said instead of an empty list */
};
/** Prints entries that lie one after the other: with --json as one list. */
void command_print_list(const struct command_line *line, const struct command_shape *shape, const void *entries, size_t count);
void command_print_entry(const struct command_line *line, const struct command_shape *shape, const void *entry);
/** A JSON string of bytes that may not be UTF-8 (what isn't becomes '?'). */
json_t *cli_json_of_slice(struct slice text);
/** Says something to the person at the terminal, on standard error, where it is in no listing's way. Nothing with --json. */
void command_remark(const struct command_line *line, const char *text);
/** Prints a slice to standard output with control characters other than tabs, and those that change the direction of writing, shown as '?': nothing
 * that mail holds may steer the terminal. */
void cli_print_safe(struct slice text);
/** Two blanks, `before` and a text so, for lines of several parts; nothing for an empty text. */
void cli_print_part(const char *before, struct slice text);
/** "2026-11-22 23:19:32 +0100" in local time. */
const char *cli_time_text(int64_t seconds, char out[32]);
/** "512 bytes", "1.4 MiB", "10 GiB": as people read it. */
const char *cli_size_text(uint64_t bytes, char out[32]);

#endif
