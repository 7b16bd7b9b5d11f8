/* Unit tests of chains: a chain of another's making, and chains of ours in which one thing is wrong. */
#include "message/fixture.h"

#include <openssl/evp.h>

#include "arc/arc.h"
#include "base/base64.h"
#include "dkim/body.h"
#include "dkim/fields.h"
#include "dkim/tags.h"

#define RSA_RECORD                                                                                                               \
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/b" \
	"yYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519_RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define ED25519_PEM "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
#define LETTER "From: ann@example.org\r\nTo: list@example.org\r\nSubject: x\r\n\r\nHi.\r\n"

enum { TEXT_MAX = 1024 * 1024 };

/* ---- means ---- */

static struct lookup *published(void)
{
	static const struct { const char *name, *record; } keys[] = {
		{"dummy._domainkey.example.org", RSA_RECORD}, {"s._domainkey.list.example", ED25519_RECORD}, {"gone._domainkey.list.example", "v=DKIM1; p="}};
	struct lookup *table = lookup_new();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct lookup_record records[] = {{.data = slice_of(keys[i].record)}};
		struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
		lookup_put(table, LOOKUP_TXT, slice_of(keys[i].name), &answer);
	}
	return table;
}

static enum arc_reason reason_of(struct slice message, struct lookup *table, size_t *seals, bool *temporary)
{
	size_t length = header_length(message);
	struct arc_verify *verify = arc_verify_new(slice_sub(message, 0, length));
	arc_verify_ask(verify, table);
	for (size_t at = length; at < message.len; at += 5)
		arc_verify_body(verify, slice_sub(message, at, 5));
	struct arc_verdict verdict = *arc_verify_end(verify, table);
	assert_true(verdict.why.len > 0);
	*seals = verdict.count;
	*temporary = verdict.temporary;
	arc_verify_free(&verify);
	return verdict.reason;
}

static void must_be(struct slice message, enum arc_reason expected, const char *what)
{
	struct lookup *table = published();
	size_t seals;
	bool temporary;
	enum arc_reason found = reason_of(message, table, &seals, &temporary);
	if (found != expected)
		fail_msg("%s: reason %d, not %d", what, found, expected);
	lookup_free(&table);
}

static struct slice sign(EVP_MD_CTX *hash, struct arena *arena)
{
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf signature = BUF(DKIM_SIGNATURE_MAX), text = BUF(DKIM_SIGNATURE_MAX * 2);
	enum dkim_algorithm algorithm;
	struct error error;
	EVP_PKEY *key = dkim_key_read(SLICE(ED25519_PEM), &algorithm, &error);
	EVP_DigestFinal_ex(hash, digest, NULL);
	assert_true(dkim_key_sign(key, digest, &signature, &error));
	base64_encode(buf_slice(&signature), &text);
	struct slice copy = arena_copy(arena, buf_slice(&text));
	buf_free(&signature);
	buf_free(&text);
	dkim_key_free(&key);
	EVP_MD_CTX_free(hash);
	return copy;
}

static EVP_MD_CTX *begin_hash(void)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	return hash;
}

/* A field, its b= being the last tag, with its signature. */
static struct slice finish(EVP_MD_CTX *hash, struct slice field, struct arena *arena)
{
	struct header_field self = {.whole = field};
	dkim_field_hash(&self, (struct slice){0}, false, true, hash);
	struct slice value = sign(hash, arena);
	return arena_printf(arena, "%.*s%.*s\r\n", SLICE_ARG(field), SLICE_ARG(value));
}

static struct slice message_signature(struct slice message, int instance, const char *tags, struct arena *arena)
{
	size_t length = header_length(message), count = 0;
	struct dkim_body body;
	struct dkim_header header;
	struct dkim_tags read;
	struct slice names[DKIM_NAMES_MAX], list;
	struct buf text = BUF(100);
	dkim_body_begin(&body, false, DKIM_WHOLE_BODY);
	dkim_body_add(&body, slice_skip(message, length));
	dkim_body_end(&body);
	base64_encode(slice_make((const char *)body.digest, DKIM_DIGEST_SIZE), &text);
	struct slice field = arena_printf(arena, "ARC-Message-Signature: i=%d; %s; c=relaxed/relaxed; bh=%.*s; b=", instance, tags, SLICE_ARG(buf_slice(&text)));
	buf_free(&text);
	dkim_tags_read(slice_skip(field, strlen("ARC-Message-Signature:")), &read);
	for (list = dkim_tags_find(&read, SLICE("h"))->value; dkim_tags_word(&list, &names[count]);)
		count++;
	EVP_MD_CTX *hash = begin_hash();
	dkim_header_read(slice_sub(message, 0, length), arena, &header);
	dkim_header_hash(&header, names, count, DKIM_NO_FIELD, false, hash);
	dkim_header_clear(&header);
	return finish(hash, field, arena);
}

