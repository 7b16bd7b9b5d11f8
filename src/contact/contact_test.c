/* Unit tests of cards and vCards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "contact/contact.h"

static json_t *load(const char *text)
{
	json_error_t why;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (!value)
		fail_msg("%s: %s", why.text, text);
	return value;
}

/* The property that is wrong in a card with these further members; NULL: it is fine. */
static const char *wrong(const char *members)
{
	static struct contact_problem problem;
	char text[4096];
	snprintf(text, sizeof text, "{\"@type\":\"Card\",\"version\":\"1.0\",\"uid\":\"u\"%s%s}", members[0] ? "," : "", members);
	json_t *card = load(text);
	bool done = contact_card_check(card, &problem);
	json_decref(card);
	return done ? NULL : problem.property;
}

static void cards_are_checked(void **state)
{
	(void)state;
	static const struct { const char *members, *property; } cases[] = {
		{"", NULL},
		{"\"kind\":\"org\",\"language\":\"de-AT\",\"created\":\"2022-09-30T14:35:10Z\",\"updated\":\"2022-09-30T14:35:10.5Z\"", NULL},
		{"\"kind\":\"person\"", "kind"},
		{"\"kind\":\"example.com:baz\"", NULL},
		{"\"Kind\":\"org\"", "Kind"},
		{"\"created\":\"2022-09-30T14:35:10.50Z\"", "created"},
		{"\"created\":\"2022-09-31\"", "created"},
		{"\"created\":\"2022-09-30T14:35:10+02:00\"", "created"},
		{"\"members\":{\"a\":true}", ""},
		{"\"kind\":\"group\",\"members\":{\"a\":true}", NULL},
		{"\"kind\":\"group\",\"members\":{\"a\":false}", "members"},
		{"\"extra\":1", "extra"},
		{"\"id\":\"x\"", "id"},
		{"\"unknown\":{\"whatever\":[1,2]}", NULL},
		{"\"example.com:foo\":{\"bar-x\":1}", NULL},
		{"\"un-known\":1", "un-known"},
		{"\"name\":{\"full\":\"John\"}", NULL},
		{"\"name\":{}", "name"},
		{"\"name\":{\"components\":[]}", "name/components"},
		{"\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"J\"}],\"isOrdered\":true,\"defaultSeparator\":\" \"}", NULL},
		{"\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"J\"}],\"defaultSeparator\":\" \"}", "name"},
		{"\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"J\"},{\"kind\":\"separator\",\"value\":\"-\"}]}", "name"},
		{"\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"J\",\"phonetic\":\"j\"}]}", "name"},
		{"\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"J\"}],\"sortAs\":{\"surname\":\"x\"}}", "name"},
		{"\"name\":{\"@type\":\"Nickname\",\"full\":\"x\"}", "name/@type"},
		{"\"emails\":{\"e1\":{\"address\":\"a@b\",\"contexts\":{\"work\":true},\"pref\":1}}", NULL},
		{"\"emails\":{\"e1\":{\"address\":\"a@b\",\"pref\":101}}", "emails/e1/pref"},
		{"\"emails\":{\"e1\":{\"address\":\"ab\"}}", "emails/e1/address"},
		{"\"emails\":{\"e1\":{}}", "emails/e1/address"},
		{"\"emails\":{\"e.1\":{\"address\":\"a@b\"}}", "emails/e.1"},
		{"\"emails\":{\"e1\":{\"address\":\"a@b\",\"contexts\":{\"home\":true}}}", "emails/e1/contexts"},
		{"\"phones\":{\"p\":{\"number\":\"tel:+1\",\"features\":{\"mobile\":true,\"text\":true}}}", NULL},
		{"\"phones\":{\"p\":{\"number\":1}}", "phones/p/number"},
		{"\"onlineServices\":{\"o\":{\"service\":\"x\"}}", "onlineServices/o"},
		{"\"links\":{\"l\":{\"uri\":\"https://a.example/\"}}", NULL},
		{"\"links\":{\"l\":{\"uri\":\"a.example\"}}", "links/l/uri"},
		{"\"media\":{\"m\":{\"kind\":\"photo\",\"uri\":\"https://a.example/\"}}", NULL},
		{"\"media\":{\"m\":{\"kind\":\"photo\",\"blobId\":\"b1\"}}", NULL},
		{"\"media\":{\"m\":{\"kind\":\"photo\"}}", "media/m"},
		{"\"media\":{\"m\":{\"kind\":\"photo\",\"blobId\":\"b1\",\"uri\":\"x:y\"}}", "media/m"},
		{"\"addresses\":{\"a\":{\"components\":[{\"kind\":\"name\",\"value\":\"Oak St\"}],\"coordinates\":\"geo:1,2\",\"contexts\":{\"billing\":true}}}", NULL},
		{"\"addresses\":{\"a\":{\"coordinates\":\"http://x\"}}", "addresses/a"},
		{"\"anniversaries\":{\"b\":{\"kind\":\"birth\",\"date\":{\"year\":1953,\"month\":4,\"day\":15}}}", NULL},
		{"\"anniversaries\":{\"b\":{\"kind\":\"birth\",\"date\":{\"month\":4,\"day\":31}}}", "anniversaries/b/date"},
		{"\"anniversaries\":{\"b\":{\"kind\":\"birth\",\"date\":{\"month\":4}}}", "anniversaries/b/date"},
		{"\"anniversaries\":{\"b\":{\"kind\":\"death\",\"date\":{\"@type\":\"Timestamp\",\"utc\":\"2019-10-15T23:10:00Z\"}}}", NULL},
		{"\"anniversaries\":{\"b\":{\"kind\":\"death\",\"date\":{\"@type\":\"Timestamp\"}}}", "anniversaries/b/date/utc"},
		{"\"keywords\":{\"a b\":true}", NULL},
		{"\"relatedTo\":{\"urn:x\":{\"relation\":{\"friend\":true}},\"y\":{}}", NULL},
		{"\"notes\":{\"n\":{\"note\":\"x\",\"author\":{}}}", "notes/n/author"},
		{"\"vCardProps\":[[\"x-foo\",{\"x-bar\":[\"a\",\"b\"]},\"unknown\",\"v\"]]", NULL},
		{"\"vCardProps\":[[\"x-foo\"]]", "vCardProps"},
		{"\"titles\":{\"t\":{\"name\":\"novelist\"}},\"localizations\":{\"es\":{\"titles/t/name\":\"escritor\"}}", NULL},
		{"\"titles\":{\"t\":{\"name\":\"novelist\"}},\"localizations\":{\"es\":{\"titles/t/name\":1}}", "localizations"},
		{"\"titles\":{\"t\":{\"name\":\"novelist\"}},\"localizations\":{\"es\":{\"titles/u/name\":\"x\"}}", "localizations"},
		{"\"localizations\":{\"es\":{\"name\":null,\"name/full\":\"x\"}}", "localizations"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *property = wrong(cases[i].members);
		if (!property != !cases[i].property || (property && strcmp(property, cases[i].property) != 0))
			fail_msg("%s: %s", cases[i].members, property ? property : "nothing is wrong");
	}
}

static void what_is_missing_or_too_much_is_refused(void **state)
{
	(void)state;
	static const char *const cards[] = {"[]", "{}", "{\"@type\":\"Card\",\"version\":\"1.0\"}", "{\"@type\":\"Card\",\"uid\":\"u\",\"version\":\"7.0\"}",
		"{\"@type\":\"Group\",\"uid\":\"u\",\"version\":\"1.0\"}"};
	struct contact_problem problem;
	for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
		json_t *card = load(cards[i]);
		assert_false(contact_card_check(card, &problem));
		json_decref(card);
	}
	json_t *card = load("{\"@type\":\"Card\",\"version\":\"1.0\",\"uid\":\"u\"}"), *deep = json_object();
	for (int i = 0; i < CONTACT_DEPTH_MAX; i++)
		deep = json_pack("[o]", deep);
	json_object_set_new(card, "deep", deep);
	assert_false(contact_card_check(card, &problem));
	json_t *many = json_array();
	for (int i = 0; i <= CONTACT_ENTRIES_MAX; i++)
		json_array_append_new(many, json_null());
	json_object_set_new(card, "deep", many);
	assert_false(contact_card_check(card, &problem));
	char *large = malloc(CONTACT_CARD_MAX + 1);
	memset(large, 'x', CONTACT_CARD_MAX);
	large[CONTACT_CARD_MAX] = '\0';
	json_object_set_new(card, "deep", json_string(large));
	assert_false(contact_card_check(card, &problem));
	free(large);
	json_decref(card);
}

