/* Address books and cards, as the store knows them: texts of their owner's making (objects, see object.h), with which cards are in which books, and the
 * photos of cards, which are kept beside them. */
#ifndef STORE_MAIL_CONTACT_H
#define STORE_MAIL_CONTACT_H

#include "store/mail/object.h"

enum {
	CONTACTS_MAX = 20000,            /* cards of an account */
	CONTACT_BOOKS_MAX = 200,         /* address books of an account */
	CONTACT_BOOKS_PER_CARD_MAX = 100,
	CONTACT_PHOTOS_PER_CARD_MAX = 16,
	CONTACT_DEFAULT_BOOK = 1,        /* the id of the one that every account begins with */
};
#define CONTACT_BYTES_MAX (512LL * 1024 * 1024) /* of all cards and photos of an account */

/** A card. */
struct contact {
	int64_t id;             /* 0: there is none */
	struct slice text;
	const int64_t *books;   /* ascending; at least one */
	size_t book_count;
};

/** Bytes that belong to a card. */
struct contact_photo {
	struct slice hash;      /* by which they are found, of their owner's making */
	struct slice type;
	struct slice bytes;     /* at NULL: the card has it already */
};

/** What is to become of a card, or what a new one is to be. */
struct contact_change {
	int64_t id;             /* 0: it is new; set then */
	const struct contact *before; /* what it was when who changes it looked; NULL: whatever it was */
	struct slice text;
	int64_t reference;      /* of its uid: no other card has the same */
	const int64_t *books;   /* at least one, none twice */
	size_t book_count;
	const struct contact_photo *photos; /* all that it is to have */
	size_t photo_count;
};

/** What is to become of an address book, or what a new one is to be. */
struct contact_book_change {
	int64_t id;             /* 0: it is new; set then */
	struct slice before;    /* its text when who changes it looked */
	struct slice text;
};

#endif
