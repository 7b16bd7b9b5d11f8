/* Unit tests of vCards, as programs of these years and of older ones write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "contact/contact.h"

/* The cards of a text, in an array. */
static json_t *read_all(struct slice text)
{
	struct contact_reader reader;
	struct contact_problem problem;
	json_t *all = json_array(), *card;
	contact_reader_open(&reader, text);
	while (contact_reader_next(&reader, &card, &problem))
		json_array_append_new(all, card ? card : json_string(problem.why));
	contact_reader_close(&reader);
	return all;
}

/* What a pointer leads to, as compact JSON. */
static void expect(const json_t *card, const char *path, const char *wanted)
{
	struct slice step, rest = slice_of(path);
	const json_t *value = card;
	while (rest.len > 0) {
		slice_cut(rest, '/', &step, &rest);
		value = json_object_getn(value, step.at, step.len);
	}
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("nothing");
	if (strcmp(text, wanted) != 0) {
		char *all = json_dumps(card, JSON_INDENT(1));
		fail_msg("%s is %s, not %s, in %s", path, text, wanted, all);
	}
	free(text);
}

/* Through a vCard and back it is the same. */
static void expect_round(json_t *card)
{
	struct buf text = BUF(CONTACT_VCARD_MAX), old = BUF(CONTACT_VCARD_MAX);
	contact_write(card, CONTACT_VCARD_4, &text);
	json_t *again = read_all(buf_slice(&text));
	if (json_array_size(again) != 1 || !json_equal(json_array_get(again, 0), card)) {
		char *before = json_dumps(card, JSON_INDENT(1)), *after = json_dumps(again, JSON_INDENT(1));
		fail_msg("%s\nbecame %.*s\nand %s", before, SLICE_ARG(buf_slice(&text)), after);
	}
	json_decref(again);
	for (size_t i = 0, run = 0; i < text.len; i++) {
		run = text.at[i] == '\n' ? 0 : run + 1;
		assert_true(run <= 76);
	}
	contact_write(card, CONTACT_VCARD_3, &old);
	again = read_all(buf_slice(&old));
	assert_int_equal(json_array_size(again), 1);
	assert_true(json_is_object(json_array_get(again, 0)));
	json_decref(again);
	buf_free(&old);
	buf_free(&text);
}

static json_t *read_one(const char *text)
{
	json_t *all = read_all(slice_of(text)), *card = json_incref(json_array_get(all, 0));
	assert_int_equal(json_array_size(all), 1);
	if (!json_is_object(card))
		fail_msg("%s", json_string_value(card));
	json_decref(all);
	expect_round(card);
	return card;
}

static void apple(void **state)
{
	(void)state;
	json_t *card = read_one("BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//iPhone OS 17.4//EN\r\nN:Appleseed;John;;Dr.;\r\nFN:Dr. John Appleseed\r\n"
		"NICKNAME:Johnny\r\nORG:Apple\\, Inc.;R&D;\r\nTITLE:Engineer\r\nEMAIL;type=INTERNET;type=WORK;type=pref:john@apple.example\r\n"
		"TEL;type=CELL;type=VOICE;type=pref:+1 (408) 555-0100\r\nitem1.TEL:555-0101\r\nitem1.X-ABLabel:_$!<Assistant>!$_\r\n"
		"item2.ADR;type=HOME;type=pref:;;1 Infinite Loop;Cupertino;CA;95014;USA\r\nitem2.X-ABADR:us\r\nitem3.URL;type=pref:https\\://apple.example/\r\n"
		"item3.X-ABLabel:_$!<HomePage>!$_\r\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-03-14\r\nX-SOCIALPROFILE;type=twitter:http://twitter.example/john\r\n"
		"IMPP;X-SERVICE-TYPE=Jabber;type=HOME:xmpp:john@j.example\r\nNOTE:line one\\nline two\\; with\\, all\r\n"
		"PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r\n SkZJRg==\r\nX-ABShowAs:COMPANY\r\nUID:0F9D-1\r\nREV:2024-01-02T03:04:05Z\r\nEND:VCARD\r\n");
	expect(card, "name/full", "\"Dr. John Appleseed\"");
	expect(card, "name/components", "[{\"kind\":\"surname\",\"value\":\"Appleseed\"},{\"kind\":\"given\",\"value\":\"John\"},{\"kind\":\"title\",\"value\":\"Dr.\"}]");
	expect(card, "organizations/o2", "{\"name\":\"Apple, Inc.\",\"units\":[{\"name\":\"R&D\"}]}");
	expect(card, "emails/e4", "{\"address\":\"john@apple.example\",\"vCardParams\":{\"type\":\"INTERNET\"},\"contexts\":{\"work\":true},\"pref\":1}");
	expect(card, "phones/p5/features", "{\"mobile\":true,\"voice\":true}");
	expect(card, "phones/p6/label", "\"Assistant\"");
	expect(card, "addresses/a7/vCardParams", "{\"group\":\"item2\"}");
	expect(card, "links/l8/label", "\"HomePage\"");
	expect(card, "links/l8/uri", "\"https://apple.example/\"");
	expect(card, "anniversaries/a9/date", "{\"month\":3,\"day\":14}");
	expect(card, "onlineServices/o10/service", "\"twitter\"");
	expect(card, "onlineServices/o11/service", "\"Jabber\"");
	expect(card, "notes/n12/note", "\"line one\\nline two; with, all\"");
	expect(card, "media/m13/uri", "\"data:image/jpeg;base64,/9j/4AAQSkZJRg==\"");
	expect(card, "uid", "\"0F9D-1\"");
	expect(card, "updated", "\"2024-01-02T03:04:05Z\"");
	expect(card, "vCardProps", "[[\"x-abadr\",{\"group\":\"item2\"},\"unknown\",\"us\"],[\"x-abshowas\",{},\"unknown\",\"COMPANY\"]]");
	json_decref(card);
}

