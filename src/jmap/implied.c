/* The Email/set that follows from what was sent (RFC 8621 §7.5, RFC 9007 §2.1): a call of its own, which is answered behind the one that it follows from. */
#include <string.h>

#include "jmap/submission.h"

struct implied { struct jmap_call call; };

static const struct jmap_method *find_email_set(void)
{
	for (size_t i = 0; i < jmap_method_count; i++)
		if (strcmp(jmap_methods[i].name, "Email/set") == 0)
			return &jmap_methods[i];
	return NULL;
}

static void drop(void *state)
{
	struct implied *implied = state;
	if (implied->call.drop)
		implied->call.drop(implied->call.state);
	json_decref(implied->call.arguments);
}

enum net_run jmap_implied_go_on(struct jmap_call *call, bool *under_way)
{
	struct implied *implied = call->state;
	*under_way = implied != NULL;
	return implied ? implied->call.method->run(&implied->call) : RUN_DONE;
}

enum net_run jmap_implied_email_set(struct jmap_call *call, json_t *update, json_t *destroy)
{
	bool ignored;
	const struct jmap_method *method = find_email_set();
	if (!method || json_object_size(update) + json_array_size(destroy) == 0) {
		json_decref(update);
		json_decref(destroy);
		return RUN_DONE;
	}
	struct implied *implied = arena_alloc(call->arena, sizeof *implied);
	implied->call = (struct jmap_call){.request = call->request, .method = method, .id = call->id, .arena = call->arena, .account = call->account,
		.arguments = json_pack("{s:s, s:o, s:o}", "accountId", call->request->account_id, "update", update, "destroy", destroy)};
	call->state = implied;
	call->drop = drop;
	return jmap_implied_go_on(call, &ignored);
}
