/* See scheme.h. One table says which names there are, another which hashes tell their kind without a name; each row has the function
 * that reads what follows. Nothing of a hash is in an error's words: it may come from a file of secrets and go to a log. */
#include "auth/scheme.h"

#include <crypt.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "auth/password.h"
#include "base/memory.h"

enum { RADIX64_BITS = 6, YESCRYPT_LOG_MAX = 24, SCRAM_SALT_BYTES_MAX = SCRAM_KEY_SIZE };

struct scheme {
	const char *name;
	bool (*read)(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error);
	const char *digest;
	bool salted;
};

static bool damaged(struct error *error, const char *name)
{
	return error_set(error, ERROR_INVALID, "the hash is damaged: it is not what %s looks like", name);
}

static bool too_dear(struct error *error, const char *what, long most)
{
	return error_set(error, ERROR_INVALID, "checking the hash would cost too much: %s, and %ld is the most", what, most);
}

/* ---- Text to bytes ---- */

static bool from_hex(struct slice text, struct buf *out)
{
	for (size_t i = 0; i + 1 < text.len; i += 2) {
		int high = ascii_hex_value(text.at[i]), low = ascii_hex_value(text.at[i + 1]);
		if (high < 0 || low < 0 || !buf_append_char(out, (char)(high << 4 | low)))
			return false;
	}
	return text.len % 2 == 0;
}