static void google(void **state)
{
	(void)state;
	json_t *card = read_one("BEGIN:VCARD\nVERSION:3.0\nFN:Jos\xc3\xa9 N\xc3\xba\xc3\xb1" "ez\nN:N\xc3\xba\xc3\xb1" "ez;Jos\xc3\xa9;;;\nEMAIL;TYPE=INTERNET;TYPE=HOME:jose@g.example\n"
		"TEL;TYPE=CELL:+34600000000\nitem1.EMAIL;TYPE=INTERNET:second@g.example\nitem1.X-ABLabel:Trabajo 2\nBDAY:19800523\nCATEGORIES:myContacts,Amigos\n"
		"PHOTO:https://lh3.google.example/a\nitem2.X-ABDATE:2005-06-07\nitem2.X-ABLabel:_$!<Anniversary>!$_\nEND:VCARD\n");
	expect(card, "emails/e3/label", "\"Trabajo 2\"");
	expect(card, "anniversaries/a4/date", "{\"year\":1980,\"month\":5,\"day\":23}");
	expect(card, "keywords", "{\"myContacts\":true,\"Amigos\":true}");
	expect(card, "media/m5", "{\"uri\":\"https://lh3.google.example/a\",\"kind\":\"photo\"}");
	json_decref(card);
}

/* vCard 2.1 with quoted-printable, whose lines go on after '=', and without names of parameters. */
static void outlook_and_old_phones(void **state)
{
	(void)state;
	json_t *card = read_one("BEGIN:VCARD\r\nVERSION:2.1\r\nN;LANGUAGE=de;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg\r\n"
		"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BC=\r\nller\r\nORG:Firma;Abteilung\r\nTEL;WORK;VOICE:(030) 555\r\nTEL;CELL;PREF:0170\r\n"
		"ADR;WORK;PREF;ENCODING=QUOTED-PRINTABLE:;;Stra=DFe 1=0D=0AHinterhaus;Berlin;;10115;Deutschland\r\n"
		"NOTE;ENCODING=QUOTED-PRINTABLE:eins=0D=0Azwei\r\nPHOTO;ENCODING=BASE64;JPEG:\r\n /9j/4AAQ\r\n SkZJRg==\r\n\r\nEMAIL;PREF;INTERNET:j@f.example\r\n"
		"REV:20240102T030405Z\r\nEND:VCARD\r\n");
	expect(card, "name/components", "[{\"kind\":\"surname\",\"value\":\"M\xc3\xbcller\"},{\"kind\":\"given\",\"value\":\"J\xc3\xb6rg\"}]");
	expect(card, "name/full", "\"J\xc3\xb6rg M\xc3\xbcller\"");
	expect(card, "phones/p2/features", "{\"voice\":true}");
	expect(card, "phones/p3/pref", "1");
	expect(card, "addresses/a4/components", "[{\"kind\":\"name\",\"value\":\"Stra\xc3\x9f" "e 1\\nHinterhaus\"},{\"kind\":\"locality\",\"value\":\"Berlin\"},"
		"{\"kind\":\"postcode\",\"value\":\"10115\"},{\"kind\":\"country\",\"value\":\"Deutschland\"}]");
	expect(card, "notes/n5/note", "\"eins\\nzwei\"");
	expect(card, "media/m6/uri", "\"data:image/jpeg;base64,/9j/4AAQSkZJRg==\"");
	expect(card, "emails/e7/address", "\"j@f.example\"");
	json_decref(card);
}

