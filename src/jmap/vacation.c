/* VacationResponse (RFC 8621 §8): one object, which is always there. What follows of it is the courier's (vacation/vacation.h). */
#include "jmap/vacation.h"

#include <string.h>

#include "base/clock.h"
#include "jmap/object.h"
#include "store/vacation.h"
#include "vacation/vacation.h"

static const char *const properties[] = {"id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody", NULL};
static const struct slice singleton = {"singleton", 9};

static bool state_of(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	return jmap_object_state(account, OBJECT_VACATION, out, error);
}

const struct jmap_type jmap_vacation_type = {.name = "VacationResponse", .capability = JMAP_VACATION, .properties = properties, .state = state_of};

static json_t *date_or_null(int64_t seconds) { return seconds != 0 ? jmap_date(seconds) : json_null(); }
static json_t *text_or_null(struct slice text) { return text.at ? jmap_text(text) : json_null(); }

/* NULL: it can't be read now. */
static json_t *read_it(struct jmap_call *call, struct error *error)
{
	struct vacation vacation = {0};
	struct slice text;
	if (vacation_find(call->account, call->arena, &text, error)) {
		if (!vacation_read(text, call->arena, &vacation))
			vacation = (struct vacation){0};
	} else if (error->kind != ERROR_NOT_FOUND)
		return NULL;
	return json_pack("{s:s%, s:b, s:o, s:o, s:o, s:o, s:o}", "id", singleton.at, singleton.len, "isEnabled", vacation.enabled, "fromDate", date_or_null(vacation.from), "toDate",
			 date_or_null(vacation.to), "subject", text_or_null(vacation.subject), "textBody", text_or_null(vacation.text), "htmlBody", text_or_null(vacation.html));
}

/* ---- /get ---- */

enum net_run jmap_vacation_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct error error;
	size_t i;
	json_t *id, *vacation;
	if (!jmap_get_begin(call, &jmap_vacation_type, NULL, &get))
		return RUN_DONE;
	if (!(vacation = read_it(call, &error))) {
		jmap_get_drop(&get);
		jmap_fail_error(call, &error);
		return RUN_DONE;
	}
	bool wanted = !get.ids;
	json_array_foreach(get.ids, i, id) {
		bool it = slice_equal(jmap_slice_of(id), singleton);
		wanted |= it;
		if (!it)
			jmap_get_miss(&get, jmap_slice_of(id));
	}
	if (wanted)
		jmap_get_add(&get, jmap_object_wanted(&get, json_incref(vacation)));
	json_decref(vacation);
	jmap_get_end(call, &get);
	return RUN_DONE;
}

/* ---- /set ---- */

static bool read_text(const json_t *value, size_t max, struct slice *text)
{
	if (!value || json_is_null(value))
		return true;
	*text = jmap_slice_of(value);
	if (json_is_string(value) && !text->at)
		*text = SLICE("");
	return json_is_string(value) && text->len <= max;
}

/* UTCDate|null. */
static bool read_date(const json_t *value, int64_t *seconds)
{
	struct slice text = jmap_slice_of(value);
	if (!value || json_is_null(value))
		return true;
	return json_is_string(value) && text.len > 0 && text.at[text.len - 1] == 'Z' && jmap_date_read(text, seconds);
}

/* All that is wrong, names separated by blanks. */
static struct slice read_properties(const json_t *json, struct vacation *vacation, struct arena *arena)
{
	const json_t *enabled = json_object_get(json, "isEnabled");
	*vacation = (struct vacation){.enabled = json_is_true(enabled)};
	const struct { const char *name; bool good; } all[] = {
		{"isEnabled", json_is_boolean(enabled)},
		{"fromDate", read_date(json_object_get(json, "fromDate"), &vacation->from)},
		{"toDate", read_date(json_object_get(json, "toDate"), &vacation->to)},
		{"subject", read_text(json_object_get(json, "subject"), VACATION_SUBJECT_MAX, &vacation->subject)},
		{"textBody", read_text(json_object_get(json, "textBody"), VACATION_BODY_MAX, &vacation->text)},
		{"htmlBody", read_text(json_object_get(json, "htmlBody"), VACATION_BODY_MAX, &vacation->html)},
	};
	struct slice wrong = SLICE("");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!all[i].good)
			wrong = arena_printf(arena, "%.*s%s%s", SLICE_ARG(wrong), wrong.len > 0 ? " " : "", all[i].name);
	return wrong;
}

static json_t *check(struct jmap_call *call, const json_t *now, struct vacation *vacation)
{
	const char *unknown = jmap_object_unknown(now, properties);
	if (unknown)
		return jmap_set_error("invalidProperties", unknown, NULL);
	if (!slice_equal(jmap_slice_of(json_object_get(now, "id")), singleton))
		return jmap_set_error("invalidProperties", "id", NULL);
	struct slice wrong = read_properties(now, vacation, call->arena);
	return wrong.len > 0 ? jmap_set_error("invalidProperties", arena_text(call->arena, wrong), NULL) : NULL;
}

static json_t *change(struct jmap_call *call, json_t *former, json_t *patch)
{
	struct vacation vacation;
	struct error error;
	json_t *now = jmap_patch(former, patch);
	if (!now)
		return jmap_set_error("invalidPatch", NULL, NULL);
	json_t *refused = check(call, now, &vacation);
	if (!refused && !vacation_keep(call->account, vacation_write(&vacation, call->arena), vacation_is_wanted(&vacation, clock_now()), &error))
		refused = jmap_set_error_of(&error);
	json_decref(now);
	return refused;
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	(void)call, (void)set, (void)object, (void)made;
	return jmap_set_error("singleton", NULL, NULL);
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	struct error error;
	(void)set, (void)changed;
	if (!slice_equal(id, singleton))
		return jmap_set_error("notFound", NULL, NULL);
	json_t *former = read_it(call, &error);
	json_t *refused = former ? change(call, former, patch) : jmap_set_error_of(&error);
	json_decref(former);
	return refused;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	(void)call, (void)set;
	return jmap_set_error(slice_equal(id, singleton) ? "singleton" : "notFound", NULL, NULL);
}

enum net_run jmap_vacation_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	jmap_set_run(call, &jmap_vacation_type, &setter, NULL, NULL);
	return RUN_DONE;
}
