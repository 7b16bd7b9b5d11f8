/* Private keys: made, read and used where they are kept, in the role that shows them to nobody. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "dkim/dkim.h"

static bool fail(struct error *error, const char *what)
{
	ERR_clear_error();
	return error_set(error, ERROR_INVALID, "%s", what);
}

static int no_passphrase(char *out, int size, int writing, void *context)
{
	(void)out, (void)size, (void)writing, (void)context;
	return -1;
}

bool dkim_key_make(enum dkim_algorithm algorithm, struct buf *pem, struct error *error)
{
	EVP_PKEY *key = algorithm == DKIM_RSA_SHA256 ? EVP_RSA_gen(DKIM_MADE_RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	bool done = key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	long len = done ? BIO_get_mem_data(bio, &text) : 0;
	done = len > 0 && buf_append(pem, slice_make(text, (size_t)len));
	BIO_free(bio);
	EVP_PKEY_free(key);
	return done || fail(error, "a key for signatures can't be made");
}

EVP_PKEY *dkim_key_read(struct slice pem, enum dkim_algorithm *algorithm, struct error *error)
{
	BIO *bio = pem.len > 0 && pem.len <= DKIM_PEM_MAX ? BIO_new_mem_buf(pem.at, (int)pem.len) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	int kind = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
	BIO_free(bio);
	*algorithm = kind == EVP_PKEY_ED25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
	int bits = kind == EVP_PKEY_RSA ? EVP_PKEY_get_bits(key) : DKIM_RSA_BITS_MIN;
	if (!key)
		fail(error, "it is no private key in PEM, or has a passphrase");
	else if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519)
		fail(error, "the key is neither RSA nor Ed25519");
	else if (bits < DKIM_RSA_BITS_MIN || bits > DKIM_RSA_BITS_MAX)
		error_set(error, ERROR_INVALID, "the RSA key has %d bits, and must have %d to %d", bits, DKIM_RSA_BITS_MIN, DKIM_RSA_BITS_MAX);
	else
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

void dkim_key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

static bool sign_rsa(EVP_PKEY *key, const unsigned char *digest, unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool done = context && EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 && EVP_PKEY_sign(context, out, len, digest, DKIM_DIGEST_SIZE) == 1;
	EVP_PKEY_CTX_free(context);
	return done;
}

static bool sign_ed25519(EVP_PKEY *key, const unsigned char *digest, unsigned char *out, size_t *len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(context, out, len, digest, DKIM_DIGEST_SIZE) == 1;
	EVP_MD_CTX_free(context);
	return done;
}

bool dkim_key_sign(EVP_PKEY *key, const unsigned char digest[DKIM_DIGEST_SIZE], struct buf *signature, struct error *error)
{
	unsigned char out[DKIM_SIGNATURE_MAX];
	size_t len = sizeof out;
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	if (!(rsa ? sign_rsa : sign_ed25519)(key, digest, out, &len))
		return fail(error, "the signature can't be made");
	return buf_append(signature, slice_make((const char *)out, len)) || fail(error, "there is no room for the signature");
}

/* RSA as SubjectPublicKeyInfo; Ed25519 as its 32 bytes alone (RFC 8463 §4). */
static bool append_public(EVP_PKEY *key, bool rsa, struct buf *record)
{
	unsigned char *bytes = NULL, raw[32];
	size_t raw_len = sizeof raw;
	int len = rsa ? i2d_PUBKEY(key, &bytes) : 0;
	bool done = rsa ? len > 0 && base64_encode(slice_make((const char *)bytes, (size_t)len), record)
			: EVP_PKEY_get_raw_public_key(key, raw, &raw_len) == 1 && base64_encode(slice_make((const char *)raw, raw_len), record);
	OPENSSL_free(bytes);
	return done;
}

bool dkim_key_record(EVP_PKEY *key, struct buf *record, struct error *error)
{
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	buf_printf(record, "v=DKIM1; k=%s; p=", dkim_algorithm_key(rsa ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256));
	return append_public(key, rsa, record) || fail(error, "the public key can't be written");
}
