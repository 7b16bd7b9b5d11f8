/* What clients say of types and emails that they want to be told of. */
#include "jmap/email.h"
#include "jmap/mail.h"
#include "jmap/object.h"
#include "jmap/push_internal.h"

/* ---- Requests that nobody has made ---- */

void jmap_push_scratch_begin(struct jmap_push_scratch *scratch, const struct jmap_service *service, struct account *account, struct arena *arena)
{
	enum { SCRATCH_MAX = 1024 * 1024 };
	*scratch = (struct jmap_push_scratch){.request = {.service = service, .config = config_current(), .arena = arena, .account = account, .created = json_object(), .out = BUF(SCRATCH_MAX)}};
	scratch->call = (struct jmap_call){.request = &scratch->request, .arguments = json_object(), .arena = arena, .account = account};
	jmap_push_account_id(account, scratch->request.account_id);
}

void jmap_push_scratch_end(struct jmap_push_scratch *scratch)
{
	json_decref(scratch->request.created);
	json_decref(scratch->call.arguments);
	buf_free(&scratch->request.out);
}

/* ---- Types ---- */

bool jmap_push_types_fit(const json_t *types)
{
	size_t i;
	json_t *one;
	if (!types || json_is_null(types))
		return true;
	if (!json_is_array(types) || json_array_size(types) > PUSH_TYPES_MAX)
		return false;
	json_array_foreach(types, i, one)
		if (!json_is_string(one) || json_string_length(one) == 0 || json_string_length(one) > PUSH_TYPE_NAME_MAX)
			return false;
	return true;
}

json_t *jmap_push_states(struct account *account, const json_t *types, struct error *error)
{
	unsigned wanted = jmap_types_in(types);
	json_t *states = json_object();
	for (size_t i = 0; i < jmap_type_count; i++) {
		char state[JMAP_STATE_MAX + 1];
		if (!(wanted & 1u << i))
			continue;
		if (!jmap_types[i]->state(account, state, error)) {
			json_decref(states);
			return NULL;
		}
		json_object_set_new(states, jmap_types[i]->name, json_string(state));
	}
	return states;
}

/* ---- Emails (draft-ietf-jmap-emailpush-03) ---- */

/* Each means that messages are read. The filter is one, so that it isn't deep. */
static size_t count_texts(const json_t *filter)
{
	static const char *const names[] = {"text", "from", "to", "cc", "bcc", "subject", "body", "header"};
	const json_t *conditions = json_object_get(filter, "conditions");
	size_t count = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		count += json_object_get(filter, names[i]) != NULL;
	for (size_t i = 0; i < json_array_size(conditions); i++)
		count += count_texts(json_array_get(conditions, i));
	return count;
}

static bool is_filter(struct jmap_call *call, json_t *filter)
{
	struct jmap_push_scratch scratch;
	if (!filter || json_is_null(filter))
		return true;
	if (!json_is_object(filter))
		return false;
	jmap_push_scratch_begin(&scratch, call->request->service, call->request->account, call->arena);
	bool fits = jmap_email_filter_check(&scratch.call, filter);
	jmap_push_scratch_end(&scratch);
	return fits && count_texts(filter) <= PUSH_EMAIL_TEXTS_MAX;
}

/* The same that Email/get knows. */
static bool are_properties(struct jmap_call *call, json_t *properties)
{
	struct jmap_email_wanted wanted;
	struct error error;
	size_t i;
	json_t *one;
	if (!json_is_array(properties) || json_array_size(properties) > PUSH_EMAIL_PROPERTIES_MAX)
		return false;
	json_array_foreach(properties, i, one)
		if (!json_is_string(one) || !jmap_email_property_is_known(jmap_slice_of(one)))
			return false;
	json_t *arguments = json_pack("{s:O}", "properties", properties);
	bool fits = jmap_email_wanted_read(arguments, false, call->arena, &wanted, &error);
	json_decref(arguments);
	return fits;
}

static const char *wrong_in(struct jmap_call *call, const json_t *config)
{
	static const char *const names[] = {"filter", "properties", "urgency", NULL};
	enum webpush_urgency urgency;
	const json_t *said = json_object_get(config, "urgency");
	if (!json_is_object(config) || jmap_object_unknown(config, names))
		return "there are filter, properties and urgency for each account";
	if (!are_properties(call, json_object_get(config, "properties")))
		return "properties isn't a list of properties of emails";
	if (!is_filter(call, json_object_get(config, "filter")))
		return "that isn't a filter of emails, or one with too many texts";
	return said && !json_is_null(said) && !webpush_urgency_parse(jmap_slice_of(said), &urgency) ? "that is no urgency" : NULL;
}

json_t *jmap_push_email_check(struct jmap_call *call, json_t *email_push)
{
	const char *account;
	json_t *config;
	struct buf text = BUF(PUSH_EMAIL_BYTES_MAX);
	if (!email_push || json_is_null(email_push))
		return NULL;
	if (!json_is_object(email_push))
		return jmap_set_error("invalidProperties", "emailPush", NULL);
	jmap_json_write(&text, email_push);
	bool fits = !text.overflow;
	buf_free(&text);
	if (!fits)
		return jmap_set_error("invalidProperties", "emailPush", "it is too large");
	json_object_foreach(email_push, account, config) {
		if (!jmap_is_own_account(call->request, slice_of(account)))
			return jmap_set_error("invalidProperties", "emailPush", "there is no account of that id");
		const char *wrong = wrong_in(call, config);
		if (wrong)
			return jmap_set_error("invalidProperties", "emailPush", "%s", wrong);
	}
	return NULL;
}