struct chain {
	struct slice sealed; /* the sets so far, in canonical order, as fields */
	struct slice message;
};

/* Adds a set to a message. */
static void seal(struct chain *chain, int instance, const char *message_tags, const char *seal_tags, struct arena *arena)
{
	struct header_field field;
	struct slice results = arena_printf(arena, "ARC-Authentication-Results: i=%d; list.example; spf=pass\r\n", instance);
	struct slice signature = message_signature(chain->message, instance, message_tags, arena);
	struct slice sets = arena_printf(arena, "%.*s%.*s%.*s", SLICE_ARG(chain->sealed), SLICE_ARG(results), SLICE_ARG(signature));
	EVP_MD_CTX *hash = begin_hash();
	for (struct slice rest = sets; header_next(&rest, &field);)
		dkim_field_hash(&field, (struct slice){0}, false, false, hash);
	struct slice own = finish(hash, arena_printf(arena, "ARC-Seal: i=%d; %s; b=", instance, seal_tags), arena);
	chain->sealed = arena_printf(arena, "%.*s%.*s", SLICE_ARG(sets), SLICE_ARG(own));
	chain->message = arena_printf(arena, "%.*s%.*s%.*s%.*s", SLICE_ARG(own), SLICE_ARG(signature), SLICE_ARG(results), SLICE_ARG(chain->message));
}

#define BY "a=ed25519-sha256; d=list.example; s=s"
#define SIGNED BY "; h=from:to:subject"

static struct chain chain_of(int count, struct arena *arena)
{
	struct chain chain = {.message = SLICE(LETTER)};
	for (int i = 1; i <= count; i++)
		seal(&chain, i, SIGNED, i == 1 ? BY "; cv=none" : BY "; cv=pass", arena);
	return chain;
}

/* Without the first field of that name whose body begins so. */
static struct slice without(struct slice message, const char *begin, struct arena *arena)
{
	struct header_field field;
	for (struct slice rest = message; header_next(&rest, &field);)
		if (slice_starts(field.whole, slice_of(begin)))
			return arena_printf(arena, "%.*s%.*s", (int)(field.whole.at - message.at), message.at, SLICE_ARG(rest));
	fail();
	return message;
}

static struct slice replaced(struct slice message, const char *old, const char *new, struct arena *arena)
{
	size_t at = slice_find(message, slice_of(old));
	assert_int_not_equal(at, SLICE_NONE);
	return arena_printf(arena, "%.*s%s%.*s", (int)at, message.at, new, SLICE_ARG(slice_skip(message, at + strlen(old))));
}

/* ---- tests ---- */