/* Base64 as it is found: with or without padding, and with '.' for '+' (passlib's "ab64"). */
static bool from_base64(struct slice text, struct buf *out)
{
	struct buf plain = BUF_SECRET(ENCODED_HASH_MAX + 4);
	while (text.len > 0 && text.at[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&plain, text.at[i] == '.' ? '+' : text.at[i]);
	while (plain.len % 4 != 0)
		buf_append_char(&plain, '=');
	bool done = !plain.overflow && base64_decode(buf_slice(&plain), out);
	buf_free(&plain);
	return done;
}

static size_t digest_size(const char *name)
{
	const EVP_MD *digest = EVP_get_digestbyname(name);
	return digest ? (size_t)EVP_MD_get_size(digest) : 0;
}

static bool take_rounds(struct slice text, const char *name, struct auth_scheme_hash *hash, struct error *error)
{
	uint64_t rounds;
	if (!slice_to_number(text, UINT64_MAX, &rounds) || rounds == 0)
		return damaged(error, name);
	if (rounds > SCHEME_PBKDF2_ROUNDS_MAX)
		return too_dear(error, "it has many rounds", SCHEME_PBKDF2_ROUNDS_MAX);
	hash->rounds = (uint32_t)rounds;
	return true;
}

/* ---- What follows the name ---- */

static bool read_clear(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	(void)scheme;
	hash->kind = SCHEME_CLEAR;
	if (slice_empty(payload))
		return error_set(error, ERROR_INVALID, "the password is empty");
	return buf_append(&hash->text, payload) || damaged(error, "a password");
}

static bool read_argon2(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	(void)scheme;
	hash->kind = SCHEME_ARGON2;
	hash->salted = true;
	if (password_can_verify(payload))
		return buf_append(&hash->text, payload);
	return error_set(error, ERROR_INVALID, "the Argon2 hash is damaged, or of another version than 1.3, or needs more than %d MiB or %d passes",
			 ARGON2_MEMORY_KIB_MAX / 1024, ARGON2_PASSES_MAX);
}

/* The name's digest of the password, in hexadecimal or base64, whichever its length fits. */
static bool read_digest(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	size_t size = digest_size(scheme->digest);
	struct buf bytes = BUF_SECRET(ENCODED_HASH_MAX);
	hash->kind = SCHEME_DIGEST;
	hash->digest_name = scheme->digest;
	hash->salted = scheme->salted;
	bool hex = payload.len == 2 * size && from_hex(payload, &bytes);
	if (!hex)
		buf_clear(&bytes);
	bool done = (hex || from_base64(payload, &bytes)) && (scheme->salted ? bytes.len > size : bytes.len == size);
	done = done && buf_append(&hash->digest, slice_make(bytes.at, size)) && buf_append(&hash->salt, slice_skip(buf_slice(&bytes), size));
	buf_free(&bytes);
	return done || damaged(error, scheme->name);
}

/* Dovecot's: $1$salt$rounds$hexadecimal, of SHA-1, the salt as it is written. */
static bool read_pbkdf2_dovecot(struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice salt, rounds, digest, rest = slice_skip(payload, sizeof "$1$" - 1);
	if (!slice_cut(rest, '$', &salt, &rest) || !slice_cut(rest, '$', &rounds, &digest) || !buf_append(&hash->salt, salt) ||
	    !from_hex(digest, &hash->digest))
		return damaged(error, "PBKDF2");
	return take_rounds(rounds, "PBKDF2", hash, error);
}

/* rounds$salt$digest, both in base64, as passlib, OpenLDAP and 389 write it. */
static bool read_pbkdf2_parts(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice rounds, salt, digest, rest;
	if (!slice_cut(payload, '$', &rounds, &rest) || !slice_cut(rest, '$', &salt, &digest) || !from_base64(salt, &hash->salt) ||
	    !from_base64(digest, &hash->digest))
		return damaged(error, scheme->name);
	return take_rounds(rounds, scheme->name, hash, error);
}

static bool has_digest(const struct scheme *scheme, struct auth_scheme_hash *hash, struct error *error)
{
	return (hash->digest.len == digest_size(scheme->digest) && hash->salt.len > 0) || damaged(error, scheme->name);
}

static void is_pbkdf2(const struct scheme *scheme, struct auth_scheme_hash *hash)
{
	hash->kind = SCHEME_PBKDF2;
	hash->digest_name = scheme->digest;
	hash->salted = true;
}

static bool read_pbkdf2(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	is_pbkdf2(scheme, hash);
	bool done = slice_starts(payload, SLICE("$1$")) ? read_pbkdf2_dovecot(payload, hash, error)
							: read_pbkdf2_parts(scheme, payload, hash, error);
	return done && has_digest(scheme, hash, error);
}

/* 389's former {PBKDF2_SHA256}: one base64 of rounds (4 bytes, the highest first), salt (64) and digest (256). */
static bool read_pbkdf2_packed(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	enum { ROUNDS = 4, SALT = 64, DIGEST = 256 };
	struct buf bytes = BUF_SECRET(ENCODED_HASH_MAX);
	uint32_t rounds = 0;
	is_pbkdf2(scheme, hash);
	bool done = from_base64(payload, &bytes) && bytes.len == ROUNDS + SALT + DIGEST;
	for (size_t i = 0; done && i < ROUNDS; i++)
		rounds = rounds << 8 | (unsigned char)bytes.at[i];
	done = done && rounds > 0 && buf_append(&hash->salt, slice_make(bytes.at + ROUNDS, SALT)) &&
	       buf_append(&hash->digest, slice_skip(buf_slice(&bytes), ROUNDS + SALT));
	buf_free(&bytes);
	if (done && rounds > SCHEME_PBKDF2_ROUNDS_MAX)
		return too_dear(error, "it has many rounds", SCHEME_PBKDF2_ROUNDS_MAX);
	hash->rounds = rounds;
	return done || damaged(error, scheme->name);
}

/* Django's: rounds$salt$base64, the salt as it is written. */
static bool read_pbkdf2_django(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice rounds, salt, digest, rest;
	is_pbkdf2(scheme, hash);
	if (!slice_cut(payload, '$', &rounds, &rest) || !slice_cut(rest, '$', &salt, &digest) || !buf_append(&hash->salt, salt) ||
	    !from_base64(digest, &hash->digest))
		return damaged(error, scheme->name);
	return take_rounds(rounds, scheme->name, hash, error) && has_digest(scheme, hash, error);
}

/* Dovecot's: rounds,salt,StoredKey,ServerKey. */
static bool read_scram(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice rounds, salt, stored, server, rest;
	hash->kind = SCHEME_SCRAM;
	hash->digest_name = scheme->digest;
	hash->salted = true;
	if (!slice_cut(payload, ',', &rounds, &rest) || !slice_cut(rest, ',', &salt, &rest) || !slice_cut(rest, ',', &stored, &server) ||
	    !from_base64(salt, &hash->salt) || !from_base64(stored, &hash->digest) || hash->digest.len != SCRAM_KEY_SIZE ||
	    !from_base64(server, &hash->digest) || hash->digest.len != 2 * SCRAM_KEY_SIZE || hash->salt.len == 0 ||
	    hash->salt.len > SCRAM_SALT_BYTES_MAX)
		return damaged(error, scheme->name);
	if (!take_rounds(rounds, scheme->name, hash, error))
		return false;
	return hash->rounds >= SCHEME_SCRAM_ROUNDS_MIN || error_set(error, ERROR_INVALID, "SCRAM keys of less than %d rounds are no use: clients refuse them",
								    SCHEME_SCRAM_ROUNDS_MIN);
}

/* ---- crypt(3) ---- */

/* The digits of crypt(3), in their order. */
static int radix64_value(char c)
{
	if (c == '.' || c == '/')
		return c - '.';
	if (ascii_is_digit(c))
		return c - '0' + 2;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 12;
	return c >= 'a' && c <= 'z' ? c - 'a' + 38 : -1;
}

static bool is_radix64(struct slice text, size_t len)
{
	for (size_t i = 0; i < text.len; i++)
		if (radix64_value(text.at[i]) < 0)
			return false;
	return text.len == len;
}

/* What follows the last '$'; *before is what stands before that. */
static struct slice last_part(struct slice text, struct slice *before)
{
	size_t at = text.len;
	while (at > 0 && text.at[at - 1] != '$')
		at--;
	*before = slice_sub(text, 0, at > 0 ? at - 1 : 0);
	return slice_skip(text, at);
}

/* cost (two digits) $ salt and digest (22 and 31 digits) */
static bool check_bcrypt(struct slice rest, struct error *error)
{
	struct slice cost, digest;
	uint64_t number;
	if (!slice_cut(rest, '$', &cost, &digest) || cost.len != 2 || !slice_to_number(cost, 99, &number) || number < 4 || !is_radix64(digest, 53))
		return damaged(error, "bcrypt");
	return number <= SCHEME_BCRYPT_COST_MAX || too_dear(error, "its cost is high", SCHEME_BCRYPT_COST_MAX);
}

/* [rounds=N$] salt $ digest */
static bool check_sha_crypt(struct slice rest, size_t digest_len, struct error *error)
{
	struct slice rounds, salt;
	uint64_t number = 0;
	if (slice_starts(rest, SLICE("rounds=")) && (!slice_cut(rest, '$', &rounds, &rest) || !slice_to_number(slice_skip(rounds, 7), UINT64_MAX, &number)))
		return damaged(error, "crypt's");
	if (!is_radix64(last_part(rest, &salt), digest_len) || salt.len > 16 || slice_find_char(salt, '$') != SLICE_NONE)
		return damaged(error, "crypt's");
	return number <= SCHEME_SHA_CRYPT_ROUNDS_MAX || too_dear(error, "it has many rounds", SCHEME_SHA_CRYPT_ROUNDS_MAX);
}

static bool check_sha256_crypt(struct slice rest, struct error *error) { return check_sha_crypt(rest, 43, error); }
static bool check_sha512_crypt(struct slice rest, struct error *error) { return check_sha_crypt(rest, 86, error); }

static bool check_md5_crypt(struct slice rest, struct error *error)
{
	struct slice salt;
	return (is_radix64(last_part(rest, &salt), 22) && salt.len <= 8 && slice_find_char(salt, '$') == SLICE_NONE) || damaged(error, "MD5-crypt");
}

/* Three digits, 'j', the logarithm of N less one, and r less one; then salt and digest. It takes 128 * N * r bytes. */
static bool check_yescrypt(struct slice rest, struct error *error)
{
	struct slice parameters, salt;
	if (!slice_cut(rest, '$', &parameters, &rest) || !is_radix64(last_part(rest, &salt), 43) || slice_find_char(salt, '$') != SLICE_NONE)
		return damaged(error, "yescrypt");
	if (!is_radix64(parameters, 3) || parameters.at[0] != 'j')
		return error_set(error, ERROR_INVALID, "the yescrypt hash was made with unusual parameters");
	unsigned log_n = (unsigned)radix64_value(parameters.at[1]) + 1, r = (unsigned)radix64_value(parameters.at[2]) + 1;
	if (log_n > YESCRYPT_LOG_MAX || ((uint64_t)r << log_n) / 8 > SCHEME_YESCRYPT_KIB_MAX)
		return too_dear(error, "it takes much memory in KiB", SCHEME_YESCRYPT_KIB_MAX);
	return true;
}

static const struct method {
	const char *prefix;
	bool (*check)(struct slice rest, struct error *error);
} methods[] = {
	{"$6$", check_sha512_crypt}, {"$5$", check_sha256_crypt}, {"$y$", check_yescrypt}, {"$gy$", check_yescrypt}, {"$2y$", check_bcrypt},
	{"$2b$", check_bcrypt}, {"$2a$", check_bcrypt}, {"$1$", check_md5_crypt},
};

static bool read_crypt(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	(void)scheme;
	hash->kind = SCHEME_CRYPT;
	hash->salted = true;
	for (size_t i = 0; i < payload.len; i++)
		if (payload.at[i] <= ' ' || payload.at[i] > '~')
			return damaged(error, "crypt's");
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		struct slice prefix = slice_of(methods[i].prefix);
		if (slice_starts(payload, prefix))
			return methods[i].check(slice_skip(payload, prefix.len), error) && buf_append(&hash->text, payload);
	}
	return error_set(error, ERROR_INVALID, "crypt's method is not among those that are taken: $1$, $2a$, $2b$, $2y$, $5$, $6$, $y$, $gy$");
}

