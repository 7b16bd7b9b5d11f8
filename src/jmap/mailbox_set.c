/* Mailbox/set (RFC 8621 §2.5). */
#include "base/random.h"
#include "jmap/mailbox.h"
#include "message/text.h"

/* What one /set has beside its call. */
struct setting {
	bool with_emails; /* onDestroyRemoveEmails */
	struct aside { int64_t id; struct slice name, meanwhile; } *asides; /* mailboxes whose name was taken by another of this /set: names may be exchanged (RFC 8620 §5.3) */
	size_t aside_count, aside_room;
};

enum { SORT_ORDER_MAX = INT32_MAX };

static const char *const server_set[] = {"id", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights"};

/* ---- reading what is wanted ---- */

/* Net-Unicode (RFC 5198) of one level: no control characters, no '/', which divides levels in IMAP. */
static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		bool c1 = (unsigned char)name.at[i] == 0xc2 && i + 1 < name.len && (unsigned char)name.at[i + 1] < 0xa0;
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f || name.at[i] == '/' || c1)
			return false;
	}
	return name.len > 0 && name.len <= JMAP_MAILBOX_LEVEL_MAX && slice_is_utf8(name) && !slice_equal(name, SLICE(".")) && !slice_equal(name, SLICE(".."));
}

static json_t *take_name(struct arena *arena, const json_t *value, struct mailbox_change *change)
{
	change->set_name = true;
	if (!json_is_string(value) || !is_name(jmap_slice_of(value)))
		return jmap_set_error("invalidProperties", "name", "no mailbox can have that name");
	change->name = text_normal(jmap_slice_of(value), arena);
	return NULL;
}

/* How many levels there are above and with it. */
static size_t depth_of(const struct jmap_mailboxes *all, const struct mailbox *mailbox)
{
	size_t depth = 0;
	for (; mailbox && depth <= all->count; mailbox = jmap_mailboxes_find(all, mailbox->parent))
		depth++;
	return depth;
}

/* `self`: the mailbox that is changed, or 0: it can't be below itself. */
static json_t *take_parent(struct jmap_call *call, const struct jmap_mailboxes *all, const json_t *value, int64_t self, struct mailbox_change *change)
{
	change->set_parent = true;
	change->parent = 0;
	if (!value || json_is_null(value))
		return NULL;
	change->parent = json_is_string(value) ? jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, jmap_slice_of(value))) : 0;
	const struct mailbox *parent = change->parent != 0 ? jmap_mailboxes_find(all, change->parent) : NULL;
	if (!parent)
		return jmap_set_error("invalidProperties", "parentId", "there is no such mailbox");
	if (depth_of(all, parent) >= MAILBOX_DEPTH_MAX)
		return jmap_set_error("invalidProperties", "parentId", "mailboxes are at most %d levels deep", MAILBOX_DEPTH_MAX);
	for (size_t i = 0; self != 0 && parent && i <= all->count; parent = jmap_mailboxes_find(all, parent->parent), i++)
		if (parent->id == self)
			return jmap_set_error("invalidProperties", "parentId", "a mailbox can't be below itself");
	return NULL;
}

static json_t *take_role(const struct jmap_mailboxes *all, const json_t *value, int64_t self, struct mailbox_change *change)
{
	change->set_use = true;
	change->use = USE_NONE;
	if (!value || json_is_null(value))
		return NULL;
	if (!jmap_mailbox_use(jmap_slice_of(value), &change->use))
		return jmap_set_error("invalidProperties", "role", "that role can't be given");
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].use == change->use && all->at[i].id != self)
			return jmap_set_error("invalidProperties", "role", "another mailbox has that role");
	return NULL;
}

static json_t *take_order(const json_t *value, struct mailbox_change *change)
{
	json_int_t order = json_integer_value(value);
	change->set_sort_order = true;
	change->sort_order = (uint32_t)order;
	if (value && (!json_is_integer(value) || order < 0 || order > SORT_ORDER_MAX))
		return jmap_set_error("invalidProperties", "sortOrder", "it is a number below 2^31");
	return NULL;
}

