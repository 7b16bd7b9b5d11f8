/* The data directory, as the commands use it: becoming its owner, its configuration, what they open of it, and the running
 * server's control socket. Every function that fails has said why on standard error. */
#ifndef CLI_INSTANCE_H
#define CLI_INSTANCE_H

#include "auth/directory.h"
#include "base/log.h"
#include "cli/command.h"
#include "config/config.h"
#include "queue/queue.h"
#include "store/store.h"

/** Makes line->data absolute, and checks that it is there, ours (or we are root), and holds an instance. */
bool instance_find(struct command_line *line);
/** The same; then becomes its owner when root, and makes its configuration the current one. */
bool instance_enter(struct command_line *line);
/** The same, but keeps root's right to read any file (privileges_become_reader). */
bool instance_enter_reading(struct command_line *line);
/** Becomes the owner of line->data, whatever it holds. */
bool instance_become_owner(struct command_line *line);

struct directory *instance_directory(const struct command_line *line);
struct store *instance_store(const struct command_line *line);
/** The store as it lies there: what an unclean stop has left is not set right. */
struct store *instance_store_to_look(const struct command_line *line);
/** The store with other options; NULL with *error, and nothing said. */
struct store *instance_open_store(const struct command_line *line, const struct store_options *options, struct error *error);
struct queue *instance_queue(const struct command_line *line);

/** Says one line to the running server and appends its answer without the final "ok". ERROR_NOT_FOUND: no server runs. */
bool instance_ask(const struct command_line *line, const char *request, struct buf *answer, struct error *error);
/** The same, for what may take so many seconds. */
bool instance_ask_within(const struct command_line *line, const char *request, int seconds, struct buf *answer, struct error *error);
/** What the running server, if there is one, has told of so far is in the event files when this returns. */
void instance_await_events(const struct command_line *line);
/** Reads all events as the data's owner, those of the last moment among them: calls `hear` with each line. False: it couldn't, and has said so. */
bool instance_read_events(struct command_line *line, void (*hear)(void *context, struct slice text), void *context);
/** Asks the running server to stop, and returns when its process has ended, or after so many seconds (ERROR_TEMPORARY). */
bool instance_stop(const struct command_line *line, int seconds, struct error *error);
/** Writes down what an administrator has done: instance_note(line, "admin.alias_added", log_slice("alias", address)). The
 * event says who it was (name and id of the user who runs the command, and who had signed in to the machine, where that is
 * another) and by which command, and goes to the event file, which `pombal trace` reads. */
#define instance_note(line, event, ...) instance_write_note(line, event, LOG_FIELDS(__VA_ARGS__))
void instance_write_note(const struct command_line *line, const char *event, const struct log_field *fields);

/** Tells the running server, if there is one, that an account's mail has changed, or that the queue has. */
void instance_tell_changed(const struct command_line *line, struct slice account);
void instance_tell_flush(const struct command_line *line);

/** The canonical form (in line->arena) of an address or domain that was typed. These two leave the message to the caller. */
bool instance_address(const struct command_line *line, struct slice text, struct slice *canonical, struct error *error);
bool instance_domain(const struct command_line *line, struct slice text, struct slice *canonical, struct error *error);

#endif
