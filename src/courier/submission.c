/* What became of a message that was sent over JMAP is written into the object that its account has of it (RFC 8621 §7, deliveryStatus), each time that
 * something is known of a recipient. The object may have gone; that is its account's affair. So is what others tell of it later, in reports and receipts that come
 * into the account's mailboxes: found by the envelope's id, which is the message's in the queue where its sender gave none, or by its Message-ID. Whoever got
 * the message knows both: so one that doesn't come from the null reverse-path counts only if it is shown whose it is, and only for whom he may speak. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "courier/internal.h"
#include "courier/receipt.h"
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

/* True: it is the last that will be known of somebody, and is written down. */
static bool note_letter(struct courier *courier, struct courier_addressee **list, size_t count)
{
	const struct queue_message *message = &list[0]->letter->work->message;
	struct noting noting = {list, count};
	struct error error = {0};
	struct account *account = store_open_account(courier->store, message->account, &error);
	bool noted = account && object_edit_either(account, OBJECT_SUBMISSION, OBJECT_SENDING, message->id, edit, &noting, &error), last = false;
	if (!noted && error.kind != ERROR_NOT_FOUND)
		log_warning("submission.unnoted", log_id("id", message->id), log_text("cause", error.text));
	store_release_account(&account);
	for (size_t i = 0; i < count; i++)
		last |= list[i]->verdict != VERDICT_DEFERRED;
	return noted && last;
}

/* The queue is about to forget them, durably: who finds the object unfinished after a power cut asks the queue in vain (jmap/submission_create.c), and has to find
 * here that it was sent. */
void courier_submissions_note(struct courier *courier, struct courier_addressee **list, size_t count)
{
	struct error error;
	bool last = false;
	for (size_t i = 0, next; i < count; i = next) {
		const struct courier_letter *letter = list[i]->letter;
		for (next = i + 1; next < count && list[next]->letter == letter;)
			next++;
		if (letter->work->message.tracked)
			last |= note_letter(courier, list + i, next - i);
	}
	if (last && !store_sync(courier->store, &error))
		log_warning("submission.unsynced", log_text("cause", error.text));
}

/* ---- What others tell of it later ---- */

enum { BLOBS_MAX = 20 /* of each kind that are kept with a submission */, RECEIPT_BYTES_MAX = 1024 * 1024 /* of a message that tells of it, which are looked at */ };

struct telling {
	const struct courier_receipt *receipt;
	struct slice author;  /* who is shown to say it; empty: a mail system does, from the null reverse-path */
	char blob[1 + ID_TEXT_LEN + 1];
};

/* Whom of the submission's recipients it means. NULL: none, or none for whom its author may speak. */
static json_t *status_of(const struct telling *telling, json_t *all, const struct courier_receipt_recipient *recipient)
{
	const char *address;
	json_t *status;
	bool by_system = telling->author.len == 0;
	json_object_foreach(all, address, status)
		if ((recipient->original.len > 0 && slice_equal_nocase(slice_of(address), recipient->original)) || slice_equal_nocase(slice_of(address), recipient->address))
			return by_system || courier_receipt_may_say(telling->receipt->disposition, telling->author, slice_of(address)) ? status : NULL;
	return by_system && json_object_size(all) == 1 ? json_object_iter_value(json_object_iter(all)) : NULL;
}

/* What came into a mailbox here has, whatever others say. */
static void tell_of(const struct telling *telling, json_t *all, const struct courier_receipt_recipient *recipient)
{
	json_t *status = status_of(telling, all, recipient);
	bool here = status && strcmp(json_string_value(json_object_get(status, "delivered")) ? json_string_value(json_object_get(status, "delivered")) : "", "yes") == 0;
	if (!status)
		return;
	if (recipient->fate == RECEIPT_DISPLAYED)
		json_object_set_new(status, "displayed", json_string("yes"));
	else if (recipient->fate != RECEIPT_NOTHING && !here) {
		json_object_set_new(status, "delivered", json_string(recipient->fate == RECEIPT_FAILED ? "no" : "yes"));
		if (recipient->reply.len > 0)
			json_object_set_new(status, "smtpReply", json_stringn(recipient->reply.at, recipient->reply.len));
	}
}

/* A mail system's report is the submission's whomever it names. */
static bool may_tell(const struct telling *telling, json_t *all)
{
	bool may = telling->author.len == 0;
	for (size_t i = 0; !may && i < telling->receipt->recipient_count; i++)
		may = status_of(telling, all, &telling->receipt->recipients[i]) != NULL;
	return may;
}

