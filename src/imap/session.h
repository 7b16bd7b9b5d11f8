/* What the files of this folder share: one connection's session, the command that runs, the mailbox that is selected.
 * Whoever owns the connection (net/server.h: the loop or one worker) owns all of this, so nothing here is locked. */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "auth/dialogue.h"
#include "config/config.h"
#include "imap/frame.h"
#include "imap/imap.h"
#include "imap/parse.h"
#include "imap/write.h"
#include "store/store.h"

enum {
	LINE_MAX_LEN = 8 * 1024,               /* of a line that is no command: SASL, the end of IDLE, between messages of APPEND */
	COMMAND_MAX_LARGEST = 16 * 1024 * 1024, /* the upper bound of the option max_command */
	TAG_MAX = 256,
	RESPONSE_MAX = 64 * 1024 * 1024,        /* what one untagged response may grow to, files not counted */
	UNCOUNTED_MEMORY = 1024 * 1024,         /* what a connection may use without asking, see imap_borrow() */
	SEND_STEP = 16 * 1024,                  /* gathered before it goes to the connection */
};

/** The states of RFC 3501 §3, as bits for the verb table. */
enum imap_state { STATE_GREETED = 1, STATE_SIGNED_IN = 2, STATE_SELECTED = 4, STATE_LOGOUT = 8 };

/** What the next bytes of the client are. */
enum imap_mode {
	MODE_COMMAND,
	MODE_SASL,   /* a line of an AUTHENTICATE exchange */
	MODE_IDLE,   /* the line that ends IDLE */
	MODE_APPEND, /* APPEND's message, see cmd_append.c */
};

/** What peek() has found, for run(). */
enum imap_pending { PENDING_NOTHING, PENDING_COMMAND, PENDING_BEFORE, PENDING_CONTINUE, PENDING_REFUSE, PENDING_TOO_LONG, PENDING_LINE, PENDING_APPEND };

struct imap_selected;
struct imap_append;
struct imap_command;

struct imap {
	struct conn *conn;
	int64_t id;                  /* of the connection, for the log */
	const struct imap_service *service;
	enum imap_state state;
	enum imap_mode mode;
	enum imap_pending pending;
	unsigned enabled;            /* what ENABLE has turned on: the column `enables` of extensions.c */
	int errors;
	bool told;                   /* the unit that is next finds nothing new to tell, and doesn't look */
	bool too_long_literal;       /* PENDING_TOO_LONG: because of a literal that is on its way */
	struct imap_frame frame;
	unsigned continued;          /* before sign-in: how often "+" was said for the command that is coming in */
	struct slice account;        /* name of who has signed in; malloc'ed */
	unsigned scopes;             /* what he may: enum auth_scope */
	int64_t incarnation;         /* of the account's mail when it was entered: see account_incarnation() */
	struct imap_selected *selected;   /* NULL unless STATE_SELECTED */
	struct imap_command *command;     /* the one in progress; between units only with RUN_AGAIN, IDLE, AUTHENTICATE, APPEND */
	struct auth_wait wait;             /* what the unit has asked auth, and is to be run again for */
	struct auth_account entering;  /* who is about to be signed in, if that still stands; name.at NULL: nobody */
	struct auth_dialogue dialogue; /* AUTHENTICATE */
	struct imap_append *append;
	uint64_t borrowed;           /* of the account's share of memory, see imap_borrow() */
};

enum imap_verb_flags {
	VERB_WORK = 1,       /* may block: store, auth */
	VERB_UID = 2,        /* exists as UID … too */
	VERB_KEEPS_NUMBERS = 8, /* no EXPUNGE before its end (RFC 3501 §7.4.1), unless as UID … */
	VERB_LONG = 16,      /* may return RUN_AGAIN: its arguments are kept */
	VERB_LASTS = 32,     /* probably takes long: others come first */
	VERB_NEWS = 64,      /* does nothing but tell what is new: blocks only if something may be */
	VERB_NUMBERS = 256,  /* needs to know which message has which number */
	VERB_CHANGES = 128,  /* changes mail: who may only read is refused before it runs. (APPEND refuses by itself: its message must be taken in.) */
};

struct imap_verb {
	const char *name;
	unsigned states;     /* in which it is allowed */
	unsigned flags;
	enum net_run (*run)(struct imap_command *command);
	const char *rfc;
	const char *extension; /* the row of extensions.c that it belongs to; NULL: RFC 3501 has it */
};

