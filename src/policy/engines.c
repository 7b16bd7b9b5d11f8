/* Scanners of others; see engines.h. Something found demands what the option virus_action says; points are added with the engine's weight; what an
 * engine that says nothing means is its entry's affair (down=). Each engine leaves a finding, and a word in the X-Scanned field. */
#include "policy/engines.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/memory.h"
#include "policy/milters.h"

enum { RECIPIENTS_ASKED_MAX = 100, FIELD_MAX = 4096, WEIGHT_ONE = 100 };

struct policy_engines {
	struct engine_pool *pool;
	struct engine_mail mail;
	struct slice recipients[RECIPIENTS_ASKED_MAX];
	char client[INET6_ADDRSTRLEN];
	struct slice message;         /* as milters have left it, if there are any */
	struct engine_letter letter;  /* that they are asked about */
	struct buf changed;           /* what they have made of it */
	bool milters, discarded;
	int64_t until;
	struct engine_result *results;
	pthread_t thread;
	bool threaded;
};

/* ---- Asking ---- */

static size_t read_message(void *context, uint64_t at, char *out, size_t size)
{
	const struct policy_engines *engines = context;
	struct slice piece = at < engines->message.len ? slice_sub(engines->message, (size_t)at, size) : slice_make(NULL, 0);
	if (piece.len > 0)
		memcpy(out, piece.at, piece.len);
	return piece.len;
}

static void name_recipients(struct policy_engines *engines, struct slice lines)
{
	struct slice line;
	while (lines.len > 0 && engines->mail.recipient_count < RECIPIENTS_ASKED_MAX) {
		slice_cut(lines, '\n', &line, &lines);
		engines->recipients[engines->mail.recipient_count++] = line;
	}
	engines->mail.recipients = engines->recipients;
}

/* From now on it is the message. */
static void take_changed(struct policy_engines *engines)
{
	if (!engine_letter_is_changed(&engines->letter))
		return;
	engine_letter_write_header(&engines->letter, &engines->changed);
	buf_append(&engines->changed, engines->letter.body);
	engines->message = buf_slice(&engines->changed);
	engines->mail.length = engines->message.len;
}

/* False: one has decided, and nobody else need be asked. */
static bool ask_milters(struct policy_engines *engines)
{
	bool goes_on = true;
	engine_ask_milters(engines->pool, &engines->mail, engines->until, engines->results);
	for (size_t i = 0; i < engine_pool_count(engines->pool); i++)
		if (engine_pool_at(engines->pool, i)->kind == CONFIG_ENGINE_MILTER && policy_milters_decide(&engines->results[i])) {
			goes_on = false;
			engines->discarded |= engines->results[i].outcome == ENGINE_DISCARDED;
		}
	return goes_on;
}

static void skip_scanner(const struct config_engine *engine, unsigned whose, struct engine_result *result)
{
	if (engine->kind == CONFIG_ENGINE_MILTER)
		return;
	result->outcome = engine->whose & whose ? ENGINE_SKIPPED : ENGINE_UNASKED;
	snprintf(result->text, sizeof result->text, "a milter has decided already");
}

/* The others see what milters have left. */
static void *ask(void *argument)
{
	struct policy_engines *engines = argument;
	if (!engines->milters || ask_milters(engines)) {
		take_changed(engines);
		engine_ask(engines->pool, &engines->mail, engines->until, engines->results);
		return NULL;
	}
	for (size_t i = 0; i < engine_pool_count(engines->pool); i++)
		skip_scanner(engine_pool_at(engines->pool, i), engines->mail.whose, &engines->results[i]);
	return NULL;
}

struct policy_engines *policy_engines_begin(struct engine_pool *pool, const struct policy_question *question, struct slice message, int64_t until)
{
	unsigned whose = question->own ? CONFIG_ENGINE_OURS : CONFIG_ENGINE_STRANGERS;
	if (!pool || !engine_pool_is_for(pool, whose, false))
		return NULL;
	struct policy_engines *engines = memory_new(sizeof *engines);
	*engines = (struct policy_engines){.pool = pool, .message = message, .until = until, .results = memory_array(engine_pool_count(pool), sizeof *engines->results)};
	if (question->client.len > 0)
		inet_ntop(question->client.len == 4 ? AF_INET : AF_INET6, question->client.at, engines->client, sizeof engines->client);
	engines->mail = (struct engine_mail){.client = slice_of(engines->client), .helo = question->helo, .sender = question->sender, .hostname = question->receiver,
					     .length = message.len, .read = read_message, .context = engines};
	engines->mail.id = question->id;
	engines->mail.user = question->user;
	engines->mail.whose = whose;
	engines->mail.port = (unsigned)question->port;
	name_recipients(engines, question->recipients);
	engines->changed = BUF(SIZE_MAX / 2);
	engines->milters = engine_pool_is_for(pool, whose, true);
	if (engines->milters) {
		policy_milters_begin(&engines->letter, message, &engines->mail);
		engines->mail.letter = &engines->letter;
	}
	engines->threaded = pthread_create(&engines->thread, NULL, ask, engines) == 0;
	if (!engines->threaded) /* no thread is to be had: then others look at it later */
		ask(engines);
	return engines;
}

