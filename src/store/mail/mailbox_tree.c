/* Mailboxes by their ids, each below another (RFC 8621 §2.5). Where one is is said by its name, which holds the names of those above; so
 * here names are put together from what JMAP says of them. */
#include "store/mail/internal.h"

static bool read_name(struct db *db, int64_t id, struct arena *arena, struct slice *name, struct error *error)
{
	struct mailbox mailbox;
	if (!mail_get_mailbox(db, id, arena, &mailbox, error))
		return false;
	*name = mailbox.name;
	return true;
}

static struct slice leaf_of(struct slice name)
{
	size_t end = slice_find_last_char(name, '/');
	return end == SLICE_NONE ? name : slice_skip(name, end + 1);
}

/* The name that a mailbox called `leaf` has below `parent`. */
static bool name_below(struct db *db, int64_t parent, struct slice leaf, struct arena *arena, struct mailbox_name *name, struct error *error)
{
	struct slice above;
	if (slice_find_char(leaf, '/') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "not a mailbox name: there is a \"/\" in it");
	if (parent == 0)
		return mailbox_name_check(leaf, name, error);
	return read_name(db, parent, arena, &above, error) &&
	       mailbox_name_check(arena_printf(arena, "%.*s/%.*s", SLICE_ARG(above), SLICE_ARG(leaf)), name, error);
}

static bool set_sort_order(struct change *change, int64_t id, uint32_t order, struct error *error)
{
	change->mailboxes = true;
	return db_run(PREPARE(change->db, "UPDATE mailbox SET sort_order = $2, noted = $3 WHERE id = $1", id, order, change_modseq(change)), error);
}

/* ---- Making ---- */

static bool make_named(struct change *change, struct slice name, const struct mailbox_change *asked, int64_t *id, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox there;
	struct error cause = {0};
	bool exists = mail_find_mailbox(change->db, name, arena, &there, &cause); /* also one that is only a name */
	arena_free(&arena);
	if (exists || cause.kind != ERROR_NOT_FOUND)
		return exists ? error_set(error, ERROR_EXISTS, "a mailbox has that name") : error_set(error, cause.kind, "%s", cause.text);
	return mail_create_mailbox(change, name, asked->set_use ? asked->use : USE_NONE, id, error) &&
	       (!asked->set_sort_order || set_sort_order(change, *id, asked->sort_order, error)) &&
	       ((asked->set_subscribed && !asked->subscribed) || mail_subscribe(change, name, true, error));
}

bool mail_make_mailbox(struct change *change, const struct mailbox_change *asked, int64_t *id, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox_name name;
	bool done = name_below(change->db, asked->set_parent ? asked->parent : 0, asked->name, arena, &name, error) &&
		    make_named(change, mailbox_name_slice(&name), asked, id, error);
	arena_free(&arena);
	return done;
}

/* ---- Altering ---- */

/* Whoever is subscribed to it, and to those below, stays so. */
static bool move_subscriptions(struct change *change, struct slice from, struct slice to, struct arena *arena, struct error *error)
{
	struct slice *names;
	size_t count;
	bool done = mail_list_subscriptions_in(change->db, arena, &names, &count, error);
	for (size_t i = 0; done && i < count; i++) {
		struct slice name = names[i];
		if (!slice_starts(name, from) || (name.len > from.len && name.at[from.len] != '/'))
			continue;
		done = mail_subscribe(change, name, false, error) &&
		       mail_subscribe(change, arena_printf(arena, "%.*s%.*s", SLICE_ARG(to), SLICE_ARG(slice_skip(name, from.len))), true, error);
	}
	return done;
}

static bool move_mailbox(struct change *change, struct slice from, struct slice to, struct arena *arena, struct error *error)
{
	if (slice_equal(from, to))
		return true;
	if (slice_equal(from, SLICE("INBOX")))
		return error_set(error, ERROR_DENIED, "INBOX keeps its name and its place");
	return mail_rename_mailbox(change, from, to, error) && move_subscriptions(change, from, to, arena, error);
}

static bool alter_named(struct change *change, const struct mailbox *mailbox, const struct mailbox_change *asked, struct arena *arena, struct error *error)
{
	struct mailbox_name name;
	struct slice leaf = asked->set_name ? asked->name : leaf_of(mailbox->name);
	if (!name_below(change->db, asked->set_parent ? asked->parent : mailbox->parent, leaf, arena, &name, error) ||
	    !move_mailbox(change, mailbox->name, mailbox_name_slice(&name), arena, error))
		return false;
	return (!asked->set_use || asked->use == mailbox->use || mail_give_use(change, mailbox->id, asked->use, error)) &&
	       (!asked->set_sort_order || asked->sort_order == mailbox->sort_order || set_sort_order(change, mailbox->id, asked->sort_order, error)) &&
	       (!asked->set_subscribed || mail_subscribe(change, mailbox_name_slice(&name), asked->subscribed, error));
}

bool mail_alter_mailbox(struct change *change, int64_t id, const struct mailbox_change *asked, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox mailbox;
	bool done = mail_get_mailbox(change->db, id, arena, &mailbox, error) && alter_named(change, &mailbox, asked, arena, error);
	arena_free(&arena);
	return done;
}

/* ---- Removing ---- */

static bool remove_named(struct change *change, const struct mailbox *mailbox, bool with_emails, struct error *error)
{
	bool children;
	if (!mail_has_children(change->db, mailbox->name, &children, error))
		return false;
	if (children)
		return error_set(error, ERROR_DENIED, "there are mailboxes below it");
	if (mailbox->emails > 0 && !with_emails)
		return error_set(error, ERROR_EXISTS, "there are emails in it");
	return mail_delete_mailbox(change, mailbox->name, error) && mail_subscribe(change, mailbox->name, false, error);
}

bool mail_remove_mailbox(struct change *change, int64_t id, bool with_emails, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox mailbox;
	bool done = mail_get_mailbox(change->db, id, arena, &mailbox, error) && remove_named(change, &mailbox, with_emails, error);
	arena_free(&arena);
	return done;
}
