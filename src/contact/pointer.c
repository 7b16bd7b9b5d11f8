/* JSON pointers (RFC 6901) as RFC 9553 §1.4.3 has them in patches: without the first '/'. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "contact/internal.h"

/* A step of a pointer as a name, malloc'ed; NULL: it isn't one. */
static char *name_of(struct slice step)
{
	char *name = memory_new(step.len + 1), *out = name;
	for (size_t i = 0; i < step.len; i++) {
		char next = i + 1 < step.len ? step.at[i + 1] : '\0';
		if (step.at[i] == '~' && next != '0' && next != '1') {
			free(name);
			return NULL;
		}
		*out++ = step.at[i] != '~' ? step.at[i] : next == '0' ? '~' : '/';
		i += step.at[i] == '~';
	}
	return name;
}

static bool put_in_object(json_t *object, const char *name, bool last, struct slice rest, json_t *value, bool arrays)
{
	if (!last)
		return contact_pointer_put(json_object_get(object, name), rest, value, arrays);
	if (!value)
		json_object_del(object, name); /* that it isn't there is no fault */
	return !value || json_object_set(object, name, value) == 0;
}

static bool put_in_array(json_t *array, struct slice step, bool last, struct slice rest, json_t *value)
{
	uint64_t index;
	if (!slice_to_number(step, json_array_size(array), &index) || index == json_array_size(array))
		return false;
	if (!last)
		return contact_pointer_put(json_array_get(array, (size_t)index), rest, value, true);
	return value && json_array_set(array, (size_t)index, value) == 0;
}

bool contact_pointer_put(json_t *object, struct slice path, json_t *value, bool arrays)
{
	struct slice step, rest;
	bool last = !slice_cut(path, '/', &step, &rest);
	if (arrays && json_is_array(object))
		return put_in_array(object, step, last, rest, value);
	char *name = json_is_object(object) ? name_of(step) : NULL;
	bool done = name && put_in_object(object, name, last, rest, value, arrays);
	free(name);
	return done;
}