/* ---- What it means ---- */

static void found(const struct config_engine *engine, const struct engine_result *result, const struct config *config, struct policy_findings *findings)
{
	struct slice wanted = slice_of(config->virus_action);
	enum policy_action action = slice_equal(wanted, SLICE("tag")) ? POLICY_TAG : slice_equal(wanted, SLICE("quarantine")) ? POLICY_QUARANTINE : POLICY_REJECT;
	policy_findings_add(findings, SLICE("VIRUS_FOUND"), 0, arena_printf(findings->arena, "%s: %s", engine->name, result->text));
	policy_findings_demand(findings, action, arena_printf(findings->arena, "the message holds what a scanner calls %s", result->text));
}

static void count_points(const struct config_engine *engine, const struct engine_result *result, struct policy_findings *findings)
{
	struct buf detail = BUF(POLICY_DETAIL_MAX);
	buf_printf(&detail, "%s:", engine->name);
	for (size_t i = 0; i < result->symbol_count; i++)
		buf_printf(&detail, " %s", result->symbols[i].name);
	policy_findings_add(findings, SLICE("SCANNER_POINTS"), result->points * engine->weight / WEIGHT_ONE, buf_slice(&detail));
	buf_free(&detail);
}

static void says_nothing(const struct config_engine *engine, const struct engine_result *result, struct policy_findings *findings)
{
	policy_findings_add(findings, SLICE("SCANNER_FAILED"), 0, arena_printf(findings->arena, "%s: %s", engine->name, result->text));
	if (engine->down == CONFIG_ENGINE_DEFER)
		policy_findings_demand(findings, POLICY_DEFER, SLICE("the message can't be scanned at the moment, try again later"));
	else if (engine->down == CONFIG_ENGINE_TAG)
		policy_findings_demand(findings, POLICY_TAG, SLICE(""));
}

void policy_engines_add(const struct config_engine *engine, const struct engine_result *result, const struct config *config, struct policy_findings *findings, struct buf *out)
{
	if (result->outcome == ENGINE_UNASKED)
		return;
	buf_printf(out, "%s%s=%s", out->len > 0 ? ";\r\n\t" : "", engine->name, engine_outcome_name(result->outcome));
	switch (result->outcome) {
	case ENGINE_CLEAN:
		if (engine->kind == CONFIG_ENGINE_MILTER)
			policy_milters_tell(engine, result, findings);
		else
			policy_findings_add(findings, SLICE("SCANNER_CLEAN"), 0, slice_of(engine->name));
		break;
	case ENGINE_FOUND:
		buf_printf(out, " (%s)", result->text);
		found(engine, result, config, findings);
		break;
	case ENGINE_POINTS:
		buf_printf(out, " (%s%d.%02d)", result->points < 0 ? "-" : "", abs(result->points) / 100, abs(result->points) % 100);
		count_points(engine, result, findings);
		break;
	case ENGINE_SKIPPED:
		policy_findings_add(findings, SLICE("SCANNER_SKIPPED"), 0, arena_printf(findings->arena, "%s: %s", engine->name, result->text));
		break;
	case ENGINE_CHANGED:
	case ENGINE_SET_APART:
	case ENGINE_DISCARDED:
	case ENGINE_DEFERRED:
	case ENGINE_REFUSED:
		policy_milters_tell(engine, result, findings);
		break;
	default:
		says_nothing(engine, result, findings);
	}
}

/* By the thread that has begun. */
static void wait_for_all(struct policy_engines *engines)
{
	if (engines->threaded)
		pthread_join(engines->thread, NULL);
	engines->threaded = false;
}

struct slice policy_engines_message(struct policy_engines *engines, struct slice message)
{
	if (!engines || !engines->milters)
		return message;
	wait_for_all(engines);
	return engines->message;
}

void policy_engines_judge(struct policy_engines *engines, const struct config *config, struct policy_findings *findings)
{
	struct buf words = BUF(FIELD_MAX);
	if (!engines)
		return;
	wait_for_all(engines);
	for (size_t i = 0; i < engine_pool_count(engines->pool); i++)
		policy_engines_add(engine_pool_at(engines->pool, i), &engines->results[i], config, findings, &words);
	if (!words.overflow)
		policy_findings_field(findings, arena_printf(findings->arena, "X-Scanned: %.*s\r\n", SLICE_ARG(buf_slice(&words))));
	buf_free(&words);
}

void policy_engines_edit(const struct policy_engines *engines, struct policy_findings *findings, int *body)
{
	*body = -1;
	if (engines && engines->milters && !engines->discarded)
		policy_milters_edit(&engines->letter, findings, body);
}

void policy_engines_free(struct policy_engines **engines)
{
	if (!*engines)
		return;
	wait_for_all(*engines);
	if ((*engines)->milters)
		engine_letter_free(&(*engines)->letter);
	buf_free(&(*engines)->changed);
	free((*engines)->results);
	free(*engines);
	*engines = NULL;
}
