/* Requests for certificates, certificates that answer a challenge, and what is in those that came; see key.h. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "acme/key.h"
#include "base/base64.h"
#include "base/memory.h"

enum {
	CHAIN_MAX = 10,
	ALPN_SECONDS = 7 * 86400,
	CLOCK_SLACK_SECONDS = 3600, /* the authority's clock may be ahead of ours */
};

static bool failed(struct error *error, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return error_set(error, ERROR_INVALID, "%s: %s", what, reason ? reason : "refused");
}

/* ---- Making ---- */

static bool push_name(GENERAL_NAMES *list, struct slice name)
{
	unsigned char bytes[16];
	size_t size;
	GENERAL_NAME *entry = GENERAL_NAME_new();
	bool address = acme_is_address(name, bytes, &size);
	ASN1_STRING *text = address ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : (ASN1_STRING *)ASN1_IA5STRING_new();
	if (!entry || !text || ASN1_STRING_set(text, address ? (const void *)bytes : (const void *)name.at, (int)(address ? size : name.len)) != 1) {
		ASN1_STRING_free(text);
		GENERAL_NAME_free(entry);
		return false;
	}
	GENERAL_NAME_set0_value(entry, address ? GEN_IPADD : GEN_DNS, text);
	if (sk_GENERAL_NAME_push(list, entry) > 0)
		return true;
	GENERAL_NAME_free(entry);
	return false;
}

static GENERAL_NAMES *names_of(const struct slice *names, size_t count)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	bool done = list != NULL;
	for (size_t i = 0; done && i < count; i++)
		done = push_name(list, names[i]);
	if (done)
		return list;
	GENERAL_NAMES_free(list);
	return NULL;
}

static bool add_request_names(X509_REQ *request, GENERAL_NAMES *names)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool done = X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0) == 1 && X509_REQ_add_extensions(request, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return done;
}

/* Without a subject: authorities take the names from the extension, and choose the rest. */
bool acme_request_make(struct evp_pkey_st *key, const struct slice *names, size_t count, struct buf *out, struct error *error)
{
	X509_REQ *request = X509_REQ_new();
	GENERAL_NAMES *list = names_of(names, count);
	unsigned char *der = NULL;
	int len = 0;
	bool done = request && list && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
		    add_request_names(request, list) && X509_REQ_sign(request, key, EVP_sha256()) > 0 && (len = i2d_X509_REQ(request, &der)) > 0 &&
		    base64_encode_url(slice_make((char *)der, (size_t)len), out);
	OPENSSL_free(der);
	GENERAL_NAMES_free(list);
	X509_REQ_free(request);
	return done || failed(error, "making a request for a certificate");
}

bool acme_key_number(X509 *certificate)
{
	unsigned char bytes[16];
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] &= 0x7f; /* positive (RFC 5280 §4.1.2.2) */
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return done;
}

/* id-pe-acmeIdentifier: an octet string in an octet string, critical. */
static bool add_identifier(X509 *certificate, struct slice authorization)
{
	unsigned char value[2 + SHA256_DIGEST_LENGTH] = {V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
	SHA256((const unsigned char *)authorization.at, authorization.len, value + 2);
	ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = object && data && ASN1_OCTET_STRING_set(data, value, sizeof value) == 1
					    ? X509_EXTENSION_create_by_OBJ(NULL, object, 1, data) : NULL;
	bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(data);
	ASN1_OBJECT_free(object);
	return done;
}

static bool fill_alpn(X509 *certificate, EVP_PKEY *key, struct slice name, struct slice authorization)
{
	GENERAL_NAMES *list = names_of(&name, 1);
	X509_NAME *subject = X509_get_subject_name(certificate);
	bool done = list && X509_set_version(certificate, X509_VERSION_3) == 1 && acme_key_number(certificate) &&
		    X509_gmtime_adj(X509_getm_notBefore(certificate), -CLOCK_SLACK_SECONDS) && X509_gmtime_adj(X509_getm_notAfter(certificate), ALPN_SECONDS) &&
		    X509_set_pubkey(certificate, key) == 1 &&
		    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"ACME challenge", -1, -1, 0) == 1 &&
		    X509_set_issuer_name(certificate, subject) == 1 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1 &&
		    add_identifier(certificate, authorization) && X509_sign(certificate, key, EVP_sha256()) > 0;
	GENERAL_NAMES_free(list);
	return done;
}

