/* What the files of this folder share; nobody else includes it.
 *
 *   methods.c    the one table of methods, and that of types
 *   capabilities.c   the one table of capabilities
 *   routes.c     the table of what is asked for over HTTP
 *   json.c       reading JSON of strangers within limits; texts, dates and ids as JSON has them
 *   pointer.c    JSON pointers, results of former calls as arguments (RFC 8620 §3.7), patches (§5.3)
 *   request.c    one request: its calls one after the other, and what they answer
 *   api.c        requests over HTTP
 *   session.c    what a client is told first (§2)
 *   upload.c, download.c, blob.c   binary data (§6)
 *   push.c       who is told of changes: event sources (§7.3); push_*.c   … and over the network (§7.2): push_internal.h
 *   websocket.c  requests and news over a WebSocket (RFC 8887)
 *   share.c      what one person may have under way
 *   call.c       what methods read their arguments with, and answer with
 *   recovery.c   emails that were removed and are still kept: an extension of our own
 *   quarantine*.c   what was set apart for this person: another; finding.c: what was found of a message
 *   spelling*.c  whether words are spelt right: another
 *   story.c      what became of a message: another
 *   blob_methods.c, quota.c   what their names say (RFC 9404, 9425)
 *   contact_*.c  address books and cards (RFC 9610)
 *   get.c, set.c, query.c   what all types do in the same way (§5)
 *   object.c     … and those whose objects are kept beside mail
 *   identity.c, submission.c, submission_query.c, vacation.c   RFC 8621 §6, §7, §8; mdn*.c   RFC 9007
 *   send.c, send_envelope.c   how a message goes out; implied.c: the Email/set that follows
 *
 * A method is a row of the table in methods.c, and a function that reads its arguments, asks the store and responds, straight down. It runs in a
 * worker: it may ask the database and the disk. What takes longer (another role) it doesn't wait for: it returns RUN_WAIT, having kept in call->state
 * how far it is, and is called again after conn_resume(call->request->conn). What lasts returns RUN_AGAIN now and then (conn_should_pause()).
 *
 * What a request has changed is on the disk (store_sync()) before it is answered, if one of its methods is marked JMAP_CHANGES: no method need see to that.
 *
 * Memory: what is JSON belongs to whoever is handed it, as jansson has it; "taken" says that a function takes it over. All else is in the call's arena. */
#ifndef JMAP_INTERNAL_H
#define JMAP_INTERNAL_H

#include <jansson.h>

#include "base/array.h"
#include "jmap/jmap.h"

enum {
	JMAP_REQUEST_MAX = 10 * 1000 * 1000, /* bytes of a request (maxSizeRequest) */
	JMAP_CALLS_MAX = 32,             /* maxCallsInRequest */
	JMAP_CONCURRENT_MAX = 8,         /* requests of one account at a time (maxConcurrentRequests) */
	JMAP_CONCURRENT_ALL = 200,       /* … and of all accounts */
	JMAP_LARGE_BYTES = 256 * 1024,   /* a request is large from here on, or if its length isn't known: */
	JMAP_LARGE_MAX = 4,              /* so many of one account at a time */
	JMAP_LARGE_ALL = 24,             /* … and of all: each may take a hundred megabytes */
	JMAP_BYTES_ALL = 256 * 1000 * 1000, /* bytes that all requests in work were sent, and have answered by jmap_spend(), together */
	JMAP_BYTES_ACCOUNT = 128 * 1000 * 1000, /* … and those of one account */
	JMAP_UPLOADS_MAX = 4,            /* uploads of one account at a time (maxConcurrentUpload) */
	JMAP_UPLOADS_ALL = 500,
	JMAP_DOWNLOADS_MAX = 8,          /* downloads of one account that are made ready at a time: a part is decoded in memory */
	JMAP_DOWNLOADS_ALL = 32,
	JMAP_GET_MAX = 1000,             /* maxObjectsInGet */
	JMAP_SET_MAX = 1000,             /* maxObjectsInSet */
	JMAP_DEPTH_MAX = 64,             /* of JSON that comes, and of what references lead to */
	JMAP_VALUES_MAX = 200 * 1000,    /* values in a request: each takes a hundred bytes */
	JMAP_RESPONSES_MAX = 4 * JMAP_CALLS_MAX, /* that later calls can refer to: a call may have several */
	JMAP_REFERRED_MAX = 200 * 1000,  /* values that references of one request lead to, all together */
	JMAP_ROOM_MAX = 64 * 1024 * 1024, /* bytes that the answers of one request may take, see jmap_spend() */
	JMAP_RESPONSE_MAX = 2 * JMAP_ROOM_MAX,
	JMAP_NAME_MAX = 255,             /* bytes of a method's name, or of a call's id */
	JMAP_QUERY_MAX = 1000,           /* ids that a query answers with at most */
	JMAP_FILTER_DEPTH_MAX = 16,
	JMAP_FILTER_CONDITIONS_MAX = 100,
	JMAP_SORT_MAX = 8,               /* comparators */
};