static void android_and_nextcloud(void **state)
{
	(void)state;
	json_t *card = read_one("BEGIN:VCARD\r\nVERSION:4.0\r\nPRODID:-//IDN nextcloud.com//Contacts v5.0//EN\r\nUID:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6\r\n"
		"FN:Ann\r\nKIND:individual\r\nTEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-555-555-5555;ext=5555\r\nEMAIL;TYPE=work:a@n.example\r\n"
		"X-MANAGERSNAME;X-Y=\"a,b\":Boss\r\nRELATED;TYPE=friend:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af\r\nGENDER:F\r\nTZ:Europe/Berlin\r\n"
		"ADR;TYPE=work;CC=US:;;54321 Oak St;Reston;VA;20190;USA;;;;54321;Oak St;;;;;;\r\nBDAY:--0415\r\nDEATHDATE:20191015T231000Z\r\n"
		"EXPERTISE;LEVEL=expert;INDEX=1:chemistry\r\nLANG;TYPE=work;PREF=1:en\r\nSOCIALPROFILE;SERVICE-TYPE=Mastodon:https://x.example/@foo\r\n"
		"NOTE;CREATED=20221123T150132Z;AUTHOR-NAME=\"John\":Office hours\r\nGRAMGENDER:NEUTER\r\nPRONOUNS;PREF=1:xe/xir\r\n"
		"PHOTO:data:image/png;base64,iVBORw0KGgo=\r\nJSPROP;JSPTR=\"example.com:foo\":{\"bar\":1234}\r\nEND:VCARD\r\n");
	expect(card, "phones/p1", "{\"number\":\"tel:+1-555-555-5555;ext=5555\",\"pref\":1,\"features\":{\"voice\":true},\"contexts\":{\"private\":true}}");
	expect(card, "relatedTo", "{\"urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af\":{\"relation\":{\"friend\":true}}}");
	expect(card, "addresses/a3", "{\"components\":[{\"kind\":\"locality\",\"value\":\"Reston\"},{\"kind\":\"region\",\"value\":\"VA\"},{\"kind\":\"postcode\",\"value\":\"20190\"},"
		"{\"kind\":\"country\",\"value\":\"USA\"},{\"kind\":\"number\",\"value\":\"54321\"},{\"kind\":\"name\",\"value\":\"Oak St\"}],\"countryCode\":\"US\","
		"\"contexts\":{\"work\":true}}");
	expect(card, "anniversaries/a4/date", "{\"month\":4,\"day\":15}");
	expect(card, "anniversaries/a5/date", "{\"@type\":\"Timestamp\",\"utc\":\"2019-10-15T23:10:00Z\"}");
	expect(card, "personalInfo/p6", "{\"kind\":\"expertise\",\"value\":\"chemistry\",\"level\":\"high\",\"listAs\":1}");
	expect(card, "onlineServices/o8/service", "\"Mastodon\"");
	expect(card, "notes/n9", "{\"note\":\"Office hours\",\"created\":\"2022-11-23T15:01:32Z\",\"author\":{\"name\":\"John\"}}");
	expect(card, "speakToAs/grammaticalGender", "\"neuter\"");
	expect(card, "example.com:foo", "{\"bar\":1234}");
	expect(card, "vCardProps", "[[\"x-managersname\",{\"x-y\":\"a,b\"},\"unknown\",\"Boss\"],[\"gender\",{},\"unknown\",\"F\"],[\"tz\",{},\"unknown\",\"Europe/Berlin\"]]");
	json_decref(card);
}