/** One command from its first byte to its tagged response. Lives in its own arena. */
struct imap_command {
	struct imap *imap;
	struct arena *arena;
	const struct imap_verb *verb;
	bool uid;                /* it came as UID … */
	size_t length;           /* bytes of the unit that it came in */
	struct slice tag;
	struct imap_parser parser;    /* at the arguments */
	struct account *account; /* open while the command runs, see imap_command_account() */
	void *job;               /* what a command keeps between RUN_AGAINs; in the arena */
	struct arena *scratch;   /* for one piece of a job; reset by the job */
	struct arena *message_arena; /* for one message of it; likewise */
	/* Messages whose changes this command has reported itself (or was told to be silent about). */
	const uint32_t *quiet;
	size_t quiet_count;
	bool some_gone;          /* a message it was asked for has been expunged meanwhile */
	/** Gives back what the job holds besides memory of the arena, when the command ends; NULL: nothing. */
	void (*end)(struct imap_command *command);
};

/** Said to who may not change anything. */
#define IMAP_READS_ONLY "What you signed in with may only read"

/* ---- verbs.c ---- */

/** Finds a verb by its name and form; NULL if there is none. */
const struct imap_verb *imap_verb_find(struct slice name, bool uid);
/** The verb at the front of the parser, "UID " included; the parser then stands behind it. */
const struct imap_verb *imap_verb_parse(struct imap_parser *parser, bool *uid);

/* ---- extensions.c ---- */

/** Appends a space and a name for each capability in this state. */
void imap_capability_write(struct imap *imap, struct buf *out);
/** Is the extension, which must have a row, switched on? */
bool imap_extension_is_on(const char *name);
/** Turns on what the client names in ENABLE (RFC 5161). Gives its name as we write it; NULL: there is no such thing to turn on. */
const char *imap_extension_enable(struct imap *imap, struct slice name);

/* ---- reply.c: every command ends with exactly one of these, which returns RUN_DONE ---- */

/** Tagged OK. `code` is a response code without brackets, or NULL. Untagged news goes first where it is allowed. */
enum net_run imap_reply_ok(struct imap_command *command, const char *code, const char *text);
enum net_run imap_reply_no(struct imap_command *command, const char *code, const char *text);
/** Tagged NO for an error of the store, with the fitting response code (RFC 5530). */
enum net_run imap_reply_error(struct imap_command *command, const struct error *error);
/** Tagged BAD; counts towards the limit of errors. */
enum net_run imap_reply_bad(struct imap_command *command, const char *text);
/** Tagged BAD with what the parser has found. */
enum net_run imap_reply_syntax(struct imap_command *command);
/** The common answers to names and states. */
enum net_run imap_reply_bad_name(struct imap_command *command);
enum net_run imap_reply_no_mailbox(struct imap_command *command, const char *code);
/** NO [LIMIT]: imap_borrow() has failed. */
enum net_run imap_reply_over_share(struct imap_command *command);
/** Waits for store_sync(), then reply_ok; NO if the disk failed. */
enum net_run imap_reply_when_durable(struct imap_command *command, const char *code, const char *text);
/** Sends "* BYE …" and closes. */
void imap_bye(struct imap *imap, const char *text);
/** Counts an error; with too many the connection ends. */
void imap_count_error(struct imap *imap);
void imap_send(struct imap *imap, const struct buf *out);
/** Sends what has gathered if it is much, and empties the buffer then: for answers of many lines. */
void imap_send_some(struct imap *imap, struct buf *out);

/* ---- session.c ---- */

/** The account's handle for this command; NULL with *error. It is the account that was signed in to, or none: never another that was
 * made under the same name meanwhile. */
struct account *imap_command_account(struct imap_command *command, struct error *error);
/** Begins a command: its arena, and nothing else. */
struct imap_command *imap_command_new(struct imap *imap);
/** Frees the command in progress. */
void imap_command_end(struct imap *imap);
enum imap_entry { ENTRY_DONE, ENTRY_FAILED, ENTRY_AWAITED };
/** To be called when the identity is proven: opens the mail account, counts the connection. ENTRY_FAILED: *error. ENTRY_AWAITED: whether it still
 * stands was asked; it is due again, when that is answered, whatever `account` is then. */
