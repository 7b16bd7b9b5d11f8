/* pombal check: do the scanners of the option `engines` answer? Each is shown a harmless message, as the server would show it. */
#include "base/clock.h"
#include "cli/check.h"
#include "engine/engine.h"

static const char harmless[] = "From: <postmaster@localhost>\r\nSubject: pombal check\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nDoes the scanner answer?\r\n";

static size_t read_harmless(void *context, uint64_t at, char *out, size_t size)
{
	(void)context;
	struct slice piece = slice_sub(slice_of(harmless), (size_t)at, size);
	memcpy(out, piece.at ? piece.at : "", piece.len);
	return piece.len;
}

static void say(struct cli_check *check, const struct config_engine *engine, const struct engine_result *result)
{
	static const char mend[] = "Start it, or change its entry in the option engines; the server's user must be allowed to reach its socket.";
	const char *consequence = engine->down == CONFIG_ENGINE_DEFER ? "mail is deferred" : engine->down == CONFIG_ENGINE_TAG ? "mail is taken with a mark" : "mail is taken without it";
	switch (result->outcome) {
	case ENGINE_CLEAN:
		cli_check_note(check, "%s at %.*s answers: clean, %lld ms", engine->name, SLICE_ARG(engine->place), (long long)result->milliseconds);
		break;
	case ENGINE_POINTS:
		cli_check_note(check, "%s at %.*s answers: %d.%02d points, %lld ms", engine->name, SLICE_ARG(engine->place), result->points / 100, abs(result->points % 100),
			       (long long)result->milliseconds);
		break;
	case ENGINE_FOUND:
		cli_check_warning(check, "Look at its settings: it finds something in everything.", "%s at %.*s calls a harmless message %s", engine->name, SLICE_ARG(engine->place),
				  result->text);
		break;
	case ENGINE_CHANGED:
	case ENGINE_SET_APART:
		cli_check_note(check, "%s at %.*s answers: %s (%s), %lld ms", engine->name, SLICE_ARG(engine->place), engine_outcome_name(result->outcome), result->text,
			       (long long)result->milliseconds);
		break;
	case ENGINE_REFUSED:
	case ENGINE_DEFERRED:
	case ENGINE_DISCARDED:
		cli_check_warning(check, "Look at its settings: it may treat all mail so.", "%s at %.*s answers about a harmless message: %s %s", engine->name, SLICE_ARG(engine->place),
				  engine_outcome_name(result->outcome), result->text);
		break;
	default:
		(engine->down == CONFIG_ENGINE_DEFER ? cli_check_error : cli_check_warning)(check, mend, "%s at %.*s: %s; as long as it is so, %s", engine->name,
											     SLICE_ARG(engine->place), result->text, consequence);
	}
}

void cli_check_engines(struct cli_check *check)
{
	struct engine_pool *pool = engine_pool_new(&config_current()->engines, engine_dial_directly, NULL);
	struct engine_mail mail = {.client = SLICE("127.0.0.1"), .helo = SLICE("localhost"), .hostname = slice_of(config_current()->hostname), .length = sizeof harmless - 1, .read = read_harmless};
	struct engine_result *results = arena_array(check->line->arena, engine_pool_count(pool) + 1, sizeof *results);
	const struct slice postmaster = SLICE("postmaster@localhost");
	struct engine_letter letter;
	int64_t until = clock_monotonic_ms() + CONFIG_ENGINE_SECONDS_MAX * 1000;
	engine_letter_begin(&letter, slice_of(harmless), 0, SLICE("postmaster@localhost"), &postmaster, 1);
	mail.letter = &letter;
	engine_ask_milters(pool, &mail, until, results);
	engine_ask(pool, &mail, until, results);
	engine_letter_free(&letter);
	for (size_t i = 0; i < engine_pool_count(pool); i++)
		say(check, engine_pool_at(pool, i), &results[i]);
	engine_pool_free(&pool);
}