static void several_in_a_file(void **state)
{
	(void)state;
	json_t *all = read_all(SLICE("\xef\xbb\xbfrubbish\r\nBEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n\r\nbegin:vcard\nversion:3.0\nfn:B\nKIND:group\nMEMBER:urn:x\nend:vcard\n"
		"BEGIN:VCARD\r\nFN:C"));
	assert_int_equal(json_array_size(all), 3);
	expect(json_array_get(all, 0), "name/full", "\"A\"");
	expect(json_array_get(all, 1), "members", "{\"urn:x\":true}");
	assert_true(json_is_string(json_array_get(all, 2)));
	json_t *again = read_all(SLICE("BEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n"));
	assert_true(json_equal(json_object_get(json_array_get(again, 0), "uid"), json_object_get(json_array_get(all, 0), "uid")));
	json_decref(again);
	json_decref(all);
	all = read_all(SLICE("\xff\xfe" "B\0E\0G\0I\0N\0:\0V\0C\0A\0R\0D\0\n\0F\0N\0:\0\xe4\0\n\0E\0N\0D\0:\0V\0C\0A\0R\0D\0\n\0"));
	expect(json_array_get(all, 0), "name/full", "\"\xc3\xa4\"");
	json_decref(all);
	all = read_all(SLICE("BEGIN:VCARD\nFN:a\0b\nX-A;P=\0:c\0\nNOTE;ENCODING=QUOTED-PRINTABLE:=00d\nEND:VCARD\n")); /* JSON takes no NULs */
	expect(json_array_get(all, 0), "name/full", "\"ab\"");
	expect(json_array_get(all, 0), "notes/n1/note", "\"d\"");
	json_decref(all);
}

/* What is no address, URI, date is kept as it was. */
static void what_is_not_valid_is_kept(void **state)
{
	(void)state;
	json_t *card = read_one("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEMAIL;TYPE=home:nobody\r\nURL:www.a.example\r\nBDAY:sometime\r\nURL:http://a.example/\xc3\xa4 b\r\n"
		"FN:Second\r\nitem1.EMAIL:none\r\nitem1.X-ABLabel:mine\r\nEND:VCARD\r\n");
	expect(card, "links/l1/uri", "\"http://a.example/%C3%A4%20b\"");
	expect(card, "emails", "nothing");
	expect(card, "vCardProps", "[[\"email\",{\"type\":\"home\"},\"unknown\",\"nobody\"],[\"url\",{},\"unknown\",\"www.a.example\"],[\"bday\",{},\"unknown\",\"sometime\"],"
		"[\"fn\",{},\"unknown\",\"Second\"],[\"email\",{\"group\":\"item1\"},\"unknown\",\"none\"],[\"x-ablabel\",{\"group\":\"item1\"},\"unknown\",\"mine\"]]");
	json_decref(card);
}

static void any_card_comes_back(void **state)
{
	(void)state;
	static const char *const cards[] = {
		"{\"name\":{\"components\":[{\"kind\":\"given\",\"value\":\"Jane\"},{\"kind\":\"separator\",\"value\":\"-\"},{\"kind\":\"surname\",\"value\":\"Doe\"}],\"isOrdered\":true}}",
		"{\"phones\":{\"x-Y_1\":{\"number\":\"1\",\"label\":\"a,b\",\"example.com:foo.bar\":\"tux hux\"}},\"example.com:a-b\":[1,null,\"\\n\"]}",
		"{\"titles\":{\"t\":{\"name\":\"novelist\"}},\"localizations\":{\"es\":{\"titles/t/name\":\"escritor\"}}}",
		"{\"notes\":{\"n\":{\"note\":\"a\\r\\nb \\\\ ;\"}},\"keywords\":{\"a, b\":true}}",
		"{\"media\":{\"m\":{\"kind\":\"photo\",\"blobId\":\"p00\",\"mediaType\":\"image/png\"}},\"calendars\":{\"c\":{\"kind\":\"example.com:x\",\"uri\":\"x:y\"}}}",
		"{\"anniversaries\":{\"a\":{\"kind\":\"birth\",\"date\":{\"month\":4,\"day\":1},\"place\":{\"full\":\"here\"}},\"b\":{\"kind\":\"wedding\",\"date\":{\"year\":1999}}}}",
	};
	for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
		json_error_t why;
		json_t *card = json_loads(cards[i], 0, &why);
		struct contact_problem problem;
		json_object_update_new(card, json_pack("{s:s, s:s, s:s}", "@type", "Card", "version", "1.0", "uid", "urn:x"));
		if (!contact_card_check(card, &problem))
			fail_msg("%s: %s", problem.property, problem.why);
		expect_round(card);
		json_decref(card);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apple), cmocka_unit_test(google), cmocka_unit_test(outlook_and_old_phones), cmocka_unit_test(android_and_nextcloud),
		cmocka_unit_test(several_in_a_file), cmocka_unit_test(what_is_not_valid_is_kept), cmocka_unit_test(any_card_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