static json_t *take_subscribed(const json_t *value, struct mailbox_change *change)
{
	change->set_subscribed = true;
	change->subscribed = !value || json_is_null(value) || json_is_true(value);
	return !value || json_is_null(value) || json_is_boolean(value) ? NULL : jmap_set_error("invalidProperties", "isSubscribed", NULL);
}

static bool is_server_set(const char *name)
{
	for (size_t i = 0; i < sizeof server_set / sizeof *server_set; i++)
		if (strcmp(name, server_set[i]) == 0)
			return true;
	return false;
}

static json_t *take_property(struct jmap_call *call, const struct jmap_mailboxes *all, const char *name, const json_t *value, int64_t self, struct mailbox_change *change)
{
	if (strcmp(name, "name") == 0)
		return take_name(call->arena, value, change);
	if (strcmp(name, "parentId") == 0)
		return take_parent(call, all, value, self, change);
	if (strcmp(name, "role") == 0)
		return take_role(all, value, self, change);
	if (strcmp(name, "sortOrder") == 0)
		return take_order(value, change);
	if (strcmp(name, "isSubscribed") == 0)
		return take_subscribed(value, change);
	return jmap_set_error("invalidProperties", name, "it can't be set");
}

static json_t *refusal_of(const struct error *error)
{
	switch (error->kind) {
	case ERROR_EXISTS:
		return jmap_set_error("invalidProperties", "name", "there is a mailbox of that name");
	case ERROR_INVALID:
		return jmap_set_error("invalidProperties", "name parentId", "no mailbox can be there");
	default:
		return jmap_set_error_of(error);
	}
}

/* ---- create ---- */

/* What the client hasn't said itself. */
static json_t *rest_of(const struct mailbox *mailbox, const json_t *object)
{
	json_t *all = jmap_mailbox_object(mailbox), *value;
	const char *name;
	json_object_foreach((json_t *)object, name, value)
		if (json_equal(value, json_object_get(all, name)))
			json_object_del(all, name);
	return all;
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	struct mailbox_change change = {.set_subscribed = true, .subscribed = true};
	struct jmap_mailboxes all;
	struct mailbox mailbox;
	struct error error;
	const char *name;
	json_t *value, *refusal;
	int64_t id;
	(void)set;
	if (!jmap_mailboxes_read(call, &all, &error))
		return jmap_set_error_of(&error);
	json_object_foreach(object, name, value)
		if ((refusal = take_property(call, &all, name, value, 0, &change)))
			return refusal;
	if (!change.set_name)
		return jmap_set_error("invalidProperties", "name", "a mailbox has a name");
	if (!mailbox_make(call->account, &change, &id, &error))
		return refusal_of(&error);
	if (!mailbox_get(call->account, id, call->arena, &mailbox, &error))
		return jmap_set_error_of(&error);
	*made = rest_of(&mailbox, object);
	return NULL;
}

/* ---- update ---- */

/* Only what differs, so that nothing is said to have changed that hasn't. */
static json_t *read_update(struct jmap_call *call, const struct jmap_mailboxes *all, const struct mailbox *mailbox, json_t *before, json_t *after, struct mailbox_change *change)
{
	static const char *const settable[] = {"name", "parentId", "role", "sortOrder", "isSubscribed"};
	const char *name;
	json_t *value, *refusal;
	json_object_foreach(after, name, value)
		if (!json_object_get(before, name) || (is_server_set(name) && !json_equal(value, json_object_get(before, name))))
			return jmap_set_error("invalidProperties", name, "it can't be set");
	for (size_t i = 0; i < sizeof server_set / sizeof *server_set; i++)
		if (!json_object_get(after, server_set[i]))
			return jmap_set_error("invalidProperties", server_set[i], "it can't be set");
	for (size_t i = 0; i < sizeof settable / sizeof *settable; i++) {
		json_t *old = json_object_get(before, settable[i]), *new = json_object_get(after, settable[i]);
		if (json_equal(old, new ? new : json_null()))
			continue;
		if (jmap_mailbox_is_inbox(mailbox) && i < 3)
			return jmap_set_error(i == 2 ? "invalidProperties" : "forbidden", i == 2 ? "role" : NULL, "the inbox stays what and where it is");
		if ((refusal = take_property(call, all, settable[i], new, mailbox->id, change)))
			return refusal;
	}
	return NULL;
}