/* ---- Capabilities ---- */

enum jmap_capability {
	JMAP_CORE,
	JMAP_WEBSOCKET,
	JMAP_BLOB,
	JMAP_QUOTA,
	JMAP_MAIL,
	JMAP_SUBMISSION,
	JMAP_VACATION,
	JMAP_MDN,
	JMAP_CONTACTS,
	JMAP_SNOOZE,
	JMAP_RECOVERY,
	JMAP_QUARANTINE,
	JMAP_STORY,
	JMAP_SPELLING,
	JMAP_VAPID,
	JMAP_EMAIL_PUSH,
	JMAP_CAPABILITY_COUNT
};

struct jmap_request;

/** One row: what is announced, and what a client must say that it uses. */
struct jmap_capability_row {
	const char *urn;
	/** What the session says of it. NULL: {}. */
	json_t *(*about)(const struct jmap_request *request);
	/** What it says of the account (accountCapabilities). NULL: it isn't the account's. */
	json_t *(*about_account)(const struct jmap_request *request);
	bool bare_account; /* the account has it, and {} is all that is said */
	/** Is it announced? NULL: always. */
	bool (*offered)(const struct jmap_request *request);
};
extern const struct jmap_capability_row jmap_capabilities[JMAP_CAPABILITY_COUNT];

/* ---- Methods and types ---- */

struct jmap_call;

enum {
	JMAP_CHANGES = 1,    /* it may change something: who may only read is refused, and it is on the disk before it is answered */
	JMAP_OF_ACCOUNT = 2, /* it has the argument accountId, which is checked before it runs; who asks must be allowed to read mail, or what follows says */
	JMAP_SENDS = 4,      /* it may send something: who may not is refused */
};
struct jmap_method {
	const char *name;
	enum jmap_capability capability;
	unsigned about;
	enum net_run (*run)(struct jmap_call *call);
};
extern const struct jmap_method jmap_methods[];
extern const size_t jmap_method_count;

enum { JMAP_STATE_MAX = 79 };
/** A type of data (RFC 8620 §1.6.3), as far as all have it. */
struct jmap_type {
	const char *name;              /* "Mailbox" */
	enum jmap_capability capability;
	const char *const *properties; /* that /get knows, NULL at the end */
	/** Is that one of its further properties ("header:…")? NULL: it has none. */
	bool (*is_property)(struct slice name);
	/** The state (§5.1), which is told to clients that wait for changes, too. False: *error says why. */
	bool (*state)(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error);
};
/** All that have a state. */
extern const struct jmap_type *const jmap_types[];
extern const size_t jmap_type_count;

/* ---- Requests ---- */

/** What was answered, as long as a later call refers to it. */
struct jmap_response {
	struct slice id;
	const char *name;
	json_t *arguments; /* NULL: nobody refers to it */
};

enum { JMAP_ID_SIZE = 15 /* a letter, 13 characters, NUL */ };