bool acme_alpn_make(struct slice name, struct slice authorization, struct buf *chain, struct buf *key_pem, struct error *error)
{
	struct buf pem = BUF_SECRET(ACME_KEY_MAX);
	EVP_PKEY *key = acme_key_make(&pem, error) ? acme_key_read(buf_slice(&pem), error) : NULL;
	X509 *certificate = X509_new();
	BIO *memory = BIO_new(BIO_s_mem());
	char *bytes;
	bool done = key && certificate && memory && fill_alpn(certificate, key, name, authorization) && PEM_write_bio_X509(memory, certificate) == 1;
	long len = done ? BIO_get_mem_data(memory, &bytes) : 0;
	done = done && buf_append(chain, slice_make(bytes, (size_t)len)) && buf_append(key_pem, buf_slice(&pem));
	BIO_free(memory);
	X509_free(certificate);
	EVP_PKEY_free(key);
	buf_free(&pem);
	return done || failed(error, "making a certificate for tls-alpn-01");
}

/* ---- Reading ---- */

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm broken;
	return ASN1_TIME_to_tm(time, &broken) == 1 ? (int64_t)timegm(&broken) : 0;
}

static struct slice name_of(const GENERAL_NAME *name, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (name->type == GEN_IPADD) {
		int size = ASN1_STRING_length(name->d.iPAddress);
		if (size == 4 || size == 16)
			inet_ntop(size == 16 ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
		return arena_copy(arena, slice_of(text));
	}
	struct slice lower = SLICE("");
	if (name->type == GEN_DNS)
		lower = arena_copy(arena, slice_make((const char *)ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName)));
	for (size_t i = 0; i < lower.len; i++)
		((char *)(uintptr_t)lower.at)[i] = ascii_lower(lower.at[i]);
	return acme_is_name(lower) || slice_equal(lower, SLICE("localhost")) ? lower : SLICE("");
}

static void read_names(X509 *certificate, struct arena *arena, struct acme_certificate *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = names ? sk_GENERAL_NAME_num(names) : 0;
	out->names = arena_array(arena, (size_t)count + 1, sizeof *out->names);
	for (int i = 0; i < count; i++) {
		struct slice name = name_of(sk_GENERAL_NAME_value(names, i), arena);
		if (name.len > 0)
			out->names[out->name_count++] = name;
	}
	GENERAL_NAMES_free(names);
}

/* Who has signed it, by his key's identifier, and its number: bytes of DER, the number with its sign's zero byte. */
static struct slice id_of(X509 *certificate, struct arena *arena)
{
	struct buf id = BUF(256);
	unsigned char *number = NULL;
	AUTHORITY_KEYID *authority = X509_get_ext_d2i(certificate, NID_authority_key_identifier, NULL, NULL);
	int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &number);
	struct slice copy = SLICE("");
	if (authority && authority->keyid && len > 2 && number[1] < 0x80) {
		base64_encode_url(slice_make((const char *)authority->keyid->data, (size_t)authority->keyid->length), &id);
		buf_append_char(&id, '.');
		base64_encode_url(slice_make((char *)number + 2, (size_t)len - 2), &id);
		copy = id.overflow ? copy : arena_copy(arena, buf_slice(&id));
	}
	OPENSSL_free(number);
	AUTHORITY_KEYID_free(authority);
	buf_free(&id);
	return copy;
}

static X509 *read_next(BIO *memory)
{
	X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
	if (!certificate)
		ERR_clear_error();
	return certificate;
}

