/* libcurl, on a short lead; see fetch.h. It is given a URL whose host's addresses were looked at, and may connect to these alone: what its own
 * resolver, a zone in an address, or anything else might lead to fails where it asks for a socket. Everything that it does of its own accord
 * elsewhere (redirects, proxies, other protocols) is off. */
#include "net/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "net/dns.h"

enum {
	HOST_MAX = 253,
	CONNECT_SECONDS = 20,
	STATUS_MOVED_FIRST = 301, /* RFC 9110 §15.4 */
};

enum trouble { TROUBLE_NONE, TROUBLE_BODY, TROUBLE_HEADER, TROUBLE_ADDRESS, TROUBLE_STOP };

/* One request, with its redirects. */
struct fetching {
	const struct fetch_rules *rules;
	const struct fetch_request *request;
	struct arena *arena;
	struct fetch_answer *answer;
	int64_t end;                 /* monotonic ms */
	CURL *curl;
	CURLU *url;
	char host[HOST_MAX + 1];     /* of it, now; without brackets */
	char scheme[8], port[8];
	bool secure, first;          /* first: no redirect yet, or none to elsewhere */
	struct sockaddr_storage *addresses; /* of the host: allowed */
	size_t address_count;
	struct curl_slist *fields, *resolved;
	struct buf body;
	size_t header_bytes;
	bool header_ended;
	enum trouble trouble;
	char why[CURL_ERROR_SIZE];
};

/* ---- Where to ---- */

