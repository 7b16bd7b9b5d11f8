/* JSON pointers (RFC 6901): results of former calls (RFC 8620 §3.7), and patches (§5.3). Pure.
 *
 * A reference doesn't copy what it leads to, but that which leads to itself twice grows twofold with each call: so all values that are led to count, and are bounded
 * for the whole request. */
#include <string.h>

#include "base/memory.h"
#include "jmap/internal.h"

enum { TEXT_OF_ONE = 64 }; /* so many bytes of a string count as one value more */

/* Counts the values down; false: there are too many, or they are too deep. */
static bool is_affordable(const json_t *value, size_t depth, size_t *room)
{
	const char *key;
	size_t i;
	json_t *part;
	size_t cost = 1 + json_string_length(value) / TEXT_OF_ONE;
	if (*room < cost || depth > JMAP_DEPTH_MAX)
		return false;
	*room -= cost;
	if (json_is_array(value)) {
		json_array_foreach(value, i, part)
			if (!is_affordable(part, depth + 1, room))
				return false;
	} else if (json_is_object(value))
		json_object_foreach((json_t *)value, key, part)
			if (!is_affordable(part, depth + 1, room))
				return false;
	return true;
}

/* One step's name, with ~1 and ~0 resolved, malloc'ed. NULL: it is none. */
static char *unescape(struct slice step)
{
	char *name = memory_copy(step.at, step.len), *out = name;
	for (size_t i = 0; i < step.len; i++) {
		char c = step.at[i];
		if (c == '~') {
			char code = ++i < step.len ? step.at[i] : '\0';
			if (code != '0' && code != '1') {
				free(name);
				return NULL;
			}
			c = code == '0' ? '~' : '/';
		}
		*out++ = c;
	}
	*out = '\0';
	if (memchr(name, '\0', (size_t)(out - name))) {
		free(name);
		return NULL;
	}
	return name;
}

static json_t *member(const json_t *object, struct slice step)
{
	char *name = unescape(step);
	json_t *value = name ? json_object_get(object, name) : NULL;
	free(name);
	return value;
}

/* A place in an array is written without zeros before it. */
static json_t *element(const json_t *array, struct slice step)
{
	uint64_t index;
	bool plain = step.len > 0 && (step.at[0] != '0' || step.len == 1);
	return plain && slice_to_number(step, UINT32_MAX, &index) ? json_array_get(array, (size_t)index) : NULL;
}

static json_t *follow(json_t *value, struct slice path, size_t depth, size_t *room);

/* The rest of the path for every element; what are arrays then are joined into one (RFC 8620 §3.7). */
static json_t *follow_all(json_t *array, struct slice rest, size_t depth, size_t *room)
{
	json_t *all = json_array(), *one;
	size_t i;
	json_array_foreach(array, i, one) {
		json_t *found = *room > 0 ? follow(one, rest, depth + 1, room) : NULL;
		*room -= *room > 0;
		if (!found) {
			json_decref(all);
			return NULL;
		}
		if (json_is_array(found))
			json_array_extend(all, found);
		else
			json_array_append(all, found);
		*room -= json_array_size(found) < *room ? json_array_size(found) : *room;
		json_decref(found);
	}
	return all;
}

static json_t *follow(json_t *value, struct slice path, size_t depth, size_t *room)
{
	while (path.len > 0) {
		struct slice step, rest;
		if (path.at[0] != '/' || depth > JMAP_DEPTH_MAX)
			return NULL;
		bool more = slice_cut(slice_skip(path, 1), '/', &step, &rest);
		path = more ? slice_make(rest.at - 1, rest.len + 1) : (struct slice){0};
		if (json_is_array(value) && slice_equal(step, SLICE("*")))
			return follow_all(value, path, depth, room);
		value = json_is_object(value) ? member(value, step) : json_is_array(value) ? element(value, step) : NULL;
		if (!value)
			return NULL;
		depth++;
	}
	return json_incref(value);
}

json_t *jmap_pointer(json_t *value, struct slice path, size_t *room)
{
	json_t *found = follow(value, path, 0, room);
	if (found && is_affordable(found, 0, room))
		return found;
	json_decref(found);
	return NULL;
}

/* ---- Patches ---- */

/* A copy of an object's first level. */
static json_t *copy_of(const json_t *object) { return json_copy((json_t *)object); }

/* Puts `value` (NULL: takes away) where the path leads to below `object`, whose objects on the way are copied first: they may be others', too. False: it
 * leads nowhere, or into an array. */
static bool put(json_t *object, struct slice path, json_t *value)
{
	struct slice step, rest;
	bool more = slice_cut(path, '/', &step, &rest);
	char *name = unescape(step);
	json_t *inner = name ? json_object_get(object, name) : NULL;
	bool done = name != NULL;
	if (done && more) {
		json_t *own = json_is_object(inner) ? copy_of(inner) : NULL;
		done = own && put(own, rest, value) && json_object_set(object, name, own) == 0;
		json_decref(own);
	} else if (done && json_is_null(value))
		json_object_del(object, name);
	else if (done)
		done = json_object_set(object, name, value) == 0;
	free(name);
	return done;
}

/* Is a part of the path, up to a '/', a pointer of the patch, too? */
static bool is_below_another(const json_t *patch, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (json_object_getn(patch, path, (size_t)(slash - path)))
			return true;
	return false;
}

json_t *jmap_patch(json_t *object, json_t *patch)
{
	const char *path;
	json_t *value, *patched = copy_of(object);
	json_object_foreach(patch, path, value)
		if (is_below_another(patch, path) || !put(patched, slice_of(path), value)) {
			json_decref(patched);
			return NULL;
		}
	return patched;
}
