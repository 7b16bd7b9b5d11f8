/* What a TLS peer may make us do beside carrying data, for both sides of a connection. */
#ifndef NET_TLS_MESSAGES_H
#define NET_TLS_MESSAGES_H

#include <openssl/ssl.h>

enum { TLS_MESSAGES_MAX = 64 };

/** To be called when the handshake is done. From then on the messages that are no data are counted (key updates, RFC 8446 §4.6.3;
 * renegotiations, which are refused; alerts): with more than TLS_MESSAGES_MAX of them the socket is shut for reading, so that even
 * the one SSL_read() that is under way comes to an end. */
void tls_count_messages(SSL *ssl);

#endif
