/* TLS as a server: one OpenSSL context per certificate, chosen by the name the client asks for (SNI, RFC 6066 §3). The set of
 * contexts can be replaced while connections exist: each holds a reference to the one it began with. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/memory.h"
#include "net/internal.h"

enum { CHAIN_MAX = 10 };

/* TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 §4.2); TLS 1.3 has nothing else. */
#define TLS_1_2_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct named_context {
	SSL_CTX *context;
	char **names; /* lower-case, "*.example.org" for wildcards */
	size_t name_count;
};

struct tls_server {
	pthread_mutex_t lock; /* guards what follows */
	struct named_context *contexts;
	size_t count;
	struct named_context *challenges; /* whose one name is that of who is asked for */
	size_t challenge_count;
};

/* What a certification authority says that looks whether a name leads here (RFC 8737 §4). */
static char challenge_alpn[] = "acme-tls/1";

void tls_error_text(char *out, size_t size)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(out, size, "%s", reason ? reason : "connection closed");
	ERR_clear_error();
}

static bool openssl_error(struct error *error, const char *name, const char *what)
{
	char reason[160];
	tls_error_text(reason, sizeof reason);
	return error_set(error, ERROR_INVALID, "certificate %s: %s: %s", name, what, reason);
}

static bool name_matches(struct slice pattern, struct slice name)
{
	if (slice_starts(pattern, SLICE("*."))) {
		struct slice label, rest;
		return slice_cut(name, '.', &label, &rest) && label.len > 0 && slice_equal_nocase(slice_skip(pattern, 2), rest);
	}
	return slice_equal_nocase(pattern, name);
}

/* The context with this name, else the first. With the lock held. */
static SSL_CTX *choose_context(struct tls_server *tls, struct slice name)
{
	for (size_t i = 0; i < tls->count; i++)
		for (size_t j = 0; j < tls->contexts[i].name_count; j++)
			if (name_matches(slice_of(tls->contexts[i].names[j]), name))
				return tls->contexts[i].context;
	return tls->contexts[0].context;
}

static bool append_pem(BIO *bio, bool written, struct buf *out)
{
	char *at;
	long size = bio && written ? BIO_get_mem_data(bio, &at) : 0;
	bool done = size > 0 && buf_append(out, slice_make(at, (size_t)size));
	BIO_free(bio);
	return done;
}

static bool write_chain(SSL_CTX *context, BIO *bio)
{
	STACK_OF(X509) *above = NULL;
	bool done = bio && PEM_write_bio_X509(bio, SSL_CTX_get0_certificate(context)) == 1;
	SSL_CTX_get0_chain_certs(context, &above);
	for (int i = 0; done && i < sk_X509_num(above); i++)
		done = PEM_write_bio_X509(bio, sk_X509_value(above, i)) == 1;
	return done;
}

bool conn_certificate(const struct conn *conn, struct slice name, struct buf *chain, struct buf *key)
{
	struct tls_server *tls = conn->server->tls;
	if (!tls)
		return false;
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *context = choose_context(tls, name);
	SSL_CTX_up_ref(context);
	pthread_mutex_unlock(&tls->lock);
	BIO *chain_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_secmem());
	bool done = append_pem(chain_bio, write_chain(context, chain_bio), chain);
	bool key_written = key_bio && PEM_write_bio_PrivateKey(key_bio, SSL_CTX_get0_privatekey(context), NULL, NULL, 0, NULL, NULL) == 1;
	done = append_pem(key_bio, key_written, key) && done;
	SSL_CTX_free(context);
	return done;
}

/* With the lock held; NULL: there is no challenge about this name. */
static SSL_CTX *choose_challenge(struct tls_server *tls, struct slice name)
{
	for (size_t i = 0; i < tls->challenge_count; i++)
		if (slice_equal_nocase(slice_of(tls->challenges[i].names[0]), name))
			return tls->challenges[i].context;
	return NULL;
}

static bool is_challenge(const SSL *ssl)
{
	return SSL_get_app_data(ssl) == challenge_alpn;
}

