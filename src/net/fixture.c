/* See fixture.h. */
#include "net/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { CERTIFICATE_SECONDS = 86400 };

int test_listen(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 100), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static struct slice contents_of(BIO *memory)
{
	char *at;
	size_t len = (size_t)BIO_get_mem_data(memory, &at);
	return slice_make(at, len);
}

struct tls_server *test_tls_server(void)
{
	struct error error;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_SECONDS);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	PEM_write_bio_X509(chain, certificate);
	PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
	struct tls_certificate pair = {.chain = contents_of(chain), .key = contents_of(secret), .name = "test"};
	struct tls_server *tls = tls_server_new(&pair, 1, "1.2", &error);
	assert_non_null(tls);
	BIO_free(chain);
	BIO_free(secret);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}
