/* What became of a message that was sent over JMAP is written into the object that its account has of it (RFC 8621 §7, deliveryStatus), each time that
 * something is known of a recipient. The object may have gone; that is its account's affair. */
#include <jansson.h>
#include <stdlib.h>

#include "base/log.h"
#include "courier/internal.h"
#include "store/object.h"

enum { REPLY_MAX = 600 };

struct noting { struct courier_addressee **list; size_t count; };

static const char *delivered_of(const struct courier_addressee *addressee)
{
	switch (addressee->verdict) {
	case VERDICT_DELIVERED:
		return addressee->via.host.len == 0 ? "yes" : "unknown"; /* what another server does with it isn't known */
	case VERDICT_FAILED:
		return "no";
	case VERDICT_DEFERRED:
		return "queued";
	default:
		return "unknown";
	}
}

/* Beginning with the code, as a server says it. Of what is delivered here no mailbox is named. */
static struct slice reply_of(const struct courier_addressee *addressee, struct arena *arena)
{
	bool failed = addressee->verdict == VERDICT_FAILED, deferred = addressee->verdict == VERDICT_DEFERRED, here = addressee->via.host.len == 0 && !failed && !deferred;
	struct slice text = here ? SLICE("delivered") : slice_sub(addressee->text, 0, REPLY_MAX), status = addressee->status;
	const char *code = failed ? "550" : deferred ? "451" : "250";
	bool whole = text.len > 4 && ascii_is_digit(text.at[0]) && ascii_is_digit(text.at[1]) && ascii_is_digit(text.at[2]) && text.at[3] == ' ';
	if (!whole)
		text = arena_printf(arena, "%s %.*s %.*s", code, SLICE_ARG(status.len > 0 ? status : SLICE("2.0.0")), SLICE_ARG(text));
	else
		text = arena_copy(arena, text);
	char *at = (char *)text.at;
	for (size_t i = 0; i < text.len; i++)
		at[i] = (unsigned char)at[i] < ' ' || (unsigned char)at[i] >= 0x7f ? ' ' : at[i];
	return text;
}

static void note_one(json_t *all, const struct courier_addressee *addressee, struct arena *arena)
{
	struct slice address = addressee->recipient->address, reply = reply_of(addressee, arena);
	const json_t *displayed = json_object_get(json_object_getn(all, address.at, address.len), "displayed");
	json_object_setn_new(all, address.at, address.len, json_pack("{s:s%, s:s, s:s}", "smtpReply", reply.at, reply.len, "delivered", delivered_of(addressee), "displayed",
								      displayed ? json_string_value(displayed) : "unknown"));
}

/* Whoever was tried at, the message can't be had back. */
static bool edit(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	const struct noting *noting = context;
	json_t *json = json_loadb(object->text.at ? object->text.at : "", object->text.len, 0, NULL), *all = json_object_get(json, "deliveryStatus");
	if (json && !json_is_object(all))
		json_object_set_new(json, "deliveryStatus", all = json_object());
	for (size_t i = 0; json && i < noting->count; i++)
		note_one(all, noting->list[i], arena);
	if (json)
		json_object_set_new(json, "undoStatus", json_string("final"));
	char *written = json_dumps(json, JSON_COMPACT);
	*text = arena_copy(arena, slice_of(written ? written : ""));
	free(written);
	json_decref(json);
	return text->len > 0;
}

static void note_letter(struct courier *courier, struct courier_addressee **list, size_t count)
{
	const struct queue_message *message = &list[0]->letter->work->message;
	struct noting noting = {list, count};
	struct error error = {0};
	struct account *account = store_open_account(courier->store, message->account, &error);
	if ((!account || !object_edit_either(account, OBJECT_SUBMISSION, OBJECT_SENDING, message->id, edit, &noting, &error)) && error.kind != ERROR_NOT_FOUND)
		log_warning("submission.unnoted", log_id("id", message->id), log_text("cause", error.text));
	store_release_account(&account);
}

void courier_submissions_note(struct courier *courier, struct courier_addressee **list, size_t count)
{
	for (size_t i = 0, next; i < count; i = next) {
		const struct courier_letter *letter = list[i]->letter;
		for (next = i + 1; next < count && list[next]->letter == letter;)
			next++;
		if (letter->work->message.tracked)
			note_letter(courier, list + i, next - i);
	}
}