static int answer_challenge(SSL *ssl, struct tls_server *tls, const char *name, int *alert)
{
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *context = name ? choose_challenge(tls, slice_of(name)) : NULL;
	if (context)
		SSL_set_SSL_CTX(ssl, context);
	pthread_mutex_unlock(&tls->lock);
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return context ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* First of all: who wants nothing but "acme-tls/1" is a certification authority, whatever port this is. */
static int on_hello(SSL *ssl, int *alert, void *argument)
{
	static const unsigned char only[] = "\0\x0b\x0a" "acme-tls/1"; /* a list of one name */
	const unsigned char *extension;
	size_t len;
	(void)alert, (void)argument;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &len) == 1 && len == sizeof only - 1 &&
	    memcmp(extension, only, len) == 0)
		SSL_set_app_data(ssl, challenge_alpn);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_server_name(SSL *ssl, int *alert, void *argument)
{
	struct tls_server *tls = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (is_challenge(ssl))
		return answer_challenge(ssl, tls, name, alert);
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	pthread_mutex_lock(&tls->lock);
	SSL_set_SSL_CTX(ssl, choose_context(tls, slice_of(name)));
	pthread_mutex_unlock(&tls->lock);
	return SSL_TLSEXT_ERR_OK;
}

static bool is_offered(struct slice offered, struct slice name, const unsigned char **at)
{
	while (offered.len > 0) {
		size_t len = (unsigned char)offered.at[0];
		*at = (const unsigned char *)offered.at + 1;
		if (slice_equal(slice_sub(offered, 1, len), name))
			return true;
		offered = slice_skip(offered, 1 + len);
	}
	return false;
}

/* Who talks of ALPN and means another protocol has been led here: a browser, say, whose request is to come back as our error message
 * under a name of our certificate. No handshake with it (RFC 7301 §3.2, RFC 9325 §3.7). Who says nothing is served. */
