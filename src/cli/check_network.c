/* What pombal check says about listeners and certificates. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/kinds.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/check.h"
#include "cli/own_certificates.h"
#include "net/server.h"

enum { EXPIRY_WARNING_DAYS = 14, CERTIFICATE_FILE_MAX = 1024 * 1024 };

/* ---- Listeners ---- */

static void try_to_listen(struct cli_check *check, const char *option, const char *text)
{
	struct sockaddr_storage address;
	config_parse_listen(slice_of(text), &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	socklen_t len = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0) {
		if (errno == EADDRINUSE)
			cli_check_error(check, "Stop the program that listens there (ss -ltnp names it), or choose another port.", "%s: %s is in use", option, text);
		else if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)
			cli_check_error(check, "Name an address that this machine has.", "%s: %s is no address of this machine", option, text);
		else if (errno != EACCES) /* the server is started as root, and we aren't it */
			cli_check_error(check, "See listen(2) and the addresses of this machine.", "%s: %s can't be listened on: %s", option, text, strerrordesc_np(errno));
	}
	if (fd >= 0)
		close(fd);
}

static bool is_loopback(const char *text)
{
	struct sockaddr_storage address;
	config_parse_listen(slice_of(text), &address);
	if (address.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&address)->sin6_addr);
	return (ntohl(((const struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

/* "role smtp pid 12 state ready seconds 9 restarts 0" */
static void check_role(struct cli_check *check, struct slice line)
{
	struct slice words[10];
	size_t count = 0;
	uint64_t restarts = 0;
	while (line.len > 0 && count < sizeof words / sizeof *words)
		slice_cut(line, ' ', &words[count++], &line);
	if (count < 10 || !slice_equal(words[0], SLICE("role")))
		return;
	if (slice_equal(words[5], SLICE("resting"))) /* until it is asked something */
		return;
	if (!slice_equal(words[5], SLICE("ready")))
		cli_check_error(check, "Its log says why; the server tries again by itself.", "the role %.*s is %.*s", SLICE_ARG(words[1]), SLICE_ARG(words[5]));
	else if (slice_to_number(words[9], UINT32_MAX, &restarts) && restarts > 0)
		cli_check_warning(check, "Look for role.ended in the log; if a role crashes, please report it.", "the role %.*s was started again %llu times",
			      SLICE_ARG(words[1]), (unsigned long long)restarts);
}

static void check_roles(struct cli_check *check, struct slice answer)
{
	struct slice line;
	while (slice_cut(answer, '\n', &line, &answer))
		check_role(check, line);
}

/* `status`: what the running server says; empty: none runs. Returns how many addresses it listens on for the network. */
static size_t check_service(struct cli_check *check, enum service service, struct slice status)
{
	const struct service_row *row = &service_rows[service];
	const struct config_string_list *list = service_addresses(config_current(), service);
	if (list->count > 0 && row->implicit_tls && config_current()->certificates.count == 0)
		cli_check_error(check, "Name one with the option certificates.", "%s is set, and there is no certificate", row->option);
	for (size_t i = 0; i < list->count; i++) {
		check->loopback &= row->local || is_loopback(list->at[i]);
		if (!slice_empty(status) && slice_find(status, slice_of(list->at[i])) == SLICE_NONE)
			cli_check_warning(check, "Run `pombal reload`.", "%s: %s is not yet listened on", row->option, list->at[i]);
		else if (slice_empty(status) && !row->local) /* a path in the file system is made when it is needed */
			try_to_listen(check, row->option, list->at[i]);
	}
	return row->local ? 0 : list->count;
}

void cli_check_listeners(struct cli_check *check)
{
	check->loopback = true;
	struct error error;
	struct buf answer = BUF(64 * 1024);
	bool running = instance_ask(check->line, "status", &answer, &error);
	size_t total = 0;
	for (int i = 0; i < SERVICE_COUNT; i++)
		total += check_service(check, (enum service)i, running ? buf_slice(&answer) : SLICE(""));
	if (total == 0)
		cli_check_warning(check, "Set smtp_listen, imaps_listen and so on.", "the server listens nowhere");
	if (!running && error.kind != ERROR_NOT_FOUND)
		cli_check_error(check, "Look into its log.", "the running server doesn't answer: %s", error.text);
	if (running)
		check_roles(check, buf_slice(&answer));
	buf_free(&answer);
}

/* ---- Certificates ---- */

static void path_of(const struct cli_check *check, struct slice name, char out[PATH_MAX])
{
	bool absolute = name.len > 0 && name.at[0] == '/';
	snprintf(out, PATH_MAX, "%s%s%.*s", absolute ? "" : check->line->data, absolute ? "" : "/", SLICE_ARG(name));
}

/* Why a file can't be read, and what to do about it. The command reads as the server's roles do, as the owner of the data directory. */
static void unreadable(struct cli_check *check, const char *path, const struct error *error)
{
	struct stat status;
	const struct passwd *entry = getpwuid(geteuid());
	char user[64], mend[1024];
	snprintf(user, sizeof user, "%s", entry ? entry->pw_name : "the owner of the data directory");
	if (stat(path, &status) != 0 && errno == ENOENT) {
		bool link = lstat(path, &status) == 0;
		cli_check_error(check, "Put the file there, or change the option certificates.", link ? "%s is a symbolic link that leads to no file" : "there is no file %s", path);
	} else if (stat(path, &status) != 0) {
		snprintf(mend, sizeof mend, "Let the user %s into the folders that lead to it (chmod o+x), or put the file into the data directory.", user);
		cli_check_error(check, mend, "%s can't be reached by the user %s: %s", path, user, error->text);
	} else if (!S_ISREG(status.st_mode))
		cli_check_error(check, "Change the option certificates.", "%s is not a file", path);
	else if (access(path, R_OK) != 0) {
		snprintf(mend, sizeof mend, "Give it to that user: chown %s %s", user, path);
		entry = getpwuid(status.st_uid);
		cli_check_error(check, mend, "%s can't be read by the user %s: it belongs to %s, mode %o", path, user, entry ? entry->pw_name : "an unknown user",
			    (unsigned)status.st_mode & 0777);
	} else
		cli_check_error(check, "Change the option certificates, or look after the disk.", "%s", error->text);
}

static void check_key_file(struct cli_check *check, const char *path)
{
	struct stat status;
	if (stat(path, &status) == 0 && status.st_mode & 037)
		cli_check_error(check, "Close it with chmod 600.", "the key %s can be read by other users (mode %o)", path, (unsigned)status.st_mode & 0777);
}

static void check_dates(struct cli_check *check, const X509 *certificate, const char *path)
{
	int days, seconds;
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
		cli_check_error(check, "Get a new one.", "the certificate %s has expired", path);
	else if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1 && days < EXPIRY_WARNING_DAYS)
		cli_check_warning(check, "Get a new one.", "the certificate %s expires in %d days", path, days);
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		cli_check_error(check, "Set the clock, or wait.", "the certificate %s is not valid yet", path);
}

static void check_names(struct cli_check *check, X509 *certificate, const char *path, bool first)
{
	const char *hostname = config_current()->hostname;
	if (first && X509_check_host(certificate, hostname, strlen(hostname), 0, NULL) != 1)
		cli_check_warning(check, "Clients that look for that name will refuse it: get one for it, or set hostname.", "the certificate %s is not for %s", path, hostname);
	/* A server for development has no other. */
	if (!check->loopback && X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0)
		cli_check_warning(check, "The server gets one by itself where the option acme lets it (`pombal certificate list` tells); or name one with the option certificates.",
			      "the certificate %s is self-signed: mail clients will warn their users, and other servers can't verify it", path);
}

static void check_one(struct cli_check *check, struct slice entry, bool first)
{
	struct slice chain_name, key_name;
	char chain_path[PATH_MAX], key_path[PATH_MAX];
	struct buf chain = BUF(CERTIFICATE_FILE_MAX), key = BUF(CERTIFICATE_FILE_MAX);
	struct error error;
	slice_cut(entry, ' ', &chain_name, &key_name);
	path_of(check, chain_name, chain_path);
	path_of(check, slice_trim(key_name), key_path);
	check_key_file(check, key_path);
	if (!file_read_regular(chain_path, &chain, &error))
		unreadable(check, chain_path, &error);
	else if (!file_read_regular(key_path, &key, &error))
		unreadable(check, key_path, &error);
	else {
		struct tls_certificate pair = {buf_slice(&chain), buf_slice(&key), chain_path};
		struct tls_server *tls = tls_server_new(&pair, 1, config_current()->tls_minimum, &error);
		if (!tls)
			cli_check_error(check, "Chain and key must be PEM and belong together.", "%s", error.text);
		else
			tls_server_free(&tls);
		BIO *memory = BIO_new_mem_buf(chain.at, (int)chain.len);
		X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
		if (certificate) {
			check_dates(check, certificate, chain_path);
			check_names(check, certificate, chain_path, first);
		}
		X509_free(certificate);
		BIO_free(memory);
	}
	buf_free(&chain);
	buf_free_secret(&key);
}

/* ---- Those that the server gets by itself ---- */

/* Past the time when it was to be renewed, and near its end. */
static void check_own(struct cli_check *check, const struct cli_own_certificate *own)
{
	static const char mend[] = "The authority must reach this server by each of its names, over port 80 or 443; then `pombal certificate renew`.";
	int64_t left = own->there ? own->certificate.ends - clock_now() : 0, whole = own->certificate.ends - own->certificate.begins;
	if (own->there && left <= 0)
		cli_check_error(check, mend, "the certificate of %.*s has expired", SLICE_ARG(own->id));
	else if (own->there && left < whole / 5)
		cli_check_error(check, mend, "the certificate of %.*s expires in %lld hours, and wasn't renewed", SLICE_ARG(own->id), (long long)(left / 3600));
	if (own->failures > 0)
		cli_check_warning(check, mend, "getting a certificate for %.*s has failed (%llu times in a row): %.*s", SLICE_ARG(own->id), (unsigned long long)own->failures,
				  SLICE_ARG(own->why));
	else if (own->why.len > 0)
		cli_check_note(check, "of the certificate of %.*s %.*s", SLICE_ARG(own->id), SLICE_ARG(own->why));
}

static bool only_self_signed(void)
{
	const struct config_string_list *list = &config_current()->certificates;
	return list->count == 0 || (list->count == 1 && strcmp(list->at[0], ACME_SELF_SIGNED) == 0);
}

/* Has the hostname one? */
static bool check_all_own(struct cli_check *check)
{
	struct cli_own_certificate *list;
	size_t count;
	if (!config_wants_acme(config_current()))
		return false;
	struct acme_kind_list kinds;
	acme_kinds_find(config_current(), &kinds);
	if (kinds.count == 0 && only_self_signed())
		cli_check_warning(check, "Let it listen (http_listen, https_listen), and the authority reach ports 80 and 443; or name one with the option certificates.",
				  "the server can get no certificate by itself: it listens neither for HTTP nor HTTPS");
	cli_own_certificates(check->line, &list, &count);
	for (size_t i = 0; i < count; i++)
		check_own(check, &list[i]);
	const struct cli_own_certificate *own = cli_own_certificate(list, count, slice_of(config_current()->hostname));
	return own && own->there;
}

void cli_check_certificates(struct cli_check *check)
{
	const struct config_string_list *list = &config_current()->certificates;
	bool own = check_all_own(check);
	if (list->count == 0 && !own)
		cli_check_warning(check, "Name one with the option certificates.", "there is no certificate: nobody can sign in, and all mail comes in clear text");
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->at[i], ACME_SELF_SIGNED) != 0)
			check_one(check, slice_of(list->at[i]), i == 0 && !own);
		else if (!own) /* else nobody gets to see it; and nobody believes it, whatever its name */
			check_one(check, slice_of(list->at[i]), false);
}
