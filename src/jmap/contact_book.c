/* AddressBook/get, /changes and /set (RFC 9610 §2). */
#include <inttypes.h>

#include "jmap/contact.h"

enum { NAME_MAX_BYTES = 255, DESCRIPTION_MAX = 4096, TEXT_MAX = 32 * 1024 /* of all, as JSON */, TRIES = 5 };

json_t *jmap_contact_about(const struct jmap_request *request)
{
	(void)request;
	return json_pack("{s:i, s:b}", "maxAddressBooksPerCard", CONTACT_BOOKS_PER_CARD_MAX, "mayCreateAddressBook", 1);
}

/* ---- the type ---- */

static bool book_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	int64_t state;
	if (!object_state(account, OBJECT_ADDRESS_BOOK, &state, error))
		return false;
	snprintf(out, JMAP_STATE_MAX + 1, "%" PRId64, state);
	return true;
}

static const char *const properties[] = {"id", "name", "description", "sortOrder", "isDefault", "isSubscribed", "shareWith", "myRights", NULL};
static const char *const server_set[] = {"id", "isDefault", "myRights"};
const struct jmap_type jmap_book_type = {"AddressBook", JMAP_CONTACTS, properties, NULL, book_state};

static bool is_known(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static json_t *member_or(const json_t *object, const char *name, json_t *otherwise)
{
	json_t *value = json_object_get(object, name);
	if (!value)
		return otherwise;
	json_decref(otherwise);
	return json_incref(value);
}

static json_t *book_object(const struct object *book)
{
	json_error_t why;
	json_t *text = json_loadb(book->text.at, book->text.len, 0, &why);
	json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:n, s:{s:b, s:b, s:b, s:b}}", "id", jmap_id(JMAP_ID_BOOK, book->id), "name",
		member_or(text, "name", json_string("?")), "description", member_or(text, "description", json_null()), "sortOrder",
		member_or(text, "sortOrder", json_integer(0)), "isDefault", book->reference == 1, "isSubscribed", member_or(text, "isSubscribed", json_true()),
		"shareWith", "myRights", "mayRead", 1, "mayWrite", 1, "mayShare", 0, "mayDelete", 1);
	json_decref(text);
	return object;
}

/* ---- AddressBook/get ---- */

void jmap_contact_add(struct jmap_get *get, json_t *object)
{
	const char *name;
	json_t *value;
	void *next;
	json_object_foreach_safe(object, next, name, value)
		if (!jmap_get_wants(get, name))
			json_object_del(object, name);
	jmap_get_add(get, object);
}

static const struct object *find_book(const struct object *list, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

enum net_run jmap_book_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct object *list;
	struct error error;
	size_t count, i;
	int64_t state;
	json_t *one;
	if (!jmap_get_begin(call, &jmap_book_type, NULL, &get))
		return RUN_DONE;
	if (!object_list(call->account, OBJECT_ADDRESS_BOOK, call->arena, &list, &count, &state, &error)) {
		jmap_fail_error(call, &error);
		jmap_get_drop(&get);
		return RUN_DONE;
	}
	snprintf(get.state, sizeof get.state, "%" PRId64, state);
	for (i = 0; !get.ids && i < count; i++)
		jmap_contact_add(&get, book_object(&list[i]));
	json_array_foreach(get.ids, i, one) {
		const struct object *book = find_book(list, count, jmap_id_parse(JMAP_ID_BOOK, jmap_slice_of(one)));
		book ? jmap_contact_add(&get, book_object(book)) : jmap_get_miss(&get, jmap_slice_of(one));
	}
	jmap_get_end(call, &get);
	return RUN_DONE;
}

static bool book_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes, struct error *error)
{
	return object_changes(account, OBJECT_ADDRESS_BOOK, since, max, arena, changes, error);
}

enum net_run jmap_book_changes(struct jmap_call *call)
{
	jmap_changes_run(call, book_changes, JMAP_ID_BOOK, NULL);
	return RUN_DONE;
}

