/* A connection to another server, as the courier's threads use it: blocking, with a deadline for every step. Every byte
 * that comes back is hostile: lines are bounded, and bytes that came before TLS are thrown away. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/error.h"

struct client;

enum {
	CLIENT_LINE_MAX = 2048,           /* bytes that are given out of a line */
	CLIENT_LINE_DROPPED_MAX = 65536,  /* bytes of it that may follow, and are dropped */
};

/** Connects to address and port within `timeout` seconds; `from` (may be NULL) is the local address to use. */
struct client *client_connect(const struct sockaddr_storage *address, int port, const struct sockaddr_storage *from, int timeout, struct error *error);
void client_close(struct client **client);
/** All reads and writes from now until the next call together may take so long: a reply that comes byte by byte gains no time. */
void client_set_timeout(struct client *client, int seconds);
/** No timeout that is set from now on lasts beyond that time (monotonic milliseconds; 0: any may): a server that answers each command
 * just before its deadline gains nothing. */
void client_set_end(struct client *client, int64_t end);
/** The next line without its line end, cut at CLIENT_LINE_MAX; where more than CLIENT_LINE_DROPPED_MAX follow, that is an error.
 * Lives until the next read. */
bool client_read_line(struct client *client, struct slice *line, struct error *error);
/** Queues bytes; they are written when much has gathered, at client_flush, or before a read. */
bool client_write(struct client *client, struct slice bytes, struct error *error);
bool client_flush(struct client *client, struct error *error);
/** From now on this thread's waiting in client_* functions also ends, with ERROR_INTERRUPTED, when `fd` becomes readable (-1: no more). */
void client_stop_on(int fd);
/** Has anything arrived that was not read? (A reused connection that has is out of step.) */
bool client_has_input(struct client *client);

/** Did the other server close a connection without TLS, or reset it? */
bool client_was_hung_up(const struct client *client);

enum tls_demand { TLS_OPPORTUNISTIC, TLS_VERIFIED };
/** Begins TLS with `name` as SNI; TLS_VERIFIED: the certificate must be valid for it. Input from before is dropped. */
bool client_start_tls(struct client *client, const char *name, enum tls_demand demand, struct error *error);
/** What is wrong with the peer's certificate, whether it was demanded to be valid or not; OTHER: it can't be told, or there is none. */
enum client_certificate { CLIENT_CERTIFICATE_FINE, CLIENT_CERTIFICATE_EXPIRED, CLIENT_CERTIFICATE_OF_ANOTHER, CLIENT_CERTIFICATE_UNTRUSTED, CLIENT_CERTIFICATE_OTHER };
enum client_certificate client_certificate(const struct client *client);
/** Trusts the certificates of this PEM file beside the system's, in the whole process; before the first connection. */
bool client_trust(const char *ca_file, struct error *error);
/** "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", or "" without TLS; for logs. */
const char *client_tls_text(const struct client *client);
/** Is there TLS, and was the peer's certificate verified for the name that client_start_tls() was given? */
bool client_tls_is_verified(const struct client *client);

#endif