static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len, const unsigned char *at, unsigned len, void *argument)
{
	struct slice name, names = slice_of(SSL_get_app_data(ssl));
	(void)argument;
	if (names.len == 0)
		return SSL_TLSEXT_ERR_NOACK;
	while (names.len > 0) {
		slice_cut(names, ' ', &name, &names);
		if (is_offered(slice_make((const char *)at, len), name, chosen)) {
			*chosen_len = (unsigned char)name.len;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void collect_names(struct named_context *named, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = names ? sk_GENERAL_NAME_num(names) : 0;
	named->names = memory_array((size_t)count, sizeof *named->names);
	for (int i = 0; i < count; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		named->names[named->name_count++] = memory_copy(text, (size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
}

static bool load_chain(struct named_context *named, const struct tls_certificate *from, struct error *error)
{
	BIO *bio = BIO_new_mem_buf(from->chain.at, (int)from->chain.len);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool done = leaf && SSL_CTX_use_certificate(named->context, leaf) == 1;
	if (done)
		collect_names(named, leaf);
	X509_free(leaf);
	for (int i = 0; done && i < CHAIN_MAX; i++) {
		X509 *above = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!above)
			break;
		done = SSL_CTX_add0_chain_cert(named->context, above) == 1;
	}
	BIO_free(bio);
	if (!done)
		return openssl_error(error, from->name, "reading the chain");
	ERR_clear_error();
	return true;
}

static int no_passphrase(char *out, int size, int writing, void *argument)
{
	(void)out, (void)size, (void)writing, (void)argument;
	return 0;
}

static bool load_key(SSL_CTX *context, const struct tls_certificate *from, struct error *error)
{
	BIO *bio = BIO_new_mem_buf(from->key.at, (int)from->key.len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	bool done = key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return done || openssl_error(error, from->name, "reading the key");
}

static bool load_context(struct tls_server *tls, struct named_context *named, const struct tls_certificate *from,
			 int minimum_version, struct error *error)
{
	named->context = SSL_CTX_new(TLS_server_method());
	if (!named->context)
		return openssl_error(error, from->name, "making a context");
	SSL_CTX *context = named->context;
	SSL_CTX_set_min_proto_version(context, minimum_version);
	if (SSL_CTX_set_cipher_list(context, TLS_1_2_CIPHERS) != 1)
		return openssl_error(error, from->name, "choosing ciphers");
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			    SSL_OP_CLEANSE_PLAINTEXT); /* what is read may be a password */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1); /* else it reads the head of each record first */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"pombal", 6);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(context, tls);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
	return load_chain(named, from, error) && load_key(context, from, error);
}

static void free_contexts(struct named_context *contexts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		SSL_CTX_free(contexts[i].context);
		for (size_t j = 0; j < contexts[i].name_count; j++)
			free(contexts[i].names[j]);
		free(contexts[i].names);
	}
	free(contexts);
}

bool tls_server_replace(struct tls_server *tls, const struct tls_certificate *certificates, size_t count,
			const char *minimum_version, struct error *error)
{
	if (count == 0)
		return error_set(error, ERROR_INVALID, "no certificate");
	int version = strcmp(minimum_version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	struct named_context *fresh = memory_array(count, sizeof *fresh);
	for (size_t i = 0; i < count; i++)
		if (!load_context(tls, &fresh[i], &certificates[i], version, error)) {
			free_contexts(fresh, count);
			return false;
		}
	pthread_mutex_lock(&tls->lock);
	struct named_context *former = tls->contexts;
	size_t former_count = tls->count;
	tls->contexts = fresh;
	tls->count = count;
	pthread_mutex_unlock(&tls->lock);
	free_contexts(former, former_count);
	return true;
}

/* A challenge's name is not read out of its certificate: an address is asked for by another (RFC 8738 §6). */
static bool load_challenge(struct tls_server *tls, struct named_context *named, const struct tls_certificate *from, struct error *error)
{
	if (!load_context(tls, named, from, TLS1_2_VERSION, error))
		return false;
	while (named->name_count > 0)
		free(named->names[--named->name_count]);
	free(named->names);
	named->names = memory_array(1, sizeof *named->names);
	named->names[named->name_count++] = memory_copy(from->name, strlen(from->name));
	return true;
}

bool tls_server_set_challenges(struct tls_server *tls, const struct tls_certificate *certificates, size_t count, struct error *error)
{
	struct named_context *fresh = count > 0 ? memory_array(count, sizeof *fresh) : NULL;
	for (size_t i = 0; i < count; i++)
		if (!load_challenge(tls, &fresh[i], &certificates[i], error)) {
			free_contexts(fresh, count);
			return false;
		}
	pthread_mutex_lock(&tls->lock);
	struct named_context *former = tls->challenges;
	size_t former_count = tls->challenge_count;
	tls->challenges = fresh;
	tls->challenge_count = count;
	pthread_mutex_unlock(&tls->lock);
	free_contexts(former, former_count);
	return true;
}

struct tls_server *tls_server_new(const struct tls_certificate *certificates, size_t count, const char *minimum_version, struct error *error)
{
	struct tls_server *tls = memory_new(sizeof *tls);
	pthread_mutex_init(&tls->lock, NULL);
	if (!tls_server_replace(tls, certificates, count, minimum_version, error))
		tls_server_free(&tls);
	return tls;
}

void tls_server_free(struct tls_server **tls)
{
	if (!*tls)
		return;
	free_contexts((*tls)->contexts, (*tls)->count);
	free_contexts((*tls)->challenges, (*tls)->challenge_count);
	pthread_mutex_destroy(&(*tls)->lock);
	free(*tls);
	*tls = NULL;
}

SSL *tls_server_accept(struct tls_server *tls, int fd, const char *alpn)
{
	pthread_mutex_lock(&tls->lock);
	SSL *ssl = SSL_new(tls->contexts[0].context);
	pthread_mutex_unlock(&tls->lock);
	if (ssl && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ssl = NULL;
	}
	if (ssl)
		SSL_set_app_data(ssl, (char *)(uintptr_t)alpn);
	return ssl;
}

bool tls_was_challenge(const SSL *ssl)
{
	return is_challenge(ssl);
}

/* Channel bindings: tls-exporter for TLS 1.3 (RFC 9266), tls-unique below (RFC 5929 §3: the first Finished message of the
 * handshake, which is the client's, or the server's when a session was resumed). */
void tls_describe(SSL *ssl, struct conn_tls *out)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	out->active = true;
	out->version = SSL_get_version(ssl);
	out->cipher = SSL_get_cipher_name(ssl);
	snprintf(out->server_name, sizeof out->server_name, "%s", name ? name : "");
	if (SSL_version(ssl) >= TLS1_3_VERSION) {
		static const char label[] = "EXPORTER-Channel-Binding";
		if (SSL_export_keying_material(ssl, out->exporter, sizeof out->exporter, label, sizeof label - 1, NULL, 0, 0) == 1)
			out->exporter_size = sizeof out->exporter;
		return;
	}
	if (SSL_get_extms_support(ssl) != 1) /* without RFC 7627 the binding can be forged */
		return;
	size_t size = SSL_session_reused(ssl) ? SSL_get_finished(ssl, out->unique, sizeof out->unique)
					      : SSL_get_peer_finished(ssl, out->unique, sizeof out->unique);
	out->unique_size = size <= sizeof out->unique ? size : 0;
}