/* ---- AddressBook/set: what is wanted ---- */

/* Text of people: no control characters but those that divide lines. */
static bool is_text(struct slice text, bool lines)
{
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.at[i] < ' ' && !(lines && ascii_is_space(text.at[i]))) || text.at[i] == '\x7f')
			return false;
	return true;
}

static json_t *check_property(const char *name, const json_t *value)
{
	struct slice text = jmap_slice_of(value);
	json_int_t number = json_integer_value(value);
	bool fine = false;
	if (strcmp(name, "name") == 0)
		fine = json_is_string(value) && text.len > 0 && text.len <= NAME_MAX_BYTES && is_text(text, false);
	else if (strcmp(name, "description") == 0)
		fine = json_is_null(value) || (json_is_string(value) && text.len <= DESCRIPTION_MAX && is_text(text, true));
	else if (strcmp(name, "sortOrder") == 0)
		fine = json_is_integer(value) && number >= 0 && number <= INT32_MAX;
	else if (strcmp(name, "isSubscribed") == 0)
		fine = json_is_boolean(value);
	else if (strcmp(name, "shareWith") == 0)
		fine = json_is_null(value); /* nothing is shared */
	return fine ? NULL : jmap_set_error("invalidProperties", name, "it can't be that");
}

/* The text that the store keeps of an address book that is checked; *text in the call's arena. */
static json_t *write_text(struct jmap_call *call, json_t *book, struct slice *text)
{
	static const char *const kept[] = {"name", "description", "sortOrder", "isSubscribed"};
	json_t *object = json_object();
	struct buf out = BUF(TEXT_MAX);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (json_object_get(book, kept[i]))
			json_object_set(object, kept[i], json_object_get(book, kept[i]));
	jmap_json_write(&out, object);
	*text = arena_copy(call->arena, buf_slice(&out));
	bool fits = !out.overflow;
	buf_free(&out);
	json_decref(object);
	return fits ? NULL : jmap_set_error("tooLarge", NULL, NULL);
}

static bool read_book(struct jmap_call *call, int64_t id, struct object *book, struct error *error)
{
	return object_get(call->account, OBJECT_ADDRESS_BOOK, id, call->arena, book, error);
}

/* What the client hasn't said itself. */
static json_t *rest_of(const struct object *book, json_t *said)
{
	json_t *all = book_object(book), *value;
	const char *name;
	json_object_foreach(said, name, value)
		if (json_equal(value, json_object_get(all, name)))
			json_object_del(all, name);
	return all;
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	struct contact_book_change change = {0};
	struct object book;
	struct error error;
	const char *name;
	json_t *value, *refusal;
	(void)set;
	json_object_foreach(object, name, value)
		if ((refusal = check_property(name, value)))
			return refusal;
	if (!json_object_get(object, "name"))
		return jmap_set_error("invalidProperties", "name", "an address book has a name");
	if ((refusal = write_text(call, object, &change.text)))
		return refusal;
	if (!contact_put_book(call->account, &change, &error) || !read_book(call, change.id, &book, &error))
		return jmap_set_error_of(&error);
	*made = rest_of(&book, object);
	return NULL;
}

/* Everything that a patched address book has may be there, and what is the server's is as it was. */
static json_t *check_patched(json_t *before, json_t *after)
{
	const char *name;
	json_t *value, *refusal;
	for (size_t i = 0; i < sizeof server_set / sizeof *server_set; i++)
		if (!json_equal(json_object_get(before, server_set[i]), json_object_get(after, server_set[i])))
			return jmap_set_error("invalidProperties", server_set[i], "it can't be set");
	if (!json_object_get(after, "name"))
		return jmap_set_error("invalidProperties", "name", "an address book has a name");
	json_object_foreach(after, name, value)
		if (!is_known(server_set, sizeof server_set / sizeof *server_set, name) && (refusal = check_property(name, value)))
			return refusal;
	return NULL;
}

