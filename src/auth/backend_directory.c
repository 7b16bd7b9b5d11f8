/* The directory of this server as a backend. */
#include "auth/backend.h"
#include "base/memory.h"

struct backend_of_directory {
	struct auth_backend backend;
	struct directory *directory;
};

static struct directory *directory_of(struct auth_backend *backend)
{
	return ((struct backend_of_directory *)backend)->directory;
}

static struct auth_backend *open_directory(const char *data, struct error *error)
{
	struct directory *directory = directory_open(data, error);
	if (!directory)
		return NULL;
	struct backend_of_directory *handle = memory_new(sizeof *handle);
	handle->backend.kind = &auth_backend_directory;
	handle->directory = directory;
	return &handle->backend;
}

static void close_directory(struct auth_backend *backend)
{
	struct directory *directory = directory_of(backend);
	directory_close(&directory);
	free(backend);
}

static enum auth_recipient_kind recipient(struct auth_backend *backend, struct slice address, struct auth_recipient_accounts *accounts)
{
	return directory_recipient(directory_of(backend), address, accounts);
}

static bool resolve(struct auth_backend *backend, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	return directory_resolve(directory_of(backend), address, arena, routes, count, error);
}

static enum auth_language language(struct auth_backend *backend, struct slice address)
{
	return directory_language(directory_of(backend), address);
}

static enum auth_sender_right may_send_as(struct auth_backend *backend, struct slice account, struct slice address)
{
	return directory_may_send_as(directory_of(backend), account, address);
}

static bool forward_sender(struct auth_backend *backend, struct slice from, struct slice via, struct arena *arena, struct slice *out, struct error *error)
{
	return directory_forward_sender(directory_of(backend), from, via, arena, out, error);
}

static bool rates(struct auth_backend *backend, struct slice account, struct auth_rates *rates, struct error *error)
{
	return directory_rates(directory_of(backend), account, rates, error);
}

static bool signing_keys(struct auth_backend *backend, struct slice domain, struct arena *arena, struct auth_signing_key **keys, size_t *count, struct error *error)
{
	return directory_signing_keys(directory_of(backend), domain, arena, keys, count, error);
}

static bool sign(struct auth_backend *backend, struct slice domain, struct slice selector, struct slice digest, struct buf *signature, struct error *error)
{
	return directory_sign(directory_of(backend), domain, selector, digest, signature, error);
}

static bool rotation_next(struct auth_backend *backend, struct slice after, struct arena *arena, struct slice *domain, struct auth_signing_key **keys, size_t *count, struct error *error)
{
	*count = 0;
	return directory_rotation_next(directory_of(backend), after, arena, domain, error) &&
	       (domain->len == 0 || directory_list_keys(directory_of(backend), *domain, arena, keys, count, error));
}

static bool rotation_go_on(struct auth_backend *backend, struct slice domain, const struct auth_rotation_shown *shown, const char **step, struct error *error)
{
	return directory_rotation_go_on(directory_of(backend), domain, shown, step, error);
}

static bool web_begin(struct auth_backend *backend, struct auth_web_session *session, int64_t used_since, char token[AUTH_WEB_TOKEN_SIZE + 1], struct error *error)
{
	return directory_web_begin(directory_of(backend), session, used_since, token, error);
}

static bool web_find(struct auth_backend *backend, struct slice token, int64_t used_since, struct arena *arena, struct auth_web_session *session, struct error *error)
{
	return directory_web_find(directory_of(backend), token, used_since, arena, session, error);
}

static bool web_use(struct auth_backend *backend, int64_t id, int64_t now, struct error *error)
{
	return directory_web_use(directory_of(backend), id, now, error);
}

static bool web_list(struct auth_backend *backend, struct slice account, int64_t used_since, struct arena *arena, struct auth_web_session **list, size_t *count, struct error *error)
{
	return directory_web_list(directory_of(backend), account, used_since, arena, list, count, error);
}

static bool web_end(struct auth_backend *backend, struct slice account, int64_t id, size_t *count, struct error *error)
{
	return directory_web_end(directory_of(backend), account, id, count, error);
}

static bool app_password_make(struct auth_backend *backend, struct auth_credential *wanted, char text[AUTH_APP_PASSWORD_SIZE + 1], struct error *error)
{
	return directory_app_password_make(directory_of(backend), wanted, text, error);
}

static bool app_password_find(struct auth_backend *backend, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found, struct error *error)
{
	return directory_app_password_find(directory_of(backend), account, password, arena, found, error);
}

static bool credential_stands(struct auth_backend *backend, struct slice account, int64_t id, int64_t *number, struct error *error)
{
	return directory_credential_stands(directory_of(backend), account, id, number, error);
}

static bool credential_list(struct auth_backend *backend, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count, struct error *error)
{
	return directory_credential_list(directory_of(backend), account, arena, list, count, error);
}

static bool credential_use(struct auth_backend *backend, int64_t id, int64_t now, struct error *error)
{
	return directory_credential_use(directory_of(backend), id, now, error);
}

static bool credential_end(struct auth_backend *backend, struct slice account, int64_t id, size_t *count, struct error *error)
{
	return directory_credential_end(directory_of(backend), account, id, count, error);
}

static bool credential_sweep(struct auth_backend *backend, int64_t now, struct error *error)
{
	return directory_credential_sweep(directory_of(backend), now, error);
}

