/* ContactCard/set (RFC 9610 §3.5). */
#include "jmap/contact.h"

enum { TRIES = 5 };

/* A card on its way into the store. */
struct setting {
	struct jmap_call *call;
	struct arena *arena;   /* for it alone: photos are large */
	json_t *card;          /* without id and addressBookIds */
	struct contact_change change;
	bool media_changed;
};

/* ---- reading what is wanted ---- */

static json_t *refuse_property(const struct contact_problem *problem)
{
	return jmap_set_error("invalidProperties", problem->property[0] ? problem->property : NULL, "%s", problem->why);
}

static json_t *take_books(struct setting *setting, json_t *books)
{
	static const char name[] = "addressBookIds";
	const char *key;
	json_t *value;
	size_t count = 0;
	if (!json_is_object(books) || json_object_size(books) == 0 || json_object_size(books) > CONTACT_BOOKS_PER_CARD_MAX)
		return jmap_set_error("invalidProperties", name, "a card is in one address book, or in up to %d", CONTACT_BOOKS_PER_CARD_MAX);
	int64_t *ids = arena_array(setting->arena, json_object_size(books), sizeof *ids);
	json_object_foreach(books, key, value) {
		ids[count] = jmap_id_parse(JMAP_ID_BOOK, jmap_resolve_id(setting->call, slice_of(key)));
		if (ids[count++] == 0 || !json_is_true(value))
			return jmap_set_error("invalidProperties", name, "there is no such address book");
	}
	setting->change.books = ids;
	setting->change.book_count = jmap_ids_sort(ids, count);
	return NULL;
}

/* Checks the whole card, and makes its text. */
static json_t *take_card(struct setting *setting, const json_t *before)
{
	struct contact_problem problem;
	struct contact_photo *photos;
	json_t *books = json_incref(json_object_get(setting->card, "addressBookIds")), *refusal = take_books(setting, books);
	json_decref(books);
	json_object_del(setting->card, "id");
	json_object_del(setting->card, "addressBookIds");
	if (refusal || (refusal = jmap_card_take_media(setting->call, setting->arena, setting->card, before, &photos, &setting->change.photo_count, &setting->media_changed)))
		return refusal;
	setting->change.photos = photos;
	if (!contact_card_check(setting->card, &problem))
		return refuse_property(&problem);
	struct buf text = BUF(CONTACT_CARD_MAX + 1);
	jmap_json_write(&text, setting->card);
	setting->change.text = arena_copy(setting->arena, buf_slice(&text));
	bool fits = !text.overflow;
	buf_free(&text);
	setting->change.reference = contact_reference(jmap_slice_of(json_object_get(setting->card, "uid")));
	return fits ? NULL : jmap_set_error("tooLarge", NULL, "a card has up to %d bytes", CONTACT_CARD_MAX);
}

static json_t *refusal_of(const struct error *error)
{
	switch (error->kind) {
	case ERROR_EXISTS:
		return jmap_set_error("invalidProperties", "uid", "another card has this uid");
	case ERROR_INVALID:
		return jmap_set_error("invalidProperties", "addressBookIds", "there is no such address book");
	default:
		return jmap_set_error_of(error);
	}
}

/* ---- create ---- */

static void set_if_missing(json_t *card, json_t *made, const char *name, const char *value)
{
	if (json_object_get(card, name))
		return;
	json_object_set_new(card, name, json_string(value));
	json_object_set_new(made, name, json_string(value));
}

static json_t *create_in(struct setting *setting, json_t *made)
{
	struct error error;
	char uid[CONTACT_NEW_UID];
	json_t *refusal;
	if (json_object_get(setting->card, "id"))
		return jmap_set_error("invalidProperties", "id", "it can't be set");
	contact_new_uid(uid);
	set_if_missing(setting->card, made, "@type", "Card");
	set_if_missing(setting->card, made, "version", "1.0");
	set_if_missing(setting->card, made, "uid", uid);
	if ((refusal = take_card(setting, NULL)))
		return refusal;
	if (!contact_put(setting->call->account, &setting->change, &error))
		return refusal_of(&error);
	json_object_set_new(made, "id", jmap_id(JMAP_ID_CARD, setting->change.id));
	if (setting->media_changed)
		json_object_set(made, "media", json_object_get(setting->card, "media"));
	return NULL;
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	struct setting setting = {.call = call, .arena = arena_new(), .card = json_deep_copy(object)};
	(void)set;
	*made = json_object();
	json_t *refusal = create_in(&setting, *made);
	json_decref(setting.card);
	arena_free(&setting.arena);
	return refusal;
}

/* ---- update ---- */

/* Once; *again: somebody else has changed it meanwhile. */
static json_t *try_update(struct setting *setting, const struct contact *contact, json_t *before, json_t *patch, bool *again)
{
	struct error error;
	json_t *patched = jmap_patch(before, patch), *refusal;
	*again = false;
	if (!patched)
		return jmap_set_error("invalidPatch", NULL, NULL);
	setting->card = json_deep_copy(patched); /* a patch shares what it doesn't change */
	json_decref(patched);
	if (!json_equal(json_object_get(setting->card, "id"), json_object_get(before, "id")))
		return jmap_set_error("invalidProperties", "id", "it can't be set");
	if ((refusal = take_card(setting, before)))
		return refusal;
	setting->change.id = contact->id;
	setting->change.before = contact;
	if (contact_put(setting->call->account, &setting->change, &error))
		return NULL;
	*again = error.kind == ERROR_INTERRUPTED;
	return refusal_of(&error);
}

static json_t *update_once(struct setting *setting, int64_t id, json_t *patch, json_t **changed, bool *again)
{
	struct contact contact;
	struct error error;
	int64_t state;
	*again = false;
	if (!contact_get(setting->call->account, &id, 1, setting->arena, &contact, &state, &error))
		return jmap_set_error_of(&error);
	json_t *before = contact.id != 0 ? jmap_card_object(&contact) : NULL;
	if (!before)
		return jmap_set_error(contact.id != 0 ? "serverFail" : "notFound", NULL, NULL);
	json_t *refusal = try_update(setting, &contact, before, patch, again);
	if (!refusal && setting->media_changed)
		*changed = json_pack("{s:O}", "media", json_object_get(setting->card, "media"));
	json_decref(setting->card);
	json_decref(before);
	return refusal;
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	json_t *refusal = NULL;
	bool again = true;
	(void)set;
	for (int i = 0; i < TRIES && again; i++) {
		struct setting setting = {.call = call, .arena = arena_new()};
		json_decref(refusal);
		refusal = update_once(&setting, jmap_id_parse(JMAP_ID_CARD, id), patch, changed, &again);
		arena_free(&setting.arena);
	}
	return refusal;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	struct error error;
	(void)set;
	return contact_remove(call->account, jmap_id_parse(JMAP_ID_CARD, id), &error) ? NULL : jmap_set_error_of(&error);
}

enum net_run jmap_card_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	jmap_set_run(call, &jmap_card_type, &setter, NULL, NULL);
	return RUN_DONE;
}
