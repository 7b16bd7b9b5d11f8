/* The door to contacts (mail/contact.h). Address books are the objects OBJECT_ADDRESS_BOOK, the default one that with the reference 1, and are listed as such
 * (object.h); what has changed of books and cards is told by object_changes(). What is changed survives a power cut after store_sync(). */
#ifndef STORE_CONTACT_H
#define STORE_CONTACT_H

#include "store/mail/contact.h"
#include "store/object.h"

/** Those cards, in this order, in `list`, with what they point to in `arena`. *state as object_state() has it. */
bool contact_get(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct contact *list, int64_t *state, struct error *error);
/** Cards with ids above `after`, ascending, as many as fill about `bytes` of the arena (one at least): *more says that there are further ones. */
bool contact_list(struct account *account, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, int64_t *state,
		  struct error *error);
/** Changes a card, or makes one. ERROR_NOT_FOUND: there is no such card; ERROR_INVALID: no such address book; ERROR_EXISTS: another card has the reference;
 * ERROR_LIMIT: there is no room for it; ERROR_INTERRUPTED: it isn't what it was. */
bool contact_put(struct account *account, struct contact_change *change, struct error *error);
bool contact_remove(struct account *account, int64_t id, struct error *error);
/** A photo of any card, in `arena`. ERROR_NOT_FOUND. */
bool contact_find_photo(struct account *account, struct slice hash, struct arena *arena, struct contact_photo *photo, struct error *error);

/** Changes an address book, or makes one. The first one becomes the default. ERROR_NOT_FOUND, ERROR_LIMIT, ERROR_INTERRUPTED: it isn't what it was. */
bool contact_put_book(struct account *account, struct contact_book_change *change, struct error *error);
/** Removes an address book: with `contents`, its cards leave it, and those that are in no other go. If it was the default, the oldest of the others
 * becomes it. ERROR_NOT_FOUND; ERROR_EXISTS: there are cards in it. */
bool contact_remove_book(struct account *account, int64_t id, bool contents, struct error *error);
/** Makes it the default. ERROR_NOT_FOUND. */
bool contact_choose_book(struct account *account, int64_t id, struct error *error);

#endif
