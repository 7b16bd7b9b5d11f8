/* Counting what a TLS peer asks for beside data; see tls_messages.h. OpenSSL serves such messages within a read, as long as more of
 * them come, so it can't be stopped from outside; but its own callback can take the source away. */
#include "net/tls_messages.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

static int count_index = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_index(void) { count_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); }

static void on_message(int sent, int version, int type, const void *message, size_t length, SSL *ssl, void *argument)
{
	(void)sent, (void)version, (void)message, (void)length, (void)argument;
	if (type != SSL3_RT_HANDSHAKE && type != SSL3_RT_ALERT)
		return;
	uintptr_t count = (uintptr_t)SSL_get_ex_data(ssl, count_index) + 1;
	SSL_set_ex_data(ssl, count_index, (void *)count);
	if (count > TLS_MESSAGES_MAX)
		shutdown(SSL_get_fd(ssl), SHUT_RD);
}

void tls_count_messages(SSL *ssl)
{
	pthread_once(&once, make_index);
	SSL_set_msg_callback(ssl, on_message);
}