struct jmap_request {
	const struct jmap_service *service;
	struct conn *conn;           /* NULL: in tests */
	const struct config *config;
	struct auth_wait *wait;      /* to ask auth with */
	struct arena *arena;         /* lives as long as the request */
	struct http_person person;
	struct account *account;     /* the person's */
	char account_id[JMAP_ID_SIZE];
	struct slice origin;         /* "https://mail.example.org": the client's name for us */
	bool language_said;          /* the client says in which language it wants texts for people (RFC 8620 §3.8); else they are in the account's */
	enum auth_language language;

	json_t *root, *calls;        /* what was asked */
	unsigned using;              /* 1 << enum jmap_capability */
	json_t *created;             /* creation ids (§3.3): object */
	json_t *referred;            /* the ids of calls whose responses later ones refer to: object */
	size_t next;                 /* of the calls */
	struct jmap_call *call;      /* that is under way */
	struct jmap_response *responses;
	size_t response_count;
	struct buf out;
	size_t referred_room, spent; /* values that references may still lead to; bytes that jmap_spend() has given */
	size_t held;                 /* bytes of jmap_share_take_bytes() that it gives back at its end */
	const char *opening;         /* of the answer, where it isn't HTTP's */
	bool responded, tells_created;
	bool large;                  /* it has one of JMAP_SHARE_LARGE */
	bool changed;                /* a method that may change something has run */
};

/** One call of a method. */
struct jmap_call {
	struct jmap_request *request;
	const struct jmap_method *method;
	json_t *arguments;           /* an object; what referred to results is there as the results themselves */
	struct slice id;
	struct arena *arena;         /* until it has been answered */
	struct account *account;     /* of JMAP_OF_ACCOUNT */
	void *state;                 /* of the function, NULL at first; in the arena */
	void (*drop)(void *state);   /* it is over, answered or not: what the state holds outside of the arena; NULL: nothing */
	bool running, answered;
};

/* request.c */

/** Why a request as a whole isn't answered (RFC 8620 §3.6.1). */
struct jmap_problem {
	int status;          /* of HTTP; 0: there is none */
	const char *type;    /* without "urn:ietf:params:jmap:error:"; NULL: about:blank */
	const char *limit, *detail;
};
/** Opens the person's account; *request is zeroed but for service, conn, config, wait, arena, person, origin and language. False: *problem. */
bool jmap_request_open(struct jmap_request *request, struct jmap_problem *problem);
/** Reads what was asked. False: *problem. */
bool jmap_request_read(struct jmap_request *request, struct slice text, struct jmap_problem *problem);
/** The same with request->root, which was read already. */
bool jmap_request_take(struct jmap_request *request, struct jmap_problem *problem);
/** Runs what is to be run. RUN_DONE: request->out is the answer, or there is a problem. */
enum net_run jmap_request_run(struct jmap_request *request, struct jmap_problem *problem);
void jmap_request_close(struct jmap_request *request);
/** A problem as JSON. `id` may be NULL (JSON). */
json_t *jmap_problem_json(const struct jmap_problem *problem);

/* session.c */

/** The session object (§2), its state included. */
json_t *jmap_session(const struct jmap_request *request);
/** A short text that is another for other JSON. */
void jmap_digest(const json_t *value, char out[JMAP_STATE_MAX + 1]);
/** Its state alone. */
void jmap_session_state(const struct jmap_request *request, char out[JMAP_STATE_MAX + 1]);

/* share.c */

/** What one account may have under way at a time, and all together. */
enum jmap_share { JMAP_SHARE_REQUEST, JMAP_SHARE_LARGE, JMAP_SHARE_UPLOAD, JMAP_SHARE_DOWNLOAD /* while it is made ready, not while it is sent */, JMAP_SHARE_COUNT };
enum jmap_share_result { JMAP_SHARE_TAKEN, JMAP_SHARE_USED_UP /* by the account itself */, JMAP_SHARE_BUSY };
enum jmap_share_result jmap_share_enter(struct slice account, enum jmap_share what);
void jmap_share_leave(struct slice account, enum jmap_share what);
/** Takes so many bytes of what all requests in work may hold (JMAP_BYTES_ALL), and of what the account's may. */
enum jmap_share_result jmap_share_take_bytes(struct slice account, size_t bytes);
void jmap_share_give_bytes(struct slice account, size_t bytes);

