/* A connection to another server, as the courier's threads use it: blocking, with a deadline for every step. Every byte
 * that comes back is hostile: lines are bounded, and bytes that came before TLS are thrown away. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/error.h"

struct client;

enum { CLIENT_LINE_MAX = 2048 };

/** Connects to address and port within `timeout` seconds; `from` (may be NULL) is the local address to use. */
struct client *client_connect(const struct sockaddr_storage *address, int port, const struct sockaddr_storage *from, int timeout, struct error *error);
void client_close(struct client **client);
/** How long each following read or write may wait for the peer, and how long a whole reply or body may take in all. */
void client_set_timeout(struct client *client, int seconds);
/** The next line without its line end; longer ones than CLIENT_LINE_MAX are an error. Lives until the next read. */
bool client_read_line(struct client *client, struct slice *line, struct error *error);
/** Queues bytes; they are written when much has gathered, at client_flush, or before a read. */
bool client_write(struct client *client, struct slice bytes, struct error *error);
bool client_flush(struct client *client, struct error *error);
/** Has anything arrived that was not read? (A reused connection that has is out of step.) */
bool client_has_input(struct client *client);

enum tls_demand { TLS_OPPORTUNISTIC, TLS_VERIFIED };
/** Begins TLS with `name` as SNI; TLS_VERIFIED: the certificate must be valid for it. Input from before is dropped. */
bool client_start_tls(struct client *client, const char *name, enum tls_demand demand, struct error *error);
/** "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", or "" without TLS; for logs. */
const char *client_tls_text(const struct client *client);
/** The local address of the connection, numeric. */
bool client_local_address(struct client *client, struct sockaddr_storage *address);

#endif
