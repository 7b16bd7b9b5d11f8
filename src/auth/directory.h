/* The directory: domains, accounts, aliases, password hashes. DIR/directory/directory.db, opened by the auth role and by
 * the command line only. Changes are durable when a function returns, and seen by the running auth role at once.
 * Names are canonical addresses (message/address.h). Not thread-safe. */
#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include "auth/auth.h"
#include "webpush/webpush.h"

struct directory;

struct directory *directory_open(const char *data, struct error *error);
void directory_close(struct directory **directory);

struct auth_domain_entry {
	struct slice name;
	struct slice alias_of;   /* empty: a domain of its own; else every address of it is read in that one */
	struct slice catch_all;  /* address for what nobody has; empty: none */
	struct slice language;   /* in which its people are written to: auth_language_parse(); empty: English */
	struct config_thresholds thresholds;
};
struct auth_account_entry {
	struct slice name, display_name;
	bool enabled;
	uint64_t quota_bytes, quota_messages; /* 0: none. Kept here and handed to the store */
	int64_t created;
	struct slice language;   /* in which its owner is written to; empty: its domain's */
	bool has_password;
	struct auth_rates rates;
	struct config_thresholds thresholds; /* THRESHOLD_CONFIGURED: its domain's */
	enum auth_rank administrator;
};
struct auth_alias_entry {
	struct slice address;
	struct slice *targets;
	size_t target_count;
};

/* add: ERROR_EXISTS, ERROR_NOT_FOUND (its domain), ERROR_INVALID. set/remove: ERROR_NOT_FOUND; a domain with accounts or
 * aliases can't be removed (ERROR_DENIED). */
bool directory_add_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error);
bool directory_set_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error);
bool directory_remove_domain(struct directory *directory, struct slice name, struct error *error);
bool directory_get_domain(struct directory *directory, struct slice name, struct arena *arena, struct auth_domain_entry *domain, struct error *error);
bool directory_list_domains(struct directory *directory, struct arena *arena, struct auth_domain_entry **list, size_t *count, struct error *error);

/** What is changed from here on becomes durable and is seen together, when the group ends with `done`, or not at all; each change may still
 * fail by itself. Meanwhile nobody else can change anything. */
bool directory_begin_group(struct directory *directory, struct error *error);
bool directory_end_group(struct directory *directory, bool done, struct error *error);

bool directory_add_account(struct directory *directory, const struct auth_account_entry *account, struct error *error);
bool directory_set_account(struct directory *directory, const struct auth_account_entry *account, struct error *error);
bool directory_remove_account(struct directory *directory, struct slice name, struct error *error);
bool directory_get_account(struct directory *directory, struct slice name, struct arena *arena, struct auth_account_entry *account, struct error *error);
/** A part of that list: of one domain, or all (empty); what comes behind `after`, if it isn't empty; with `search` in address or name, whatever the case (of
 * ASCII); `limit` at most, 0: all. */
struct auth_account_page {
	struct slice domain, after, search;
	uint64_t limit;
};
bool directory_page_accounts(struct directory *directory, const struct auth_account_page *page, struct arena *arena, struct auth_account_entry **list, size_t *count, struct error *error);
bool directory_list_accounts(struct directory *directory, struct slice domain, struct arena *arena, struct auth_account_entry **list, size_t *count, struct error *error);
/** Sets the password: an Argon2id hash and SCRAM-SHA-256 keys (RFC 5802, 7677), after SASLprep. Refuses an empty one. */
bool directory_set_password(struct directory *directory, struct slice name, struct slice password, struct error *error);
/** Sets a hash that another program made of the password, in any of the forms of scheme.h; a clear password is hashed at once, if it is
 * `good` (NULL: any is). */
typedef bool directory_password_check(struct slice password, struct slice name, struct error *error);
bool directory_set_hash(struct directory *directory, struct slice name, struct slice hash, directory_password_check *good, struct error *error);
/** Does it look like a hash, known here or not, and not like a password? */
bool directory_is_hash(struct slice text);
/** *same: this is the hash (or clear password) that was set last in this way, though it may have been replaced by our own since, or
 * the password may have been changed here. */