/* {MD5} is crypt's $1$ to Dovecot, and a digest to OpenLDAP. */
static bool read_md5(const struct scheme *scheme, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	return slice_starts(payload, SLICE("$1$")) ? read_crypt(scheme, payload, hash, error) : read_digest(scheme, payload, hash, error);
}

/* ---- Names ---- */

static const struct scheme named[] = {
	{"PLAIN", read_clear, NULL, false}, {"CLEARTEXT", read_clear, NULL, false}, {"CLEAR", read_clear, NULL, false},
	{"CRYPT", read_crypt, NULL, true}, {"MD5-CRYPT", read_crypt, NULL, true}, {"SHA256-CRYPT", read_crypt, NULL, true},
	{"SHA512-CRYPT", read_crypt, NULL, true}, {"BLF-CRYPT", read_crypt, NULL, true},
	{"ARGON2ID", read_argon2, NULL, true}, {"ARGON2I", read_argon2, NULL, true}, {"ARGON2", read_argon2, NULL, true},
	{"SSHA", read_digest, "SHA1", true}, {"SSHA1", read_digest, "SHA1", true}, {"SSHA256", read_digest, "SHA256", true},
	{"SSHA384", read_digest, "SHA384", true}, {"SSHA512", read_digest, "SHA512", true}, {"SMD5", read_digest, "MD5", true},
	{"SHA", read_digest, "SHA1", false}, {"SHA1", read_digest, "SHA1", false}, {"SHA256", read_digest, "SHA256", false},
	{"SHA384", read_digest, "SHA384", false}, {"SHA512", read_digest, "SHA512", false},
	{"PLAIN-MD5", read_digest, "MD5", false}, {"LDAP-MD5", read_digest, "MD5", false}, {"MD5", read_md5, "MD5", false},
	{"PBKDF2", read_pbkdf2, "SHA1", true}, {"PBKDF2-SHA1", read_pbkdf2, "SHA1", true}, {"PBKDF2-SHA256", read_pbkdf2, "SHA256", true},
	{"PBKDF2-SHA512", read_pbkdf2, "SHA512", true}, {"PBKDF2_SHA256", read_pbkdf2_packed, "SHA256", true},
	{"SCRAM-SHA-256", read_scram, "SHA256", true},
};

