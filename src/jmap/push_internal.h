/* Push subscriptions (RFC 8620 §7.2), for push_*.c and the tables of methods and capabilities.
 *
 *   push_subscription.c   PushSubscription/get and /set
 *   push_config.c         what they may say of types and emails
 *   push_kept.c           subscriptions as the store keeps them
 *   push_service.c        the thread that tells: whose accounts have any, what has changed, what has been answered
 *   push_account.c        one account: what is due of each of its subscriptions, and what comes of it
 *   push_message.c        what a message says: PushVerification, StateChange
 *   push_email.c          … EmailPush (draft-ietf-jmap-emailpush-03)
 *   push_types.c          names of types, for event sources and WebSockets, too
 *   push_carry.c          encryption, token, the question to the push role
 *
 * A subscription is kept as an object of JSON (store/push.h): what the client has said, and
 *   code, verified, told      of the verification: told: the push service has taken it
 *   created, expires          seconds since 1970; expires 0: with what it was made with
 *   identity, credential, session   of who made it (struct http_person)
 *   key                       by which the push service knows us (auth.h)
 *   states                    of types, as they were told last
 *   since, waiting            of emails: up to which state it was looked for new ones, and which are still to be told */
#ifndef JMAP_PUSH_INTERNAL_H
#define JMAP_PUSH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "jmap/push.h"
#include "net/call.h"
#include "store/push.h"
#include "webpush/webpush.h"

enum {
	PUSH_DEVICE_MAX = 255,           /* bytes of a deviceClientId */
	PUSH_TYPES_MAX = 50,             /* that one names; 100 bytes each */
	PUSH_TYPE_NAME_MAX = 100,
	PUSH_EMAIL_BYTES_MAX = 32 * 1024, /* of emailPush, as JSON */
	PUSH_EMAIL_PROPERTIES_MAX = 50,
	PUSH_EMAIL_TEXTS_MAX = 5,        /* conditions that look for text */
	PUSH_CODE_BYTES = 16,            /* random ones, of a verification code */
	PUSH_UNVERIFIED_SECONDS = 24 * 3600, /* so long a subscription may wait for its verification */
	PUSH_NEW_EMAILS_MAX = 100,       /* that are looked at, at a time */
	PUSH_EMAILS_WAITING_MAX = 100,   /* of a subscription; of more the newest */
	PUSH_TTL_SECONDS = 7 * 24 * 3600, /* so long a push service is to keep a message for a device that is away (RFC 8030 §5.2) */
	PUSH_UNDER_WAY_MAX = 32,         /* messages; the push role has so many threads */
	PUSH_HOST_SIZE = 256,
	PUSH_VERIFICATIONS_PER_HOUR = 60, /* that an account may cause */
};

/* ---- push_kept.c ---- */

struct jmap_push_kept { int64_t id; json_t *json; };
enum { JMAP_ID_PUSH = 'w' };
/** All of an account's; jmap_push_free_list() is due. */
bool jmap_push_list(struct account *account, struct arena *arena, struct jmap_push_kept **list, size_t *count, struct error *error);
void jmap_push_free_list(struct jmap_push_kept *list, size_t count);
/** One. ERROR_NOT_FOUND. *json is the caller's. */
bool jmap_push_find(struct account *account, int64_t id, struct arena *arena, json_t **json, struct error *error);
/** Makes (*id 0), changes, or destroys (NULL) one. Nobody else changes any between jmap_push_lock() and jmap_push_unlock(). */
bool jmap_push_put(struct account *account, int64_t *id, const json_t *json, struct error *error);
void jmap_push_lock(void);
void jmap_push_unlock(void);
/** Was it made by who asks? */
bool jmap_push_is_of(const json_t *json, const struct http_person *person);
int64_t jmap_push_number(const json_t *json, const char *name);
struct slice jmap_push_text(const json_t *json, const char *name);

/* ---- push_config.c ---- */

/** What a client says as types: a list of names, or null. */
bool jmap_push_types_fit(const json_t *types);
/** What it says as emailPush, for the account that it has: a SetError, or NULL. */
json_t *jmap_push_email_check(struct jmap_call *call, json_t *email_push);
/** A request that nobody has made, of the account: for what else works for requests. What it answers is thrown away. */
struct jmap_push_scratch { struct jmap_request request; struct jmap_call call; };
void jmap_push_scratch_begin(struct jmap_push_scratch *scratch, const struct jmap_service *service, struct account *account, struct arena *arena);
void jmap_push_scratch_end(struct jmap_push_scratch *scratch);
/** The states that the subscription's types have now, as `states`. NULL: *error says why. */
json_t *jmap_push_states(struct account *account, const json_t *types, struct error *error);

