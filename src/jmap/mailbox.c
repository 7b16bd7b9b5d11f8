/* Mailbox/get and Mailbox/changes (RFC 8621 §2.1, §2.2). */
#include "jmap/mailbox.h"

static bool mailbox_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct account_states states;
	if (!account_get_states(account, &states, error))
		return false;
	jmap_state_write(&states, STATE_OF_MAILBOXES, out);
	return true;
}

static const char *const properties[] = {
	"id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights", "isSubscribed", NULL,
};
const struct jmap_type jmap_mailbox_type = {"Mailbox", JMAP_MAIL, properties, NULL, mailbox_state};

static const char *const roles[] = {
	[USE_NONE] = NULL, [USE_DRAFTS] = "drafts", [USE_SENT] = "sent", [USE_JUNK] = "junk", [USE_TRASH] = "trash", [USE_ARCHIVE] = "archive", [USE_ALL] = "all",
	[USE_FLAGGED] = "flagged", [USE_SNOOZED] = "snoozed",
};

bool jmap_mailbox_is_inbox(const struct mailbox *mailbox) { return slice_equal(mailbox->name, SLICE("INBOX")); }

const char *jmap_mailbox_role(const struct mailbox *mailbox) { return jmap_mailbox_is_inbox(mailbox) ? "inbox" : roles[mailbox->use]; }

bool jmap_mailbox_use(struct slice role, enum special_use *use)
{
	for (size_t i = USE_NONE + 1; i < sizeof roles / sizeof *roles; i++)
		if (slice_equal(role, slice_of(roles[i]))) {
			*use = i;
			return true;
		}
	return false;
}

struct slice jmap_mailbox_name(const struct mailbox *mailbox)
{
	size_t above = slice_find_last_char(mailbox->name, '/');
	if (jmap_mailbox_is_inbox(mailbox))
		return SLICE("Inbox");
	return above == SLICE_NONE ? mailbox->name : slice_skip(mailbox->name, above + 1);
}

/* A person has all rights in his mailboxes; the inbox stays, and what is only a name (\Noselect) holds nothing. */
static json_t *rights_of(const struct mailbox *mailbox)
{
	int own = !jmap_mailbox_is_inbox(mailbox), holds = mailbox->selectable;
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "mayReadItems", 1, "mayAddItems", holds, "mayRemoveItems", holds, "maySetSeen", holds,
			 "maySetKeywords", holds, "mayCreateChild", 1, "mayRename", own, "mayDelete", own, "maySubmit", holds);
}

json_t *jmap_mailbox_object(const struct mailbox *mailbox)
{
	const char *role = jmap_mailbox_role(mailbox);
	return json_pack("{s:o, s:o, s:o, s:s?, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "id", jmap_id(JMAP_ID_MAILBOX, mailbox->id), "name", jmap_text(jmap_mailbox_name(mailbox)),
			 "parentId", mailbox->parent != 0 ? jmap_id(JMAP_ID_MAILBOX, mailbox->parent) : json_null(), "role", role, "sortOrder",
			 (json_int_t)mailbox->sort_order, "totalEmails", (json_int_t)mailbox->emails, "unreadEmails", (json_int_t)mailbox->unread_emails, "totalThreads",
			 (json_int_t)mailbox->threads, "unreadThreads", (json_int_t)mailbox->unread_threads, "myRights", rights_of(mailbox), "isSubscribed", mailbox->subscribed);
}

bool jmap_mailboxes_read(struct jmap_call *call, struct jmap_mailboxes *all, struct error *error)
{
	return mailbox_list(call->account, call->arena, &all->at, &all->count, error);
}

struct mailbox *jmap_mailboxes_find(const struct jmap_mailboxes *all, int64_t id)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].id == id)
			return &all->at[i];
	return NULL;
}

static json_t *wanted_of(const struct jmap_get *get, json_t *object)
{
	for (size_t i = 0; properties[i]; i++)
		if (!jmap_get_wants(get, properties[i]))
			json_object_del(object, properties[i]);
	return object;
}

enum net_run jmap_mailbox_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct jmap_mailboxes all;
	struct error error;
	if (!jmap_get_begin(call, &jmap_mailbox_type, NULL, &get))
		return RUN_DONE;
	if (!jmap_mailboxes_read(call, &all, &error)) {
		jmap_fail_error(call, &error);
		jmap_get_drop(&get);
		return RUN_DONE;
	}
	for (size_t i = 0; !get.ids && i < all.count; i++)
		jmap_get_add(&get, wanted_of(&get, jmap_mailbox_object(&all.at[i])));
	for (size_t i = 0; i < json_array_size(get.ids); i++) {
		struct slice id = jmap_slice_of(json_array_get(get.ids, i));
		struct mailbox *mailbox = jmap_mailboxes_find(&all, jmap_id_parse(JMAP_ID_MAILBOX, id));
		if (mailbox)
			jmap_get_add(&get, wanted_of(&get, jmap_mailbox_object(mailbox)));
		else
			jmap_get_miss(&get, id);
	}
	jmap_get_end(call, &get);
	return RUN_DONE;
}

static json_t *say_properties(const struct changes *changes)
{
	bool counts = changes->counts_only && changes->updated_count > 0 && changes->created_count + changes->destroyed_count == 0;
	return json_pack("{s:o}", "updatedProperties", counts ? json_pack("[s, s, s, s]", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads") : json_null());
}

enum net_run jmap_mailbox_changes(struct jmap_call *call)
{
	jmap_changes_run(call, mailbox_changes, JMAP_ID_MAILBOX, say_properties);
	return RUN_DONE;
}