/* api.c: what routes.c names */
enum net_run jmap_get_session(struct http_exchange *exchange);
enum net_run jmap_api_admit(struct http_exchange *exchange);
enum net_run jmap_api(struct http_exchange *exchange);
void jmap_api_drop(struct http_exchange *exchange);
/** What every request begins with: in the exchange's arena. */
struct jmap_request *jmap_make_request(struct http_exchange *exchange);
/** Answers; takes `value` over. */
void jmap_answer_json(struct http_exchange *exchange, int status, const char *type, json_t *value);
/** Answers with a problem. */
void jmap_refuse(struct http_exchange *exchange, const struct jmap_problem *problem);
/** Takes one of a share; false: refused, with the name of the limit. */
bool jmap_admit(struct http_exchange *exchange, enum jmap_share what, const char *limit);

/* upload.c, download.c: what routes.c names */
enum net_run jmap_upload_admit(struct http_exchange *exchange);
void jmap_upload_take(struct http_exchange *exchange, struct slice piece);
enum net_run jmap_upload(struct http_exchange *exchange);
void jmap_upload_drop(struct http_exchange *exchange);
enum net_run jmap_download(struct http_exchange *exchange);

/* push.c, websocket.c: the same */
enum net_run jmap_events(struct http_exchange *exchange);
enum net_run jmap_websocket(struct http_exchange *exchange);
/** Is it the account's id? */
bool jmap_is_own_account(const struct jmap_request *request, struct slice id);

/* ---- What methods read and answer with (call.c) ---- */

/** Responds; takes `arguments` over. A method may do so several times, under other names, too. */
void jmap_respond(struct jmap_call *call, const char *name, json_t *arguments);
/** Answers with an error (§3.6.2): "invalidArguments", with a sentence for people, or NULL. Returns false. */
__attribute__((format(printf, 3, 4))) bool jmap_fail(struct jmap_call *call, const char *type, const char *why, ...);
/** The same for what the store says. */
bool jmap_fail_error(struct jmap_call *call, const struct error *error);
/** Takes so many bytes of what the answers of the request may take; false: it was answered with requestTooLarge. */
bool jmap_spend(struct jmap_call *call, size_t bytes);

/* Arguments. False: it was answered with invalidArguments. What is null counts as missing. */
json_t *jmap_argument(const struct jmap_call *call, const char *name);
bool jmap_argument_text(struct jmap_call *call, const char *name, bool needed, struct slice *value);
bool jmap_argument_bool(struct jmap_call *call, const char *name, bool *value);           /* missing: it stays as it is */
bool jmap_argument_number(struct jmap_call *call, const char *name, int64_t least, int64_t *value); /* the same */
bool jmap_argument_object(struct jmap_call *call, const char *name, json_t **value);      /* borrowed; NULL: missing */
bool jmap_argument_array(struct jmap_call *call, const char *name, json_t **value);
/** A list of ids that is needed: strings, at most so many, none twice (that is left out). *ids is borrowed from the arguments, which it becomes part of. */
bool jmap_argument_ids(struct jmap_call *call, const char *name, size_t most, json_t **ids);
/** Refuses every argument that isn't named: names separated by spaces; accountId needn't be. */
bool jmap_arguments_known(struct jmap_call *call, const char *names);

/** The id that a creation id ("#k1") stands for, or the text itself; an empty slice: nothing was created so. */
struct slice jmap_resolve_id(const struct jmap_call *call, struct slice text);

/* ---- JSON (json.c) ---- */