bool directory_has_hash(struct directory *directory, struct slice name, struct slice hash, bool *same, struct error *error);
/** Who may be signed in to the account now: see struct auth_account; 0: nobody, and *why says why in words (else NULL). */
bool directory_identity(struct directory *directory, struct slice name, int64_t *identity, const char **why, struct error *error);
/** The number of the last change of an account by whomever; 0: there was none. */
bool directory_last_change(struct directory *directory, int64_t *number, struct error *error);
/** The accounts that were changed after the change *after, which becomes the last one's number; in `arena`. *all: these are all; if
 * not, so many were that the first are not kept any more, and every account may be another. */
bool directory_changes(struct directory *directory, int64_t *after, bool *all, struct arena *arena, struct slice **list, size_t *count, struct error *error);
/** Addresses this account may send as beside its own. */
bool directory_grant_sender(struct directory *directory, struct slice name, struct slice address, bool granted, struct error *error);
bool directory_list_senders(struct directory *directory, struct slice name, struct arena *arena, struct slice **list, size_t *count, struct error *error);

bool directory_add_alias(struct directory *directory, const struct auth_alias_entry *alias, struct error *error);   /* adds targets to an existing one, too */
bool directory_set_alias(struct directory *directory, const struct auth_alias_entry *alias, struct error *error);   /* replaces all targets */
bool directory_remove_alias(struct directory *directory, struct slice address, struct error *error);
bool directory_get_alias(struct directory *directory, struct slice address, struct arena *arena, struct auth_alias_entry *alias, struct error *error);
bool directory_list_aliases(struct directory *directory, struct slice domain, struct arena *arena, struct auth_alias_entry **list, size_t *count, struct error *error);

/** Makes the keys that a domain's mail is signed with, RSA and Ed25519, unless it has some. ERROR_NOT_FOUND. */
bool directory_make_keys(struct directory *directory, struct slice domain, struct error *error);
/** A domain's keys that sign now, the newest first; none if it isn't ours. */
bool directory_signing_keys(struct directory *directory, struct slice domain, struct arena *arena, struct auth_signing_key **list, size_t *count, struct error *error);
/** All keys of a domain, the newest first. */
bool directory_list_keys(struct directory *directory, struct slice domain, struct arena *arena, struct auth_signing_key **list, size_t *count, struct error *error);
/** Appends the signature of a digest (AUTH_DIGEST_SIZE bytes). ERROR_NOT_FOUND: there is no such key, or it doesn't sign yet, or is forgotten. */
bool directory_sign(struct directory *directory, struct slice domain, struct slice selector, struct slice digest, struct buf *signature, struct error *error);

/* The change of a domain's keys, step by step (directory_rotation.c). Each is one transaction; ERROR_INVALID: it isn't that step's turn. */
/** Makes new keys, RSA and Ed25519, beside those that sign. ERROR_NOT_FOUND: no such domain. */
bool directory_rotation_begin(struct directory *directory, struct slice domain, struct error *error);
/** Notes since when the DNS has shown the records of all new keys; 0: it doesn't. */
bool directory_rotation_saw(struct directory *directory, struct slice domain, int64_t since, struct error *error);
/** The new keys, which were seen, sign from now on; the others are retired. */
bool directory_rotation_sign(struct directory *directory, struct slice domain, struct error *error);
/** Forgets what is private of the retired keys: from here on there is no way back. */
bool directory_rotation_forget(struct directory *directory, struct slice domain, struct error *error);
/** Removes the retired keys, whose records may go. */
bool directory_rotation_end(struct directory *directory, struct slice domain, struct error *error);
/* How long each step waits, in seconds. */
enum {
	ROTATION_SHOWN_SECONDS = 3600,          /* the DNS must have shown a record so long at least: all its servers shall have it */
	ROTATION_SHOWN_SECONDS_MAX = 24 * 3600, /* … or as long as it may be kept, but not longer than this */
	ROTATION_FORGET_SECONDS = 3 * 24 * 3600,  /* so long the former keys can be taken back */
	ROTATION_RECORD_SECONDS = 14 * 24 * 3600, /* a letter is verified when it arrives, and tried for days before */
};
/** From when on keys may sign whose records the DNS has shown since `seen`, and that may be kept for `ttl` seconds. */
int64_t directory_rotation_signs_from(int64_t seen, uint32_t ttl);
/** The next domain after that one, in the order of their names, whose keys are being changed; empty: there is none. */
bool directory_rotation_next(struct directory *directory, struct slice after, struct arena *arena, struct slice *domain, struct error *error);
/** Takes the next step if its time has come: *step: "sign", "retire" or "end"; "wait": the DNS shows the new keys' records since now; "hidden": no
 * more; NULL: none. `shown`: what the DNS says of these records; NULL: it wasn't asked, and only what waits for nothing but time is done. */