static bool is_host(const char *host)
{
	size_t len = strlen(host);
	if (len == 0 || len > HOST_MAX || host[len - 1] == '.' || host[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(host[i]) && !ascii_is_digit(host[i]) && host[i] != '-' && host[i] != '_' && host[i] != '.')
			return false;
	return true;
}

/* Copies a part of the URL; false if there is none, or it is too long. */
static bool get_part(struct fetching *fetching, CURLUPart part, char *out, size_t room)
{
	char *text = NULL;
	bool done = curl_url_get(fetching->url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK && strlen(text) < room;
	if (done)
		snprintf(out, room, "%s", text);
	curl_free(text);
	return done;
}

/* "[2001:db8::1]" is without brackets from here on; one with a zone is no address of the internet. */
static bool take_host(struct fetching *fetching, struct error *error)
{
	char host[HOST_MAX + 1];
	if (!get_part(fetching, CURLUPART_HOST, host, sizeof host))
		return error_set(error, ERROR_INVALID, "the URL names no host");
	size_t len = strlen(host);
	bool bracketed = host[0] == '[' && host[len - 1] == ']';
	snprintf(fetching->host, sizeof fetching->host, "%.*s", bracketed ? (int)len - 2 : (int)len, bracketed ? host + 1 : host);
	unsigned char binary[16];
	return (bracketed ? inet_pton(AF_INET6, fetching->host, binary) == 1 : is_host(host)) ||
	       error_set(error, ERROR_INVALID, "the URL's host isn't the name of one, nor an address");
}

/* Looks at the URL as it is now. */
static bool take_url(struct fetching *fetching, bool was_secure, struct error *error)
{
	char *user = NULL;
	bool has_user = curl_url_get(fetching->url, CURLUPART_USER, &user, 0) == CURLUE_OK;
	curl_free(user);
	if (has_user)
		return error_set(error, ERROR_INVALID, "there is a user's name in the URL, which has no place there");
	if (!get_part(fetching, CURLUPART_SCHEME, fetching->scheme, sizeof fetching->scheme) || !get_part(fetching, CURLUPART_PORT, fetching->port, sizeof fetching->port))
		return error_set(error, ERROR_DENIED, "nothing but http and https is spoken");
	fetching->secure = strcmp(fetching->scheme, "https") == 0;
	if (!fetching->secure && strcmp(fetching->scheme, "http") != 0)
		return error_set(error, ERROR_DENIED, "nothing but http and https is spoken");
	if (!take_host(fetching, error))
		return false;
	if (!fetching->secure && !fetching->rules->plain)
		return error_set(error, ERROR_DENIED, "https alone is allowed, and this is http: %s", fetching->host);
	return fetching->secure || !was_secure || error_set(error, ERROR_DENIED, "%s leads from https to http", fetching->host);
}

static bool parse_url(struct fetching *fetching, struct slice text, struct error *error)
{
	bool fits = text.len > 0 && text.len <= FETCH_URL_MAX && slice_is_printable(text) && slice_find_char(text, ' ') == SLICE_NONE;
	if (!fits || curl_url_set(fetching->url, CURLUPART_URL, arena_text(fetching->arena, text), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return error_set(error, ERROR_INVALID, "this isn't a URL of printable ASCII");
	return true;
}

/* All addresses must be allowed: a name with a private address among them is a trick, or a mistake. */
static bool look_at_addresses(struct fetching *fetching, struct error *error)
{
	for (size_t i = 0; i < fetching->address_count; i++) {
		const char *kind;
		if (!fetch_address_allowed(fetching->rules, &fetching->addresses[i], &kind))
			return error_set(error, ERROR_DENIED, "an address of %s is no public one (%s), and so isn't asked; the option fetch_private_networks names exceptions",
					 fetching->host, kind);
	}
	return true;
}

static bool parse_literal(struct fetching *fetching)
{
	struct sockaddr_storage *address = arena_alloc(fetching->arena, sizeof *address);
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	if (inet_pton(AF_INET6, fetching->host, &v6->sin6_addr) == 1)
		address->ss_family = AF_INET6;
	else if (inet_pton(AF_INET, fetching->host, &v4->sin_addr) == 1)
		address->ss_family = AF_INET;
	else
		return false;
	fetching->addresses = address;
	fetching->address_count = 1;
	return true;
}

static bool find_addresses(struct fetching *fetching, struct error *error)
{
	struct error cause = {0};
	if (!parse_literal(fetching)) {
		enum dns_status status = dns_addresses(fetching->rules->dns, slice_of(fetching->host), fetching->arena, &fetching->addresses,
						       &fetching->address_count, NULL, &cause);
		if (status == DNS_TEMPORARY)
			return error_set(error, cause.kind, "%s", cause.text);
		if (status != DNS_FOUND)
			return error_set(error, ERROR_NOT_FOUND, status == DNS_NO_NAME ? "the DNS has no name %s" : "the DNS has no address of %s", fetching->host);
	}
	return look_at_addresses(fetching, error);
}

/* "HOST:PORT:ADDRESS,ADDRESS": where libcurl looks before it would ask a resolver of its own. */
static void tell_addresses(struct fetching *fetching)
{
	struct buf entry = BUF(HOST_MAX + 16 + DNS_RECORDS_MAX * 2 * (INET6_ADDRSTRLEN + 3));
	buf_printf(&entry, "%s:%s:", fetching->host, fetching->port);
	for (size_t i = 0; i < fetching->address_count && i < DNS_RECORDS_MAX; i++) {
		const struct sockaddr_storage *address = &fetching->addresses[i];
		char text[INET6_ADDRSTRLEN] = "";
		bool six = address->ss_family == AF_INET6;
		inet_ntop(address->ss_family, six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
						  : (const void *)&((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
		buf_printf(&entry, six ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
	}
	curl_slist_free_all(fetching->resolved);
	fetching->resolved = curl_slist_append(NULL, entry.at);
	curl_easy_setopt(fetching->curl, CURLOPT_RESOLVE, fetching->resolved);
	buf_free(&entry);
}

/* ---- What libcurl calls ---- */

static bool same_host_address(const struct sockaddr_storage *a, const struct sockaddr *b)
{
	if (a->ss_family != b->sa_family)
		return false;
	if (b->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)b)->sin6_scope_id == 0 &&
		       memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return b->sa_family == AF_INET && ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* The last look before there is a connection: is it one of those that were allowed, and would it be still? */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetching *fetching = context;
	const char *kind;
	bool known = false;
	for (size_t i = 0; purpose == CURLSOCKTYPE_IPCXN && !known && i < fetching->address_count; i++)
		known = same_host_address(&fetching->addresses[i], &address->addr) &&
			fetch_address_allowed(fetching->rules, &fetching->addresses[i], &kind);
	if (!known) {
		fetching->trouble = TROUBLE_ADDRESS;
		return CURL_SOCKET_BAD;
	}
	if (fetching->rules->port && address->family == AF_INET6)
		((struct sockaddr_in6 *)&address->addr)->sin6_port = htons(fetching->rules->port);
	else if (fetching->rules->port)
		((struct sockaddr_in *)&address->addr)->sin_port = htons(fetching->rules->port);
	return socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static size_t on_body(char *at, size_t size, size_t count, void *context)
{
	struct fetching *fetching = context;
	if (buf_append(&fetching->body, slice_make(at, size * count)))
		return size * count;
	fetching->trouble = TROUBLE_BODY;
	return 0;
}

/* "HTTP/1.1 200 OK", "Name: value", or the empty line at the end; what comes after that are trailers. */
static void take_field(struct fetching *fetching, struct slice line)
{
	struct fetch_answer *answer = fetching->answer;
	struct slice name, value;
	if (slice_starts(line, SLICE("HTTP/"))) { /* another one: what came before was 1xx */
		answer->field_count = 0;
		fetching->header_ended = false;
	} else if (line.len == 0)
		fetching->header_ended = true;
	else if (!fetching->header_ended && answer->field_count < FETCH_FIELDS_MAX && slice_cut(line, ':', &name, &value))
		answer->fields[answer->field_count++] =
			(struct fetch_field){arena_copy(fetching->arena, slice_trim(name)), arena_copy(fetching->arena, slice_trim(value))};
}

static size_t on_header(char *at, size_t size, size_t count, void *context)
{
	struct fetching *fetching = context;
	size_t len = size * count;
	if (len > FETCH_HEADER_MAX - fetching->header_bytes) {
		fetching->trouble = TROUBLE_HEADER;
		return 0;
	}
	fetching->header_bytes += len;
	take_field(fetching, slice_trim(slice_make(at, len)));
	return len;
}

/* Called once a second at least. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct fetching *fetching = context;
	(void)a, (void)b, (void)c, (void)d;
	if (!fetching->rules->stop || !atomic_load(fetching->rules->stop))
		return 0;
	fetching->trouble = TROUBLE_STOP;
	return 1;
}

/* Certificates to trust beside the system's. */
static CURLcode on_tls_context(CURL *curl, void *context, void *argument)
{
	const struct fetching *fetching = argument;
	(void)curl;
	bool done = SSL_CTX_load_verify_locations(context, fetching->rules->trusted, NULL) == 1;
	return done ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

/* ---- Setting up ---- */

static void set_callbacks(struct fetching *fetching)
{
	CURL *curl = fetching->curl;
	const struct fetch_rules *rules = fetching->rules;
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, fetching);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetching);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, fetching);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetching);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (rules->trusted && *rules->trusted) {
		curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
		curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, fetching);
	}
}

static void set_limits(struct fetching *fetching)
{
	CURL *curl = fetching->curl;
	bool verified = !fetching->rules->certificate_ignored;
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetching->why);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, fetching->rules->plain ? "http,https" : "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* nor one of the environment */
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetching->rules->most);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, fetching->rules->user_agent ? fetching->rules->user_agent : "Pombal/" POMBAL_VERSION);
}

static void set_method(struct fetching *fetching)
{
	const struct fetch_request *request = fetching->request;
	CURL *curl = fetching->curl;
	if (request->body.at) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.at);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	}
	if (request->method && strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (request->method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static bool is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0;
}

/* A line break in a value would begin another field. An empty value ("Name:") would have libcurl leave the field out. */
static bool add_field(struct fetching *fetching, struct slice name, struct slice value, struct error *error)
{
	if (!is_token(name) || value.len == 0 || !slice_is_printable(value))
		return error_set(error, ERROR_INVALID, "the request's field %.*s isn't one of printable ASCII", SLICE_ARG(name));
	struct slice line = arena_printf(fetching->arena, "%.*s: %.*s", SLICE_ARG(name), SLICE_ARG(value));
	fetching->fields = curl_slist_append(fetching->fields, line.at);
	return true;
}

/* Anew for each redirect: the caller's fields go to the host that he named, and to no other. */
static bool set_fields(struct fetching *fetching, struct error *error)
{
	const struct fetch_request *request = fetching->request;
	curl_slist_free_all(fetching->fields);
	fetching->fields = curl_slist_append(NULL, "Expect:"); /* none: no waiting for 100 */
	if (request->type.len > 0 && !add_field(fetching, SLICE("Content-Type"), request->type, error))
		return false;
	if (request->accept.len > 0 && !add_field(fetching, SLICE("Accept"), request->accept, error))
		return false;
	for (size_t i = 0; fetching->first && i < request->field_count; i++)
		if (!add_field(fetching, request->fields[i].name, request->fields[i].value, error))
			return false;
	curl_easy_setopt(fetching->curl, CURLOPT_HTTPHEADER, fetching->fields);
	return true;
}

/* ---- What went wrong, in words ---- */

static bool say_certificate(const struct fetching *fetching, struct error *error)
{
	long verified = 0;
	curl_easy_getinfo(fetching->curl, CURLINFO_SSL_VERIFYRESULT, &verified);
	if (verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED) /* the chain wasn't what failed, or was not come to */
		return error_set(error, ERROR_TEMPORARY, "the certificate of %s is one of another name", fetching->host);
	return error_set(error, ERROR_TEMPORARY, "the certificate of %s isn't valid: %s", fetching->host, X509_verify_cert_error_string(verified));
}

/* What libcurl says may quote the peer: printable, in one line. */
static bool say_other(struct fetching *fetching, CURLcode code, struct error *error)
{
	for (char *at = fetching->why; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return error_set(error, ERROR_TEMPORARY, "%s: %s", fetching->host, fetching->why[0] ? fetching->why : curl_easy_strerror(code));
}

static bool say_trouble(struct fetching *fetching, CURLcode code, struct error *error)
{
	long number = 0;
	if (fetching->trouble == TROUBLE_STOP)
		return error_set(error, ERROR_INTERRUPTED, "the server is stopping");
	if (fetching->trouble == TROUBLE_BODY || code == CURLE_FILESIZE_EXCEEDED)
		return error_set(error, ERROR_LIMIT, "the answer of %s is larger than %zu bytes", fetching->host, fetching->rules->most);
	if (fetching->trouble == TROUBLE_HEADER)
		return error_set(error, ERROR_LIMIT, "the header of the answer of %s is larger than %d bytes", fetching->host, FETCH_HEADER_MAX);
	if (fetching->trouble == TROUBLE_ADDRESS)
		return error_set(error, ERROR_DENIED, "%s led to an address that isn't allowed", fetching->host);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return say_certificate(fetching, error);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(error, ERROR_TEMPORARY, "%s doesn't answer in time, or too slowly", fetching->host);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(error, ERROR_INVALID, "%s: the certificates to trust can't be read", fetching->rules->trusted);
	if (code != CURLE_COULDNT_CONNECT)
		return say_other(fetching, code, error);
	curl_easy_getinfo(fetching->curl, CURLINFO_OS_ERRNO, &number);
	if (number != 0)
		return error_set_errno(error, (int)number, "no connection to %s port %s", fetching->host, fetching->port);
	return error_set(error, ERROR_TEMPORARY, "no connection to %s port %s", fetching->host, fetching->port);
}

/* ---- Asking ---- */

static void begin_answer(struct fetching *fetching)
{
	buf_clear(&fetching->body);
	fetching->header_bytes = 0;
	fetching->header_ended = false;
	fetching->answer->field_count = 0;
	fetching->trouble = TROUBLE_NONE;
	fetching->why[0] = '\0';
}

static bool ask_once(struct fetching *fetching, struct error *error)
{
	long status = 0;
	begin_answer(fetching);
	if (!find_addresses(fetching, error) || !set_fields(fetching, error))
		return false;
	int64_t left = fetching->end - clock_monotonic_ms();
	if (left <= 0)
		return error_set(error, ERROR_TEMPORARY, "%s doesn't answer in time", fetching->host);
	tell_addresses(fetching);
	curl_easy_setopt(fetching->curl, CURLOPT_CURLU, fetching->url);
	curl_easy_setopt(fetching->curl, CURLOPT_TIMEOUT_MS, (long)left);
	curl_easy_setopt(fetching->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_SECONDS * 1000L);
	CURLcode code = curl_easy_perform(fetching->curl);
	if (code != CURLE_OK)
		return say_trouble(fetching, code, error);
	curl_easy_getinfo(fetching->curl, CURLINFO_RESPONSE_CODE, &status);
	fetching->answer->status = (int)status;
	return true;
}

/* Is the answer one that leads elsewhere, and to be followed? */
static bool leads_on(const struct fetching *fetching, struct slice *location)
{
	int status = fetching->answer->status;
	const struct fetch_request *request = fetching->request;
	bool safe = !request->body.at && (!request->method || strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0);
	bool moved = status == STATUS_MOVED_FIRST || status == 302 || status == 303 || status == 307 || status == 308;
	return fetching->rules->redirects > 0 && safe && moved && fetch_field(fetching->answer, "Location", location);
}

/* The new URL, which may be relative to the former. */
static bool follow(struct fetching *fetching, struct slice location, struct error *error)
{
	char host[HOST_MAX + 1], scheme[sizeof fetching->scheme], port[sizeof fetching->port];
	bool was_secure = fetching->secure;
	snprintf(host, sizeof host, "%s", fetching->host);
	snprintf(scheme, sizeof scheme, "%s", fetching->scheme);
	snprintf(port, sizeof port, "%s", fetching->port);
	if (!parse_url(fetching, location, error))
		return error_set(error, ERROR_INVALID, "%s leads to what is no URL", host);
	if (!take_url(fetching, was_secure, error))
		return false;
	fetching->first = fetching->first && strcasecmp(host, fetching->host) == 0 && strcmp(scheme, fetching->scheme) == 0 && strcmp(port, fetching->port) == 0;
	return true;
}

static bool ask(struct fetching *fetching, struct error *error)
{
	struct slice location;
	for (unsigned redirects = 0;; redirects++) {
		if (!ask_once(fetching, error))
			return false;
		if (!leads_on(fetching, &location))
			return true;
		if (redirects == fetching->rules->redirects)
			return error_set(error, ERROR_LIMIT, "%s leads elsewhere, as others did before it: more than %u times", fetching->host, fetching->rules->redirects);
		if (!follow(fetching, location, error))
			return false;
	}
}

static void give_answer(struct fetching *fetching)
{
	struct fetch_answer *answer = fetching->answer;
	struct slice type = SLICE(""), rest;
	char url[FETCH_URL_MAX + 1] = "";
	fetch_field(answer, "Content-Type", &type);
	slice_cut(type, ';', &type, &rest);
	get_part(fetching, CURLUPART_URL, url, sizeof url);
	answer->type = slice_trim(type);
	answer->url = arena_copy(fetching->arena, slice_of(url));
	answer->body = arena_copy(fetching->arena, buf_slice(&fetching->body));
}

static void start_library(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool set_up(struct fetching *fetching, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_library);
	fetching->curl = curl_easy_init();
	fetching->url = curl_url();
	if (!fetching->curl || !fetching->url)
		return error_set(error, ERROR_TEMPORARY, "libcurl can't start");
	set_limits(fetching);
	set_callbacks(fetching);
	set_method(fetching);
	return parse_url(fetching, fetching->request->url, error) && take_url(fetching, false, error);
}

bool fetch(const struct fetch_rules *rules, const struct fetch_request *request, struct arena *arena, struct fetch_answer *answer, struct error *error)
{
	struct fetching fetching = {.rules = rules, .request = request, .arena = arena, .answer = answer, .first = true, .body = BUF(rules->most)};
	struct error ignored;
	error = error ? error : &ignored;
	*answer = (struct fetch_answer){.fields = arena_array(arena, FETCH_FIELDS_MAX, sizeof *answer->fields)};
	fetching.end = clock_monotonic_ms() + rules->seconds * 1000;
	bool done = set_up(&fetching, error) && ask(&fetching, error);
	if (done)
		give_answer(&fetching);
	if (fetching.curl)
		curl_easy_cleanup(fetching.curl);
	curl_url_cleanup(fetching.url);
	curl_slist_free_all(fetching.fields);
	curl_slist_free_all(fetching.resolved);
	buf_free(&fetching.body);
	return done;
}

bool fetch_field(const struct fetch_answer *answer, const char *name, struct slice *value)
{
	for (size_t i = 0; i < answer->field_count; i++)
		if (slice_equal_nocase(answer->fields[i].name, slice_of(name))) {
			*value = answer->fields[i].value;
			return true;
		}
	return false;
}
