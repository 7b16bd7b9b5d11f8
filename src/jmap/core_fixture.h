/* A request without a connection and an account, for the tests and the fuzzer of what all methods share. */
#ifndef JMAP_CORE_FIXTURE_H
#define JMAP_CORE_FIXTURE_H

#include "jmap/internal.h"

/* In the place of the auth client's: nobody is asked, since no account is there. */
enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address)
{
	(void)auth, (void)wait, (void)account, (void)address;
	return SENDER_TEMPORARY;
}

enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_facts *facts)
{
	(void)auth, (void)wait, (void)address, (void)facts;
	return RECIPIENT_TEMPORARY;
}

struct auth_question *auth_resolve_begin(struct auth *auth, struct slice address)
{
	(void)auth, (void)address;
	return NULL;
}

bool auth_resolve_end(struct auth_question **question, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	(void)question, (void)arena, (void)routes, (void)count;
	return error_set(error, ERROR_TEMPORARY, "nobody is asked");
}

enum auth_language auth_language(struct auth *auth, struct slice address)
{
	(void)auth, (void)address;
	return LANGUAGE_EN;
}

bool auth_language_accepted(struct slice field, enum auth_language *language)
{
	(void)field, (void)language;
	return false;
}

enum auth_rates_known auth_rates(struct auth *auth, struct auth_wait *wait, struct slice account, struct auth_rates *rates)
{
	(void)auth, (void)wait, (void)account, (void)rates;
	return RATES_TEMPORARY;
}

enum auth_standing auth_stands(struct auth *auth, struct auth_wait *wait, const struct auth_account *account)
{
	(void)auth, (void)wait, (void)account;
	return AUTH_UNKNOWN;
}

enum auth_web auth_push_token(struct auth *auth, struct auth_wait *wait, int64_t id, struct slice audience, struct arena *arena, struct auth_push_key *key, struct slice *token)
{
	(void)auth, (void)wait, (void)id, (void)audience, (void)arena, (void)key, (void)token;
	return AUTH_WEB_TEMPORARY;
}

enum auth_web auth_web_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_web_session **list, size_t *count)
{
	(void)auth, (void)wait, (void)account, (void)arena, (void)list, (void)count;
	return AUTH_WEB_TEMPORARY;
}

enum auth_web auth_credential_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count)
{
	(void)auth, (void)wait, (void)account, (void)arena, (void)list, (void)count;
	return AUTH_WEB_TEMPORARY;
}

static struct config fixture_config;
static struct jmap_service fixture_service;

/* No account has that id: it can't be written in JSON. */
static void fixture_begin(struct jmap_request *request)
{
	*request = (struct jmap_request){.service = &fixture_service, .config = &fixture_config, .arena = arena_new(), .account_id = "\xff", .origin = SLICE("https://example.test"),
					 .person = {.account = SLICE("anna@example.test"), .scopes = AUTH_MAY_ALL}};
}

static void fixture_end(struct jmap_request *request)
{
	struct arena *arena = request->arena;
	jmap_request_close(request);
	arena_free(&arena);
}

/* What a request is answered with: a response, or a problem. */
static json_t *fixture_ask(struct slice text)
{
	struct jmap_request request;
	struct jmap_problem problem = {0};
	json_error_t error;
	fixture_begin(&request);
	if (jmap_request_read(&request, text, &problem))
		while (jmap_request_run(&request, &problem) != RUN_DONE)
			;
	json_t *answer = problem.status != 0 ? jmap_problem_json(&problem) : json_loadb(request.out.at, request.out.len, JSON_REJECT_DUPLICATES, &error);
	fixture_end(&request);
	return answer;
}

#endif
