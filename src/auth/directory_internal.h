/* Shared by the files of the directory only. */
#ifndef AUTH_DIRECTORY_INTERNAL_H
#define AUTH_DIRECTORY_INTERNAL_H

#include "auth/credentials.h"
#include "auth/oauth_client.h"
#include "auth/srs.h"
#include "dkim/dkim.h"
#include "store/db/db.h"

enum {
	DOMAIN_NAME_MAX = 255,
	DISPLAY_NAME_MAX = 1000,
	ALIAS_TARGETS_MAX = 2000, /* of one alias */
	DECOY_KEY_SIZE = 32,
	CHANGES_KEPT = 10000,     /* who hasn't looked for longer looks at every account */
};

struct directory {
	struct db *db;
	struct arena *scratch;   /* for questions whose answer is no slice */
	char decoy_key[DECOY_KEY_SIZE]; /* what unknown accounts' salts are made from */
	char srs_key[AUTH_SRS_KEY_SIZE]; /* shows that a rewritten sender was made here */
	char oauth_key[OAUTH_KEY_SIZE];  /* shows that a program was registered here */
	bool counted;            /* the following were, at that version of the database */
	int64_t counted_version;
	uint64_t imported_count, password_count;
};

/** As directory_open(), in the database that `storage` names (db_place()). */
struct directory *directory_open_in(const char *data, const char *storage, struct error *error);
/** Ends what db_begin() began: commits if `done`, else undoes. */
bool directory_finish(struct directory *directory, bool done, struct error *error);
/** Parses and canonicalises an address that an administrator names; ERROR_INVALID. In `arena`. */
bool directory_check_address(struct slice text, struct arena *arena, struct slice *address, struct error *error);
/** As above, and brings an address of a domain alias to its own domain. ERROR_NOT_FOUND if the domain isn't ours. */
bool directory_check_own_address(struct directory *directory, struct slice text, struct arena *arena, struct slice *address, struct error *error);

enum auth_found { FOUND_YES, FOUND_NO, FOUND_FAILED };
/** The domain that `name` (canonical) is, or is an alias of, in `arena`; and its catch-all. */
enum auth_found directory_find_domain(struct directory *directory, struct slice name, struct arena *arena, struct slice *domain,
				 struct slice *catch_all, struct error *error);
/** The first domain that was made; FOUND_NO if there is none. *count (may be NULL): 1, or 2 if there are several. */
enum auth_found directory_first_domain(struct directory *directory, struct arena *arena, struct slice *domain, int *count, struct error *error);
/** All targets of the alias, in order. FOUND_NO: no such alias. */
enum auth_found directory_find_alias(struct directory *directory, struct slice address, struct arena *arena, struct slice **targets,
				size_t *count, struct error *error);
/** Sets what is kept of a password; `hash`: another program's, else that of `keys`. `keys` without scram_iterations: there are none. */
bool directory_put_password(struct directory *directory, struct slice name, struct slice hash, const struct password_keys *keys,
			    struct slice origin, struct error *error);
enum auth_found directory_find_account(struct directory *directory, struct slice name, bool *enabled, struct error *error);
/** What the running server hears of: a row for each change of an account, the last CHANGES_KEPT of them. Within a transaction. */
bool directory_note_change(struct directory *directory, struct slice name, struct error *error);
/** Forgets what a former identity of the account made. Within a transaction. */
bool directory_credential_forget_former(struct directory *directory, struct slice account, struct error *error);
/** Adds one, whose number and time are filled in; `secret` and `family` (of a grant) are hashes. ERROR_INVALID, ERROR_DENIED (that sign-in counts no more),
 * ERROR_LIMIT (there are too many). Within a transaction. */
bool directory_credential_insert(struct directory *directory, struct auth_credential *wanted, struct slice secret, struct slice family, struct slice client, struct error *error);
/** As directory_credential_end(), within a transaction. */
bool directory_credential_remove(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error);

/** What a column says that somebody administers: what is no rank is none. */
enum auth_rank directory_rank(int64_t column);
/** Forgets the keys that are for this domain alone. Within a transaction. */
bool directory_admin_keys_forget(struct directory *directory, struct slice domain, struct error *error);
/** Was this address granted to the account? */
enum auth_found directory_find_sender(struct directory *directory, struct slice account, struct slice address, struct error *error);

/** Whose address a rewritten sender of ours was; FOUND_NO: it is none, or too old. `late`: seconds for which it is taken beyond its time. */
enum auth_found directory_original_sender(struct directory *directory, struct slice address, int64_t late, struct arena *arena, struct slice *original, struct error *error);

/** A growing list of things in an arena. */
struct auth_list {
	struct arena *arena;
	char *at;
	size_t count, room, size;
};
/** Room for one more, zeroed. */
void *directory_list_add(struct auth_list *list);
/** Makes a key, at the moment `now` (of keys that are made together the same); the domain is canonical. ERROR_EXISTS: it has one of that selector. */
enum { SELECTOR_TEXT_MAX = 24 };
bool directory_add_key(struct directory *directory, struct slice domain, enum dkim_algorithm algorithm, const char *selector, enum auth_key_state state, int64_t now,
		       struct error *error);
/** Forgets the keys of a domain that goes. */
bool directory_remove_keys(struct directory *directory, struct slice domain, struct error *error);
/** Empty, or one of those that the server writes to people in; ERROR_INVALID. */
bool directory_check_language(struct slice name, struct error *error);
/** Are these thresholds that a domain or an account may have? ERROR_INVALID. */
bool directory_check_thresholds(struct config_thresholds thresholds, struct error *error);
/** Binds them to the statement's parameters from number `first` on: as many as there are, as columns keep them. */
enum { THRESHOLD_COLUMNS = 4 };
void directory_bind_thresholds(struct db_statement *statement, int first, struct config_thresholds thresholds);
/** The same of a row's columns. */
struct config_thresholds directory_read_thresholds(struct db_statement *row, int first);
/** The account's, or else its domain's; THRESHOLD_CONFIGURED also where it can't be told. */
struct config_thresholds directory_thresholds(struct directory *directory, struct slice account);

#endif
