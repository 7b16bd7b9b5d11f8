/* Unit tests of Web Push: the example of RFC 8291 to the byte, what we encrypt decrypted again, tokens verified, URLs and keys of strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/ecdsa.h>

#include "base/base64.h"

#include "webpush/internal.h"

/* ---- RFC 8291 §5, appendix A ---- */

#define WATERMELON "When I grow up, I want to be a watermelon"
#define UA_PUBLIC "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define UA_PRIVATE "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"

static void decode(const char *text, unsigned char *out, size_t size) { assert_true(webpush_base64_decode(slice_of(text), out, size)); }

static struct webpush_keys keys_of_example(void)
{
	struct webpush_keys keys;
	assert_true(webpush_keys_read(SLICE(UA_PUBLIC), SLICE(AUTH), &keys));
	return keys;
}

static void the_example_is_encrypted_to_the_byte(void **state)
{
	static const char expected[] = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
				       "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
	struct webpush_keys keys = keys_of_example();
	struct webpush_seed seed = {0};
	struct buf body = BUF(WEBPUSH_BODY_MAX), text = BUF(WEBPUSH_BODY_MAX);
	struct error error;
	(void)state;
	decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", seed.private, sizeof seed.private);
	decode("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8", seed.public, sizeof seed.public);
	decode("DGv6ra1nlYgDCS1FRnbzlw", seed.salt, sizeof seed.salt);
	assert_true(webpush_encrypt_seeded(&keys, &seed, SLICE(WATERMELON), &body, &error));
	assert_true(base64_encode_url(buf_slice(&body), &text));
	assert_string_equal(text.at, expected);
	buf_free(&body);
	buf_free(&text);
}

/* ---- Decrypting, the other way round: what a browser does ---- */

static void derive(const void *salt, size_t salt_len, const void *secret, size_t secret_len, const void *info, size_t info_len, unsigned char *out, size_t size)
{
	unsigned char prk[32], block[32], text[256];
	/* RFC 5869 by hand, so that it isn't the code under test that is asked. */
	EVP_PKEY *key = EVP_PKEY_new_mac_key(EVP_PKEY_HMAC, NULL, salt, (int)salt_len);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t got = sizeof prk;
	assert_true(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 && EVP_DigestSign(context, prk, &got, secret, secret_len) == 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	memcpy(text, info, info_len);
	text[info_len] = 1;
	key = EVP_PKEY_new_mac_key(EVP_PKEY_HMAC, NULL, prk, sizeof prk);
	context = EVP_MD_CTX_new();
	got = sizeof block;
	assert_true(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 && EVP_DigestSign(context, block, &got, text, info_len + 1) == 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	memcpy(out, block, size);
}

static size_t decrypt(const struct webpush_keys *keys, const unsigned char private[WEBPUSH_PRIVATE_SIZE], struct slice body, unsigned char *out)
{
	unsigned char shared[32], ikm[32], cek[16], nonce[12], info[14 + 2 * WEBPUSH_PUBLIC_SIZE];
	const unsigned char *at = (const unsigned char *)body.at, *theirs = at + 21;
	size_t size = sizeof shared, sealed = body.len - 21 - WEBPUSH_PUBLIC_SIZE - 16;
	int len = 0, more = 0;
	assert_int_equal(at[20], WEBPUSH_PUBLIC_SIZE);
	EVP_PKEY *own = webpush_private(private, keys->public), *peer = webpush_public(theirs);
	EVP_PKEY_CTX *agree = EVP_PKEY_CTX_new(own, NULL);
	assert_true(EVP_PKEY_derive_init(agree) == 1 && EVP_PKEY_derive_set_peer(agree, peer) == 1 && EVP_PKEY_derive(agree, shared, &size) == 1);
	memcpy(info, "WebPush: info", 14);
	memcpy(info + 14, keys->public, WEBPUSH_PUBLIC_SIZE);
	memcpy(info + 14 + WEBPUSH_PUBLIC_SIZE, theirs, WEBPUSH_PUBLIC_SIZE);
	derive(keys->auth, sizeof keys->auth, shared, sizeof shared, info, sizeof info, ikm, sizeof ikm);
	derive(at, 16, ikm, sizeof ikm, "Content-Encoding: aes128gcm", 28, cek, sizeof cek);
	derive(at, 16, ikm, sizeof ikm, "Content-Encoding: nonce", 24, nonce, sizeof nonce);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	assert_true(EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), NULL, cek, nonce) == 1 && EVP_DecryptUpdate(context, out, &len, at + 21 + WEBPUSH_PUBLIC_SIZE, (int)sealed) == 1 &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, (void *)(at + body.len - 16)) == 1);
	assert_int_equal(EVP_DecryptFinal_ex(context, out + len, &more), 1);
	EVP_CIPHER_CTX_free(context);
	EVP_PKEY_CTX_free(agree);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
	return sealed;
}

