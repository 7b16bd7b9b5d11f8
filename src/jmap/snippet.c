/* SearchSnippet/get (RFC 8621 §5.1). */
#include "jmap/email_filter.h"

static json_t *text_or_null(struct slice text) { return text.at ? jmap_text(text) : json_null(); }

/* Adds the snippet of one email. False: answered. */
static bool add_snippet(struct jmap_call *call, const json_t *id, const struct search_text *texts, size_t count, json_t *list, json_t *not_found)
{
	struct search_snippet snippet;
	struct error error = {0};
	int64_t number = jmap_id_parse(JMAP_ID_EMAIL, jmap_resolve_id(call, jmap_slice_of(id)));
	if (number != 0 && message_snippet(call->account, number, texts, count, call->arena, &snippet, &error))
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "emailId", jmap_id(JMAP_ID_EMAIL, number), "subject", text_or_null(snippet.subject), "preview",
						      text_or_null(snippet.preview)));
	else if (number == 0 || error.kind == ERROR_NOT_FOUND)
		json_array_append(not_found, (json_t *)id);
	else
		return jmap_fail_error(call, &error);
	return true;
}

static bool add_snippets(struct jmap_call *call, json_t *ids, json_t *filter, json_t *list, json_t *not_found)
{
	struct search_text texts[JMAP_FILTER_TEXTS_MAX];
	size_t count = 0, i;
	json_t *id;
	jmap_filter_texts(filter, texts, &count, JMAP_FILTER_TEXTS_MAX);
	json_array_foreach(ids, i, id)
		if (!json_is_string(id))
			return jmap_fail(call, "invalidArguments", "emailIds isn't a list of ids");
	json_array_foreach(ids, i, id)
		if (!add_snippet(call, id, texts, count, list, not_found))
			return false;
	return true;
}

enum net_run jmap_snippet_get(struct jmap_call *call)
{
	enum { SNIPPETS_MAX = 500 };
	json_t *filter, *ids, *list = json_array(), *not_found = json_array();
	if (!jmap_arguments_known(call, "filter emailIds") || !jmap_argument_object(call, "filter", &filter) || !jmap_argument_array(call, "emailIds", &ids))
		;
	else if (!ids)
		jmap_fail(call, "invalidArguments", "emailIds is missing");
	else if (json_array_size(ids) > SNIPPETS_MAX)
		jmap_fail(call, "requestTooLarge", "at most %d emails at a time", SNIPPETS_MAX);
	else if (jmap_email_filter_check(call, filter) && add_snippets(call, ids, filter, list, not_found))
		jmap_respond(call, "SearchSnippet/get", json_pack("{s:s, s:O, s:o}", "accountId", call->request->account_id, "list", list, "notFound",
								   json_array_size(not_found) > 0 ? json_incref(not_found) : json_null()));
	json_decref(list);
	json_decref(not_found);
	return RUN_DONE;
}
