/* Key records: hostile text that decides how much work a signature makes, so keys have bounds of their own. */
#include "dkim/key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "dkim/der.h"

enum { ED25519_SIZE = 32 };

static const struct { const char *name, *key; } algorithms[] = {
	[DKIM_RSA_SHA256] = {"rsa-sha256", "rsa"},
	[DKIM_ED25519_SHA256] = {"ed25519-sha256", "ed25519"},
};

const char *dkim_algorithm_name(enum dkim_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

const char *dkim_algorithm_key(enum dkim_algorithm algorithm)
{
	return algorithms[algorithm].key;
}

/* ---- the key itself ---- */

static unsigned bits_of(struct slice number)
{
	unsigned bits = (unsigned)(number.len * 8);
	for (unsigned mask = 0x80; mask > 0 && !((unsigned char)number.at[0] & mask); mask >>= 1)
		bits--;
	return bits;
}

static EVP_PKEY *make_rsa(struct slice modulus, struct slice exponent)
{
	BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.at, (int)modulus.len, NULL), *e = BN_bin2bn((const unsigned char *)exponent.at, (int)exponent.len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *parameters = NULL;
	if (n && e && builder && context && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters && EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	OSSL_PARAM_free(parameters);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return key;
}

static enum dkim_reason decode_rsa(struct slice bytes, struct dkim_key *key)
{
	struct slice modulus, exponent;
	if (!dkim_der_rsa(bytes, &modulus, &exponent))
		return DKIM_KEY_SYNTAX;
	key->bits = bits_of(modulus);
	if (key->bits < DKIM_RSA_BITS_MIN)
		return DKIM_KEY_SMALL;
	if (key->bits > DKIM_RSA_BITS_MAX || bits_of(exponent) > DKIM_RSA_EXPONENT_BITS_MAX)
		return DKIM_KEY_LARGE;
	key->key = make_rsa(modulus, exponent);
	return key->key ? DKIM_VALID : DKIM_KEY_SYNTAX;
}

static enum dkim_reason decode(struct slice bytes, enum dkim_algorithm algorithm, struct dkim_key *key)
{
	if (algorithm == DKIM_ED25519_SHA256) {
		key->bits = ED25519_SIZE * 8;
		key->key = bytes.len == ED25519_SIZE ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.at, bytes.len) : NULL;
		return key->key ? DKIM_VALID : DKIM_KEY_SYNTAX;
	}
	return decode_rsa(bytes, key);
}

/* ---- the record ---- */

static struct slice value_of(const struct dkim_tags *tags, struct slice name, struct slice otherwise)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	return tag ? tag->value : otherwise;
}

/* v= must be the first, if it is there. */
static bool version_is_right(const struct dkim_tags *tags)
{
	const struct dkim_tag *version = dkim_tags_find(tags, SLICE("v"));
	return !version || (version == tags->list && slice_equal(version->value, SLICE("DKIM1")));
}

static bool is_for_mail(const struct dkim_tags *tags)
{
	struct slice services = value_of(tags, SLICE("s"), SLICE("*"));
	return dkim_tags_has_word(services, SLICE("*")) || dkim_tags_has_word(services, SLICE("email"));
}

static enum dkim_reason judge(const struct dkim_tags *tags, enum dkim_algorithm algorithm, bool any_hash)
{
	const struct dkim_tag *p = dkim_tags_find(tags, SLICE("p"));
	if (!version_is_right(tags) || !p)
		return DKIM_KEY_SYNTAX;
	if (slice_empty(p->value))
		return DKIM_KEY_REVOKED;
	if (!slice_equal(value_of(tags, SLICE("k"), SLICE("rsa")), slice_of(dkim_algorithm_key(algorithm))) ||
	    (!any_hash && !dkim_tags_has_word(value_of(tags, SLICE("h"), SLICE("sha256")), SLICE("sha256"))))
		return DKIM_KEY_OTHER;
	return is_for_mail(tags) ? DKIM_VALID : DKIM_KEY_SERVICE;
}

