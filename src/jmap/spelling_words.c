/* A person's own words: one object of the account, {"words": […]}, sorted. See spelling.h. */
#include <stdlib.h>
#include <string.h>

#include "jmap/object.h"
#include "jmap/spelling.h"
#include "message/text.h"
#include "speller/speller.h"

enum { OBJECT_NUMBER = 1 /* its id, and by what it is found */ };

struct slice jmap_spelling_fold(struct slice word, struct arena *arena) { return text_fold(word, arena); }

/* ---- Reading ---- */

/* An array of strings, new; what is none is none. */
static json_t *words_in(struct slice text)
{
	json_t *object = json_loadb(text.at ? text.at : "", text.len, 0, NULL), *list = json_object_get(object, "words"), *words = json_array(), *one;
	size_t i;
	json_array_foreach(list, i, one)
		if (json_is_string(one))
			json_array_append(words, one);
	json_decref(object);
	return words;
}

json_t *jmap_spelling_read(struct jmap_call *call, struct error *error)
{
	struct object object;
	if (object_get(call->account, OBJECT_SPELLING, OBJECT_NUMBER, call->arena, &object, error))
		return words_in(object.text);
	return error->kind == ERROR_NOT_FOUND ? json_array() : NULL;
}

/* Takes `words` over. */
static void respond(struct jmap_call *call, json_t *words)
{
	jmap_respond(call, call->method->name, json_pack("{s:s, s:o}", "accountId", call->request->account_id, "words", words));
}

enum net_run jmap_spelling_words(struct jmap_call *call)
{
	struct error error;
	json_t *words = jmap_arguments_known(call, "") ? jmap_spelling_read(call, &error) : NULL;
	if (words)
		respond(call, words);
	else if (!call->answered)
		jmap_fail_error(call, &error);
	return RUN_DONE;
}

/* ---- Learning ---- */

struct learning {
	json_t *add, *remove; /* borrowed; NULL: none */
	bool full;
};

static int by_bytes(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* None twice. */
static json_t *sorted(const json_t *words, struct arena *arena)
{
	size_t count = json_array_size(words);
	json_t **list = arena_array(arena, count + 1, sizeof *list), *out = json_array();
	for (size_t i = 0; i < count; i++)
		list[i] = json_array_get(words, i);
	if (count > 0)
		qsort(list, count, sizeof *list, by_bytes);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || by_bytes(&list[i - 1], &list[i]) != 0)
			json_array_append(out, list[i]);
	return out;
}

static bool has(const json_t *list, const json_t *word)
{
	json_t *one;
	size_t i;
	json_array_foreach((json_t *)list, i, one)
		if (json_equal(one, (json_t *)word))
			return true;
	return false;
}

static struct slice learned(struct learning *learning, struct slice text, struct arena *arena)
{
	json_t *former = words_in(text), *words = json_array(), *one;
	size_t i;
	json_array_foreach(former, i, one)
		if (!has(learning->remove, one))
			json_array_append(words, one);
	json_array_foreach(learning->add, i, one)
		json_array_append(words, one);
	json_t *object = json_pack("{s:o}", "words", sorted(words, arena));
	learning->full = json_array_size(json_object_get(object, "words")) > JMAP_SPELLING_OWN_MAX;
	char *dumped = json_dumps(object, JSON_COMPACT);
	struct slice made = arena_copy(arena, slice_of(dumped));
	free(dumped);
	json_decref(object);
	json_decref(words);
	json_decref(former);
	return made;
}

static bool edit(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	struct learning *learning = context;
	*text = learned(learning, object->text, arena);
	return !learning->full;
}

/* The first words make the object. */
static bool keep(struct jmap_call *call, struct learning *learning, struct error *error)
{
	if (object_edit(call->account, OBJECT_SPELLING, OBJECT_NUMBER, edit, learning, error))
		return true;
	if (error->kind != ERROR_NOT_FOUND)
		return false;
	struct object_change change = {.id = OBJECT_NUMBER, .reference = OBJECT_NUMBER, .text = learned(learning, SLICE(""), call->arena)};
	return object_change(call->account, OBJECT_SPELLING, &change, 1, error) && (change.done || error_set(error, change.error.kind, "%s", change.error.text));
}

static bool read_list(struct jmap_call *call, const char *name, json_t **list)
{
	json_t *one;
	size_t i;
	if (!jmap_argument_array(call, name, list))
		return false;
	if (json_array_size(*list) > JMAP_SPELLING_LEARNED_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d words at a time", JMAP_SPELLING_LEARNED_MAX);
	json_array_foreach(*list, i, one)
		if (!json_is_string(one) || !speller_is_word(jmap_slice_of(one)))
			return jmap_fail(call, "invalidArguments", "%s isn't a list of words", name);
	return true;
}

enum net_run jmap_spelling_learn(struct jmap_call *call)
{
	struct learning learning = {0};
	struct error error;
	json_t *words = NULL;
	if (!jmap_arguments_known(call, "add remove") || !read_list(call, "add", &learning.add) || !read_list(call, "remove", &learning.remove))
		return RUN_DONE;
	bool kept = keep(call, &learning, &error);
	if (learning.full)
		jmap_fail(call, "overQuota", "an account has at most %d words of its own", JMAP_SPELLING_OWN_MAX);
	else if (!kept || !(words = jmap_spelling_read(call, &error)))
		jmap_fail_error(call, &error);
	else
		respond(call, words);
	return RUN_DONE;
}