enum imap_entry imap_enter(struct imap *imap, const struct auth_account *account, struct error *error);
static inline bool imap_is_entering(const struct imap *imap) { return imap->entering.name.at != NULL; }
/** Takes memory of the account's share (the option account_memory) for what this connection does, until imap_repay(), or until
 * the next command, when also its answer has been sent. What every command needs, up to UNCOUNTED_MEMORY, isn't asked for.
 * False: imap_reply_over_share() is due. */
bool imap_borrow(struct imap *imap, uint64_t bytes);
void imap_repay(struct imap *imap, uint64_t bytes);
/** Fills in what the auth role wants to know about the client; *tls must live as long. */
struct sign_in_client imap_client(struct imap *imap, struct conn_tls *tls);

/* ---- account_limit.c ---- */

/** Counts one more connection of an account; false if that would be more than `limit`. Any thread. */
bool imap_account_limit_enter(struct slice account, int64_t limit);
void imap_account_limit_leave(struct slice account);
/** Takes `bytes` of what the account's commands may have, if they have no more than `limit` then. Any thread. */
bool imap_account_limit_borrow(struct slice account, uint64_t bytes, uint64_t limit);
void imap_account_limit_repay(struct slice account, uint64_t bytes);

/* ---- selected.c ---- */

struct imap_selected {
	int64_t mailbox;
	uint32_t uidvalidity;
	bool read_only;
	struct imap_uids uids;        /* of all messages this session knows, once `loaded` */
	bool loaded;             /* until then the client knows of `told` messages below `told_next`, as of `modseq` */
	size_t told, told_recent, told_unseen; /* unseen: the first one's number; 0: not looked for so far */
	uint32_t told_next;
	int64_t modseq;          /* changes of messages up to here have been told */
	int64_t expunge_modseq;  /* expunges up to here have been told */
	struct range *recent;    /* UIDs that are \Recent for this session, ascending */
	size_t recent_count;
	struct buf keywords;     /* that the client was told of in FLAGS, separated by spaces */
	/* Nothing has changed since the session looked: then it need not look again, and opens no account. */
	struct subscription *subscription;
	_Atomic bool changed;    /* something may have, since; set on any thread */
	_Atomic bool idling;     /* … and then the session is woken */
	struct conn *conn;
	int64_t seen_modseq;     /* of the account, when it looked last */
	int64_t looked_ms;       /* when that was, by the monotonic clock */
};

/** Opens a mailbox of the session's account, in a time that doesn't depend on its size; *mailbox becomes what it is at this moment. NULL
 * with *error. */
struct imap_selected *imap_selected_open(struct imap_command *command, struct mailbox *mailbox, bool read_only, struct error *error);
/** Finds out which message has which number, if that isn't known: before numbers, or UIDs, mean something. */
bool imap_selected_load(struct imap_command *command, struct error *error);
void imap_selected_free(struct imap_selected **selected);
bool imap_selected_is_recent(const struct imap_selected *selected, uint32_t uid);
size_t imap_selected_count_recent(const struct imap_selected *selected);
/** Nothing that the client may be told now can have come since the last look: imap_selected_sync() would not open the account. */
bool imap_selected_is_told(const struct imap_selected *selected, bool expunge);
/** Tells the client what others have changed: EXPUNGE (if allowed), EXISTS, RECENT, FETCH. May end the session, when the
 * mailbox is gone. */
void imap_selected_sync(struct imap_command *command, bool expunge);
/** "* n FETCH (UID u FLAGS (…))". */
void imap_selected_write_flags(struct imap_selected *selected, struct buf *out, size_t index, const struct message *message);
/** "* FLAGS (…)" if there are keywords that the client hasn't been told of (RFC 3501 §7.2.6); before they are used. */
void imap_selected_write_keywords(struct imap_selected *selected, struct buf *out, struct slice keywords);
/** Leaves the mailbox: STATE_SIGNED_IN. */
void imap_unselect(struct imap *imap);
/** Parses a sequence set (of UIDs if the command is UID …) and resolves it to indexes. False: the parser has the error. */
bool imap_command_parse_indexes(struct imap_command *command, struct ranges *indexes);
/** The UIDs of indexes, ascending, in the command's arena. */
uint32_t *imap_command_uids(struct imap_command *command, const struct ranges *indexes, size_t *count);

/* ---- learn.c: what a client says of messages by what it has done with them ---- */