static json_t *apply(struct jmap_call *call, json_t *before, json_t *patch, struct slice *text)
{
	json_t *after = jmap_patch(before, patch), *refusal;
	if (!after)
		return jmap_set_error("invalidPatch", NULL, NULL);
	refusal = check_patched(before, after);
	if (!refusal)
		refusal = write_text(call, after, text);
	json_decref(after);
	return refusal;
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	struct contact_book_change change = {.id = jmap_id_parse(JMAP_ID_BOOK, id)};
	struct object book;
	struct error error;
	(void)set;
	(void)changed;
	for (int i = 0; i < TRIES; i++) {
		if (!read_book(call, change.id, &book, &error))
			return jmap_set_error_of(&error);
		json_t *before = book_object(&book), *refusal = apply(call, before, patch, &change.text);
		json_decref(before);
		if (refusal)
			return refusal;
		change.before = book.text;
		if (slice_equal(change.before, change.text) || contact_put_book(call->account, &change, &error))
			return NULL;
		if (error.kind != ERROR_INTERRUPTED)
			break;
	}
	return jmap_set_error_of(&error);
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	struct error error;
	if (contact_remove_book(call->account, jmap_id_parse(JMAP_ID_BOOK, id), *(bool *)set->context, &error))
		return NULL;
	return error.kind == ERROR_EXISTS ? jmap_set_error("addressBookHasContents", NULL, "there are cards in it") : jmap_set_error_of(&error);
}

/* ---- The default (RFC 9610 §2.3) ---- */

/* 0: there is none, or it can't be found out. */
static int64_t default_book(struct jmap_call *call)
{
	struct object book;
	return object_find(call->account, OBJECT_ADDRESS_BOOK, 1, call->arena, &book, NULL) ? book.id : 0;
}

/* Says in the response whether it is the default now. */
static void tell_default(struct jmap_set *set, int64_t id, bool is)
{
	char text[JMAP_ID_SIZE];
	const char *key;
	json_t *one;
	jmap_id_format(JMAP_ID_BOOK, id, text);
	json_object_foreach(set->created, key, one)
		if (slice_equal(jmap_slice_of(json_object_get(one, "id")), slice_of(text))) {
			json_object_set_new(one, "isDefault", json_boolean(is));
			return;
		}
	if (!json_is_object(json_object_get(set->updated, text)))
		json_object_set_new(set->updated, text, json_object());
	json_object_set_new(json_object_get(set->updated, text), "isDefault", json_boolean(is));
}

static void choose_default(struct jmap_call *call, struct jmap_set *set, struct slice wanted, int64_t before)
{
	struct object book;
	struct slice id = jmap_resolve_id(call, wanted);
	if (wanted.len > 0 && json_object_size(set->not_created) + json_object_size(set->not_updated) + json_object_size(set->not_destroyed) == 0)
		contact_choose_book(call->account, jmap_id_parse(JMAP_ID_BOOK, id), NULL); /* if it can't be, nothing is said */
	int64_t after = default_book(call);
	if (after == before)
		return;
	if (after != 0)
		tell_default(set, after, true);
	if (before != 0 && read_book(call, before, &book, NULL))
		tell_default(set, before, false);
}

enum net_run jmap_book_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	struct jmap_set set;
	struct slice wanted;
	bool contents = false;
	if (!jmap_argument_bool(call, "onDestroyRemoveContents", &contents) || !jmap_argument_text(call, "onSuccessSetIsDefault", false, &wanted) ||
	    !jmap_set_begin(call, &jmap_book_type, "onDestroyRemoveContents onSuccessSetIsDefault", &set))
		return RUN_DONE;
	int64_t before = default_book(call);
	set.context = &contents;
	jmap_set_create(call, &set, &setter);
	jmap_set_update(call, &set, &setter);
	jmap_set_destroy(call, &set, &setter);
	choose_default(call, &set, wanted, before);
	jmap_set_end(call, &set);
	return RUN_DONE;
}