/** Reads JSON of strangers: I-JSON (RFC 7493) within JMAP_DEPTH_MAX and JMAP_VALUES_MAX. NULL: *problem. */
json_t *jmap_json_read(struct slice text, struct jmap_problem *problem);
/** Appends it. */
void jmap_json_write(struct buf *out, const json_t *value);
/** Has a string of it U+0000 in it? (No name has: jmap_json_read().) */
bool jmap_json_has_nul(const json_t *value);
/** A string; bytes that aren't UTF-8 become U+FFFD, as does what I-JSON hasn't (RFC 7493 §2.1); without U+0000. */
json_t *jmap_text(struct slice text);
struct slice jmap_slice_of(const json_t *string);
/** Seconds since 1970 as UTCDate (RFC 8620 §1.4), and back: a Date is read, too. */
json_t *jmap_date(int64_t seconds);
bool jmap_date_read(struct slice text, int64_t *seconds);
/** Is it an Id (§1.2)? */
bool jmap_is_id(struct slice text);
/** Ids of ours: a letter that says of what, and the number as id_format() writes it. Parsing is strict; 0: it is none. */
void jmap_id_format(char kind, int64_t number, char out[JMAP_ID_SIZE]);
json_t *jmap_id(char kind, int64_t number);
int64_t jmap_id_parse(char kind, struct slice text);
enum { JMAP_ID_ACCOUNT = 'a', JMAP_ID_MAILBOX = 'm', JMAP_ID_EMAIL = 'e', JMAP_ID_THREAD = 't', JMAP_ID_IDENTITY = 'i', JMAP_ID_SUBMISSION = 's' };

/* ---- Pointers (pointer.c) ---- */

/** What a pointer (RFC 6901, with '*' for all elements of an array) leads to; new. NULL: to nothing, or to more than *room values, which is counted down,
 * or deeper than JMAP_DEPTH_MAX. */
json_t *jmap_pointer(json_t *value, struct slice path, size_t *room);
/** The object with the patch's changes (§5.3), new. NULL: the patch is invalid. */
json_t *jmap_patch(json_t *object, json_t *patch);

/* ---- /get and /changes (get.c, §5.1, §5.2) ---- */

struct jmap_get {
	const struct jmap_type *type;
	json_t *ids;               /* borrowed: an array of strings, none twice; NULL: all are asked for */
	json_t *properties;        /* borrowed: those that are asked for; NULL: all but further ones */
	json_t *list, *not_found;
	char state[JMAP_STATE_MAX + 1];
};
/** Reads accountId, ids, properties; `further`: names of further arguments, separated by spaces, or NULL. */
bool jmap_get_begin(struct jmap_call *call, const struct jmap_type *type, const char *further, struct jmap_get *get);
bool jmap_get_wants(const struct jmap_get *get, const char *property);
/** One that was found; takes it over. */
void jmap_get_add(struct jmap_get *get, json_t *object);
void jmap_get_miss(struct jmap_get *get, struct slice id);
/** Responds. */
void jmap_get_end(struct jmap_call *call, struct jmap_get *get);
/** Gives it up: the call was answered with an error. */
void jmap_get_drop(struct jmap_get *get);

struct jmap_changes {
	struct slice since;
	int64_t most;              /* so many ids; JMAP_GET_MAX at most */
	json_t *created, *updated, *destroyed; /* arrays, to be filled */
	bool more;
	char state[JMAP_STATE_MAX + 1]; /* the new one: to be filled */
};
bool jmap_changes_begin(struct jmap_call *call, struct jmap_changes *changes);
/** Responds. `further`: further properties of the response, taken; or NULL. */
void jmap_changes_end(struct jmap_call *call, struct jmap_changes *changes, json_t *further);
/** Gives it up. */
void jmap_changes_drop(struct jmap_changes *changes);

/* ---- /set (set.c, §5.3) ---- */

struct jmap_set;
/** What a type does for /set, for one object each. They return NULL when it is done, or a SetError (jmap_set_error()). References to what was created
 * are the functions' to resolve (jmap_resolve_id()); who is referred to in the same request was created before. */
