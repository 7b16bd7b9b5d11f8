/* Unit tests of signatures: the examples of the RFCs, what may be wrong with a signature, a key or a message, and our own signatures. */
#include "message/fixture.h"

#include <openssl/bn.h>
#include <openssl/param_build.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/memory.h"
#include "dkim/body.h"
#include "dkim/der.h"
#include "dkim/fields.h"
#include "dkim/key.h"
#include "dkim/tags.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };
static const int64_t now = 1528637909 + 3600;

/* ---- RFC 8463, appendix A ---- */

#define ED25519_RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_P                                                                                                          \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC" \
	"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define RSA_RECORD "v=DKIM1; k=rsa; p=" RSA_P
#define ED25519_PEM "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"

#define ED25519_FIELD                                                \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n" \
	" d=football.example.com; i=@football.example.com;\n"         \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"       \
	" subject : date : message-id : from : subject : date;\n"     \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"          \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n" \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
#define RSA_FIELD                                                     \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"      \
	" d=football.example.com; i=@football.example.com;\n"          \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"  \
	" date : message-id : from : subject : date;\n"                \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"           \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n" \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n" \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
#define LETTER                                                       \
	"From: Joe SixPack <joe@football.example.com>\n"              \
	"To: Suzie Q <suzie@shopping.example.net>\n"                  \
	"Subject: Is dinner ready?\n"                                 \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"               \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\n\n"
#define BODY "Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n"

/* ---- means ---- */

static struct slice with_crlf(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len * 2 + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '\n')
			out[len++] = '\r';
		out[len++] = text.at[i];
	}
	return slice_make(out, len);
}

