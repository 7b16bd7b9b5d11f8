/* Address books and cards (RFC 9610): their types, and the methods of the table in methods.c. */
#ifndef JMAP_CONTACT_H
#define JMAP_CONTACT_H

#include "contact/contact.h"
#include "jmap/mail.h"
#include "store/contact.h"

enum { JMAP_ID_BOOK = 'k', JMAP_ID_CARD = 'c' };

extern const struct jmap_type jmap_book_type, jmap_card_type;

enum net_run jmap_book_get(struct jmap_call *call);
enum net_run jmap_book_changes(struct jmap_call *call);
enum net_run jmap_book_set(struct jmap_call *call);
enum net_run jmap_card_get(struct jmap_call *call);
enum net_run jmap_card_changes(struct jmap_call *call);
enum net_run jmap_card_query(struct jmap_call *call);
enum net_run jmap_card_query_changes(struct jmap_call *call);
enum net_run jmap_card_set(struct jmap_call *call);

/** What is announced of contacts (RFC 9610 §1.4.1). */
json_t *jmap_contact_about(const struct jmap_request *request);

/* ---- what several of them need ---- */

/** A ContactCard: the card with its id and its address books. NULL: it can't be read. */
json_t *jmap_card_object(const struct contact *contact);
/** Takes the card's media in hand before it is kept: bytes that are new are in `photos`, in `arena`, and every blobId is one of ours. `before`
 * (may be NULL) is the card that it was. *changed: something is another than the client said. NULL, or a SetError. */
json_t *jmap_card_take_media(struct jmap_call *call, struct arena *arena, json_t *card, const json_t *before, struct contact_photo **photos, size_t *count, bool *changed);
/** /changes of cards, for jmap_changed_since(). */
bool jmap_card_changes_read(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
			    struct error *error);
/** Answers a /get with what of the object is asked for; takes it over. */
void jmap_contact_add(struct jmap_get *get, json_t *object);

/* contact_filter.c */

struct jmap_card_filter;
/** What a filter says; NULL: there is none. */
struct jmap_card_filter *jmap_card_filter_read(struct jmap_call *call, json_t *filter);
/** Is it a filter that ContactCard/query knows? False: answered. */
bool jmap_card_filter_check(struct jmap_call *call, json_t *filter);
/** Does the filter (NULL: none) need to see what is in cards? */
bool jmap_card_filter_reads(const struct jmap_card_filter *filter);
/** Does it match? `card` may be NULL where the filter needn't see it. `scratch` is for the call alone. */
bool jmap_card_filter_matches(const struct jmap_card_filter *filter, const struct contact *contact, const json_t *card, struct arena *scratch);

#endif
