/* Types by the names that clients who want to hear of changes say. */
#include "jmap/push.h"

static unsigned find_type(struct slice name)
{
	for (size_t i = 0; i < jmap_type_count; i++)
		if (slice_equal(name, slice_of(jmap_types[i]->name)))
			return 1u << i;
	return 0;
}

static unsigned all_types(void) { return (1u << jmap_type_count) - 1; }

unsigned jmap_types_of(struct slice names)
{
	unsigned types = 0;
	struct slice name;
	if (slice_equal(names, SLICE("*")))
		return all_types();
	while (names.len > 0) {
		slice_cut(names, ',', &name, &names);
		types |= find_type(name);
	}
	return types;
}

unsigned jmap_types_in(const json_t *names)
{
	unsigned types = 0;
	size_t i;
	json_t *one;
	if (!json_is_array(names))
		return all_types();
	json_array_foreach(names, i, one)
		types |= find_type(jmap_slice_of(one));
	return types;
}