static bool token_find(struct auth_backend *backend, struct slice token, int64_t now, struct arena *arena, struct auth_credential *found, struct error *error)
{
	return directory_token_find(directory_of(backend), token, now, arena, found, error);
}

static bool oauth_register(struct auth_backend *backend, struct slice name, struct slice redirects, struct buf *id, struct error *error)
{
	return directory_oauth_register(directory_of(backend), name, redirects, id, error);
}

static bool oauth_client(struct auth_backend *backend, struct slice id, struct slice redirect, struct arena *arena, struct slice *name)
{
	return directory_oauth_client(directory_of(backend), id, redirect, arena, name);
}

static bool oauth_allow(struct auth_backend *backend, const struct auth_oauth_request *request, int64_t now, char code[AUTH_WEB_TOKEN_SIZE + 1], struct error *error)
{
	return directory_oauth_allow(directory_of(backend), request, now, code, error);
}

static bool oauth_exchange(struct auth_backend *backend, const struct auth_oauth_exchange *exchange, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	return directory_oauth_exchange(directory_of(backend), exchange, now, tokens, error);
}

static bool oauth_refresh(struct auth_backend *backend, struct slice refresh, struct slice client, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	return directory_oauth_refresh(directory_of(backend), refresh, client, scopes, now, tokens, error);
}

static bool oauth_revoke(struct auth_backend *backend, struct slice token, int64_t now, struct error *error)
{
	return directory_oauth_revoke(directory_of(backend), token, now, error);
}

static struct slice sign_in_name(struct auth_backend *backend, struct slice name, struct arena *arena)
{
	return directory_sign_in_name(directory_of(backend), name, arena);
}

static bool identity(struct auth_backend *backend, struct slice account, int64_t *number, const char **why, struct error *error)
{
	return directory_identity(directory_of(backend), account, number, why, error);
}

static bool credentials(struct auth_backend *backend, struct slice account, struct arena *arena, struct auth_credentials *found, struct error *error)
{
	return directory_credentials(directory_of(backend), account, arena, found, error);
}

static bool sign_in_facts(struct auth_backend *backend, struct slice name, struct arena *arena, struct sign_in_facts *facts, struct error *error)
{
	return directory_sign_in_facts(directory_of(backend), name, arena, facts, error);
}

static bool renew_password(struct auth_backend *backend, struct slice account, int64_t version, const struct password_keys *keys, struct error *error)
{
	return directory_renew_password(directory_of(backend), account, version, keys, error);
}

static bool all_have_scram(struct auth_backend *backend, bool *all, struct error *error)
{
	return directory_all_have_scram(directory_of(backend), all, error);
}

static bool last_change(struct auth_backend *backend, int64_t *number, struct error *error)
{
	return directory_last_change(directory_of(backend), number, error);
}

static bool changes(struct auth_backend *backend, int64_t *after, bool *all, struct arena *arena, struct slice **list, size_t *count, struct error *error)
{
	return directory_changes(directory_of(backend), after, all, arena, list, count, error);
}

static bool push_key(struct auth_backend *backend, int64_t id, int64_t now, struct directory_push_key *key, struct error *error)
{
	return directory_push_key(directory_of(backend), id, now, key, error);
}

static bool administrator_by_session(struct auth_backend *backend, struct slice token, int64_t used_since, struct arena *arena, struct auth_administrator *out, struct error *error)
{
	return directory_administrator_by_session(directory_of(backend), token, used_since, arena, out, error);
}

static bool administrator_by_key(struct auth_backend *backend, struct slice key, int64_t now, struct arena *arena, struct auth_administrator *out, int64_t *id, int64_t *used, struct error *error)
{
	return directory_administrator_by_key(directory_of(backend), key, now, arena, out, id, used, error);
}

static bool admin_key_use(struct auth_backend *backend, int64_t id, int64_t now, struct error *error)
{
	return directory_admin_key_use(directory_of(backend), id, now, error);
}

#define FUNCTIONS \
	.open = open_directory, .close = close_directory, .recipient = recipient, .resolve = resolve, .language = language, .may_send_as = may_send_as, .rates = rates, \
	.forward_sender = forward_sender, \
	.signing_keys = signing_keys, .sign = sign, .rotation_next = rotation_next, .rotation_go_on = rotation_go_on, \
	.web_begin = web_begin, .web_find = web_find, .web_use = web_use, .web_list = web_list, .web_end = web_end, \
	.app_password_make = app_password_make, .app_password_find = app_password_find, .credential_stands = credential_stands, .credential_list = credential_list, \
	.credential_use = credential_use, .credential_end = credential_end, .credential_sweep = credential_sweep, \
	.token_find = token_find, .oauth_register = oauth_register, .oauth_client = oauth_client, .oauth_allow = oauth_allow, .oauth_exchange = oauth_exchange, \
	.oauth_refresh = oauth_refresh, .oauth_revoke = oauth_revoke, .push_key = push_key, \
	.administrator_by_session = administrator_by_session, .administrator_by_key = administrator_by_key, .admin_key_use = admin_key_use, \
	.sign_in_name = sign_in_name, .identity = identity, .credentials = credentials, .sign_in_facts = sign_in_facts, .renew_password = renew_password, \
	.all_have_scram = all_have_scram, .last_change = last_change, .changes = changes

const struct auth_backend_kind auth_backend_directory = {.at_once = true, FUNCTIONS};
const struct auth_backend_kind auth_backend_shared_directory = {FUNCTIONS};
