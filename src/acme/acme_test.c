/* Tests of keys, requests, certificates and chains, of what authorities answer, and of when to renew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "acme/answer.h"
#include "acme/key.h"
#include "acme/schedule.h"
#include "acme/sets.h"
#include "base/base64.h"
#include "base/clock.h"

enum { TEXT_MAX = 65536, DAY = 86400 };

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct slice take(struct buf *buf)
{
	struct slice copy = arena_copy(arena, buf_slice(buf));
	buf_free(buf);
	return copy;
}

static struct evp_pkey_st *new_key(struct slice *pem)
{
	struct error error;
	struct buf text = BUF(ACME_KEY_MAX);
	assert_true(acme_key_make(&text, &error));
	*pem = take(&text);
	struct evp_pkey_st *key = acme_key_read(*pem, &error);
	assert_non_null(key);
	return key;
}

static struct slice decoded(struct slice text)
{
	struct buf plain = BUF(TEXT_MAX), bytes = BUF(TEXT_MAX);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&plain, text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i]);
	while (plain.len % 4 != 0)
		buf_append_char(&plain, '=');
	assert_true(base64_decode(buf_slice(&plain), &bytes));
	buf_free(&plain);
	return take(&bytes);
}

/* ---- Keys ---- */

static void base64_for_urls(void **state)
{
	(void)state;
	struct buf out = BUF(100);
	base64_encode_url(slice_make("\xff\xfe\xfd\xfb", 4), &out);
	assert_true(slice_equal(buf_slice(&out), SLICE("__79-w")));
	buf_free(&out);
	assert_true(acme_is_base64url(SLICE("aZ09-_")));
	assert_false(acme_is_base64url(SLICE("")));
	assert_false(acme_is_base64url(SLICE("a=")));
	assert_false(acme_is_base64url(SLICE("a/b")));
}