/* ---- What a message says ---- */

/** A message that is due. */
struct jmap_push_due {
	const char *what;    /* "verification", "emails", "changes" */
	struct buf text;     /* JSON */
	json_t *then;        /* members that the kept object gets when it has been taken; `states` is joined with the former */
	enum webpush_urgency urgency;
};
void jmap_push_due_free(struct jmap_push_due *due);
/** What is to be told now. *emails: `since` and `waiting` as they are known in memory, NULL at first; replaced. False: nothing, or *error says why (ERROR_NONE:
 * nothing). */
bool jmap_push_message(const struct jmap_service *service, struct account *account, int64_t id, const json_t *kept, json_t **emails, struct jmap_push_due *due, struct error *error);
/** The same for new emails alone. */
bool jmap_push_emails(const struct jmap_service *service, struct account *account, const json_t *kept, json_t **emails, struct jmap_push_due *due, struct error *error);
void jmap_push_account_id(const struct account *account, char out[JMAP_ID_SIZE]);

/* ---- The thread (push_service.c), and what it knows of an account (push_account.c) ---- */

struct jmap_push_account;
/** One subscription: what was tried, and is under way. */
struct jmap_push_slot {
	struct jmap_push_slot *next;
	struct jmap_push_account *entry;
	int64_t id;
	struct call_ticket *ticket;  /* NULL: none is under way */
	struct buf question;
	struct jmap_push_due due;    /* what it says */
	char host[PUSH_HOST_SIZE];
	json_t *emails;
	int64_t at_ms, interval_ms;  /* monotonic: not before; the least time from one to the next */
	unsigned failures;           /* one after the other */
	bool seen;                   /* it is still kept */
};
struct jmap_push_account {
	char *name;
	struct subscription *watch;
	struct jmap_push_slot *slots;
	int64_t due_ms;              /* when it is to be looked at; monotonic */
	bool check;                  /* whether who made its subscriptions still may */
	int64_t hour_ms;             /* since when verifications are counted */
	unsigned verifications;
	size_t under_way;
	struct jmap_push *push;
	struct jmap_push_account *next_due; /* in a list of those that are */
};
struct jmap_push {
	const struct jmap_service *service;
	struct caller *caller;
	pthread_t thread;
	struct map *accounts;        /* by name; the thread's alone */
	struct map *tokens;          /* the thread's alone: push_carry.c */
	struct jmap_push_slot *flying[PUSH_UNDER_WAY_MAX]; /* the thread's alone: whose messages are under way */
	size_t under_way;
	atomic_size_t known;         /* accounts, for measures */
	pthread_mutex_t lock;        /* guards the rest */
	pthread_cond_t heard;
	struct map *news;            /* names of accounts that are to be looked at; the values say what for */
	bool check_all, answered, stopping;
	struct auth_push_key key;
	bool key_known;
	int64_t key_ms;              /* when it was asked for */
};
/** Looks at an account: destroys what is over, and tells what is due. False: it has no subscriptions any more. */
bool jmap_push_look(struct jmap_push *push, struct jmap_push_account *entry);
/** Takes what has been answered. */
void jmap_push_take(struct jmap_push *push, struct jmap_push_account *entry);
void jmap_push_account_free(struct jmap_push_account *entry);

/* ---- push_carry.c ---- */

enum jmap_push_carry { PUSH_CARRIED, PUSH_LATER, PUSH_OVER /* by that key nobody knows us any more */, PUSH_NEVER /* it can't be encrypted */ };
/** Makes the question to the push role of slot->due, and asks. */
enum jmap_push_carry jmap_push_carry(struct jmap_push *push, struct jmap_push_slot *slot, const json_t *kept);
/** Whose push service it is. */
void jmap_push_host(const json_t *kept, char host[PUSH_HOST_SIZE]);
void jmap_push_tokens_free(struct jmap_push *push);

/* ---- For the methods and capabilities ---- */

/** An account has other subscriptions than it had. Any thread. */
void jmap_push_note(struct jmap_push *push, struct slice account);
/** The key by which push services know us now; false: it isn't known yet. Any thread. */
bool jmap_push_key(struct jmap_push *push, struct auth_push_key *key);

enum net_run jmap_push_get(struct jmap_call *call);
enum net_run jmap_push_set(struct jmap_call *call);
bool jmap_push_is_offered(const struct jmap_request *request);
bool jmap_push_has_key(const struct jmap_request *request);
json_t *jmap_push_about_key(const struct jmap_request *request);

#endif