/* The mailbox that has the name which another is to get. */
static const struct mailbox *occupant(const struct jmap_mailboxes *all, const struct mailbox *mailbox, const struct mailbox_change *change)
{
	struct slice name = change->set_name ? change->name : jmap_mailbox_name(mailbox);
	int64_t parent = change->set_parent ? change->parent : mailbox->parent;
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].parent == parent && all->at[i].id != mailbox->id && slice_equal(jmap_mailbox_name(&all->at[i]), name))
			return &all->at[i];
	return NULL;
}

/* Will the mailbox itself get another name or place in this /set, or go? */
static bool is_leaving(struct jmap_call *call, const struct jmap_set *set, const struct mailbox *mailbox)
{
	const char *key;
	json_t *patch, *one;
	size_t i;
	json_array_foreach(set->destroy, i, one)
		if (jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, jmap_slice_of(one))) == mailbox->id)
			return true;
	json_object_foreach(set->update, key, patch)
		if (jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, slice_of(key))) == mailbox->id)
			return json_object_get(patch, "name") || json_object_get(patch, "parentId");
	return false;
}

/* Gives way, under a name that nobody has, until its own turn comes. */
static bool step_aside(struct jmap_call *call, struct setting *setting, const struct mailbox *mailbox, struct error *error)
{
	struct slice name = arena_printf(call->arena, "%016llx", (unsigned long long)random_u64());
	struct mailbox_change change = {.set_name = true, .name = name};
	ARENA_GROW(call->arena, setting->asides, setting->aside_count, setting->aside_room);
	setting->asides[setting->aside_count++] = (struct aside){mailbox->id, arena_copy(call->arena, jmap_mailbox_name(mailbox)), name};
	return mailbox_alter(call->account, mailbox->id, &change, error);
}

static const struct aside *find_aside(const struct setting *setting, int64_t id)
{
	for (size_t i = 0; i < setting->aside_count; i++)
		if (setting->asides[i].id == id)
			return &setting->asides[i];
	return NULL;
}

static bool alter(struct jmap_call *call, struct jmap_set *set, const struct jmap_mailboxes *all, const struct mailbox *mailbox, const struct mailbox_change *change,
		  struct error *error)
{
	if (mailbox_alter(call->account, mailbox->id, change, error))
		return true;
	const struct mailbox *other = error->kind == ERROR_EXISTS ? occupant(all, mailbox, change) : NULL;
	if (!other || jmap_mailbox_is_inbox(other) || !is_leaving(call, set, other))
		return false;
	return step_aside(call, set->context, other, error) && mailbox_alter(call->account, mailbox->id, change, error);
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	struct mailbox_change change = {0};
	struct jmap_mailboxes all;
	struct error error;
	if (!jmap_mailboxes_read(call, &all, &error))
		return jmap_set_error_of(&error);
	const struct mailbox *mailbox = jmap_mailboxes_find(&all, jmap_id_parse(JMAP_ID_MAILBOX, id));
	if (!mailbox)
		return jmap_set_error("notFound", NULL, NULL);
	const struct aside *aside = find_aside(set->context, mailbox->id);
	json_t *before = jmap_mailbox_object(mailbox), *meant = json_copy(before);
	if (aside)
		json_object_set_new(meant, "name", jmap_text(aside->name));
	json_t *after = jmap_patch(meant, patch);
	json_t *refusal = after ? read_update(call, &all, mailbox, before, after, &change) : jmap_set_error("invalidPatch", NULL, NULL);
	if (!refusal && !alter(call, set, &all, mailbox, &change, &error))
		refusal = refusal_of(&error);
	if (!refusal && change.set_name && !slice_equal(change.name, jmap_slice_of(json_object_get(after, "name"))))
		*changed = json_pack("{s:o}", "name", jmap_text(change.name)); /* in its normal form */
	json_decref(before);
	json_decref(meant);
	json_decref(after);
	return refusal;
}