/* RFC 7638 §3.1 has another kind of key; the form is the same: members in order, no blanks. */
static void public_keys_have_one_form(void **state)
{
	(void)state;
	struct slice pem;
	struct error error;
	struct buf jwk = BUF(ACME_JWK_MAX), print = BUF(100);
	struct evp_pkey_st *key = new_key(&pem);
	assert_true(acme_key_jwk(key, &jwk, &error) && acme_key_thumbprint(key, &print, &error));
	struct slice text = take(&jwk);
	assert_true(slice_starts(text, SLICE("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"")));
	assert_int_equal(text.len, 32 + 43 + 7 + 43 + 2 - 1);
	unsigned char digest[32];
	SHA256((const unsigned char *)text.at, text.len, digest);
	assert_true(slice_equal(decoded(take(&print)), slice_make((char *)digest, 32)));
	acme_key_free(&key);
	assert_null(acme_key_read(SLICE("none"), &error));
}

/* OpenSSL verifies its own form of the same two numbers. */
static void signatures_are_right(void **state)
{
	(void)state;
	struct slice pem;
	struct error error;
	struct evp_pkey_st *key = new_key(&pem);
	for (int i = 0; i < 50; i++) { /* numbers that are short, too */
		struct buf out = BUF(200);
		unsigned char digest[32], text[8] = {(unsigned char)i};
		SHA256(text, sizeof text, digest);
		assert_true(acme_key_sign(key, digest, &out, &error));
		struct slice flat = decoded(take(&out));
		assert_int_equal(flat.len, 64);
		ECDSA_SIG *signature = ECDSA_SIG_new();
		ECDSA_SIG_set0(signature, BN_bin2bn((const unsigned char *)flat.at, 32, NULL), BN_bin2bn((const unsigned char *)flat.at + 32, 32, NULL));
		unsigned char *der = NULL;
		int len = i2d_ECDSA_SIG(signature, &der);
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
		assert_int_equal(EVP_PKEY_verify_init(context), 1);
		assert_int_equal(EVP_PKEY_verify(context, der, (size_t)len, digest, sizeof digest), 1);
		EVP_PKEY_CTX_free(context);
		ECDSA_SIG_free(signature);
		OPENSSL_free(der);
	}
	acme_key_free(&key);
}

static void what_can_be_a_name(void **state)
{
	(void)state;
	static const char *const good[] = {"example.org", "a.b-c.example", "*.example.org", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1", "1.example"};
	static const char *const bad[] = {"", "example", ".example.org", "example.org.", "a..b", "-a.example", "a-.example", "a b.example", "a/b.example", "*.*.example",
					  "a.*.example",					  "../x.example", "a\nb.example", "b\xc3\xbc.example", "*", "*."};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!acme_is_name(slice_of(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (acme_is_name(slice_of(bad[i])))
			fail_msg("%s", bad[i]);
}

/* ---- Requests and certificates ---- */

static void requests_have_the_names(void **state)
{
	(void)state;
	struct slice pem, names[] = {SLICE("mail.example.org"), SLICE("*.example.org"), SLICE("192.0.2.1"), SLICE("2001:db8::1")};
	struct error error;
	struct buf out = BUF(TEXT_MAX);
	struct evp_pkey_st *key = new_key(&pem);
	assert_true(acme_request_make(key, names, 4, &out, &error));
	struct slice der = decoded(take(&out));
	const unsigned char *at = (const unsigned char *)der.at;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, key), 1);
	BIO *memory = BIO_new(BIO_s_mem());
	X509_REQ_print(memory, request);
	char *text;
	size_t len = (size_t)BIO_get_mem_data(memory, &text);
	assert_true(slice_find(slice_make(text, len),
			       SLICE("DNS:mail.example.org, DNS:*.example.org, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1")) != SLICE_NONE);
	BIO_free(memory);
	X509_REQ_free(request);
	acme_key_free(&key);
}

static void challenges_have_their_certificate(void **state)
{
	(void)state;
	struct error error;
	struct buf chain = BUF(TEXT_MAX), key = BUF(ACME_KEY_MAX);
	struct acme_certificate certificate;
	assert_true(acme_alpn_make(SLICE("mail.example.org"), SLICE("token.thumbprint"), &chain, &key, &error));
	BIO *memory = BIO_new_mem_buf(chain.at, (int)chain.len);
	X509 *parsed = PEM_read_bio_X509(memory, NULL, NULL, NULL);
	ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	X509_EXTENSION *extension = X509_get_ext(parsed, X509_get_ext_by_OBJ(parsed, object, -1));
	assert_non_null(extension);
	assert_int_equal(X509_EXTENSION_get_critical(extension), 1);
	unsigned char wanted[34] = {4, 32};
	SHA256((const unsigned char *)"token.thumbprint", 16, wanted + 2);
	const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);
	assert_int_equal(ASN1_STRING_length(data), 34);
	assert_memory_equal(ASN1_STRING_get0_data(data), wanted, 34);
	ASN1_OBJECT_free(object);
	X509_free(parsed);
	BIO_free(memory);
	assert_true(acme_certificate_read(take(&chain), arena, &certificate, &error));
	assert_int_equal(certificate.name_count, 1);
	assert_true(certificate.self_signed && slice_equal(certificate.names[0], SLICE("mail.example.org")));
	buf_free(&key);
}

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

static void add(X509 *certificate, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *sign(EVP_PKEY *subject, const struct authority *by, const char *names, long begins, long ends)
{
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 0x87654321);
	X509_gmtime_adj(X509_getm_notBefore(certificate), begins);
	X509_gmtime_adj(X509_getm_notAfter(certificate), ends);
	X509_set_pubkey(certificate, subject);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)(names ? "leaf" : "authority"), -1, -1, 0);
	X509_set_issuer_name(certificate, by->certificate ? X509_get_subject_name(by->certificate) : X509_get_subject_name(certificate));
	if (names)
		add(certificate, by->certificate, NID_subject_alt_name, names);
	add(certificate, by->certificate ? by->certificate : certificate, NID_subject_key_identifier, "hash");
	if (by->certificate)
		add(certificate, by->certificate, NID_authority_key_identifier, "keyid:always");
	X509_sign(certificate, by->key, EVP_sha256());
	return certificate;
}

static struct slice pem_of(X509 *one, X509 *other)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *text;
	PEM_write_bio_X509(memory, one);
	if (other)
		PEM_write_bio_X509(memory, other);
	size_t len = (size_t)BIO_get_mem_data(memory, &text);
	struct slice copy = arena_copy(arena, slice_make(text, len));
	BIO_free(memory);
	return copy;
}