/* Those that say by their beginning what they are. */
static const struct scheme bare[] = {
	{"$argon2", read_argon2, NULL, true},
	{"$pbkdf2-sha256$", read_pbkdf2, "SHA256", true}, {"$pbkdf2-sha512$", read_pbkdf2, "SHA512", true}, {"$pbkdf2$", read_pbkdf2, "SHA1", true},
	{"pbkdf2_sha256$", read_pbkdf2_django, "SHA256", true}, {"pbkdf2_sha1$", read_pbkdf2_django, "SHA1", true},
	{"$", read_crypt, NULL, true},
};

static bool read_bare(struct slice text, struct auth_scheme_hash *hash, struct error *error)
{
	for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
		struct slice prefix = slice_of(bare[i].name);
		bool whole = bare[i].read == read_argon2 || bare[i].read == read_crypt; /* they know their prefix themselves */
		if (slice_starts(text, prefix))
			return bare[i].read(&bare[i], whole ? text : slice_skip(text, prefix.len), hash, error);
	}
	return error_set(error, ERROR_INVALID, "that is no hash of a known kind: it begins neither with $ nor with a scheme's name in braces");
}

/* The encoding that a name may end in: {SSHA256.hex}. Without one of ours the bytes stay as they are. */
static bool decode(struct slice encoding, struct slice payload, struct buf *out)
{
	if (slice_equal_nocase(encoding, SLICE("hex")))
		return from_hex(payload, out);
	if (slice_equal_nocase(encoding, SLICE("b64")) || slice_equal_nocase(encoding, SLICE("base64")))
		return from_base64(payload, out);
	return false;
}

