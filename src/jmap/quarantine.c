/* QuarantinedEmail/query, /get, /release and /set; see quarantine.h. Of a message its header is shown, decoded as of any, and what was found; its text isn't. */
#include "jmap/quarantine.h"

#include "base/log.h"
#include "jmap/finding.h"
#include "jmap/mail.h"
#include "jmap/object.h"

enum { DAY_SECONDS = 24 * 3600, ADDRESSES_SHOWN = 20 };

static bool may_release(const struct config *config) { return slice_equal(slice_of(config->quarantine_release), SLICE("own")); }

json_t *jmap_quarantine_about(const struct jmap_request *request) { return json_pack("{s:b}", "mayRelease", may_release(request->config)); }

/* Nothing is told of changes: whoever shows a list asks again. */
static bool state_of(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	(void)account, (void)error;
	snprintf(out, JMAP_STATE_MAX + 1, "0");
	return true;
}

static const char *const properties[] = {"id", "from", "sender", "recipient", "subject", "messageId", "receivedAt", "size", "sentAt", "goneAt", "points", "reason", "findings", "mayRelease", NULL};
static const struct jmap_type type = {.name = "QuarantinedEmail", .capability = JMAP_QUARANTINE, .properties = properties, .state = state_of};

/* ---- /query ---- */

static json_t *ids_of(const struct jmap_quarantined *list, size_t count)
{
	char id[JMAP_QUARANTINE_ID_MAX];
	json_t *ids = json_array();
	for (size_t i = 0; i < count; i++) {
		jmap_quarantine_id(&list[i].apart, id);
		json_array_append_new(ids, json_string(id));
	}
	return ids;
}

enum net_run jmap_quarantine_query(struct jmap_call *call)
{
	struct jmap_query query;
	struct jmap_quarantine own;
	size_t first, count;
	if (!jmap_query_begin(call, NULL, &query))
		return RUN_DONE;
	if (query.filter || query.sort_count > 0) {
		jmap_fail(call, query.filter ? "unsupportedFilter" : "unsupportedSort", "these are listed as they came, the newest first");
		return RUN_DONE;
	}
	if (!jmap_quarantine_read(call, &own))
		return RUN_DONE;
	const struct jmap_quarantined *anchor = jmap_quarantine_find(&own, query.anchor);
	if (jmap_query_window(call, &query, own.count, anchor ? (size_t)(anchor - own.list) : SIZE_MAX, &first, &count))
		jmap_query_end(call, &query, "0", false, ids_of(count > 0 ? &own.list[first] : NULL, count), first, own.count);
	return RUN_DONE;
}

/* ---- /get ---- */

static json_t *text_or_null(struct slice text, enum jmap_form form, struct arena *arena) { return text.at ? jmap_header_value(text, form, arena) : json_null(); }

static void put_header(json_t *json, struct slice head, struct arena *arena)
{
	const struct envelope *envelope = envelope_parse(slice_sub(head, 0, header_length(head)), ADDRESSES_SHOWN, arena);
	json_object_set_new(json, "from", envelope->from_count > 0 ? jmap_addresses(envelope->from, envelope->from_count, arena) : json_null());
	json_object_set_new(json, "subject", text_or_null(envelope->subject, JMAP_TEXT, arena));
	json_object_set_new(json, "messageId", text_or_null(envelope->message_id, JMAP_MESSAGE_IDS, arena));
	json_object_set_new(json, "sentAt", text_or_null(envelope->date, JMAP_DATE, arena));
}

static void put_findings(json_t *json, const struct jmap_call *call, const struct queue_apart_shown *shown, struct arena *arena)
{
	struct jmap_findings findings;
	jmap_findings_read(shown->findings, '\n', jmap_findings_language(call), arena, &findings);
	json_object_set_new(json, "points", json_real((shown->weighed ? shown->points : findings.points) / 100.0));
	json_object_set_new(json, "reason", findings.main ? jmap_text(findings.main->name) : json_null());
	json_object_set_new(json, "findings", jmap_findings_json(&findings));
}