bool acme_certificate_read(struct slice pem, struct arena *arena, struct acme_certificate *out, struct error *error)
{
	*out = (struct acme_certificate){0};
	BIO *memory = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *certificate = memory ? read_next(memory) : NULL;
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
	bool done = key && acme_key_digest(key, out->digest);
	if (done) {
		out->begins = seconds_of(X509_get0_notBefore(certificate));
		out->ends = seconds_of(X509_get0_notAfter(certificate));
		out->self_signed = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
		out->id = id_of(certificate, arena);
		read_names(certificate, arena, out);
	}
	X509_free(certificate);
	BIO_free(memory);
	return done || failed(error, "reading a certificate");
}

static bool covers(struct slice pattern, struct slice name)
{
	struct slice label, rest;
	if (slice_equal_nocase(pattern, name))
		return true;
	return slice_starts(pattern, SLICE("*.")) && slice_cut(name, '.', &label, &rest) && label.len > 0 && slice_equal_nocase(slice_skip(pattern, 2), rest);
}

bool acme_certificate_has(const struct acme_certificate *certificate, struct slice name)
{
	for (size_t i = 0; i < certificate->name_count; i++)
		if (covers(certificate->names[i], name))
			return true;
	return false;
}

/* ---- Checking ---- */

struct wanted {
	const unsigned char (*keys)[ACME_DIGEST_SIZE];
	size_t key_count;
	const struct slice *names;
	size_t count;
	int64_t now;
};

static bool find_key(const struct wanted *wanted, const unsigned char digest[ACME_DIGEST_SIZE], size_t *which)
{
	for (*which = 0; *which < wanted->key_count; ++*which)
		if (memcmp(wanted->keys[*which], digest, ACME_DIGEST_SIZE) == 0)
			return true;
	return false;
}

static bool check_leaf(struct slice pem, const struct wanted *wanted, size_t *which, struct error *error)
{
	struct acme_certificate certificate;
	struct arena *arena = arena_new();
	bool done = acme_certificate_read(pem, arena, &certificate, error);
	if (done && !find_key(wanted, certificate.digest, which))
		done = error_set(error, ERROR_INVALID, "the certificate that came is of another key");
	if (done && (certificate.begins > wanted->now + CLOCK_SLACK_SECONDS || certificate.ends <= wanted->now))
		done = error_set(error, ERROR_INVALID, "the certificate that came isn't valid now: is the clock right?");
	for (size_t i = 0; done && i < wanted->count; i++)
		if (!acme_certificate_has(&certificate, wanted->names[i]))
			done = error_set(error, ERROR_INVALID, "the certificate that came isn't for %.*s", SLICE_ARG(wanted->names[i]));
	arena_free(&arena);
	return done;
}

bool acme_chain_check(struct slice pem, const unsigned char (*keys)[ACME_DIGEST_SIZE], size_t key_count, size_t *which, const struct slice *names,
		      size_t count, int64_t now, struct error *error)
{
	struct wanted wanted = {keys, key_count, names, count, now};
	BIO *memory = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *before = memory ? read_next(memory) : NULL, *above = NULL;
	bool done = before != NULL && check_leaf(pem, &wanted, which, error);
	if (!before)
		failed(error, "reading a chain of certificates");
	for (int i = 0; done && (above = read_next(memory)) != NULL; i++) {
		EVP_PKEY *signer = X509_get0_pubkey(above);
		if (i == CHAIN_MAX)
			done = error_set(error, ERROR_LIMIT, "the chain that came has more than %d certificates", CHAIN_MAX);
		else if (!signer || X509_verify(before, signer) != 1 || seconds_of(X509_get0_notAfter(above)) <= now)
			done = error_set(error, ERROR_INVALID, "the chain that came isn't one: a certificate in it isn't signed by the next, or that is too old");
		X509_free(before);
		before = above;
	}
	X509_free(before);
	BIO_free(memory);
	ERR_clear_error();
	return done;
}