/* A digest is read from text in any case; what else is encoded is text once it is decoded. */
static bool read_encoded(const struct scheme *scheme, struct slice encoding, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct buf decoded = BUF_SECRET(ENCODED_HASH_MAX), again = BUF_SECRET(2 * ENCODED_HASH_MAX);
	bool done = decode(encoding, payload, &decoded) || damaged(error, scheme->name);
	if (done && scheme->read == read_digest) {
		base64_encode(buf_slice(&decoded), &again);
		done = read_digest(scheme, buf_slice(&again), hash, error);
	} else if (done)
		done = scheme->read(scheme, buf_slice(&decoded), hash, error);
	buf_free(&decoded);
	buf_free(&again);
	return done;
}

static bool read_named(struct slice name, struct slice payload, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice encoding = {NULL, 0};
	bool encoded = slice_cut(name, '.', &name, &encoding);
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		if (!slice_equal_nocase(name, slice_of(named[i].name)))
			continue;
		return encoded ? read_encoded(&named[i], encoding, payload, hash, error) : named[i].read(&named[i], payload, hash, error);
	}
	return error_set(error, ERROR_INVALID, "the scheme {%.*s} is not among those that are taken", (int)(name.len < 40 ? name.len : 40), name.at);
}

/* A name between braces at the beginning: letters, digits, '-', '_' and '.'. */
static bool take_name(struct slice text, struct slice *name, struct slice *payload)
{
	if (!slice_starts(text, SLICE("{")) || !slice_cut(slice_skip(text, 1), '}', name, payload) || slice_empty(*name))
		return false;
	for (size_t i = 0; i < name->len; i++)
		if (!ascii_is_alpha(name->at[i]) && !ascii_is_digit(name->at[i]) && !strchr("-_.", name->at[i]))
			return false;
	return true;
}

bool auth_scheme_read(struct slice text, struct auth_scheme_hash *hash, struct error *error)
{
	struct slice name, payload;
	*hash = (struct auth_scheme_hash){.text = BUF_SECRET(ENCODED_HASH_MAX), .salt = BUF_SECRET(SCHEME_SALT_MAX), .digest = BUF_SECRET(SCHEME_DIGEST_MAX)};
	if (text.len >= ENCODED_HASH_MAX)
		return error_set(error, ERROR_INVALID, "the hash is longer than %d bytes", ENCODED_HASH_MAX - 1);
	if (!slice_is_utf8(text) || slice_find_char(text, '\0') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "the hash is not text");
	return take_name(text, &name, &payload) ? read_named(name, payload, hash, error) : read_bare(text, hash, error);
}

void auth_scheme_free(struct auth_scheme_hash *hash)
{
	buf_free(&hash->text);
	buf_free(&hash->salt);
	buf_free(&hash->digest);
}