static bool find_medium(void *context, const char *hash, struct contact_medium *medium)
{
	*medium = *(struct contact_medium *)context;
	return strncmp(hash, medium->hash, CONTACT_HASH_LEN) == 0;
}

static void photos_are_taken_out_and_put_back(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct contact_medium *media;
	struct contact_problem problem;
	size_t count;
	json_t *card = load("{\"media\":{\"a\":{\"kind\":\"photo\",\"uri\":\"data:image/gif;base64,R0lGODlh\"},\"b\":{\"kind\":\"logo\",\"uri\":\"https://x/\"}}}");
	json_t *before = json_deep_copy(card);
	assert_true(contact_media_take(card, false, arena, &media, &count, &problem));
	json_t *medium = json_object_get(json_object_get(card, "media"), "a");
	assert_int_equal(count, 1);
	assert_true(slice_equal(media[0].bytes, SLICE("GIF89a")) && slice_equal(media[0].type, SLICE("image/gif")));
	assert_null(json_object_get(medium, "uri"));
	assert_string_equal(json_string_value(json_object_get(medium, "mediaType")), "image/gif");
	assert_memory_equal(contact_blob_hash(slice_of(json_string_value(json_object_get(medium, "blobId")))), media[0].hash, CONTACT_HASH_LEN);
	contact_media_put_back(card, find_medium, &media[0]);
	json_object_del(medium, "mediaType");
	assert_true(json_equal(card, before));
	json_decref(before);
	json_decref(card);
	static const char *const bad[] = {"data:image/gif;base64,R0lGODl", "data:image/gif;base64,AAAA", "data:,%zz", "data:image/png;base64,????"};
	for (size_t i = 1; i < sizeof bad / sizeof *bad; i++) {
		card = json_pack("{s:{s:{s:s, s:s}}}", "media", "a", "kind", "photo", "uri", bad[i]);
		assert_false(contact_media_take(card, false, arena, &media, &count, &problem));
		assert_true(contact_media_take(card, true, arena, &media, &count, &problem));
		json_decref(card);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_are_checked), cmocka_unit_test(what_is_missing_or_too_much_is_refused), cmocka_unit_test(photos_are_taken_out_and_put_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
