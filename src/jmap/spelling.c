/* Spelling/check; see spelling.h. What is one of the person's own words, or no word at all, isn't asked about. */
#include "jmap/spelling.h"

#include "base/map.h"
#include "speller/speller.h"

json_t *jmap_spelling_about(const struct jmap_request *request)
{
	json_t *languages = json_array();
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++)
		if (request->service->languages >> i & 1)
			json_array_append_new(languages, json_string(speller_languages[i].tag));
	return json_pack("{s:o, s:i, s:i, s:i, s:i, s:i}", "languages", languages, "maxWords", SPELLER_WORDS_MAX, "maxWordLength", SPELLER_WORD_MAX, "maxSuggestions", SPELLER_SUGGESTIONS_MAX,
			 "maxSuggested", SPELLER_SUGGESTED_MAX, "maxPersonalWords", JMAP_SPELLING_OWN_MAX);
}

bool jmap_spelling_is_offered(const struct jmap_request *request) { return request->service->languages != 0; }

struct checking {
	struct speller_question question;
	struct call_ticket *ticket;
};

static void drop(void *state)
{
	struct checking *checking = state;
	struct arena *arena = arena_new();
	struct speller_answer answer;
	if (checking->ticket)
		speller_end(&checking->ticket, checking->question.count, arena, &answer, NULL);
	arena_free(&arena);
}

/* ---- Reading ---- */

static bool read_languages(struct jmap_call *call, unsigned *languages)
{
	json_t *list, *one;
	size_t i;
	if (!jmap_argument_array(call, "languages", &list))
		return false;
	json_array_foreach(list, i, one) {
		enum speller_language language = json_is_string(one) ? speller_language_of(jmap_slice_of(one)) : SPELLER_LANGUAGES;
		if (language == SPELLER_LANGUAGES || !(call->request->service->languages >> language & 1))
			return jmap_fail(call, "invalidArguments", "languages are some of those that the capability names");
		*languages |= 1U << language;
	}
	return *languages != 0 || jmap_fail(call, "invalidArguments", "languages says by which dictionaries");
}

static struct map *own_words(struct jmap_call *call, struct error *error)
{
	struct map *map = map_new();
	json_t *list = jmap_spelling_read(call, error), *one;
	size_t i;
	json_array_foreach(list, i, one)
		map_put(map, jmap_spelling_fold(jmap_slice_of(one), call->arena), map);
	if (!list)
		map_free(&map);
	json_decref(list);
	return map;
}

/* Each once, as long as it could be wrong. */
static bool choose_words(struct jmap_call *call, const json_t *list, struct speller_question *question)
{
	struct error error;
	struct map *own = own_words(call, &error), *seen = map_new();
	json_t *one;
	size_t i;
	question->words = arena_array(call->arena, json_array_size(list) + 1, sizeof *question->words);
	json_array_foreach(own ? (json_t *)list : NULL, i, one) {
		struct slice word = jmap_slice_of(one);
		if (speller_is_word(word) && !map_put(seen, word, seen) && !map_get(own, jmap_spelling_fold(word, call->arena)))
			question->words[question->count++] = word;
	}
	bool done = own || jmap_fail_error(call, &error);
	map_free(&seen);
	if (own)
		map_free(&own);
	return done;
}

static bool read_words(struct jmap_call *call, struct speller_question *question)
{
	json_t *list, *one;
	size_t i;
	if (!jmap_argument_array(call, "words", &list))
		return false;
	if (!list)
		return jmap_fail(call, "invalidArguments", "words is missing");
	if (json_array_size(list) > (question->suggestions > 0 ? SPELLER_SUGGESTED_MAX : SPELLER_WORDS_MAX))
		return jmap_fail(call, "requestTooLarge", "at most %d words at a time, %d with suggestions", SPELLER_WORDS_MAX, SPELLER_SUGGESTED_MAX);
	json_array_foreach(list, i, one)
		if (!json_is_string(one))
			return jmap_fail(call, "invalidArguments", "words isn't a list of words");
	return choose_words(call, list, question);
}

static bool read_question(struct jmap_call *call, struct speller_question *question)
{
	int64_t suggestions = 0;
	*question = (struct speller_question){0};
	if (!jmap_arguments_known(call, "words languages suggestions") || !read_languages(call, &question->languages) || !jmap_argument_number(call, "suggestions", 0, &suggestions))
		return false;
	if (suggestions > SPELLER_SUGGESTIONS_MAX)
		return jmap_fail(call, "invalidArguments", "there are at most %d suggestions", SPELLER_SUGGESTIONS_MAX);
	question->suggestions = (unsigned)suggestions;
	return read_words(call, question);
}

/* ---- Answering ---- */

static json_t *suggestions_of(const struct speller_wrong *wrong)
{
	json_t *list = wrong->suggested ? json_array() : json_null();
	for (size_t i = 0; i < wrong->count; i++)
		json_array_append_new(list, jmap_text(wrong->suggestions[i]));
	return list;
}

static void respond(struct jmap_call *call, const struct speller_question *question, const struct speller_answer *answer)
{
	json_t *list = json_array();
	for (size_t i = 0; i < answer->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "word", jmap_text(question->words[answer->wrong[i].word]), "suggestions", suggestions_of(&answer->wrong[i])));
	jmap_respond(call, call->method->name, json_pack("{s:s, s:o}", "accountId", call->request->account_id, "wrong", list));
}

static void resume(void *conn) { conn_resume(conn); }

/* False: it is answered. */
static bool begin(struct jmap_call *call)
{
	struct checking *checking = arena_alloc(call->arena, sizeof *checking);
	*checking = (struct checking){0};
	if (!read_question(call, &checking->question))
		return false;
	if (checking->question.count == 0) {
		respond(call, &checking->question, &(struct speller_answer){0});
		return false;
	}
	call->state = checking;
	call->drop = drop;
	checking->ticket = speller_begin(call->request->service->speller, &checking->question, call->arena, resume, call->request->conn);
	return checking->ticket || jmap_fail(call, "serverFail", "the question is too long");
}

enum net_run jmap_spelling_check(struct jmap_call *call)
{
	struct speller_answer answer;
	struct error error;
	if (!call->state && !begin(call))
		return RUN_DONE;
	struct checking *checking = call->state;
	if (!caller_is_done(checking->ticket))
		return RUN_WAIT;
	if (speller_end(&checking->ticket, checking->question.count, call->arena, &answer, &error))
		respond(call, &checking->question, &answer);
	else
		jmap_fail_error(call, &error);
	return RUN_DONE;
}