/* From the tests of ARC's authors: RSA, and a body and fields that were changed above the chain. */
static void a_chain_of_others_is_valid(void **state)
{
	struct slice message = SLICE(
		"MIME-Version: 1.0\r\nReturn-Path: <jqd@d1.example.org>\r\n"
		"ARC-Seal: a=rsa-sha256;\r\n"
		"    b=dOdFEyhrk/tw5wl3vMIogoxhaVsKJkrkEhnAcq2XqOLSQhPpGzhGBJzR7k1sWGokon3TmQ\r\n"
		"    7TX9zQLO6ikRpwd/pUswiRW5DBupy58fefuclXJAhErsrebfvfiueGyhHXV7C1LyJTztywzn\r\n"
		"    QGG4SCciU/FTlsJ0QANrnLRoadfps=; cv=none; d=example.org; i=1; s=dummy;\r\n    t=12345\r\n"
		"ARC-Message-Signature: a=rsa-sha256;\r\n"
		"    b=QsRzR/UqwRfVLBc1TnoQomlVw5qi6jp08q8lHpBSl4RehWyHQtY3uOIAGdghDk/mO+/Xpm\r\n"
		"    9JA5UVrPyDV0f+2q/YAHuwvP11iCkBQkocmFvgTSxN8H+DwFFPrVVUudQYZV7UDDycXoM6UE\r\n"
		"    cdfzLLzVNPOAHEDIi/uzoV4sUqZ18=;\r\n    bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=; c=relaxed/relaxed;\r\n"
		"    d=example.org; h=from:to:date:subject:mime-version:arc-authentication-results;\r\n    i=1; s=dummy; t=12345\r\n"
		"ARC-Authentication-Results: i=1; lists.example.org;\r\n    spf=pass smtp.mfrom=jqd@d1.example;\r\n"
		"    dkim=pass (1024-bit key) header.i=@d1.example;\r\n    dmarc=pass\r\n"
		"Received: by 10.157.14.6 with HTTP; Tue, 3 Jan 2017 12:22:54 -0800 (PST)\r\n"
		"Message-ID: <54B84785.1060301@d1.example.org>\r\nDate: Thu, 14 Jan 2015 15:00:01 -0800\r\n"
		"From: John Q Doe <jqd@d1.example.org>\r\nTo: arc@dmarc.org\r\nSubject: Example 1\r\n\r\n"
		"Hey gang,\r\nThis is a test message.\r\n--J.\r\n");
	must_be(message, ARC_VALID, "as it is");
	must_be(replaced(message, "Example 1", "Example 2", *state), ARC_MESSAGE_INVALID, "the subject");
	must_be(replaced(message, "gang", "you", *state), ARC_MESSAGE_INVALID, "the body");
	must_be(replaced(message, "d=example.org; i=1; s=dummy;\r\n    t=12345", "d=example.org; i=1; s=dummy;\r\n    t=12346", *state), ARC_SEAL_INVALID, "the seal");
	must_be(replaced(message, "dmarc=pass", "dmarc=fail", *state), ARC_MESSAGE_INVALID, "the results, which are signed, too");
}

static void chains_are_valid_up_to_their_limit(void **state)
{
	struct chain chain = chain_of(2, *state);
	must_be(SLICE(LETTER), ARC_ABSENT, "none");
	must_be(SLICE(""), ARC_ABSENT, "nothing");
	must_be(chain.message, ARC_VALID, "two");
	must_be(arena_printf(*state, "Received: x\r\n%.*s\r\n", SLICE_ARG(chain.message)), ARC_VALID, "two, and a Received field");
	chain = chain_of(ARC_SETS_MAX, *state);
	struct lookup *table = published();
	size_t seals;
	bool temporary;
	assert_int_equal(reason_of(chain.message, table, &seals, &temporary), ARC_VALID);
	assert_int_equal(seals, ARC_SETS_MAX);
	assert_false(temporary);
	lookup_free(&table);
	seal(&chain, ARC_SETS_MAX + 1, SIGNED, BY "; cv=pass", *state);
	must_be(chain.message, ARC_SETS_MANY, "one more");
}

static void who_sealed_is_told(void **state)
{
	struct chain chain = chain_of(2, *state);
	struct lookup *table = published();
	struct arc_verify *verify = arc_verify_new(slice_sub(chain.message, 0, header_length(chain.message)));
	arc_verify_body(verify, SLICE("Hi.\r\n"));
	const struct arc_verdict *verdict = arc_verify_end(verify, table);
	assert_string_equal(arc_result_name(verdict->result), "pass");
	assert_int_equal(verdict->count, 2);
	assert_slice(verdict->seals[1].domain, "list.example");
	assert_slice(verdict->seals[1].selector, "s");
	assert_slice(slice_trim(verdict->seals[1].results), "list.example; spf=pass");
	arc_verify_free(&verify);
	lookup_free(&table);
}