static bool edit_told(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	const struct telling *telling = context;
	const struct courier_receipt *receipt = telling->receipt;
	json_t *json = json_loadb(object->text.at ? object->text.at : "", object->text.len, 0, NULL);
	json_t *blobs = json_object_get(json, receipt->disposition ? "mdnBlobIds" : "dsnBlobIds"), *all = json_object_get(json, "deliveryStatus");
	bool room = json_is_array(blobs) && json_array_size(blobs) < BLOBS_MAX && may_tell(telling, all);
	if (room) {
		json_array_append_new(blobs, json_string(telling->blob));
		for (size_t i = 0; i < receipt->recipient_count; i++)
			tell_of(telling, all, &receipt->recipients[i]);
	}
	char *written = room ? json_dumps(json, JSON_COMPACT) : NULL;
	*text = arena_copy(arena, slice_of(written ? written : ""));
	free(written);
	json_decref(json);
	return text->len > 0;
}

/* The submission of an email that was sent with this Message-ID, the newest; 0: none is known. */
static int64_t find_by_message_id(struct account *account, struct slice message_id, struct arena *arena)
{
	struct object *list;
	struct error error;
	int64_t *emails, state;
	size_t count = 0, email_count = 0;
	if (message_id.len == 0 || !email_find(account, message_id, arena, &emails, &email_count, &error) || email_count == 0 ||
	    !object_list(account, OBJECT_SUBMISSION, arena, &list, &count, &state, &error))
		return 0;
	for (size_t i = count; i > 0; i--)
		for (size_t k = 0; k < email_count; k++) {
			char id[ID_TEXT_LEN + 1];
			id_format(emails[k], id);
			if (slice_find(list[i - 1].text, arena_printf(arena, "\"emailId\":\"e%s\"", id)) != SLICE_NONE) /* as JMAP writes ids */
				return list[i - 1].reference;
		}
	return 0;
}

static void tell_submission(struct account *account, struct telling *telling, int64_t message, struct arena *arena)
{
	const struct courier_receipt *receipt = telling->receipt;
	struct error error = {.kind = ERROR_NOT_FOUND};
	int64_t reference = id_parse(receipt->envelope);
	telling->blob[0] = 'b'; /* as JMAP writes ids */
	id_format(message, telling->blob + 1);
	if (reference != 0 && object_edit_either(account, OBJECT_SUBMISSION, OBJECT_SENDING, reference, edit_told, telling, &error))
		return;
	reference = error.kind == ERROR_NOT_FOUND ? find_by_message_id(account, receipt->message_id, arena) : 0;
	if (reference != 0)
		object_edit(account, OBJECT_SUBMISSION, reference, edit_told, telling, &error);
	if (error.kind != ERROR_NONE && error.kind != ERROR_NOT_FOUND)
		log_warning("submission.unnoted", log_slice("account", account_name(account)), log_text("cause", error.text));
}

/* Who has signed in may write as his envelope's sender; of strangers it was found out by the policy role. */
static struct slice author_of(const struct queue_message *message) { return message->account.len > 0 ? message->from : message->author; }

bool courier_submissions_may_be_told(const struct queue_message *message) { return message->from.len == 0 || author_of(message).len > 0; }

bool courier_submissions_tells(const struct queue_message *message, struct slice header)
{
	return message->from.len > 0 && author_of(message).len > 0 && courier_receipt_may_be(header);
}

/* What is at the front is looked at first, or every letter would be read again. */
static bool read_receipt(int fd, uint64_t size, struct buf *content)
{
	size_t wanted = size < RECEIPT_BYTES_MAX ? (size_t)size : RECEIPT_BYTES_MAX, first = wanted < RECEIPT_HEADER_MAX ? wanted : RECEIPT_HEADER_MAX;
	char *at = buf_reserve(content, wanted);
	ssize_t got = at ? pread(fd, at, first, 0) : 0;
	if (got <= 0 || !courier_receipt_may_be(slice_make(at, (size_t)got)))
		return false;
	ssize_t more = wanted > first ? pread(fd, at + first, wanted - first, (off_t)first) : 0;
	if (more < 0)
		return false;
	content->len = (size_t)got + (size_t)more;
	return true;
}

/* Who has never submitted anything has nothing to be told of. */
static bool has_submissions(struct account *account)
{
	struct error error;
	int64_t state = 0;
	return object_state(account, OBJECT_SUBMISSION, &state, &error) && state > 0;
}

void courier_submissions_tell(struct account *account, const struct queue_message *message, int64_t id)
{
	struct courier_receipt receipt;
	struct telling telling = {.receipt = &receipt, .author = message->from.len == 0 ? SLICE("") : author_of(message)};
	struct error error;
	uint64_t size;
	if (telling.author.len > 0 && !has_submissions(account))
		return;
	struct arena *arena = arena_new();
	struct buf content = BUF(RECEIPT_BYTES_MAX);
	int fd = message_open(account, id, &size, &error);
	if (fd >= 0 && read_receipt(fd, size, &content) && courier_receipt_read(buf_slice(&content), arena, &receipt))
		tell_submission(account, &telling, id, arena);
	if (fd >= 0)
		close(fd);
	buf_free(&content);
	arena_free(&arena);
}
