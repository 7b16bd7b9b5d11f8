/* What a proxy that passes a connection on says before all else of whose it is: the PROXY protocol, versions 1 and 2, as HAProxy defines it.
 * Pure. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <sys/socket.h>

#include "base/slice.h"

enum { NET_PROXY_MAX = 1024 /* bytes of its header */ };

enum net_proxied {
	NET_PROXY_NOTHING,    /* it isn't a header: what comes is the client's own */
	NET_PROXY_INCOMPLETE, /* more must come to tell */
	NET_PROXY_CLIENT,     /* *length bytes are a header that names the client */
	NET_PROXY_ITSELF,     /* … that names nobody: the proxy speaks for itself */
	NET_PROXY_BROKEN,
};
enum net_proxied net_proxy_parse(struct slice input, size_t *length, struct sockaddr_storage *client);

#endif
