/* Message encryption for Web Push (RFC 8291) as one record of aes128gcm (RFC 8188). */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "webpush/internal.h"

enum { SHARED_SIZE = 32, IKM_SIZE = 32, CEK_SIZE = 16, NONCE_SIZE = 12, TAG_SIZE = 16, LAST_RECORD = 2 /* RFC 8188 §2: the delimiter */ };

static const char key_info[] = "WebPush: info", cek_info[] = "Content-Encoding: aes128gcm", nonce_info[] = "Content-Encoding: nonce";

/* HKDF with SHA-256 (RFC 5869). */
static bool derive(struct slice salt, struct slice secret, struct slice info, unsigned char *out, size_t size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.at, salt.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret.at, secret.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.at, info.len),
		OSSL_PARAM_construct_end(),
	};
	bool done = context && EVP_KDF_derive(context, out, size, params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return done;
}

static bool agree(EVP_PKEY *own, EVP_PKEY *theirs, unsigned char shared[SHARED_SIZE])
{
	size_t size = SHARED_SIZE;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	bool done = context && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, theirs) == 1 && EVP_PKEY_derive(context, shared, &size) == 1 && size == SHARED_SIZE;
	EVP_PKEY_CTX_free(context);
	return done;
}

struct secrets { unsigned char shared[SHARED_SIZE], ikm[IKM_SIZE], cek[CEK_SIZE], nonce[NONCE_SIZE]; };

/* RFC 8291 §3.3, §3.4; RFC 8188 §2.2, §2.3. The strings' own NULs are part of what is hashed. */
static bool make_secrets(const struct webpush_keys *keys, const struct webpush_seed *seed, struct secrets *secrets)
{
	unsigned char info[sizeof key_info + 2 * WEBPUSH_PUBLIC_SIZE];
	EVP_PKEY *theirs = webpush_public(keys->public), *own = webpush_private(seed->private, seed->public);
	struct slice salt = slice_make((const char *)seed->salt, sizeof seed->salt), ikm = slice_make((const char *)secrets->ikm, IKM_SIZE);
	memcpy(info, key_info, sizeof key_info);
	memcpy(info + sizeof key_info, keys->public, WEBPUSH_PUBLIC_SIZE);
	memcpy(info + sizeof key_info + WEBPUSH_PUBLIC_SIZE, seed->public, WEBPUSH_PUBLIC_SIZE);
	bool done = theirs && own && agree(own, theirs, secrets->shared) &&
		    derive(slice_make((const char *)keys->auth, sizeof keys->auth), slice_make((const char *)secrets->shared, SHARED_SIZE), slice_make((const char *)info, sizeof info), secrets->ikm, IKM_SIZE) &&
		    derive(salt, ikm, slice_make(cek_info, sizeof cek_info), secrets->cek, CEK_SIZE) &&
		    derive(salt, ikm, slice_make(nonce_info, sizeof nonce_info), secrets->nonce, NONCE_SIZE);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(own);
	return done;
}

/* RFC 8188 §2.1; the id of the key is the public one (RFC 8291 §4). */
static void put_header(const struct webpush_seed *seed, struct buf *out)
{
	static const unsigned char record_size[4] = {0, 0, WEBPUSH_BODY_MAX >> 8, WEBPUSH_BODY_MAX & 0xff};
	buf_append(out, slice_make((const char *)seed->salt, sizeof seed->salt));
	buf_append(out, slice_make((const char *)record_size, sizeof record_size));
	buf_append_char(out, (char)WEBPUSH_PUBLIC_SIZE);
	buf_append(out, slice_make((const char *)seed->public, sizeof seed->public));
}

static bool seal(const struct secrets *secrets, struct slice plain, unsigned char *out)
{
	int len = 0, more = 0;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	bool done = context && EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, secrets->cek, secrets->nonce) == 1 &&
		    EVP_EncryptUpdate(context, out, &len, (const unsigned char *)plain.at, (int)plain.len) == 1 && EVP_EncryptFinal_ex(context, out + len, &more) == 1 &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + plain.len) == 1;
	EVP_CIPHER_CTX_free(context);
	return done;
}

static bool put_record(const struct secrets *secrets, struct slice text, size_t padding, struct buf *out)
{
	struct buf plain = BUF_SECRET(WEBPUSH_TEXT_MAX + 1);
	buf_append(&plain, text);
	buf_append_char(&plain, LAST_RECORD);
	for (size_t i = 0; i < padding; i++)
		buf_append_char(&plain, 0);
	char *room = plain.overflow ? NULL : buf_reserve(out, plain.len + TAG_SIZE);
	bool done = room && seal(secrets, buf_slice(&plain), (unsigned char *)room);
	if (done)
		buf_claim(out, plain.len + TAG_SIZE);
	buf_free(&plain);
	return done;
}

bool webpush_encrypt_seeded(const struct webpush_keys *keys, const struct webpush_seed *seed, struct slice text, struct buf *out, struct error *error)
{
	struct secrets secrets;
	if (text.len > WEBPUSH_TEXT_MAX || seed->padding > WEBPUSH_TEXT_MAX - text.len)
		return error_set(error, ERROR_LIMIT, "a push message has at most %d bytes", WEBPUSH_TEXT_MAX);
	bool done = make_secrets(keys, seed, &secrets);
	if (done) {
		put_header(seed, out);
		done = put_record(&secrets, text, seed->padding, out);
	}
	memory_wipe(&secrets, sizeof secrets);
	return done || webpush_failed(error, "encrypting");
}

bool webpush_encrypt(const struct webpush_keys *keys, struct slice text, struct buf *out, struct error *error)
{
	struct webpush_seed seed;
	struct webpush_key key;
	size_t rest = text.len % WEBPUSH_PAD_TO;
	if (!webpush_key_make(&key, error))
		return false;
	memcpy(seed.private, key.private, sizeof seed.private);
	memcpy(seed.public, key.public, sizeof seed.public);
	random_bytes(seed.salt, sizeof seed.salt);
	seed.padding = rest > 0 ? WEBPUSH_PAD_TO - rest : 0;
	if (text.len <= WEBPUSH_TEXT_MAX && seed.padding > WEBPUSH_TEXT_MAX - text.len)
		seed.padding = WEBPUSH_TEXT_MAX - text.len;
	bool done = webpush_encrypt_seeded(keys, &seed, text, out, error);
	memory_wipe(&seed, sizeof seed);
	memory_wipe(&key, sizeof key);
	return done;
}
