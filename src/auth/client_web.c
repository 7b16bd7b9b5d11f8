/* What auth.h has for the web role alone: sessions of browsers, and app passwords. */
#include "auth/client.h"

static enum auth_web read_web_status(const struct auth_question *question, struct wire_reader *reader)
{
	*reader = auth_client_read(question);
	return auth_client_is_answered(question) ? (enum auth_web)wire_number(reader, AUTH_WEB_TEMPORARY) : AUTH_WEB_TEMPORARY;
}

/* What was told counts if it is whole. */
static enum auth_web end_web(struct auth_question *question, const struct wire_reader *reader, enum auth_web status)
{
	bool whole = status != AUTH_WEB_DONE || wire_end(reader);
	auth_client_free(question);
	return whole && status != AUTH_WEB_AWAITED ? status : AUTH_WEB_TEMPORARY;
}

static void read_session(struct wire_reader *reader, struct arena *arena, struct auth_web_session *session)
{
	session->id = (int64_t)wire_number(reader, INT64_MAX);
	session->account = arena_copy(arena, wire_text(reader, WIRE_ADDRESS_MAX));
	session->identity = (int64_t)wire_number(reader, INT64_MAX);
	session->device = arena_copy(arena, wire_text(reader, AUTH_WEB_DEVICE_MAX));
	session->address = arena_copy(arena, wire_text(reader, WIRE_PEER_MAX));
	session->created = (int64_t)wire_number(reader, INT64_MAX);
	session->used = (int64_t)wire_number(reader, INT64_MAX);
}

enum auth_web auth_web_begin(struct auth *auth, struct auth_wait *wait, const struct auth_web_session *session, char token[AUTH_WEB_TOKEN_SIZE + 1])
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, session->account);
	wire_put_number(&fields, (uint64_t)session->identity);
	wire_put_text(&fields, session->device);
	wire_put_text(&fields, session->address);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_WEB_BEGIN, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	struct slice made = wire_text(&reader, AUTH_WEB_TOKEN_SIZE);
	snprintf(token, AUTH_WEB_TOKEN_SIZE + 1, "%.*s", SLICE_ARG(made));
	return end_web(question, &reader, made.len == AUTH_WEB_TOKEN_SIZE || status != AUTH_WEB_DONE ? status : AUTH_WEB_TEMPORARY);
}

enum auth_web auth_web_find(struct auth *auth, struct auth_wait *wait, struct slice token, struct arena *arena, struct auth_web_session *session)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	if (token.len != AUTH_WEB_TOKEN_SIZE)
		return AUTH_WEB_NONE;
	wire_put_text(&fields, token);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_WEB_FIND, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	if (status == AUTH_WEB_DONE)
		read_session(&reader, arena, session);
	return end_web(question, &reader, status);
}

enum auth_web auth_web_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_web_session **list, size_t *count)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, account);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_WEB_LIST, &fields);
	buf_free(&fields);
	*count = 0;
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	size_t told = status == AUTH_WEB_DONE ? (size_t)wire_number(&reader, AUTH_WEB_SESSIONS_MAX) : 0;
	*list = arena_array(arena, told + 1, sizeof **list);
	while (*count < told)
		read_session(&reader, arena, &(*list)[(*count)++]);
	return end_web(question, &reader, status);
}

enum auth_web auth_web_end(struct auth *auth, struct auth_wait *wait, struct slice account, int64_t id)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, account);
	wire_put_number(&fields, (uint64_t)id);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_WEB_END, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	return end_web(question, &reader, status);
}

/* ---- App passwords, and programs that were let in ---- */

enum auth_web auth_app_password_make(struct auth *auth, struct auth_wait *wait, const struct auth_credential *wanted, int64_t *id, char text[AUTH_APP_PASSWORD_SIZE + 1])
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, wanted->account);
	wire_put_number(&fields, (uint64_t)wanted->identity);
	wire_put_text(&fields, wanted->name);
	wire_put_text(&fields, wanted->address);
	wire_put_number(&fields, wanted->scopes);
	wire_put_number(&fields, (uint64_t)wanted->expires);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_APP_PASSWORD_MAKE, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	*id = (int64_t)wire_number(&reader, INT64_MAX);
	struct slice made = wire_text(&reader, AUTH_APP_PASSWORD_SIZE);
	snprintf(text, AUTH_APP_PASSWORD_SIZE + 1, "%.*s", SLICE_ARG(made));
	return end_web(question, &reader, made.len == AUTH_APP_PASSWORD_SIZE || status != AUTH_WEB_DONE ? status : AUTH_WEB_TEMPORARY);
}

static void read_credential(struct wire_reader *reader, struct arena *arena, struct auth_credential *credential)
{
	credential->id = (int64_t)wire_number(reader, INT64_MAX);
	credential->kind = (enum auth_credential_kind)wire_number(reader, AUTH_GRANT);
	credential->account = arena_copy(arena, wire_text(reader, WIRE_ADDRESS_MAX));
	credential->identity = (int64_t)wire_number(reader, INT64_MAX);
	credential->name = arena_copy(arena, wire_text(reader, AUTH_CREDENTIAL_NAME_MAX));
	credential->address = arena_copy(arena, wire_text(reader, WIRE_PEER_MAX));
	credential->scopes = (unsigned)wire_number(reader, AUTH_MAY_ALL);
	credential->created = (int64_t)wire_number(reader, INT64_MAX);
	credential->used = (int64_t)wire_number(reader, INT64_MAX);
	credential->expires = (int64_t)wire_number(reader, INT64_MAX);
}

enum auth_web auth_credential_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, account);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_CREDENTIAL_LIST, &fields);
	buf_free(&fields);
	*count = 0;
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	size_t told = status == AUTH_WEB_DONE ? (size_t)wire_number(&reader, 2 * AUTH_CREDENTIALS_MAX) : 0;
	*list = arena_array(arena, told + 1, sizeof **list);
	while (*count < told)
		read_credential(&reader, arena, &(*list)[(*count)++]);
	return end_web(question, &reader, status);
}

enum auth_web auth_credential_end(struct auth *auth, struct auth_wait *wait, struct slice account, int64_t id)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	wire_put_text(&fields, account);
	wire_put_number(&fields, (uint64_t)id);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_CREDENTIAL_END, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	enum auth_web status = read_web_status(question, &reader);
	return end_web(question, &reader, status);
}