/* ---- destroy ---- */

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	const struct setting *setting = set->context;
	struct jmap_mailboxes all;
	struct error error;
	if (!jmap_mailboxes_read(call, &all, &error))
		return jmap_set_error_of(&error);
	const struct mailbox *mailbox = jmap_mailboxes_find(&all, jmap_id_parse(JMAP_ID_MAILBOX, id));
	if (!mailbox)
		return jmap_set_error("notFound", NULL, NULL);
	for (size_t i = 0; i < all.count; i++)
		if (all.at[i].parent == mailbox->id)
			return jmap_set_error("mailboxHasChild", NULL, NULL);
	if (jmap_mailbox_is_inbox(mailbox))
		return jmap_set_error("forbidden", NULL, "the inbox stays");
	if (mailbox_remove(call->account, mailbox->id, setting->with_emails, &error))
		return NULL;
	return error.kind == ERROR_EXISTS ? jmap_set_error("mailboxHasEmail", NULL, NULL) : jmap_set_error_of(&error);
}

/* Those below others first: they are gone then when the others' turn comes. */
static json_t *deepest_first(struct jmap_call *call, const json_t *ids)
{
	struct jmap_mailboxes all = {0};
	struct error error;
	json_t *sorted = json_array();
	if (!jmap_mailboxes_read(call, &all, &error))
		return sorted;
	for (size_t depth = MAILBOX_DEPTH_MAX + 1; depth-- > 0;)
		for (size_t i = 0; i < json_array_size(ids); i++) {
			json_t *id = json_array_get(ids, i);
			size_t own = depth_of(&all, jmap_mailboxes_find(&all, jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, jmap_slice_of(id)))));
			if ((own < MAILBOX_DEPTH_MAX ? own : MAILBOX_DEPTH_MAX) == depth)
				json_array_append(sorted, id);
		}
	return sorted;
}

/* Who gave way and didn't get another name after all has his own again, if nobody has it. */
static void return_asides(struct jmap_call *call, const struct setting *setting)
{
	struct error error;
	for (size_t i = 0; i < setting->aside_count; i++) {
		struct mailbox mailbox;
		struct mailbox_change change = {.set_name = true, .name = setting->asides[i].name};
		if (mailbox_get(call->account, setting->asides[i].id, call->arena, &mailbox, &error) && slice_equal(jmap_mailbox_name(&mailbox), setting->asides[i].meanwhile))
			mailbox_alter(call->account, mailbox.id, &change, &error);
	}
}

enum net_run jmap_mailbox_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	struct setting setting = {0};
	struct jmap_set set;
	if (!jmap_set_begin(call, &jmap_mailbox_type, "onDestroyRemoveEmails", &set))
		return RUN_DONE;
	if (!jmap_argument_bool(call, "onDestroyRemoveEmails", &setting.with_emails)) {
		jmap_set_drop(&set);
		return RUN_DONE;
	}
	set.context = &setting;
	jmap_set_create(call, &set, &setter);
	jmap_set_update(call, &set, &setter);
	json_t *sorted = set.destroy ? deepest_first(call, set.destroy) : NULL;
	set.destroy = sorted;
	jmap_set_destroy(call, &set, &setter);
	return_asides(call, &setting);
	jmap_set_end(call, &set);
	json_decref(sorted);
	return RUN_DONE;
}
