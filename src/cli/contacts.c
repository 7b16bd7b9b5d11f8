/* pombal contacts import, export: cards of a file of vCards, and back. A card that is there already, by its uid, is put in the other's place. */
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/opened.h"
#include "contact/contact.h"
#include "store/contact.h"

enum { PIECE_BYTES = 1024 * 1024 };

struct importing {
	struct cli_opened *opened;
	struct arena *arena;   /* for one card */
	int64_t book;          /* where new ones go */
	uint64_t made, replaced, refused;
};

/* ---- Importing ---- */

/* The card that has this uid, and the address books that it is in. False: there is none. */
static bool find_same(struct importing *importing, int64_t reference, struct contact *same)
{
	struct object object;
	int64_t state;
	return object_find(importing->opened->account, OBJECT_CARD, reference, importing->arena, &object, NULL) &&
	       contact_get(importing->opened->account, &object.id, 1, importing->arena, same, &state, NULL) && same->id != 0;
}

static bool keep(struct importing *importing, struct slice text, struct slice uid, const struct contact_medium *media, size_t count, struct error *error)
{
	struct contact same;
	struct contact_photo photos[CONTACT_MEDIA_COUNT_MAX];
	struct contact_change change = {.text = text, .reference = contact_reference(uid), .books = &importing->book, .book_count = 1, .photos = photos,
		.photo_count = count};
	for (size_t i = 0; i < count; i++)
		photos[i] = (struct contact_photo){slice_of(media[i].hash), media[i].type, media[i].bytes};
	bool there = find_same(importing, change.reference, &same);
	if (there) {
		change.id = same.id;
		change.books = same.books;
		change.book_count = same.book_count;
	}
	if (!contact_put(importing->opened->account, &change, error))
		return false;
	there ? importing->replaced++ : importing->made++;
	return true;
}

static void refuse(struct importing *importing, const struct contact_problem *problem)
{
	importing->refused++;
	command_remark(importing->opened->line, arena_printf(importing->arena, "card %llu isn't taken: %s%s%s",
		(unsigned long long)(importing->made + importing->replaced + importing->refused), problem->property, problem->property[0] ? ": " : "", problem->why).at);
}

/* Takes the card over. False: no further one can be kept. */
static bool import_card(struct importing *importing, json_t *card, struct error *error)
{
	struct contact_problem problem;
	struct contact_medium *media;
	size_t count;
	bool done = true;
	contact_media_take(card, true, importing->arena, &media, &count, &problem);
	if (!contact_card_check(card, &problem))
		refuse(importing, &problem);
	else {
		char *text = json_dumps(card, JSON_COMPACT);
		done = keep(importing, slice_of(text), slice_of(json_string_value(json_object_get(card, "uid"))), media, count, error);
		free(text);
	}
	json_decref(card);
	return done;
}

static bool import_all(struct importing *importing, struct slice text, struct error *error)
{
	struct contact_reader reader;
	struct contact_problem problem;
	json_t *card;
	bool done = true;
	contact_reader_open(&reader, text);
	while (done && contact_reader_next(&reader, &card, &problem)) {
		arena_reset(importing->arena);
		if (card)
			done = import_card(importing, card, error);
		else
			refuse(importing, &problem);
	}
	contact_reader_close(&reader);
	return done;
}

/* The default address book; made, if there is none. */
static bool find_book(struct cli_opened *opened, int64_t *id)
{
	struct object book;
	struct contact_book_change new = {.text = SLICE("{\"name\":\"Contacts\"}")};
	bool there = object_find(opened->account, OBJECT_ADDRESS_BOOK, 1, opened->line->arena, &book, &opened->error);
	*id = there ? book.id : 0;
	if (there || opened->error.kind != ERROR_NOT_FOUND)
		return there;
	bool done = contact_put_book(opened->account, &new, &opened->error);
	*id = new.id;
	return done;
}

static bool import_file(struct cli_opened *opened)
{
	struct importing importing = {.opened = opened, .arena = arena_new()};
	struct buf text = BUF(CONTACT_VCARD_MAX);
	struct error error;
	bool done = command_read_file(opened->line, opened->line->arguments[1], &text, &opened->error) && find_book(opened, &importing.book) &&
		    import_all(&importing, buf_slice(&text), &opened->error);
	if (importing.made + importing.replaced > 0) {
		if (!store_sync(opened->store, &error)) {
			opened->error = error;
			done = false;
		}
		instance_tell_changed(opened->line, opened->name);
	}
	if (done)
		printf("%llu new, %llu replaced, %llu refused\n", (unsigned long long)importing.made, (unsigned long long)importing.replaced,
		       (unsigned long long)importing.refused);
	arena_free(&importing.arena);
	buf_free(&text);
	return done;
}

/* ---- Exporting ---- */

struct exporting { struct cli_opened *opened; struct arena *arena; };

static bool find_photo(void *context, const char *hash, struct contact_medium *medium)
{
	struct exporting *exporting = context;
	struct contact_photo photo;
	if (!contact_find_photo(exporting->opened->account, slice_make(hash, CONTACT_HASH_LEN), exporting->arena, &photo, NULL))
		return false;
	*medium = (struct contact_medium){.type = photo.type, .bytes = photo.bytes};
	return true;
}

static bool export_card(struct exporting *exporting, const struct contact *contact)
{
	json_error_t why;
	struct buf out = BUF(CONTACT_VCARD_MAX);
	bool old = command_value(exporting->opened->line, "old") != NULL;
	json_t *card = json_loadb(contact->text.at, contact->text.len, 0, &why);
	contact_media_put_back(card, find_photo, exporting);
	contact_write(card, old ? CONTACT_VCARD_3 : CONTACT_VCARD_4, &out);
	json_decref(card);
	bool done = fwrite(out.at, 1, out.len, stdout) == out.len;
	buf_free(&out);
	return done || error_set(&exporting->opened->error, ERROR_FULL, "it can't be written");
}

static bool export_cards(struct cli_opened *opened)
{
	struct exporting exporting = {opened, arena_new()};
	struct contact *list;
	size_t count;
	int64_t after = 0, state;
	bool done = true;
	for (bool more = true; done && more;) {
		arena_reset(exporting.arena);
		done = contact_list(opened->account, after, PIECE_BYTES, exporting.arena, &list, &count, &more, &state, &opened->error);
		for (size_t i = 0; done && i < count; i++) {
			after = list[i].id;
			done = export_card(&exporting, &list[i]);
		}
	}
	arena_free(&exporting.arena);
	if (done && fflush(stdout) != 0)
		done = error_set(&opened->error, ERROR_FULL, "it can't be written");
	return done;
}

static int run_import(struct command_line *line) { return cli_opened_run(line, import_file); }
static int run_export(struct command_line *line) { return cli_opened_run(line, export_cards); }

static const struct command_option export_options[] = {{"old", NULL, "as vCard 3.0, for programs that don't know 4.0; what it has no words for is left out"}, {0}};

const struct command cli_contacts_commands[] = {
	{"contacts import", "ADDRESS FILE", "Takes the contacts of a file of vCards into the default address book.", run_import, NULL, 2, 2, 0, ADMIN_CHANGES | ADMIN_DOMAIN | ADMIN_FILE},
	{"contacts export", "ADDRESS", "Prints all contacts as vCards.", run_export, export_options, 1, 1, 0, ADMIN_READS | ADMIN_DOMAIN},
	{0},
};