static void assert_chain(struct slice pem, struct evp_pkey_st *key, const char *name, const char *words)
{
	struct error error = {0};
	struct slice wanted = slice_of(name);
	unsigned char keys[2][ACME_DIGEST_SIZE] = {{0}};
	size_t which = 0;
	assert_true(acme_key_digest(key, keys[1]));
	bool good = acme_chain_check(pem, keys, 2, &which, &wanted, 1, clock_now(), &error);
	assert_true(!good || which == 1);
	if (good != (words == NULL) || (words && slice_find(slice_of(error.text), slice_of(words)) == SLICE_NONE))
		fail_msg("%s: %s", words ? words : "good", error.text);
}

static void chains_are_looked_at(void **state)
{
	(void)state;
	struct slice pem;
	struct acme_certificate read;
	struct error error;
	struct evp_pkey_st *key = new_key(&pem), *other = new_key(&pem);
	struct authority self = {.key = EVP_EC_gen("P-256")};
	self.certificate = sign(self.key, &self, NULL, -DAY, 100 * DAY);
	struct authority stranger = {.key = EVP_EC_gen("P-256")};
	stranger.certificate = sign(stranger.key, &stranger, NULL, -DAY, 100 * DAY);
	X509 *leaf = sign(key, &self, "DNS:mail.example.org,DNS:*.wild.example", -60, 90 * DAY), *old = sign(key, &self, "DNS:mail.example.org", -10 * DAY, -60),
	     *early = sign(key, &self, "DNS:mail.example.org", 5 * DAY, 90 * DAY);
	struct slice chain = pem_of(leaf, self.certificate);
	assert_chain(chain, key, "mail.example.org", NULL);
	assert_chain(pem_of(leaf, NULL), key, "a.wild.example", NULL);
	assert_chain(chain, other, "mail.example.org", "another key");
	assert_chain(chain, key, "other.example.org", "isn't for other.example.org");
	assert_chain(chain, key, "a.b.wild.example", "isn't for");
	assert_chain(pem_of(leaf, stranger.certificate), key, "mail.example.org", "isn't signed by the next");
	assert_chain(pem_of(old, self.certificate), key, "mail.example.org", "isn't valid now");
	assert_chain(pem_of(early, self.certificate), key, "mail.example.org", "isn't valid now");
	assert_chain(SLICE("rubbish"), key, "mail.example.org", "reading a chain");
	assert_chain(SLICE(""), key, "mail.example.org", "reading a chain");
	assert_true(acme_certificate_read(chain, arena, &read, &error));
	assert_int_equal(read.ends - read.begins, 90 * DAY + 60);
	struct slice key_id, number;
	assert_true(slice_cut(read.id, '.', &key_id, &number) && slice_equal(number, SLICE("AIdlQyE"))); /* RFC 9773 §4.1's own example */
	assert_int_equal(decoded(key_id).len, 20);
	X509_free(leaf), X509_free(old), X509_free(early), X509_free(self.certificate), X509_free(stranger.certificate);
	EVP_PKEY_free(self.key), EVP_PKEY_free(stranger.key);
	acme_key_free(&key);
	acme_key_free(&other);
}

/* ---- Answers ---- */

