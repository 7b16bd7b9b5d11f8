/* What every test of a server needs: a certificate and a socket. Nothing of it is in the program. */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "net/server.h"

/** A TLS server with a certificate that was made just now. */
struct tls_server *test_tls_server(void);
/** A socket that listens on a free port of 127.0.0.1. */
int test_listen(int *port);

#endif
