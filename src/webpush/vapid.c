/* Saying who sends a message (VAPID, RFC 8292): a JWT (RFC 7519), signed with ES256 (RFC 7518 §3.4). */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include "base/base64.h"

#include "webpush/internal.h"

enum { NUMBER_SIZE = 32, DER_MAX = 128 };

static const char token_header[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";

/* Can it stand in a string of JSON as it is? */
static bool is_plain(struct slice text)
{
	return text.len > 0 && slice_is_printable(text) && slice_find_char(text, '"') == SLICE_NONE && slice_find_char(text, '\\') == SLICE_NONE;
}

/* OpenSSL's signature is a sequence of two numbers, a JWT's the two one after the other. */
static bool put_signature(const unsigned char *der, size_t len, struct buf *out)
{
	unsigned char flat[2 * NUMBER_SIZE];
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool done = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), flat, NUMBER_SIZE) == NUMBER_SIZE &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), flat + NUMBER_SIZE, NUMBER_SIZE) == NUMBER_SIZE;
	ECDSA_SIG_free(signature);
	return done && base64_encode_url(slice_make((char *)flat, sizeof flat), out);
}

static bool sign(const struct webpush_key *key, struct slice what, struct buf *out)
{
	unsigned char der[DER_MAX];
	size_t len = sizeof der;
	EVP_PKEY *private = webpush_private(key->private, key->public);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = private && context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, private) == 1 &&
		    EVP_DigestSign(context, der, &len, (const unsigned char *)what.at, what.len) == 1 && put_signature(der, len, out);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(private);
	return done;
}

bool webpush_token(const struct webpush_key *key, struct slice audience, struct slice subject, int64_t expires, struct buf *out, struct error *error)
{
	struct buf claims = BUF(WEBPUSH_TOKEN_MAX), token = BUF(WEBPUSH_TOKEN_MAX);
	if (!is_plain(audience) || !is_plain(subject))
		return error_set(error, ERROR_INVALID, "the audience or the subject can't be part of a token");
	buf_printf(&claims, "{\"aud\":\"%.*s\",\"exp\":%lld,\"sub\":\"%.*s\"}", SLICE_ARG(audience), (long long)expires, SLICE_ARG(subject));
	base64_encode_url(slice_of(token_header), &token);
	buf_append_char(&token, '.');
	base64_encode_url(buf_slice(&claims), &token);
	bool fits = !claims.overflow && !token.overflow, done = fits;
	struct buf signature = BUF(2 * WEBPUSH_KEY_TEXT_MAX);
	if (fits)
		done = (sign(key, buf_slice(&token), &signature) || webpush_failed(error, "signing")) && buf_append(out, buf_slice(&token)) && buf_append_char(out, '.') &&
		       buf_append(out, buf_slice(&signature));
	else
		error_set(error, ERROR_INVALID, "the audience or the subject is too long for a token");
	buf_free(&signature);
	buf_free(&claims);
	buf_free(&token);
	return done;
}
