/* Adding an email to the store; see email_add.h. */
#include "jmap/email_add.h"

static size_t count_words(struct slice words)
{
	size_t count = words.len > 0;
	for (size_t i = 0; i < words.len; i++)
		count += words.at[i] == ' ';
	return count;
}

static json_t *read_mailboxes(struct jmap_adding *adding, const json_t *ids)
{
	struct mailbox mailbox;
	struct error error;
	if (!jmap_mailbox_ids_read(adding->call, ids, &adding->mailboxes, &adding->mailbox_count) || adding->mailbox_count == 0)
		return jmap_set_error("invalidProperties", "mailboxIds", "an email is in one mailbox at least");
	if (adding->mailbox_count > EMAIL_MAILBOXES_MAX)
		return jmap_set_error("tooManyMailboxes", NULL, NULL);
	for (size_t i = 0; i < adding->mailbox_count; i++)
		if (!mailbox_get(adding->call->account, adding->mailboxes[i], adding->call->arena, &mailbox, &error) || !mailbox.selectable)
			return jmap_set_error("invalidProperties", "mailboxIds", "there is no such mailbox");
	return NULL;
}

static json_t *read_keywords(struct jmap_adding *adding, const json_t *keywords)
{
	struct placement *placement = &adding->placement;
	if (!keywords || json_is_null(keywords))
		return NULL;
	if (!jmap_keywords_read(keywords, adding->call->arena, &placement->flags, &placement->keywords))
		return jmap_set_error("invalidProperties", "keywords", "a keyword can't be so");
	return count_words(placement->keywords) > KEYWORDS_PER_MESSAGE_MAX ? jmap_set_error("tooManyKeywords", NULL, NULL) : NULL;
}

json_t *jmap_adding_read(struct jmap_adding *adding, const json_t *object)
{
	const json_t *received = json_object_get(object, "receivedAt");
	json_t *refusal = read_mailboxes(adding, json_object_get(object, "mailboxIds"));
	if (!refusal)
		refusal = read_keywords(adding, json_object_get(object, "keywords"));
	if (refusal)
		return refusal;
	if (received && !json_is_null(received) && !jmap_date_read(jmap_slice_of(received), &adding->placement.received))
		return jmap_set_error("invalidProperties", "receivedAt", "that is no date");
	adding->placement.mailbox = adding->mailboxes[0];
	adding->placement.also = adding->mailboxes + 1;
	adding->placement.also_count = adding->mailbox_count - 1;
	return NULL;
}

void jmap_adding_begin(struct jmap_adding *adding) { adding->draft = draft_new(adding->call->account); }

bool jmap_adding_write(void *context, struct slice bytes)
{
	struct jmap_adding *adding = context;
	return draft_write(adding->draft, bytes, &adding->error);
}

void jmap_adding_drop(struct jmap_adding *adding)
{
	if (adding->draft)
		draft_abort(&adding->draft);
}

json_t *jmap_email_refusal(const struct error *error)
{
	return error->kind == ERROR_NOT_FOUND ? jmap_set_error("invalidProperties", "mailboxIds", "there is no such mailbox") : jmap_set_error_of(error);
}

json_t *jmap_adding_commit(struct jmap_adding *adding, json_t **made)
{
	struct error error;
	struct email *email;
	struct jmap_call *call = adding->call;
	if (!draft_commit(call->account, &adding->draft, &adding->placement, 1, &error))
		return jmap_email_refusal(&error);
	if (!email_get(call->account, &adding->placement.id, 1, MESSAGE_FLAGS, call->arena, &email, NULL, &error))
		return jmap_set_error_of(&error);
	if (email->id == 0) /* somebody else removed it at once */
		return jmap_set_error("notFound", NULL, NULL);
	*made = json_pack("{s:o, s:o, s:o, s:I}", "id", jmap_id(JMAP_ID_EMAIL, email->id), "blobId", jmap_message_blob(email->id), "threadId",
			  jmap_id(JMAP_ID_THREAD, email->thread), "size", (json_int_t)email->size);
	return NULL;
}