struct jmap_setter {
	/** *made: its id, and whatever the client doesn't know yet of it. */
	json_t *(*create)(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made);
	/** *changed: what has changed beyond what was asked; may stay NULL. */
	json_t *(*update)(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed);
	json_t *(*destroy)(struct jmap_call *call, struct jmap_set *set, struct slice id);
};
struct jmap_set {
	const struct jmap_type *type;
	void *context;             /* of the setter's functions */
	json_t *create, *update, *destroy; /* borrowed; may be NULL */
	char old_state[JMAP_STATE_MAX + 1];
	json_t *created, *updated, *destroyed, *not_created, *not_updated, *not_destroyed;
};
/** The whole of it: reads the arguments, runs the functions, responds. A NULL function: such changes are refused (forbidden). */
void jmap_set_run(struct jmap_call *call, const struct jmap_type *type, const struct jmap_setter *setter, const char *further, void *context);
/* Its steps, for whom they don't fit. */
bool jmap_set_begin(struct jmap_call *call, const struct jmap_type *type, const char *further, struct jmap_set *set);
void jmap_set_create(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter);
void jmap_set_update(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter);
void jmap_set_destroy(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter);
/** Are create, update and destroy of the right form, and not too many? False: answered. For what is like /set. */
bool jmap_set_check(struct jmap_call *call, const struct jmap_set *set);
/** Responds. */
void jmap_set_end(struct jmap_call *call, struct jmap_set *set);
void jmap_set_drop(struct jmap_set *set);
/** A SetError. `properties`: names separated by spaces, for invalidProperties; or NULL. */
__attribute__((format(printf, 3, 4))) json_t *jmap_set_error(const char *type, const char *properties, const char *why, ...);
/** invalidProperties for an object or a patch that has U+0000 in a text; NULL: none has. */
json_t *jmap_set_refuse_nul(const json_t *object);
/** The same for what the store says. */
json_t *jmap_set_error_of(const struct error *error);
/** /copy (§5.4): a person has one account, so that there is none to copy from. Answers. */
enum net_run jmap_copy_from_nowhere(struct jmap_call *call);

/* ---- /query and /queryChanges (query.c, §5.5, §5.6) ---- */

struct jmap_comparator {
	struct slice property;
	bool ascending;
	bool ascii;                /* by i;ascii-casemap (RFC 4790 §9.2), as was asked; else without regard to case in any script */
	json_t *object;            /* with what else it has */
};
struct jmap_query {
	json_t *filter;            /* borrowed; NULL: none */
	struct jmap_comparator sort[JMAP_SORT_MAX];
	size_t sort_count;
	int64_t position, anchor_offset, limit; /* limit: JMAP_QUERY_MAX at most */
	bool limited;              /* the client asked for more than the limit */
	struct slice anchor;       /* empty: none */
	bool total;                /* it is to be told */
	struct slice since, up_to; /* of /queryChanges */
	int64_t most;              /* … ; -1: any number */
};
/** What is compared instead of the text, byte by byte. */
struct slice jmap_collate(const struct jmap_comparator *by, struct slice text, struct arena *arena);
bool jmap_query_begin(struct jmap_call *call, const char *further, struct jmap_query *query);
bool jmap_query_changes_begin(struct jmap_call *call, const char *further, struct jmap_query *query);
/** Walks the filter: false, having answered, if it is no filter, or too deep, or `condition` says false (having answered: unsupportedFilter). */
bool jmap_filter_check(struct jmap_call *call, json_t *filter, bool (*condition)(struct jmap_call *call, json_t *condition, void *context), void *context);
/** Of `all` results, in order, those that are to be told: *first and *count. `anchor`: the place of the anchor; SIZE_MAX: it isn't among them. False: answered. */
bool jmap_query_window(struct jmap_call *call, const struct jmap_query *query, size_t all, size_t anchor, size_t *first, size_t *count);
/** Responds. Takes `ids` over: those of the window. */
void jmap_query_end(struct jmap_call *call, const struct jmap_query *query, const char *state, bool can_calculate_changes, json_t *ids, size_t first, size_t all);
/** The last two steps for results that are all known by number. */
void jmap_query_answer(struct jmap_call *call, const struct jmap_query *query, const char *state, bool can_calculate_changes, char kind, const int64_t *ids, size_t all);
/** /queryChanges for results that are all known: `touched`, ascending, are those that were created, changed or destroyed since. Responds. */
void jmap_query_changes_answer(struct jmap_call *call, const struct jmap_query *query, const char *state, char kind, const int64_t *ids, size_t all,
			       const int64_t *touched, size_t touched_count);

#endif
