/* Keys of P-256 as the bytes that others see of them, and base64 in the alphabet of URLs. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "webpush/internal.h"

bool webpush_failed(struct error *error, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return error_set(error, ERROR_INVALID, "%s: %s", what, reason ? reason : "refused");
}

/* ---- Base64 ---- */

/* The text in the other alphabet, with its padding. */
static bool to_plain(struct slice text, struct buf *plain)
{
	while (text.len > 0 && text.at[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_')
			return false;
		buf_append_char(plain, (char)(c == '-' ? '+' : c == '_' ? '/' : c));
	}
	while (plain->len % 4 != 0 && !plain->overflow)
		buf_append_char(plain, '=');
	return !plain->overflow;
}

bool webpush_base64_decode(struct slice text, unsigned char *out, size_t size)
{
	struct buf plain = BUF_SECRET(WEBPUSH_KEY_TEXT_MAX), bytes = BUF_SECRET(WEBPUSH_KEY_TEXT_MAX);
	bool done = text.len <= WEBPUSH_KEY_TEXT_MAX && to_plain(text, &plain) && base64_decode(buf_slice(&plain), &bytes) && bytes.len == size;
	if (done)
		memcpy(out, bytes.at, size);
	buf_free(&plain);
	buf_free(&bytes);
	return done;
}

/* ---- Keys ---- */

static EVP_PKEY *make(OSSL_PARAM *params, int selection)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!context || EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

static bool is_point(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool point = context && EVP_PKEY_public_check(context) == 1;
	EVP_PKEY_CTX_free(context);
	return point;
}

EVP_PKEY *webpush_public(const unsigned char public[WEBPUSH_PUBLIC_SIZE])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"prime256v1"}, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)public, WEBPUSH_PUBLIC_SIZE),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = public[0] == POINT_CONVERSION_UNCOMPRESSED ? make(params, EVP_PKEY_PUBLIC_KEY) : NULL;
	if (key && !is_point(key)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	ERR_clear_error();
	return key;
}

EVP_PKEY *webpush_private(const unsigned char private[WEBPUSH_PRIVATE_SIZE], const unsigned char public[WEBPUSH_PUBLIC_SIZE])
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = NULL;
	BIGNUM *number = BN_secure_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	if (number && build && BN_bin2bn(private, WEBPUSH_PRIVATE_SIZE, number) && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public, WEBPUSH_PUBLIC_SIZE) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 && (params = OSSL_PARAM_BLD_to_param(build)))
		key = make(params, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(number);
	return key;
}

bool webpush_key_make(struct webpush_key *key, struct error *error)
{
	EVP_PKEY *made = EVP_EC_gen("P-256");
	BIGNUM *number = NULL;
	size_t len = 0;
	bool done = made && EVP_PKEY_get_octet_string_param(made, OSSL_PKEY_PARAM_PUB_KEY, key->public, sizeof key->public, &len) == 1 && len == sizeof key->public &&
		    EVP_PKEY_get_bn_param(made, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 && BN_bn2binpad(number, key->private, sizeof key->private) == sizeof key->private;
	BN_clear_free(number);
	EVP_PKEY_free(made);
	return done || webpush_failed(error, "making a key");
}

bool webpush_keys_read(struct slice p256dh, struct slice auth, struct webpush_keys *keys)
{
	if (!webpush_base64_decode(p256dh, keys->public, sizeof keys->public) || !webpush_base64_decode(auth, keys->auth, sizeof keys->auth))
		return false;
	EVP_PKEY *key = webpush_public(keys->public);
	EVP_PKEY_free(key);
	return key != NULL;
}