static enum dkim_reason read_record(struct slice record, enum dkim_algorithm algorithm, bool any_hash, struct dkim_key *key)
{
	struct dkim_tags tags;
	if (record.len > DKIM_RECORD_MAX)
		return DKIM_KEY_LONG;
	if (dkim_tags_read(record, &tags) != DKIM_VALID)
		return DKIM_KEY_SYNTAX;
	struct slice flags = value_of(&tags, SLICE("t"), SLICE(""));
	key->testing = dkim_tags_has_word(flags, SLICE("y"));
	key->strict = dkim_tags_has_word(flags, SLICE("s"));
	enum dkim_reason reason = judge(&tags, algorithm, any_hash);
	if (reason != DKIM_VALID)
		return reason;
	struct arena *arena = arena_new();
	reason = decode(dkim_tags_base64(dkim_tags_find(&tags, SLICE("p"))->value, arena), algorithm, key);
	arena_free(&arena);
	return reason;
}

static enum dkim_reason choose(const struct lookup_answer *answer, enum dkim_algorithm algorithm, bool any_hash, struct dkim_key *key)
{
	enum dkim_reason first = DKIM_KEY_NONE;
	struct dkim_key tried = {0}, refused = {0};
	*key = (struct dkim_key){0};
	if (answer->status == LOOKUP_WANTED || answer->status == LOOKUP_FAILED)
		return DKIM_KEY_TEMPORARY;
	for (size_t i = 0; answer->status == LOOKUP_FOUND && i < answer->count && i < DKIM_RECORDS_MAX; i++) {
		enum dkim_reason reason = read_record(answer->records[i].data, algorithm, any_hash, &tried);
		if (reason == DKIM_VALID) {
			*key = tried;
			return reason;
		}
		dkim_key_clear(&tried);
		if (first == DKIM_KEY_NONE) {
			first = reason;
			refused = tried;
		}
		tried = (struct dkim_key){0};
	}
	*key = refused;
	return first;
}

enum dkim_reason dkim_key_choose(const struct lookup_answer *answer, enum dkim_algorithm algorithm, struct dkim_key *key)
{
	return choose(answer, algorithm, false, key);
}

enum dkim_reason dkim_key_choose_any_hash(const struct lookup_answer *answer, enum dkim_algorithm algorithm, struct dkim_key *key)
{
	return choose(answer, algorithm, true, key);
}

void dkim_key_clear(struct dkim_key *key)
{
	EVP_PKEY_free(key->key);
	key->key = NULL;
}

/* ---- its use ---- */

enum dkim_reason dkim_key_fits(const struct dkim_key *key, const struct dkim_signature *signature)
{
	size_t at = slice_find_last_char(signature->identity, '@');
	if (!key->strict || at == SLICE_NONE || slice_equal_nocase(slice_skip(signature->identity, at + 1), signature->domain))
		return DKIM_VALID;
	return DKIM_KEY_STRICT;
}

/* The algorithm of RFC 8463 signs the digest as if it was the message; RSA signs the digest. */
bool dkim_key_verifies(const struct dkim_key *key, enum dkim_algorithm algorithm, const unsigned char digest[DKIM_DIGEST_SIZE], struct slice value)
{
	const unsigned char *at = (const unsigned char *)value.at;
	bool valid;
	if (algorithm == DKIM_ED25519_SHA256) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		valid = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1 &&
			EVP_DigestVerify(context, at, value.len, digest, DKIM_DIGEST_SIZE) == 1;
		EVP_MD_CTX_free(context);
	} else {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->key, NULL);
		valid = context && EVP_PKEY_verify_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
			EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
			EVP_PKEY_verify(context, at, value.len, digest, DKIM_DIGEST_SIZE) == 1;
		EVP_PKEY_CTX_free(context);
	}
	return valid;
}