static void directories_are_read(void **state)
{
	(void)state;
	struct acme_directory read;
	struct error error;
	assert_true(acme_directory_read(SLICE("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\",\"renewalInfo\":\"https://a/r\","
					      "\"meta\":{\"termsOfService\":\"https://a/t\",\"externalAccountRequired\":true,\"profiles\":{\"shortlived\":\"six days\"}}}"),
					SLICE("shortlived"), arena, &read, &error));
	assert_true(read.external && read.has_profile && slice_equal(read.renewal_info, SLICE("https://a/r")));
	static const char *const bad[] = {"", "[]", "{}", "{\"newNonce\":\"http://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}",
					  "{\"newNonce\":\"https://a/n\\\"\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}",
					  "{\"newNonce\":1,\"newAccount\":[],\"newOrder\":{}}", "{\"newNonce\":\"https://a/n\",\"newNonce\":\"https://b/n\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(acme_directory_read(slice_of(bad[i]), SLICE(""), arena, &read, &error));
}

static void orders_are_read(void **state)
{
	(void)state;
	struct acme_order order;
	struct error error;
	assert_true(acme_order_read(SLICE("{\"status\":\"invalid\",\"authorizations\":[\"https://a/1\",\"https://a/2\"],\"finalize\":\"https://a/f\",\"error\":{\"type\":"
					  "\"urn:ietf:params:acme:error:dns\",\"detail\":\"no\\nsuch\"}}"), arena, &order, &error));
	assert_int_equal(order.status, ACME_INVALID);
	assert_int_equal(order.authorization_count, 2);
	assert_true(slice_equal(order.problem.words, SLICE("no?such")) && slice_equal(order.problem.type, SLICE("dns")) && order.certificate.len == 0);
	static const char *const bad[] = {"{}", "{\"status\":\"odd\",\"finalize\":\"https://a/f\"}",
					  "{\"status\":\"pending\",\"authorizations\":[1],\"finalize\":\"https://a/f\"}",
					  "{\"status\":\"pending\",\"authorizations\":[\"https://a/1\"]}", "{\"status\":\"pending\",\"authorizations\":[\"ftp://a/1\"],\"finalize\":\"https://a/f\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(acme_order_read(slice_of(bad[i]), arena, &order, &error));
	struct buf many = BUF(TEXT_MAX);
	buf_append_text(&many, "{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[\"https://a/0\"");
	for (int i = 0; i < ACME_AUTHORIZATIONS_MAX; i++)
		buf_append_text(&many, ",\"https://a/1\"");
	buf_append_text(&many, "]}");
	assert_false(acme_order_read(buf_slice(&many), arena, &order, &error));
	buf_free(&many);
}

static void authorizations_are_read(void **state)
{
	(void)state;
	struct acme_authorization read;
	struct error error;
	assert_true(acme_authorization_read(
		SLICE("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"wildcard\":true,\"challenges\":["
		      "{\"type\":\"odd-99\",\"url\":\"https://a/0\",\"token\":\"x\"},{\"type\":\"http-01\",\"url\":\"https://a/1\",\"token\":\"../x\"},"
		      "{\"type\":\"dns-01\",\"url\":\"https://a/2\",\"token\":\"abc\",\"status\":\"invalid\",\"error\":{\"detail\":\"none\"}},"
		      "{\"type\":\"dns-persist-01\",\"url\":\"https://a/3\",\"issuer-domain-names\":[\"authority.example\",\"a b\"]}]}"),
		arena, &read, &error));
	assert_int_equal(read.challenge_count, 2); /* a token is base64 for URLs, or there is none */
	assert_true(read.wildcard && read.challenges[0].kind == ACME_DNS && read.challenges[0].failed && slice_equal(read.challenges[0].problem.words, SLICE("none")));
	assert_true(read.challenges[1].kind == ACME_DNS_PERSIST && read.challenges[1].issuer_count == 1);
	assert_false(acme_authorization_read(SLICE("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a/../b\"}}"), arena, &read, &error));
}

static void problems_are_read(void **state)
{
	(void)state;
	struct acme_problem read;
	assert_true(acme_problem_read(SLICE("{\"type\":\"urn:ietf:params:acme:error:compound\",\"detail\":\"some\","
					    "\"subproblems\":[{\"detail\":\"this one\",\"identifier\":{\"value\":\"a.example\"}}]}"),
				      arena, &read));
	assert_true(slice_equal(read.type, SLICE("compound")) && slice_equal(read.words, SLICE("some: this one")) && slice_equal(read.name, SLICE("a.example")));
	assert_true(acme_problem_read(SLICE("{}"), arena, &read) && read.words.len > 0);
	assert_false(acme_problem_read(SLICE("<html>"), arena, &read));
}

static void times_are_read(void **state)
{
	(void)state;
	int64_t seconds;
	struct acme_renewal renewal;
	struct error error;
	assert_true(acme_time_read(SLICE("1970-01-02T00:00:01Z"), &seconds) && seconds == DAY + 1);
	assert_true(acme_time_read(SLICE("1970-01-02T01:30:01.123456+01:30"), &seconds) && seconds == DAY + 1);
	assert_true(acme_time_read(SLICE("1970-01-01T23:30:01-00:30"), &seconds) && seconds == DAY + 1);
	static const char *const bad[] = {"", "1970-01-02", "1970-13-02T00:00:01Z", "1970-01-02T24:00:01Z",
					  "1970-01-02T00:00:01", "1970-01-02T00:00:01+1:00", "19x0-01-02T00:00:01Z"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(acme_time_read(slice_of(bad[i]), &seconds));
	assert_true(acme_renewal_read(SLICE("{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"},"
					    "\"explanationURL\":\"https://a/x\"}"), arena, &renewal, &error));
	assert_int_equal(renewal.end - renewal.start, DAY);
	assert_false(acme_renewal_read(SLICE("{\"suggestedWindow\":{\"start\":\"2025-01-03T04:00:00Z\",\"end\":\"2025-01-02T04:00:00Z\"}}"), arena, &renewal, &error));
}

/* ---- When ---- */

static void renewals_are_long_before_the_end(void **state)
{
	(void)state;
	assert_int_equal(acme_renew_at(0, 90 * DAY, 0), 60 * DAY);
	assert_true(acme_renew_at(0, 90 * DAY, 999) > 56 * DAY && acme_renew_at(0, 90 * DAY, 999) < 60 * DAY);
	assert_int_equal(acme_renew_at(0, 6 * DAY, 0), 3 * DAY);
	assert_int_equal(acme_renew_within(50 * DAY, 52 * DAY, 0, 90 * DAY, 500), 51 * DAY);
	assert_int_equal(acme_renew_within(200 * DAY, 300 * DAY, 0, 90 * DAY, 500), 81 * DAY); /* never after its end */
	assert_int_equal(acme_retry_after(1, 0, 0), 600);
	assert_int_equal(acme_retry_after(2, 0, 0), 1200);
	assert_int_equal(acme_retry_after(1000, 0, 0), 12 * 3600);
	assert_int_equal(acme_retry_after(1, 86400, 0), 86400);
	assert_int_equal(acme_retry_after(1, INT64_MAX, 0), 7 * DAY);
}

/* ---- What the master says ---- */

static void sets_come_as_they_were(void **state)
{
	(void)state;
	struct slice names[] = {SLICE("mail.example.org"), SLICE("www.example.org")}, has[] = {SLICE("mail.example.org")};
	struct acme_set first = {.id = SLICE("mail.example.org"), .names = names, .count = 2, .has_certificate = true,
				 .certificate = {.begins = 1, .ends = 2, .names = has, .name_count = 1, .id = SLICE("a.b")}};
	struct acme_set second = {.id = SLICE("example.net"), .names = names, .count = 1}, *list;
	struct buf text = BUF(TEXT_MAX);
	size_t count;
	acme_set_write(&first, &text);
	acme_set_write(&second, &text);
	assert_true(acme_sets_read(buf_slice(&text), arena, &list, &count));
	assert_int_equal(count, 2);
	assert_true(list[0].count == 2 && list[0].has_certificate && list[0].certificate.ends == 2 && slice_equal(list[0].certificate.id, SLICE("a.b")));
	assert_true(acme_set_covers(&list[0], names, 1) && !acme_set_covers(&list[0], names, 2) && !acme_set_covers(&list[1], names, 1));
	assert_true(acme_set_allows(&list[0], SLICE("WWW.example.org")) && !acme_set_allows(&list[1], SLICE("www.example.org")));
	buf_free(&text);
	static const char *const bad[] = {"name a.example\n", "set a.example\nodd\n", "set a.example\nname x\n", "set a.example\ncertificate 1\n", "set a.example"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(acme_sets_read(slice_of(bad[i]), arena, &list, &count));
	struct slice *read, rest;
	assert_true(acme_names_read(SLICE("a.example\nb.example\n\nthe chain"), arena, &read, &count, &rest) && count == 2 && slice_equal(rest, SLICE("the chain")));
	assert_false(acme_names_read(SLICE("\nthe chain"), arena, &read, &count, &rest));
	assert_false(acme_names_read(SLICE("a.example\n../b\n"), arena, &read, &count, &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_for_urls),
		cmocka_unit_test(public_keys_have_one_form),
		cmocka_unit_test(signatures_are_right),
		cmocka_unit_test(what_can_be_a_name),
		cmocka_unit_test(requests_have_the_names),
		cmocka_unit_test(challenges_have_their_certificate),
		cmocka_unit_test(chains_are_looked_at),
		cmocka_unit_test(directories_are_read),
		cmocka_unit_test(orders_are_read),
		cmocka_unit_test(authorizations_are_read),
		cmocka_unit_test(problems_are_read),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(renewals_are_long_before_the_end),
		cmocka_unit_test(sets_come_as_they_were),
	};
	return cmocka_run_group_tests_name("acme", tests, set_up, tear_down);
}