static void try_length(size_t len)
{
	unsigned char private[WEBPUSH_PRIVATE_SIZE], plain[WEBPUSH_BODY_MAX];
	struct webpush_keys keys = keys_of_example();
	struct buf body = BUF(WEBPUSH_BODY_MAX);
	struct error error;
	char text[WEBPUSH_TEXT_MAX];
	memset(text, 'x', sizeof text);
	decode(UA_PRIVATE, private, sizeof private);
	assert_true(webpush_encrypt(&keys, slice_make(text, len), &body, &error));
	assert_true(body.len <= WEBPUSH_BODY_MAX && (body.len - WEBPUSH_OVERHEAD) % WEBPUSH_PAD_TO == (len > WEBPUSH_TEXT_MAX / WEBPUSH_PAD_TO * WEBPUSH_PAD_TO ? WEBPUSH_TEXT_MAX % WEBPUSH_PAD_TO : 0));
	size_t got = decrypt(&keys, private, buf_slice(&body), plain);
	while (got > 0 && plain[got - 1] == 0)
		got--;
	assert_true(got == len + 1 && plain[len] == 2 && memcmp(plain, text, len) == 0);
	buf_free(&body);
}

static void what_is_encrypted_can_be_read(void **state)
{
	static const size_t lengths[] = {0, 1, 127, 128, 129, WEBPUSH_TEXT_MAX - 1, WEBPUSH_TEXT_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		try_length(lengths[i]);
	struct webpush_keys keys = keys_of_example();
	struct buf body = BUF(2 * WEBPUSH_BODY_MAX);
	struct error error;
	static const char long_text[WEBPUSH_TEXT_MAX + 1];
	assert_false(webpush_encrypt(&keys, slice_make(long_text, sizeof long_text), &body, &error));
	assert_int_equal(error.kind, ERROR_LIMIT);
	buf_free(&body);
}

static void keys_are_points_of_the_curve(void **state)
{
	static const char *const bad[] = {
		"", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw",          /* too short */
		"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw5AAAA",      /* too long */
		"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw8",          /* not on it */
		"AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",          /* another form */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* infinity, of a kind */
		"BCVxsr7N/eNgVRqvHtD0zTZsEc6+VV+JvLexhqUzORcxaOzi6+AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",          /* the other alphabet */
	};
	struct webpush_keys keys;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(webpush_keys_read(slice_of(bad[i]), SLICE(AUTH), &keys));
	assert_false(webpush_keys_read(SLICE(UA_PUBLIC), SLICE("BTBZMqHH6r4Tts7J_aSI"), &keys));
	assert_true(webpush_keys_read(SLICE(UA_PUBLIC "="), SLICE(AUTH "=="), &keys));
}

/* ---- VAPID ---- */

static void a_token_verifies(void **state)
{
	static const char told[] = "{\"aud\":\"https://push.example.net\",\"exp\":1453523768,\"sub\":\"mailto:postmaster@example.test\"}";
	struct webpush_key key;
	struct error error;
	struct buf token = BUF(WEBPUSH_TOKEN_MAX);
	unsigned char flat[64], *der = NULL;
	struct slice header, claims, signature, rest;
	(void)state;
	assert_true(webpush_key_make(&key, &error) && key.public[0] == 4);
	assert_true(webpush_token(&key, SLICE("https://push.example.net"), SLICE("mailto:postmaster@example.test"), 1453523768, &token, &error));
	slice_cut(buf_slice(&token), '.', &header, &rest);
	slice_cut(rest, '.', &claims, &signature);
	assert_true(slice_equal(header, SLICE("eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9"))); /* as in the example of RFC 8292 §2.4 */
	unsigned char text[sizeof told - 1];
	assert_true(webpush_base64_decode(claims, text, sizeof text) && memcmp(text, told, sizeof text) == 0);
	assert_true(webpush_base64_decode(signature, flat, sizeof flat));
	ECDSA_SIG *pair = ECDSA_SIG_new();
	ECDSA_SIG_set0(pair, BN_bin2bn(flat, 32, NULL), BN_bin2bn(flat + 32, 32, NULL));
	int len = i2d_ECDSA_SIG(pair, &der);
	EVP_PKEY *public = webpush_public(key.public);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t signed_len = header.len + 1 + claims.len;
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, public), 1);
	assert_int_equal(EVP_DigestVerify(context, der, (size_t)len, (const unsigned char *)token.at, signed_len), 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	buf_clear(&token);
	assert_false(webpush_token(&key, SLICE("https://a\",\"exp\":9"), SLICE("mailto:a@b"), 1, &token, &error));
	assert_false(webpush_token(&key, SLICE(""), SLICE("mailto:a@b"), 1, &token, &error));
	assert_int_equal(token.len, 0);
	buf_free(&token);
}

/* ---- URLs, Retry-After, the wire ---- */

