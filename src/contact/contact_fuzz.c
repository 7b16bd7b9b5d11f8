/* Fuzzing of vCards and cards: a vCard becomes a valid card, and any valid card comes back from a vCard as it was. */
#include <stdlib.h>

#include "contact/contact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_round(json_t *card)
{
	struct contact_reader reader;
	struct contact_problem problem;
	json_t *again = NULL;
	struct buf text = BUF(CONTACT_VCARD_MAX);
	contact_write(card, CONTACT_VCARD_4, &text);
	contact_reader_open(&reader, buf_slice(&text));
	if (!contact_reader_next(&reader, &again, &problem) || !json_equal(card, again)) {
		json_dumpf(card, stderr, JSON_INDENT(1));
		fprintf(stderr, "\n%.*s\n%s: %s\n", SLICE_ARG(buf_slice(&text)), problem.property, problem.why ? problem.why : "another");
		json_dumpf(again, stderr, JSON_INDENT(1));
		abort();
	}
	json_decref(again);
	contact_reader_close(&reader);
	buf_clear(&text);
	contact_write(card, CONTACT_VCARD_3, &text);
	buf_free(&text);
}

static void try_json(struct slice text)
{
	json_error_t why;
	struct contact_problem problem;
	struct contact_medium *media;
	size_t count;
	struct arena *arena = arena_new();
	json_t *card = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &why);
	if (card && contact_card_check(card, &problem)) {
		go_round(card);
		contact_media_take(card, true, arena, &media, &count, &problem);
	}
	json_decref(card);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct contact_reader reader;
	struct contact_problem problem;
	struct slice text = slice_make((const char *)data, size);
	json_t *card;
	if (size > 0 && data[0] == '{')
		try_json(text);
	contact_reader_open(&reader, text);
	while (contact_reader_next(&reader, &card, &problem)) {
		if (card)
			go_round(card);
		json_decref(card);
	}
	contact_reader_close(&reader);
	return 0;
}