bool auth_scheme_is_hash(struct slice text)
{
	struct slice name, payload;
	if (take_name(text, &name, &payload))
		return true;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (slice_starts(text, slice_of(methods[i].prefix)))
			return true;
	for (size_t i = 0; i + 1 < sizeof bare / sizeof *bare; i++) /* the last is any '$' */
		if (slice_starts(text, slice_of(bare[i].name)))
			return true;
	return false;
}

/* ---- Verifying ---- */

static bool is_same(const void *computed, struct slice expected)
{
	return CRYPTO_memcmp(computed, expected.at, expected.len) == 0;
}

static bool verify_crypt(const struct auth_scheme_hash *hash, const char *password)
{
	struct crypt_data *data = memory_new(sizeof *data);
	char setting[ENCODED_HASH_MAX] = "";
	memcpy(setting, hash->text.at, hash->text.len);
	const char *computed = crypt_rn(password, setting, data, sizeof *data);
	bool same = computed && strlen(computed) == hash->text.len && is_same(computed, buf_slice(&hash->text));
	memory_wipe(data, sizeof *data);
	memory_wipe(setting, sizeof setting);
	free(data);
	return same;
}

static bool verify_digest(const struct auth_scheme_hash *hash, struct slice password)
{
	unsigned char computed[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestInit_ex(context, EVP_get_digestbyname(hash->digest_name), NULL) == 1 &&
		    EVP_DigestUpdate(context, password.at, password.len) == 1 && EVP_DigestUpdate(context, hash->salt.at, hash->salt.len) == 1 &&
		    EVP_DigestFinal_ex(context, computed, NULL) == 1;
	EVP_MD_CTX_free(context);
	bool same = done && is_same(computed, buf_slice(&hash->digest));
	memory_wipe(computed, sizeof computed);
	return same;
}

static bool derive(const struct auth_scheme_hash *hash, struct slice password, unsigned char *out, size_t size)
{
	return PKCS5_PBKDF2_HMAC(password.at, (int)password.len, (const unsigned char *)hash->salt.at, (int)hash->salt.len, (int)hash->rounds,
				 EVP_get_digestbyname(hash->digest_name), (int)size, out) == 1;
}

static bool verify_pbkdf2(const struct auth_scheme_hash *hash, struct slice password)
{
	unsigned char computed[SCHEME_DIGEST_MAX];
	bool same = derive(hash, password, computed, hash->digest.len) && is_same(computed, buf_slice(&hash->digest));
	memory_wipe(computed, sizeof computed);
	return same;
}

static bool verify_scram(const struct auth_scheme_hash *hash, struct slice password)
{
	unsigned char salted[SCRAM_KEY_SIZE];
	char client_key[SCRAM_KEY_SIZE], server_key[SCRAM_KEY_SIZE], stored_key[SCRAM_KEY_SIZE];
	bool same = derive(hash, password, salted, sizeof salted) &&
		    gsasl_scram_secrets_from_salted_password(GSASL_HASH_SHA256, (char *)salted, client_key, server_key, stored_key) == GSASL_OK &&
		    is_same(stored_key, slice_make(hash->digest.at, SCRAM_KEY_SIZE));
	memory_wipe(salted, sizeof salted);
	memory_wipe(client_key, sizeof client_key);
	return same;
}

static bool verify(const struct auth_scheme_hash *hash, struct slice password)
{
	char word[PASSWORD_MAX * 4 + 1];
	bool same = false;
	switch (hash->kind) {
	case SCHEME_CRYPT:
		memcpy(word, password.at, password.len);
		word[password.len] = '\0';
		same = verify_crypt(hash, word);
		memory_wipe(word, password.len);
		return same;
	case SCHEME_DIGEST:
		return verify_digest(hash, password);
	case SCHEME_PBKDF2:
		return verify_pbkdf2(hash, password);
	case SCHEME_SCRAM:
		return verify_scram(hash, password);
	default:
		return false;
	}
}

bool auth_scheme_verify(struct slice text, struct slice password)
{
	struct auth_scheme_hash hash;
	struct error error;
	if (slice_empty(password) || password.len > PASSWORD_MAX * 4 || slice_find_char(password, '\0') != SLICE_NONE)
		return false;
	bool same = auth_scheme_read(text, &hash, &error) && verify(&hash, password);
	auth_scheme_free(&hash);
	return same;
}
