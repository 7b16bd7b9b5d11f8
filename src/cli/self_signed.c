/* Making a certificate with OpenSSL; see self_signed.h. */
#include "cli/self_signed.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/key.h"

enum { NAMES_MAX = 1024 };

static bool add_extension(X509 *certificate, int kind, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return done;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *hostname, const char *domain)
{
	char names[NAMES_MAX];
	bool same = strcmp(hostname, domain) == 0;
	snprintf(names, sizeof names, "DNS:%s%s%s,DNS:localhost,IP:127.0.0.1,IP:::1", hostname, same ? "" : ",DNS:", same ? "" : domain);
	X509_NAME *subject = X509_get_subject_name(certificate);
	return X509_set_version(certificate, 2) == 1 && acme_key_number(certificate) && X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), (long)SELF_SIGNED_DAYS * 86400) && X509_set_pubkey(certificate, key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)(strlen(hostname) <= 64 ? hostname : "pombal"), -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, subject) == 1 && add_extension(certificate, NID_subject_alt_name, names) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") && add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool append_pem(BIO *memory, struct buf *out)
{
	char *bytes;
	long len = BIO_get_mem_data(memory, &bytes);
	return len > 0 && buf_append(out, slice_make(bytes, (size_t)len));
}

bool cli_self_signed_make(const char *hostname, const char *domain, struct buf *chain, struct buf *key_out, struct error *error)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *chain_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_secmem());
	bool done = key && certificate && chain_pem && key_pem && fill(certificate, key, hostname, domain) &&
		    PEM_write_bio_X509(chain_pem, certificate) == 1 && PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		    append_pem(chain_pem, chain) && append_pem(key_pem, key_out);
	if (!done)
		error_set(error, ERROR_TEMPORARY, "making a certificate: %s", ERR_reason_error_string(ERR_peek_last_error()));
	BIO_free(chain_pem);
	BIO_free(key_pem);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return done;
}
