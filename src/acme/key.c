/* OpenSSL's part of it; see key.h. */
#include "acme/key.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/memory.h"

enum { COORDINATE_SIZE = 32, POINT_SIZE = 1 + 2 * COORDINATE_SIZE };

static bool failed(struct error *error, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return error_set(error, ERROR_INVALID, "%s: %s", what, reason ? reason : "refused");
}

bool acme_is_base64url(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0;
}

/* ---- Keys ---- */

bool acme_key_make(struct buf *pem, struct error *error)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *memory = BIO_new(BIO_s_secmem());
	char *bytes;
	bool done = key && memory && PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1;
	long len = done ? BIO_get_mem_data(memory, &bytes) : 0;
	done = done && len > 0 && buf_append(pem, slice_make(bytes, (size_t)len));
	BIO_free(memory);
	EVP_PKEY_free(key);
	return done || failed(error, "making a key");
}

static int no_passphrase(char *out, int size, int writing, void *argument)
{
	(void)out, (void)size, (void)writing, (void)argument;
	return 0;
}

struct evp_pkey_st *acme_key_read(struct slice pem, struct error *error)
{
	BIO *memory = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *key = memory ? PEM_read_bio_PrivateKey(memory, NULL, no_passphrase, NULL) : NULL;
	BIO_free(memory);
	if (key && !EVP_PKEY_is_a(key, "EC")) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	if (!key)
		failed(error, "reading a key");
	return key;
}

void acme_key_free(struct evp_pkey_st **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

bool acme_key_jwk(const struct evp_pkey_st *key, struct buf *out, struct error *error)
{
	unsigned char point[POINT_SIZE];
	size_t len = 0;
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1 || len != POINT_SIZE || point[0] != 4)
		return failed(error, "reading a public key");
	buf_append_text(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	base64_encode_url(slice_make((char *)point + 1, COORDINATE_SIZE), out);
	buf_append_text(out, "\",\"y\":\"");
	base64_encode_url(slice_make((char *)point + 1 + COORDINATE_SIZE, COORDINATE_SIZE), out);
	return buf_append_text(out, "\"}");
}

bool acme_key_thumbprint(const struct evp_pkey_st *key, struct buf *out, struct error *error)
{
	struct buf jwk = BUF(ACME_JWK_MAX);
	unsigned char digest[ACME_DIGEST_SIZE];
	bool done = acme_key_jwk(key, &jwk, error);
	if (done) {
		SHA256((const unsigned char *)jwk.at, jwk.len, digest);
		base64_encode_url(slice_make((char *)digest, sizeof digest), out);
	}
	buf_free(&jwk);
	return done;
}

/* OpenSSL's is a sequence of two numbers, JSON's the two of fixed length one after the other. */
static bool append_signature(const unsigned char *der, size_t len, struct buf *out)
{
	unsigned char flat[2 * COORDINATE_SIZE];
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool done = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), flat, COORDINATE_SIZE) == COORDINATE_SIZE &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), flat + COORDINATE_SIZE, COORDINATE_SIZE) == COORDINATE_SIZE;
	ECDSA_SIG_free(signature);
	return done && base64_encode_url(slice_make((char *)flat, sizeof flat), out);
}

bool acme_key_sign(struct evp_pkey_st *key, const unsigned char digest[ACME_DIGEST_SIZE], struct buf *out, struct error *error)
{
	unsigned char der[128];
	size_t len = sizeof der;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context && EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(context, der, &len, digest, ACME_DIGEST_SIZE) == 1 && append_signature(der, len, out);
	EVP_PKEY_CTX_free(context);
	return done || failed(error, "signing");
}

bool acme_key_digest(const struct evp_pkey_st *key, unsigned char digest[ACME_DIGEST_SIZE])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	if (len > 0)
		SHA256(der, (size_t)len, digest);
	OPENSSL_free(der);
	return len > 0;
}

/* ---- Names ---- */

bool acme_is_address(struct slice name, unsigned char bytes[16], size_t *size)
{
	char text[INET6_ADDRSTRLEN];
	if (name.len >= sizeof text || name.len == 0)
		return false;
	snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
	*size = slice_find_char(name, ':') != SLICE_NONE ? 16 : 4;
	return inet_pton(*size == 16 ? AF_INET6 : AF_INET, text, bytes) == 1;
}

bool acme_is_name(struct slice name)
{
	unsigned char bytes[16];
	size_t size, label = 0;
	bool dots = false;
	if (acme_is_address(name, bytes, &size))
		return true;
	if (slice_starts(name, SLICE("*.")))
		name = slice_skip(name, 2);
	if (name.len == 0 || name.len > ACME_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool edge = label == 0 || i + 1 == name.len || name.at[i + 1] == '.';
		if (c == '.' ? label == 0 : !(ascii_is_alpha(c) || ascii_is_digit(c) || (c == '-' && !edge)) || label == 63)
			return false;
		dots |= c == '.';
		label = c == '.' ? 0 : label + 1;
	}
	return dots && label > 0;
}