/* Each set's seals are made anew: what is wrong is what they say. */
static void what_seals_say_is_judged(void **state)
{
	static const struct { const char *message, *seal, *next; enum arc_reason reason; } cases[] = {
		{SIGNED, BY "; cv=none", BY "; cv=pass", ARC_VALID},
		{SIGNED, BY "; cv=none; t=1; x_y=z", BY "; cv=PASS", ARC_VALID},
		{BY "; h=from:arc-authentication-results:arc-message-signature", BY "; cv=none", BY "; cv=pass", ARC_VALID},
		{SIGNED, BY "; cv=pass", BY "; cv=pass", ARC_CHAIN_WRONG},
		{SIGNED, BY "; cv=fail", BY "; cv=pass", ARC_CHAIN_WRONG},
		{SIGNED, BY "; cv=none", BY "; cv=none", ARC_CHAIN_WRONG},
		{SIGNED, BY "; cv=none", BY "; cv=fail", ARC_CHAIN_BROKEN},
		{SIGNED, BY "; cv=fail", NULL, ARC_CHAIN_BROKEN},
		{SIGNED, BY "; cv=", NULL, ARC_CHAIN_WRONG},
		{SIGNED, BY, NULL, ARC_FIELD_BROKEN},
		{SIGNED, BY "; cv=none; h=from", NULL, ARC_FIELD_BROKEN},
		{SIGNED, BY "; cv=none; cv=none", NULL, ARC_FIELD_BROKEN},
		{SIGNED, "a=rsa-sha256; d=list.example; s=s; cv=none", NULL, ARC_SEAL_INVALID},
		{SIGNED, "a=rsa-sha1; d=list.example; s=s; cv=none", NULL, ARC_FIELD_BROKEN},
		{SIGNED, "a=ed25519-sha256; d=list.example; s=gone; cv=none", NULL, ARC_SEAL_INVALID},
		{BY "; h=from:arc-seal", BY "; cv=none", NULL, ARC_SEAL_SIGNED},
		{BY "; h=from; l=1", BY "; cv=none", NULL, ARC_MESSAGE_INVALID},
		{"a=ed25519-sha256; d=list.example; s=gone; h=from", BY "; cv=none", NULL, ARC_MESSAGE_INVALID},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct chain chain = {.message = SLICE(LETTER)};
		seal(&chain, 1, cases[i].message, cases[i].seal, *state);
		if (cases[i].next)
			seal(&chain, 2, SIGNED, cases[i].next, *state);
		must_be(chain.message, cases[i].reason, cases[i].seal);
	}
}

static void sets_must_be_complete(void **state)
{
	static const char *const fields[] = {"ARC-Seal: i=1", "ARC-Seal: i=2", "ARC-Message-Signature: i=1", "ARC-Message-Signature: i=2",
		"ARC-Authentication-Results: i=1", "ARC-Authentication-Results: i=2"};
	struct slice message = chain_of(2, *state).message;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		must_be(without(message, fields[i], *state), ARC_FIELD_MISSING, fields[i]);
		const char *more = strstr(fields[i], "Seal") ? "cv=none" : "h=from; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=";
		must_be(arena_printf(*state, "%s; a=rsa-sha256; d=a.b; s=c; b=AAAA; %s\r\n%.*s", fields[i], more, SLICE_ARG(message)), ARC_FIELD_TWICE, fields[i]);
	}
	must_be(replaced(message, "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: i=3", *state), ARC_FIELD_MISSING, "a gap");
	must_be(replaced(message, "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: i=0", *state), ARC_FIELD_BROKEN, "instance 0");
	must_be(replaced(message, "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: j=2", *state), ARC_FIELD_BROKEN, "no instance");
	must_be(replaced(message, "ARC-Message-Signature: i=2", "ARC-Message-Signature: i=x", *state), ARC_FIELD_BROKEN, "an instance that is no number");
	must_be(replaced(message, "ARC-Seal: i=2", "ARC-Seal: i=4294967296", *state), ARC_FIELD_BROKEN, "a gigantic instance");
}

static void any_change_of_a_set_breaks_the_chain(void **state)
{
	struct slice message = chain_of(3, *state).message;
	for (int i = 1; i <= 3; i++) {
		const char *old = arena_text(*state, arena_printf(*state, "ARC-Authentication-Results: i=%d; list.example; spf=pass", i));
		const char *new = arena_text(*state, arena_printf(*state, "ARC-Authentication-Results: i=%d; list.example; spf=fail", i));
		must_be(replaced(message, old, new, *state), ARC_SEAL_INVALID, new);
	}
}

static void a_key_that_cannot_be_looked_up_is_a_temporary_failure(void **state)
{
	struct slice message = chain_of(1, *state).message;
	struct lookup *table = lookup_new();
	size_t seals;
	bool temporary;
	assert_int_equal(reason_of(message, table, &seals, &temporary), ARC_MESSAGE_INVALID);
	assert_true(temporary);
	lookup_free(&table);
}

