/* Subscriptions as the store keeps them; see push_internal.h. */
#include <pthread.h>

#include "jmap/push_internal.h"

enum { KEPT_MAX = 128 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All who change any are in this process. */
void jmap_push_lock(void) { pthread_mutex_lock(&lock); }
void jmap_push_unlock(void) { pthread_mutex_unlock(&lock); }

/* Our own writing; what is damaged is an empty object, which nobody made and nobody is told of. */
static json_t *parse(struct slice text)
{
	json_error_t error;
	json_t *json = json_loadb(text.at, text.len, 0, &error);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return json_object();
}

bool jmap_push_list(struct account *account, struct arena *arena, struct jmap_push_kept **list, size_t *count, struct error *error)
{
	struct object *objects;
	int64_t state;
	*count = 0;
	if (!object_list(account, OBJECT_PUSH, arena, &objects, count, &state, error))
		return false;
	*list = arena_array(arena, *count + 1, sizeof **list);
	for (size_t i = 0; i < *count; i++)
		(*list)[i] = (struct jmap_push_kept){objects[i].id, parse(objects[i].text)};
	return true;
}

void jmap_push_free_list(struct jmap_push_kept *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_decref(list[i].json);
}

bool jmap_push_find(struct account *account, int64_t id, struct arena *arena, json_t **json, struct error *error)
{
	struct object object;
	if (id == 0)
		return error_set(error, ERROR_NOT_FOUND, "there is no such subscription");
	if (!object_get(account, OBJECT_PUSH, id, arena, &object, error))
		return false;
	*json = parse(object.text);
	return true;
}

bool jmap_push_put(struct account *account, int64_t *id, const json_t *json, struct error *error)
{
	struct buf text = BUF_SECRET(KEPT_MAX);
	struct object_change change = {.id = *id, .destroy = !json};
	if (json)
		jmap_json_write(&text, json);
	change.text = buf_slice(&text);
	bool done = (!text.overflow || error_set(error, ERROR_LIMIT, "a subscription is too large")) && push_change(account, &change, 1, error) &&
		    (change.done || error_set(error, change.error.kind, "%s", change.error.text));
	*id = change.id;
	buf_free(&text);
	return done;
}

int64_t jmap_push_number(const json_t *json, const char *name) { return json_integer_value(json_object_get(json, name)); }

struct slice jmap_push_text(const json_t *json, const char *name) { return jmap_slice_of(json_object_get(json, name)); }

bool jmap_push_is_of(const json_t *json, const struct http_person *person)
{
	return jmap_push_number(json, "identity") == person->identity && jmap_push_number(json, "credential") == person->credential &&
	       jmap_push_number(json, "session") == person->session;
}