static void publish(struct lookup *table, const char *name, struct slice record)
{
	struct lookup_record records[] = {{.data = record}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	lookup_put(table, LOOKUP_TXT, slice_of(name), &answer);
}

static struct lookup *football(void)
{
	struct lookup *table = lookup_new();
	publish(table, "brisbane._domainkey.football.example.com", SLICE(ED25519_RECORD));
	publish(table, "test._domainkey.football.example.com", SLICE(RSA_RECORD));
	return table;
}

/* Verifies a message with CR LF, its body in pieces of `step` bytes. The verdicts are copied to `verdicts`; their slices are gone. */
static size_t verify(struct slice message, struct lookup *table, size_t step, struct dkim_verdict *verdicts)
{
	size_t length = header_length(message), count;
	struct dkim_verify *verify = dkim_verify_new(slice_sub(message, 0, length), now);
	dkim_verify_ask(verify, table);
	for (size_t at = length; at < message.len; at += step)
		dkim_verify_body(verify, slice_sub(message, at, step));
	const struct dkim_verdict *found = dkim_verify_end(verify, table, &count);
	assert_true(count <= DKIM_SIGNATURES_MAX + 1);
	memcpy(verdicts, found, count * sizeof *found);
	for (size_t i = 0; i < count; i++)
		assert_true(found[i].why.len > 0);
	dkim_verify_free(&verify);
	return count;
}

static enum dkim_reason reason_of(struct slice message, struct lookup *table)
{
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	size_t count = verify(message, table, SIZE_MAX / 2, verdicts);
	if (count != 1)
		fail_msg("%zu signatures", count);
	return verdicts[0].reason;
}

static void must_be(enum dkim_reason found, enum dkim_reason expected, const char *what)
{
	if (found != expected)
		fail_msg("%s: %s, not %s", what, dkim_reason_text(found), dkim_reason_text(expected));
}

static void hash_body(struct slice body, bool simple, uint64_t limit, unsigned char digest[DKIM_DIGEST_SIZE])
{
	struct dkim_body hashed;
	dkim_body_begin(&hashed, simple, limit);
	dkim_body_add(&hashed, body);
	dkim_body_end(&hashed);
	memcpy(digest, hashed.digest, DKIM_DIGEST_SIZE);
}

static struct slice to_base64(struct slice bytes, struct arena *arena)
{
	struct buf text = BUF(DKIM_RECORD_MAX);
	base64_encode(bytes, &text);
	struct slice copy = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

/* A message with a signature of our own making: the tags as they are given, with bh= and b= behind them; the key is RFC 8463's. */
static struct slice sign_by_hand(const char *tags, struct slice message, uint64_t limit, struct arena *arena)
{
	size_t length = header_length(message), count = 0;
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct dkim_tags read;
	struct slice names[DKIM_NAMES_MAX], rest;
	hash_body(slice_skip(message, length), !strstr(tags, "/relaxed"), limit, digest);
	struct slice hash = to_base64(slice_make((const char *)digest, sizeof digest), arena);
	struct slice whole = arena_printf(arena, "DKIM-Signature: %s; bh=%.*s; b=", tags, SLICE_ARG(hash));
	assert_int_equal(dkim_tags_read(slice_skip(whole, strlen("DKIM-Signature:")), &read), DKIM_VALID);
	for (rest = dkim_tags_find(&read, SLICE("h"))->value; dkim_tags_word(&rest, &names[count]);)
		count++;
	struct dkim_header header;
	bool simple = !strstr(tags, "c=relaxed");
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	dkim_header_read(slice_sub(message, 0, length), arena, &header);
	dkim_header_hash(&header, names, count, DKIM_NO_FIELD, simple, context);
	struct header_field self = {.whole = whole};
	dkim_field_hash(&self, (struct slice){0}, simple, true, context);
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	dkim_header_clear(&header);
	enum dkim_algorithm algorithm;
	struct error error;
	EVP_PKEY *key = dkim_key_read(SLICE(ED25519_PEM), &algorithm, &error);
	assert_non_null(key);
	struct buf signature = BUF(DKIM_SIGNATURE_MAX);
	assert_true(dkim_key_sign(key, digest, &signature, &error));
	struct slice value = to_base64(buf_slice(&signature), arena);
	buf_free(&signature);
	dkim_key_free(&key);
	return arena_printf(arena, "%.*s%.*s\r\n%.*s", SLICE_ARG(whole), SLICE_ARG(value), SLICE_ARG(message));
}

/* ---- verifying ---- */

static void the_examples_verify_in_pieces_of_any_size(void **state)
{
	struct slice message = with_crlf(SLICE(ED25519_FIELD RSA_FIELD LETTER BODY), *state);
	struct lookup *table = football();
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	static const size_t steps[] = {1, 2, 3, 7, 1000};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		assert_int_equal(verify(message, table, steps[i], verdicts), 2);
		must_be(verdicts[0].reason, DKIM_VALID, "Ed25519");
		must_be(verdicts[1].reason, DKIM_VALID, "RSA");
		assert_int_equal(verdicts[0].bits, 256);
		assert_int_equal(verdicts[1].bits, 1024);
	}
	lookup_free(&table);
}

static void a_verdict_says_whose_signature_it_is(void **state)
{
	struct slice message = with_crlf(SLICE(RSA_FIELD LETTER BODY), *state);
	size_t length = header_length(message), count;
	struct lookup *table = football();
	struct dkim_verify *verifying = dkim_verify_new(slice_sub(message, 0, length), now);
	dkim_verify_body(verifying, slice_skip(message, length));
	assert_true(dkim_verify_ask(verifying, table));
	const struct dkim_verdict *verdict = dkim_verify_end(verifying, table, &count);
	assert_int_equal(count, 1);
	assert_slice(verdict->domain, "football.example.com");
	assert_slice(verdict->selector, "test");
	assert_slice(verdict->identity, "@football.example.com");
	assert_slice(verdict->algorithm, "rsa-sha256");
	assert_slice(verdict->begin, "F45dVWDf");
	assert_slice(verdict->why, "the signature is valid");
	assert_string_equal(dkim_result_name(verdict->result), "pass");
	dkim_verify_free(&verifying);
	lookup_free(&table);
}

static void changes_are_found(void **state)
{
	static const struct { struct slice message; enum dkim_reason reason; } cases[] = {
		{SLICE(RSA_FIELD LETTER BODY "\n\n"), DKIM_VALID},
		{SLICE(RSA_FIELD LETTER "Hi. \n\nWe lost the game. \t Are you hungry yet?\n\nJoe.\n"), DKIM_VALID},
		{SLICE(RSA_FIELD "Received: by anybody\n" LETTER BODY), DKIM_VALID},
		{SLICE(RSA_FIELD "X-From: other\n" LETTER BODY), DKIM_VALID},
		{SLICE(RSA_FIELD "FROM:Joe  SixPack\n <joe@football.example.com>\n"
				 "To: Suzie Q <suzie@shopping.example.net>\nSubject: Is dinner ready?\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
				 "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n\n" BODY), DKIM_VALID},
		{SLICE(RSA_FIELD LETTER BODY "more\n"), DKIM_BODY_CHANGED},
		{SLICE(RSA_FIELD LETTER), DKIM_BODY_CHANGED},
		{SLICE(RSA_FIELD "Subject: other\n" LETTER BODY), DKIM_HEADER_CHANGED},        /* signed twice: the absence of a second */
		{SLICE(RSA_FIELD "From: eve@evil.test\n" LETTER BODY), DKIM_HEADER_CHANGED},
		{SLICE(RSA_FIELD "Message-ID: <2@evil.test>\n" LETTER BODY), DKIM_VALID},      /* the lowest is the one that is signed */
	};
	struct lookup *table = football();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		must_be(reason_of(with_crlf(cases[i].message, *state), table), cases[i].reason, cases[i].message.at + strlen(RSA_FIELD));
	lookup_free(&table);
}

static void an_unsigned_message_has_no_verdict(void **state)
{
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	struct lookup *table = football();
	assert_int_equal(verify(with_crlf(SLICE(LETTER BODY), *state), table, 100, verdicts), 0);
	assert_int_equal(verify(SLICE(""), table, 100, verdicts), 0);
	assert_int_equal(lookup_count(table), 2);
	lookup_free(&table);
}

#define TAGS "v=1; a=ed25519-sha256; d=football.example.com; s=brisbane"
#define WHOLE DKIM_WHOLE_BODY
#define NO_HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* All are signed as they stand: what is wrong is what they say. */
static void what_a_signature_says_is_judged(void **state)
{
	static const struct { const char *tags; uint64_t limit; enum dkim_reason reason; } cases[] = {
		{TAGS "; c=relaxed/relaxed; h=from", WHOLE, DKIM_VALID},
		{TAGS "; c=simple/simple; h=from:to:subject", WHOLE, DKIM_VALID},
		{TAGS "; c=simple/relaxed; h=from:to:subject", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/simple; h=\r\n\t From \r\n :X-Missing::to:to", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed; h=from; c2=x; unknown=y", WHOLE, DKIM_VALID}, /* the body is simple, and ours is the same in both */
		{TAGS "; c=relaxed/relaxed; h=from; l=5", 5, DKIM_BODY_ADDED},
		{TAGS "; c=relaxed/relaxed; h=from; l=0", 0, DKIM_BODY_ADDED},
		{TAGS "; c=relaxed/relaxed; h=from; l=54", 54, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; l=55", 55, DKIM_BODY_SHORT},
		{TAGS "; c=relaxed/relaxed; h=from; l=-1", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=relaxed/relaxed; h=from; l=99999999999999999999999", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=relaxed/relaxed; h=from; x=1528637908", WHOLE, DKIM_EXPIRED},
		{TAGS "; c=relaxed/relaxed; h=from; t=1528637909; x=1628637908", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; t=1628637909; x=1628637908", WHOLE, DKIM_EXPIRED},
		{TAGS "; c=relaxed/relaxed; h=from; t=1628637909", WHOLE, DKIM_AHEAD},
		{TAGS "; c=relaxed/relaxed; h=from; t=1528650000", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; t=tomorrow", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=relaxed/relaxed; h=from; i=joe@football.example.com", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; i=joe@News.Football.example.com", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; i=@badfootball.example.com", WHOLE, DKIM_IDENTITY_STRANGE},
		{TAGS "; c=relaxed/relaxed; h=from; i=@example.com", WHOLE, DKIM_IDENTITY_STRANGE},
		{TAGS "; c=relaxed/relaxed; h=from; i=joe", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=relaxed/relaxed; h=to:subject", WHOLE, DKIM_FROM_UNSIGNED},
		{TAGS "; c=relaxed/relaxed; h=fro m", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=nofws; h=from", WHOLE, DKIM_TAG_WRONG},
		{TAGS "; c=relaxed/relaxed; h=from; q=dns/txt:http", WHOLE, DKIM_VALID},
		{TAGS "; c=relaxed/relaxed; h=from; q=http", WHOLE, DKIM_QUERY_UNKNOWN},
		{"v=2; a=ed25519-sha256; d=football.example.com; s=brisbane; h=from", WHOLE, DKIM_VERSION},
		{"v=1; a=rsa-sha1; d=football.example.com; s=test; h=from", WHOLE, DKIM_ALGORITHM_OLD},
		{"v=1; a=rsa-sha512; d=football.example.com; s=test; h=from", WHOLE, DKIM_ALGORITHM_UNKNOWN},
		{"v=1; a=ed25519-sha256; d=football.example.com; s=test; h=from", WHOLE, DKIM_KEY_OTHER},
		{"v=1; a=rsa-sha256; d=football.example.com; s=test; c=relaxed/relaxed; h=from", WHOLE, DKIM_HEADER_CHANGED},
		{"v=1; a=ed25519-sha256; d=football.example.com; s=none; h=from", WHOLE, DKIM_KEY_NONE},
		{"v=1; a=ed25519-sha256; d=football.example.com; s=late; h=from", WHOLE, DKIM_KEY_TEMPORARY},
		{"v=1; a=ed25519-sha256; d=football.example.com; h=from", WHOLE, DKIM_TAG_MISSING},
		{"v=1; a=ed25519-sha256; d=foot ball.example; s=brisbane; h=from", WHOLE, DKIM_TAG_WRONG},
		{"v=1; a=ed25519-sha256; d=com; s=brisbane; h=from", WHOLE, DKIM_TAG_WRONG},
		{"v=1; a=ed25519-sha256; d=football.example.com; s=a/b; h=from", WHOLE, DKIM_TAG_WRONG},
		{"v=1; a=ed25519-sha256; d=football.example.com; s=; h=from", WHOLE, DKIM_TAG_WRONG},
	};
	struct lookup *table = football();
	struct lookup_answer none = {.status = LOOKUP_NO_NAME};
	lookup_put(table, LOOKUP_TXT, SLICE("none._domainkey.football.example.com"), &none);
	struct slice message = with_crlf(SLICE(LETTER BODY), *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		must_be(reason_of(sign_by_hand(cases[i].tags, message, cases[i].limit, *state), table), cases[i].reason, cases[i].tags);
	lookup_free(&table);
}

static void lists_of_tags_are_read_by_the_letter(void **state)
{
	(void)state;
	static const struct { struct slice text; enum dkim_reason reason; size_t count; } cases[] = {
		{SLICE("a=1"), DKIM_VALID, 1},
		{SLICE(" a = 1 ;\r\n\tb=2 ; "), DKIM_VALID, 2},
		{SLICE("a=;b="), DKIM_VALID, 2},
		{SLICE("a=b=c"), DKIM_VALID, 1},
		{SLICE("a_1=\xd1\x8f"), DKIM_VALID, 1},
		{SLICE(""), DKIM_SYNTAX, 0},
		{SLICE(";"), DKIM_SYNTAX, 0},
		{SLICE("a"), DKIM_SYNTAX, 0},
		{SLICE("a=1;;b=2"), DKIM_SYNTAX, 1},
		{SLICE("1a=1"), DKIM_SYNTAX, 0},
		{SLICE("_a=1"), DKIM_SYNTAX, 0},
		{SLICE("a b=1"), DKIM_SYNTAX, 0},
		{SLICE("=1"), DKIM_SYNTAX, 0},
		{SLICE("a=\x01"), DKIM_SYNTAX, 0},
		{SLICE("a=1; a=2"), DKIM_TAG_TWICE, 1},
		{SLICE("a=1; A=2"), DKIM_VALID, 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim_tags tags;
		must_be(dkim_tags_read(cases[i].text, &tags), cases[i].reason, cases[i].text.at);
		assert_int_equal(tags.count, cases[i].count);
	}
}

static void key_records_are_judged(void **state)
{
	static const struct { struct slice record; enum dkim_reason reason; } cases[] = {
		{SLICE("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), DKIM_VALID},
		{SLICE(ED25519_RECORD ";"), DKIM_VALID},
		{SLICE("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQH Og7hcvPapiMlrwIaaPcHURo="), DKIM_VALID},
		{SLICE(ED25519_RECORD "; t=y:x; n=note; s=email; h=sha1:sha256; g=*"), DKIM_VALID},
		{SLICE("p=; v=DKIM1; k=ed25519"), DKIM_KEY_SYNTAX},
		{SLICE("v=DKIM2; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), DKIM_KEY_SYNTAX},
		{SLICE("v=DKIM1; k=ed25519; p="), DKIM_KEY_REVOKED},
		{SLICE("v=DKIM1; k=ed25519"), DKIM_KEY_SYNTAX},
		{SLICE("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcH"), DKIM_KEY_SYNTAX},
		{SLICE("v=DKIM1; k=ed25519; p=?"), DKIM_KEY_SYNTAX},
		{SLICE("v=spf1 -all"), DKIM_KEY_SYNTAX},
		{SLICE(""), DKIM_KEY_SYNTAX},
		{SLICE(RSA_RECORD), DKIM_KEY_OTHER},
		{SLICE(ED25519_RECORD "; h=sha1"), DKIM_KEY_OTHER},
		{SLICE(ED25519_RECORD "; s=tlsrpt"), DKIM_KEY_SERVICE},
		{SLICE(ED25519_RECORD "; t=s"), DKIM_KEY_STRICT},
	};
	struct slice message = sign_by_hand(TAGS "; c=relaxed/relaxed; h=from; i=joe@news.football.example.com", with_crlf(SLICE(LETTER BODY), *state),
					    DKIM_WHOLE_BODY, *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup *table = lookup_new();
		publish(table, "brisbane._domainkey.football.example.com", cases[i].record);
		must_be(reason_of(message, table), cases[i].reason, cases[i].record.at);
		lookup_free(&table);
	}
}

static void of_several_records_one_that_can_be_used_is_taken(void **state)
{
	struct lookup *table = lookup_new();
	struct lookup_record records[] = {{.data = SLICE("v=spf1 -all")}, {.data = SLICE(RSA_RECORD)}, {.data = SLICE(ED25519_RECORD)}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 3};
	lookup_put(table, LOOKUP_TXT, SLICE("brisbane._domainkey.football.example.com"), &answer);
	must_be(reason_of(with_crlf(SLICE(ED25519_FIELD LETTER BODY), *state), table), DKIM_VALID, "several records");
	lookup_free(&table);
}

/* Whose domain is testing isn't to suffer for it. */
static void a_testing_domain_does_not_fail(void **state)
{
	struct lookup *table = lookup_new();
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	publish(table, "brisbane._domainkey.football.example.com", SLICE(ED25519_RECORD "; t=y"));
	must_be(reason_of(with_crlf(SLICE(ED25519_FIELD LETTER BODY "more\n"), *state), table), DKIM_TESTING, "a changed body");
	verify(with_crlf(SLICE(ED25519_FIELD LETTER BODY), *state), table, 100, verdicts);
	assert_int_equal(verdicts[0].result, DKIM_PASS);
	assert_true(verdicts[0].testing);
	lookup_free(&table);
}

/* A public RSA key of so many bits, with an exponent of so many: good for nothing, and quickly made. */
static struct slice rsa_record(int bits, int exponent_bits, bool bare, struct arena *arena)
{
	BIGNUM *modulus = BN_new(), *exponent = BN_new();
	BN_set_bit(modulus, bits - 1);
	BN_set_bit(modulus, 0);
	BN_set_bit(exponent, exponent_bits - 1);
	BN_set_bit(exponent, 0);
	unsigned char *bytes = NULL;
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(build, "n", modulus);
	OSSL_PARAM_BLD_push_BN(build, "e", exponent);
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
	int len = bare ? i2d_PublicKey(key, &bytes) : i2d_PUBKEY(key, &bytes);
	assert_true(len > 0);
	struct slice record = arena_printf(arena, "v=DKIM1; p=%.*s", SLICE_ARG(to_base64(slice_make((const char *)bytes, (size_t)len), arena)));
	OPENSSL_free(bytes);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_free(key);
	BN_free(modulus);
	BN_free(exponent);
	return record;
}

static void keys_have_a_least_and_a_largest_size(void **state)
{
	static const struct { int bits, exponent_bits; bool bare; enum dkim_reason reason; } cases[] = {
		{512, 17, false, DKIM_KEY_SMALL}, {1023, 17, false, DKIM_KEY_SMALL}, {1024, 17, false, DKIM_HEADER_CHANGED},
		{1024, 17, true, DKIM_HEADER_CHANGED}, {8192, 17, false, DKIM_HEADER_CHANGED}, {8200, 17, false, DKIM_KEY_LARGE},
		{2048, 64, false, DKIM_HEADER_CHANGED}, {2048, 65, false, DKIM_KEY_LARGE}, {2048, 2000, false, DKIM_KEY_LARGE},
		{16384, 17, false, DKIM_KEY_LARGE}, {40000, 17, false, DKIM_KEY_LARGE}, {60000, 17, false, DKIM_KEY_LONG},
	};
	struct slice message = with_crlf(SLICE(RSA_FIELD LETTER BODY), *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup *table = lookup_new();
		char what[32];
		snprintf(what, sizeof what, "%d bits", cases[i].bits);
		publish(table, "test._domainkey.football.example.com", rsa_record(cases[i].bits, cases[i].exponent_bits, cases[i].bare, *state));
		must_be(reason_of(message, table), cases[i].reason, what);
		lookup_free(&table);
	}
}

/* A key that is cut off anywhere is none, and bytes behind one don't count. */
static void keys_are_read_to_their_last_byte(void **state)
{
	struct slice record = rsa_record(2048, 17, false, *state), modulus, exponent;
	struct slice whole = dkim_tags_base64(slice_skip(record, slice_find(record, SLICE("p=")) + 2), *state);
	for (size_t len = 0; len < whole.len; len++) {
		char *copy = memory_copy(whole.at, len); /* so that a byte behind it would be noticed */
		assert_false(dkim_der_rsa(slice_make(copy, len), &modulus, &exponent));
		free(copy);
	}
	char *more = memory_array(whole.len + 5, 1);
	memcpy(more, whole.at, whole.len);
	assert_true(dkim_der_rsa(slice_make(more, whole.len + 5), &modulus, &exponent));
	assert_true(modulus.len == 256 && exponent.len == 3 && exponent.at[0] == 1);
	free(more);
}

static void what_is_no_rsa_key_is_not_read(void **state)
{
	(void)state;
	static const struct slice cases[] = {
		SLICE(""), SLICE("\x30"), SLICE("\x30\x80"), SLICE("\x30\x00"), SLICE("\x30\x84\xff\xff\xff\xff\x02\x01\x05"), SLICE("\x30\x85\x01\x01\x01\x01\x01"),
		SLICE("\x30\x06\x02\x01\x00\x02\x01\x03"), /* zero */
		SLICE("\x30\x05\x02\x01\x05\x02\x00"), SLICE("\x30\x06\x02\x01\x05\x04\x01\x03"), SLICE("\x02\x01\x05"),
		SLICE("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00" "0123456789abcdef0123456789abcdef"), /* Ed25519 */
		SLICE("\x30\x18\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x03\x09\x00\x30\x06\x02\x01\x05\x02\x01\x03"), /* RSA-PSS */
		SLICE("\x30\x18\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x09\x01\x30\x06\x02\x01\x05\x02\x01\x03"), /* a bit is missing */
	};
	struct slice modulus, exponent;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_false(dkim_der_rsa(cases[i], &modulus, &exponent));
	assert_true(dkim_der_rsa(SLICE("\x30\x18\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x09\x00\x30\x06\x02\x01\x05\x02\x01\x03"), &modulus, &exponent));
	assert_true(slice_equal(modulus, SLICE("\x05")) && slice_equal(exponent, SLICE("\x03")));
}

static void names_in_other_scripts_are_asked_for_as_a_labels(void **state)
{
	struct lookup *table = lookup_new();
	publish(table, "brisbane._domainkey.xn--bcher-kva.example", SLICE(ED25519_RECORD));
	struct slice message = sign_by_hand("v=1; a=ed25519-sha256; c=relaxed/relaxed; d=b\xc3\xbc" "cher.example; s=brisbane; h=from",
					    with_crlf(SLICE(LETTER BODY), *state), DKIM_WHOLE_BODY, *state);
	must_be(reason_of(message, table), DKIM_VALID, "a U-label");
	lookup_free(&table);
}

/* Repeated fields are taken from the bottom up, and the signature itself never. */
static void repeated_fields_are_taken_from_below(void **state)
{
	struct lookup *table = football();
	struct slice letter = with_crlf(SLICE("Received: three\nReceived: two\n" LETTER BODY), *state);
	struct slice message = sign_by_hand(TAGS "; c=relaxed/relaxed; h=from:received:dkim-signature:received", letter, DKIM_WHOLE_BODY, *state);
	must_be(reason_of(message, table), DKIM_VALID, "two of two");
	message = sign_by_hand(TAGS "; c=relaxed/relaxed; h=from:received", letter, DKIM_WHOLE_BODY, *state);
	must_be(reason_of(arena_printf(*state, "Received: four\r\n%.*s", SLICE_ARG(message)), table), DKIM_VALID, "one added above");
	size_t at = slice_find(message, SLICE("two"));
	char *changed = arena_text(*state, message);
	changed[at] = 'T';
	must_be(reason_of(slice_make(changed, message.len), table), DKIM_HEADER_CHANGED, "the lowest changed");
	lookup_free(&table);
}

static void what_is_shown_may_not_be_added_to(void **state)
{
	static const char *const added[] = {"From: eve@evil.test\r\n", "Subject: other\r\n", "date: other\r\n", "Reply-To: eve@evil.test\r\n"};
	struct lookup *table = football();
	struct slice message = sign_by_hand(TAGS "; c=relaxed/relaxed; h=from:subject:date:reply-to",
					    with_crlf(SLICE("Reply-To: joe@football.example.com\n" LETTER BODY), *state), DKIM_WHOLE_BODY, *state);
	must_be(reason_of(message, table), DKIM_VALID, "nothing added");
	for (size_t i = 0; i < sizeof added / sizeof *added; i++)
		must_be(reason_of(arena_printf(*state, "%s%.*s", added[i], SLICE_ARG(message)), table), DKIM_FIELDS_ADDED, added[i]);
	lookup_free(&table);
}

/* ---- limits ---- */

static struct slice repeated(const char *text, size_t times, struct slice rest, struct arena *arena)
{
	struct buf all = BUF(TEXT_MAX);
	for (size_t i = 0; i < times; i++)
		buf_append_text(&all, text);
	buf_append(&all, rest);
	assert_false(all.overflow);
	struct slice copy = arena_copy(arena, buf_slice(&all));
	buf_free(&all);
	return copy;
}

static void a_thousand_signatures_are_passed_over(void **state)
{
	struct lookup *table = football();
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	struct slice one = with_crlf(SLICE(RSA_FIELD), *state);
	struct slice message = repeated(arena_text(*state, one), 1000, with_crlf(SLICE(LETTER BODY), *state), *state);
	assert_int_equal(verify(message, table, 1000, verdicts), DKIM_SIGNATURES_MAX + 1);
	must_be(verdicts[0].reason, DKIM_VALID, "the first");
	must_be(verdicts[DKIM_SIGNATURES_MAX].reason, DKIM_SIGNATURES_MANY, "the last");
	assert_int_equal(lookup_count(table), 2);
	lookup_free(&table);
}

static void limits_have_verdicts_of_their_own(void **state)
{
	struct lookup *table = football();
	struct slice letter = with_crlf(SLICE(LETTER BODY), *state), signed_letter = with_crlf(SLICE(RSA_FIELD LETTER BODY), *state);
	struct slice names = repeated(":x", DKIM_NAMES_MAX, SLICE(""), *state), tags = {0};
	must_be(reason_of(repeated("X-Fill: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 14000, signed_letter, *state), table),
		DKIM_HEADER_LARGE, "bytes of the header");
	must_be(reason_of(repeated("X: y\r\n", DKIM_HEADER_FIELDS_MAX, signed_letter, *state), table), DKIM_HEADER_LARGE, "fields of the header");
	must_be(reason_of(repeated("DKIM-Signature: v=1;", 1, repeated(" ", DKIM_FIELD_MAX, letter, *state), *state), table), DKIM_FIELD_LARGE, "a field");
	must_be(reason_of(arena_printf(*state, "DKIM-Signature: " TAGS "; bh=" NO_HASH "; b=AAAA; h=from%.*s\r\n%.*s", SLICE_ARG(names), SLICE_ARG(letter)), table),
		DKIM_NAMES_MANY, "names");
	for (int i = 0; i < DKIM_TAGS_MAX; i++)
		tags = arena_printf(*state, "%.*s; x%d=y", SLICE_ARG(tags), i);
	must_be(reason_of(arena_printf(*state, "DKIM-Signature: v=1%.*s\r\n%.*s", SLICE_ARG(tags), SLICE_ARG(letter)), table), DKIM_TAGS_MANY, "tags");
	lookup_free(&table);
}

/* As much work as a message can make: signatures over all fields of the largest header, a body in every form. */
static void the_largest_header_takes_linear_time(void **state)
{
	struct lookup *table = football();
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	struct slice body = repeated(" \t\r\n", HUGE_BYTES / 4, SLICE("x"), *state);
	struct slice names = repeated(":a", DKIM_NAMES_MAX - 1, SLICE(""), *state);
	struct slice field = arena_printf(*state, "DKIM-Signature: " TAGS "; c=relaxed/relaxed; h=from%.*s; bh=" NO_HASH "; b=AAAA\r\n", SLICE_ARG(names));
	struct slice letter = repeated("a: y\r\n", DKIM_HEADER_FIELDS_MAX - 100, with_crlf(SLICE(LETTER), *state), *state);
	struct slice message = repeated(arena_text(*state, field), DKIM_SIGNATURES_MAX, arena_printf(*state, "%.*s%.*s", SLICE_ARG(letter), SLICE_ARG(body)), *state);
	int64_t before = cpu_ms();
	assert_int_equal(verify(message, table, 1000, verdicts), DKIM_SIGNATURES_MAX);
	assert_true(cpu_ms() - before < HUGE_MS);
	must_be(verdicts[0].reason, DKIM_BODY_CHANGED, "a body of blanks");
	lookup_free(&table);
}

/* ---- bodies ---- */

static void bodies_have_two_forms(void **state)
{
	(void)state;
	static const struct { struct slice body, simple, relaxed; } cases[] = {
		{SLICE(""), SLICE("\r\n"), SLICE("")},
		{SLICE("\r\n"), SLICE("\r\n"), SLICE("")},
		{SLICE("\r\n\r\n\r\n"), SLICE("\r\n"), SLICE("")},
		{SLICE("a"), SLICE("a\r\n"), SLICE("a\r\n")},
		{SLICE("a\r\n"), SLICE("a\r\n"), SLICE("a\r\n")},
		{SLICE(" C \r\nD \t E\r\n\r\n\r\n"), SLICE(" C \r\nD \t E\r\n"), SLICE(" C\r\nD E\r\n")}, /* RFC 6376 §3.4.5 */
		{SLICE("a\r\n\r\nb"), SLICE("a\r\n\r\nb\r\n"), SLICE("a\r\n\r\nb\r\n")},
		{SLICE(" \t "), SLICE(" \t \r\n"), SLICE("")},
		{SLICE(" \r\n\t\r\n"), SLICE(" \r\n\t\r\n"), SLICE("")},
		{SLICE("a\r\n \r\n"), SLICE("a\r\n \r\n"), SLICE("a\r\n")},
		{SLICE("a \rb\r\r\n"), SLICE("a \rb\r\r\n"), SLICE("a \rb\r\r\n")},
		{SLICE("a\r"), SLICE("a\r\r\n"), SLICE("a\r\r\n")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int simple = 0; simple < 2; simple++)
			for (size_t step = 1; step < 4; step++) {
				struct slice wanted = simple ? cases[i].simple : cases[i].relaxed;
				struct dkim_body hashed;
				unsigned char digest[DKIM_DIGEST_SIZE];
				dkim_body_begin(&hashed, simple, DKIM_WHOLE_BODY);
				for (size_t at = 0; at < cases[i].body.len; at += step)
					dkim_body_add(&hashed, slice_sub(cases[i].body, at, step));
				dkim_body_end(&hashed);
				assert_int_equal(hashed.seen, wanted.len);
				EVP_Digest(wanted.at, wanted.len, digest, NULL, EVP_sha256(), NULL);
				assert_memory_equal(hashed.digest, digest, sizeof digest);
			}
}

static void fields_have_two_forms(void **state)
{
	(void)state;
	static const struct { struct slice field, simple, relaxed; } cases[] = {
		{SLICE("A: X\r\n"), SLICE("A: X\r\n"), SLICE("a:X\r\n")}, /* RFC 6376 §3.4.5 */
		{SLICE("B : Y\t\r\n\tZ  \r\n"), SLICE("B : Y\t\r\n\tZ  \r\n"), SLICE("b:Y Z\r\n")},
		{SLICE("A:\r\n"), SLICE("A:\r\n"), SLICE("a:\r\n")},
		{SLICE("A:  \r\n \r\n"), SLICE("A:  \r\n \r\n"), SLICE("a:\r\n")},
		{SLICE("A: b:c"), SLICE("A: b:c\r\n"), SLICE("a:b:c\r\n")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int simple = 0; simple < 2; simple++) {
			struct buf out = BUF(1000);
			dkim_field_write(cases[i].field, simple, &out);
			assert_true(slice_equal(buf_slice(&out), simple ? cases[i].simple : cases[i].relaxed));
			buf_free(&out);
		}
}

/* ---- signing ---- */

static struct slice sign(struct slice message, const struct dkim_signer *signers, EVP_PKEY *const *keys, size_t count, struct arena *arena)
{
	size_t length = header_length(message);
	struct error error;
	struct buf fields = BUF(DKIM_FIELD_MAX * DKIM_SIGNATURES_MAX);
	struct dkim_sign *signing = dkim_sign_new(slice_sub(message, 0, length), signers, count);
	assert_non_null(signing);
	for (size_t at = length; at < message.len; at += 10)
		dkim_sign_body(signing, slice_sub(message, at, 10));
	for (size_t i = 0; i < count; i++) {
		unsigned char digest[DKIM_DIGEST_SIZE];
		struct buf signature = BUF(DKIM_SIGNATURE_MAX);
		dkim_sign_digest(signing, i, digest);
		assert_true(dkim_key_sign(keys[i], digest, &signature, &error));
		dkim_sign_field(signing, i, buf_slice(&signature), &fields);
		buf_free(&signature);
	}
	dkim_sign_free(&signing);
	struct slice result = arena_printf(arena, "%.*s%.*s", SLICE_ARG(buf_slice(&fields)), SLICE_ARG(message));
	buf_free(&fields);
	return result;
}

static EVP_PKEY *make_key(enum dkim_algorithm algorithm, struct lookup *table, const char *name)
{
	struct buf pem = BUF_SECRET(DKIM_PEM_MAX), record = BUF(DKIM_RECORD_MAX);
	struct error error;
	enum dkim_algorithm found;
	assert_true(dkim_key_make(algorithm, &pem, &error));
	EVP_PKEY *key = dkim_key_read(buf_slice(&pem), &found, &error);
	assert_non_null(key);
	assert_int_equal(found, algorithm);
	assert_true(dkim_key_record(key, &record, &error));
	publish(table, name, buf_slice(&record));
	buf_free(&pem);
	buf_free(&record);
	return key;
}

static void lines_are_short(struct slice message)
{
	struct slice line, rest = message;
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		assert_true(line.len <= 79);
	}
}

static void our_signatures_verify(void **state)
{
	struct lookup *table = lookup_new();
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
	EVP_PKEY *keys[4] = {make_key(DKIM_RSA_SHA256, table, "r._domainkey.example.org"), make_key(DKIM_ED25519_SHA256, table, "e._domainkey.example.org")};
	keys[2] = keys[1];
	keys[3] = keys[1];
	struct dkim_signer signers[4] = {
		{.domain = SLICE("example.org"), .selector = SLICE("r"), .algorithm = DKIM_RSA_SHA256, .made = now},
		{.domain = SLICE("example.org"), .selector = SLICE("e"), .algorithm = DKIM_ED25519_SHA256, .made = now, .expires = now + 1000},
		{.domain = SLICE("example.org"), .selector = SLICE("e"), .algorithm = DKIM_ED25519_SHA256, .made = now, .simple_header = true, .simple_body = true},
		{.domain = SLICE("example.org"), .selector = SLICE("e"), .algorithm = DKIM_ED25519_SHA256, .made = now, .simple_body = true},
	};
	static const struct slice letters[] = {SLICE(LETTER BODY), SLICE(LETTER), SLICE("From: x\nReceived: a\nFROM : y\n\n \n\n"), SLICE("From: x")};
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		struct slice message = sign(with_crlf(letters[i], *state), signers, keys, 4, *state);
		lines_are_short(message);
		assert_int_equal(verify(message, table, 100, verdicts), 4);
		for (size_t j = 0; j < 4; j++)
			must_be(verdicts[j].reason, DKIM_VALID, letters[i].at);
		/* Nothing that people see can be added. */
		static const char *const added[] = {"To: x\r\n", "Subject: x\r\n", "Content-Type: text/html\r\n", "From: x\r\n", "Date: x\r\n", "Cc: x\r\n", "Reply-To: x\r\n"};
		for (size_t k = 0; k < sizeof added / sizeof *added; k++) {
			assert_int_equal(verify(arena_printf(*state, "%s%.*s", added[k], SLICE_ARG(message)), table, 100, verdicts), 4);
			for (size_t j = 0; j < 4; j++)
				assert_int_not_equal(verdicts[j].result, DKIM_PASS);
		}
	}
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
	lookup_free(&table);
}

static void what_cannot_be_signed_is_not(void **state)
{
	struct dkim_signer signer = {.domain = SLICE("example.org"), .selector = SLICE("e"), .algorithm = DKIM_ED25519_SHA256, .made = now};
	assert_null(dkim_sign_new(SLICE("To: x\r\n\r\n"), &signer, 1));
	assert_null(dkim_sign_new(repeated("X: y\r\n", DKIM_HEADER_FIELDS_MAX, SLICE("From: x\r\n\r\n"), *state), &signer, 1));
	assert_null(dkim_sign_new(repeated("List-Id: y\r\n", DKIM_NAMES_MAX, SLICE("From: x\r\n\r\n"), *state), &signer, 1));
}

static void private_keys_that_are_none_are_refused(void **state)
{
	(void)state;
	static const struct slice texts[] = {SLICE(""), SLICE("x"), SLICE("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		SLICE("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n")};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		enum dkim_algorithm algorithm;
		struct error error = {0};
		assert_null(dkim_key_read(texts[i], &algorithm, &error));
		assert_true(error.text[0] != '\0');
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(the_examples_verify_in_pieces_of_any_size),
		TEST(a_verdict_says_whose_signature_it_is),
		TEST(changes_are_found),
		TEST(an_unsigned_message_has_no_verdict),
		TEST(what_a_signature_says_is_judged),
		TEST(lists_of_tags_are_read_by_the_letter),
		TEST(key_records_are_judged),
		TEST(of_several_records_one_that_can_be_used_is_taken),
		TEST(a_testing_domain_does_not_fail),
		TEST(keys_have_a_least_and_a_largest_size),
		TEST(keys_are_read_to_their_last_byte),
		TEST(what_is_no_rsa_key_is_not_read),
		TEST(names_in_other_scripts_are_asked_for_as_a_labels),
		TEST(repeated_fields_are_taken_from_below),
		TEST(what_is_shown_may_not_be_added_to),
		TEST(a_thousand_signatures_are_passed_over),
		TEST(limits_have_verdicts_of_their_own),
		TEST(the_largest_header_takes_linear_time),
		TEST(bodies_have_two_forms),
		TEST(fields_have_two_forms),
		TEST(our_signatures_verify),
		TEST(what_cannot_be_signed_is_not),
		TEST(private_keys_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
