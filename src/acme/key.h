/* Keys and what is made with them: the account's, with which every request to a certification authority is signed (RFC 7515, RFC 7518), and
 * those of certificates. ECDSA on P-256 all of them. No input or output; errors of OpenSSL's are told as such. */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct x509_st;     /* … X509 */

/** In the data directory: account.key; of each set of names NAME.pem, its present key and chain, and NAME.next, the key that is next; state. */
#define ACME_FOLDER "certificates/acme"
/** The certificate that init made, as the option `certificates` has it: it comes after all others, and isn't one for anybody. */
#define ACME_SELF_SIGNED "certificates/self-signed.pem certificates/self-signed.key"

enum {
	ACME_DIGEST_SIZE = 32,   /* SHA-256 */
	ACME_NAMES_MAX = 100,    /* of one certificate */
	ACME_NAME_MAX = 253,
	ACME_PEM_MAX = 128 * 1024, /* of a chain */
	ACME_KEY_MAX = 4096,     /* of a key in PEM */
	ACME_JWK_MAX = 512,
	ACME_TOKEN_MAX = 512,    /* of a challenge */
};

/** Is it base64 for URLs, without padding (RFC 7515 §2), of at least one character? */
bool acme_is_base64url(struct slice text);

/** Makes a key, in PEM. */
bool acme_key_make(struct buf *pem, struct error *error);
/** NULL with *error: it isn't one. acme_key_free() is due. */
struct evp_pkey_st *acme_key_read(struct slice pem, struct error *error);
void acme_key_free(struct evp_pkey_st **key);
/** The public key as JSON in the one form whose hash is its thumbprint (RFC 7638 §3). */
bool acme_key_jwk(const struct evp_pkey_st *key, struct buf *out, struct error *error);
/** The thumbprint, as it stands in key authorizations (RFC 8555 §8.1). */
bool acme_key_thumbprint(const struct evp_pkey_st *key, struct buf *out, struct error *error);
/** Signs a digest: ES256 (RFC 7518 §3.4), as base64 for URLs. */
bool acme_key_sign(struct evp_pkey_st *key, const unsigned char digest[ACME_DIGEST_SIZE], struct buf *out, struct error *error);

/** "example.org", "*.example.org", an address: what a certificate can be for. */
bool acme_is_name(struct slice name);
/** Is it an address (RFC 8738)? Then *size bytes of it are in `bytes`. */
bool acme_is_address(struct slice name, unsigned char bytes[16], size_t *size);

/** Appends a request for a certificate with these names (PKCS #10, DER), as base64 for URLs. */
bool acme_request_make(struct evp_pkey_st *key, const struct slice *names, size_t count, struct buf *out, struct error *error);
/** The certificate that answers tls-alpn-01 (RFC 8737 §3) for that name, with a key of its own, both in PEM. */
bool acme_alpn_make(struct slice name, struct slice authorization, struct buf *chain, struct buf *key, struct error *error);

/** What a certificate says of itself. */
struct acme_certificate {
	int64_t begins, ends;     /* seconds since 1970 */
	struct slice *names;      /* lower case; addresses as text */
	size_t name_count;
	struct slice id;          /* by which the authority's renewal information knows it (RFC 9773 §4.1); empty: it can't be had */
	bool self_signed;
	unsigned char digest[ACME_DIGEST_SIZE]; /* of its public key: what a TLSA record 3 1 1 has (RFC 6698 §2.1) */
};
/** Reads the first certificate of a chain in PEM. */
bool acme_certificate_read(struct slice pem, struct arena *arena, struct acme_certificate *out, struct error *error);
/** Does the certificate have the name, or a wildcard that covers it? */
bool acme_certificate_has(const struct acme_certificate *certificate, struct slice name);
/** The digest of a key, as of a certificate's. */
bool acme_key_digest(const struct evp_pkey_st *key, unsigned char digest[ACME_DIGEST_SIZE]);
/** Is this chain one that can be put into service: its first certificate is of one of these keys, by their digests, and has these names, each next one has signed
 * the one before it, and all are valid now? *which: of which key. Who the last one is, is the authority's matter. */
bool acme_chain_check(struct slice pem, const unsigned char (*keys)[ACME_DIGEST_SIZE], size_t key_count, size_t *which, const struct slice *names,
		      size_t count, int64_t now, struct error *error);

/** Gives a certificate of our own making a serial number: random, positive (RFC 5280 §4.1.2.2). */
bool acme_key_number(struct x509_st *certificate);

#endif