static void urls_have_an_origin(void **state)
{
	static const struct { const char *url, *origin; } good[] = {
		{"https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", "https://push.example.net"},
		{"HTTPS://Push.Example.NET:443?x", "https://push.example.net"},
		{"https://push.example.net:8443", "https://push.example.net:8443"},
		{"https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443"},
		{"https://192.0.2.1/", "https://192.0.2.1"},
	};
	static const char *const bad[] = {
		"", "http://push.example.net/", "https:/push.example.net/", "https://", "https:///x", "https://user@host/", "https://user:secret@host/", "https://host:0/", "https://host:65536/",
		"https://host:x/", "https://host./", "https://.host/", "https://a..b/", "https://ho st/", "https://h\xc3\xb6st/", "https://host/#x", "https://host/\"", "https://host\\@evil/",
		"https://[::1/", "https://[fe80::1%25eth0]/", "file:///etc/passwd", "gopher://host/", "https://host/\r\nX: y", "https://a]:443/",
	};
	struct arena *arena = arena_new();
	struct slice origin;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(webpush_url_check(slice_of(good[i].url), arena, &origin));
		assert_true(slice_equal(origin, slice_of(good[i].origin)));
	}
	assert_true(webpush_url_check(SLICE("https://[2001:DB8::1]:8443/x"), arena, &origin) && slice_equal(webpush_origin_host(origin), SLICE("2001:db8::1")));
	assert_true(webpush_url_check(SLICE("https://a.example:8443/x"), arena, &origin) && slice_equal(webpush_origin_host(origin), SLICE("a.example")));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(webpush_url_check(slice_of(bad[i]), arena, &origin));
	struct buf url = BUF(2 * WEBPUSH_URL_MAX);
	buf_append_text(&url, "https://a.example/");
	while (url.len < WEBPUSH_URL_MAX)
		buf_append_char(&url, 'x');
	assert_true(webpush_url_check(buf_slice(&url), arena, &origin));
	buf_append_char(&url, 'x');
	assert_false(webpush_url_check(buf_slice(&url), arena, &origin));
	buf_free(&url);
	arena_free(&arena);
}

static void services_say_when_to_come_again(void **state)
{
	(void)state;
	assert_int_equal(webpush_retry_after(SLICE("120"), 0), 120);
	assert_int_equal(webpush_retry_after(SLICE("99999999999999999999999"), 0), WEBPUSH_RETRY_MAX);
	assert_int_equal(webpush_retry_after(SLICE(""), 0), 0);
	assert_int_equal(webpush_retry_after(SLICE("-5"), 0), 0);
	assert_int_equal(webpush_retry_after(SLICE("soon"), 0), 0);
	assert_int_equal(webpush_retry_after(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), 784111717), 60);
	assert_int_equal(webpush_retry_after(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), 784111778), 0);
	assert_int_equal(webpush_retry_after(SLICE("Sun, 06 Nov 2094 08:49:37 GMT"), 784111778), WEBPUSH_RETRY_MAX);
}

static void messages_go_through_the_wire(void **state)
{
	struct webpush_message message = {SLICE("https://a.example/x"), SLICE("vapid t=a.b.c, k=d"), SLICE("\1\2\0\3"), true, 60, WEBPUSH_HIGH}, read;
	struct webpush_answer answer = {429, 77, SLICE("why")}, heard;
	struct buf wire = BUF(WEBPUSH_QUESTION_MAX);
	enum webpush_urgency urgency;
	(void)state;
	webpush_message_encode(&message, &wire);
	assert_true(webpush_message_decode(buf_slice(&wire), &read));
	assert_true(slice_equal(read.url, message.url) && slice_equal(read.authorization, message.authorization) && slice_equal(read.body, message.body) && read.encrypted && read.ttl == 60 && read.urgency == WEBPUSH_HIGH);
	for (size_t i = 0; i < wire.len; i++)
		assert_false(webpush_message_decode(slice_sub(buf_slice(&wire), 0, i), &read));
	buf_clear(&wire);
	message.authorization = SLICE("vapid\r\nX-Other: y");
	webpush_message_encode(&message, &wire);
	assert_false(webpush_message_decode(buf_slice(&wire), &read));
	buf_clear(&wire);
	webpush_answer_encode(&answer, &wire);
	assert_true(webpush_answer_decode(buf_slice(&wire), &heard) && heard.status == 429 && heard.retry_after == 77 && slice_equal(heard.why, answer.why));
	assert_true(webpush_urgency_parse(SLICE("very-low"), &urgency) && urgency == WEBPUSH_VERY_LOW);
	assert_false(webpush_urgency_parse(SLICE("urgent"), &urgency));
	buf_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_encrypted_to_the_byte),
		cmocka_unit_test(what_is_encrypted_can_be_read),
		cmocka_unit_test(keys_are_points_of_the_curve),
		cmocka_unit_test(a_token_verifies),
		cmocka_unit_test(urls_have_an_origin),
		cmocka_unit_test(services_say_when_to_come_again),
		cmocka_unit_test(messages_go_through_the_wire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
