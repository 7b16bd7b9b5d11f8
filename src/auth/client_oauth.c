/* What auth.h has of OAuth. */
#include "auth/client.h"

static enum auth_web status_of(const struct auth_question *question, struct wire_reader *reader)
{
	*reader = auth_client_read(question);
	return auth_client_is_answered(question) ? (enum auth_web)wire_number(reader, AUTH_WEB_TEMPORARY) : AUTH_WEB_TEMPORARY;
}

/* What was told counts if it is whole. */
static enum auth_web end(struct auth_question *question, const struct wire_reader *reader, enum auth_web status)
{
	bool whole = wire_end(reader) && status != AUTH_WEB_AWAITED;
	auth_client_free(question);
	return whole ? status : AUTH_WEB_TEMPORARY;
}

/* Asks, and gives the fields back; NULL: it is awaited. What is too long for a question is refused. */
static struct auth_question *ask(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct buf *fields, enum auth_web *status)
{
	struct auth_question *question = fields->overflow ? NULL : auth_client_ask(auth, wait, kind, fields);
	*status = fields->overflow ? AUTH_WEB_NONE : AUTH_WEB_AWAITED;
	buf_free(fields);
	return question;
}

/* Questions that are texts, and whose answer is one text; it is copied into the arena. */
static enum auth_web ask_text(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, const struct slice *texts, size_t count, size_t max, struct arena *arena, struct slice *out)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	enum auth_web status;
	for (size_t i = 0; i < count; i++)
		wire_put_text(&fields, texts[i]);
	struct auth_question *question = ask(auth, wait, kind, &fields, &status);
	if (!question)
		return status;
	status = status_of(question, &reader);
	*out = arena_copy(arena, wire_text(&reader, max));
	return end(question, &reader, status);
}

enum auth_web auth_oauth_register(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice redirects, struct arena *arena, struct slice *client)
{
	return ask_text(auth, wait, WIRE_OAUTH_REGISTER, (struct slice[]){name, redirects}, 2, AUTH_CLIENT_ID_MAX, arena, client);
}

enum auth_web auth_oauth_client(struct auth *auth, struct auth_wait *wait, struct slice client, struct slice redirect, struct arena *arena, struct slice *name)
{
	return ask_text(auth, wait, WIRE_OAUTH_CLIENT, (struct slice[]){client, redirect}, 2, AUTH_CREDENTIAL_NAME_MAX, arena, name);
}

enum auth_web auth_oauth_revoke(struct auth *auth, struct auth_wait *wait, struct slice token)
{
	struct arena *arena = arena_new();
	struct slice nothing;
	enum auth_web status = ask_text(auth, wait, WIRE_OAUTH_REVOKE, &token, 1, 0, arena, &nothing);
	arena_free(&arena);
	return status == AUTH_WEB_NONE ? AUTH_WEB_DONE : status;
}

enum auth_web auth_oauth_allow(struct auth *auth, struct auth_wait *wait, const struct auth_oauth_request *request, char code[AUTH_WEB_TOKEN_SIZE + 1])
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	struct wire_reader reader;
	enum auth_web status;
	wire_put_text(&fields, request->client);
	wire_put_text(&fields, request->redirect);
	wire_put_text(&fields, request->challenge);
	wire_put_text(&fields, request->account);
	wire_put_number(&fields, (uint64_t)request->identity);
	wire_put_text(&fields, request->name);
	wire_put_text(&fields, request->address);
	wire_put_number(&fields, request->scopes);
	struct auth_question *question = ask(auth, wait, WIRE_OAUTH_ALLOW, &fields, &status);
	if (!question)
		return status;
	status = status_of(question, &reader);
	struct slice made = wire_text(&reader, AUTH_WEB_TOKEN_SIZE);
	snprintf(code, AUTH_WEB_TOKEN_SIZE + 1, "%.*s", SLICE_ARG(made));
	return end(question, &reader, made.len == AUTH_WEB_TOKEN_SIZE || status != AUTH_WEB_DONE ? status : AUTH_WEB_TEMPORARY);
}

static enum auth_web ask_tokens(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct buf *fields, struct auth_oauth_tokens *tokens)
{
	struct wire_reader reader;
	enum auth_web status;
	struct auth_question *question = ask(auth, wait, kind, fields, &status);
	if (!question)
		return status;
	status = status_of(question, &reader);
	struct slice access = wire_text(&reader, AUTH_WEB_TOKEN_SIZE), refresh = wire_text(&reader, AUTH_REFRESH_SIZE);
	snprintf(tokens->access, sizeof tokens->access, "%.*s", SLICE_ARG(access));
	snprintf(tokens->refresh, sizeof tokens->refresh, "%.*s", SLICE_ARG(refresh));
	tokens->scopes = (unsigned)wire_number(&reader, AUTH_MAY_ALL);
	tokens->delay_ms = (int)wire_number(&reader, INT32_MAX);
	return end(question, &reader, status);
}

enum auth_web auth_oauth_exchange(struct auth *auth, struct auth_wait *wait, const struct auth_oauth_exchange *exchange, struct auth_oauth_tokens *tokens)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	wire_put_text(&fields, exchange->address);
	wire_put_text(&fields, exchange->code);
	wire_put_text(&fields, exchange->client);
	wire_put_text(&fields, exchange->redirect);
	wire_put_text(&fields, exchange->verifier);
	return ask_tokens(auth, wait, WIRE_OAUTH_EXCHANGE, &fields, tokens);
}

enum auth_web auth_oauth_refresh(struct auth *auth, struct auth_wait *wait, struct slice address, struct slice refresh, struct slice client, unsigned scopes,
				 struct auth_oauth_tokens *tokens)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	wire_put_text(&fields, address);
	wire_put_text(&fields, refresh);
	wire_put_text(&fields, client);
	wire_put_number(&fields, scopes);
	return ask_tokens(auth, wait, WIRE_OAUTH_REFRESH, &fields, tokens);
}