struct auth_rotation_shown { bool shown; uint32_t ttl; };
bool directory_rotation_go_on(struct directory *directory, struct slice domain, const struct auth_rotation_shown *shown, const char **step, struct error *error);
/** Takes it back: new keys are removed, or, if they sign already, retired in the place of those that were, which sign again. */
bool directory_rotation_abort(struct directory *directory, struct slice domain, struct error *error);

/* Sessions of the web (auth.h). One that wasn't used since `used_since` is none any more. */
/** Makes one of `session`, whose id is filled in, and its token. ERROR_DENIED: that sign-in counts no more. */
bool directory_web_begin(struct directory *directory, struct auth_web_session *session, int64_t used_since, char token[AUTH_WEB_TOKEN_SIZE + 1], struct error *error);
/** *session of id 0: there is none. */
bool directory_web_find(struct directory *directory, struct slice token, int64_t used_since, struct arena *arena, struct auth_web_session *session, struct error *error);
bool directory_web_use(struct directory *directory, int64_t id, int64_t now, struct error *error);
/** Those of an account, or all (empty). */
bool directory_web_list(struct directory *directory, struct slice account, int64_t used_since, struct arena *arena, struct auth_web_session **list, size_t *count, struct error *error);
/** Ends one of an account, or all (0). */
bool directory_web_end(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error);

/* App passwords, and programs that were let in (auth.h). Whoever is signed in with one that ends hears that the account has changed, and asks whether his stands. */
/** Makes an app password of `wanted`, whose number and time are filled in. ERROR_INVALID; ERROR_DENIED: that sign-in counts no more; ERROR_LIMIT: there are
 * AUTH_CREDENTIALS_MAX. */
bool directory_app_password_make(struct directory *directory, struct auth_credential *wanted, char text[AUTH_APP_PASSWORD_SIZE + 1], struct error *error);
/** The account's, or, if that is empty, anybody's, whose text was typed. *found of number 0: there is none. */
bool directory_app_password_find(struct directory *directory, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found, struct error *error);
/** The identity of the account that one of its credentials stands for; 0: it is over. */
bool directory_credential_stands(struct directory *directory, struct slice account, int64_t id, int64_t *identity, struct error *error);
/** Those of an account, or all (empty). */
bool directory_credential_list(struct directory *directory, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count, struct error *error);
bool directory_credential_use(struct directory *directory, int64_t id, int64_t now, struct error *error);
/** Ends one of an account, or all (0). */
bool directory_credential_end(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error);
/** Whose is this token of OAuth, or app password? As directory_app_password_find(). */
bool directory_token_find(struct directory *directory, struct slice token, int64_t now, struct arena *arena, struct auth_credential *found, struct error *error);
/* What auth.h tells of OAuth. ERROR_DENIED: refused; ERROR_INVALID: too long, or too much is wanted. */
bool directory_oauth_register(struct directory *directory, struct slice name, struct slice redirects, struct buf *id, struct error *error);
/** `redirect` empty: any. */
bool directory_oauth_client(struct directory *directory, struct slice id, struct slice redirect, struct arena *arena, struct slice *name);
bool directory_oauth_allow(struct directory *directory, const struct auth_oauth_request *request, int64_t now, char code[AUTH_WEB_TOKEN_SIZE + 1], struct error *error);
bool directory_oauth_exchange(struct directory *directory, const struct auth_oauth_exchange *exchange, int64_t now, struct auth_oauth_tokens *tokens, struct error *error);
bool directory_oauth_refresh(struct directory *directory, struct slice refresh, struct slice client, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error);
bool directory_oauth_revoke(struct directory *directory, struct slice token, int64_t now, struct error *error);

