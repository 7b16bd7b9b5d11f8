/* The table of methods, and that of types: the only lists of them. */
#include "jmap/internal.h"

/* Core/echo (RFC 8620 §4). */
static enum net_run core_echo(struct jmap_call *call)
{
	jmap_respond(call, "Core/echo", json_incref(call->arguments));
	return RUN_DONE;
}

const struct jmap_method jmap_methods[] = {
	{"Core/echo", JMAP_CORE, 0, core_echo},
};
const size_t jmap_method_count = sizeof jmap_methods / sizeof *jmap_methods;

const struct jmap_type *const jmap_types[] = {
	NULL,
};
const size_t jmap_type_count = sizeof jmap_types / sizeof *jmap_types - 1;
