/* Who knows people: what the auth role answers from. The directory of this server is one kind (backend_directory.c). A question may take
 * as long as it likes: it is asked in a thread of jobs.h, with a handle of that thread's own, and nobody else waits for it. To a kind that
 * answers at once that would cost more than the answer: it is asked where the question comes in.
 *
 * The functions are those of directory.h and credentials.h, where they are described, with a handle in the place of a directory. A kind
 * implements all of them. */
#ifndef AUTH_BACKEND_H
#define AUTH_BACKEND_H

#include "auth/credentials.h"

struct auth_backend_kind;
/** A handle; the kind's own struct begins with it. */
struct auth_backend {
	const struct auth_backend_kind *kind;
};

struct auth_backend_kind {
	bool at_once; /* what is asked, not what is changed: it reads a file of this machine, and waits for nobody */
	/** `data`: the data directory. NULL with *error. */
	struct auth_backend *(*open)(const char *data, struct error *error);
	void (*close)(struct auth_backend *backend);

	enum auth_recipient_kind (*recipient)(struct auth_backend *backend, struct slice address, struct auth_recipient_accounts *accounts);
	bool (*resolve)(struct auth_backend *backend, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error);
	enum auth_language (*language)(struct auth_backend *backend, struct slice address);
	enum auth_sender_right (*may_send_as)(struct auth_backend *backend, struct slice account, struct slice address);

	bool (*forward_sender)(struct auth_backend *backend, struct slice from, struct slice via, struct arena *arena, struct slice *out, struct error *error);
	bool (*rates)(struct auth_backend *backend, struct slice account, struct auth_rates *rates, struct error *error);

	bool (*signing_keys)(struct auth_backend *backend, struct slice domain, struct arena *arena, struct auth_signing_key **keys, size_t *count, struct error *error);
	bool (*sign)(struct auth_backend *backend, struct slice domain, struct slice selector, struct slice digest, struct buf *signature, struct error *error);

	bool (*rotation_next)(struct auth_backend *backend, struct slice after, struct arena *arena, struct slice *domain, struct auth_signing_key **keys, size_t *count, struct error *error);
	bool (*rotation_go_on)(struct auth_backend *backend, struct slice domain, const struct auth_rotation_shown *shown, const char **step, struct error *error);

	bool (*web_begin)(struct auth_backend *backend, struct auth_web_session *session, int64_t used_since, char token[AUTH_WEB_TOKEN_SIZE + 1], struct error *error);
	bool (*web_find)(struct auth_backend *backend, struct slice token, int64_t used_since, struct arena *arena, struct auth_web_session *session, struct error *error);
	bool (*web_use)(struct auth_backend *backend, int64_t id, int64_t now, struct error *error);
	bool (*web_list)(struct auth_backend *backend, struct slice account, int64_t used_since, struct arena *arena, struct auth_web_session **list, size_t *count, struct error *error);
	bool (*web_end)(struct auth_backend *backend, struct slice account, int64_t id, size_t *count, struct error *error);

	bool (*app_password_make)(struct auth_backend *backend, struct auth_credential *wanted, char text[AUTH_APP_PASSWORD_SIZE + 1], struct error *error);
	bool (*app_password_find)(struct auth_backend *backend, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found, struct error *error);
	bool (*credential_stands)(struct auth_backend *backend, struct slice account, int64_t id, int64_t *identity, struct error *error);
	bool (*credential_list)(struct auth_backend *backend, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count, struct error *error);
	bool (*credential_use)(struct auth_backend *backend, int64_t id, int64_t now, struct error *error);
	bool (*credential_end)(struct auth_backend *backend, struct slice account, int64_t id, size_t *count, struct error *error);
	bool (*credential_sweep)(struct auth_backend *backend, int64_t now, struct error *error);

	bool (*token_find)(struct auth_backend *backend, struct slice token, int64_t now, struct arena *arena, struct auth_credential *found, struct error *error);
	bool (*oauth_register)(struct auth_backend *backend, struct slice name, struct slice redirects, struct buf *id, struct error *error);
	bool (*oauth_client)(struct auth_backend *backend, struct slice id, struct slice redirect, struct arena *arena, struct slice *name);
	bool (*oauth_allow)(struct auth_backend *backend, const struct auth_oauth_request *request, int64_t now, char code[AUTH_WEB_TOKEN_SIZE + 1], struct error *error);
	bool (*oauth_exchange)(struct auth_backend *backend, const struct auth_oauth_exchange *exchange, int64_t now, struct auth_oauth_tokens *tokens, struct error *error);
	bool (*oauth_refresh)(struct auth_backend *backend, struct slice refresh, struct slice client, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error);
	bool (*oauth_revoke)(struct auth_backend *backend, struct slice token, int64_t now, struct error *error);

	bool (*administrator_by_session)(struct auth_backend *backend, struct slice token, int64_t used_since, struct arena *arena, struct auth_administrator *out, struct error *error);
	bool (*administrator_by_key)(struct auth_backend *backend, struct slice key, int64_t now, struct arena *arena, struct auth_administrator *out, int64_t *id, int64_t *used, struct error *error);
	bool (*admin_key_use)(struct auth_backend *backend, int64_t id, int64_t now, struct error *error);

	bool (*push_key)(struct auth_backend *backend, int64_t id, int64_t now, struct directory_push_key *key, struct error *error);

	struct slice (*sign_in_name)(struct auth_backend *backend, struct slice name, struct arena *arena);
	bool (*identity)(struct auth_backend *backend, struct slice account, int64_t *identity, const char **why, struct error *error);
	bool (*credentials)(struct auth_backend *backend, struct slice account, struct arena *arena, struct auth_credentials *credentials, struct error *error);
	bool (*sign_in_facts)(struct auth_backend *backend, struct slice name, struct arena *arena, struct sign_in_facts *facts, struct error *error);
	bool (*renew_password)(struct auth_backend *backend, struct slice account, int64_t version, const struct password_keys *keys, struct error *error);

	bool (*all_have_scram)(struct auth_backend *backend, bool *all, struct error *error);
	bool (*last_change)(struct auth_backend *backend, int64_t *number, struct error *error);
	bool (*changes)(struct auth_backend *backend, int64_t *after, bool *all, struct arena *arena, struct slice **list, size_t *count, struct error *error);
};

extern const struct auth_backend_kind auth_backend_directory;
/** The same where it is in a database of another process, and is waited for. */
extern const struct auth_backend_kind auth_backend_shared_directory;

#endif