/* Administrators (auth.h). */
/** Who has that session of the web, and what he administers; *out->who empty: there is none. */
bool directory_administrator_by_session(struct directory *directory, struct slice token, int64_t used_since, struct arena *arena, struct auth_administrator *out, struct error *error);
/** Whose key it is; *out->who empty: nobody's. *id: its number; *used: when it was used last. */
bool directory_administrator_by_key(struct directory *directory, struct slice key, int64_t now, struct arena *arena, struct auth_administrator *out, int64_t *id, int64_t *used, struct error *error);
/** Makes a key of name, domain, reads and expires; its number and time are filled in. `text` is shown once. ERROR_INVALID, ERROR_EXISTS (the name),
 * ERROR_NOT_FOUND (the domain), ERROR_LIMIT. */
bool directory_admin_key_add(struct directory *directory, struct auth_admin_key *key, char text[AUTH_ADMIN_KEY_SIZE + 1], struct error *error);
bool directory_admin_key_list(struct directory *directory, struct arena *arena, struct auth_admin_key **list, size_t *count, struct error *error);
bool directory_admin_key_use(struct directory *directory, int64_t id, int64_t now, struct error *error);
/** ERROR_NOT_FOUND. */
bool directory_admin_key_remove(struct directory *directory, int64_t id, struct error *error);

/** A key by which push services know this server (RFC 8292). */
struct directory_push_key {
	int64_t id;
	struct webpush_key key;
	int64_t created, retired; /* seconds since 1970; 0: it is the one that is used */
};
enum { DIRECTORY_PUSH_KEY_SECONDS = 30 * 24 * 3600 }; /* so long one that is retired goes on signing for the subscriptions that were made with it */
/** One by its number, or the one that is used (0), which is made if there is none. ERROR_NOT_FOUND: it is over. To be wiped. */
bool directory_push_key(struct directory *directory, int64_t id, int64_t now, struct directory_push_key *key, struct error *error);
/** Makes another the one that is used. */
bool directory_push_key_renew(struct directory *directory, int64_t now, struct error *error);

/** Removes what is over. */
bool directory_credential_sweep(struct directory *directory, int64_t now, struct error *error);

/* What auth.h's questions are answered with (auth role), also used by `pombal check` and `pombal trace`. */
/** The accounts that an address leads to; none if it also leads elsewhere, or to more. The names live until the next question. `thresholds`: as
 * struct auth_recipient_facts has them. */
enum { RECIPIENT_ACCOUNTS_MAX = 20 };
struct auth_recipient_accounts { struct slice at[RECIPIENT_ACCOUNTS_MAX]; size_t count; struct config_thresholds thresholds; };
/** `accounts` may be NULL. */
enum auth_recipient_kind directory_recipient(struct directory *directory, struct slice address, struct auth_recipient_accounts *accounts);
bool directory_resolve(struct directory *directory, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error);
/** See auth_forward_sender(). */
bool directory_forward_sender(struct directory *directory, struct slice from, struct slice via, struct arena *arena, struct slice *out, struct error *error);
enum auth_language directory_language(struct directory *directory, struct slice address);
/** Those of an account; zeros, if there is none of that name. */
bool directory_rates(struct directory *directory, struct slice account, struct auth_rates *rates, struct error *error);
enum auth_sender_right directory_may_send_as(struct directory *directory, struct slice account, struct slice address);

#endif
