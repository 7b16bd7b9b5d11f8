/* What push messages say, but for new emails (push_email.c). */
#include "jmap/push_internal.h"

enum { MESSAGE_MAX = 64 * 1024 };

void jmap_push_account_id(const struct account *account, char out[JMAP_ID_SIZE]) { jmap_id_format(JMAP_ID_ACCOUNT, account_incarnation(account), out); }

void jmap_push_due_free(struct jmap_push_due *due)
{
	json_decref(due->then);
	buf_free(&due->text);
	*due = (struct jmap_push_due){0};
}

static void write_text(struct jmap_push_due *due, json_t *value)
{
	due->text = BUF_SECRET(MESSAGE_MAX);
	jmap_json_write(&due->text, value);
	json_decref(value);
}

/* RFC 8620 §7.2.2. */
static bool verification(int64_t id, const json_t *kept, struct jmap_push_due *due)
{
	*due = (struct jmap_push_due){.what = "verification", .urgency = WEBPUSH_HIGH, .then = json_pack("{s:b}", "told", 1)};
	write_text(due, json_pack("{s:s, s:o, s:O}", "@type", "PushVerification", "pushSubscriptionId", jmap_id(JMAP_ID_PUSH, id), "verificationCode", json_object_get(kept, "code")));
	return true;
}

/* Those that have another state than was told; NULL: none, or *error says why. */
static json_t *changed_states(struct account *account, const json_t *kept, struct error *error)
{
	const char *name;
	json_t *state;
	const json_t *told = json_object_get(kept, "states");
	json_t *now = jmap_push_states(account, json_object_get(kept, "types"), error), *changed = json_object();
	json_object_foreach(now, name, state)
		if (!json_equal(json_object_get(told, name), state))
			json_object_set(changed, name, state);
	json_decref(now);
	if (json_object_size(changed) > 0)
		return changed;
	json_decref(changed);
	return NULL;
}

/* RFC 8620 §7.1. New mail is to wake a device; what its owner has done at another needn't. */
static bool state_change(struct account *account, const json_t *kept, struct jmap_push_due *due, struct error *error)
{
	char account_id[JMAP_ID_SIZE];
	json_t *changed = changed_states(account, kept, error);
	if (!changed)
		return false;
	jmap_push_account_id(account, account_id);
	*due = (struct jmap_push_due){.what = "changes", .urgency = json_object_get(changed, "EmailDelivery") ? WEBPUSH_NORMAL : WEBPUSH_LOW, .then = json_pack("{s:O}", "states", changed)};
	write_text(due, json_pack("{s:s, s:{s:o}}", "@type", "StateChange", "changed", account_id, changed));
	return true;
}

bool jmap_push_message(const struct jmap_service *service, struct account *account, int64_t id, const json_t *kept, json_t **emails, struct jmap_push_due *due, struct error *error)
{
	*error = (struct error){0};
	if (!json_is_true(json_object_get(kept, "verified")))
		return !json_is_true(json_object_get(kept, "told")) && verification(id, kept, due);
	if (json_is_object(json_object_get(kept, "emailPush")) && jmap_push_emails(service, account, kept, emails, due, error))
		return true;
	return error->kind == ERROR_NONE && state_change(account, kept, due, error);
}
