/* ContactCard/get and /changes (RFC 9610 §3). */
#include <inttypes.h>

#include "jmap/contact.h"

enum { AT_A_TIME = 32, PIECE_BYTES = 1024 * 1024, COST = 4 /* bytes that a value takes for one of its text, about */ };

static bool card_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	int64_t state;
	if (!object_state(account, OBJECT_CARD, &state, error))
		return false;
	snprintf(out, JMAP_STATE_MAX + 1, "%" PRId64, state);
	return true;
}

const struct jmap_type jmap_card_type = {"ContactCard", JMAP_CONTACTS, contact_card_properties, contact_is_property, card_state};

json_t *jmap_card_object(const struct contact *contact)
{
	json_error_t why;
	json_t *card = json_loadb(contact->text.at, contact->text.len, 0, &why), *books = json_object();
	for (size_t i = 0; i < contact->book_count; i++) {
		char id[JMAP_ID_SIZE];
		jmap_id_format(JMAP_ID_BOOK, contact->books[i], id);
		json_object_set_new(books, id, json_true());
	}
	if (!json_is_object(card)) {
		json_decref(card);
		json_decref(books);
		return NULL;
	}
	json_object_set_new(card, "id", jmap_id(JMAP_ID_CARD, contact->id));
	json_object_set_new(card, "addressBookIds", books);
	return card;
}

/* ---- ContactCard/get ---- */

static bool add_card(struct jmap_call *call, struct jmap_get *get, const struct contact *contact)
{
	if (!jmap_spend(call, COST * contact->text.len))
		return false;
	json_t *card = jmap_card_object(contact);
	if (!card)
		return jmap_fail(call, "serverFail", "a card is damaged");
	jmap_contact_add(get, card);
	return true;
}

static bool add_some(struct jmap_call *call, struct jmap_get *get, size_t first, size_t count, struct arena *arena)
{
	int64_t ids[AT_A_TIME] = {0}, state;
	struct contact list[AT_A_TIME];
	struct error error;
	for (size_t i = 0; i < count; i++)
		ids[i] = jmap_id_parse(JMAP_ID_CARD, jmap_slice_of(json_array_get(get->ids, first + i)));
	if (!contact_get(call->account, ids, count, arena, list, &state, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < count; i++) {
		if (list[i].id == 0)
			jmap_get_miss(get, jmap_slice_of(json_array_get(get->ids, first + i)));
		else if (!add_card(call, get, &list[i]))
			return false;
	}
	return true;
}

static bool add_named(struct jmap_call *call, struct jmap_get *get, struct arena *arena)
{
	size_t all = json_array_size(get->ids);
	for (size_t first = 0; first < all; first += AT_A_TIME) {
		arena_reset(arena);
		if (!add_some(call, get, first, all - first < AT_A_TIME ? all - first : AT_A_TIME, arena))
			return false;
	}
	return true;
}

static bool add_all(struct jmap_call *call, struct jmap_get *get, struct arena *arena)
{
	struct contact *list;
	struct error error;
	size_t count, told = 0;
	int64_t after = 0, state;
	for (bool more = true; more;) {
		arena_reset(arena);
		if (!contact_list(call->account, after, PIECE_BYTES, arena, &list, &count, &more, &state, &error))
			return jmap_fail_error(call, &error);
		if ((told += count) > JMAP_GET_MAX)
			return jmap_fail(call, "requestTooLarge", "at most %d objects at a time", JMAP_GET_MAX);
		for (size_t i = 0; i < count; i++)
			if (!add_card(call, get, &list[i]))
				return false;
		after = count > 0 ? list[count - 1].id : after;
	}
	return true;
}

enum net_run jmap_card_get(struct jmap_call *call)
{
	struct jmap_get get;
	if (!jmap_get_begin(call, &jmap_card_type, NULL, &get))
		return RUN_DONE;
	struct arena *arena = arena_new();
	bool done = get.ids ? add_named(call, &get, arena) : add_all(call, &get, arena);
	arena_free(&arena);
	done ? jmap_get_end(call, &get) : jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- ContactCard/changes ---- */

bool jmap_card_changes_read(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
			    struct error *error)
{
	return object_changes(account, OBJECT_CARD, since, max, arena, changes, error);
}

enum net_run jmap_card_changes(struct jmap_call *call)
{
	jmap_changes_run(call, jmap_card_changes_read, JMAP_ID_CARD, NULL);
	return RUN_DONE;
}