/** These are the UIDs of what was copied or moved from the selected mailbox into `target`. */
void imap_learn_copied(struct imap_command *command, const struct mailbox *target, const uint32_t *uids, size_t count);
/** Messages of the selected mailbox were given flags and keywords. */
void imap_learn_flagged(struct imap_command *command, const uint32_t *uids, size_t count, unsigned flags, struct slice keywords);
/** Messages were appended to `target`. */
void imap_learn_appended(struct imap_command *command, const struct mailbox *target, const struct placement *placements, const uint32_t *uids, size_t count);

/* ---- walk.c ---- */

/** Goes through the messages of a set of indexes, a piece at a time. */
struct imap_walk {
	struct ranges indexes;
	struct ranges_cursor cursor;
	uint32_t next;              /* an index that was taken off the cursor and not used */
	bool has_next;
	enum message_wanted wanted;
	size_t piece;               /* most messages at a time */
	/* the piece at hand, in command->scratch */
	struct message **messages;
	uint32_t *positions;        /* their indexes */
	size_t count, at;
};
/** Loads the next piece; *more is false at the end. Messages that are gone set command->some_gone. False: *error. */
bool imap_walk_load(struct imap_command *command, struct imap_walk *walk, bool *more, struct error *error);

/* ---- the verbs ---- */

enum net_run imap_cmd_capability(struct imap_command *command);
enum net_run imap_cmd_noop(struct imap_command *command);
enum net_run imap_cmd_logout(struct imap_command *command);
enum net_run imap_cmd_id(struct imap_command *command);
enum net_run imap_cmd_enable(struct imap_command *command);
enum net_run imap_cmd_compress(struct imap_command *command);
enum net_run imap_cmd_namespace(struct imap_command *command);
enum net_run imap_cmd_select(struct imap_command *command);
enum net_run imap_cmd_examine(struct imap_command *command);
enum net_run imap_cmd_close(struct imap_command *command);
enum net_run imap_cmd_unselect(struct imap_command *command);
enum net_run imap_cmd_create(struct imap_command *command);
enum net_run imap_cmd_delete(struct imap_command *command);
enum net_run imap_cmd_rename(struct imap_command *command);
enum net_run imap_cmd_subscribe(struct imap_command *command);
enum net_run imap_cmd_unsubscribe(struct imap_command *command);
enum net_run imap_cmd_list(struct imap_command *command);
enum net_run imap_cmd_lsub(struct imap_command *command);
enum net_run imap_cmd_status(struct imap_command *command);
enum net_run imap_cmd_append(struct imap_command *command);
enum net_run imap_cmd_expunge(struct imap_command *command);
/** Expunges the messages with \Deleted among `indexes` (NULL: all of the mailbox). False: *error. */
bool imap_expunge_deleted(struct imap_command *command, const struct ranges *indexes, uint32_t **removed, size_t *count, struct error *error);
enum net_run imap_cmd_search(struct imap_command *command);
enum net_run imap_cmd_fetch(struct imap_command *command);
enum net_run imap_cmd_store(struct imap_command *command);
enum net_run imap_cmd_copy(struct imap_command *command);
enum net_run imap_cmd_move(struct imap_command *command);
enum net_run imap_cmd_idle(struct imap_command *command);

/** What CAPABILITY, LOGOUT and ID do when their arguments have been read. */
enum net_run imap_tell_capability(struct imap_command *command);
enum net_run imap_tell_logout(struct imap_command *command);
enum net_run imap_tell_id(struct imap_command *command, struct slice client);

/** Before sign-in: names the next command, asks for its literal, runs it (cmd_before.c). */
enum net_unit imap_before_peek(struct imap *imap, struct slice input, size_t *length);
void imap_before_continue(struct imap *imap);
enum net_run imap_before_run(struct imap *imap, struct slice unit);

/** A line of an AUTHENTICATE exchange (cmd_authenticate.c). */
enum net_run imap_authenticate_line(struct imap *imap, struct slice line);
/** The line that ends IDLE; and something has changed while it waits (cmd_idle.c). */
enum net_run imap_idle_line(struct imap *imap, struct slice line);
void imap_idle_wake(struct imap *imap);
void imap_idle_stop(struct imap *imap);
/** Names and runs the units of APPEND's data (cmd_append.c). */
enum net_unit imap_append_peek(struct imap *imap, struct slice input, size_t *length);
enum net_run imap_append_run(struct imap *imap, struct slice unit);
void imap_append_free(struct imap *imap);

#endif