static void a_header_that_is_too_large_is_not_verified(void **state)
{
	struct buf large = BUF(2 * TEXT_MAX);
	for (size_t i = 0; i <= DKIM_HEADER_FIELDS_MAX; i++)
		buf_append_text(&large, "X: y\r\n");
	must_be(buf_slice(&large), ARC_ABSENT, "without seals");
	buf_append(&large, chain_of(1, *state).message); /* behind the fields */
	must_be(buf_slice(&large), ARC_HEADER_LARGE, "with one");
	buf_free(&large);
}

/* ---- sealing ---- */

/* The message with one more set; empty: it can't be sealed. */
static struct slice sealed(struct slice message, bool passed, EVP_PKEY *key, struct arena *arena)
{
	struct arc_sealer sealer = {.domain = SLICE("list.example"), .selector = SLICE("r"), .results = SLICE(" mx.list.example; spf=pass smtp.mailfrom=a@example.org"),
		.chain_passed = passed, .made = 1800000000};
	size_t length = header_length(message);
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf first = BUF(DKIM_SIGNATURE_MAX), second = BUF(DKIM_SIGNATURE_MAX), out = BUF(2 * TEXT_MAX);
	struct error error;
	struct arc_sealing *seal = arc_seal_new(slice_sub(message, 0, length), &sealer);
	if (!seal)
		return (struct slice){0};
	arc_seal_body(seal, slice_skip(message, length));
	arc_seal_message_digest(seal, digest);
	assert_true(dkim_key_sign(key, digest, &first, &error));
	arc_seal_digest(seal, buf_slice(&first), digest);
	assert_true(dkim_key_sign(key, digest, &second, &error));
	arc_seal_fields(seal, buf_slice(&second), &out);
	buf_append(&out, message);
	struct slice whole = arena_copy(arena, buf_slice(&out));
	arc_seal_free(&seal);
	buf_free(&first), buf_free(&second), buf_free(&out);
	return whole;
}

static void what_is_sealed_is_valid(void **state)
{
	struct buf pem = BUF_SECRET(DKIM_PEM_MAX), record = BUF(DKIM_RECORD_MAX);
	enum dkim_algorithm algorithm;
	struct error error;
	size_t seals;
	bool temporary;
	assert_true(dkim_key_make(DKIM_RSA_SHA256, &pem, &error));
	EVP_PKEY *key = dkim_key_read(buf_slice(&pem), &algorithm, &error);
	assert_true(dkim_key_record(key, &record, &error));
	struct lookup *table = published();
	struct lookup_record records[] = {{.data = buf_slice(&record)}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	lookup_put(table, LOOKUP_TXT, SLICE("r._domainkey.list.example"), &answer);
	struct slice message = SLICE(LETTER);
	for (size_t i = 1; i <= 3; i++) {
		message = sealed(message, i > 1, key, *state);
		assert_int_equal(reason_of(message, table, &seals, &temporary), ARC_VALID);
		assert_int_equal(seals, i);
	}
	message = sealed(chain_of(2, *state).message, true, key, *state); /* behind others */
	assert_int_equal(reason_of(message, table, &seals, &temporary), ARC_VALID);
	assert_int_equal(seals, 3);
	assert_int_equal(sealed(message, false, key, *state).len, 0); /* a chain that doesn't hold isn't gone on with … */
	assert_int_equal(sealed(slice_skip(message, slice_find(message, SLICE("ARC-Message"))), true, key, *state).len, 0); /* … nor one with a gap */
	assert_int_equal(sealed(chain_of(ARC_SETS_MAX, *state).message, true, key, *state).len, 0);
	assert_int_equal(sealed(SLICE("To: nobody\r\n\r\n"), true, key, *state).len, 0);
	lookup_free(&table);
	dkim_key_free(&key);
	buf_free(&pem), buf_free(&record);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(a_chain_of_others_is_valid),
		TEST(chains_are_valid_up_to_their_limit),
		TEST(who_sealed_is_told),
		TEST(what_seals_say_is_judged),
		TEST(sets_must_be_complete),
		TEST(any_change_of_a_set_breaks_the_chain),
		TEST(a_key_that_cannot_be_looked_up_is_a_temporary_failure),
		TEST(a_header_that_is_too_large_is_not_verified),
		TEST(what_is_sealed_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