static json_t *object_of(const struct jmap_call *call, const struct jmap_quarantined *one, const struct queue_apart_shown *shown, struct arena *arena)
{
	char id[JMAP_QUARANTINE_ID_MAX];
	int64_t days = call->request->config->quarantine_days;
	jmap_quarantine_id(&one->apart, id);
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:I, s:o, s:b}", "id", id, "sender", jmap_text(shown->from), "recipient", jmap_text(shown->address), "receivedAt", jmap_date(shown->arrived),
				 "size", (json_int_t)shown->size, "goneAt", days > 0 ? jmap_date(shown->arrived + days * DAY_SECONDS) : json_null(), "mayRelease", shown->may_release && one->alone);
	put_header(json, shown->head, arena);
	put_findings(json, call, shown, arena);
	return json;
}

/* False: answered. */
static bool add_one(struct jmap_call *call, struct jmap_get *get, const struct jmap_quarantine *own, struct slice id)
{
	enum { OBJECT_BYTES = 1000 };
	const struct jmap_quarantined *one = jmap_quarantine_find(own, id);
	struct arena *arena = arena_new();
	struct queue_apart_shown shown;
	struct error error = {0};
	bool there = one && queue_apart_show(call->request->service->queue, &one->apart, arena, &shown, &error);
	if (there)
		jmap_get_add(get, jmap_object_wanted(get, object_of(call, one, &shown, arena)));
	else
		jmap_get_miss(get, id);
	size_t used = arena_used(arena);
	arena_free(&arena);
	if (!there && one && error.kind != ERROR_NOT_FOUND)
		return jmap_fail_error(call, &error);
	return jmap_spend(call, used + OBJECT_BYTES);
}

static bool get_all(struct jmap_call *call, struct jmap_get *get)
{
	struct jmap_quarantine own;
	size_t i;
	json_t *id;
	if (!get->ids)
		return jmap_fail(call, "requestTooLarge", "ids says which: there may be too many to tell all of them");
	if (!jmap_quarantine_read(call, &own))
		return false;
	json_array_foreach(get->ids, i, id)
		if (!add_one(call, get, &own, jmap_slice_of(id)))
			return false;
	return true;
}

enum net_run jmap_quarantine_get(struct jmap_call *call)
{
	struct jmap_get get;
	if (!jmap_get_begin(call, &type, NULL, &get))
		return RUN_DONE;
	if (get_all(call, &get))
		jmap_get_end(call, &get);
	else
		jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- Letting go, removing ---- */

/* NULL, or a SetError. */
static json_t *end_one(struct jmap_call *call, const struct jmap_quarantine *own, struct slice id, bool let_go)
{
	const struct jmap_quarantined *one = jmap_quarantine_find(own, id);
	struct error error;
	int64_t as;
	if (!one)
		return jmap_set_error("notFound", NULL, NULL);
	if (!one->alone)
		return jmap_set_error("forbidden", NULL, "its address leads to others, too: only an administrator may let it go or remove it");
	if (!queue_apart_end(call->request->service->queue, &one->apart, let_go, &as, &error))
		return error.kind == ERROR_DENIED ? jmap_set_error("forbidden", NULL, "%s", error.text) : error.kind == ERROR_NOT_FOUND ? jmap_set_error("notFound", NULL, NULL) : jmap_set_error_of(&error);
	log_info(let_go ? "quarantine.released" : "quarantine.removed", log_id("id", one->apart.message), log_slice("account", account_name(call->account)), log_slice("to", one->apart.address),
		 log_id("as", as));
	return NULL;
}

enum net_run jmap_quarantine_release(struct jmap_call *call)
{
	struct jmap_quarantine own;
	json_t *ids, *id, *refused;
	size_t i;
	if (!jmap_arguments_known(call, "ids") || !jmap_argument_ids(call, "ids", JMAP_SET_MAX, &ids) || !jmap_quarantine_read(call, &own))
		return RUN_DONE;
	json_t *released = json_array(), *not_released = json_object();
	json_array_foreach(ids, i, id) {
		if ((refused = end_one(call, &own, jmap_slice_of(id), true)))
			json_object_set_new(not_released, json_string_value(id), refused);
		else
			json_array_append(released, id);
	}
	jmap_respond(call, call->method->name, json_pack("{s:s, s:o, s:o}", "accountId", call->request->account_id, "released", released, "notReleased",
							 json_object_size(not_released) > 0 ? json_incref(not_released) : json_null()));
	json_decref(not_released);
	return RUN_DONE;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id) { return end_one(call, set->context, id, false); }

enum net_run jmap_quarantine_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {.destroy = destroy};
	struct jmap_quarantine own;
	if (jmap_quarantine_read(call, &own))
		jmap_set_run(call, &type, &setter, NULL, &own);
	return RUN_DONE;
}
